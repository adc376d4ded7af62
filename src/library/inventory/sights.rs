//! What the walker saw, and what follows from it for the file or folder: it settles, waits to be hashed, or
//! is listed. Pure.

use std::sync::Arc;
use std::time::Duration;

use super::pending::{Before, Pending, Step};
use super::{Inventory, KnownContent, KnownItem, PathState, STILL, Seen, Sight};
use crate::content::{EntryKind, SafePath, Stamp};
use crate::library::SharedFile;
use crate::time::Time;

/// A file that changes while it is listed or hashed must stand still for as long as this many bytes
/// take to hash four times, so that a large one that is written to all the time is not read all the time.
const BYTES_PER_STILL_SECOND: u64 = 256 << 20;

/// The longest such time.
const STILL_MOST: Duration = Duration::from_secs(60);

impl Inventory {
    /// The walker saw something. `cached`: what the hash cache has for this path, of whatever stamp.
    pub(in crate::library) fn handle_sight(
        &mut self,
        now: Time,
        sight: Sight,
        cached: Option<Arc<SharedFile>>,
    ) {
        let Sight { path, what, generation } = sight;
        // A file is read when it is hashed, a folder next.
        self.unreadable.remove(&path);
        if let KnownContent::LeftOut(why) = what {
            // It is no item, and a folder of nothing else is an empty one.
            if self.items.contains_key(&path) {
                self.handle_gone(&path);
            }
            if self.left_out.set(&path, why, generation) {
                self.listing.touch();
            }
            return;
        }
        if self.left_out.remove(&path) {
            self.listing.touch();
        }
        match self.items.get(&path).map(|i| matches!(i.state, PathState::Folder { .. })) {
            Some(folder) if folder == matches!(what, KnownContent::Folder(_)) => {}
            Some(_) => self.handle_gone(&path),
            None => self.make_parents(&path, generation),
        }
        match what {
            KnownContent::Folder(_) => self.saw_folder(path, generation),
            KnownContent::File(seen) => self.saw_file(now, path, seen, generation, cached),
            // Taken in above.
            KnownContent::LeftOut(_) => {}
        }
    }

    pub(super) fn saw_folder(&mut self, path: SafePath, generation: u32) {
        if let Some(item) = self.items.get_mut(&path) {
            item.generation = generation;
            return;
        }
        self.enter_parent(&path);
        self.listing.set(&path, Some(EntryKind::Folder));
        self.items.insert(path, KnownItem { generation, state: PathState::Folder { children: 0 } });
    }

    fn saw_file(
        &mut self,
        now: Time,
        path: SafePath,
        seen: Seen,
        generation: u32,
        cached: Option<Arc<SharedFile>>,
    ) {
        let before = cached.as_deref().map(Before::of);
        let cached = cached.filter(|file| file.stamp == seen.stamp);
        let Some(item) = self.items.get_mut(&path) else {
            self.enter_parent(&path);
            let executable = seen.executable;
            if let Some(file) = cached {
                self.listing.add(&file, executable);
                let state = PathState::Listed { file, executable, racy: None };
                self.items.insert(path, KnownItem { generation, state });
            } else {
                let pending = Pending { before, ..Pending::new(seen.stamp, executable, Step::Failed) };
                let state = PathState::Pending(Box::new(pending));
                self.items.insert(path.clone(), KnownItem { generation, state });
                self.take_up(now, &path, seen);
            }
            return;
        };
        item.generation = generation;
        match &mut item.state {
            PathState::Listed { file, .. } if file.stamp == seen.stamp => {}
            PathState::Listed { .. } => {
                self.unlist(&path);
                match cached {
                    Some(file) => self.list(file, seen.executable, None),
                    None => self.changed(now, &path, seen),
                }
            }
            PathState::Pending(p) => {
                let same = p.stamp == seen.stamp;
                match p.step {
                    Step::Queued | Step::Hashing { .. } if same => {}
                    Step::Queued => {
                        self.queue.remove(&path, p.stamp.size);
                        self.take_up(now, &path, seen);
                    }
                    Step::Hashing { .. } => {
                        self.queue.forget_waiting(p.stamp.size);
                        self.changed(now, &path, seen);
                    }
                    Step::Settling { until, ignores_close } if same => {
                        if now >= until || (seen.ready && !ignores_close) {
                            self.enqueue(&path, seen);
                        }
                    }
                    Step::Settling { ignores_close: true, .. } => self.changed(now, &path, seen),
                    Step::Settling { .. } | Step::Failed => self.take_up(now, &path, seen),
                }
            }
            // `handle_sight` removed a folder that became a file.
            PathState::Folder { .. } => {}
        }
    }

    /// A file that is new, or whose hashing had not begun.
    fn take_up(&mut self, now: Time, path: &SafePath, seen: Seen) {
        if seen.ready {
            self.enqueue(path, seen);
        } else {
            // What was last written a while ago has stood still already.
            let still = STILL.saturating_sub(seen.stood);
            self.settle(now, path, seen.stamp, seen.executable, still);
        }
    }

    /// A file that was listed or being hashed has other content now.
    fn changed(&mut self, now: Time, path: &SafePath, seen: Seen) {
        if seen.stamp.size <= BYTES_PER_STILL_SECOND {
            self.take_up(now, path, seen);
        } else {
            self.settle_long(now, path, seen.stamp, seen.executable);
        }
    }

    /// Hashing has to begin again, from whatever is there then.
    pub(super) fn restart(&mut self, now: Time, path: &SafePath, stamp: Stamp, executable: bool) {
        self.queue.forget_waiting(stamp.size);
        if stamp.size > BYTES_PER_STILL_SECOND {
            self.settle_long(now, path, stamp, executable);
        } else {
            self.settle(now, path, stamp, executable, STILL);
        }
    }

    /// It is looked at again after `still`.
    pub(super) fn settle(
        &mut self,
        now: Time,
        path: &SafePath,
        stamp: Stamp,
        executable: bool,
        still: Duration,
    ) {
        let until = now + still;
        self.timers.insert((until, path.clone()));
        let step = Step::Settling { until, ignores_close: false };
        self.set_pending(path, Pending::new(stamp, executable, step));
    }

    /// A large file has to stand still for longer, and a close after writing does not change that.
    fn settle_long(&mut self, now: Time, path: &SafePath, stamp: Stamp, executable: bool) {
        let still = Duration::from_secs(stamp.size / BYTES_PER_STILL_SECOND).clamp(STILL, STILL_MOST);
        let until = now + still;
        self.timers.insert((until, path.clone()));
        let step = Step::Settling { until, ignores_close: true };
        self.set_pending(path, Pending::new(stamp, executable, step));
    }

    fn enqueue(&mut self, path: &SafePath, seen: Seen) {
        self.queue.add(path, seen.stamp);
        self.set_pending(path, Pending::new(seen.stamp, seen.executable, Step::Queued));
    }

    fn set_pending(&mut self, path: &SafePath, mut pending: Pending) {
        let settles = matches!(pending.step, Step::Settling { .. });
        self.settling.set(path, settles.then_some(pending.stamp.size));
        if let Some(item) = self.items.get_mut(path) {
            pending.before = match &item.state {
                PathState::Listed { file, .. } => Some(Before::of(file)),
                PathState::Pending(earlier) => earlier.before,
                PathState::Folder { .. } => None,
            };
            item.state = PathState::Pending(Box::new(pending));
        }
    }
}
