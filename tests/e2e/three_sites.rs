//! Networks of one group far from each other, and a node of their own table at a place where none of them is.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Stdio};

use potluck::identity::PeerId;
use potluck::sys::clock;
use serde::Deserialize;

use crate::lab::{Lab, Peer, SOON, pause, wait};
use crate::port_mapping::{Gateway, behind_a_router, mapping};
use crate::routes::gets;
use crate::sites::{FOUND, FOUND_AGAIN, all_meet, member};

/// All that a node of the table holds, in hexadecimal digits.
#[derive(Debug, Deserialize)]
struct Held {
    /// Under each number the addresses that were announced.
    announced: BTreeMap<String, BTreeSet<(String, u16)>>,
    /// Under each number a value.
    values: BTreeMap<String, String>,
    /// By which key each of them is signed.
    keys: BTreeMap<String, String>,
    /// Who asked about each number, and what.
    asked: BTreeMap<String, BTreeSet<(String, String)>>,
}

/// A node of the table, which is no peer. It ends with this.
struct TableNode {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl TableNode {
    fn start(lab: &Lab, node: u32, address: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/table_node.py");
        let mut command = lab.inside(node, "python3");
        command.args([script, address, "6881"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut node = Self { process, lines };
        assert_eq!(node.line(), "ready");
        node
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn say(&mut self, command: &str) -> String {
        writeln!(self.process.stdin.as_mut().unwrap(), "{command}").unwrap();
        self.line()
    }

    fn held(&mut self) -> Held {
        serde_json::from_str(&self.say("dump")).unwrap()
    }

    /// From now on it tells nobody who was announced under the numbers that it knows.
    fn hide(&mut self) {
        self.say("hide");
    }

    /// Waits until this address was announced under three numbers: those of the sites of three days.
    fn knows_site(&mut self, address: &str) {
        wait("the site is announced", FOUND, || {
            let held = self.held();
            let of = held.announced.values().filter(|at| at.iter().any(|(ip, _)| ip == address));
            (of.count() >= 3).then_some(())
        });
    }
}

impl Drop for TableNode {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Two networks of one peer each behind routers that let nothing in, one outside with node 3, and the table's node.
fn three_sites() -> Option<(Lab, TableNode)> {
    let lab = Lab::of("nat")?;
    lab.netlab("plug 4 c");
    let table = TableNode::start(&lab, 4, "10.79.0.14");
    Some((lab, table))
}

const TABLE: &str = "10.79.0.14:6881";

fn site(lab: &Lab, node: u32, name: &str, more: &[&str]) -> Peer {
    member(lab, node, name, &[&["--wan", "--dht-bootstrap", TABLE], more].concat())
}

/// The id of what a peer shares under this path.
fn id_of(peer: &Peer, path: &str) -> String {
    let id = || peer.listed(path).map(|row| row.id).filter(|id| !id.is_empty());
    wait("it is listed", SOON, id).0
}

#[test]
fn three_sites_find_each_other_and_one_that_moves_is_found_by_its_record() {
    let Some((lab, mut table)) = three_sites() else { return };
    let outside = site(&lab, 3, "outside", &["--lend", "1GiB", "--copies", "1"]);
    let [left, right] = [(1, "left"), (2, "right")].map(|(node, name)| site(&lab, node, name, &[]));
    all_meet(&[&left, &right, &outside], FOUND);
    gets(&left, "outside.txt", b"outside");
    gets(&outside, "right.txt", b"right");
    gets(&left, "right.txt", b"right");
    gets(&right, "left.txt", b"left");
    // What is left at the node: addresses, numbers, and values of one length that say nothing.
    assert!(left.cli(["announce", "left.txt"]).status.success());
    let file = id_of(&left, "left.txt");
    wait("the file is announced", SOON, || (table.held().announced.len() > 3).then_some(()));
    let held = table.held();
    assert!(held.values.len() >= 3 && held.values.values().all(|value| value.len() == 2 * 137), "{held:?}");
    let said = serde_json::to_string(&(&held.announced, &held.values, &held.keys)).unwrap();
    for peer in [&left, &right, &outside] {
        let id: PeerId = peer.status().id.parse().unwrap();
        let id: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let name: String = peer.name.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!said.contains(&id) && !said.contains(&name) && !said.contains(&id[..40]), "{}", peer.name);
    }
    assert!(!said.contains(&file[..40]), "the id of a file");
    // Who belongs together can be seen, and who asks for the same: that is what SECURITY.md says.
    assert!(held.announced.values().any(|at| at.len() == 3), "{held:?}");
    assert!(
        held.asked.values().any(|by| by.iter().map(|(_, from)| from).collect::<BTreeSet<_>>().len() == 3)
    );
    // From now on nobody is found by what is announced. One moves: its record alone says where to.
    table.hide();
    let before = clock::now();
    lab.netlab("move 3 10.79.0.77/24");
    all_meet(&[&left, &right, &outside], FOUND_AGAIN);
    let at = |peer: &Peer| peer.peers().into_iter().any(|row| row.address.starts_with("10.79.0.77"));
    wait("at its new address", FOUND_AGAIN, || (at(&left) && at(&right)).then_some(()));
    println!("found again after {:?}", clock::now().since(before));
    fs::write(outside.directory.join("shared/later.txt"), b"later").unwrap();
    gets(&left, "later.txt", b"later");
}

#[test]
fn a_file_that_is_announced_is_fetched_by_its_id_from_a_site_that_is_not_linked() {
    let Some((lab, mut table)) = three_sites() else { return };
    let owner = site(&lab, 3, "owner", &[]);
    table.knows_site("10.79.0.13");
    table.hide();
    let asker = site(&lab, 1, "asker", &[]);
    wait("it asked for sites", FOUND, || asker.status().outside.table.filter(|state| state == "announced"));
    let id = id_of(&owner, "owner.txt");
    let word = format!("b3:{id}");
    // Nobody announced it.
    let began = clock::now();
    let out = asker.cli(["download", &word]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(4) && text.contains("the table between sites names nobody"), "{out:?}");
    let took = clock::now().since(began);
    assert!((Duration::from_secs(19)..Duration::from_secs(30)).contains(&took), "{took:?}");
    assert!(!asker.sees(&owner), "they are not linked");
    // Now somebody has.
    let announce = |words: &[&str]| {
        let out = owner.cli([&["announce"], words].concat());
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    assert!(announce(&["owner.txt"]).contains(&word));
    wait("it is announced", SOON, || (announce(&[]) == format!("{word}  owner.txt\n")).then_some(()));
    let out = asker.cli(["download", &word]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && text.contains("the table between sites is asked who has it"), "{out:?}");
    assert_eq!(fs::read(asker.directory.join("downloads/owner.txt")).unwrap(), b"owner");
    assert!(asker.sees(&owner), "it is linked as a site");
    let routes = asker.status().outside.routes;
    assert!(routes.iter().any(|row| row.is_found && row.state == "up"), "{routes:?}");
    // It is remembered over a restart, ends with the file, and can be taken back.
    fs::write(owner.directory.join("shared/other.txt"), b"other").unwrap();
    id_of(&owner, "other.txt");
    announce(&["other.txt"]);
    wait("both are written", SOON, || {
        let mut files = fs::read_dir(owner.directory.join(".potluck")).unwrap().flatten();
        let file = files.find(|file| file.file_name().to_string_lossy().starts_with("announced-"))?;
        (fs::read_to_string(file.path()).ok()?.lines().count() == 2).then_some(())
    });
    drop(owner);
    let owner = site(&lab, 3, "owner", &[]);
    let announced = || String::from_utf8(owner.cli(["announce"]).stdout).unwrap();
    wait("both are remembered", SOON, || (announced().lines().count() == 2).then_some(()));
    fs::remove_file(owner.directory.join("shared/other.txt")).unwrap();
    wait("what is deleted is not announced", SOON * 2, || (announced().lines().count() == 1).then_some(()));
    assert!(owner.cli(["announce", "--stop", "owner.txt"]).status.success());
    assert!(announced().contains("nothing is announced"));
}

#[test]
fn the_port_that_a_router_maps_is_the_one_that_sites_dial() {
    let Some(lab) = behind_a_router() else { return };
    let mut table = TableNode::start(&lab, 3, "10.78.0.13");
    let gateway = Gateway::start(&lab, "both");
    let seeks = ["--wan", "--dht-bootstrap", "10.78.0.13:6881"];
    let inside = member(&lab, 1, "inside", &[&seeks[..], &["--map-port"]].concat());
    let (row, _) = wait("mapped", SOON * 3, || Some(mapping(&inside)).filter(|row| row.state == "mapped"));
    let outside: core::net::SocketAddrV4 = row.outside.unwrap().parse().unwrap();
    assert_ne!(outside.port(), 27_281);
    let at = (outside.ip().to_string(), outside.port());
    wait("it is announced", FOUND, || {
        (table.held().announced.values().filter(|known| known.contains(&at)).count() >= 3).then_some(())
    });
    let other = member(&lab, 3, "other", &seeks);
    all_meet(&[&inside, &other], FOUND);
    gets(&other, "inside.txt", b"inside");
    drop(gateway);
}

/// How often threads of a process went to sleep whose names begin so.
fn sleeps(pid: u32, names: &[&str]) -> u64 {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if names.iter().any(|name| read("comm").starts_with(name)) {
            let status = read("status");
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum += line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_default();
        }
    }
    sum
}

#[test]
fn a_node_of_the_table_of_which_nobody_wants_anything_sleeps() {
    let Some((lab, mut table)) = three_sites() else { return };
    let quiet = site(&lab, 3, "quiet", &[]);
    table.knows_site("10.79.0.13");
    const LOOKED: Duration = Duration::from_secs(10);
    // Rounds follow each other quickly at first: then it is awake.
    wait("ten seconds of quiet", Duration::from_secs(120), || {
        let before = sleeps(quiet.pid(), &["dht", "Mainline"]);
        pause(LOOKED);
        let woken = sleeps(quiet.pid(), &["dht", "Mainline"]) - before;
        println!("{woken} wake-ups in {LOOKED:?}");
        (woken <= 2 * LOOKED.as_secs()).then_some(())
    });
}
