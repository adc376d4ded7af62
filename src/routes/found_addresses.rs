//! Addresses at which another network of the group may be, as the table between sites has them, and when each is
//! dialled. Pure.
//!
//! Nodes of the table may say anything, and whoever is at such an address did not ask to be dialled. So few addresses
//! wait, few are dialled in a minute, and each of them once in a minute at most. Those for which somebody waits go first,
//! and then those that many answers name.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::collections::BTreeMap;

use super::limits;
use crate::address::RouteTarget;
use crate::time::Time;

/// One that waits.
#[derive(Clone, Copy, Debug)]
struct FoundAddress {
    /// True if somebody waits for whoever is there.
    is_sought: bool,
    /// How many answers named it.
    named: u32,
    /// When the first of them came.
    since: Time,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct FoundAddresses {
    /// At most [`limits::FOUND`].
    waiting: BTreeMap<SocketAddrV4, FoundAddress>,
    /// When each of these was dialled last, in the last minute; at most [`limits::FOUND_DIALS`].
    dialled: BTreeMap<SocketAddrV4, Time>,
    /// Those that lead to this very peer, or to one that is linked otherwise: since when that is known; at most
    /// [`limits::FOUND`].
    vain: BTreeMap<SocketAddrV4, Time>,
}

impl FoundAddresses {
    /// An answer of the table names this address. `is_own`: the table is that of the group, which may be in a network
    /// of addresses that mean nothing elsewhere.
    pub(crate) fn handle_found(&mut self, now: Time, address: SocketAddrV4, is_own: bool) {
        self.add(now, address, is_own, false);
    }

    /// An answer of the table names this address, where somebody may be for whom the user of this machine waits: it is
    /// dialled first.
    pub(crate) fn handle_sought(&mut self, now: Time, address: SocketAddrV4, is_own: bool) {
        self.add(now, address, is_own, true);
    }

    fn add(&mut self, now: Time, address: SocketAddrV4, is_own: bool, is_sought: bool) {
        self.vain.retain(|_, since| now.since(*since) < limits::FOUND_VAIN);
        if !may_be_dialled(address, is_own) || self.vain.contains_key(&address) {
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&address) {
            waiting.named = waiting.named.saturating_add(1);
            waiting.is_sought |= is_sought;
            return;
        }
        if self.waiting.len() >= limits::FOUND {
            // What few answers name yields, and of that what waits longest.
            let rank = |found: &FoundAddress| (found.is_sought, found.named, found.since);
            let least = self.waiting.iter().min_by_key(|(_, found)| rank(found));
            if let Some(least) = least.map(|(address, _)| *address) {
                self.waiting.remove(&least);
            }
        }
        self.waiting.insert(address, FoundAddress { is_sought, named: 1, since: now });
    }

    /// An address that was dialled leads to this very peer, or to one that is linked otherwise.
    pub(crate) fn handle_vain(&mut self, now: Time, address: SocketAddrV4) {
        if self.vain.len() < limits::FOUND {
            self.vain.insert(address, now);
        }
    }

    /// A link was lost: what led to a linked peer may be the only way to it now.
    pub(crate) fn handle_lost(&mut self) {
        self.vain.clear();
    }

    /// The next one that is to be dialled now.
    pub(crate) fn next_dial(&mut self, now: Time) -> Option<SocketAddrV4> {
        self.dialled.retain(|_, at| now.since(*at) < limits::FAILED);
        if self.dialled.len() >= limits::FOUND_DIALS {
            return None;
        }
        let due = self.waiting.iter().filter(|(address, _)| !self.dialled.contains_key(address));
        let rank = |found: &FoundAddress| (found.is_sought, found.named, core::cmp::Reverse(found.since));
        let next = due.max_by_key(|(_, found)| rank(found));
        let next = next.map(|(address, _)| *address)?;
        self.waiting.remove(&next);
        self.dialled.insert(next, now);
        Some(next)
    }

    /// When [`Self::next_dial`] may have one again that it has not now.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let first = self.dialled.values().min().filter(|_| !self.waiting.is_empty());
        first.map(|at| *at + limits::FAILED)
    }
}

/// The route to such an address: what the user would type to get there. The port of the table is the one that is
/// dialled, the second of the four.
pub(crate) fn found_target(address: SocketAddrV4) -> RouteTarget {
    RouteTarget { host: address.ip().to_string(), port: address.port().saturating_sub(1) }
}

/// The address that such a route leads to.
pub(crate) fn found_address(target: &RouteTarget) -> Option<SocketAddrV4> {
    let ip: Ipv4Addr = target.host.parse().ok()?;
    Some(SocketAddrV4::new(ip, target.sender_port()))
}

