//! Settings of a peer that runs as a service. Pure.

use clap::{Args, ValueEnum};

use super::RUN;

/// How a peer runs without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub struct ServiceSettings {
    /// Run in the foreground without a prompt, until `potluck exit` or a signal, and log to stderr
    #[arg(long = "daemon", help_heading = RUN)]
    pub is_daemon: bool,
    /// With --daemon, how lines of the log are written. In the journal of systemd `text` has priorities, and no time
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = RUN)]
    pub log_format: LogFormat,
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Time, level, text.
    Text,
    /// A JSON object each, with `time`, `level` and `message`.
    Json,
}
