//! The command `doctor`: what is as it should be, and what is not. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::RouteRow;
use super::peers::Office;
use super::status::PortMappingRow;
use super::typed::{Proposals, TypedRequest};

/// Below what `help doctor` says.
const AFTER: &str = "\
Each finding is fine, a note (all works) or a problem, the problems last. Below it stand lines for a shell; each \
of them helps by itself. The exit code is 1 if there is a problem. Where no peer runs, this machine is looked at.";

/// Tell why peers do not find or reach each other, and what to do about it
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(after_help = AFTER)]
pub struct DoctorRequest {}

impl TypedRequest for DoctorRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is as it should be.
    Fine,
    /// Worth knowing; all works.
    Note,
    /// Something does not work, or soon will not.
    Problem,
}

/// One thing that `doctor` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorFinding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is.
    #[serde(rename = "diagnosis")]
    pub what: Diagnosis,
    /// Lines for a shell of which each helps by itself, on the machine where it is to be typed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub commands: Vec<String>,
}

/// What was found, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Diagnosis {
    /// No peer runs here: only this machine was looked at.
    NoPeer,
    /// One interface.
    Interface(InterfaceFinding),
    /// There is no interface but loopback by which others could be reached.
    NoNetwork,
    /// Nobody else was ever heard, or nobody for a while.
    NobodyHeard {
        /// Datagrams to everyone that were sent.
        sent: u64,
        /// Seconds since the start.
        seconds: u64,
        /// Whether a program that manages a firewall is switched on here.
        firewall: bool,
    },
    /// Peers are here, but nothing that they say to everyone arrives.
    Deaf {
        /// Peers here that are on other machines.
        #[serde(rename = "peer_count")]
        peers: u64,
        /// Seconds since something of that kind was heard.
        seconds: u64,
    },
    /// The ports of this peer.
    Ports(PortsFinding),
    /// These peers connected to this one lately.
    Reached {
        /// How many.
        #[serde(rename = "peer_count")]
        peers: u64,
        /// Seconds since the last of them did.
        seconds: u64,
    },
    /// These peers could not connect to this one, and asked to be connected to.
    NotReachable(NamedPeers),
    /// This peer could not connect to these, and had to ask them to connect to it.
    CannotReach(NamedPeers),
    /// These peers and this one cannot connect to each other.
    Blocked(NamedPeers),
    /// These peers and this one cannot connect to each other, and a third one fetches for this peer what they share.
    Through(ThroughFinding),
    /// A peer is heard, and answers nothing.
    Unanswered(UnansweredFinding),
    /// Hosts speak for another group than that of this peer, or have another passphrase.
    Outsiders {
        /// How many.
        hosts: u64,
        /// The group of this peer; `None`: it is in the open network.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        group: Option<String>,
        /// Peers here, this one not counted.
        #[serde(rename = "peer_count")]
        peers: u64,
    },
    /// A link to another network, or the wish for one.
    Route(Box<RouteRow>),
    /// The port that the router is to pass on to this peer.
    PortMapping(PortMappingFinding),
    /// Who keeps the index for the others.
    Index(IndexFinding),
    /// Programs that manage a firewall.
    Firewalls {
        /// State of `ufw`: `absent`, `off`, `on` or `unknown`.
        ufw: FirewallState,
        /// State of `firewalld`.
        firewalld: FirewallState,
    },
    /// Free space under one of the folders.
    Space {
        /// Which.
        #[serde(with = "super::local_path")]
        folder: PathBuf,
        /// Bytes that may still be written; `None`: that cannot be told.
        #[serde(rename = "free")]
        available: Option<u64>,
    },
    /// How far the threads that the network speaks to are confined.
    Sandbox {
        /// `yes`, `partly` or `no`.
        confined: String,
        /// Why not all of them, if so.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        why: Option<String>,
    },
    /// Open files and connections.
    Descriptors {
        /// Those that are open; `None`: that cannot be told, or no peer runs.
        used: Option<u64>,
        /// As many may be.
        allowed: u64,
    },
    /// Folders that are watched for changes.
    Watches {
        /// By this peer; `None`: no peer runs.
        used: Option<u64>,
        /// By all programs of the user, at most.
        allowed: u64,
    },
    /// Datagrams came faster than they were read, and were dropped by the system.
    DroppedDatagrams {
        /// How many.
        count: u64,
    },
    /// Peers and programs of this machine that share its discovery port.
    SameMachine {
        /// Other peers on this machine.
        #[serde(rename = "peer_count")]
        peers: u64,
        /// Sockets of other programs on the discovery port; `None`: that cannot be told.
        sockets: Option<u64>,
    },
    /// The clock.
    Clock(ClockFinding),
}

