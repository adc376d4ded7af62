//! Owners and searches that mean no good.

use super::*;

/// Bytes that a search looks at before it lets others have a turn, in these tests.
const STEP: usize = 1 << 16;

/// Advances a search to its end. Each step is short: it looks at no more than the budget, one window and one row.
fn run(index: &Index, query: Query) -> Found {
    let mut search = Search::new(query, 100);
    while !search.advance(index, STEP) {}
    search.found(index)
}

#[test]
fn an_owner_that_fills_the_memory_takes_nobodys_share() {
    let limit = 4 << 20;
    let mut index = Index::new(limit, 1);
    let many = |of: u32, count: u32| -> Vec<Entry> {
        (0..count).map(|n| file(&format!("d{}/file {n}.txt", n % 9), of * 1_000_000 + n)).collect()
    };
    // What is free is anybody's, and no more than that.
    let greedy = many(0, 20_000);
    assert_eq!(index.set(Time::ZERO, peer(0), &host(0), &many(0, 60_000)), Err(NotIndexed::Full));
    assert!(!index.has(peer(0)) && index.bytes() == 0);
    assert_eq!(index.set(Time::ZERO, peer(0), &host(0), &greedy), Ok(vec![]));
    assert!(index.bytes() > limit / 2 && index.bytes() <= limit);
    // Peers of the same host get no more by being many.
    for n in 100..110 {
        assert_eq!(index.set(Time::ZERO, peer(n), &host(0), &greedy), Err(NotIndexed::Full));
    }
    let mut yielded = Vec::new();
    for n in 1..9 {
        let gone = index.set(Time::ZERO, peer(n), &host(n), &many(n.into(), 2_000)).unwrap();
        yielded.extend(gone);
        assert!(index.bytes() <= limit);
    }
    assert_eq!(yielded, [peer(0)]);
    assert_eq!((index.owners(), index.rows()), (8, 16_000));
    // A change that is too much puts out whoever makes it, and no one else.
    assert_eq!(index.apply(Time::ZERO, peer(3), [], &many(50, 40_000)), Err(NotIndexed::Full));
    assert_eq!((index.has(peer(3)), index.owners(), index.rows()), (false, 7, 14_000));
}

#[test]
fn names_that_fold_to_nothing_are_rows_like_others() {
    // Each has a name of its own, of marks alone: all lines are empty.
    let marks: Vec<char> = ('\u{300}'..'\u{36f}').collect();
    let name =
        |n: usize| -> String { [n % 100, n / 100 % 100, n / 10_000].iter().map(|at| marks[*at]).collect() };
    let mut entries: Vec<_> = (0..50_000).zip(0..).map(|(n, id)| file(&name(n), id)).collect();
    entries.push(file("found", 60_000));
    let mut index = Index::new(64 << 20, 1);
    index.set(Time::ZERO, peer(1), &host(1), &entries).unwrap();
    assert_eq!(run(&index, words(&["found"])).hits.len(), 1);
    let all = run(&index, words(&[]));
    assert_eq!((all.hits.len(), all.more), (100, 49_901));
    let removed: Vec<_> = entries[..40_000].iter().map(|e| &e.path).collect();
    index.apply(Time::ZERO, peer(1), removed, []).unwrap();
    assert_eq!((index.rows(), run(&index, words(&[])).more), (10_001, 9_901));
}

#[test]
fn what_folding_makes_longer_is_charged() {
    let long = "ﷺ".repeat(80);
    let deep = [long.as_str(); 12].join("/");
    let entries: Vec<_> = (0..200).map(|n| file(&format!("{deep}{n}/{n}"), n)).collect();
    let mut index = Index::new(64 << 20, 1);
    index.set(Time::ZERO, peer(1), &host(1), &entries).unwrap();
    let text: usize = entries.iter().map(|e| fold(e.path.as_str()).len()).sum();
    assert!(text > 8 * 200 * deep.len() && index.bytes() > text as u64);
    assert_eq!(run(&index, words(&["ﷺ/ﷺ", "199"])).hits[0].path, entries[199].path);
    let mut index = Index::new(1 << 20, 1);
    assert_eq!(index.set(Time::ZERO, peer(1), &host(1), &entries), Err(NotIndexed::Full));
}

#[test]
fn words_that_occur_everywhere_and_nowhere_at_once_end_in_time() {
    // Names that hold nearly all of the longest words, over and over.
    let name = "a".repeat(251);
    let entries: Vec<_> = (0..2_000).map(|n| file(&format!("{name}{n:04}"), n)).collect();
    let mut index = Index::new(64 << 20, 1);
    index.set(Time::ZERO, peer(1), &host(1), &entries).unwrap();
    let long = format!("{}b", "a".repeat(200));
    assert_eq!(run(&index, words(&[&long])), Found::default());
    let many: Vec<String> = (1..30).map(|n| "a".repeat(n)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let found = run(&index, words(&many));
    assert_eq!((found.hits.len(), found.more, found.hits[0].rank), (100, 1_900, Rank::default()));
}

#[test]
fn an_owner_counts_once_however_often_it_lists_a_file() {
    let entries: Vec<_> = (0..1_000).map(|n| file(&format!("spam {n}"), 1)).collect();
    let mut index = Index::new(64 << 20, 1);
    index.set(Time::ZERO, peer(1), &host(1), &entries).unwrap();
    for n in 2..4 {
        index.set(Time::ZERO, peer(n), &host(n), &[file("spam and eggs", 2)]).unwrap();
    }
    let found = run(&index, words(&["spam"]));
    let copies: Vec<_> = found.hits.iter().map(|h| (h.file, h.copies)).collect();
    assert_eq!((copies, found.more), (vec![(id(2), 2), (id(1), 1)], 0));
}

#[test]
fn a_step_looks_at_little_more_than_its_budget() {
    let entries: Vec<_> = (0..20_000).map(|n| file(&format!("folder/some name {n}"), n)).collect();
    let mut index = Index::new(64 << 20, 1);
    index.set(Time::ZERO, peer(1), &host(1), &entries).unwrap();
    for query in [words(&["e"]), words(&["folder"]), words(&[]), words(&["some", "name", "nothing"])] {
        let mut search = Search::new(query, 100);
        let mut steps = 0;
        while !search.advance(&index, 10_000) {
            steps += 1;
        }
        // All of the text is some 320 KB, in windows of 256 KiB where nothing is found.
        assert!(steps > 1, "{steps}");
    }
}
