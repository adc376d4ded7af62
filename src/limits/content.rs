//! Caps of names, paths, files and catalogues. Pure.

/// Bytes of a peer's name, at most: fits a column of `list` and leaves a datagram its room.
pub const NAME: usize = 64;

/// Bytes of a relative path, at most (Linux `PATH_MAX` is 4,096 with the folder in front of it).
pub const PATH: usize = 3_072;

/// Bytes of one path component, at most (`NAME_MAX` of every common file system).
pub const COMPONENT: usize = 255;

/// Components of a relative path, at most: bounds recursion in scans and folder creation.
pub const DEPTH: usize = 64;

/// Bytes of a chunk, at least: a file up to this size is one chunk and needs no manifest.
pub const CHUNK_MIN: u64 = 64 << 10;

/// Bytes of a chunk, at most: bounds what one bad block can cost.
pub const CHUNK_MAX: u64 = 16 << 20;

/// Chunks that a file is cut into between the two bounds, at most (twice that above rounding).
pub const CHUNKS_AIM: u64 = 1_024;

/// Bytes of a file, at most (1 PiB). Keeps chunk counts (64 Mi) and their arithmetic far from overflow.
pub const FILE: u64 = 1 << 50;

/// Chunks of a file that a map of them can tell of (wire/haves.rs): 8 TiB. Larger ones are fetched from
/// those who have all of them only.
pub const MAP_CHUNKS: u32 = 1 << 19;

/// Buckets of a catalogue. One byte of the path's hash picks the bucket.
pub const BUCKETS: usize = 256;

/// Entries of one peer's catalogue that are kept, at most: 10 times the 100,000 of
/// which docs/TESTING.md promises memory and time.
pub const CATALOGUE_ENTRIES: usize = 1_000_000;
