//! The command `disconnect`: the end of a link to a peer on another network. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};
use crate::address::RouteTarget;

/// End a link that `connect` or `--wan` made, and forget who was known only by it
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct DisconnectRequest {
    /// As it was given to `connect`; nothing: all of them
    #[arg(value_name = "HOST[:PORT]")]
    #[serde(default)]
    pub target: Option<RouteTarget>,
}

impl TypedRequest for DisconnectRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::Names(CompletionNames::Routes)
    }
}
