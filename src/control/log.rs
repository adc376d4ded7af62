//! The command `log`: what was sent and fetched. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// Below what `help log` says.
const EXAMPLES: &str = "\
Examples:
  log                 the last transfers
  log -n 5            the last five
  log \"Week 12/\"      of what lies in that folder
  log anna            with that peer";

/// Show what was sent and downloaded: when, who, what, how much
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "history", after_help = EXAMPLES)]
pub struct LogRequest {
    /// Only of this file or folder (its path, or `b3:` and the first digits of its id), or with this peer (its name, or
    /// the beginning of its id)
    #[arg(value_name = "FILE|PEER")]
    #[serde(default)]
    pub about: Option<String>,
    /// Show the last N lines; 0 shows all [default: 50]
    #[arg(short = 'n', long = "last", value_name = "N")]
    #[serde(default)]
    pub last: Option<u64>,
    /// What a peer took out of one folder, one file after the other, is answered as one row, for a person reads it.
    /// Without that each file has its own.
    #[arg(skip)]
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub folders: bool,
}

impl TypedRequest for LogRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "about" => Proposals::Names(CompletionNames::Known),
            _ => Proposals::None,
        }
    }

    fn for_people(&mut self) {
        self.folders = true;
    }
}

/// Which way something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferWay {
    /// From here to another peer.
    Out,
    /// From others to here.
    In,
}

/// What something was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferPurpose {
    /// The user of the peer that it went to downloads it.
    Download,
    /// The peer that it went to keeps it for its owner.
    Keep,
    /// It was read here and there, and not necessarily kept.
    Read,
}

/// How a transfer ended, as far as that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferOutcome {
    /// It has not ended.
    Running,
    /// Out: every byte was sent from here. In: everything came, or was there.
    Done,
    /// Out: some of it was sent, and nothing more was asked for. The rest may have come from others. In: some of it came,
    /// and the rest waits in the queue.
    Part,
    /// In: some of it did not come; `why` is the first reason.
    Incomplete,
    /// In: the user stopped it.
    Stopped,
    /// In: the peer ended before it was over.
    Left,
}

/// One line of `log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// Which way it went.
    pub way: TransferWay,
    /// When it began, in milliseconds since 1970.
    pub began: u64,
    /// When the last byte of it moved, or when it ended, in milliseconds since 1970.
    pub ended: u64,
    /// Milliseconds in which something moved; in: from its beginning to its end.
    pub millis: u64,
    /// Out: the name of the peer it went to, as it was then. In: those of the first 16 that it came from, who gave most
    /// first. Raw, to be escaped for a terminal.
    pub peers: Vec<String>,
    /// Whole ids of these, in the order of `peers`.
    pub peer_ids: Vec<String>,
    /// How many peers it came from or went to.
    pub peer_count: u64,
    /// Out: the path under which it was shared; the folder with a slash at its end for several files; null: it was not
    /// shared, but kept or being downloaded. In: what was asked for, in short. Raw, to be escaped for a terminal.
    pub path: Option<String>,
    /// File id, for one content.
    pub id: Option<String>,
    /// Files.
    pub files: u64,
    /// Bytes of these files.
    pub size: u64,
    /// Bytes of content that moved, those that moved twice included.
    pub bytes: u64,
    /// What it was for.
    pub purpose: TransferPurpose,
    /// How it ended.
    pub outcome: TransferOutcome,
    /// Files that did not come.
    #[serde(default)]
    pub failed: u64,
    /// Why something did not come, the first reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// In: the folder that it went into; a list of bytes if that is not UTF-8.
    #[serde(default, with = "super::local_path::optional", skip_serializing_if = "Option::is_none")]
    pub to: Option<PathBuf>,
}
