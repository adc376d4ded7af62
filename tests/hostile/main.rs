//! Hostile peers: programs that speak the protocol and misbehave on purpose, against the built program, in
//! networks of their own. Which test is for which known case is in docs/SECURITY.md.
//!
//! Like tests/e2e they need root and the tools that `scripts/setup-tests` installs; without them each test
//! says so and passes, unless `CI=true`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests, outside test functions")]

#[path = "../common/lab/mod.rs"]
mod lab;

mod bystander;
mod caller;
mod fiend;
mod going;
mod through;
mod watch;

mod catalogues;
mod chat;
mod custody;
mod dialback;
mod escapes;
mod everything;
mod flood;
mod forgeries;
mod frames;
mod gateway;
mod groups;
mod index_liars;
mod keepers;
mod liars;
mod meetings;
mod names;
mod offers;
mod readers;
mod reading;
mod requests;
mod routes;
mod searches;
mod shares;
mod transfers;
mod words;
