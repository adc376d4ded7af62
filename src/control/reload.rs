//! The command `reload`: settings that can change while a peer runs have changed. A peer that runs as a service asks
//! itself when it read them again; nobody types it. Pure.

use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use crate::settings::SpeedSettings;

/// From now on these hold. Answered at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadRequest {
    /// Bytes a second that are sent at most, if that is limited.
    #[serde(default)]
    pub up_limit: Option<u64>,
    /// Bytes a second that are fetched at most, if that is limited.
    #[serde(default)]
    pub down_limit: Option<u64>,
}

impl From<SpeedSettings> for ReloadRequest {
    fn from(SpeedSettings { up_limit, down_limit }: SpeedSettings) -> Self {
        Self { up_limit: up_limit.map(u64::from), down_limit: down_limit.map(u64::from) }
    }
}

impl TypedRequest for ReloadRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}
