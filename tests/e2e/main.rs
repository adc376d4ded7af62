//! End-to-end tests: real peers in small networks made of namespaces (`scripts/netlab`), by subject.
//!
//! They need root and the tools that `scripts/setup-tests` installs; without them each test says so and
//! passes, unless `CI=true`. Each test has a lab of its own, so they can run side by side (three at a time:
//! `scripts/test`). Deadlines are generous; the strict numbers are those of `scripts/measure`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests, outside test functions")]

#[path = "../common/lab/mod.rs"]
mod lab;
#[path = "../common/plain.rs"]
mod plain;

mod across;
mod beside;
mod browser;
mod cage;
mod chat;
mod classroom;
mod custody;
mod doctor;
mod errnos;
mod errors;
mod faults;
mod files;
mod filesystems;
mod firewall;
mod global_v6;
mod groups;
mod guests;
mod hardship;
mod harness;
mod kill;
mod kills;
mod link_local;
mod names;
mod nat;
mod networks;
mod offices;
mod port_mapping;
mod presence;
mod readme;
mod routes;
mod searches;
mod sending;
mod several;
mod sites;
mod state;
mod three_sites;
mod through;
mod together;
mod watch;
