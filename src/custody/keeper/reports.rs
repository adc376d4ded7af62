//! What a keeper tells whoever acts for a file, and when. Pure.

use std::collections::BTreeSet;

use super::{Due, Keeper, KeeperOutput, KeptCopy};
use crate::content::FileId;
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::ReportRow;

impl Keeper {
    pub(super) fn report_in(&mut self, now: Time, to: PeerId, (origin, file): LedgerKey, milliseconds: u64) {
        let at = now + core::time::Duration::from_millis(milliseconds);
        let all = now + limits::REPORT_EVERY;
        let due = self.due.entry((to, origin)).or_insert_with(|| Due { at, all, news: BTreeSet::new() });
        due.at = at.min(due.at);
        due.news.insert(file);
    }

    pub(super) fn report(&mut self, now: Time, to: PeerId, origin: PeerId) {
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
            let range = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
            let kept = self.kept.range(range).filter(|(_, k)| k.acting == Some(to));
            kept.map(|((_, file), k)| row(*file, k)).collect()
        } else {
            let kept = news.into_iter().filter_map(|file| Some((file, self.kept.get(&(origin, file))?)));
            kept.filter(|(_, k)| k.acting == Some(to)).map(|(file, k)| row(file, k)).collect()
        };
        for page in rows.chunks(limits::REPORT_ROWS) {
            self.out.push_back(KeeperOutput::Report { to, origin, rows: page.to_vec() });
        }
        // The last of it may have been dropped: then there is nothing more to be said.
        if !(is_all && rows.is_empty()) {
            due.at = due.all;
            self.due.insert((to, origin), due);
        }
    }
}
