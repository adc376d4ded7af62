//! The engine that moves bytes between peers: one mio loop for a port, run by each of the four roles.
//!
//! engine.rs is the loop, net/ who is connected, ready.rs whose turn it is, connection.rs TLS and frames,
//! binding.rs what comes before those in a group, records.rs what they cost, dial_pauses.rs how often a place is
//! dialled that does not answer, gate.rs limits of speed, link_queue.rs what waits to cross a link, listeners.rs who
//! comes, and ports.rs binds the sockets. What a role does stands in rooms of their
//! own: receiver/, sender/ and distribution/. What travels is described in docs/PROTOCOL.md, "Connections".

mod binding;
pub(crate) mod connection;
mod dial_pauses;
pub(crate) mod engine;
mod gate;
pub(crate) mod limits;
pub(crate) mod link_queue;
pub(crate) mod listeners;
pub(crate) mod meeting_port;
pub(crate) mod meetings;
pub(crate) mod net;
pub(crate) mod ports;
mod ready;
mod records;
mod unproved;

pub(crate) use self::engine::{Engine, EngineHandle};
pub(crate) use self::gate::{Gate, ahead};
