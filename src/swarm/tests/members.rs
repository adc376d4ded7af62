//! Swarms that fetch one file, with their senders, over lines of different speed, in virtual time. Tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::world::{content, manifest, peer};
use crate::content::partial::Bits;
use crate::content::{Chunks, FileId, Manifest};
use crate::disk::Arrival;
use crate::sender::client::{DueItem, HavesWatch, SenderClient};
use crate::sender::super_seed::SuperSeed;
use crate::sim::Queue;
use crate::swarm::limits;
use crate::swarm::{Progress, Wanted, *};
use crate::wire::message::{BlockIs, HavesIs, Item, ManifestIs, Reason, Refused};

const LATENCY: Duration = Duration::from_millis(2);
/// Discovery needs this long to find the others.
const FOUND: Duration = Duration::from_millis(60);
const HAVES: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lasts,
    /// Gone at this time, with all it had.
    Dies(Duration),
    /// Comes at this time.
    Comes(Duration),
    /// Gives wrong bytes of what it has.
    Lies,
    /// Gives nothing.
    Takes,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    up: u64,
    down: u64,
    fate: Fate,
}

/// One that fetches and serves; number 0 is the owner, which only serves.
struct Peer {
    id: PeerId,
    line: Line,
    here: bool,
    swarm: Swarm,
    token: Option<FileToken>,
    have: Bits,
    /// Chunks of which wrong bytes came.
    spoilt: Bits,
    came: BTreeMap<ChunkIndex, u64>,
    super_seed: SuperSeed,
    /// Who is connected to it, by which connection.
    clients: BTreeMap<usize, (u64, SenderClient)>,
    last_served: usize,
    up_free: Time,
    down_free: Time,
    sending: bool,
    telling: bool,
    sent: u64,
    taken: u64,
    done: Option<Time>,
    warnings: Vec<String>,
    /// Who said to it that it has all.
    told: BTreeSet<usize>,
    /// What was reported last.
    progress: Option<Progress>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Ask { from: usize, to: usize, message: Message },
    Haves { from: usize, to: usize, haves: HavesIs },
    Values { from: usize, to: usize, page: ManifestIs },
    Refused { from: usize, to: usize, refused: Refused },
    Block { from: usize, to: usize, conn: u64, block: BlockIs, len: u64, good: bool },
    Up { to: usize, other: usize },
    Send(usize),
    Tell(usize),
    Timeout(usize),
    Found(usize),
    Fate(usize),
}

struct World {
    begin: Time,
    now: Time,
    events: Queue<Event>,
    /// Connections that there were.
    conns: u64,
    peers: Vec<Peer>,
    chunks: Chunks,
    id: FileId,
    proofs: Arc<Manifest>,
}

