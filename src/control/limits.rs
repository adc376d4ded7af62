//! Caps that this room alone uses, each with its unit and reason. Pure.
//! Caps that several rooms use stand in limits/.

use core::time::Duration;

pub(crate) use crate::limits::*;

/// Clients of the control socket at one time, at most: each is a thread.
pub(crate) const CONTROL_CLIENTS: usize = 32;

/// A client of the control socket that takes no byte for this long is dropped.
pub(crate) const CONTROL_WRITE: Duration = Duration::from_secs(10);
