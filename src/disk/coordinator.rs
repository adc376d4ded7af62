//! The disk coordinator: owns what is known of every open file, passes blocks to the two writers, and decides
//! when something is synced, hashed again or published. It never waits for a disk for long: that is
//! what the writers (`writer.rs`) and the slow thread (`slow.rs`) are for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, select};

use super::open;
use super::open::OpenPartial;
use super::place::{Destination, failure};
use super::places::OpenPlaces;
use super::publish::Published;
use super::slow::SlowTask;
use super::starved::{self, StarvedFile};
use super::state::{FileStage, Flush, OpenFile};
use super::turn::DiskTurn;
use super::writer::{WriteTarget, WriterTask, WrittenChunk};
use super::{Block, Command, Event, FileToken, Plan};
use crate::content::partial::{Bits, Boot};
use crate::content::{ChunkIndex, Chunks, FileId, Manifest, SafePath};
use crate::disk::Arrival;
use crate::disk::limits;
use crate::error::Failure;
use crate::sys::boot::boot;
use crate::sys::clock::now;
use crate::time::Time;

/// What the other threads tell the disk coordinator.
#[derive(Debug)]
pub(super) enum WorkerReport {
    /// A chunk is complete; or it could not be written.
    Chunk(FileToken, ChunkIndex, io::Result<WrittenChunk>),
    /// A thread has done all that it was to do for this file, and let go of it.
    Ended(FileToken),
    /// A writer has written all it was given before the mark.
    Written,
    /// A sidecar is written (true: for the last time), or could not be.
    Saved(FileToken, bool, io::Result<()>),
    /// The blocks are there, or not to be had.
    Preallocated(FileToken, io::Result<()>),
    /// A group of files was published.
    Published(Published),
    /// An empty folder was made.
    Folder(FileToken, Result<(), Failure>),
    /// A copy is whole; `None`: its source is not what it was.
    Copied(FileToken, io::Result<Option<File>>),
    /// The file that has the content already, if one has.
    Compared(FileToken, Option<PathBuf>),
    /// A chunk was hashed again: it holds, or not.
    Checked(FileToken, ChunkIndex, bool),
    /// The slow thread has done all it was given before the mark.
    Synced,
}

/// Threads that end their work on a file each on their own: two writers and the slow thread.
pub(super) const HANDS: u8 = 3;

/// The state of the disk coordinator.
pub(super) struct DiskCoordinator {
    pub(super) commands: Receiver<Command>,
    pub(super) reports: Receiver<WorkerReport>,
    pub(super) events: Sender<Event>,
    pub(super) waker: Box<dyn Fn() + Send>,
    pub(super) writers: [Sender<WriterTask>; 2],
    pub(super) slow: Sender<SlowTask>,
    pub(super) files: BTreeMap<FileToken, OpenFile>,
    pub(super) places: OpenPlaces,
    /// Which content goes where, so that no two tokens write one partial file.
    pub(super) busy: BTreeMap<(PathBuf, FileId), FileToken>,
    /// Asked for while an earlier token of the same content is closing.
    pub(super) waiting: Vec<(FileToken, Plan)>,
    /// Files that wait for a descriptor.
    pub(super) starved: Vec<StarvedFile>,
    /// Whole files that wait for the group under way.
    pub(super) ready: VecDeque<FileToken>,
    pub(super) publishing: bool,
    /// How far a flush has come.
    pub(super) flush: Option<Flush>,
    /// When times were looked at last.
    pub(super) looked: Time,
    /// Events were queued since the waker was called.
    pub(super) queued: bool,
    /// Files of which something is to be noted at the end of the turn.
    pub(super) news: BTreeSet<FileToken>,
    pub(super) boot: Option<Boot>,
    pub(super) turn: DiskTurn,
}

impl DiskCoordinator {
    pub(super) fn new(
        commands: Receiver<Command>,
        reports: Receiver<WorkerReport>,
        events: Sender<Event>,
        waker: Box<dyn Fn() + Send>,
        writers: [Sender<WriterTask>; 2],
        slow: Sender<SlowTask>,
    ) -> Self {
        Self {
            commands,
            reports,
            events,
            waker,
            writers,
            slow,
            files: BTreeMap::new(),
            places: OpenPlaces::default(),
            busy: BTreeMap::new(),
            waiting: Vec::new(),
            starved: Vec::new(),
            ready: VecDeque::new(),
            publishing: false,
            flush: None,
            looked: Time::ZERO,
            queued: false,
            news: BTreeSet::new(),
            boot: boot(),
            turn: DiskTurn::default(),
        }
    }

