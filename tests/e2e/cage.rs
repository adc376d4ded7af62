//! The cage holds from outside: what a peer's threads cannot open stays shut, and `--to` goes on working.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// Takes the three calls of Landlock away, as in a kernel without it (seccomp: `ENOSYS`), then runs potluck.
const NO_LANDLOCK: &str = r#"
import ctypes, os, struct, sys
def op(code, then, otherwise, k): return struct.pack("=HBBI", code, then, otherwise, k)
LOAD, GE, RETURN = 0x20, 0x35, 0x06
filter = op(LOAD, 0, 0, 0) + op(GE, 0, 2, 444) + op(GE, 1, 0, 447) + op(RETURN, 0, 0, 0x50026) + op(RETURN, 0, 0, 0x7FFF0000)
kept = ctypes.create_string_buffer(filter)
program = struct.pack("@HP", len(filter) // 8, ctypes.addressof(kept))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// False, with the reason printed, where the system has no cages.
fn is_caged(peer: &Peer) -> bool {
    let status = peer.status();
    if status.confinement.confined == "no" {
        println!("skipped: {:?}", status.confinement.confined_why);
        assert!(status.warnings.iter().any(|w| w.contains("nothing but its own care")), "{status:?}");
        return false;
    }
    assert_eq!(
        (status.confinement.confined.as_str(), status.confinement.confined_why.as_deref()),
        ("yes", None)
    );
    true
}

/// A thread of a peer.
#[derive(Debug)]
struct ThreadRow {
    name: String,
    /// True if it gains no rights by running programs.
    no_new: bool,
    /// True if calls are refused to it (seccomp).
    filtered: bool,
}

/// A peer's threads.
fn threads(peer: &Peer) -> Vec<ThreadRow> {
    let tasks = fs::read_dir(format!("/proc/{}/task", peer.pid())).unwrap();
    let one = |task: &Path| {
        let status = fs::read_to_string(task.join("status")).ok()?;
        let name = fs::read_to_string(task.join("comm")).ok()?.trim().to_owned();
        let [no_new, filtered] = ["NoNewPrivs:\t1", "Seccomp:\t2"].map(|line| status.contains(line));
        Some(ThreadRow { name, no_new, filtered })
    };
    // One that has ended since it was listed is none.
    tasks.filter_map(|task| one(&task.unwrap().path())).collect()
}

/// Panics unless calls are refused to each thread that the network speaks to or that works for it, and to
/// none that does what the user says.
fn assert_filtered(peer: &Peer) {
    const CAGED: [&str; 13] = [
        "lan",
        "receiver",
        "sender",
        "sender-reader",
        "distributor",
        "distributee",
        "disk",
        "disk-write-1",
        "disk-write-2",
        "disk-slow",
        "chunk-store",
        "library",
        "store",
    ];
    let threads = threads(peer);
    for name in CAGED {
        let of_that_name: Vec<_> = threads.iter().filter(|thread| thread.name == name).collect();
        let all_filtered = !of_that_name.is_empty() && of_that_name.iter().all(|thread| thread.filtered);
        assert!(all_filtered, "{name}: {threads:?}");
    }
    assert!(threads.iter().any(|thread| thread.name == "files" && !thread.filtered), "{threads:?}");
    let guarded = peer.status().confinement.guarded;
    assert!(["calls", "memory"].iter().all(|name| guarded.iter().any(|guard| guard == name)), "{guarded:?}");
}

fn download_to(taker: &Peer, file: &str, to: &Path) {
    let args = ["download".as_ref(), file.as_ref(), "--to".as_ref(), to.as_os_str()];
    let out = taker.cli(args);
    assert!(out.status.success(), "{file} to {}: {out:?}", to.display());
}

#[test]
fn downloads_go_where_the_user_says_and_the_peer_stays_confined() {
    let Some(lab) = Lab::of("up 2") else { return };
    let shared = lab.folder("owner/shared");
    fill(&shared.join("big.bin"), 20 << 20, 1);
    for n in 0..50 {
        fs::create_dir_all(shared.join("many")).unwrap();
        fs::write(shared.join(format!("many/{n}.txt")), format!("number {n}")).unwrap();
    }
    let (owner, taker) = (lab.peer(1, "owner", &[]), lab.peer(2, "taker", &[]));
    wait("the files", LATER, || {
        taker
            .offered("big.bin")
            .filter(|_| (0..50).all(|n| taker.offered(&format!("many/{n}.txt")).is_some()))
    });
    if !is_caged(&owner) || !is_caged(&taker) {
        return;
    }
    let open: Vec<_> = threads(&taker).into_iter().filter(|thread| !thread.no_new).collect();
    assert!(open.is_empty(), "these may gain rights: {open:?}");
    assert_filtered(&taker);
    let before = threads(&taker).len();

    assert_same(&shared.join("big.bin"), &taker.fetch("big.bin"));
    // Elsewhere, twice at once, below it, and into a folder that is named by a link.
    let outside = lab.folder("outside");
    symlink(&outside, taker.directory.join("downloads/link")).unwrap();
    let other = taker.begin(["download", "many", "--to", outside.to_str().unwrap()]);
    download_to(&taker, "big.bin", &outside);
    assert!(other.wait_with_output().unwrap().status.success());
    assert_same(&shared.join("big.bin"), &outside.join("big.bin"));
    assert_same(&shared.join("many/49.txt"), &outside.join("many/49.txt"));
    download_to(&taker, "many/7.txt", &taker.directory.join("downloads/link"));
    assert_same(&shared.join("many/7.txt"), &outside.join("7.txt"));
    download_to(&taker, "many/7.txt", &taker.directory.join("downloads/new/er"));
    assert_same(&shared.join("many/7.txt"), &taker.directory.join("downloads/new/er/7.txt"));
    // A folder that was put in place of downloads/ is one that the user wants to be used.
    fs::rename(taker.directory.join("downloads"), taker.directory.join("before")).unwrap();
    assert_same(&shared.join("many/8.txt"), &taker.fetch("many/8.txt"));

    let (left, _) = wait("the end of the workers for elsewhere", SOON, || {
        let now = threads(&taker);
        (now.len() <= before).then_some(now)
    });
    // Those of downloads/, and those of the chunk store.
    assert_eq!(left.iter().filter(|thread| thread.name == "disk").count(), 2, "{left:?}");
    assert!(is_caged(&taker));
    assert_filtered(&taker);
    assert!(!outside.join(".potluck-partial").exists());
}

#[test]
fn a_link_in_place_of_shared_leads_nowhere() {
    let Some(lab) = Lab::of("up 3") else { return };
    let secrets = lab.folder("secrets");
    fs::write(secrets.join("secret.txt"), "not for the table").unwrap();
    fs::create_dir_all(lab.folder("free/shared")).unwrap();
    fs::write(lab.path("free/shared/free.txt"), "free").unwrap();
    let caged = lab.peer_with(1, "caged", &[("caged.txt", b"caged")]);
    let free = lab.peer(2, "free", &["--no-sandbox"]);
    let other = lab.peer(3, "other", &[]);
    wait("both files", SOON, || other.offered("caged.txt").and_then(|_| other.offered("free.txt")));
    let status = free.status();
    assert_eq!(
        (status.confinement.confined.as_str(), status.confinement.confined_why.as_deref()),
        ("no", Some("--no-sandbox"))
    );
    assert!(status.warnings.is_empty(), "{:?}", status.warnings);
    assert!(threads(&free).iter().all(|thread| !thread.no_new && !thread.filtered));
    assert!(free.status().confinement.guarded.is_empty());
    if !is_caged(&caged) {
        return;
    }
    for peer in [&caged, &free] {
        let shared = peer.directory.join("shared");
        fs::rename(&shared, peer.directory.join("before")).unwrap();
        symlink(&secrets, &shared).unwrap();
    }
    // The one without a cage follows the link, for a user may have made it; so the other one could have.
    let (row, _) = wait("the file behind the link", LATER, || other.offered("secret.txt"));
    wait("the files of before gone", LATER, || other.offered("caged.txt").is_none().then_some(()));
    let holders = other.offered("secret.txt").unwrap_or(row).peers;
    assert_eq!(holders, ["free"]);
    // Whoever looks between the two steps above finds nothing there, and says that first. Then comes what is
    // said of the root of the folder, or of what a scan of it met, whichever was seen first.
    let told = |w: &String| w.contains("cannot be opened") || w.contains("cannot be read");
    wait("a word about the link", SOON, || caged.status().warnings.iter().any(told).then_some(()));
}

/// Rules hold for a folder, not for its name. This is why they name the peer directory and not `shared/`.
#[test]
fn what_takes_the_place_of_shared_is_served() {
    let Some(lab) = Lab::of("up 2") else { return };
    let owner = lab.peer_with(1, "owner", &[("first.txt", b"first")]);
    let taker = lab.peer(2, "taker", &[]);
    wait("the file", SOON, || taker.offered("first.txt"));
    if !is_caged(&owner) {
        return;
    }
    // Moved away, and made again.
    let shared = owner.directory.join("shared");
    fs::rename(&shared, owner.directory.join("before")).unwrap();
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("second.txt"), "second").unwrap();
    wait("the file in the new folder", LATER, || taker.offered("second.txt"));
    assert_eq!(fs::read(taker.fetch("second.txt")).unwrap(), b"second");
    // A disk that is mounted there, where only the owner sees it: it goes with the owner.
    let mount = "mount -t tmpfs none \"$1\" && printf third >\"$1/third.txt\"";
    let mut inside = lab.inside(1, "nsenter");
    inside.args(["-t", &owner.pid().to_string(), "-m", "sh", "-c", mount, "sh"]).arg(&shared);
    assert!(inside.status().unwrap().success());
    wait("the file on the mounted disk", LATER, || taker.offered("third.txt"));
    assert_eq!(fs::read(taker.fetch("third.txt")).unwrap(), b"third");
    assert!(taker.offered("first.txt").is_none() && is_caged(&owner));
}

