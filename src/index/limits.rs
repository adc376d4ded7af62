//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

pub(super) use crate::limits::*;

/// Of the index the share of one host has so many bytes at least: some 500 files.
pub(super) const INDEX_OF_HOST: u64 = 64 << 10;

/// Hits of one search that are kept in their order, at most: ten screens of a terminal, many times over.
pub(super) const HITS: usize = 1_000;

/// Places of contents that nobody lists any more are kept for others up to this number, whatever their share.
pub(super) const FREE_CONTENTS: usize = 1_024;

/// Bytes of text that are looked at in one piece, at most: so much is read in less than 0.1 ms.
pub(super) const WINDOW: usize = 1 << 18;

/// A row that is looked at counts as so many bytes of work beside its text.
pub(super) const ROW_WORK: usize = 32;

/// Bytes of the index, at most, where nothing else is set: with names as people have them, almost two million files.
#[cfg(any(test, feature = "sim"))]
pub const INDEX_MEMORY: u64 = 256 << 20;

/// Bytes of an index, at most, whatever is asked for: its contents can be numbered in 32 bits.
pub(super) const INDEX: u64 = 128 << 30;

/// Bytes of what one owner lists, at most: its text can be measured in 32 bits. A million files take a tenth of it.
pub(super) const OWNER: u64 = 2 << 30;
