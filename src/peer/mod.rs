//! The peer: starts the threads, owns the state, answers commands, and leaves.
//!
//! `machine/` is the machine, which decides everything, with one file for each concern beside it; `shell.rs`
//! gives it what the threads report and does what it wants; `start.rs` starts the threads, and `run.rs` does all of
//! that again in another network.
//!
//! Invariant: the shell never blocks on sending to a part. Command channels are unbounded (their number is
//! bounded by what users ask and peers announce); event channels towards it are bounded.

mod announced;
mod askers;
mod away;
mod catalogues;
pub(crate) mod chat;
mod choices;
mod commands;
mod counted;
pub(crate) mod custody;
mod departure;
mod destinations;
mod download_tally;
mod downloads;
mod elsewhere;
pub(crate) mod event;
pub(crate) mod file_work;
mod files;
mod happenings;
mod holders;
mod holdings;
mod interface_names;
mod jobs;
mod keeper_pulls;
mod leaving;
pub(crate) mod limits;
mod listing;
mod look_alikes;
pub(crate) mod machine;
mod naming;
pub(crate) mod offers;
mod offices;
mod openers;
pub(crate) mod output;
mod own_group;
mod own_peer;
mod owners;
mod parts;
mod patience;
mod presence;
mod queue;
mod reachability;
mod reads;
mod remembered_files;
mod remembered_routes;
mod remembered_shares;
mod resolve;
mod roster;
mod routes;
mod run;
mod sandboxes;
mod search;
mod seeks;
mod send_roots;
mod sending_parts;
mod share_check;
mod share_parts;
mod shared;
pub(crate) mod shares;
mod shares_at_start;
mod shell;
mod sites;
mod speeds;
mod start;
pub(crate) mod swarms;
#[cfg(test)]
mod tests;
mod through;
pub(crate) mod transfers;
mod trees;
mod unanswered;
mod uploads;
mod verifying;
mod warnings;
mod who;

pub use run::run;
