//! The simulation bench: seeded chance, links, and a world of peers in virtual time.
//!
//! A thousand peers run in one test, with loss, partitions, sleep and crashes, and a failing seed
//! replays: `POTLUCK_SEED=n` runs that one, `POTLUCK_SEEDS=n` sets how many are tried.

#[cfg(test)]
pub(crate) mod disk;
mod link;
mod queue;
mod rng;
pub mod sequences;
#[cfg(test)]
pub(crate) mod trace;
#[cfg(test)]
mod whole;
mod world;

pub use link::Link;
pub use queue::Queue;
pub use rng::Rng;
pub use world::{Networks, Node, NodeSystem, RoomLog, Seen, SimLink, Wall, World};

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `test` with seeds 1 to `count` (or as the environment says) and names the seed that fails.
///
/// # Panics
/// As `test` does.
#[expect(clippy::print_stderr, reason = "a failing seed must be seen in the test's output")]
pub fn seeds(count: u64, test: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let range = match number("POTLUCK_SEED") {
        Some(one) => one..=one,
        None => 1..=number("POTLUCK_SEEDS").unwrap_or(count),
    };
    for seed in range {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed))) {
            eprintln!("it failed with POTLUCK_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

/// Runs `test` with `count` inputs of less than `most` random bytes, as [`seeds`] does.
///
/// # Panics
/// As `test` does.
pub fn with_bytes(count: u64, most: u64, test: impl Fn(&[u8])) {
    seeds(count, |seed| {
        let mut rng = Rng::new(seed);
        let bytes: Vec<u8> = (0..rng.below(most)).map(|_| rng.next().to_le_bytes()[0]).collect();
        test(&bytes);
    });
}
