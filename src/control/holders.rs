//! The command `holders`: who has a file. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// Show who has a file: where, how fast, and since when
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct HoldersRequest {
    /// Path as `list` shows it, or `b3:` and the first digits of an id
    #[arg(value_name = "FILE")]
    pub file: String,
}

impl TypedRequest for HoldersRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "file" => Proposals::Names(CompletionNames::Offered),
            _ => Proposals::None,
        }
    }
}

/// One line of `holders`: a peer that has one content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderRow {
    /// File id of the content.
    pub id: String,
    /// Its bytes.
    pub size: u64,
    /// Name of the peer.
    pub name: String,
    /// Its id, 52 characters.
    pub peer: String,
    /// Its address.
    pub address: String,
    /// Its sender port.
    pub port: u16,
    /// Bytes a second at which it gave when it gave this peer something last; null: it has not yet.
    pub speed: Option<u64>,
    /// When it first listed this content, by its own clock, in seconds since 1970; null: that is not known.
    pub since: Option<u64>,
    /// True if it does not share it, but keeps it for a peer that is away.
    #[serde(default)]
    pub kept: bool,
    /// True if it has only some of it.
    #[serde(default)]
    pub some: bool,
    /// True if its name can be taken for that of another peer.
    #[serde(default)]
    pub look_alike: bool,
}
