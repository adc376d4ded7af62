//! What is tested of the state of a peer.

mod power;
