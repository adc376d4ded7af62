//! The command `reject`: what somebody offers is not wanted, or an own offer is taken back. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use super::{CompletionNames, QueueWord};

/// Reject what somebody offers; of an offer of your own: take it back
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct RejectRequest {
    /// The number of the offer, as `offers` shows it, the peer that makes it, or `all` [default: the only one that waits]
    #[arg(value_name = "OFFER")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub which: Option<QueueWord>,
}

impl TypedRequest for RejectRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::Names(CompletionNames::Offerers)
    }
}
