//! What a keeper tells whoever acts for a file, and when. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::KeeperOutput;
use super::kept::{KeptCopy, KeptFiles};
use crate::content::FileId;
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::ReportRow;

/// A report that will be due.
#[derive(Debug)]
struct Due {
    at: Time,
    /// When all is reported again, not only what changed.
    all: Time,
    /// What changed since the last report.
    news: BTreeSet<FileId>,
}

/// The reports that will be due.
#[derive(Debug)]
pub(super) struct Reports {
    /// When whom is reported to, about whose files.
    due: BTreeMap<(PeerId, PeerId), Due>,
}

impl Reports {
    /// None.
    pub(super) const fn new() -> Self {
        Self { due: BTreeMap::new() }
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.values().map(|due| due.at).min()
    }

    /// Nothing is reported to a peer that is gone.
    pub(super) fn gone(&mut self, peer: PeerId) {
        self.due.retain(|(to, _), _| *to != peer);
    }

    /// A file is news to whoever acts for it, to be told in so many milliseconds at the latest.
    pub(super) fn report_in(&mut self, now: Time, to: PeerId, (origin, file): LedgerKey, milliseconds: u64) {
        let at = now + core::time::Duration::from_millis(milliseconds);
        let all = now + limits::REPORT_EVERY;
        let due = self.due.entry((to, origin)).or_insert_with(|| Due { at, all, news: BTreeSet::new() });
        due.at = at.min(due.at);
        due.news.insert(file);
    }

    /// Makes the reports that are due.
    pub(super) fn make(&mut self, now: Time, files: &KeptFiles, out: &mut VecDeque<KeeperOutput>) {
        let due: Vec<(PeerId, PeerId)> =
            self.due.iter().filter(|(_, due)| due.at <= now).map(|(pair, _)| *pair).collect();
        for (to, origin) in due {
            self.report(now, to, origin, files, out);
        }
    }

    fn report(
        &mut self,
        now: Time,
        to: PeerId,
        origin: PeerId,
        files: &KeptFiles,
        out: &mut VecDeque<KeeperOutput>,
    ) {
        let Some(mut due) = self.due.remove(&(to, origin)) else { return };
        let row = |file: FileId, k: &KeptCopy| ReportRow {
            file,
            size: k.row.size,
            copies: k.row.copies,
            copy: k.row.copy,
            span: k.row.span,
            have: k.have,
        };
        let news = std::mem::take(&mut due.news);
        let is_all = due.all <= now;
        let rows: Vec<ReportRow> = if is_all {
            due.all = now + limits::REPORT_EVERY;
            let kept = files.of_owner(origin).filter(|(_, k)| k.acting == Some(to));
            kept.map(|((_, file), k)| row(file, k)).collect()
        } else {
            let kept = news.into_iter().filter_map(|file| Some((file, files.get((origin, file))?)));
            kept.filter(|(_, k)| k.acting == Some(to)).map(|(file, k)| row(file, k)).collect()
        };
        for page in rows.chunks(limits::REPORT_ROWS) {
            out.push_back(KeeperOutput::Report { to, origin, rows: page.to_vec() });
        }
        // The last of it may have been dropped: then there is nothing more to be said.
        if !(is_all && rows.is_empty()) {
            due.at = due.all;
            self.due.insert((to, origin), due);
        }
    }
}
