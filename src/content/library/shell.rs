//! The library's thread: joins the walker, the watcher, the hashing threads, the hash cache and the
//! controller. What to do is decided by `inventory` (pure).

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use notify::RecommendedWatcher;

use super::hash::{self, Gauge, HashError, Hashed};
use super::inventory::{Inventory, Job, Outcome, What};
use super::walk::{Ask, Told, Walker};
use super::warnings::{Skip, Warnings};
use super::watch::{self, Ears, Heard, Hint, Ready};
use super::{Command, Event, LibraryConfig, SharedFile, Stamp};
use crate::content::SafePath;
use crate::limits;
use crate::store::{self, HashRow};
use crate::sys::clock;
use crate::sys::thread::Thread;
use crate::time::Time;

/// Hashing threads: one may be busy with a large file while the other one goes on.
const HASHERS: usize = 2;

/// Messages of the walker that may wait (512 files each): it need not run far ahead.
const TOLD: usize = 32;

/// A change is published at once after quiet, else this long after the last one. Longer if making the
/// shelf takes a quarter of it.
const PUBLISH: Duration = Duration::from_millis(150);

/// The first scan is published in pieces only if it takes longer than this.
const FIRST_PUBLISH: Duration = Duration::from_millis(700);

/// Time between two reports of progress; the first one comes after hashing has gone on for as long.
const PROGRESS: Duration = Duration::from_millis(250);

/// Files named in a report of progress.
const NAMED: usize = 100;

/// Hashes are kept in batches: this many, or after this time.
const ROWS: usize = 2_000;
const ROWS_TIME: Duration = Duration::from_secs(1);

/// Time between two looks at whether the root is still the same folder.
const ROOT: Duration = Duration::from_secs(2);

/// Time after which a new folder is looked at again: by then it is watched.
const AGAIN: Duration = Duration::from_secs(1);

/// New folders that are looked at again one by one, at most; beyond it everything is.
const AGAIN_MOST: usize = 64;

/// Hints taken in before anything else has its turn.
const HINTS_A_TURN: usize = 4_096;

/// The controller went away.
struct Stopped;

/// The walking thread.
struct WalkerThread {
    asks: Sender<Ask>,
    told: Receiver<Told>,
    _thread: Thread,
}

/// A hashing thread.
struct HasherThread {
    orders: Sender<Vec<Job>>,
    gauge: Arc<Gauge>,
    /// What it is busy with.
    jobs: Vec<Job>,
    _thread: Thread,
}

impl Drop for HasherThread {
    fn drop(&mut self) {
        self.gauge.stop.store(true, Ordering::Relaxed);
    }
}

/// The hash cache while everything is looked at. By a hash of the path, so that 100,000 paths are not in
/// memory once more; of two paths with one hash, one is hashed again.
#[derive(Default)]
struct Cache {
    by: RandomState,
    /// Files, and the days on which they were last seen.
    files: HashMap<u64, (Arc<SharedFile>, u32)>,
}

impl Cache {
    fn of(rows: impl Iterator<Item = HashRow>) -> Self {
        let mut cache = Self::default();
        for HashRow { path, stamp, manifest, seen } in rows {
            let key = cache.by.hash_one(&path);
            cache.files.insert(key, (Arc::new(SharedFile { path, stamp, manifest }), seen));
        }
        cache
    }

    fn take(&mut self, path: &SafePath, stamp: &Stamp) -> Option<(Arc<SharedFile>, u32)> {
        let found = self.files.remove(&self.by.hash_one(path))?;
        (found.0.path == *path && found.0.stamp == *stamp).then_some(found)
    }
}

/// The thread's state.
pub(super) struct Shell {
    config: LibraryConfig,
    store: store::Handle,
    inbox: Receiver<Command>,
    outbox: Sender<Event>,
    inventory: Inventory,
    warnings: Warnings,

    walker: WalkerThread,
    hashers: Vec<HasherThread>,
    hashed: Receiver<(usize, Vec<Hashed>)>,

    /// Device and inode of the root at the last look; `None` before it and while it is not there.
    root: Option<(u64, u64)>,
    ears: Ears,
    heard: Receiver<Heard>,
    ready: Receiver<Ready>,
    watcher: Option<RecommendedWatcher>,
    watching: Option<Thread>,
    /// The root is to be watched after this scan.
    watch_due: bool,

