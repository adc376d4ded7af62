//! One codec for everything that crosses the network. Whatever comes in is hostile until parsed.

mod blocks;
mod codec;
pub mod custody;
pub mod datagram;
pub mod frame;
mod haves;
mod kept;
pub mod message;

pub use codec::{DecodeError, decode, encode};
pub use message::Message;

use serde::{Deserialize, Serialize};

/// A peer's four TCP ports, as announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ports {
    /// Bytes that fulfil a download come here when a sender dials back.
    pub receiver: u16,
    /// Catalogues, manifests and blocks are served here.
    pub sender: u16,
    /// Keepers report here.
    pub distributor: u16,
    /// Chunks are taken into custody here.
    pub distributee: u16,
}
