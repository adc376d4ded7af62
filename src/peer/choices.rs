//! The contents that a word can mean, of which one is to be chosen. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::roster::Roster;
use crate::content::{Claim, Entry, EntryKind, FileId};
use crate::error::{Code, Failure};
use crate::identity::PeerId;

/// Digits of a file id that are shown, at least.
const DIGITS_SHOWN: usize = 8;

/// Contents that a failure names at most, and owners of each of them.
const CONTENTS_NAMED: usize = 8;
const OWNERS_NAMED: usize = 3;

/// Contents, each with who shares it, and as what.
#[derive(Debug, Default)]
pub(super) struct Choices<'a>(BTreeMap<Claim, Vec<(PeerId, &'a Entry)>>);

impl<'a> Choices<'a> {
    /// One more may be meant: a file that `owner` shares. A folder is not taken.
    pub(super) fn add(&mut self, owner: PeerId, entry: &'a Entry) {
        if let EntryKind::File { id, size, .. } = entry.kind {
            self.0.entry((id, size)).or_default().push((owner, entry));
        }
    }

    /// True if nothing can be meant.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub(super) fn claims(&self) -> BTreeSet<Claim> {
        self.0.keys().copied().collect()
    }

    /// The one content that `what` means.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is none, [`Code::Ambiguous`] with all if there are several.
    pub(super) fn single(&self, what: &str, roster: &Roster) -> Result<(FileId, &'a Entry), Failure> {
        let mut all =
            self.0.iter().filter_map(|((id, _), owners)| owners.first().map(|(_, entry)| (*id, *entry)));
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(Failure::new(Code::NotFound, format!("nobody here shares `{what}`"))),
            _ => {
                let message = format!(
                    "`{what}` has {} different contents: {}; say which by its id, or `--from` whom",
                    self.0.len(),
                    self.shown(roster)
                );
                Err(Failure::new(Code::Ambiguous, message))
            }
        }
    }

    /// The first ones, each with some of its owners.
    pub(super) fn shown(&self, roster: &Roster) -> String {
        let digits = self.digits_apart();
        let content = |((id, size), owners): (&Claim, &Vec<(PeerId, &Entry)>)| {
            let owners: BTreeSet<PeerId> = owners.iter().map(|(owner, _)| *owner).collect();
            let names: Vec<String> =
                owners.into_iter().take(OWNERS_NAMED).map(|owner| roster.name_with_id(owner)).collect();
            format!("b3:{} ({}, {})", id.prefix(digits), bytesize::ByteSize(*size), names.join(", "))
        };
        let mut list: Vec<String> = self.0.iter().take(CONTENTS_NAMED).map(content).collect();
        if let Some(more @ 1..) = self.0.len().checked_sub(CONTENTS_NAMED) {
            list.push(format!("and {more} more"));
        }
        list.join(", ")
    }

    /// How many digits tell the contents apart, and so can be typed for one of them. Contents of one id that
    /// differ in their size alone are told apart by none.
    fn digits_apart(&self) -> usize {
        let ids: Vec<String> = self.0.keys().map(|(id, _)| id.to_string()).collect();
        let alike = ids
            .windows(2)
            .filter(|pair| pair[0] != pair[1])
            .map(|pair| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count());
        alike.max().map_or(DIGITS_SHOWN, |n| DIGITS_SHOWN.max(n + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{file, roster};
    use super::*;

    #[test]
    fn contents_are_shown_with_as_many_digits_as_tell_them_apart() {
        let of = |digits: &str| FileId(blake3::Hash::from_hex(digits).unwrap().into());
        let [first, second] = [1, 2].map(|last| of(&format!("{}{last}", "a".repeat(63))));
        let twin = |path: &str, id| {
            let mut twin = file(path, 7);
            if let EntryKind::File { id: its, .. } = &mut twin.kind {
                *its = id;
            }
            twin
        };
        let (a, b, far) = (twin("a", first), twin("b", second), file("c", 1));
        let r = roster(&[("one", &[])]);
        let (owner, mut choices) = (*r.iter().next().unwrap().0, Choices::default());
        let none = choices.single("x", &r).unwrap_err();
        assert_eq!(none, Failure::new(Code::NotFound, "nobody here shares `x`"));
        choices.add(owner, &a);
        choices.add(owner, &far);
        assert!(choices.shown(&r).contains("b3:aaaaaaaa (7 B, one ("), "{}", choices.shown(&r));
        choices.add(owner, &b);
        let failure = choices.single("x", &r).unwrap_err();
        assert_eq!(failure.code, Code::Ambiguous);
        assert!(failure.message.starts_with("`x` has 3 different contents: b3:"), "{failure}");
        assert!(failure.message.ends_with("; say which by its id, or `--from` whom"), "{failure}");
        for id in [first, second] {
            assert!(failure.message.contains(&id.to_string()), "{failure}");
        }
    }
}
