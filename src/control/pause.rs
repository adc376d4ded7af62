//! The command `pause`: downloads rest until they are resumed. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use super::{CompletionNames, QueueWord};

/// Pause a download; what arrived is kept, and `resume` continues it
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct PauseRequest {
    /// Its number or name, as `queue` shows them, or `all`
    #[arg(value_name = "DOWNLOAD", default_value = "all", hide_default_value = true)]
    #[serde(default = "QueueWord::all")]
    pub which: QueueWord,
}

impl TypedRequest for PauseRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::Names(CompletionNames::Queue)
    }
}
