//! A port that offers nothing yet: it proves TLS and answers `not offered` to every request. The
//! distributor and the distributee are this.

use std::collections::BTreeSet;

use crossbeam_channel::Sender;

use super::connection::Closed;
use super::engine::Role;
use super::net::{ConnId, Net};
use crate::identity::PeerId;
use crate::routes::Host;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{self, Reason, Refused};

/// Kinds from here on are answers.
const ANSWERS: u8 = 64;

/// Answers a frame with `not offered`, if it is a request.
pub(super) fn refuse(net: &mut Net, id: ConnId, frame: &Frame) {
    if frame.kind < ANSWERS {
        let request = message::request_of(frame);
        let refused = Refused { request, item: None, reason: Reason::NotOffered };
        net.send(id, &Message::Refused(refused));
    }
}

/// What the controller can ask of such a port: nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCommand {}

/// What it reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortEvent {
    /// TLS proved this peer at this address, or a byte came from it.
    Proved(PeerId, Host),
}

#[derive(Debug)]
pub(super) struct Refuser {
    pub(super) events: Sender<PortEvent>,
    pub(super) open: BTreeSet<ConnId>,
}

impl Role for Refuser {
    type Command = NoCommand;

    fn on_command(&mut self, _now: Time, _net: &mut Net, command: NoCommand) {
        match command {}
    }

    fn on_proved(&mut self, _now: Time, _net: &mut Net, id: ConnId, peer: PeerId, host: Host) {
        self.open.insert(id);
        self.on_alive(peer, host);
    }

    fn on_alive(&mut self, peer: PeerId, host: Host) {
        // A sign of life may be skipped: the next one comes.
        let _skipped = self.events.try_send(PortEvent::Proved(peer, host));
    }

    fn on_frame(&mut self, _now: Time, net: &mut Net, id: ConnId, frame: Frame) -> Result<(), String> {
        refuse(net, id, &frame);
        Ok(())
    }

    fn is_busy(&self, _id: ConnId) -> bool {
        false
    }

    fn on_closed(&mut self, _now: Time, _net: &mut Net, id: ConnId, _how: Closed) {
        self.open.remove(&id);
    }
}
