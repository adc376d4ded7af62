//! Where to send and whom to hear: the machine's interfaces, as the operating system lists them now.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::network_prefix::NetworkPrefix;
use crate::sys::net::{self, Interface};

/// Where a broadcast goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BroadcastTarget {
    /// The address.
    pub ip: Ipv4Addr,
    /// The number of the interface that it leaves by; `None`: the system knows but one.
    pub index: Option<u32>,
}

/// One interface, and a network that it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceNetwork {
    pub(super) network: NetworkPrefix,
    pub(super) index: u32,
}

/// The interfaces in use, reduced to what discovery needs. Two equal ones mean that nothing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interfaces {
    /// Broadcast addresses, each once, or once for each of several interfaces that are on one network.
    pub broadcasts: BTreeSet<BroadcastTarget>,
    /// Indexes of interfaces for IPv6 multicast.
    pub multicasts: BTreeSet<u32>,
    /// Of interfaces without an IPv4 address, one that a router passes on, if they have any. What goes to everyone
    /// leaves from the link-local address, which nobody elsewhere can use, and so from this one, too.
    pub routable: BTreeMap<u32, Ipv6Addr>,
    /// Networks that this machine is on.
    pub links: Vec<NetworkPrefix>,
    /// All networks that the interfaces in use are on, also the link-local ones.
    pub networks: Vec<InterfaceNetwork>,
    /// IPv4 networks on which this machine is by several interfaces, and those.
    twins: Vec<InterfaceNetwork>,
    /// The numbers of those of the interfaces in use whose cable is out.
    pub cut: BTreeSet<u32>,
    /// What the interfaces in use are called, by their numbers.
    pub names: BTreeMap<u32, String>,
    /// True if loopback is used.
    pub loopback: bool,
    /// True if only some interfaces are used.
    limited: bool,
}

impl Interfaces {
    /// Lists them; only those called `names`, if there are any names.
    ///
    /// # Errors
    /// When the operating system has no list.
    pub(super) fn list(names: &[String]) -> io::Result<Self> {
        Ok(Self::from_list(&net::interfaces()?, names))
    }

    fn from_list(list: &[Interface], names: &[String]) -> Self {
        let mut found = Self { loopback: names.is_empty(), limited: !names.is_empty(), ..Self::default() };
        let (mut links, mut v4s) = (BTreeSet::new(), Vec::new());
        let mut broadcasts = BTreeMap::new();
        for interface in list {
            if found.limited && !names.contains(&interface.name) {
                continue;
            }
            found.names.extend(interface.index.map(|index| (index, interface.name.clone())));
            if interface.ip.is_loopback() {
                found.loopback = true;
                continue;
            }
            let &Interface { ip, prefix, index, is_point_to_point, is_connected, .. } = interface;
            found.cut.extend(index.filter(|_| !is_connected));
            let network =
                index.map(|index| InterfaceNetwork { network: NetworkPrefix { ip, prefix }, index });
            found.networks.extend(network);
            match ip {
                IpAddr::V4(v4) => {
                    links.insert(NetworkPrefix { ip, prefix });
                    v4s.extend(network);
                    // The system's list tells another address where none was configured (`ip addr add`
                    // without `brd`); a /31, /32 or point-to-point link has none.
                    if !is_point_to_point && (1..=30).contains(&prefix) {
                        let host = u32::MAX >> prefix;
                        let ip = Ipv4Addr::from_bits(v4.to_bits() | host);
                        broadcasts.entry(ip).or_insert_with(BTreeSet::new).extend(index);
                    }
                }
                IpAddr::V6(v6) if v6.is_unicast_link_local() => found.multicasts.extend(index),
                IpAddr::V6(v6) => {
                    links.insert(NetworkPrefix { ip, prefix });
                    if let Some(index) = index {
                        found.routable.entry(index).or_insert(v6);
                    }
                }
            }
        }
        let Self { routable, multicasts, .. } = &mut found;
        routable.retain(|index, _| multicasts.contains(index) && v4s.iter().all(|v4| v4.index != *index));
        for (ip, indexes) in broadcasts {
            let several = indexes.len() > 1;
            let of = indexes.into_iter().map(|index| BroadcastTarget { ip, index: Some(index) });
            found.broadcasts.extend(of.filter(|_| several));
            found.broadcasts.extend((!several).then_some(BroadcastTarget { ip, index: None }));
        }
        if found.broadcasts.is_empty() && !found.limited {
            found.broadcasts.insert(BroadcastTarget { ip: Ipv4Addr::BROADCAST, index: None });
        }
        if found.loopback {
            found.broadcasts.insert(BroadcastTarget { ip: Ipv4Addr::new(127, 255, 255, 255), index: None });
        }
        let is_twin = |one: &InterfaceNetwork| {
            v4s.iter().any(|other| other.index != one.index && other.network.contains(one.network.ip))
        };
        found.twins = v4s.iter().filter(|one| is_twin(one)).copied().collect();
        found.links = links.into_iter().collect();
        found
    }

