//! Fetching through another peer, where neither of two peers can connect to the other although they hear each
//! other. `asking.rs` asks for what this peer cannot reach; `carrier.rs` fetches for others what they cannot
//! reach, and `driving.rs` does what follows. Pure.
//!
//! Nothing that passes through another peer is believed: a catalogue is signed by its owner, and content is
//! proved by its id.

mod asking;
mod carrier;
mod driving;
mod peers;

pub(super) use self::asking::{CarriedOwner, ThroughOthers};
pub(super) use self::carrier::Carrier;
pub(super) use self::driving::CarryContext;
pub(super) use self::peers::ThroughPeers;
