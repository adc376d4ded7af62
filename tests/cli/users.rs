//! What other users of this machine can do to a peer, and other processes of the same user. Only root can be
//! several users, so these tests do nothing without root.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::common::{Daemon, Peer, err, out};

/// Two users of no other meaning.
const VICTIM: u32 = 65_501;
const ATTACKER: u32 = 65_502;

/// The folder of a peer, with these rights and this owner; `None` without root, who alone can be another
/// user.
fn folder_of(owner: u32, mode: u32) -> Option<Peer> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let peer = Peer::new();
    chown(peer.path(), Some(owner), Some(owner)).unwrap();
    fs::set_permissions(peer.path(), Permissions::from_mode(mode)).unwrap();
    Some(peer)
}

/// Makes a folder that belongs to `owner`.
fn make(path: &Path, owner: u32, mode: u32) {
    fs::create_dir_all(path).unwrap();
    chown(path, Some(owner), Some(owner)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A link that `owner` made.
fn link(to: &Path, at: &Path, owner: u32) {
    symlink(to, at).unwrap();
    lchown(at, Some(owner), Some(owner)).unwrap();
}

/// The command that starts a peer as `user`, and where its program lies meanwhile.
fn start_as(user: u32, peer: &Peer, flags: &[&str]) -> (TempDir, Command) {
    // Where the program was built, another user may have no right to go.
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("potluck");
    fs::copy(assert_cmd::cargo::cargo_bin!("potluck"), &program).unwrap();
    let mut command = Command::new(&program);
    peer.confine(&mut command).arg("-d").arg(peer.path()).args(Peer::flags(flags));
    command.uid(user).gid(user).current_dir("/");
    (place, command)
}

/// Starts a peer as `user`, asks it for its status, and lets it leave.
fn run_as(user: u32, peer: &Peer) -> Output {
    let (_place, mut command) = start_as(user, peer, &[]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who is refused reads nothing.
    drop(child.stdin.take().unwrap().write_all(b"status\n"));
    child.wait_with_output().unwrap()
}

fn assert_refused(output: &Output, reason: &str) {
    assert_eq!(output.status.code(), Some(1), "{}{}", out(output), err(output));
    assert!(err(output).contains(reason), "{}", err(output));
}

fn assert_told(output: &Output, warning: &str) {
    assert_eq!(output.status.code(), Some(0), "{}", err(output));
    assert!(out(output).contains(warning), "{}", out(output));
}

#[test]
fn a_link_that_another_user_made_shares_nothing() {
    for mode in [0o777, 0o1777, 0o775] {
        let Some(peer) = folder_of(ATTACKER, mode) else { return };
        let home = tempfile::tempdir().unwrap();
        chown(home.path(), Some(VICTIM), Some(VICTIM)).unwrap();
        fs::write(home.path().join("secret"), "not for the table").unwrap();
        // Had before there was anything to lose, so that the victim may write there.
        make(&peer.path().join(".potluck"), VICTIM, 0o700);
        make(&peer.path().join("downloads"), VICTIM, 0o755);
        link(home.path(), &peer.path().join("shared"), ATTACKER);
        let output = run_as(VICTIM, &peer);
        assert_refused(&output, &format!("user {ATTACKER} made shared in "));
        assert!(err(&output).contains("a folder of your own"), "{}", err(&output));
        assert!(!peer.path().join(".potluck/key").exists());
    }
}

#[test]
fn a_key_that_another_user_made_is_not_taken() {
    for (victim, mode) in [(0, 0o777), (0, 0o1777), (VICTIM, 0o1777)] {
        let Some(peer) = folder_of(0, mode) else { return };
        let state = peer.path().join(".potluck");
        make(&state, ATTACKER, 0o700);
        fs::write(state.join("key"), [7; 32]).unwrap();
        assert_refused(&run_as(victim, &peer), &format!("user {ATTACKER} made .potluck in "));
        // Nor is a key put there, or a command sent there.
        if victim == 0 {
            assert_refused(&peer.ask(&["identity", "new"]), "made .potluck in ");
            assert_refused(&peer.ask(&["status"]), "made .potluck in ");
        }
    }
}

#[test]
fn a_link_to_the_state_of_another_user_is_not_followed() {
    let Some(peer) = folder_of(VICTIM, 0o755) else { return };
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), Permissions::from_mode(0o777)).unwrap();
    chown(state.path(), Some(ATTACKER), Some(ATTACKER)).unwrap();
    link(state.path(), &peer.path().join(".potluck"), VICTIM);
    assert_refused(&run_as(VICTIM, &peer), "may know the key");
}

#[test]
fn own_things_below_a_sticky_folder_are_fine() {
    let Some(peer) = folder_of(0, 0o1777) else { return };
    for _ in 0..2 {
        let output = run_as(VICTIM, &peer);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(!out(&output).contains("warnings"), "{}", out(&output));
    }
}

#[test]
fn an_open_folder_is_told_and_so_is_a_link_of_ones_own() {
    let Some(peer) = folder_of(VICTIM, 0o757) else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    chown(elsewhere.path(), Some(VICTIM), None).unwrap();
    link(elsewhere.path(), &peer.path().join("shared"), VICTIM);
    let output = run_as(VICTIM, &peer);
    assert_told(&output, "everyone on this machine can write in ");
    let target = elsewhere.path().canonicalize().unwrap();
    assert_told(&output, &format!("shared is a link: everything in {} is shared", target.display()));
}

#[test]
fn root_is_told_in_the_folder_of_another_user() {
    let Some(peer) = folder_of(VICTIM, 0o755) else { return };
    assert_eq!(run_as(VICTIM, &peer).status.code(), Some(0));
    assert_told(&run_as(0, &peer), "this peer runs as root in ");
}

/// As on a FAT that root mounted: all belongs to root and is open, and nobody else can change that.
#[test]
fn where_the_key_cannot_be_closed_one_warning_says_so() {
    let Some(peer) = folder_of(0, 0o755) else { return };
    for item in [".potluck", ".potluck/store", "shared", "downloads"] {
        make(&peer.path().join(item), 0, 0o777);
    }
    let output = run_as(VICTIM, &peer);
    assert_told(&output, "keeps no owners or no rights");
    assert_eq!(out(&output).matches("keeps no").count(), 1, "{}", out(&output));
}

/// Whether a process of `user` can read these files of another process, in their order.
fn reads(user: u32, pid: u32, files: &[&str]) -> Vec<bool> {
    let open = |file: &&str| {
        let path = format!("/proc/{pid}/{file}");
        let output = Command::new("head").args(["-c", "1", &path]).uid(user).gid(user).output().unwrap();
        // What can be opened may have nothing to read at its beginning.
        !err(&output).contains("Permission denied")
    };
    files.iter().map(open).collect()
}

#[test]
fn no_other_process_of_the_same_user_reads_the_memory() {
    const FILES: [&str; 4] = ["mem", "maps", "environ", "fd/0"];
    for (flags, open) in [(&["--daemon"][..], false), (&["--daemon", "--no-sandbox"][..], true)] {
        let Some(peer) = folder_of(VICTIM, 0o700) else { return };
        let (_place, mut command) = start_as(VICTIM, &peer, flags);
        let daemon = Daemon(command.stdin(Stdio::null()).spawn().unwrap());
        peer.wait_until_it_answers();
        assert_eq!(reads(VICTIM, daemon.0.id(), &FILES), [open; 4], "{flags:?}");
        assert_eq!(peer.status().confinement.guarded.contains(&"memory".to_owned()), !open);
        let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.0.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert!(open || core.split_whitespace().nth(4) == Some("0"), "{core}");
    }
}

#[test]
fn a_peer_in_another_pid_namespace_answers_its_user() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root may make one without one of users.
    }
    let peer = Peer::new();
    let start = peer.start(&[]);
    let mut apart = Command::new("unshare");
    apart.args(["--pid", "--fork", "--kill-child"]).arg(start.get_program()).args(start.get_args());
    peer.confine(&mut apart).arg("--daemon").stdin(Stdio::null());
    let _runs = Daemon(apart.spawn().unwrap());
    peer.wait_until_it_answers();
}

#[test]
fn root_is_answered_by_a_peer_whose_user_namespace_does_not_know_root() {
    let Some(peer) = folder_of(VICTIM, 0o700) else { return };
    let mut apart = Command::new("unshare");
    apart.args(["--user", "--map-root-user"]).uid(VICTIM).gid(VICTIM).current_dir("/");
    let is_possible = |output: Output| output.status.success();
    if !apart.arg("true").output().is_ok_and(is_possible) {
        println!("skipped: no user namespaces");
        return;
    }
    let (_place, start) = start_as(VICTIM, &peer, &["--daemon"]);
    let mut apart = Command::new("unshare");
    apart.args(["--user", "--map-root-user"]).arg(start.get_program()).args(start.get_args());
    peer.confine(&mut apart).uid(VICTIM).gid(VICTIM).current_dir("/").stdin(Stdio::null());
    let _runs = Daemon(apart.spawn().unwrap());
    peer.wait_until_it_answers();
}
