//! The controller: one thread that owns the state of the peer. It only reacts; what it decides lies in
//! the pure files beside it (`roster`, `listing`, `resolve`, `downloads`, `leaving`).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, select};

use super::downloads::{Downloads, Speed};
use super::leaving::{Cause, Leaving, TellSender};
use super::listing::{self, Filter};
use super::resolve;
use super::roster::Roster;
use super::start::{Parts, next_instance};
use crate::config::Config;
use crate::content::library::{self, Hashing, Shelf};
use crate::content::{FileId, Kind};
use crate::control::{Ask, Notice, PeerRow, Reply, Request, Saved, Status, UploadRow, keyfile};
use crate::discovery::{self, Gone, Own};
use crate::error::{Code, Failure};
use crate::identity::{Identity, Instance, PeerId};
use crate::sys::clock;
use crate::time::Time;
use crate::transfer::{
    Arrival, Job, JobId, Offer, ReceiverCommand, ReceiverEvent, SenderCommand, SenderEvent,
};
use crate::{limits, text};

/// The first commands wait this long, at most, for the network to answer.
const SETTLE: Duration = Duration::from_secs(1);

/// A command waits this long, at most, for catalogues that are being pulled.
const PULL: Duration = Duration::from_secs(3);

/// A catalogue that could not be pulled is asked for again after this time.
const PULL_AGAIN: Duration = Duration::from_secs(5);

/// An `exit` that takes longer than this says what it waits for.
const SAY_BUSY: Duration = Duration::from_millis(600);

/// `status` waits this long after the start, at most, for what is shared to be looked at.
const LOOKED: Duration = Duration::from_millis(400);

/// Warnings that `status` shows.
const WARNINGS: usize = 20;

/// Names offered for completion.
const COMPLETIONS: usize = 100;

/// Files of a download up to which each one is told at the prompt.
const TOLD: usize = 20;

/// All that the controller reacts to.
enum Event {
    Ask(Ask),
    Discovery(discovery::Event),
    Library(library::Event),
    Receiver(ReceiverEvent),
    Sender(SenderEvent),
    /// The store says what went wrong.
    Warning(String),
    Timeout,
    /// A part's thread ended although nobody told it to.
    Broken(&'static str),
}

/// What a request needs to know before it can be answered well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// What this peer shares itself.
    Own,
    /// The first answers of the network, and what the peers share, too.
    Catalogues,
}

/// A request that waits for what it needs, until a time at which it is answered in any case.
struct Held {
    ask: Ask,
    needs: Needs,
    until: Time,
}

pub(super) struct Controller {
    pub(super) config: Config,
    pub(super) identity: Arc<Identity>,
    pub(super) instance: Instance,
    pub(super) parts: Parts,
    pub(super) own: Own,
    pub(super) notices: Sender<Notice>,
    pub(super) asks: Receiver<Ask>,
    pub(super) warnings: VecDeque<String>,
    pub(super) started: Time,
    state: State,
}

/// What changes while the peer runs.
#[derive(Default)]
struct State {
    roster: Roster,
    shelf: Arc<Shelf>,
    head: Arc<[u8]>,
    hashing: (Vec<Hashing>, u64),
    downloads: Downloads,
    uploads: BTreeMap<PeerId, (u64, Speed)>,
    /// The network has answered, and what we shared before is listed.
    settled: bool,
    scanned: bool,
    /// Requests that wait.
    held: Vec<Held>,
    /// When catalogues that could not be pulled are asked for again.
    pull_again: Option<Time>,
    leaving: Option<Leaving>,
    /// When it is said what an `exit` waits for.
    say_busy: Option<Time>,
    /// Whoever asked for the departure and waits for it.
    exits: Vec<Sender<Reply>>,
    /// Why the peer ends, if not because somebody wanted it to.
    failure: Option<Failure>,
}

impl Controller {
    pub(super) fn new(
        config: Config,
        identity: Arc<Identity>,
        instance: Instance,
        parts: Parts,
        own: Own,
        warnings: VecDeque<String>,
        (asks, notices): (Receiver<Ask>, Sender<Notice>),
    ) -> Self {
        let started = clock::now();
        let state = State::default();
        Self { config, identity, instance, parts, own, notices, asks, warnings, started, state }
    }

