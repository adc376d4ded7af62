//! The command `cancel`: a download is stopped, and leaves the queue. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use super::{CompletionNames, QueueWord};

/// Stop a download; what arrived is kept for a later one
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct CancelRequest {
    /// Its number or name, as `queue` shows them, or `all`
    #[arg(value_name = "DOWNLOAD")]
    #[serde(rename = "job")]
    pub which: QueueWord,
    /// Delete what arrived of unfinished files (whole files stay)
    #[arg(long)]
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub discard: bool,
}

impl CancelRequest {
    /// To stop the download of this number.
    #[must_use]
    pub fn number(number: u64) -> Self {
        Self { which: QueueWord::number(number), discard: false }
    }
}

impl TypedRequest for CancelRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "which" => Proposals::Names(CompletionNames::Queue),
            _ => Proposals::None,
        }
    }
}
