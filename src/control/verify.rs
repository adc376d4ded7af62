//! The command `verify`: what is shared and kept here is read again. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// Read again what is shared and kept here, and tell what is not as it was
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct VerifyRequest {}

impl TypedRequest for VerifyRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// Where a file that was read again lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// In `shared/`.
    Shared,
    /// Among what is kept for others.
    Kept,
}

/// What became of a file that was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyResult {
    /// All bytes are what they were.
    Good,
    /// Bytes are others than they were, and nobody wrote any.
    Rotten,
    /// Somebody wrote to it since it was hashed; it is hashed again.
    Changed,
    /// It could not be read.
    Unreadable,
}

/// One file that `verify` read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyRow {
    /// Its path; raw, to be escaped for a terminal.
    pub path: String,
    /// Where it lies.
    #[serde(rename = "location")]
    pub what: Location,
    /// What became of it.
    pub result: VerifyResult,
    /// Whether it is as it was again; `None`: that was not tried.
    pub repaired: Option<bool>,
}