    /// Paths to be looked at; true: closed after writing.
    dirty: BTreeMap<PathBuf, bool>,
    /// Everything is to be looked at.
    everything: bool,
    /// The walker is busy.
    walking: bool,
    again: BTreeSet<(Time, PathBuf)>,
    /// Hashes known from before; empty except during a scan of a root that just appeared.
    cache: Cache,
    in_use: Vec<SafePath>,

    scanned: bool,
    root_gone_told: bool,
    next_rescan: Time,
    next_root: Time,
    next_publish: Time,
    /// When progress is told next; `None` while nothing is hashed.
    next_progress: Option<Time>,
    /// A report of progress was given, so that its end must be.
    progress_told: bool,
    rows_due: Option<Time>,
}

impl Shell {
    pub(super) fn start(
        config: LibraryConfig,
        store: store::Handle,
        inbox: Receiver<Command>,
        outbox: Sender<Event>,
    ) -> io::Result<Self> {
        let now = clock::now();
        let (hints, heard) = bounded(watch::HINTS);
        let (ready_to, ready) = unbounded();
        let ears = Ears { hints, lost: Arc::new(AtomicBool::new(false)), ready: ready_to };
        let (hashed_to, hashed) = unbounded();
        let walker = start_walker(&config.root)?;
        let hashers = (0..HASHERS).map(|n| start_hasher(n, &config.root, hashed_to.clone()));
        let hashers = hashers.collect::<io::Result<_>>()?;
        Ok(Self {
            inventory: Inventory::new(config.root.clone()),
            warnings: Warnings::default(),
            store,
            inbox,
            outbox,
            walker,
            hashers,
            hashed,
            root: None,
            ears,
            heard,
            ready,
            watcher: None,
            watching: None,
            watch_due: false,
            dirty: BTreeMap::new(),
            everything: true,
            walking: false,
            again: BTreeSet::new(),
            cache: Cache::default(),
            in_use: Vec::new(),
            scanned: false,
            root_gone_told: false,
            next_rescan: now + config.rescan,
            next_root: now + ROOT,
            next_publish: now + FIRST_PUBLISH,
            next_progress: None,
            progress_told: false,
            rows_due: None,
            config,
        })
    }

    /// Works until the controller goes away.
    pub(super) fn run(mut self) {
        while self.turn().is_ok() {}
        self.keep_rows();
    }

    fn turn(&mut self) -> Result<(), Stopped> {
        let now = clock::now();
        self.dispatch(now);
        self.report(now)?;
        let wait = self.next_timeout().since(clock::now());
        select! {
            recv(self.inbox) -> command => self.command(command.map_err(|_| Stopped)?),
            recv(self.walker.told) -> told => self.told(told.map_err(|_| Stopped)?)?,
            recv(self.hashed) -> hashed => {
                let (hasher, hashed) = hashed.map_err(|_| Stopped)?;
                self.hashed(hasher, hashed)?;
            }
            recv(self.heard) -> heard => {
                // `ears` lie beside it, so this channel never ends, nor does the next one.
                let more: Vec<_> = self.heard.try_iter().take(HINTS_A_TURN).collect();
                for heard in heard.into_iter().chain(more) {
                    self.heard(heard)?;
                }
            }
            recv(self.ready) -> ready => {
                if let Ok(ready) = ready {
                    self.ready(ready)?;
                }
            }
            default(wait) => {}
        }
        self.timeouts(clock::now());
        Ok(())
    }

    fn next_timeout(&self) -> Time {
        let publish = (self.inventory.is_changed() && self.may_publish()).then_some(self.next_publish);
        let again = self.again.first().map(|(time, _)| *time);
        [Some(self.next_root), Some(self.next_rescan), publish, self.next_progress, self.rows_due, again]
            .into_iter()
            .chain([self.inventory.poll_timeout()])
            .flatten()
            .min()
            .unwrap_or(self.next_root)
    }

