//! Addresses of peers on other networks, as gateways tell them, and when each is dialled. Pure.
//!
//! Whoever is at such an address did not ask for it, and a gateway may lie. So an address that failed is left alone
//! for a minute, few failures are allowed in a minute, and the gateways of one host use up half of them at most,
//! whatever number of keys they have. The host that used least goes first. What succeeds costs nothing.

use std::collections::{BTreeMap, VecDeque};

use super::limits;
use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::address::Host;
use crate::identity::{Contact, PeerId};
use crate::time::Time;

/// An address at which a peer is to be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ToldAddress {
    pub(crate) peer: PeerId,
    pub(crate) host: Host,
}

/// What is known of one.
#[derive(Clone, Copy, Debug)]
struct ToldRow {
    /// Its sender port.
    port: u16,
    /// Where the gateway is that told it.
    through: AccountHost,
}

/// A dial that failed.
#[derive(Clone, Copy, Debug)]
struct FailedDial {
    at: Time,
    host: Host,
    port: u16,
    through: AccountHost,
}

/// All of them, at most [`limits::TOLD`]. The hosts of the gateways have equal shares.
#[derive(Debug)]
pub(crate) struct ToldAddresses {
    rows: BTreeMap<ToldAddress, ToldRow>,
    places: Account<PeerId, ToldAddress>,
    failures: VecDeque<FailedDial>,
    /// Those that are being dialled, and through whom they are known; at most [`limits::FAILURES`].
    dialled: BTreeMap<ToldAddress, AccountHost>,
}

impl Default for ToldAddresses {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            places: Account::new(limits::TOLD, limits::TOLD_OF_HOST),
            failures: VecDeque::new(),
            dialled: BTreeMap::new(),
        }
    }
}

impl ToldAddresses {
    /// A gateway tells where a peer is, that is to be dialled there.
    pub(crate) fn handle_told(&mut self, now: Time, gateway: Payer<PeerId>, contact: &Contact) {
        for host in &contact.hosts {
            let address = ToldAddress { peer: contact.id, host: *host };
            if self.rows.contains_key(&address) {
                continue;
            }
            let Grant::Given(yielding) = self.places.charge(now, gateway, address, 1) else { continue };
            for other in yielding {
                self.rows.remove(&other);
            }
            self.rows.insert(address, ToldRow { port: contact.ports.sender, through: gateway.host });
        }
        // Of many only now and then, for it is a look at all of them.
        if self.rows.len() <= 64 || self.rows.len().is_multiple_of(256) {
            self.places.check("told addresses", self.rows.keys().map(|address| (*address, 1)));
        }
    }

    /// TLS proved this peer somewhere, or it is gone: it is dialled no more.
    pub(crate) fn handle_over(&mut self, peer: PeerId) {
        let first = ToldAddress { peer, host: LEAST };
        let of: Vec<_> = self.rows.range(first..).map(|(a, _)| *a).take_while(|a| a.peer == peer).collect();
        for address in of {
            self.rows.remove(&address);
            self.places.free(address);
            self.dialled.remove(&address);
        }
    }

    /// A dial failed.
    pub(crate) fn handle_failed(&mut self, now: Time, address: ToldAddress) {
        self.dialled.remove(&address);
        let Some(row) = self.rows.get(&address) else { return };
        let failed = FailedDial { at: now, host: address.host, port: row.port, through: row.through };
        self.failures.push_back(failed);
    }

    /// The next address that is to be dialled now, and at which port.
    pub(crate) fn next_dial(&mut self, now: Time) -> Option<(ToldAddress, u16)> {
        self.failures.retain(|failed| now.since(failed.at) < limits::FAILED);
        let (failures, dialled) = (&self.failures, &self.dialled);
        if failures.len() + dialled.len() >= limits::FAILURES {
            return None;
        }
        let under_way = |through| dialled.values().filter(|of| **of == through).count();
        let used = |through| failures.iter().filter(|f| f.through == through).count() + under_way(through);
        let has_failed = |host, port| failures.iter().any(|f| (f.host, f.port) == (host, port));
        let is_due = |(address, row): &(&ToldAddress, &ToldRow)| {
            !dialled.contains_key(address)
                && !has_failed(address.host, row.port)
                && used(row.through) < limits::FAILURES_OF_GATEWAY
        };
        let due = self.rows.iter().filter(is_due);
        let (address, row) = due.min_by_key(|(_, row)| used(row.through)).map(|(at, row)| (*at, *row))?;
        self.dialled.insert(address, row.through);
        Some((address, row.port))
    }

