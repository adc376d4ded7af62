//! The attackers, in a process of their own: the test program, run again. It is told whom to attack by its
//! environment, and when by its standard input; what it did it says on its standard output.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use potluck::content::FileId;
use potluck::identity::PeerId;
use potluck::sys::clock;
use serde::{Deserialize, Serialize};

use super::attacks::{self, Tools};
use super::held::{HalfCore, seconds_of_core};
use crate::lab::{LATER, Lab, pause};

/// In this variable the process of the attackers finds whom to attack.
const TARGET: &str = "POTLUCK_STRAIN_TARGET";

/// Whom to attack, and what is known of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Target {
    /// [`Lab::prefix`].
    pub(super) lab: String,
    /// The id of the peer in node 1.
    pub(super) peer: String,
    /// Its ports.
    pub(super) ports: [u16; 4],
    /// A file that it shares, and the bytes of that.
    pub(super) file: String,
    pub(super) size: u64,
    /// Further addresses of [`super::CALLERS`].
    pub(super) addresses: Vec<Ipv4Addr>,
}

impl Target {
    pub(super) fn peer(&self) -> PeerId {
        self.peer.parse().unwrap()
    }

    pub(super) fn file(&self) -> FileId {
        self.file.parse().unwrap()
    }
}

/// The running attackers. They end when this is dropped.
pub(super) struct Attackers {
    child: Child,
    said: BufReader<ChildStdout>,
    /// Behind the process, which ends before its group.
    _held: Option<HalfCore>,
    /// What they took of a core before they were held.
    before: f64,
}

impl Attackers {
    /// Has them make ready, holds them, and lets them loose. Where control groups cannot be made, `must` says
    /// whether that is an error.
    pub(super) fn start(target: &Target, must: bool) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "everything::attackers::attack", "--ignored", "--nocapture"])
            .env(TARGET, serde_json::to_string(target).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        while line(&mut said) != "ready" {}
        let held = HalfCore::new(&target.lab).and_then(|half| half.hold(child.id()).map(|()| half));
        let _held = match held {
            Ok(half) => Some(half),
            Err(e) if must => panic!("the attackers cannot be held to half a core: {e}"),
            Err(e) => {
                println!("the attackers are not held to half a core: {e}");
                None
            }
        };
        let before = seconds_of_core(child.id());
        child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        Self { child, said, _held, before }
    }

    /// Seconds of a core that they took since they were let loose.
    pub(super) fn seconds_of_core(&self) -> f64 {
        seconds_of_core(self.child.id()) - self.before
    }

    /// Waits until each attack did something.
    pub(super) fn wait_until_all_work(&mut self) {
        while line(&mut self.said) != "all work" {}
    }

    /// Ends them; how often each attack did something.
    pub(super) fn end(mut self) -> Vec<(String, u64)> {
        self.child.stdin.as_mut().unwrap().write_all(b"end\n").unwrap();
        let mut all = Vec::new();
        loop {
            let line = line(&mut self.said);
            match line.rsplit_once(": ") {
                _ if line == "ended" => return all,
                Some((name, count)) => all.extend(count.parse().ok().map(|count| (name.to_owned(), count))),
                None => {}
            }
        }
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        // It fails when they have ended, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The next line that they say. Panics when they are gone.
fn line(said: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    assert!(said.read_line(&mut line).unwrap() > 0, "the attackers are gone");
    line.trim_end().to_owned()
}

#[test]
#[ignore = "the process that the test of this folder starts"]
fn attack() {
    let Ok(target) = std::env::var(TARGET) else { return };
    let target: Target = serde_json::from_str(&target).unwrap();
    let lab = Arc::new(Lab::join(&target.lab));
    let tools = Tools::make(&lab);
    let mut orders = std::io::stdin().lines();
    println!("\nready");
    assert_eq!(orders.next().unwrap().unwrap(), "go");
    let attacks = attacks::begin(&lab, &target, tools);
    let end = clock::now() + LATER;
    loop {
        let idle: Vec<_> =
            attacks.iter().filter(|(_, going)| going.count() == 0).map(|(name, _)| name).collect();
        if idle.is_empty() {
            break;
        }
        assert!(clock::now() < end, "these attacks do nothing: {idle:?}");
        pause(Duration::from_millis(100));
    }
    println!("all work");
    assert_eq!(orders.next().unwrap().unwrap(), "end");
    for (name, going) in &attacks {
        println!("{name}: {}", going.count());
    }
    println!("ended");
    // Some of them wait for an answer that comes late, if ever.
    std::process::exit(0);
}
