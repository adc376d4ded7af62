//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// Lines that wait to be shown above the prompt, at most; the oldest go first.
pub(crate) const SCREEN_LINES: usize = 1_000;

/// Lines that the prompt's history keeps, at most.
pub(crate) const HISTORY: usize = 1_000;

/// A completion at the prompt waits this long for names: a key must not seem dead.
pub(crate) const COMPLETION: Duration = Duration::from_millis(250);

/// Bytes of a file of settings, at most: each of them with a page of comments.
pub(crate) const SETTINGS_FILE: u64 = 64 << 10;
