//! What scripts rely on: a peer that is found from below, names for completion, one script that mirrors a peer, and
//! that nothing is left behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::{DEADLINE, Neighbour, Peer, err, out, wait};

/// The program in a folder, with nothing said of where its peer lies.
fn from(peer: &Peer, folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
    peer.confine(&mut command).current_dir(folder).args(words).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_peer_is_found_from_below_by_a_flag_and_by_a_variable() {
    let peer = Peer::new();
    peer.share("photos/one.png", b"one");
    let _daemon = peer.daemon();
    peer.lists(1);
    let elsewhere = tempfile::tempdir().unwrap();
    let here = peer.path().display().to_string();
    let lists = |output: &Output| (output.status.code(), out(output).contains("photos/"));
    assert_eq!(lists(&from(&peer, &peer.path().join("shared/photos"), &["list"])), (Some(0), true));
    let none = from(&peer, elsewhere.path(), &["status"]);
    assert_eq!(none.status.code(), Some(3), "{}", err(&none));
    for flags in [&["-C", &here][..], &["--chdir", &here], &["-d", &here]] {
        assert_eq!(
            lists(&from(&peer, elsewhere.path(), &[flags, &["list"]].concat())),
            (Some(0), true),
            "{flags:?}"
        );
    }
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
    let named =
        peer.confine(&mut command).current_dir(elsewhere.path()).env("POTLUCK_DIR", &here).arg("list");
    assert_eq!(lists(&named.output().unwrap()), (Some(0), true));
    // What a flag names weighs more.
    let named = named.args(["-d", "."]).output().unwrap();
    assert_eq!(named.status.code(), Some(3), "{}", err(&named));
    assert_eq!(from(&peer, elsewhere.path(), &["-C", "nowhere", "list"]).status.code(), Some(2));
    // What is put into `shared/` is no peer directory of its own: a peer that is started runs where it is started.
    assert_eq!(from(&peer, &peer.path().join("shared"), &["identity"]).status.code(), Some(0));
    assert!(!peer.path().join("shared/.potluck").exists());
}

#[test]
fn a_quiet_command_says_its_answer_alone() {
    let peer = Peer::new();
    let giver = peer.neighbour();
    giver.share("photos/one.png", b"one");
    giver.share("photos/two.png", b"two");
    let _giver = Neighbour::start(giver, &[]);
    let _daemon = peer.daemon();
    peer.lists(2);
    let quiet = peer.ask(&["download", "photos", "-q"]);
    assert_eq!((quiet.status.code(), err(&quiet).as_str()), (Some(0), ""));
    assert_eq!(out(&quiet).lines().filter(|line| line.starts_with("saved ")).count(), 2);
    let fails = peer.ask(&["-q", "download", "nosuch"]);
    assert_eq!((fails.status.code(), err(&fails).lines().count()), (Some(4), 1), "{}", err(&fails));
    assert_eq!(peer.ask(&["-q", "-v", "list"]).status.code(), Some(2));
}

#[test]
fn bash_completes_names_of_others() {
    let peer = Peer::new();
    let giver = peer.neighbour();
    giver.share("my report.txt", b"report");
    giver.share("my folder/one.png", b"one");
    let _giver = Neighbour::start(giver, &["--name", "giver"]);
    let _daemon = peer.daemon();
    peer.lists(2);
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let completed = |typed: &str| {
        let script = format!(
            "PATH={}:$PATH; source <(potluck completions bash)\n\
             COMP_LINE='{typed}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=(potluck); COMP_CWORD=0; _potluck\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            program.parent().unwrap().display()
        );
        let mut command = Command::new("bash");
        let command = peer.confine(&mut command).args(["--norc", "-c", &script]).current_dir(peer.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(err(&output), "", "{typed}");
        let mut found: Vec<String> = out(&output).lines().map(str::to_owned).collect();
        found.sort();
        found
    };
    assert_eq!(completed("potluck download my"), ["my folder/", "my report.txt"]);
    assert_eq!(completed("potluck download \"my r"), ["my report.txt"]);
    assert_eq!(completed("potluck list --from gi"), ["giver"]);
    assert_eq!(completed("potluck dow"), ["download"]);
}

/// All files in a folder and below it, with their bytes.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    let named = files.map(|entry| {
        let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        (path, fs::read(entry.path()).unwrap())
    });
    named.collect()
}

