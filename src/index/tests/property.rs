//! The engine finds what a plain list finds, in the same order, whatever was listed and changed before.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::model::Model;
use super::*;

/// Pieces of paths: letters that fold to one another, to nothing, to several, or to a slash.
const PIECES: [&str; 20] = [
    "a", "A", "b", "B", "ab", "aa", " ", "-", "/", "/", "é", "e", "E\u{301}", "\u{301}", "ﷺ", "℀", "ß", "漢",
    ".mp3", ".TXT",
];

fn text(most: usize) -> impl Strategy<Value = String> {
    vec(0..PIECES.len(), 1..most).prop_map(|all| all.into_iter().map(|n| PIECES[n]).collect())
}

fn entry() -> impl Strategy<Value = Entry> {
    let path = text(8).prop_filter_map("no path", |text| text.parse::<SafePath>().ok());
    (path, 0..6_u32, 0..3_u32, any::<bool>()).prop_map(|(path, n, size, is_folder)| {
        let file = EntryKind::File {
            id: id(n),
            size: size.into(),
            modified: i64::from(n % 2),
            executable: false,
            since: 0,
        };
        Entry { path, kind: if is_folder && n == 0 { EntryKind::Folder } else { file } }
    })
}

#[derive(Clone, Debug)]
enum Change {
    Set(u8, Vec<Entry>),
    /// Paths are given by their places among those that the owner has.
    Apply(u8, Vec<usize>, Vec<Entry>),
    Remove(u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => (0..4_u8, vec(entry(), 0..12)).prop_map(|(owner, all)| Change::Set(owner, all)),
        5 => (0..4_u8, vec(0..20_usize, 0..6), vec(entry(), 0..4))
            .prop_map(|(owner, removed, added)| Change::Apply(owner, removed, added)),
        1 => (0..4_u8).prop_map(Change::Remove),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let words = vec(text(3), 0..4);
    let types = btree_set(prop_oneof![Just(FileType::Audio), Just(FileType::Document)], 0..2);
    let owners = proptest::option::of(btree_set((0..4_u8).prop_map(peer), 0..4));
    let at = proptest::option::of(text(4).prop_filter_map("no path", |text| text.parse::<SafePath>().ok()));
    let file = proptest::option::weighted(
        0.2,
        (0..6_u32, 2..33_usize).prop_map(|(n, len)| FilePrefix::new(id(n).0[..len].to_vec()).unwrap()),
    );
    let narrow = (at, file);
    (words, types, 0..3_u64, 0..3_u64, proptest::option::of(0..2_i64), owners, narrow).prop_map(
        |(words, types, least, most, newer, owners, (at, file))| {
            let words = SearchWords::new(words.iter().map(String::as_str)).unwrap_or_default();
            let size = if least == 0 { 0..=u64::MAX } else { least..=most };
            Query { words, types, size, newer, owners, at, file }
        },
    )
}

fn change_both(index: &mut Index, model: &mut Model, change: Change) {
    match change {
        Change::Set(owner, entries) => {
            let owner = peer(owner);
            model.owners.remove(&owner);
            model.apply(owner, &[], &entries);
            assert_eq!(index.set(Time::ZERO, owner, &host(1), &entries), Ok(vec![]));
        }
        Change::Apply(owner, removed, added) => {
            let owner = peer(owner);
            let Some(files) = model.owners.get(&owner) else {
                assert_eq!(index.apply(Time::ZERO, owner, [], &added), Err(NotIndexed::Unknown));
                return;
            };
            let removed: Vec<_> = removed.iter().filter_map(|n| files.keys().nth(*n).cloned()).collect();
            model.apply(owner, &removed, &added);
            assert_eq!(index.apply(Time::ZERO, owner, &removed, &added), Ok(vec![]));
        }
        Change::Remove(owner) => {
            model.owners.remove(&peer(owner));
            index.remove(peer(owner));
        }
    }
    assert_eq!((index.rows(), index.owners()), (model.rows(), model.owners.len()));
}

proptest! {
    #[test]
    fn it_finds_what_a_plain_list_finds(
        changes in vec(change(), 1..12),
        queries in vec(query(), 1..6),
        most in 0..5_usize,
        budget in 1..300_usize,
    ) {
        let (mut index, mut model) = (Index::new(1 << 30, 1), Model::default());
        for change in changes {
            change_both(&mut index, &mut model, change);
        }
        for query in queries {
            let mut search = Search::new(query.clone(), most);
            while !search.advance(&index, budget) {
                prop_assert!(search.found(&index).hits.len() <= most);
            }
            prop_assert_eq!(search.found(&index), model.search(&query, most), "{:?}", query);
        }
    }
}
