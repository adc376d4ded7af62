//! All attacks at once against one peer, on links of 100 Mbit/s, by attackers who have half a core: honest peers
//! beside them go on.
//!
//! CI looks for some seconds at what does not depend on time. With `POTLUCK_STRAIN_SECONDS` the attack lasts that
//! long, and how quickly the peer serves and answers is judged, too (docs/TESTING.md). The attackers speak to that
//! peer alone: what fills the link of a downloader with packets is no part of this.

mod attackers;
mod attacks;
mod false_keeper;
mod held;

use core::net::Ipv4Addr;
use core::time::Duration;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};

use potluck::control::{ExitReport, ListRequest, Reply, Request, StatusRequest};
use potluck::sys::clock;

use crate::fiend::address;
use crate::lab::{LATER, Lab, Peer, SOON, pause, wait};
use crate::watch::{assert_holds, assert_well, memory};
use attackers::{Attackers, Target};

/// Nodes of the honest: in the first one is the peer that is attacked.
const TAKER: u32 = 2;
const KEEPER: u8 = 3;
const NEWCOMER: u32 = 4;

/// Nodes of attackers.
const CALLERS: u32 = 5;
const WORDS: u32 = 6;
const ABSENT: u8 = 7;
const GREEDY: u8 = 8;
const ENDLESS: [u8; 2] = [9, 10];
const FALSE_KEEPER: u8 = 11;

/// What the victim shares: a file that is fetched again and again and is not copied to others, two that are, and
/// more that come during the attack ([`late`]). In the folder of the third one an attacker has one more.
const BULK: &str = "bulk.bin";
const SONG: &str = "song.bin";
const README: &str = "project/README";
const HOOK: &str = "project/.git/hooks/post-checkout";

/// Bytes of the file that is fetched.
const SIZE: usize = 32 << 20;

/// How long an attack lasts in CI.
const SHORT: Duration = Duration::from_secs(15);

/// What must hold whoever attacks: memory in KiB, the time until a newcomer is listed and that of an answer, and
/// how much longer a download may take.
const MEMORY: u64 = 200 << 10;
const LISTED: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_millis(200);
const SLOWER: f64 = 2.0;

/// So many answers to `list` may take longer: one waits for what each host announces and does not send, and those
/// behind it know that this was in vain.
const WAITS: usize = ENDLESS.len();

/// What the victim shares as the nth during the attack.
fn late(n: usize) -> String {
    format!("late {n}.bin")
}

