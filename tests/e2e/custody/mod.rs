//! Files that outlive their owner: copies on others are made, repaired, handed over, given back and dropped,
//! by real peers, as their users see it.

mod absent;
mod background;
mod counted;
mod crash;
mod drives;
mod exit;
mod home;
mod kept_here;
mod kill;
mod rot;
mod shares;
mod space;
mod withdrawn;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use potluck::control::{CustodyRow, ListRow};

use crate::files::fill;
use crate::lab::{LATER, Lab, Peer, wait};

/// What a keeper lends when a test says nothing else: an eighth of it is 512 MiB for each owner.
const LEND: [&str; 2] = ["--lend", "4GiB"];

/// A peer that has copies made and keeps those of others, with more arguments.
fn peer(lab: &Lab, node: u32, name: &str, args: &[&str]) -> Peer {
    let lends = if args.contains(&"--lend") { &[][..] } else { &LEND };
    lab.peer(node, name, &[lends, args].concat())
}

/// What `status` tells of copies.
fn custody(peer: &Peer) -> CustodyRow {
    peer.status().custody.unwrap()
}

/// The rows of the files that a peer shares itself.
fn own(peer: &Peer) -> Vec<ListRow> {
    peer.list().into_iter().filter(|row| row.mine && !row.folder && !row.id.is_empty()).collect()
}

/// Waits until each of these peers shares so many files, and each of them has all copies that it is to have.
fn until_whole<'a>(peers: impl IntoIterator<Item = &'a Peer>, files: usize) {
    for peer in peers {
        let what = format!("all copies of {files} files of {}", peer.name);
        let (_, time) = wait(&what, LATER, || {
            let rows = own(peer);
            let whole = rows.iter().filter(|r| r.wanted.is_some_and(|n| r.copies >= n.into())).count();
            let row = custody(peer);
            (whole == files && row.own_whole == files as u64 && row.own_files == files as u64).then_some(())
        });
        println!("{}: {files} files have their copies after {time:?}", peer.name);
    }
}

/// A number of files, to compare with what was counted.
fn n(files: u64) -> usize {
    usize::try_from(files).unwrap()
}

/// Files below a folder, by path: content, and whole seconds of their time.
type Contents = BTreeMap<PathBuf, (blake3::Hash, u64)>;

/// The content of a file.
fn hash(path: &Path) -> blake3::Hash {
    blake3::Hasher::new().update_reader(fs::File::open(path).unwrap()).unwrap().finalize()
}

/// All files below a folder but unfinished ones, by path: content, and whole seconds of their time.
fn contents(folder: &Path) -> Contents {
    let walk = walkdir::WalkDir::new(folder).into_iter();
    let walk = walk.filter_entry(|e| e.file_name() != ".potluck-partial").map(Result::unwrap);
    let files = walk.filter(|e| e.file_type().is_file());
    let read = |path: &Path| {
        let modified = fs::metadata(path).unwrap().modified().unwrap();
        (hash(path), modified.duration_since(UNIX_EPOCH).unwrap().as_secs())
    };
    files.map(|e| (e.path().strip_prefix(folder).unwrap().to_owned(), read(e.path()))).collect()
}

/// Files of many sizes, the smallest empty, the largest of `most` bytes, most of them small, all below the
/// folder `name` of a peer's `shared/`, which is made. Their times lie long ago.
fn fill_many(lab: &Lab, name: &str, count: u64, most: u64) -> PathBuf {
    let folder = lab.folder(&format!("{name}/shared/{name}"));
    for n in 0..count {
        let part = |n: u64| u128::from(n).pow(12);
        let size = u64::try_from(u128::from(most) * part(n) / part(count - 1)).unwrap();
        let path = folder.join(format!("{n:03}.bin"));
        let seed = u64::from_le_bytes(
            *blake3::hash(format!("{name} {n}").as_bytes()).as_bytes().first_chunk().unwrap(),
        );
        fill(&path, size, seed);
        date(&path, 1_000_000_000 + n);
    }
    folder
}

/// Sets the time of a file to so many seconds since 1970.
fn date(path: &Path, seconds: u64) {
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// What a peer keeps for others lies here: a file for each, by its id.
fn store(peer: &Peer) -> PathBuf {
    peer.directory.join(".potluck/store/.potluck-partial")
}

/// The ids of what a peer has in its store.
fn stored(peer: &Peer) -> Vec<String> {
    let Ok(names) = fs::read_dir(store(peer)) else { return Vec::new() };
    let names = names.map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.len() == 64).collect()
}

/// Its log, whole.
fn log(peer: &Peer) -> String {
    String::from_utf8_lossy(&fs::read(peer.directory.join("log")).unwrap()).into_owned()
}

/// Panics if a thread of it did.
fn assert_sound(peer: &Peer) {
    let log = log(peer);
    assert!(!log.contains("panicked"), "{log}");
}

/// The taker fetches these folders and has what `before` says of them, byte for byte.
fn assert_fetches(taker: &Peer, folders: &[(&str, &Contents)]) {
    let words = folders.iter().map(|(name, _)| *name);
    let out = taker.cli(["download"].into_iter().chain(words));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{said}");
    for (name, before) in folders {
        assert_eq!(&&contents(&taker.directory.join("downloads").join(name)), before, "{name}");
    }
}
