//! One TCP connection: TLS on top, frames in and out. Shell; its owner is transfer/net/mod.rs.
//!
//! Events of mio are edges: they only set `readable` and `writable`, which stay set until a call said
//! "would block". Reading goes record by record and stops where the engine says so, so nothing is
//! buffered beyond one TLS record and the frame headers of wire/frame.rs.

use std::collections::VecDeque;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use mio::net::TcpStream;

use super::binding::{BindStep, Unbound};
use super::records::{ReadWork, RecordCounter};
use crate::address::Host;
use crate::identity::tls::{Tls, is_of_another_network, proved};
use crate::identity::{ChannelBinding, Contact, PeerId};
use crate::time::Time;
use crate::wire::frame::{Decoder, Frame, Piece};

/// Why a handshake with a peer of another network fails.
const ANOTHER_NETWORK: &str = "it is of another group, or of none";

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The other end closed it in order, or nothing happened on it for long.
    Clean,
    /// It could not be dialled at any address; the last cause.
    Unreachable(DialFault),
    /// It was cut: no word of the other end.
    Lost(String),
    /// The other end sent what it must not.
    Misbehaved(String),
    /// The handshake failed: what of it, and why.
    Unproved(DialFault),
}

/// Why dialling failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DialFault {
    pub(crate) kind: DialFaultKind,
    /// In words for the log.
    pub(crate) text: String,
}

/// What of it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DialFaultKind {
    /// Nothing came back.
    NoAnswer,
    /// Nobody listens there, or it may not be dialled.
    Refused,
    /// Something listens there that does not speak as a peer does.
    NotAPeer,
    /// A peer listens there, of another network or version of the protocol.
    OtherNetwork,
    /// Anything else.
    Other,
}

impl DialFault {
    pub(crate) const fn new(kind: DialFaultKind, text: String) -> Self {
        Self { kind, text }
    }

    /// What the operating system says of it.
    pub(crate) fn of_io(e: &io::Error, text: String) -> Self {
        use io::ErrorKind as E;
        let kind = match e.kind() {
            E::ConnectionRefused | E::ConnectionReset | E::PermissionDenied => DialFaultKind::Refused,
            E::HostUnreachable | E::NetworkUnreachable | E::TimedOut => DialFaultKind::NoAnswer,
            _ => DialFaultKind::Other,
        };
        Self { kind, text }
    }
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionPhase {
    /// TCP.
    Connecting,
    /// TLS; in a group, until both ends have proved to be of it.
    Handshaking,
    /// Open: TLS proved who the other end is.
    Proved(PeerId),
    /// What is queued is still sent, then it ends.
    Closing,
    /// What is queued is still sent; it ends when the other end has read all of it and closed.
    Draining,
}

/// Where a dialled connection may still go if this address fails.
#[derive(Debug)]
pub(crate) struct Dial {
    /// Whom TLS must prove; `None`: the address was typed, and whoever answers there will do.
    pub(crate) peer: Option<PeerId>,
    pub(crate) hosts: VecDeque<Host>,
    pub(crate) port: u16,
}

impl Dial {
    /// To `port` of a peer, at each of its addresses.
    pub(crate) fn to(contact: &Contact, port: u16) -> Self {
        Self { peer: Some(contact.id), hosts: contact.hosts.iter().copied().collect(), port }
    }

    /// To addresses that the user typed, whoever is there.
    pub(crate) fn anyone(hosts: &[Host], port: u16) -> Self {
        Self { peer: None, hosts: hosts.iter().copied().collect(), port }
    }
}

/// What one step of reading came to.
#[derive(Debug)]
pub(crate) enum ReadStep {
    /// TLS is through: this is who it is.
    Proved(PeerId),
    /// A frame up to the end of its header.
    Frame(Frame),
    /// A payload is complete.
    PayloadEnd,
    /// The work bound is reached; more may be there.
    Bound,
    /// Nothing more is there.
    Blocked,
    /// It is over.
    Closed(Closed),
}

/// Reads from a socket, and counts the records.
struct Counted<'c> {
    stream: &'c mut TcpStream,
    records: &'c mut RecordCounter,
    work: &'c mut ReadWork,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.stream.read(buffer)?;
        self.work.came(len, self.records.count(&buffer[..len]));
        Ok(len)
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) tls: rustls::Connection,
    pub(crate) phase: ConnectionPhase,
    pub(crate) host: Host,
    /// `Some` if we dialled it.
    pub(crate) dial: Option<Dial>,
    /// Both ends dialled, each from a port at which nobody else can dial it.
    pub(crate) is_met: bool,
    /// Small frames that wait to be sent.
    pub(crate) small: Vec<u8>,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Stands in the ready queue.
    pub(crate) queued: bool,
    /// Nothing is read while the role cannot take more.
    pub(crate) paused: bool,
    /// Begin of the present phase.
    pub(crate) since: Time,
    /// A byte came.
    pub(crate) heard: Time,
    /// A byte went.
    pub(crate) sent: Time,
    /// The role heard last that it lives.
    pub(crate) reported: Time,
    decoder: Decoder,
    records: RecordCounter,
    /// What is still to be proved beside the keys.
    unbound: Option<Unbound>,
}

