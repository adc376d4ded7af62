//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

/// Words of one search, at most: nobody types more, and each one is looked for in every path that has the others.
pub(super) const WORDS: usize = 32;

/// Bytes of all words of one search together, as they were typed, at most. No path has a longer component.
pub(super) const WORD_BYTES: usize = 1_024;

/// Owners that are named with one hit, at most: more than anybody chooses from. All of them are counted.
pub(super) const OWNERS_SHOWN: usize = 8;

/// Of the index the share of one host has so many bytes at least: some 8,000 files.
pub(super) const INDEX_OF_HOST: u64 = 1 << 20;
