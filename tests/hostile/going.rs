//! What goes on beside a test: a thread that takes one step after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use potluck::sys::thread::Thread;

/// A thread that goes on until this is dropped, and what it counted.
pub(crate) struct Going {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    _thread: Thread,
}

impl Going {
    /// Takes this step again and again, and adds up what the steps return.
    pub(crate) fn start(mut step: impl FnMut() -> u64 + Send + 'static) -> Self {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&count));
        let run = move || {
            while !stopped.load(Ordering::Relaxed) {
                counted.fetch_add(step(), Ordering::Relaxed);
            }
        };
        Self { stop, count, _thread: Thread::spawn("going", run).unwrap() }
    }

    /// The sum so far.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
