//! `doctor`: in each network that a firewall cuts, either the peers find each other and share, or the line that
//! it names is enough.

use core::time::Duration;

use potluck::control::{Diagnosis, DoctorFinding, DoctorRequest, Reply, Severity};
use potluck::sys::clock;

use crate::firewall::firewall;
use crate::lab::{Lab, Peer, SOON, wait};

/// An answer takes no longer than this: nothing is waited for. A loaded machine may take a while all the same.
const ANSWERED: Duration = Duration::from_secs(2);

/// What a peer finds; nothing while it cannot be reached.
pub(crate) fn findings(of: &Peer) -> Vec<DoctorFinding> {
    let replies = of.try_ask(&DoctorRequest::default().into()).unwrap_or_default();
    let found = |reply| if let Reply::Finding(found) = reply { Some(found) } else { None };
    replies.into_iter().filter_map(found).collect()
}

/// The ports that the lines for `ufw` let in here: what stands behind `port`, and how that is.
pub(crate) fn opened(findings: &[DoctorFinding]) -> Vec<(String, String)> {
    let here = findings.iter().filter(|finding| !matches!(finding.what, Diagnosis::CannotReach(_)));
    let lines = here.flat_map(|finding| &finding.commands).filter(|line| line.contains("ufw"));
    let mut all: Vec<_> = lines
        .flat_map(|line| line.split(" && "))
        .map(|rule| {
            let words: Vec<&str> = rule.split(' ').collect();
            assert!(rule.starts_with("sudo ufw allow proto ") && words.len() == 11, "{rule}");
            (words[4].to_owned(), words[10].replace(':', "-"))
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Lets in what `doctor` says, and nothing else, as `ufw` would.
pub(crate) fn open(lab: &Lab, node: u32, ports: &[(String, String)]) {
    for (protocol, port) in ports {
        let rule = format!("insert rule inet wall input {protocol} dport {port} accept");
        let out = lab.inside(node, "nft").args(rule.split(' ')).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

/// What a firewall of the test drops.
const NO_TCP: &str = "iifname v0 meta l4proto tcp ct state new drop;";
const NO_DISCOVERY: &str = "iifname v0 udp dport 27272 drop;";
const ONLY_ANSWERS: &str =
    "policy drop; ct state established,related accept; iif lo accept; meta l4proto ipv6-icmp accept;";

/// Both list and get what the other one shares.
fn share(one: &Peer, two: &Peer) -> Option<()> {
    (one.offered("two.txt").is_some() && two.offered("one.txt").is_some()).then_some(())
}

fn get(one: &Peer, two: &Peer) {
    assert_eq!(std::fs::read(two.fetch("one.txt")).unwrap(), b"one");
    assert_eq!(std::fs::read(one.fetch("two.txt")).unwrap(), b"two");
}

/// Two peers, with a firewall at these nodes. `works`: they find each other, and share; else `doctor` names the
/// line, at a node with a firewall, and that line is enough.
fn behind(rules: &str, nodes: &[u32], works: bool) {
    let Some(lab) = Lab::of("up 2") else { return };
    nodes.iter().for_each(|node| firewall(&lab, *node, rules));
    let one = lab.peer_with(1, "one", &[("one.txt", b"one")]);
    let two = lab.peer_with(2, "two", &[("two.txt", b"two")]);
    if works {
        wait("both share", SOON, || share(&one, &two));
        get(&one, &two);
        let found = findings(&one);
        assert!(found.iter().all(|finding| finding.severity < Severity::Problem), "{found:?}");
        return;
    }
    let walled = if nodes.contains(&1) { &one } else { &two };
    let node = if nodes.contains(&1) { 1 } else { 2 };
    let (found, _) = wait("the line", SOON * 2, || {
        let found = findings(walled);
        let told = found
            .iter()
            .any(|finding| matches!(finding.what, Diagnosis::NobodyHeard { .. } | Diagnosis::Blocked(_)));
        told.then_some(found)
    });
    assert!(share(&one, &two).is_none(), "it works without the line");
    let ports = opened(&found);
    let all = [("tcp", "27280-27283"), ("udp", "27272")].map(|(p, n)| (p.to_owned(), n.to_owned()));
    assert_eq!(ports, all, "{found:?}");
    open(&lab, node, &ports);
    wait("both share", SOON * 2, || share(&one, &two));
    get(&one, &two);
}

#[test]
fn connections_are_let_in_on_one_side_or_the_line_is_named() {
    behind(NO_TCP, &[1], true);
    behind(NO_TCP, &[2], true);
    behind(NO_TCP, &[1, 2], false);
}

#[test]
fn datagrams_to_everyone_are_let_in_on_one_side_or_the_line_is_named() {
    behind(NO_DISCOVERY, &[1], true);
    behind(NO_DISCOVERY, &[2], true);
    behind(NO_DISCOVERY, &[1, 2], false);
}

#[test]
fn more_than_answers_is_let_in_on_one_side_or_the_line_is_named() {
    behind(ONLY_ANSWERS, &[1], true);
    behind(ONLY_ANSWERS, &[2], true);
    behind(ONLY_ANSWERS, &[1, 2], false);
}

#[test]
fn who_had_to_be_asked_to_connect_is_named_on_both_sides_and_after_the_line_no_more() {
    let Some(lab) = Lab::of("up 2") else { return };
    firewall(&lab, 1, NO_TCP);
    let one = lab.peer_with(1, "one", &[("one.txt", b"one")]);
    let two = lab.peer_with(2, "two", &[("two.txt", b"two")]);
    wait("both share", SOON, || share(&one, &two));
    let named = |of: &Peer, is: fn(&Diagnosis) -> Option<Vec<String>>| {
        findings(of).iter().find_map(|finding| is(&finding.what))
    };
    let not_reachable = |what: &Diagnosis| match what {
        Diagnosis::NotReachable(peers) => Some(peers.names.clone()),
        _ => None,
    };
    let cannot_reach = |what: &Diagnosis| match what {
        Diagnosis::CannotReach(peers) => Some(peers.names.clone()),
        _ => None,
    };
    assert_eq!(named(&one, not_reachable), Some(vec!["two".to_owned()]));
    assert_eq!(named(&two, cannot_reach), Some(vec!["one".to_owned()]));
    assert_eq!((named(&one, cannot_reach), named(&two, not_reachable)), (None, None));
    let ports = opened(&findings(&one));
    open(&lab, 1, &ports);
    // A peer that starts now connects at once.
    let three = lab.peer(2, "three", &["-t", "29000"]);
    wait("it connects", SOON, || {
        let found = findings(&one);
        let reached = |f: &DoctorFinding| matches!(f.what, Diagnosis::Reached { peers, .. } if peers > 0);
        (three.offered("one.txt").is_some() && found.iter().any(reached)).then_some(())
    });
}

#[test]
fn one_command_tells_it_at_once_and_its_code_says_whether_there_is_a_problem() {
    let Some(lab) = Lab::of("up 2") else { return };
    let mut one = lab.peer_with(1, "one", &[("one.txt", b"one")]);
    let two = lab.peer_with(2, "two", &[("two.txt", b"two")]);
    wait("both share", SOON, || share(&one, &two));
    let begun = clock::now();
    let out = one.cli(["doctor"]);
    assert!(clock::now().since(begun) < ANSWERED);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0), "{text}");
    for part in ["fine     v0 (10.77.0.11/24, fe80::", "1 peer there", "listens on TCP ports 27280 to 27283"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = String::from_utf8(one.cli(["doctor", "--json"]).stdout).unwrap();
    let replies: Vec<Reply> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        replies.len() > 5 && replies.iter().all(|reply| matches!(reply, Reply::Finding(_))),
        "{replies:?}"
    );
    // The cable and the address are gone: nothing leads to others.
    lab.netlab("unplug 1");
    let out = one.cli(["doctor"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("problem  no interface leads to others"), "{text}");
    // Where no peer runs, this machine is looked at.
    one.kill();
    let command = |args: &[&str]| {
        let mut command = lab.inside(2, env!("CARGO_BIN_EXE_potluck"));
        command.arg("-d").arg(&one.directory).args(args).output().unwrap()
    };
    let out = command(&["doctor"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0), "{text}");
    assert!(
        text.contains("fine     v0 (10.77.0.12/24") && text.contains("no peer runs in this folder"),
        "{text}"
    );
    let json = String::from_utf8(command(&["doctor", "--json"]).stdout).unwrap();
    assert!(json.contains("\"finding\":\"no_peer\""), "{json}");
}
