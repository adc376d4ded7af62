//! Bytes that wait to be written, in the pieces in which they came: none of them is copied. Pure.

use std::collections::VecDeque;

/// The bytes.
#[derive(Debug, Default)]
pub(crate) struct ByteQueue {
    pieces: VecDeque<Vec<u8>>,
    /// Of the first piece, the bytes that were taken.
    taken: usize,
    /// Bytes of all pieces that were not.
    left: usize,
}

impl ByteQueue {
    /// These come last.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.left += bytes.len();
            self.pieces.push_back(bytes);
        }
    }

    /// How many bytes there are.
    pub(crate) const fn len(&self) -> usize {
        self.left
    }

    /// True if there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The bytes in order, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let first = self.pieces.front().map(|piece| piece.get(self.taken..).unwrap_or_default());
        first.into_iter().chain(self.pieces.iter().skip(1).map(Vec::as_slice))
    }

    /// The first so many bytes were written.
    pub(crate) fn took(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
        self.taken += bytes;
        while let Some(len) = self.pieces.front().map(Vec::len)
            && len <= self.taken
        {
            self.taken -= len;
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_in_the_order_in_which_they_came_however_many_are_taken_at_once() {
        for at_once in 1..12 {
            let mut queue = ByteQueue::default();
            ["abc", "", "d", "efgh"].into_iter().for_each(|piece| queue.push(piece.into()));
            assert_eq!(queue.pieces().count(), 3);
            let mut all = Vec::new();
            while !queue.is_empty() {
                let next: Vec<u8> = queue.pieces().flatten().copied().take(at_once).collect();
                queue.took(next.len());
                all.extend(next);
                assert_eq!(queue.len(), 8 - all.len());
            }
            assert_eq!((all.as_slice(), queue.pieces().count()), (&b"abcdefgh"[..], 0), "{at_once}");
        }
    }
}
