//! The order in which the requests of one asker are answered: its files take turns. Pure; part of
//! sender/content_queue.rs.
//!
//! This is start-time fair queueing (Goyal, Vin and Cheng, 1996). A request begins where the one before it of
//! the same file ends, or where the one begins that is answered now, and what begins first is answered first.
//! Those that begin at the same place keep their order: if the shortest came first, many small files would
//! overtake each other for ever, and what was read ahead for one would be read again. So what is asked of a file
//! that was asked nothing of waits behind one request of each other file at most; those of two files take turns
//! by the bytes that they ask for; and those of one file keep their order.
//!
//! Connections take turns elsewhere (transfer/ready.rs): whoever asks for many files gets no more by it.

use std::collections::BTreeMap;

use crate::content::FileId;

/// Where a request stands among those of its asker, in bytes that were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileTurn {
    background: bool,
    start: u64,
    end: u64,
}

impl FileTurn {
    /// The request with the least of these is answered first; of those with the same, the one that came first.
    /// What is fetched in the background comes after everything else.
    pub(super) const fn order(&self) -> (bool, u64) {
        (self.background, self.start)
    }
}

/// The turns of those requests that wait.
#[derive(Debug, Default)]
pub(super) struct FileTurns {
    /// Where the request begins that is answered now.
    now: u64,
    /// Where the last request of each file ends. (Files are told apart by the first bytes of their ids, for
    /// one asker may ask for 65,536: where two have the same, one waits for the other.)
    ends: BTreeMap<u64, u64>,
}

impl FileTurns {
    /// The turn of one more request, of so many bytes of these files.
    pub(super) fn join(
        &mut self,
        files: impl Iterator<Item = FileId> + Clone,
        bytes: u64,
        background: bool,
    ) -> FileTurn {
        let ends = files.clone().filter_map(|file| self.ends.get(&key(file)));
        let start = ends.fold(self.now, |start, end| start.max(*end));
        let end = start.saturating_add(bytes);
        self.ends.extend(files.map(|file| (key(file), end)));
        FileTurn { background, start, end }
    }

    /// A request is being answered.
    pub(super) fn begin(&mut self, turn: FileTurn) {
        self.now = self.now.max(turn.start);
    }

    /// A request has its answer, or was taken back.
    pub(super) fn leave(&mut self, files: impl Iterator<Item = FileId>, turn: FileTurn) {
        for file in files {
            if self.ends.get(&key(file)) == Some(&turn.end) {
                self.ends.remove(&key(file));
            }
        }
    }
}

fn key(file: FileId) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&file.0[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::limits;

    const fn file(n: u8) -> FileId {
        FileId([n; 32])
    }

    /// The turns of requests for so many bytes of one file each.
    fn join<const N: usize>(turns: &mut FileTurns, asked: [(u8, u64); N]) -> [FileTurn; N] {
        asked.map(|(n, bytes)| turns.join([file(n)].into_iter(), bytes, false))
    }

    #[test]
    fn one_of_another_file_is_next_and_those_of_one_file_keep_their_order() {
        let mut turns = FileTurns::default();
        let big = join(&mut turns, [(1, 100), (1, 100), (1, 100)]);
        turns.begin(big[0]);
        let [other, short] = join(&mut turns, [(2, 150), (3, 10)]);
        let order = [big[0], other, short, big[1], big[2]];
        assert!(order.is_sorted_by_key(FileTurn::order), "{order:?}");
        assert!(short.order() < big[1].order());
        // Two that ask for as much as they got take turns.
        let [again] = join(&mut turns, [(2, 150)]);
        assert!(big[1].order() < again.order() && again.order() < big[2].order());
    }

    #[test]
    fn what_is_asked_of_several_files_waits_for_what_was_asked_of_each() {
        let mut turns = FileTurns::default();
        let [first, second] = join(&mut turns, [(1, 10), (2, 70)]);
        let both = turns.join([file(1), file(2)].into_iter(), 5, false).order();
        assert!(first.order() < both && second.order() < both);
        let [last, more] = join(&mut turns, [(1, 1), (1, 1_000)]);
        assert!(last.order() > both);
        assert!(turns.join([file(9)].into_iter(), 1, true).order() > more.order());
    }

    #[test]
    fn whatever_is_asked_for_takes_little_memory_and_none_afterwards() {
        let mut turns = FileTurns::default();
        let mut all = Vec::new();
        // As many requests as may wait, each for as many files as it may name, of any length.
        for request in 0..limits::REQUESTS_OPEN as u64 {
            let hash = |item: u64| blake3::hash(&[request, item].map(u64::to_le_bytes).concat());
            let files: Vec<FileId> =
                (0..limits::REQUEST_ITEMS as u64).map(|item| hash(item).into()).collect();
            let turn = turns.join(files.iter().copied(), u64::MAX >> (request % 64), false);
            all.push((files, turn));
        }
        assert_eq!(turns.ends.len(), limits::REQUESTS_OPEN * limits::REQUEST_ITEMS);
        for (files, turn) in all {
            turns.begin(turn);
            turns.leave(files.into_iter(), turn);
        }
        assert!(turns.ends.is_empty());
        // Where nothing longer can be counted, they come one after the other.
        let [first, second, other] = join(&mut turns, [(1, u64::MAX), (1, u64::MAX), (2, 1)]);
        assert!(first.order() <= second.order() && other.order() <= second.order());
    }
}
