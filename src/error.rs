//! Outcomes that a user or a script sees: one code per cause, as README.md lists them, and a sentence. Pure.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Why a command did not work: the `kind` of a failure, and its exit code, the `code` beside it.
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

impl Code {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::NoPeer,
        Self::NotFound,
        Self::Ambiguous,
        Self::NoHolder,
        Self::Full,
        Self::AlreadyRuns,
        Self::NotKept,
    ];

    /// What it says to people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "Done.",
            Self::Failed => "Failed, for a reason that no other code names.",
            Self::Usage => "Wrong usage.",
            Self::NoPeer => "No peer runs in this directory.",
            Self::NotFound => "No such file or peer.",
            Self::Ambiguous => "The name is ambiguous.",
            Self::NoHolder => "No holder is reachable, or none has good bytes.",
            Self::Full => "The disk is full.",
            Self::AlreadyRuns => "A peer already runs in this directory.",
            Self::NotKept => "The peer left, but some of its files are kept by nobody else.",
        }
    }
}

/// A command or a start that did not succeed: the code, and one sentence that says what to do.
///
/// The message is lower case, has no full stop and is safe to print on a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "FailureObject", into = "FailureObject")]
pub struct Failure {
    /// Its cause, as a script sees it.
    pub code: Code,
    /// Its cause, as a person sees it.
    pub message: String,
}

/// Why a command, a start, or one file of a download did not work.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FailureObject {
    /// Its cause, as a word that no later version changes.
    kind: Code,
    /// The exit code that belongs to it.
    code: u8,
    /// Its cause, as a person reads it; no script should.
    message: String,
}

impl From<Failure> for FailureObject {
    fn from(Failure { code, message }: Failure) -> Self {
        Self { kind: code, code: code as u8, message }
    }
}

impl From<FailureObject> for Failure {
    fn from(FailureObject { kind, code: _, message }: FailureObject) -> Self {
        Self { code: kind, message }
    }
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
