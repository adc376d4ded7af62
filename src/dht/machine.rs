//! The machine of the table: what is asked of it when, and what is made of the answers. Pure; the shell is shell.rs.
//!
//! Contract: after each `handle_*` drain [`DhtMachine::poll_output`], and call [`DhtMachine::handle_timeout`] when
//! [`DhtMachine::poll_timeout`] says so. Each question that was put out is over once.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use zeroize::Zeroizing;

use super::files::{FileQuestion, FileTopics};
use super::keys::{TableId, TableKeys};
use super::moment::Moment;
use super::records::{PeerRecords, RecordOf};
use super::rounds::SiteRounds;
use super::{DhtEvent, DhtState, SitePort, limits};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::time::Time;

/// The number of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QuestionId(pub(super) u64);

/// A question about who can be dialled: sites, or those who have a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SiteQuestion {
    /// Who was announced under this number?
    Peers(TableId),
    /// Whoever dials this port, at the address that the nodes see, finds somebody.
    Announce(TableId, u16),
}

impl SiteQuestion {
    /// What it is about.
    pub(super) const fn id(self) -> TableId {
        match self {
            Self::Peers(id) | Self::Announce(id, _) => id,
        }
    }
}

/// A value that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedValue {
    /// What the key is made of that signs it.
    pub(super) signing: Zeroizing<[u8; 32]>,
    pub(super) value: Vec<u8>,
    /// It takes the place of one with a lower number.
    pub(super) sequence: u64,
}

/// A question to the table, or something to be kept there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// About sites.
    Site(SiteQuestion),
    /// At which addresses is this machine, as nodes see it and as it sees itself?
    Here,
    /// Keep this.
    Put(SignedValue),
    /// What is kept that is signed with the key that is made of this?
    Read(Zeroizing<[u8; 32]>),
}

/// The addresses of this machine, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnAddresses {
    /// As the nodes see it.
    pub(super) outside: Option<Ipv4Addr>,
    /// As it sees itself, on the way to them.
    pub(super) inside: Option<Ipv4Addr>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TableAnswer {
    /// One node says that these were announced.
    Peers(Vec<SocketAddrV4>),
    /// This machine is there.
    Here(OwnAddresses),
    /// One node has this value.
    Value(Vec<u8>),
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

/// What a question is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Site(SiteQuestion),
    File(FileQuestion),
    /// To put the record of this peer.
    Here,
    /// To have it kept.
    OwnRecord,
    /// To find a peer that went silent.
    Record(RecordOf),
}

/// A question that is not over.
#[derive(Debug)]
struct OpenQuestion {
    purpose: Purpose,
    /// Answers that were taken.
    answers: usize,
}

/// The machine.
#[derive(Debug)]
pub(super) struct DhtMachine {
    me: PeerId,
    keys: TableKeys,
    seed: [u8; 32],
    rounds: SiteRounds,
    records: PeerRecords,
    files: FileTopics,
    /// Where others dial this peer; `None`: that is not known yet.
    port: Option<SitePort>,
    open: BTreeMap<QuestionId, OpenQuestion>,
    next_id: u64,
    /// True while there is a node that can be asked.
    is_joined: bool,
    told: Option<DhtState>,
    outputs: VecDeque<DhtOutput>,
}

