//! Whom to dial, and where. Pure.

use super::PeerId;
use crate::address::{Host, Ports};

/// All that is needed to dial a peer: whom the other end must prove to be, where it was seen, its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Whom TLS must prove.
    pub id: PeerId,
    /// Addresses at which it was reached, the best first; never one that it claimed for itself.
    pub hosts: Vec<Host>,
    /// Its four ports, as announced.
    pub ports: Ports,
}
