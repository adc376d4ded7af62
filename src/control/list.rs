//! The command `list`: what is shared, by this peer and by the others. Pure.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// List what is shared, here (mine) and by the others
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "l", aliases = ["ls", "dir"])]
pub struct ListRequest {
    /// Only paths that contain this, or match it if it has `*` or `?`; `FOLDER/`: what lies in that folder; or `b3:`
    /// and the first digits of an id
    #[serde(default)]
    pub pattern: Option<String>,
    /// List each file, in whatever folder it lies, and no folder as one line
    #[arg(long)]
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub flat: bool,
    /// What comes first: by name, the largest, the newest, or that of which there are the fewest copies
    #[arg(long, value_name = "ORDER", value_enum, default_value_t)]
    #[serde(default, skip_serializing_if = "ListOrder::is_by_name")]
    pub sort: ListOrder,
    /// Folders are answered as one row each ([`FolderRow`]), for a person reads it. Without that each file is.
    #[arg(skip)]
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub folders: bool,
    /// Only what this peer shares
    #[arg(long, conflicts_with = "from")]
    #[serde(default)]
    pub mine: bool,
    /// Only what this peer shares: its name, or the beginning of its id
    #[arg(long, value_name = "PEER")]
    #[serde(default)]
    pub from: Option<String>,
}

impl TypedRequest for ListRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "pattern" => Proposals::Names(CompletionNames::Offered),
            "from" => Proposals::Names(CompletionNames::Peers),
            _ => Proposals::None,
        }
    }

    fn for_people(&mut self) {
        self.folders = !self.flat;
    }
}

/// What comes first in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ListOrder {
    /// By path; numbers in it count as numbers.
    #[default]
    Name,
    /// The largest first.
    Size,
    /// What was modified last first.
    Time,
    /// That of which there are the fewest copies first.
    Copies,
}

impl ListOrder {
    const fn is_by_name(&self) -> bool {
        matches!(self, Self::Name)
    }
}

/// One line of `list` for all that lies in a folder, at whatever depth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderRow {
    /// Path, without a slash at its end; raw, to be escaped for a terminal.
    pub path: String,
    /// Files in it, each path with each content once.
    pub files: u64,
    /// Bytes of these.
    pub size: u64,
    /// The newest of these, seconds since 1970; 0 without any.
    pub modified: i64,
    /// Copies of the file of which there are the fewest, as in [`ListRow`].
    pub copies: u64,
    /// How many of that one there are to be, if that is known.
    #[serde(default)]
    pub wanted: Option<u8>,
    /// True if this peer shares some of it.
    pub mine: bool,
    /// Names of the others that share some of it, at most 100 of them.
    pub peers: Vec<String>,
    /// Whole ids of these, in the order of `peers`.
    pub peer_ids: Vec<String>,
    /// Those of `peer_ids` whose names can be taken for that of another peer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look_alikes: Vec<String>,
    /// How many others share some of it.
    #[serde(rename = "peer_count")]
    pub owners: u64,
    /// True if none of those who shared it is here: others keep it.
    #[serde(default)]
    pub away: bool,
}

/// One line of `list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRow {
    /// Path; raw, to be escaped for a terminal.
    pub path: String,
    /// True for an (empty) folder.
    #[serde(rename = "is_folder")]
    pub folder: bool,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub modified: i64,
    /// Live peers that hold it, this one included.
    pub copies: u64,
    /// How many there are to be, its owner included, if that is known. 1: none but its owner.
    #[serde(default)]
    pub wanted: Option<u8>,
    /// True if this peer shares it.
    pub mine: bool,
    /// Names of the others that share it under this path.
    pub peers: Vec<String>,
    /// Whole ids of the others that share it under this path, in the order of `peers`.
    pub peer_ids: Vec<String>,
    /// Those of `peer_ids` whose names can be taken for that of another peer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look_alikes: Vec<String>,
    /// File id, 64 hexadecimal digits; empty for folders and files not hashed yet.
    pub id: String,
    /// True if another content has the same path.
    pub ambiguous: bool,
    /// True if none of `peers`, who shared it, is here: others keep it.
    #[serde(default)]
    pub away: bool,
    /// True for a file of this peer that is not copied to others by itself, for it is too large.
    #[serde(default)]
    pub large: bool,
    /// True for a file of this peer that others keep, all of them on this machine: it alone may lose all copies.
    #[serde(default)]
    #[serde(rename = "one_machine")]
    pub here: bool,
    /// Percent hashed, for a file of this peer that is not yet listed by others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[serde(rename = "hashed_percent")]
    pub hashing: Option<u8>,
}

/// Peers of whose files nothing could be listed, for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlistedRow {
    /// Why.
    pub cause: UnlistedCause,
    /// How many peers.
    #[serde(rename = "peer_count")]
    pub count: u64,
    /// Names of some of them.
    pub peers: Vec<String>,
    /// Their whole ids, in the order of `peers`.
    pub peer_ids: Vec<String>,
}

/// Why nothing of a peer's files is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnlistedCause {
    /// What it shares is on its way.
    Coming,
    /// It serves too many others now.
    Busy,
    /// It cannot be reached, or does not answer.
    NoAnswer,
    /// There is no place for so many files beside those of others.
    TooMany,
    /// What it says that it shares cannot be true.
    Wrong,
}