/// TLS of one connection, and what both ends have to prove beside their keys.
#[derive(Debug)]
pub(crate) struct ConnectionTls {
    tls: rustls::Connection,
    binding: Option<Arc<ChannelBinding>>,
}

impl ConnectionTls {
    /// For a connection in the network of `of`.
    pub(crate) fn new(of: &Tls, tls: rustls::Connection) -> Self {
        Self { tls, binding: of.binding() }
    }
}

impl Connection {
    pub(crate) fn new(
        stream: TcpStream,
        tls: ConnectionTls,
        host: Host,
        dial: Option<Dial>,
        now: Time,
    ) -> Self {
        let ConnectionTls { mut tls, binding } = tls;
        // Back-pressure is ours: a role is asked for more only when all that it gave is in the kernel.
        tls.set_buffer_limit(None);
        let phase = if dial.is_some() { ConnectionPhase::Connecting } else { ConnectionPhase::Handshaking };
        Self {
            stream,
            tls,
            phase,
            host,
            dial,
            is_met: false,
            small: Vec::new(),
            readable: true,
            writable: true,
            queued: false,
            paused: false,
            since: now,
            heard: now,
            sent: now,
            reported: now,
            decoder: Decoder::default(),
            records: RecordCounter::default(),
            unbound: binding.map(Unbound::new),
        }
    }

    /// True if the other end is a process of this machine, at whichever of its addresses.
    pub(crate) fn is_of_this_machine(&self) -> bool {
        let other = self.host.ip;
        let is_same = |own: SocketAddr| own.ip().to_canonical() == other.to_canonical();
        other.is_loopback() || self.stream.local_addr().is_ok_and(is_same)
    }

    /// Where the other end is, with its port.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }

    /// Who it is, once proved and as long as it is open.
    pub(crate) const fn peer(&self) -> Option<PeerId> {
        match self.phase {
            ConnectionPhase::Proved(peer) => Some(peer),
            _ => None,
        }
    }

    /// One step of reading, of `takes` bytes of content at most: the payload goes to `sink` piece by piece.
    pub(crate) fn read(
        &mut self,
        now: Time,
        takes: usize,
        work: &mut ReadWork,
        sink: &mut dyn FnMut(&[u8]),
    ) -> ReadStep {
        let mut takes = takes;
        loop {
            let step = match self.bind(now) {
                Ok(None) => self.read_plain(&mut takes, work, sink),
                step => step,
            };
            match step {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return ReadStep::Closed(Closed::Lost(e.to_string())),
            }
            if takes == 0 || work.is_done() {
                return ReadStep::Bound;
            }
            let mut counted = Counted { stream: &mut self.stream, records: &mut self.records, work };
            match self.tls.read_tls(&mut counted) {
                // What rustls then says of it (cut or closed) is found by the next turn of this loop.
                Ok(_) => self.heard = now,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return ReadStep::Blocked;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return ReadStep::Closed(Closed::Lost(e.to_string())),
            }
            if let Err(e) = self.tls.process_new_packets() {
                // The alert that says why is queued; it is sent if the socket takes it at once.
                drop(self.tls.write_tls(&mut self.stream));
                return ReadStep::Closed(self.broken(&e));
            }
        }
    }

    /// Goes on with the handshake, up to the moment when the other end has proved all that it has to. `None`:
    /// it has, or TLS itself is not so far; a connection that ended meanwhile is seen by whoever reads next.
    fn bind(&mut self, now: Time) -> io::Result<Option<ReadStep>> {
        if self.phase != ConnectionPhase::Handshaking {
            return Ok(None);
        }
        let Some(peer) = proved(&self.tls) else { return Ok(None) };
        if let Some(unbound) = &mut self.unbound {
            match unbound.step(&mut self.tls)? {
                BindStep::Bound => {}
                BindStep::Ended => return Ok(Some(ReadStep::Closed(Closed::Clean))),
                BindStep::Refused => {
                    let why = ANOTHER_NETWORK.to_owned();
                    return Ok(Some(ReadStep::Closed(Closed::Misbehaved(why))));
                }
            }
        }
        self.unbound = None;
        self.phase = ConnectionPhase::Proved(peer);
        self.since = now;
        Ok(Some(ReadStep::Proved(peer)))
    }

