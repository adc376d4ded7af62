//! How much a screen says, and in which form. Pure.

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Everything: there is a person.
    Prompt,
    /// Warnings only.
    Quiet,
    /// Who comes and goes, and what arrived, as well.
    Verbose,
    /// Who comes and goes, and what arrived, each line with its level in front: the log of a service.
    Log,
    /// A log with chat and progress, too.
    VerboseLog,
}

impl Verbosity {
    /// True if each line has its level in front (log_lines.rs).
    pub(super) const fn is_log(self) -> bool {
        matches!(self, Self::Log | Self::VerboseLog)
    }
}
