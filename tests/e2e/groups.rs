//! Groups: networks of their own on one wire. Who is in none, or in another one, sees nothing and gets
//! nothing.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use potluck::control::{CustodyRow, Diagnosis, DoctorFinding, ListRow, Severity, Status};
use potluck::identity::PeerId;

use crate::doctor::findings;
use crate::firewall::firewall;
use crate::lab::{LATER, Lab, Peer, SOON, wait};

pub(crate) const OFFICE: &str = "office\nk7qd-m3xw-9hpa-r2tc-vbn4-eyz8-fj6s\n";
const HOME: &str = "home\n2wsx-3edc-4rfv-5tgb-6yhn-7ujm-8kqa\n";

/// A file with a group, as a user writes one.
pub(crate) fn words(lab: &Lab, name: &str, text: &str) -> String {
    let path = lab.path(name);
    let written =
        Command::new("install").args(["-m", "600", "/dev/stdin"]).arg(&path).stdin(Stdio::piped()).spawn();
    let mut written = written.unwrap();
    written.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(written.wait().unwrap().success());
    path.to_str().unwrap().to_owned()
}

/// Starts a peer of the group in this file, which shares one file.
fn member(lab: &Lab, node: u32, name: &str, group: &str) -> Peer {
    share(lab, name, &format!("{name}.txt"), name.as_bytes());
    lab.peer(node, name, &["--group-file", group])
}

fn share(lab: &Lab, name: &str, path: &str, content: &[u8]) {
    let shared = lab.path(name).join("shared");
    fs::create_dir_all(&shared).unwrap();
    fs::write(shared.join(path), content).unwrap();
}

/// The paths of all files that it lists.
pub(crate) fn paths(peer: &Peer) -> Vec<String> {
    peer.list().into_iter().map(|row: ListRow| row.path).collect()
}

#[test]
fn two_groups_and_an_open_network_on_one_wire_never_see_each_other() {
    let Some(lab) = Lab::of("up 5") else { return };
    let (office, home) = (words(&lab, "office", OFFICE), words(&lab, "home", HOME));
    let all = [
        [member(&lab, 1, "anna", &office), member(&lab, 2, "bert", &office)],
        [member(&lab, 3, "cleo", &home), member(&lab, 4, "dora", &home)],
        [
            lab.peer_with(5, "erik", &[("erik.txt", b"erik")]),
            lab.peer_with(1, "fred", &[("fred.txt", b"fred")]),
        ],
    ];
    for [one, other] in &all {
        for (taker, owner) in [(one, other), (other, one)] {
            let path = format!("{}.txt", owner.name);
            wait("offered by the other one", SOON, || taker.offered(&path));
            assert_eq!(fs::read(taker.fetch(&path)).unwrap(), owner.name.as_bytes());
        }
    }
    for [one, other] in &all {
        for (peer, only) in [(one, other), (other, one)] {
            assert_eq!(peer.names(), [only.name.as_str()]);
            assert_eq!(paths(peer).len(), 2, "{:?}", paths(peer));
            let strange = all.iter().flatten().find(|p| p.name != one.name && p.name != other.name).unwrap();
            peer.download(&format!("{}.txt", strange.name), 4);
        }
    }
    let of_group = |status: &Status| (status.on.network.clone(), status.on.group.clone());
    assert_eq!(of_group(&all[0][0].status()), ("group".into(), Some("office".into())));
    assert_eq!(of_group(&all[2][0].status()), ("open".into(), None));
    // Both hear the four others, of which one machine is also that of an open peer.
    assert_eq!(all[0][1].status().counters.datagrams.outsiders, 2);
}

/// Starts a peer that has copies made and keeps those of others, in the network that it remembers.
fn keeper(lab: &Lab, node: u32, name: &str) -> Peer {
    lab.peer(node, name, &["--copies", "2", "--lend", "1GiB"])
}

/// One command to the peer in a folder of the lab, be it running or not; what it printed.
fn command(lab: &Lab, name: &str, args: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_potluck"));
    command.arg("-d").arg(lab.folder(name)).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stdout));
    String::from_utf8(out.stdout).unwrap()
}

/// What it keeps, and has kept.
pub(crate) fn custody(peer: &Peer) -> CustodyRow {
    peer.status().custody.unwrap()
}

/// It leaves, and is waited for.
pub(crate) fn leave(mut peer: Peer) {
    assert!(peer.cli(["exit", "--now"]).status.success());
    peer.ended(SOON);
}

