//! Asks peers to connect to us where we cannot connect to them, and hears who asks us. Pure; `machines.rs`
//! hosts it.
//!
//! A request names no address: whoever is asked dials where the asker proved to be, so that nobody can be
//! made to connect to a third one. Only a peer that is here can ask, from an address that it has proved. One that is
//! heard through a gateway, and was reached nowhere, is to be met besides: the gateway tells both ends where the other
//! one comes from.

use std::collections::{BTreeSet, VecDeque};

use super::traffic::{Heard, Recipient, Via};
use crate::identity::PeerId;
use crate::wire::datagram::DatagramMessage;

/// What the machine wants done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DialBackOutput {
    /// Say this.
    Send {
        /// To whom.
        to: Recipient,
        /// What.
        message: DatagramMessage,
    },
    /// This peer asks us to connect to its receiver port.
    Asked(PeerId),
    /// This peer, which is heard through a gateway, wants to be met.
    AskedToMeet(PeerId),
}

/// The machine.
#[derive(Debug)]
pub(super) struct DialBack {
    id: PeerId,
    /// Who is here.
    here: BTreeSet<PeerId>,
    outputs: VecDeque<DialBackOutput>,
}

impl DialBack {
    /// That of peer `id`.
    pub(super) const fn new(id: PeerId) -> Self {
        Self { id, here: BTreeSet::new(), outputs: VecDeque::new() }
    }

    /// The next thing to do, until there is none.
    pub(super) fn poll_output(&mut self) -> Option<DialBackOutput> {
        self.outputs.pop_front()
    }

    /// This peer is here.
    pub(super) fn handle_here(&mut self, peer: PeerId) {
        self.here.insert(peer);
    }

    /// This peer is gone.
    pub(super) fn handle_gone(&mut self, peer: PeerId) {
        self.here.remove(&peer);
    }

    /// Asks `peer` to connect to us, because we cannot connect to it. From both sockets, for a firewall there
    /// may let in only what answers, and what it sent went to either; `all`: by broadcast too, for another
    /// one lets in nothing but the discovery port.
    pub(super) fn handle_ask(&mut self, peer: PeerId, all: bool) {
        if !self.here.contains(&peer) {
            return;
        }
        let one = [Via::Own, Via::Shared].map(|via| Recipient::Peer { id: peer, via });
        for to in one.into_iter().chain(all.then_some(Recipient::Everyone)) {
            self.outputs.push_back(DialBackOutput::Send { to, message: DatagramMessage::DialBack { peer } });
        }
    }

    /// A peer that is here said this; `is_far`: it is heard through a gateway only.
    pub(super) fn handle_heard(&mut self, heard: &Heard, is_far: bool) {
        if !matches!(heard.message, DatagramMessage::DialBack { peer } if peer == self.id) {
            return;
        }
        if heard.is_proved {
            self.outputs.push_back(DialBackOutput::Asked(heard.peer));
        }
        if is_far && !heard.is_reached {
            self.outputs.push_back(DialBackOutput::AskedToMeet(heard.peer));
        }
    }

    /// It takes the same peers for here as discovery does.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check(&self, here: &BTreeSet<PeerId>) {
        assert_eq!(self.here, *here, "another is here than may be asked to dial");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: PeerId = PeerId([1; 32]);
    const OTHER: PeerId = PeerId([2; 32]);

    fn outputs(machine: &mut DialBack) -> Vec<DialBackOutput> {
        core::iter::from_fn(|| machine.poll_output()).collect()
    }

    #[test]
    fn who_is_here_is_asked_from_both_sockets_and_by_broadcast_if_that_did_not_help() {
        let mut machine = DialBack::new(ME);
        machine.handle_ask(OTHER, true);
        assert_eq!(outputs(&mut machine), [], "it is not here");
        machine.handle_here(OTHER);
        let asked = |to| DialBackOutput::Send { to, message: DatagramMessage::DialBack { peer: OTHER } };
        let one = |via| asked(Recipient::Peer { id: OTHER, via });
        machine.handle_ask(OTHER, false);
        assert_eq!(outputs(&mut machine), [one(Via::Own), one(Via::Shared)]);
        machine.handle_ask(OTHER, true);
        assert_eq!(outputs(&mut machine), [one(Via::Own), one(Via::Shared), asked(Recipient::Everyone)]);
        machine.handle_gone(OTHER);
        machine.handle_ask(OTHER, true);
        assert_eq!(outputs(&mut machine), []);
    }

    #[test]
    fn only_a_request_to_us_from_a_proved_address_is_one() {
        let mut machine = DialBack::new(ME);
        let heard = |peer, is_proved| {
            let message = DatagramMessage::DialBack { peer };
            Heard { peer: OTHER, is_proved, is_reached: is_proved, answer: None, message }
        };
        for (peer, is_proved) in [(OTHER, true), (ME, false)] {
            machine.handle_heard(&heard(peer, is_proved), false);
            assert_eq!(outputs(&mut machine), []);
        }
        machine.handle_heard(&heard(ME, true), false);
        assert_eq!(outputs(&mut machine), [DialBackOutput::Asked(OTHER)]);
        // One behind a gateway that was reached can be dialled.
        machine.handle_heard(&heard(ME, true), true);
        assert_eq!(outputs(&mut machine), [DialBackOutput::Asked(OTHER)]);
        machine.handle_heard(&heard(ME, false), true);
        assert_eq!(outputs(&mut machine), [DialBackOutput::AskedToMeet(OTHER)]);
        machine.handle_heard(&heard(OTHER, false), true);
        assert_eq!(outputs(&mut machine), []);
    }
}
