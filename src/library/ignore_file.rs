//! A `.potluckignore`: what its folder does not share, in the words of gitignore(5).
//!
//! It is read by the walker alone, which goes from the top down: of several files the deepest one that says
//! something decides, and nothing brings back what lies in a folder that is left out.

use std::io::{self, Read};
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::content::SafePath;
use crate::library::limits;
use crate::sys::folder::Folder;
use crate::sys::refusal::{Refusal, refusal};

/// Its name. It is never shared itself, for it names what is not.
pub(super) const IGNORE_FILE: &str = ".potluckignore";

/// What one such file says.
#[derive(Clone, Debug)]
pub(super) struct IgnoreFile {
    /// The folder that it lies in; `None`: the root.
    folder: Option<SafePath>,
    patterns: Gitignore,
}

/// What was read, and the lines that say nothing that can be understood.
pub(super) struct IgnoreFileRead {
    pub(super) file: Option<IgnoreFile>,
    /// The first of them, in words.
    pub(super) wrong: Option<String>,
}

impl IgnoreFile {
    /// Reads the one in `folder`, which lies at `path`. Without one, nothing is left out.
    ///
    /// # Errors
    /// It is there and cannot be read whole: then it is not known what is not to be shared.
    pub(super) fn read(folder: &Folder, path: Option<&SafePath>) -> io::Result<IgnoreFileRead> {
        let none = IgnoreFileRead { file: None, wrong: None };
        let file = match folder.open_file(IGNORE_FILE, false) {
            Ok(file) => file,
            Err(e) if refusal(&e) == Refusal::Gone => return Ok(none),
            Err(e) => return Err(of_it(&e)),
        };
        let mut text = Vec::new();
        let read = file.take(limits::IGNORE_FILE + 1).read_to_end(&mut text).map_err(|e| of_it(&e))?;
        if read as u64 > limits::IGNORE_FILE {
            return Err(of_it(&io::Error::other(format!("it has more than {} bytes", limits::IGNORE_FILE))));
        }
        Self::parse(&String::from_utf8_lossy(&text), path).map_err(|e| of_it(&io::Error::other(e)))
    }

    fn parse(text: &str, path: Option<&SafePath>) -> Result<IgnoreFileRead, ignore::Error> {
        let mut builder = GitignoreBuilder::new("");
        let mut wrong = None;
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if let Err(e) = builder.add_line(None, line) {
                wrong.get_or_insert_with(|| format!("line {}: {e}", number + 1));
            }
        }
        let patterns = builder.build()?;
        let file = (!patterns.is_empty()).then(|| Self { folder: path.cloned(), patterns });
        Ok(IgnoreFileRead { file, wrong })
    }

    /// Whether it says that something below its folder is left out (true) or not (false); `None`: it says
    /// nothing of that.
    pub(super) fn judge(&self, path: &SafePath, is_folder: bool) -> Option<bool> {
        let below = match &self.folder {
            Some(folder) => path.below(folder)?,
            None => path.clone(),
        };
        match self.patterns.matched(Path::new(below.as_str()), is_folder) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        }
    }
}

fn of_it(e: &io::Error) -> io::Error {
    io::Error::new(
        e.kind(),
        format!("its {IGNORE_FILE} cannot be read ({e}), so it is not known what to leave out"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(p: &str) -> SafePath {
        p.parse().unwrap()
    }

    #[test]
    fn it_says_what_gitignore_says() {
        let text = "\u{feff}# a comment\n*.log\n!keep.log\n/build\ncache/\ndoc/**/*.pdf\n\\#odd\nspace\\ \n";
        let read = IgnoreFile::parse(text, Some(&path("top"))).unwrap();
        assert_eq!(read.wrong, None);
        let file = read.file.unwrap();
        for (p, is_folder, says) in [
            ("top/a.log", false, Some(true)),
            ("top/deep/er/a.log", false, Some(true)),
            ("top/keep.log", false, Some(false)),
            ("top/build", true, Some(true)),
            ("top/sub/build", true, None),
            ("top/cache", true, Some(true)),
            ("top/cache", false, None),
            ("top/doc/a/b/c.pdf", false, Some(true)),
            ("top/#odd", false, Some(true)),
            ("top/a.txt", false, None),
            ("elsewhere/a.log", false, None),
        ] {
            assert_eq!(file.judge(&path(p), is_folder), says, "{p}");
        }
    }

    #[test]
    fn a_line_that_is_wrong_is_told_and_the_others_hold() {
        let read = IgnoreFile::parse("*.log\n[z-a]\n", None).unwrap();
        assert!(read.wrong.unwrap().starts_with("line 2: "));
        assert_eq!(read.file.unwrap().judge(&path("a.log"), false), Some(true));
        assert!(IgnoreFile::parse("# nothing\n\n", None).unwrap().file.is_none());
    }
}
