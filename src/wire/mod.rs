//! One codec for everything that crosses the network. Whatever comes in is hostile until parsed.

#[macro_use]
pub mod registry;

mod blocks;
pub mod custody;
pub mod datagram;
pub mod envelope;
pub mod frame;
mod haves;
mod kept;
pub(crate) mod limits;
mod meet;
pub mod message;
mod offers;
mod relay;
pub mod room;
mod search;
mod slices;
mod table;
mod tell;
mod through;

pub use crate::codec::{DecodeError, decode, encode};
pub use crate::later::Rows;
pub(crate) use limits::RELAYED;
pub use message::Message;