    /// When [`Self::next_dial`] may have one again that it has not now.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let waits = self.rows.len() > self.dialled.len();
        self.failures.front().filter(|_| waits).map(|failed| failed.at + limits::FAILED)
    }
}

/// The least of all addresses.
const LEAST: Host = Host { ip: core::net::IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), scope: 0 };

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::address::Ports;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + seconds)
    }

    fn gateway(host: u8, key: u8) -> Payer<PeerId> {
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId([key; 32]) }
    }

    fn contact(peer: u8, hosts: &[u8]) -> Contact {
        contact_at(peer, 1, hosts)
    }

    fn contact_at(peer: u8, network: u8, hosts: &[u8]) -> Contact {
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let host = |n: &u8| Host { ip: [10, network, peer, *n].into(), scope: 0 };
        Contact { id: PeerId([peer; 32]), hosts: hosts.iter().map(host).collect(), ports }
    }

    /// Dials all that may be dialled now, and each of them fails. How many there were.
    fn fail_all(told: &mut ToldAddresses, now: Time) -> usize {
        let dialled = core::iter::from_fn(|| told.next_dial(now)).collect::<Vec<_>>();
        dialled.iter().for_each(|(address, _)| told.handle_failed(now, *address));
        dialled.len()
    }

    #[test]
    fn an_address_that_failed_is_left_alone_for_a_minute() {
        let (mut told, gateway) = (ToldAddresses::default(), gateway(9, 9));
        told.handle_told(at(0), gateway, &contact(1, &[1, 2]));
        assert_eq!(fail_all(&mut told, at(0)), 2);
        assert_eq!((fail_all(&mut told, at(59)), told.poll_timeout()), (0, Some(at(60))));
        // Nor is it dialled because another peer is said to be there.
        let other = Contact { id: PeerId([2; 32]), ..contact(1, &[1]) };
        told.handle_told(at(59), gateway, &other);
        assert_eq!((fail_all(&mut told, at(59)), fail_all(&mut told, at(60))), (0, 3));
        told.handle_over(other.id);
        told.handle_over(PeerId([1; 32]));
        assert_eq!((fail_all(&mut told, at(200)), told.poll_timeout()), (0, None));
    }

    #[test]
    fn a_gateway_that_lies_costs_few_dials_and_leaves_the_others_theirs() {
        let (mut told, honest) = (ToldAddresses::default(), gateway(9, 9));
        // As many gateways as it likes, on one host, and more addresses than find a place.
        for peer in 0..250 {
            for key in 0..10 {
                let liar = gateway(8, key);
                told.handle_told(at(0), liar, &contact_at(peer, key, &[1, 2]));
            }
        }
        assert_eq!(told.rows.len() as u64, limits::TOLD);
        assert_eq!(fail_all(&mut told, at(0)), limits::FAILURES_OF_GATEWAY);
        told.handle_told(at(1), honest, &contact(251, &[7]));
        let (address, port) = told.next_dial(at(1)).unwrap();
        assert_eq!((address.peer, port), (PeerId([251; 32]), 2));
        told.handle_over(address.peer);
        let failed: usize = (2..600).map(|s| fail_all(&mut told, at(s))).sum();
        assert!(failed <= 10 * limits::FAILURES_OF_GATEWAY, "{failed} dials in ten minutes");
    }

    #[test]
    fn what_succeeds_costs_nothing() {
        let (mut told, gateway) = (ToldAddresses::default(), gateway(9, 9));
        for n in 0..100 {
            told.handle_told(at(0), gateway, &contact(n, &[1]));
            let (address, _) = told.next_dial(at(0)).unwrap();
            told.handle_over(address.peer);
        }
        assert!(told.failures.is_empty() && told.dialled.is_empty());
    }
}
