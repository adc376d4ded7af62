//! What is meant by what users type.

use super::*;
use crate::peer::roster::tests::{file, key, roster};

fn to(found: &Resolved) -> Vec<(&str, u8, usize)> {
    found.files.iter().map(|f| (f.to.as_str(), f.id.0[0], f.holders.len())).collect()
}

fn ask(r: &Roster, words: &[&str]) -> Result<Resolved, Failure> {
    let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
    with(&words, r, &Catalogue::default(), &Owners::Anyone)
}

fn with(words: &[String], roster: &Roster, mine: &Catalogue, owners: &Owners) -> Result<Resolved, Failure> {
    resolve(words, Sought { roster, mine, owners, near: &[] })
}

#[test]
fn files_folders_and_ids() {
    let empty = Entry { path: "docs/void".parse().unwrap(), kind: EntryKind::Folder };
    let r = roster(&[
        ("one", &[file("docs/a.txt", 1), file("docs/sub/b.txt", 2), empty, file("top", 3)]),
        ("two", &[file("docs/a.txt", 1), file("other", 3)]),
    ]);
    assert_eq!(to(&ask(&r, &["docs/a.txt"]).unwrap()), [("a.txt", 1, 2)]);
    assert_eq!(to(&ask(&r, &["top", "top"]).unwrap()), [("top", 3, 2)]);
    let docs = with(&["docs/".into()], &r, &Catalogue::default(), &Owners::All).unwrap();
    assert_eq!(to(&docs), [("docs/a.txt", 1, 2), ("docs/sub/b.txt", 2, 1)]);
    assert_eq!(docs.folders, ["docs/void".parse().unwrap()]);
    assert_eq!(to(&ask(&r, &["docs/sub"]).unwrap()), [("sub/b.txt", 2, 1)]);
    assert_eq!(to(&ask(&r, &["b3:0202", "b3:0303"]).unwrap()), [("b.txt", 2, 1), ("top", 3, 2)]);
    let void = ask(&r, &["docs/void"]).unwrap();
    assert_eq!((void.files.len(), void.folders), (0, vec!["void".parse().unwrap()]));
}

#[test]
fn no_path_stands_in_the_way_of_an_id() {
    let whole = format!("b3:{}", FileId([1; 32]));
    let false_one = [file("b3:0101", 4), file(&whole, 5), file("b3:dir/y", 6)];
    let r = roster(&[("one", &false_one), ("two", &[file("x", 1)])]);
    for word in ["b3:0101", &whole] {
        assert_eq!(to(&ask(&r, &[word]).unwrap()), [("x", 1, 1)], "{word}");
    }
    assert_eq!(to(&ask(&r, &["./b3:0101", "./x"]).unwrap()), [("b3:0101", 4, 1), ("x", 1, 1)]);
    assert_eq!(to(&ask(&r, &["./b3:dir/"]).unwrap()), [("b3:dir/y", 6, 1)]);
    let err = ask(&r, &["b3:dir/"]).unwrap_err();
    assert!(err.code == Code::Usage && err.message.contains("`./b3:…`"), "{err}");
    assert_eq!(ask(&r, &["b3:0404"]).unwrap().files[0].to.as_str(), "b3:0101");
    let near = ask(&r, &["./b3:0102"]).unwrap_err().message;
    assert!(near.contains("did you mean `./b3:0101`"), "{near}");
}

#[test]
fn a_name_that_reads_as_an_escape_may_be_typed_raw_where_it_stands_in_nobodys_way() {
    let (raw, other) = (r"a\u{1b}", "a\u{1b}");
    let r = roster(&[("one", &[file(raw, 1), file(r"d\u{1b}/x", 2)])]);
    assert_eq!(to(&ask(&r, &[raw, r"d\u{1b}/"]).unwrap()), [(raw, 1, 1), (r"d\u{1b}/x", 2, 1)]);
    let r = roster(&[("one", &[file(raw, 1), file(other, 2)])]);
    assert_eq!(to(&ask(&r, &[raw]).unwrap()), [(other, 2, 1)]);
    assert_eq!(to(&ask(&r, &[&typed_path(raw)]).unwrap()), [(raw, 1, 1)]);
}

