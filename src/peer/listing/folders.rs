//! Folders of a list: one row for all that lies in one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{ListedContent, OwnCopies};
use crate::content::{Claim, FileId};
use crate::control::FolderRow;
use crate::identity::PeerId;
use crate::peer::limits;
use crate::peer::look_alikes::LookAlikes;
use crate::peer::roster::Roster;

/// All of them, by their paths.
#[derive(Debug, Default)]
pub(super) struct Folders<'a>(BTreeMap<&'a str, Folder>);

/// What is known of one.
#[derive(Debug, Default)]
struct Folder {
    files: u64,
    size: u64,
    /// Milliseconds since 1970.
    modified: Option<i64>,
    /// Copies of the file of which there are the fewest, and how many there are to be, if that is known.
    fewest: Option<(u64, Option<u8>)>,
    mine: bool,
    peers: BTreeSet<PeerId>,
}

impl<'a> Folders<'a> {
    /// This lies in that folder: a file, or, without a claim, a folder that is empty. `stands`: how a file of this peer
    /// stands.
    pub(super) fn add(
        &mut self,
        folder: &'a str,
        claim: Option<Claim>,
        line: &ListedContent,
        stands: impl Fn(FileId) -> OwnCopies,
    ) {
        let folder = self.0.entry(folder).or_default();
        folder.mine |= line.mine;
        folder.peers.extend(&line.peers);
        let Some((file, _)) = claim else { return };
        folder.files += 1;
        folder.size = folder.size.saturating_add(line.size);
        folder.modified = folder.modified.max(Some(line.modified));
        let own = if line.mine { stands(file) } else { OwnCopies::default() };
        let copies = (line.copies + own.kept, (own.wanted > 0).then_some(own.wanted));
        if folder.fewest.is_none_or(|fewest| copies.0 < fewest.0) {
            folder.fewest = Some(copies);
        }
    }

    /// A file of this peer lies there that is not listed by others yet.
    pub(super) fn add_coming(&mut self, folder: &'a str, size: u64) {
        let folder = self.0.entry(folder).or_default();
        folder.mine = true;
        folder.files += 1;
        folder.size = folder.size.saturating_add(size);
    }

    /// The rows, by their paths.
    pub(super) fn rows(self, roster: &Roster, look_alikes: &LookAlikes) -> impl Iterator<Item = FolderRow> {
        self.0.into_iter().map(|(path, folder)| folder.row(path, roster, look_alikes))
    }
}

impl Folder {
    fn row(self, path: &str, roster: &Roster, look_alikes: &LookAlikes) -> FolderRow {
        let is_away = |peer: &PeerId| roster.contact(*peer).is_none();
        let (copies, wanted) = self.fewest.unwrap_or_default();
        // Those that are here come first.
        let (away, here): (Vec<PeerId>, Vec<PeerId>) = self.peers.iter().partition(|peer| is_away(peer));
        let told: Vec<PeerId> = here.iter().chain(&away).copied().take(limits::FOLDER_OWNERS_TOLD).collect();
        FolderRow {
            path: path.to_owned(),
            files: self.files,
            size: self.size,
            modified: self.modified.unwrap_or_default().div_euclid(1_000),
            copies,
            wanted,
            mine: self.mine,
            peers: told.iter().map(|peer| roster.name(*peer)).collect(),
            peer_ids: told.iter().map(PeerId::full).collect(),
            look_alikes: told.iter().filter(|peer| look_alikes.has(**peer)).map(PeerId::full).collect(),
            owners: self.peers.len() as u64,
            away: !self.mine && here.is_empty() && !away.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::NOTHING;
    use super::super::{Filter, ListedRow, rows};
    use super::*;
    use crate::content::{Catalogue, Entry, EntryKind};
    use crate::library::Hashing;
    use crate::peer::roster::tests::{file, key, roster};

    /// Each row in words.
    fn shown(rows: &[ListedRow]) -> Vec<String> {
        let row = |row: &ListedRow| match row {
            ListedRow::File(row) => row.path.clone(),
            ListedRow::Folder(row) => {
                let FolderRow { path, files, size, copies, owners, .. } = row;
                let who = if row.mine { "mine, " } else { "" };
                format!("{path}/ {files} files, {size} bytes, {copies} copies, {who}{owners} others")
            }
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn what_lies_in_a_folder_is_one_row_and_a_folder_shows_what_lies_in_it() {
        let empty = |path: &str| Entry { path: path.parse().unwrap(), kind: EntryKind::Folder };
        let mine = Catalogue::of([file("a/b/c", 1), file("a/d", 2), file("top", 3), empty("empty")]);
        let r = roster(&[("one", &[file("a/d", 2), file("a/e/f", 4)]), ("two", &[empty("a/e/none")])]);
        let coming = [Hashing { path: "a/new".parse().unwrap(), done: 1, size: 100 }];
        let stands = |_| OwnCopies { wanted: 2, ..OwnCopies::default() };
        let show = |filter: &Filter| shown(&rows(&mine, stands, &NOTHING, &coming, &r, filter));
        let all = Filter::default().by_folder(true);
        assert_eq!(
            show(&all),
            [
                "a/ 4 files, 107 bytes, 1 copies, mine, 2 others",
                "empty/ 0 files, 0 bytes, 0 copies, mine, 0 others",
                "top"
            ]
        );
        let within = Filter::default().in_folder("a".parse().unwrap()).by_folder(true);
        assert_eq!(
            show(&within),
            [
                "a/b/ 1 files, 1 bytes, 1 copies, mine, 0 others",
                "a/d",
                "a/e/ 1 files, 4 bytes, 1 copies, 2 others",
                "a/new"
            ]
        );
        let flat = Filter::default().in_folder("a".parse().unwrap());
        assert_eq!(show(&flat), ["a/b/c", "a/d", "a/e/f", "a/e/none", "a/new"]);
        assert_eq!(show(&Filter::default().with_pattern("d").by_folder(true)), ["a/d"]);
        let theirs = Filter { from: crate::peer::owners::Owners::one(key(1).peer_id()), ..all };
        assert_eq!(show(&theirs), ["a/ 2 files, 6 bytes, 1 copies, 1 others"]);
    }

    #[test]
    fn the_copies_of_a_folder_are_those_of_the_file_with_the_fewest() {
        let mine = Catalogue::of([file("a/one", 1), file("a/two", 2)]);
        let stands =
            |file: FileId| OwnCopies { kept: u64::from(file.0[0]), wanted: 3, ..OwnCopies::default() };
        let rows = rows(&mine, stands, &NOTHING, &[], &Roster::default(), &Filter::default().by_folder(true));
        let [ListedRow::Folder(row)] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.copies, row.wanted, row.files, row.away), (2, Some(3), 2, false));
    }
}
