//! Owners come home, delete, lose and change; keepers sleep through it.

use std::time::Duration;

use potluck::content::FolderIdentity;
use potluck::custody::recovery::{Decision, Fate};
use potluck::sim::seeds;

use crate::world::{GIB, World, config, entry, id_of};

pub(crate) const MIB: u64 = 1 << 20;

pub(crate) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Four peers, of which the first shares twelve files that are all placed.
pub(crate) fn settled(seed: u64) -> World {
    let mut world = World::new(seed, 4, config(2, GIB));
    world.share(0, (0..12).map(|n| entry(&format!("f{n}"), seed * 100 + n, MIB)));
    world.start_all();
    let ids: Vec<_> = (0..12).map(|n| id_of(&entry("x", seed * 100 + n, MIB))).collect();
    world.run_while(s(30), |w| ids.iter().all(|f| w.copies(*f, MIB) == 2)).expect("all are placed");
    world.run(s(5));
    world
}

#[test]
fn what_is_deleted_is_kept_for_a_day_and_then_gone_everywhere() {
    seeds(10, |seed| {
        let mut world = settled(seed);
        let gone = id_of(&entry("x", seed * 100 + 3, MIB));
        world.remove(0, &["f3"]);
        world.run(s(23 * 3_600));
        assert_eq!(world.kept_copies(gone, MIB), 1, "a day to change one's mind");
        world.run(s(2 * 3_600));
        assert_eq!(world.kept_copies(gone, MIB), 0);
        assert_eq!(world.kept_copies(id_of(&entry("x", seed * 100 + 4, MIB)), MIB), 1);
    });
}

#[test]
fn a_file_put_back_within_the_day_stays() {
    let mut world = settled(1);
    let file = entry("f3", 103, MIB);
    world.remove(0, &["f3"]);
    world.run(s(3_600));
    world.share(0, [file.clone()]);
    world.run(s(48 * 3_600));
    assert_eq!(world.kept_copies(id_of(&file), MIB), 1);
}

/// Whoever released it says so, and is told that it stays, though others may have been asked instead.
#[test]
fn what_is_put_back_is_dropped_by_nobody() {
    let mut world = settled(1);
    let files: Vec<_> = (0..8).map(|n| entry(&format!("f{n}"), 100 + n, MIB)).collect();
    world.remove(0, &files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>());
    world.browse(0);
    world.run(s(60));
    let released = |world: &World| -> usize {
        let rows = world.peers.iter().filter_map(|p| p.machine.as_ref()).flat_map(|m| m.keeper().all());
        rows.filter(|(_, row, _)| row.released.is_some()).count()
    };
    assert_eq!(released(&world), 8);
    world.share(0, files);
    world.browse(0);
    world.run(s(60));
    assert_eq!(released(&world), 0);
}

#[test]
fn a_keeper_that_slept_through_a_delete_resurrects_nothing() {
    seeds(20, |seed| {
        let mut world = settled(seed);
        let gone = id_of(&entry("x", seed * 100 + 3, MIB));
        let keeper = (1..4).find(|p| world.peers[*p].store.contains_key(&gone)).unwrap();
        world.crash(keeper);
        world.run(s(20));
        world.remove(0, &["f3"]);
        world.run(s(5));
        // The owner leaves for good, and its keepers with it: only the old one is back, then another.
        world.exit(0);
        world.run_while(s(60), |w| w.peers[0].report.is_some()).unwrap();
        world.start(keeper);
        world.run(s(3 * 3_600));
        assert!(world.kept_copies(gone, MIB) <= 1, "it is not spread any further");
        world.start(0);
        world.run(s(60));
        assert!(world.peers[0].restored.is_empty() && world.peers[0].asked.is_empty());
        world.run(s(25 * 3_600));
        assert_eq!(world.kept_copies(gone, MIB), 0);
    });
}

#[test]
fn an_empty_folder_is_a_loss_and_everything_comes_back() {
    seeds(10, |seed| {
        let mut world = settled(seed);
        world.exit(0);
        world.run_while(s(60), |w| w.peers[0].report.is_some()).unwrap();
        // The disk with shared/ is another one now.
        world.peers[0].shared = std::sync::Arc::default();
        world.peers[0].folder_identity = FolderIdentity { device: 9, inode: 9, birth: 9 };
        world.start(0);
        world.run(s(26 * 3_600));
        assert_eq!(world.peers[0].asked[0].0, 12);
        assert!(world.peers[0].restored.is_empty(), "nobody said that it is to come back");
        for n in 0..12 {
            assert!(world.kept_copies(id_of(&entry("x", seed * 100 + n, MIB)), MIB) >= 2, "none is released");
        }
        let now = world.now;
        let machine = world.peers[0].machine.as_mut().unwrap();
        machine.decide(now, Decision::GiveBack);
        world.run(s(1_200));
        assert_eq!(world.peers[0].restored.len(), 12);
    });
}

