//! Why peers do not find or reach each other, and what to do about it.
//!
//! `look.rs` asks this machine, the controller adds what the peer knows (`facts.rs`), and the judges make
//! findings of it (`judging.rs`), each a fact with how much it matters and what helps. They send nothing and wait
//! for nothing. `cli::show` has the sentences.

mod commands;
mod facts;
mod index;
mod judging;
mod limits;
mod look;
mod machine;
mod network;
mod outside;
mod reachability;
#[cfg(test)]
mod tests;

pub(crate) use self::facts::{Caller, DoctorFacts, MachineFacts, PeerFacts, SilentPeer, UndialledPeers};
pub(crate) use self::judging::{findings, verdict};
pub(crate) use self::limits::{LATELY, PEERS_NAMED};
pub(crate) use self::look::{Look, look};
