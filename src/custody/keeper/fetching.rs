//! How what was accepted gets here, and again if it is lost. Pure.

use super::{Keeper, KeeperOutput};
use crate::content::{FileId, Span};
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;

impl Keeper {
    /// So many of a file's chunks are here, all of those that [`KeeperOutput::Fetch`] named if `is_whole`.
    pub fn fetched(&mut self, now: Time, file: FileId, span: Span, have: u32, is_whole: bool) {
        for key in self.files.keys_of(file) {
            let Some(kept) = self.files.get_mut(key).filter(|k| k.row.span == span && !k.row.whole) else {
                continue;
            };
            kept.have = have.min(span.len());
            if is_whole {
                kept.have = span.len();
                kept.row.whole = true;
                self.files.record(key, &mut self.out);
                self.recompute(now, key);
            }
            if let Some(to) = self.files.get(key).and_then(|k| k.acting).filter(|a| *a != self.me) {
                self.reports.report_in(now, to, key, if is_whole { 200 } else { 5_000 });
            }
        }
    }

    /// A file's chunks could not be had from those that were named.
    pub fn failed(&mut self, now: Time, file: FileId) {
        for key in self.files.keys_of(file) {
            if self.files.get(key).is_some_and(|k| !k.row.whole) {
                self.files.retry_at(now + limits::NO_HOLDER, key);
            }
        }
    }

    /// Chunks that were here turned out to be damaged or gone: they are fetched again.
    pub fn lost(&mut self, now: Time, file: FileId) {
        for key in self.files.keys_of(file) {
            if let Some(kept) = self.files.get_mut(key) {
                (kept.row.whole, kept.have) = (false, 0);
                self.files.record(key, &mut self.out);
                self.recompute(now, key);
                self.files.retry_at(now, key);
            }
        }
    }

    /// Has a file fetched. `from` offered it just now, so that it is here whatever presence says.
    pub(super) fn fetch(&mut self, key: LedgerKey, from: Option<PeerId>) {
        let Some(kept) = self.files.get(key) else { return };
        let known = kept.row.others.iter().map(|p| p.peer).chain([key.0]);
        let mut sources: Vec<PeerId> = known.filter(|p| self.live.has(*p)).chain(from).collect();
        sources.sort_unstable();
        sources.dedup();
        let row = &kept.row;
        self.out.push_back(KeeperOutput::Fetch { file: key.1, size: row.size, span: row.span, sources });
    }
}
