//! A lab: a small network of its own (`net`), with peers in it (`peer`), gone when it is dropped.
//! Shared by the test binaries that start real peers (`#[path]`).
#![allow(dead_code, unused_imports, reason = "each of these binaries uses its part of it")]

mod net;
mod peer;
#[path = "../wait.rs"]
mod wait;

use core::time::Duration;

use potluck::sys::clock;

pub(crate) use net::Lab;
pub(crate) use peer::{Peer, line_of, rows};
pub(crate) use wait::{pause, wait};

/// A deadline for what should take a moment: far above what a loaded machine needs.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A deadline for what moves hundreds of megabytes.
pub(crate) const LATER: Duration = Duration::from_secs(120);

/// Numbers that look random, the same for the same seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    /// From `POTLUCK_SEED` if that is set, else from the clock; printed, so that a failure can be repeated.
    pub(crate) fn seeded() -> Self {
        let seed = std::env::var("POTLUCK_SEED").ok().and_then(|s| s.parse().ok());
        let seed = seed.unwrap_or_else(|| clock::now().0 % 1_000_000);
        println!("POTLUCK_SEED={seed}");
        Self(seed)
    }

    /// The next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A time from `from` up to `to` milliseconds.
    pub(crate) const fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next() % (to - from))
    }
}
