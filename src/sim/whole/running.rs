//! The process of a simulated peer: the machines that it hosts, and what each of them wants of the others.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::rc::Rc;
use std::sync::Arc;

use super::around::Around;
use super::custody::SimCustody;
use super::happening::{ConnEnd, ConnRole, Happening};
use super::lying::IndexLie;
use super::network::{Datagram, Process};
use super::receiver::SimReceiver;
use super::sender::SimSender;
use crate::distribution::chunk_store;
use crate::error::Failure;
use crate::identity::{Identity, Instance};
use crate::index::IndexHost;
use crate::lan::{self, Endpoint, LanOutput, Machines, Packet, Via};
use crate::library;
use crate::peer::event::{AskId, PeerEvent};
use crate::peer::file_work::{FileAnswer, FileWork, LocalFacts};
use crate::peer::machine::PeerMachine;
use crate::peer::output::PeerOutput;
use crate::peer::swarms::LiveSeed;
use crate::receiver::ReceiverCommand;
use crate::time::Time;
use crate::wire::datagram::Envelope;
use crate::wire::message::PeerRecord;
use crate::{control, disk};

/// Records of custody's are on the disk after this time.
const WRITTEN: Duration = Duration::from_millis(3);

/// A process.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) identity: Arc<Identity>,
    pub(super) lan: Machines,
    pub(super) machine: PeerMachine,
    pub(super) receiver: SimReceiver,
    pub(super) sender: SimSender,
    pub(super) custody: SimCustody,
    pub(super) index: IndexHost,
    /// How it lies to those who search its index.
    pub(super) lie: Option<IndexLie>,
    /// When `Timer` comes.
    pub(super) armed: Option<Time>,
    /// The controller has ended; only the leave is still to be said.
    pub(super) is_over: bool,
    /// The leave is said.
    pub(super) has_left: bool,
    /// What is there of the file that the controller hears of now.
    pub(super) seed: Option<Arc<dyn LiveSeed>>,
    /// What was answered to whom.
    pub(super) replies: Vec<(AskId, control::Reply)>,
    pub(super) notices: Vec<control::Notice>,
}

impl Running {
    /// Something happens to it.
    pub(super) fn handle(&mut self, around: &mut Around<'_>, what: Happening) {
        use ConnEnd::{Dialler, Listener};
        use ConnRole::{Content, Custody};
        match what {
            Happening::Timer => self.timer(around),
            Happening::Datagram(source, datagram) => self.datagram(around.now(), source, &datagram),
            Happening::Connected(id, Content) => self.receiver.connected(around, id),
            Happening::Connected(id, Custody) => self.custody.connected(around, id),
            Happening::Accepted(id, Content, peer, _) => self.sender.accepted(around, id, peer),
            Happening::Accepted(id, Custody, peer, ip) => self.custody.accepted(around, id, peer, ip),
            Happening::Bytes(id, Content, Dialler, bytes) => self.receiver.received(around, id, &bytes),
            Happening::Bytes(id, Content, Listener, bytes) => self.sender.received(around, id, &bytes),
            Happening::Bytes(id, Custody, _, bytes) => self.custody.received(around, id, &bytes),
            Happening::Closed(id, Content, Dialler) => self.receiver.closed(around, id),
            Happening::Closed(id, Content, Listener) => self.sender.closed(around, id),
            Happening::Closed(id, Custody, _) => self.custody.closed(around, id),
            Happening::Drained(id) => self.sender.called(around, id),
            Happening::Disk(event) => self.disk_said(around, event),
            Happening::Written(number) => around.tell(PeerEvent::Written((number, Ok(())))),
            Happening::Reported(event) => around.tell(*event),
        }
        self.settle(around);
    }

    /// Its receiver is told this.
    pub(super) fn tell_receiver(&mut self, around: &mut Around<'_>, command: ReceiverCommand) {
        self.receiver.command(around, command);
        self.settle(around);
    }

