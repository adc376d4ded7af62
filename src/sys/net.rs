//! What differs between systems about sockets and interfaces. What all of them have, others do by `socket2`
//! and `mio`.

use core::net::IpAddr;
use std::io;

use if_addrs::IfAddr;
use mio::net::TcpStream;
use socket2::Socket;

/// One address of an interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// What it is called; an interface of several addresses is listed several times.
    pub name: String,
    /// Its number, by which multicast goes out of it; `None` where that is unknown.
    pub index: Option<u32>,
    /// Its address.
    pub ip: IpAddr,
    /// Bits that all addresses of its network share.
    pub prefix: u8,
    /// True if there is but one other at its end: a tunnel, a modem.
    pub is_point_to_point: bool,
}

/// The interfaces that are up, with their addresses (getifaddrs(3)).
///
/// # Errors
/// When the operating system has no list.
pub(crate) fn interfaces() -> io::Result<Vec<Interface>> {
    let interface = |found: if_addrs::Interface| {
        let (ip, prefix) = match found.addr {
            IfAddr::V4(v4) => (v4.ip.into(), v4.prefixlen),
            IfAddr::V6(v6) => (v6.ip.into(), v6.prefixlen),
        };
        let if_addrs::Interface { name, index, is_p2p: is_point_to_point, .. } = found;
        Interface { name, index, ip, prefix, is_point_to_point }
    };
    Ok(if_addrs::get_if_addrs()?.into_iter().map(interface).collect())
}

/// Lets a listener be bound at once after another one at this port was closed, whose connections the system
/// still remembers (`SO_REUSEADDR` of socket(7)). Two programs cannot listen on one port by it: not here, but
/// they could on Windows, where it is not to be set.
///
/// # Errors
/// What the operating system says.
pub(crate) fn bind_again(socket: &Socket) -> io::Result<()> {
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(not(unix))]
    let _unused = socket;
    Ok(())
}

/// Lets several processes have a UDP socket on one port, each of which gets every broadcast and multicast
/// (`SO_REUSEADDR` of socket(7)).
///
/// # Errors
/// What the operating system says.
pub(crate) fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    // Only where broadcasts reach all listeners with it alone: on Linux it asks for one user.
    #[cfg(any(target_os = "macos", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
    socket.set_reuse_port(true)?;
    Ok(())
}

/// True if `e` says that a connection without blocking has begun (`EINPROGRESS` of connect(2)).
#[must_use]
pub(crate) fn is_under_way(e: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(e) == Some(rustix::io::Errno::INPROGRESS)
}

/// Has the system decide by `name` how fast bytes go (`TCP_CONGESTION` of tcp(7)). Other systems than Linux
/// have no such choice for each connection, and nothing is done.
///
/// # Errors
/// `NotFound` if this kernel lacks it, `PermissionDenied` if this user may not have it.
pub(crate) fn set_congestion_control(stream: &TcpStream, name: &str) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_congestion(name.as_bytes())?;
    #[cfg(not(target_os = "linux"))]
    let _unused = (stream, name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, SocketAddr};
    use std::net::UdpSocket;

    use socket2::{Domain, Protocol, Type};

    use super::*;

    #[test]
    fn loopback_is_listed() {
        let found = interfaces().unwrap();
        let lo = found.iter().find(|i| i.ip == Ipv4Addr::LOCALHOST).unwrap();
        assert_eq!((lo.prefix, lo.is_point_to_point), (8, false));
        assert!(lo.index.is_some() && !lo.name.is_empty());
    }

    #[test]
    fn a_port_is_shared_and_a_datagram_to_all_reaches_both() {
        let open = |port| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
            share_port(&socket).unwrap();
            socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into()).unwrap();
            UdpSocket::from(socket)
        };
        let one = open(0);
        let port = one.local_addr().unwrap().port();
        let other = open(port);
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        sender.set_broadcast(true).unwrap();
        sender.send_to(b"all", (Ipv4Addr::new(127, 255, 255, 255), port)).unwrap();
        for socket in [one, other] {
            socket.set_read_timeout(Some(core::time::Duration::from_secs(20))).unwrap();
            let mut heard = [0; 8];
            assert_eq!(socket.recv(&mut heard).unwrap(), 3);
        }
    }

    #[test]
    fn one_listener_has_the_port_alone_and_the_next_has_it_at_once() {
        let listen = |port| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
            bind_again(&socket)?;
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
            socket.listen(1)?;
            io::Result::Ok(std::net::TcpListener::from(socket))
        };
        let first = listen(0).unwrap();
        let port = first.local_addr().unwrap().port();
        assert!(listen(port).is_err());
        // Whoever closes first is remembered.
        let stream = std::net::TcpStream::connect(first.local_addr().unwrap()).unwrap();
        drop(first.accept().unwrap());
        drop(first);
        listen(port).unwrap();
        drop(stream);
    }

    #[test]
    fn a_connection_that_begins_is_under_way_and_its_way_can_be_chosen() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let begun = socket.connect(&listener.local_addr().unwrap().into());
        assert!(begun.as_ref().is_err_and(is_under_way) || begun.is_ok(), "{begun:?}");
        assert!(!is_under_way(&io::ErrorKind::WouldBlock.into()));
        let stream = TcpStream::from_std(socket.into());
        set_congestion_control(&stream, "reno").unwrap();
        assert!(set_congestion_control(&stream, "no such way").is_err() || cfg!(not(target_os = "linux")));
    }
}
