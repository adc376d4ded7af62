//! What lies in `shared/` and how far each file is: what to hash, in which order, and what is listed.
//! Pure. Its shell is `shell`.
//!
//! Contract. `handle_*` take in what the walker saw, what the watcher heard and what the hashing
//! threads found; `now` never goes back. After each, drain [`Inventory::poll_look`] and, for each idle
//! hashing thread, [`Inventory::poll_jobs`]. [`Inventory::publish`] gives the shelf if it changed since.
//!
//! ```text
//!           seen                 stood still, closed or old          hashed, unchanged
//! (unknown) ────▶ settling ──────────────────────────────▶ queued ─▶ hashing ─▶ listed
//!                  ▲   ▲─────────────── changed ────────────┘          │          │
//!                  └────────────────────────────────────────── changed ┴──────────┘
//! ```
//! A file whose stamp is in the hash cache goes from unknown to listed at once. What the walker saw is taken
//! in by `sights`; `folders` knows what lies in which.

mod folders;
mod listing;
mod mounts;
mod omissions;
mod pending;
mod queue;
mod settling;
mod sights;
mod unreadable;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use self::listing::Listing;
use self::mounts::KnownMounts;
use self::omissions::KnownOmissions;
use self::pending::{Pending, Step};
pub(super) use self::queue::HashJob;
use self::queue::Queue;
use self::settling::SettlingFiles;
use self::unreadable::UnreadablePaths;
use super::{Hashing, LibraryRoot, SharedFile, Shelf};
use crate::content::{FolderIdentity, Manifest, MountIdentity, Omission, SafePath, Stamp, UnlistedContent};
use crate::time::Time;

/// A new file that nobody closed is taken up when it stood still this long.
const STILL: Duration = Duration::from_secs(1);

/// The modification time must be this much older than the begin of hashing: no file system's clock is
/// coarser (FAT), so that no later change can hide behind the same time.
const RACY: Duration = Duration::from_secs(2);

/// Something that was seen in `shared/`.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) path: SafePath,
    pub(super) what: KnownContent,
    /// The scan that saw it.
    pub(super) generation: u32,
}

/// What it is.
#[derive(Clone, Debug)]
pub(super) enum KnownContent {
    /// And what is mounted on it.
    Folder(Option<MountIdentity>),
    File(Seen),
    /// Something that is not shared, by rule; with all below it, if it is a folder.
    LeftOut(Omission),
}

/// A file as it was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) stamp: Stamp,
    pub(super) executable: bool,
    /// It was closed after writing, or was last written a while ago.
    pub(super) ready: bool,
    /// For how long it has not been written to, by its modification time.
    pub(super) stood: Duration,
}

/// What is new about a folder, before what lies in it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderNews {
    /// Nothing.
    Known,
    /// It could not be read at the last look.
    Opened,
    /// Something else is mounted on it, so that what is known of the files below belongs to that.
    Remounted,
}

/// What became of a job.
#[derive(Debug)]
pub(super) enum HashOutcome {
    /// Hashed, and unchanged from before the first byte to after the last one.
    Hashed {
        manifest: Arc<Manifest>,
        /// Seconds since 1970 when reading began.
        began: u64,
    },
    /// It changed or went away.
    Changed,
    /// It cannot be read; tried again when it changes or at the next scan.
    Failed,
}

/// A file or folder that is known.
#[derive(Debug)]
struct KnownItem {
    generation: u32,
    state: PathState,
}

/// How far it is. Boxed where rare: there may be 100,000 listed files.
#[derive(Debug)]
enum PathState {
    Folder {
        /// Known files and folders in it.
        children: u32,
    },
    Pending(Box<Pending>),
    Listed {
        file: Arc<SharedFile>,
        executable: bool,
        /// Until then a change right after hashing could hide behind the same time stamps.
        racy: Option<Time>,
    },
}

/// The machine.
#[derive(Debug)]
pub(super) struct Inventory {
    items: BTreeMap<SafePath, KnownItem>,
    queue: Queue,
    settling: SettlingFiles,
    listing: Listing,
    timers: BTreeSet<(Time, SafePath)>,
    looks: Vec<SafePath>,
    /// Hashes that may be kept.
    rows: Vec<Arc<SharedFile>>,
    /// Whether changes are heard of as they happen.
    watched: bool,
    /// What was published last said that files wait to be hashed.
    reported_waiting: bool,
    unreadable: UnreadablePaths,
    mounts: KnownMounts,
    left_out: KnownOmissions,
}

/// Files not hashed yet, or not to be read, that are reported with what is shared, at most.
const WAITING_REPORTED: usize = 2_000;

impl Inventory {
    /// Nothing is known yet of what lies in `root`.
    pub(super) fn new(root: LibraryRoot) -> Self {
        Self {
            items: BTreeMap::new(),
            queue: Queue::default(),
            settling: SettlingFiles::default(),
            listing: Listing::new(root),
            timers: BTreeSet::new(),
            looks: Vec::new(),
            rows: Vec::new(),
            watched: false,
            reported_waiting: false,
            unreadable: UnreadablePaths::default(),
            mounts: KnownMounts::default(),
            left_out: KnownOmissions::default(),
        }
    }

