//! The command `rejoin`: to be in the network that is remembered now. `group` asks it after a change; nobody types it.
//! Pure.

use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// The group of this peer was changed on its disk. Answered once the network of before is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejoinRequest {}

impl TypedRequest for RejoinRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}
