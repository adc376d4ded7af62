//! How large files, functions and types are. What only tests are compiled from is not counted; tests at the
//! end of a file are, for whoever reads the file has them before them.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::Tree;

/// Lines of the file in the middle, at most, and of the longest one.
const MEDIAN: usize = 250;
const FILE: usize = 600;

/// Lines of a function, from `fn` to the closing brace.
const FUNCTION: usize = 80;

/// Methods of a type, in all its inherent impls in all files, and fields of a struct.
const METHODS: usize = 40;
const FIELDS: usize = 20;

/// What is larger today, with its size (files: rounded up to ten lines): it must not grow, and goes when it
/// is no longer too large.
const PENDING: &[(&str, usize)] = &[];

/// What is too large: what it is, and its size.
type TooLarge = BTreeMap<String, usize>;

fn long_files(tree: &Tree) -> TooLarge {
    let files = tree.files.iter().filter(|f| f.lines > FILE);
    files.map(|f| (format!("lines of {}", f.path), f.lines)).collect()
}

fn median(tree: &Tree) -> usize {
    let mut lines: Vec<usize> = tree.files.iter().map(|f| f.lines).collect();
    lines.sort_unstable();
    lines.get(lines.len() / 2).copied().unwrap_or(0)
}

fn long_functions(tree: &Tree) -> TooLarge {
    let functions = tree.functions.iter().filter(|f| f.lines > FUNCTION);
    functions.map(|f| (format!("lines of {} in {}", f.name, tree.files[f.file].path), f.lines)).collect()
}

/// Types by their whole name.
fn large_types(tree: &Tree) -> TooLarge {
    let mut sizes = TooLarge::new();
    for each in &tree.impls {
        // What is not defined here, such as an alias of another crate's type, has no inherent methods.
        let Some((module, name)) = tree.definition(each.module, &each.of) else { continue };
        let name = [tree.name_of(module), name].join("::");
        *sizes.entry(format!("methods of {name}")).or_default() += each.methods;
    }
    sizes.retain(|_, n| *n > METHODS);
    let large = tree.types.iter().filter(|t| t.fields > FIELDS);
    sizes.extend(large.map(|t| (format!("fields of {}::{}", tree.name_of(t.module), t.name), t.fields)));
    sizes
}

fn too_large(tree: &Tree) -> TooLarge {
    [long_files(tree), long_functions(tree), large_types(tree)].into_iter().flatten().collect()
}

/// What is wrong, in words.
fn wrong(found: &TooLarge, pending: &[(&str, usize)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (what, size) in found {
        match pending.iter().find(|(known, _)| known == what) {
            None => wrong.push(format!("{what}: {size}, too large")),
            Some((_, before)) if size > before => wrong.push(format!("{what}: {size}, grown from {before}")),
            Some(_) => {}
        }
    }
    let mended = pending.iter().filter(|(what, _)| !found.contains_key(*what));
    wrong.extend(mended.map(|(what, _)| format!("{what}: no longer too large, take it off the list")));
    wrong
}

#[test]
fn files_functions_and_types_are_of_a_size_that_can_be_read() {
    let tree = Tree::of_project();
    let mut longest: Vec<_> = tree.files.iter().map(|f| (f.lines, f.path.as_str())).collect();
    longest.sort_unstable_by_key(|(lines, path)| (std::cmp::Reverse(*lines), *path));
    for (lines, path) in longest.iter().take_while(|(lines, _)| *lines > 400) {
        println!("{lines} {path}");
    }
    let longest = tree.functions.iter().map(|f| f.lines).max();
    println!("median {}, longest function {}", median(tree), longest.unwrap());
    assert!(median(tree) <= MEDIAN, "half of the files have {} lines or more", median(tree));
    let wrong = wrong(&too_large(tree), PENDING);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_too_large_is_seen() {
    let lines = |n: usize| "\n".repeat(n);
    let methods = |name: &str, n: usize| (0..n).map(|i| format!("fn {name}{i}() {{}} ")).collect::<String>();
    let fields = (0..=FIELDS).map(|i| format!("f{i}: u8, ")).collect::<String>();
    let root = format!(
        "mod a;\n#[cfg(test)] mod tests;\nstruct Wide {{ {fields} }}\n#[cfg(test)] struct Test {{ {fields} }}"
    );
    let here = methods("a", METHODS / 2);
    let a = format!(
        "mod b; pub struct Busy; impl Busy {{ {here} }} impl Clone for Busy {{ {here} }}\nfn short() {{{}}}",
        lines(79)
    );
    let there = methods("b", METHODS / 2);
    let b =
        format!("use super::Busy as B; impl B {{ {there} fn long() {{{}}} }}{}", lines(80), lines(FILE - 79));
    let tests = format!("fn long() {{{}}}", lines(FILE));
    let tree = Tree::of(&[
        ("src/lib.rs", &root),
        ("src/a/mod.rs", &a),
        ("src/a/b.rs", &b),
        ("src/tests/mod.rs", &tests),
    ]);
    let found = too_large(&tree);
    let seen: Vec<_> = found.iter().map(|(what, size)| format!("{what}: {size}")).collect();
    assert_eq!(
        seen,
        [
            "fields of ::Wide: 21",
            "lines of long in src/a/b.rs: 81",
            "lines of src/a/b.rs: 601",
            "methods of a::Busy: 41",
        ]
    );
    assert_eq!(median(&tree), 81);
    let known: Vec<_> = found.iter().map(|(what, size)| (what.as_str(), *size)).collect();
    assert_eq!(wrong(&found, &known), [""; 0]);
    assert_eq!(wrong(&found, &[]).len(), 4);
    let names: BTreeSet<_> = known.iter().map(|(what, _)| *what).collect();
    let smaller: Vec<_> = names.iter().map(|what| (*what, 20)).chain([("lines of src/c.rs", 700)]).collect();
    let wrong = wrong(&found, &smaller);
    assert_eq!(wrong[0], "fields of ::Wide: 21, grown from 20");
    assert_eq!(wrong[4], "lines of src/c.rs: no longer too large, take it off the list");
}
