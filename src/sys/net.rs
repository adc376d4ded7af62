//! What differs between systems about sockets and interfaces. What all of them have, others do by `socket2`
//! and `mio`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::io;

use if_addrs::IfAddr;
use mio::net::{TcpStream, UdpSocket};
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
    /// True if its cable is in, or its radio has a network, as far as the system tells.
    pub is_connected: bool,
}

/// The interfaces that are up, with their addresses (getifaddrs(3)).
///
/// # Errors
/// When the operating system has no list.
pub(crate) fn interfaces() -> io::Result<Vec<Interface>> {
    let interface = |found: if_addrs::Interface| {
        let is_connected = found.is_oper_up();
        let (ip, prefix) = match found.addr {
            IfAddr::V4(v4) => (v4.ip.into(), v4.prefixlen),
            IfAddr::V6(v6) => (v6.ip.into(), v6.prefixlen),
        };
        let if_addrs::Interface { name, index, is_p2p: is_point_to_point, .. } = found;
        Interface { name, index, ip, prefix, is_point_to_point, is_connected }
    };
    Ok(if_addrs::get_if_addrs()?.into_iter().map(interface).collect())
}

/// The names of the interfaces on whose network `ip` is, if there are several: those that are connected
/// first. The system would choose one of them, and need not know that its cable is out.
pub(crate) fn interfaces_towards(ip: Ipv4Addr) -> Vec<String> {
    let is_near = |interface: &Interface| match interface.ip {
        IpAddr::V4(own) if (1..=31).contains(&interface.prefix) => {
            (own.to_bits() ^ ip.to_bits()) >> (32 - u32::from(interface.prefix)) == 0
        }
        _ => false,
    };
    let mut near = interfaces().unwrap_or_default();
    near.retain(is_near);
    near.sort_by_key(|interface| !interface.is_connected);
    let mut names: Vec<String> = Vec::new();
    for interface in near {
        if !names.contains(&interface.name) {
            names.push(interface.name);
        }
    }
    if names.len() > 1 { names } else { Vec::new() }
}

/// Has what this socket sends go by the interface `name` (`SO_BINDTODEVICE` of socket(7)), which an ordinary
/// user may say since Linux 5.7. On other systems nothing is done, and they choose.
///
/// # Errors
/// What the operating system says.
pub(crate) fn bind_to_interface(socket: &Socket, name: &str) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    socket.bind_device(Some(name.as_bytes()))?;
    #[cfg(not(target_os = "linux"))]
    let _unused = (socket, name);
    Ok(())
}

/// Sends a datagram by interface number `index` (`IP_PKTINFO` of ip(7)). Other systems than Linux choose
/// themselves.
///
/// # Errors
/// What the operating system says.
pub(crate) fn send_by(socket: &UdpSocket, bytes: &[u8], to: SocketAddrV4, index: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return send_with(socket, bytes, to.into(), &packet_info(index));
    #[cfg(not(target_os = "linux"))]
    {
        let _unused = index;
        socket.send_to(bytes, to.into()).map(drop)
    }
}

