//! Owners leave, keepers die, and repair comes in time.

use std::time::Duration;

use potluck::content::FileId;
use potluck::sim::seeds;

use crate::world::{GIB, World, config, entry, id_of};

const MIB: u64 = 1 << 20;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_file_gets_its_second_copy_and_another_when_that_keeper_dies() {
    seeds(50, |seed| {
        let mut world = World::new(seed, 6, config(2, GIB));
        let file = entry("a/b.txt", seed, 3 * MIB);
        world.share(0, [file.clone()]);
        world.start_all();
        let id = id_of(&file);
        world.run_while(s(10), |w| w.copies(id, 3 * MIB) == 2).expect("it is placed within ten seconds");
        world.run(s(60));
        assert_eq!((world.copies(id, 3 * MIB), world.moved), (2, 3 * MIB), "once, and no more");
        let keeper = *world.stores[&id].keys().next().unwrap();
        world.die(keeper);
        world.run(s(14 * 60));
        assert_eq!(world.copies(id, 3 * MIB), 1, "a crash is waited for");
        world.run_while(s(80), |w| w.copies(id, 3 * MIB) == 2).expect("then it is repaired");
        // Its owner dies, too: one copy is left, and nobody waits.
        world.die(0);
        world.run_while(s(60), |w| w.copies(id, 3 * MIB) == 2).expect("one copy left is repaired at once");
    });
}

#[test]
fn an_exit_says_what_is_kept_and_keeps_its_word() {
    seeds(50, |seed| {
        let mut world = World::new(seed, 5, config(2, GIB));
        let files: Vec<_> = (0..12).map(|n| entry(&format!("f{n}"), seed * 100 + n, MIB)).collect();
        world.share(0, files.clone());
        world.start_all();
        world.run(s(30));
        world.exit(0);
        world.run_while(s(60), |w| w.peers[0].report.is_some()).expect("it can leave");
        let report = world.peers[0].report.clone().unwrap();
        assert_eq!((report.total, report.safe), (12, 12), "{report:?}");
        for file in &files {
            assert_eq!(world.copies(id_of(file), MIB), 2);
        }
        // One of the keepers dies, then another: all live on.
        for _ in 0..2 {
            let dead =
                (1..5).find(|p| world.peers[*p].machine.is_some() && !world.peers[*p].store.is_empty());
            world.die(dead.unwrap());
            world.run(s(60));
            assert!(files.iter().all(|f| world.copies(id_of(f), MIB) >= 1), "none is lost");
        }
        // It comes home: nothing is lost, nothing is asked, and it counts as a copy again.
        world.start(0);
        world.run(s(30));
        assert_eq!((world.peers[0].asked.len(), world.peers[0].restored.len()), (0, 0));
        assert!(files.iter().all(|f| world.copies(id_of(f), MIB) >= 2));
    });
}

#[test]
fn what_leavers_keep_is_placed_again_while_they_are_still_here_and_not_at_each_other() {
    seeds(30, |seed| {
        let mut world = World::new(seed, 6, config(2, 8 * GIB));
        // All but the owner have something that takes long to hand over.
        for peer in 1..6 {
            world.share(peer, [entry(&format!("long{peer}"), seed * 100 + peer as u64, 500 * MIB)]);
        }
        let files: Vec<_> = (10..30).map(|n| entry(&format!("f{n}"), seed * 100 + n, MIB)).collect();
        world.share(0, files.clone());
        world.start_all();
        world.run(s(300));
        let (leavers, stay) = ([1, 2], [3, 4, 5]);
        leavers.into_iter().for_each(|peer| world.exit(peer));
        let kept = |w: &World, at: &[usize]| {
            let at = |f: &FileId| at.iter().filter(|p| w.peers[**p].store.contains_key(f)).count();
            files.iter().map(id_of).filter(|f| at(f) > 0).count()
        };
        let took = world.run_while(s(60), |w| kept(w, &stay) == files.len()).expect("others keep them");
        let here = leavers.iter().filter(|p| world.peers[**p].machine.is_some()).count();
        assert_eq!(here, 2, "after {took:?}");
    });
}

