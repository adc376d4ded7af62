//! The command `exit`: this peer leaves, and says whether its files stay. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// The place of `exit` among the commands: behind those that work, however many there are, and before `help`.
const LAST: usize = 1_000;

/// End the peer, once what it sends is finished and others keep its files
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "q", aliases = ["quit", "bye", ":q"], display_order = LAST)]
pub struct ExitRequest {
    /// Without finishing what is being sent, and without handing files over
    #[arg(long)]
    #[serde(default)]
    pub now: bool,
}

impl TypedRequest for ExitRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
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
    #[serde(rename = "cause")]
    pub why: NotKeptReason,
}

/// What can be said to who leaves: whether its files stay. The rest, `total - safe - once`, nobody else
/// keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitReport {
    /// Files shared here.
    #[serde(rename = "files")]
    pub total: u64,
    /// Of them, those that at least two others keep.
    pub safe: u64,
    /// Those that one other keeps: a second failure would lose them.
    pub once: u64,
    /// Of `safe` and `once`, those of which all copies lie on this machine: it alone may lose them.
    #[serde(default)]
    #[serde(rename = "one_machine_files")]
    pub here: u64,
    /// Those that nobody else keeps, at most `NOT_KEPT_TOLD`.
    pub not_kept: Vec<NotKept>,
}
