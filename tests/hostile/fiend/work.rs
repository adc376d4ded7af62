//! The thread of a hostile peer: its sockets, and the lies that it tells over them.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use potluck::content::manifest::{ChunkHasher, ManifestBuilder};
use potluck::content::slice::{self, ChunkSlices};
use potluck::content::{Chunks, FileId, Manifest};
use potluck::identity::tls::Tls;
use potluck::identity::{Identity, Instance, PeerId};
use potluck::limits;
use potluck::sys::clock;
use potluck::time::Time;
use potluck::wire::Message;
use potluck::wire::datagram::{self, Envelope};
use potluck::wire::frame::{Decoder, Piece};
use potluck::wire::message::{
    BlockIs, CoveredRow, FoundIs, GetBlocks, GetSlices, HavesIs, HitRow, KeptFile, KeptIs, ManifestIs, MetAt,
    Reason, Refused, SliceIs, TableIs,
};
use rustls::{ServerConnection, StreamOwned};

use super::offer::{Catalogue, EndlessBucket};
use super::voice::Voice;
use super::{Event, Lie, Order};
use crate::lab::pause;

/// A connection, with the catalogue that it was told the head of.
struct Line {
    catalogue: Catalogue,
    stream: StreamOwned<ServerConnection, TcpStream>,
    decoder: Decoder,
    /// The request that is answered without an end, the next page of that, and when it is due.
    endless: Option<(u64, usize, Time)>,
}

/// What it is, and does.
pub(super) struct Work {
    voice: Voice,
    tls: Tls,
    udp: UdpSocket,
    tcp: TcpListener,
    lie: Lie,
    /// Nobody else hears of it.
    victim: Option<Ipv4Addr>,
    take: Receiver<Order>,
    tell: Sender<Event>,
    catalogue: Catalogue,
    contents: Vec<Vec<u8>>,
    /// What it says of owners, and how that is signed.
    owner_catalogues: BTreeMap<PeerId, (Identity, Instance, Catalogue)>,
    /// What it says that it keeps of each owner.
    kept: Vec<(PeerId, KeptFile)>,
    /// Whose files it claims to know, and what it says that it found.
    index: Option<(Vec<CoveredRow>, Vec<HitRow>)>,
    endless: Option<Arc<EndlessBucket>>,
    is_busy: bool,
    lines: Vec<Line>,
    /// Two addresses, and where each was last heard from.
    relay: Option<[(Ipv4Addr, Option<SocketAddr>); 2]>,
    announced: Time,
}

impl Work {
    /// With a socket for discovery and one for connections.
    pub(super) fn new(
        identity: &Identity,
        name: &str,
        lie: Lie,
        victim: Option<Ipv4Addr>,
        (udp, tcp): (UdpSocket, TcpListener),
        (take, tell): (Receiver<Order>, Sender<Event>),
    ) -> Self {
        Self {
            voice: Voice::new(identity, name),
            tls: Tls::new(identity).unwrap(),
            udp,
            tcp,
            lie,
            victim,
            take,
            tell,
            catalogue: Catalogue::default(),
            contents: Vec::new(),
            owner_catalogues: BTreeMap::new(),
            kept: Vec::new(),
            index: None,
            endless: None,
            is_busy: false,
            lines: Vec::new(),
            relay: None,
            announced: Time(0),
        }
    }

    /// Does what is ordered, and lies, until nobody gives orders any more.
    pub(super) fn run(mut self) {
        loop {
            if !self.take_orders() {
                return;
            }
            pause(Duration::from_millis(1));
            if clock::now().since(self.announced) > Duration::from_millis(250) {
                self.announce();
            }
            self.hear();
            self.serve();
        }
    }

