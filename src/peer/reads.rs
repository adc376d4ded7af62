//! What is read now: the receiver is told of those who can give it, too. Pure.

use std::collections::BTreeMap;

use super::holders::claim;
use super::output::Outputs;
use super::owners::Owners;
use crate::content::{Catalogue, Claim};
use crate::identity::PeerId;
use crate::reader::ReadId;
use crate::receiver::ReceiverCommand;

/// Files that are read.
#[derive(Debug, Default)]
pub(super) struct OpenReads {
    reads: BTreeMap<ReadId, (Claim, Owners)>,
}

impl OpenReads {
    /// A content is read; of these peers alone.
    pub(super) fn begin(&mut self, id: ReadId, claim: Claim, owners: Owners) {
        self.reads.insert(id, (claim, owners));
    }

    /// It is read no more.
    pub(super) fn over(&mut self, id: ReadId) {
        self.reads.remove(&id);
    }

    /// A peer whose catalogue came may have what is read.
    pub(super) fn new_holder(&self, peer: PeerId, catalogue: &Catalogue, out: &mut Outputs) {
        for (wanted, owners) in self.reads.values() {
            if owners.has(peer) && catalogue.entries().filter_map(claim).any(|claim| claim == *wanted) {
                out.receiver(ReceiverCommand::ReadFrom(*wanted, vec![peer]));
            }
        }
    }
}
