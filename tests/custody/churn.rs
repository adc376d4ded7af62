//! Many peers that come and go: how evenly they are loaded, and how much repair moves.

use std::collections::BTreeMap;
use std::time::Duration;

use potluck::content::FileId;
use potluck::limits;
use potluck::time::Time;

use crate::world::{World, config, entry, id_of};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What has to be moved: for each file that has too few copies for longer than the delay, those that it
/// lacks. One copy left of an absent owner's file is not waited for.
struct Oracle {
    sizes: BTreeMap<FileId, (usize, u64)>,
    below: BTreeMap<FileId, (Time, u32, bool)>,
    needed: u64,
    copies: u32,
}

impl Oracle {
    fn look(&mut self, world: &mut World) {
        for file in std::mem::take(&mut world.touched) {
            let Some((owner, size)) = self.sizes.get(&file).copied() else { continue };
            let is_home = world.peers[owner].machine.is_some();
            let copies = world.kept_copies(file, size) + u32::from(is_home);
            if copies >= self.copies {
                self.close(world.now, file, size);
            } else {
                let (_, worst, urgent) = self.below.entry(file).or_insert((world.now, 0, false));
                *worst = (*worst).max(self.copies - copies);
                *urgent |= copies <= 1 && !is_home;
            }
        }
    }

    fn close(&mut self, now: Time, file: FileId, size: u64) {
        if let Some((since, worst, urgent)) = self.below.remove(&file)
            && (urgent || now.since(since) > limits::REPAIR_DELAY)
        {
            self.needed += size * u64::from(worst);
        }
    }
}

/// Peers that share so many files together; whose each is, and its size.
fn crowd(seed: u64, peers: usize, files: usize) -> (World, BTreeMap<FileId, (usize, u64)>) {
    let mut world = World::new(seed, peers, config(3, 10 << 30));
    let mut sizes = BTreeMap::new();
    for peer in 0..peers {
        let entries: Vec<_> = (0..files / peers)
            .map(|n| {
                let size = 1 << (16 + world.rng.below(9));
                let entry = entry(&format!("f{n}"), (peer * 1_000 + n) as u64, size);
                sizes.insert(id_of(&entry), (peer, size));
                entry
            })
            .collect();
        world.share(peer, entries);
    }
    (world, sizes)
}

#[expect(clippy::print_stdout, reason = "numbers to be read with --nocapture")]
fn churn(seed: u64, peers: usize, files: usize, hours: u64) {
    let (mut world, sizes) = crowd(seed, peers, files);
    world.start_all();
    world.run(s(600));
    let placed = sizes.iter().filter(|(f, (_, size))| world.kept_copies(**f, *size) >= 2).count();
    assert_eq!(placed, sizes.len(), "all files have their copies after ten minutes");
    let total: u64 = sizes.values().map(|(_, size)| size).sum();
    assert_eq!(world.moved, 2 * total, "each was moved once");
    let load = |world: &World| {
        let loads: Vec<u64> = (0..peers).map(|p| world.load(p)).filter(|l| *l > 0).collect();
        let mean = loads.iter().sum::<u64>() / loads.len() as u64;
        (loads.iter().max().copied().unwrap_or(0), mean)
    };
    let (most, mean) = load(&world);
    println!(
        "seed {seed}: {peers} peers, {files} files: most {most}, mean {mean}, messages {}",
        world.messages
    );
    assert!(most <= 2 * mean, "the fullest keeps {most}, all on average {mean}");

    let mut oracle = Oracle { sizes, below: BTreeMap::new(), needed: 0, copies: 3 };
    world.moved = 0;
    world.touched.clear();
    let began = world.now;
    let mut returns: BTreeMap<Time, usize> = BTreeMap::new();
    let step = Duration::from_secs(36_000) / u32::try_from(peers).unwrap();
    let mut next = began + step;
    while world.now < began + s(3_600 * hours) {
        let until = returns.first_key_value().map_or(next, |(at, _)| next.min(*at));
        let wait = until.since(world.now);
        world.run_while(wait, |w| {
            // Each event may touch files; they are looked at below, before time passes.
            !w.touched.is_empty()
        });
        oracle.look(&mut world);
        if world.now < until {
            continue;
        }
        if let Some((at, peer)) =
            returns.first_key_value().map(|(a, p)| (*a, *p)).filter(|(a, _)| *a <= world.now)
        {
            returns.remove(&at);
            world.start(peer);
        } else if next <= world.now {
            next = next + step;
            let peer = usize::try_from(world.rng.below(peers as u64)).unwrap();
            if world.peers[peer].machine.is_some() {
                world.crash(peer);
                let away = s(60) + world.rng.time(s(3_600));
                returns.insert(world.now + away, peer);
            }
        }
        oracle.look(&mut world);
    }
    let open: Vec<_> = oracle.below.keys().copied().collect();
    for file in open {
        let (_, size) = oracle.sizes[&file];
        oracle.close(world.now, file, size);
    }
    let (moved, needed) = (world.moved, oracle.needed);
    println!(
        "seed {seed}: {hours} hours of churn: moved {moved}, needed {needed}, messages {}",
        world.messages
    );
    assert!(moved * 2 <= needed * 3, "moved {moved}, needed {needed}");
    let lost = oracle
        .sizes
        .iter()
        .filter(|(f, (o, size))| world.kept_copies(**f, *size) == 0 && world.peers[*o].machine.is_none());
    assert_eq!(lost.count(), 0, "every file can be had");
}

#[test]
fn a_hundred_peers_share_the_load_and_move_little() {
    for seed in 1..=2 {
        churn(seed, 100, 1_000, 4);
    }
}

#[test]
#[ignore = "a few minutes: a thousand peers and ten thousand files"]
fn a_thousand_peers_share_the_load_and_move_little() {
    churn(1, 1_000, 10_000, 6);
}
