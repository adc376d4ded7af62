//! What passed by each interface, and what else the thread of `lan` tells when it is asked how things are.
//!
//! By which interface a datagram came is told by its source: the network that it lies on. Of two interfaces on one
//! network it is counted at the first.

use std::collections::BTreeMap;
use std::io;

use core::net::IpAddr;
use core::time::Duration;

use super::NetworkPrefix;
use super::interfaces::Interfaces;

/// How things are in `lan`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanFacts {
    /// The interfaces that are used, by their numbers.
    pub interfaces: Vec<UsedInterface>,
    /// The ports of our own sockets, for IPv4 and IPv6.
    pub own_ports: Vec<u16>,
    /// How long ago something was heard that another host said to everyone, or the time since the start.
    pub deaf: Duration,
    /// True if that is so long ago that the hosts beside this one are asked one by one.
    pub is_deaf: bool,
    /// Hosts that speak for another group now; in the open network for any.
    pub outsiders: usize,
}

/// One interface that is used, and what passed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedInterface {
    /// Its number.
    pub index: u32,
    /// Its addresses.
    pub addresses: Vec<InterfaceAddress>,
    /// What passed by it.
    pub traffic: InterfaceTraffic,
}

/// One address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// Bits that are equal on the link.
    pub prefix: u8,
}

impl InterfaceAddress {
    /// True if `ip` is on the same network.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        NetworkPrefix { ip: self.ip, prefix: self.prefix }.contains(ip)
    }
}

/// What passed by an interface since it was first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceTraffic {
    /// Datagrams to everyone that were sent.
    pub sent: u64,
    /// Those that could not be sent.
    pub unsent: u64,
    /// Why the last one that was tried could not be sent; `None`: it was.
    pub error: Option<String>,
    /// Datagrams of others that were taken.
    pub heard: u64,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct InterfaceTally {
    by_index: BTreeMap<u32, InterfaceTraffic>,
}

impl InterfaceTally {
    /// These are there now: of those that went nothing is remembered, for their numbers do not come back.
    pub(super) fn retain(&mut self, interfaces: &Interfaces) {
        self.by_index.retain(|index, _| interfaces.networks.iter().any(|one| one.index == *index));
    }

    /// A datagram to everyone was sent by this interface, or could not be.
    pub(super) fn broadcast(&mut self, index: Option<u32>, sent: &io::Result<()>) {
        let Some(index) = index else { return };
        let traffic = self.by_index.entry(index).or_default();
        match sent {
            Ok(()) => (traffic.sent, traffic.error) = (traffic.sent + 1, None),
            Err(e) => (traffic.unsent, traffic.error) = (traffic.unsent + 1, Some(e.to_string())),
        }
    }

    /// A datagram of another peer was taken that came by this interface.
    pub(super) fn heard(&mut self, index: Option<u32>) {
        if let Some(index) = index {
            self.by_index.entry(index).or_default().heard += 1;
        }
    }

    /// What passed by the interfaces that are used now.
    pub(super) fn used(&self, interfaces: &Interfaces) -> Vec<UsedInterface> {
        let mut used: BTreeMap<u32, Vec<InterfaceAddress>> = BTreeMap::new();
        for one in &interfaces.networks {
            let address = InterfaceAddress { ip: one.network.ip, prefix: one.network.prefix };
            used.entry(one.index).or_default().push(address);
        }
        let interface = |(index, addresses)| UsedInterface {
            index,
            addresses,
            traffic: self.by_index.get(&index).cloned().unwrap_or_default(),
        };
        used.into_iter().map(interface).collect()
    }
}
