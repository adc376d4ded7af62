//! The command `complete`: names for completion at the prompt. Nobody types it. Pure.

use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// Names that begin with `prefix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteRequest {
    /// What is being typed.
    pub prefix: String,
    /// Of what.
    pub names: CompletionNames,
}

impl TypedRequest for CompleteRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// What is completed at the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletionNames {
    /// Peers that are here.
    Peers,
    /// What others share.
    Offered,
    /// What this peer shares.
    Own,
    /// What anybody shares, this peer included, and peers that are here.
    Known,
    /// What this peer shared and can have back.
    Lost,
    /// Peers of which nothing is heard.
    Ignored,
    /// Peers that are here, with the `@` by which `chat` speaks to one of them.
    Addressed,
    /// What was typed for the routes that there are.
    Routes,
    /// What was asked for of the downloads that are not done.
    Queue,
    /// Shares of this peer beside `shared/`.
    Shares,
    /// Peers whose offers wait.
    Offerers,
}
