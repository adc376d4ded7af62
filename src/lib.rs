//! potluck: file sharing for everyone on one network, with no server, no account and no pairing.
//!
//! `docs/ARCHITECTURE.md` is the way in. Pure machines (no socket, file, thread or clock) and their
//! shells stand side by side and name each other in their first lines.

pub mod address;
pub mod cli;
pub mod codec;
pub mod content;
pub mod control;
pub mod counters;
pub mod custody;
pub mod discovery;
pub mod disk;
pub mod distribution;
pub mod error;
pub mod identity;
#[macro_use]
pub mod later;
pub mod library;
pub mod limits;
pub mod peer;
pub mod rate;
pub mod receiver;
pub mod sender;
pub mod settings;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod store;
pub mod swarm;
pub mod sys;
#[cfg(test)]
mod tests;
pub mod text;
pub mod time;
pub mod transfer;
pub mod vec_map;
pub mod wire;
