//! The one place that starts threads: named, and joined when their handle is dropped.

use std::io;
use std::thread::{self, Builder, JoinHandle};

/// A running thread. Dropping it waits for the thread's end, so its owner drops the channel that
/// stops the thread first (declare the sender above the `Thread` in a struct).
#[derive(Debug)]
pub struct Thread(Option<JoinHandle<()>>);

impl Thread {
    /// Starts `run` in a thread called `name` (at most 15 bytes are shown by Linux).
    ///
    /// # Errors
    /// What the operating system says when it has no thread to give.
    #[expect(clippy::disallowed_methods, reason = "the one place that starts threads")]
    pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Builder::new().name(name.to_owned()).spawn(run).map(|h| Self(Some(h)))
    }

    /// Lets the thread run on without an owner: for threads blocked in a call that cannot be
    /// interrupted (a read of the terminal), which end with the process.
    pub fn detach(mut self) {
        drop(self.0.take());
    }
}

/// Runs `work` in a thread called `name` and waits for its end: what `work` changes about its thread
/// goes with that thread.
///
/// # Errors
/// When the operating system has no thread to give, or `work` ended by a panic.
pub fn aside<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let handle = Builder::new().name(name.to_owned()).spawn_scoped(scope, work)?;
        handle.join().map_err(|_| io::Error::other("a thread ended by a panic"))
    })
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take()
            && handle.join().is_err()
        {
            // The panic hook has reported what happened; the owner goes on to shut down.
            log::error!("a thread ended by a panic");
        }
    }
}
