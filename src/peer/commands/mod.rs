//! What users ask: a request waits for what it needs, then is answered. Each command is one file, which the
//! table of commands (control/mod.rs) declares. Pure.

mod named;

use core::fmt::Debug;
use core::time::Duration;
use std::collections::BTreeMap;

use self::named::{Lookup, NeededCatalogues};
use super::downloads::DownloadOrder;
use super::event::AskId;
use super::file_work::{DiagnosisFacts, LocalFacts};
use super::machine::PeerMachine;
use super::output::{Outputs, PeerOutput};
use super::reads::OpenReads;
use super::roster::{Roster, RosterVersion};
use super::search::Searches;
use super::seeks::FileSeeks;
use crate::content::{Entry, EntryKind, SafePath, ShareName};
use crate::control::file_word::FileWord;
use crate::control::{DownloadRequest, Reply, Request, for_each_command};
use crate::error::Failure;
use crate::lan::LanFacts;
use crate::library::Share;
use crate::swarm::JobId;
use crate::time::Time;

/// The first commands wait this long, at most, for the network to answer.
const SETTLE: Duration = Duration::from_secs(1);

/// `status` waits this long after the start, at most, for what is shared to be looked at.
const LOOKED: Duration = Duration::from_millis(400);

/// Keepers of the index are asked for this long, at most: searches end before.
const ASKED: Duration = Duration::from_secs(3);

/// A completion waits this long, at most: the prompt gives it little more.
const COMPLETED: Duration = Duration::from_millis(200);

/// What a request needs to know before it can be answered well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// What this peer shares itself.
    Own,
    /// The first answers of the network: who is here.
    Peers,
    /// The first answers of the network, and what the peers share, too.
    Catalogues,
    /// In a large network what keepers of the index say; else what is known now.
    Paths,
}

/// How far a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// All was said but [`Reply::Done`].
    Done,
    /// The rest is said when it is known.
    Later,
}

/// One command.
trait Command: Debug {
    /// What it waits for.
    fn needs(&self) -> Needs;

    /// What it needs in a large network of what others share.
    fn needed_catalogues(&self, _: &Roster) -> NeededCatalogues {
        NeededCatalogues::All
    }

    /// Does what it says.
    ///
    /// # Errors
    /// What the user is told instead.
    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure>;
}

macro_rules! declare {
    ($($(#[$_attribute:meta])* $module:ident: $Variant:ident($_request:ident),)*) => {
        $(mod $module;)*

        /// The command that a request is.
        fn command(request: Request) -> Box<dyn Command> {
            match request {
                $(Request::$Variant(request) => Box::new(request),)*
            }
        }
    };
}
for_each_command!(declare);

pub(super) use self::download::turn_seeks;
pub(super) use self::search::{on_index, on_keeper, own_files_changed, searched, turn_searches};

/// A request that waits for what it needs, until a time at which it is answered in any case.
#[derive(Debug)]
struct DeferredRequest {
    ask: AskId,
    command: Box<dyn Command>,
    until: Time,
    /// What others are asked for it.
    lookup: Lookup,
}

/// A download whose destination is being made.
#[derive(Debug)]
struct PreparedDownload {
    request: DownloadRequest,
    /// What others share that may be meant by it.
    near: Vec<SafePath>,
    /// What it was found to be, and of which state of what is known that is true.
    found: Option<(RosterVersion, DownloadOrder)>,
}

/// Requests that wait.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// For what they need; the oldest first.
    deferred: Vec<DeferredRequest>,
    /// For the destination of a download to be made.
    prepared: BTreeMap<AskId, PreparedDownload>,
    /// For what `lan` tells `doctor`.
    diagnosed: Vec<AskId>,
    /// For what the index finds.
    searches: Searches,
    /// For the table between sites to name who has a file.
    pub(super) seeks: FileSeeks,
    /// Files that are read.
    pub(super) reads: OpenReads,
    /// What others share that may be meant by the request that is answered now.
    near: Vec<SafePath>,
}

impl Requests {
    /// A download is begun once its destination is there.
    fn prepare(
        &mut self,
        ask: AskId,
        request: DownloadRequest,
        found: Option<(RosterVersion, DownloadOrder)>,
    ) {
        let near = std::mem::take(&mut self.near);
        self.prepared.insert(ask, PreparedDownload { request, near, found });
    }

    /// It is answered once `lan` told how things are.
    fn diagnose(&mut self, ask: AskId) {
        self.diagnosed.push(ask);
    }

    /// How things are in `lan`, which `doctor` asked.
    pub(super) fn lan_told(&mut self, facts: &LanFacts, out: &mut Outputs) {
        for ask in std::mem::take(&mut self.diagnosed) {
            out.push(PeerOutput::Diagnose(ask, facts.clone()));
        }
    }

    /// When the first of them is answered in any case.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let deferred = self.deferred.iter().map(|request| request.until);
        deferred.chain(self.searches.poll_timeout()).chain(self.seeks.poll_timeout()).min()
    }

    /// The peer ends: what waits is not begun any more.
    pub(super) fn end(&mut self, failure: &Failure, out: &mut Outputs) {
        for ask in std::mem::take(&mut self.prepared).into_keys() {
            out.reply(ask, Reply::Failed(failure.clone()));
        }
    }
}

