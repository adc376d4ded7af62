//! A peer that means ill: it announces itself, proves its address and answers like any other, and says
//! what it likes. One thread owns all of it; the test gives orders and hears what happened.

use core::cell::Cell;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use potluck::content::manifest::{ChunkHasher, ManifestBuilder};
use potluck::content::{Chunks, FileId, Head, Kind, Manifest};
use potluck::identity::tls::Tls;
use potluck::identity::{Identity, Instance, PeerId, PublicKey};
use potluck::limits;
use potluck::sys::clock;
use potluck::sys::thread::Thread;
use potluck::time::Time;
use potluck::wire::datagram::{self, Body, Envelope, State};
use potluck::wire::frame::{self, Decoder, Piece};
use potluck::wire::message::{BlockIs, GetBlocks, GetHead, HeadIs, ManifestIs, kind};
use potluck::wire::{Message, Ports, encode};
use rustls::{ServerConnection, StreamOwned};
use serde::Serialize;

use crate::lab::{Lab, pause};

/// The TCP port at which it serves: the one where an honest peer has its sender.
pub(crate) const SENDER: u16 = 27_281;

/// The address of a node in the first network of a lab.
pub(crate) fn address(node: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 10 + node)
}

/// What it offers under one path; nothing here is checked.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Any bytes.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
}

impl Offer {
    /// A file of this content.
    pub(crate) fn file(path: impl Into<Vec<u8>>, content: &[u8]) -> Self {
        Self::sized(path, content, content.len() as u64)
    }

    /// A file of this content, and a size that may be another.
    pub(crate) fn sized(path: impl Into<Vec<u8>>, content: &[u8], size: u64) -> Self {
        let id = FileId(*blake3::hash(content).as_bytes());
        Self { path: path.into(), kind: Kind::File { id, size, modified: 0, executable: true } }
    }

    /// An empty folder.
    pub(crate) fn folder(path: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), kind: Kind::Folder }
    }

    /// As it goes over the wire, like [`potluck::content::Entry`].
    fn encoded(&self) -> Vec<u8> {
        let mut path = encode("x".repeat(self.path.len()).as_str());
        let at = path.len() - self.path.len();
        path[at..].copy_from_slice(&self.path);
        [&[0x82][..], &encode("path"), &path, &encode("kind"), &encode(&self.kind)].concat()
    }

    fn bucket(&self) -> u8 {
        blake3::hash(&self.path).as_bytes()[0]
    }
}

/// What it does wrong when asked for content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// Other bytes.
    Bytes,
    /// Another file's manifest.
    Manifest,
    /// A manifest of one value more.
    Count,
    /// Half of what was asked for, then bytes of the beginning again.
    Order,
}

/// What it is to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Offer this catalogue from now on, as the next version.
    Offer(Vec<Offer>),
    /// Have this content.
    Have(Vec<u8>),
    /// Send this from its discovery port.
    Send(Vec<u8>, SocketAddr),
    /// Carry the datagrams of these two to each other, so that each takes it for the other one.
    Relay(Ipv4Addr, Ipv4Addr),
}

/// What happened to it.
#[derive(Debug)]
pub(crate) enum Event {
    /// A datagram of another peer came.
    Heard(Box<Body>, Vec<u8>),
    /// Somebody connected, proved a key and asked for this; of this version of the catalogue.
    Asked(u64, Message),
    /// A handshake with whoever dialled failed.
    Broken,
}

/// The hostile peer.
pub(crate) struct Fiend {
    pub(crate) identity: Identity,
    pub(crate) events: Receiver<Event>,
    /// Of the catalogue that was offered last.
    version: Cell<u64>,
    orders: Sender<Order>,
    _thread: Thread,
}