    /// Obeys all orders that were given so far; false when there will be no more.
    fn take_orders(&mut self) -> bool {
        loop {
            match self.take.try_recv() {
                Ok(order) => self.obey(order),
                Err(e) => return e == TryRecvError::Empty,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Offer(offers) => {
                self.voice.catalogue += 1;
                self.catalogue = Catalogue::new(self.voice.catalogue, offers);
                self.announce();
            }
            Order::Have(content) => self.contents.push(content),
            Order::OwnerCatalogue(owner, signer, instance, offers) => {
                drop(self.owner_catalogues.insert(owner, (*signer, instance, Catalogue::new(1, offers))));
            }
            Order::Keep(kept) => {
                self.kept = kept;
                self.voice.catalogue += 1;
                self.catalogue.version = self.voice.catalogue;
                self.announce();
            }
            Order::Endless(endless) => {
                self.voice.catalogue += 1;
                let catalogue = Catalogue::new(self.voice.catalogue, vec![endless.first.clone()]);
                self.catalogue = catalogue.saying(20_000);
                self.endless = Some(endless);
                self.announce();
            }
            Order::SayLarge => {
                self.voice.interval = 2_000;
                self.announce();
            }
            Order::KeepIndex(covered, hits) => {
                self.index = Some((covered, hits));
                self.voice.interval = 2_000;
                // Before whoever came first.
                self.voice.ticket = 1;
                self.voice.features = datagram::features::OFFICE | datagram::features::INDEX_ONLY;
                self.announce();
            }
            Order::Busy => {
                self.is_busy = true;
                self.voice.catalogue += 1;
                self.announce();
            }
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
        let bytes = self.voice.say(&datagram::DatagramMessage::Here);
        let to = self.victim.unwrap_or(Ipv4Addr::new(10, 77, 0, 255));
        self.send(&bytes, (to, limits::DISCOVERY_PORT).into());
    }

    fn hear(&mut self) {
        let mut buffer = [0; 2_048];
        while let Ok((n, source)) = self.udp.recv_from(&mut buffer) {
            let bytes = &buffer[..n];
            if self.victim.is_some_and(|victim| source.ip() != victim) {
                continue;
            }
            let Ok(envelope) = Envelope::parse(bytes) else { continue };
            if envelope.key() == self.voice.identity.public() {
                continue;
            }
            let Ok(body) = envelope.open() else { continue };
            let nonce = match body.message {
                datagram::DatagramMessage::Hello { nonce }
                | datagram::DatagramMessage::Proof { ask: Some(nonce), .. } => Some(nonce),
                datagram::DatagramMessage::Probe { peer, nonce } if peer == self.voice.identity.id() => {
                    Some(nonce)
                }
                _ => None,
            };
            if self.relay.is_some() {
                self.carry(bytes, source);
            } else if let Some(nonce) = nonce {
                let answer = datagram::DatagramMessage::Proof { ask: None, echoes: vec![nonce] };
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
            if self.lie == Lie::HangUp {
                drop(self.tell.send(Event::Broken));
                continue;
            }
            tcp.set_nonblocking(true).unwrap();
            tcp.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
            let stream = StreamOwned::new(self.tls.accept().unwrap(), tcp);
            self.lines.push(Line {
                catalogue: Catalogue::default(),
                stream,
                decoder: Decoder::default(),
                endless: None,
            });
        }
        for mut line in std::mem::take(&mut self.lines) {
            if self.trickle(&mut line).is_err() {
                continue;
            }
            let mut buffer = [0; 16_384];
            match line.stream.read(&mut buffer) {
                Ok(n) if n > 0 && self.answer(&mut line, &buffer[..n]) => self.lines.push(line),
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.lines.push(line),
                Err(_) if line.stream.conn.is_handshaking() => drop(self.tell.send(Event::Broken)),
                _ => {}
            }
        }
    }

    /// Sends the next page of what has no end, when it is due.
    fn trickle(&self, line: &mut Line) -> std::io::Result<()> {
        let (Some(endless), Some((request, at, due))) = (&self.endless, line.endless) else { return Ok(()) };
        if clock::now() < due || at >= endless.trickle.len() {
            return Ok(());
        }
        line.endless = Some((request, at + 1, due + Duration::from_secs(1)));
        line.stream.sock.set_nonblocking(false)?;
        line.stream.write_all(&EndlessBucket::page(request, &endless.trickle[at]))?;
        line.stream.flush()?;
        line.stream.sock.set_nonblocking(true)
    }

    /// Answers what came; false when the connection is over.
    fn answer(&mut self, line: &mut Line, mut bytes: &[u8]) -> bool {
        while let Ok((used, piece)) = line.decoder.feed(bytes) {
            bytes = &bytes[used..];
            let Piece::Frame(frame) = piece else { return true };
            let Ok(Some(message)) = Message::decode(&frame) else { return false };
            // What was ordered before somebody was made to ask counts.
            self.take_orders();
            if let Message::GetHead(_) = message {
                line.catalogue = self.catalogue.clone();
            }
            if let Message::GetBuckets(m) = &message {
                line.endless = Some((m.request, 0, clock::now()));
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
        let of_owner = |origin: Option<PeerId>| self.owner_catalogues.get(&origin?);
        match message {
            Message::GetHead(m) if self.is_busy => {
                let refused = Refused { request: m.request, item: None, reason: Reason::Busy };
                vec![Message::Refused(refused).encode()]
            }
            Message::GetHead(m) => match of_owner(m.origin) {
                Some((signer, instance, catalogue)) => vec![catalogue.head(signer, *instance, m)],
                None => vec![catalogue.head(&self.voice.identity, self.voice.instance, m)],
            },
            Message::GetBuckets(m) if self.endless.is_some() => {
                let pages = self.endless.iter().flat_map(|endless| &endless.pages);
                pages.map(|page| EndlessBucket::page(m.request, page)).collect()
            }
            Message::GetBuckets(m) => {
                let catalogue = of_owner(m.origin).map_or(catalogue, |(_, _, catalogue)| catalogue);
                m.buckets.iter().map(|b| catalogue.bucket(m.request, *b)).collect()
            }
            // Whoever keeps the index knows nobody else, for it is to be asked more than that.
            Message::GetTable(m) if self.index.is_some() => {
                vec![
                    Message::Table(TableIs { request: m.request, rows: Vec::new().into(), last: true })
                        .encode(),
                ]
            }
            Message::Search(m) => {
                let Some((covered, hits)) = &self.index else { return Vec::new() };
                let (covered, hits) = (covered.clone().into(), hits.clone().into());
                let (request, epoch, number) = (m.request, 7, 1);
                let found =
                    FoundIs { request, epoch, number, whole: true, covered, hits, more: 0, last: true };
                vec![Message::Found(found).encode()]
            }
            Message::Meet(m) => {
                let Lie::Introduces(at) = self.lie else { return Vec::new() };
                vec![Message::Met(MetAt { request: m.request, at }).encode()]
            }
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
            Message::GetSlices(m) => self.slices(m),
            Message::GetHaves(m) if self.content(m.file).is_some() => {
                let count = Chunks::of(m.size).map_or(1, |chunks| chunks.count());
                let map = (0..count.div_ceil(8)).map(|byte| match count - 8 * byte {
                    bits @ 0..8 => (1 << bits) - 1,
                    _ => 0xff,
                });
                vec![
                    Message::Haves(HavesIs { request: m.request, map: map.collect(), more: Vec::new() })
                        .encode(),
                ]
            }
            Message::GetKept(m) if self.kept.is_empty() => {
                vec![Message::Kept(KeptIs::nothing(m.request)).encode()]
            }
            Message::GetKept(m) => {
                let of_owner = |(n, (origin, row)): (usize, &(PeerId, KeptFile))| {
                    let (rows, last) = (vec![*row].into(), n + 1 == self.kept.len());
                    let announcement = Vec::new();
                    let page = KeptIs { request: m.request, origin: *origin, announcement, rows, last };
                    Message::Kept(page).encode()
                };
                self.kept.iter().enumerate().map(of_owner).collect()
            }
            _ => Vec::new(),
        }
    }

    fn content(&self, id: FileId) -> Option<&Vec<u8>> {
        self.contents.iter().find(|c| blake3::hash(c).as_bytes() == &id.0)
    }

    fn slices(&self, asked: &GetSlices) -> Vec<Vec<u8>> {
        let Some(content) = self.content(asked.file) else { return Vec::new() };
        // What it says of the size may be a lie: it gives slices of what it has.
        let chunks = Chunks::of(content.len() as u64).unwrap();
        let at = |range: core::ops::Range<u64>| {
            &content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
        };
        let mut replies = Vec::new();
        for number in asked.first..asked.first + u64::from(asked.count) {
            let Some(range) = slice::range(chunks, number) else { continue };
            let chunk = chunks.at_offset(range.start).unwrap_or_else(|| chunks.last());
            let mut hashed = ChunkSlices::new(chunks, chunk);
            while let Some(next) = hashed.next() {
                hashed.push(at(slice::range(chunks, next).unwrap()));
            }
            let mut path = hashed.path(number).unwrap();
            if asked.to_file {
                path.extend(slice::path_of_chunk(&manifest(content), chunk));
            }
            let mut bytes = at(range).to_vec();
            if self.lie == Lie::Bytes {
                bytes.fill(0xaa);
            }
            let number = if self.lie == Lie::Order { number.wrapping_sub(1) } else { number };
            let head = Message::Slice(SliceIs { request: asked.request, slice: number, path });
            replies.push([head.encode_with(bytes.len()), bytes].concat());
        }
        replies
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
