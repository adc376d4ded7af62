//! What the machine of discovery wants done, in order. Pure.

use std::collections::VecDeque;

use crate::lan::Event;
use crate::lan::traffic::{Endpoint, Heard, Recipient};
use crate::wire::datagram::DatagramMessage;

/// What the machine wants done.
#[derive(Debug)]
pub(in crate::lan) enum DiscoveryOutput {
    /// Say this.
    Send {
        /// To whom.
        to: Recipient,
        /// What.
        message: DatagramMessage,
    },
    /// An announcement is due. It says that this peer is here, and what another machine has to say to all.
    Announce,
    /// Find out which hosts the system knows on the links, and tell that by `handle_neighbours`.
    LookAround,
    /// A peer that is here said what is for another machine.
    Heard(Heard),
    /// Tell the controller.
    Event(Event),
    /// The last leave is out. Nothing comes after this.
    Left,
}

/// What was not done yet.
#[derive(Debug, Default)]
pub(super) struct Outputs(VecDeque<DiscoveryOutput>);

impl Outputs {
    /// The next one.
    pub(super) fn pop(&mut self) -> Option<DiscoveryOutput> {
        self.0.pop_front()
    }

    /// Adds one.
    pub(super) fn push(&mut self, output: DiscoveryOutput) {
        self.0.push_back(output);
    }

    /// Says something to everyone.
    pub(super) fn broadcast(&mut self, message: DatagramMessage) {
        self.push(DiscoveryOutput::Send { to: Recipient::Everyone, message });
    }

    /// Says something to one.
    pub(super) fn unicast(&mut self, to: Endpoint, message: DatagramMessage) {
        self.push(DiscoveryOutput::Send { to: Recipient::At(to), message });
    }

    /// Tells the controller.
    pub(super) fn event(&mut self, event: Event) {
        self.push(DiscoveryOutput::Event(event));
    }
}