impl Fiend {
    /// Begins to work inside a node of a lab, as `name` (which is not cleaned).
    pub(crate) fn start(lab: &Lab, node: u8, name: &str, lie: Lie) -> Self {
        let identity = Identity::generate().unwrap();
        let (udp, tcp) = lab.within(u32::from(node), || {
            let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, limits::DISCOVERY_PORT)).unwrap();
            udp.set_broadcast(true).unwrap();
            (udp, TcpListener::bind((Ipv4Addr::UNSPECIFIED, SENDER)).unwrap())
        });
        udp.set_nonblocking(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let (orders, take) = crossbeam_channel::unbounded();
        let (tell, events) = crossbeam_channel::unbounded();
        let work = Work {
            voice: Voice::new(&identity, name),
            tls: Tls::new(&identity).unwrap(),
            udp,
            tcp,
            lie,
            take,
            tell,
            catalogue: Catalogue::default(),
            contents: Vec::new(),
            lines: Vec::new(),
            relay: None,
            announced: Time(0),
        };
        let thread = Thread::spawn("fiend", move || work.run()).unwrap();
        Self { identity, events, version: Cell::new(0), orders, _thread: thread }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.identity.id()
    }

    pub(crate) fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// Offers these, and has the content of none.
    pub(crate) fn offer(&self, offers: Vec<Offer>) {
        self.version.set(self.version.get() + 1);
        self.order(Order::Offer(offers));
    }

    /// Waits for an event that `look` takes.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(Event) -> Option<T>) -> T {
        let start = clock::now();
        loop {
            let left = crate::lab::SOON.saturating_sub(clock::now().since(start));
            let event = self.events.recv_timeout(left).unwrap_or_else(|e| panic!("{what}: {e}"));
            if let Some(found) = look(event) {
                return found;
            }
        }
    }

    /// Offers this and waits until somebody was told what is in it.
    pub(crate) fn offer_until_pulled(&self, offers: &[Offer]) {
        self.offer(offers.to_vec());
        self.until_pulled(offers);
    }

    /// Waits until somebody was told what is in the catalogue that was offered last, which is `offers`.
    pub(crate) fn until_pulled(&self, offers: &[Offer]) {
        const PATIENCE: Duration = Duration::from_secs(3);
        for _ in 0..8 {
            let (wanted, start) = (self.version.get(), clock::now());
            while let Ok(event) = self.events.recv_timeout(PATIENCE.saturating_sub(clock::now().since(start)))
            {
                if matches!(event, Event::Asked(version, Message::GetBuckets(_)) if version == wanted) {
                    return;
                }
            }
            // Whoever is just being refused may not hear of a version: then it is said again.
            self.offer(offers.to_vec());
        }
        panic!("nobody asks for the catalogue");
    }
}

/// Makes datagrams that only look like those of [`potluck::wire::datagram::seal`].
pub(crate) struct Voice {
    identity: Identity,
    name: String,
    instance: Instance,
    sequence: u64,
    pub(crate) catalogue: u64,
}

#[derive(Serialize)]
struct Says<'a> {
    instance: Instance,
    sequence: u64,
    presence: SaysOfItself<'a>,
    message: &'a datagram::Message,
    #[serde(with = "serde_bytes")]
    pad: &'a [u8],
}

#[derive(Serialize)]
struct SaysOfItself<'a> {
    state: State,
    name: &'a str,
    ports: Ports,
    interval: u32,
    catalogue: u64,
}

impl Voice {
    pub(crate) fn new(identity: &Identity, name: &str) -> Self {
        let instance = Instance { count: 9, random: 9 };
        Self { identity: identity.clone(), name: name.to_owned(), instance, sequence: 0, catalogue: 0 }
    }

    /// The next datagram.
    pub(crate) fn say(&mut self, message: &datagram::Message) -> Vec<u8> {
        self.sequence += 1;
        self.forge(self.identity.public(), self.instance, self.sequence, message)
    }

    /// A datagram that claims to be of `key`, signed with this one's own.
    pub(crate) fn forge(
        &self,
        key: PublicKey,
        instance: Instance,
        sequence: u64,
        message: &datagram::Message,
    ) -> Vec<u8> {
        let ports =
            Ports { receiver: SENDER - 1, sender: SENDER, distributor: SENDER + 1, distributee: SENDER + 2 };
        let (name, catalogue) = (self.name.as_str(), self.catalogue);
        let presence = SaysOfItself { state: State::Here, name, ports, interval: 1_000, catalogue };
        let pad = &[0; datagram::DATAGRAM_MIN];
        let body = encode(&Says { instance, sequence, presence, message, pad });
        let mut bytes = [&datagram::MAGIC[..], &[datagram::VERSION], &key.0, &body].concat();
        let signature = self.identity.sign(b"potluck datagram 1\0", &bytes);
        bytes.extend(signature);
        bytes
    }
}

/// A connection, with the catalogue that it was told the head of.
struct Line {
    catalogue: Catalogue,
    stream: StreamOwned<ServerConnection, TcpStream>,
    decoder: Decoder,
}

#[derive(Clone, Default)]
struct Catalogue {
    version: u64,
    offers: Vec<Offer>,
}

