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
    use core::time::Duration;

    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
    use rustix::net::{recv, sendto, socket_with};

    use super::Neighbour;

    /// Bytes that one message of the answer may take: the kernel makes them no longer than this.
    const PART: usize = 32 << 10;

    /// The header of each message (netlink(7)): length, type, flags, number, sender.
    const HEADER: usize = 16;

    /// What is told of a neighbour before its attributes (`ndmsg` of rtnetlink(7)).
    const NEIGHBOUR: usize = 12;

    /// Bytes of a question: both of these.
    const QUESTION: u32 = 28;

    /// The question for all of them: `RTM_GETNEIGH` with `NLM_F_REQUEST` and `NLM_F_DUMP`.
    const GET: u16 = 30;
    const ALL: u16 = 0x301;

    /// Types of answers: one neighbour, the end, an error.
    const NEW: u16 = 28;
    const DONE: u16 = 3;
    const ERROR: u16 = 2;

    /// The states in which the address on the link is known (`NUD_REACHABLE`, `_STALE`, `_DELAY`, `_PROBE`
    /// and `_PERMANENT`).
    const KNOWN: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

    /// The attribute with the address of the host (`NDA_DST`).
    const DESTINATION: u16 = 1;

    /// The kernel answers at once. Whoever waits longer does it for nothing.
    const PATIENCE: Duration = Duration::from_millis(100);

    /// Asks the kernel by a socket of netlink(7).
    pub(super) fn neighbours() -> io::Result<Vec<Neighbour>> {
        // Without a protocol it is that of routes and neighbours (`NETLINK_ROUTE`, 0).
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        let mut question = [0; HEADER + NEIGHBOUR];
        question[0..4].copy_from_slice(&QUESTION.to_ne_bytes());
        question[4..6].copy_from_slice(&GET.to_ne_bytes());
        question[6..8].copy_from_slice(&ALL.to_ne_bytes());
        sendto(&socket, &question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let (mut found, mut buffer) = (Vec::new(), vec![0; PART]);
        loop {
            let (len, _) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
            if len == 0 || take(&buffer[..len], &mut found)? {
                return Ok(found);
            }
        }
    }

    /// Reads the messages of one part of the answer. True if it was the last one.
    fn take(mut part: &[u8], found: &mut Vec<Neighbour>) -> io::Result<bool> {
        while let Some((header, _)) = part.split_at_checked(HEADER) {
            let len = usize::try_from(u32_at(header, 0)).unwrap_or(usize::MAX);
            let Some(message) = part.get(HEADER..len) else { break };
            match u16_at(header, 4) {
                NEW => found.extend(neighbour(message)),
                DONE => return Ok(true),
                ERROR => return Err(io::Error::other("the kernel does not list the neighbours")),
                _ => {}
            }
            part = part.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(false)
    }

    /// The neighbour of which one message tells, if its address on the link is known.
    fn neighbour(message: &[u8]) -> Option<Neighbour> {
        let (about, mut attributes) = message.split_at_checked(NEIGHBOUR)?;
        if u16_at(about, 8) & KNOWN == 0 {
            return None;
        }
        while attributes.len() >= 4 {
            let len = usize::from(u16_at(attributes, 0)).max(4);
            let value = attributes.get(4..len)?;
            if u16_at(attributes, 2) == DESTINATION {
                return host(value, u32_at(about, 4));
            }
            attributes = attributes.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        None
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

    fn u16_at(bytes: &[u8], at: usize) -> u16 {
        bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_ne_bytes)
    }

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// A message of `kind` about a neighbour in `state`, behind interface 3.
        fn message(kind: u16, state: u16, address: &[u8]) -> Vec<u8> {
            let len = u16::try_from(4 + address.len()).unwrap();
            let attribute = [&len.to_ne_bytes()[..], &1_u16.to_ne_bytes(), address];
            // Before it another one, which is skipped.
            let skipped = [&6_u16.to_ne_bytes()[..], &2_u16.to_ne_bytes(), &[9, 9, 0, 0]].concat();
            let about = [&[2, 0, 0, 0][..], &3_u32.to_ne_bytes(), &state.to_ne_bytes(), &[0, 0]].concat();
            let body = [about, skipped, attribute.concat()].concat();
            let len = u32::try_from(HEADER + body.len()).unwrap();
            let header = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10]].concat();
            [header, body].concat()
        }

        #[test]
        fn those_whose_address_on_the_link_is_known_are_taken_out_of_the_answer() {
            let (stale, failed, done) = (0x04, 0x20, 3);
            let link_local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
            let group = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            let parts = [
                message(28, stale, &[10, 0, 0, 7]),
                message(28, failed, &[10, 0, 0, 8]),
                message(28, stale, &link_local),
                message(28, 0x80, &group),
            ];
            let mut found = Vec::new();
            assert!(!take(&parts.concat(), &mut found).unwrap());
            let there = |ip: &str, scope| Neighbour { ip: ip.parse().unwrap(), scope };
            assert_eq!(found, [there("10.0.0.7", 0), there("fe80::7", 3)]);
            assert!(take(&message(done, 0, &[]), &mut found).unwrap());
            assert!(take(&message(ERROR, 0, &[]), &mut found).is_err());
        }

        #[test]
        fn the_kernel_answers() {
            neighbours().unwrap();
        }

        proptest::proptest! {
            #[test]
            fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
                let mut found = Vec::new();
                drop(take(&bytes, &mut found));
            }
        }
    }
}
