//! The command `guest_told`: what a guest did. The page for guests asks it; nobody types it. Pure.

use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// What a guest did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum GuestTold {
    /// It said something.
    Text {
        /// Its address.
        guest: String,
        /// What it said; raw, to be escaped for a terminal.
        text: String,
    },
    /// It sent a file.
    File {
        /// Its address.
        guest: String,
        /// The name in `downloads/from-guests/`; raw, to be escaped for a terminal.
        name: String,
        /// Bytes.
        size: u64,
    },
}

impl TypedRequest for GuestTold {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}
