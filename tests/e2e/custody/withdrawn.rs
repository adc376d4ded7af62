//! What an owner leaves out by rule: nobody lists it, nobody keeps it, and a rule that is new takes back what was
//! shared, without a word about losses.

use std::fs;

use potluck::control::LeftOutRow;

use super::{assert_sound, custody, hash, log, n, own, peer, stored, until_whole};
use crate::files::{assert_same, fill};
use crate::lab::{LATER, Lab, SOON, wait};

/// What was released is soon dropped, so that a test sees the end of that.
const ARGS: [&str; 2] = ["--keep-deleted", "2s"];

/// Files that are shared, and as many of each kind that is not.
const MANY: u64 = 1_000;

#[test]
fn hidden_and_ignored_files_are_shared_with_nobody() {
    let Some(lab) = Lab::of("up 2") else { return };
    let shared = lab.folder("owner/shared");
    let sub = lab.folder("owner/shared/sub/.secret");
    for n in 0..MANY {
        fs::write(shared.join(format!("{n}.txt")), n.to_string()).unwrap();
        fs::write(shared.join(format!(".{n}")), n.to_string()).unwrap();
        fs::write(shared.join(format!("{n}.part")), n.to_string()).unwrap();
        fs::write(shared.join(format!("{n}.log")), n.to_string()).unwrap();
        fs::write(sub.join(format!("{n}.txt")), n.to_string()).unwrap();
    }
    fs::write(shared.join(".potluckignore"), "*.log\n").unwrap();
    let quiet = ["--copies", "1", "--lend", "0"];
    let owner = lab.peer(1, "owner", &quiet);
    let taker = lab.peer(2, "taker", &quiet);
    wait("hashed", LATER, || (own(&owner).len() == n(MANY)).then_some(()));
    let left_out = LeftOutRow { hidden: MANY + 1, junk: MANY, ignored: MANY };
    assert_eq!(owner.status().sharing.left_out, left_out);
    let said = |args: &[&str]| String::from_utf8(owner.cli(args).stdout).unwrap();
    let told = "1,001 hidden, 1,000 temporary and 1,000 ignored files not shared";
    assert!(said(&["list", "--mine"]).ends_with(&format!("{told}\n")));
    assert!(said(&["status"]).contains(told) && said(&["rescan"]).contains(told));
    wait("listed", LATER, || {
        let files = taker.list().into_iter().filter(|row| !row.folder);
        (files.count() == n(MANY)).then_some(())
    });
    let names = taker.list().into_iter().map(|row| row.path);
    let is_left_out = |name: &String| name.starts_with('.') || name.contains("/.") || !name.ends_with(".txt");
    assert_eq!(names.filter(|name| name != "sub").find(is_left_out), None);
    // A rule that is gone.
    fs::remove_file(shared.join(".potluckignore")).unwrap();
    wait("shared again", LATER, || taker.offered("999.log"));
    assert_same(&shared.join("999.log"), &taker.fetch("999.log"));
    assert_eq!(owner.status().sharing.left_out, LeftOutRow { ignored: 0, ..left_out });
    assert!(!log(&owner).contains("no longer shared"), "it never was");
    assert_sound(&owner);
}

#[test]
fn what_is_left_out_from_now_on_is_dropped_by_its_keepers_and_is_no_loss() {
    let Some(lab) = Lab::of("up 3") else { return };
    let shared = lab.folder("owner/shared");
    (0..12).for_each(|n| fill(&shared.join(format!(".{n}.bin")), 20_000 * (n + 1), n));
    (0..3).for_each(|n| fill(&shared.join(format!("{n}.bin")), 30_000 * (n + 1), 100 + n));
    let keeper = peer(&lab, 2, "keeper", &ARGS);
    let args = [&ARGS[..], &["--hidden"]].concat();
    let mut owner = peer(&lab, 1, "owner", &args);
    let taker = lab.peer(3, "taker", &["--copies", "1", "--lend", "0"]);
    until_whole([&owner], 15);
    let ids: Vec<String> = (0..12).map(|n| hash(&shared.join(format!(".{n}.bin"))).to_string()).collect();
    assert!(ids.iter().all(|id| stored(&keeper).contains(id)));
    // As after an upgrade: hidden files were shared, and are not from now on.
    assert!(owner.cli(["exit"]).status.success());
    owner.ended(SOON);
    owner = peer(&lab, 1, "owner", &ARGS);
    wait("told", SOON, || log(&owner).contains("12 files are no longer shared").then_some(()));
    wait("dropped", LATER, || ids.iter().all(|id| !stored(&keeper).contains(id)).then_some(()));
    until_whole([&owner], 3);
    assert_eq!(
        (custody(&owner).lost, custody(&owner).absent, owner.status().sharing.left_out.hidden),
        (0, 0, 12)
    );
    let said = |args: &[&str]| String::from_utf8(owner.cli(args).stdout).unwrap();
    assert!(said(&["restore"]).contains("nothing"), "it is here");
    // The same by an ignore file, while it runs.
    let id = hash(&shared.join("0.bin")).to_string();
    fs::write(shared.join(".potluckignore"), "/0.bin\n").unwrap();
    wait("gone", SOON, || taker.offered("0.bin").is_none().then_some(()));
    wait("dropped, too", LATER, || (!stored(&keeper).contains(&id)).then_some(()));
    until_whole([&owner], 2);
    // Said once: a restart is silent.
    let tellings = |log: &str| log.matches("no longer shared").count();
    let before = tellings(&log(&owner));
    owner.kill();
    owner = peer(&lab, 1, "owner", &ARGS);
    until_whole([&owner], 2);
    assert_eq!(tellings(&log(&owner)), before);
    assert!((0..12).all(|n| shared.join(format!(".{n}.bin")).exists()));
    [&owner, &keeper].into_iter().for_each(assert_sound);
}