impl World {
    fn new(seed: u64, len: usize, lines: &[Line]) -> Self {
        let bytes = content(len);
        let chunks = Chunks::of(len as u64).unwrap();
        let begin = Time(1_000_000_000);
        let peers = (0_u8..).zip(lines).map(|(n, line)| Peer {
            id: peer(n),
            line: *line,
            here: false,
            swarm: Swarm::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(n) << 32)),
            token: None,
            have: if n == 0 { Bits::all(chunks) } else { Bits::none(chunks) },
            spoilt: Bits::none(chunks),
            came: BTreeMap::new(),
            super_seed: SuperSeed::default(),
            clients: BTreeMap::new(),
            last_served: 0,
            up_free: begin,
            down_free: begin,
            sending: false,
            telling: false,
            sent: 0,
            taken: 0,
            done: None,
            warnings: Vec::new(),
            told: BTreeSet::new(),
            progress: None,
        });
        let mut world = Self {
            begin,
            now: begin,
            events: Queue::default(),
            conns: 0,
            peers: peers.collect(),
            chunks,
            id: blake3::hash(&bytes).into(),
            proofs: Arc::new(manifest(&bytes)),
        };
        for n in 0..world.peers.len() {
            let (fate, at) = (world.peers[n].line.fate, world.begin);
            match fate {
                Fate::Comes(after) => world.at(at + after, Event::Fate(n)),
                Fate::Dies(after) => {
                    world.at(at, Event::Fate(n));
                    world.at(at + after, Event::Fate(n));
                }
                _ => world.at(at, Event::Fate(n)),
            }
        }
        world
    }

    fn at(&mut self, time: Time, event: Event) {
        self.events.push(time, event);
    }

    fn soon(&mut self, event: Event) {
        self.at(self.now + LATENCY, event);
    }

    fn index(&self, id: PeerId) -> usize {
        self.peers.iter().position(|p| p.id == id).unwrap()
    }

    /// Comes, or goes.
    fn fate(&mut self, n: usize) {
        let now = self.now;
        if self.peers[n].here {
            self.peers[n].here = false;
            let id = self.peers[n].id;
            self.peers[n].clients.clear();
            for other in 0..self.peers.len() {
                self.peers[other].clients.remove(&n);
                self.peers[other].swarm.handle_down(now, id);
                self.peers[other].swarm.handle_gone(now, id);
                self.drain(other);
            }
            return;
        }
        self.peers[n].here = true;
        for other in 0..self.peers.len() {
            let id = self.peers[other].id;
            self.peers[n].swarm.handle_peer(now, id);
            let me = self.peers[n].id;
            self.peers[other].swarm.handle_peer(now, me);
        }
        if n > 0 {
            let wanted = Wanted {
                here: None,
                id: self.id,
                size: self.chunks.size(),
                modified: 0,
                executable: false,
                to: "a".parse().unwrap(),
                asked: "a".into(),
                holders: vec![self.peers[0].id],
                keep: None,
                some: vec![],
            };
            let destination = PathBuf::from("/d");
            let job =
                Job { id: JobId(1), destination, files: vec![wanted], folders: vec![], background: false };
            self.peers[n].swarm.handle_job(now, job);
            self.at(now + FOUND, Event::Found(n));
            self.at(now, Event::Timeout(n));
            self.drain(n);
        }
    }

    /// Everybody who fetches it, and this one, hear of each other.
    fn found(&mut self, n: usize) {
        let (now, claim, me) = (self.now, (self.id, self.chunks.size()), self.peers[n].id);
        let others: Vec<_> = (1..self.peers.len()).filter(|&o| o != n && self.peers[o].here).collect();
        let ids: Vec<_> = others.iter().map(|o| self.peers[*o].id).collect();
        self.peers[n].swarm.handle_swarm(now, claim, &ids);
        self.drain(n);
        for other in others {
            self.peers[other].swarm.handle_swarm(now, claim, &[me]);
            self.drain(other);
        }
    }

    fn drain(&mut self, n: usize) {
        while let Some(output) = self.peers[n].swarm.poll_output() {
            match output {
                Output::Dial(p) => {
                    let other = self.index(p);
                    self.soon(Event::Up { to: n, other });
                }
                Output::Drop(p, _) => {
                    let other = self.index(p);
                    self.peers[other].clients.remove(&n);
                }
                Output::Ask(p, _, message) => {
                    let to = self.index(p);
                    self.soon(Event::Ask { from: n, to, message });
                }
                Output::Lanes(p, count) => self.peers[n].swarm.handle_lanes(self.now, p, count, true),
                Output::Disk(disk::Command::Open(token, _)) => {
                    self.peers[n].token = Some(token);
                    self.peers[n].swarm.handle_disk(self.now, disk::Event::Opened(token, vec![], None));
                }
                Output::Disk(disk::Command::Publish(token)) => {
                    assert!(self.peers[n].have.is_full() && self.peers[n].spoilt.count() == 0);
                    self.peers[n].done = Some(self.now);
                    let arrived = disk::Event::Arrived(token, Arrival::Saved(PathBuf::new()));
                    self.peers[n].swarm.handle_disk(self.now, arrived);
                }
                Output::Warning(text) => self.peers[n].warnings.push(text),
                Output::Event(JobEvent::Progress(progress)) => self.peers[n].progress = Some(progress),
                Output::Disk(_) | Output::WriteNothing(..) | Output::Event(_) => {}
            }
        }
    }

    fn serve(&mut self, from: usize, to: usize, message: Message) {
        let now = self.now;
        let chunks = self.chunks;
        let server = &mut self.peers[to];
        // A connection that was closed meanwhile takes what was said on it along.
        let Some((_, client)) = server.clients.get_mut(&from).filter(|_| server.here) else { return };
        match message {
            Message::GetManifest(m) => {
                let page = ManifestIs { request: m.request, values: self.proofs.as_bytes().to_vec() };
                self.soon(Event::Values { from: to, to: from, page });
            }
            Message::GetBlocks(m) => assert!(client.take_blocks(now, m, true)),
            Message::GetAny(m) => {
                assert_eq!(m.size, chunks.size());
                assert!(client.take_any(now, m, true));
            }
            Message::GetHaves(m) => {
                client.watches.insert(m.request, HavesWatch::new(m.file, m.size));
                if !std::mem::replace(&mut server.telling, true) {
                    self.at(now, Event::Tell(to));
                }
            }
            Message::Cancel(m) => client.cancel(m.request),
            Message::GotFile(m) => {
                assert_eq!((m.file, m.size), (self.id, chunks.size()));
                assert!(server.told.insert(from), "it is said once");
                let by = server.id;
                handle_noted(&mut self.peers[from].swarm, by, m.request);
            }
            other => panic!("{other:?}"),
        }
        if !self.peers[to].sending {
            self.peers[to].sending = true;
            self.at(now.max(self.peers[to].up_free), Event::Send(to));
        }
    }

    /// One block of the next client that waits for one.
    fn send(&mut self, n: usize) {
        let now = self.now;
        self.peers[n].sending = false;
        if !self.peers[n].here {
            return;
        }
        let last = self.peers[n].last_served;
        let ids: Vec<_> = self.peers[n].clients.keys().copied().collect();
        let order = ids.iter().filter(|c| **c > last).chain(ids.iter().filter(|c| **c <= last));
        for &to in order {
            let server = &mut self.peers[n];
            let Some((conn, client)) = server.clients.get_mut(&to) else { continue };
            let conn = *conn;
            if let Some(any) = client.next_any() {
                let want = Bits::from_map(self.chunks, &any.want).unwrap();
                let request = any.request;
                let given = client.given(self.id).cloned();
                let mut given = given.unwrap_or_else(|| Bits::none(self.chunks));
                match server.super_seed.choose(self.id, &want, &given, |c| server.have.has(c)) {
                    Some(chunk) => {
                        given.insert(chunk);
                        let (offset, len) = (self.chunks.range(chunk).start, self.chunks.len_of(chunk));
                        client.choose(Some((Item { file: self.id, offset, len }, given)));
                    }
                    None => {
                        client.choose(None);
                        let refused = Refused { request, item: None, reason: Reason::Unknown };
                        self.soon(Event::Refused { from: n, to, refused });
                        continue;
                    }
                }
            }
            let Some(DueItem { request, number, left: item }) = client.next_item() else { continue };
            let len = item.len.min(limits::BLOCK as u64);
            if !client.is_chosen() {
                server.super_seed.note(self.id, self.chunks.size(), item.offset);
            }
            client.advance(now, len, self.chunks.size());
            server.last_served = to;
            if server.line.fate == Fate::Takes {
                continue;
            }
            server.sent += len;
            let good = server.line.fate != Fate::Lies;
            let out = now + Duration::from_secs_f64(len as f64 / server.line.up as f64);
            server.up_free = out;
            server.sending = true;
            let taker = &mut self.peers[to];
            let through = Duration::from_secs_f64(len as f64 / taker.line.down as f64);
            taker.down_free = (out + LATENCY).max(taker.down_free + through);
            let at = taker.down_free;
            let block = BlockIs { request, item: number, offset: item.offset };
            self.at(at, Event::Block { from: n, to, conn, block, len, good });
            self.at(out, Event::Send(n));
            return;
        }
    }

    fn tell(&mut self, n: usize) {
        if !self.peers[n].here {
            return;
        }
        let have = self.peers[n].have.clone();
        let mut haves = Vec::new();
        for (&to, (_, client)) in &mut self.peers[n].clients {
            for (&request, watch) in &mut client.watches {
                haves.extend(watch.next(request, have.clone()).map(|haves| Event::Haves {
                    from: n,
                    to,
                    haves,
                }));
            }
        }
        haves.into_iter().for_each(|event| self.soon(event));
        self.at(self.now + HAVES, Event::Tell(n));
    }

    fn block(&mut self, (from, conn): (usize, u64), n: usize, block: BlockIs, len: u64, good: bool) {
        let source = self.peers[from].id;
        let chunks = self.chunks;
        if !self.peers[n].here || self.peers[from].clients.get(&n).is_none_or(|(c, _)| *c != conn) {
            return;
        }
        let taker = &mut self.peers[n];
        taker.taken += len;
        let size = usize::try_from(len).unwrap();
        let target =
            taker.swarm.check_block(source, &block, size).unwrap_or_else(|e| panic!("{e}: {block:?}"));
        if !taker.swarm.handle_block(self.now, source, &block, size) {
            return;
        }
        let chunk = target.unwrap().chunk;
        let came = taker.came.entry(chunk).or_insert(0);
        assert_eq!(*came, target.unwrap().offset, "each byte of a chunk is written once, in order");
        *came += len;
        if !good {
            taker.spoilt.insert(chunk);
        }
        if *came == chunks.len_of(chunk) {
            taker.came.remove(&chunk);
            let good = !taker.spoilt.remove(chunk);
            if good {
                assert!(taker.have.insert(chunk));
            }
            let token = taker.token.unwrap();
            taker.swarm.handle_disk(self.now, disk::Event::Chunk(token, chunk, good));
        }
    }

    /// Until everybody who is to come is done or gone.
    fn run(&mut self) {
        for _ in 0..30_000_000_u64 {
            let waits = |p: &Peer| p.done.is_none() && (p.here || !matches!(p.line.fate, Fate::Dies(_)));
            if !self.peers[1..].iter().any(waits) {
                return;
            }
            let (at, event) = self.events.pop(Time(u64::MAX)).expect("something is to happen");
            self.now = at;
            self.handle(event);
        }
        panic!("it never ends");
    }

    /// For this long.
    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, event)) = self.events.pop(end) {
            self.now = at;
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        let n = match event {
            Event::Ask { from, to, message } => return self.serve(from, to, message),
            Event::Send(n) => return self.send(n),
            Event::Tell(n) => return self.tell(n),
            Event::Found(n) => return self.found(n),
            Event::Fate(n) => return self.fate(n),
            Event::Haves { from, to, haves } => {
                let id = self.peers[from].id;
                self.peers[to].swarm.handle_haves(now, id, &haves).unwrap();
                to
            }
            Event::Values { from, to, page } => {
                let id = self.peers[from].id;
                self.peers[to].swarm.handle_manifest(now, id, &page);
                to
            }
            Event::Refused { from, to, refused } => {
                let id = self.peers[from].id;
                self.peers[to].swarm.handle_refused(now, id, &refused);
                to
            }
            Event::Block { from, to, conn, block, len, good } => {
                self.block((from, conn), to, block, len, good);
                to
            }
            Event::Up { to, other } => {
                let id = self.peers[other].id;
                if self.peers[other].here {
                    let me = self.peers[to].id;
                    self.conns += 1;
                    self.peers[other].clients.insert(to, (self.conns, SenderClient::new(me, now)));
                    self.peers[to].swarm.handle_up(now, id);
                } else {
                    self.peers[to].swarm.handle_down(now, id);
                }
                to
            }
            Event::Timeout(n) => {
                if self.peers[n].here && self.peers[n].done.is_none() {
                    self.peers[n].swarm.handle_timeout(now);
                    self.at(now + Duration::from_millis(50), Event::Timeout(n));
                }
                n
            }
        };
        self.drain(n);
    }

    /// Seconds until the last one had it.
    fn took(&self) -> f64 {
        self.peers.iter().filter_map(|p| p.done).max().unwrap().since(self.begin).as_secs_f64()
    }

    fn copies(&self) -> f64 {
        self.peers[0].sent as f64 / self.chunks.size() as f64
    }

    fn report(&self, what: &str, ideal: f64) -> (f64, f64) {
        let wasted = self.peers.iter().map(|p| p.taken).sum::<u64>() as f64
            / (self.chunks.size() as f64 * (self.peers.len() - 1) as f64);
        let (time, copies) = (self.took() / ideal, self.copies());
        println!(
            "{what}: {:.2} s, {time:.3} of the time of one copy, owner sent {copies:.3} copies, taken {wasted:.3}",
            self.took()
        );
        (time, copies)
    }
}

