//! The hosts on the links of this machine, as the system knows them: those that it spoke to lately, and those
//! that asked for its address (ARP, RFC 826; neighbour discovery, RFC 4861).

use std::io;

use core::net::IpAddr;

/// A host on one of the links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    /// Its address.
    pub ip: IpAddr,
    /// Index of the interface for link-local IPv6, else 0.
    pub scope: u32,
}

/// The neighbours whose address on the link is known. Systems other than Linux are not asked, and none is
/// told.
///
/// # Errors
/// What the operating system says.
pub(crate) fn neighbours() -> io::Result<Vec<Neighbour>> {
    #[cfg(target_os = "linux")]
    {
        linux::neighbours()
    }
    #[cfg(not(target_os = "linux"))]
    {
        Ok(Vec::new())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::Neighbour;
    use crate::sys::netlink::{Dump, attribute, u16_at, u32_at};

    /// All neighbours: `RTM_GETNEIGH` and `RTM_NEWNEIGH`, with `ndmsg` of rtnetlink(7).
    const NEIGHBOURS: Dump = Dump { get: 30, new: 28, about: 12 };

    /// The states in which the address on the link is known (`NUD_REACHABLE`, `_STALE`, `_DELAY`, `_PROBE`
    /// and `_PERMANENT`).
    const KNOWN: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

    /// The attribute with the address of the host (`NDA_DST`).
    const DESTINATION: u16 = 1;

    pub(super) fn neighbours() -> io::Result<Vec<Neighbour>> {
        let mut found = Vec::new();
        NEIGHBOURS.ask(|about, attributes| found.extend(neighbour(about, attributes)))?;
        Ok(found)
    }

    /// The neighbour of which one message tells, if its address on the link is known.
    fn neighbour(about: &[u8], attributes: &[u8]) -> Option<Neighbour> {
        if u16_at(about, 8) & KNOWN == 0 {
            return None;
        }
        host(attribute(attributes, DESTINATION)?, u32_at(about, 4))
    }

    /// The host with the address `bytes`, behind interface number `index`.
    fn host(bytes: &[u8], index: u32) -> Option<Neighbour> {
        let v4 = <[u8; 4]>::try_from(bytes).map(|ip| IpAddr::from(Ipv4Addr::from(ip)));
        let ip =
            v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|ip| IpAddr::from(Ipv6Addr::from(ip)))).ok()?;
        let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let scope = if is_link_local { index } else { 0 };
        (!ip.is_multicast() && !ip.is_unspecified()).then_some(Neighbour { ip, scope })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// What a message says about a neighbour in `state`, behind interface 3.
        fn told(state: u16, address: &[u8]) -> Option<Neighbour> {
            let len = u16::try_from(4 + address.len()).unwrap();
            let attribute = [&len.to_ne_bytes()[..], &1_u16.to_ne_bytes(), address].concat();
            let about = [&[2, 0, 0, 0][..], &3_u32.to_ne_bytes(), &state.to_ne_bytes(), &[0, 0]].concat();
            neighbour(&about, &attribute)
        }

        #[test]
        fn those_whose_address_on_the_link_is_known_are_taken_out_of_the_answer() {
            let (stale, failed) = (0x04, 0x20);
            let link_local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
            let group = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            let there = |ip: &str, scope| Some(Neighbour { ip: ip.parse().unwrap(), scope });
            assert_eq!(told(stale, &[10, 0, 0, 7]), there("10.0.0.7", 0));
            assert_eq!(told(failed, &[10, 0, 0, 8]), None);
            assert_eq!(told(stale, &link_local), there("fe80::7", 3));
            assert_eq!(told(0x80, &group), None);
        }

        #[test]
        fn the_kernel_answers() {
            neighbours().unwrap();
        }
    }
}
