//! A peer that runs as a service: the service manager is told how it is, and the log what it is doing.
//!
//! Both know it by asking the peer as anybody would. So what does not answer any more is not called well, and the
//! service manager can start it again.

use core::ops::ControlFlow;
use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::human::size;
use super::log_lines::SERVICE;
use super::reload::Reloader;
use super::session;
use super::show::parts::short_id;
use crate::control::{Ask, Reply, Status, StatusRequest};
use crate::error::Failure;
use crate::settings::layers::SettingRow;
use crate::sys::clock;
use crate::sys::service_manager::ServiceManager;
use crate::sys::thread::Thread;
use crate::text::{number, shown};
use crate::time::Time;

/// The peer is asked how it is this often, or thrice in the time that the service manager waits if that is less.
const ASKED: Duration = Duration::from_secs(20);

/// What changes all the time is logged this often, if it changed.
const SUMMED: Duration = Duration::from_secs(60);

/// The way to the service manager, if there is one. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Notifier(Arc<Option<ServiceManager>>);

impl Notifier {
    fn of_process() -> Self {
        Self(Arc::new(ServiceManager::of_process().unwrap_or_else(|e| {
            log::warn!("the service manager is not told how this peer is: NOTIFY_SOCKET: {e}");
            None
        })))
    }

    /// Tells it something: `NAME=value`, a line each.
    pub(super) fn tell(&self, lines: &str) {
        if let Some(Err(e)) = self.0.as_ref().as_ref().map(|manager| manager.tell(lines)) {
            log::debug!("the service manager does not hear: {e}");
        }
    }

    /// How often the peer is asked how it is.
    fn every(&self) -> Duration {
        let watchdog = self.0.as_ref().as_ref().and_then(ServiceManager::watchdog);
        watchdog.map_or(ASKED, |patience| ASKED.min(patience / 3))
    }
}

/// The thread that asks. It ends when this is dropped, or the peer has left.
#[derive(Debug)]
pub(super) struct Supervised {
    notifier: Notifier,
    _runs: Sender<()>,
}

impl Supervised {
    /// Tells the service manager and the log of the peer that takes `asks`.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn start(asks: Sender<Ask>) -> io::Result<Self> {
        let (runs, ended) = bounded(0);
        let supervised = Self { notifier: Notifier::of_process(), _runs: runs };
        let notifier = supervised.notifier.clone();
        // Detached: it may be waiting for an answer of a peer that hangs.
        Thread::spawn("supervisor", move || run(&asks, &notifier, &ended))?.detach();
        Ok(supervised)
    }

    /// What reads the settings of the peer in `directory` again; `rows` are as they were read first.
    pub(super) fn reloader(&self, directory: PathBuf, asks: Sender<Ask>, rows: Vec<SettingRow>) -> Reloader {
        Reloader { directory, asks, rows, notifier: self.notifier.clone() }
    }

    /// Tells the service manager that the peer has left.
    pub(super) fn tell_stopping(&self) {
        self.notifier.tell("STOPPING=1");
    }
}

