//! The interfaces of this machine, also those that are down or have no address.

use std::io;

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// What it is called.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// It was switched on.
    pub is_up: bool,
    /// Its cable is in, or its radio has a network.
    pub is_connected: bool,
    /// It leads to this machine alone.
    pub is_loopback: bool,
}

/// All of them, in the order of their numbers. Systems other than Linux tell of those that are up and have an
/// address.
///
/// # Errors
/// What the operating system says.
pub(crate) fn links() -> io::Result<Vec<Link>> {
    #[cfg(target_os = "linux")]
    {
        linux::links()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let mut links: Vec<Link> = Vec::new();
        for interface in super::net::interfaces()? {
            if let Some(index) = interface.index
                && links.iter().all(|link| link.index != index)
            {
                let (is_connected, is_loopback) = (interface.is_connected, interface.ip.is_loopback());
                links.push(Link { name: interface.name, index, is_up: true, is_connected, is_loopback });
            }
        }
        links.sort_by_key(|link| link.index);
        Ok(links)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use super::Link;
    use crate::sys::netlink::{Dump, attribute, u32_at};

    /// All interfaces: `RTM_GETLINK` and `RTM_NEWLINK`, with `ifinfomsg` of rtnetlink(7).
    const LINKS: Dump = Dump { get: 18, new: 16, about: 16 };

    /// The attribute with the name, which ends with a zero (`IFLA_IFNAME`).
    const NAME: u16 = 3;

    /// Flags of netdevice(7): `IFF_UP`, `IFF_LOOPBACK`, `IFF_LOWER_UP`.
    const UP: u32 = 0x1;
    const LOOPBACK: u32 = 0x8;
    const LOWER_UP: u32 = 0x1_0000;

    pub(super) fn links() -> io::Result<Vec<Link>> {
        let mut links = Vec::new();
        LINKS.ask(|about, attributes| {
            let name = attribute(attributes, NAME).unwrap_or_default();
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let flags = u32_at(about, 8);
            links.push(Link {
                name: String::from_utf8_lossy(name).into_owned(),
                index: u32_at(about, 4),
                is_up: flags & UP != 0,
                is_connected: flags & LOWER_UP != 0,
                is_loopback: flags & LOOPBACK != 0,
            });
        })?;
        links.sort_by_key(|link| link.index);
        Ok(links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_among_them() {
        let links = links().unwrap();
        let all: Vec<_> = links.iter().filter(|link| link.is_loopback).collect();
        assert_eq!(all.len(), 1, "{links:?}");
        assert!(!all[0].name.is_empty() && all[0].index > 0);
    }
}
