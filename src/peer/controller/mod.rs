//! The controller: one thread that owns the state of the peer. It only reacts; what it decides lies in
//! the pure files of peer/ (`roster`, `listing`, `resolve`, `downloads`, `leaving`). Here is how it
//! reacts to the parts; what users ask is in commands.rs, what it does so that those who fetch the same
//! find each other in swarms.rs, the end in departure.rs.

mod commands;
mod copies;
mod custody;
mod departure;
mod keeping;
mod own;
mod swarms;
mod verify;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, select};

use self::commands::DeferredRequest;
pub(super) use self::custody::{CHALLENGE, CustodyDriver, NOTE};
use self::verify::Verifying;
use super::away::whole_or_some;
use super::downloads::{DownloadWatcher, Downloads, Speed};
use super::leaving::{Cause, Leaving};
use super::roster::Roster;
use super::start::{Parts, Peer, next_instance};
use super::swarms::Swarms;
use crate::content::{Claim, EntryKind};
use crate::control::{Ask, ExitReport, Notice, Reply, Saved};
use crate::counters::Counters;
use crate::disk::{Arrival, PartialSeed};
use crate::distribution::{CustodyEvent, chunk_store};
use crate::error::Failure;
use crate::identity::{Identity, Instance, PeerId};
use crate::lan::{self, Gone, OwnPresence};
use crate::library::{self, Hashing, Shelf};
use crate::peer::limits;
use crate::receiver::{ReceiverCommand, ReceiverEvent};
use crate::sender::{SenderCommand, SenderEvent, SharedContent};
use crate::settings::Settings;
use crate::store::LedgerWritten;
use crate::swarm::{JobEvent, JobId};
use crate::sys::clock;
use crate::time::Time;
use crate::wire::message::PeerRecord;

/// A catalogue that could not be pulled is asked for again after this time.
const PULL_AGAIN: Duration = Duration::from_secs(5);

/// Warnings that `status` shows.
const WARNINGS: usize = 20;

/// Files of a download up to which each one is reported at the prompt.
const TOLD: usize = 20;

/// All that the controller reacts to.
enum ControllerEvent {
    Ask(Ask),
    Discovery(lan::Event),
    Library(library::Event),
    Receiver(ReceiverEvent),
    Sender(SenderEvent),
    Custody(CustodyEvent),
    Chunks(chunk_store::Event),
    /// Records of custody's are on the disk, or could not be written.
    Written(LedgerWritten),
    /// The store says what went wrong.
    Warning(String),
    Timeout,
    /// A part's thread ended although nobody asked it to.
    Broken(&'static str),
}

pub(super) struct Controller {
    pub(super) config: Settings,
    pub(super) identity: Arc<Identity>,
    pub(super) instance: Instance,
    pub(super) parts: Parts,
    pub(super) own: OwnPresence,
    pub(super) notices: Sender<Notice>,
    pub(super) asks: Receiver<Ask>,
    pub(super) warnings: VecDeque<String>,
    pub(super) counters: Arc<Counters>,
    pub(super) started: Time,
    pub(super) custody: CustodyDriver,
    state: ControllerState,
}

/// What changes while the peer runs.
#[derive(Default)]
struct ControllerState {
    roster: Roster,
    /// What lies in `shared/`.
    shelf: Arc<Shelf>,
    /// What lies in `shared/`, with the catalogue that others are given: it may name what is to come back.
    offered: Arc<Shelf>,
    head: Arc<[u8]>,
    hashing: (Vec<Hashing>, u64),
    downloads: Downloads<Sender<Reply>>,
    uploads: BTreeMap<PeerId, (u64, Speed)>,
    swarms: Swarms<PartialSeed>,
    /// The network has answered, and what we shared before is listed.
    settled: bool,
    scanned: bool,
    /// Requests that wait.
    deferred: Vec<DeferredRequest>,
    /// When catalogues that could not be pulled are asked for again.
    pull_again: Option<Time>,
    leaving: Option<Leaving>,
    /// When it is said what an `exit` waits for.
    say_busy: Option<Time>,
    /// Whoever asked for the departure and waits for it.
    exits: Vec<Sender<Reply>>,
    /// What could be said of own files when they were handed over.
    exit_report: Option<ExitReport>,
    verifying: Verifying,
    /// Why the peer ends, if not because somebody wanted it to.
    failure: Option<Failure>,
}

impl Controller {
    pub(super) fn new(peer: Peer, asks: Receiver<Ask>, notices: Sender<Notice>) -> Self {
        let Peer { config, identity, instance, parts, own, custody, warnings, counters } = peer;
        let started = clock::now();
        let state = ControllerState::default();
        Self {
            config,
            identity,
            instance,
            parts,
            own,
            notices,
            asks,
            warnings,
            counters,
            started,
            custody,
            state,
        }
    }

