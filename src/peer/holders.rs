//! Who can give what running downloads are to bring: the receiver is told whenever somebody new can. Pure.

use std::collections::BTreeSet;

use super::away::{Away, whole_or_some};
use super::downloads::Downloads;
use super::output::Outputs;
use super::owners::Owners;
use crate::content::{Catalogue, Claim, Entry, EntryKind, SafePath};
use crate::identity::PeerId;
use crate::receiver::ReceiverCommand;

impl Downloads {
    /// A peer whose catalogue came may hold what is being fetched.
    pub(super) fn new_holder(&mut self, peer: PeerId, catalogue: &Catalogue, out: &mut Outputs) {
        let wants = self.wants(|owners| owners.has(peer));
        if wants.is_empty() {
            return;
        }
        let mut held = Vec::new();
        for entry in catalogue.entries() {
            if let Some(claim) = claim(entry).filter(|claim| wants.contains(claim)) {
                out.receiver(ReceiverCommand::Holders(claim, vec![peer]));
                held.push((entry.path.clone(), claim));
            }
        }
        self.note_listed(peer, &held);
    }

    /// A newer catalogue of a peer came: what is being fetched may have been changed there meanwhile. What it does not
    /// list any more without listing something else there may only be being hashed again.
    pub(super) fn changed(&self, peer: PeerId, catalogue: &Catalogue, out: &mut Outputs) {
        let listed = self.listed(peer);
        let is_replaced = |(path, before): &(&SafePath, Claim)| {
            catalogue.get(path).and_then(claim).is_some_and(|now| now != *before)
        };
        let mut lost: BTreeSet<Claim> = listed.filter(is_replaced).map(|(_, claim)| claim).collect();
        if !lost.is_empty() {
            for kept in catalogue.entries().filter_map(claim) {
                lost.remove(&kept);
            }
        }
        lost.into_iter().for_each(|claim| out.receiver(ReceiverCommand::Changed(claim, peer)));
    }

    /// Those who keep some of what is being fetched are sources of it, too.
    pub(super) fn new_keepers(&self, away: &Away, out: &mut Outputs) {
        let wants = self.wants(Owners::is_anyone);
        if wants.is_empty() {
            return;
        }
        for (claim, parts) in away.parts(&wants) {
            let (whole, some) = whole_or_some(claim.1, parts);
            out.receiver(ReceiverCommand::Holders(claim, whole));
            out.receiver(ReceiverCommand::Swarm(claim, some));
        }
    }
}

/// The content of a file; a folder has none.
pub(super) const fn claim(entry: &Entry) -> Option<Claim> {
    match entry.kind {
        EntryKind::File { id, size, .. } => Some((id, size)),
        EntryKind::Folder => None,
    }
}