impl PeerMachine {
    /// Somebody asks something.
    pub(super) fn on_ask(&mut self, now: Time, ask: AskId, request: Request) {
        let command = command(request);
        let needs = command.needs();
        let lookup = match needs {
            Needs::Catalogues => named::begin(now, ask, &*command, self),
            Needs::Paths if self.presence.asks_keepers() => named::begin(now, ask, &*command, self),
            Needs::Nothing | Needs::Own | Needs::Peers | Needs::Paths => Lookup::Pulled,
        };
        let until = match needs {
            Needs::Nothing => now,
            Needs::Own => self.own.started + LOOKED,
            Needs::Peers => self.own.started + SETTLE,
            Needs::Catalogues => lookup_until(now, &lookup, self),
            Needs::Paths => now + COMPLETED,
        };
        let deferred = DeferredRequest { ask, command, until, lookup };
        if is_ready(now, &deferred, self) {
            self.answer(now, deferred);
        } else {
            self.requests.deferred.push(deferred);
        }
    }

    /// Answers, the oldest first, what waited for something that is there now or will not come.
    pub(super) fn answer_deferred(&mut self, now: Time) {
        let mut at = 0;
        while let Some(deferred) = self.requests.deferred.get(at) {
            if is_ready(now, deferred, self) {
                let deferred = self.requests.deferred.remove(at);
                if deferred.command.needs() == Needs::Catalogues && now >= deferred.until {
                    self.presence.waited(now);
                }
                self.answer(now, deferred);
            } else {
                at += 1;
            }
        }
    }

    /// The destination of a download is there, or cannot be made.
    pub(super) fn on_destination(&mut self, now: Time, ask: AskId, made: Result<(), Failure>) {
        if let Some(request) = self.transfers.offers.accepting.remove(&ask) {
            let answer = made.and_then(|()| accept::begin(now, ask, &request, self));
            return end_answer(ask, answer, &mut self.out);
        }
        if let Some(PreparedDownload { request, near, found }) = self.requests.prepared.remove(&ask) {
            self.requests.near = near;
            let found = found.filter(|(version, _)| *version == self.presence.roster.version());
            let found = found.filter(|_| !self.departure.is_begun());
            let found = found.map(|(_, order)| order);
            let answer = made.and_then(|()| download::begin(now, ask, &request, found, self));
            self.requests.near.clear();
            end_answer(ask, answer, &mut self.out);
        }
    }

    /// The shell told what it knows for `status`.
    pub(super) fn on_facts(&mut self, now: Time, ask: AskId, facts: LocalFacts) {
        status::answer(now, ask, facts, self);
    }