/// True for an address that can be one of another network. In a table of all the world those of RFC 1918 and RFC 6598
/// mean a machine near whoever dials them: nobody can have been announced there.
fn may_be_dialled(address: SocketAddrV4, is_own: bool) -> bool {
    let ip = *address.ip();
    let [first, second, ..] = ip.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    let is_nowhere = first == 0
        || first >= 240
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast();
    (2..=65_533).contains(&address.port()) && !is_nowhere && (is_own || !(ip.is_private() || is_shared))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + seconds)
    }

    fn address(text: &str) -> SocketAddrV4 {
        text.parse().unwrap()
    }

    fn dials(found: &mut FoundAddresses, now: Time) -> Vec<SocketAddrV4> {
        core::iter::from_fn(|| found.next_dial(now)).collect()
    }

    #[test]
    fn only_what_can_be_another_network_is_dialled() {
        for (text, in_the_world, in_own) in [
            ("11.0.0.1:27281", true, true),
            ("10.0.0.1:27281", false, true),
            ("192.168.1.1:27281", false, true),
            ("100.64.0.1:27281", false, true),
            ("127.0.0.1:27281", false, false),
            ("169.254.1.1:27281", false, false),
            ("224.0.0.1:27281", false, false),
            ("255.255.255.255:27281", false, false),
            ("0.0.0.0:27281", false, false),
            ("240.0.0.1:27281", false, false),
            ("11.0.0.1:0", false, false),
            ("11.0.0.1:1", false, false),
            ("11.0.0.1:65534", false, false),
        ] {
            for (is_own, expected) in [(false, in_the_world), (true, in_own)] {
                let mut found = FoundAddresses::default();
                found.handle_found(at(0), address(text), is_own);
                assert_eq!(!dials(&mut found, at(0)).is_empty(), expected, "{text} {is_own}");
            }
        }
    }

    #[test]
    fn an_address_is_dialled_once_in_a_minute_and_ten_are_in_all() {
        let mut found = FoundAddresses::default();
        let first = address("11.0.0.1:9");
        found.handle_found(at(0), first, false);
        assert_eq!(dials(&mut found, at(0)), [first]);
        found.handle_found(at(1), first, false);
        assert_eq!((dials(&mut found, at(59)), found.poll_timeout()), (vec![], Some(at(60))));
        assert_eq!(dials(&mut found, at(60)), [first]);
        for host in 2..40 {
            found.handle_found(at(60), SocketAddrV4::new([11, 0, 0, host].into(), 9), false);
        }
        assert_eq!(dials(&mut found, at(60)).len(), limits::FOUND_DIALS - 1);
        assert_eq!(dials(&mut found, at(119)).len(), 0);
        assert_eq!(dials(&mut found, at(120)).len(), limits::FOUND_DIALS);
    }

    #[test]
    fn what_honest_nodes_name_is_dialled_before_thousands_of_lies() {
        let mut found = FoundAddresses::default();
        let honest = address("11.0.0.1:27281");
        let lie = |n: u32| SocketAddrV4::new(Ipv4Addr::from_bits(0x0c00_0000 + n), 9);
        (0..3_000).for_each(|n| found.handle_found(at(0), lie(n), false));
        // Three of the nodes that hold it say so, and between them come as many lies again.
        for answer in 0..3 {
            found.handle_found(at(1), honest, false);
            (0..20).for_each(|n| found.handle_found(at(1), lie(3_000 + answer * 20 + n), false));
        }
        (0..3_000).for_each(|n| found.handle_found(at(2), lie(9_000 + n), false));
        assert_eq!(found.waiting.len(), limits::FOUND);
        assert_eq!(found.next_dial(at(2)), Some(honest));
    }

    #[test]
    fn what_leads_nowhere_new_is_left_alone_for_an_hour_or_until_a_link_is_lost() {
        let (mut found, own) = (FoundAddresses::default(), address("11.0.0.1:9"));
        found.handle_vain(at(0), own);
        found.handle_found(at(3_599), own, false);
        assert!(dials(&mut found, at(3_599)).is_empty());
        found.handle_found(at(3_600), own, false);
        assert_eq!(dials(&mut found, at(3_600)), [own]);
        // A link that is lost may have been to whoever is there.
        found.handle_vain(at(3_700), own);
        found.handle_lost();
        found.handle_found(at(3_700), own, false);
        assert_eq!(dials(&mut found, at(3_700)), [own]);
    }

    #[test]
    fn a_route_leads_to_the_address_that_it_is_made_of() {
        let found = address("11.0.0.1:27281");
        assert_eq!(found_target(found).to_string(), "11.0.0.1:27280");
        assert_eq!(found_address(&found_target(found)), Some(found));
        assert_eq!(found_address(&"nas:27280".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn whatever_the_table_says_few_wait_and_few_are_dialled(
            said in prop::collection::vec((any::<u32>(), any::<u16>(), 0..1_000_u64), 0..400),
            is_own in any::<bool>(),
        ) {
            let mut found = FoundAddresses::default();
            let (mut now, mut dialled) = (at(0), Vec::new());
            for (ip, port, pause) in said {
                now = now + Duration::from_millis(pause);
                found.handle_found(now, SocketAddrV4::new(Ipv4Addr::from_bits(ip), port), is_own);
                dialled.extend(dials(&mut found, now).into_iter().map(|address| (now, address)));
                prop_assert!(found.waiting.len() <= limits::FOUND);
            }
            for (at, address) in &dialled {
                let minute = dialled.iter().filter(|(other, _)| other >= at && other.since(*at) < limits::FAILED);
                prop_assert!(minute.clone().count() <= limits::FOUND_DIALS);
                prop_assert!(minute.filter(|(_, other)| other == address).count() == 1);
                prop_assert!(may_be_dialled(*address, is_own));
            }
        }
    }
}
