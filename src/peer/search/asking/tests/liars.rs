//! Keepers of the index that are wrong, what they hide, and how they are found out.

use std::collections::BTreeSet;

use super::*;

/// Ten peers that share a file `x` each, which is of their number, and two keepers that cover them.
fn covered() -> Vec<(u8, u64)> {
    (1..=10).map(|n| (n, 1)).collect()
}

fn truth(of: impl IntoIterator<Item = u8>) -> Vec<FoundFile> {
    of.into_iter().map(|n| hit(&format!("x{n:02}"), n, &[n])).collect()
}

fn shares(n: u8) -> [Entry; 1] {
    [file(&format!("x{n:02}"), n)]
}

#[test]
fn whoever_leaves_something_out_is_found_out_by_two_owners_and_named_once() {
    let mut asker = Asker::among(10);
    asker.answers(SUPERNODE, answer(&covered(), Vec::new(), 0));
    asker.done();
    asker.answers(DEPUTY, answer(&covered(), truth(1..=10), 0));
    let pulls = pulled(&asker.done());
    assert_eq!((pulls.len(), asker.told()), (8, Vec::new()), "one of both is wrong");
    asker.comes(pulls[0], 1, &shares(pulls[0]));
    assert_eq!((asker.told().len(), asker.done().len()), (1, 0), "an owner may sign two catalogues");
    asker.comes(pulls[1], 1, &shares(pulls[1]));
    assert_eq!(asker.done(), [format!("skip peer201 about peer{}", pulls[1])]);
    assert_eq!(asker.told().len(), 9, "what the liar denied is no question any more");
    assert!(asker.missing().is_empty());
    // It is not asked again.
    asker.again();
    assert!(!asker.done().iter().any(|act| act.starts_with("ask peer201") || act.starts_with("skip")));
}

#[test]
fn whoever_makes_hits_up_is_found_out_and_what_it_says_is_dropped() {
    for is_liar_first in [true, false] {
        let mut asker = Asker::among(10);
        let mut lies = truth(1..=10);
        lies.extend((1..=10).map(|n| hit(&format!("x false {n}"), 100 + n, &[n])));
        let (honest, lying) = (answer(&covered(), truth(1..=10), 0), answer(&covered(), lies, 0));
        if is_liar_first {
            asker.answers(SUPERNODE, lying);
            asker.answers(DEPUTY, honest);
        } else {
            asker.answers(DEPUTY, honest);
            asker.answers(SUPERNODE, lying);
            assert_eq!(
                asker.told().len(),
                20 - 10 + 10,
                "true ones twice: whoever hosts this tells each once"
            );
        }
        asker.told();
        for n in pulled(&asker.done()).into_iter().take(2) {
            asker.comes(n, 1, &shares(n));
        }
        assert!(asker.done().iter().any(|act| act.starts_with("skip peer201")));
        asker.end();
        assert!(asker.told().is_empty() && asker.search.is_discarded(id(SUPERNODE)));
    }
}

#[test]
fn false_paths_sizes_and_holders_are_found_out() {
    let path = |n: u8| hit(&format!("x{n:02} is here"), n, &[n]);
    let better_path = |n: u8| hit(&format!("x {n}"), n, &[n]);
    let size = |n: u8| {
        let mut found = hit(&format!("x{n:02}"), n, &[n]);
        found.hit.size += 1;
        found
    };
    let holder = |n: u8| hit(&format!("x{n:02}"), n, &[n, n % 10 + 1]);
    let lies: [&dyn Fn(u8) -> FoundFile; 3] = [&better_path, &size, &holder];
    for lie in lies {
        let mut asker = Asker::among(10);
        asker.answers(DEPUTY, answer(&covered(), truth(1..=10), 0));
        asker.done();
        asker.answers(SUPERNODE, answer(&covered(), (1..=10).map(lie).collect(), 0));
        let pulls = pulled(&asker.done());
        assert!(!pulls.is_empty(), "{:?}", lie(1));
        for n in pulls.into_iter().take(3) {
            asker.comes(n, 1, &shares(n));
        }
        let skipped = asker.done();
        assert!(skipped.iter().any(|act| act.starts_with("skip peer201")), "{:?}: {skipped:?}", lie(1));
    }
    // A path that is worse than the true one says only that the better one is missing: the true one is what counts.
    let mut asker = Asker::among(10);
    asker.answers(SUPERNODE, answer(&covered(), (1..=10).map(path).collect(), 0));
    asker.done();
    asker.answers(DEPUTY, answer(&covered(), truth(1..=10), 0));
    assert_eq!(pulled(&asker.done()).len(), 8);
}

