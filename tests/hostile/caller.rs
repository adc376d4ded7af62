//! Somebody who dials a peer, proves a key, and then sends what it likes.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use potluck::address::Host;
use potluck::identity::tls::Tls;
use potluck::identity::{Identity, PeerId};
use potluck::wire::Message;
use potluck::wire::custody::CustodyMessage;
use potluck::wire::frame::{Decoder, Piece};
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// A connection to a peer, from inside the network of its thread.
pub(crate) struct Caller {
    pub(crate) stream: StreamOwned<ClientConnection, TcpStream>,
    decoder: Decoder,
    unread: Vec<u8>,
}

impl Caller {
    /// Connects and shakes hands.
    pub(crate) fn dial(tls: &Tls, peer: PeerId, ip: Ipv4Addr, port: u16) -> io::Result<Self> {
        Self::dial_from(tls, peer, ip, port, Ipv4Addr::UNSPECIFIED)
    }

    /// The same, from this address of the machine.
    pub(crate) fn dial_from(
        tls: &Tls,
        peer: PeerId,
        ip: Ipv4Addr,
        port: u16,
        from: Ipv4Addr,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect(&SocketAddr::from((ip, port)).into())?;
        let tcp = TcpStream::from(socket);
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
        let host = Host { ip: IpAddr::V4(ip), scope: 0 };
        let conn = tls.dial(Some(peer), host).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(conn, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream, decoder: Decoder::default(), unread: Vec::new() })
    }

    /// A key for calls.
    pub(crate) fn tls() -> Tls {
        Tls::new(&Identity::generate().unwrap()).unwrap()
    }

    /// Sends bytes; the other end may have closed already.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// The next message at a port of custody; `None` when the other end closed, or refused.
    pub(crate) fn hear_custody(&mut self) -> Option<CustodyMessage> {
        loop {
            let (used, piece) = self.decoder.feed(&self.unread).unwrap();
            let message = match piece {
                Piece::Frame(frame) => Some(CustodyMessage::decode(&frame).unwrap()),
                Piece::Payload(..) => None,
                Piece::More => {
                    let mut buffer = [0; 16_384];
                    let n = self.stream.read(&mut buffer).unwrap_or(0);
                    if n == 0 {
                        return None;
                    }
                    self.unread.drain(..used);
                    self.unread.extend(&buffer[..n]);
                    continue;
                }
            };
            self.unread.drain(..used);
            return message.flatten();
        }
    }

    /// The next message with its payload; `None` when the other end closed.
    pub(crate) fn hear(&mut self) -> Option<(Message, Vec<u8>)> {
        let (mut message, mut payload) = (None, Vec::new());
        loop {
            let (used, end) = match self.decoder.feed(&self.unread).unwrap() {
                (n, Piece::Frame(frame)) => {
                    message = Some(Message::decode(&frame).unwrap().unwrap());
                    (n, frame.payload == 0)
                }
                (n, Piece::Payload(bytes, end)) => {
                    payload.extend(bytes);
                    (n, end)
                }
                (n, Piece::More) => {
                    self.unread.drain(..n);
                    let mut buffer = [0; 16_384];
                    let n = self.stream.read(&mut buffer).unwrap_or(0);
                    if n == 0 {
                        return None;
                    }
                    self.unread.extend(&buffer[..n]);
                    continue;
                }
            };
            self.unread.drain(..used);
            if end {
                return message.map(|m| (m, payload));
            }
        }
    }
}
