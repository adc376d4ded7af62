//! The threads that the library gives work to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::counters::Counters;
use crate::library::LibraryRoot;
use crate::library::hash::{self, Gauge, Hashed};
use crate::library::inventory::HashJob;
use crate::library::left_out::NameRules;
use crate::library::walk::{WalkReply, WalkRequest, Walker};
use crate::library::watch::Ears;
use crate::sys::thread::Thread;

/// Messages of the walker that may wait (512 files each): it need not run far ahead.
const REPLIES: usize = 32;

/// The walking thread.
pub(super) struct WalkerThread {
    pub(super) asks: Sender<WalkRequest>,
    pub(super) replies: Receiver<WalkReply>,
    _thread: Thread,
}

/// A hashing thread.
pub(super) struct HasherThread {
    pub(super) orders: Sender<Vec<HashJob>>,
    pub(super) gauge: Arc<Gauge>,
    /// What it is busy with.
    pub(super) jobs: Vec<HashJob>,
    _thread: Thread,
}

impl Drop for HasherThread {
    fn drop(&mut self) {
        self.gauge.stop.store(true, Ordering::Relaxed);
    }
}

pub(super) fn start_walker(root: &LibraryRoot, names: NameRules, ears: Ears) -> io::Result<WalkerThread> {
    let (asks, asked) = unbounded();
    let (tell, replies) = bounded(REPLIES);
    let walker = Walker::new(root.clone(), names, ears, move |t| tell.send(t).is_ok());
    let thread = Thread::spawn("library-walk", move || walker.run(&asked))?;
    Ok(WalkerThread { asks, replies, _thread: thread })
}

pub(super) fn start_hasher(
    n: usize,
    root: &LibraryRoot,
    counters: &Arc<Counters>,
    done: Sender<(usize, Vec<Hashed>)>,
) -> io::Result<HasherThread> {
    let (orders, jobs) = unbounded();
    let gauge = Arc::new(Gauge::default());
    let (root, shared, counters) = (root.clone(), Arc::clone(&gauge), Arc::clone(counters));
    let thread = Thread::spawn("library-hash", move || {
        hash::work(&root, &shared, &counters.hashed, &jobs, |hashed| done.send((n, hashed)).is_ok());
    })?;
    Ok(HasherThread { orders, gauge, jobs: Vec::new(), _thread: thread })
}
