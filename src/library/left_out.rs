//! Which names are left out of what is shared, unless the user wants them. Pure.

use crate::content::Omission;

/// Names that systems and programs leave behind, of files and of folders; letter case does not matter.
const JUNK: [&str; 15] = [
    ".DS_Store",
    ".AppleDouble",
    ".Spotlight-V100",
    ".TemporaryItems",
    ".Trashes",
    ".fseventsd",
    ".git",
    ".hg",
    ".svn",
    "$RECYCLE.BIN",
    "System Volume Information",
    "Thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
    "lost+found",
];

/// Folders that are filled again by whoever needs them.
const JUNK_FOLDERS: [&str; 1] = ["node_modules"];

/// How the names of junk begin: the wastebaskets of Linux, what macOS keeps beside a file, and what Office and
/// LibreOffice keep beside an open one.
const JUNK_STARTS: [&str; 4] = [".Trash-", "._", ".~lock.", "~$"];

/// How the names of temporary files end: copies of editors, and unfinished downloads.
const JUNK_ENDS: [&str; 4] = ["~", ".crdownload", ".part", ".swp"];

/// Which rules hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NameRules {
    /// Hidden files are shared (`--hidden`); junk is not.
    pub(super) hidden: bool,
}

impl NameRules {
    /// Why something of this name is left out, if it is. `is_hidden`: the system says that it is hidden.
    pub(super) fn judge(self, name: &str, is_folder: bool, is_hidden: bool) -> Option<Omission> {
        if is_junk(name, is_folder) {
            Some(Omission::Junk)
        } else if !self.hidden && (is_hidden || name.starts_with('.')) {
            Some(Omission::Hidden)
        } else {
            None
        }
    }
}

fn is_junk(name: &str, is_folder: bool) -> bool {
    let begins = |start: &str| name.get(..start.len()).is_some_and(|s| s.eq_ignore_ascii_case(start));
    let ends = |end: &str| {
        let at = name.len().checked_sub(end.len());
        at.and_then(|at| name.get(at..)).is_some_and(|s| s.eq_ignore_ascii_case(end))
    };
    let is = |names: &[&str]| names.iter().any(|junk| junk.eq_ignore_ascii_case(name));
    is(&JUNK)
        || JUNK_STARTS.iter().any(|start| begins(start))
        || if is_folder { is(&JUNK_FOLDERS) } else { JUNK_ENDS.iter().any(|end| ends(end)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_junk_are_told_from_what_is_meant_to_be_shared() {
        use Omission::{Hidden, Junk};
        for (name, is_folder, why) in [
            ("a.txt", false, None),
            (".profile", false, Some(Hidden)),
            (".config", true, Some(Hidden)),
            (".DS_Store", false, Some(Junk)),
            ("._photo.jpg", false, Some(Junk)),
            ("thumbs.DB", false, Some(Junk)),
            ("desktop.ini", false, Some(Junk)),
            ("~$report.docx", false, Some(Junk)),
            (".~lock.a.odt#", false, Some(Junk)),
            ("film.mkv.part", false, Some(Junk)),
            ("film.mkv.CRDOWNLOAD", false, Some(Junk)),
            ("notes.txt~", false, Some(Junk)),
            (".git", true, Some(Junk)),
            ("node_modules", true, Some(Junk)),
            ("node_modules", false, None),
            ("album.part", true, None),
            ("part", false, None),
            ("film.part1.rar", false, None),
            ("~", true, None),
            ("漢", false, None),
            ("é~", false, Some(Junk)),
            ("git", true, None),
        ] {
            assert_eq!(NameRules::default().judge(name, is_folder, false), why, "{name}");
            let shared = why.filter(|why| *why == Junk);
            assert_eq!(NameRules { hidden: true }.judge(name, is_folder, false), shared, "{name}");
        }
        assert_eq!(NameRules::default().judge("a", false, true), Some(Hidden));
        assert_eq!(NameRules { hidden: true }.judge("a", false, true), None);
    }
}
