//! How what was accepted gets here, and again if it is lost. Pure.

use super::{Keeper, KeeperOutput};
use crate::content::{FileId, Span};
use crate::custody::ledger::{LedgerKey, Record};
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;

impl Keeper {
    /// So many of a file's chunks are here, all of those that [`KeeperOutput::Fetch`] named if `is_whole`.
    pub fn fetched(&mut self, now: Time, file: FileId, span: Span, have: u32, is_whole: bool) {
        for key in self.keys_of(file) {
            let Some(kept) = self.kept.get_mut(&key).filter(|k| k.row.span == span && !k.row.whole) else {
                continue;
            };
            kept.have = have.min(span.len());
            if is_whole {
                kept.have = span.len();
                kept.row.whole = true;
                let row = kept.row.clone();
                self.record(Record::Kept(key, Some(row)));
                self.recompute(now, key);
            }
            if let Some(to) = self.kept.get(&key).and_then(|k| k.acting).filter(|a| *a != self.me) {
                self.report_in(now, to, key, if is_whole { 200 } else { 5_000 });
            }
        }
    }

    /// A file's chunks could not be had from those that were named.
    pub fn failed(&mut self, now: Time, file: FileId) {
        for key in self.keys_of(file) {
            if self.kept.get(&key).is_some_and(|k| !k.row.whole) {
                self.retry_at(now + limits::NO_HOLDER, key);
            }
        }
    }

    /// Chunks that were here turned out to be damaged or gone: they are fetched again.
    pub fn lost(&mut self, now: Time, file: FileId) {
        for key in self.keys_of(file) {
            if let Some(kept) = self.kept.get_mut(&key) {
                (kept.row.whole, kept.have) = (false, 0);
                let row = kept.row.clone();
                self.record(Record::Kept(key, Some(row)));
                self.recompute(now, key);
                self.retry_at(now, key);
            }
        }
    }

    pub(super) fn retry_at(&mut self, at: Time, key: LedgerKey) {
        if let Some(kept) = self.kept.get_mut(&key) {
            if let Some(old) = kept.retry.replace(at) {
                self.retries.remove(&(old, key));
            }
            self.retries.insert((at, key));
        }
    }

    /// `from` offered it just now, so that it is here whatever presence says.
    pub(super) fn fetch(&mut self, key: LedgerKey, from: Option<PeerId>) {
        let Some(kept) = self.kept.get(&key) else { return };
        let known = kept.row.others.iter().map(|p| p.peer).chain([key.0]);
        let mut sources: Vec<PeerId> = known.filter(|p| self.live.contains_key(p)).chain(from).collect();
        sources.sort_unstable();
        sources.dedup();
        let row = &kept.row;
        self.out.push_back(KeeperOutput::Fetch { file: key.1, size: row.size, span: row.span, sources });
    }
}
