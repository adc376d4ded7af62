//! Whatever sources say, one thing after the other, the machine holds together: for fuzzing and property tests.
//!
//! The bytes of an input choose what happens. All of it is well-formed, and what comes from the disk workers and
//! the connections keeps to the order in which they speak; what the sources say is up to the input.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::requests::PendingRequest;
use super::*;
use crate::content::manifest::{ChunkHasher, ManifestBuilder};
use crate::content::{Chunks, Manifest};
use crate::disk::Arrival;
use crate::identity::PublicKey;
use crate::wire::message::{BlockIs, HavesIs, ManifestIs, Reason, Refused};

/// Sources that there may be.
const PEERS: u8 = 5;

/// Bytes of the files that are fetched: one chunk, and several.
const SIZES: [u64; 3] = [0, 5_000, 300_000];

/// What was asked of sources and may still be answered, at most.
const ASKED: usize = 256;

struct World<'b> {
    bytes: core::slice::Iter<'b, u8>,
    now: Time,
    swarm: Swarm,
    manifests: Vec<Manifest>,
    dialling: BTreeSet<PeerId>,
    up: BTreeSet<PeerId>,
    asked: Vec<(PeerId, Message)>,
    /// Bytes of each chunk that came, of the files that are open.
    came: BTreeMap<(FileToken, ChunkIndex), u64>,
    open: BTreeMap<FileToken, Chunks>,
    jobs: u64,
}

/// Lets happen what the bytes say.
///
/// # Panics
/// When the machine does not hold together.
pub fn run(bytes: &[u8]) {
    let manifests = SIZES.map(manifest).into();
    let mut world = World {
        bytes: bytes.iter(),
        now: Time(1_000_000_000),
        swarm: Swarm::new(1),
        manifests,
        dialling: BTreeSet::new(),
        up: BTreeSet::new(),
        asked: Vec::new(),
        came: BTreeMap::new(),
        open: BTreeMap::new(),
        jobs: 0,
    };
    while world.step().is_some() {
        world.drain();
        world.check();
    }
    for job in 0..=world.jobs {
        world.swarm.handle_cancel(world.now, JobId(job));
    }
    world.drain();
    let left = world.swarm.jobs.downloads.keys().collect::<Vec<_>>();
    assert!(left.is_empty() && world.swarm.jobs.running.is_empty(), "{left:?} is left of what was cancelled");
}

/// The manifest of a file of zeroes.
fn manifest(size: u64) -> Manifest {
    let chunks = Chunks::of(size).expect("it is a small file");
    let mut builder = ManifestBuilder::new(chunks);
    for index in chunks.iter() {
        let mut hasher = ChunkHasher::new(chunks, index);
        hasher.update(&vec![0; usize::try_from(chunks.len_of(index)).expect("it is a small file")]);
        builder.push(hasher.finish().expect("all of it was hashed"));
    }
    builder.finish().expect("each chunk was")
}

fn peer(n: u8) -> PeerId {
    PublicKey([n % PEERS; 32]).peer_id()
}