#[test]
fn what_is_kept_for_a_group_does_not_leave_it_and_is_there_again() {
    let Some(lab) = Lab::of("up 4") else { return };
    share(&lab, "anna", "plan.txt", b"what the group plans");
    for name in ["anna", "bert", "cleo"] {
        assert!(command(&lab, name, &["group", "join"], OFFICE).contains("in the group office"));
    }
    // Cleo is there when the copy is made, so that bert later knows her for somebody of that network.
    let cleo = lab.peer(4, "cleo", &[]);
    let (anna, bert) = (keeper(&lab, 1, "anna"), keeper(&lab, 2, "bert"));
    wait("all listed", SOON, || (bert.sees(&cleo) && bert.sees(&anna)).then_some(()));
    wait("a copy at bert", LATER, || {
        (custody(&anna).own_whole == 1 && custody(&bert).kept_files == 1).then_some(())
    });
    leave(anna);
    leave(bert);
    // In the open network nobody hears of it, and bert has nothing for anybody.
    assert!(command(&lab, "bert", &["group", "leave"], "").contains("left the group office"));
    let open = lab.peer_with(3, "open", &[("open.txt", b"open")]);
    let bert = keeper(&lab, 2, "bert");
    wait("bert meets the open peer", SOON, || bert.offered("open.txt"));
    let kept = custody(&bert);
    assert_eq!((kept.kept_files, kept.used, kept.kept_for), (0, 0, Vec::new()));
    assert_eq!(paths(&open), ["open.txt"]);
    open.download("plan.txt", 4);
    leave(bert);
    // Back in the group it serves what it keeps, while its owner is away.
    command(&lab, "bert", &["group", "join"], OFFICE);
    let bert = keeper(&lab, 2, "bert");
    assert_eq!(custody(&bert).kept_files, 1);
    wait("what anna shares", LATER, || cleo.offered("plan.txt").filter(|row| row.away));
    assert_eq!(fs::read(cleo.fetch("plan.txt")).unwrap(), b"what the group plans");
    assert_eq!(paths(&open), ["open.txt"]);
}

#[test]
fn whoever_mistypes_the_passphrase_is_told_and_whoever_has_the_old_one_is_out() {
    let Some(lab) = Lab::of("up 3") else { return };
    let office = words(&lab, "words", OFFICE);
    let (anna, bert) = (member(&lab, 1, "anna", &office), member(&lab, 2, "bert", &office));
    wait("both listed", SOON, || (anna.sees(&bert) && bert.sees(&anna)).then_some(()));
    let mistyped = words(&lab, "mistyped", &OFFICE.replace("k7qd", "k7qb"));
    let cleo = member(&lab, 3, "cleo", &mistyped);
    let told = "2 senders here speak for another group, or the passphrase is wrong";
    wait("cleo is told", SOON, || {
        let log = fs::read_to_string(cleo.directory.join("log")).unwrap();
        log.contains(&format!("{told}: nobody else of the group office is heard")).then_some(())
    });
    assert!(String::from_utf8(cleo.cli(["status"]).stdout).unwrap().contains(told));
    // `doctor` says the same, and nothing of a firewall; to the others, nothing is wrong.
    let doctor = cleo.cli(["doctor"]);
    let text = String::from_utf8(doctor.stdout).unwrap();
    assert_eq!(doctor.status.code(), Some(1), "{text}");
    let problems: Vec<&str> = text.lines().filter(|line| line.starts_with("problem")).collect();
    assert!(problems.len() == 1 && problems[0].contains(told), "{text}");
    assert!(text.contains("\n         potluck group show\n") && !text.contains("heard nobody"), "{text}");
    assert!(findings(&anna).iter().all(|finding| finding.severity < Severity::Problem));
    // Whoever never joined is told of the group.
    let open = lab.peer(3, "open", &[]);
    wait("the open peer hears of it", SOON, || {
        let is_told = |finding: &DoctorFinding| {
            matches!(finding.what, Diagnosis::Outsiders { hosts: 2.., group: None, peers: 0 })
        };
        findings(&open).iter().any(is_told).then_some(())
    });
    leave(open);
    assert!(!fs::read_to_string(anna.directory.join("log")).unwrap().contains("another group"));
    assert!(cleo.names().is_empty());
    // Cleo leaves the group for good: the others take the passphrase that she does not know.
    leave(cleo);
    let cleo = member(&lab, 3, "cleo", &office);
    wait("cleo is in", SOON, || (cleo.sees(&anna) && anna.sees(&cleo)).then_some(()));
    leave(anna);
    leave(bert);
    let next = words(&lab, "next", &OFFICE.replace("k7qd", "z2m4"));
    let (anna, bert) = (member(&lab, 1, "anna", &next), member(&lab, 2, "bert", &next));
    wait("both listed", SOON, || (anna.sees(&bert) && bert.sees(&anna)).then_some(()));
    wait("cleo misses them", SOON, || cleo.names().is_empty().then_some(()));
    assert!(!anna.sees(&cleo) && !bert.sees(&cleo));
    cleo.download("anna.txt", 4);
}