#[test]
fn a_name_may_be_typed_as_other_keyboards_put_it_together() {
    let (apart, together) = ("e\u{301}te\u{301}", "\u{e9}t\u{e9}");
    let r = roster(&[("mac", &[file(apart, 1), file(&format!("{apart}/{apart}"), 2), file("ete", 3)])]);
    let r =
        |words: &[&str]| ask(&r, words).map(|found| to(&found).into_iter().map(|f| f.1).collect::<Vec<_>>());
    assert_eq!(r(&[&format!("{together}/")]).unwrap(), [2]);
    assert_eq!(r(&[&format!("{together}/{together}")]).unwrap(), [2]);
    let both = roster(&[("one", &[file("\u{1e9b}\u{323}", 1), file("\u{17f}\u{323}\u{307}", 2)])]);
    assert_eq!(to(&ask(&both, &["\u{17f}\u{323}\u{307}"]).unwrap())[0].1, 2, "what is exact comes first");
    let neither = ask(&both, &["\u{17f}\u{307}\u{323}"]).unwrap_err();
    assert_eq!(neither.code, Code::Ambiguous);
}

proptest::proptest! {
    #[test]
    fn whatever_is_shown_of_a_path_means_that_path(names in text::tests::texts()) {
        // Beside it lie files that are called as it is shown, and as it would be read.
        let shown = typed_path(&names).into_owned();
        let others = [shown.clone(), text::unescaped(&names).into_owned(), text::shown(&names).into_owned()];
        let others: BTreeSet<String> = others.into_iter().filter(|other| *other != names).collect();
        let names: Vec<String> = [names].into_iter().chain(others).collect();
        if names.iter().all(|name| name.parse::<SafePath>().is_ok() && !name.contains('/')) {
            let files: Vec<_> = names.iter().zip(1..).map(|(name, n)| file(name, n)).collect();
            let found = ask(&roster(&[("one", &files)]), &[&shown]).unwrap();
            assert_eq!((found.files.len(), found.files[0].to.as_str()), (1, names[0].as_str()));
        }
    }
}

#[test]
fn two_contents_of_one_name_are_an_error_that_shows_them() {
    let r = roster(&[("one", &[file("x", 1)]), ("two", &[file("x", 2)])]);
    let err = ask(&r, &["x"]).unwrap_err();
    assert_eq!(err.code, Code::Ambiguous);
    assert!(err.message.contains("b3:01010101") && err.message.contains("two"), "{}", err.message);
    let from = with(&["x".into()], &r, &Catalogue::default(), &Owners::one(key(2).peer_id())).unwrap();
    assert_eq!(to(&from), [("x", 2, 1)]);
    let err = ask(&r, &["b3:0"]).unwrap_err();
    assert_eq!(err.code, Code::Usage);
}

#[test]
fn a_folder_comes_from_one_owner_unless_several_are_named() {
    let empty = Entry { path: "p/void".parse().unwrap(), kind: EntryKind::Folder };
    let tree = [file("p/a", 1), file("p/sub/b", 2), empty.clone()];
    let hook = [&tree[..], &[file("p/.git/hooks/post-checkout", 3)]].concat();
    let (id, mine) = (|n| key(n).peer_id(), Catalogue::default());
    let of = |r: &Roster, word: &str, owners: &Owners| with(&[word.to_owned()], r, &mine, owners);
    // All who have it have the same: they are one, and give of it all.
    let r = roster(&[("anna", &tree), ("bert", &tree), ("carl", &[file("elsewhere", 2)])]);
    let found = of(&r, "p", &Owners::Anyone).unwrap();
    assert_eq!(to(&found), [("p/a", 1, 2), ("p/sub/b", 2, 3)]);
    assert_eq!(found.folders, ["p/void".parse().unwrap()]);
    // One has another one, of more, of less or of other files; or only executable.
    let script = match file("p/a", 1) {
        Entry { path, kind: EntryKind::File { id, size, modified, since, .. } } => {
            Entry { path, kind: EntryKind::File { id, size, modified, executable: true, since } }
        }
        folder => folder,
    };
    let other: [&[Entry]; 4] = [
        &hook,
        &tree[..2],
        &[file("p/a", 4), file("p/sub/b", 2), empty.clone()],
        &[script, file("p/sub/b", 2), empty],
    ];
    for other in other {
        let r = roster(&[("anna", &tree), ("bert", &tree), ("\u{430}nna", other)]);
        let failure = of(&r, "p/", &Owners::Anyone).unwrap_err();
        assert_eq!(failure.code, Code::Ambiguous);
        for n in 1..=3 {
            assert!(failure.message.contains(&id(n).prefix(8)), "{failure}");
        }
        assert!(failure.message.contains("(2 files, 3 B)"), "{failure}");
        assert!(failure.message.contains("--from all"), "{failure}");
        assert_eq!(to(&of(&r, "p", &Owners::one(id(1))).unwrap()), [("p/a", 1, 1), ("p/sub/b", 2, 1)]);
        let both = Owners::Only([id(1), id(2)].into());
        assert_eq!(to(&of(&r, "p", &both).unwrap()), [("p/a", 1, 2), ("p/sub/b", 2, 2)]);
    }
    let r = roster(&[("anna", &tree), ("mallory", &hook)]);
    // What is the same everywhere below it can be had without a choice.
    assert_eq!(to(&of(&r, "p/sub", &Owners::Anyone).unwrap()), [("sub/b", 2, 2)]);
    for together in [Owners::All, Owners::Only([id(1), id(2)].into())] {
        let found = of(&r, "p", &together).unwrap();
        assert_eq!(to(&found), [("p/.git/hooks/post-checkout", 3, 1), ("p/a", 1, 2), ("p/sub/b", 2, 2)]);
    }
}

