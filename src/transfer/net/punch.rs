//! Connections that both ends make at the same moment (RFC 9293, section 3.5, "simultaneous connection
//! synchronization"), each from the port of another connection of its own: a router that lets in only what was asked
//! for takes what each sends for the answer to what the other sent (RFC 5128, section 3.4).

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{ConnId, Net, choose_congestion_control};
use crate::address::Host;
use crate::sys::net as sys;
use crate::time::Time;
use crate::transfer::connection::{Closed, Connection, ConnectionTls, Dial, DialFault, DialFaultKind};
use crate::transfer::meetings::Punch;

/// Connects to a peer that connects to this one at the same moment. The role hears of it as of any that it
/// dialled; but nothing is concluded from where the other end is, for nobody else can dial it there.
pub(crate) fn punch(net: &mut Net, now: Time, punch: &Punch<ConnId>) -> Result<ConnId, Closed> {
    let host = Host::from(punch.to);
    let failed = |text: String| Closed::Unreachable(DialFault::new(DialFaultKind::Other, text));
    let beside =
        net.get(punch.beside).ok_or_else(|| failed("the connection beside it is gone".to_owned()))?;
    let stream = connect_beside(&beside.stream, punch.to).map_err(|e| failed(e.to_string()))?;
    let tls = if punch.is_server {
        net.tls.accept().map(rustls::Connection::from)
    } else {
        net.tls.dial(Some(punch.peer), host).map(rustls::Connection::from)
    };
    let tls = ConnectionTls::new(&net.tls, tls.map_err(|e| failed(e.to_string()))?);
    choose_congestion_control(&stream, host);
    let dial = Dial { peer: Some(punch.peer), hosts: VecDeque::new(), port: punch.to.port() };
    let mut connection = Connection::new(stream, tls, host, Some(dial), now);
    connection.is_met = true;
    net.insert(connection)
}

/// Begins to connect from the address and port of another connection.
fn connect_beside(beside: &TcpStream, to: SocketAddr) -> io::Result<TcpStream> {
    // Both sockets must agree to share the port.
    sys::share_port(&SockRef::from(beside))?;
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    sys::share_port(&socket)?;
    socket.bind(&beside.local_addr()?.into())?;
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(e) if sys::is_under_way(&e) => {}
        Err(e) => return Err(e),
    }
    Ok(TcpStream::from_std(socket.into()))
}