    /// Runs until the peer has left. `Some`: why it ended, if not because somebody wanted it to.
    pub(super) fn run(mut self) -> Option<Failure> {
        for warning in std::mem::take(&mut self.warnings) {
            self.warn(warning);
        }
        self.begin_custody();
        loop {
            let event = self.next_event(clock::now());
            let now = clock::now();
            self.handle_event(now, event);
            self.turn_custody(now);
            self.answer_deferred(now);
            if self.state.leaving.as_ref().is_some_and(|l| l.is_over(now)) {
                return self.finish();
            }
        }
    }

    fn next_event(&self, now: Time) -> ControllerEvent {
        fn or_broken<T>(
            part: &'static str,
            wrap: impl Fn(T) -> ControllerEvent,
            got: Result<T, crossbeam_channel::RecvError>,
        ) -> ControllerEvent {
            got.map_or(ControllerEvent::Broken(part), wrap)
        }
        let timeout = self.poll_timeout().map(|at| at.since(now));
        let alarm = timeout.map_or_else(crossbeam_channel::never, crossbeam_channel::after);
        select! {
            recv(self.asks) -> got => or_broken("command", ControllerEvent::Ask, got),
            recv(self.parts.discovery.events) -> got => or_broken("discovery", ControllerEvent::Discovery, got),
            recv(self.parts.library.events) -> got => or_broken("library", ControllerEvent::Library, got),
            recv(self.parts.receiver.events) -> got => or_broken("receiver", ControllerEvent::Receiver, got),
            recv(self.parts.sender.events) -> got => or_broken("sender", ControllerEvent::Sender, got),
            recv(self.parts.distributor.events) -> got => or_broken("distributor", ControllerEvent::Custody, got),
            recv(self.parts.distributee.events) -> got => or_broken("distributee", ControllerEvent::Custody, got),
            recv(self.parts.chunks.events) -> got => or_broken("chunk store", ControllerEvent::Chunks, got),
            recv(self.custody.written()) -> got => or_broken("store", ControllerEvent::Written, got),
            recv(self.parts.store.warnings) -> got => or_broken("store", ControllerEvent::Warning, got),
            recv(alarm) -> _ => ControllerEvent::Timeout,
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        let deferred = self.state.deferred.iter().map(|request| request.until).min();
        let leaving = self.state.leaving.as_ref().and_then(Leaving::poll_timeout);
        let custody =
            self.custody.poll_timeout().into_iter().chain(self.state.verifying.poll_timeout()).min();
        [deferred, leaving, self.state.pull_again, self.state.say_busy, custody].into_iter().flatten().min()
    }

    fn handle_event(&mut self, now: Time, event: ControllerEvent) {
        match event {
            ControllerEvent::Ask(ask) => self.on_ask(now, ask),
            ControllerEvent::Discovery(event) => self.on_discovery(now, event),
            ControllerEvent::Library(event) => self.on_library(now, event),
            ControllerEvent::Receiver(event) => self.on_receiver(now, event),
            ControllerEvent::Sender(event) => self.on_sender(now, event),
            ControllerEvent::Custody(event) => self.on_custody(now, event),
            ControllerEvent::Chunks(event) => self.on_chunks(now, event),
            ControllerEvent::Written(written) => self.on_written(now, written),
            ControllerEvent::Warning(text) => self.warn(text),
            ControllerEvent::Timeout => {}
            ControllerEvent::Broken(part) => {
                let failure =
                    Failure::other(format!("the {part} thread ended by a fault of potluck's; see the log"));
                self.state.failure.get_or_insert(failure);
                self.leave(now, Cause::AtOnce);
            }
        }
        if self.state.pull_again.is_some_and(|at| now >= at) {
            self.state.pull_again = None;
            self.pull();
        }
        if self.state.verifying.poll_timeout().is_some_and(|at| now >= at) {
            self.verified_if_over(now);
        }
        if self.state.say_busy.is_some_and(|at| now >= at) {
            self.state.say_busy = None;
            self.say_busy();
        }
    }

    // ---- what the parts report

    fn on_discovery(&mut self, now: Time, event: lan::Event) {
        match event {
            lan::Event::Here(info) => {
                let id = info.contact.id;
                let record = PeerRecord { at: info.at, signed: Arc::clone(&info.signed) };
                self.parts.sender.send(SenderCommand::Table(id, Some(record)));
                self.parts.receiver.send(ReceiverCommand::Peer(info.contact.clone()));
                self.custody_here(now, &info);
                let name = info.name.to_string();
                if self.state.roster.here(now, info) {
                    self.notice(Notice::Joined { name, id: id.to_string() });
                }
                if self.state.roster.len() <= limits::CATALOGUES_ON_SIGHT {
                    self.pull();
                }
            }
            lan::Event::Gone(id, why) => {
                self.parts.sender.send(SenderCommand::Table(id, None));
                self.parts.receiver.send(ReceiverCommand::Gone(id));
                self.custody_gone(now, id, why == Gone::Left);
                if let Some(member) = self.state.roster.gone(id) {
                    let name = member.info.name.to_string();
                    if let Some((head, catalogue)) = &member.shares {
                        self.state.roster.away.shares(id, head.number(), catalogue);
                    }
                    self.state.roster.away.owner_gone(id, name.clone());
                    self.notice(Notice::Gone { name, left: why == Gone::Left });
                }
            }
            lan::Event::DialBack(id) => self.dial_back(id),
            lan::Event::Settled => self.state.settled = true,
            lan::Event::NobodyHeard => {
                self.notice(Notice::Text(format!(
                    "nobody answers yet; if others are here, let UDP port {} and TCP ports {} to {} in through the firewall",
                    self.config.discovery_port,
                    self.own.ports.receiver,
                    self.own.ports.distributee
                )));
            }
            lan::Event::CopiedFolder(address) => {
                self.state.failure.get_or_insert_with(|| {
                    Failure::other(format!(
                        "a peer with this folder's key runs at {address} already (a copied folder?): stop that one, \
                         or make this one a peer of its own with `potluck identity new`"
                    ))
                });
                self.leave(now, Cause::AtOnce);
            }
            lan::Event::Lacking(id) => self.parts.receiver.send(ReceiverCommand::Table(id)),
            lan::Event::Overtaken(instance) => self.overtake(now, instance),
            lan::Event::NetworkChanged => log::info!("the network changed, or this machine slept"),
            lan::Event::Trouble(text) => self.warn(text),
            lan::Event::Sought(id, files) => self.on_sought(id, &files),
            lan::Event::Has(id, files) => self.add_swarm_members(id, &files),
        }
    }

    /// A copy of this folder was started and has stopped: what we say counts again once this is a later
    /// start than that one was.
    fn overtake(&mut self, now: Time, copy: Instance) {
        self.warn(
            "a copy of this folder was started somewhere, and stopped; `potluck identity new` there makes it \
             a peer of its own"
                .to_owned(),
        );
        match next_instance(&self.config, copy.count) {
            Ok(instance) => {
                self.instance = instance;
                self.custody.machine.renew(instance);
                self.tell_discovery(lan::Command::Instance(instance));
                self.custody.own.call(now);
            }
            Err(failure) => self.warn(failure.message),
        }
    }

    fn on_library(&mut self, now: Time, event: library::Event) {
        match event {
            library::Event::Changed(shelf) => {
                self.state.shelf = shelf;
                self.custody.own.look_again(now);
            }
            library::Event::Hashing { first, files, bytes } => {
                if self.state.hashing.1 == 0 {
                    log::debug!("{files} files with {bytes} bytes are to be hashed");
                }
                self.state.hashing = (first, files);
                if files == 0 {
                    self.custody.own.look_again(now);
                }
            }
            library::Event::Scanned => {
                self.state.scanned = true;
                // If nothing is shared, others are to know that, too.
                self.custody.own.look_again(now);
            }
            library::Event::Warning(text) => self.warn(text),
        }
    }

    fn on_receiver(&mut self, now: Time, event: ReceiverEvent) {
        match event {
            ReceiverEvent::Job(event) => self.on_job(now, event),
            ReceiverEvent::PartialSeed(seed) => self.add_partial_seed(seed),
            ReceiverEvent::Catalogue(id, head, catalogue) => {
                self.new_holder(id, &catalogue);
                self.keep_up(id, &head);
                self.state.roster.shares(id, head, catalogue);
                self.parts.receiver.send(ReceiverCommand::Kept(id));
                self.pull();
            }
            ReceiverEvent::NoKept(id) => log::debug!("{id} does not say what it keeps"),
            ReceiverEvent::Table(id, records) => self.tell_discovery(lan::Command::Table(id, records)),
            ReceiverEvent::Proved(id, host) => self.tell_discovery(lan::Command::Proved(id, host)),
            ReceiverEvent::AskBack(id, 0) => self.parts.sender.send(SenderCommand::AskBack(id)),
            // Over a connection that may be dead it is asked once.
            ReceiverEvent::AskBack(id, n) => self.tell_discovery(lan::Command::AskBack(id, n > 1)),
            ReceiverEvent::DialBack(id) => self.dial_back(id),
            ReceiverEvent::Blocked(id) => self.warn_of_firewalls(id),
            ReceiverEvent::Lost(id) => {
                self.state.roster.pull_failed(id);
                self.state.pull_again.get_or_insert(now + PULL_AGAIN);
                self.tell_discovery(lan::Command::Doubt(id));
            }
            ReceiverEvent::NoCatalogue(id) => {
                self.state.roster.pull_failed(id);
                self.state.pull_again.get_or_insert(now + PULL_AGAIN);
            }
            ReceiverEvent::OwnerCatalogue { from, origin, signed, catalogue } => {
                log::debug!("{from} gave the catalogue of {origin}");
                self.on_owner_catalogue(now, origin, &signed, &catalogue);
            }
            // It is asked for again with the next change of that keeper.
            ReceiverEvent::NoOwnerCatalogue { from, origin } => {
                log::debug!("{from} did not give the catalogue of {origin}")
            }
            ReceiverEvent::Kept(from, all) => self.on_kept(from, all),
            ReceiverEvent::Warning(text) => self.warn(text),
            ReceiverEvent::Stopped => {
                if let Some(leaving) = &mut self.state.leaving {
                    leaving.handle_receiver_stopped();
                }
            }
        }
    }

    fn on_job(&mut self, now: Time, event: JobEvent) {
        if self.is_own_job(now, &event) {
            return;
        }
        match event {
            JobEvent::Progress(progress) => {
                self.state.verifying.moved(now, progress.job);
                let roster = &self.state.roster;
                self.state.downloads.progress(now, progress, |id| roster.name(id));
                let rows = self.state.downloads.rows(now, |id| roster.name(id));
                self.notice(Notice::Downloads(rows));
            }
            JobEvent::Arrived(job, file, arrival) => {
                let (how, path) = match arrival {
                    Arrival::Saved(path) => ("saved", path),
                    Arrival::SavedAs(path) => ("saved_as", path),
                    Arrival::AlreadyThere(path) => ("already_there", path),
                    // A job of potluck's own, dealt with before.
                    Arrival::Kept => return,
                };
                self.keep_own_download(file);
                let saved = Saved { job: job.0, id: file.to_string(), path, how: how.to_owned() };
                self.tell(job, Reply::Saved(saved), false);
                self.seek();
            }
            JobEvent::Failed(job, path, failure) => {
                if self.state.downloads.part_failed(job, &failure) {
                    self.tell(job, Reply::Missing { path: path.to_string(), failure }, true);
                }
            }
            JobEvent::Finished(job, files, failure) => {
                log::debug!("download {} is over: {files} files arrived", job.0);
                self.on_finished(now, job, failure);
            }
        }
    }

    fn on_finished(&mut self, now: Time, job: JobId, failure: Option<Failure>) {
        self.good_came(now, job, failure.as_ref());
        let failure = failure.map(|failure| self.state.downloads.end_of(job, failure));
        self.tell(job, failure.map_or(Reply::Done, Reply::Failed), true);
        self.state.downloads.end(job);
        self.custody.own.restored(now, job);
        self.seek_no_longer();
        let roster = &self.state.roster;
        let rows = self.state.downloads.rows(now, |id| roster.name(id));
        self.notice(Notice::Downloads(rows));
    }

    fn on_sender(&mut self, now: Time, event: SenderEvent) {
        match event {
            SenderEvent::Proved(id, host) => self.tell_discovery(lan::Command::Proved(id, host)),
            SenderEvent::NotConnected(id) => self.tell_discovery(lan::Command::AskBack(id, false)),
            SenderEvent::Serving(list) => {
                let mut before = std::mem::take(&mut self.state.uploads);
                for (id, bytes) in list {
                    let (_, mut speed) = before.remove(&id).unwrap_or_default();
                    speed.note(now, bytes);
                    self.state.uploads.insert(id, (bytes, speed));
                }
                let sent = self.state.uploads.values().map(|(bytes, _)| *bytes).fold(0, u64::saturating_add);
                if let Some(leaving) = &mut self.state.leaving {
                    leaving.handle_sent(now, sent);
                    self.custody.machine.sent(now);
                }
            }
            SenderEvent::Changed(path) => {
                // The library ended only if the whole peer is ending.
                drop(self.parts.library.commands.send(library::Command::Check(path)));
            }
            SenderEvent::Rotten(file, chunk) => {
                log::debug!("chunk {} of {file} in the store is not what it was", chunk.get());
                self.rotten(file);
            }
            SenderEvent::Missing(file) => self.kept_is_gone(file),
            SenderEvent::Stopped => {
                if let Some(leaving) = &mut self.state.leaving {
                    leaving.handle_sender_stopped();
                }
            }
        }
    }

    /// A peer asks to be dialled: where it was authenticated, at the port that it announced.
    fn dial_back(&self, id: PeerId) {
        if let Some(contact) = self.state.roster.contact(id) {
            self.parts.sender.send(SenderCommand::DialBack(contact.clone()));
        }
    }

    fn warn_of_firewalls(&mut self, id: PeerId) {
        if let Some(port) = self.state.roster.contact(id).map(|contact| contact.ports.sender) {
            self.warn(format!(
                "{} and this peer cannot connect to each other, so what it shares cannot be had: let TCP port {} in \
                 through the firewall here, or port {port} there",
                self.state.roster.name(id),
                self.own.ports.receiver
            ));
        }
    }

    /// Gives the sender what it is to serve from now on.
    fn offer(&self) {
        let (head, shelf) = (Arc::clone(&self.state.head), Arc::clone(&self.state.offered));
        self.parts.sender.send(SenderCommand::Offer(Arc::new(SharedContent { head, shelf })));
    }

    /// Asks for every catalogue that is newer than what we have.
    fn pull(&mut self) {
        for id in self.state.roster.next_pulls() {
            self.parts.receiver.send(ReceiverCommand::Catalogue(id));
        }
    }

    /// A peer whose catalogue came may hold what is being fetched.
    fn new_holder(&self, peer: PeerId, catalogue: &crate::content::Catalogue) {
        let allowed = |only: Option<PeerId>| only.is_none_or(|only| only == peer);
        let running = self.state.downloads.iter().filter(|(_, d)| allowed(d.only));
        let wants: BTreeSet<Claim> = running.flat_map(|(_, d)| d.wants.iter().copied()).collect();
        if wants.is_empty() {
            return;
        }
        for entry in catalogue.entries() {
            if let EntryKind::File { id, size, .. } = entry.kind
                && wants.contains(&(id, size))
            {
                self.parts.receiver.send(ReceiverCommand::Holders((id, size), vec![peer]));
            }
        }
    }

    /// Those who keep some of what is being fetched are sources of it, too.
    fn more_sources(&self) {
        let running = self.state.downloads.iter().filter(|(_, d)| d.only.is_none());
        let wants: BTreeSet<Claim> = running.flat_map(|(_, d)| d.wants.iter().copied()).collect();
        if wants.is_empty() {
            return;
        }
        for (claim, parts) in self.state.roster.away.parts(&wants) {
            let (whole, some) = whole_or_some(claim.1, parts);
            self.parts.receiver.send(ReceiverCommand::Holders(claim, whole));
            self.parts.receiver.send(ReceiverCommand::Swarm(claim, some));
        }
    }

    fn tell_discovery(&self, command: lan::Command) {
        self.parts.discovery.send(command);
    }

    fn notice(&self, notice: Notice) {
        // Notices are for people: a prompt that is behind, or gone, misses some.
        drop(self.notices.try_send(notice));
    }

    fn warn(&mut self, warning: String) {
        log::warn!("{warning}");
        self.notice(Notice::Warning(warning.clone()));
        self.warnings.push_back(warning);
        if self.warnings.len() > WARNINGS {
            self.warnings.pop_front();
        }
    }

    /// Tells whoever waits for a download, else the prompt.
    fn tell(&self, job: JobId, reply: Reply, always: bool) {
        let Some(download) = self.state.downloads.get(job) else { return };
        if !self.state.downloads.tell(job, &reply) && (always || download.wants.len() <= TOLD) {
            self.notice(Notice::Download(job.0, reply));
        }
    }
}

impl DownloadWatcher for Sender<Reply> {
    fn hear(&self, reply: Reply) -> bool {
        self.send(reply).is_ok()
    }

    fn behind(&self) -> usize {
        self.len()
    }
}

/// Answers somebody who may have gone away meanwhile, which then is all right.
fn reply(replies: &Sender<Reply>, reply: Reply) {
    drop(replies.send(reply));
}
