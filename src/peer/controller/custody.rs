//! How the controller (mod.rs) drives custody's machine (`custody/custodian/mod.rs`): it gives it what the
//! other parts tell, has its records written, and then does what it wants, in that order. What others may
//! have of it all is in keeping.rs, what concerns this peer's own files in own.rs.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::Controller;
use super::keeping::Served;
use super::own::Announcement;
use crate::address::Host;
use crate::content::{Catalogue, Chunks, Claim, FileId, Head, Span};
use crate::control::Notice;
use crate::custody::custodian::{Custodian, CustodianOutput};
use crate::custody::ledger::{LedgerKey, Present, Record};
use crate::custody::recovery::Decision;
use crate::distribution::{CustodyCommand, CustodyEvent, chunk_store};
use crate::identity::{Contact, PeerId};
use crate::lan::PeerInfo;
use crate::peer::limits;
use crate::peer::ordered::Ordered;
use crate::receiver::ReceiverCommand;
use crate::sender::SenderCommand;
use crate::store::{self, LedgerRow, LedgerWritten};
use crate::swarm::{Job, JobEvent, JobId, Wanted};
use crate::sys::clock;
use crate::time::Time;
use crate::wire::custody::CustodyMessage as Message;

/// The first byte of the keys under which the signed announcements of owners are filed: they tell the names
/// of those who are away. Records of the machine begin with smaller ones.
pub(in crate::peer) const NOTE: u8 = 100;

/// The number of writings that nothing waits for. Those of records begin with 1.
const NOTES: u64 = 0;

/// What the folders are called that challenged chunks are fetched into, each with a number.
pub(in crate::peer) const CHALLENGE: &str = "proof-";

/// Jobs from this number on are jobs of potluck's own, not downloads of users'.
const OWN_JOBS: u64 = 1 << 62;

/// What could not be written is written again after this time.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Acts that may wait for the disk; what comes beyond is not taken in.
const ACTS: usize = 20_000;

/// What is done once all that was recorded before is on the disk.
#[derive(Debug)]
pub(super) enum Act {
    Do(CustodianOutput),
    Announce(Box<Announcement>),
}

/// What a job of potluck's own is for.
#[derive(Debug)]
enum Purpose {
    /// Chunks for the store.
    Keep { file: FileId, size: u64, span: Span },
    /// To see whether a peer has a chunk.
    Prove { peer: PeerId, key: LedgerKey, folder: PathBuf },
}

/// The machine, and what is on the way between it and the other parts.
pub(in crate::peer) struct CustodyDriver {
    pub(super) machine: Custodian,
    ordered: Ordered<Act>,
    /// What is reported of the departure.
    reports: VecDeque<CustodianOutput>,
    written: (Sender<LedgerWritten>, Receiver<LedgerWritten>),
    /// The last writing failed: when it is tried again.
    write_again: Option<Time>,
    /// That was reported.
    warned: bool,
    purposes: BTreeMap<JobId, Purpose>,
    next_own_job: u64,
    /// How often the store was asked for its space and has not said it.
    looks: u64,
    pub(super) served: Served,
    pub(super) own: super::own::OwnFiles,
}

impl CustodyDriver {
    /// `notes`: the rows of the ledger under [`NOTE`]. `present`: what lies in the store.
    pub(in crate::peer) fn new(machine: Custodian, notes: Vec<LedgerRow>, present: Present) -> Self {
        Self {
            machine,
            ordered: Ordered::default(),
            reports: VecDeque::new(),
            written: unbounded(),
            write_again: None,
            warned: false,
            purposes: BTreeMap::new(),
            next_own_job: OWN_JOBS,
            looks: 0,
            served: Served::new(notes, present),
            own: super::own::OwnFiles::default(),
        }
    }

    /// What the store thread says of writings.
    pub(super) const fn written(&self) -> &Receiver<LedgerWritten> {
        &self.written.1
    }

    /// Files some notes. Nothing waits for them: what they tell is only shown.
    pub(super) fn note(&self, store: &store::Handle, rows: Vec<LedgerRow>) {
        store.put_ledger(rows, NOTES, self.written.0.clone());
    }

