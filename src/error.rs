//! Outcomes that a user or a script sees: one code per cause, as README.md lists them, and a sentence. Pure.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Exit code of a command, and the `code` field of its JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Code {
    /// Done.
    Done = 0,
    /// Anything that no other code names.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// No peer runs in this directory.
    NoPeer = 3,
    /// No such file or peer.
    NotFound = 4,
    /// The name is ambiguous.
    Ambiguous = 5,
    /// No holder reachable, or none with good bytes.
    NoHolder = 6,
    /// Disk full, or over a quota.
    Full = 7,
    /// A peer already runs in this directory.
    AlreadyRuns = 8,
    /// Left, but some files are kept by nobody else.
    NotKept = 9,
}

/// A command or a start that did not succeed: the code, and one sentence that says what to do.
///
/// The message is lower case, has no full stop and is safe to print on a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its cause, as a script sees it.
    pub code: Code,
    /// Its cause, as a person sees it.
    pub message: String,
}

impl Failure {
    /// A failure of cause `code`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A failure that no other code names.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Failure {}
