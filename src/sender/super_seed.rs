//! Which chunk is given to who asks for any of several. Pure; the shell is sender/mod.rs.
//!
//! The one that left here least often: with many who fetch the same file, each chunk leaves a whole holder
//! once before any leaves it twice, and those who fetch always have something to give to each other. (If
//! each of them chose by itself, 8 of them would take 1.26 of the time that one copy takes; so it is
//! 1.03 to 1.06.)

use std::collections::BTreeMap;

use crate::content::partial::Bits;
use crate::content::{ChunkIndex, Chunks, FileId};
use crate::sender::limits;

/// How often each chunk of some files was given to those who are connected. What went to others who are gone
/// is not there for those who fetch now.
#[derive(Debug, Default)]
pub(crate) struct SuperSeed {
    files: BTreeMap<FileId, Times>,
    uses: u64,
}

#[derive(Debug)]
struct Times {
    given: Box<[u8]>,
    used: u64,
}

impl SuperSeed {
    /// The counts of a file; of too many files, those are forgotten that nobody asked for longest.
    fn of(&mut self, file: FileId, chunks: Chunks) -> &mut Times {
        if self.files.len() >= limits::OPEN_FILES
            && !self.files.contains_key(&file)
            && let Some(oldest) = self.files.iter().min_by_key(|(_, t)| t.used).map(|(id, _)| *id)
        {
            self.files.remove(&oldest);
        }
        self.uses += 1;
        let times = self.files.entry(file).or_insert_with(|| Times { given: Box::default(), used: 0 });
        // Somebody may have said another size; only the true one has anything to be given.
        if times.given.len() != chunks.count() as usize {
            times.given = vec![0; chunks.count() as usize].into();
        }
        times.used = self.uses;
        times
    }

    /// Bytes at `offset` of a file of `size` bytes are given because they were asked for; a chunk counts
    /// with its first byte. `Some`: that was it.
    pub(crate) fn note(&mut self, file: FileId, size: u64, offset: u64) -> Option<(Chunks, ChunkIndex)> {
        let chunks = Chunks::of(size).filter(|c| !c.is_single() && c.count() <= limits::MAP_CHUNKS)?;
        let chunk = chunks.at_offset(offset).filter(|c| chunks.range(*c).start == offset)?;
        let given = self.of(file, chunks).given.get_mut(chunk.at())?;
        *given = given.saturating_add(1);
        Some((chunks, chunk))
    }

    /// These chunks were given to one who is gone.
    pub(crate) fn take_back(&mut self, file: FileId, chunks: &Bits) {
        let Some(times) = self.files.get_mut(&file) else { return };
        for chunk in chunks.iter() {
            if let Some(given) = times.given.get_mut(chunk.at()) {
                *given = given.saturating_sub(1);
            }
        }
    }

    /// The chunk to give of those that are wanted and here: first those that `before` does not name, which
    /// the one that asks was given already.
    pub(crate) fn choose(
        &mut self,
        file: FileId,
        want: &Bits,
        before: &Bits,
        here: impl Fn(ChunkIndex) -> bool,
    ) -> Option<ChunkIndex> {
        let times = self.of(file, want.chunks());
        let wanted = want.iter().filter(|c| here(*c));
        let chunk = wanted.min_by_key(|c| (before.has(*c), times.given[c.at()], c.get()))?;
        times.given[chunk.at()] = times.given[chunk.at()].saturating_add(1);
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId([1; 32]);

    #[test]
    fn every_chunk_leaves_once_before_one_leaves_twice() {
        let chunks = Chunks::of(100 * limits::CHUNK_MIN).unwrap();
        let mut super_seed = SuperSeed::default();
        let mut before = [Bits::none(chunks), Bits::none(chunks)];
        super_seed.note(FILE, chunks.size(), 7 * limits::CHUNK_MIN);
        super_seed.note(FILE, chunks.size(), 8 * limits::CHUNK_MIN + 1);
        let mut times = vec![0; 100];
        times[7] = 1;
        for n in 0..199 {
            let chunk = super_seed.choose(FILE, &Bits::all(chunks), &before[n % 2], |_| true).unwrap();
            before[n % 2].insert(chunk);
            times[chunk.at()] += 1;
            let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            assert!(most - least <= 1, "{times:?}");
        }
        assert!(times.iter().all(|n| *n == 2));
    }

    #[test]
    fn what_went_to_those_who_are_gone_does_not_matter_to_those_who_come_later() {
        let chunks = Chunks::of(100 * limits::CHUNK_MIN).unwrap();
        let mut super_seed = SuperSeed::default();
        for _ in 0..3 {
            let mut before = [Bits::none(chunks), Bits::none(chunks)];
            let mut times = [0; 100];
            for n in 0..130 {
                let chunk = super_seed.choose(FILE, &Bits::all(chunks), &before[n % 2], |_| true).unwrap();
                before[n % 2].insert(chunk);
                times[chunk.at()] += 1;
                assert!(n >= 100 || times[chunk.at()] == 1, "{times:?}");
            }
            // The first chunk is given once more: to one who asked for it by number.
            assert_eq!(super_seed.note(FILE, chunks.size(), 0), chunks.index(0).map(|chunk| (chunks, chunk)));
            let mut asked = Bits::none(chunks);
            asked.insert(chunks.index(0).unwrap());
            before.iter().chain([&asked]).for_each(|given| super_seed.take_back(FILE, given));
        }
    }

    #[test]
    fn what_is_not_wanted_or_not_here_is_not_given() {
        let chunks = Chunks::of(10 * limits::CHUNK_MIN).unwrap();
        let mut super_seed = SuperSeed::default();
        let mut want = Bits::none(chunks);
        let at = |n| chunks.index(n).unwrap();
        want.insert(at(3));
        want.insert(at(5));
        let none = Bits::none(chunks);
        assert_eq!(super_seed.choose(FILE, &want, &none, |c| c != at(3)), Some(at(5)));
        assert_eq!(super_seed.choose(FILE, &want, &none, |c| c == at(9)), None);
        // Whoever was given it wants it again: it came wrong.
        let mut before = none.clone();
        before.insert(at(3));
        assert_eq!(super_seed.choose(FILE, &want, &before, |_| true), Some(at(5)));
        before.insert(at(5));
        assert_eq!(super_seed.choose(FILE, &want, &before, |_| true), Some(at(3)));
    }

    #[test]
    fn counts_are_kept_of_a_few_files_only() {
        let chunks = Chunks::of(2 * limits::CHUNK_MIN).unwrap();
        let mut super_seed = SuperSeed::default();
        for n in 0..200 {
            super_seed.note(FileId([n; 32]), chunks.size(), 0);
        }
        assert_eq!(super_seed.files.len(), limits::OPEN_FILES);
        assert!(super_seed.files.contains_key(&FileId([199; 32])));
    }
}