/// Sends a datagram from `from`, an address of the interface that `to` names, where the system would choose another one
/// (`IPV6_PKTINFO` of ipv6(7)). Other systems than Linux send nothing.
///
/// # Errors
/// What the operating system says.
pub(crate) fn send_from(
    socket: &UdpSocket,
    bytes: &[u8],
    to: SocketAddrV6,
    from: Ipv6Addr,
) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return send_with(socket, bytes, to.into(), &packet_source(from, to.scope_id()));
    #[cfg(not(target_os = "linux"))]
    {
        let _unused = (socket, bytes, to, from);
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn send_with(socket: &UdpSocket, bytes: &[u8], to: SocketAddr, control: &[u8]) -> io::Result<()> {
    let (to, buffers) = (to.into(), [io::IoSlice::new(bytes)]);
    let message = socket2::MsgHdr::new().with_addr(&to).with_buffers(&buffers).with_control(control);
    socket2::SockRef::from(socket).sendmsg(&message, 0).map(drop)
}

/// The control message that names an interface, of the level `IPPROTO_IP` and the type `IP_PKTINFO`: the number of the
/// interface, and two addresses that are left to the system.
#[cfg(target_os = "linux")]
fn packet_info(index: u32) -> Vec<u8> {
    let mut info = [0; 12];
    info[..4].copy_from_slice(&index.to_ne_bytes());
    control_message(0, 8, &info)
}

/// The control message that names an address of our own and its interface, of the level `IPPROTO_IPV6` and the type
/// `IPV6_PKTINFO`.
#[cfg(target_os = "linux")]
fn packet_source(from: Ipv6Addr, index: u32) -> Vec<u8> {
    let mut info = [0; 20];
    info[..16].copy_from_slice(&from.octets());
    info[16..].copy_from_slice(&index.to_ne_bytes());
    control_message(41, 50, &info)
}

/// A control message: a header (cmsg(3)) of the length of both, the level and the type; then what it says.
#[cfg(target_os = "linux")]
fn control_message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let header = size_of::<usize>() + 8;
    let len = header + data.len();
    let mut control = vec![0; len.next_multiple_of(size_of::<usize>())];
    control[..size_of::<usize>()].copy_from_slice(&len.to_ne_bytes());
    control[header - 8..header - 4].copy_from_slice(&level.to_ne_bytes());
    control[header - 4..header].copy_from_slice(&kind.to_ne_bytes());
    control[header..len].copy_from_slice(data);
    control
}

/// True if this machine has an interface of that name, with an address or without one.
#[must_use]
pub(crate) fn has_interface(name: &str) -> bool {
    #[cfg(target_os = "linux")]
    if let Ok(socket) = Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None) {
        return rustix::net::netdevice::name_to_index(&socket, name).is_ok();
    }
    interfaces().is_ok_and(|all| all.iter().any(|interface| interface.name == name))
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

/// Lets several sockets have one port (`SO_REUSEADDR` of socket(7)): UDP sockets, each of which gets every broadcast and
/// multicast, of several processes too; or TCP connections of this process that lead to different places.
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
    use std::net::UdpSocket;

    use socket2::{Domain, Protocol, Type};

    use super::*;

    #[test]
    fn loopback_is_listed() {
        let found = interfaces().unwrap();
        let lo = found.iter().find(|i| i.ip == Ipv4Addr::LOCALHOST).unwrap();
        assert_eq!((lo.prefix, lo.is_point_to_point), (8, false));
        assert!(lo.index.is_some() && !lo.name.is_empty());
        assert!(has_interface(&lo.name) && !has_interface("no such one") && !has_interface(&"x".repeat(99)));
    }

    /// What comes from this address, which is ours, was sent from it; from one that is not ours nothing is.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_datagram_comes_from_the_address_that_is_said() {
        let Ok(there) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
        there.set_read_timeout(Some(core::time::Duration::from_secs(20))).unwrap();
        let SocketAddr::V6(to) = there.local_addr().unwrap() else { panic!("it is IPv6") };
        let here = mio::net::UdpSocket::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).unwrap();
        send_from(&here, b"all", to, Ipv6Addr::LOCALHOST).unwrap();
        let (len, from) = there.recv_from(&mut [0; 8]).unwrap();
        assert_eq!((len, from.ip()), (3, IpAddr::from(Ipv6Addr::LOCALHOST)));
        assert!(send_from(&here, b"all", to, "2001:db8::1".parse().unwrap()).is_err());
    }

    #[test]
    fn a_datagram_goes_by_the_interface_that_is_said() {
        let lo = interfaces().unwrap().into_iter().find(|i| i.ip == Ipv4Addr::LOCALHOST).unwrap();
        let there = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        there.set_read_timeout(Some(core::time::Duration::from_secs(20))).unwrap();
        let SocketAddr::V4(to) = there.local_addr().unwrap() else { panic!("it is IPv4") };
        let here = mio::net::UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).unwrap();
        send_by(&here, b"all", to, lo.index.unwrap()).unwrap();
        let mut heard = [0; 8];
        assert_eq!(there.recv(&mut heard).unwrap(), 3);
        let unknown = send_by(&here, b"all", to, 1 << 30);
        assert!(unknown.is_err() || cfg!(not(target_os = "linux")));
        assert!(interfaces_towards(Ipv4Addr::LOCALHOST).is_empty(), "there is but one");
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
