//! The connections of the crowd: whoever proves a key is given heads and buckets.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use potluck::codec::decode;
use potluck::wire::Message;
use potluck::wire::frame::{Decoder, Piece};
use potluck::wire::message::{BucketIs, HeadIs, KeptIs, Reason, Refused};
use rustls::ServerConnection;
use serde::Deserialize;

use crate::peer::CrowdPeer;

/// A connection.
struct Line {
    peer: usize,
    tcp: TcpStream,
    tls: ServerConnection,
    decoder: Decoder,
}

/// All connections.
pub(crate) struct Lines {
    next: usize,
    lines: BTreeMap<Token, Line>,
    accepted: u64,
    /// Bytes of TCP that came and went.
    read: u64,
    written: u64,
}

impl Lines {
    /// Whose tokens begin here.
    pub(crate) const fn new(first: usize) -> Self {
        Self { next: first, lines: BTreeMap::new(), accepted: 0, read: 0, written: 0 }
    }

    /// Connections, bytes that came and bytes that went.
    pub(crate) fn told(&self) -> String {
        format!("{} {} {}", self.accepted, self.read, self.written)
    }

    /// Takes who dialled this port of a peer.
    pub(crate) fn accept(&mut self, number: usize, port: usize, peer: &CrowdPeer, registry: &Registry) {
        while let Ok((mut tcp, _)) = peer.tcp[port].accept() {
            let mut tls = peer.tls.accept().unwrap();
            tls.set_buffer_limit(None);
            drop(tcp.set_nodelay(true));
            let token = Token(self.next);
            self.next += 1;
            self.accepted += 1;
            registry.register(&mut tcp, token, Interest::READABLE | Interest::WRITABLE).unwrap();
            self.lines.insert(token, Line { peer: number, tcp, tls, decoder: Decoder::default() });
        }
    }

    /// Reads, answers and writes as far as that goes.
    pub(crate) fn serve(&mut self, token: Token, peers: &[CrowdPeer]) {
        let Some(line) = self.lines.get_mut(&token) else { return };
        let (mut read, mut written) = (0, 0);
        let goes_on = line.read(peers, &mut read) && line.write(&mut written);
        self.read += read;
        self.written += written;
        if !goes_on {
            self.lines.remove(&token);
        }
    }
}

impl Line {
    /// False when it is over.
    fn read(&mut self, peers: &[CrowdPeer], count: &mut u64) -> bool {
        loop {
            match self.tls.read_tls(&mut self.tcp) {
                Ok(0) => return false,
                Ok(n) => *count += n as u64,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
            if self.tls.process_new_packets().is_err() {
                return false;
            }
            let mut bytes = Vec::new();
            if let Err(e) = self.tls.reader().read_to_end(&mut bytes)
                && e.kind() != ErrorKind::WouldBlock
            {
                return false;
            }
            if !self.answer(&bytes, &peers[self.peer]) {
                return false;
            }
        }
    }

    fn write(&mut self, count: &mut u64) -> bool {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(n) => *count += n as u64,
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// Answers what came; false when it makes no sense.
    fn answer(&mut self, mut bytes: &[u8], peer: &CrowdPeer) -> bool {
        while let Ok((used, piece)) = self.decoder.feed(bytes) {
            bytes = &bytes[used..];
            let Piece::Frame(frame) = piece else { return true };
            let answers = match Message::decode(&frame) {
                Ok(Some(message)) => replies(&message, peer),
                // It keeps nothing for others.
                Ok(None) => {
                    let request = decode::<Numbered>(&frame.header).map_or(0, |header| header.request);
                    refused(request, Reason::NotOffered)
                }
                Err(_) => return false,
            };
            for reply in answers {
                if self.tls.writer().write_all(&reply.encode()).is_err() {
                    return false;
                }
            }
        }
        false
    }
}

/// What every request has.
#[derive(Deserialize)]
struct Numbered {
    request: u64,
}

fn refused(request: u64, reason: Reason) -> Vec<Message> {
    vec![Message::Refused(Refused { request, item: None, reason })]
}

fn replies(message: &Message, peer: &CrowdPeer) -> Vec<Message> {
    let served = &peer.served;
    match message {
        Message::GetHead(m) if m.origin.is_none() => {
            let digests = if m.known == Some(served.root) { Vec::new() } else { served.digests.clone() };
            vec![Message::Head(HeadIs { request: m.request, signed: served.head.clone(), digests })]
        }
        Message::GetBuckets(m) if m.root != served.root => refused(m.request, Reason::Changed),
        Message::GetBuckets(m) => {
            let bucket = |n: &u8| {
                let entries = served.buckets[usize::from(*n)].clone();
                Message::Bucket(BucketIs { request: m.request, bucket: *n, entries, last: true })
            };
            m.buckets.iter().map(bucket).collect()
        }
        Message::GetHead(m) => refused(m.request, Reason::Unknown),
        Message::GetKept(m) => vec![Message::Kept(KeptIs::nothing(m.request))],
        Message::GetTable(m) => refused(m.request, Reason::Busy),
        _ => Vec::new(),
    }
}
