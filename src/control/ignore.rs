//! The command `ignore`: what a peer says is neither shown nor kept. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// Neither show nor keep what a peer says
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(alias = "/ignore")]
pub struct IgnoreRequest {
    /// Its name, or the beginning of its id
    #[arg(value_name = "PEER")]
    pub peer: String,
}

impl TypedRequest for IgnoreRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::Names(CompletionNames::Peers)
    }
}

/// A peer of which nothing is heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredRow {
    /// Its name, as it was when it began to be ignored; raw, to be escaped for a terminal.
    pub name: String,
    /// Its whole id.
    #[serde(rename = "peer")]
    pub id: String,
}
