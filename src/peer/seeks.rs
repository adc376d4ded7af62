//! Downloads of files that nobody here has: they wait while the table between sites is asked who has them. Pure.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::collections::BTreeSet;

use super::event::AskId;
use super::output::{Outputs, PeerOutput};
use crate::content::FileId;
use crate::control::DownloadRequest;
use crate::dht::{DhtCommand, limits};
use crate::error::Failure;
use crate::time::Time;

/// So long the table is asked; and so long whoever it names has to be here, once it names somebody.
pub(super) const SEEK: Duration = Duration::from_secs(20);

/// Addresses that are counted of one download, at most.
const NAMED: usize = 1_000;

/// A download that waits.
#[derive(Debug)]
pub(super) struct SoughtDownload {
    pub(super) ask: AskId,
    pub(super) request: DownloadRequest,
    /// What it wants that nobody here has.
    files: BTreeSet<FileId>,
    until: Time,
    /// Where somebody may be who has it; at most [`NAMED`].
    pub(super) named: BTreeSet<SocketAddrV4>,
}

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct FileSeeks {
    waiting: Vec<SoughtDownload>,
    /// Who shares what changed since it was looked at last.
    is_stale: bool,
}

impl FileSeeks {
    /// A download waits from now on.
    ///
    /// # Errors
    /// Too much is asked for.
    pub(super) fn begin(
        &mut self,
        now: Time,
        ask: AskId,
        request: DownloadRequest,
        files: BTreeSet<FileId>,
        out: &mut Outputs,
    ) -> Result<(), Failure> {
        let mut all: BTreeSet<FileId> = self.sought().collect();
        let new: Vec<_> = files.iter().copied().filter(|file| all.insert(*file)).collect();
        if all.len() > limits::SOUGHT {
            let text = format!(
                "the table between sites is asked for {} files at most at a time: ask again in a minute",
                limits::SOUGHT
            );
            return Err(Failure::other(text));
        }
        for file in new {
            out.push(PeerOutput::Dht(DhtCommand::Seek(file)));
        }
        let named = BTreeSet::new();
        self.waiting.push(SoughtDownload { ask, request, files, until: now + SEEK, named });
        Ok(())
    }

    /// True if none waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Somebody who has this file may be there.
    pub(super) fn named(&mut self, now: Time, file: FileId, address: SocketAddrV4) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.files.contains(&file)) {
            if waiting.named.is_empty() {
                waiting.until = now + SEEK;
            }
            if waiting.named.len() < NAMED {
                waiting.named.insert(address);
            }
        }
    }

    /// Somebody shares, or keeps, something else than before.
    pub(super) const fn others_changed(&mut self) {
        self.is_stale = true;
    }

    /// Those whose time is over, and those of which `is_there` says that all is there now. They do not wait any more.
    pub(super) fn take_ended(
        &mut self,
        now: Time,
        is_leaving: bool,
        is_there: impl Fn(&BTreeSet<FileId>) -> bool,
        out: &mut Outputs,
    ) -> Vec<SoughtDownload> {
        let is_stale = core::mem::take(&mut self.is_stale);
        let before: BTreeSet<FileId> = self.sought().collect();
        let is_over = |waiting: &mut SoughtDownload| {
            is_leaving || waiting.until <= now || is_stale && is_there(&waiting.files)
        };
        let ended: Vec<_> = self.waiting.extract_if(.., is_over).collect();
        let left: BTreeSet<FileId> = self.sought().collect();
        for file in before.difference(&left) {
            out.push(PeerOutput::Dht(DhtCommand::SeekOver(*file)));
        }
        ended
    }

    /// When the time of the first one is over.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }

    fn sought(&self) -> impl Iterator<Item = FileId> {
        self.waiting.iter().flat_map(|waiting| waiting.files.iter().copied())
    }
}
