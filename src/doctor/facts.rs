//! What the judges are given. Pure; `look.rs` fills in what this machine tells, the controller what the peer knows.

use core::time::Duration;
use std::path::PathBuf;

use crate::address::{Host, Ports};
use crate::control::{
    Confinement, FirewallState, IndexFinding, NamedPeers, PortMappingRow, RouteRow, ThroughFinding,
};
use crate::identity::{PeerId, PeerName};
use crate::lan::{InterfaceAddress, LanFacts};

/// All that is known.
#[derive(Clone, Debug)]
pub(crate) struct DoctorFacts {
    pub(crate) machine: MachineFacts,
    /// `None`: no peer runs.
    pub(crate) peer: Option<PeerFacts>,
}

/// What this machine tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MachineFacts {
    /// Its interfaces; empty if the system does not list them.
    pub(crate) links: Vec<LinkFacts>,
    pub(crate) ufw: Option<FirewallState>,
    pub(crate) firewalld: Option<FirewallState>,
    /// One of each file system.
    pub(crate) spaces: Vec<SpaceFacts>,
    /// Open files and connections of this process; `None`: that cannot be told, or it is no peer.
    pub(crate) descriptors: Option<u64>,
    pub(crate) descriptors_allowed: u64,
    /// Folders that this process watches; `None`: that cannot be told, or it is no peer.
    pub(crate) watches: Option<u64>,
    pub(crate) watches_allowed: Option<u64>,
    /// Datagrams that the system dropped; `None`: that cannot be told, or it is no peer.
    pub(crate) dropped: Option<u64>,
    /// Sockets of others on the discovery port.
    pub(crate) sharers: Option<u64>,
    /// Seconds since 1970.
    pub(crate) unix: u64,
    /// Seconds by which the clock was set since the start of the peer.
    pub(crate) clock_jumped: i64,
}

/// One interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkFacts {
    pub(crate) name: String,
    pub(crate) index: u32,
    pub(crate) is_up: bool,
    pub(crate) is_connected: bool,
    pub(crate) is_loopback: bool,
    /// Its addresses, each with the length of its prefix.
    pub(crate) addresses: Vec<InterfaceAddress>,
}

/// The space under a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpaceFacts {
    pub(crate) folder: PathBuf,
    /// Bytes that may still be written; `None`: that cannot be told.
    pub(crate) available: Option<u64>,
}

/// What a peer knows.
#[derive(Clone, Debug)]
pub(crate) struct PeerFacts {
    pub(crate) ports: Ports,
    /// The first of the four ports that were asked for.
    pub(crate) wanted: u16,
    /// Why others were taken, if so.
    pub(crate) moved: Option<String>,
    pub(crate) discovery_port: u16,
    /// Time since the start.
    pub(crate) running: Duration,
    pub(crate) lan: LanFacts,
    pub(crate) confinement: Confinement,
    /// Where those are that are here; one address of each.
    pub(crate) members: Vec<Host>,
    /// Peers that connected to this one lately.
    pub(crate) callers: Vec<Caller>,
    /// Peers that could not connect here.
    pub(crate) not_reachable: Option<NamedPeers>,
    /// Peers to which this one could not connect.
    pub(crate) cannot_reach: Option<UndialledPeers>,
    /// Peers with which there is no connection either way.
    pub(crate) blocked: Option<NamedPeers>,
    /// Peers with which there is none either, whose files come through others.
    pub(crate) through: Option<ThroughFinding>,
    /// Peers that are heard, and answer nothing.
    pub(crate) silent: Vec<SilentPeer>,
    /// The group of this peer, if it is in one.
    pub(crate) group: Option<String>,
    /// Who keeps the index.
    pub(crate) index: IndexFinding,
    /// Links to other networks, and those that are wanted.
    pub(crate) routes: Vec<RouteRow>,
    /// What became of the port that the router is asked for; `None`: it is asked for none.
    pub(crate) port_mapping: Option<PortMappingRow>,
}

/// A peer that connected to this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) host: Host,
    /// How long ago.
    pub(crate) ago: Duration,
}

/// Peers to which this one could not connect.
#[derive(Clone, Debug)]
pub(crate) struct UndialledPeers {
    pub(crate) peers: NamedPeers,
    /// The ports of the first of them.
    pub(crate) ports: Ports,
}

/// A peer that is heard, and answers nothing.
#[derive(Clone, Debug)]
pub(crate) struct SilentPeer {
    pub(crate) id: PeerId,
    pub(crate) name: PeerName,
    pub(crate) host: Host,
    pub(crate) ports: Ports,
    /// Since when.
    pub(crate) since: Duration,
}

impl MachineFacts {
    /// The address as other programs of this machine take it: a link-local one with the name of its interface.
    pub(super) fn shown(&self, host: Host) -> String {
        match self.links.iter().find(|link| host.scope != 0 && link.index == host.scope) {
            Some(link) => format!("{}%{}", host.ip, link.name),
            None => host.to_string(),
        }
    }

    /// True if `host` is this machine.
    pub(super) fn is_here(&self, host: Host) -> bool {
        let own = self.links.iter().flat_map(|link| &link.addresses);
        host.ip.is_loopback() || own.into_iter().any(|address| address.ip == host.ip)
    }

    /// True if a program that manages a firewall is switched on.
    pub(super) fn has_firewall(&self) -> bool {
        [self.ufw, self.firewalld].contains(&Some(FirewallState::On))
    }
}