    /// This is done once all that was recorded before is on the disk.
    pub(super) fn push(&mut self, act: Act) {
        self.ordered.push(act);
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.machine.poll_timeout(), self.write_again, self.served.poll_timeout(), self.own.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// True while the disk takes no records.
    pub(super) const fn takes_no_records(&self) -> bool {
        self.warned
    }

    /// How many files are being fetched into the store.
    pub(super) fn n_fetching(&self) -> usize {
        self.purposes.values().filter(|p| matches!(p, Purpose::Keep { .. })).count()
    }

    fn own_job(&mut self, purpose: Purpose) -> JobId {
        self.next_own_job += 1;
        let job = JobId(self.next_own_job);
        self.purposes.insert(job, purpose);
        job
    }

    /// True if this content is fetched into the store now.
    pub(super) fn is_fetching(&self, claim: Claim) -> bool {
        self.purposes
            .values()
            .any(|p| matches!(p, Purpose::Keep { file, size, .. } if (*file, *size) == claim))
    }
}

impl Controller {
    /// Brings custody's machine and everything else up to each other, after each event.
    pub(super) fn turn_custody(&mut self, now: Time) {
        if self.custody.machine.poll_timeout().is_some_and(|at| at <= now) {
            self.custody.machine.handle_timeout(now);
        }
        self.do_own(now);
        loop {
            self.custody_outputs();
            while let Some(output) = self.custody.reports.pop_front() {
                self.act_on(now, output);
            }
            self.write(now);
            let Some(act) = self.custody.ordered.next_act() else { break };
            self.act(now, act);
        }
        self.serve_kept(now);
    }

    /// Takes in what the machine wants, so that what is pushed next comes behind it.
    pub(super) fn custody_outputs(&mut self) {
        while let Some(output) = self.custody.machine.poll_output() {
            match output {
                CustodianOutput::Record(record) => self.custody.ordered.record(record),
                // No report of a departure depends on a record, and a full disk delays nobody.
                output @ (CustodianOutput::Leaving(_) | CustodianOutput::Left(_)) => {
                    self.custody.reports.push_back(output)
                }
                output => self.custody.ordered.push(Act::Do(output)),
            }
        }
    }

    /// The receiver learns where the chunk store is worked on, and how to reach this very peer: what it keeps
    /// for others it can have from itself.
    pub(super) fn begin_custody(&mut self) {
        if let Some(workers) = self.parts.keep.take() {
            self.parts.receiver.send(ReceiverCommand::Store(self.config.store(), workers));
        }
        self.parts.sender.send(SenderCommand::Store(self.config.store()));
        let here = Host { ip: core::net::Ipv4Addr::LOCALHOST.into(), scope: 0 };
        let contact = Contact { id: self.identity.id(), hosts: vec![here], ports: self.own.ports };
        self.parts.receiver.send(ReceiverCommand::Peer(contact));
        self.custody.served.stale(clock::now());
    }

    /// A peer is here, or can be reached otherwise, or began again.
    pub(super) fn custody_here(&mut self, now: Time, info: &PeerInfo) {
        let id = info.contact.id;
        for engine in [&self.parts.distributor, &self.parts.distributee] {
            engine.send(CustodyCommand::Peer(info.contact.clone()));
        }
        self.custody.machine.here(now, id, info.instance, info.state);
        self.custody.served.stale(now);
    }

    pub(super) fn custody_gone(&mut self, now: Time, id: PeerId, graceful: bool) {
        for engine in [&self.parts.distributor, &self.parts.distributee] {
            engine.send(CustodyCommand::Gone(id));
        }
        self.custody.machine.gone(now, id, graceful);
        self.state.roster.away.keeper_gone(id);
        self.custody.served.stale(now);
    }

    /// An owner's catalogue, of one who keeps its files.
    pub(super) fn on_owner_catalogue(
        &mut self,
        now: Time,
        origin: PeerId,
        signed: &Arc<[u8]>,
        catalogue: &Arc<Catalogue>,
    ) {
        self.custody.machine.learned(now, origin, signed, catalogue);
        if origin != self.identity.id()
            && let Ok(head) = Head::open(signed)
        {
            self.state.roster.away.shares(origin, head.number(), catalogue);
        }
        self.custody.served.stale(now);
    }