    fn timeouts(&mut self, now: Time) {
        if self.ears.lost.swap(false, Ordering::Relaxed) {
            self.inventory.handle_lost_events(now);
            self.everything = true;
        }
        self.inventory.handle_timeout(now);
        while let Some(path) = self.inventory.poll_look() {
            self.dirty.entry(path.as_str().into()).or_insert(false);
        }
        while self.again.first().is_some_and(|(time, _)| *time <= now) {
            if let Some((_, path)) = self.again.pop_first() {
                self.dirty.entry(path).or_insert(false);
            }
        }
        if now >= self.next_rescan {
            self.everything = true;
        }
        if now >= self.next_root {
            self.next_root = now + ROOT;
            self.check_root();
        }
        if self.rows_due.is_some_and(|due| due <= now) {
            self.keep_rows();
        }
    }

    /// Hands out work to whoever is idle.
    fn dispatch(&mut self, now: Time) {
        if !self.walking && (self.everything || self.dirty.len() > limits::DIRTY_PATHS) {
            let rescan = if self.is_watched() { self.config.rescan } else { self.config.rescan_unwatched };
            self.next_rescan = now + rescan;
            self.everything = false;
            self.dirty.clear();
            self.ask(Ask::Everything);
        } else if !self.walking && !self.dirty.is_empty() {
            let paths = std::mem::take(&mut self.dirty).into_iter().collect();
            self.ask(Ask::Paths(paths));
        }
        for hasher in &mut self.hashers {
            if hasher.jobs.is_empty()
                && let Some(jobs) = self.inventory.poll_jobs()
            {
                hasher.jobs.clone_from(&jobs);
                if hasher.orders.send(jobs).is_err() {
                    log::error!("a hashing thread is gone");
                }
            }
        }
    }

    fn ask(&mut self, ask: Ask) {
        self.walking = true;
        if self.walker.asks.send(ask).is_err() {
            log::error!("the walking thread is gone");
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Check(path) => {
                self.dirty.entry(path.as_str().into()).or_insert(false);
            }
            Command::Rescan => self.everything = true,
        }
    }

    fn told(&mut self, told: Told) -> Result<(), Stopped> {
        let now = clock::now();
        match told {
            Told::Root(root) => self.saw_root(root)?,
            Told::Sights(sights) => {
                for sight in sights {
                    let cached = match sight.what {
                        What::File(seen) => self.cache.take(&sight.path, &seen.stamp),
                        What::Folder => None,
                    };
                    let cached = cached.map(|(file, seen)| self.in_use(file, seen));
                    self.inventory.handle_sight(now, sight, cached);
                }
            }
            Told::Gone(path) => self.inventory.handle_gone(&path),
            Told::Swept(path, generation) => self.inventory.handle_swept(path.as_ref(), generation),
            Told::Skipped(path, why) => self.skipped(&path, why)?,
            Told::Done(everything) => {
                self.walking = false;
                if everything {
                    self.scan_done()?;
                }
            }
        }
        self.rows_wait(now);
        Ok(())
    }

    fn saw_root(&mut self, root: Option<(u64, u64)>) -> Result<(), Stopped> {
        if root == self.root && (root.is_some() || self.root_gone_told) {
            return Ok(());
        }
        self.root = root;
        self.watcher = None;
        self.set_watched();
        if root.is_none() {
            // What lay there is not shared any more; its hashes are kept for when it is back.
            for path in self.inventory.top() {
                self.inventory.handle_gone(&path);
            }
            self.root_gone_told = true;
            let text = format!(
                "the shared folder {} is gone: nothing is shared until it is there again",
                self.config.root.display()
            );
            return self.send(Event::Warning(text));
        }
        self.root_gone_told = false;
        // Another folder than before, so all of it has to be seen.
        self.everything |= self.scanned;
        self.cache = Cache::of(self.store.hashes().iter().flatten());
        self.watch_due = self.config.watch;
        Ok(())
    }

    /// Only once the first scan is over: the watcher walks through all folders, too, and what changed
    /// until it is ready is found by the scan that follows.
    fn watch(&mut self) -> Result<(), Stopped> {
        let (true, Some(root)) = (std::mem::take(&mut self.watch_due), self.root) else { return Ok(()) };
        match watch::start(self.config.root.clone(), root, self.ears.clone()) {
            Ok(thread) => self.watching = Some(thread),
            Err(e) => return self.not_watched(&e.to_string()),
        }
        Ok(())
    }

