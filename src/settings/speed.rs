//! Limits of speed: the settings that can change while a peer runs.

use clap::{Args, Command};

use super::{RUN, units};
use crate::rate::Limit;

/// How fast content may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub struct SpeedSettings {
    /// Send at most so many bytes a second to all others together: 500K, 2M, 1MiB
    // Of content; the rest is little.
    #[arg(long, value_name = "RATE", default_value = "0", hide_default_value = true)]
    #[arg(value_parser = units::limit, help_heading = RUN)]
    pub up_limit: Limit,
    /// Fetch at most so many bytes a second from all others together
    #[arg(long, value_name = "RATE", default_value = "0", hide_default_value = true)]
    #[arg(value_parser = units::limit, help_heading = RUN)]
    pub down_limit: Limit,
}

impl SpeedSettings {
    /// True for the setting that clap calls so.
    pub(super) fn has(id: &clap::Id) -> bool {
        Self::augment_args(Command::new("")).get_arguments().any(|arg| arg.get_id() == id)
    }
}
