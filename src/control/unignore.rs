//! The command `unignore`: what a peer says is heard again. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// Hear again what a peer says that was ignored
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(alias = "/unignore")]
pub struct UnignoreRequest {
    /// Its name, or the beginning of its id, as `chat` shows them
    #[arg(value_name = "PEER")]
    pub peer: String,
}

impl TypedRequest for UnignoreRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::Names(CompletionNames::Ignored)
    }
}
