//! Memory that is taken by what peers say they have, charged to the host that they are at. Pure.

use core::fmt::Debug;
use core::net::Ipv4Addr;
use std::collections::BTreeMap;

use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::identity::PeerId;
use crate::time::Time;

/// Where a peer is of which nobody said where it is.
const NOWHERE: AccountHost = AccountHost::V4(Ipv4Addr::UNSPECIFIED);

/// An account of bytes, and where those are who pay. `K` names what is held.
#[derive(Debug)]
pub(super) struct PeerMemory<K> {
    account: Account<PeerId, K>,
    hosts: BTreeMap<PeerId, AccountHost>,
}

impl<K: Copy + Ord + Debug> PeerMemory<K> {
    /// Up to `limit` bytes, of which every host may have `share` at least.
    pub(super) const fn new(limit: u64, share: u64) -> Self {
        Self { account: Account::new(limit, share), hosts: BTreeMap::new() }
    }

    /// From now on so many bytes may be held. What is above yields.
    pub(super) const fn set_limit(&mut self, limit: u64) {
        self.account.set_limit(limit);
    }

    /// What yields first as long as more is held than may be.
    pub(super) fn shed(&mut self) -> Option<K> {
        self.account.shed()
    }

    pub(super) const fn account(&self) -> &Account<PeerId, K> {
        &self.account
    }

    /// This peer is here: from now on it pays at this host.
    pub(super) fn here(&mut self, peer: PeerId, host: AccountHost) {
        self.hosts.insert(peer, host);
    }

    /// This peer is gone, and pays for nothing any more.
    pub(super) fn gone(&mut self, peer: PeerId) {
        self.hosts.remove(&peer);
    }

    /// True if this peer is here, and it was said where.
    pub(super) fn is_here(&self, peer: PeerId) -> bool {
        self.hosts.contains_key(&peer)
    }

    pub(super) fn payer(&self, peer: PeerId) -> Payer<PeerId> {
        Payer { host: self.hosts.get(&peer).copied().unwrap_or(NOWHERE), peer }
    }

    /// Charges so many bytes for an item to a peer.
    pub(super) fn charge(&mut self, now: Time, peer: PeerId, item: K, bytes: u64) -> Grant<K> {
        self.account.charge(now, self.payer(peer), item, bytes)
    }

    /// Nothing is held any more of this item.
    pub(super) fn free(&mut self, item: K) {
        self.account.free(item);
    }

    /// The item was asked for again: of a peer's items it is the last to yield.
    pub(super) fn touch(&mut self, now: Time, item: K) {
        self.account.touch(now, item);
    }
}
