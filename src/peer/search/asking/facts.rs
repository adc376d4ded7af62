//! What this peer knows itself, and what keepers are judged by. Pure.

use std::collections::BTreeSet;

use super::coverage::is_current;
use crate::content::{Catalogue, Claim, EntryKind, HeadNumber, SafePath};
use crate::identity::{Instance, PeerId};
use crate::peer::owners::Owners;
use crate::peer::roster::{Member, Roster};

/// Entries of a catalogue that are looked through for a content, at most, while somebody waits.
const LOOKED_THROUGH: u64 = 4_096;

/// What is known now.
#[derive(Clone, Copy, Debug)]
pub(in crate::peer) struct OwnFacts<'a> {
    pub(in crate::peer) me: PeerId,
    /// The number of the catalogue that others are given of this peer; of version 0 when there is none.
    pub(in crate::peer) own_head: HeadNumber,
    /// That catalogue.
    pub(in crate::peer) own: &'a Catalogue,
    pub(in crate::peer) roster: &'a Roster,
    /// The supernode and its deputy.
    pub(in crate::peer) holders: [Option<PeerId>; 2],
}

impl<'a> OwnFacts<'a> {
    /// What an owner that is here says that it shares; of version 0: nothing.
    pub(super) fn announced(&self, owner: PeerId) -> Option<HeadNumber> {
        self.roster.member(owner).map(Member::announced)
    }

    /// True if what an owner shares is on its way.
    pub(super) fn is_pulled(&self, owner: PeerId) -> bool {
        self.roster.member(owner).is_some_and(Member::is_pulled)
    }

    /// This start of a peer that is here.
    pub(super) fn instance(&self, peer: PeerId) -> Option<Instance> {
        self.announced(peer).map(|head| head.instance)
    }

    /// What an owner shares, as it signed it, if that is known.
    pub(super) fn known(&self, owner: PeerId) -> Option<(HeadNumber, &'a Catalogue)> {
        if owner == self.me {
            return (self.own_head.version > 0).then_some((self.own_head, self.own));
        }
        self.roster.catalogue(owner).map(|(head, catalogue)| (head.number(), &**catalogue))
    }

    /// True if the index of this peer has what an owner shares now.
    pub(in crate::peer) fn has_current(&self, owner: PeerId) -> bool {
        let known = self.known(owner).map(|(number, _)| number);
        let announced = self.announced(owner);
        known.zip(announced).is_some_and(|(known, announced)| is_current(known, announced))
    }

    /// Those that are here and share something.
    pub(super) fn sharing(&self, of: &Owners) -> impl Iterator<Item = (PeerId, HeadNumber)> {
        let all = self.roster.iter().map(|(id, _)| *id).filter(|id| of.has(*id));
        all.filter_map(|id| Some((id, self.announced(id)?))).filter(|(_, announced)| announced.version > 0)
    }

    /// Those of whom the index of this peer is to be asked: itself, those of whom it has what they share now, and those
    /// who are away while others keep their files. What is known of the others is old.
    pub(in crate::peer) fn searched_here(&self, of: &Owners) -> BTreeSet<PeerId> {
        let current = self.sharing(of).map(|(id, _)| id).filter(|id| self.has_current(*id));
        let away = self.roster.absent_files().map(|files| files.owner).filter(|id| of.has(*id));
        let own = Some(self.me).filter(|me| of.has(*me));
        current.chain(away).chain(own).collect()
    }
}

/// True if this content lies at that path.
pub(super) fn is_at(catalogue: &Catalogue, path: &SafePath, claim: Claim) -> bool {
    catalogue.get(path).is_some_and(|entry| is_content(&entry.kind, claim))
}

/// Whether a catalogue names this content somewhere; `None`: it is too long to be looked through now.
pub(super) fn names(catalogue: &Catalogue, claim: Claim) -> Option<bool> {
    let is_short = catalogue.count() <= LOOKED_THROUGH;
    is_short.then(|| catalogue.entries().any(|entry| is_content(&entry.kind, claim)))
}

fn is_content(kind: &EntryKind, claim: Claim) -> bool {
    matches!(kind, EntryKind::File { id, size, .. } if (*id, *size) == claim)
}
