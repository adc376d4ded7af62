//! What was shared here and is missing: who keeps it, and when it is fetched from them. Pure.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::content::{Entry, EntryKind, FileId, Span};
use crate::identity::PeerId;
use crate::peer::away::whole_or_some;
use crate::peer::downloads::DownloadOrder;
use crate::peer::limits;
use crate::peer::output::Outputs;
use crate::receiver::ReceiverCommand;
use crate::swarm::Wanted;
use crate::time::Time;
use crate::wire::custody::KeeperReport;

/// What did not come back is tried again after this time.
const RESTORE_AGAIN: Duration = Duration::from_secs(30);

/// Between the request to have files back and the job: they come one by one.
const RESTORE_SOON: Duration = Duration::from_millis(50);

/// Who keeps what of own files that are not here.
#[derive(Debug, Default)]
pub(in crate::peer) struct Restoring {
    /// When what is lost is fetched.
    due: Option<Time>,
    reported: BTreeMap<FileId, BTreeMap<PeerId, Span>>,
    /// How many rows that has in all.
    rows: usize,
}

impl Restoring {
    /// When [`Self::is_due`] becomes true.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    /// True if what is lost is to be fetched now; that is asked once.
    pub(in crate::peer) fn is_due(&mut self, now: Time) -> bool {
        self.due.take_if(|at| *at <= now).is_some()
    }

    /// Something more is to come back.
    pub(in crate::peer) fn wanted(&mut self, now: Time) {
        let soon = now + RESTORE_SOON;
        self.due = Some(self.due.map_or(soon, |at| at.min(soon)));
    }

    /// The job that brings back what was lost is over: what it did not bring is tried again.
    pub(in crate::peer) fn is_over(&mut self, now: Time) {
        self.due = Some(now + RESTORE_AGAIN);
    }

    /// Nothing is to come back any more.
    pub(in crate::peer) const fn stop(&mut self) {
        self.due = None;
    }

    /// True if somebody said that it keeps the content of this file, which is not here.
    pub(in crate::peer) fn is_kept(&self, entry: &Entry) -> bool {
        matches!(entry.kind, EntryKind::File { id, .. } if self.reported.contains_key(&id))
    }

    /// Who keeps what of these files need not be remembered: they are here.
    pub(super) fn forget_reports(&mut self, here: impl Fn(FileId) -> bool) {
        self.reported.retain(|file, _| !here(*file));
        self.rows = self.reported.values().map(BTreeMap::len).sum();
    }

    /// A peer says what it keeps of this peer's files: it may have to give some of it back. `here`: the file
    /// is here; `is_running`: what is lost is being fetched, and may have begun to before anybody said that
    /// he keeps it.
    pub(super) fn note(
        &mut self,
        from: PeerId,
        report: &KeeperReport,
        here: impl Fn(FileId) -> bool,
        is_running: bool,
        out: &mut Outputs,
    ) {
        for row in &report.rows {
            if here(row.file) || row.have < row.span.len() {
                continue;
            }
            if self.rows >= limits::CATALOGUE_ENTRIES {
                return;
            }
            if self.reported.entry(row.file).or_default().insert(from, row.span).is_none() {
                self.rows += 1;
                if is_running {
                    let claim = (row.file, row.size);
                    out.receiver(match Span::whole(row.size) == Some(row.span) {
                        true => ReceiverCommand::Holders(claim, vec![from]),
                        false => ReceiverCommand::Swarm(claim, vec![from]),
                    });
                }
            }
        }
    }

    /// What fetches `lost` into `shared`, of those of the peers `here` that keep it.
    pub(in crate::peer) fn order(&self, lost: Vec<Entry>, here: &[PeerId], shared: PathBuf) -> DownloadOrder {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let asked: Arc<str> = Arc::from("restore");
        for entry in lost {
            let EntryKind::File { id, size, modified, executable, .. } = entry.kind else {
                folders.push(entry.path);
                continue;
            };
            let kept = self.reported.get(&id);
            let kept = kept.into_iter().flatten().filter(|(peer, _)| here.contains(peer));
            let (holders, mut some) = whole_or_some(size, kept.map(|(peer, span)| (*peer, *span)));
            if holders.is_empty() && some.is_empty() {
                some = here.to_vec();
            }
            let (asked, to) = (Arc::clone(&asked), entry.path);
            files.push(Wanted { id, size, modified, executable, asked, to, holders, keep: None, some });
        }
        DownloadOrder { what: "restore".to_owned(), only: None, destination: shared, files, folders }
    }
}