#[test]
fn no_file_stands_in_the_way_of_a_folder_nor_the_other_way_round() {
    let r = roster(&[("anna", &[file("p/a", 1)]), ("mallory", &[file("p", 2)])]);
    let failure = ask(&r, &["p"]).unwrap_err();
    assert_eq!(failure.code, Code::Ambiguous);
    assert!(failure.message.starts_with("`p` is a file (b3:02020202 ("), "{failure}");
    let ends = "; say `p/` for the folder, or which file by its id";
    assert!(
        failure.message.contains(") and a folder (anna (") && failure.message.ends_with(ends),
        "{failure}"
    );
    assert_eq!(to(&ask(&r, &["p/"]).unwrap()), [("p/a", 1, 1)]);
    assert_eq!(to(&ask(&r, &["b3:0202"]).unwrap()), [("p", 2, 1)]);
    let mallory = Owners::one(key(2).peer_id());
    assert_eq!(to(&with(&["p".into()], &r, &Catalogue::default(), &mallory).unwrap()), [("p", 2, 1)]);
}

#[test]
fn what_is_missing_is_said_with_the_nearest_name() {
    let r = roster(&[("one", &[file("docs/report.txt", 1)])]);
    let err = ask(&r, &["repotr.txt"]).unwrap_err();
    assert_eq!(err.code, Code::NotFound);
    assert!(err.message.contains("did you mean `docs/report.txt`"), "{}", err.message);
    assert!(ask(&r, &["zzz"]).unwrap_err().message.contains("`list` shows"));
    assert_eq!(ask(&r, &["../x"]).unwrap_err().code, Code::NotFound);
    assert_eq!(ask(&r, &["b3:ffff"]).unwrap_err().code, Code::NotFound);
    let mine = Catalogue::of([file("own", 1)]);
    let err = with(&["own".into()], &r, &mine, &Owners::Anyone).unwrap_err();
    assert!(err.message.contains("this peer itself"), "{}", err.message);
}