#[test]
fn a_few_missing_at_the_start_were_deleted_and_many_were_lost() {
    for (missing, is_lost) in [(5, false), (10, false), (11, true)] {
        let mut world = settled(1);
        world.exit(0);
        world.run_while(s(60), |w| w.peers[0].report.is_some()).unwrap();
        let paths: Vec<String> = (0..missing).map(|n| format!("f{n}")).collect();
        world.remove(0, &paths.iter().map(String::as_str).collect::<Vec<_>>());
        world.start(0);
        world.run(s(26 * 3_600));
        assert_eq!(!world.peers[0].asked.is_empty(), is_lost, "{missing}");
        assert_eq!(world.kept_copies(id_of(&entry("x", 100, MIB)), MIB) == 0, !is_lost, "{missing}");
    }
}

#[test]
fn an_owner_with_nothing_but_its_key_gets_its_files_back() {
    seeds(10, |seed| {
        let mut world = settled(seed);
        world.exit(0);
        world.run_while(s(60), |w| w.peers[0].report.is_some()).unwrap();
        world.run(s(1));
        world.peers[0].shared = std::sync::Arc::default();
        world.peers[0].ledger = potluck::custody::ledger::Ledger::default();
        world.peers[0].decides = Some(Decision::GiveBack);
        world.start(0);
        world.run(s(60));
        assert_eq!(world.peers[0].restored.len(), 12);
        world.run(s(26 * 3_600));
        for n in 0..12 {
            assert!(world.kept_copies(id_of(&entry("x", seed * 100 + n, MIB)), MIB) >= 2, "none is released");
        }
    });
}

#[test]
fn what_changed_while_away_is_not_overwritten() {
    let mut world = settled(1);
    world.exit(0);
    world.run_while(s(60), |w| w.peers[0].report.is_some()).unwrap();
    let new = entry("f3", 777, MIB);
    world.share(0, [new.clone()]);
    world.start(0);
    world.run(s(60));
    assert!(world.peers[0].restored.is_empty() && world.peers[0].asked.is_empty());
    assert_eq!(world.copies(id_of(&new), MIB), 2, "the new content is placed");
    world.run(s(26 * 3_600));
    assert_eq!(world.kept_copies(id_of(&entry("x", 103, MIB)), MIB), 0, "the old one goes");
}

/// Nothing is placed of what is lost, but a copy of it can be fetched from who keeps it.
#[test]
fn who_keeps_what_was_lost_is_known_after_a_restart() {
    let known = |world: &World| {
        let placed = &world.peers[0].ledger.placed;
        (0..12).filter(|n| placed.contains_key(&id_of(&entry("x", 100 + n, MIB)))).count()
    };
    let mut world = settled(1);
    // While it runs, another disk takes the place of the folder.
    world.peers[0].folder_identity = FolderIdentity { device: 9, inode: 9, birth: 9 };
    world.remove(0, &["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"]);
    world.run(s(60));
    assert_eq!((world.peers[0].asked.len(), known(&world)), (1, 12));
    world.crash(0);
    world.run(s(20));
    world.start(0);
    world.run(s(60));
    assert_eq!((world.peers[0].asked.len(), known(&world)), (2, 12));
    // What is given up is nobody's concern any more.
    let now = world.now;
    world.peers[0].machine.as_mut().unwrap().decide(now, Decision::Forget);
    world.run(2 * potluck::limits::REPORT_EVERY);
    assert_eq!(known(&world), 4);
}