    /// The numbers of the interfaces by which `ip` may be reached, if there are several: the system would
    /// choose one of them, and the cable of that one may be out.
    pub(super) fn ways_to(&self, ip: IpAddr) -> Vec<u32> {
        let ways: BTreeSet<u32> =
            self.twins.iter().filter(|one| one.network.contains(ip)).map(|one| one.index).collect();
        if ways.len() > 1 { ways.into_iter().collect() } else { Vec::new() }
    }

    /// True if a datagram from `source` came by an interface that is used.
    pub(super) fn may_hear(&self, source: SocketAddr) -> bool {
        if !self.limited {
            return true;
        }
        match source {
            _ if source.ip().is_loopback() => self.loopback,
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => self.multicasts.contains(&v6.scope_id()),
            _ => self.links.iter().any(|l| l.contains(source.ip())),
        }
    }

    /// The number of the interface by which a datagram from `source` came, or by which one to there leaves, as
    /// far as the networks tell.
    pub(super) fn towards(&self, source: SocketAddr) -> Option<u32> {
        match source {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => Some(v6.scope_id()),
            _ => self.networks.iter().find(|one| one.network.contains(source.ip())).map(|one| one.index),
        }
    }

    /// True if the cable of one of them is out that was in `before`.
    pub(super) fn have_lost_cables_of(&self, before: &Self) -> bool {
        self.cut.iter().any(|index| before.names.contains_key(index) && !before.cut.contains(index))
    }

