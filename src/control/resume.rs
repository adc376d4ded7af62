//! The command `resume`: downloads that were paused, or failed, go on. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use super::{CompletionNames, QueueWord};

/// Continue a paused download, or try a failed one again
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct ResumeRequest {
    /// Its number or name, as `queue` shows them, or `all`
    #[arg(value_name = "DOWNLOAD", default_value = "all", hide_default_value = true)]
    #[serde(default = "QueueWord::all")]
    pub which: QueueWord,
}

impl TypedRequest for ResumeRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::Names(CompletionNames::Queue)
    }
}
