//! What users ask of the controller (mod.rs): a request waits for what it needs, then is answered.

use core::num::NonZeroU64;
use core::time::Duration;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crossbeam_channel::Sender;

use super::{Controller, reply};
use crate::content::{Entry, EntryKind, SafePath};
use crate::control::{
    Ask, CancelRequest, CompleteRequest, CompletionNames, Confinement, CopiesRequest, CountersRow,
    DatagramsRow, DownloadRequest, ExitRequest, ListRequest, Notice, PeerRow, Reply, Request, RestoreRequest,
    Sharing, SpeedLimits, Status, Unfinished, UploadRow, keyfile,
};
use crate::disk;
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::lan;
use crate::peer::leaving::Cause;
use crate::peer::listing::{self, Filter};
use crate::peer::resolve;
use crate::peer::sandboxes::SandboxedPart;
use crate::receiver::ReceiverCommand;
use crate::swarm::{Job, JobId, Wanted};
use crate::sys::sandbox::SandboxOutcome;
use crate::text;
use crate::time::Time;

/// The first commands wait this long, at most, for the network to answer.
const SETTLE: Duration = Duration::from_secs(1);

/// A command waits this long, at most, for catalogues that are being pulled.
const PULL: Duration = Duration::from_secs(3);

/// `status` waits this long after the start, at most, for what is shared to be looked at.
const LOOKED: Duration = Duration::from_millis(400);

/// Names offered for completion.
const COMPLETIONS: usize = 100;

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
pub(super) struct DeferredRequest {
    ask: Ask,
    needs: Needs,
    pub(super) until: Time,
}

