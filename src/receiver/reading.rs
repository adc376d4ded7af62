//! Files that are read: what the machine (reader/mod.rs) asks for, and how what came is given to whoever reads.

use std::collections::BTreeMap;

use super::ReceiverRole;
use crate::control::{Answers, Reply};
use crate::identity::PeerId;
use crate::reader::{PieceHead, ReadId, ReadOrder, ReadOutput, Readers};
use crate::receiver::ReceiverEvent;
use crate::sys::bell::Bell;
use crate::time::Time;
use crate::transfer::net::Net;

/// What is read, and who reads it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) machine: Readers,
    answers: BTreeMap<ReadId, Answers>,
    bell: Bell,
}

/// A piece that is coming in.
#[derive(Debug)]
pub(super) struct IncomingPiece {
    head: PieceHead,
    came: u64,
    is_wanted: bool,
}

impl Reading {
    pub(super) const fn new(machine: Readers, bell: Bell) -> Self {
        Self { machine, answers: BTreeMap::new(), bell }
    }

    /// Somebody reads a file, and is answered so.
    pub(super) fn begin(&mut self, now: Time, order: ReadOrder, answers: Answers) {
        answers.ring_when_taken(self.bell.clone());
        self.answers.insert(order.id, answers);
        self.machine.handle_order(now, order);
    }

    /// Looks how much of what was given is taken, and who has gone away.
    pub(super) fn look(&mut self, now: Time) -> Vec<ReadId> {
        let mut gone = Vec::new();
        for (&id, answers) in &self.answers {
            if answers.are_unread() {
                gone.push(id);
            } else {
                self.machine.handle_waiting(now, id, answers.waiting());
            }
        }
        for &id in &gone {
            self.machine.handle_cancel(now, id);
            self.answers.remove(&id);
        }
        gone
    }

    /// A block or slice begins.
    ///
    /// # Errors
    /// In words, if nobody asked for it.
    pub(super) fn begin_piece(&self, peer: PeerId, head: PieceHead) -> Result<IncomingPiece, String> {
        let is_wanted = self.machine.check_piece(peer, &head)?;
        Ok(IncomingPiece { head, came: 0, is_wanted })
    }

    /// Some of it came.
    pub(super) fn take(&mut self, piece: &mut IncomingPiece, bytes: &[u8]) {
        if piece.is_wanted {
            self.machine.take_bytes(&piece.head, piece.came, bytes);
        }
        piece.came += bytes.len() as u64;
    }

    /// All of it came. True if it was wanted.
    pub(super) fn end_piece(&mut self, now: Time, peer: PeerId, piece: IncomingPiece) -> bool {
        self.machine.handle_piece(now, peer, piece.head)
    }
}

impl ReceiverRole {
    /// Looks after those who read.
    pub(super) fn look_at_reading(&mut self, now: Time) {
        for id in self.reading.look(now) {
            self.tell(ReceiverEvent::ReadOver(id));
        }
    }

    pub(super) fn read_output(&mut self, now: Time, net: &mut Net, output: ReadOutput) {
        match output {
            ReadOutput::Dial(peer) => match self.connect(now, net, peer) {
                Some(true) => self.reading.machine.handle_up(now, peer),
                Some(false) => {}
                None => self.reading.machine.handle_down(now, peer),
            },
            ReadOutput::Drop(peer, why) => {
                self.drop_link(now, net, peer, &why);
                self.swarm.handle_down(now, peer);
                self.pulls.handle_down(now, peer);
            }
            ReadOutput::Ask(peer, message) => self.ask(net, peer, &message),
            ReadOutput::Give(id, bytes) => {
                if let Some(answers) = self.reading.answers.get(&id) {
                    // Whoever went away is noticed when it is looked at.
                    answers.send(Reply::Bytes(bytes.into()));
                }
            }
            ReadOutput::End(id, result) => {
                if let Some(answers) = self.reading.answers.remove(&id) {
                    answers.send(result.map_or_else(Reply::Failed, |()| Reply::Done));
                }
                self.tell(ReceiverEvent::ReadOver(id));
            }
            ReadOutput::Warning(text) => self.tell(ReceiverEvent::Warning(text)),
        }
    }
}
