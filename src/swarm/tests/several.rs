//! Several sources at once, over lines of different speed, in virtual time. Tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::world::{content, manifest, peer, proof};
use crate::content::{Chunks, FileId, Manifest};
use crate::disk::Arrival;
use crate::swarm::limits;
use crate::swarm::{Wanted, *};
use crate::wire::message::{BlockIs, ManifestIs};

/// From the question to the first byte of the answer.
const LATENCY: Duration = Duration::from_millis(2);

/// What happens to a line, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lasts,
    /// Its connection is cut at this time.
    Dies(Duration),
    /// It says nothing more from this time on.
    Stalls(Duration),
    /// It is slower by this factor from this time on.
    Slows(Duration, u64),
    /// Each block is a wrong one.
    Lies,
}

/// One source.
#[derive(Debug)]
struct Line {
    /// Bytes a second.
    rate: u64,
    fate: Fate,
    up: bool,
    /// Blocks it was asked for.
    queue: VecDeque<(FileId, BlockIs, usize)>,
    /// When its line is free again.
    free: Time,
    /// Bytes that it sent.
    sent: u64,
    dials: u32,
}

struct World {
    begin: Time,
    now: Time,
    swarm: Swarm,
    lines: BTreeMap<PeerId, Line>,
    /// Bytes a second that the taker can take of all together.
    down: u64,
    down_free: Time,
    bytes: Vec<u8>,
    proofs: Arc<Manifest>,
    got: Vec<u8>,
    came: BTreeMap<ChunkIndex, u64>,
    arrived: bool,
    /// When it was over; what is told afterwards takes no time of anybody.
    over: Option<Time>,
    warnings: Vec<String>,
    failed: bool,
}

impl World {
    fn new(seed: u64, len: usize, lines: &[(u64, Fate)]) -> Self {
        let bytes = content(len);
        let begin = Time(1_000_000_000);
        let line = |&(rate, fate)| Line {
            rate,
            fate,
            up: false,
            queue: VecDeque::new(),
            free: begin,
            sent: 0,
            dials: 0,
        };
        let mut world = Self {
            begin,
            now: begin,
            swarm: Swarm::new(seed),
            lines: (1..).zip(lines).map(|(n, l)| (peer(n), line(l))).collect(),
            down: u64::MAX,
            down_free: begin,
            proofs: Arc::new(manifest(&bytes)),
            got: vec![0; len],
            bytes,
            came: BTreeMap::new(),
            arrived: false,
            over: None,
            warnings: Vec::new(),
            failed: false,
        };
        let holders: Vec<_> = world.lines.keys().copied().collect();
        for &holder in &holders {
            world.swarm.handle_peer(begin, holder);
        }
        let id = blake3::hash(&world.bytes).into();
        let to = "a".parse().unwrap();
        let wanted = Wanted {
            here: None,
            id,
            size: len as u64,
            modified: 0,
            executable: false,
            to,
            asked: "a".into(),
            holders,
            keep: None,
            some: vec![],
        };
        let destination = PathBuf::from("/d");
        world.swarm.handle_job(
            begin,
            Job { id: JobId(1), destination, files: vec![wanted], folders: vec![], background: false },
        );
        world.drain();
        world
    }

    fn drain(&mut self) {
        while let Some(output) = self.swarm.poll_output() {
            match output {
                Output::Dial(p) => {
                    let line = self.lines.get_mut(&p).unwrap();
                    line.dials += 1;
                    line.up = !matches!(line.fate, Fate::Dies(after) if self.now.since(self.begin) >= after);
                    if line.up {
                        self.swarm.handle_up(self.now, p);
                    } else {
                        self.swarm.handle_down(self.now, p);
                    }
                }
                Output::Drop(p, _) => {
                    let line = self.lines.get_mut(&p).unwrap();
                    line.up = false;
                    line.queue.clear();
                }
                Output::Ask(p, _, message) => self.asked(p, message),
                Output::Lanes(p, count) => self.swarm.handle_lanes(self.now, p, count, true),
                Output::Disk(command) => self.disk(command),
                Output::WriteNothing(..) => panic!("the file is not empty"),
                Output::Warning(text) => self.warnings.push(text),
                Output::Event(JobEvent::Finished(_, _, failure)) => {
                    (self.failed, self.over) = (failure.is_some(), Some(self.now));
                }
                Output::Event(_) => {}
            }
        }
    }

