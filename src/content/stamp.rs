//! What tells whether a file is still the one that was hashed, or a folder the one that was looked at. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SafePath;

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

/// Tells what is mounted on a folder from what may be mounted there another time. The number of its device is not
/// part of it, for the same drive often gets another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountIdentity {
    /// Inode of the folder that is its top.
    pub inode: u64,
    /// Time of birth of that folder, nanoseconds since 1970; 0 where it is not told.
    pub birth: u64,
    /// What the file system is known by; some have no number of their own and take that of their device.
    pub filesystem: u64,
}

impl MountIdentity {
    /// False where two drives of the same kind cannot be told apart (FAT, for instance): then only what lies on
    /// them can.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        self.birth != 0
    }
}

/// The folders below a root on which something is mounted, and what.
pub type Mounts = BTreeMap<SafePath, MountIdentity>;
