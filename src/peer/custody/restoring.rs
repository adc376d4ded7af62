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
use crate::peer::owners::Owners;
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

    /// A job that brings back what was lost is over, or could not be begun: what it did not bring is tried again.
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

    /// What fetches `lost` into the folder of their share, of those of the peers `here` that keep it. Their paths are
    /// those in the share.
    pub(in crate::peer) fn order(&self, lost: Vec<Entry>, here: &[PeerId], share: PathBuf) -> DownloadOrder {
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
            files.push(Wanted {
                here: None,
                id,
                size,
                modified,
                executable,
                asked,
                to,
                holders,
                keep: None,
                some,
            });
        }
        DownloadOrder {
            notes: Vec::new(),
            what: "restore".to_owned(),
            owners: Owners::Anyone,
            destination: share,
            files,
            folders,
            is_offered: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Instance;
    use crate::peer::output::PeerOutput;
    use crate::peer::roster::tests::{file, key};
    use crate::wire::custody::ReportRow;

    /// A keeper's report of files of one chunk, each with how many chunks of it are there.
    fn report(rows: &[(u8, u32)]) -> KeeperReport {
        let row = |(n, have): &(u8, u32)| ReportRow {
            file: FileId([*n; 32]),
            size: u64::from(*n),
            copies: 2,
            copy: 1,
            span: Span { from: 0, to: 1 },
            have: *have,
            dropped: false,
        };
        KeeperReport {
            request: 1,
            origin: key(9).peer_id(),
            instance: Instance { count: 1, random: 1 },
            version: 1,
            rows: rows.iter().map(row).collect(),
        }
    }

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn what_is_lost_is_fetched_of_those_who_keep_it_and_are_here() {
        let (mut restoring, mut out) = (Restoring::default(), Outputs::default());
        let (anna, bert) = (key(1).peer_id(), key(2).peer_id());
        let is_here = |file| file == FileId([3; 32]);
        restoring.note(anna, &report(&[(1, 1), (2, 0), (3, 1)]), is_here, false, &mut out);
        restoring.note(bert, &report(&[(1, 1)]), is_here, false, &mut out);
        assert!(out.pop().is_none());
        let kept = [1, 2, 3].map(|n| restoring.is_kept(&file("x", n)));
        assert_eq!(kept, [true, false, false], "what has not arrived there, or is here, is not kept");
        let order = restoring.order(vec![file("a", 1), file("b", 2)], &[anna], "/peer/shared".into());
        let holders: Vec<_> = order.files.iter().map(|f| (f.holders.clone(), f.some.clone())).collect();
        let known = (vec![anna], Vec::new());
        assert_eq!(
            holders,
            [known, (Vec::new(), vec![anna])],
            "whoever is here may have what nobody reported"
        );
        restoring.forget_reports(|file| file == FileId([1; 32]));
        assert!(!restoring.is_kept(&file("x", 1)));
    }

    #[test]
    fn a_job_under_way_hears_of_a_keeper_once() {
        let (mut restoring, mut out) = (Restoring::default(), Outputs::default());
        let anna = key(1).peer_id();
        for _ in 0..2 {
            restoring.note(anna, &report(&[(1, 1)]), |_| false, true, &mut out);
        }
        let told = out.pop();
        let Some(PeerOutput::Receiver(ReceiverCommand::Holders(claim, peers))) = told else {
            panic!("{told:?}")
        };
        assert_eq!((claim, peers), ((FileId([1; 32]), 1), vec![anna]));
        assert!(out.pop().is_none());
    }

    #[test]
    fn what_comes_one_by_one_is_fetched_together() {
        let mut restoring = Restoring::default();
        restoring.wanted(at(0));
        restoring.wanted(at(40));
        assert!(!restoring.is_due(at(49)) && restoring.is_due(at(50)) && !restoring.is_due(at(50)));
        restoring.is_over(at(100));
        assert_eq!(restoring.poll_timeout(), Some(at(30_100)));
        restoring.stop();
        assert_eq!(restoring.poll_timeout(), None);
    }
}