    /// The addresses that others may see of this machine.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.links.iter().map(|l| l.ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(name: &str, ip: &str, prefix: u8, is_point_to_point: bool) -> Interface {
        let ip = ip.parse().unwrap();
        Interface { name: name.to_owned(), index: Some(1), ip, prefix, is_point_to_point, is_connected: true }
    }

    fn v6(name: &str, ip: &str, index: u32) -> Interface {
        let ip = ip.parse().unwrap();
        Interface {
            name: name.to_owned(),
            index: Some(index),
            ip,
            prefix: 64,
            is_point_to_point: false,
            is_connected: true,
        }
    }

    fn laptop() -> Vec<Interface> {
        vec![
            v4("lo", "127.0.0.1", 8, false),
            v4("eth0", "192.168.1.7", 24, false),
            v4("wlan0", "192.168.1.8", 24, false),
            v4("docker0", "172.17.0.1", 16, false),
            v4("tun0", "10.8.0.6", 24, true),
            v4("wg0", "10.9.0.1", 32, false),
            v6("eth0", "fe80::1", 2),
            v6("eth0", "2001:db8::1", 2),
        ]
    }

    fn shown(found: &Interfaces) -> Vec<String> {
        found.broadcasts.iter().map(|to| to.ip.to_string()).collect()
    }

    #[test]
    fn each_network_once_no_tunnel_and_loopback_always() {
        let found = Interfaces::from_list(&laptop(), &[]);
        assert_eq!(shown(&found), ["127.255.255.255", "172.17.255.255", "192.168.1.255"]);
        assert_eq!(found.multicasts.iter().copied().collect::<Vec<_>>(), [2]);
        assert!(found.may_hear("8.8.8.8:1".parse().unwrap()));
    }

    #[test]
    fn a_source_tells_the_interface() {
        let second = Interface { index: Some(7), ..v4("eth1", "10.1.0.1", 16, false) };
        let found = Interfaces::from_list(&[laptop(), vec![second]].concat(), &[]);
        for (source, index) in [
            ("192.168.1.9:1", Some(1)),
            ("10.1.255.255:1", Some(7)),
            ("[fe80::2%2]:1", Some(2)),
            ("[2001:db8::9]:1", Some(2)),
            ("8.8.8.8:1", None),
        ] {
            assert_eq!(found.towards(source.parse().unwrap()), index, "{source}");
        }
    }

    #[test]
    fn of_two_interfaces_on_one_network_both_are_used() {
        let second = |ip, prefix| Interface { index: Some(7), ..v4("eth1", ip, prefix, false) };
        let alone = Interfaces::from_list(&laptop(), &["eth0".to_owned()]);
        assert!(alone.ways_to([192, 168, 1, 9].into()).is_empty());
        let found = Interfaces::from_list(&[laptop(), vec![second("192.168.1.77", 24)]].concat(), &[]);
        let of = |ip: [u8; 4]| found.broadcasts.iter().filter(move |to| to.ip == Ipv4Addr::from(ip));
        assert_eq!(of([192, 168, 1, 255]).map(|to| to.index).collect::<Vec<_>>(), [Some(1), Some(7)]);
        assert_eq!(of([172, 17, 255, 255]).map(|to| to.index).collect::<Vec<_>>(), [None]);
        assert_eq!(found.ways_to([192, 168, 1, 9].into()), [1, 7]);
        assert!(found.ways_to([172, 17, 0, 9].into()).is_empty());
    }

    #[test]
    fn where_there_is_no_ipv4_what_goes_to_everyone_leaves_from_a_global_address_too() {
        let six = [v6("eth1", "fe80::7", 7), v6("eth1", "2001:db8::7", 7), v6("eth1", "fd00::7", 7)];
        let found = Interfaces::from_list(&[laptop(), six.to_vec()].concat(), &[]);
        assert_eq!(
            found.routable,
            BTreeMap::from([(2, "2001:db8::1".parse().unwrap()), (7, "2001:db8::7".parse().unwrap())])
        );
        // One with both kinds is known by its IPv4 address.
        let both = Interface { index: Some(7), ..v4("eth1", "10.1.0.1", 16, false) };
        let found = Interfaces::from_list(&[six.to_vec(), vec![both]].concat(), &[]);
        assert!(found.routable.is_empty());
        assert!(Interfaces::from_list(&[v6("eth1", "fe80::7", 7)], &[]).routable.is_empty());
    }

    #[test]
    fn a_cable_that_is_pulled_is_noticed_once() {
        let list = |is_connected| {
            let cable = Interface { is_connected, ..v4("eth0", "192.168.1.7", 24, false) };
            Interfaces::from_list(&[cable], &[])
        };
        let (plugged, cut) = (list(true), list(false));
        assert!(cut.have_lost_cables_of(&plugged) && plugged != cut);
        assert!(!cut.have_lost_cables_of(&cut) && !plugged.have_lost_cables_of(&cut));
        assert!(!cut.have_lost_cables_of(&Interfaces::default()), "it was not there before");
    }

    #[test]
    fn lo_alone_means_loopback_alone() {
        let found = Interfaces::from_list(&laptop(), &["lo".to_owned()]);
        assert_eq!(shown(&found), ["127.255.255.255"]);
        assert!(found.multicasts.is_empty() && found.links.is_empty());
        assert!(found.may_hear("127.0.0.1:1".parse().unwrap()));
        assert!(!found.may_hear("192.168.1.9:1".parse().unwrap()));
        assert!(!found.may_hear("[fe80::2%2]:1".parse().unwrap()));
    }

    #[test]
    fn a_named_interface_excludes_the_others_and_loopback() {
        let found = Interfaces::from_list(&laptop(), &["docker0".to_owned()]);
        assert_eq!(shown(&found), ["172.17.255.255"]);
        assert!(found.may_hear("172.17.0.9:1".parse().unwrap()));
        for other in ["127.0.0.1:1", "192.168.1.9:1", "[fe80::2%2]:1"] {
            assert!(!found.may_hear(other.parse().unwrap()), "{other}");
        }
        let found = Interfaces::from_list(&laptop(), &["eth0".to_owned()]);
        assert!(found.may_hear("[fe80::2%2]:1".parse().unwrap()));
        assert!(found.may_hear("[2001:db8::9]:1".parse().unwrap()));
        assert!(!found.may_hear("[fe80::2%3]:1".parse().unwrap()));
        // One that is not there yet: nothing, until it is.
        assert!(Interfaces::from_list(&laptop(), &["usb0".to_owned()]).broadcasts.is_empty());
    }

    #[test]
    fn with_no_network_the_general_broadcast_is_tried_beside_loopback() {
        let lo = [v4("lo", "127.0.0.1", 8, false)];
        assert_eq!(shown(&Interfaces::from_list(&lo, &[])), ["127.255.255.255", "255.255.255.255"]);
    }
}
