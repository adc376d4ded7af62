//! The command `cat`: the bytes of a file go to standard output. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{CommandOrigin, Proposals, TypedFrom, TypedRequest};
use crate::error::{Code, Failure};

/// Below what `help cat` says.
const NOTES: &str = "\
Each byte is verified before it is written, and nothing is saved. If it fails in the middle, it says with which --offset \
to continue.

Examples:
  cat notes.txt | less
  cat b3:9f21c0 | tar x                           unpacks it as it comes
  cat film.mkv --offset 1000000 --length 4096     a part of it";

/// Write a file to standard output, verified, as it comes
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(after_help = NOTES)]
pub struct CatRequest {
    /// Path as `list` shows it, of others or your own, or `b3:` and the first digits of an id
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Only from this peer: its name, or the beginning of its id; several: again
    #[arg(long, value_name = "PEER")]
    #[serde(default, with = "super::one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Start after this many bytes
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    #[serde(default)]
    pub offset: u64,
    /// Write at most this many bytes [default: all]
    #[arg(long, value_name = "BYTES")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRow {
    /// File id, 64 hexadecimal digits.
    pub id: String,
    /// Bytes of all of it, of which not all need be read.
    pub size: u64,
}

impl TypedRequest for CatRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "file" => Proposals::Names(CompletionNames::Offered),
            "from" => Proposals::Names(CompletionNames::Peers),
            _ => Proposals::None,
        }
    }

    fn anchor(&mut self, from: &TypedFrom<'_>) -> Result<(), Failure> {
        if from.origin == CommandOrigin::OneShot {
            return Ok(());
        }
        let message = "`cat` writes the bytes of a file as they are: run `potluck cat` in another terminal, or in a script";
        Err(Failure::new(Code::Usage, message))
    }
}
