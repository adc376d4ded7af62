//! What is called pure is pure: no socket, file, thread, clock or foreign chance in files whose first lines
//! say so, nor in what they know of this project.

use std::collections::{BTreeMap, BTreeSet};

use crate::resolve::Target;
use crate::tree::{File, How, Mention, Tree};

/// What a pure file may name of other crates: these, and all below them.
const FOREIGN: &[&str] = &[
    // Parts of the language's own library without an outside.
    "core",
    "std::borrow",
    "std::cell",
    "std::cmp",
    "std::collections",
    "std::error",
    "std::fmt",
    "std::hash",
    "std::iter",
    "std::mem",
    "std::ops",
    "std::rc",
    "std::slice",
    "std::str",
    "std::sync::Arc",
    "std::sync::Weak",
    "std::time::Duration",
    // Names of files and of their failures; what asks the system for a path is in METHODS.
    "std::io::Error",
    "std::io::ErrorKind",
    "std::path",
    // Hashes, ciphers, encodings, and what is derived. Argon2 takes memory and time, and nothing else.
    "argon2",
    "blake3",
    "bytesize",
    "crc32fast",
    "chacha20poly1305",
    // How a value is typed is said where it is defined; clap reads it elsewhere.
    "clap::ArgAction",
    "clap::Args",
    "clap::Subcommand",
    "clap::ValueEnum",
    "clap::value_parser",
    // The table of commands (control/mod.rs) is a macro: what it makes stands where it is called.
    "for_each_command",
    "data_encoding",
    "hashbrown",
    "httparse",
    // Arithmetic on the calendar; the zone of this machine is asked for by sys/local_time.rs.
    "jiff::SignedDuration",
    "jiff::Timestamp",
    "jiff::tz::TimeZone::UTC",
    "jiff::tz::TimeZone",
    "memchr",
    "rmp_serde",
    "serde",
    "serde_bytes",
    "serde_json::Value",
    "serde_json::json",
    "strsim",
    "thiserror",
    "unicode_normalization",
    "unicode_security",
    "unicode_width",
    "wildmatch",
    "zeroize",
    // Names of lints.
    "clippy",
];

/// What a pure file may name of files that are not pure, beside their values: arithmetic on bytes, each with
/// the reason. A type, trait or constant is a value if all that its definition names is pure. Its functions
/// are not: what is called on it may do anything.
const ITEMS: &[(&str, &str)] = &[
    (
        "control::search::SearchRequest",
        "a message; an age that is typed becomes a point in time where it is typed",
    ),
    (
        "disk::Command",
        "a message; the buffer in it is handed on as it is, and goes back to its pool when dropped",
    ),
    ("disk::Event", "a message; the open file in it is handed on as it is"),
    ("identity::key::Identity", "signs: a key and a text give the same signature each time"),
    ("identity::key::Identity::from_seed", "a seed gives the same key each time"),
    ("identity::key::verify", "arithmetic on bytes"),
    (
        "receiver::handle::ReceiverCommand",
        "a message; the disk workers in it are added by whoever does what the machine wants",
    ),
    (
        "receiver::handle::ReceiverEvent",
        "a message; the partial file that one of them names is handed on as it is",
    ),
    ("sender::handle::SenderCommand", "a message; the partial file in it is added by whoever sends it"),
];

/// Methods of paths and points in time that ask the system.
const METHODS: [&str; 12] = [
    "canonicalize",
    "elapsed",
    "exists",
    "is_dir",
    "is_file",
    "is_symlink",
    "metadata",
    "read_dir",
    "read_link",
    "symlink_metadata",
    "to_socket_addrs",
    "try_exists",
];

/// What is still to be mended: a pure file, what it must not name, and the reason. This list only shrinks.
const PENDING: &[(&str, &str, &str)] = &[];

/// True if the comment at the head of a file says that it is pure: the word, and a mark that ends it.
fn says_pure(file: &File) -> bool {
    file.head
        .split_whitespace()
        .any(|w| w.strip_prefix("Pure").is_some_and(|end| [".", ";", ":", ","].contains(&end)))
}

