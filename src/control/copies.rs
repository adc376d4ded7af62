//! The command `copies`: how many copies of own files there are to be. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use super::{CompletionNames, limits};

/// How many copies of a file there are to be, the one here included, 1 to [`limits::COPIES_MAX`]; `None`: as
/// many as of others.
pub type CopiesWanted = Option<u8>;

/// Have shared files copied to others so often
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct CopiesRequest {
    /// How many copies, the one here included (1 to 16), or `auto`: as often as all others
    #[arg(value_name = "N", value_parser = copies_wanted)]
    #[serde(default)]
    pub copies: CopiesWanted,
    /// Shared files or folders of this peer, as `list --mine` shows them, or `b3:` and the first digits
    /// of an id
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

impl TypedRequest for CopiesRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "copies" => Proposals::Words(&["auto"]),
            "files" => Proposals::Names(CompletionNames::Own),
            _ => Proposals::None,
        }
    }
}

/// The word after `copies`.
fn copies_wanted(typed: &str) -> Result<CopiesWanted, String> {
    let most = limits::COPIES_MAX;
    match typed.parse() {
        _ if typed == "auto" => Ok(None),
        Ok(copies) if (1..=most).contains(&copies) => Ok(Some(copies)),
        _ => Err(format!("give a number from 1 to {most}, or `auto`, and then the files")),
    }
}
