//! Where a peer that is here can be dialled. Pure.
//!
//! A hello goes to everyone, so whoever hears it can echo its nonce under any address of the link. That shows
//! that a peer lives, but not where: connections would go wherever it points them. So each address has to
//! echo a nonce that was sent to it alone. In a small network every peer is asked for that. In a large one it
//! would be a datagram for each pair of peers, so only those are asked that somebody wants to dial.

use core::net::SocketAddr;
use core::time::Duration;

use super::candidate::Candidate;
use super::listing::Listing;
use super::outputs::Outputs;
use crate::address::Host;
use crate::identity::PeerId;
use crate::lan::network_size::NetworkSize;
use crate::lan::rng::Rng;
use crate::lan::traffic::{Endpoint, Via};
use crate::time::Time;

/// A peer that was heard is asked within this time where it is, not all who answered one hello at once.
const SOON: Duration = Duration::from_millis(20);

impl Listing {
    /// True if this peer, which is here, is to be asked whether it can be reached at an address from which it
    /// was heard: always in a small network, in a large one if somebody wants to dial it.
    pub(super) fn is_to_be_reached(&self, id: PeerId, host: Host) -> bool {
        self.table.get(id).is_some_and(|entry| {
            // A newcomer learns from what the others announce how many they are, before it has heard them all.
            let said = NetworkSize::announced(Duration::from_millis(entry.voice.presence.interval.into()));
            let is_small = self.table.network().is_small() && said.is_small();
            let is_near = entry.gateway.is_none();
            is_near
                && (entry.is_wanted || is_small)
                && entry.hosts.contains(&host)
                && !entry.reached.contains(&host)
        })
    }

    /// Somebody wants to dial this peer.
    pub(super) fn want(&mut self, now: Time, id: PeerId, rng: &mut Rng, out: &mut Outputs) {
        let Some(entry) = self.table.get_mut(id) else { return };
        entry.is_wanted = true;
        if entry.gateway.is_some() {
            return self.have_dialled(id, out);
        }
        let (at, voice, is_reached) = (entry.at, entry.voice.clone(), !entry.reached.is_empty());
        if is_reached || !self.links.hold(Host::from(at)) {
            return;
        }
        match self.table.candidate_mut(id) {
            Some(c) if c.due.is_some() => {}
            Some(c) => {
                c.restart(now);
                self.table.ask_at(id, Some(now));
            }
            None => {
                let from = Endpoint { at, via: Via::Own };
                self.table.propose(now, id, Candidate::new(now, id, voice, from, rng).asked_at(Some(now)));
            }
        }
    }

    /// A peer that is here was heard from `at` and has not been reached there: a question that is under way
    /// goes on, for its answer will tell.
    pub(super) fn go_on_asking(
        &mut self,
        now: Time,
        id: PeerId,
        at: SocketAddr,
        candidate: Option<Candidate>,
        rng: &mut Rng,
    ) {
        let Some(entry) = self.table.get(id) else { return };
        let is_there = |c: &Candidate| c.from.host() == Host::from(at) && !c.exchanged;
        let soon = Some(now + rng.delay(SOON));
        let candidate = match candidate.filter(is_there) {
            Some(candidate) if candidate.tries > 0 => candidate,
            Some(candidate) => candidate.asked_at(soon),
            None => {
                let from = Endpoint { at, via: Via::Own };
                Candidate::new(now, id, entry.voice.clone(), from, rng).asked_at(soon)
            }
        };
        self.table.propose(now, id, candidate);
    }
}