    /// The chunk store's thread tells something.
    pub(super) fn on_chunks(&mut self, now: Time, event: chunk_store::Event) {
        match event {
            chunk_store::Event::Space(free) => {
                // What ended since it was looked is in neither number: then a newer one is on its way.
                self.custody.looks = self.custody.looks.saturating_sub(1);
                if self.custody.looks == 0 {
                    let coming = self.custody.machine.keeper().coming();
                    self.custody.machine.set_free(free.saturating_sub(coming));
                }
            }
            chunk_store::Event::Trouble(text) => self.warn(text),
            chunk_store::Event::Lost(file, left) => {
                self.custody.machine.lost(now, file);
                self.custody.served.has_left(now, file, left);
            }
            chunk_store::Event::There(file, left) => self.custody.served.has_left(now, file, left),
            chunk_store::Event::Kept(file, chunks) => self.found_rotten(file, chunks),
            chunk_store::Event::Shared(path, file, finding) => self.found_bad(&path, file, finding),
            chunk_store::Event::Verified(files, bytes) => self.verified(now, files, bytes),
        }
    }

    fn write(&mut self, now: Time) {
        if self.custody.write_again.is_some_and(|at| now < at) {
            return self.announce_unrecorded();
        }
        let custody = &mut self.custody;
        custody.write_again = None;
        if let Some((number, records)) = custody.ordered.next_writing() {
            let row = |record: &Record| LedgerRow { key: record.key(), value: record.value() };
            let rows = records.iter().map(row).collect();
            self.parts.store.put_ledger(rows, number, custody.written.0.clone());
        }
    }

    /// The store thread wrote some records, or could not.
    pub(super) fn on_written(&mut self, now: Time, (number, result): LedgerWritten) {
        self.custody.served.stale(now);
        match result {
            Ok(()) => {
                self.custody.ordered.written(number);
                self.custody.warned = false;
            }
            // A name that is not noted down is learned again.
            Err(e) if number == NOTES => log::debug!("the names of owners cannot be noted down: {e}"),
            Err(e) => {
                self.custody.ordered.failed(number);
                self.custody.write_again = Some(now + WRITE_AGAIN);
                if !std::mem::replace(&mut self.custody.warned, true) {
                    log::warn!("what is kept where cannot be noted down, so nothing is: {e}");
                }
                self.announce_unrecorded();
            }
        }
    }

    /// A message of custody's, of a peer that TLS authenticated.
    pub(super) fn on_custody(&mut self, now: Time, event: CustodyEvent) {
        use crate::lan::Command;
        match event {
            CustodyEvent::Message(from, source, message) => {
                if self.custody.write_again.is_some() || self.custody.ordered.len() > ACTS {
                    return log::debug!("a message of custody of {from} comes at a bad time");
                }
                if let Message::Report(report) = &message {
                    self.note_report(from, report);
                }
                self.custody.machine.message(now, from, source, message);
            }
            CustodyEvent::Authenticated(id, host) => self.tell_discovery(Command::Proved(id, host)),
            CustodyEvent::Unreachable(id) => self.custody.machine.unreachable(now, id),
        }
    }

    fn act(&mut self, now: Time, act: Act) {
        match act {
            Act::Announce(announcement) => self.announce(*announcement),
            Act::Do(output) => self.act_on(now, output),
        }
    }