#[test]
fn where_there_are_no_cages_it_says_so_and_works() {
    let Some(lab) = Lab::of("up 2") else { return };
    let owner = lab.peer_with(1, "owner", &[("one.txt", b"one"), ("two.txt", b"two")]);
    let taker = lab.peer_under(2, "taker", &["python3", "-c", NO_LANDLOCK].map(std::ffi::OsStr::new), &[]);
    wait("both files", SOON, || taker.offered("one.txt").and_then(|_| taker.offered("two.txt")));
    let status = taker.status();
    let why = "this system has no Landlock";
    assert_eq!(
        (status.confinement.confined.as_str(), status.confinement.confined_why.as_deref()),
        ("no", Some(why))
    );
    assert_eq!(status.warnings.len(), 1, "{:?}", status.warnings);
    assert!(status.warnings[0].contains(why), "{:?}", status.warnings);
    let text = String::from_utf8(taker.cli(["status"]).stdout).unwrap();
    assert!(text.contains(&format!("confined  no ({why})")), "{text}");
    assert!(threads(&taker).iter().all(|thread| thread.no_new));
    // All other guards do without it.
    assert_eq!(status.confinement.guarded, ["calls", "memory"]);
    assert!(text.contains("guarded   system calls, memory"), "{text}");
    let disks = || threads(&taker).iter().filter(|thread| thread.name == "disk").count();
    assert_same(&owner.directory.join("shared/one.txt"), &taker.fetch("one.txt"));
    let outside = lab.folder("outside");
    download_to(&taker, "two.txt", &outside);
    assert_same(&owner.directory.join("shared/two.txt"), &outside.join("two.txt"));
    assert_eq!(disks(), 2);
}
