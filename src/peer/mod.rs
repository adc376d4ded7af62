//! The peer: starts the threads, owns the state, answers commands, and leaves.
//!
//! Invariant: the controller never blocks on sending to a part. Command channels are unbounded (their
//! number is bounded by what users ask and peers announce); event channels towards it are bounded.

mod away;
mod controller;
mod downloads;
mod leaving;
pub(crate) mod limits;
mod listing;
mod ordered;
mod resolve;
mod roster;
mod sandboxes;
mod start;
mod swarms;

pub use start::run;
