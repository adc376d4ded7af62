//! A run of chunks of a file. Pure.

use serde::{Deserialize, Serialize};

use super::Chunks;

/// Chunks `from..to` of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The first one.
    pub from: u32,
    /// Behind the last one.
    pub to: u32,
}

impl Span {
    /// All chunks of a file of `size` bytes; `None` if no file is that large.
    #[must_use]
    pub fn whole(size: u64) -> Option<Self> {
        Chunks::of(size).map(|c| Self { from: 0, to: c.count() })
    }

    /// How many chunks.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.to.saturating_sub(self.from)
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.to <= self.from
    }

    /// True if all of `other` is in it.
    #[must_use]
    pub const fn covers(&self, other: &Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// True if one chunk is in both.
    #[must_use]
    pub const fn meets(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// The chunks that are in both; may be empty.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// True for a part of a file of `size` bytes that is not empty.
    #[must_use]
    pub fn fits(&self, size: u64) -> bool {
        !self.is_empty() && Chunks::of(size).is_some_and(|c| self.to <= c.count())
    }

    /// Bytes of these chunks in a file of `size` bytes. Saturates.
    #[must_use]
    pub fn bytes(&self, size: u64) -> u64 {
        let Some(chunks) = Chunks::of(size) else { return 0 };
        let end = u64::from(self.to).saturating_mul(chunks.chunk_size()).min(size);
        end.saturating_sub(u64::from(self.from).saturating_mul(chunks.chunk_size()))
    }
}
