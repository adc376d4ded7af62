//! Owners that are not here, whose files others keep: who they are, and who keeps what of theirs. Pure. A
//! keeper's word alone names no file: the catalogue is signed by its owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::catalogues::{Catalogues, Unlisted};
use crate::content::{Catalogue, Claim, Entry, FileId, Head, HeadNumber, Span};
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
    /// What it shared, if this peer itself keeps some of it: custody answers for the memory.
    kept_here: Option<(HeadNumber, Arc<Catalogue>)>,
    /// Who keeps what of it.
    keepers: BTreeMap<PeerId, Arc<[KeptPart]>>,
    /// Why what it shared is not listed, if that is known.
    unlisted: Option<Unlisted>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Away {
    owners: BTreeMap<PeerId, AbsentOwner>,
    /// Rises with whatever may change what is listed.
    changes: u64,
}

/// What is listed of an owner that is not here.
#[derive(Debug)]
pub(super) struct AbsentFiles<'a> {
    pub(super) owner: PeerId,
    pub(super) catalogue: &'a Arc<Catalogue>,
    /// Of its files, those that somebody keeps.
    pub(super) kept: BTreeSet<FileId>,
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
        self.changes += 1;
        self.keeper_gone(keeper);
        let mut ask = Vec::new();
        for (owner, name, parts) in all.into_iter().take(limits::PEERS) {
            let known = self.owners.entry(owner).or_default();
            known.name = name.or_else(|| known.name.take());
            known.keepers.insert(keeper, parts.into());
            ask.push(owner);
        }
        self.forget_unkept(None);
        ask
    }

    /// What an owner shared, as it signed it: this peer keeps some of it.
    pub(super) fn keep_here(&mut self, owner: PeerId, number: HeadNumber, catalogue: &Arc<Catalogue>) {
        self.changes += 1;
        let known = self.owners.entry(owner).or_default();
        if known.kept_here.as_ref().is_none_or(|(before, _)| *before <= number) {
            known.kept_here = Some((number, Arc::clone(catalogue)));
        }
    }

    /// This peer keeps nothing of this owner any more.
    pub(super) fn keep_no_more(&mut self, owner: PeerId) {
        self.changes += 1;
        if let Some(known) = self.owners.get_mut(&owner) {
            known.kept_here = None;
        }
    }

    /// What an owner shared is listed now, or why it is not.
    pub(super) fn set_unlisted(&mut self, owner: PeerId, unlisted: Option<Unlisted>) {
        self.changes += 1;
        if let Some(known) = self.owners.get_mut(&owner) {
            known.unlisted = unlisted;
        }
    }

    /// Those whose files somebody keeps, and what they shared is not listed for a reason that is known.
    pub(super) fn unlisted(&self) -> impl Iterator<Item = (PeerId, Unlisted)> {
        let kept = self.owners.iter().filter(|(_, o)| !o.keepers.is_empty() && o.kept_here.is_none());
        kept.filter_map(|(id, o)| Some((*id, o.unlisted?)))
    }

    /// Who keeps files of this owner.
    pub(super) fn keepers(&self, owner: PeerId) -> impl Iterator<Item = PeerId> {
        self.owners.get(&owner).into_iter().flat_map(|o| o.keepers.keys().copied())
    }

    /// A peer went that was here: its name is remembered, should others keep what it shared.
    pub(super) fn owner_gone(&mut self, owner: PeerId, name: String) {
        self.changes += 1;
        self.owners.entry(owner).or_default().name = Some(name);
        self.forget_unkept(Some(owner));
    }

    /// Of those whose files nobody keeps only so many are remembered, `but` this one in any case.
    fn forget_unkept(&mut self, but: Option<PeerId>) {
        let unkept = self.owners.iter().filter(|(id, o)| o.keepers.is_empty() && Some(**id) != but);
        let unkept: Vec<PeerId> = unkept.map(|(id, _)| *id).collect();
        if let Some(more) = unkept.len().checked_sub(limits::CATALOGUES_ON_SIGHT) {
            for id in unkept.into_iter().take(more) {
                self.owners.remove(&id);
            }
        }
    }

    /// A peer is gone: what it kept cannot be had from it.
    pub(super) fn keeper_gone(&mut self, keeper: PeerId) {
        self.changes += 1;
        for owner in self.owners.values_mut() {
            owner.keepers.remove(&keeper);
        }
        self.forget_unkept(None);
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

    /// The files that somebody keeps of owners that `is_here` does not name: owner and entry.
    pub(super) fn entries<'a>(
        &'a self,
        catalogues: &'a Catalogues,
        is_here: impl Fn(PeerId) -> bool,
    ) -> impl Iterator<Item = (PeerId, &'a Entry)> {
        self.files(catalogues, is_here).flat_map(|AbsentFiles { owner, catalogue, kept }| {
            let is_kept = move |e: &&Entry| e.content().is_some_and(|file| kept.contains(&file));
            catalogue.entries().filter(is_kept).map(move |e| (owner, e))
        })
    }

    /// As [`Self::entries`], owner by owner.
    pub(super) fn files<'a>(
        &'a self,
        catalogues: &'a Catalogues,
        is_here: impl Fn(PeerId) -> bool,
    ) -> impl Iterator<Item = AbsentFiles<'a>> {
        let away = self.owners.iter().filter(move |(id, o)| !o.keepers.is_empty() && !is_here(**id));
        away.filter_map(|(id, o)| {
            let catalogue = o.shared(catalogues.get(*id))?;
            Some(AbsentFiles { owner: *id, catalogue, kept: o.files() })
        })
    }

    /// What an owner shared: the newer one of what others gave and what is kept here. `None`: nobody keeps any of it.
    pub(super) fn shared<'a>(
        &'a self,
        owner: PeerId,
        given: Option<&'a (Head, Arc<Catalogue>)>,
    ) -> Option<&'a Arc<Catalogue>> {
        self.owners.get(&owner).filter(|o| !o.keepers.is_empty())?.shared(given)
    }

    /// A number that is another one whenever [`Self::files`] may give something else.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
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
    /// What it shared: the newer one of what others gave and what is kept here.
    fn shared<'a>(&'a self, given: Option<&'a (Head, Arc<Catalogue>)>) -> Option<&'a Arc<Catalogue>> {
        let here = self.kept_here.as_ref().map(|(number, catalogue)| (*number, catalogue));
        let given = given.map(|(head, catalogue)| (head.number(), catalogue));
        let newer = here.into_iter().chain(given).max_by_key(|(number, _)| *number);
        newer.map(|(_, catalogue)| catalogue)
    }

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
        let none = Catalogues::default();
        let entries = away.entries(&none, |id| here.contains(&id));
        let mut paths: Vec<_> = entries.map(|(_, e)| e.path.to_string()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn files_of_those_who_left_are_listed_while_somebody_keeps_them() {
        let (owner, one, two) = (key(1).peer_id(), key(2).peer_id(), key(3).peer_id());
        let mut away = Away::default();
        let catalogue = Arc::new(Catalogue::of([file("a", 1), file("b", 2), file("c", 3)]));
        away.keep_here(owner, number(2), &catalogue);
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
        away.keep_here(owner, number(1), &Arc::default());
        assert_eq!(paths(&away, &[]), ["a", "b"]);
        away.keep_here(owner, number(3), &Arc::new(Catalogue::of([file("d", 2)])));
        assert_eq!(paths(&away, &[]), ["d"]);
        away.keep_no_more(owner);
        assert!(paths(&away, &[]).is_empty());
        away.keep_here(owner, number(1), &catalogue);
        assert_eq!(paths(&away, &[]), ["a", "b"]);
        away.keeper_gone(two);
        away.kept(one, []);
        assert!(paths(&away, &[]).is_empty());
    }

    /// A keeper may name others each time, and go.
    #[test]
    fn owners_of_whom_nobody_keeps_anything_are_forgotten() {
        let (mut away, keeper) = (Away::default(), key(2).peer_id());
        for round in 0..50 {
            let owners = (0..100_u8).map(|n| (PeerId([n; 32].map(|b| b ^ round)), None, vec![part(1, 0, 1)]));
            away.kept(keeper, owners.collect::<Vec<_>>());
            assert!(away.owners.len() <= 100 + limits::CATALOGUES_ON_SIGHT);
        }
        away.keeper_gone(keeper);
        assert_eq!(away.owners.len(), limits::CATALOGUES_ON_SIGHT);
    }
}
