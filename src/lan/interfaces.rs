//! Where to send and whom to hear: the machine's interfaces, as the operating system lists them now.

use std::collections::BTreeSet;
use std::io;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::network_prefix::NetworkPrefix;
use crate::sys::net::{self, Interface};

/// The interfaces in use, reduced to what discovery needs. Two equal ones mean that nothing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interfaces {
    /// Broadcast addresses, each once.
    pub broadcasts: BTreeSet<Ipv4Addr>,
    /// Indexes of interfaces for IPv6 multicast.
    pub multicasts: BTreeSet<u32>,
    /// Networks that this machine is on.
    pub links: Vec<NetworkPrefix>,
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
        let mut links = BTreeSet::new();
        for interface in list {
            if found.limited && !names.contains(&interface.name) {
                continue;
            }
            if interface.ip.is_loopback() {
                found.loopback = true;
                continue;
            }
            let &Interface { ip, prefix, index, is_point_to_point, .. } = interface;
            match ip {
                IpAddr::V4(v4) => {
                    links.insert(NetworkPrefix { ip, prefix });
                    // The system's list tells another address where none was configured (`ip addr add`
                    // without `brd`); a /31, /32 or point-to-point link has none.
                    if !is_point_to_point && (1..=30).contains(&prefix) {
                        let host = u32::MAX >> prefix;
                        found.broadcasts.insert(Ipv4Addr::from_bits(v4.to_bits() | host));
                    }
                }
                IpAddr::V6(v6) if v6.is_unicast_link_local() => found.multicasts.extend(index),
                IpAddr::V6(_) => {
                    links.insert(NetworkPrefix { ip, prefix });
                }
            }
        }
        if found.broadcasts.is_empty() && !found.limited {
            found.broadcasts.insert(Ipv4Addr::BROADCAST);
        }
        if found.loopback {
            found.broadcasts.insert(Ipv4Addr::new(127, 255, 255, 255));
        }
        found.links = links.into_iter().collect();
        found
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
        Interface { name: name.to_owned(), index: Some(1), ip, prefix, is_point_to_point }
    }

    fn v6(name: &str, ip: &str, index: u32) -> Interface {
        let ip = ip.parse().unwrap();
        Interface { name: name.to_owned(), index: Some(index), ip, prefix: 64, is_point_to_point: false }
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
        found.broadcasts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_network_once_no_tunnel_and_loopback_always() {
        let found = Interfaces::from_list(&laptop(), &[]);
        assert_eq!(shown(&found), ["127.255.255.255", "172.17.255.255", "192.168.1.255"]);
        assert_eq!(found.multicasts.iter().copied().collect::<Vec<_>>(), [2]);
        assert!(found.may_hear("8.8.8.8:1".parse().unwrap()));
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