const MIB: usize = 1 << 20;
/// 50 Mbit/s.
const RATE: u64 = 6_250_000;

fn same(count: usize, rate: u64) -> Vec<Line> {
    vec![Line { up: rate, down: rate, fate: Fate::Lasts }; count]
}

/// Numbers that look random (Knuth's MMIX).
fn rng(mut z: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        z = z.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (z >> 33) % below
    }
}

#[test]
fn eight_and_sixteen_take_little_longer_than_one() {
    for (count, rate, most_time, most_copies) in [(8, RATE, 1.12, 1.15), (16, RATE / 2, 1.15, 1.2)] {
        let mut world = World::new(1, 64 * MIB, &same(count + 1, rate));
        world.run();
        let (time, copies) = world.report(&format!("{count} at {rate} B/s"), (64 * MIB) as f64 / rate as f64);
        assert!(time <= most_time && copies <= most_copies, "{time:.3}, {copies:.3}");
        // What the last one says is on its way.
        world.run_for(2 * LATENCY);
        assert_eq!(world.peers[0].told, (1..=count).collect(), "the owner knows who has it");
    }
}

#[test]
fn more_than_can_be_neighbours_still_help_each_other() {
    let mut world = World::new(3, 64 * MIB, &same(41, RATE));
    world.run();
    let (time, copies) = world.report("40", (64 * MIB) as f64 / RATE as f64);
    assert!(time <= 1.5 && copies <= 1.5, "{time:.3}, {copies:.3}");
}