    fn act_on(&mut self, now: Time, output: CustodianOutput) {
        match output {
            CustodianOutput::Send(to, message) => {
                if matches!(message, Message::Report(_)) {
                    self.serve_chunks();
                }
                // Orders answer what came to the distributor's port, all else it says itself.
                let is_of_distributor =
                    matches!(message, Message::GetSpace(_) | Message::Offer(_) | Message::Orders(_));
                let parts = &self.parts;
                let engine = if is_of_distributor { &parts.distributor } else { &parts.distributee };
                engine.send(CustodyCommand::Send(to, message));
            }
            CustodianOutput::Fetch { file, size, span, sources } => self.fetch(file, size, span, &sources),
            CustodianOutput::Drop { file, keep } => self.drop_kept(file, keep),
            CustodianOutput::Challenge { peer, key, size, chunk } => {
                self.challenge(now, peer, key, size, chunk);
            }
            CustodianOutput::Pull { origin, from } => {
                self.parts.receiver.send(ReceiverCommand::OwnerCatalogue { from, origin });
            }
            CustodianOutput::Ask { files, bytes } => {
                if !self.custody.machine.copies().may_exist() {
                    // Nobody could give any of it back.
                    self.custody.machine.decide(now, Decision::Forget);
                } else if self.config.asks {
                    self.notice(Notice::Lost { files: files as u64, bytes });
                } else {
                    log::warn!("{files} shared files are missing that nobody deleted: they are fetched again");
                    self.custody.machine.decide(now, Decision::GiveBack);
                }
            }
            CustodianOutput::Restore(..) => self.custody.own.restore_at(now),
            CustodianOutput::Publish => self.custody.own.look_again(now),
            CustodianOutput::Conflict => self.warn(
                "another peer with this folder's key gives out what is shared (a copied folder?): this one places \
                 no copies any more; make one of them a peer of its own with `potluck identity new`"
                    .to_owned(),
            ),
            CustodianOutput::Leaving(progress) => self.handing_over(now, &progress),
            CustodianOutput::Left(report) => self.handed_over(now, &report),
            // Taken out before.
            CustodianOutput::Record(_) => {}
        }
    }

    /// Has chunks fetched into the store.
    fn fetch(&mut self, file: FileId, size: u64, span: Span, sources: &[PeerId]) {
        let claim = (file, size);
        // Its owner has all of it.
        let whole = self.custody.machine.keeper().owners_of(file);
        let (holders, mut some): (Vec<PeerId>, Vec<PeerId>) = sources.iter().partition(|p| whole.contains(p));
        // What was downloaded a while ago, or is shared under another name, is here already.
        if self.state.shelf.files.contains_key(&file) || !self.state.swarms.here(&[file]).is_empty() {
            some.push(self.identity.id());
        }
        let is_same =
            |p: &Purpose| matches!(p, Purpose::Keep { file: f, span: s, .. } if (*f, *s) == (file, span));
        if self.custody.purposes.values().any(is_same) {
            self.parts.receiver.send(ReceiverCommand::Holders(claim, holders));
            self.parts.receiver.send(ReceiverCommand::Swarm(claim, some));
            return;
        }
        self.parts.chunks.send(chunk_store::Command::Keep(file));
        let wanted = wanted(file, size, Some(span), holders, some);
        let job = self.custody.own_job(Purpose::Keep { file, size, span });
        self.fetch_for(job, self.config.store(), wanted, true);
    }

    /// A user's download arrived: should it be fetched into the store as well, it can be had from here.
    pub(super) fn keep_own_download(&self, content: FileId) {
        let size = self.custody.purposes.values().find_map(|p| match p {
            Purpose::Keep { file, size, .. } if *file == content => Some(*size),
            _ => None,
        });
        if let Some(size) = size.filter(|_| !self.state.swarms.here(&[content]).is_empty()) {
            self.parts.receiver.send(ReceiverCommand::Swarm((content, size), vec![self.identity.id()]));
        }
    }

    fn fetch_for(&self, id: JobId, destination: PathBuf, wanted: Option<Wanted>, background: bool) {
        let files = wanted.into_iter().collect();
        let job = Job { id, destination, files, folders: Vec::new(), background };
        self.parts.receiver.send(ReceiverCommand::Fetch(job));
    }

    fn drop_kept(&mut self, file: FileId, keep: Vec<Span>) {
        let of_file = |p: &Purpose| matches!(p, Purpose::Keep { file: f, span, .. } if *f == file && !keep.contains(span));
        let jobs: Vec<JobId> =
            self.custody.purposes.iter().filter(|(_, p)| of_file(p)).map(|(job, _)| *job).collect();
        for job in jobs {
            self.custody.purposes.remove(&job);
            self.parts.receiver.send(ReceiverCommand::Cancel(job));
        }
        self.parts.chunks.send(chunk_store::Command::Drop(file, keep));
    }

