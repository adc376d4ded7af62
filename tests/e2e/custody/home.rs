//! What an owner deletes goes, what it only lost stays, and what it put back is not forgotten.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{assert_sound, contents, custody, hash, n, own, peer, stored, until_whole};
use crate::errors::Small;
use crate::files::{assert_same, fill};
use crate::hardship::{among_mounts_of, run};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

#[test]
fn what_is_deleted_goes_everywhere_and_what_is_put_back_stays() {
    const SOON_DROPPED: [&str; 4] = ["--keep-deleted", "8s", "--copies", "3"];
    let Some(lab) = Lab::of("up 5") else { return };
    let shared = lab.folder("owner/shared");
    for n in 0..6 {
        fill(&shared.join(format!("{n}.bin")), 200_000 * n, n);
    }
    let [gone, back] = ["4.bin", "5.bin"].map(|name| shared.join(name));
    let (gone_id, back_id) = (hash(&gone).to_string(), hash(&back).to_string());
    let keepers: Vec<Peer> = (2..=4).map(|n| peer(&lab, n, &format!("keeper{n}"), &SOON_DROPPED)).collect();
    let mut owner = peer(&lab, 1, "owner", &SOON_DROPPED);
    until_whole([&owner], 6);
    let keep = |id: &String| keepers.iter().filter(|k| stored(k).contains(id)).count();
    assert_eq!((keep(&gone_id), keep(&back_id)), (2, 2));
    // One by one: a few of many are deleted on purpose.
    fs::remove_file(&gone).unwrap();
    fs::rename(&back, lab.path("kept")).unwrap();
    wait("unlisted", SOON, || {
        let lists = |k: &Peer| k.offered("4.bin").is_some() || k.offered("5.bin").is_some();
        (!keepers.iter().any(lists)).then_some(())
    });
    fs::rename(lab.path("kept"), &back).unwrap();
    let (_, time) = wait("dropped", LATER, || (keep(&gone_id) == 0).then_some(()));
    println!("dropped after {time:?}");
    until_whole([&owner], 5);
    // Those who had it before were forgotten: one more may have been asked.
    assert!(keep(&back_id) >= 2, "it was put back");
    assert!(owner.cli(["exit"]).status.success());
    owner.ended(SOON);
    let newcomer = peer(&lab, 5, "newcomer", &["--copies", "1"]);
    wait("five files of who is away", LATER, || {
        let rows = newcomer.list();
        let away = rows.iter().filter(|r| r.away && r.copies >= 2).count();
        (rows.len() == 5 && away == 5).then_some(())
    });
    assert_same(&back, &newcomer.fetch("5.bin"));
    keepers.iter().for_each(assert_sound);
}

#[test]
fn what_was_deleted_by_mistake_comes_back() {
    let Some(lab) = Lab::of("up 2") else { return };
    let shared = lab.folder("owner/shared");
    for n in 0..4 {
        fill(&shared.join(format!("{n}.bin")), 100_000 * (n + 1), n);
    }
    fs::create_dir(shared.join("folder")).unwrap();
    fill(&shared.join("folder/5.bin"), 70_000, 5);
    let keeper = peer(&lab, 2, "keeper", &[]);
    let owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 5);
    let before = contents(&shared);
    fs::remove_file(shared.join("1.bin")).unwrap();
    fs::remove_file(shared.join("2.bin")).unwrap();
    fs::remove_dir_all(shared.join("folder")).unwrap();
    wait("unlisted", SOON, || (own(&owner).len() == 2).then_some(()));
    let nothing = owner.cli(["restore", "nothing.bin"]);
    assert_eq!(nothing.status.code(), Some(4), "{}", String::from_utf8_lossy(&nothing.stderr));
    // Its keepers say what they keep a moment later.
    wait("restored", SOON, || owner.cli(["restore", "1.bin", "folder"]).status.success().then_some(()));
    wait("back", LATER, || (contents(&shared).len() == 4).then_some(()));
    let back = contents(&shared);
    assert!(!back.contains_key(Path::new("2.bin")), "nobody asked for it");
    assert!(back.iter().all(|(path, is)| before[path] == *is));
    wait("the rest", LATER, || {
        assert!(owner.cli(["restore"]).status.success());
        (contents(&shared) == before).then_some(())
    });
    until_whole([&owner], 5);
    [&owner, &keeper].into_iter().for_each(assert_sound);
}

