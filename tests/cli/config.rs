//! Settings from files, the environment and flags, as a user sees and changes them.

use std::fs;

use serde_json::Value;

use crate::common::{Peer, err, out};

/// Rows of `config --json`, by their keys.
fn rows(peer: &Peer, words: &[&str]) -> Vec<Value> {
    let output = peer.command().args(words).args(["config", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn row(rows: &[Value], key: &str) -> Value {
    rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("{key}")).clone()
}

#[test]
fn each_value_is_shown_with_its_unit_and_its_origin() {
    let peer = Peer::new();
    let home = peer.path().join("home");
    fs::create_dir_all(home.join("potluck")).unwrap();
    fs::write(home.join("potluck/potluck.toml"), "bell = true\ncopies = 5\n").unwrap();
    fs::write(peer.path().join("potluck.toml"), "# ours\ncopies = 3\nlend = \"1GiB\"\n").unwrap();
    let mut command = peer.command();
    command.env("XDG_CONFIG_HOME", &home).env("POTLUCK_NAME", "anna").args(["--up-limit", "2M", "config"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let cells = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    let user = home.join("potluck/potluck.toml");
    assert_eq!(cells("SETTING"), ["SETTING", "VALUE", "UNIT", "FROM"]);
    assert_eq!(cells("copies"), ["copies", "3", "copies", "potluck.toml:2"]);
    assert_eq!(cells("lend"), ["lend", "1GiB", "bytes", "potluck.toml:3"]);
    assert_eq!(cells("name"), ["name", "anna", "POTLUCK_NAME"]);
    assert_eq!(cells("up-limit"), ["up-limit", "2M", "bytes a second", "flag"]);
    assert_eq!(cells("port"), ["port", "27280", "default"]);
    let from_user = cells("bell");
    assert_eq!(from_user[..2], ["bell", "true"]);
    assert!(from_user[2].ends_with("home/potluck/potluck.toml:1"), "{from_user:?} {}", user.display());
}

#[test]
fn a_peer_has_what_its_file_says_and_flags_weigh_more() {
    let peer = Peer::new();
    fs::write(
        peer.path().join("potluck.toml"),
        "name = \"from the file\"\nup-limit = \"500K\"\nswarm = false\n",
    )
    .unwrap();
    let daemon = peer.daemon_with(&["--up-limit", "1M"]);
    let status = peer.status();
    assert_eq!(status.name, "from the file");
    assert_eq!(status.limits.up_limit, Some(1_000_000));
    assert_eq!(status.gives, None, "swarm = false is --no-swarm");
    drop(daemon);
}

#[test]
fn a_change_is_written_and_comments_stay() {
    let peer = Peer::new();
    let file = peer.path().join("potluck.toml");
    fs::write(&file, "# the office\nup-limit = \"500K\" # at day\n").unwrap();
    let said = peer.ask(&["config", "set", "up-limit", "2M"]);
    assert_eq!((said.status.code(), err(&said).as_str()), (Some(0), ""));
    assert!(out(&said).starts_with("up-limit = 2M in "), "{}", out(&said));
    for words in [&["connect", "a", "b:1000"][..], &["wan", "true"], &["copies", "3"]] {
        assert_eq!(peer.ask(&[&["config", "set"], words].concat()).status.code(), Some(0), "{words:?}");
    }
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text,
        "# the office\nup-limit = \"2M\" # at day\nconnect = [\"a\", \"b:1000\"]\nwan = true\ncopies = 3\n"
    );
    assert_eq!(row(&rows(&peer, &[]), "connect")["values"], serde_json::json!(["a", "b:1000"]));
    assert_eq!(row(&rows(&peer, &["--copies", "2"]), "copies")["origin"], "flag");
    assert_eq!(peer.ask(&["config", "unset", "wan"]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), text.replace("wan = true\n", ""));
    let again = peer.ask(&["config", "unset", "wan"]);
    assert!(out(&again).starts_with("wan is not set in "), "{}", out(&again));
    for (words, said) in [
        (&["set", "up-limt", "2M"][..], "did you mean `up-limit`?"),
        (&["set", "copies", "17"], "`copies`: 17 is not in 1..=16"),
        (&["set", "copies", "1", "2"], "one value, not a list"),
        (&["unset", "up-limt"], "did you mean `up-limit`?"),
        (&["set", "passphrase", "x"], "`potluck group join` asks for it"),
    ] {
        let failed = peer.ask(&[&["config"], words].concat());
        assert_eq!(failed.status.code(), Some(2), "{words:?}");
        assert!(err(&failed).contains(said), "{words:?}: {}", err(&failed));
    }
}

#[test]
fn a_wrong_file_starts_no_peer_and_keeps_nobody_from_one_that_runs() {
    let peer = Peer::new();
    let daemon = peer.daemon();
    let file = peer.path().join("potluck.toml");
    fs::write(&file, "copies = 3\nup-limt = \"2M\"\n").unwrap();
    let told = format!("{}:2: no setting `up-limt`; did you mean `up-limit`?", file.display());
    let asked = peer.ask(&["peers"]);
    assert_eq!(asked.status.code(), Some(0));
    assert!(err(&asked).contains(&format!("warning: {told}")), "{}", err(&asked));
    let config = peer.ask(&["config"]);
    assert_eq!((config.status.code(), err(&config)), (Some(2), format!("potluck: {told}\n")));
    drop(daemon);
    let started = peer.start(&["--daemon"]).output().unwrap();
    assert_eq!((started.status.code(), err(&started)), (Some(2), format!("potluck: {told}\n")));
    // It is repaired as it was made.
    assert_eq!(peer.ask(&["config", "unset", "up-limt"]).status.code(), Some(0));
    assert_eq!(peer.ask(&["config"]).status.code(), Some(0));
}