#[test]
fn a_short_script_mirrors_a_peer_by_json_and_exit_codes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples/mirror");
    assert!(fs::read_to_string(&script).unwrap().lines().count() <= 30, "it is to be short");
    let peer = Peer::new();
    let giver = peer.neighbour();
    giver.share("report.txt", b"report");
    giver.share("photos/one.png", b"one");
    giver.share("photos/deep/two.png", b"two");
    let giver = Neighbour::start(giver, &["--name", "giver"]);
    let shared = giver.peer.path().join("shared");
    let mirror = tempfile::tempdir().unwrap();
    let program = assert_cmd::cargo::cargo_bin!("potluck");
    let run = |from: &str| {
        let mut command = Command::new(&script);
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let command = peer.confine(&mut command).env("PATH", path).env("POTLUCK_DIR", peer.path());
        command.arg(from).arg(mirror.path()).output().unwrap()
    };
    assert_eq!(run("giver").status.code(), Some(3), "no peer runs yet");
    let _daemon = peer.daemon();
    peer.lists(3);
    let first = run("giver");
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    assert_eq!(tree(mirror.path()), tree(&shared));
    // A file goes, one is new, one has another content.
    fs::remove_file(shared.join("report.txt")).unwrap();
    giver.peer.share("photos/one.png", b"another one");
    giver.peer.share("photos/three.png", b"three");
    wait("the changes", DEADLINE, || {
        let rows = peer.lists(3);
        let has = |path: &str, size: u64| rows.iter().any(|row| row.path == path && row.size == size);
        (has("photos/one.png", 11) && has("photos/three.png", 5)).then_some(())
    });
    let second = run("giver");
    assert_eq!(second.status.code(), Some(0), "{}", err(&second));
    assert_eq!(tree(mirror.path()), tree(&shared));
    assert_eq!(run("nobody").status.code(), Some(4));
}

#[test]
fn a_download_that_a_time_limit_ends_leaves_what_resumes_it_and_nothing_else() {
    let peer = Peer::new();
    let giver = peer.neighbour();
    let bytes = [7].repeat(8 << 20);
    giver.share("big.bin", &bytes);
    let _giver = Neighbour::start(giver, &["--up-limit", "2M"]);
    let _daemon = peer.daemon();
    peer.lists(1);
    let asks = peer.command();
    let mut limited = Command::new("timeout");
    limited.arg("2").arg(asks.get_program()).args(asks.get_args()).args(["download", "big.bin", "--json"]);
    limited.envs(asks.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    let ended = limited.output().unwrap();
    assert_eq!(ended.status.code(), Some(124), "{}", err(&ended));
    // The queue has forgotten it, and nothing lies in downloads/ but what a later download continues with.
    let downloads = peer.path().join("downloads");
    assert_eq!(out(&peer.ask(&["queue", "--json"])), "");
    let left: Vec<String> = tree(&downloads).into_keys().collect();
    assert!(left.iter().all(|path| path.starts_with(".potluck-partial/")), "{left:?}");
    let status = peer.status();
    assert!(status.downloads.is_empty(), "{:?}", status.downloads);
    // It is all used up by that.
    let again = peer.ask(&["download", "big.bin", "--json"]);
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    let left = tree(&downloads);
    assert!(left.keys().eq(["big.bin"]) && left["big.bin"] == bytes, "{:?}", left.keys());
    let sum: serde_json::Value = serde_json::from_str(out(&again).lines().last().unwrap()).unwrap();
    assert!(sum["resumed"].as_u64().unwrap() > 0, "{sum}");
}
