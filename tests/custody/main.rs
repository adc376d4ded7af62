//! Custody in virtual time (docs/CUSTODY.md): owners leave, keepers die, strangers lie, and files live.
//!
//! `POTLUCK_SEED=n` replays a seed, `POTLUCK_SEEDS=n` tries more; `--nocapture` shows the numbers.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod churn;
mod home;
mod hostile;
mod lives;
mod withdrawn;
mod world;
