//! The index of a large network: how long it takes to fill, how much memory, and how long searches and changes take;
//! beside SQLite FTS5 with trigrams, which is what one would take instead, on the same paths in the same run.
//! Times are those that the one thread computes, for it waits for nothing: what else the machine does changes them little.
//! `cargo bench --bench index` measures; `cargo test --bench index` runs all of it once with few files, to show that
//! it still can.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints numbers")]

mod fts;
mod names;

use core::time::Duration;

use potluck::address::Host;
use potluck::content::Entry;
use potluck::identity::PeerId;
use potluck::index::{FileType, Found, INDEX_MEMORY, Index, Query, Search, SearchWords};
use potluck::time::Time;
use rustix::time::{ClockId, clock_gettime};

/// How much is measured.
struct Size {
    owners: u32,
    files: usize,
    rounds: usize,
}

fn peer(n: u32) -> PeerId {
    PeerId(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

fn host(n: u32) -> [Host; 1] {
    [Host { ip: core::net::Ipv4Addr::from(0x0a00_0000 + n).into(), scope: 0 }]
}

/// Memory of this process in MiB, where the system tells it.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1_024.0
}

/// Time that this thread has computed.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Runs `work` once, and returns how long it computed.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = computed();
    let value = work();
    (value, computed() - begin)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Prints the median and the 99th of a hundred.
fn report(name: &str, mut times: Vec<Duration>, hits: u64) {
    times.sort_unstable();
    let at = |share: usize| millis(times[(times.len() * share / 100).min(times.len() - 1)]);
    println!("{name:<44} median {:>8.2} ms  p99 {:>8.2} ms  hits {hits}", at(50), at(99));
}

/// Words of which a search consists, by what they are to show.
fn searches(entries: &[Vec<Entry>]) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut rng = potluck::sim::Rng::new(88);
    let mut any = |count: usize| -> Vec<String> {
        let owner = &entries[usize::try_from(rng.below(entries.len() as u64)).unwrap()];
        let entry = &owner[usize::try_from(rng.below(owner.len() as u64)).unwrap()];
        let path = potluck::index::fold(entry.path.as_str());
        let words = path.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= 3);
        let words: Vec<_> = words.map(str::to_owned).collect();
        (0..count).map(|_| words[usize::try_from(rng.below(words.len() as u64)).unwrap()].clone()).collect()
    };
    let of = |words: &[&str]| words.iter().map(|w| vec![(*w).to_owned()]).collect::<Vec<_>>();
    let common: Vec<_> = (0..20).map(|n| vec![names::word(n)]).collect();
    let rare: Vec<_> = (0..20).map(|n| vec![names::word(40_000 + n)]).collect();
    vec![
        ("common word", common),
        ("rare word", rare),
        ("any word", (0..20).map(|_| any(1)).collect()),
        ("three words", (0..20).map(|_| any(3)).collect()),
        ("two letters, common", of(&["er", "in", "mg", "jp", "st", "pa", "20", "an"])),
        ("two letters, rare", of(&["qz", "jq", "vx", "zq", "wq", "qj", "xz", "kq"])),
        ("one letter, common", of(&["a", "e", "i", "o", "g", "p"])),
        ("one letter, rare", of(&["q", "w", "z", "春"])),
        ("no hit", (0..10).map(|n| vec![format!("zzq{n}xv")]).collect()),
    ]
}

fn query(words: &[String]) -> Query {
    Query::of(SearchWords::new(words.iter().map(String::as_str)).unwrap())
}

fn measure_searches(index: &Index, entries: &[Vec<Entry>], rounds: usize) {
    for (name, all) in searches(entries) {
        let mut hits = 0;
        let times = (0..rounds).flat_map(|_| &all).map(|words| {
            let query = query(words);
            let (found, time): (Found, _) = timed(|| index.search(&query, 100));
            hits += found.hits.len() as u64 + found.more;
            time
        });
        let times = times.collect();
        report(&format!("index: {name}"), times, hits / rounds as u64);
    }
    let mut audio = Query::of(SearchWords::default());
    audio.types.insert(FileType::Audio);
    let run = |_| timed(|| index.search(&audio, 100).more);
    let (more, times): (Vec<_>, Vec<_>) = (0..rounds).map(run).unzip();
    report("index: no word, all audio", times, more[0] + 100);
    // How long others wait while a search is under way.
    let mut search = Search::new(query(&["a".to_owned()]), 100);
    let mut steps = Vec::new();
    loop {
        let (is_done, time) = timed(|| search.advance(index, 1 << 20));
        steps.push(time);
        if is_done {
            break;
        }
    }
    report("index: one step of 1 MiB, one letter", steps, 0);
}

fn measure_changes(index: &mut Index, entries: &[Vec<Entry>], rounds: usize) {
    let (mut removing, mut adding) = (Vec::new(), Vec::new());
    for (n, owner) in (0..).zip(entries).take(rounds.max(2)) {
        let half = owner.len() / 2;
        let removed = owner[..half].iter().map(|e| &e.path);
        removing.push(timed(|| index.apply(Time::ZERO, peer(n), removed, []).unwrap()).1);
        adding.push(timed(|| index.apply(Time::ZERO, peer(n), [], &owner[..half]).unwrap()).1);
    }
    report("index: half of one owner removed", removing, 0);
    report("index: and added again", adding, 0);
    // A thousand rows of one owner who has very many.
    let all: Vec<Entry> = entries.iter().flatten().cloned().collect();
    let large = &all[..all.len() / 2];
    let mut one = Index::new(1 << 40, 1);
    let ((), time) = timed(|| drop(one.set(Time::ZERO, peer(0), &host(0), large)));
    println!("index: one owner of {} files, set: {:.0} ms", one.rows(), millis(time));
    let times = all[all.len() / 2..].chunks(500).take(100).zip(large.chunks(500)).map(|(new, old)| {
        let removed = old.iter().map(|e| &e.path);
        timed(|| one.apply(Time::ZERO, peer(0), removed, new).unwrap()).1
    });
    report("index: 500 of them removed, 500 added", times.collect(), 0);
}

fn main() {
    let is_smoke = !std::env::args().any(|a| a == "--bench");
    let size = if is_smoke {
        Size { owners: 20, files: 100, rounds: 1 }
    } else {
        Size { owners: 1_000, files: 1_000, rounds: 10 }
    };
    let entries: Vec<_> = (0..size.owners).map(|n| names::entries(n.into(), size.files)).collect();
    let text: usize = entries.iter().flatten().map(|e| e.path.as_str().len()).sum();
    println!("{} owners, {} files each, {:.1} MB of paths", size.owners, size.files, text as f64 / 1e6);
    let before = resident();
    let mut index = Index::new(INDEX_MEMORY, 1);
    let ((), time) = timed(|| {
        for (n, entries) in (0..).zip(&entries) {
            index.set(Time::ZERO, peer(n), &host(n), entries).unwrap();
        }
    });
    let charged = index.bytes() as f64 / f64::from(1 << 20);
    println!(
        "index: filled in {:.0} ms; {} owners, {} rows; {charged:.1} MiB charged, {:.1} MiB resident",
        millis(time),
        index.owners(),
        index.rows(),
        resident() - before
    );
    measure_searches(&index, &entries, size.rounds);
    measure_changes(&mut index, &entries, size.rounds);
    drop(index);
    fts::measure(&entries, &searches(&entries));
}