    fn timer(&mut self, around: &mut Around<'_>) {
        let now = around.now();
        if self.armed.is_none_or(|at| at > now) {
            return;
        }
        self.armed = None;
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.lan.poll_timeout()) {
            self.lan.handle_timeout(now);
        }
        if is_due(self.receiver.poll_timeout()) {
            self.receiver.handle_timeout(around);
        }
        if is_due(self.sender.poll_timeout()) {
            self.sender.handle_timeout(around);
        }
        if is_due(self.machine.poll_timeout()) {
            around.tell(PeerEvent::Timeout);
        }
    }

    fn disk_said(&mut self, around: &mut Around<'_>, event: disk::Event) {
        let is_restored = matches!(&event, disk::Event::Arrived(_, how)
            if how.path().is_some_and(|path| path.starts_with(around.settings.shared())));
        self.receiver.disk_said(around, event);
        if is_restored {
            let changed = library::Event::Changed(super::library::shelf(around.disk, around.settings));
            around.part_says(PeerEvent::Library(changed));
        }
    }

    /// Lets everything that follows happen, and sets the timer.
    fn settle(&mut self, around: &mut Around<'_>) {
        loop {
            while let Some(output) = self.machine.poll_output() {
                self.act(around, output);
            }
            self.seed = None;
            while let Some(output) = self.lan.poll_output() {
                self.lan_output(around, output);
            }
            let Some(event) = around.events.pop_front() else { break };
            if !self.is_over {
                if let PeerEvent::PartialSeed(seed) = &event {
                    self.seed = Some(Arc::clone(seed));
                }
                let now = around.now();
                self.machine.handle(now, event);
                self.machine.took_until(now);
            }
        }
        let machine = self.machine.poll_timeout().filter(|_| !self.is_over);
        let all =
            [self.lan.poll_timeout(), machine, self.receiver.poll_timeout(), self.sender.poll_timeout()];
        let next = all.into_iter().flatten().min().map(|at| at.max(around.now()));
        if let Some(next) = next.filter(|next| self.armed.is_none_or(|at| at > *next)) {
            self.armed = Some(next);
            around.network.at(next, self.process, Happening::Timer);
        }
    }

    // ---- what the controller wants

    fn act(&mut self, around: &mut Around<'_>, output: PeerOutput) {
        match output {
            PeerOutput::Reply(ask, reply) | PeerOutput::ReplyOr(ask, reply, _) => {
                self.replies.push((ask, reply));
            }
            PeerOutput::Notice(notice) => self.notices.push(notice),
            PeerOutput::Discovery(command) => self.discovery(around, command),
            PeerOutput::Library(library::Command::Check(_)) => {}
            // What lies there was told as it changed.
            PeerOutput::Library(library::Command::Rescan) => {
                around.part_says(PeerEvent::Library(library::Event::Rescanned));
            }
            // What is simulated is `shared/` alone.
            PeerOutput::Share(_) | PeerOutput::Sending(_) => {}
            PeerOutput::Receiver(command) => self.receiver.command(around, command),
            PeerOutput::Tell(line) => {
                let said = around.now().0 / 1_000_000;
                self.receiver.command(around, ReceiverCommand::Tell(line, said));
            }
            PeerOutput::Fetch(job) => self.receiver.fetch(around, job),
            PeerOutput::Sender(command) => {
                let command = if let Some(lie) = self.lie { lie.instead(command) } else { command };
                self.sender.command(around, command);
            }
            PeerOutput::Give(file) => {
                if let Some(seed) = self.seed.take_if(|seed| seed.claim().0 == file) {
                    self.sender.seeds.insert(file, seed);
                }
            }
            PeerOutput::Distributor(command) | PeerOutput::Distributee(command) => {
                self.custody.command(around, command);
            }
            // No route is wanted here.
            PeerOutput::Links(_) | PeerOutput::Resolve(_) | PeerOutput::Dht(_) => {}
            PeerOutput::Index(command) => {
                let event = self.index.handle(around.now(), command);
                around.part_says(PeerEvent::Index(event));
            }
            PeerOutput::Chunks(command) => chunk_store(around, command),
            PeerOutput::Ledger { rows, number } => {
                around.ledger_writes(rows);
                around.network.after(WRITTEN, self.process, Happening::Written(number));
            }
            PeerOutput::Chat(rows) => around.chat_writes(rows),
            // A start in a simulation has no queue of the one before.
            PeerOutput::Downloads(_) => {}
            PeerOutput::Transfers(_) | PeerOutput::Watch(_) | PeerOutput::Event(_) | PeerOutput::Read(..) => {
            }
            PeerOutput::Files(work) => file_work(around, work),
            PeerOutput::Facts(ask) => {
                let facts = FileAnswer::Facts(ask, Box::new(facts()));
                around.part_says(PeerEvent::Files(facts));
            }
            PeerOutput::Log(..) | PeerOutput::Guest(..) | PeerOutput::Diagnose(..) => {}
            PeerOutput::End(_) | PeerOutput::Again => self.is_over = true,
        }
    }

    // ---- discovery

    fn discovery(&mut self, around: &mut Around<'_>, command: lan::Command) {
        let now = around.now();
        match command {
            lan::Command::Own(own) => self.lan.handle_own(now, own),
            lan::Command::Proved(id, host) => self.lan.handle_proved(now, id, host),
            lan::Command::Doubt(id) => self.lan.handle_doubt(now, id),
            lan::Command::Table(teller, records) => {
                for PeerRecord { at, signed } in records {
                    // As in the shell: those that are known already cost no signature check.
                    let from = Envelope::parse(&signed).map(|e| e.key().peer_id());
                    if !from.is_ok_and(|from| self.lan.lacks(from)) {
                        continue;
                    }
                    let Some(Datagram { signed, from, body }) = Datagram::open(signed) else { continue };
                    let source = Endpoint { at, via: Via::Own };
                    let packet = Packet { source, peer: from, body: &body, signed: &signed };
                    self.lan.handle_table(now, teller, &packet);
                }
            }
            lan::Command::Instance(instance) => self.lan.handle_instance(now, instance),
            lan::Command::AskBack(id, all) => self.lan.handle_ask_back(now, id, all),
            lan::Command::Leave => self.lan.handle_leave(now),
            lan::Command::Seek(files) => self.lan.handle_seek(now, files),
            lan::Command::Reach(peer) => self.lan.handle_reach(now, peer),
            lan::Command::Has(peer, files) => self.lan.handle_has(now, peer, files),
            // Nobody in a simulation asks how things are.
            lan::Command::Facts => {}
            lan::Command::Say(number, text) => {
                // Here all clocks are right.
                let said = now.0 / 1_000_000;
                let said = self.lan.handle_say(now, said, &text).map(|()| said);
                around.tell(PeerEvent::Discovery(lan::Event::Said(lan::SayOutcome { number, said })));
            }
            // Nobody makes a link here.
            lan::Command::Link(..) | lan::Command::Relayed(..) => {}
        }
    }

    fn datagram(&mut self, now: Time, source: Endpoint, datagram: &Datagram) {
        let Datagram { signed, from, body } = datagram;
        let holds = |nonce| Envelope::parse(signed).is_ok_and(|e| e.contains(nonce));
        if self.lan.admit(now, source, *from, holds) {
            // What was not taken is counted by the shell; here the effects are looked at.
            self.lan.handle_packet(now, &Packet { source, peer: *from, body, signed }).ok();
        }
    }

    fn lan_output(&mut self, around: &mut Around<'_>, output: LanOutput) {
        let seal = |body| Rc::new(Datagram::seal(&self.identity, body));
        match output {
            LanOutput::Broadcast(body) => around.network.broadcast(around.ip, &seal(body)),
            LanOutput::Unicast { to, body } => around.network.unicast(around.ip, to, &seal(body)),
            LanOutput::Forward { to, signed, .. } => {
                if let Some(datagram) = Datagram::open(signed).map(Rc::new) {
                    match to {
                        None => around.network.broadcast(around.ip, &datagram),
                        Some(to) => around.network.unicast(around.ip, to, &datagram),
                    }
                }
            }
            // No system of these peers lists its neighbours.
            LanOutput::LookAround => {}
            // Nobody makes a link here.
            LanOutput::Envelope { .. } => {}
            LanOutput::Event(event) => around.tell(PeerEvent::Discovery(event)),
            LanOutput::Left => self.has_left = true,
        }
    }
}

