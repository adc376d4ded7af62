//! The shell of a peer's machine: it gives it what the threads report, with the time, and does what it wants.

use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvError, Sender, select, unbounded};

use super::askers::Askers;
use super::event::{AskId, PeerEvent};
use super::file_work::{DiagnosisFacts, FileWork};
use super::machine::PeerMachine;
use super::openers::OwnFileOpener;
use super::output::{LogLevel, PeerOutput, SendingOrder, ShareOrder};
use super::parts::Parts;
use super::swarms::LiveSeed;
use crate::content::Claim;
use crate::control::{Ask, ControllerChannels, GuestAsk, GuestOrder, Notice, OwnFileAsk, Reply};
use crate::dht::{DhtEvent, DhtState};
use crate::disk::PartialSeed;
use crate::doctor::MachineFacts;
use crate::error::Failure;
use crate::library::sending::SendingStep;
use crate::receiver::{ReceiverCommand, ReceiverEvent};
use crate::sender::SenderCommand;
use crate::store::LedgerWritten;
use crate::sys::clock;
use crate::time::Time;

/// How a start of a peer ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The peer has left. `Some`: why, if not because somebody wanted it to.
    Left(Option<Failure>),
    /// It has left its network, and is to start again in another one.
    Again,
}

/// The shell, which the main thread runs.
#[derive(Debug)]
pub(super) struct PeerShell {
    machine: PeerMachine,
    parts: Parts,
    asks: Receiver<Ask>,
    /// Files that pages want to read.
    opens: Receiver<OwnFileAsk>,
    /// `None`: there was no thread for it.
    opener: Option<OwnFileOpener>,
    askers: Askers,
    /// To whoever lets guests in.
    guests: Sender<GuestAsk>,
    notices: Sender<Notice>,
    /// What the store thread says of writings.
    written: (Sender<LedgerWritten>, Receiver<LedgerWritten>),
    /// What is there of the file that the machine hears of now.
    seed: Option<Arc<PartialSeed>>,
}

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

impl PeerShell {
    pub(super) fn new(machine: PeerMachine, parts: Parts, channels: &ControllerChannels) -> Self {
        Self {
            machine,
            parts,
            asks: channels.asks.clone(),
            opens: channels.opens.clone(),
            opener: OwnFileOpener::start().inspect_err(|e| log::warn!("pages read slowly: {e}")).ok(),
            askers: Askers::default(),
            guests: channels.guests.clone(),
            notices: channels.notices.clone(),
            written: unbounded(),
            seed: None,
        }
    }

    /// Runs until the peer has left its network.
    pub(super) fn run(mut self) -> Ended {
        loop {
            while let Some(output) = self.machine.poll_output() {
                match output {
                    PeerOutput::End(failure) => {
                        self.end();
                        return Ended::Left(failure);
                    }
                    PeerOutput::Again => {
                        self.end();
                        return Ended::Again;
                    }
                    output => self.act(output),
                }
            }
            self.seed = None;
            let event = self.next_event(clock::now());
            if matches!(event, PeerEvent::Dht(DhtEvent::State(DhtState::Ended))) {
                self.parts.dht = None;
            }
            self.machine.transfers.calendar.set(clock::now(), clock::unix_millis());
            self.machine.out.set_watched(self.askers.are_watching());
            self.machine.handle(clock::now(), event);
            self.machine.took_until(clock::now());
        }
    }

