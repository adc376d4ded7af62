//! The engine beside a plain list, and owners who mean no good.

mod hostile;
mod model;
mod property;

use super::*;
use crate::content::{EntryKind, FileId};

fn peer(n: u8) -> PeerId {
    PeerId([n; 32])
}

fn host(n: u8) -> [Host; 1] {
    [Host { ip: [10, 0, 0, n].into(), scope: 0 }]
}

fn id(n: u32) -> FileId {
    FileId::from(blake3::hash(&n.to_le_bytes()))
}

/// A file whose content, size and time are all this number.
fn file(path: &str, n: u32) -> Entry {
    let kind = EntryKind::File { id: id(n), size: n.into(), modified: n.into(), executable: false, since: 0 };
    Entry { path: path.parse().unwrap(), kind }
}

fn words(words: &[&str]) -> Query {
    Query::of(SearchWords::new(words.iter().copied()).unwrap())
}

fn paths(index: &Index, query: &Query) -> Vec<String> {
    index.search(query, 100).hits.iter().map(|h| h.path.as_str().to_owned()).collect()
}

/// An index in which two peers share some music.
fn music() -> Index {
    let mut index = Index::new(1 << 20, 1);
    let folder = Entry { path: "bird".parse().unwrap(), kind: EntryKind::Folder };
    let mine = [
        file("Music/bluebird.mp3", 1),
        file("Birds/x.txt", 2),
        file("a/Bird song.mp3", 3),
        file("a/bird.txt", 4),
        file("a/none.txt", 5),
        folder,
    ];
    index.set(Time::ZERO, peer(1), &host(1), &mine).unwrap();
    index.set(Time::ZERO, peer(2), &host(2), &[file("other/birds.txt", 4)]).unwrap();
    index
}

#[test]
fn what_answers_best_comes_first() {
    let index = music();
    let hits = ["a/bird.txt", "a/Bird song.mp3", "Music/bluebird.mp3", "Birds/x.txt"];
    assert_eq!(paths(&index, &words(&["bird"])), hits);
    assert_eq!(paths(&index, &words(&["mp3", "A/B"])), ["a/Bird song.mp3"]);
    assert_eq!(paths(&index, &words(&["b", "x"])), ["a/bird.txt", "Birds/x.txt"]);
    let found = index.search(&words(&["bird"]), 1);
    assert_eq!((found.hits.len(), found.more), (1, 3));
    let hit = &found.hits[0];
    assert_eq!((hit.copies, hit.owners.as_slice()), (2, &[peer(1), peer(2)][..]));
    assert_eq!((hit.file, hit.size, hit.modified), (id(4), 4, 4));
}

#[test]
fn what_is_looked_for_may_be_narrowed() {
    let index = music();
    let query = |narrow: &dyn Fn(&mut Query)| {
        let mut query = words(&[]);
        narrow(&mut query);
        paths(&index, &query)
    };
    assert_eq!(query(&|_| ()).len(), 5);
    assert_eq!(query(&|q| q.size = 2..=3), ["Birds/x.txt", "a/Bird song.mp3"]);
    assert_eq!(query(&|q| q.newer = Some(5)), ["a/none.txt"]);
    assert_eq!(query(&|q| q.owners = Some([peer(2)].into())), ["other/birds.txt"]);
    let audio = ["Music/bluebird.mp3", "a/Bird song.mp3"];
    assert_eq!(query(&|q| q.types = [FileType::Audio, FileType::Video].into()), audio);
}

#[test]
fn changes_are_found_at_once() {
    let mut index = music();
    let path = "a/bird.txt".parse().unwrap();
    index.apply(Time::ZERO, peer(1), [&path], &[file("a/Bird song.mp3", 9), file("new", 4)]).unwrap();
    assert_eq!(paths(&index, &words(&["bird", "txt"])), ["other/birds.txt", "Birds/x.txt"]);
    assert_eq!(paths(&index, &words(&["new"])), ["new"]);
    // A folder in the place of a file.
    let folder = Entry { path: "new".parse().unwrap(), kind: EntryKind::Folder };
    index.apply(Time::ZERO, peer(1), [], &[folder]).unwrap();
    assert_eq!(index.rows(), 5);
    index.remove(peer(1));
    assert_eq!((index.owners(), index.rows(), index.has(peer(1))), (1, 1, false));
    assert_eq!(index.apply(Time::ZERO, peer(1), [&path], []), Err(NotIndexed::Unknown));
    index.remove(peer(2));
    assert_eq!((index.bytes(), index.search(&words(&[]), 9)), (0, Found::default()));
}

#[test]
fn a_search_is_advanced_step_by_step_and_begins_again_when_the_index_changed() {
    let mut index = music();
    let mut search = Search::new(words(&["bird"]), 9);
    let mut steps = 0;
    while !search.advance(&index, 1) {
        steps += 1;
        assert!(search.found(&index).hits.len() <= 4);
    }
    assert!(steps >= 4, "{steps}");
    assert_eq!(search.found(&index), index.search(&words(&["bird"]), 9));
    index.remove(peer(2));
    assert_eq!(search.found(&index), Found::default());
    while !search.advance(&index, 1) {}
    assert_eq!(search.found(&index), index.search(&words(&["bird"]), 9));
    assert!(search.advance(&index, 1), "it is over");
}

#[test]
fn of_a_path_what_lies_there_and_below_is_found_and_no_neighbour() {
    let mut index = Index::new(1 << 20, 1);
    let all = ["a", "a.txt", "ab/c", "A/c", "b/a", "b/a/c", "b/a/d/e", "b/ab", "b/E\u{301}/x", "b/é/y"];
    // A file and a folder of one name are of two owners.
    let of = |file: &[&str], n| file.iter().zip(n..).map(|(path, n)| self::file(path, n)).collect::<Vec<_>>();
    index.set(Time::ZERO, peer(1), &host(1), &of(&all[1..], 2)).unwrap();
    index.set(Time::ZERO, peer(2), &host(2), &of(&all[..1], 1)).unwrap();
    let at = |path: &str| {
        let query = Query { at: Some(path.parse().unwrap()), ..words(&[]) };
        let mut found = paths(&index, &query);
        found.sort();
        found
    };
    assert_eq!(at("a"), ["a"]);
    assert_eq!(at("b/a"), ["b/a", "b/a/c", "b/a/d/e"]);
    assert_eq!(at("b/a/d/e"), ["b/a/d/e"]);
    assert_eq!(at("b/\u{c9}"), ["b/E\u{301}/x"], "two forms of one letter");
    assert_eq!(at("b/e\u{301}/y"), ["b/é/y"]);
    assert_eq!((at("b/e"), at("B"), at("b/a/d/e/f")), (vec![], vec![], vec![]));
    let query = Query { at: Some("b".parse().unwrap()), ..words(&["c"]) };
    assert_eq!(paths(&index, &query), ["b/a/c"]);
}

#[test]
fn of_an_id_its_beginning_is_enough() {
    let index = music();
    let of = |bytes: &[u8]| paths(&index, &Query { file: FilePrefix::new(bytes.to_vec()), ..words(&[]) });
    assert_eq!(of(&id(3).0[..2]), ["a/Bird song.mp3"]);
    assert_eq!(of(&id(4).0), ["a/bird.txt"]);
    assert!(of(&id(9).0).is_empty());
    assert_eq!(FilePrefix::new(vec![1]), None);
    assert_eq!(FilePrefix::new(vec![1; 33]), None);
}