impl Controller {
    pub(super) fn on_ask(&mut self, now: Time, ask: Ask) {
        let needs = match &ask.request {
            Request::List(ListRequest { mine: true, .. })
            | Request::Status(_)
            | Request::Copies(_)
            | Request::Verify(_) => Needs::Own,
            Request::List(_) | Request::Download(_) => Needs::Catalogues,
            Request::Peers(_)
            | Request::Restore(_)
            | Request::Exit(_)
            | Request::Cancel(_)
            | Request::Complete(_) => Needs::Nothing,
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
            self.state.deferred.push(DeferredRequest { ask, needs, until });
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
    pub(super) fn answer_deferred(&mut self, now: Time) {
        let mut at = 0;
        while let Some(deferred) = self.state.deferred.get(at) {
            if self.is_ready(deferred.needs) || now >= deferred.until || self.state.leaving.is_some() {
                let deferred = self.state.deferred.remove(at);
                self.answer(now, deferred.ask);
            } else {
                at += 1;
            }
        }
    }

    fn answer(&mut self, now: Time, ask: Ask) {
        let Ask { request, replies } = ask;
        let result = match request {
            Request::List(ListRequest { pattern, mine, from }) => {
                self.list(&replies, pattern, mine, from.as_deref())
            }
            Request::Download(DownloadRequest { files, from, to, wait, no_wait: _ }) => {
                self.download(now, &replies, &files, from.as_deref(), to, wait)
            }
            Request::Cancel(CancelRequest { job }) => self.cancel(JobId(job)).map(Some),
            Request::Peers(_) => Ok(Some(self.peers(now, &replies))),
            Request::Status(_) => {
                reply(&replies, Reply::Status(Box::new(self.status(now))));
                Ok(Some(Reply::Done))
            }
            Request::Exit(ExitRequest { now: at_once }) => {
                self.state.exits.push(replies.clone());
                self.leave(now, if at_once { Cause::Now } else { Cause::Exit });
                Ok(None)
            }
            Request::Copies(CopiesRequest { copies, files }) => {
                self.set_copies(now, &replies, copies, &files)
            }
            Request::Restore(RestoreRequest { forget: true, .. }) => {
                Ok(Some(self.forget_missing(now, &replies)))
            }
            Request::Restore(RestoreRequest { files, .. }) => self.bring_back(now, &replies, &files),
            Request::Verify(_) => {
                self.verify(replies.clone());
                Ok(None)
            }
            Request::Complete(CompleteRequest { prefix, names }) => {
                reply(&replies, Reply::Names { names: self.complete(now, &prefix, names) });
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
        let copies = |file| self.own_copies(file);
        for row in listing::rows(own, copies, &self.state.hashing.0, &self.state.roster, &filter) {
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
        to: Option<PathBuf>,
        wait: bool,
    ) -> Result<Option<Reply>, Failure> {
        if self.state.leaving.is_some() {
            return Err(Failure::other("this peer is leaving; nothing new is begun"));
        }
        let only = from.map(|word| self.state.roster.find(word)).transpose()?;
        let mut found = resolve::resolve(words, &self.state.roster, &self.state.shelf.catalogue, only)?;
        if only.is_none() {
            // What this peer keeps for another one need not come over the network.
            for file in found.files.iter_mut().filter(|f| self.custody.served.has(f.id)) {
                file.some.push(self.identity.id());
            }
        }
        let destination = to.unwrap_or_else(|| self.config.downloads());
        if !destination.is_absolute() {
            return Err(Failure::new(Code::Usage, "the folder after `--to` must be an absolute path"));
        }
        std::fs::create_dir_all(&destination).map_err(|e| {
            let shown = destination.display().to_string();
            Failure::other(format!("the folder {} cannot be used: {e}", text::shown(&shown)))
        })?;
        let job = self.begin_download(words.join(" "), only, destination, found.files, found.folders)?;
        let roster = &self.state.roster;
        if let Some(download) = self.state.downloads.get(job) {
            let begun = Reply::Begun(download.row(now, |id| roster.name(id)));
            reply(replies, begun.clone());
            if !wait {
                // The rest comes that way, too, so that it comes in order.
                self.notice(Notice::Download(job.0, begun));
            }
        }
        if wait {
            self.state.downloads.watch(job, replies.clone());
        }
        Ok(if wait { None } else { Some(Reply::Done) })
    }

    /// Begins to bring files and empty folders to a destination.
    ///
    /// # Errors
    /// No disk workers can be had for it.
    pub(super) fn begin_download(
        &mut self,
        what: String,
        only: Option<PeerId>,
        destination: PathBuf,
        files: Vec<Wanted>,
        folders: Vec<SafePath>,
    ) -> Result<JobId, Failure> {
        let workers = self.workers_for(&destination)?;
        let id = self.state.downloads.next_id();
        let wants: Vec<_> = files.iter().map(|f| (f.id, f.size)).collect();
        self.state.downloads.begin(id, what, only, &wants, folders.len());
        let job = Job { id, destination, files, folders, background: false };
        self.parts.receiver.send(match workers {
            Some(workers) => ReceiverCommand::FetchBy(job, workers),
            None => ReceiverCommand::Fetch(job),
        });
        Ok(id)
    }

    /// Disk workers for a destination, if it lies where those of `downloads/` cannot write.
    fn workers_for(&mut self, destination: &Path) -> Result<Option<disk::Handle>, Failure> {
        if self.parts.sandboxes.reach(destination) {
            return Ok(None);
        }
        let bell = self.parts.receiver.bell();
        let part = SandboxedPart::DiskAt(destination.to_owned());
        let started = self.parts.sandboxes.start(&part, || disk::start(move || bell.ring()));
        let started =
            started.flatten().map_err(|e| Failure::other(format!("a thread cannot be had: {e}")))?;
        Ok(Some(started))
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
        let (confined, why) = match self.parts.sandboxes.outcome() {
            SandboxOutcome::Full => ("yes", None),
            SandboxOutcome::Partly(why) => ("partly", Some(why)),
            SandboxOutcome::No(why) => ("no", Some(why)),
        };
        let s = &self.state;
        let bytes = s
            .shelf
            .catalogue
            .entries()
            .map(|e| if let EntryKind::File { size, .. } = e.kind { size } else { 0 });
        Status {
            name: self.own.name.to_string(),
            id: self.identity.id().full(),
            directory: self.config.directory.clone(),
            ports: [ports.receiver, ports.sender, ports.distributor, ports.distributee],
            network: "open".to_owned(),
            peers: s.roster.len() as u64,
            sharing: Sharing {
                files: files_of(&s.shelf.catalogue),
                bytes: bytes.fold(0, u64::saturating_add),
                hashing: s.hashing.1,
            },
            downloads: s.downloads.rows(now, |id| s.roster.name(id)),
            unfinished: self.unfinished(),
            uploads: s
                .uploads
                .iter()
                .map(|(id, (bytes, speed))| UploadRow {
                    to: s.roster.name(*id),
                    bytes: *bytes,
                    speed: speed.get(now),
                })
                .collect(),
            counters: self.counters_row(),
            gives: self.config.swarm.then(|| s.swarms.len() as u64),
            confinement: Confinement { confined: confined.to_owned(), confined_why: why },
            limits: SpeedLimits {
                up_limit: self.config.up_limit.map(NonZeroU64::get),
                down_limit: self.config.down_limit.map(NonZeroU64::get),
            },
            custody: Some(self.custody_row()),
            key_exported: keyfile::is_exported(&self.config.state(), self.identity.id()),
            warnings: self.warnings.iter().cloned().collect(),
        }
    }

    fn counters_row(&self) -> CountersRow {
        let of = &self.counters;
        CountersRow {
            hashed: of.hashed.read(),
            sent: of.sent.read(),
            received: of.received.read(),
            discarded: of.discarded.read(),
            pool_waits: of.pool_waits.read(),
            datagrams: self.datagrams_row(),
        }
    }

    fn datagrams_row(&self) -> DatagramsRow {
        let lan::DatagramCounters {
            sent,
            taken,
            dropped,
            malformed,
            version,
            forged,
            limited,
            replayed,
            unsent,
        } = self.parts.discovery.tally.read();
        DatagramsRow { sent, unsent, taken, dropped, malformed, version, forged, limited, replayed }
    }

    /// What lies in `downloads/` from before and is not being fetched.
    fn unfinished(&self) -> Vec<Unfinished> {
        let left = disk::partials(&self.config.downloads()).unwrap_or_else(|e| {
            log::warn!("what lies unfinished cannot be told: {e}");
            Vec::new()
        });
        let fetched =
            |id| self.state.downloads.iter().flat_map(|(_, d)| &d.wants).any(|(file, _)| *file == id);
        let unfinished = left.into_iter().filter(|l| l.size.is_some() && !fetched(l.id));
        unfinished
            .map(|l| {
                let (path, asked) =
                    l.asked.map_or_else(Default::default, |(to, asked)| (to.to_string(), asked));
                Unfinished { id: l.id.to_string(), path, asked, held: l.have, size: l.size }
            })
            .collect()
    }

    fn complete(&self, now: Time, prefix: &str, what: CompletionNames) -> Vec<String> {
        let (roster, own) = (&self.state.roster, &self.custody.own);
        let entries: Box<dyn Iterator<Item = &Entry>> = match what {
            CompletionNames::Peers => {
                let names = roster.iter().map(|(_, m)| m.info.name.as_str().to_owned());
                let names: BTreeSet<String> = names.filter(|n| n.starts_with(prefix)).collect();
                return names.into_iter().take(COMPLETIONS).collect();
            }
            CompletionNames::Offered => Box::new(roster.entries(None).map(|(_, entry)| entry)),
            CompletionNames::Own => Box::new(self.state.shelf.catalogue.entries()),
            CompletionNames::Lost => {
                let lost = self.custody.machine.recoverable(now);
                Box::new(lost.filter(|(e, was_deleted)| !was_deleted || own.is_kept(e)).map(|(e, _)| e))
            }
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            // One step deeper than what is typed: a folder is offered as `folder/`.
            if let Some(rest) = entry.path.as_str().strip_prefix(prefix) {
                let step = rest.find('/').map_or(rest.len(), |slash| slash + 1);
                names.insert(format!("{prefix}{}", &rest[..step]));
            }
            if names.len() >= COMPLETIONS {
                break;
            }
        }
        names.into_iter().collect()
    }
}

fn files_of(catalogue: &crate::content::Catalogue) -> u64 {
    catalogue.entries().filter(|e| matches!(e.kind, EntryKind::File { .. })).count() as u64
}
