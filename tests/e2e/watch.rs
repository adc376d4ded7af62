//! What lies in `shared/` is on the table, and what is taken away is not.

use core::time::Duration;
use std::fs;

use crate::lab::{Lab, SOON, wait};

#[test]
fn changes_in_shared_reach_the_others() {
    let Some(lab) = Lab::of("up 3") else { return };
    let owner = lab.peer_with(1, "owner", &[("first.txt", b"one")]);
    let others = [2, 3].map(|node| lab.peer(node, &format!("peer{node}"), &[]));
    let all = |path: &str| others.iter().map(|o| o.offered(path)).collect::<Option<Vec<_>>>();
    wait("the first file", SOON, || all("first.txt"));

    fs::write(owner.directory.join("shared/new.txt"), b"two").unwrap();
    let (_, time) = wait("a new file", SOON, || all("new.txt"));
    println!("a new file is listed after {time:?} (aim: 2 s after it stands still)");
    assert!(time < Duration::from_secs(6), "{time:?}");

    let old = others[0].offered("new.txt").unwrap().id;
    fs::write(owner.directory.join("shared/new.txt"), b"something else").unwrap();
    wait("a changed file", SOON, || all("new.txt").filter(|rows| rows.iter().all(|r| r.id != old)));

    fs::create_dir_all(owner.directory.join("shared/a/b")).unwrap();
    fs::write(owner.directory.join("shared/a/b/deep.txt"), b"deep").unwrap();
    wait("a file in a new folder", SOON, || all("a/b/deep.txt"));
    fs::rename(owner.directory.join("shared/a"), owner.directory.join("shared/c")).unwrap();
    wait("a renamed folder", SOON, || all("c/b/deep.txt"));
    wait("its old name gone", SOON, || {
        others.iter().all(|o| o.listed("a/b/deep.txt").is_none()).then_some(())
    });

    fs::remove_file(owner.directory.join("shared/first.txt")).unwrap();
    let gone = || others.iter().all(|o| o.listed("first.txt").is_none()).then_some(());
    let (_, time) = wait("a removed file gone", SOON, gone);
    println!("a removed file is gone after {time:?}");
}

#[test]
fn the_files_of_a_peer_that_leaves_are_no_longer_offered() {
    let Some(lab) = Lab::of("up 2") else { return };
    let mut owner = lab.peer_with(1, "owner", &[("here.txt", b"one")]);
    let other = lab.peer(2, "other", &[]);
    wait("offered", SOON, || other.offered("here.txt"));
    assert!(owner.cli(["exit", "--now"]).status.success());
    owner.ended(SOON);
    wait("no longer offered", SOON, || other.offered("here.txt").is_none().then_some(()));
    let _back = lab.peer(1, "owner", &[]);
    wait("offered again", SOON, || other.offered("here.txt"));
}

#[test]
fn one_content_under_two_names_is_one_content() {
    let Some(lab) = Lab::of("up 3") else { return };
    let _one = lab.peer_with(1, "one", &[("stew.txt", b"lentils")]);
    let _two = lab.peer_with(2, "two", &[("grandmother's stew.txt", b"lentils")]);
    let third = lab.peer(3, "third", &[]);
    let (rows, _) = wait("both names", SOON, || {
        Some([third.offered("stew.txt")?, third.offered("grandmother's stew.txt")?])
    });
    assert_eq!(rows[0].id, rows[1].id);
    assert_eq!(rows[0].id, blake3::hash(b"lentils").to_hex().as_str());
    wait("two copies", SOON, || third.offered("stew.txt").filter(|row| row.copies == 2));
}