/// A peer that is started again before its user has said what is to become of what is missing has lost it
/// still.
#[test]
fn what_was_lost_is_not_deleted_by_a_restart() {
    for restarts in [1, 3] {
        let mut world = settled(1);
        world.exit(0);
        world.run_while(s(60), |w| w.peers[0].report.is_some()).unwrap();
        // Another disk, with some of the files on it: eight are missing, too few for a mass loss.
        world.remove(0, &["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"]);
        world.peers[0].folder_identity = FolderIdentity { device: 9, inode: 9, birth: 9 };
        world.start(0);
        world.run(s(60));
        assert_eq!(world.peers[0].asked.len(), 1);
        for n in 0..restarts {
            world.crash(0);
            world.run(s(20));
            world.start(0);
            world.run(s(60));
            assert_eq!(world.peers[0].asked.len(), n + 2, "it is asked about again");
            assert_eq!(world.peers[0].asked[n + 1].0, 8);
            let placed = &world.peers[0].ledger.placed;
            assert_eq!(
                (0..12).filter(|n| placed.contains_key(&id_of(&entry("x", 100 + n, MIB)))).count(),
                12
            );
        }
        world.run(s(26 * 3_600));
        for n in 0..8 {
            assert!(world.kept_copies(id_of(&entry("x", 100 + n, MIB)), MIB) >= 1, "none is released");
        }
        // Nor is it when the peer is started again while its files come back.
        let now = world.now;
        world.peers[0].machine.as_mut().unwrap().decide(now, Decision::GiveBack);
        world.run(s(1_200));
        assert_eq!(world.peers[0].restored.len(), 8);
        world.share(0, (0..5).map(|n| entry(&format!("f{n}"), 100 + n, MIB)));
        world.run(s(5));
        world.crash(0);
        world.run(s(20));
        world.peers[0].restored.clear();
        world.start(0);
        world.run(s(60));
        let paths: Vec<_> = world.peers[0].restored.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["f5", "f6", "f7"]);
        assert_eq!(world.peers[0].asked.len(), restarts + 1, "that was decided");
        world.run(s(26 * 3_600));
        for n in 0..12 {
            assert!(world.kept_copies(id_of(&entry("x", 100 + n, MIB)), MIB) >= 1, "none is released");
        }
    }
}

#[test]
fn what_was_deleted_by_mistake_comes_back_within_the_day() {
    for (after, comes) in [(10, true), (23 * 3_600, true), (25 * 3_600, false)] {
        let mut world = settled(1);
        world.remove(0, &["f3", "f4", "f5"]);
        world.run(s(after));
        let file = |n: u64| id_of(&entry("x", 100 + n, MIB));
        // Something else lies at the path of one of them by now.
        world.share(0, [entry("f4", 777, MIB)]);
        world.run(s(5));
        let now = world.now;
        let machine = world.peers[0].machine.as_mut().unwrap();
        let named: Vec<_> = machine.recoverable(now).map(|(e, fate)| (e.path.as_str(), fate)).collect();
        let both = [("f3", Fate::Deleted), ("f5", Fate::Deleted)];
        assert!(
            named.len() == if comes { 2 } else { 0 } && named.iter().all(|n| both.contains(n)),
            "{named:?}"
        );
        let count = machine.bring_back(now, |e, fate| {
            assert_eq!(fate, Fate::Deleted);
            e.path.as_str() != "f5"
        });
        assert_eq!(count, usize::from(comes));
        world.run(s(1_200));
        let paths: Vec<_> = world.peers[0].restored.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, if comes { &["f3"][..] } else { &[] });
        if comes {
            world.share(0, [entry("f3", 103, MIB)]);
        }
        world.run(s(48 * 3_600));
        assert_eq!(world.kept_copies(file(3), MIB), u32::from(comes));
        assert_eq!((world.kept_copies(file(4), MIB), world.kept_copies(file(5), MIB)), (0, 0));
    }
}

#[test]
fn what_does_not_come_back_can_be_given_up() {
    let mut world = settled(1);
    world.remove(0, &["f3"]);
    world.run(s(60));
    let now = world.now;
    let machine = world.peers[0].machine.as_mut().unwrap();
    assert_eq!(machine.bring_back(now, |_, _| true), 1);
    world.run(s(1_200));
    let now = world.now;
    let machine = world.peers[0].machine.as_mut().unwrap();
    machine.decide(now, Decision::Forget);
    assert_eq!(machine.recovery().restoring().count(), 0);
    world.run(s(26 * 3_600));
    let gone = id_of(&entry("x", 103, MIB));
    assert_eq!((world.kept_copies(gone, MIB), world.peers[0].ledger.placed.contains_key(&gone)), (0, false));
}

#[test]
fn copies_that_are_not_wanted_any_more_go_after_a_day() {
    for back in [false, true] {
        let mut world = settled(1);
        let file = id_of(&entry("x", 103, MIB));
        let set = |world: &mut World, copies| {
            let now = world.now;
            world.peers[0].machine.as_mut().unwrap().set_copies(now, file, copies);
        };
        set(&mut world, Some(1));
        world.run(s(20 * 3_600));
        assert_eq!(world.kept_copies(file, MIB), 1, "a day to change one's mind");
        if back {
            set(&mut world, None);
        }
        world.run(s(28 * 3_600));
        assert_eq!(world.kept_copies(file, MIB), u32::from(back));
        assert_eq!(world.kept_copies(id_of(&entry("x", 104, MIB)), MIB), 1);
    }
}