fn run(asks: &Sender<Ask>, notifier: &Notifier, ended: &Receiver<()>) {
    let mut watch = ServiceWatch::default();
    let mut state = "READY=1";
    while let Ok(status) = status(asks) {
        for line in watch.handle_status(clock::now(), &status) {
            log::info!(target: SERVICE, "{line}");
        }
        notifier.tell(&format!("{state}\nSTATUS={}", summary(&status)));
        state = "WATCHDOG=1";
        if ended.recv_timeout(notifier.every()) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// How the peer is.
fn status(asks: &Sender<Ask>) -> Result<Status, Failure> {
    let mut told = None;
    session::ask(asks, StatusRequest {}, |reply| {
        if let Reply::Status(status) = reply {
            told = Some(*status);
        }
        ControlFlow::Continue(())
    })?;
    told.ok_or_else(|| Failure::other("the peer is leaving"))
}

/// One line for whoever looks at the service.
fn summary(status: &Status) -> String {
    let counted = |n: u64, one: &str| format!("{} {one}{}", number(n), if n == 1 { "" } else { "s" });
    let (peers, files) = (counted(status.on.peers, "peer"), counted(status.sharing.files, "file"));
    format!("{peers} here, sharing {files} ({})", size(status.sharing.bytes))
}

/// What was logged of a peer, and what is worth a line next. Pure.
#[derive(Debug, Default)]
struct ServiceWatch {
    /// Who it is, and where it can be reached.
    place: String,
    /// What it shares.
    shares: String,
    /// When the sums were looked at, and the bytes that were sent and received by then.
    summed: Option<(Time, [u64; 2])>,
}

impl ServiceWatch {
    /// What is to be logged now.
    fn handle_status(&mut self, now: Time, status: &Status) -> Vec<String> {
        let mut lines = Vec::new();
        let place = place(status);
        if self.place != place {
            lines.push(place.clone());
            self.place = place;
        }
        let bytes = [status.counters.sent, status.counters.received];
        let Some((at, before)) = self.summed else {
            self.summed = Some((now, bytes));
            return lines;
        };
        let shares =
            format!("sharing {} files, {}", number(status.sharing.files), size(status.sharing.bytes));
        if status.sharing.hashing == 0 && self.shares != shares {
            lines.push(shares.clone());
            self.shares = shares;
        }
        if now.since(at) >= SUMMED {
            self.summed = Some((now, bytes));
            let [sent, received] = [0, 1].map(|n| bytes[n].saturating_sub(before[n]));
            if sent > 0 || received > 0 {
                let took = now.since(at).as_secs();
                lines.push(format!(
                    "sent {} and received {} of content in {took} s",
                    size(sent),
                    size(received)
                ));
            }
        }
        lines
    }
}

/// Who a peer is, and where it can be reached.
fn place(status: &Status) -> String {
    let network = match &status.on.group {
        Some(group) => format!("group {}", shown(group)),
        None => "open network".to_owned(),
    };
    let [first, .., last] = status.ports;
    format!(
        "running as {} ({}), potluck {}: {network}, TCP ports {first} to {last}, UDP port {}",
        shown(&status.name),
        short_id(&status.id),
        env!("CARGO_PKG_VERSION"),
        status.discovery_port,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::status::tests::facts;

    #[test]
    fn what_does_not_change_is_logged_once_and_sums_once_a_minute() {
        let mut watch = ServiceWatch::default();
        let mut status = facts();
        let start = Time(1);
        let at = |seconds| start + Duration::from_secs(seconds);
        let first = watch.handle_status(start, &status);
        let place = "running as peer1-k7qd (k7qdabcd), potluck ";
        assert!(first.len() == 1 && first[0].starts_with(place), "{first:?}");
        assert!(first[0].ends_with("open network, TCP ports 1001 to 1004, UDP port 27272"), "{first:?}");
        // One file is still being hashed.
        assert_eq!(watch.handle_status(at(20), &status), [""; 0]);
        status.sharing.hashing = 0;
        assert_eq!(watch.handle_status(at(40), &status), ["sharing 12 files, 2.9 MiB"]);
        status.counters.sent = 3 << 20;
        assert_eq!(watch.handle_status(at(50), &status), [""; 0]);
        assert_eq!(
            watch.handle_status(at(60), &status),
            ["sent 3.0 MiB and received 0 B of content in 60 s"]
        );
        assert_eq!(watch.handle_status(at(120), &status), [""; 0]);
        status.on.group = Some("office".to_owned());
        let moved = watch.handle_status(at(121), &status);
        assert!(moved.len() == 1 && moved[0].contains(": group office, TCP"), "{moved:?}");
    }

    #[test]
    fn one_line_says_how_a_service_is() {
        let mut status = facts();
        assert_eq!(summary(&status), "2 peers here, sharing 12 files (2.9 MiB)");
        (status.on.peers, status.sharing.files) = (1, 1);
        assert_eq!(summary(&status), "1 peer here, sharing 1 file (2.9 MiB)");
    }
}
