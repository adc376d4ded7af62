//! From what the index found to rows as `list` has them. Pure. The index may be behind: only what those share who are
//! known now is told.

use std::collections::{BTreeMap, BTreeSet};

use super::asking::KeeperHit;
use crate::content::{Claim, EntryKind, SafePath};
use crate::control::ListRow;
use crate::identity::PeerId;
use crate::index::FoundFile;
use crate::peer::custody::CustodyDriver;
use crate::peer::listing::{self, ListedContent, Stored};
use crate::peer::look_alikes::LookAlikes;
use crate::peer::roster::Roster;
use crate::peer::shared::SharedFolder;

/// What rows are made of.
#[derive(Clone, Copy)]
pub(in crate::peer) struct RowContext<'a> {
    pub(in crate::peer) me: PeerId,
    pub(in crate::peer) roster: &'a Roster,
    pub(in crate::peer) shared: &'a SharedFolder,
    pub(in crate::peer) custody: &'a CustodyDriver,
}

/// A row, and the content that it is the row of.
pub(super) struct FoundRow {
    pub(super) claim: Claim,
    pub(super) row: ListRow,
}

impl RowContext<'_> {
    /// The rows of these files, in their order.
    pub(super) fn rows(&self, files: &[FoundFile]) -> Vec<FoundRow> {
        let look_alikes = LookAlikes::of(self.roster);
        let claims: BTreeSet<Claim> = files.iter().map(|found| found.hit.claim()).collect();
        let mut owners: BTreeMap<Claim, Vec<PeerId>> = BTreeMap::new();
        for found in files {
            owners.entry(found.hit.claim()).or_default().extend(&found.hit.owners);
        }
        let spans = |claim| self.custody.served.spans(claim);
        let stored = Stored { me: self.me, spans: &spans };
        let kept = listing::kept_copies(&stored, self.roster, &claims, &owners);
        let row = |found: &FoundFile| {
            let (hit, claim) = (&found.hit, found.hit.claim());
            let here = hit.owners.iter().filter(|owner| self.is_live(**owner)).count();
            let gone = hit.owners.len() - here;
            let mut line = ListedContent {
                size: hit.size,
                modified: hit.modified,
                mine: self.shares_itself(&hit.path, claim),
                peers: hit
                    .owners
                    .iter()
                    .copied()
                    .filter(|owner| self.shares(*owner, &hit.path, claim))
                    .collect(),
                // Of more owners than are named all are here, as a rule.
                copies: u64::from(hit.copies).saturating_sub(gone as u64),
                is_ambiguous: found.is_ambiguous,
            };
            let kept = kept.get(&claim).copied().unwrap_or(0);
            if here == 0 {
                line.copies = kept;
            } else if !line.mine {
                // Those that others keep of an own file are counted with that.
                line.copies += kept;
            }
            let is_known = line.mine || !line.peers.is_empty();
            let stands = |file| self.custody.own_copies(self.me, file);
            let row = || listing::row(&hit.path, Some(claim), &line, stands, self.roster, &look_alikes);
            is_known.then(|| FoundRow { claim, row: row() })
        };
        files.iter().filter_map(row).collect()
    }

    /// The rows of hits of keepers of the index, in their order: of the word of each, for few of the catalogues are
    /// known.
    pub(super) fn keeper_rows(&self, hits: &[KeeperHit]) -> Vec<FoundRow> {
        if hits.is_empty() {
            return Vec::new();
        }
        let look_alikes = LookAlikes::of(self.roster);
        let row = |KeeperHit { found, owners, .. }: &KeeperHit| {
            let (hit, claim) = (&found.hit, found.hit.claim());
            let gone = hit.owners.iter().filter(|owner| !self.is_live(**owner)).count();
            let line = ListedContent {
                size: hit.size,
                modified: hit.modified,
                mine: self.shares_itself(&hit.path, claim),
                peers: owners.clone(),
                copies: u64::from(hit.copies).saturating_sub(gone as u64),
                is_ambiguous: found.is_ambiguous,
            };
            let stands = |file| self.custody.own_copies(self.me, file);
            let row = listing::row(&hit.path, Some(claim), &line, stands, self.roster, &look_alikes);
            FoundRow { claim, row }
        };
        hits.iter().map(row).collect()
    }

    /// True for this peer and for those that are here.
    fn is_live(&self, owner: PeerId) -> bool {
        owner == self.me || self.roster.contact(owner).is_some()
    }

    /// True if this peer shares this content there.
    fn shares_itself(&self, path: &SafePath, claim: Claim) -> bool {
        let entry = self.shared.shelf.catalogue.get(path);
        entry.is_some_and(|entry| is_content(&entry.kind, claim))
    }

    /// True if another peer shares this content there, or did before it went.
    fn shares(&self, owner: PeerId, path: &SafePath, claim: Claim) -> bool {
        let catalogue = self.roster.listed_catalogue(owner);
        let entry = catalogue.and_then(|catalogue| catalogue.get(path));
        entry.is_some_and(|entry| is_content(&entry.kind, claim))
    }
}

fn is_content(kind: &EntryKind, claim: Claim) -> bool {
    matches!(kind, EntryKind::File { id, size, .. } if (*id, *size) == claim)
}
