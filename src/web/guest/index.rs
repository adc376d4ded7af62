//! What guests are shown: the files below the root of a link, by folder. Pure.
//!
//! Nothing that a guest says is joined to a path: what is listed here can be had, by its id, and nothing else.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::limits;
use crate::natural;
use crate::web::assets::shown_as;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GuestFile {
    /// Its path below the root, with slashes.
    pub(super) path: String,
    pub(super) size: u64,
    /// Seconds since 1970.
    pub(super) modified: i64,
    /// 64 hexadecimal digits.
    pub(super) id: String,
    /// This peer shares it.
    pub(super) is_own: bool,
}

impl GuestFile {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// Files in a folder, at whatever depth, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FolderSum {
    files: u64,
    bytes: u64,
    modified: i64,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct GuestLine {
    name: String,
    path: String,
    kind: &'static str,
    size: u64,
    files: u64,
    id: Option<String>,
    modified: Option<i64>,
    shown_as: Option<&'static str>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct GuestRows {
    path: String,
    rows: Vec<GuestLine>,
    total: usize,
    next: Option<usize>,
}

/// What is listed.
#[derive(Debug, Default)]
pub(super) struct GuestIndex {
    /// By path; of several contents of one path each is there.
    files: BTreeMap<String, Vec<GuestFile>>,
    folders: BTreeMap<String, FolderSum>,
    /// A path of each content.
    ids: HashMap<String, (String, u64)>,
}

impl GuestIndex {
    /// Of these files, those that lie below `root` (empty: all). What has no id yet is left out.
    pub(super) fn new(root: &str, files: impl IntoIterator<Item = GuestFile>) -> Self {
        let mut index = Self::default();
        index.folders.insert(String::new(), FolderSum::default());
        for mut file in files {
            if !root.is_empty() {
                // A root that is a file is shown as that file.
                let below = file.path.strip_prefix(root);
                match below {
                    Some("") => file.path = file.name().to_owned(),
                    Some(rest) if rest.starts_with('/') => file.path = rest[1..].to_owned(),
                    _ => continue,
                }
            }
            if !file.id.is_empty() {
                index.add(file);
            }
        }
        index
    }

    fn add(&mut self, file: GuestFile) {
        let at = self.files.entry(file.path.clone()).or_default();
        if at.iter().any(|other| other.id == file.id) {
            return;
        }
        for folder in above(&file.path) {
            let sum = self.folders.entry(folder.to_owned()).or_default();
            sum.files += 1;
            sum.bytes = sum.bytes.saturating_add(file.size);
            sum.modified = sum.modified.max(file.modified);
        }
        self.ids.insert(file.id.clone(), (file.path.clone(), file.size));
        at.push(file);
    }

    /// The size of the content of this id.
    pub(super) fn size(&self, id: &str) -> Option<u64> {
        self.ids.get(id).map(|(_, size)| *size)
    }

    /// What lies in a folder, from row `from` on: folders first. `None`: there is no such folder.
    pub(super) fn folder(&self, path: &str, from: usize) -> Option<GuestRows> {
        self.folders.get(path)?;
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut rows = Vec::new();
        let mut next = prefix.clone();
        // From one name to the next, past what lies deeper.
        while let Some((at, files)) = self.files.range(next.clone()..).next() {
            let Some(rest) = at.strip_prefix(&prefix) else { break };
            if let Some((name, _)) = rest.split_once('/') {
                let folder = format!("{prefix}{name}");
                rows.push(self.folder_row(&folder, name));
                // What sorts right behind all paths that begin so.
                next = format!("{folder}0");
            } else {
                rows.extend(files.iter().map(file_row));
                next = format!("{at}\0");
            }
        }
        rows.sort_by(|a, b| {
            (a.kind == "file").cmp(&(b.kind == "file")).then_with(|| natural::compare(&a.name, &b.name))
        });
        Some(cut(path.to_owned(), rows, from))
    }

    fn folder_row(&self, path: &str, name: &str) -> GuestLine {
        let sum = self.folders.get(path).copied().unwrap_or_default();
        GuestLine {
            name: name.to_owned(),
            path: path.to_owned(),
            kind: "folder",
            size: sum.bytes,
            files: sum.files,
            id: None,
            modified: (sum.modified > 0).then_some(sum.modified),
            shown_as: None,
        }
    }

    /// Files and folders whose path has all of these words, from row `from` on.
    pub(super) fn search(&self, words: &str, from: usize) -> GuestRows {
        let words: Vec<String> =
            words.split_whitespace().take(limits::WORDS).map(str::to_lowercase).collect();
        let has_all = |path: &str| {
            let path = path.to_lowercase();
            !words.is_empty() && words.iter().all(|word| path.contains(word))
        };
        let is_found =
            |path: &&String| !path.is_empty() && has_all(path.rsplit('/').next().unwrap_or_default());
        let folders = self.folders.keys().filter(is_found);
        let mut rows: Vec<_> =
            folders.map(|path| self.folder_row(path, path.rsplit('/').next().unwrap_or_default())).collect();
        let files = self.files.iter().filter(|(path, _)| has_all(path));
        rows.extend(files.flat_map(|(_, files)| files.iter().map(file_row)));
        rows.sort_by(|a, b| {
            (a.kind == "file").cmp(&(b.kind == "file")).then_with(|| natural::compare(&a.path, &b.path))
        });
        cut(String::new(), rows, from)
    }

