//! The command `restore`: what was shared here and is kept by others comes back. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// Bring back what this peer shared and others keep: what is missing, or deleted lately
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct RestoreRequest {
    /// Bring back nothing: what is missing was deleted on purpose, and others may drop it
    #[arg(long)]
    #[serde(default)]
    pub forget: bool,
    /// Only these files or folders (what lies on a drive that is not there only if it is named), by the paths that they had, or `b3:` and the first digits of an id
    #[arg(value_name = "FILE")]
    #[serde(default)]
    pub files: Vec<String>,
}

impl TypedRequest for RestoreRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "files" => Proposals::Names(CompletionNames::Lost),
            _ => Proposals::None,
        }
    }
}
