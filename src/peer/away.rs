//! Owners that are not here, whose files others keep: who they are, what they shared, who keeps what of it.
//! Pure. A keeper's word alone names no file: the catalogue is signed by its owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::content::{Catalogue, Claim, Entry, FileId, HeadNumber, Span};
use crate::identity::PeerId;
use crate::peer::limits;

/// One file of which a keeper has some chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeptPart {
    pub(super) file: FileId,
    pub(super) size: u64,
    pub(super) span: Span,
}

/// A peer that is not here, but whose files others keep.
#[derive(Debug, Default)]
struct AbsentOwner {
    name: Option<String>,
    shares: Option<(HeadNumber, Arc<Catalogue>)>,
    /// Who keeps what of it.
    keepers: BTreeMap<PeerId, Arc<[KeptPart]>>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Away {
    owners: BTreeMap<PeerId, AbsentOwner>,
}

/// Of those who keep parts of a file of `size` bytes: who has all of it, and who has some.
pub(super) fn whole_or_some(
    size: u64,
    parts: impl IntoIterator<Item = (PeerId, Span)>,
) -> (Vec<PeerId>, Vec<PeerId>) {
    let (whole, some): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|(_, span)| Span::whole(size) == Some(*span));
    let peers = |parts: Vec<(PeerId, Span)>| parts.into_iter().map(|(peer, _)| peer).collect();
    (peers(whole), peers(some))
}

impl Away {
    /// `keeper` keeps this, and no more, of absent owners. Returns the owners whose catalogue is to be asked
    /// of it.
    pub(super) fn kept(
        &mut self,
        keeper: PeerId,
        all: impl IntoIterator<Item = (PeerId, Option<String>, Vec<KeptPart>)>,
    ) -> Vec<PeerId> {
        self.keeper_gone(keeper);
        let mut ask = Vec::new();
        for (owner, name, parts) in all.into_iter().take(limits::PEERS) {
            let known = self.owners.entry(owner).or_default();
            known.name = name.or_else(|| known.name.take());
            known.keepers.insert(keeper, parts.into());
            ask.push(owner);
        }
        ask
    }

    /// What an owner shared, as it signed it.
    pub(super) fn shares(&mut self, owner: PeerId, number: HeadNumber, catalogue: &Arc<Catalogue>) {
        let known = self.owners.entry(owner).or_default();
        if known.shares.as_ref().is_none_or(|(before, _)| *before <= number) {
            known.shares = Some((number, Arc::clone(catalogue)));
        }
    }

    /// A peer went that was here: what it shared is remembered, should others keep it.
    pub(super) fn owner_gone(&mut self, owner: PeerId, name: String) {
        self.owners.entry(owner).or_default().name = Some(name);
        // Of those whose files nobody keeps only so many are remembered.
        let unkept = self.owners.iter().filter(|(id, o)| o.keepers.is_empty() && **id != owner);
        let unkept: Vec<PeerId> = unkept.map(|(id, _)| *id).collect();
        if let Some(more) = unkept.len().checked_sub(limits::CATALOGUES_ON_SIGHT) {
            for id in unkept.into_iter().take(more) {
                self.owners.remove(&id);
            }
        }
    }

    /// A peer is gone: what it kept cannot be had from it.
    pub(super) fn keeper_gone(&mut self, keeper: PeerId) {
        for owner in self.owners.values_mut() {
            owner.keepers.remove(&keeper);
        }
    }

    /// The owners that are away while others keep their files, and their names.
    pub(super) fn names(&self, is_here: impl Fn(PeerId) -> bool) -> impl Iterator<Item = (PeerId, &str)> {
        let away = self.owners.iter().filter(move |(id, o)| !o.keepers.is_empty() && !is_here(**id));
        away.map(|(id, o)| (*id, o.name.as_deref().unwrap_or_default()))
    }

    /// The name of an owner, if it is known.
    #[must_use]
    pub(super) fn name(&self, owner: PeerId) -> Option<&str> {
        self.owners.get(&owner)?.name.as_deref()
    }

