//! Who could connect to this peer lately, and to whom it could: what `doctor` tells of it. Pure.
//!
//! Only peers that are here are remembered. Anyone can make up many of them, so there are few places, in fair
//! shares of the hosts that they are at.

use core::time::Duration;
use std::collections::BTreeMap;

use super::limits;
use super::roster::Roster;
use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::address::Host;
use crate::doctor::{Caller, LATELY};
use crate::identity::PeerId;
use crate::time::Time;

/// What was learned of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It connected to this one, from this address.
    Came(Host),
    /// It asked to be connected to: it could not connect here.
    AskedUs,
    /// It had to be asked to connect here: it could not be connected to.
    WasAsked,
    /// Neither could connect to the other.
    Blocked,
}

/// When each of these was last learned of a peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempts {
    /// From where it connected to this one, and when.
    pub(super) came: Option<(Host, Time)>,
    pub(super) asked_us: Option<Time>,
    pub(super) was_asked: Option<Time>,
    pub(super) blocked: Option<Time>,
}

/// A peer with which something was so lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Learned {
    pub(super) id: PeerId,
    /// How long ago.
    pub(super) ago: Duration,
}

/// All that is remembered.
#[derive(Debug)]
pub(super) struct Reachability {
    peers: BTreeMap<PeerId, Attempts>,
    places: Account<PeerId, PeerId>,
}

impl Default for Reachability {
    fn default() -> Self {
        let places = Account::new(limits::REACHED_PEERS, limits::REACHED_PEERS_OF_HOST);
        Self { peers: BTreeMap::new(), places }
    }
}

impl Reachability {
    /// This was learned of a peer; if it is not here, it is no matter.
    pub(super) fn learn(&mut self, now: Time, id: PeerId, roster: &Roster, attempt: Attempt) {
        if let Some(host) = roster.account_host(id) {
            self.note(now, Payer { host, peer: id }, attempt);
        }
    }

    fn note(&mut self, now: Time, payer: Payer<PeerId>, attempt: Attempt) {
        let id = payer.peer;
        let Grant::Given(yielding) = self.places.charge(now, payer, id, 1) else { return };
        for other in yielding {
            self.peers.remove(&other);
        }
        let attempts = self.peers.entry(id).or_default();
        match attempt {
            // That it could not before is over.
            Attempt::Came(host) => {
                *attempts = Attempts { came: Some((host, now)), asked_us: None, blocked: None, ..*attempts };
            }
            Attempt::AskedUs => attempts.asked_us = Some(now),
            Attempt::WasAsked => attempts.was_asked = Some(now),
            Attempt::Blocked => attempts.blocked = Some(now),
        }
        self.places.check("peers that connect or cannot", self.peers.keys().map(|id| (*id, 1)));
    }

    /// There is a connection with it, whoever made it.
    pub(super) fn connected(&mut self, id: PeerId) {
        if let Some(attempts) = self.peers.get_mut(&id) {
            attempts.blocked = None;
        }
    }

    /// It is gone.
    pub(super) fn gone(&mut self, id: PeerId) {
        if self.peers.remove(&id).is_some() {
            self.places.free(id);
        }
    }

    /// Those with which something was so lately, and how long ago. One of each host comes first, so that a host with
    /// many peers hides no other one.
    pub(super) fn lately(&self, now: Time, when: impl Fn(PeerId, &Attempts) -> Option<Time>) -> Vec<Learned> {
        let learned = self.peers.iter().filter_map(|(id, attempts)| {
            let ago = now.since(when(*id, attempts)?);
            (ago < LATELY).then_some(Learned { id: *id, ago })
        });
        let mut of_host: BTreeMap<AccountHost, usize> = BTreeMap::new();
        let mut ranked: Vec<(usize, Learned)> = learned
            .map(|learned| {
                let host = self.places.payer(learned.id).map_or(AccountHost::Unproved, |payer| payer.host);
                let rank = of_host.entry(host).or_default();
                *rank += 1;
                (*rank, learned)
            })
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, learned)| learned).collect()
    }

    /// From where others connected to this peer lately, and how long ago.
    pub(super) fn callers(&self, now: Time) -> Vec<Caller> {
        let came = self.peers.values().filter_map(|attempts| attempts.came);
        let callers = came.map(|(host, at)| Caller { host, ago: now.since(at) });
        callers.filter(|caller| caller.ago < LATELY).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> Host {
        Host { ip: [10, 0, 0, n].into(), scope: 0 }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + seconds)
    }

    fn learned(of: &Reachability, id: PeerId) -> Option<Attempts> {
        of.peers.get(&id).copied()
    }

    #[test]
    fn who_connects_after_all_is_no_longer_told_of() {
        let (mut all, id) = (Reachability::default(), PeerId([1; 32]));
        all.note(at(0), Payer { host: host(1).into(), peer: id }, Attempt::AskedUs);
        all.note(at(1), Payer { host: host(1).into(), peer: id }, Attempt::Blocked);
        let attempts = learned(&all, id).unwrap();
        assert_eq!((attempts.asked_us, attempts.blocked), (Some(at(0)), Some(at(1))));
        all.connected(id);
        assert_eq!(learned(&all, id).unwrap().blocked, None, "it was connected to");
        all.note(at(2), Payer { host: host(1).into(), peer: id }, Attempt::Came(host(1)));
        let attempts = learned(&all, id).unwrap();
        assert_eq!((attempts.came, attempts.asked_us), (Some((host(1), at(2))), None));
        all.gone(id);
        assert!(learned(&all, id).is_none());
    }

    #[test]
    fn a_host_with_many_peers_leaves_the_others_their_places() {
        let mut all = Reachability::default();
        let id = |host: u8, n: u16| {
            let mut id = [host; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            PeerId(id)
        };
        for n in 0..1_000 {
            all.note(at(0), Payer { host: host(6).into(), peer: id(6, n) }, Attempt::AskedUs);
        }
        let most = usize::try_from(limits::REACHED_PEERS).unwrap();
        assert_eq!(all.peers.len(), most);
        all.note(at(1), Payer { host: host(7).into(), peer: id(7, 0) }, Attempt::AskedUs);
        assert_eq!(all.peers.len(), most);
        let asked = all.lately(at(2), |_, attempts| attempts.asked_us);
        assert_eq!(asked.len(), most);
        assert!(asked[..2].contains(&Learned { id: id(7, 0), ago: Duration::from_secs(1) }), "{asked:?}");
        assert_eq!(all.lately(at(700), |_, attempts| attempts.asked_us), [], "that is long ago");
    }
}