    /// All files of a folder, by path below it. `None`: there is no such folder.
    pub(super) fn all_in(&self, path: &str) -> Option<Vec<GuestFile>> {
        self.folders.get(path)?;
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below = self.files.range(prefix.clone()..).take_while(|(at, _)| at.starts_with(&prefix));
        let file =
            |file: &GuestFile| GuestFile { path: file.path[prefix.len()..].to_owned(), ..file.clone() };
        Some(below.flat_map(|(_, files)| files.iter().map(file)).collect())
    }
}

fn above(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at);
    core::iter::once(0).chain(ends).map(|end| &path[..end])
}

fn file_row(file: &GuestFile) -> GuestLine {
    GuestLine {
        name: file.name().to_owned(),
        path: file.path.clone(),
        kind: "file",
        size: file.size,
        files: 1,
        id: Some(file.id.clone()),
        modified: (file.modified > 0).then_some(file.modified),
        shown_as: shown_as(file.name()),
    }
}

fn cut(path: String, rows: Vec<GuestLine>, from: usize) -> GuestRows {
    let total = rows.len();
    let rows: Vec<_> = rows.into_iter().skip(from).take(limits::ROWS).collect();
    let end = from.saturating_add(rows.len());
    GuestRows { path, rows, total, next: (end < total).then_some(end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, n: u8) -> GuestFile {
        GuestFile {
            path: path.to_owned(),
            size: n.into(),
            modified: n.into(),
            id: format!("{n:064x}"),
            is_own: false,
        }
    }

    fn names(page: &GuestRows) -> Vec<&str> {
        page.rows.iter().map(|row| row.name.as_str()).collect()
    }

    #[test]
    fn a_folder_lists_what_lies_in_it_folders_first_as_people_count() {
        let paths = ["b10", "b2", "a/x", "a/y/z", "a.txt", "a/x0", "a-b/c", "é"];
        let index = GuestIndex::new("", paths.iter().zip(1..).map(|(path, n)| file(path, n)));
        let top = index.folder("", 0).unwrap();
        assert_eq!(names(&top), ["a", "a-b", "a.txt", "b2", "b10", "é"]);
        assert_eq!((top.rows[0].files, top.rows[0].size, top.total, top.next), (3, 3 + 4 + 6, 6, None));
        assert_eq!(names(&index.folder("a", 0).unwrap()), ["y", "x", "x0"]);
        assert_eq!(names(&index.folder("a/y", 0).unwrap()), ["z"]);
        for none in ["a/", "/", "..", "a/x", "nothing"] {
            assert!(index.folder(none, 0).is_none() && index.all_in(none).is_none(), "{none}");
        }
        let all: Vec<_> = index.all_in("a").unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(all, ["x", "x0", "y/z"]);
    }

    #[test]
    fn what_lies_beside_the_root_of_a_link_is_not_there() {
        let files = || [file("films/a", 1), file("films2/b", 2), file("c", 3), file("films", 4)];
        let index = GuestIndex::new("films", files());
        assert_eq!(names(&index.folder("", 0).unwrap()), ["a", "films"]);
        assert_eq!(
            (index.size(&file("", 1).id), index.size(&file("", 2).id), index.size(&file("", 3).id)),
            (Some(1), None, None)
        );
        assert!(GuestIndex::new("nothing", files()).files.is_empty());
        let unhashed = GuestFile { id: String::new(), ..file("d", 5) };
        assert!(GuestIndex::new("", [unhashed]).files.is_empty());
    }

    #[test]
    fn long_lists_come_in_parts_and_words_are_found_anywhere_in_a_path() {
        let files = (0..limits::ROWS + 5)
            .map(|n| GuestFile { id: format!("{n:064}"), ..file(&format!("Big/file {n}"), 1) });
        let index = GuestIndex::new("", files);
        let first = index.folder("Big", 0).unwrap();
        assert_eq!(
            (first.rows.len(), first.total, first.next),
            (limits::ROWS, limits::ROWS + 5, Some(limits::ROWS))
        );
        let rest = index.folder("Big", limits::ROWS).unwrap();
        assert_eq!(
            (names(&rest)[0], rest.rows.len(), rest.next),
            (format!("file {}", limits::ROWS).as_str(), 5, None)
        );
        assert_eq!(index.search("big FILE 17", 0).rows[0].name, "file 17");
        assert_eq!(names(&index.search("big", usize::MAX)).len(), 0);
        assert_eq!(index.search("  ", 0).total, 0);
        assert_eq!(index.search("bi", 0).rows[0].kind, "folder");
    }
}
