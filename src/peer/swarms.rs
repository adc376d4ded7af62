//! What is fetched together with others: the files that are being fetched, or were a while ago, of which
//! others get what is here, and for which those others are sought. Pure.
//!
//! The sender keeps the files (sender/partial_seeds.rs); here it is only known which of them it still has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use crate::content::{Chunks, Claim, FileId};
use crate::peer::limits;

/// What is there of a file, as the disk workers say; it changes meanwhile.
pub(super) trait LiveSeed {
    /// Its content.
    fn claim(&self) -> Claim;

    /// True if nothing of it can be had any more.
    fn is_gone(&self) -> bool;

    /// True once all of it is there.
    fn is_complete(&self) -> bool;
}

/// A file that is being fetched, or was a while ago.
#[derive(Debug)]
struct SeedFile<S> {
    seed: Weak<S>,
    size: u64,
    /// Others are asked for it.
    sought: bool,
}

impl<S: LiveSeed> SeedFile<S> {
    /// True while something of it can be had from here.
    fn is_here(&self) -> bool {
        self.seed.upgrade().is_some_and(|seed| !seed.is_gone())
    }

    /// True while it is being fetched, and others are asked for it.
    fn is_sought(&self) -> bool {
        let going_on = |seed: Arc<S>| !seed.is_gone() && !seed.is_complete();
        self.sought && self.seed.upgrade().is_some_and(going_on)
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Swarms<S> {
    files: BTreeMap<FileId, SeedFile<S>>,
    /// What was said to be sought last.
    last_sought: BTreeSet<FileId>,
}

impl<S> Default for Swarms<S> {
    fn default() -> Self {
        Self { files: BTreeMap::new(), last_sought: BTreeSet::new() }
    }
}

/// True if a file is large enough to be fetched from those who do not have all of it.
pub(super) fn is_worth(chunks: Chunks) -> bool {
    !chunks.is_single() && chunks.count() <= limits::MAP_CHUNKS && chunks.size() >= limits::WORTH_ANOTHER
}

impl<S: LiveSeed> Swarms<S> {
    /// A file that is being fetched from now on; `sought`: others may be asked for it, too.
    pub(super) fn add(&mut self, seed: &Arc<S>, sought: bool) {
        let (id, size) = seed.claim();
        self.files.insert(id, SeedFile { seed: Arc::downgrade(seed), size, sought });
    }

    /// Of all that is being fetched only these contents are sought from now on.
    pub(super) fn seek_only(&mut self, wanted: &BTreeSet<Claim>) {
        for (id, kept) in &mut self.files {
            kept.sought &= wanted.contains(&(*id, kept.size));
        }
    }

    /// The files to be sought from now on, if they are others than before. Forgets what is over.
    pub(super) fn next_seek(&mut self) -> Option<Vec<FileId>> {
        if self.files.is_empty() && self.last_sought.is_empty() {
            return None;
        }
        self.files.retain(|_, kept| kept.is_here());
        let sought = self.files.iter().filter(|(_, kept)| kept.is_sought()).map(|(id, _)| *id);
        let sought: BTreeSet<_> = sought.collect();
        if sought == self.last_sought {
            return None;
        }
        self.last_sought = sought;
        Some(self.last_sought.iter().copied().collect())
    }

    /// Of these files those of which something is here, or will soon be.
    pub(super) fn here(&self, files: &[FileId]) -> Vec<FileId> {
        let here = |file: &&FileId| self.files.get(file).is_some_and(SeedFile::is_here);
        files.iter().filter(here).copied().collect()
    }

    /// Of these files those that are being fetched, and of which others may give something.
    pub(super) fn wanted(&self, files: &[FileId]) -> Vec<Claim> {
        let wanted = files.iter().filter_map(|file| Some((*file, self.files.get(file)?)));
        wanted.filter(|(_, kept)| kept.is_sought()).map(|(file, kept)| (file, kept.size)).collect()
    }

    /// How many files others get what is here of.
    pub(super) fn len(&self) -> usize {
        self.files.values().filter(|kept| kept.is_here()).count()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    struct FakeSeed {
        claim: Claim,
        gone: AtomicBool,
        complete: AtomicBool,
    }

    impl LiveSeed for FakeSeed {
        fn claim(&self) -> Claim {
            self.claim
        }

        fn is_gone(&self) -> bool {
            self.gone.load(Ordering::Relaxed)
        }

        fn is_complete(&self) -> bool {
            self.complete.load(Ordering::Relaxed)
        }
    }

    fn seed(id: u8, size: u64) -> Arc<FakeSeed> {
        let claim = (FileId([id; 32]), size);
        Arc::new(FakeSeed { claim, gone: AtomicBool::new(false), complete: AtomicBool::new(false) })
    }

    #[test]
    fn what_is_fetched_is_sought_and_what_is_there_is_given_until_it_is_let_go_of() {
        let mut swarms = Swarms::default();
        assert_eq!(swarms.next_seek(), None);
        let (one, two, three) = (seed(1, 1 << 20), seed(2, 1 << 30), seed(3, 1 << 30));
        let ids = [1, 2, 3, 4].map(|n| FileId([n; 32]));
        swarms.add(&one, true);
        swarms.add(&two, true);
        // Only from one peer: others may have of it what is here.
        swarms.add(&three, false);
        assert_eq!(swarms.next_seek(), Some(ids[..2].to_vec()));
        assert_eq!(swarms.next_seek(), None, "nothing changed");
        assert_eq!(swarms.here(&ids), ids[..3]);
        assert_eq!(swarms.wanted(&ids), [(ids[0], 1 << 20), (ids[1], 1 << 30)]);
        // Another size is another content.
        swarms.seek_only(&BTreeSet::from([(ids[0], 1 << 20), (ids[1], 1 << 29)]));
        assert_eq!(swarms.next_seek(), Some(ids[..1].to_vec()));
        assert_eq!((swarms.wanted(&ids), swarms.here(&ids).len()), (vec![(ids[0], 1 << 20)], 3));
        // What is complete is given, and sought no more.
        one.complete.store(true, Ordering::Relaxed);
        assert_eq!((swarms.next_seek(), swarms.wanted(&ids)), (Some(Vec::new()), Vec::new()));
        assert_eq!(swarms.here(&ids).len(), 3);
        one.gone.store(true, Ordering::Relaxed);
        drop(two);
        assert_eq!((swarms.here(&ids), swarms.len()), (vec![ids[2]], 1));
        drop(three);
        assert_eq!((swarms.len(), swarms.next_seek()), (0, None));
    }

    #[test]
    fn small_files_and_those_of_too_many_chunks_are_not_worth_it() {
        let worth = |size| is_worth(Chunks::of(size).unwrap());
        assert!(!worth(0) && !worth(limits::CHUNK_MIN) && !worth(limits::WORTH_ANOTHER - 1));
        assert!(worth(limits::WORTH_ANOTHER) && worth(u64::from(limits::MAP_CHUNKS) * limits::CHUNK_MAX));
        assert!(!worth(u64::from(limits::MAP_CHUNKS) * limits::CHUNK_MAX + 1));
    }
}