    fn asked(&mut self, p: PeerId, message: Message) {
        let line = self.lines.get_mut(&p).unwrap();
        match message {
            Message::GetManifest(m) => {
                let page = m.page as usize * limits::PAGE;
                let values = self.proofs.as_bytes();
                let values = values[page..values.len().min(page + limits::PAGE)].to_vec();
                self.swarm.handle_manifest(self.now, p, &ManifestIs { request: m.request, values });
            }
            Message::GetBlocks(m) => {
                if line.queue.is_empty() {
                    line.free = line.free.max(self.now + LATENCY);
                }
                for (n, item) in (0..).zip(&m.items) {
                    let (mut offset, end) = (item.offset, item.offset + item.len);
                    while offset < end {
                        let len = usize::try_from((end - offset).min(limits::BLOCK as u64)).unwrap();
                        let block = BlockIs { request: m.request, item: n, offset };
                        line.queue.push_back((item.file, block, len));
                        offset += len as u64;
                    }
                }
            }
            Message::GotFile(m) => handle_noted(&mut self.swarm, p, m.request),
            // What is in the line already still comes.
            Message::Cancel(c) => {
                let mut n = 0;
                line.queue.retain(|(_, block, _)| {
                    n += 1;
                    n <= 2 || block.request != c.request
                });
            }
            other => panic!("{other:?}"),
        }
    }

    fn disk(&mut self, command: disk::Command) {
        let event = match command {
            disk::Command::Open(token, _) => disk::Event::Opened(token, vec![], None),
            disk::Command::Publish(token) => {
                assert!(self.got == self.bytes);
                self.arrived = true;
                disk::Event::Arrived(token, Arrival::Saved(PathBuf::new()))
            }
            _ => return,
        };
        self.swarm.handle_disk(self.now, event);
    }

    /// When the next block of a line is there; `None`: there is none.
    fn next_of(&self, line: &Line) -> Option<Time> {
        let &(_, _, len) = line.queue.front()?;
        let begun = line.free.since(self.begin);
        let rate = match line.fate {
            Fate::Stalls(after) if begun >= after => return None,
            Fate::Slows(after, factor) if begun >= after => line.rate / factor,
            _ => line.rate,
        };
        let own = line.free + Duration::from_secs_f64(len as f64 / rate as f64);
        let ours = self.down_free + Duration::from_secs_f64(len as f64 / self.down as f64);
        Some(own.max(ours))
    }

    /// Until the file is there, or it failed.
    fn run(&mut self) {
        for _ in 0..100_000 {
            self.deaths();
            let next = self.lines.iter().filter_map(|(p, l)| Some((self.next_of(l)?, *p))).min();
            let Some(due) = self.swarm.poll_timeout() else {
                assert!(self.arrived || self.failed);
                assert!(self.swarm.jobs.downloads.is_empty() && self.swarm.sources.asked.is_empty());
                assert!(self.swarm.sources.by_peer.values().all(|s| s.owed == 0 && s.requests.is_empty()));
                return;
            };
            if let Some((at, p)) = next.filter(|(at, _)| *at <= due) {
                self.now = self.now.max(at);
                self.block(p);
            } else {
                self.now = self.now.max(due);
                self.swarm.handle_timeout(self.now);
            }
            self.drain();
        }
        panic!("it never ends, after {} s: {:?}", self.took(), self.lines);
    }

    /// Cuts the connections whose time has come.
    fn deaths(&mut self) {
        let since = self.now.since(self.begin);
        let dead = self.lines.iter_mut().filter(|(_, l)| {
            let due = matches!(l.fate, Fate::Dies(after) if since >= after);
            due && l.up
        });
        let mut lost = Vec::new();
        for (p, line) in dead {
            line.up = false;
            line.queue.clear();
            lost.push(*p);
        }
        for p in lost {
            self.swarm.handle_down(self.now, p);
            self.drain();
        }
    }

    fn block(&mut self, p: PeerId) {
        let line = self.lines.get_mut(&p).unwrap();
        let Some((_, block, len)) = line.queue.pop_front() else { return };
        line.free = self.now;
        line.sent += len as u64;
        self.down_free = self.now;
        let lies = line.fate == Fate::Lies;
        let target = self.swarm.check_block(p, &block, len).unwrap();
        if !self.swarm.handle_block(self.now, p, &block, len) {
            return;
        }
        let target = target.unwrap();
        let at = usize::try_from(block.offset).unwrap();
        self.got[at..at + len].copy_from_slice(&self.bytes[at..at + len]);
        if lies {
            self.got[at] ^= 1;
        }
        let chunks = Chunks::of(self.bytes.len() as u64).unwrap();
        let came = self.came.entry(target.chunk).or_insert(0);
        assert_eq!(*came, target.offset, "each byte of a chunk is written once, in order");
        *came += len as u64;
        if *came == chunks.len_of(target.chunk) {
            self.came.remove(&target.chunk);
            let good = self.proofs.proves(target.chunk, &proof(chunks, target.chunk, &self.got));
            self.swarm.handle_disk(self.now, disk::Event::Chunk(target.token, target.chunk, good));
        }
    }

    /// Seconds that it took.
    fn took(&self) -> f64 {
        self.over.unwrap_or(self.now).since(self.begin).as_secs_f64()
    }

    /// Bytes that came, as multiples of the file.
    fn copies(&self) -> f64 {
        self.lines.values().map(|l| l.sent).sum::<u64>() as f64 / self.bytes.len() as f64
    }
}

