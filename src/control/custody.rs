//! What a peer tells of custody: who keeps its files, whose files it keeps, and what is wrong with them.

use serde::{Deserialize, Serialize};

/// What `status` tells of copies on others, and of what is kept for others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustodyRow {
    /// Copies of each shared file that there are to be, the one here included; 1: none on others.
    pub copies: u8,
    /// Files shared here of which there are to be copies.
    pub own_files: u64,
    /// Of them, those that have all of them.
    pub own_whole: u64,
    /// Of them, those that are being placed.
    pub moving: u64,
    /// Bytes lent to others, at most.
    pub lent: u64,
    /// Bytes that are kept for others.
    pub used: u64,
    /// Bytes of free space that are never used for others.
    pub free_reserve: u64,
    /// Files that are kept for others.
    pub kept_files: u64,
    /// Files that are being fetched, to be kept for others.
    pub fetching: u64,
    /// For whom, those with most bytes first; at most `KEPT_FOR_TOLD`.
    pub kept_for: Vec<KeptFor>,
    /// True if another, later peer runs with this peer's key: this one places nothing any more.
    pub conflict: bool,
    /// Files that were shared, are missing, and were not seen being deleted.
    pub lost: u64,
}

/// An owner for whom something is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFor {
    /// Its name, or the beginning of its id.
    pub name: String,
    /// Its id, 52 characters.
    pub id: String,
    /// Files of it.
    pub files: u64,
    /// Their bytes that are here.
    pub bytes: u64,
    /// True if it is not here.
    pub away: bool,
}

/// Where a file that was read again lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// In `shared/`.
    Shared,
    /// Among what is kept for others.
    Kept,
}

/// What became of a file that was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyResult {
    /// All bytes are what they were.
    Good,
    /// Bytes are others than they were, and nobody wrote any.
    Rotten,
    /// Somebody wrote to it since it was hashed; it is hashed again.
    Changed,
    /// It could not be read.
    Unreadable,
}

/// One file that `verify` read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyRow {
    /// Its path; raw, to be escaped for a terminal.
    pub path: String,
    /// Where it lies.
    pub what: Location,
    /// What became of it.
    pub result: VerifyResult,
    /// Whether it is as it was again; `None`: that was not tried.
    pub repaired: Option<bool>,
}

/// Why nobody else keeps a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotKeptReason {
    /// Nobody else is here.
    NobodyHere,
    /// Nobody has space for it, or wants it.
    #[serde(rename = "no_room")]
    NoSpace,
    /// It was still on its way.
    Unfinished,
    /// It is not copied by itself.
    NotChosen,
}

/// One file that nobody else keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotKept {
    /// Its path in `shared/`; raw, to be escaped for a terminal.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// Why.
    pub why: NotKeptReason,
}

/// What can be said to who leaves: whether its files stay. The rest, `total - safe - once`, nobody else
/// keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitReport {
    /// Files shared here.
    pub total: u64,
    /// Of them, those that at least two others keep.
    pub safe: u64,
    /// Those that one other keeps: a second failure would lose them.
    pub once: u64,
    /// Those that nobody else keeps, at most `NOT_KEPT_TOLD`.
    pub not_kept: Vec<NotKept>,
}
