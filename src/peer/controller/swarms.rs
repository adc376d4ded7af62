//! What the controller (mod.rs) does so that those who fetch the same file find each other; what it knows
//! of that is in peer/swarms.rs.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Controller;
use crate::content::{Claim, FileId};
use crate::disk::PartialSeed;
use crate::identity::PeerId;
use crate::lan;
use crate::peer::swarms::{LiveSeed, is_worth};
use crate::receiver::ReceiverCommand;
use crate::sender::SenderCommand;

impl LiveSeed for PartialSeed {
    fn claim(&self) -> Claim {
        (self.id(), self.chunks().size())
    }

    fn is_gone(&self) -> bool {
        Self::is_gone(self)
    }

    fn is_complete(&self) -> bool {
        Self::is_complete(self)
    }
}

impl Controller {
    /// A file is being fetched: others get what is here of it, and those of them are sought who have some.
    pub(super) fn add_partial_seed(&mut self, seed: Arc<PartialSeed>) {
        let claim = seed.claim();
        if self.custody.is_fetching(claim) && !self.is_wanted(claim) {
            // For the store: who keeps it too is said by whoever placed it.
            self.state.swarms.add(&seed, false);
            return self.parts.sender.send(SenderCommand::PartialSeed(seed));
        }
        if !self.config.swarm {
            return;
        }
        self.state.swarms.add(&seed, is_worth(seed.chunks()) && self.is_from_anyone(claim));
        self.parts.sender.send(SenderCommand::PartialSeed(seed));
        self.seek();
    }

    /// True if a user's download is to bring this content.
    fn is_wanted(&self, claim: Claim) -> bool {
        self.state.downloads.iter().any(|(_, d)| d.wants.contains(&claim))
    }

    /// True if this content is wanted of anyone who has it, not of one peer alone.
    fn is_from_anyone(&self, claim: Claim) -> bool {
        let running = || self.state.downloads.iter();
        // Mostly nothing is, and the lists of what is wanted may be long.
        running().all(|(_, d)| d.only.is_none())
            || running().any(|(_, d)| d.only.is_none() && d.wants.contains(&claim))
    }

    /// Tells discovery what is to be sought, if that changed.
    pub(super) fn seek(&mut self) {
        if self.state.leaving.is_none()
            && let Some(files) = self.state.swarms.next_seek()
        {
            self.tell_discovery(lan::Command::Seek(files));
        }
    }

    /// A download ended: what none of the others wants is not sought any more.
    pub(super) fn seek_no_longer(&mut self) {
        let running = self.state.downloads.iter().filter(|(_, d)| d.only.is_none());
        let wanted: BTreeSet<Claim> = running.flat_map(|(_, d)| d.wants.iter().copied()).collect();
        self.state.swarms.seek_only(&wanted);
        self.seek();
    }

    /// A peer seeks these files.
    pub(super) fn on_sought(&mut self, peer: PeerId, files: &[FileId]) {
        if self.state.leaving.is_some() {
            return;
        }
        let mut here = self.state.swarms.here(files);
        // What is kept for others is given, too.
        here.extend(files.iter().filter(|f| self.custody.served.has(**f)));
        here.sort_unstable();
        here.dedup();
        if !here.is_empty() {
            self.tell_discovery(lan::Command::Has(peer, here));
        }
        self.add_swarm_members(peer, files);
    }

    /// A peer fetches these files, or has some of them.
    pub(super) fn add_swarm_members(&self, peer: PeerId, files: &[FileId]) {
        for claim in self.state.swarms.wanted(files) {
            self.parts.receiver.send(ReceiverCommand::Swarm(claim, vec![peer]));
        }
    }
}