/// A hundred of mixed speed: some come late, some go in the middle, some lie, some only take.
#[test]
fn a_mixed_swarm_gets_it_all() {
    for seed in 0..2 {
        let mut roll = rng(seed);
        let mut lines = vec![Line { up: 2 * RATE, down: 2 * RATE, fate: Fate::Lasts }];
        for _ in 0..100 {
            let rate = RATE / 4 + roll(2 * RATE);
            let after = Duration::from_millis(500 + roll(8_000));
            let fate = match roll(10) {
                0 => Fate::Dies(after),
                1 | 2 => Fate::Comes(after),
                3 => Fate::Takes,
                4 if roll(2) == 0 => Fate::Lies,
                _ => Fate::Lasts,
            };
            lines.push(Line { up: rate, down: rate, fate });
        }
        let mut world = World::new(seed, 16 * MIB, &lines);
        world.run();
        let slowest = lines.iter().map(|l| l.down).min().unwrap();
        let (time, copies) = world.report(&format!("mixed, seed {seed}"), (16 * MIB) as f64 / slowest as f64);
        let liars: Vec<_> =
            world.peers.iter().filter(|p| p.line.fate == Fate::Lies).map(|p| p.id.to_string()).collect();
        let blamed = world.peers.iter().flat_map(|p| &p.warnings);
        for warning in blamed {
            assert!(liars.iter().any(|l| warning.contains(l)), "{warning}");
        }
        assert!(time < 3.0 && copies < 10.0, "{time:.3}, {copies:.3}");
    }
}

