//! What the system of a simulated peer does beside it: a firewall that lets in nothing but answers, as those
//! of most laptops do, and the list of its neighbours. Pure.

use std::collections::{BTreeMap, BTreeSet};

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::address::Host;
use crate::lan::{Endpoint, NetworkPrefix, Via};
use crate::time::Time;

/// An answer is let in for this time after the question: `nf_conntrack_udp_timeout` of Linux.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The system of one peer.
#[derive(Debug, Default)]
pub struct NodeSystem {
    /// Its firewall, if it has one.
    pub wall: Option<Wall>,
    /// The network that it is on; `None`: the one that all are on.
    pub network: Option<NetworkPrefix>,
    /// The addresses that it knows on the link.
    pub neighbours: BTreeSet<IpAddr>,
    /// True if it tells nobody which those are.
    pub is_blind: bool,
}

impl NodeSystem {
    /// The neighbours of which it tells.
    pub(super) fn told_neighbours(&self) -> Vec<Host> {
        let told = self.neighbours.iter().filter(|_| !self.is_blind);
        told.map(|ip| Host { ip: *ip, scope: 0 }).collect()
    }
}

/// The firewall of one peer: whatever goes out is remembered, and what comes back by the same path is let in.
#[derive(Debug, Default)]
pub struct Wall {
    /// By the socket here and the address there: when something was last sent.
    sent: BTreeMap<(Via, SocketAddr), Time>,
}

impl Wall {
    /// Its peer sends something to one address, from one of its sockets.
    pub(super) fn note_sent(&mut self, now: Time, via: Via, to: SocketAddr) {
        self.sent.insert((via, to), now);
    }

    /// True if what comes from there to that socket is let in.
    pub(super) fn lets_in(&self, now: Time, source: Endpoint) -> bool {
        self.sent.get(&(source.via, source.at)).is_some_and(|at| now.since(*at) < REMEMBERED)
    }
}
