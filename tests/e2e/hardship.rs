//! What a machine does to a peer: too few descriptors, a folder unmounted, a disk that cannot be read, a
//! clock set wrong, an address that changes in the middle.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::errors::{Small, code};
use crate::files::{assert_nothing_partial, assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// Bytes of a large file. Over 100 Mbit/s it takes five seconds.
const SIZE: u64 = 64 << 20;

pub(crate) fn run(program: &str, args: &[&OsStr]) {
    let out = Command::new(program).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Runs a command among the mounts that a peer sees.
pub(crate) fn among_mounts_of(peer: &Peer, args: &[&OsStr]) {
    let pid = peer.pid().to_string();
    let enter = ["-t", &pid, "-m", "--"].map(OsStr::new);
    run("nsenter", &[&enter, args].concat());
}

/// Panics if a thread of the peer did.
fn assert_sound(peer: &Peer) {
    let log = fs::read_to_string(peer.directory.join("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

fn until_received(lab: &Lab, node: u32, before: u64, bytes: u64) {
    wait("bytes", LATER, || (lab.received(node) - before > bytes).then_some(()));
}

/// Two owners and 200 files; the taker may open only so many files in all.
fn with_descriptors(limit: &str) -> Option<(Lab, [Peer; 2], Peer)> {
    let lab = Lab::of("up 3")?;
    for owner in ["one", "two"] {
        let folder = lab.folder(&format!("{owner}/shared/many"));
        for n in 0..200 {
            fill(&folder.join(format!("{n}.bin")), 200_000 + n, n);
        }
    }
    let owners = [lab.peer(1, "one", &[]), lab.peer(2, "two", &[])];
    let taker = lab.peer_under(3, "taker", &["prlimit", limit, "--"].map(OsStr::new), &[]);
    let copies = || taker.list().iter().filter(|r| !r.folder && r.copies == 2).count();
    wait("all listed twice", LATER, || (copies() == 200).then_some(()));
    Some((lab, owners, taker))
}

fn assert_all_there(owner: &Peer, taker: &Peer) {
    for n in 0..200 {
        let path = format!("many/{n}.bin");
        assert_same(
            &owner.directory.join("shared").join(&path),
            &taker.directory.join("downloads").join(&path),
        );
    }
    assert_nothing_partial(taker);
}

#[test]
fn a_soft_limit_of_descriptors_is_raised() {
    let Some((_lab, owners, taker)) = with_descriptors("--nofile=48:4096") else { return };
    code(&taker.cli(["download", "many"]), 0);
    assert_all_there(&owners[0], &taker);
    assert_sound(&taker);
}

#[test]
fn few_descriptors_are_enough() {
    let Some((_lab, owners, taker)) = with_descriptors("--nofile=72:72") else { return };
    code(&taker.cli(["download", "many"]), 0);
    assert_all_there(&owners[0], &taker);
    assert_sound(&taker);
}

#[test]
fn too_few_descriptors_are_told_and_lose_nothing() {
    let Some((lab, owners, mut taker)) = with_descriptors("--nofile=1024:1024") else { return };
    let may_open = |files: usize| {
        // The soft limit alone, which can be raised again.
        let (pid, limit) = (taker.pid().to_string(), format!("--nofile={files}:"));
        run("prlimit", &["--pid".as_ref(), pid.as_ref(), limit.as_ref()]);
    };
    may_open(fs::read_dir(format!("/proc/{}/fd", taker.pid())).unwrap().count() + 2);
    let out = taker.cli(["download", "many"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() || said.contains("open files") || out.status.code() == Some(6), "{said}");
    println!("{:?}: {}", out.status.code(), said.lines().last().unwrap());
    assert_sound(&taker);
    // It lives, and goes on when it may.
    taker.status();
    may_open(1_024);
    code(&taker.cli(["download", "many"]), 0);
    assert_all_there(&owners[0], &taker);
    taker.kill();
    taker = lab.peer(3, "taker", &[]);
    wait("offered", LATER, || taker.offered("many/199.bin").filter(|r| r.copies == 2));
    code(&taker.cli(["download", "many"]), 0);
    assert_all_there(&owners[0], &taker);
}

/// Mounts the folder `store` of a lab over the `shared/` of a peer that has not started.
fn bound(lab: &Lab, name: &str) -> Small {
    let (store, shared) = (lab.folder("store"), lab.folder(&format!("{name}/shared")));
    run("mount", &["--bind".as_ref(), store.as_os_str(), shared.as_os_str()]);
    Small(shared)
}

#[test]
fn a_shared_folder_that_is_unmounted_is_missed_and_found_again() {
    let Some(lab) = Lab::of("up 2 100mbit") else { return };
    fill(&lab.folder("store").join("big.bin"), SIZE, 7);
    let mount = bound(&lab, "owner");
    let (owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("offered", LATER, || taker.offered("big.bin"));
    let before = lab.received(2);
    let download = taker.begin(["download", "big.bin"]);
    until_received(&lab, 2, before, SIZE / 4);
    among_mounts_of(&owner, &["umount".as_ref(), "-l".as_ref(), mount.0.as_os_str()]);
    wait("unlisted", SOON, || taker.offered("big.bin").is_none().then_some(()));
    let store = lab.path("store");
    among_mounts_of(&owner, &["mount".as_ref(), "--bind".as_ref(), store.as_os_str(), mount.0.as_os_str()]);
    wait("listed again", SOON, || taker.offered("big.bin"));
    // It went on with what it had open, or waited.
    code(&download.wait_with_output().unwrap(), 0);
    assert_same(&lab.path("store/big.bin"), &taker.directory.join("downloads/big.bin"));
    assert_nothing_partial(&taker);
    assert_sound(&owner);
}

/// A shared folder on a disk of its own, the second half of which cannot be read until it is healed.
pub(crate) struct BadDisk {
    image: std::path::PathBuf,
    second: Vec<u8>,
    _mount: Small,
}

impl BadDisk {
    pub(crate) fn break_half(lab: &Lab, mount: Small, file: &Path) -> Self {
        let image = lab.path("image");
        run("sync", &[]);
        let whole = fs::read(&image).unwrap();
        let half = whole.len() / 2;
        fs::File::options().write(true).open(&image).unwrap().set_len(half as u64).unwrap();
        let bad = Self { image, second: whole[half..].to_vec(), _mount: mount };
        Self::forget(file);
        bad
    }

    fn heal(&self, file: &Path) {
        use std::io::Write as _;
        fs::File::options().append(true).open(&self.image).unwrap().write_all(&self.second).unwrap();
        Self::forget(file);
    }

    /// What the kernel has of the file in memory is dropped.
    fn forget(file: &Path) {
        let from = format!("if={}", file.display());
        run("dd", &[from.as_ref(), "iflag=nocache".as_ref(), "count=0".as_ref()]);
    }
}

#[test]
fn a_disk_that_cannot_be_read_costs_its_owner_the_asker_only() {
    let Some(lab) = Lab::of("up 3 100mbit") else { return };
    let shared = lab.folder("bad/shared");
    let Some(mount) = Small::ext2(shared.clone(), &lab.path("image"), 80 << 20) else { return };
    let file = shared.join("big.bin");
    fill(&file, SIZE, 7);
    let (bad, taker) = (lab.peer(1, "bad", &[]), lab.peer(3, "taker", &[]));
    wait("offered", LATER, || taker.offered("big.bin"));
    let disk = BadDisk::break_half(&lab, mount, &file);
    assert!(fs::read(&file).is_err(), "it can be read");
    let download = taker.begin(["download", "big.bin"]);
    let log = || fs::read_to_string(bad.directory.join("log")).unwrap();
    wait("its owner is told", LATER, || log().contains("big.bin cannot be read").then_some(()));
    assert!(!taker.directory.join("downloads/big.bin").exists());
    assert_sound(&bad);
    // Another holder gives what it cannot, to the download that waits.
    fill(&lab.folder("good/shared").join("big.bin"), SIZE, 7);
    let good = lab.peer(2, "good", &[]);
    wait("offered by the good one", LATER, || {
        taker.offered("big.bin").filter(|r| r.peers.contains(&good.name))
    });
    code(&download.wait_with_output().unwrap(), 0);
    assert_same(&good.directory.join("shared/big.bin"), &taker.directory.join("downloads/big.bin"));
    assert_nothing_partial(&taker);
    disk.heal(&file);
    fs::remove_file(taker.directory.join("downloads/big.bin")).unwrap();
    drop(good);
    assert_eq!(log().matches("big.bin cannot be read").count(), 1, "its owner is told, once: {}", log());
    wait("given by the healed one", LATER, || {
        taker.cli(["download", "big.bin"]).status.success().then_some(())
    });
    assert_same(&file, &taker.fetch("big.bin"));
}

/// A download over whose middle one of the two gets another address.
fn moves(node: u32) {
    let Some(lab) = Lab::of("up 2 100mbit") else { return };
    fill(&lab.folder("owner/shared").join("big.bin"), SIZE, 7);
    let (owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("offered", LATER, || taker.offered("big.bin"));
    let before = lab.received(2);
    let download = taker.begin(["download", "big.bin"]);
    until_received(&lab, 2, before, SIZE / 4);
    lab.netlab(&format!("move {node} 10.77.0.{}/24", 90 + node));
    code(&download.wait_with_output().unwrap(), 0);
    assert_same(&owner.directory.join("shared/big.bin"), &taker.directory.join("downloads/big.bin"));
    assert_nothing_partial(&taker);
    let twice = (lab.received(2) - before).saturating_sub(SIZE) as f64 * 100.0 / SIZE as f64;
    println!("{twice:.2} % came twice");
    assert!(twice < 5.0, "{twice:.2} % came twice");
}

#[test]
fn an_owner_that_gets_another_address_goes_on_giving() {
    moves(1);
}

#[test]
fn a_taker_that_gets_another_address_goes_on_taking() {
    moves(2);
}

/// Waits until the taker is offered this content under this path, and fetches it.
fn gets(taker: &Peer, path: &str, content: &[u8]) {
    let id = blake3::hash(content).to_hex().to_string();
    wait("offered as it is now", SOON, || taker.offered(path).filter(|r| r.id == id));
    assert_eq!(fs::read(taker.fetch(&format!("b3:{id}"))).unwrap(), content);
}

/// The wall clock comes in at two places only: the start count and the times of files. (What runs goes by
/// the time since the machine started.)
#[test]
fn a_clock_that_is_set_forth_and_back_changes_nothing() {
    use std::time::{Duration, SystemTime};
    let Some(lab) = Lab::of("up 2") else { return };
    let years = Duration::from_secs(10 * 365 * 86_400);
    let shared = lab.folder("owner/shared");
    let put = |name: &str, content: &[u8], modified: SystemTime| {
        fs::write(shared.join(name), content).unwrap();
        fs::File::options().write(true).open(shared.join(name)).unwrap().set_modified(modified).unwrap();
    };
    let now = fs::metadata(&shared).unwrap().modified().unwrap();
    put("x.txt", b"of today", now);
    let (mut owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    gets(&taker, "x.txt", b"of today");
    // Ten years ahead: what such a start leaves behind, and what is written in it.
    put("x.txt", b"of then!", now + years);
    gets(&taker, "x.txt", b"of then!");
    owner.kill();
    let instance = owner.directory.join(".potluck/instance");
    let count: u64 = fs::read_to_string(&instance).unwrap().trim().parse().unwrap();
    fs::write(&instance, format!("{}\n", count + years.as_secs())).unwrap();
    // And back again: the same size, an earlier time.
    put("x.txt", b"and back", now - years);
    put("y.txt", b"new", now);
    for _ in 0..2 {
        owner = lab.peer(1, "owner", &[]);
        gets(&taker, "x.txt", b"and back");
        gets(&taker, "y.txt", b"new");
        let next: u64 = fs::read_to_string(&instance).unwrap().trim().parse().unwrap();
        assert!(next > count + years.as_secs(), "{next}");
        put("y.txt", b"new", now + years);
        owner.kill();
    }
}
