//! The networks that this machine is on, and who may be on them. Pure.

use core::net::IpAddr;

use crate::address::Host;
use crate::lan::network_prefix::NetworkPrefix;

/// The links of this machine.
#[derive(Debug, Default)]
pub(super) struct Links {
    all: Vec<NetworkPrefix>,
    /// True once they were told.
    are_known: bool,
}

impl Links {
    /// Takes these for the links. True if that is a change, and not the first time.
    pub(super) fn replace(&mut self, links: Vec<NetworkPrefix>) -> bool {
        let first = !core::mem::replace(&mut self.are_known, true);
        let changed = self.all != links;
        self.all = links;
        changed && !first
    }

    /// True if `host` is this machine, or on one of its links.
    pub(super) fn hold(&self, host: Host) -> bool {
        let link_local = matches!(host.ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        host.ip.is_loopback() || link_local || self.all.iter().any(|l| l.contains(host.ip))
    }

    /// True if `host` is this machine, as far as its addresses tell.
    pub(super) fn is_own(&self, host: Host) -> bool {
        host.ip.is_loopback() || self.all.iter().any(|l| l.ip == host.ip)
    }

    /// True if that is the broadcast address of one of the links.
    pub(super) fn is_all(&self, ip: IpAddr) -> bool {
        self.all.iter().any(|l| l.is_all(ip))
    }

    /// True if a peer of one of the links may have the address `ip`, which is no loopback one; false for
    /// those of groups, and for link-local ones, whose interface nobody can tell another one.
    pub(super) fn may_hold_peer(&self, ip: IpAddr) -> bool {
        let unfit = match ip {
            IpAddr::V4(ip) => {
                ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() || ip.is_link_local()
            }
            IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
        };
        !unfit && self.all.iter().any(|l| l.contains(ip)) && !self.is_all(ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Vec<NetworkPrefix> {
        vec![NetworkPrefix { ip: [10, 0, 0, 1].into(), prefix: 24 }]
    }

    #[test]
    fn the_first_links_are_no_change_and_the_same_ones_neither() {
        let mut all = Links::default();
        assert!(!all.replace(Vec::new()));
        assert!(all.replace(links()));
        assert!(!all.replace(links()));
    }

    #[test]
    fn this_machine_is_told_from_its_neighbours() {
        let mut all = Links::default();
        all.replace(links());
        let is_own = |ip: &str| all.is_own(Host { ip: ip.parse().unwrap(), scope: 0 });
        assert!(is_own("10.0.0.1") && is_own("127.0.0.9") && is_own("::1"));
        assert!(!is_own("10.0.0.2") && !is_own("fe80::1"));
    }

    #[test]
    fn what_is_near_is_held_and_a_peer_has_no_address_of_a_group() {
        let mut all = Links::default();
        all.replace(links());
        let host = |ip: &str| Host { ip: ip.parse().unwrap(), scope: 0 };
        for (ip, is_held, may_be_peer) in [
            ("10.0.0.9", true, true),
            ("10.0.0.255", true, false),
            ("10.0.1.9", false, false),
            ("fe80::1", true, false),
            ("127.0.0.1", true, false),
        ] {
            assert_eq!(all.hold(host(ip)), is_held, "{ip}");
            assert_eq!(all.may_hold_peer(host(ip).ip), may_be_peer, "{ip}");
        }
    }
}