    /// Works until the owner of the commands is gone, then syncs and ends.
    pub(super) fn run(mut self) {
        loop {
            let dirty = self.files.values().any(|f| f.dirty > 0);
            let wait = match (self.starved.is_empty(), dirty) {
                (false, _) => limits::STARVED_TICK,
                (true, true) => limits::SIDECAR_TICK,
                (true, false) => Duration::from_secs(3_600),
            };
            let open = select! {
                recv(self.commands) -> command => command.map(|c| self.command(c)).is_ok(),
                recv(self.reports) -> report => report.map(|r| self.report(r)).is_ok(),
                default(wait) => true,
            };
            if !open {
                break;
            }
            self.drain();
            starved::feed(&mut self);
            self.note();
            self.look_at_times();
            self.publish();
            self.finish_flush();
            self.turn = DiskTurn::default();
            self.places.look_again();
            if std::mem::take(&mut self.queued) {
                (self.waker)();
            }
        }
        self.shut();
    }

    /// A bounded number of what else is there, without asking for the time in between.
    pub(super) fn drain(&mut self) {
        for _ in 0..limits::DISK_TURN {
            match (self.reports.try_recv(), self.commands.try_recv()) {
                (Err(_), Err(_)) => return,
                (report, command) => {
                    if let Ok(report) = report {
                        self.report(report);
                    }
                    if let Ok(command) = command {
                        self.command(command);
                    }
                }
            }
        }
    }

    /// The commands' owner is gone: closes everything and waits for it.
    pub(super) fn shut(&mut self) {
        let tokens: Vec<FileToken> = self.files.keys().copied().collect();
        self.waiting.clear();
        self.starved.clear();
        for token in tokens {
            self.close(token);
        }
        while self.publishing || !self.files.is_empty() {
            let Ok(report) = self.reports.recv() else { return };
            self.report(report);
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Open(token, plan) => self.open(token, plan),
            Command::Copy(token, plan, source) => self.copy(token, plan, source),
            Command::Manifest(token, manifest) => self.manifest(token, manifest),
            Command::Write(token, chunk, offset, block) => self.write(token, chunk, offset, block),
            Command::Publish(token) => self.asked_to_publish(token),
            Command::Close(token) => self.close(token),
            Command::Folder(token, destination, path) => self.folder(token, destination, path),
            Command::Several(commands) => commands.into_iter().for_each(|c| self.command(c)),
            Command::Flush => {
                self.flush = Some(Flush::Writing(2));
                for writer in &self.writers {
                    tell(writer, WriterTask::Mark);
                }
            }
        }
    }

    pub(super) fn report(&mut self, report: WorkerReport) {
        match report {
            WorkerReport::Chunk(token, chunk, Ok(written)) => self.chunk(token, chunk, written),
            WorkerReport::Chunk(token, _, Err(e)) => self.fail_with(token, "write", &e),
            WorkerReport::Ended(token) => self.ended(token),
            WorkerReport::Written => self.written(),
            WorkerReport::Saved(token, last, result) => self.saved(token, last, result),
            WorkerReport::Preallocated(token, Ok(())) => {
                if let Some(file) = self.files.get_mut(&token) {
                    file.found.missing = 0;
                }
            }
            WorkerReport::Preallocated(token, Err(e)) => self.fail_with(token, "make room", &e),
            WorkerReport::Published(published) => self.published(published),
            WorkerReport::Folder(_, Ok(())) => {}
            WorkerReport::Folder(token, Err(failure)) => self.tell(Event::Failed(token, failure)),
            WorkerReport::Copied(token, copied) => self.copied(token, copied),
            WorkerReport::Compared(token, there) => self.compared(token, there),
            WorkerReport::Checked(token, chunk, good) => self.checked(token, chunk, good),
            WorkerReport::Synced => {
                if self.flush == Some(Flush::Syncing) {
                    self.flush = Some(Flush::Publishing);
                }
            }
        }
    }

