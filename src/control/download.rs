//! The command `download`: files and folders are fetched.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadRow {
    /// Its number.
    pub job: u64,
    /// What was asked for, in short.
    pub what: String,
    /// Bytes verified.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
    /// Files published.
    pub files_done: u64,
    /// Files in all.
    pub files: u64,
    /// Bytes a second, over the last seconds.
    pub speed: u64,
    /// Seconds left at that speed.
    pub left: Option<u64>,
    /// Bytes that came over the network since this peer started.
    pub fetched: u64,
    /// Names of the peers it comes from.
    pub from: Vec<String>,
    /// Why nothing moves, if so.
    pub waiting: Option<String>,
}

/// One file that a download brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Its number.
    pub job: u64,
    /// File id.
    pub id: String,
    /// Where it lies.
    pub path: PathBuf,
    /// `saved`, `saved_as` or `already_there`.
    pub how: String,
}
