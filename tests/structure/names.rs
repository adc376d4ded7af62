//! What things are called: a name stands for one type, parameters have names, and a comment can be read
//! alone.

use std::collections::BTreeMap;

use crate::tree::Tree;

/// Types whose name is that of another type as well, of a thousand, at most.
const SHARED: usize = 100;

/// What is so today, rounded up. This number only shrinks, to `SHARED`.
const SHARED_PENDING: usize = 50;

/// Functions with a parameter that is a tuple, today. This number only shrinks, to 0.
const TUPLES_PENDING: usize = 0;

/// Comments that begin by pointing at another one, today. This number only shrinks, to 0.
const LEANING_PENDING: usize = 0;

/// How a comment begins that says nothing alone.
const LEANING: [&str; 12] = [
    "Another of",
    "As above",
    "As before",
    "Ditto",
    "Idem",
    "Likewise",
    "One of the same",
    "One of them",
    "One of these",
    "Same as",
    "See above",
    "The same",
];

/// The names of types, and where each of them is defined.
fn names(tree: &Tree) -> BTreeMap<&str, Vec<String>> {
    let mut names = BTreeMap::<_, Vec<_>>::new();
    for each in &tree.types {
        let place = tree.place(tree.modules[each.module].file, each.line);
        names.entry(each.name.as_str()).or_default().push(place);
    }
    names
}

/// Names that stand for several types, most of them first.
fn shared(tree: &Tree) -> Vec<(&str, Vec<String>)> {
    let mut shared: Vec<_> = names(tree).into_iter().filter(|(_, places)| places.len() > 1).collect();
    shared.sort_by_key(|(name, places)| (std::cmp::Reverse(places.len()), *name));
    shared
}

/// Types that share their name, of a thousand.
fn share(tree: &Tree) -> usize {
    let several: usize = shared(tree).iter().map(|(_, places)| places.len()).sum();
    several * 1000 / tree.types.len().max(1)
}

/// Functions with a tuple among their parameters.
fn with_tuples(tree: &Tree) -> Vec<String> {
    let functions = tree.functions.iter().filter(|f| f.tuples > 0);
    functions.map(|f| format!("{}: fn {}", tree.place(f.file, f.line), f.name)).collect()
}

/// Comments that begin by pointing at another one.
fn leaning(tree: &Tree) -> Vec<String> {
    let leans = |text: &str| {
        let behind = LEANING.iter().find_map(|start| text.strip_prefix(start));
        behind.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let comments = tree.comments.iter().filter(|c| leans(&c.text));
    comments.map(|c| format!("{}: {}", tree.place(c.file, c.line), c.text)).collect()
}

/// What is wrong with the length of a list that is to become empty, in words.
fn wrong(what: &str, list: &[String], pending: usize) -> Option<String> {
    match list.len() {
        n if n > pending => Some(format!("{n} {what}, {pending} before:\n{}", list.join("\n"))),
        n if n < pending => Some(format!("only {n} {what} are left: write that where {pending} stands")),
        _ => None,
    }
}

#[test]
fn a_name_stands_for_one_type() {
    let tree = Tree::of_project();
    let shared = shared(tree);
    for (name, places) in &shared {
        println!("{} {name}: {}", places.len(), places.join(" "));
    }
    let (share, allowed) = (share(tree), SHARED.max(SHARED_PENDING));
    println!("{share} of 1,000 types share their name, {} types in all", tree.types.len());
    let worst: Vec<_> =
        shared.iter().take(20).map(|(name, places)| format!("{} {name}", places.len())).collect();
    assert!(share <= allowed, "{share} of 1,000 types share their name, {allowed} may: {}", worst.join(", "));
    // A little less is no reason to touch the number; much less is one.
    let is_near = share + 20 > SHARED_PENDING || SHARED_PENDING == SHARED;
    assert!(is_near, "{share} of 1,000 types share their name: write that where {SHARED_PENDING} stands");
}

#[test]
fn parameters_have_names() {
    let found = with_tuples(Tree::of_project());
    println!("{}", found.join("\n"));
    let wrong = wrong("functions with tuples", &found, TUPLES_PENDING).unwrap_or_default();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn comments_stand_alone() {
    let found = leaning(Tree::of_project());
    println!("{}", found.join("\n"));
    let wrong = wrong("comments that lean on others", &found, LEANING_PENDING).unwrap_or_default();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn bad_names_are_seen() {
    let tree = Tree::of(&[
        (
            "src/lib.rs",
            "mod a;\n/// The same.\nstruct Step;\n/// Of them all.\n/// One of them.\nenum Other {\n \
             /// As above, so below.\n One }\ntype Thing = u8;\n#[cfg(test)] mod tests { struct Other; }\n\
             fn f(a: (u8, u8), (b, c): &mut (u8, u8)) {}\nfn g(a: (), b: &[(u8, u8)], c: Option<(u8, u8)>) {}\n\
             trait T { fn t(&self, t: (u8,)); }\nimpl T for u8 { \
             /** Ditto */ fn t(&self, t: (u8,)) { |(a, b): (u8, u8)| a; } }",
        ),
        (
            "src/a.rs",
            "//! One of them.\n\n/// Samely.\nstruct Step;\n/// Themselves\ntrait Step2 { type Thing; }",
        ),
    ]);
    assert_eq!(shared(&tree), [("Step", vec!["src/a.rs:4".to_owned(), "src/lib.rs:3".to_owned()])]);
    // Step twice, Other, Thing, T, Step2.
    assert_eq!(share(&tree), 333);
    assert_eq!(with_tuples(&tree), ["src/lib.rs:11: fn f", "src/lib.rs:13: fn t", "src/lib.rs:14: fn t"]);
    let leaning = leaning(&tree);
    assert_eq!(
        leaning,
        [
            "src/a.rs:1: One of them.",
            "src/lib.rs:2: The same.",
            "src/lib.rs:7: As above, so below.",
            "src/lib.rs:14: Ditto",
        ]
    );
    assert_eq!(wrong("comments", &leaning, 4), None);
    assert!(wrong("comments", &leaning, 3).unwrap().starts_with("4 comments, 3 before:\nsrc/a.rs:1: One"));
    assert_eq!(
        wrong("comments", &leaning, 5).unwrap(),
        "only 4 comments are left: write that where 5 stands"
    );
}
