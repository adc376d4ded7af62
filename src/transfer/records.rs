//! Counts TLS records as they come off the wire (RFC 8446, 5.1), and so what they cost. Pure.

use crate::transfer::limits;

/// Bytes before the content of a record: type, version, length.
const HEADER: usize = 5;

/// Where in a record the next byte belongs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecordCounter {
    /// Bytes of the header that came.
    header: usize,
    /// Bytes that follow this header; its last two say how many.
    length: usize,
}

impl RecordCounter {
    /// How many records begin their content in these bytes, which follow those of before.
    pub(super) fn count(&mut self, mut bytes: &[u8]) -> usize {
        let mut records = 0;
        while let Some((first, rest)) = bytes.split_first() {
            if self.header < HEADER {
                self.length = (self.length << 8 | usize::from(*first)) & 0xffff;
                self.header += 1;
                bytes = rest;
                records += usize::from(self.header == HEADER);
            } else {
                let skipped = self.length.min(bytes.len());
                self.length -= skipped;
                bytes = &bytes[skipped..];
            }
            if self.header == HEADER && self.length == 0 {
                *self = Self::default();
            }
        }
        records
    }
}

/// What may still be read of one connection in a turn. Bytes count as they come off the wire, and each record and
/// each frame has a price of its own: many small ones end a turn as soon as few large ones.
#[derive(Debug)]
pub(crate) struct ReadWork {
    left: usize,
}

impl Default for ReadWork {
    fn default() -> Self {
        Self { left: limits::TURN }
    }
}

impl ReadWork {
    /// Nothing more is to be done in this turn.
    pub(crate) const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Bytes came off the wire, and in them so many records.
    pub(super) const fn came(&mut self, bytes: usize, records: usize) {
        self.left = self.left.saturating_sub(bytes + records * limits::RECORD_PRICE);
    }

    /// A frame came.
    pub(super) const fn frame(&mut self) {
        self.left = self.left.saturating_sub(limits::FRAME_PRICE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(len: u16) -> Vec<u8> {
        let [high, low] = len.to_be_bytes();
        [vec![23, 3, 3, high, low], vec![9; usize::from(len)]].concat()
    }

    #[test]
    fn records_are_counted_however_they_are_cut() {
        let lens = [17, 16_401, 1, 0, 300, 18, 0, 0, 5];
        let all: Vec<u8> = lens.into_iter().flat_map(record).collect();
        for piece in [1, 2, 3, 7, 4_096, all.len()] {
            let mut counter = RecordCounter::default();
            let counted: usize = all.chunks(piece).map(|bytes| counter.count(bytes)).sum();
            assert_eq!(counted, lens.len(), "in pieces of {piece}");
        }
    }

    #[test]
    fn small_records_end_a_turn_too() {
        let bytes = record(17).len();
        let mut work = ReadWork::default();
        let mut records = 0;
        while !work.is_done() {
            work.came(bytes, 1);
            records += 1;
        }
        assert!(records < 600, "{records}");
    }
}