    /// Whether the watcher works. While it does not, a hash of a file written just before is not kept.
    pub(super) const fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Events were lost: what was written just before it was hashed may have changed unseen.
    pub(super) fn handle_lost_events(&mut self, now: Time) {
        let racy =
            self.items.iter().filter(|(_, i)| matches!(i.state, PathState::Listed { racy: Some(_), .. }));
        let racy: Vec<_> = racy.map(|(path, _)| path.clone()).collect();
        for path in racy {
            self.handle_written(now, &path);
        }
    }

    /// The watcher heard that a file may have been written to. False if it need not be looked at yet.
    pub(super) fn handle_written(&mut self, now: Time, path: &SafePath) -> bool {
        let Some(item) = self.items.get_mut(path) else { return true };
        match &mut item.state {
            PathState::Pending(p) => match &mut p.step {
                // Its timer looks, once it stood still.
                Step::Settling { .. } => return false,
                Step::Hashing { spoiled } => *spoiled = true,
                Step::Queued | Step::Failed => {}
            },
            PathState::Listed { file, executable, racy: Some(_) } => {
                let (stamp, executable) = (file.stamp, *executable);
                self.unlist(path);
                self.settle(now, path, stamp, executable, STILL);
            }
            PathState::Listed { .. } | PathState::Folder { .. } => {}
        }
        true
    }

    /// What lies at `path` cannot be read: neither it nor what lies below is listed, and neither is gone.
    pub(super) fn handle_unreadable(&mut self, path: SafePath) {
        self.handle_gone(&path);
        self.unreadable.add(path);
        self.listing.touch();
    }

    /// The walker is in a folder on which this is mounted, or nothing is; it has not told what lies there yet.
    pub(super) fn handle_folder(&mut self, path: &SafePath, mount: Option<MountIdentity>) -> FolderNews {
        if !self.mounts.set(path, mount) {
            self.listing.touch();
            FolderNews::Remounted
        } else if self.unreadable.contains(path) {
            FolderNews::Opened
        } else {
            FolderNews::Known
        }
    }

    /// Nothing that can be shared lies at `path` any more, nor below.
    pub(super) fn handle_gone(&mut self, path: &SafePath) {
        if self.unreadable.forget(Some(path), true)
            | self.mounts.forget(path)
            | self.left_out.forget(Some(path))
        {
            self.listing.touch();
        }
        for below in self.below(Some(path)) {
            self.forget(&below);
        }
        if self.items.contains_key(path) {
            self.forget(path);
            self.leave_parent(path);
        }
    }

    /// A scan of all below `path` (`None`: of everything) is over; what it did not see is gone.
    pub(super) fn handle_swept(&mut self, path: Option<&SafePath>, generation: u32) {
        let mut gone: Vec<_> = self.below(path);
        gone.retain(|p| self.items.get(p).is_some_and(|i| i.generation != generation));
        for path in gone {
            self.handle_gone(&path);
        }
        if self.unreadable.forget(path, false) | self.left_out.sweep(path, generation) {
            self.listing.touch();
        }
    }