    fn scan_done(&mut self) -> Result<(), Stopped> {
        // While the root changed under the scan, another one follows that needs the hashes.
        if !self.everything {
            self.cache = Cache::default();
        }
        let in_use = std::mem::take(&mut self.in_use);
        if !in_use.is_empty() {
            self.store.seen_hashes(in_use);
        }
        if !self.scanned {
            self.scanned = true;
            self.store.prune_hashes();
            self.next_publish = clock::now();
            self.publish(clock::now())?;
            self.tell_waiting()?;
            self.send(Event::Scanned)?;
        }
        self.watch()
    }

    /// Tells at once what is still to be hashed: whoever asks next is to see it.
    fn tell_waiting(&mut self) -> Result<(), Stopped> {
        let (files, bytes) = self.inventory.waiting();
        if files == 0 {
            return Ok(());
        }
        self.progress_told = true;
        self.next_progress = Some(clock::now() + PROGRESS);
        self.send(Event::Hashing { first: self.inventory.first_waiting(NAMED), files, bytes })
    }

    /// Marks a row as in use, if that was not done for a while.
    fn in_use(&mut self, file: Arc<SharedFile>, seen: u32) -> Arc<SharedFile> {
        let today = clock::unix_seconds() / 86_400;
        if today.saturating_sub(seen.into()) >= store::SEEN_DAYS.into() {
            self.in_use.push(file.path.clone());
        }
        file
    }

    fn skipped(&mut self, path: &Path, why: Skip) -> Result<(), Stopped> {
        match self.warnings.skipped(path, why) {
            Some(text) => self.send(Event::Warning(text)),
            None => Ok(()),
        }
    }

    fn hashed(&mut self, hasher: usize, hashed: Vec<Hashed>) -> Result<(), Stopped> {
        let now = clock::now();
        self.hashers[hasher].jobs.clear();
        for Hashed { job, began, result } in hashed {
            let outcome = match result {
                Ok(manifest) => Outcome::Hashed { manifest: Arc::new(manifest), began },
                Err(HashError::Io(e)) => {
                    self.skipped(Path::new(job.path.as_str()), Skip::Unreadable(e.to_string()))?;
                    Outcome::Failed
                }
                Err(HashError::Changed | HashError::Gone | HashError::Stopped) => Outcome::Changed,
            };
            self.inventory.handle_done(now, &job, outcome);
        }
        self.rows_wait(now);
        Ok(())
    }

    fn heard(&mut self, heard: Heard) -> Result<(), Stopped> {
        match heard {
            Heard::Hint(hint) => self.hint(hint),
            Heard::Root => self.check_root(),
            Heard::Lost => self.ears.lost.store(true, Ordering::Relaxed),
            Heard::Failed(why) => {
                self.watcher = None;
                return self.not_watched(&why);
            }
        }
        Ok(())
    }

