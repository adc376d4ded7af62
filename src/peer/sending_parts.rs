//! The threads of what this peer sends to others: of each offer one that looks at it and hashes it, and a reader for each
//! folder that something of it lies in, in sandboxes that reach what was named alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::sandboxes::{SandboxedPart, Sandboxes};
use crate::content::ShareName;
use crate::library::sending::{SendRoot, SendingStep, prepare};
use crate::sender::{SenderCommand, SenderHandle, SharedReader};
use crate::settings::Settings;
use crate::sys::thread::Thread;

/// Reports that wait for the controller, at most; then whoever hashes waits.
const REPORTS: usize = 64;

/// All of them.
#[derive(Debug)]
pub(super) struct SendingParts {
    /// How the reading goes, by the numbers of the offers.
    pub(super) reports: Receiver<(u64, SendingStep)>,
    reports_to: Sender<(u64, SendingStep)>,
    running: BTreeMap<u64, RunningSending>,
    hidden: bool,
}

#[derive(Debug)]
struct RunningSending {
    /// Dropped, it ends the hashing.
    _stop: Sender<()>,
    shares: BTreeSet<ShareName>,
}

impl SendingParts {
    /// None runs yet.
    pub(super) fn new(settings: &Settings) -> Self {
        let (reports_to, reports) = bounded(REPORTS);
        Self { reports, reports_to, running: BTreeMap::new(), hidden: settings.share.hidden }
    }

    /// Begins to read what is offered under a number, and to serve it to whom the sender is told.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub(super) fn begin(
        &mut self,
        sandboxes: &mut Sandboxes,
        sender: &SenderHandle,
        number: u64,
        roots: Vec<SendRoot>,
    ) -> io::Result<()> {
        self.end(number, sender);
        let (stop, stopped) = bounded(0);
        let shares: BTreeSet<ShareName> = roots.iter().map(|root| root.share.clone()).collect();
        self.running.insert(number, RunningSending { _stop: stop, shares: shares.clone() });
        for share in shares {
            let of = roots.iter().filter(|root| root.share == share);
            let part = part(of);
            let reader = sandboxes.start(&part, || SharedReader::start(sender.bell())).flatten()?;
            sender.send(SenderCommand::Reader(share, Some(reader)));
        }
        let (tell, hidden) = (self.reports_to.clone(), self.hidden);
        let part = part(roots.iter());
        let look = move || {
            prepare(&roots, hidden, &stopped, |step| tell.send((number, step)).is_ok());
        };
        // Nobody waits for its end: its disk may hang.
        sandboxes.start(&part, || Thread::spawn("send-hash", look)).flatten().map(Thread::detach)
    }

    /// Ends it.
    pub(super) fn end(&mut self, number: u64, sender: &SenderHandle) {
        let Some(running) = self.running.remove(&number) else { return };
        for share in running.shares {
            sender.send(SenderCommand::Reader(share, None));
        }
    }
}

/// What may be opened of these.
fn part<'a>(roots: impl Iterator<Item = &'a SendRoot>) -> SandboxedPart {
    let (mut list, mut read) = (BTreeSet::new(), BTreeSet::new());
    for root in roots {
        list.insert(root.folder.clone());
        read.insert(root.folder.join(root.inner.as_str()));
    }
    SandboxedPart::Sending { list: list.into_iter().collect(), read: read.into_iter().collect() }
}