/// What was deleted is not listed by keepers when its owner leaves right after, and does not come back with
/// it.
#[test]
fn what_was_deleted_just_before_leaving_stays_deleted() {
    let Some(lab) = Lab::of("up 4") else { return };
    let shared = lab.folder("owner/shared");
    for n in 0..4 {
        fill(&shared.join(format!("{n}.bin")), 100_000, n);
    }
    let keepers: Vec<Peer> = (2..=3).map(|n| peer(&lab, n, &format!("keeper{n}"), &[])).collect();
    let mut owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 4);
    fs::remove_file(shared.join("3.bin")).unwrap();
    wait("unlisted", SOON, || keepers.iter().all(|k| k.offered("3.bin").is_none()).then_some(()));
    assert!(owner.cli(["exit"]).status.success());
    owner.ended(SOON);
    let newcomer = peer(&lab, 4, "newcomer", &["--copies", "1"]);
    wait("three files of who is away", SOON, || {
        let paths: Vec<String> = newcomer.list().into_iter().filter(|r| r.away).map(|r| r.path).collect();
        (paths == ["0.bin", "1.bin", "2.bin"]).then_some(())
    });
    assert!(keepers.iter().all(|k| k.listed("3.bin").is_none()));
    // Deleted while it did not run, one by one: that is meant, too.
    fs::remove_file(shared.join("2.bin")).unwrap();
    let owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 2);
    wait("unlisted", SOON, || {
        let rows = newcomer.list();
        (rows.len() == 2 && rows.iter().all(|r| !r.away)).then_some(())
    });
    assert_eq!(contents(&shared).len(), 2);
    assert_eq!(custody(&owner).lost, 0);
    keepers.iter().chain([&owner]).for_each(assert_sound);
}

#[test]
fn a_disk_that_is_taken_away_and_comes_back_costs_no_file_and_doubles_none() {
    const FILES: u64 = 24;
    let Some(lab) = Lab::of("up 3") else { return };
    let disk = lab.folder("disk");
    for n in 0..FILES {
        fill(&disk.join(format!("{n}.bin")), n * 20_000, n);
    }
    let before = contents(&disk);
    let shared = lab.folder("owner/shared");
    run("mount", &["--bind".as_ref(), disk.as_os_str(), shared.as_os_str()]);
    let _mount = Small(shared.clone());
    let args = ["--keep-deleted", "2s"];
    let keepers: Vec<Peer> = (2..=3).map(|n| peer(&lab, n, &format!("keeper{n}"), &args)).collect();
    let owner = peer(&lab, 1, "owner", &args);
    until_whole([&owner], n(FILES));
    let kept = || keepers.iter().flat_map(stored).count();
    assert_eq!(kept(), n(FILES));
    let names_all = || own(&owner).len() == n(FILES);
    among_mounts_of(&owner, &["umount".as_ref(), "-l".as_ref(), shared.as_os_str()]);
    // Nobody deleted them: a peer without a prompt has them given back, to where the disk was.
    let below = |peer: &Peer| {
        let folder = format!("/proc/{}/root{}", peer.pid(), shared.display());
        contents(Path::new(&folder)).len()
    };
    wait("all given back", LATER, || (below(&owner) == n(FILES) && names_all()).then_some(()));
    until_whole([&owner], n(FILES));
    among_mounts_of(&owner, &["mount".as_ref(), "--bind".as_ref(), disk.as_os_str(), shared.as_os_str()]);
    until_whole([&owner], n(FILES));
    assert_eq!(contents(&disk), before, "nothing on the disk was touched, nothing doubled");
    assert_eq!((kept(), custody(&owner).lost), (n(FILES), 0));
    for keeper in &keepers {
        let paths: Vec<String> = keeper.list().into_iter().map(|r| r.path).collect();
        assert_eq!(paths.len(), n(FILES), "{paths:?}");
    }
    assert_sound(&owner);
    keepers.iter().for_each(assert_sound);
}

/// The copy of a folder takes its original's place for a moment; then the original has copies made as before.
#[test]
fn who_was_copied_goes_on_having_copies_made() {
    let Some(lab) = Lab::of("up 3") else { return };
    fill(&lab.folder("owner/shared").join("0.bin"), 100_000, 0);
    let keeper = peer(&lab, 2, "keeper", &[]);
    let owner = peer(&lab, 1, "owner", &[]);
    until_whole([&owner], 1);
    let copy = lab.path("copy");
    assert!(Command::new("cp").arg("-a").arg(&owner.directory).arg(&copy).status().unwrap().success());
    let (status, _) = peer(&lab, 3, "copy", &[]).ended(LATER);
    assert_eq!(status.code(), Some(1));
    wait("the original listed", SOON, || (keeper.names() == ["owner"]).then_some(()));
    fill(&owner.directory.join("shared/1.bin"), 200_000, 1);
    until_whole([&owner], 2);
    assert!(!custody(&owner).conflict, "{}", super::log(&owner));
    assert_eq!(contents(&owner.directory.join("shared")).len(), 2);
    [&owner, &keeper].into_iter().for_each(assert_sound);
}
