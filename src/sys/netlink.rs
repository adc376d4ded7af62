//! Lists that the kernel gives by a socket of netlink(7), as rtnetlink(7) has them.

use std::io;

use core::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{recv, sendto, socket_with};

/// Bytes that one message of the answer may take: the kernel makes them no longer than this.
const PART: usize = 32 << 10;

/// The header of each message (netlink(7)): length, type, flags, number, sender.
const HEADER: usize = 16;

/// What asks for all of a kind: `NLM_F_REQUEST` with `NLM_F_DUMP`.
const ALL: u16 = 0x301;

/// Types of answers: the end, an error.
const DONE: u16 = 3;
const ERROR: u16 = 2;

/// The kernel answers at once. Whoever waits longer does it for nothing.
const PATIENCE: Duration = Duration::from_millis(100);

/// One of the lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dump {
    /// The type of the question.
    pub(super) get: u16,
    /// The type of the messages that answer it.
    pub(super) new: u16,
    /// Bytes of what each message says before its attributes.
    pub(super) about: usize,
}

impl Dump {
    /// Asks the kernel, and tells of each entry what stands before its attributes, and the attributes.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn ask(self, mut tell: impl FnMut(&[u8], &[u8])) -> io::Result<()> {
        // Without a protocol it is that of routes and neighbours (`NETLINK_ROUTE`, 0).
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        let mut question = vec![0; HEADER + self.about];
        let len = u32::try_from(question.len()).map_err(io::Error::other)?;
        question[0..4].copy_from_slice(&len.to_ne_bytes());
        question[4..6].copy_from_slice(&self.get.to_ne_bytes());
        question[6..8].copy_from_slice(&ALL.to_ne_bytes());
        sendto(&socket, &question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut buffer = vec![0; PART];
        loop {
            let (len, _) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
            if len == 0 || self.take(&buffer[..len], &mut tell)? {
                return Ok(());
            }
        }
    }

    /// Reads the messages of one part of the answer. True if it was the last one.
    fn take(self, mut part: &[u8], tell: &mut impl FnMut(&[u8], &[u8])) -> io::Result<bool> {
        while let Some((header, _)) = part.split_at_checked(HEADER) {
            let len = usize::try_from(u32_at(header, 0)).unwrap_or(usize::MAX);
            let Some(message) = part.get(HEADER..len) else { break };
            match u16_at(header, 4) {
                DONE => return Ok(true),
                ERROR => return Err(io::Error::other("the kernel does not answer by netlink")),
                kind if kind == self.new => {
                    if let Some((about, attributes)) = message.split_at_checked(self.about) {
                        tell(about, attributes);
                    }
                }
                _ => {}
            }
            part = part.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(false)
    }
}

/// The first attribute of a type.
pub(super) fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    while attributes.len() >= 4 {
        let len = usize::from(u16_at(attributes, 0)).max(4);
        let value = attributes.get(4..len)?;
        if u16_at(attributes, 2) == kind {
            return Some(value);
        }
        attributes = attributes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

/// The number at this place; 0 if the bytes end before.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_ne_bytes)
}

/// The number at this place; 0 if the bytes end before.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Dump = Dump { get: 30, new: 28, about: 4 };

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(HEADER + body.len()).unwrap();
        [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat()
    }

    #[test]
    fn each_entry_is_told_until_the_end() {
        // Before the attribute that is wanted stands another one, which is skipped.
        let skipped = [&6_u16.to_ne_bytes()[..], &2_u16.to_ne_bytes(), &[9, 9, 0, 0]].concat();
        let wanted = [&8_u16.to_ne_bytes()[..], &1_u16.to_ne_bytes(), &[1, 2, 3, 4]].concat();
        let entry = message(28, &[vec![7; 4], skipped, wanted].concat());
        let mut told = Vec::new();
        let mut tell = |about: &[u8], attributes: &[u8]| {
            told.push((about.to_vec(), attribute(attributes, 1).map(<[u8]>::to_vec)));
        };
        assert!(!LIST.take(&[entry, message(29, &[0; 8])].concat(), &mut tell).unwrap());
        assert!(LIST.take(&message(DONE, &[]), &mut tell).unwrap());
        assert!(LIST.take(&message(ERROR, &[]), &mut tell).is_err());
        assert_eq!(told, [(vec![7; 4], Some(vec![1, 2, 3, 4]))]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut tell = |about: &[u8], attributes: &[u8]| {
                assert!(attribute(attributes, 1).is_none_or(|value| value.len() < attributes.len()));
                assert_eq!((about.len(), u32_at(about, 4)), (4, 0));
            };
            drop(LIST.take(&bytes, &mut tell));
        }
    }
}
