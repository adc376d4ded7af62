//! What is fetched together with others: the files that are being fetched, or were a while ago, of which
//! others get what is here, and for which those others are sought. Pure.
//!
//! The sender keeps the files (sender/partial_seeds.rs); here it is only known which of them it still has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use crate::content::{Chunks, Claim, FileId};
use crate::disk::PartialSeed;
use crate::peer::limits;

/// One of them.
#[derive(Debug)]
struct SeedFile {
    held: Weak<PartialSeed>,
    size: u64,
    /// Others are asked for it.
    sought: bool,
}

impl SeedFile {
    /// True while something of it can be had from here.
    fn is_here(&self) -> bool {
        self.held.upgrade().is_some_and(|held| !held.is_gone())
    }

    /// True while it is being fetched, and others are asked for it.
    fn is_sought(&self) -> bool {
        let going_on = |held: Arc<PartialSeed>| !held.is_gone() && !held.is_complete();
        self.sought && self.held.upgrade().is_some_and(going_on)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Together {
    files: BTreeMap<FileId, SeedFile>,
    /// What was said to be sought last.
    told: BTreeSet<FileId>,
}

/// True if a file is large enough to be fetched from those who do not have all of it.
pub(super) fn is_worth(chunks: Chunks) -> bool {
    !chunks.is_single() && chunks.count() <= limits::MAP_CHUNKS && chunks.size() >= limits::WORTH_ANOTHER
}

impl Together {
    /// A file that is being fetched from now on; `sought`: others may be asked for it, too.
    pub(super) fn add(&mut self, held: &Arc<PartialSeed>, sought: bool) {
        let (id, size) = (held.id(), held.chunks().size());
        self.files.insert(id, SeedFile { held: Arc::downgrade(held), size, sought });
    }

    /// Of all that is being fetched only these contents are sought from now on.
    pub(super) fn seek_only(&mut self, wanted: &BTreeSet<Claim>) {
        for (id, kept) in &mut self.files {
            kept.sought &= wanted.contains(&(*id, kept.size));
        }
    }

    /// The files to be sought from now on, if they are others than before. Forgets what is over.
    pub(super) fn next_seek(&mut self) -> Option<Vec<FileId>> {
        if self.files.is_empty() && self.told.is_empty() {
            return None;
        }
        self.files.retain(|_, kept| kept.is_here());
        let sought = self.files.iter().filter(|(_, kept)| kept.is_sought()).map(|(id, _)| *id);
        let sought: BTreeSet<_> = sought.collect();
        if sought == self.told {
            return None;
        }
        self.told = sought;
        Some(self.told.iter().copied().collect())
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
    use super::*;

    fn held(id: u8, size: u64) -> Arc<PartialSeed> {
        Arc::new(PartialSeed::new(FileId([id; 32]), Chunks::of(size).unwrap(), tempfile::tempfile().unwrap()))
    }

    #[test]
    fn what_is_fetched_is_sought_and_what_is_there_is_given_until_it_is_let_go_of() {
        let mut together = Together::default();
        assert_eq!(together.next_seek(), None);
        let (one, two, three) = (held(1, 1 << 20), held(2, 1 << 30), held(3, 1 << 30));
        let ids = [1, 2, 3, 4].map(|n| FileId([n; 32]));
        together.add(&one, true);
        together.add(&two, true);
        // Only from one peer: others may have of it what is here.
        together.add(&three, false);
        assert_eq!(together.next_seek(), Some(ids[..2].to_vec()));
        assert_eq!(together.next_seek(), None, "nothing changed");
        assert_eq!(together.here(&ids), ids[..3]);
        assert_eq!(together.wanted(&ids), [(ids[0], 1 << 20), (ids[1], 1 << 30)]);
        // Another size is another content.
        together.seek_only(&BTreeSet::from([(ids[0], 1 << 20), (ids[1], 1 << 29)]));
        assert_eq!(together.next_seek(), Some(ids[..1].to_vec()));
        assert_eq!((together.wanted(&ids), together.here(&ids).len()), (vec![(ids[0], 1 << 20)], 3));
        one.end();
        drop(two);
        assert_eq!((together.here(&ids), together.len()), (vec![ids[2]], 1));
        assert_eq!(together.next_seek(), Some(Vec::new()));
        drop(three);
        assert_eq!((together.len(), together.next_seek()), (0, None));
    }

    #[test]
    fn small_files_and_those_of_too_many_chunks_are_not_worth_it() {
        let worth = |size| is_worth(Chunks::of(size).unwrap());
        assert!(!worth(0) && !worth(limits::CHUNK_MIN) && !worth(limits::WORTH_ANOTHER - 1));
        assert!(worth(limits::WORTH_ANOTHER) && worth(u64::from(limits::MAP_CHUNKS) * limits::CHUNK_MAX));
        assert!(!worth(u64::from(limits::MAP_CHUNKS) * limits::CHUNK_MAX + 1));
    }
}
