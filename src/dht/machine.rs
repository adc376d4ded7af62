//! The machine of the table: what is asked of it when, and what is made of the answers. Pure; the shell is shell.rs.
//!
//! Contract: after each `handle_*` drain [`DhtMachine::poll_output`], and call [`DhtMachine::handle_timeout`] when
//! [`DhtMachine::poll_timeout`] says so. Each question that was put out is over once.

use core::net::SocketAddrV4;
use std::collections::{BTreeMap, VecDeque};

use super::keys::{TableId, TableKeys};
use super::moment::Moment;
use super::rounds::SiteRounds;
use super::{DhtEvent, DhtState, limits};
use crate::time::Time;

/// The number of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QuestionId(pub(super) u64);

/// A question to the table, or something to be kept there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Who was announced under this number?
    Peers(TableId),
    /// Whoever dials this port, at the address that the nodes see, finds somebody.
    Announce(TableId, u16),
}

impl Question {
    /// What it is about.
    pub(super) const fn id(self) -> TableId {
        match self {
            Self::Peers(id) | Self::Announce(id, _) => id,
        }
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TableAnswer {
    /// One node says that these were announced.
    Peers(Vec<SocketAddrV4>),
    /// Nothing more comes. `true`: nodes answered, and took what was to be kept.
    Over(bool),
}

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DhtOutput {
    /// Ask this, and report by [`DhtMachine::handle_answer`].
    Ask(QuestionId, Question),
    /// Tell the controller.
    Tell(DhtEvent),
}

/// A question that is not over.
#[derive(Debug)]
struct OpenQuestion {
    question: Question,
    /// Answers that were taken.
    answers: usize,
}

/// The machine.
#[derive(Debug)]
pub(super) struct DhtMachine {
    keys: TableKeys,
    rounds: SiteRounds,
    open: BTreeMap<QuestionId, OpenQuestion>,
    next_id: u64,
    /// True while there is a node that can be asked.
    is_joined: bool,
    told: Option<DhtState>,
    outputs: VecDeque<DhtOutput>,
}

impl DhtMachine {
    /// A machine that has nobody to ask yet.
    pub(super) fn new(keys: TableKeys, seed: [u8; 32]) -> Self {
        let mut machine = Self {
            keys,
            rounds: SiteRounds::new(seed),
            open: BTreeMap::new(),
            next_id: 0,
            is_joined: false,
            told: None,
            outputs: VecDeque::new(),
        };
        machine.tell_state();
        machine
    }

    /// The next thing to do, until there is none.
    pub(super) fn poll_output(&mut self) -> Option<DhtOutput> {
        self.outputs.pop_front()
    }

    /// There is a node of this peer in the table now, or none any more. What was asked of the last one is over.
    pub(super) fn handle_node(&mut self, now: Time, is_joined: bool) {
        self.open.clear();
        self.is_joined = is_joined;
        self.rounds.handle_node(now);
        self.tell_state();
    }

    /// The port that others dial; `None`: others speak for this network.
    pub(super) fn handle_port(&mut self, now: Time, port: Option<u16>) {
        self.rounds.handle_port(now, port);
        self.tell_state();
    }

    /// This machine is elsewhere, or slept.
    pub(super) fn handle_network_changed(&mut self, now: Time) {
        self.rounds.handle_changed(now);
        self.tell_state();
    }

    /// A link to another site was lost.
    pub(super) fn handle_lost(&mut self, now: Time) {
        self.rounds.handle_lost(now);
    }

    /// Something came back.
    pub(super) fn handle_answer(&mut self, now: Time, id: QuestionId, answer: TableAnswer) {
        match answer {
            TableAnswer::Peers(found) => self.found(id, &found),
            TableAnswer::Over(is_taken) => {
                let Some(open) = self.open.remove(&id) else { return };
                if let Some(next) = self.rounds.handle_over(now, open.question, is_taken) {
                    self.ask(next);
                }
                self.tell_state();
            }
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.rounds.poll_timeout().filter(|_| self.is_joined)
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, moment: Moment) {
        if self.is_joined {
            for question in self.rounds.handle_timeout(moment, &self.keys) {
                self.ask(question);
            }
        }
    }

    /// One node names these. Each is told each time: what many nodes name is dialled first.
    fn found(&mut self, id: QuestionId, found: &[SocketAddrV4]) {
        let Some(open) = self.open.get_mut(&id).filter(|open| open.answers < limits::ANSWERS) else { return };
        open.answers += 1;
        let mut taken: Vec<SocketAddrV4> = Vec::new();
        for address in found {
            if taken.len() < limits::OF_ANSWER && !taken.contains(address) {
                taken.push(*address);
            }
        }
        self.outputs.extend(taken.into_iter().map(|address| DhtOutput::Tell(DhtEvent::Candidate(address))));
    }

    fn ask(&mut self, question: Question) {
        let id = QuestionId(self.next_id);
        self.next_id += 1;
        self.open.insert(id, OpenQuestion { question, answers: 0 });
        debug_assert!(self.open.len() <= limits::TOPICS, "{} questions are open", self.open.len());
        self.outputs.push_back(DhtOutput::Ask(id, question));
    }

    fn tell_state(&mut self) {
        let state = match () {
            () if !self.is_joined => DhtState::Resolving,
            () if !self.rounds.speaks() => DhtState::StandingBy,
            () if self.rounds.is_announced() => DhtState::Announced,
            () => DhtState::Joining,
        };
        if self.told.replace(state) != Some(state) {
            self.outputs.push_back(DhtOutput::Tell(DhtEvent::State(state)));
        }
    }
}
