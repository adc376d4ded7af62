//! The machine of a peer without threads: events go in, and what it wants done comes out, in virtual time.

mod catalogues;
mod chat;
mod commands;
mod custody;
mod departure;
mod downloads;
mod keeping_index;
mod large_search;
mod named;
mod offers;
mod queue;
mod reading;
mod running_downloads;
mod search;
mod shares;
mod sites;
mod through;
mod transfers;
mod verifying;

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use super::chat::Chat;
use super::custody::RestoredCustody;
use super::event::{AskId, PeerEvent};
use super::file_work::{FileAnswer, FileWork, LocalFacts};
use super::machine::{PeerMachine, PeerStart};
use super::output::PeerOutput;
use super::roster::tests::{file, info, key};
use super::shares::SharesAtStart;
use super::transfers::Transfers;
use crate::address::Ports;
use crate::content::{Catalogue, Entry, EntryKind, FileId};
use crate::control::{
    CancelRequest, CompleteRequest, Confinement, CopiesRequest, CountersRow, DownloadRequest, ExitRequest,
    ListRequest, Notice, RejoinRequest, Reply, Request, RestoreRequest, StatusRequest, VerifyRequest,
};
use crate::custody::custodian::{Custodian, CustodianConfig};
use crate::custody::keeper::KeeperConfig;
use crate::custody::ledger::{Ledger, Present};
use crate::custody::quota::Lend;
use crate::identity::{Identity, Instance, PeerId, PeerName};
use crate::index::IndexHost;
use crate::lan::{self, OwnPresence};
use crate::library::{self, ShareRoots, Shelf};
use crate::receiver::{ReceiverCommand, ReceiverEvent};
use crate::settings::Settings;
use crate::store::LedgerRow;
use crate::swarm::{Job, JobEvent, JobId, Progress};
use crate::time::Time;

/// A peer, and the world around it, which does nothing by itself but what is said here.
struct TestPeer {
    machine: PeerMachine,
    now: Time,
    last_ask: u64,
    /// What came out and was not looked at yet, but records and log.
    outputs: VecDeque<PeerOutput>,
    /// Records are on the disk as soon as they are written.
    is_recorded: bool,
    /// What was written of the queue.
    queue_rows: Vec<LedgerRow>,
    /// Numbers of writings that are not over.
    writings: Vec<u64>,
    /// Folders are there as soon as they are wanted.
    makes_folders: bool,
    index: IndexHost,
    /// What the index is told is left as it came out.
    is_index_slow: bool,
}