#[test]
fn what_need_not_be_among_the_best_is_no_lie() {
    let best = |from: u8, to: u8| (from..to).map(|n| hit(&format!("x{n:03}"), n, &[1])).collect::<Vec<_>>();
    let mut asker = Asker::among(2);
    // A hundred and one files: the second answer goes by one more owner, of whose files one is better.
    asker.answers(SUPERNODE, answer(&[(1, 1)], best(0, 100), 5));
    asker.done();
    let mut other = best(0, 99);
    other.insert(0, hit("x", 250, &[2]));
    asker.answers(DEPUTY, answer(&[(1, 1), (2, 1)], other, 6));
    assert!(pulled(&asker.done()).is_empty());
    // A better one that is missing is one.
    let mut asker = Asker::among(1);
    asker.answers(SUPERNODE, answer(&[(1, 1)], best(0, 100), 5));
    asker.done();
    asker.answers(DEPUTY, answer(&[(1, 1)], best(1, 101), 5));
    assert_eq!(pulled(&asker.done()), [1]);
}

#[test]
fn versions_that_moved_decide_nothing() {
    let mut asker = Asker::among(10);
    asker.answers(SUPERNODE, answer(&covered(), Vec::new(), 0));
    asker.answers(DEPUTY, answer(&covered(), truth(1..=10), 0));
    let pulls = pulled(&asker.done());
    for n in &pulls {
        asker.announces(*n, 2);
        asker.comes(*n, 2, &[]);
    }
    assert!(!asker.done().iter().any(|act| act.starts_with("skip")));
    assert_eq!(asker.told(), Vec::<String>::new(), "it is known that these share it no more");
    asker.end();
    assert_eq!(asker.told().len(), 2);
    // Whoever goes by another catalogue says nothing of this one.
    let mut asker = Asker::among(10);
    let newer: Vec<_> = (1..=10).map(|n| (n, 2)).collect();
    asker.answers(SUPERNODE, answer(&newer, Vec::new(), 0));
    asker.done();
    asker.answers(DEPUTY, answer(&covered(), truth(1..=10), 0));
    assert_eq!((pulled(&asker.done()).len(), asker.told().len()), (0, 10));
}

#[test]
fn own_files_and_what_is_known_are_checked_for_nothing() {
    let own = [file("x own", 50)];
    let asker = || {
        let mut asker = Asker::among(3);
        (asker.own, asker.own_head) = (Catalogue::of(own.to_vec()), head(4));
        asker.done();
        asker
    };
    let (covered, found) = ([(1, 1), (2, 1), (3, 1), (ME, 4)], hit("x own", 50, &[ME]));
    let skipped =
        |asker: &mut Asker| asker.done().iter().filter(|act| *act == "skip peer201 about me").count();
    // What this peer found itself comes first, or the answer does.
    for is_own_first in [true, false] {
        let mut asker = asker();
        let own_found = |asker: &mut Asker| {
            asker.with(|search, now, facts, asking| {
                search.own_found(now, &[hit("x own", 50, &[ME])], facts, asking)
            });
            asker.turn();
        };
        if is_own_first {
            own_found(&mut asker);
        }
        asker.answers(SUPERNODE, answer(&covered, Vec::new(), 0));
        own_found(&mut asker);
        assert_eq!(skipped(&mut asker), 1);
    }
    let others = |own_version| [(1, 1), (2, 1), (3, 1), (ME, own_version)];
    for (version, files, expected) in [
        (4, vec![found.clone()], 0),
        // An older catalogue says nothing, and there is no newer one.
        (3, Vec::new(), 0),
        (5, vec![found.clone()], 1),
        (4, vec![found.clone(), hit("x other", 51, &[ME])], 1),
        (4, vec![found.clone(), hit("x other", 51, &[1, ME])], 1),
        (4, vec![found, hit("x other", 51, &[1])], 0),
    ] {
        let mut asker = asker();
        asker.answers(SUPERNODE, answer(&others(version), files.clone(), 0));
        assert_eq!(skipped(&mut asker), expected, "{version} {files:?}");
    }
    // Two owners whose catalogues are known.
    let mut asker = asker();
    asker.comes(1, 1, &shares(1));
    asker.comes(2, 1, &shares(2));
    for n in [1, 2] {
        asker.answers(SUPERNODE, answer(&covered, vec![hit("x", 60 + n, &[n])], 0));
        asker.again();
    }
    assert!(asker.done().contains(&"skip peer201 about peer2".to_owned()));
}

