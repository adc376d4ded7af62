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
    /// What is reported only to hear whether the other one has it, too.
    asked: BTreeSet<FileId>,
}

impl Due {
    const fn new(at: Time, all: Time) -> Self {
        Self { at, all, news: BTreeSet::new(), asked: BTreeSet::new() }
    }
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
        self.due(now, to, origin, at).news.insert(file);
    }

    /// A peer is asked whether it has a file, by a report of it.
    pub(super) fn ask(&mut self, now: Time, to: PeerId, (origin, file): LedgerKey) {
        self.due(now, to, origin, now).asked.insert(file);
    }

    fn due(&mut self, now: Time, to: PeerId, origin: PeerId, at: Time) -> &mut Due {
        let due = self.due.entry((to, origin)).or_insert_with(|| Due::new(at, now + limits::REPORT_EVERY));
        due.at = at.min(due.at);
        due
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
        let (news, asked) = (std::mem::take(&mut due.news), std::mem::take(&mut due.asked));
        let is_all = due.all <= now;
        let mut rows: Vec<ReportRow> = if is_all {
            due.all = now + limits::REPORT_EVERY;
            let kept = files.of_owner(origin).filter(|(_, k)| k.acting == Some(to));
            kept.map(|((_, file), k)| k.report_row(file)).collect()
        } else {
            let kept = news.into_iter().filter_map(|file| Some((file, files.get((origin, file))?)));
            kept.filter(|(_, k)| k.acting == Some(to)).map(|(file, k)| k.report_row(file)).collect()
        };
        let asked = asked.into_iter().filter_map(|file| Some((file, files.get((origin, file))?)));
        rows.extend(asked.filter(|(_, k)| k.acting != Some(to)).map(|(file, k)| k.report_row(file)));
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

impl KeptCopy {
    /// What is reported of it.
    pub(super) const fn report_row(&self, file: FileId) -> ReportRow {
        ReportRow {
            file,
            size: self.row.size,
            copies: self.row.copies,
            copy: self.row.copy,
            span: self.row.span,
            have: self.have,
            dropped: false,
        }
    }
}