    fn next_event(&mut self, now: Time) -> PeerEvent {
        fn or_broken<T>(
            part: &'static str,
            wrap: impl Fn(T) -> PeerEvent,
            got: Result<T, RecvError>,
        ) -> PeerEvent {
            got.map_or(PeerEvent::Broken(part), wrap)
        }
        let timeout = self.machine.poll_timeout().map(|at| at.since(now));
        let alarm = timeout.map_or_else(crossbeam_channel::never, crossbeam_channel::after);
        let Parts {
            discovery,
            mapping,
            dht,
            library,
            shares,
            sending,
            receiver,
            sender,
            distributor,
            distributee,
            links,
            index,
            resolver,
            chunks,
            store,
            files,
            ..
        } = &self.parts;
        let mapped = mapping.as_ref().map_or_else(crossbeam_channel::never, |mapping| mapping.events.clone());
        let table = dht.as_ref().map_or_else(crossbeam_channel::never, |dht| dht.events.clone());
        select! {
            recv(self.asks) -> got => match got {
                Ok(Ask { request, replies }) => PeerEvent::Ask(self.askers.admit(replies), request),
                Err(_) => PeerEvent::Broken("command"),
            },
            recv(self.opens) -> got => {
                match (got, &self.opener) {
                    (Ok(ask), Some(opener)) => opener.open(&self.machine.shared.shelf, ask),
                    (Ok(ask), None) => (ask.answer)(None),
                    (Err(_), _) => return PeerEvent::Broken("page"),
                }
                PeerEvent::Timeout
            }
            recv(receiver.events) -> got => match got {
                Ok(ReceiverEvent::PartialSeed(seed)) => {
                    self.seed = Some(Arc::clone(&seed));
                    PeerEvent::PartialSeed(seed)
                }
                Ok(event) => PeerEvent::Receiver(event),
                Err(_) => PeerEvent::Broken("receiver"),
            },
            recv(discovery.events) -> got => or_broken("discovery", PeerEvent::Discovery, got),
            recv(mapped) -> got => or_broken("port mapping", PeerEvent::PortMapping, got),
            // No other part needs it: whoever is on this network goes on without.
            recv(table) -> got => PeerEvent::Dht(got.unwrap_or(DhtEvent::State(DhtState::Ended))),
            recv(library.events) -> got => or_broken("library", PeerEvent::Library, got),
            recv(shares.reports) -> got => match got {
                Ok(report) if shares.is_current(&report) => PeerEvent::Share(report.share, report.event),
                // Of one that was ended. The channel never ends, for new ones are given its other end.
                _ => PeerEvent::Timeout,
            },
            // As with shares, the channel never ends.
            recv(sending.reports) -> got => got.map_or(PeerEvent::Timeout, |(number, step)| PeerEvent::Sending(number, step)),
            recv(sender.events) -> got => or_broken("sender", PeerEvent::Sender, got),
            recv(distributor.events) -> got => or_broken("distributor", PeerEvent::Custody, got),
            recv(distributee.events) -> got => or_broken("distributee", PeerEvent::Custody, got),
            recv(links.events) -> got => or_broken("links", PeerEvent::Links, got),
            recv(index.events) -> got => or_broken("index", PeerEvent::Index, got),
            recv(resolver.events) -> got => or_broken("resolver", PeerEvent::Resolved, got),
            recv(chunks.events) -> got => or_broken("chunk store", PeerEvent::Chunks, got),
            recv(files.events) -> got => or_broken("files", PeerEvent::Files, got),
            recv(self.written.1) -> got => or_broken("store", PeerEvent::Written, got),
            recv(store.warnings) -> got => or_broken("store", PeerEvent::Warning, got),
            recv(alarm) -> _ => PeerEvent::Timeout,
        }
    }

