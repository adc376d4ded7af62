//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

pub(crate) use crate::limits::*;

/// Warnings about entries of `shared/` that are not shared, in one run: beyond it they only fill the screen.
pub(crate) const SKIP_WARNINGS: usize = 100;

/// Paths that changed and wait to be looked at, at most; beyond it everything is looked at instead.
pub(crate) const DIRTY_PATHS: usize = 8_192;

/// Links to folders that are followed on the way to one place, at most: folders that link to each other would be listed
/// in each other in every order.
pub(crate) const LINKED_FOLDERS: usize = 4;

/// Links of one share that are remembered, so that what changes where they lead is looked at under their paths, too, at
/// most. What more there are is noticed by the next look at everything.
pub(crate) const LINKS: usize = 10_000;

/// Bytes of a `.potluckignore`, at most: what comes into a shared folder from elsewhere may have one, too, and its
/// patterns are made into one large one in memory.
pub(crate) const IGNORE_FILE: u64 = 64 << 10;
