//! The files that are not shared, but of which others get what is here: those that are being fetched, and
//! those that arrived a while ago. Part of sender/.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::FileId;
use crate::disk::PartialSeed;
use crate::sender::limits;
use crate::time::Time;

/// All of them, by content.
#[derive(Debug)]
pub(super) struct PartialSeeds {
    files: BTreeMap<FileId, SeedEntry>,
    /// At most this many.
    most: usize,
    /// When to look for chunks to report; `None` while nobody wants to know.
    pub(super) report_due: Option<Time>,
}

#[derive(Debug)]
struct SeedEntry {
    seed: Arc<PartialSeed>,
    /// It was complete when it was looked at last.
    complete: bool,
    /// When it was completed, or something of it was given last.
    used: Time,
}

impl PartialSeeds {
    /// None yet, and never more than `most` or [`limits::PARTIAL_SEEDS`]: each is an open file.
    pub(super) fn new(most: usize) -> Self {
        Self { files: BTreeMap::new(), most: most.clamp(1, limits::PARTIAL_SEEDS), report_due: None }
    }

    /// One more. It takes the place of an earlier one of the same content.
    pub(super) fn add(&mut self, now: Time, seed: Arc<PartialSeed>) {
        self.tidy(now);
        // Of those that are being fetched others need what is here more.
        if self.files.len() >= self.most
            && let Some(oldest) =
                self.files.iter().min_by_key(|(_, kept)| (!kept.complete, kept.used)).map(|(id, _)| *id)
        {
            self.files.remove(&oldest);
        }
        self.files.insert(seed.id(), SeedEntry { seed, complete: false, used: now });
    }

    /// What is here of this content.
    pub(super) fn get(&self, file: FileId) -> Option<&Arc<PartialSeed>> {
        self.files.get(&file).map(|kept| &kept.seed).filter(|h| !h.is_gone())
    }

    /// Something of it was given: it stays for [`limits::LINGER`] from now.
    pub(super) fn used(&mut self, now: Time, file: FileId) {
        if let Some(kept) = self.files.get_mut(&file) {
            kept.used = now;
        }
    }

    /// Lets go of those that are over, and of those that are complete and that nobody wanted for long.
    pub(super) fn tidy(&mut self, now: Time) {
        self.files.retain(|_, kept| {
            let complete = kept.seed.is_complete();
            if complete && !std::mem::replace(&mut kept.complete, complete) {
                kept.used = now;
            }
            !kept.seed.is_gone() && (!complete || now.since(kept.used) < limits::LINGER)
        });
    }

    /// When [`Self::tidy`] may find something.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let complete = self.files.values().filter(|kept| kept.seed.is_complete());
        complete.map(|kept| kept.used + limits::LINGER).min()
    }
}