/// Bytes that are like no others.
fn content(path: &str) -> Vec<u8> {
    let mut bytes = vec![0; if path == BULK { SIZE } else { 300_000 }];
    blake3::Hasher::new().update(path.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// The word that stands for this content.
fn word(path: &str) -> String {
    format!("b3:{}", blake3::hash(&content(path)))
}

/// The honest peers.
struct Scene {
    victim: Peer,
    taker: Peer,
    keeper: Peer,
    /// Behind the peers, whose logs are in its folder.
    lab: Lab,
}

impl Scene {
    /// They see each other, and what is to be copied is.
    fn new(lab: Lab) -> Self {
        let shared = lab.folder("victim/shared");
        fs::create_dir(shared.join("project")).unwrap();
        for path in [BULK, SONG, README] {
            fs::write(shared.join(path), content(path)).unwrap();
        }
        let victim = lab.peer(1, "victim", &["--copies", "2", "--lend", "64MiB"]);
        wait("what is shared", SOON, || victim.listed(BULK));
        assert!(victim.cli(["copies", "1", BULK]).status.success());
        let keeper = lab.peer(KEEPER.into(), "keeper", &["--copies", "2", "--lend", "1GiB"]);
        let taker = lab.peer(TAKER, "taker", &[]);
        wait("the file", SOON, || taker.offered(BULK));
        wait("copies", LATER, || (victim.status().custody.unwrap().own_whole == 2).then_some(()));
        Self { victim, taker, keeper, lab }
    }

    fn target(&self) -> Target {
        let more: Vec<Ipv4Addr> = (100..110).map(|n| Ipv4Addr::new(10, 77, 0, n)).collect();
        for ip in &more {
            self.lab.netlab(&format!("exec {CALLERS} ip addr add {ip}/24 dev v0"));
        }
        let status = self.victim.status();
        Target {
            lab: self.lab.prefix().to_owned(),
            peer: status.id,
            ports: status.ports,
            file: blake3::hash(&content(BULK)).to_string(),
            size: SIZE as u64,
            addresses: [vec![address(u8::try_from(CALLERS).unwrap())], more].concat(),
        }
    }

    /// Fetches the large file, and forgets it; seconds that this took.
    fn fetch(&self) -> f64 {
        let begin = clock::now();
        let path = self.taker.fetch(&word(BULK));
        let took = clock::now().since(begin).as_secs_f64();
        assert_holds(&path, &content(BULK));
        fs::remove_file(path).unwrap();
        took
    }

    /// Fetches a folder of the victim, in which somebody else has one more file.
    fn fetch_folder(&self) {
        let out = self.taker.cli(["download", "project/", "--from", &self.victim.status().id]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let downloads = self.taker.directory.join("downloads");
        assert_holds(&downloads.join(README), &content(README));
        assert!(!downloads.join(HOOK).exists());
    }

    /// Somebody comes; how long it takes until it and the victim list each other, and what the victim shares.
    fn newcomer(&self) -> (Peer, Duration) {
        let begin = clock::now();
        let newcomer = self.lab.peer(NEWCOMER, "newcomer", &[]);
        wait("the newcomer is listed", LATER, || self.victim.sees(&newcomer).then_some(()));
        wait("it lists the victim", LATER, || newcomer.sees(&self.victim).then_some(()));
        wait("it lists what is shared", LATER, || newcomer.offered(SONG));
        (newcomer, clock::now().since(begin))
    }

    /// The victim begins to leave, and says of which files there are copies. What it sends goes on.
    fn exit(&self) -> (ExitReport, Child) {
        let mut exit = self.victim.begin(["exit", "--json"]);
        let said = BufReader::new(exit.stdout.take().unwrap());
        let reply = said.lines().find_map(|line| match serde_json::from_str(&line.unwrap()).unwrap() {
            Reply::ExitReport(report) => Some(report),
            _ => None,
        });
        (reply.expect("a report"), exit)
    }
}

/// How the victim was while it was attacked.
#[derive(Debug, Default)]
struct Watched {
    /// Times of its answers.
    list: Vec<Duration>,
    status: Vec<Duration>,
    /// The most that its memory was, in KiB.
    memory: u64,
}

impl Watched {
    /// Looks four times a second until it is to stop.
    fn until(is_stopped: &AtomicBool, victim: &Peer) -> Self {
        let mut watched = Self::default();
        let list = ListRequest { pattern: Some(SONG.to_owned()), ..ListRequest::default() }.into();
        while !is_stopped.load(Ordering::Relaxed) {
            watched.list.push(answered(victim, &list));
            watched.status.push(answered(victim, &StatusRequest::default().into()));
            watched.memory = watched.memory.max(memory(victim));
            pause(Duration::from_millis(250));
        }
        watched.list.sort();
        watched.status.sort();
        watched
    }
}

/// Says stop, also when a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How long the whole answer to this took.
fn answered(victim: &Peer, request: &Request) -> Duration {
    let begin = clock::now();
    let replies = victim.try_ask(request).unwrap();
    assert!(replies.len() > 1, "{replies:?}");
    clock::now().since(begin)
}

/// The middle one and the longest of these.
fn told(times: &[Duration]) -> String {
    let slow = times.iter().filter(|time| **time > ANSWER).count();
    let [middle, longest] = [times.len() / 2, times.len() - 1].map(|n| times[n]);
    format!("{middle:?}, {longest:?} at most, {slow} of {} above {ANSWER:?}", times.len())
}

#[test]
fn all_attacks_at_once_leave_everyone_else_a_share() {
    let Some(lab) = Lab::of("up 11 100mbit") else { return };
    let seconds = std::env::var("POTLUCK_STRAIN_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    let (is_judged, time) = (seconds.is_some(), seconds.map_or(SHORT, Duration::from_secs));
    let mut scene = Scene::new(lab);
    let alone: Vec<f64> = (0..if is_judged { 5 } else { 1 }).map(|_| scene.fetch()).collect();
    let mut attackers = Attackers::start(&scene.target(), is_judged);
    let begin = clock::now();
    let is_stopped = AtomicBool::new(false);
    let mut beside = Vec::new();
    let (watched, (newcomer, listed)) = std::thread::scope(|scope| {
        let stop = Stop(&is_stopped);
        let watching = scope.spawn(|| Watched::until(&is_stopped, &scene.victim));
        let coming = scope.spawn(|| scene.newcomer());
        // A false keeper has nothing to accept unless something more is shared once it is there, which is late where
        // the attackers get little of the machine.
        let working = scope.spawn(|| attackers.wait_until_all_work());
        while clock::now().since(begin) < time || !working.is_finished() {
            let late = late(beside.len());
            fs::write(scene.victim.directory.join("shared").join(&late), content(&late)).unwrap();
            beside.push(scene.fetch());
        }
        working.join().unwrap();
        let come = coming.join().unwrap();
        drop(stop);
        (watching.join().unwrap(), come)
    });
    scene.fetch_folder();
    assert_well(&scene.victim);
    let (report, mut exit) = scene.exit();
    let lasted = clock::now().since(begin).as_secs_f64();
    println!("{:.2} of a core for {lasted:.0} s", attackers.seconds_of_core() / lasted);
    let attacks = attackers.end();
    exit.wait().unwrap();
    scene.victim.ended(SOON);
    println!("{attacks:#?}");
    println!("{} MiB alone in {alone:.2?} s, beside the attack in {beside:.2?} s", SIZE >> 20);
    println!("a newcomer is listed after {listed:?}; memory {} KiB at most", watched.memory);
    println!("list {}", told(&watched.list));
    println!("status {}", told(&watched.status));
    assert!(attacks.len() > 10);
    assert!(watched.memory < MEMORY, "{} KiB", watched.memory);
    let all = (0..beside.len()).map(late).chain([BULK, SONG, README].map(str::to_owned));
    assert_true(&report, &all.collect::<Vec<_>>(), &newcomer);
    [&scene.taker, &scene.keeper, &newcomer].into_iter().for_each(assert_well);
    if is_judged {
        assert!(mean(&beside) < SLOWER * mean(&alone), "{beside:.2?} s instead of {alone:.2?} s");
        assert!(listed < LISTED, "{listed:?}");
        assert!(watched.status.last().unwrap() < &ANSWER, "{}", told(&watched.status));
        assert!(watched.list.iter().rev().nth(WAITS).unwrap() < &ANSWER, "{}", told(&watched.list));
    }
}

fn mean(seconds: &[f64]) -> f64 {
    seconds.iter().sum::<f64>() / seconds.len() as f64
}

/// What is said to be kept can be had, by as many as it is said; what is not is said to be lost.
fn assert_true(report: &ExitReport, all: &[String], taker: &Peer) {
    println!("{report:?}");
    let lost: Vec<&str> = report.not_kept.iter().map(|file| file.path.as_str()).collect();
    assert!(lost.contains(&BULK), "{report:?}");
    let kept: Vec<&String> = all.iter().filter(|path| !lost.contains(&path.as_str())).collect();
    for path in &kept {
        let word = word(path);
        let is_there = || taker.list().into_iter().any(|row| row.away && word.ends_with(&row.id));
        wait("what others keep", LATER, || is_there().then_some(()));
        assert_holds(&taker.fetch(&word), &content(path));
    }
    // One honest peer lends, and the other one that says so keeps nothing.
    assert_eq!((report.total, report.safe, report.once), (all.len() as u64, 0, kept.len() as u64));
}
