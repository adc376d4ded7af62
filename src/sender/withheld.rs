//! Chunks that a peer is to prove to have: it is not given them meanwhile, so that it cannot answer with what it
//! is being asked for. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::content::FileId;
use crate::identity::PeerId;
use crate::wire::message::Item;

/// A chunk that a peer is not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WithheldChunk {
    pub(crate) peer: PeerId,
    pub(crate) file: FileId,
    /// Where it lies in the file.
    pub(crate) bytes: Range<u64>,
}

/// All such chunks: one of each file and peer.
#[derive(Debug, Default)]
pub(super) struct WithheldChunks(BTreeMap<(PeerId, FileId), Range<u64>>);

impl WithheldChunks {
    pub(super) fn withhold(&mut self, chunk: WithheldChunk) {
        self.0.insert((chunk.peer, chunk.file), chunk.bytes);
    }

    /// The peer has answered.
    pub(super) fn give(&mut self, peer: PeerId, file: FileId) {
        self.0.remove(&(peer, file));
    }

    /// True if some of this is withheld from a peer.
    pub(super) fn has(&self, peer: PeerId, item: Item) -> bool {
        let chunk = self.0.get(&(peer, item.file));
        chunk.is_some_and(|chunk| {
            item.offset < chunk.end && chunk.start < item.offset.saturating_add(item.len)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_withheld_from_whom_it_is_asked_of_until_that_answers() {
        let (peer, file) = (PeerId([1; 32]), FileId([2; 32]));
        let mut withheld = WithheldChunks::default();
        withheld.withhold(WithheldChunk { peer, file, bytes: 100..200 });
        let is =
            |withheld: &WithheldChunks, peer, offset, len| withheld.has(peer, Item { file, offset, len });
        let asked = [(0, 100), (0, 101), (150, 10), (199, 9), (200, 9), (0, u64::MAX)];
        let got = asked.map(|(offset, len)| is(&withheld, peer, offset, len));
        assert_eq!(got, [false, true, true, true, false, true]);
        assert!(!is(&withheld, PeerId([3; 32]), 150, 10));
        withheld.give(peer, file);
        assert!(!is(&withheld, peer, 150, 10));
    }
}