const INSTANCE: Instance = Instance { count: 5, random: 5 };

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl TestPeer {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// A peer with other settings than the usual ones.
    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::started(change, Vec::new())
    }

    /// A peer that remembers this queue.
    fn with_queue(downloads: Vec<LedgerRow>) -> Self {
        Self::started(|_| {}, downloads)
    }

    fn started(change: impl FnOnce(&mut Settings), downloads: Vec<LedgerRow>) -> Self {
        let mut settings = Settings::new("/peer".into());
        change(&mut settings);
        let identity = Arc::new(Identity::from_seed([9; 32]).unwrap());
        let keeper = KeeperConfig {
            lend: Lend { bytes: 1 << 30, reserve: 0 },
            free: 1 << 40,
            keep: settings.keep,
            keep_deleted: settings.keep_deleted,
        };
        let config = CustodianConfig {
            copies: settings.copies,
            auto_copy: settings.auto_copy,
            repair: settings.repair_after,
            keeper,
            secret: [7; 32],
        };
        let (now, me) = (Time::ZERO + seconds(100), identity.id());
        let (ledger, present) = (Ledger::of([]), Present::new());
        let machine = Custodian::new(now, me, INSTANCE, config, ledger, &present);
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let presence = OwnPresence::new(PeerName::cleaned("me").unwrap(), ports);
        let custody = RestoredCustody { machine, notes: Vec::new(), present };
        let chat = Chat::default();
        let start = PeerStart {
            settings,
            identity,
            group: None,
            instance: INSTANCE,
            presence,
            moved: None,
            custody,
            chat,
            downloads,
            transfers: Transfers::default(),
            routes: Vec::new(),
            announced: Vec::new(),
            warnings: Vec::new(),
            shares: SharesAtStart::default(),
        };
        let mut peer = Self {
            machine: PeerMachine::new(now, start),
            now,
            last_ask: 0,
            outputs: VecDeque::new(),
            is_recorded: true,
            queue_rows: Vec::new(),
            writings: Vec::new(),
            makes_folders: true,
            index: IndexHost::new(1 << 20, 1),
            is_index_slow: false,
        };
        peer.drain();
        peer.outputs.clear();
        peer
    }

    /// A peer that shares these, and has said so; the network has answered.
    fn sharing(entries: &[Entry]) -> Self {
        let mut peer = Self::new();
        peer.share(entries);
        peer.event(PeerEvent::Discovery(lan::Event::Settled));
        peer.outputs.clear();
        peer
    }

    /// Takes what comes out, and does what the world does by itself.
    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                PeerOutput::Log(..) => {}
                PeerOutput::Downloads(rows) => {
                    // As the database keeps them.
                    self.queue_rows.retain(|old| rows.iter().all(|row| row.key != old.key));
                    self.queue_rows.extend(rows.into_iter().filter(|row| row.value.is_some()));
                }
                PeerOutput::Ledger { number, .. } => {
                    self.writings.push(number);
                    if self.is_recorded {
                        self.recorded();
                    }
                }
                PeerOutput::Files(FileWork::Destination(ask, _)) if self.makes_folders => {
                    self.handle(PeerEvent::Files(FileAnswer::Destination(ask, Ok(()))));
                }
                PeerOutput::Files(FileWork::Challenge(job, _)) if self.makes_folders => {
                    self.handle(PeerEvent::Files(FileAnswer::Challenge(job, Ok(()))));
                }
                PeerOutput::Index(command) if !self.is_index_slow => {
                    let event = self.index.handle(self.now, command);
                    self.handle(PeerEvent::Index(event));
                }
                PeerOutput::Facts(ask) => {
                    let facts = Box::new(local_facts());
                    self.handle(PeerEvent::Files(FileAnswer::Facts(ask, facts)));
                }
                output => self.outputs.push_back(output),
            }
        }
    }

    /// What was written is on the disk.
    fn recorded(&mut self) {
        for number in std::mem::take(&mut self.writings) {
            self.handle(PeerEvent::Written((number, Ok(()))));
        }
    }

    fn handle(&mut self, event: PeerEvent) {
        self.machine.handle(self.now, event);
        self.machine.took_until(self.now);
    }

    fn event(&mut self, event: PeerEvent) {
        self.handle(event);
        self.drain();
    }

    /// Lets time pass, with what is due meanwhile.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.machine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.event(PeerEvent::Timeout);
        }
        self.now = end;
    }

    fn ask(&mut self, request: Request) -> AskId {
        self.last_ask += 1;
        let ask = AskId(self.last_ask);
        self.event(PeerEvent::Ask(ask, request));
        ask
    }

    /// This lies in `shared/`, all of it hashed.
    fn share(&mut self, entries: &[Entry]) {
        let catalogue = Catalogue::of(entries.to_vec());
        let roots = Arc::new(ShareRoots { own: "/peer/shared".into(), ..ShareRoots::default() });
        let shelf = Shelf { roots, catalogue, waiting: Some(Arc::default()), ..Shelf::default() };
        self.event(PeerEvent::Library(library::Event::Changed(Arc::new(shelf))));
        self.event(PeerEvent::Library(library::Event::Scanned));
    }

    /// Peer `n` is here, and has a catalogue of this version.
    fn join(&mut self, n: u8, name: &str, catalogue: u64) -> PeerId {
        self.event(PeerEvent::Discovery(lan::Event::Here(info(n, name, catalogue))));
        key(n).peer_id()
    }

    /// The catalogue of peer `n` came.
    fn catalogue(&mut self, n: u8, entries: &[Entry]) {
        let catalogue = Catalogue::of(entries.to_vec());
        let head = catalogue.head(key(n), Instance { count: 1, random: 1 }, 1);
        let event = ReceiverEvent::Catalogue(key(n).peer_id(), head, Arc::from([]), Arc::new(catalogue));
        self.event(PeerEvent::Receiver(event));
    }

    /// What has come out is looked at by `find`; what it does not want is forgotten.
    fn take<T>(&mut self, find: impl FnMut(PeerOutput) -> Option<T>) -> Vec<T> {
        self.outputs.drain(..).filter_map(find).collect()
    }

    /// The replies to a request that came out; all else is left.
    fn replies(&mut self, to: AskId) -> Vec<Reply> {
        let (replies, others): (VecDeque<_>, VecDeque<_>) = self.outputs.drain(..).partition(
            |output| matches!(output, PeerOutput::Reply(ask, _) | PeerOutput::ReplyOr(ask, ..) if *ask == to),
        );
        self.outputs = others;
        let reply = |output| match output {
            PeerOutput::Reply(_, reply) | PeerOutput::ReplyOr(_, reply, _) => Some(reply),
            _ => None,
        };
        replies.into_iter().filter_map(reply).collect()
    }

    /// The jobs that users see which the receiver was given; all else is forgotten.
    fn fetched(&mut self) -> Vec<Job> {
        self.take(|output| if let PeerOutput::Fetch(job) = output { Some(job) } else { None })
    }

    /// What the receiver was told; all else is forgotten.
    fn told_receiver(&mut self) -> Vec<ReceiverCommand> {
        self.take(|output| if let PeerOutput::Receiver(command) = output { Some(command) } else { None })
    }

    /// What was shown at the prompt; all else is forgotten.
    fn notices(&mut self) -> Vec<Notice> {
        self.take(|output| if let PeerOutput::Notice(notice) = output { Some(notice) } else { None })
    }

    fn finish(&mut self, job: JobId, failure: Option<crate::error::Failure>) {
        self.event(PeerEvent::Receiver(ReceiverEvent::Job(JobEvent::Finished(job, 1, failure))));
    }
}

fn local_facts() -> LocalFacts {
    LocalFacts {
        counters: CountersRow::default(),
        confinement: Confinement { confined: "yes".to_owned(), confined_why: None, guarded: Vec::new() },
        unfinished: Vec::new(),
        key_exported: false,
    }
}

fn download(word: &str, wait: bool) -> Request {
    DownloadRequest {
        files: vec![word.to_owned()],
        from: Vec::new(),
        to: None,
        wait,
        no_wait: false,
        ..DownloadRequest::default()
    }
    .into()
}

fn progress(job: JobId, done: u64) -> PeerEvent {
    PeerEvent::Receiver(ReceiverEvent::Job(JobEvent::Progress(Progress {
        job,
        done,
        size: 1 << 20,
        files_done: 0,
        files: 1,
        fetched: done,
        sources: Vec::new(),
        rates: Vec::new(),
        waiting: None,
    })))
}

/// A file of one chunk, of which byte `n` is the content, in the eyes of whoever looks at ids only.
fn large(path: &str, n: u8, size: u64) -> Entry {
    let kind = EntryKind::File { id: FileId([n; 32]), size, modified: 5_000, executable: false, since: 0 };
    Entry { path: path.parse().unwrap(), kind }
}
