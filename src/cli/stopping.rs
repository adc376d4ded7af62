//! Ctrl-C, and other signals that ask a command to end which waits for a download or an offer: they stop the download, or
//! take the offer back, which is the peer's and would go on without anybody who knows of it.

use core::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::output;
use crate::control::{
    AcceptRequest, CancelRequest, DownloadRequest, QueueWord, RejectRequest, Reply, Request, SendRequest,
    client,
};
use crate::error::Code;
use crate::sys::signals::Leave;
use crate::sys::thread::Thread;

/// In the place of a number of a download or offer, which begin with 1: it is not known yet.
const NOT_BEGUN: u64 = 0;

/// Stops a download at the first signal. A second one ends the process without waiting for that.
#[derive(Debug)]
pub(super) struct StopOnSignal {
    download: Arc<WaitedDownload>,
    signals: Leave,
}

impl StopOnSignal {
    /// For a request to the peer in `directory`; `None` if it waits for no download and no offer.
    pub(super) fn of(request: &Request, directory: &Path) -> Option<Self> {
        let is_offer = match request {
            Request::Download(DownloadRequest { wait: true, .. })
            | Request::Accept(AcceptRequest { wait: true, .. }) => false,
            Request::Send(SendRequest { wait: true, text: None, .. }) => true,
            _ => return None,
        };
        let (directory, number) = (directory.to_owned(), AtomicU64::new(NOT_BEGUN));
        let download = Arc::new(WaitedDownload { directory, number, is_offer });
        let stopped = Arc::clone(&download);
        let signals = Leave::new(move || stopped.stop_aside());
        if let Err(e) = signals.catch_signals() {
            log::debug!("signals are not caught: {e}");
        }
        Some(Self { download, signals })
    }

    /// What the peer answers may tell the number.
    pub(super) fn answered(&self, reply: &Reply) {
        match reply {
            Reply::Begun(download) if !self.download.is_offer => self.begun(download.job),
            Reply::Offer(offer) if self.download.is_offer => self.begun(offer.number),
            _ => {}
        }
    }

    /// The download, or the offer, has this number.
    fn begun(&self, number: u64) {
        self.download.number.store(number, Ordering::SeqCst);
        // Whoever asked for its end before found no number. If both find one, it is stopped twice, which is once.
        if self.signals.is_wished() {
            self.download.stop_aside();
        }
    }
}

/// The download that is waited for, or the offer.
#[derive(Debug)]
struct WaitedDownload {
    directory: PathBuf,
    number: AtomicU64,
    is_offer: bool,
}

impl WaitedDownload {
    /// Stops it in a thread of its own: neither the next signal nor the answers wait for that.
    fn stop_aside(self: &Arc<Self>) {
        let download = Arc::clone(self);
        match Thread::spawn("stop", move || download.stop()) {
            Ok(thread) => thread.detach(),
            Err(_) => self.stop(),
        }
    }

    /// Asks the peer to stop it. That it was stopped is among the answers that are waited for.
    fn stop(&self) {
        let job = self.number.load(Ordering::SeqCst);
        if job == NOT_BEGUN {
            return;
        }
        let request = if self.is_offer {
            RejectRequest { which: Some(QueueWord::number(job)) }.into()
        } else {
            CancelRequest::number(job).into()
        };
        match client::ask(&self.directory, &request, |_| ControlFlow::Continue(())) {
            Ok(()) => {}
            // It has ended meanwhile.
            Err(failure) if failure.code == Code::NotFound => {}
            Err(failure) => {
                let message = crate::text::shown(&failure.message).into_owned();
                let (what, command) = if self.is_offer {
                    ("offer could not be taken back", "reject")
                } else {
                    ("download could not be stopped", "cancel")
                };
                output::err(&format!("\nthe {what} ({message}); `potluck {command} {job}` does it\n"));
                std::process::exit(1);
            }
        }
    }
}
