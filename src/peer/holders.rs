//! Who can give what running downloads are to bring: the receiver is told whenever somebody new can. Pure.

use super::away::{Away, whole_or_some};
use super::downloads::Downloads;
use super::output::Outputs;
use super::owners::Owners;
use crate::content::{Catalogue, EntryKind};
use crate::identity::PeerId;
use crate::receiver::ReceiverCommand;

impl Downloads {
    /// A peer whose catalogue came may hold what is being fetched.
    pub(super) fn new_holder(&self, peer: PeerId, catalogue: &Catalogue, out: &mut Outputs) {
        let wants = self.wants(|owners| owners.has(peer));
        if wants.is_empty() {
            return;
        }
        for entry in catalogue.entries() {
            if let EntryKind::File { id, size, .. } = entry.kind
                && wants.contains(&(id, size))
            {
                out.receiver(ReceiverCommand::Holders((id, size), vec![peer]));
            }
        }
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