    /// The files that somebody keeps of owners that `is_here` does not name: owner, entry, and how many whole
    /// copies of it there are.
    pub(super) fn entries(&self, is_here: impl Fn(PeerId) -> bool) -> impl Iterator<Item = (PeerId, &Entry)> {
        let away = self.owners.iter().filter(move |(id, o)| !o.keepers.is_empty() && !is_here(**id));
        away.filter_map(|(id, o)| Some((*id, o, &o.shares.as_ref()?.1))).flat_map(|(id, o, catalogue)| {
            let kept = o.files();
            let is_kept = move |e: &&Entry| match e.kind {
                crate::content::EntryKind::File { id, .. } => kept.contains(&id),
                crate::content::EntryKind::Folder => false,
            };
            catalogue.entries().filter(is_kept).map(move |e| (id, e))
        })
    }

    /// Who keeps parts of these contents, and which.
    #[must_use]
    pub(super) fn parts(&self, claims: &BTreeSet<Claim>) -> BTreeMap<Claim, Vec<(PeerId, Span)>> {
        let mut parts: BTreeMap<Claim, Vec<(PeerId, Span)>> = BTreeMap::new();
        for (keeper, kept) in self.owners.values().flat_map(|o| &o.keepers) {
            for part in kept.iter().filter(|p| claims.contains(&(p.file, p.size))) {
                parts.entry((part.file, part.size)).or_default().push((*keeper, part.span));
            }
        }
        parts
    }
}

impl AbsentOwner {
    fn files(&self) -> BTreeSet<FileId> {
        self.keepers.values().flat_map(|parts| parts.iter().map(|p| p.file)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{file, key};
    use super::*;
    use crate::identity::Instance;

    const fn part(n: u8, from: u32, to: u32) -> KeptPart {
        KeptPart { file: FileId([n; 32]), size: n as u64, span: Span { from, to } }
    }

    fn number(version: u64) -> HeadNumber {
        HeadNumber { instance: Instance { count: 1, random: 1 }, version }
    }

    fn paths(away: &Away, here: &[PeerId]) -> Vec<String> {
        let mut paths: Vec<_> =
            away.entries(|id| here.contains(&id)).map(|(_, e)| e.path.to_string()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn files_of_those_who_left_are_listed_while_somebody_keeps_them() {
        let (owner, one, two) = (key(1).peer_id(), key(2).peer_id(), key(3).peer_id());
        let mut away = Away::default();
        let catalogue = Arc::new(Catalogue::of([file("a", 1), file("b", 2), file("c", 3)]));
        away.shares(owner, number(2), &catalogue);
        away.owner_gone(owner, "anna".to_owned());
        assert!(paths(&away, &[]).is_empty(), "nobody keeps any of it");
        assert_eq!(away.kept(one, [(owner, None, vec![part(1, 0, 1), part(2, 0, 1)])]), [owner]);
        away.kept(two, [(owner, None, vec![part(2, 0, 1)])]);
        assert_eq!(paths(&away, &[]), ["a", "b"]);
        assert_eq!(away.name(owner), Some("anna"));
        assert!(paths(&away, &[owner]).is_empty(), "it is here itself");
        let parts = away.parts(&BTreeSet::from([(FileId([2; 32]), 2), (FileId([1; 32]), 9)]));
        let both: BTreeSet<_> = parts[&(FileId([2; 32]), 2)].iter().map(|(p, _)| *p).collect();
        assert_eq!((both, parts.len()), (BTreeSet::from([one, two]), 1));
        // An older catalogue changes nothing; a newer one does.
        away.shares(owner, number(1), &Arc::default());
        assert_eq!(paths(&away, &[]), ["a", "b"]);
        away.shares(owner, number(3), &Arc::new(Catalogue::of([file("d", 2)])));
        assert_eq!(paths(&away, &[]), ["d"]);
        away.keeper_gone(two);
        away.kept(one, []);
        assert!(paths(&away, &[]).is_empty());
    }
}