struct Work {
    voice: Voice,
    tls: Tls,
    udp: UdpSocket,
    tcp: TcpListener,
    lie: Lie,
    take: Receiver<Order>,
    tell: Sender<Event>,
    catalogue: Catalogue,
    contents: Vec<Vec<u8>>,
    lines: Vec<Line>,
    /// Two addresses, and where each was last heard from.
    relay: Option<[(Ipv4Addr, Option<SocketAddr>); 2]>,
    announced: Time,
}

impl Work {
    fn run(mut self) {
        loop {
            match self.take.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => pause(Duration::from_millis(1)),
            }
            if clock::now().since(self.announced) > Duration::from_millis(250) {
                self.announce();
            }
            self.hear();
            self.serve();
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Offer(mut offers) => {
                offers.sort_by(|a, b| a.path.cmp(&b.path));
                self.voice.catalogue += 1;
                self.catalogue = Catalogue { version: self.voice.catalogue, offers };
                self.announce();
            }
            Order::Have(content) => self.contents.push(content),
            Order::Send(bytes, to) => self.send(&bytes, to),
            Order::Relay(one, other) => self.relay = Some([(one, None), (other, None)]),
        }
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) {
        // A full queue costs a datagram, as on any network.
        if let Err(e) = self.udp.send_to(bytes, to) {
            println!("fiend: {to}: {e}");
        }
    }

    fn announce(&mut self) {
        self.announced = clock::now();
        let bytes = self.voice.say(&datagram::Message::Here);
        self.send(&bytes, (Ipv4Addr::new(10, 77, 0, 255), limits::DISCOVERY_PORT).into());
    }

    fn hear(&mut self) {
        let mut buffer = [0; 2_048];
        while let Ok((n, source)) = self.udp.recv_from(&mut buffer) {
            let bytes = &buffer[..n];
            let Ok(envelope) = Envelope::parse(bytes) else { continue };
            if envelope.key() == self.voice.identity.public() {
                continue;
            }
            let Ok(body) = envelope.open() else { continue };
            let nonce = match body.message {
                datagram::Message::Hello { nonce } | datagram::Message::Proof { ask: Some(nonce), .. } => {
                    Some(nonce)
                }
                datagram::Message::Probe { peer, nonce } if peer == self.voice.identity.id() => Some(nonce),
                _ => None,
            };
            if self.relay.is_some() {
                self.carry(bytes, source);
            } else if let Some(nonce) = nonce {
                let answer = datagram::Message::Proof { ask: None, echoes: vec![nonce] };
                let answer = self.voice.say(&answer);
                self.send(&answer, source);
            }
            // Nobody listens any more when the test is over.
            drop(self.tell.send(Event::Heard(Box::new(body), bytes.to_vec())));
        }
    }

    fn carry(&mut self, bytes: &[u8], source: SocketAddr) {
        let Some(ends) = &mut self.relay else { return };
        let Some(from) = ends.iter().position(|(ip, _)| source.ip() == *ip) else { return };
        ends[from].1 = Some(source);
        if let Some(to) = ends[1 - from].1 {
            self.send(bytes, to);
        }
    }

    fn serve(&mut self) {
        while let Ok((tcp, _)) = self.tcp.accept() {
            tcp.set_nonblocking(true).unwrap();
            tcp.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
            let stream = StreamOwned::new(self.tls.accept().unwrap(), tcp);
            self.lines.push(Line { catalogue: Catalogue::default(), stream, decoder: Decoder::default() });
        }
        for mut line in std::mem::take(&mut self.lines) {
            let mut buffer = [0; 16_384];
            match line.stream.read(&mut buffer) {
                Ok(n) if n > 0 && self.answer(&mut line, &buffer[..n]) => self.lines.push(line),
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.lines.push(line),
                Err(_) if line.stream.conn.is_handshaking() => drop(self.tell.send(Event::Broken)),
                _ => {}
            }
        }
    }

    /// Answers what came; false when the connection is over.
    fn answer(&mut self, line: &mut Line, mut bytes: &[u8]) -> bool {
        while let Ok((used, piece)) = line.decoder.feed(bytes) {
            bytes = &bytes[used..];
            let Piece::Frame(frame) = piece else { return true };
            let Ok(Some(message)) = Message::decode(&frame) else { return false };
            if let Message::GetHead(_) = message {
                line.catalogue = self.catalogue.clone();
            }
            line.stream.sock.set_nonblocking(false).unwrap();
            let said = self
                .replies(&line.catalogue, &message)
                .iter()
                .try_for_each(|reply| line.stream.write_all(reply));
            let said = said.and_then(|()| line.stream.flush());
            line.stream.sock.set_nonblocking(true).unwrap();
            drop(self.tell.send(Event::Asked(line.catalogue.version, message)));
            if said.is_err() {
                return false;
            }
        }
        false
    }

    fn replies(&self, catalogue: &Catalogue, message: &Message) -> Vec<Vec<u8>> {
        match message {
            Message::GetHead(m) => vec![self.head(catalogue, m)],
            Message::GetBuckets(m) => m.buckets.iter().map(|b| catalogue.bucket(m.request, *b)).collect(),
            Message::GetManifest(m) => {
                let Some(content) = self.content(m.file) else { return Vec::new() };
                let mut values = manifest(content).as_bytes().to_vec();
                match self.lie {
                    Lie::Manifest => values = manifest(&vec![7; content.len()]).as_bytes().to_vec(),
                    Lie::Count => values.extend([0; 32]),
                    _ => {}
                }
                vec![Message::Manifest(ManifestIs { request: m.request, values }).encode()]
            }
            Message::GetBlocks(m) => self.blocks(m),
            _ => Vec::new(),
        }
    }

    fn content(&self, id: FileId) -> Option<&Vec<u8>> {
        self.contents.iter().find(|c| blake3::hash(c).as_bytes() == &id.0)
    }

    fn blocks(&self, asked: &GetBlocks) -> Vec<Vec<u8>> {
        let mut replies = Vec::new();
        for (item, i) in (0..).zip(&asked.items) {
            let Some(content) = self.content(i.file) else { continue };
            for offset in (i.offset..i.offset + i.len).step_by(limits::BLOCK) {
                let end = (i.offset + i.len).min(offset + limits::BLOCK as u64);
                let [from, to] = [offset, end].map(|n| usize::try_from(n).unwrap());
                // Beyond the end of what it has, it makes something up.
                let mut bytes: Vec<u8> = content.iter().copied().skip(from).take(to - from).collect();
                bytes.resize(to - from, 0xee);
                if self.lie == Lie::Bytes {
                    bytes.fill(0xaa);
                }
                let offset = if self.lie == Lie::Order { offset.wrapping_sub(1) } else { offset };
                let head = Message::Block(BlockIs { request: asked.request, item, offset });
                replies.push([head.encode_with(bytes.len()), bytes].concat());
            }
        }
        replies
    }

    fn head(&self, catalogue: &Catalogue, asked: &GetHead) -> Vec<u8> {
        let digests: Vec<u8> = (0..=255)
            .flat_map(|bucket| {
                let mut hasher = blake3::Hasher::new_derive_key("potluck 1 catalogue bucket");
                hasher.update(&catalogue.entries(bucket).concat());
                *hasher.finalize().as_bytes()
            })
            .collect();
        let root = blake3::derive_key("potluck 1 catalogue root", &digests);
        let size = |o: &Offer| if let Kind::File { size, .. } = o.kind { size } else { 0 };
        let head = Head {
            owner: self.voice.identity.public(),
            instance: self.voice.instance,
            version: catalogue.version,
            entries: catalogue.offers.len() as u64,
            bytes: catalogue.offers.iter().map(size).fold(0, u64::wrapping_add),
            root,
        };
        let digests = if asked.known == Some(root) { Vec::new() } else { digests };
        let signed = head.sign(&self.voice.identity);
        Message::Head(HeadIs { request: asked.request, signed, digests }).encode()
    }
}

