//! The command `first`: a download comes before all others. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use super::{CompletionNames, QueueWord};

/// Fetch this download before all others
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct FirstRequest {
    /// Its number or name, as `queue` shows them
    #[arg(value_name = "DOWNLOAD")]
    pub which: QueueWord,
}

impl TypedRequest for FirstRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::Names(CompletionNames::Queue)
    }
}
