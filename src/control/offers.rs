//! The command `offers`: what others want to send to this peer, and what it sends to others. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// List offers: files that others want to send you, and files that you send
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct OffersRequest {}

impl TypedRequest for OffersRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// Who made an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferDirection {
    /// Another peer.
    In,
    /// This one.
    Out,
}

/// How an offer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferState {
    /// What is to be offered is being read.
    Reading,
    /// It is not with the other peer yet.
    Offering,
    /// It is to be accepted or rejected.
    Waiting,
    /// It is being fetched.
    Accepted,
    /// All of it came.
    Done,
    /// It is not wanted.
    Rejected,
    /// Not all of it came, and no more will.
    Stopped,
    /// Nobody decided in time.
    Expired,
    /// Whoever made it took it back.
    Withdrawn,
    /// It could not be made; `why` says why.
    Failed,
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferRow {
    /// Its number, by which `accept` and `reject` name it.
    pub number: u64,
    /// Who made it.
    pub direction: OfferDirection,
    /// The name of the other peer; raw, to be escaped for a terminal.
    pub name: String,
    /// Its whole id.
    pub id: String,
    /// The name alone does not tell who it is.
    #[serde(default)]
    pub look_alike: bool,
    /// The names at its top; raw.
    pub what: String,
    /// Files.
    pub files: u64,
    /// Empty folders.
    pub folders: u64,
    /// Bytes of the files.
    pub size: u64,
    /// Bytes that the receiver has, as far as that is known; while it is read: bytes read.
    pub done: u64,
    /// How it stands.
    pub state: OfferState,
    /// Seconds since it was made.
    pub age: u64,
    /// The download that fetches it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<u64>,
    /// Files and folders that are not sent: hidden ones, junk and links.
    #[serde(default, rename = "files_left_out")]
    pub left_out: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