/// True if a path is one of the list, or lies below it.
fn is_allowed(path: &str, allowed: &[&str]) -> bool {
    allowed.iter().any(|a| path.strip_prefix(a).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
}

/// True for a module that holds something of the list: what is named in it is looked at where it is named.
fn leads_to(path: &str, allowed: &[&str]) -> bool {
    allowed.iter().any(|a| a.strip_prefix(path).is_some_and(|rest| rest.starts_with("::")))
}

/// Where something impure stands.
#[derive(Debug, PartialEq, Eq)]
struct Impurity {
    file: String,
    line: usize,
    what: String,
}

/// Looks at what the files of a program name.
struct Checker<'t> {
    tree: &'t Tree,
    items: &'t [(&'t str, &'t str)],
    /// Items of the list that something needed.
    used: BTreeSet<&'t str>,
    /// What stands in the definition of a value.
    definitions: BTreeMap<(usize, &'t str), Vec<&'t Mention>>,
    /// Values that were looked at, and whether they are pure; those under way count as pure.
    known: BTreeMap<(usize, String), bool>,
}

impl<'t> Checker<'t> {
    fn new(tree: &'t Tree, items: &'t [(&'t str, &'t str)]) -> Self {
        let mut definitions = BTreeMap::<_, Vec<_>>::new();
        for mention in &tree.mentions {
            if let Some(owner) = &mention.owner {
                definitions.entry((mention.module, owner.as_str())).or_default().push(mention);
            }
        }
        Self { tree, items, used: BTreeSet::new(), definitions, known: BTreeMap::new() }
    }

    fn is_in_pure_file(&self, module: usize) -> bool {
        says_pure(&self.tree.files[self.tree.modules[module].file])
    }

    /// What a path stands for that is not pure.
    fn impure(&mut self, mention: &Mention) -> Vec<String> {
        let mut impure = Vec::new();
        for found in self.tree.resolve(mention) {
            let bad = match found.target {
                Target::Foreign(path) => {
                    let is_way = mention.how == How::Use && leads_to(&path, FOREIGN);
                    (!is_way && !is_allowed(&path, FOREIGN)).then_some(path)
                }
                Target::Module(module) => {
                    let all = format!("{}::*", self.tree.name_of(module));
                    (mention.how == How::Glob && !self.is_in_pure_file(module)).then_some(all)
                }
                Target::Item(module, name) => {
                    // A variant or a constant is as pure as its type.
                    let (first, rest) = name.split_once("::").unwrap_or((&name, ""));
                    let is_function = rest.starts_with(|c: char| c.is_ascii_lowercase());
                    let whole = if is_function { &name } else { first };
                    let whole = format!("{}::{whole}", self.tree.name_of(module));
                    let is_value = !is_function && self.is_value(module, first);
                    let is_pure = is_value || self.is_in_pure_file(module);
                    (!is_pure && !self.is_listed(&whole)).then_some(whole)
                }
            };
            impure.extend(bad);
        }
        impure
    }

    /// True for what is on the list; that is noted down.
    fn is_listed(&mut self, name: &str) -> bool {
        let item = self.items.iter().find(|(item, _)| *item == name);
        self.used.extend(item.map(|(item, _)| *item));
        item.is_some()
    }

    /// True for a type, trait or constant that is made of pure things.
    fn is_value(&mut self, module: usize, name: &str) -> bool {
        let key = (module, name.to_owned());
        if !self.tree.values.contains(&key) {
            return false;
        }
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        self.known.insert(key.clone(), true);
        let definition = self.definitions.get(&(module, name)).cloned().unwrap_or_default();
        let is_pure = definition.into_iter().all(|mention| self.impure(mention).is_empty());
        if !is_pure {
            // What was found pure meanwhile may have counted on this one.
            self.known.retain(|_, known| !*known);
        }
        self.known.insert(key, is_pure);
        is_pure
    }

    /// All that pure files name and must not, in the order of the files, each once for a file.
    fn impurities(&mut self) -> Vec<Impurity> {
        let mut all = BTreeMap::new();
        let tree = self.tree;
        for mention in tree.mentions.iter().filter(|m| says_pure(&tree.files[tree.modules[m.module].file])) {
            for what in self.impure(mention) {
                all.entry((tree.file_of(mention.module).to_owned(), what)).or_insert(mention.line);
            }
        }
        for (module, line, method) in &tree.calls {
            if self.is_in_pure_file(*module) && METHODS.contains(&method.as_str()) {
                all.entry((tree.file_of(*module).to_owned(), format!(".{method}()"))).or_insert(*line);
            }
        }
        all.into_iter().map(|((file, what), line)| Impurity { file, line, what }).collect()
    }
}

#[test]
fn pure_files_know_no_socket_file_thread_or_clock() {
    let tree = Tree::of_project();
    let pure = tree.files.iter().filter(|f| says_pure(f)).count();
    assert!(pure >= 60, "only {pure} files say that they are pure");
    let mut checker = Checker::new(tree, ITEMS);
    let found = checker.impurities();
    let pending: BTreeSet<_> = PENDING.iter().map(|(file, what, _)| (*file, *what)).collect();
    let wrong = found.iter().filter(|i| !pending.contains(&(i.file.as_str(), i.what.as_str())));
    let wrong: Vec<_> = wrong.map(|i| format!("{}:{}: {}", i.file, i.line, i.what)).collect();
    assert!(wrong.is_empty(), "not pure:\n{}", wrong.join("\n"));
    for (file, what, _) in PENDING {
        let is_there = found.iter().any(|i| i.file == *file && i.what == *what);
        assert!(is_there, "{file} no longer names {what}: take it off the list");
    }
    for (item, _) in ITEMS {
        assert!(checker.used.contains(item), "no pure file needs {item}: take it off the list");
    }
}

/// What a pure file must not name, of a program of these files.
fn impurities(files: &[(&str, &str)]) -> Vec<String> {
    let tree = Tree::of(files);
    let found = Checker::new(&tree, &[]).impurities();
    found.into_iter().map(|i| format!("{}:{}: {}", i.file, i.line, i.what)).collect()
}

/// What is found in a machine that says that it is pure, in a program whose shell has a socket.
fn impurities_of(text: &str) -> Vec<String> {
    let shell = "pub use std::net::UdpSocket as Plug;\nuse std::net::*;\npub struct Value(pub u8, Other);\n\
                 struct Other;\nimpl Value { pub const ONE: u8 = 1; pub fn send() {} }\npub struct Handle(TcpStream, \
                 Plug);\npub enum Holds { One(Vec<Handle>), Nothing }\npub fn send() {}\npub mod clock;\n";
    let clock = "//! Pure.\npub use std::time::Instant;\n";
    let text = format!("//! A machine. Pure; beside its shell.\n{text}");
    impurities(&[
        ("src/lib.rs", "mod machine; mod shell;"),
        ("src/machine.rs", &text),
        ("src/shell/mod.rs", shell),
        ("src/shell/clock.rs", clock),
    ])
    .into_iter()
    .filter_map(|i| i.strip_prefix("src/machine.rs:").map(str::to_owned))
    .collect()
}

#[test]
fn a_socket_is_seen_whatever_way_it_is_named() {
    for (text, seen) in [
        ("use std::net::UdpSocket;", "2: std::net::UdpSocket"),
        ("use std::{fmt, net::{self, UdpSocket as S}};", "2: std::net::UdpSocket"),
        ("fn f() { let s = std::net::UdpSocket::bind(1); }", "2: std::net::UdpSocket::bind"),
        ("struct S(::std::net::UdpSocket);", "2: std::net::UdpSocket"),
        ("fn f() {\n use std::net as n;\n n::UdpSocket::bind(1); }", "3: std::net"),
        ("use std as s;\nfn f() { s::net::UdpSocket::bind(1); }", "3: std::net::UdpSocket::bind"),
        ("use std::net::*;", "2: std::net"),
        ("fn f() { assert!(x == std::net::UdpSocket::bind(1)); }", "2: std::net::UdpSocket::bind"),
        ("#[derive(mio::Socket)]\nstruct S;", "2: mio::Socket"),
        // Through another file of the project.
        ("use crate::shell::Plug;", "2: std::net::UdpSocket"),
        ("use super::shell as s;\nstruct S(s::Plug);", "3: std::net::UdpSocket"),
        ("use crate::shell::*;\nstruct S(Plug);", "3: std::net::UdpSocket"),
        ("use crate::shell::*;", "2: shell::*"),
        ("use crate::shell::Handle;", "2: shell::Handle"),
        ("fn f(h: crate::shell::Holds) {}", "2: shell::Holds"),
        ("use crate::shell::Holds::Nothing;", "2: shell::Holds"),
        ("use crate::shell::send;", "2: shell::send"),
        ("use crate::shell::Value;\nfn f() { Value::send(); }", "3: shell::Value::send"),
        ("use crate::shell::clock::Instant;", "2: std::time::Instant"),
        ("fn f(p: &std::path::Path) { p.exists(); }", "2: .exists()"),
        ("mod inner { fn f() { std::env::var(1); } }", "2: std::env::var"),
        ("#[cfg(unix)] use std::fs;", "2: std::fs"),
        ("#[cfg(not(test))] use std::fs;", "2: std::fs"),
    ] {
        let found = impurities_of(text);
        assert!(found.contains(&seen.to_owned()), "{text}: {found:?}");
    }
}

#[test]
fn values_and_tests_are_no_impurity() {
    for text in [
        "use core::net::SocketAddr; use std::collections::{BTreeMap, btree_map::Entry}; use std::sync::{self, Arc};",
        "use crate::shell; fn f(v: shell::Value) -> u8 { v.0 + shell::Value::ONE + u8::MAX }",
        "// std::fs\n/// std::fs\nfn f() -> &'static str { \"std::fs::read\" }",
        "#[cfg(test)] use std::fs;\n#[cfg(test)] mod tests { use std::net::UdpSocket; }",
        "struct S { #[cfg(test)] file: std::fs::File }\n\
         impl S { #[cfg(all(test, unix))] fn f() { std::fs::read(1) } }",
    ] {
        assert_eq!(impurities_of(text), [""; 0], "{text}");
    }
}

#[test]
fn a_file_says_that_it_is_pure_at_its_head() {
    let is_checked = |text: &str| !impurities(&[("src/lib.rs", text)]).is_empty();
    for end in [".", ";", ":", ","] {
        assert!(is_checked(&format!("//! A machine.\n//! Pure{end} more\nuse std::fs;")), "{end}");
    }
    for text in
        ["//! Pure machines stand there.", "//! A shell.\n// Pure.", "//! Purely.", "/// Pure.\nstruct S;"]
    {
        assert!(!is_checked(&format!("{text}\nuse std::fs;")), "{text}");
    }
    // What a pure file knows is followed: through files that are pure, to one that is not.
    let found = impurities(&[
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "//! Pure.\nuse crate::b::B;"),
        ("src/b.rs", "//! Pure:\npub struct B(crate::c::C);"),
        ("src/c.rs", "pub struct C(std::fs::File);"),
    ]);
    assert_eq!(found, ["src/b.rs:2: c::C"]);
}
