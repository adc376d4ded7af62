//! Whose files a user means, and from whom they are fetched. Pure.

use std::collections::BTreeSet;

use super::roster::Roster;
use crate::error::Failure;
use crate::identity::PeerId;

/// What is said instead of a peer for [`Owners::All`]. A peer that is called so is named by its id.
const ALL: &str = "all";

/// Whose files are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Owners {
    /// Anyone's. A folder is that of one of them, for whoever shares a folder of the same name could put files
    /// into it otherwise.
    #[default]
    Anyone,
    /// Everyone's: what they share in one folder is put together.
    All,
    /// Those of these peers, which alone are asked for content. What several of them share in one folder is
    /// put together.
    Only(BTreeSet<PeerId>),
    /// Those of these peers, which were here and are away, as far as it is remembered. Nobody need have it now.
    Absent(BTreeSet<PeerId>),
}

impl Owners {
    /// This peer alone.
    pub(super) fn one(peer: PeerId) -> Self {
        Self::Only(BTreeSet::from([peer]))
    }

    /// Those whom a user names; none is anyone.
    ///
    /// # Errors
    /// Those of [`Roster::find`].
    pub(super) fn named(words: &[String], roster: &Roster) -> Result<Self, Failure> {
        if words.is_empty() {
            return Ok(Self::Anyone);
        }
        if words.iter().any(|word| word == ALL) {
            return Ok(Self::All);
        }
        words.iter().map(|word| roster.find(word)).collect::<Result<_, _>>().map(Self::Only)
    }

    /// True if files of this peer are meant.
    pub(super) fn has(&self, peer: PeerId) -> bool {
        match self {
            Self::Anyone | Self::All => true,
            Self::Only(peers) => peers.contains(&peer),
            Self::Absent(_) => false,
        }
    }

    /// True if what this peer shared is meant, which is away.
    pub(super) fn has_absent(&self, peer: PeerId) -> bool {
        matches!(self, Self::Absent(peers) if peers.contains(&peer))
    }

    /// True if everyone who has a content may be asked for it.
    pub(super) const fn is_anyone(&self) -> bool {
        matches!(self, Self::Anyone | Self::All)
    }

    /// True if what several of them share in one folder is put together.
    pub(super) fn are_merged(&self) -> bool {
        match self {
            Self::Anyone | Self::Absent(_) => false,
            Self::All => true,
            Self::Only(peers) => peers.len() > 1,
        }
    }

    /// Those that are named one by one.
    pub(super) fn each(&self) -> impl Iterator<Item = PeerId> {
        let each = if let Self::Only(peers) = self { Some(peers) } else { None };
        each.into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{key, roster};
    use super::*;
    use crate::error::Code;

    #[test]
    fn whoever_is_named_is_meant() {
        let r = roster(&[("anna", &[]), ("bert", &[]), ("all", &[])]);
        let id = |n| key(n).peer_id();
        let named = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            Owners::named(&words, &r)
        };
        assert_eq!(named(&[]), Ok(Owners::Anyone));
        assert_eq!(named(&["bert"]), Ok(Owners::one(id(2))));
        assert_eq!(named(&["bert", "anna"]), Ok(Owners::Only([id(1), id(2)].into())));
        assert_eq!(named(&["all"]), Ok(Owners::All));
        assert_eq!(named(&[&id(3).full()]), Ok(Owners::one(id(3))));
        assert_eq!(named(&["anna", "dora"]).unwrap_err().code, Code::NotFound);
        let is = |words: &[&str]| {
            let owners = named(words).unwrap();
            (owners.has(id(1)), owners.is_anyone(), owners.are_merged(), owners.each().count())
        };
        assert_eq!([is(&[]), is(&["all"])], [(true, true, false, 0), (true, true, true, 0)]);
        assert_eq!(
            [is(&["bert"]), is(&["anna", "bert"])],
            [(false, false, false, 1), (true, false, true, 2)]
        );
        assert_eq!(is(&["anna", "anna"]), (true, false, false, 1));
    }
}
