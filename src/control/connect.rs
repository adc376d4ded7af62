//! The command `connect`: a link to a peer on another network. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use crate::address::RouteTarget;

/// Below what `help connect` says.
const EXAMPLES: &str = "\
Examples:
  connect 10.1.2.3           the peer at that address
  connect nas.local:9000     one whose first port (`-t`) is 9000
  connect [2001:db8::7]:9000 such a one at an IPv6 address
  connect 27290              another one of this machine
`status` shows what became of it, `disconnect` ends it.";

/// Join this network with that of a peer elsewhere, and keep both joined
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "C", after_help = EXAMPLES)]
pub struct ConnectRequest {
    /// HOST or HOST:PORT of that peer, or the PORT of one of this machine; the port is the first of its four
    #[arg(value_name = "HOST[:PORT]")]
    pub target: RouteTarget,
}

impl TypedRequest for ConnectRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// A route: a link to a peer on another network, or the wish for one. Answer to `connect`, and part of `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRow {
    /// What was typed; empty for a link that the other peer made.
    pub target: String,
    /// `up`, `connecting`, `waiting` (it is tried again), or `served` (the other peer made it).
    pub state: String,
    /// Who is at the other end: its id, 52 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peer: Option<String>,
    /// Its name, once it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// Whole seconds since it is up, or until it is tried again.
    pub seconds: u64,
    /// Peers that are heard through it.
    #[serde(rename = "peer_count")]
    pub peers: u64,
    /// Why it is not up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[serde(rename = "why")]
    pub fault: Option<String>,
    /// True if `--connect` says it.
    #[serde(default)]
    pub is_setting: bool,
    /// True if it was found in the table between sites (`--wan`).
    #[serde(default)]
    pub is_found: bool,
}