    /// A job is done.
    pub(super) fn handle_done(&mut self, now: Time, job: &HashJob, outcome: HashOutcome) {
        self.queue.handle_done(job);
        let Some(KnownItem { state: PathState::Pending(pending), .. }) = self.items.get_mut(&job.path) else {
            return;
        };
        let Step::Hashing { spoiled } = pending.step else { return };
        if pending.stamp != job.stamp {
            return;
        }
        let (stamp, executable, before) = (pending.stamp, pending.executable, pending.before);
        match outcome {
            HashOutcome::Failed => {
                pending.step = Step::Failed;
                self.queue.forget_waiting(stamp.size);
                self.unreadable.add(job.path.clone());
                self.listing.touch();
            }
            HashOutcome::Changed => self.restart(now, &job.path, stamp, executable),
            HashOutcome::Hashed { .. } if spoiled => self.restart(now, &job.path, stamp, executable),
            HashOutcome::Hashed { manifest, began } => {
                self.queue.forget_waiting(stamp.size);
                let fresh = i128::from(began) * 1_000_000_000 - stamp.modified;
                let racy = fresh < i128::try_from(RACY.as_nanos()).unwrap_or(i128::MAX);
                let racy = racy.then_some(now + RACY + STILL);
                let since = match before {
                    Some(before) if before.id == manifest.file() => before.since,
                    _ => began.saturating_mul(1_000),
                };
                let file = Arc::new(SharedFile { path: job.path.clone(), stamp, manifest, since });
                if let Some(until) = racy {
                    self.timers.insert((until, job.path.clone()));
                } else {
                    self.rows.push(Arc::clone(&file));
                }
                self.list(file, executable, racy);
            }
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.timers.first().map(|(time, _)| *time)
    }

    /// Looks at what stood still, and keeps hashes that nothing contradicted.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        while self.timers.first().is_some_and(|(time, _)| *time <= now) {
            let Some((_, path)) = self.timers.pop_first() else { break };
            match self.items.get_mut(&path).map(|i| &mut i.state) {
                Some(PathState::Pending(p)) if matches!(p.step, Step::Settling { until, .. } if until <= now) =>
                {
                    self.looks.push(path);
                }
                // A change after the hash would have been heard of by now.
                // The timer may be that of an earlier hash; it proves nothing about this one.
                Some(PathState::Listed { file, racy, .. })
                    if self.watched && racy.is_some_and(|until| until <= now) =>
                {
                    *racy = None;
                    self.rows.push(Arc::clone(file));
                }
                _ => {}
            }
        }
    }

    /// A path that the walker is to look at.
    pub(super) fn poll_look(&mut self) -> Option<SafePath> {
        self.looks.pop()
    }

    /// Work for an idle hashing thread: one file, or several small ones, the smallest first.
    pub(super) fn poll_jobs(&mut self) -> Option<Vec<HashJob>> {
        let jobs = self.queue.poll_jobs()?;
        for job in &jobs {
            if let Some(KnownItem { state: PathState::Pending(p), .. }) = self.items.get_mut(&job.path) {
                p.step = Step::Hashing { spoiled: false };
            }
        }
        Some(jobs)
    }

    /// Hashes to be kept, since the last call.
    pub(super) fn take_rows(&mut self) -> Vec<Arc<SharedFile>> {
        std::mem::take(&mut self.rows)
    }

    /// How many rows wait to be taken.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The shelf as it is now, if that differs from the one before.
    ///
    /// `marker`: of the folder that was looked at; `None` while that is under way.
    pub(super) fn publish(&mut self, marker: Option<FolderIdentity>) -> Option<Arc<Shelf>> {
        if !self.is_changed() {
            return None;
        }
        let waits = self.waiting().0 > 0;
        if self.reported_waiting && !waits {
            self.listing.touch();
        }
        let waiting = marker.and_then(|_| self.unlisted()).map(Arc::new);
        let (mounts, left_out) = (self.mounts.all(), self.left_out.all());
        let shelf = self.listing.publish(marker.unwrap_or_default(), mounts, waiting, left_out)?;
        self.reported_waiting = waits;
        Some(shelf)
    }

    /// What is there and not listed; `None`: too much.
    fn unlisted(&self) -> Option<UnlistedContent> {
        let hashing = self.first_waiting(WAITING_REPORTED + 1);
        let sizes = hashing.iter().map(|h| h.size).collect();
        let hashing = hashing.into_iter().map(|h| h.path);
        let paths: Vec<_> =
            hashing.chain(self.unreadable.paths().take(WAITING_REPORTED + 1).cloned()).collect();
        (paths.len() <= WAITING_REPORTED)
            .then(|| UnlistedContent { paths: paths.into_iter().collect(), sizes })
    }

    /// What was published is to be published again, though nothing changed in it.
    pub(super) const fn touch(&mut self) {
        self.listing.touch();
    }

    /// True if [`Self::publish`] would give something.
    pub(super) fn is_changed(&self) -> bool {
        self.listing.is_changed() || (self.reported_waiting && self.waiting().0 == 0)
    }

    /// The number and bytes of the files not hashed yet.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let (files, bytes) = self.queue.waiting();
        (files + self.settling.count(), bytes.saturating_add(self.settling.bytes()))
    }

    /// The first of them, at most `most`: those under way, then in the order of hashing, then those
    /// that have to stand still first.
    pub(super) fn first_waiting(&self, most: usize) -> Vec<Hashing> {
        let mut first = self.queue.first_waiting(most);
        let settling = self.settling.iter().take(most - first.len());
        first.extend(settling.map(|(path, size)| Hashing { path: path.clone(), done: 0, size }));
        first
    }

    /// True if nothing is known to lie in the folder.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn list(&mut self, file: Arc<SharedFile>, executable: bool, racy: Option<Time>) {
        let Some(item) = self.items.get_mut(&file.path) else { return };
        self.listing.add(&file, executable);
        item.state = PathState::Listed { file, executable, racy };
    }

    fn unlist(&mut self, path: &SafePath) {
        if let Some(KnownItem { state: PathState::Listed { file, .. }, .. }) = self.items.get(path) {
            self.listing.remove(file);
        }
    }

    /// Forgets one item, not its parent's count of it.
    fn forget(&mut self, path: &SafePath) {
        self.settling.set(path, None);
        match self.items.remove(path).map(|i| i.state) {
            Some(PathState::Listed { file, .. }) => self.listing.remove(&file),
            Some(PathState::Folder { children: _ }) => self.listing.set(path, None),
            Some(PathState::Pending(p)) => match p.step {
                Step::Queued => self.queue.remove(path, p.stamp.size),
                Step::Hashing { .. } => self.queue.forget_waiting(p.stamp.size),
                Step::Settling { .. } | Step::Failed => {}
            },
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