impl DhtMachine {
    /// A machine that has nobody to ask yet. `seed` is fit for keys.
    pub(super) fn new(me: PeerId, keys: TableKeys, seed: [u8; 32]) -> Self {
        let mut machine = Self {
            me,
            keys,
            seed,
            rounds: SiteRounds::new(seed),
            records: PeerRecords::new(),
            files: FileTopics::new(blake3::derive_key("potluck table pauses of files 1", &seed)),
            port: None,
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
        self.records.handle_changed(now);
        let forgotten = self.files.handle_node(now);
        self.tell_forgotten(forgotten);
        self.tell_state();
    }

    /// Where others dial this peer, and whether it speaks for its network.
    pub(super) fn handle_port(&mut self, now: Time, port: SitePort) {
        if self.port.replace(port) != Some(port) {
            self.records.handle_changed(now);
            let forgotten = self.files.handle_changed(now);
            self.tell_forgotten(forgotten);
        }
        self.rounds.handle_port(now, Some(port.outside).filter(|_| port.speaks));
        self.tell_state();
    }

    /// This machine is elsewhere, or slept.
    pub(super) fn handle_network_changed(&mut self, now: Time) {
        self.rounds.handle_changed(now);
        self.records.handle_changed(now);
        let forgotten = self.files.handle_changed(now);
        self.tell_forgotten(forgotten);
        self.tell_state();
    }

    /// A link to another site was lost.
    pub(super) fn handle_lost(&mut self, now: Time) {
        self.rounds.handle_lost(now);
    }

    /// A peer went silent.
    pub(super) fn handle_missing(&mut self, now: Time, peer: PeerId) {
        self.records.handle_missing(now, peer);
    }

    /// A peer is here.
    pub(super) fn handle_here(&mut self, peer: PeerId) {
        self.records.handle_here(peer);
    }

    /// Others are to find that this peer has these files, and no others.
    pub(super) fn handle_files(&mut self, files: &BTreeSet<FileId>) {
        self.files.handle_files(files);
    }

    /// Somebody wants to know who has this file.
    pub(super) fn handle_seek(&mut self, now: Time, file: FileId) {
        self.files.handle_seek(now, file);
    }

    /// Nobody wants to know that any more.
    pub(super) fn handle_seek_over(&mut self, file: FileId) {
        self.files.handle_seek_over(file);
    }

    /// Something came back.
    pub(super) fn handle_answer(&mut self, moment: Moment, id: QuestionId, answer: TableAnswer) {
        let Some(open) = self.open.get_mut(&id) else { return };
        match answer {
            TableAnswer::Over(is_taken) => {
                let purpose = open.purpose;
                self.open.remove(&id);
                self.over(moment.now, purpose, is_taken);
            }
            _ if open.answers >= limits::ANSWERS => {}
            TableAnswer::Peers(found) => {
                open.answers += 1;
                match open.purpose {
                    Purpose::File(FileQuestion { file, .. }) if self.files.seeks(file) => {
                        self.found(&found, |address| DhtEvent::Holder(file, address));
                    }
                    Purpose::Site(_) => self.found(&found, DhtEvent::Candidate),
                    _ => {}
                }
            }
            TableAnswer::Here(own) => {
                open.answers += 1;
                self.put(moment, own);
            }
            TableAnswer::Value(value) => {
                open.answers += 1;
                if let Purpose::Record(of) = open.purpose {
                    self.read(of, &value);
                }
            }
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let records = self.may_ask_records().then(|| self.records.poll_timeout());
        let files = self.port.and_then(|_| self.files.poll_timeout());
        let due = [self.rounds.poll_timeout(), records, files].into_iter().flatten().min();
        due.filter(|_| self.is_joined)
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, moment: Moment) {
        if !self.is_joined {
            return;
        }
        for question in self.rounds.handle_timeout(moment, &self.keys) {
            self.ask(Purpose::Site(question), Question::Site(question));
        }
        if let Some(port) = self.port {
            for question in self.files.handle_timeout(moment, &self.keys, port.outside) {
                self.ask(Purpose::File(question), Question::Site(question.asked));
            }
        }
        if !self.may_ask_records() {
            return;
        }
        if self.records.is_put_due(moment.now) {
            self.ask(Purpose::Here, Question::Here);
        }
        for of in self.records.due_reads(moment) {
            let signing = self.keys.record(of.peer, of.month).signing.clone();
            self.ask(Purpose::Record(of), Question::Read(signing));
        }
    }

    /// True if records may be put and read now: it is known where others dial this peer, and few questions are open.
    fn may_ask_records(&self) -> bool {
        self.port.is_some() && self.open.len() <= limits::MISSING
    }

    fn over(&mut self, now: Time, purpose: Purpose, is_taken: bool) {
        match purpose {
            Purpose::Site(question) => {
                if let Some(next) = self.rounds.handle_over(now, question, is_taken) {
                    self.ask(Purpose::Site(next), Question::Site(next));
                }
                self.tell_state();
            }
            Purpose::File(question) => {
                let port = self.port.map(|port| port.outside);
                if let Some(is_known) = self.files.handle_over(now, question, is_taken, port) {
                    self.outputs.push_back(DhtOutput::Tell(DhtEvent::Known(question.file, is_known)));
                }
            }
            Purpose::OwnRecord if !is_taken => self.records.handle_not_put(now),
            Purpose::Here | Purpose::OwnRecord | Purpose::Record(_) => {}
        }
    }

    /// This machine is at these addresses: others may find that in its record.
    fn put(&mut self, moment: Moment, own: OwnAddresses) {
        let Some(SitePort { outside, inside, .. }) = self.port else { return };
        let own = [(own.outside, outside), (own.inside, inside)];
        let mut own: Vec<_> =
            own.into_iter().filter_map(|(ip, port)| Some(SocketAddrV4::new(ip?, port))).collect();
        own.dedup();
        for month in moment.months() {
            let record = self.keys.record(self.me, month);
            let value = record.seal(self.nonce(), &own);
            let value = SignedValue { signing: record.signing.clone(), value, sequence: moment.unix };
            self.ask(Purpose::OwnRecord, Question::Put(value));
        }
    }

    /// A node has this as the record of a peer.
    fn read(&mut self, of: RecordOf, value: &[u8]) {
        let found = self.keys.record(of.peer, of.month).open(value);
        if let Some(found) = found.filter(|_| self.records.misses(of.peer)) {
            self.found(&found, DhtEvent::Candidate);
        }
    }

    /// One answer names these. Each is told each time: what many answers name is dialled first.
    fn found(&mut self, found: &[SocketAddrV4], event: impl Fn(SocketAddrV4) -> DhtEvent) {
        let mut taken: Vec<SocketAddrV4> = Vec::new();
        for address in found {
            if taken.len() < limits::OF_ANSWER && !taken.contains(address) {
                taken.push(*address);
            }
        }
        self.outputs.extend(taken.into_iter().map(|address| DhtOutput::Tell(event(address))));
    }

    fn ask(&mut self, purpose: Purpose, question: Question) {
        debug_assert!(self.open.len() < limits::OPEN, "{} questions are open", self.open.len());
        let id = QuestionId(self.next_id);
        self.next_id += 1;
        self.open.insert(id, OpenQuestion { purpose, answers: 0 });
        self.outputs.push_back(DhtOutput::Ask(id, question));
    }

    /// Bytes that nobody can foresee, other ones each time.
    fn nonce(&self) -> [u8; 24] {
        // The number of the question in which they go: the seed is another one at each start.
        let key = blake3::derive_key("potluck table nonces 1", &self.seed);
        let mut nonce = [0; 24];
        nonce.copy_from_slice(&blake3::keyed_hash(&key, &self.next_id.to_le_bytes()).as_bytes()[..24]);
        nonce
    }

    /// Nodes do not know of these any more.
    fn tell_forgotten(&mut self, files: Vec<FileId>) {
        self.outputs.extend(files.into_iter().map(|file| DhtOutput::Tell(DhtEvent::Known(file, false))));
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
