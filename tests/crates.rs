//! What is built from others: licences, where they come from, which ones must be there and which must not.
//! Known faults in them (advisories) need a list from the network: docs/TESTING.md says how to look.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences that let this program be given on as "MIT OR Apache-2.0".
const LICENCES: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The one place that crates come from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What the project has settled on: threads over channels, one poll, these formats and hashes.
const FIXED: [&str; 9] =
    ["blake3", "crossbeam-channel", "ctrlc", "env_logger", "log", "mio", "rmp-serde", "serde", "socket2"];

/// What makes a program asynchronous, and a second TLS beside the one that was chosen.
const UNWANTED: [&str; 14] = [
    "async-executor",
    "async-global-executor",
    "async-io",
    "async-std",
    "aws-lc-rs",
    "compio",
    "futures-executor",
    "glommio",
    "monoio",
    "native-tls",
    "openssl",
    "pollster",
    "smol",
    "tokio",
];

/// Crates that are built in two versions because others ask for both: a macro's parser, which the program
/// does not hold, and the operating system's randomness (that of ring, and that of newer crates).
const TWICE: [&str; 2] = ["getrandom", "syn"];

const LOCKS: [&str; 2] = ["Cargo.lock", "fuzz/Cargo.lock"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A `[[package]]` of a lock file: its fields.
type Locked = BTreeMap<String, String>;

/// The packages of the text of a lock file.
fn locked(text: &str) -> Vec<Locked> {
    let field = |line: &str| {
        let (key, value) = line.split_once(" = \"")?;
        Some((key.to_owned(), value.strip_suffix('"')?.to_owned()))
    };
    text.split("[[package]]").skip(1).map(|package| package.lines().filter_map(field).collect()).collect()
}

fn locks() -> Vec<(&'static str, Vec<Locked>)> {
    LOCKS.map(|path| (path, locked(&fs::read_to_string(root().join(path)).unwrap()))).to_vec()
}

/// What one of several alternatives allows: all parts of it must be allowed.
fn allowed(expression: &str) -> bool {
    // A slash is how "OR" was written before there was a standard. Nested brackets would be refused.
    let expression = expression.replace('/', " OR ");
    let part = |part: &str| {
        let part = part.trim().trim_start_matches('(').trim_end_matches(')');
        part.split(" OR ").any(|one| LICENCES.contains(&one.trim()))
    };
    if expression.contains('(') {
        expression.split(" AND ").all(part)
    } else {
        // "AND" binds more strongly than "OR".
        expression.split(" OR ").any(|one| one.split(" AND ").all(part))
    }
}

/// What cargo knows of all that is built here, tests included. Nothing is fetched: it is all there.
fn metadata() -> Value {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|l| l.strip_prefix("host: ")).unwrap();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let args = ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host];
    let out = Command::new(cargo).args(args).current_dir(root()).output().unwrap();
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The dependencies of a node that are no tests' and no build scripts'.
fn normal(node: &Value) -> impl Iterator<Item = &str> {
    let is_normal = |d: &&Value| d["dep_kinds"].as_array().unwrap().iter().any(|k| k["kind"].is_null());
    node["deps"].as_array().unwrap().iter().filter(is_normal).map(|d| text(d, "pkg"))
}

#[test]
fn every_licence_is_one_that_lets_the_program_be_given_on() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "only {} packages", packages.len());
    let refused = packages.iter().filter(|p| !allowed(text(p, "license")));
    let refused: Vec<_> = refused.map(|p| (text(p, "name"), text(p, "license"))).collect();
    assert!(refused.is_empty(), "look whether these licences can be taken, and name them here: {refused:?}");
}

#[test]
fn all_of_it_comes_from_one_place_and_is_pinned_by_hash() {
    for (path, packages) in locks() {
        let ours: Vec<_> = packages.iter().filter(|p| !p.contains_key("source")).collect();
        assert!(ours.iter().all(|p| p["name"].starts_with("potluck")), "{path}: {ours:?}");
        let others = packages.iter().filter(|p| p.contains_key("source"));
        let odd: Vec<_> = others.filter(|p| p["source"] != CRATES_IO || p["checksum"].len() != 64).collect();
        assert!(odd.is_empty(), "{path}: {odd:?}");
    }
}

#[test]
fn no_asynchronous_runtime_and_no_second_tls_is_built() {
    for (path, packages) in locks() {
        let found: Vec<_> = packages.iter().filter(|p| UNWANTED.contains(&p["name"].as_str())).collect();
        assert!(found.is_empty(), "{path}: {found:?}");
    }
}

#[test]
fn what_the_design_fixes_is_used_and_each_crate_in_one_version() {
    let metadata = metadata();
    let resolve = &metadata["resolve"];
    let nodes = resolve["nodes"].as_array().unwrap();
    let nodes: BTreeMap<&str, &Value> = nodes.iter().map(|n| (text(n, "id"), n)).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let names: BTreeMap<&str, &str> = packages.map(|p| (text(p, "id"), text(p, "name"))).collect();

    let program = text(resolve, "root");
    let direct: BTreeSet<&str> = normal(nodes[program]).map(|id| names[id]).collect();
    let missing: Vec<_> = FIXED.iter().filter(|name| !direct.contains(**name)).collect();
    assert!(missing.is_empty(), "not used: {missing:?}");

    let (mut seen, mut next) = (BTreeSet::new(), vec![program]);
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            next.extend(normal(nodes[id]));
        }
    }
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    seen.iter().for_each(|id| *versions.entry(names[id]).or_default() += 1);
    let twice = versions.iter().filter(|(name, n)| **n > 1 && !TWICE.contains(name));
    let twice: Vec<_> = twice.map(|(name, _)| *name).collect();
    assert!(twice.is_empty(), "built in more than one version: {twice:?}");
}

#[test]
fn the_checks_see_what_they_look_for() {
    let odd = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://x.example\"\n\
               dependencies = [\n \"b\",\n]\n\n[[package]]\nname = \"tokio\"\nversion = \"1.0.0\"\n";
    let packages = locked(odd);
    assert_eq!(packages.len(), 2);
    assert_eq!(
        (packages[0]["source"].as_str(), packages[1]["name"].as_str()),
        ("git+https://x.example", "tokio")
    );
    for taken in [
        "MIT",
        "MIT OR GPL-3.0-only",
        "MIT/Apache-2.0",
        "Apache-2.0 AND ISC",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
    ] {
        assert!(allowed(taken), "{taken}");
    }
    for refused in [
        "",
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "(MIT OR Apache-2.0) AND LGPL-2.1-only",
        "GPL-3.0-only OR MIT AND SSPL-1.0",
        "Apache-2.0 WITH Commons-Clause",
    ] {
        assert!(!allowed(refused), "{refused}");
    }
}