/// Does what is wanted of the chunk store, and tells what there is to tell.
fn chunk_store(around: &mut Around<'_>, command: chunk_store::Command) {
    use chunk_store::{Command, Event};
    let store = around.settings.store();
    let event = match command {
        Command::Drop(file, keep) => {
            around.disk.drop_stored(&store, file, &keep);
            return;
        }
        Command::Keep(_) => return,
        Command::Lose(file, _) | Command::Clear(file) => {
            around.disk.drop_stored(&store, file, &[]);
            Event::Lost(file, Vec::new())
        }
        // What is on this disk stays as it is.
        Command::Check(file, ..) => Event::Lost(file, around.disk.stored(&store, file)),
        Command::Look(file) => Event::There(file, around.disk.stored(&store, file)),
        Command::Remove(folder) => {
            around.disk.remove_folder(&folder);
            return;
        }
        Command::Space => Event::Space(super::peer::FREE),
        Command::Verify(verify) => Event::Verified(verify.kept.len() as u64, 0),
    };
    around.part_says(PeerEvent::Chunks(event));
}

/// Does what the user of this machine wants done with files.
fn file_work(around: &mut Around<'_>, work: FileWork) {
    let answer = match work {
        // Folders are there as soon as something lies in them.
        FileWork::Destination(ask, _) => FileAnswer::Destination(ask, Ok(())),
        FileWork::Plan(ask, plan) => FileAnswer::Plan(ask, plan),
        FileWork::Discard(job, _, _) => FileAnswer::Discard(job, Ok(Vec::new())),
        FileWork::Challenge(job, _) => FileAnswer::Challenge(job, Ok(())),
        FileWork::Repair(path, _) => FileAnswer::Repair(path, Ok(())),
        FileWork::Swap(damaged) => FileAnswer::Swap(damaged, Err("nothing rots here".to_owned())),
        FileWork::Instance(after) => {
            let random = around.network.rng.next();
            FileAnswer::Instance(Ok(Instance { count: after + 1, random }))
        }
        FileWork::Routes(_) => FileAnswer::Routes(Ok(())),
        FileWork::Announced(_) => FileAnswer::Announced(Ok(())),
        FileWork::Share(ask, _) => FileAnswer::Share(ask, Err(Failure::other("one disk, one share"))),
        FileWork::Unshare(ask, name) => FileAnswer::Unshare(ask, name, Ok(())),
        FileWork::ForgetShares(_) => FileAnswer::ForgetShares(Ok(())),
        FileWork::Send(number, _) => {
            FileAnswer::Send(number, Err(Failure::other("nothing lies beside `shared/`")))
        }
        FileWork::Facts(ask, facts) => FileAnswer::Facts(ask, facts),
        FileWork::Diagnose(ask, facts) => FileAnswer::Diagnose(ask, facts),
    };
    around.part_says(PeerEvent::Files(answer));
}

fn facts() -> LocalFacts {
    LocalFacts {
        counters: control::CountersRow::default(),
        confinement: control::Confinement {
            confined: "yes".to_owned(),
            confined_why: None,
            guarded: Vec::new(),
        },
        unfinished: Vec::new(),
        key_exported: false,
    }
}

/// The network that all hosts are on.
pub(super) const NETWORK: lan::NetworkPrefix =
    lan::NetworkPrefix { ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), prefix: 8 };