    /// Fetches one chunk of a peer, to see whether it has it: into a folder of its own, for it may be here,
    /// too.
    fn challenge(&mut self, now: Time, peer: PeerId, key: LedgerKey, size: u64, chunk: u32) {
        let folder = self.config.store().join(format!("{CHALLENGE}{}", self.custody.next_own_job + 1));
        if let Err(e) = std::fs::create_dir_all(&folder) {
            log::warn!("a challenge cannot be made: {}: {e}", folder.display());
            return self.custody.machine.challenge_answered(now, peer, key, false);
        }
        let span = Span { from: chunk, to: chunk.saturating_add(1) };
        let wanted = wanted(key.1, size, Some(span), Vec::new(), vec![peer]);
        let job = self.custody.own_job(Purpose::Prove { peer, key, folder: folder.clone() });
        self.fetch_for(job, folder, wanted, false);
    }

    /// True if the event is of a job of potluck's own; it is dealt with then.
    pub(super) fn is_own_job(&mut self, now: Time, event: &JobEvent) -> bool {
        let job = match event {
            JobEvent::Progress(progress) => progress.job,
            JobEvent::Arrived(job, ..) | JobEvent::Failed(job, ..) | JobEvent::Finished(job, ..) => *job,
        };
        if job.0 < OWN_JOBS {
            return false;
        }
        match event {
            JobEvent::Progress(progress) => self.own_job_moved(now, job, progress.done),
            JobEvent::Finished(_, _, failure) => {
                if let Some(failure) = failure {
                    log::debug!("a job of custody's own failed: {}", failure.message);
                }
                self.own_job_over(now, job, failure.is_none());
            }
            JobEvent::Arrived(..) | JobEvent::Failed(..) => {}
        }
        true
    }

    fn own_job_moved(&mut self, now: Time, job: JobId, done: u64) {
        if let Some(Purpose::Keep { file, size, span }) = self.custody.purposes.get(&job)
            && let Some(chunks) = Chunks::of(*size)
        {
            self.state.verifying.kept_moved(now, *file);
            let have = u32::try_from(done / chunks.chunk_size()).unwrap_or(u32::MAX).min(span.len());
            self.custody.machine.fetched(now, *file, *span, have, false);
        }
    }

    fn own_job_over(&mut self, now: Time, job: JobId, is_good: bool) {
        match self.custody.purposes.remove(&job) {
            Some(Purpose::Keep { file, span, .. }) => {
                if is_good {
                    self.custody.served.stale(now);
                    self.custody.machine.fetched(now, file, span, span.len(), true);
                } else {
                    self.custody.machine.failed(now, file);
                    // What came of it can be had all the same.
                    self.parts.chunks.send(chunk_store::Command::Look(file));
                }
                self.kept_again(now, file, is_good);
                self.custody.looks += 1;
                self.parts.chunks.send(chunk_store::Command::Space);
            }
            Some(Purpose::Prove { peer, key, folder }) => {
                self.parts.chunks.send(chunk_store::Command::Remove(folder));
                self.custody.machine.challenge_answered(now, peer, key, is_good);
            }
            // It was taken back.
            None => {}
        }
    }
}

/// A file, or chunks of it, for a job of potluck's own: `holders` have all of it, `some` may have some.
/// `None`: no file is that large.
fn wanted(
    id: FileId,
    size: u64,
    keep: Option<Span>,
    holders: Vec<PeerId>,
    some: Vec<PeerId>,
) -> Option<Wanted> {
    // What is kept lies under its id; no path that another one chose is used.
    let to = id.to_string().parse().ok()?;
    let asked = Arc::from("");
    (size <= limits::FILE).then_some(Wanted {
        id,
        size,
        modified: 0,
        executable: false,
        asked,
        to,
        holders,
        keep,
        some,
    })
}
