//! potluck: file sharing for everyone on one network, with no server, no account and no pairing.
//!
//! `docs/ARCHITECTURE.md` is the way in. Pure machines (no socket, file, thread or clock) and their
//! shells stand side by side and name each other in their first lines.

mod accounts;
pub mod address;
mod byte_queue;
pub mod cli;
pub mod codec;
pub mod content;
pub mod control;
mod counters;
pub mod custody;
mod dht;
mod disk;
mod distribution;
mod doctor;
pub mod error;
pub mod group;
mod http;
pub mod identity;
pub mod index;
pub mod lan;
#[macro_use]
mod later;
mod library;
pub mod limits;
mod natural;
pub mod peer;
mod port_mapping;
mod rate;
mod reader;
mod receiver;
mod routes;
mod sender;
pub mod settings;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
mod store;
mod swarm;
pub mod sys;
#[cfg(test)]
mod tests;
pub mod text;
pub mod time;
mod transfer;
mod vec_map;
mod web;
pub mod wire;
