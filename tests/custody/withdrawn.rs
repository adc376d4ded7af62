//! Own files that are there and are left out by rule from some moment on: others let them go, and nobody is asked.

use potluck::content::FolderIdentity;
use potluck::custody::recovery::Decision;

use crate::home::{MIB, s, settled};
use crate::world::{World, entry, id_of};

/// Copies of the file `f{n}` that others keep.
fn kept(world: &World, n: u64) -> u32 {
    world.kept_copies(id_of(&entry("x", 100 + n, MIB)), MIB)
}

/// How many files of the owner may be had back.
fn recoverable(world: &World) -> usize {
    world.peers[0].machine.as_ref().unwrap().recoverable(world.now).count()
}

#[test]
fn what_is_left_out_is_let_go_by_its_keepers_and_nobody_is_asked() {
    let mut world = settled(1);
    let before = world.peers[0].shared.entries().count();
    assert!(kept(&world, 3) > 0 && before > 8);
    // Nearly all at once: that would be a loss if it were gone.
    let all: Vec<String> = (1..before).map(|n| format!("f{n}")).collect();
    world.leave_out(0, &all.iter().map(String::as_str).collect::<Vec<_>>());
    world.browse(0);
    world.run(s(60));
    let released = |world: &World| {
        let keepers = world.peers.iter().filter_map(|p| p.machine.as_ref());
        keepers.flat_map(|m| m.keeper().all()).filter(|(_, row, _)| row.released.is_some()).count()
    };
    assert!(released(&world) >= before - 1, "{}", released(&world));
    let owner = &world.peers[0];
    assert_eq!(
        (owner.asked.len(), owner.restored.len(), owner.withdrawn.as_slice()),
        (0, 0, &[before - 1][..])
    );
    assert_eq!(recoverable(&world), 0, "it is here");
    let head: Vec<_> = owner.published.as_ref().unwrap().1.entries().map(|e| e.path.as_str()).collect();
    assert_eq!(head, ["f0"]);
    world.run(s(26 * 3_600));
    assert!(kept(&world, 0) > 0 && (1..before as u64).all(|n| kept(&world, n) == 0));
}

#[test]
fn a_restart_says_it_no_more_and_a_keeper_that_slept_lets_go_as_well() {
    let mut world = settled(1);
    let file = id_of(&entry("x", 103, MIB));
    let keeper = (1..world.peers.len()).find(|p| world.peers[*p].store.contains_key(&file)).unwrap();
    world.crash(keeper);
    world.run(s(20));
    world.leave_out(0, &["f3"]);
    world.run(s(5));
    world.crash(0);
    world.run(s(20));
    world.start(0);
    world.start(keeper);
    world.run(s(26 * 3_600));
    assert_eq!((world.peers[0].withdrawn.as_slice(), kept(&world, 3)), (&[1][..], 0));
    assert!(world.peers[0].asked.is_empty());
}

#[test]
fn what_is_shared_again_within_the_day_is_kept_again() {
    let mut world = settled(1);
    world.leave_out(0, &["f3"]);
    world.run(s(60));
    world.leave_out(0, &[]);
    world.share(0, [entry("f3", 103, MIB)]);
    world.run(s(26 * 3_600));
    assert!(kept(&world, 3) > 0);
}

#[test]
fn a_content_that_is_shared_at_another_path_is_let_go_by_nobody() {
    let mut world = settled(1);
    world.share(0, [entry("twin", 103, MIB)]);
    world.run(s(60));
    world.leave_out(0, &["f3"]);
    world.run(s(26 * 3_600));
    assert!(kept(&world, 3) > 0 && world.peers[0].withdrawn == [1]);
}

#[test]
fn what_is_gone_is_judged_as_ever_and_what_was_lost_is_withdrawn_once_it_is_seen() {
    let mut world = settled(1);
    world.peers[0].decides = None;
    // All is gone, and something that was never shared is left out there: the folder is not empty.
    let all: Vec<String> = world.peers[0].shared.entries().map(|e| e.path.as_str().to_owned()).collect();
    let paths: Vec<&str> = all.iter().map(String::as_str).collect();
    world.remove(0, &paths);
    world.run(s(10));
    assert_eq!(world.peers[0].asked.len(), 1, "nobody deletes so much at once");
    let lost = world.peers[0].machine.as_ref().unwrap().recovery().n_missing();
    assert_eq!(lost, all.len());
    world.leave_out(0, &["f3", "f4"]);
    world.run(s(10));
    let machine = world.peers[0].machine.as_mut().unwrap();
    assert_eq!(machine.recovery().n_missing(), lost - 2);
    machine.decide(world.now, Decision::GiveBack);
    world.run(s(26 * 3_600));
    assert!(world.peers[0].restored.iter().all(|e| !["f3", "f4"].contains(&e.path.as_str())));
    assert_eq!((kept(&world, 3), world.peers[0].withdrawn.as_slice()), (0, &[2][..]));
}

#[test]
fn the_rules_of_another_folder_withdraw_nothing() {
    let mut world = settled(1);
    let owner = &mut world.peers[0];
    owner.folder_identity = FolderIdentity { device: 9, inode: 9, birth: 9 };
    world.leave_out(0, &["f3"]);
    world.run(s(60));
    assert!(world.peers[0].withdrawn.is_empty() && kept(&world, 3) > 0);
}
