//! What holds the project together, read from its sources as Rust (crate syn): which files are pure, which
//! room knows which, how large files, functions and types are, and what things are called.
//!
//! Each check is run on src/ and, to show that it can fail, on small sources that break it.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod names;
mod purity;
mod read;
mod resolve;
mod rooms;
mod sizes;
mod tree;