const MIB: usize = 1 << 20;
/// 50 Mbit/s.
const RATE: u64 = 6_250_000;

fn fetched(len: usize, lines: &[(u64, Fate)]) -> World {
    let mut world = World::new(7, len, lines);
    world.run();
    assert!(world.arrived, "{lines:?}");
    println!("{lines:?}: {:.2} s, {:.3} copies", world.took(), world.copies());
    world
}

#[test]
fn two_sources_are_twice_as_fast_as_one() {
    let one = fetched(64 * MIB, &[(RATE, Fate::Lasts)]).took();
    let two = fetched(64 * MIB, &[(RATE, Fate::Lasts); 2]);
    assert!(one / two.took() >= 1.95, "{:.2}", one / two.took());
    assert!(two.copies() < 1.005);
}

#[test]
fn each_gives_what_its_line_allows() {
    let world = fetched(64 * MIB, &[(20 * RATE, Fate::Lasts), (RATE, Fate::Lasts), (RATE / 50, Fate::Lasts)]);
    let ideal = (64 * MIB) as f64 / (RATE as f64 * 21.02);
    assert!(world.took() < ideal * 1.15, "{:.2} s, at best {ideal:.2}", world.took());
    assert!(world.copies() < 1.05);
}

#[test]
fn who_dies_stalls_or_slows_down_in_the_middle_holds_nothing_up() {
    let after = Duration::from_secs(2);
    for fate in [Fate::Dies(after), Fate::Stalls(after), Fate::Slows(after, 1_000)] {
        let world = fetched(32 * MIB, &[(RATE, Fate::Lasts), (RATE, fate)]);
        // Two seconds at both rates, the rest at one.
        let ideal = 2.0 + ((32 * MIB) as f64 / RATE as f64 - 4.0);
        assert!(world.took() < ideal + 1.0, "{fate:?}: {:.2} s, at best {ideal:.2}", world.took());
        assert!(world.copies() < 1.02, "{fate:?}");
    }
}

#[test]
fn a_liar_among_honest_ones_is_named_and_costs_little() {
    let world = fetched(32 * MIB, &[(RATE, Fate::Lasts), (RATE, Fate::Lies), (RATE, Fate::Lasts)]);
    let liar = peer(2).to_string();
    assert!(world.warnings.iter().all(|w| w.contains(&liar)), "{:?}", world.warnings);
    assert_eq!(world.warnings.len(), 2);
    assert!(world.copies() < 1.1);
    assert!(world.took() < (32 * MIB) as f64 / (2.0 * RATE as f64) * 1.1, "{:.2} s", world.took());
}

#[test]
fn of_many_holders_a_few_are_asked_and_each_taker_asks_others() {
    let mut asked = BTreeMap::new();
    for seed in 0..50 {
        let mut world = World::new(seed, 4 * MIB, &[(RATE, Fate::Lasts); 40]);
        world.run();
        let dialled: Vec<_> = world.lines.iter().filter(|(_, l)| l.dials > 0).map(|(p, _)| *p).collect();
        assert_eq!(dialled.len(), limits::FILE_SOURCES);
        for p in dialled {
            *asked.entry(p).or_insert(0) += 1;
        }
    }
    // 400 dials over 40 holders: ten each, were they all alike.
    assert!(asked.len() == 40 && asked.values().all(|&n| n <= 25), "{asked:?}");
    // A small file is not worth a second connection.
    let mut world = World::new(1, MIB / 2, &[(RATE, Fate::Lasts); 4]);
    world.run();
    assert_eq!(world.lines.values().map(|l| l.dials).sum::<u32>(), 1);
}

/// Any lines with any fates, as long as one lasts: the file comes, and little comes twice.
#[test]
fn it_ends_whatever_the_lines_do() {
    for seed in 0..300_u64 {
        let mut z = seed;
        let mut roll = |below: u64| {
            z = z.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (z >> 33) % below
        };
        let mut lines = vec![(RATE / 4 + roll(RATE), Fate::Lasts)];
        for _ in 0..roll(5) {
            let after = Duration::from_millis(roll(1_500));
            let fate = match roll(5) {
                0 => Fate::Dies(after),
                1 => Fate::Stalls(after),
                2 => Fate::Slows(after, 1 + roll(1_000)),
                3 => Fate::Lies,
                _ => Fate::Lasts,
            };
            lines.push((1_000 + roll(RATE), fate));
        }
        let mut world = World::new(seed, MIB + usize::try_from(roll(4 << 20)).unwrap(), &lines);
        world.down = 2 * RATE;
        world.run();
        assert!(world.arrived, "seed {seed}: {lines:?}");
        let least = world.bytes.len() as f64 / lines[0].0 as f64;
        assert!(
            world.took() < least + 8.0,
            "seed {seed}: {:.2} s, {least:.2} alone: {lines:?}",
            world.took()
        );
    }
}
