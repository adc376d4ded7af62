//! The command `announce`: who has a file is found beyond the networks that are joined. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::complete::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// Below what `help announce` says.
const EXAMPLES: &str = "\
Examples:
  announce                   what is announced
  announce plans/house.pdf   whoever has its id finds it by `download b3:...`
  announce --stop plans/house.pdf
With `--wan` only. Nodes of the table learn the address of this peer, and neither the file nor its name.";

/// Have members of the group elsewhere find a file by its id
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(after_help = EXAMPLES)]
pub struct AnnounceRequest {
    /// Path of a file of this peer as `list` shows it, or `b3:` and the first digits of an id; nothing: show what is
    /// announced
    #[arg(value_name = "FILE")]
    #[serde(default)]
    pub file: Option<String>,
    /// Announce it no more
    #[arg(long, requires = "file")]
    #[serde(default)]
    pub stop: bool,
}

impl TypedRequest for AnnounceRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "file" => Proposals::Names(CompletionNames::Own),
            _ => Proposals::None,
        }
    }
}

/// A file that is announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedRow {
    /// Its file id.
    pub id: String,
    /// Its path; left out if it is only kept for others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// `announced` (nodes know of it), `waiting` (they do not yet), or `stopped`.
    pub state: String,
}
