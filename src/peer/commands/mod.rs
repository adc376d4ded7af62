//! What users ask: a request waits for what it needs, then is answered. Each command is one file, which the
//! table of commands (control/mod.rs) declares. Pure.

use core::fmt::Debug;
use core::time::Duration;
use std::collections::BTreeMap;

use super::event::AskId;
use super::file_work::{DiagnosisFacts, LocalFacts};
use super::machine::PeerMachine;
use super::output::{Outputs, PeerOutput};
use super::search::Searches;
use crate::content::{Catalogue, Entry, EntryKind, SafePath};
use crate::control::file_word::FileWord;
use crate::control::{DownloadRequest, Reply, Request, for_each_command};
use crate::error::Failure;
use crate::lan::LanFacts;
use crate::time::Time;

/// The first commands wait this long, at most, for the network to answer.
const SETTLE: Duration = Duration::from_secs(1);

/// `status` waits this long after the start, at most, for what is shared to be looked at.
const LOOKED: Duration = Duration::from_millis(400);

/// What a request needs to know before it can be answered well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// What this peer shares itself.
    Own,
    /// The first answers of the network, and what the peers share, too.
    Catalogues,
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

pub(super) use self::search::{on_index, on_keeper, own_files_changed, searched, turn_searches};

/// A request that waits for what it needs, until a time at which it is answered in any case.
#[derive(Debug)]
struct DeferredRequest {
    ask: AskId,
    command: Box<dyn Command>,
    until: Time,
}

/// Requests that wait.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// For what they need; the oldest first.
    deferred: Vec<DeferredRequest>,
    /// For the destination of a download to be made.
    prepared: BTreeMap<AskId, DownloadRequest>,
    /// For what `lan` tells `doctor`.
    diagnosed: Vec<AskId>,
    /// For what the index finds.
    searches: Searches,
}

impl Requests {
    /// A download is begun once its destination is there.
    fn prepare(&mut self, ask: AskId, download: DownloadRequest) {
        self.prepared.insert(ask, download);
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
        deferred.chain(self.searches.poll_timeout()).min()
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
        if needs == Needs::Catalogues {
            self.presence.pull(now, &mut self.out);
        }
        let until = match needs {
            Needs::Nothing => now,
            Needs::Own => self.own.started + LOOKED,
            Needs::Catalogues => catalogues_until(now, self),
        };
        let deferred = DeferredRequest { ask, command, until };
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
        if let Some(request) = self.requests.prepared.remove(&ask) {
            let answer = made.and_then(|()| download::begin(now, ask, &request, self));
            end_answer(ask, answer, &mut self.out);
        }
    }

    /// The shell told what it knows for `status`.
    pub(super) fn on_facts(&mut self, now: Time, ask: AskId, facts: LocalFacts) {
        status::answer(now, ask, facts, self);
    }

    fn answer(&mut self, now: Time, deferred: DeferredRequest) {
        let answer = deferred.command.answer(now, deferred.ask, self);
        end_answer(deferred.ask, answer, &mut self.out);
    }
}

/// This machine was looked at for `doctor`, which is answered now.
pub(super) fn diagnosed(now: Time, ask: AskId, facts: DiagnosisFacts, peer: &mut PeerMachine) {
    doctor::answer(now, ask, facts, peer);
}

/// Until when a request waits for the network to answer, and for what the peers share.
fn catalogues_until(now: Time, peer: &PeerMachine) -> Time {
    let pulled = peer.presence.waits_until(now, peer.shared.is_scanned);
    (peer.own.started + SETTLE).max(pulled)
}

/// True if a request is to be answered now.
fn is_ready(now: Time, deferred: &DeferredRequest, peer: &PeerMachine) -> bool {
    let knows = match deferred.command.needs() {
        Needs::Nothing => true,
        Needs::Own => peer.shared.is_known(),
        Needs::Catalogues => peer.shared.is_scanned && peer.presence.is_known(now),
    };
    knows || now >= deferred.until || peer.departure.is_begun()
}

fn end_answer(ask: AskId, answer: Result<Answer, Failure>, out: &mut Outputs) {
    match answer {
        Ok(Answer::Done) => out.reply(ask, Reply::Done),
        Ok(Answer::Later) => {}
        Err(failure) => out.reply(ask, Reply::Failed(failure)),
    }
}

fn files_of(catalogue: &Catalogue) -> u64 {
    catalogue.entries().filter(|e| matches!(e.kind, EntryKind::File { .. })).count() as u64
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
