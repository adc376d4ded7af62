//! The command `rescan`: what is shared is looked at again now. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::status::Sharing;
use super::typed::{Proposals, TypedRequest};

/// Look again at what is shared, now, and report what was found
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct RescanRequest {}

impl TypedRequest for RescanRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescanRow {
    /// What is shared now.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// Files that were shared before and are not any more, for they are gone, changed or left out.
    pub gone: u64,
}