/// The owner goes when every chunk has left it once: the others finish among themselves.
#[test]
fn what_left_the_owner_once_is_enough() {
    let mut lines = same(9, RATE);
    let one = (64 * MIB) as f64 / RATE as f64;
    lines[0].fate = Fate::Dies(Duration::from_secs_f64(one * 1.01));
    let mut world = World::new(5, 64 * MIB, &lines);
    world.run();
    let (time, _) = world.report("the owner goes", one);
    assert!(world.peers[1..].iter().all(|p| p.done.is_some()) && time < 1.5, "{time:.3}");
}

/// Who is done gives to who comes later, though the owner is slow.
#[test]
fn a_latecomer_is_served_by_those_who_are_done() {
    let mut lines = same(4, 4 * RATE);
    lines[0].up = RATE / 2;
    lines[3].fate = Fate::Comes(Duration::from_secs(12));
    let mut world = World::new(5, 16 * MIB, &lines);
    world.run();
    world.report("a latecomer", 1.0);
    let late = world.peers[3].done.unwrap().since(world.begin).as_secs_f64() - 12.0;
    assert!(late < (16 * MIB) as f64 / (3 * RATE) as f64, "{late:.2} s");
}

/// The owner goes before all chunks left it: those who fetch have the same, wait, and say so.
#[test]
fn who_has_nothing_that_is_missing_is_no_source() {
    let mut lines = same(3, RATE);
    lines[0].fate = Fate::Dies(Duration::from_secs(2));
    let mut world = World::new(5, 64 * MIB, &lines);
    world.run_for(Duration::from_secs(1));
    assert!(world.peers[1..].iter().all(|p| p.progress.as_ref().is_some_and(|p| !p.sources.is_empty())));
    world.run_for(Duration::from_secs(30));
    for peer in &world.peers[1..] {
        let progress = peer.progress.as_ref().unwrap();
        assert!(peer.done.is_none() && progress.done > 0 && progress.done < progress.size);
        assert!(progress.sources.is_empty(), "{progress:?}");
        assert_eq!(progress.waiting.as_deref(), Some("no holder is here: waiting"));
    }
}
