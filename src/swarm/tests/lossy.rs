//! One source over several connections, of which some get stuck, or at the end of a long path, in virtual
//! time. Tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::world::{content, manifest, named, peer};
use crate::content::{Chunks, Manifest};
use crate::disk::Arrival;
use crate::swarm::download::FileDownload;
use crate::swarm::limits;
use crate::swarm::{Wanted, *};
use crate::wire::message::BlockIs;

/// One block on the way, over whichever connection: 64 KiB at 12.5 MB/s.
const BLOCK: Duration = Duration::from_millis(5);

/// Connections that give nothing.
type Stuck = fn(u8) -> bool;

struct World {
    now: Time,
    swarm: Swarm,
    proofs: Arc<Manifest>,
    /// From a question to its answer.
    round_trip: Duration,
    /// Of each connection, the blocks asked for, and when they can be here.
    lanes: BTreeMap<u8, VecDeque<(Time, BlockIs, usize)>>,
    /// Bytes of each chunk that came.
    came: BTreeMap<ChunkIndex, u64>,
    sent: u64,
    widened: u8,
    over: Option<Time>,
}

impl World {
    fn new(len: usize) -> Self {
        Self::far(len, Duration::ZERO)
    }

    fn far(len: usize, round_trip: Duration) -> Self {
        let bytes = content(len);
        let now = Time(1_000_000_000);
        let mut swarm = Swarm::new(1);
        swarm.handle_peer(now, peer(1));
        let (id, to, holders) = (blake3::hash(&bytes).into(), "a".parse().unwrap(), vec![peer(1)]);
        let size = len as u64;
        let wanted = Wanted {
            here: None,
            id,
            size,
            modified: 0,
            executable: false,
            to,
            asked: "a".into(),
            holders,
            keep: None,
            some: vec![],
        };
        let job = Job {
            id: JobId(1),
            destination: PathBuf::from("/d"),
            files: vec![wanted],
            folders: vec![],
            background: false,
        };
        swarm.handle_job(now, job);
        let proofs = Arc::new(manifest(&bytes));
        let (lanes, came) = (BTreeMap::new(), BTreeMap::new());
        let mut world = Self { now, swarm, proofs, round_trip, lanes, came, sent: 0, widened: 0, over: None };
        world.drain();
        world
    }

