//! The command `who`: who has a file or a folder, who fetched it from here, and what a peer fetched. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// Below what `help who` says.
const EXAMPLES: &str = "\
Examples:
  who \"Week 12/\"      who has all of that folder, who lacks how much of it
  who notes.txt       who has that file, and when it was fetched from here
  who anna            what anna fetched from here, and what she shares
  who                 the same of everyone who is here, one line each
What a peer downloaded from somebody else is known only once it shares that, too. Until then it has
the file in part, or lacks it, as far as this peer knows.";

/// Show who has a file or folder and who lacks it, or what a peer took
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(after_help = EXAMPLES)]
pub struct WhoRequest {
    /// A file or folder (its path, or `b3:` and the first digits of its id), or a peer (its name, or the beginning of its
    /// id); without it: each peer that is here
    #[arg(value_name = "FILE|PEER")]
    #[serde(default)]
    pub about: Option<String>,
}

impl TypedRequest for WhoRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "about" => Proposals::Names(CompletionNames::Known),
            _ => Proposals::None,
        }
    }
}

/// What is known of one peer and of what was asked for. A content counts once, under however many names it lies there;
/// empty files do not count beside others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoRow {
    /// Name of the peer; raw, to be escaped for a terminal.
    pub name: String,
    /// Its id, 52 characters.
    pub peer: String,
    /// True if it is here now.
    pub here: bool,
    /// Of the contents so many are known to be there whole: it shares them, or took all of them from here.
    pub has: u64,
    /// Those that it shares.
    #[serde(rename = "shared")]
    pub shares: u64,
    /// Those that were sent to it whole, from here.
    pub took: u64,
    /// Those that it keeps whole for their owner. Whoever uses that peer may not know of it: they are no part of `has`.
    pub keeps: u64,
    /// Bytes of the contents that are known to be there, or were sent there.
    pub bytes: u64,
    /// When something of it was sent to the peer last, milliseconds since 1970; null: never.
    #[serde(rename = "last_sent")]
    pub last: Option<u64>,
    /// True if more of it is likely to be sent there now.
    pub running: bool,
    /// True if its name can be taken for that of another peer.
    #[serde(default)]
    pub look_alike: bool,
}

/// What all of these come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoSum {
    /// What was asked for: its path, with a slash at its end for a folder, or its id; raw, to be escaped for a terminal.
    pub what: String,
    /// Contents of it.
    pub files: u64,
    /// Bytes of these.
    pub size: u64,
    /// True if this peer shares all of it.
    pub mine: bool,
    /// Other peers that are here.
    #[serde(rename = "peers_here")]
    pub here: u64,
    /// Those of them that are known to have all of it.
    #[serde(rename = "peers_have")]
    pub have: u64,
    /// Peers that are away and are known to have had all of it.
    #[serde(rename = "peers_away")]
    pub away: u64,
}

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoPeerRow {
    /// Its name; raw, to be escaped for a terminal.
    pub name: String,
    /// Its id, 52 characters.
    pub peer: String,
    /// True if it is here now. The next three are null if it is not.
    pub here: bool,
    /// Its address.
    pub address: Option<String>,
    /// Its sender port.
    pub port: Option<u16>,
    /// Since when it is here, in seconds.
    pub seconds: Option<u64>,
    /// Files that it shares; null: that is not known.
    #[serde(rename = "files")]
    pub shares: Option<u64>,
    /// Bytes of these.
    #[serde(rename = "size")]
    pub shared_bytes: Option<u64>,
    /// Bytes a second at which it gave when it gave this peer something last; null: it has not yet.
    pub speed: Option<u64>,
    /// Contents that its user fetched from here whole.
    pub took: u64,
    /// Contents of which its user fetched some from here.
    pub took_some: u64,
    /// Contents that it fetched to keep them.
    pub keeps: u64,
    /// Bytes that were sent to it.
    #[serde(rename = "bytes_sent")]
    pub sent: u64,
    /// When the first byte was sent to it, and the last one, milliseconds since 1970; null: never. As far back as the log
    /// goes.
    #[serde(rename = "first_sent")]
    pub first: Option<u64>,
    /// As `first`.
    #[serde(rename = "last_sent")]
    pub last: Option<u64>,
    /// True if its name can be taken for that of another peer.
    #[serde(default)]
    pub look_alike: bool,
}