/// Who keeps the index for the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexFinding {
    /// Name of the supernode; `None`: there is none.
    pub supernode: Option<String>,
    /// Name of its deputy; `None`: there is none.
    pub deputy: Option<String>,
    /// The office of this peer itself, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub own: Option<Office>,
    /// True if there are so many peers that it matters.
    pub large: bool,
}

/// The clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockFinding {
    /// Seconds since 1970.
    pub unix: u64,
    /// Seconds by which it was set since the start, more than a few; negative: back.
    pub jumped: i64,
    /// True if it is before the time at which this program was made.
    pub too_early: bool,
}

/// One interface: what is known of it, and what passed by it since it was first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceFinding {
    /// Its name.
    pub name: String,
    /// Its addresses with the length of their prefix; link-local ones with their interface.
    pub addresses: Vec<String>,
    /// It was switched on.
    pub up: bool,
    /// Its cable is in, or its radio has a network.
    pub connected: bool,
    /// It is used for finding peers.
    #[serde(rename = "is_used")]
    pub used: bool,
    /// Datagrams to everyone that were sent.
    pub sent: u64,
    /// Those that could not be sent.
    pub unsent: u64,
    /// Why the last of them could not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[serde(rename = "why")]
    pub error: Option<String>,
    /// Datagrams of other peers that were taken.
    pub heard: u64,
    /// Peers that are here by it.
    #[serde(rename = "peer_count")]
    pub peers: u64,
}

/// The ports of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortsFinding {
    /// Receiver, sender, distributor and distributee port.
    pub tcp: [u16; 4],
    /// The first of the four that were asked for.
    #[serde(rename = "first_wanted")]
    pub wanted: u16,
    /// Why others were taken, if so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moved: Option<String>,
    /// The port on which peers find each other.
    pub udp: u16,
    /// The ports from which this peer speaks, for IPv4 and IPv6.
    pub own_udp: Vec<u16>,
}

/// Some peers by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPeers {
    /// Names of the first of them; raw, to be escaped for a terminal.
    #[serde(rename = "peers")]
    pub names: Vec<String>,
    /// How many there are.
    #[serde(rename = "peer_count")]
    pub count: u64,
    /// Seconds since this was last so with one of them.
    pub seconds: u64,
}

/// A peer that is heard, and answers nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnansweredFinding {
    /// Its name; raw, to be escaped for a terminal.
    pub name: String,
    /// Its id, 52 characters.
    #[serde(rename = "peer")]
    pub id: String,
    /// Where it says that it is.
    pub address: String,
    /// Its receiver, sender, distributor and distributee port.
    pub ports: [u16; 4],
    /// Seconds since it was first heard.
    pub seconds: u64,
}

/// Peers of which this one gets what they share through others alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThroughFinding {
    /// Names of the first of them; raw, to be escaped for a terminal.
    #[serde(rename = "peers")]
    pub names: Vec<String>,
    /// How many there are.
    #[serde(rename = "peer_count")]
    pub count: u64,
    /// Names of those that fetch it for this peer; raw, too.
    pub carriers: Vec<String>,
}

/// What became of `--map-port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMappingFinding {
    /// The sender's port, which is to be reached from outside.
    pub port: u16,
    /// What became of it.
    #[serde(flatten)]
    pub mapping: PortMappingRow,
}

/// The state of a program that manages a firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirewallState {
    /// It is not here.
    Absent,
    /// It is here, and switched off.
    Off,
    /// It is switched on.
    On,
    /// It is here; whether it is switched on only root can see.
    Unknown,
}
