//! What keepers said of their space, and at which hosts they are. Pure.

use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeMap;

use super::Distributor;
use crate::accounts::AccountHost;
use crate::address::Host;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::Space;

/// A peer speaks from this address. Nothing is noted of those that are not here.
pub(in crate::custody) fn note_source(distributor: &mut Distributor, peer: PeerId, source: IpAddr) {
    if distributor.live.contains_key(&peer) {
        distributor.spaces.is_at(peer, source);
    }
}

/// Space by keeper and origin, and when it was said.
#[derive(Debug)]
pub(super) struct KnownSpaces {
    said: BTreeMap<(PeerId, PeerId), (Space, Time)>,
    /// Where those who said anything are.
    hosts: BTreeMap<PeerId, AccountHost>,
}

impl KnownSpaces {
    /// Nobody said anything yet.
    pub(super) const fn new() -> Self {
        Self { said: BTreeMap::new(), hosts: BTreeMap::new() }
    }

    /// What a peer said of its space, if it said so after `from`.
    pub(super) fn of(&self, from: Time, peer: PeerId, origin: PeerId) -> Option<Space> {
        let (space, at) = self.said.get(&(peer, origin))?;
        (*at >= from).then_some(*space)
    }

    /// What a peer says of its space now.
    pub(super) fn say(&mut self, now: Time, peer: PeerId, origin: PeerId, space: Space) {
        self.said.insert((peer, origin), (space, now));
    }

    /// It is less than what the peer said, which is no newer for that.
    pub(super) fn lessen(&mut self, peer: PeerId, origin: PeerId, less: Space) {
        if let Some((space, _)) = self.said.get_mut(&(peer, origin)) {
            *space = less;
        }
    }

    /// A peer speaks from this address.
    pub(super) fn is_at(&mut self, peer: PeerId, source: IpAddr) {
        self.hosts.insert(peer, Host { ip: source, scope: 0 }.into());
    }

    /// True if a peer is at the host of one of the others, as far as is known, or at this machine, which has the
    /// file as well. All peers of a link count as one host elsewhere, and are many here.
    pub(super) fn shares_host<'a>(&self, peer: PeerId, others: impl Iterator<Item = &'a PeerId>) -> bool {
        let own = self.hosts.get(&peer).filter(|host| !matches!(host, AccountHost::Link(_)));
        self.is_here(peer)
            || own.is_some_and(|own| others.into_iter().any(|other| self.hosts.get(other) == Some(own)))
    }

    /// True if a peer is at this very machine. Messages of its own machine come from the loopback address.
    pub(super) fn is_here(&self, peer: PeerId) -> bool {
        self.hosts.get(&peer) == Some(&AccountHost::V4(Ipv4Addr::LOCALHOST))
    }

    /// A peer is gone.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.hosts.remove(&peer);
        let said = self.said.range((peer, PeerId([0; 32]))..=(peer, PeerId([255; 32])));
        for at in said.map(|(at, _)| *at).collect::<Vec<_>>() {
            self.said.remove(&at);
        }
    }
}