    fn answer(&mut self, now: Time, deferred: DeferredRequest) {
        self.requests.near = deferred.lookup.into_paths();
        let answer = deferred.command.answer(now, deferred.ask, self);
        self.requests.near.clear();
        end_answer(deferred.ask, answer, &mut self.out);
    }
}

/// This machine was looked at for `doctor`, which is answered now.
pub(super) fn diagnosed(now: Time, ask: AskId, facts: DiagnosisFacts, peer: &mut PeerMachine) {
    doctor::answer(now, ask, facts, peer);
}

/// A share is remembered, or cannot be had.
pub(super) fn shared(ask: AskId, share: Result<Share, Failure>, peer: &mut PeerMachine) {
    share::shared(ask, share, peer);
}

/// It is remembered that something is shared no more, or could not be.
pub(super) fn unshared(
    now: Time,
    ask: AskId,
    name: &ShareName,
    done: Result<(), Failure>,
    peer: &mut PeerMachine,
) {
    unshare::unshared(now, ask, name, done, peer);
}

/// A download is stopped, and leaves the queue.
pub(super) fn stop_download(now: Time, job: JobId, peer: &mut PeerMachine) {
    cancel::remove(now, job, peer);
}

/// The library looked again, as somebody asked.
pub(super) fn rescanned(peer: &mut PeerMachine) {
    rescan::answer(peer);
}

/// Until when a request waits for the network to answer, and for what the peers share.
fn catalogues_until(now: Time, peer: &PeerMachine) -> Time {
    let pulled = peer.presence.waits_until(now, peer.shared.is_scanned);
    (peer.own.started + SETTLE).max(pulled)
}

/// Until when a request waits for what others are asked for it.
fn lookup_until(now: Time, lookup: &Lookup, peer: &PeerMachine) -> Time {
    match lookup {
        lookup if lookup.is_asking() => now + ASKED,
        Lookup::Of(owners) if peer.presence.is_settled() && peer.shared.is_scanned => {
            peer.presence.waits_for(now, owners).unwrap_or(now)
        }
        _ => catalogues_until(now, peer),
    }
}

/// True if a request is to be answered now.
fn is_ready(now: Time, deferred: &DeferredRequest, peer: &PeerMachine) -> bool {
    let knows = match deferred.command.needs() {
        Needs::Nothing => true,
        Needs::Own => peer.shared.is_known(),
        Needs::Peers => peer.presence.is_settled(),
        Needs::Paths => !deferred.lookup.is_asking(),
        Needs::Catalogues => peer.shared.is_scanned && is_told(now, &deferred.lookup, peer),
    };
    knows || now >= deferred.until || peer.departure.is_begun()
}

/// True if others told what was asked of them, or will not.
fn is_told(now: Time, lookup: &Lookup, peer: &PeerMachine) -> bool {
    match lookup {
        Lookup::Pulled => peer.presence.is_known(now),
        Lookup::Owners { .. } | Lookup::Alike { .. } => false,
        Lookup::Of(owners) => peer.presence.is_settled() && peer.presence.waits_for(now, owners).is_none(),
        Lookup::Paths(_) => true,
    }
}

fn end_answer(ask: AskId, answer: Result<Answer, Failure>, out: &mut Outputs) {
    match answer {
        Ok(Answer::Done) => out.reply(ask, Reply::Done),
        Ok(Answer::Later) => {}
        Err(failure) => out.reply(ask, Reply::Failed(failure)),
    }
}

/// True if a word means this file: its path, a folder that it is in, or `b3:` and the first digits of its id.
fn is_meant(word: &str, entry: &Entry) -> bool {
    let EntryKind::File { id, .. } = entry.kind else { return false };
    match FileWord::of(word) {
        FileWord::Id(digits) => digits.len() >= 4 && id.to_string().starts_with(&digits.to_lowercase()),
        FileWord::Path(path) => {
            let path: Option<SafePath> = path.trim_end_matches('/').parse().ok();
            path.is_some_and(|path| entry.path == path || entry.path.below(&path).is_some())
        }
    }
}