    fn act(&mut self, output: PeerOutput) {
        match output {
            // Whoever asked may have gone away meanwhile, which then is all right.
            PeerOutput::Reply(ask, reply) => drop(self.askers.reply(ask, reply)),
            PeerOutput::ReplyOr(ask, reply, notice) => {
                if !self.askers.reply(ask, reply) {
                    self.notice(notice);
                }
            }
            PeerOutput::Notice(notice) => self.notice(notice),
            PeerOutput::Watch(ask) => self.askers.watch(ask, clock::unix_millis()),
            PeerOutput::Event(row) => self.askers.happened(*row, clock::unix_millis()),
            PeerOutput::Discovery(command) => self.parts.discovery.send(command),
            // The library ended only if the whole peer is ending.
            PeerOutput::Library(command) => drop(self.parts.library.commands.send(command)),
            PeerOutput::Share(order) => self.share(order),
            PeerOutput::Sending(order) => self.send(order),
            PeerOutput::Receiver(command) => self.parts.receiver.send(command),
            PeerOutput::Read(ask, order) => {
                // Whoever asked may have gone away: then nothing is read.
                match self.askers.hand_over(ask) {
                    Some(answers) => self.parts.receiver.send(ReceiverCommand::Read(order, answers)),
                    None => {
                        let over = ReceiverEvent::ReadOver(order.id);
                        self.machine.handle(clock::now(), PeerEvent::Receiver(over));
                    }
                }
            }
            PeerOutput::Tell(line) => {
                self.parts.receiver.send(ReceiverCommand::Tell(line, clock::unix_millis()));
            }
            PeerOutput::Fetch(job) => {
                if let Some(over) = self.parts.fetch(job) {
                    self.machine.handle(clock::now(), PeerEvent::Receiver(over));
                }
            }
            PeerOutput::Sender(command) => self.parts.sender.send(command),
            PeerOutput::Give(file) => {
                if let Some(seed) = self.seed.take_if(|seed| seed.id() == file) {
                    self.parts.sender.send(SenderCommand::PartialSeed(seed));
                }
            }
            PeerOutput::Distributor(command) => self.parts.distributor.send(command),
            PeerOutput::Distributee(command) => self.parts.distributee.send(command),
            PeerOutput::Links(command) => self.parts.links.send(command),
            PeerOutput::Index(command) => self.parts.index.send(command),
            PeerOutput::Dht(command) => {
                if let Some(dht) = &self.parts.dht {
                    dht.send(command);
                }
            }
            PeerOutput::Resolve(work) => self.parts.resolver.send(work),
            PeerOutput::Chunks(command) => self.parts.chunks.send(command),
            PeerOutput::Ledger { rows, number } => {
                self.parts.store.put_ledger(rows, number, self.written.0.clone());
            }
            PeerOutput::Chat(rows) => self.parts.store.put_chat(rows),
            PeerOutput::Downloads(rows) => self.parts.store.put_downloads(rows),
            PeerOutput::Transfers(rows) => self.parts.store.put_transfers(rows),
            PeerOutput::Files(work) => self.parts.files.send(work),
            // What is to be looked up is added by the thread of files.
            PeerOutput::Facts(ask) => {
                self.parts.files.send(FileWork::Facts(ask, Box::new(self.parts.facts())));
            }
            PeerOutput::Diagnose(ask, lan) => {
                let confinement = self.parts.sandboxes.confinement();
                let machine = MachineFacts::default();
                let facts = DiagnosisFacts { lan, confinement, machine };
                self.parts.files.send(FileWork::Diagnose(ask, Box::new(facts)));
            }
            PeerOutput::Guest(ask, order) => self.guests(ask, order),
            PeerOutput::Log(LogLevel::Debug, text) => log::debug!("{text}"),
            PeerOutput::Log(LogLevel::Info, text) => log::info!("{text}"),
            PeerOutput::Log(LogLevel::Warn, text) => log::warn!("{text}"),
            // Taken out before.
            PeerOutput::End(_) | PeerOutput::Again => {}
        }
    }

    /// Does what is to be done for a share; the user is warned if it cannot be.
    fn share(&mut self, order: ShareOrder) {
        if let Err(text) = self.parts.share(order) {
            self.machine.handle(clock::now(), PeerEvent::Warning(text));
        }
    }

    /// Does what is to be done for an offer of this peer; it fails if it cannot be read.
    fn send(&mut self, order: SendingOrder) {
        if let Err((number, failure)) = self.parts.send(order) {
            let step = SendingStep::Ready(Err(failure));
            self.machine.handle(clock::now(), PeerEvent::Sending(number, step));
        }
    }

    /// Whoever lets guests in does it, and answers.
    fn guests(&mut self, ask: AskId, order: GuestOrder) {
        let Some(answers) = self.askers.hand_over(ask) else { return };
        if let Err(unsent) = self.guests.send(GuestAsk { order, answers: Some(answers) })
            && let Some(answers) = unsent.into_inner().answers
        {
            answers.send(Reply::Failed(Failure::other("this peer is leaving")));
        }
    }

    fn notice(&self, notice: Notice) {
        // Notices are for people: a prompt that is behind, or gone, misses some.
        drop(self.notices.try_send(notice));
    }

    /// The threads end, then whoever waits is told.
    fn end(self) {
        let Self { mut machine, parts, mut askers, guests, notices, .. } = self;
        // Who finds the network of before by a page for guests finds nothing any more.
        drop(guests.send(GuestAsk { order: GuestOrder::Off, answers: None }));
        drop(parts);
        while let Some(output) = machine.poll_output() {
            match output {
                PeerOutput::Reply(ask, reply) => drop(askers.reply(ask, reply)),
                PeerOutput::Notice(notice) => drop(notices.try_send(notice)),
                PeerOutput::Event(row) => askers.happened(*row, clock::unix_millis()),
                other => log::debug!("too late: {other:?}"),
            }
        }
        askers.end_watching();
    }
}