    fn ready(&mut self, ready: Ready) -> Result<(), Stopped> {
        if self.root != Some(ready.root) {
            // Of a folder that is not the root any more.
            return Ok(());
        }
        self.watching = None;
        match ready.watcher {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.set_watched();
                // What changed between the scan and now was not heard of.
                self.everything = true;
                Ok(())
            }
            Err(why) => self.not_watched(&why),
        }
    }

    fn hint(&mut self, hint: Hint) {
        let now = clock::now();
        if hint.folder {
            if self.again.len() >= AGAIN_MOST {
                self.again.clear();
                self.next_rescan = self.next_rescan.min(now + AGAIN);
            }
            self.again.insert((now + AGAIN, hint.path.clone()));
        }
        let look = match SafePath::from_relative(&hint.path) {
            Ok(path) if hint.written => self.inventory.handle_written(now, &path) || hint.closed,
            _ => true,
        };
        if look {
            let closed = self.dirty.entry(hint.path).or_insert(false);
            if hint.written || hint.closed {
                *closed = hint.closed;
            }
        } else if let Some(closed) = self.dirty.get_mut(&hint.path) {
            *closed = false;
        }
    }

    fn is_watched(&self) -> bool {
        self.watcher.is_some()
    }

    fn set_watched(&mut self) {
        self.inventory.set_watched(self.is_watched());
    }

    fn not_watched(&mut self, why: &str) -> Result<(), Stopped> {
        self.set_watched();
        let every = self.config.rescan_unwatched;
        self.next_rescan = self.next_rescan.min(clock::now() + every);
        let text = format!(
            "changes in {} are not noticed at once ({why}); it is looked at every {} seconds",
            self.config.root.display(),
            every.as_secs()
        );
        self.send(Event::Warning(text))
    }

    /// Another folder at the place of the root, or none, is noticed by its identity.
    fn check_root(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let root = std::fs::metadata(&self.config.root).ok().map(|m| (m.dev(), m.ino()));
        self.everything |= root != self.root;
    }

    fn rows_wait(&mut self, now: Time) {
        match self.inventory.rows() {
            0 => {}
            n if n >= ROWS => self.keep_rows(),
            _ => self.rows_due = self.rows_due.or(Some(now + ROWS_TIME)),
        }
    }

    fn keep_rows(&mut self) {
        self.rows_due = None;
        let row = |(path, stamp, manifest)| HashRow { path, stamp, manifest, seen: 0 };
        let rows: Vec<_> = self.inventory.take_rows().into_iter().map(row).collect();
        if !rows.is_empty() {
            self.store.put_hashes(rows);
        }
    }

    fn report(&mut self, now: Time) -> Result<(), Stopped> {
        if self.may_publish() && now >= self.next_publish {
            self.publish(now)?;
        }
        self.progress(now);
        Ok(())
    }

    fn may_publish(&self) -> bool {
        self.scanned || !self.inventory.is_empty()
    }

    fn publish(&mut self, now: Time) -> Result<(), Stopped> {
        let Some(shelf) = self.inventory.publish() else { return Ok(()) };
        let cost = clock::now().since(now);
        self.next_publish = now + PUBLISH.max(cost * 5);
        self.send(Event::Changed(shelf))
    }

    fn progress(&mut self, now: Time) {
        let (files, bytes) = self.inventory.waiting();
        let Some(due) = self.next_progress else {
            if files > 0 {
                self.next_progress = Some(now + PROGRESS);
            }
            return;
        };
        if files == 0 && self.inventory.is_changed() {
            // First what was hashed is listed.
            if due <= now {
                self.next_progress = Some(now + PROGRESS);
            }
        } else if files == 0 {
            let end = Event::Hashing { first: Vec::new(), files: 0, bytes: 0 };
            if !self.progress_told || self.outbox.try_send(end).is_ok() {
                self.next_progress = None;
                self.progress_told = false;
            } else if due <= now {
                self.next_progress = Some(now + PROGRESS);
            }
        } else if due <= now {
            let mut first = self.inventory.first_waiting(NAMED);
            for hasher in self.hashers.iter().filter(|h| h.jobs.len() == 1) {
                for hashing in first.iter_mut().filter(|h| h.path == hasher.jobs[0].path) {
                    hashing.done = hasher.gauge.done.load(Ordering::Relaxed).min(hashing.size);
                }
            }
            self.progress_told |= self.outbox.try_send(Event::Hashing { first, files, bytes }).is_ok();
            self.next_progress = Some(now + PROGRESS);
        }
    }

    fn send(&self, event: Event) -> Result<(), Stopped> {
        self.outbox.send(event).map_err(|_| Stopped)
    }
}

fn start_walker(root: &Path) -> io::Result<WalkerThread> {
    let (asks, asked) = unbounded();
    let (tell, told) = bounded(TOLD);
    let walker = Walker::new(root.to_owned(), move |t| tell.send(t).is_ok());
    let thread = Thread::spawn("library-walk", move || walker.run(&asked))?;
    Ok(WalkerThread { asks, told, _thread: thread })
}

fn start_hasher(n: usize, root: &Path, done: Sender<(usize, Vec<Hashed>)>) -> io::Result<HasherThread> {
    let (orders, jobs) = unbounded();
    let gauge = Arc::new(Gauge::default());
    let (root, shared) = (root.to_owned(), Arc::clone(&gauge));
    let thread = Thread::spawn("library-hash", move || {
        hash::work(&root, &shared, &jobs, |hashed| done.send((n, hashed)).is_ok());
    })?;
    Ok(HasherThread { orders, gauge, jobs: Vec::new(), _thread: thread })
}
