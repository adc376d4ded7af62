//! What an offer is, in short. Pure.

use serde::{Deserialize, Serialize};

use crate::content::SafePath;
use crate::text::number;

/// Names that are told of an offer; the rest is counted.
const NAMES: usize = 3;

/// What it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::peer) struct OfferSum {
    /// The names at its top; raw, to be escaped for a terminal.
    pub(in crate::peer) what: String,
    pub(in crate::peer) files: u64,
    /// Empty folders.
    pub(in crate::peer) folders: u64,
    /// Bytes of the files.
    pub(in crate::peer) bytes: u64,
}

impl OfferSum {
    /// That of these files, with the bytes of each, and of these empty folders.
    pub(super) fn of<'a>(files: impl Iterator<Item = (&'a SafePath, u64)>, folders: &'a [SafePath]) -> Self {
        let (mut sum, mut names) = (Self::default(), Vec::<&str>::new());
        let mut more = 0;
        let mut note = |path: &'a SafePath| {
            let name = path.top(1);
            // What lies in one folder stands together.
            if names.last() != Some(&name) && !names.contains(&name) {
                if names.len() < NAMES { names.push(name) } else { more += 1 }
            }
        };
        for (path, bytes) in files {
            note(path);
            (sum.files, sum.bytes) = (sum.files + 1, sum.bytes.saturating_add(bytes));
        }
        folders.iter().for_each(&mut note);
        sum.folders = folders.len() as u64;
        sum.what = names.join(", ");
        if more > 0 {
            sum.what.push_str(&format!(" and {} more", number(more)));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_names_stand_for_all() {
        let paths: Vec<SafePath> =
            ["a/1", "a/2", "b", "c/x/y", "d", "e"].iter().map(|path| path.parse().unwrap()).collect();
        let sum = |n: usize| OfferSum::of(paths[..n].iter().map(|path| (path, 10)), &[]);
        assert_eq!(sum(2), OfferSum { what: "a".into(), files: 2, folders: 0, bytes: 20 });
        assert_eq!(sum(4).what, "a, b, c");
        assert_eq!(sum(6).what, "a, b, c and 2 more");
        let empty = OfferSum::of(core::iter::empty(), &paths[2..3]);
        assert_eq!(empty, OfferSum { what: "b".into(), files: 0, folders: 1, bytes: 0 });
    }
}