#[test]
fn an_exit_with_one_other_or_none_says_so_and_ends() {
    for (others, once, none) in [(0, 0, 1), (1, 1, 0)] {
        let mut world = World::new(1, 1 + others, config(2, GIB));
        world.share(0, [entry("f", 1, MIB)]);
        world.start_all();
        world.run(s(10));
        world.exit(0);
        let took = world.run_while(s(40), |w| w.peers[0].report.is_some()).expect("it can leave");
        let report = world.peers[0].report.clone().unwrap();
        assert_eq!((report.once.len(), report.not_kept.len()), (once, none), "{report:?}");
        assert!(took < s(5), "nothing is to be waited for, and it took {took:?}");
    }
}

#[test]
fn a_file_that_fits_nowhere_whole_lies_on_a_stripe() {
    seeds(20, |seed| {
        // A share is an eighth: 32 MiB. The file needs four of them.
        let mut world = World::new(seed, 9, config(2, 256 * MIB));
        let file = entry("film", seed, 120 * MIB);
        world.share(0, [file.clone()]);
        world.start_all();
        let id = id_of(&file);
        world
            .run_while(s(300), |w| w.copies(id, 120 * MIB) == 2)
            .expect("four have space for a quarter each");
        assert_eq!(world.stores[&id].len(), 4);
        world.exit(0);
        world.run_while(s(120), |w| w.peers[0].report.is_some()).unwrap();
        assert_eq!(world.kept_copies(id, 120 * MIB), 2, "{:?}", world.peers[0].report);
        assert_eq!(world.stores[&id].len(), 8, "stripes share no peer");
    });
}

#[test]
fn two_that_repair_at_once_do_no_harm() {
    seeds(30, |seed| {
        let mut world = World::new(seed, 8, config(3, GIB));
        let file = entry("f", seed, MIB);
        world.share(0, [file.clone()]);
        world.start_all();
        let id = id_of(&file);
        world.run_while(s(30), |w| w.copies(id, MIB) == 3).expect("it is placed");
        world.run(s(30));
        let keepers: Vec<usize> = world.stores[&id].keys().copied().collect();
        // Owner and both keepers vanish; the keepers come back at the same moment, each alone at first.
        for peer in [0, keepers[0], keepers[1]] {
            world.crash(peer);
        }
        world.run(s(20));
        world.start(keepers[0]);
        world.start(keepers[1]);
        world.run(s(20 * 60));
        let copies = world.copies(id, MIB);
        assert!((3..=4).contains(&copies), "{copies}");
        world.start(0);
        world.run(s(26 * 3_600));
        assert_eq!(world.copies(id, MIB), 3, "what is too many goes after a day");
    });
}

#[test]
fn what_is_recorded_survives_a_crash_of_everyone() {
    seeds(20, |seed| {
        let mut world = World::new(seed, 6, config(2, GIB));
        let files: Vec<_> = (0..20).map(|n| entry(&format!("f{n}"), seed * 100 + n, MIB)).collect();
        world.share(0, files.clone());
        world.start_all();
        world
            .run_while(s(60), |w| files.iter().all(|f| w.copies(id_of(f), MIB) == 2))
            .expect("all are placed");
        world.run(s(5));
        let moved = world.moved;
        for peer in 0..6 {
            world.crash(peer);
        }
        world.run(s(30));
        // One keeper's store lost a file meanwhile, which its ledger knows.
        let (victim, file) = (1..6).find_map(|p| Some((p, *world.peers[p].store.keys().next()?))).unwrap();
        world.peers[victim].store.remove(&file);
        world.stores.get_mut(&file).unwrap().remove(&victim);
        world.start_all();
        world.run(s(60));
        assert!(files.iter().all(|f| world.copies(id_of(f), MIB) == 2));
        assert_eq!(world.moved, moved + MIB, "only what was lost moved");
    });
}
