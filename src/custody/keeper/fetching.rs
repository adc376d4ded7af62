//! How what was accepted gets here, and again if it is lost. Pure.

use super::sources::ask_sources;
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
            kept.have = if is_whole { span.len() } else { have.min(span.len()) };
            kept.row.whole = is_whole;
            let (have, offerer) = (kept.have, kept.offerer);
            if self.files.come(now, key, have, is_whole) {
                self.quota.came(now, key);
            }
            if is_whole {
                if let Some(offerer) = offerer {
                    self.offerers.prove(offerer);
                }
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

    /// Has a file fetched, from those who say themselves that they have it. `from` offered it just now, so that
    /// it is here whatever presence says. Where its owner is not, or much is to come, others that are said to
    /// keep it are asked whether they do.
    pub(super) fn fetch(&mut self, now: Time, key: LedgerKey, from: Option<PeerId>) {
        let Some(kept) = self.files.get(key) else { return };
        let known = kept.sources.confirmed().chain([key.0]);
        let mut sources: Vec<PeerId> = known.filter(|p| self.live.has(*p)).chain(from).collect();
        sources.sort_unstable();
        sources.dedup();
        let row = &kept.row;
        let is_much = row.span.bytes(row.size) >= limits::SPACE_AGAIN;
        self.out.push_back(KeeperOutput::Fetch { file: key.1, size: row.size, span: row.span, sources });
        if is_much || !self.live.has(key.0) {
            ask_sources(self, now, key);
        }
    }
}
