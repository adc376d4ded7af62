//! A first session at the prompt, line by line: whoever changes a sentence sees here where it is read.

use std::fmt::Write as _;

use crate::common::{DEADLINE, Peer, wait};
use crate::prompt::open_with;
use crate::transcript::Transcript;

/// The findings that are not about this machine.
fn of_potluck(findings: &str) -> String {
    let machine = [
        "(",
        " is switched off",
        " no cable",
        " no address",
        "firewall",
        " free in ",
        "files and connections",
    ];
    let machine =
        [&machine[..], &["folders that are watched", "the clock", "confined", "no interface leads", "found"]]
            .concat();
    let is_of_machine =
        |line: &&str| machine.iter().any(|part| line.contains(part)) || line.starts_with("  ");
    findings.lines().filter(|line| !is_of_machine(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_line_of_a_first_session_is_as_it_was() {
    let anna = Peer::new();
    let flags = ["--name", "anna", "--no-sandbox"];
    let mut session = Transcript {
        has_widths: false,
        is_redrawn: true,
        terminal: open_with(&anna, &flags),
        masks: Vec::new(),
    };
    let first = session.above();
    session.masks.push((anna.path().display().to_string(), "FOLDER"));
    session.mask_peer(&anna, ["ANNA", "PORT"]);
    let mut log = String::new();
    let mut note = |what: &str, text: String| writeln!(log, "== {what}\n{text}").unwrap();
    note("the first screen", session.masked(&first));
    let alone = session.told("nobody answers yet");
    note("alone", alone);
    note("list", session.say("list"));
    note("search stew", session.say("search stew"));
    note("chat hello", session.say("chat hello"));
    // Another peer of this network.
    let bert = anna.neighbour();
    let _bert = bert.daemon_with(&["--name", "bert"]);
    session.mask_peer(&bert, ["BERT", "PORT"]);
    note("bert starts", session.told("bert joined"));
    assert!(bert.ask(&["chat", "hi anna"]).status.success());
    note("bert says something", session.told("hi anna"));
    assert!(bert.ask(&["chat", "@anna", "psst"]).status.success());
    note("bert says something to anna", session.told("psst"));
    note("chat", session.say("chat"));
    note("chat @bert", session.say("chat @bert"));
    // A host where nobody listens, and one of another network.
    note("connect to nobody", session.say("connect 127.0.0.1:1"));
    let cleo = Peer::new();
    let _cleo = cleo.daemon_with(&["--name", "cleo"]);
    session.mask_peer(&cleo, ["CLEO", "PORT"]);
    let connected = session.say(&format!("connect {}", cleo.status().ports[0]));
    let mut both: Vec<String> = connected.lines().map(str::to_owned).collect();
    if !connected.contains("cleo joined") {
        both.extend(session.told("cleo joined").lines().map(str::to_owned));
    }
    both.sort();
    note("connect to cleo", both.join("\n"));
    wait("cleo's list", DEADLINE, || {
        let row = |reply| matches!(reply, potluck::control::Reply::Peer(row) if row.files.is_none());
        (!anna.replies(&["peers"]).into_iter().any(row)).then_some(())
    });
    // Which of two that were alone comes first is a matter of a second or two.
    let unplaced = |text: &str| {
        let is_placed = |line: &str| ["bert", "cleo", "  order"].iter().any(|word| line.starts_with(word));
        let unplaced = |line: &str| match line.rsplit_once("  ") {
            Some((row, _)) if is_placed(line) => format!("{row}  PLACE"),
            _ => line.to_owned(),
        };
        text.lines().map(unplaced).collect::<Vec<_>>().join("\n")
    };
    note("peers", unplaced(&session.say("peers")));
    note("status", unplaced(&session.say("status")));
    note("doctor", of_potluck(&session.say("doctor")));
    let ended = session.say("disconnect");
    let mut both: Vec<String> = ended.lines().map(str::to_owned).collect();
    if !ended.contains("cleo is no longer") {
        both.extend(session.told("cleo is no longer").lines().map(str::to_owned));
    }
    both.sort();
    note("disconnect", both.join("\n"));
    note("group show", session.say("group show"));
    let made = session.say("group new office");
    let passphrase = made.lines().find_map(|line| line.trim().strip_prefix("passphrase  ")).unwrap();
    session.masks.push((passphrase.to_owned(), "PASSPHRASE"));
    let without_code = |text: &str| {
        let is_code = |line: &&str| line.contains(['█', '▀', '▄']);
        text.lines().filter(|line| !is_code(line)).collect::<Vec<_>>().join("\n")
    };
    note("group new office", without_code(&session.masked(&made)));
    note("alone in the group", session.told("nobody answers yet"));
    note("group show, in it", without_code(&session.say("group show")));
    note("exit", session.say_last("exit"));
    assert_as_it_was(&log);
}

/// Where to read, and to change, what the session says.
fn assert_as_it_was(log: &str) {
    insta::assert_snapshot!(log, @r"
    == the first screen
    anna  ANNA
      folder  FOLDER
      ports  PORT to PORT
      network  open: everyone on this network sees shared/
      sharing  0 files, 0 B in shared/
      lends  nothing
    `list` shows what is shared, `help` what can be typed
    == alone
    nobody answers yet; if others are here, let UDP port PORT and TCP ports PORT to PORT in through the firewall (`doctor` tells more)
    == list
    nothing is shared yet: put files into `shared/`
    == search stew
    nothing found
    == chat hello

    == bert starts
    bert joined (BERT)
    == bert says something
    HH:MM bert: hi anna
    == bert says something to anna
    HH:MM bert (to you alone): psst
    == chat
    HH:MM you: hello
    HH:MM bert: hi anna
    HH:MM bert (to you alone): psst
    == chat @bert
    what is to be said to it? `chat @PEER TEXT`
    == connect to nobody
    127.0.0.1:1: refused: nothing listens there, or a firewall says no
    == connect to cleo
    cleo joined (CLEO)
    connected to CLEO at 127.0.0.1
    == peers
    NAME  ID  ADDRESS  FILES  SIZE  HERE FOR  ORDER
    bert  BERT  127.0.0.1:PORT  0  0 B  N s  PLACE
    cleo  CLEO  127.0.0.1:PORT  0  0 B  N s  PLACE
    == status
    anna  ANNA
      folder  FOLDER
      ports  PORT to PORT
      network  open: everyone on this network sees shared/
      peers  2
      order  PLACE
      sharing  0 files, 0 B
      copies  none on others (--copies 1)
      lends  nothing
      confined  no (--no-sandbox)
      key  never exported: `potluck identity export FILE`, and keep that file safe
    routes
      127.0.0.1:PORT: up for N s, to cleo CLEO at 127.0.0.1, 0 peers through it
    == doctor
    fine  listens on TCP ports PORT to PORT; UDP port PORT, and speaks from PORT and PORT
    fine  route to 127.0.0.1:PORT: up for N s, to cleo CLEO at 127.0.0.1, 0 peers through it
    fine  WHO keeps the index
    fine  2 other peers on this machine; 2 sockets of other programs on the discovery port
    == disconnect
    cleo is no longer connected
    disconnected from all networks that were joined by `connect`
    == group show
    in no group: everyone on this network sees shared/; `potluck group new NAME` makes a group, `potluck group join` joins one
    == group new office
      group  office
      passphrase  PASSPHRASE
    tell the passphrase to those who may be in it; they type `potluck group join`
    the peer that runs here has changed networks
    == alone in the group
    nobody answers yet; if others are here, let UDP port PORT and TCP ports PORT to PORT in through the firewall (`doctor` tells more)
    == group show, in it
      group  office
      passphrase  PASSPHRASE
    == exit
    ");
}