impl World<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.bytes.next().copied()
    }

    /// One thing happens; `None`: the input is at its end.
    fn step(&mut self) -> Option<()> {
        let (what, n) = (self.byte()?, self.byte()?);
        let (now, p) = (self.now, peer(n));
        match what % 13 {
            0 => self.swarm.handle_peer(now, p),
            1 => {
                self.dialling.remove(&p);
                self.up.remove(&p);
                self.swarm.handle_gone(now, p);
            }
            2 if self.dialling.remove(&p) => {
                self.up.insert(p);
                self.swarm.handle_up(now, p);
            }
            3 if self.dialling.remove(&p) || self.up.remove(&p) => self.swarm.handle_down(now, p),
            4 | 5 => self.block(n)?,
            6 => self.values(n)?,
            7 => self.refuse(n)?,
            8 => self.haves(n)?,
            9 => {
                self.now = now + Duration::from_millis(u64::from(n) * 40);
                if self.swarm.poll_timeout().is_some_and(|due| due <= self.now) {
                    self.swarm.handle_timeout(self.now);
                }
            }
            10 => self.fetch(n),
            11 if self.up.contains(&p) => {
                self.swarm.handle_lanes(now, p, 1 + n / PEERS % 8, n >= 128);
            }
            12 => {
                let claim = self.claim(n);
                self.swarm.handle_swarm(now, claim, &[p]);
            }
            _ => self.swarm.handle_cancel(now, JobId(u64::from(n))),
        }
        Some(())
    }

    fn claim(&self, n: u8) -> Claim {
        let manifest = &self.manifests[usize::from(n) % self.manifests.len()];
        (manifest.file(), manifest.chunks().size())
    }

    /// A file is to be fetched of some sources.
    fn fetch(&mut self, n: u8) {
        self.jobs += 1;
        let (id, size) = self.claim(n);
        let holders = (0..PEERS).filter(|bit| n >> bit & 1 == 1).map(peer).collect();
        let wanted = Wanted {
            here: None,
            id,
            size,
            modified: 0,
            executable: false,
            asked: "a".into(),
            to: "a".parse().expect("it is a path"),
            holders,
            keep: None,
            some: Vec::new(),
        };
        let job = Job {
            id: JobId(self.jobs),
            destination: PathBuf::from("/d"),
            files: vec![wanted],
            folders: Vec::new(),
            background: n >= 128,
        };
        self.swarm.handle_job(self.now, job);
    }

    /// One of the requests that may be answered, and by whom.
    fn request(&self, n: u8) -> Option<(PeerId, &Message)> {
        let (peer, message) = self.asked.get(usize::from(n) % self.asked.len().max(1))?;
        self.up.contains(peer).then_some((*peer, message))
    }

    /// Its connection ends, because of what it said.
    fn end(&mut self, p: PeerId) {
        self.up.remove(&p);
        self.swarm.handle_down(self.now, p);
    }

    fn block(&mut self, n: u8) -> Option<()> {
        let (item, part, len) = (self.byte()?, self.byte()?, self.byte()?);
        let Some((p, message)) = self.request(n) else { return Some(()) };
        let request = message.request();
        let offset = match message {
            Message::GetBlocks(m) => m.items.get(usize::from(item)).map_or(0, |i| i.offset),
            _ => 0,
        };
        let block = BlockIs { request, item: item.into(), offset: offset + u64::from(part) * 4_096 };
        let len = (usize::from(len) + 1) * 512;
        let Ok(target) = self.swarm.check_block(p, &block, len) else {
            self.end(p);
            return Some(());
        };
        if self.swarm.handle_block(self.now, p, &block, len)
            && let Some(BlockTarget { token, chunk, .. }) = target
            && let Some(chunks) = self.open.get(&token)
        {
            let came = self.came.entry((token, chunk)).or_insert(0);
            *came += len as u64;
            if *came >= chunks.len_of(chunk) {
                self.came.remove(&(token, chunk));
                self.swarm.handle_disk(self.now, disk::Event::Chunk(token, chunk, item < 200));
            }
        }
        Some(())
    }

    fn values(&mut self, n: u8) -> Option<()> {
        let lie = self.byte()?;
        let Some((p, Message::GetManifest(m))) = self.request(n) else { return Some(()) };
        let known = self.manifests.iter().find(|known| known.file() == m.file);
        let mut values = known.map_or_else(Vec::new, |known| known.as_bytes().to_vec());
        if let Some(value) = values.get_mut(usize::from(lie)) {
            *value ^= 1;
        }
        let page = ManifestIs { request: m.request, values };
        self.swarm.handle_manifest(self.now, p, &page);
        Some(())
    }

    fn refuse(&mut self, n: u8) -> Option<()> {
        let (why, item) = (self.byte()?, self.byte()?);
        let Some((p, message)) = self.request(n) else { return Some(()) };
        let reasons = [Reason::NotOffered, Reason::Busy, Reason::Unknown, Reason::Changed, Reason::Other];
        let reason = reasons[usize::from(why) % reasons.len()];
        let item = (item < 200).then_some(u32::from(item));
        self.swarm.handle_refused(self.now, p, &Refused { request: message.request(), item, reason });
        Some(())
    }

    fn haves(&mut self, n: u8) -> Option<()> {
        let (len, bits, more) = (self.byte()?, self.byte()?, self.byte()?);
        let Some((p, message)) = self.request(n) else { return Some(()) };
        let more = if more < 128 { vec![more.into()] } else { Vec::new() };
        let haves = HavesIs { request: message.request(), map: vec![bits; usize::from(len % 4)], more };
        if self.swarm.handle_haves(self.now, p, &haves).is_err() {
            self.end(p);
        }
        Some(())
    }

    /// What the machine wants done is done.
    fn drain(&mut self) {
        while let Some(output) = self.swarm.poll_output() {
            match output {
                Output::Dial(p) => {
                    assert!(!self.up.contains(&p) && self.dialling.insert(p), "it is dialled twice");
                }
                Output::Drop(p, _) => {
                    self.up.remove(&p);
                    self.dialling.remove(&p);
                    self.asked.retain(|(asked, _)| *asked != p);
                }
                Output::Ask(p, _, message) => {
                    assert!(self.up.contains(&p), "who is not connected is asked");
                    self.asked.push((p, message));
                    if self.asked.len() > ASKED {
                        self.asked.remove(0);
                    }
                }
                Output::Disk(command) => self.disk(command),
                Output::WriteNothing(token, chunk) => {
                    self.swarm.handle_disk(self.now, disk::Event::Chunk(token, chunk, true));
                }
                Output::Lanes(..) | Output::Event(_) | Output::Warning(_) => {}
            }
        }
    }

    fn disk(&mut self, command: disk::Command) {
        let event = match command {
            disk::Command::Open(token, plan) => {
                self.open.insert(token, Chunks::of(plan.size).expect("the size is one of ours"));
                disk::Event::Opened(token, Vec::new(), None)
            }
            disk::Command::Copy(token, ..) => disk::Event::NotCopied(token),
            disk::Command::Publish(token) => {
                self.open.remove(&token);
                disk::Event::Arrived(token, Arrival::Saved(PathBuf::new()))
            }
            disk::Command::Close(token) => {
                self.open.remove(&token);
                return;
            }
            _ => return,
        };
        self.swarm.handle_disk(self.now, event);
    }

    /// What each source owes is what was asked of it and has not come.
    fn check(&self) {
        let mut owed = BTreeMap::<PeerId, u64>::new();
        for (p, asked) in self.swarm.sources.asked.values() {
            let left = match asked {
                PendingRequest::Blocks(items) => items.iter().map(|item| item.left).sum(),
                PendingRequest::Any(any) => any.left,
                PendingRequest::Manifest(_) | PendingRequest::Haves(_) => 0,
            };
            *owed.entry(*p).or_default() += left;
        }
        for (p, source) in &self.swarm.sources.by_peer {
            let asked = owed.remove(p).unwrap_or_default();
            assert_eq!(source.owed, asked, "{p} owes something else than was asked of it");
            assert!(source.requests.iter().all(|request| self.swarm.sources.asked.contains_key(request)));
        }
        assert!(owed.is_empty(), "something is asked of those who are not known");
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::with_bytes;

    #[test]
    fn whatever_sources_say_the_machine_holds_together() {
        with_bytes(100, 3_000, super::run);
    }
}