    /// Queues an event. While the queue is full the receiver is behind: it is woken and waited for.
    pub(super) fn tell(&mut self, event: Event) {
        self.queued = true;
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            (self.waker)();
            // Nobody listens any more: the commands' end will be seen next.
            drop(self.events.send(event));
        }
    }

    pub(super) fn open(&mut self, token: FileToken, plan: Plan) {
        let key = (plan.destination.clone(), plan.id);
        if let Some(earlier) = self.busy.get(&key) {
            let closing = self.files.get(earlier);
            if closing.is_some_and(|f| matches!(f.stage, FileStage::Closing(_) | FileStage::Leaving)) {
                return self.waiting.push((token, plan));
            }
            let message = format!("{} is being fetched into the same folder already", plan.to);
            return self.tell(Event::Failed(token, Failure::other(message)));
        }
        let kept = plan.keep.is_some();
        match self.admit(token, plan.clone(), None) {
            Ok(()) => {
                self.busy.insert(key, token);
                // What gets no name has no twins.
                if kept { self.begin(token) } else { self.compare(token) }
            }
            Err(failure) => starved::not_opened(self, token, &plan, failure),
        }
    }

    pub(super) fn copy(&mut self, token: FileToken, plan: Plan, source: PathBuf) {
        match self.admit(token, plan, Some(source)) {
            Ok(()) => self.compare(token),
            Err(failure) => self.tell(Event::Failed(token, failure)),
        }
    }

    /// Takes a file into the table.
    fn admit(&mut self, token: FileToken, plan: Plan, source: Option<PathBuf>) -> Result<(), Failure> {
        let Some(chunks) = Chunks::of(plan.size) else {
            return Err(Failure::other("the file is larger than a file can be"));
        };
        if plan.keep.is_some_and(|span| !span.fits(plan.size)) {
            return Err(Failure::other("the file has no such part"));
        }
        if self.files.contains_key(&token) {
            return Err(Failure::other(format!("{} cannot be opened: its number is in use", plan.to)));
        }
        let place = self.places.open(&plan.destination)?;
        let none = Bits::none(chunks);
        let found = OpenPartial {
            data: None,
            sidecar: None,
            number: 0,
            turn: 0,
            have: none.clone(),
            manifest: None,
            new: false,
            missing: 0,
        };
        let file = OpenFile {
            plan: Arc::new(plan),
            source,
            chunks,
            place,
            stage: FileStage::Comparing,
            found,
            seed: None,
            doubted: none.clone(),
            touched: none.clone(),
            holes: none,
            preallocated: false,
            dirty: 0,
            unnoted: 0,
            saves: 0,
            notes: 0,
            dirty_since: None,
            saving: false,
            kept: false,
        };
        self.files.insert(token, file);
        Ok(())
    }

    /// Looks whether the content is under its name already.
    pub(super) fn compare(&mut self, token: FileToken) {
        let Some(file) = self.files.get(&token) else { return };
        match open::twins(&file.place, &file.plan, &mut self.turn) {
            Err(failure) => {
                let plan = Arc::clone(&file.plan);
                starved::not_opened(self, token, &plan, failure);
            }
            Ok(twins) if twins.is_empty() => self.begin(token),
            Ok(twins) if file.chunks.is_single() => {
                let there = open::same(&file.plan, &twins);
                self.compared(token, there);
            }
            Ok(twins) => tell(&self.slow, SlowTask::Compare(token, file.plan.id, twins)),
        }
    }

    pub(super) fn compared(&mut self, token: FileToken, there: Option<PathBuf>) {
        let Some(file) = self.files.get(&token).filter(|f| f.stage == FileStage::Comparing) else { return };
        match there {
            None => self.begin(token),
            Some(path) => {
                // Whatever was begun of it is of no more use.
                if file.source.is_none() {
                    file.place.discard(file.plan.id);
                }
                self.forget(token);
                self.tell(Event::Arrived(token, Arrival::AlreadyThere(path)));
            }
        }
    }

    /// Opens the partial file.
    pub(super) fn begin(&mut self, token: FileToken) {
        let Some(file) = self.files.get(&token) else { return };
        let promised = self.promised(&file.place);
        if file.source.is_some() {
            return self.begin_copy(token, promised);
        }
        let (place, plan, boot) = (&file.place, &file.plan, self.boot.as_ref());
        let found = match open::partial(place, plan, file.chunks, promised, boot, &mut self.turn) {
            Ok(found) => found,
            Err(failure) => {
                let plan = Arc::clone(&file.plan);
                return starved::not_opened(self, token, &plan, failure);
            }
        };
        let Some(file) = self.files.get_mut(&token) else { return };
        file.stage = FileStage::Filling;
        file.doubted = if file.chunks.is_single() { Bits::none(file.chunks) } else { found.have.clone() };
        file.preallocated = found.missing == 0;
        let (believed, manifest) = (found.have.iter().collect(), found.manifest.clone());
        file.found = found;
        let in_maps = !file.chunks.is_single() && file.chunks.count() <= limits::MAP_CHUNKS;
        if in_maps && file.plan.size >= limits::WORTH_ANOTHER {
            match open::partial_seed(&file.place, &file.plan, file.chunks) {
                Ok(seed) => file.seed = Some(Arc::new(seed)),
                Err(e) => log::debug!("nobody gets {} from here: {e}", file.plan.to),
            }
        }
        if file.chunks.is_single() {
            let target = WriteTarget::Small(Arc::clone(&file.place), Arc::clone(&file.plan), file.chunks);
            tell(writer_of(&self.writers, token, file.chunks.last()), WriterTask::Begin(token, target));
        }
        if let Some(seed) = file.seed.clone() {
            self.tell(Event::PartialSeed(seed));
        }
        if let Some(manifest) = &manifest {
            self.proved(token, manifest);
        }
        self.tell(Event::Opened(token, believed, manifest));
    }

    /// Has the copy made: a small one by a writer, a large one step by step beside the syncs.
    fn begin_copy(&mut self, token: FileToken, promised: u64) {
        let Some(file) = self.files.get_mut(&token) else { return };
        let Some(source) = file.source.clone() else { return };
        if let Err(failure) =
            open::check_space(&file.place, &file.plan, file.plan.size, promised, &mut self.turn)
        {
            return self.fail(token, failure);
        }
        file.stage = FileStage::Copying;
        file.found.missing = file.plan.size;
        let (place, plan) = (Arc::clone(&file.place), Arc::clone(&file.plan));
        if file.chunks.is_single() {
            let writer = writer_of(&self.writers, token, file.chunks.last());
            tell(writer, WriterTask::Copy(token, place, plan, source));
        } else {
            tell(&self.slow, SlowTask::Copy(token, place, plan, source));
        }
    }

    fn copied(&mut self, token: FileToken, copied: io::Result<Option<File>>) {
        // A closing one is discarded when all have let go of it.
        let Some(file) = self.files.get_mut(&token).filter(|f| f.stage == FileStage::Copying) else { return };
        match copied {
            Ok(Some(copy)) => {
                file.found.data = Some(Arc::new(copy));
                file.found.missing = 0;
                file.stage = FileStage::Publishing;
                self.ready.push_back(token);
            }
            Ok(None) => {
                file.discard_copy(token);
                self.forget(token);
                self.tell(Event::NotCopied(token));
            }
            Err(e) => self.fail_with(token, "copy the file", &e),
        }
    }

    /// Bytes that the open downloads on the file system of `place` will still ask of it.
    pub(super) fn promised(&self, place: &Destination) -> u64 {
        let is_there = |f: &&OpenFile| f.place.identity.volume == place.identity.volume;
        self.files.values().filter(is_there).map(|f| f.found.missing).sum()
    }

    pub(super) fn manifest(&mut self, token: FileToken, manifest: Arc<Manifest>) {
        let Some(file) = self.files.get_mut(&token) else { return };
        let fits = manifest.file() == file.plan.id && manifest.chunks() == file.chunks;
        if !fits || file.chunks.is_single() || file.found.manifest.is_some() || file.found.data.is_none() {
            return;
        }
        if let Err(e) = open::store_manifest(&file.place, &file.plan, &manifest) {
            return self.fail_with(token, "keep the manifest", &e);
        }
        self.proved(token, &manifest);
    }

    /// The manifest is known: writing can begin, and what was believed is hashed again.
    pub(super) fn proved(&mut self, token: FileToken, manifest: &Arc<Manifest>) {
        let Some(file) = self.files.get_mut(&token) else { return };
        file.found.manifest = Some(Arc::clone(manifest));
        if let Some(seed) = &file.seed {
            seed.prove(manifest);
        }
        let Some(data) = &file.found.data else { return };
        for writer in &self.writers {
            tell(
                writer,
                WriterTask::Begin(token, WriteTarget::Large(Arc::clone(data), Arc::clone(manifest))),
            );
        }
        if file.found.new {
            return;
        }
        file.holes = open::holes(data, &file.found.have);
        // First what may save fetching, for the believed chunks are believed.
        let mut list = open::unnamed(data, &file.found.have);
        list.retain(|c| file.plan.wants(*c));
        list.extend(file.doubted.iter());
        if !list.is_empty() {
            tell(&self.slow, SlowTask::Check(token, Arc::clone(data), Arc::clone(manifest), list));
        }
    }

    pub(super) fn write(&mut self, token: FileToken, chunk: ChunkIndex, offset: u64, block: Block) {
        let Some(file) = self.files.get_mut(&token) else { return };
        let filling = matches!(file.stage, FileStage::Filling | FileStage::Finishing);
        if !filling || chunk.get() >= file.chunks.count() || !file.plan.wants(chunk) {
            return;
        }
        if file.found.have.has(chunk) {
            if !file.touched.has(chunk) && offset + block.filled().len() as u64 >= file.chunks.len_of(chunk) {
                self.tell(Event::Chunk(token, chunk, true));
            }
            return;
        }
        if !file.chunks.is_single() && file.found.manifest.is_none() {
            let message = format!("a block of {} came before its manifest", file.plan.to);
            return self.fail(token, Failure::other(message));
        }
        file.touched.insert(chunk);
        tell(writer_of(&self.writers, token, chunk), WriterTask::Write(token, chunk, offset, block));
    }

    pub(super) fn chunk(&mut self, token: FileToken, chunk: ChunkIndex, written: WrittenChunk) {
        let Some(file) = self.files.get_mut(&token) else { return };
        let good = written != WrittenChunk::Wrong;
        if written == WrittenChunk::Hole {
            file.holes.insert(chunk);
        }
        if good && file.found.have.insert(chunk) {
            if let Some(seed) = &file.seed {
                seed.set(chunk, true);
            }
            let len = file.chunks.len_of(chunk);
            if file.found.sidecar.is_some() {
                file.dirty += len;
                file.unnoted += len;
                self.news.insert(token);
                file.dirty_since.get_or_insert_with(now);
            }
            if !file.preallocated {
                file.found.missing = file.found.missing.saturating_sub(len);
            }
            self.preallocate(token);
            self.save_if_due(token);
        }
        if self
            .files
            .get(&token)
            .is_some_and(|f| !matches!(f.stage, FileStage::Closing(_) | FileStage::Leaving))
        {
            self.tell(Event::Chunk(token, chunk, good));
        }
    }

    /// Once the last chunk proved the size, all of it is asked of the file system.
    pub(super) fn preallocate(&mut self, token: FileToken) {
        let Some(file) = self.files.get_mut(&token) else { return };
        let large = file.plan.size >= limits::PREALLOCATE && file.plan.keep.is_none();
        let proved = large && file.found.have.has(file.chunks.last());
        if let Some(data) = file.found.data.as_ref().filter(|_| proved && !file.preallocated) {
            tell(&self.slow, SlowTask::Preallocate(token, Arc::clone(data), file.plan.size));
            file.preallocated = true;
        }
    }

    pub(super) fn checked(&mut self, token: FileToken, chunk: ChunkIndex, good: bool) {
        let Some(file) = self.files.get_mut(&token) else { return };
        if file.doubted.remove(chunk) {
            if let Some(seed) = &file.seed {
                seed.set(chunk, good);
            }
            if !good {
                file.found.have.remove(chunk);
                // The sidecar must not go on naming it.
                file.dirty_since.get_or_insert_with(now);
                file.dirty += 1;
                // Of what is kept, one that nobody asked for now does not hold up the others.
                if file.plan.wants(chunk) {
                    file.stage =
                        if file.stage == FileStage::Finishing { FileStage::Filling } else { file.stage };
                    self.tell(Event::Chunk(token, chunk, false));
                }
            }
        } else if good && !file.touched.has(chunk) {
            self.chunk(token, chunk, WrittenChunk::Good);
        }
        self.finish(token);
    }

    pub(super) fn folder(&mut self, token: FileToken, destination: PathBuf, path: SafePath) {
        match Destination::open(&destination) {
            Ok(place) => tell(&self.slow, SlowTask::Folder(token, Arc::new(place), path)),
            Err(e) => {
                let failure = failure(&destination, "open the folder", &e);
                self.tell(Event::Failed(token, failure));
            }
        }
    }
}

/// The writer that a chunk belongs to: neighbours go to different ones.
pub(super) fn writer_of(
    writers: &[Sender<WriterTask>; 2],
    token: FileToken,
    chunk: ChunkIndex,
) -> &Sender<WriterTask> {
    &writers[usize::from((token.0 ^ u64::from(chunk.get())) & 1 == 1)]
}

/// Sends to one of our own threads. They end after the coordinator only, so a failure means that one
/// panicked, which has been reported; what was meant for it is lost with it.
pub(super) fn tell<T>(to: &Sender<T>, message: T) {
    drop(to.send(message));
}
