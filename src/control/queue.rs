//! The command `queue`: the downloads that are not done, in their order. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// List downloads that are not done, in their order
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct QueueRequest {}

impl TypedRequest for QueueRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// How a download of the queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueState {
    /// It is being fetched.
    Downloading,
    /// It waits for others before it to be done.
    Queued,
    /// It waits for somebody who has the rest of it.
    Waiting,
    /// The user paused it.
    Paused,
    /// It does not go on by itself; `resume` tries it again.
    Failed,
    /// It was removed while it was being fetched, and is being stopped.
    Stopping,
    /// It was removed.
    Removed,
}

/// One download of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Its number; it keeps it when the peer is started again.
    pub job: u64,
    /// What was asked for, in short.
    pub what: String,
    /// How it stands.
    pub state: QueueState,
    /// Bytes verified; of one that was not begun since the start of the peer those of whole files.
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
    /// Names of the peers it comes from, or waits for.
    pub from: Vec<String>,
    /// Why it does not move, if so.
    pub why: Option<String>,
    /// True if it comes before all others, as `first` wants it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub is_first: bool,
    /// The folder that everything goes into; a list of bytes if that is not UTF-8.
    #[serde(with = "super::local_path")]
    pub to: PathBuf,
}