    /// Runs until the peer has left. `Some`: why it ended, if not because somebody wanted it to.
    pub(super) fn run(mut self) -> Option<Failure> {
        for warning in std::mem::take(&mut self.warnings) {
            self.warn(warning);
        }
        loop {
            let event = self.next_event(clock::now());
            let now = clock::now();
            self.handle_event(now, event);
            self.answer_held(now);
            if self.state.leaving.as_ref().is_some_and(|l| l.is_over(now)) {
                return self.finish();
            }
        }
    }

    fn next_event(&self, now: Time) -> Event {
        fn or_broken<T>(
            part: &'static str,
            wrap: impl Fn(T) -> Event,
            got: Result<T, crossbeam_channel::RecvError>,
        ) -> Event {
            got.map_or(Event::Broken(part), wrap)
        }
        let timeout = self.poll_timeout().map(|at| at.since(now));
        let alarm = timeout.map_or_else(crossbeam_channel::never, crossbeam_channel::after);
        select! {
            recv(self.asks) -> got => or_broken("command", Event::Ask, got),
            recv(self.parts.discovery.events) -> got => or_broken("discovery", Event::Discovery, got),
            recv(self.parts.library.events) -> got => or_broken("library", Event::Library, got),
            recv(self.parts.receiver.events) -> got => or_broken("receiver", Event::Receiver, got),
            recv(self.parts.sender.events) -> got => or_broken("sender", Event::Sender, got),
            recv(self.parts.store.warnings) -> got => or_broken("store", Event::Warning, got),
            recv(alarm) -> _ => Event::Timeout,
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        let held = self.state.held.iter().map(|held| held.until).min();
        let leaving = self.state.leaving.as_ref().map(Leaving::poll_timeout);
        [held, leaving, self.state.pull_again, self.state.say_busy].into_iter().flatten().min()
    }

    fn handle_event(&mut self, now: Time, event: Event) {
        match event {
            Event::Ask(ask) => self.on_ask(now, ask),
            Event::Discovery(event) => self.on_discovery(now, event),
            Event::Library(event) => self.on_library(event),
            Event::Receiver(event) => self.on_receiver(now, event),
            Event::Sender(event) => self.on_sender(now, event),
            Event::Warning(text) => self.warn(text),
            Event::Timeout => {}
            Event::Broken(part) => {
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
        if self.state.say_busy.is_some_and(|at| now >= at) {
            self.state.say_busy = None;
            self.say_busy();
        }
    }

    // ---- what the parts report

    fn on_discovery(&mut self, now: Time, event: discovery::Event) {
        match event {
            discovery::Event::Here(info) => {
                let id = info.contact.id;
                self.parts.receiver.send(ReceiverCommand::Peer(info.contact.clone()));
                let name = info.name.to_string();
                if self.state.roster.here(now, info) {
                    self.notice(Notice::Joined { name, id: id.to_string() });
                }
                if self.state.roster.len() <= limits::CATALOGUES_ON_SIGHT {
                    self.pull();
                }
                self.offer();
            }
            discovery::Event::Gone(id, why) => {
                self.parts.receiver.send(ReceiverCommand::Gone(id));
                if let Some(member) = self.state.roster.gone(id) {
                    let name = member.info.name.to_string();
                    self.notice(Notice::Gone { name, left: why == Gone::Left });
                }
                self.offer();
            }
            discovery::Event::Settled => self.state.settled = true,
            discovery::Event::NobodyHeard => {
                self.notice(Notice::Text(format!(
                    "nobody answers yet; if others are here, let UDP port {} and TCP ports {} to {} in through the firewall",
                    self.config.discovery_port,
                    self.own.ports.receiver,
                    self.own.ports.distributee
                )));
            }
            discovery::Event::CopiedFolder(address) => {
                self.state.failure.get_or_insert_with(|| {
                    Failure::other(format!(
                        "a peer with this folder's key runs at {address} already (a copied folder?): stop that one, \
                         or make this one a peer of its own with `potluck identity new`"
                    ))
                });
                self.leave(now, Cause::AtOnce);
            }
            discovery::Event::Overtaken(instance) => self.overtake(instance),
            discovery::Event::NetworkChanged => log::info!("the network changed, or this machine slept"),
            discovery::Event::Trouble(text) => self.warn(text),
        }
    }

    /// A copy of this folder was started and has stopped: what we say counts again once this is a later
    /// start than that one was.
    fn overtake(&mut self, copy: Instance) {
        self.warn(
            "a copy of this folder was started somewhere, and stopped; `potluck identity new` there makes it \
             a peer of its own"
                .to_owned(),
        );
        match next_instance(&self.config, copy.count) {
            Ok(instance) => {
                self.instance = instance;
                self.tell_discovery(discovery::Command::Instance(instance));
                self.sign();
                self.offer();
            }
            Err(failure) => self.warn(failure.message),
        }
    }

    /// Signs what is shared, as it is now.
    fn sign(&mut self) {
        let catalogue = &self.state.shelf.catalogue;
        let head = catalogue.head(self.identity.public(), self.instance, self.own.catalogue);
        self.state.head = head.sign(&self.identity).into();
    }

    fn on_library(&mut self, event: library::Event) {
        match event {
            library::Event::Changed(shelf) => {
                self.own.catalogue += 1;
                self.state.shelf = shelf;
                self.sign();
                self.offer();
                self.tell_discovery(discovery::Command::Own(self.own.clone()));
            }
            library::Event::Hashing { first, files, .. } => self.state.hashing = (first, files),
            library::Event::Scanned => {
                self.state.scanned = true;
                if self.own.catalogue == 0 {
                    // Nothing is shared: others are to know that, too.
                    self.on_library(library::Event::Changed(Arc::clone(&self.state.shelf)));
                }
            }
            library::Event::Warning(text) => self.warn(text),
        }
    }

    fn on_receiver(&mut self, now: Time, event: ReceiverEvent) {
        match event {
            ReceiverEvent::Progress(progress) => {
                let roster = &self.state.roster;
                self.state.downloads.progress(now, progress, |id| roster.name(id));
                let rows = self.state.downloads.rows(now, |id| roster.name(id));
                self.notice(Notice::Downloads(rows));
            }
            ReceiverEvent::Arrived(job, file, arrival) => {
                let (how, path) = match arrival {
                    Arrival::Saved(path) => ("saved", path),
                    Arrival::SavedAs(path) => ("saved_as", path),
                    Arrival::AlreadyThere(path) => ("already_there", path),
                };
                let saved = Saved { job: job.0, id: file.to_string(), path, how: how.to_owned() };
                self.tell(job, Reply::Saved(saved), false);
            }
            ReceiverEvent::Failed(job, path, failure) => {
                self.tell(job, Reply::Missing { path: path.to_string(), failure }, true);
            }
            ReceiverEvent::Finished(job, _, failure) => {
                self.tell(job, failure.map_or(Reply::Done, Reply::Failed), true);
                self.state.downloads.end(job);
                let roster = &self.state.roster;
                let rows = self.state.downloads.rows(now, |id| roster.name(id));
                self.notice(Notice::Downloads(rows));
            }
            ReceiverEvent::Catalogue(id, head, catalogue) => {
                self.new_holder(id, &catalogue);
                self.state.roster.shares(id, head, catalogue);
                self.pull();
            }
            ReceiverEvent::Table(datagrams) => self.tell_discovery(discovery::Command::Table(datagrams)),
            ReceiverEvent::Proved(id, host) => self.tell_discovery(discovery::Command::Proved(id, host)),
            ReceiverEvent::Lost(id) => {
                self.state.roster.pull_failed(id);
                self.state.pull_again.get_or_insert(now + PULL_AGAIN);
                self.tell_discovery(discovery::Command::Doubt(id));
            }
            ReceiverEvent::Warning(text) => self.warn(text),
            ReceiverEvent::Stopped => {
                if let Some(leaving) = &mut self.state.leaving {
                    leaving.handle_receiver_stopped();
                }
            }
        }
    }

    fn on_sender(&mut self, now: Time, event: SenderEvent) {
        match event {
            SenderEvent::Proved(id, host) => self.tell_discovery(discovery::Command::Proved(id, host)),
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
                }
            }
            SenderEvent::Changed(path) => {
                // The library ended only if the whole peer is ending.
                drop(self.parts.library.commands.send(library::Command::Check(path)));
            }
            SenderEvent::Stopped => {
                if let Some(leaving) = &mut self.state.leaving {
                    leaving.handle_sender_stopped();
                }
            }
        }
    }

    /// Gives the sender what it is to serve from now on.
    fn offer(&self) {
        let table = self.state.roster.iter().map(|(_, m)| Arc::clone(&m.info.signed)).collect();
        let (head, shelf) = (Arc::clone(&self.state.head), Arc::clone(&self.state.shelf));
        self.parts.sender.send(SenderCommand::Offer(Arc::new(Offer { head, shelf, table })));
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
        let wants: BTreeSet<FileId> = running.flat_map(|(_, d)| d.wants.iter().copied()).collect();
        if wants.is_empty() {
            return;
        }
        for entry in catalogue.entries() {
            if let Kind::File { id, .. } = entry.kind
                && wants.contains(&id)
            {
                self.parts.receiver.send(ReceiverCommand::Holders(id, vec![peer]));
            }
        }
    }

    fn tell_discovery(&self, command: discovery::Command) {
        // The discovery thread ended only if the whole peer is ending.
        drop(self.parts.discovery.commands.send(command));
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

    // ---- what users ask

    fn on_ask(&mut self, now: Time, ask: Ask) {
        let needs = match &ask.request {
            Request::List { mine: true, .. } | Request::Status => Needs::Own,
            Request::List { .. } | Request::Download { .. } => Needs::Catalogues,
            Request::Peers | Request::Exit { .. } | Request::Cancel { .. } | Request::Complete { .. } => {
                Needs::Nothing
            }
        };
        if needs == Needs::Catalogues {
            self.pull();
        }
        let until = match needs {
            Needs::Nothing => now,
            Needs::Own => self.started + LOOKED,
            Needs::Catalogues => (self.started + SETTLE).max(now + PULL),
        };
        if self.is_ready(needs) || now >= until || self.state.leaving.is_some() {
            self.answer(now, ask);
        } else {
            self.state.held.push(Held { ask, needs, until });
        }
    }

    fn is_ready(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Own => self.state.scanned && self.state.hashing.1 == 0,
            Needs::Catalogues => self.state.settled && self.state.scanned && !self.state.roster.is_pulling(),
        }
    }

    /// Answers, the oldest first, what waited for something that is there now or will not come.
    fn answer_held(&mut self, now: Time) {
        let mut at = 0;
        while let Some(held) = self.state.held.get(at) {
            if self.is_ready(held.needs) || now >= held.until || self.state.leaving.is_some() {
                let held = self.state.held.remove(at);
                self.answer(now, held.ask);
            } else {
                at += 1;
            }
        }
    }

    fn answer(&mut self, now: Time, ask: Ask) {
        let Ask { request, replies } = ask;
        let result = match request {
            Request::List { pattern, mine, from } => self.list(&replies, pattern, mine, from.as_deref()),
            Request::Download { files, from, to, wait } => {
                self.download(now, &replies, &files, from.as_deref(), to, wait)
            }
            Request::Cancel { job } => self.cancel(JobId(job)).map(Some),
            Request::Peers => Ok(Some(self.peers(now, &replies))),
            Request::Status => {
                reply(&replies, Reply::Status(Box::new(self.status(now))));
                Ok(Some(Reply::Done))
            }
            Request::Exit { now: at_once } => {
                self.state.exits.push(replies.clone());
                self.leave(now, if at_once { Cause::Now } else { Cause::Exit });
                Ok(None)
            }
            Request::Complete { prefix, peers } => {
                reply(&replies, Reply::Names { names: self.complete(&prefix, peers) });
                Ok(Some(Reply::Done))
            }
        };
        match result {
            Ok(Some(last)) => reply(&replies, last),
            Ok(None) => {}
            Err(failure) => reply(&replies, Reply::Failed(failure)),
        }
    }

    fn list(
        &self,
        replies: &Sender<Reply>,
        pattern: Option<String>,
        mine: bool,
        from: Option<&str>,
    ) -> Result<Option<Reply>, Failure> {
        let from = from.map(|word| self.state.roster.find(word)).transpose()?;
        let filter = Filter { pattern, mine, from };
        let own = &self.state.shelf.catalogue;
        for row in listing::rows(own, &self.state.hashing.0, &self.state.roster, &filter) {
            reply(replies, Reply::File(row));
        }
        Ok(Some(Reply::Done))
    }

    fn download(
        &mut self,
        now: Time,
        replies: &Sender<Reply>,
        words: &[String],
        from: Option<&str>,
        to: Option<std::path::PathBuf>,
        wait: bool,
    ) -> Result<Option<Reply>, Failure> {
        if self.state.leaving.is_some() {
            return Err(Failure::other("this peer is leaving; nothing new is begun"));
        }
        let only = from.map(|word| self.state.roster.find(word)).transpose()?;
        let found = resolve::resolve(words, &self.state.roster, &self.state.shelf.catalogue, only)?;
        let destination = to.unwrap_or_else(|| self.config.downloads());
        if !destination.is_absolute() {
            return Err(Failure::new(Code::Usage, "the folder after `--to` must be an absolute path"));
        }
        std::fs::create_dir_all(&destination).map_err(|e| {
            let shown = destination.display().to_string();
            Failure::other(format!("the folder {} cannot be used: {e}", text::shown(&shown)))
        })?;
        let job = self.state.downloads.next_id();
        let wants: Vec<_> = found.files.iter().map(|f| (f.id, f.size)).collect();
        self.state.downloads.begin(job, words.join(" "), only, &wants);
        let roster = &self.state.roster;
        if let Some(download) = self.state.downloads.get(job) {
            reply(replies, Reply::Begun(download.row(now, |id| roster.name(id))));
        }
        if wait {
            self.state.downloads.watch(job, replies.clone());
        }
        let fetch = Job { id: job, destination, files: found.files, folders: found.folders };
        self.parts.receiver.send(ReceiverCommand::Fetch(fetch));
        Ok(if wait { None } else { Some(Reply::Done) })
    }

    fn cancel(&self, job: JobId) -> Result<Reply, Failure> {
        if self.state.downloads.get(job).is_none() {
            return Err(Failure::new(Code::NotFound, format!("no download {} is running", job.0)));
        }
        self.parts.receiver.send(ReceiverCommand::Cancel(job));
        Ok(Reply::Done)
    }

    fn peers(&self, now: Time, replies: &Sender<Reply>) -> Reply {
        let mut rows: Vec<PeerRow> = self
            .state
            .roster
            .iter()
            .map(|(id, m)| PeerRow {
                name: m.info.name.to_string(),
                id: id.full(),
                address: m.info.contact.hosts.first().map_or_else(String::new, ToString::to_string),
                port: m.info.contact.ports.sender,
                files: m.shares.as_ref().map(|(_, c)| files_of(c)),
                bytes: m.shares.as_ref().map(|(head, _)| head.bytes),
                seconds: now.since(m.since).as_secs(),
            })
            .collect();
        rows.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        for row in rows {
            reply(replies, Reply::Peer(row));
        }
        Reply::Done
    }

    fn status(&self, now: Time) -> Status {
        let ports = self.own.ports;
        let s = &self.state;
        let bytes =
            s.shelf.catalogue.entries().map(|e| if let Kind::File { size, .. } = e.kind { size } else { 0 });
        Status {
            name: self.own.name.to_string(),
            id: self.identity.id().full(),
            directory: self.config.directory.clone(),
            ports: [ports.receiver, ports.sender, ports.distributor, ports.distributee],
            network: "open".to_owned(),
            peers: s.roster.len() as u64,
            files: files_of(&s.shelf.catalogue),
            bytes: bytes.fold(0, u64::saturating_add),
            hashing: s.hashing.1,
            downloads: s.downloads.rows(now, |id| s.roster.name(id)),
            uploads: s
                .uploads
                .iter()
                .map(|(id, (bytes, speed))| UploadRow {
                    to: s.roster.name(*id),
                    bytes: *bytes,
                    speed: speed.get(now),
                })
                .collect(),
            key_exported: keyfile::is_exported(&self.config.state(), self.identity.id()),
            warnings: self.warnings.iter().cloned().collect(),
        }
    }

    fn complete(&self, prefix: &str, peers: bool) -> Vec<String> {
        let mut names = BTreeSet::new();
        let roster = &self.state.roster;
        if peers {
            names.extend(roster.iter().map(|(_, m)| m.info.name.as_str().to_owned()));
            names.retain(|n| n.starts_with(prefix));
        } else {
            // One step deeper than what is typed: a folder is offered as `folder/`.
            for (_, entry) in roster.entries(None) {
                if let Some(rest) = entry.path.as_str().strip_prefix(prefix) {
                    let step = rest.find('/').map_or(rest.len(), |slash| slash + 1);
                    names.insert(format!("{prefix}{}", &rest[..step]));
                }
                if names.len() >= COMPLETIONS {
                    break;
                }
            }
        }
        names.into_iter().take(COMPLETIONS).collect()
    }

    // ---- leaving

    fn leave(&mut self, now: Time, cause: Cause) {
        let tell = if let Some(leaving) = &mut self.state.leaving {
            self.state.say_busy = self.state.say_busy.filter(|_| cause == Cause::Exit);
            leaving.harder(now, cause)
        } else {
            let (mut leaving, tell) = Leaving::begin(now, cause);
            if cause == Cause::AtOnce {
                leaving.harder(now, cause);
            }
            self.state.leaving = Some(leaving);
            self.parts.receiver.send(ReceiverCommand::Stop);
            self.state.say_busy = (cause == Cause::Exit).then(|| now + SAY_BUSY);
            tell
        };
        match tell {
            TellSender::Finish => self.parts.sender.send(SenderCommand::Finish),
            TellSender::Stop => self.parts.sender.send(SenderCommand::Stop),
            TellSender::Nothing => {}
        }
    }

    /// Says what an `exit` waits for: to whoever asked, and to the prompt, which shows only this notice.
    fn say_busy(&self) {
        let busy: Vec<String> = self.state.uploads.keys().map(|id| self.state.roster.name(*id)).collect();
        let whom = if busy.is_empty() { "others".to_owned() } else { busy.join(", ") };
        let text = format!("leaving once {whom} got what is being sent; Ctrl-C leaves now");
        self.state.exits.iter().for_each(|r| reply(r, Reply::Note { text: text.clone() }));
        self.notice(Notice::Text(text));
    }

    /// The very last act: the departure is announced, the threads end, whoever waits is told.
    fn finish(mut self) -> Option<Failure> {
        let stopped = Failure::other("this peer left; what arrived stays, `download` goes on with it");
        let jobs: Vec<JobId> = self.state.downloads.iter().map(|(id, _)| id).collect();
        for job in jobs {
            self.state.downloads.tell(job, &Reply::Failed(stopped.clone()));
        }
        self.tell_discovery(discovery::Command::Leave);
        drop(self.parts);
        let last = self.state.failure.take();
        for exit in &self.state.exits {
            reply(exit, last.clone().map_or(Reply::Done, Reply::Failed));
        }
        // A prompt that is behind learns of the end by the closed channel.
        drop(self.notices.try_send(Notice::Ended(last.clone())));
        last
    }
}

/// Answers somebody who may have gone away meanwhile, which then is all right.
fn reply(replies: &Sender<Reply>, reply: Reply) {
    drop(replies.send(reply));
}

fn files_of(catalogue: &crate::content::Catalogue) -> u64 {
    catalogue.entries().filter(|e| matches!(e.kind, Kind::File { .. })).count() as u64
}