#[test]
fn two_that_lie_together_are_found_out_by_one_owner_after_another() {
    let mut asker = Asker::among(10);
    let mut skipped = BTreeSet::new();
    for number in 1_000..1_010 {
        for keeper in [SUPERNODE, DEPUTY] {
            asker.answers(keeper, answer(&covered(), Vec::new(), 0));
        }
        assert_eq!(asker.told(), Vec::<String>::new());
        asker.done();
        let n = asker.looks_at();
        asker.comes(n, 1, &shares(n));
        let mut last = number - 1;
        asker.with(|_, now, facts, asking| asking.turn(now, facts, true, &mut last));
        asker.turn();
        assert_eq!((asker.done(), last), (vec![format!("look at peer{n}")], number));
        let found = truth([n]);
        asker.with(|_, now, facts, asking| asking.index_found(now, number, &found, facts));
        asker.turn();
        skipped.extend(
            asker.done().into_iter().filter(|act| act.starts_with("skip")).map(|act| act[..12].to_owned()),
        );
        if skipped.len() == 2 {
            break;
        }
    }
    assert_eq!(skipped.into_iter().collect::<Vec<_>>(), ["skip peer201", "skip peer202"]);
    // Then all is pulled.
    asker.again();
    assert_eq!(asker.missing().len(), 8);
}

#[test]
fn a_version_that_no_owner_has_is_found_out_too() {
    let mut asker = Asker::among(10);
    let future: Vec<_> = (1..=10).map(|n| (n, u64::MAX)).collect();
    for number in [1_000, 1_001] {
        asker.answers(SUPERNODE, answer(&future, Vec::new(), 0));
        asker.refuses(DEPUTY);
        assert!(asker.missing().is_empty());
        asker.done();
        let n = asker.looks_at();
        asker.comes(n, 1, &shares(n));
        let mut last = number - 1;
        asker.with(|_, now, facts, asking| asking.turn(now, facts, true, &mut last));
        asker.with(|_, now, facts, asking| asking.index_found(now, number, &[], facts));
        asker.turn();
    }
    assert!(asker.done().iter().any(|act| act.starts_with("skip peer201")));
}

#[test]
fn a_check_costs_no_more_than_one_catalogue_a_second() {
    let mut asker = Asker::among(10);
    let mut pulls = 0;
    for _ in 0..50 {
        for keeper in [SUPERNODE, DEPUTY] {
            asker.answers(keeper, answer(&covered(), truth(1..=10), 0));
        }
        asker.done();
        asker.again();
        for n in pulled(&asker.done()) {
            pulls += 1;
            asker.comes(n, 1, &shares(n));
            let mut last = 1_000;
            asker.with(|_, now, facts, asking| asking.turn(now, facts, true, &mut last));
            asker.with(|_, now, facts, asking| asking.index_found(now, last, &truth([n]), facts));
        }
        asker.pass(100);
    }
    assert_eq!(pulls, 5);
    assert!(!asker.done().iter().any(|act| act.starts_with("skip")), "they are honest");
}

/// What an honest keeper says of what an honest owner shares is no lie, whatever else is said.
#[test]
fn nobody_is_accused_by_who_is_not_here() {
    let mut asker = Asker::among(2);
    let covered = [(1, 1), (2, 1), (9, 1)];
    asker.answers(SUPERNODE, answer(&covered, vec![hit("x", 9, &[9])], 0));
    asker.done();
    asker.answers(DEPUTY, answer(&covered, Vec::new(), 0));
    assert_eq!((asker.done(), asker.told()), (Vec::new(), Vec::new()));
}
