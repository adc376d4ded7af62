//! What tells whether a file is still the one that was hashed, or a folder the one that was looked at. Pure.

use serde::{Deserialize, Serialize};

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

/// Tells the shared folder from another one at its place; all zero while there is none. It is stored as three
/// numbers without names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 3]", into = "[u64; 3]")]
pub struct FolderIdentity {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Time of birth, nanoseconds since 1970; 0 where it is not told.
    pub birth: u64,
}

impl From<[u64; 3]> for FolderIdentity {
    fn from([device, inode, birth]: [u64; 3]) -> Self {
        Self { device, inode, birth }
    }
}

impl From<FolderIdentity> for [u64; 3] {
    fn from(folder: FolderIdentity) -> Self {
        [folder.device, folder.inode, folder.birth]
    }
}