impl Catalogue {
    /// The entries of one bucket.
    fn entries(&self, bucket: u8) -> Vec<Vec<u8>> {
        self.offers.iter().filter(|o| o.bucket() == bucket).map(Offer::encoded).collect()
    }

    fn bucket(&self, request: u64, bucket: u8) -> Vec<u8> {
        let entries = self.entries(bucket);
        let count = u16::try_from(entries.len()).unwrap().to_be_bytes();
        let header = [
            [&[0x84][..], &encode("request"), &encode(&request), &encode("bucket"), &encode(&bucket)]
                .concat(),
            [&encode("entries")[..], &[0xdc], &count, &entries.concat(), &encode("last"), &encode(&true)]
                .concat(),
        ]
        .concat();
        [&frame::prefix(kind::BUCKET, header.len(), 0)[..], &header].concat()
    }
}

/// The manifest of `content`.
fn manifest(content: &[u8]) -> Manifest {
    let chunks = Chunks::of(content.len() as u64).unwrap();
    let mut builder = ManifestBuilder::new(chunks);
    for index in chunks.iter() {
        let range = chunks.range(index);
        let mut hasher = ChunkHasher::new(chunks, index);
        hasher.update(&content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
        builder.push(hasher.finish().unwrap());
    }
    builder.finish().unwrap()
}
