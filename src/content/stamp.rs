//! What tells whether a file is still the one that was hashed. Pure.

/// What the operating system says of a file; while none of it changes, the content did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Modification time, nanoseconds since 1970.
    pub modified: i128,
    /// Change time, nanoseconds since 1970.
    pub changed: i128,
}
