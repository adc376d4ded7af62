//! Where something comes from, as shares go by it. Pure.

use core::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::address::Host;

/// What counts as one host: an IPv4 address, the 64 bits that an IPv6 address shares with all others of its
/// owner, or everyone on a link, for link-local addresses can be had without number. All of whom nobody knows
/// where they are count as one host, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountHost {
    V4(Ipv4Addr),
    /// The upper half of the address.
    V6(u64),
    /// The index of the interface.
    Link(u32),
    /// Whatever claims an address that it has not proved.
    Unproved,
}

impl AccountHost {
    /// Where a peer is that has these addresses: one that it does not have in common with everyone on a link, if it
    /// has any.
    pub(crate) fn of_peer(hosts: &[Host]) -> Self {
        let hosts = hosts.iter().map(|host| Self::from(*host));
        hosts.min_by_key(|host| matches!(host, Self::Link(_))).unwrap_or(Self::Unproved)
    }
}

impl From<Host> for AccountHost {
    fn from(host: Host) -> Self {
        match host.ip {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                Some(ip) => Self::V4(ip),
                None if ip.is_unicast_link_local() => Self::Link(host.scope),
                // Loopback is one host, however it is written.
                None if ip.is_loopback() => Self::V4(Ipv4Addr::LOCALHOST),
                None => {
                    let [a, b, c, d, ..] = ip.segments();
                    let upper = [a, b, c, d].into_iter().fold(0, |all, part| all << 16 | u64::from(part));
                    Self::V6(upper)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(ip: &str, scope: u32) -> AccountHost {
        Host { ip: ip.parse().unwrap(), scope }.into()
    }

    #[test]
    fn a_peer_counts_by_an_address_of_its_own_if_it_has_one() {
        let host = |ip: &str| Host { ip: ip.parse().unwrap(), scope: 3 };
        let (link, own) = (host("fe80::1"), host("10.0.0.1"));
        assert_eq!(AccountHost::of_peer(&[link, own]), AccountHost::V4([10, 0, 0, 1].into()));
        assert_eq!(AccountHost::of_peer(&[own, link]), AccountHost::V4([10, 0, 0, 1].into()));
        assert_eq!(AccountHost::of_peer(&[link]), AccountHost::Link(3));
        assert_eq!(AccountHost::of_peer(&[]), AccountHost::Unproved);
    }

    #[test]
    fn an_address_counts_with_those_that_one_machine_can_take() {
        assert_ne!(host("10.0.0.1", 0), host("10.0.0.2", 0));
        assert_eq!(host("2001:db8::1", 0), host("2001:db8::2:3", 0));
        assert_ne!(host("2001:db8::1", 0), host("2001:db8:0:1::1", 0));
        assert_eq!(host("fe80::1", 3), host("fe80::2", 3));
        assert_ne!(host("fe80::1", 3), host("fe80::1", 4));
        assert_eq!(host("::1", 0), host("127.0.0.1", 0));
        assert_eq!(host("::ffff:10.0.0.1", 0), host("10.0.0.1", 0));
    }
}
