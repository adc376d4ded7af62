//! The command `peers`: who is here. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// List the peers of this network
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "p")]
pub struct PeersRequest {}

impl TypedRequest for PeersRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// An office: the first two in the order of arrival keep the index for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Office {
    /// That of the first one.
    Supernode,
    /// That of the second one.
    Deputy,
}

/// One line of `peers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRow {
    /// Name.
    pub name: String,
    /// Id, 52 characters.
    #[serde(rename = "peer")]
    pub id: String,
    /// Address.
    pub address: String,
    /// Its sender port.
    pub port: u16,
    /// Files it shares; `None` until its catalogue is known.
    pub files: Option<u64>,
    /// Their bytes.
    #[serde(rename = "size")]
    pub bytes: Option<u64>,
    /// Whole seconds since it was first seen.
    pub seconds: u64,
    /// Its number in the order of arrival, this very peer counted; `None`: an older peer answers, which does not say it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<u64>,
    /// What it keeps the index as, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub office: Option<Office>,
    /// Through whom it is heard, if it is on another network: that peer's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub through: Option<String>,
    /// True if its name can be taken for that of another peer.
    #[serde(default)]
    pub look_alike: bool,
}
