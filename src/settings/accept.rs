//! What becomes of the offers of others. Pure.

use clap::ValueEnum;

/// Which offers of others are accepted without the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AcceptPolicy {
    /// The user is asked about each.
    #[default]
    Ask,
    /// Those of peers that sent something before which was accepted, or that accepted something; others wait.
    Known,
    /// Each.
    All,
    /// Each is rejected.
    None,
}
