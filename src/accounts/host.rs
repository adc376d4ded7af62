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
