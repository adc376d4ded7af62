//! Signals that ask the process to leave: SIGINT, SIGTERM, SIGHUP.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use nix::sys::signal::{SigSet, Signal};

use super::thread::Thread;
use super::{clock, terminal};
use crate::time::Time;

/// Signals this soon after the first are the same wish: a terminal that closes, or a system that shuts
/// down, sends several at once, and the short leave (2 s) is still wanted then.
const ONE_WISH: Duration = Duration::from_millis(300);

type Hook = Box<dyn Fn() + Send + Sync>;

/// What the first and the second wish to leave do. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Leave(Arc<Inner>);

struct Inner {
    /// When the first wish came, in nanoseconds, at least 1; 0: not yet.
    first: AtomicU64,
    on_first: Hook,
    last_words: OnceLock<Hook>,
}

impl fmt::Debug for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leave({})", self.0.first.load(Ordering::SeqCst))
    }
}

impl Leave {
    /// The first wish calls `on_first`, which must not block.
    pub fn new(on_first: impl Fn() + Send + Sync + 'static) -> Self {
        let inner =
            Inner { first: AtomicU64::new(0), on_first: Box::new(on_first), last_words: OnceLock::new() };
        Self(Arc::new(inner))
    }

    /// What is done before a second wish ends the process: one leave is announced. It must not block
    /// and may be called from any thread. Only the first call counts.
    pub fn set_last_words(&self, last_words: impl Fn() + Send + Sync + 'static) {
        if self.0.last_words.set(Box::new(last_words)).is_err() {
            log::debug!("the last words were set before");
        }
    }

    /// Catches the signals from now on, in a thread of their own. Called before any other thread is
    /// started.
    ///
    /// SIGINT and SIGTERM are caught even where they were ignored: a shell without job control starts
    /// what it puts in the background so. SIGHUP stays ignored if it was: that is what `nohup` asks for.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn catch_signals(&self) -> io::Result<()> {
        if is_hangup_ignored() {
            // Blocked here and in all threads that follow; a handler could not be distinguished from the
            // others'.
            let mut hangup = SigSet::empty();
            hangup.add(Signal::SIGHUP);
            hangup.thread_block()?;
        }
        let leave = self.clone();
        ctrlc::set_handler(move || leave.wish(clock::now())).map_err(io::Error::other)
    }

    /// True from the first wish on.
    pub fn is_wished(&self) -> bool {
        self.0.first.load(Ordering::SeqCst) != 0
    }

    /// A wish to leave, by signal or by Ctrl-C at the prompt (which is no signal there).
    pub fn wish(&self, now: Time) {
        if self.is_second(now) {
            if let Some(last_words) = self.0.last_words.get() {
                last_words();
            }
            terminal::restore();
            std::process::exit(1);
        }
    }

    /// Handles a first wish. True for a second one, which ends the process.
    fn is_second(&self, now: Time) -> bool {
        match self.0.first.compare_exchange(0, now.0.max(1), Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => {
                (self.0.on_first)();
                false
            }
            Err(first) => now.since(Time(first)) >= ONE_WISH,
        }
    }
}

/// Lets a write that makes a file larger than this process may (`RLIMIT_FSIZE`, `ulimit -f`) fail as any
/// other (`EFBIG` of write(2)), instead of ending the process (SIGXFSZ of signal(7)). It holds for this
/// thread and all that it starts from now on.
///
/// # Errors
/// When the operating system refuses.
pub fn survive_size_limit() -> io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    Ok(signals.thread_block()?)
}

/// SIGHUP, kept from ending the process.
#[derive(Debug)]
pub struct Hangups(SigSet);

impl Hangups {
    /// Keeps SIGHUP from this thread and all that it starts from now on; `None` if it is ignored, as `nohup` asks for.
    /// Called before any other thread is started.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn hold() -> io::Result<Option<Self>> {
        if is_hangup_ignored() {
            return Ok(None);
        }
        let mut hangup = SigSet::empty();
        hangup.add(Signal::SIGHUP);
        hangup.thread_block()?;
        Ok(Some(Self(hangup)))
    }

    /// Calls `each` for each SIGHUP, in a thread of its own that ends with the process.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn listen(self, mut each: impl FnMut() + Send + 'static) -> io::Result<()> {
        let listen = move || loop {
            match self.0.wait() {
                Ok(_) => each(),
                Err(e) => return log::warn!("SIGHUP is not heard any more: {e}"),
            }
        };
        Thread::spawn("hangups", listen).map(Thread::detach)
    }
}

/// True if the process was started with SIGHUP ignored. Only Linux tells without `unsafe`.
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, Signal::SIGHUP as u32))
}

/// Whether a status file (proc(5)) says that the signal of this number is ignored.
fn ignores(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tpotluck\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, 1) && ignores(status, 13));
        assert!(!ignores(status, 2) && !ignores("", 1) && !ignores("SigIgn:\tx", 1));
    }

    #[test]
    fn signals_sent_at_once_are_one_wish() {
        let (tx, rx) = crossbeam_channel::unbounded();
        let leave = Leave::new(move || tx.send(()).unwrap());
        let start = Time(5_000_000_000);
        assert!(!leave.is_second(start));
        assert!(!leave.is_second(start + Duration::from_millis(5)));
        assert!(leave.is_second(start + Duration::from_millis(400)));
        assert_eq!(rx.try_iter().count(), 1);
    }
}