#[test]
fn wildcards_mean_all_that_lies_there() {
    let r = roster(&[
        ("one", &[file("a.iso", 1), file("b.ISO", 2), file("Week 1/a.pdf", 3), file("Week 2/a.pdf", 4)]),
        (
            "two",
            &[file("Week 2/a.pdf", 4), file("Week 10/a.pdf", 6), file("deep/er/c.iso", 7), file("[x] y", 8)],
        ),
    ]);
    let ask_of = |r: &Roster, words: &[&str]| ask(r, words);
    let ask =
        |word: &str| ask(&r, &[word]).map(|found| to(&found).iter().map(|f| (f.0.to_owned(), f.1)).collect());
    let found = |files: &[(&str, u8)]| -> Result<Vec<(String, u8)>, Failure> {
        Ok(files.iter().map(|(to, n)| ((*to).to_owned(), *n)).collect())
    };
    assert_eq!(ask("*.iso"), found(&[("a.iso", 1)]));
    assert_eq!(
        ask("*.Iso"),
        found(&[("a.iso", 1), ("b.ISO", 2)]),
        "case does not matter where nothing is exact"
    );
    let weeks = found(&[("Week 1/a.pdf", 3), ("Week 2/a.pdf", 4)]);
    assert_eq!((ask("Week ?/*"), ask("Week ?"), ask("week ?/")), (weeks.clone(), weeks.clone(), weeks));
    assert_eq!(ask("Week 2/*"), found(&[("a.pdf", 4)]), "without what is the same for all");
    assert_eq!(ask("**/*.iso"), found(&[("a.iso", 1), ("deep/er/c.iso", 7)]));
    assert_eq!(ask("[x] y"), found(&[("[x] y", 8)]), "what is called so comes first");
    let none = ask("*.txt").unwrap_err();
    assert!(none.code == Code::NotFound && none.message.contains("nothing matches `*.txt`"), "{none}");
    let differ = roster(&[("one", &[file("a.iso", 1)]), ("two", &[file("a.iso", 2)])]);
    assert_eq!(ask_of(&differ, &["*.iso"]).unwrap_err().code, Code::Ambiguous);
}

#[test]
fn case_and_accents_do_not_matter_where_nothing_is_spelled_so() {
    let r = roster(&[(
        "one",
        &[file("Été/Übung.txt", 1), file("b", 2), file("B", 3), file("Ä", 4), file("a", 5)],
    )]);
    let found = ask(&r, &["ete/ubung.TXT"]).unwrap();
    assert_eq!((to(&found), found.notes.len()), (vec![("Übung.txt", 1, 1)], 1));
    assert!(found.notes[0].contains("taking `Été/Übung.txt`"), "{:?}", found.notes);
    assert_eq!(to(&ask(&r, &["ETE/"]).unwrap()), [("Été/Übung.txt", 1, 1)]);
    assert_eq!((ask(&r, &["B"]).unwrap().files[0].id.0[0], ask(&r, &["b"]).unwrap().notes.len()), (3, 0));
    let either = ask(&r, &["A"]).unwrap_err();
    assert_eq!(either.code, Code::Ambiguous);
    assert!(either.message.contains("`Ä` or `a`") || either.message.contains("`a` or `Ä`"), "{either}");
}

#[test]
fn folders_are_among_what_is_proposed() {
    let r = roster(&[("one", &[file("Lectures/Week 12/slides.pdf", 1)])]);
    let near = ask(&r, &["Lectures/Wek 12"]).unwrap_err();
    assert!(near.message.contains("did you mean `Lectures/Week 12/`?"), "{near}");
}

#[test]
fn what_is_left_out_does_not_come_and_one_thing_may_have_another_name() {
    let tree = [file("p/a.tmp", 1), file("p/b", 2), file("p/node/c", 3), file("p/d/e.tmp", 4)];
    let r = roster(&[("one", &tree)]);
    let left = |patterns: &[&str]| {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let mut found = ask(&r, &["p"]).unwrap();
        Excluded::new(&patterns)
            .leave_out(&mut found)
            .map(|()| found.files.iter().map(|file| file.to.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(left(&["*.tmp"]).unwrap(), ["p/b", "p/node/c"]);
    assert_eq!(left(&["node/", "p/d"]).unwrap(), ["p/a.tmp", "p/b"]);
    assert_eq!(left(&["p"]).unwrap_err().code, Code::NotFound);
    let renamed = |word: &str, name: &str| {
        let mut found = ask(&r, &[word])?;
        rename(&mut found, name)?;
        Ok::<_, Failure>(found.files.iter().map(|file| file.to.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(renamed("p/b", "x.txt").unwrap(), ["x.txt"]);
    assert_eq!(renamed("p/node/", "new/name/").unwrap(), ["new/name/c"]);
    for (word, name) in [("p/*", "x"), ("p/b", "../x"), ("p/b", "")] {
        assert_eq!(renamed(word, name).unwrap_err().code, Code::Usage, "{word} {name}");
    }
}
