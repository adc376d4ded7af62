//! File ids, and how a size is cut into chunks. Pure.

use core::fmt;
use core::ops::Range;
use core::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};

use crate::limits;

/// BLAKE3 of the content: exactly what `b3sum FILE` prints. Shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId(#[serde(with = "serde_bytes")] pub [u8; 32]);

/// A file id with the size that somebody says it has. The id alone does not prove the size before the
/// last chunk came: with another size it is another content, whose holders are others.
pub type Claim = (FileId, u64);

impl FileId {
    /// The first `n` digits.
    #[must_use]
    pub fn prefix(&self, n: usize) -> String {
        let mut text = self.to_string();
        text.truncate(n);
        text
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b3:{}", self.prefix(8))
    }
}

/// What is not a file id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a file id: it has 64 hexadecimal digits")]
pub struct ParseFileIdError;

impl FromStr for FileId {
    type Err = ParseFileIdError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bytes = HEXLOWER_PERMISSIVE.decode(s.as_bytes()).map_err(|_| ParseFileIdError)?;
        bytes.try_into().map(Self).map_err(|_| ParseFileIdError)
    }
}

impl From<blake3::Hash> for FileId {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash.into())
    }
}

/// Number of a chunk in its file, from 0. Made by [`Chunks::index`] only, so it is in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkIndex(u32);

impl ChunkIndex {
    /// As a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// As an index into a slice.
    #[must_use]
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// How a file of one size is cut: chunks of one power of two, the last one shorter or equal.
/// Computed from the size, never taken from the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    size: u64,
    log2: u8,
    count: u32,
}

impl Chunks {
    /// The chunks of a file of `size` bytes: `clamp(next_power_of_two(size / 1024), 64 KiB, 16 MiB)`
    /// each. An empty file has one empty chunk. `None` above [`limits::FILE`].
    #[must_use]
    pub fn of(size: u64) -> Option<Self> {
        if size > limits::FILE {
            return None;
        }
        let chunk =
            (size / limits::CHUNKS_AIM).next_power_of_two().clamp(limits::CHUNK_MIN, limits::CHUNK_MAX);
        let count = u32::try_from(size.div_ceil(chunk).max(1)).ok()?;
        let log2 = u8::try_from(chunk.trailing_zeros()).ok()?;
        Some(Self { size, log2, count })
    }

    /// Bytes of the file.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of every chunk but the last.
    #[must_use]
    pub const fn chunk_size(&self) -> u64 {
        1 << self.log2
    }

    /// How many chunks there are: 1 to 2^26.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// True for a file of one chunk: its file id is all the proof it needs.
    #[must_use]
    pub const fn is_single(&self) -> bool {
        self.count == 1
    }

    /// Chunk number `n`, if there is one.
    #[must_use]
    pub fn index(&self, n: u32) -> Option<ChunkIndex> {
        (n < self.count).then_some(ChunkIndex(n))
    }

    /// The chunk that holds the byte at `offset`, if there is one.
    #[must_use]
    pub fn at_offset(&self, offset: u64) -> Option<ChunkIndex> {
        (offset < self.size).then(|| ChunkIndex((offset >> self.log2).try_into().unwrap_or(u32::MAX)))
    }

    /// The chunks that have some of the `len` bytes at `offset`; those beyond the end of the file are in
    /// none.
    pub fn touched(&self, offset: u64, len: u64) -> impl Iterator<Item = ChunkIndex> + use<> {
        let (first, end) = (offset >> self.log2, offset.saturating_add(len).div_ceil(self.chunk_size()));
        let bound = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).min(self.count);
        (bound(first)..bound(end)).map(ChunkIndex)
    }

    /// The last chunk, the only one that proves the size.
    #[must_use]
    pub const fn last(&self) -> ChunkIndex {
        ChunkIndex(self.count - 1)
    }

    /// All chunks in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = ChunkIndex> + use<> {
        (0..self.count).map(ChunkIndex)
    }

    /// The bytes of a chunk, as offsets in the file.
    #[must_use]
    pub fn range(&self, chunk: ChunkIndex) -> Range<u64> {
        let start = u64::from(chunk.0) << self.log2;
        start..(start + self.chunk_size()).min(self.size)
    }

    /// Bytes of a chunk.
    #[must_use]
    pub fn len_of(&self, chunk: ChunkIndex) -> u64 {
        let range = self.range(chunk);
        range.end - range.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_at_the_edges() {
        for (size, chunk, count) in [
            (0, 64 << 10, 1),
            (1, 64 << 10, 1),
            (65_535, 64 << 10, 1),
            (65_536, 64 << 10, 1),
            (65_537, 64 << 10, 2),
            (64 << 20, 64 << 10, 1_024),
            ((64 << 20) + 1_024, 128 << 10, 513),
            (1 << 30, 1 << 20, 1_024),
            (50 << 30, 16 << 20, 3_200),
            (limits::FILE, 16 << 20, 1 << 26),
        ] {
            let c = Chunks::of(size).unwrap();
            assert_eq!((c.chunk_size(), c.count()), (chunk, count), "{size}");
        }
        assert_eq!(Chunks::of(limits::FILE + 1), None);
    }

    #[test]
    fn bytes_touch_the_chunks_they_lie_in() {
        let c = Chunks::of(65_536 * 3 + 1).unwrap();
        let touched = |offset, len| c.touched(offset, len).map(ChunkIndex::get).collect::<Vec<_>>();
        assert_eq!(touched(0, 1), [0]);
        assert_eq!(touched(65_535, 2), [0, 1]);
        assert_eq!(touched(65_536, 65_536), [1]);
        assert_eq!(touched(196_608, u64::MAX), [3]);
        assert!(touched(262_144, 1).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn chunks_cover_the_file_once(size in 0_u64..1 << 36) {
            let c = Chunks::of(size).unwrap();
            let mut next = 0;
            for i in c.iter() {
                let r = c.range(i);
                assert_eq!(r.start, next);
                assert!(r.end > r.start || size == 0);
                if r.start < r.end {
                    assert_eq!(c.at_offset(r.start), Some(i));
                    assert_eq!(c.at_offset(r.end - 1), Some(i));
                }
                next = r.end;
            }
            assert_eq!(next, size);
            assert_eq!(c.at_offset(size), None);
            assert_eq!(c.index(c.count()), None);
        }
    }
}
