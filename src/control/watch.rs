//! The command `watch`: what happens, as it happens. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::TransferOutcome;
use super::typed::{CommandOrigin, Proposals, TypedFrom, TypedRequest};
use crate::error::{Code, Failure};

/// Below what `help watch` says.
const NOTES: &str = "\
Each line is one object in JSON, with or without --json. A reader that is too slow is told how many events it missed, \
one that takes nothing for 10 s is let go. It ends with the peer, or with Ctrl-C.";

/// Print what happens, as it happens, one JSON object per line
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(after_help = NOTES)]
pub struct WatchRequest {}

impl TypedRequest for WatchRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }

    fn anchor(&mut self, from: &TypedFrom<'_>) -> Result<(), Failure> {
        if from.origin == CommandOrigin::OneShot {
            return Ok(());
        }
        let message = "`watch` does not end: run `potluck watch` in another terminal, or in a script";
        Err(Failure::new(Code::Usage, message))
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchKind {
    /// The first line: from here on everything is told.
    Watching,
    /// A peer is here: `name`, `peer`.
    PeerCame,
    /// A peer is gone: `name`, `peer`, `text`: `left`, `silent` or `disconnected`.
    PeerWent,
    /// What a peer shares is known, or known anew: `name`, `peer`, `files`, `size`.
    PeerShares,
    /// This peer shares a file from now on: `path`, `id`, `size`.
    FileShared,
    /// A file of this peer has another content: `path`, `id`, `size`.
    FileChanged,
    /// This peer does not share a file any more: `path`, `id`, `size`.
    FileGone,
    /// A download begins: `job`, `path`, `files`, `size`.
    DownloadStarted,
    /// How far a download is, at most 4 a second: `job`, `path`, `files`, `size`, `bytes`.
    DownloadProgress,
    /// A download is over, or rests in the queue (`part`): `job`, `path`, `files`, `size`, `bytes`, `outcome`, `text`: why
    /// not all of it came.
    DownloadEnded,
    /// Another peer takes a file: `name`, `peer`, `path`, `id`, `size`, `bytes`.
    UploadStarted,
    /// How much of it was sent, at most 4 a second: as `upload_started`.
    UploadProgress,
    /// All of it was sent (`done`), or nothing more was asked for (`part`): as `upload_started`, and `outcome`.
    UploadEnded,
    /// A guest said something on its page: `name` (its address), `text`.
    GuestText,
    /// A guest sent a file: `name` (its address), `path` in `downloads/`, `size`.
    GuestFile,
    /// A warning: `text`.
    Warning,
    /// So many events are not told, for they were not read fast enough: `count`.
    Missed,
}

/// One line of `watch`. What an event says nothing of is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRow {
    /// When it happened, milliseconds since 1970.
    pub at: u64,
    /// What happened.
    pub event: WatchKind,
    /// Name of the peer that it concerns; raw, to be escaped for a terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its id, 52 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Number of the download.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<u64>,
    /// Path of the file; of a download what was asked for, in short. Raw, to be escaped for a terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// File id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Bytes of the file, or of these files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes that moved, or are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<TransferOutcome>,
    /// What there is to be said, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl WatchRow {
    /// Of an event of which nothing more is said. Its time is set when it is told.
    #[must_use]
    pub const fn of(event: WatchKind) -> Self {
        Self {
            at: 0,
            event,
            name: None,
            peer: None,
            job: None,
            path: None,
            id: None,
            files: None,
            size: None,
            bytes: None,
            outcome: None,
            text: None,
            count: None,
        }
    }
}
