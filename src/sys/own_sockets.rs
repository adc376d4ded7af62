//! Sockets of this process that a crate made and keeps to itself (pidfd_getfd(2)). Other systems than Linux have no
//! such way, and there the crate's own settings stay.

use core::net::SocketAddrV4;
use std::net::UdpSocket;

/// The way to the descriptors of this very process. It is opened before a sandbox is made, in which no way to a process
/// can be opened.
#[derive(Debug)]
pub(crate) struct OwnDescriptors {
    #[cfg(target_os = "linux")]
    process: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl OwnDescriptors {
    /// Numbers of descriptors that are looked at, at most: a new one gets the least that is free.
    const LOOKED: i32 = 65_536;

    /// `None` where the system has none (Linux before 5.6), or refuses it.
    pub(crate) fn open() -> Option<Self> {
        use rustix::process::{PidfdFlags, getpid, pidfd_open};
        pidfd_open(getpid(), PidfdFlags::empty()).ok().map(|process| Self { process })
    }

    /// A second descriptor of the socket for datagrams that is bound there. The socket is open until both are closed.
    pub(crate) fn udp_socket(&self, at: SocketAddrV4) -> Option<UdpSocket> {
        use rustix::io::Errno;
        use rustix::net::{SocketType, getsockname, sockopt};
        use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
        for number in 0..Self::LOOKED {
            let descriptor = match pidfd_getfd(&self.process, number, PidfdGetfdFlags::empty()) {
                Ok(descriptor) => descriptor,
                // There is no such descriptor.
                Err(Errno::BADF) => continue,
                Err(_) => return None,
            };
            let is_there = getsockname(&descriptor)
                .is_ok_and(|own| SocketAddrV4::try_from(own).is_ok_and(|own| own == at))
                && sockopt::socket_type(&descriptor) == Ok(SocketType::DGRAM);
            if is_there {
                return Some(descriptor.into());
            }
        }
        None
    }
}

#[cfg(not(target_os = "linux"))]
impl OwnDescriptors {
    /// There is none.
    pub(crate) const fn open() -> Option<Self> {
        None
    }

    /// Never called.
    #[expect(clippy::unused_self, reason = "there is none")]
    pub(crate) const fn udp_socket(&self, _: SocketAddrV4) -> Option<UdpSocket> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use core::net::{Ipv4Addr, SocketAddr};
    use core::time::Duration;
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_socket_that_somebody_else_holds_is_found_by_its_address_and_set() {
        let Some(own) = OwnDescriptors::open() else { return };
        let hidden = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let SocketAddr::V4(at) = hidden.local_addr().unwrap() else { panic!("IPv6") };
        let found = own.udp_socket(at).unwrap();
        found.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let kind = hidden.recv_from(&mut [0; 8]).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut));
        // Nobody else's port, and no port of TCP.
        drop((hidden, found));
        assert!(own.udp_socket(at).is_none());
        let listener = std::net::TcpListener::bind(at).unwrap();
        assert!(own.udp_socket(at).is_none());
        drop(listener);
    }
}
