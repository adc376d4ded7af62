//! Settings of the part that a peer takes in the index. Pure.

use clap::{ArgAction, Args};

use super::{RUN, units};

/// What a peer does for the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub struct IndexSettings {
    /// Keep the index before all others, and do nothing else for them: share nothing, lend nothing
    #[arg(long = "index-only", conflicts_with = "takes_office", help_heading = RUN)]
    pub is_only: bool,
    /// Keep the index when its turn comes.
    #[arg(id = "takes_office", long = "no-index", action = ArgAction::SetFalse, help_heading = RUN)]
    #[arg(help = "Never keep the index for others")]
    pub takes_office: bool,
    /// While it keeps the index, use so much memory for what others share: 500M, 1GiB
    #[arg(long = "index-memory", value_name = "SIZE", default_value = "256MiB", value_parser = units::space)]
    #[arg(help_heading = RUN)]
    pub memory: u64,
}