    /// What an error of TLS means: before the other end is proved it may be anyone.
    fn broken(&self, e: &rustls::Error) -> Closed {
        if self.phase != ConnectionPhase::Handshaking {
            return Closed::Misbehaved(e.to_string());
        }
        Closed::Unproved(if is_of_another_network(e) {
            DialFault::new(DialFaultKind::OtherNetwork, ANOTHER_NETWORK.to_owned())
        } else {
            DialFault::new(DialFaultKind::NotAPeer, e.to_string())
        })
    }

    /// Cuts frames out of what is decrypted. `None`: it is used up.
    fn read_plain(
        &mut self,
        takes: &mut usize,
        work: &mut ReadWork,
        sink: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Option<ReadStep>> {
        let mut reader = self.tls.reader();
        loop {
            let plain = reader.fill_buf()?;
            if plain.is_empty() {
                let how = if self.decoder.is_between() { Closed::Clean } else { cut() };
                return Ok(Some(ReadStep::Closed(how)));
            }
            if *takes == 0 || work.is_done() {
                return Ok(None);
            }
            let plain = &plain[..plain.len().min(*takes)];
            let (used, step) = match self.decoder.feed(plain) {
                Ok((used, Piece::More)) => (used, None),
                Ok((used, Piece::Frame(frame))) => {
                    work.frame();
                    (used, Some(ReadStep::Frame(frame)))
                }
                Ok((used, Piece::Payload(bytes, end))) => {
                    sink(bytes);
                    (used, end.then_some(ReadStep::PayloadEnd))
                }
                Err(e) => (0, Some(ReadStep::Closed(Closed::Misbehaved(e.to_string())))),
            };
            reader.consume(used);
            *takes -= used;
            if step.is_some() {
                return Ok(step);
            }
        }
    }

    /// Encrypts the small frames that wait.
    pub(crate) fn push_small(&mut self) {
        if !self.small.is_empty() {
            // rustls' own buffers, which have no limit here, always take everything.
            let taken = self.tls.writer().write_all(&self.small);
            debug_assert!(taken.is_ok(), "rustls' buffer has no limit here");
            self.small.clear();
        }
    }

    /// Encrypts one frame: its head, and its payload without a copy in between.
    pub(crate) fn push_frame(&mut self, head: &[u8], payload: &[u8]) {
        let mut writer = self.tls.writer();
        let n = writer.write_vectored(&[IoSlice::new(head), IoSlice::new(payload)]);
        debug_assert!(n.is_ok_and(|n| n == head.len() + payload.len()), "rustls' buffer has no limit here");
    }

    /// Hands what is encrypted to the kernel, as far as it takes it; true: all of it. Counts the bytes.
    pub(crate) fn flush(&mut self, now: Time, budget: &mut usize) -> Result<bool, Closed> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.stream) {
                Ok(n) => {
                    self.sent = now;
                    *budget = budget.saturating_sub(n);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.writable = false;
                    return Ok(false);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Closed::Lost(e.to_string())),
            }
        }
        Ok(true)
    }

    /// Says that nothing more comes. To say it again does nothing.
    pub(crate) fn end_writing(&self) -> Result<(), Closed> {
        self.stream.shutdown(Shutdown::Write).map_err(|e| Closed::Lost(e.to_string()))
    }

    /// Reads and discards what comes, until the other end closes.
    pub(crate) fn drain(&mut self, work: &mut ReadWork) -> ReadStep {
        let mut discarded = [0; 4_096];
        while !work.is_done() {
            match self.stream.read(&mut discarded) {
                Ok(0) => return ReadStep::Closed(Closed::Clean),
                Ok(n) => work.came(n, 0),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return ReadStep::Blocked,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return ReadStep::Closed(Closed::Lost(e.to_string())),
            }
        }
        ReadStep::Bound
    }

    /// True if the TCP connection stands; an error if it failed.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        if let Some(e) = self.stream.take_error()? {
            return Err(e);
        }
        match self.stream.peer_addr() {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(e) => Err(e),
        }
    }
}

fn cut() -> Closed {
    Closed::Misbehaved("it closed within a frame".to_owned())
}