    fn drain(&mut self) {
        while let Some(output) = self.swarm.poll_output() {
            match output {
                Output::Dial(p) => self.swarm.handle_up(self.now, p),
                Output::Drop(_, why) => panic!("it is dropped: {why}"),
                Output::Lanes(p, count) => {
                    self.widened = count;
                    // They stand one after another.
                    for n in 2..=count {
                        self.swarm.handle_lanes(self.now, p, n, n == count);
                    }
                }
                Output::Ask(_, lane, Message::GetBlocks(m)) => {
                    for (item, wanted) in (0..).zip(&m.items) {
                        for at in (0..wanted.len).step_by(limits::BLOCK) {
                            let block = BlockIs { request: m.request, item, offset: wanted.offset + at };
                            let len = usize::try_from(wanted.len - at).unwrap().min(limits::BLOCK);
                            let there = self.now + self.round_trip;
                            self.lanes.entry(lane).or_default().push_back((there, block, len));
                        }
                    }
                }
                // What was asked for on a connection that is stuck is in the kernel of its sender.
                Output::Ask(_, _, Message::Cancel(_)) => {}
                Output::Ask(peer, _, Message::GotFile(m)) => handle_noted(&mut self.swarm, peer, m.request),
                Output::Disk(disk::Command::Open(token, _)) => {
                    let opened = disk::Event::Opened(token, vec![], Some(Arc::clone(&self.proofs)));
                    self.swarm.handle_disk(self.now, opened);
                }
                Output::Disk(disk::Command::Publish(token)) => {
                    let arrived = disk::Event::Arrived(token, Arrival::Saved(PathBuf::new()));
                    self.swarm.handle_disk(self.now, arrived);
                }
                Output::Event(JobEvent::Finished(_, 1, None)) => self.over = Some(self.now),
                Output::Event(_) | Output::Disk(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// For this long, or until the file is there; one connection after the other gives a block.
    fn run(&mut self, time: Duration, stuck: Stuck) {
        let end = self.now + time;
        let mut turn = 0;
        while self.now < end && self.over.is_none() {
            let next = self.now + BLOCK;
            let able = |(&lane, blocks): (&u8, &VecDeque<(Time, BlockIs, usize)>)| {
                blocks.front().is_some_and(|(there, ..)| *there <= next) && !stuck(lane)
            };
            let able: Vec<u8> = self.lanes.iter().filter(|l| able(*l)).map(|(lane, _)| *lane).collect();
            turn += 1;
            if let Some(lane) = able.get(turn % able.len().max(1)) {
                self.now = self.now + BLOCK;
                self.give(*lane);
            } else {
                let first = self.lanes.iter().filter(|(lane, _)| !stuck(**lane));
                let first = first.filter_map(|(_, blocks)| blocks.front().map(|(there, ..)| *there - BLOCK));
                self.now = self.now.max(first.chain(self.swarm.poll_timeout()).min().unwrap());
            }
            self.swarm.handle_timeout(self.now);
            self.drain();
        }
    }

    fn give(&mut self, lane: u8) {
        let (_, block, len) = self.lanes.get_mut(&lane).and_then(VecDeque::pop_front).unwrap();
        self.sent += len as u64;
        let target = self.swarm.check_block(peer(1), &block, len).unwrap();
        if !self.swarm.handle_block(self.now, peer(1), &block, len) {
            return;
        }
        let target = target.unwrap();
        let came = self.came.entry(target.chunk).or_insert(0);
        assert_eq!(*came, target.offset, "each byte of a chunk is written once, in order");
        *came += len as u64;
        if *came == self.proofs.chunks().len_of(target.chunk) {
            self.swarm.handle_disk(self.now, disk::Event::Chunk(target.token, target.chunk, true));
        }
    }
}

const MIB: usize = 1 << 20;

#[test]
fn a_silence_brings_more_connections_before_it_ends() {
    let mut world = World::new(16 * MIB);
    world.run(Duration::from_millis(300), |_| false);
    assert_eq!(world.widened, 0);
    let before = world.now;
    world.run(Duration::from_millis(200), |_| true);
    assert_eq!(world.widened, limits::LANES);
    // The first one does not come back: the others go on at the full rate, and give its last blocks, too.
    world.run(Duration::from_secs(5), |lane| lane == 0);
    let over = world.over.expect("it arrives");
    let least = BLOCK * Chunks::of(16 << 20).unwrap().count();
    assert!(over.since(before) < least + Duration::from_millis(200), "{:?}", over.since(before));
}

#[test]
fn what_is_stuck_at_the_end_is_asked_for_again_over_another() {
    let mut world = World::new(16 * MIB);
    world.run(Duration::from_millis(300), |_| false);
    world.run(Duration::from_millis(200), |_| true);
    // All work till shortly before the end; then three are stuck.
    world.run(Duration::from_millis(800), |_| false);
    assert!(world.over.is_none());
    let begin = world.now;
    world.run(Duration::from_secs(5), |lane| lane < 3);
    let over = world.over.expect("it arrives");
    assert!(over.since(begin) < Duration::from_millis(600), "{:?}", over.since(begin));
    // What comes late goes nowhere, and does no harm.
    for lane in 0..3 {
        while world.lanes.get(&lane).is_some_and(|l| !l.is_empty()) {
            world.give(lane);
        }
    }
    assert!(world.sent <= (16 * MIB) as u64 + 3 * limits::LANE_AHEAD, "{}", world.sent);
}

/// What was asked comes 300 ms later: as much has to be owed as the path holds, or it is empty most of the
/// time.
#[test]
fn a_long_path_is_kept_full() {
    let mut world = World::far(64 * MIB, Duration::from_millis(300));
    let begin = world.now;
    world.run(Duration::from_secs(60), |_| false);
    let took = world.over.expect("it arrives").since(begin);
    // Each chunk is a block of its own.
    let line = BLOCK * world.proofs.chunks().count();
    assert!(took < line + Duration::from_millis(1_500), "{took:?}, and {line:?} at least");
}

/// Chunks of a large file: each connection has one of its own.
#[test]
fn large_chunks_use_all_connections() {
    let chunks = Chunks::of(16 << 30).unwrap();
    let known = Arc::new(Manifest::made_up(16 << 30));
    let what = named(known.file(), chunks, &[peer(1)]);
    let mut download = FileDownload::new(Time(1), FileToken(9), JobId(9), what, chunks, false, 0);
    download.opened(&[], Some(&known));
    let range = |d: &mut FileDownload, lane| d.next_range(peer(1), lane, limits::LANE_AHEAD, false).unwrap();
    let first: Vec<_> = (0..8).map(|lane| range(&mut download, lane).chunk).collect();
    let second: Vec<_> = (0..8).map(|lane| range(&mut download, lane).chunk).collect();
    assert_eq!(first, second);
    assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 8);
}