#[test]
fn nothing_of_a_group_is_in_clear_on_the_wire() {
    let Some(lab) = Lab::of("up 2") else { return };
    let seen = |group: Option<&str>, round: &str| {
        let (one, other) = (format!("annabelle{round}"), format!("bertolt{round}"));
        let content = [b"what the group plans, at length; ".as_slice(), round.as_bytes()].concat().repeat(40);
        share(&lab, &one, "secretplan.txt", &content);
        let file = lab.path(&format!("capture{round}"));
        lab.netlab(&format!("capture 1 {}", file.display()));
        let args: &[&str] = &group.map_or_else(Vec::new, |file| vec!["--group-file", file]);
        let (anna, bert) = (lab.peer(1, &one, args), lab.peer(2, &other, args));
        wait("offered", SOON, || bert.offered("secretplan.txt"));
        assert_eq!(fs::read(bert.fetch("secretplan.txt")).unwrap(), content);
        let mut words: Vec<Vec<u8>> =
            [&one, "secretplan", "what the group plans", "k7qd", "office"].map(|w| w.into()).to_vec();
        for peer in [&anna, &bert] {
            let id = peer.status().id;
            let PeerId(raw) = id.parse().unwrap();
            let key = fs::read(peer.directory.join(".potluck/key")).unwrap();
            let public = potluck::identity::Identity::from_seed(key.try_into().unwrap()).unwrap().public();
            let hex = data_encoding::HEXLOWER.encode(&raw);
            words.extend(
                [id.as_bytes(), &id.as_bytes()[..8], &raw, hex.as_bytes(), &public.0].map(<[u8]>::to_vec),
            );
        }
        leave(anna);
        leave(bert);
        lab.netlab("capture-end 1");
        let captured = fs::read(file).unwrap();
        assert!(captured.len() > 20_000, "{} bytes were captured", captured.len());
        let is_in = |word: &Vec<u8>| captured.windows(word.len()).any(|bytes| bytes == word.as_slice());
        words.into_iter().filter(is_in).count()
    };
    let office = words(&lab, "words", OFFICE);
    assert_eq!(seen(Some(&office), "1"), 0);
    // The same words are found where they are in clear: names and keys of the open network.
    assert!(seen(None, "2") >= 3);
}

#[test]
fn a_group_is_made_shown_joined_and_left_without_a_running_peer() {
    let Some(lab) = Lab::of("up 1") else { return };
    assert!(command(&lab, "anna", &["group"], "").starts_with("in no group"));
    let made = command(&lab, "anna", &["group", "new", "office"], "");
    let passphrase = made.lines().find_map(|line| line.trim().strip_prefix("passphrase  ")).unwrap();
    assert_eq!(passphrase.len(), 34, "{passphrase}");
    // Read out, and typed by somebody else.
    let typed = format!("office\n{}\n", passphrase.replace('-', " ").to_uppercase());
    command(&lab, "bert", &["group", "join"], &typed);
    let [anna, bert] = ["anna", "bert"].map(|name| lab.peer(1, name, &[]));
    wait("both listed", SOON, || (anna.sees(&bert) && bert.sees(&anna)).then_some(()));
    // Nothing but the file, and whoever asks for it, has the passphrase.
    let status = String::from_utf8(anna.cli(["status", "--json"]).stdout).unwrap();
    let log = fs::read_to_string(anna.directory.join("log")).unwrap();
    let arguments = fs::read_to_string(format!("/proc/{}/cmdline", anna.pid())).unwrap();
    for text in [status, log, arguments] {
        assert!(!text.contains(passphrase) && !text.contains(&passphrase[..9]), "{text}");
    }
    assert!(command(&lab, "anna", &["group", "show"], "").contains(passphrase));
    // One that runs changes networks at once, and back.
    let open = lab.peer(1, "open", &[]);
    assert!(command(&lab, "anna", &["group", "leave"], "").ends_with("has changed networks\n"));
    wait("in the open network", SOON, || (anna.sees(&open) && open.sees(&anna)).then_some(()));
    wait("missed", SOON, || bert.names().is_empty().then_some(()));
    assert_eq!((anna.names().len(), anna.status().on.network.as_str()), (1, "open"));
    assert!(command(&lab, "anna", &["group", "join"], &typed).ends_with("has changed networks\n"));
    wait("back in the group", SOON, || (anna.sees(&bert) && bert.sees(&anna)).then_some(()));
    wait("missed", SOON, || open.names().is_empty().then_some(()));
    assert_eq!(anna.status().on.group.as_deref(), Some("office"));
}

#[test]
fn members_that_cannot_be_dialled_dial_back() {
    let Some(lab) = Lab::of("up 2") else { return };
    firewall(&lab, 1, "iifname v0 meta l4proto tcp ct state new drop;");
    let office = words(&lab, "words", OFFICE);
    let (walled, other) = (member(&lab, 1, "walled", &office), member(&lab, 2, "other", &office));
    wait("what is behind the firewall", SOON, || other.offered("walled.txt"));
    assert_eq!(fs::read(other.fetch("walled.txt")).unwrap(), b"walled");
    wait("what is in front of it", SOON, || walled.offered("other.txt"));
    assert_eq!(fs::read(walled.fetch("other.txt")).unwrap(), b"other");
}
