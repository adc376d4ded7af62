//! The documents say what the code does, as far as that can be checked: commands, flags, files, limits,
//! and that whoever changes a message of the wire looks at docs/PROTOCOL.md.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Files that docs/PROTOCOL.md describes byte by byte.
const WIRE: [&str; 7] = [
    "src/wire/blocks.rs",
    "src/wire/custody.rs",
    "src/wire/datagram.rs",
    "src/wire/frame.rs",
    "src/wire/haves.rs",
    "src/wire/kept.rs",
    "src/wire/message.rs",
];

const PROTOCOL: &str = "docs/PROTOCOL.md";

/// The generated table of limits stands between these two.
const TABLE: [&str; 2] = ["<!-- limits: made by tests/documents.rs -->\n", "<!-- end of limits -->"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The documents, with their paths.
fn documents() -> Vec<(String, String)> {
    let mut paths = vec!["README.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|e| e == "md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// What `potluck help [ABOUT]` prints; `None` if there is no such command.
fn help(about: Option<&str>) -> Option<String> {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("potluck"));
    let out = command.arg("help").args(about).stdin(Stdio::null()).output().unwrap();
    out.status.success().then(|| String::from_utf8(out.stdout).unwrap())
}

/// The words of a shell line, quotes taken off.
fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(|w| w.trim_matches(['"', '\'']).to_owned()).collect()
}

/// The code blocks of a document, line by line, without a prompt in front and a comment behind.
fn code_lines(text: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).map(|l| l.split(" # ").next().unwrap_or(l).trim());
    lines.map(|l| l.strip_prefix("$ ").unwrap_or(l).to_owned()).collect()
}

/// The arguments that a line gives to potluck, if it starts one.
fn arguments(line: &str) -> Option<Vec<String>> {
    let words = words(line);
    if let Some(at) = words.iter().position(|w| w == "cargo") {
        let behind = words[at..].iter().position(|w| w == "--")?;
        return (words.get(at + 1)? == "run").then(|| words[at + behind + 1..].to_vec());
    }
    let at = words.iter().position(|w| w == "potluck" || w.ends_with("/potluck"))?;
    // In front of it only what a pipe or the environment puts there.
    let front = &words[..at];
    let fits = front.iter().all(|w| w.contains('=')) || front.last().is_some_and(|w| w == "|");
    fits.then(|| words[at + 1..].to_vec())
}

/// What stands in the first column of the README's table of commands: the first word of each row.
fn table_of_commands() -> Vec<String> {
    let readme = read("README.md");
    let table = readme.split("| command |").nth(1).expect("README.md has a table of commands");
    let rows = table.lines().skip(2).take_while(|l| l.starts_with('|'));
    rows.map(|row| row.trim_start_matches(['|', ' ', '`']).split([' ', '`']).next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_command_of_the_readme_is_there_and_none_is_missing() {
    let told: BTreeSet<String> = table_of_commands().into_iter().collect();
    for command in &told {
        assert!(help(Some(command)).is_some(), "README.md names the command `{command}`, which is not there");
    }
    let overview = help(None).unwrap();
    let there = overview.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    for line in there.lines().filter(|l| !l.trim().is_empty()) {
        let command = line.split_whitespace().next().unwrap();
        assert!(told.contains(command), "README.md does not name the command `{command}`");
    }
}

#[test]
fn every_flag_in_an_example_is_there() {
    let overview = help(None).unwrap();
    let mut checked = 0;
    for (path, text) in documents() {
        for line in code_lines(&text) {
            let Some(arguments) = arguments(&line) else { continue };
            let about = arguments.iter().find_map(|a| help(Some(a)));
            let known = [Some(overview.clone()), about].into_iter().flatten().collect::<String>();
            for flag in arguments.iter().filter(|a| a.starts_with('-') && a.len() > 1) {
                let is_known = known.split([' ', ',', '\n', '.']).any(|w| w == flag);
                assert!(is_known, "{path}: `{flag}` is no flag: {line}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 5, "only {checked} flags were found in the examples");
}

/// Paths that a document names in backticks or as a link, and the first word of a code line.
fn paths(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned);
    let code = code_lines(text).into_iter().flat_map(|l| words(&l));
    let mut all: Vec<String> = quoted.flat_map(|q| words(&q)).chain(linked).chain(code).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn every_file_that_a_document_names_is_there() {
    const FOLDERS: [&str; 9] =
        ["src/", "tests/", "scripts/", "docs/", "fuzz/", "benches/", "peer1/", ".ci/", ".config/"];
    let mut checked = 0;
    for (document, text) in documents() {
        for path in paths(&text) {
            // Documents have names in capitals; other Markdown is an example's.
            let beside = path.ends_with(".md") && path.starts_with(|c: char| c.is_ascii_uppercase());
            let here = FOLDERS.iter().any(|f| path.starts_with(f)) && !path.contains(['*', '…', '<', '{']);
            // What the examples download is named as peer1 has it; what a run leaves is not in the tree.
            if !(beside || here) || path.contains("/.potluck") {
                continue;
            }
            let path = path.trim_end_matches([',', '.', ':', ';']).split("::").next().unwrap();
            let at = root().join(if beside { Path::new(&document).parent().unwrap() } else { Path::new("") });
            assert!(at.join(path).exists(), "{document} names {path}, which is not there");
            checked += 1;
        }
    }
    assert!(checked >= 30, "only {checked} paths were found in the documents");
}

/// Tests that a document names, as `file::name` in backticks.
fn tests_named(text: &str) -> Vec<(String, String)> {
    let quoted = text.split('`').skip(1).step_by(2).filter(|q| !q.contains(' '));
    let named = quoted.filter_map(|q| q.split_once(".rs::"));
    named.map(|(file, name)| (format!("{file}.rs"), name.to_owned())).collect()
}

#[test]
fn every_case_of_the_security_document_has_a_test_that_is_there() {
    let security = read("docs/SECURITY.md");
    let rows: Vec<&str> =
        security.lines().filter(|l| l.starts_with("| ") && l.split(" | ").count() == 4).collect();
    let cases = rows.iter().filter(|row| row[2..].starts_with(|c: char| c.is_ascii_digit()));
    let mut number = 0;
    for row in cases {
        number += 1;
        assert!(row.starts_with(&format!("| {number} | ")), "case {number} is missing: {row}");
        let named = tests_named(row);
        assert!(!named.is_empty() || row.contains("no such part yet"), "no test for: {row}");
        assert_tests(named);
    }
    assert_eq!(number, 27, "cases");
}

fn assert_tests(named: Vec<(String, String)>) {
    for (file, name) in named {
        let is_test = read(&file).split("#[test]").skip(1).any(|rest| {
            let before = rest.split_once("fn ").map(|(_, rest)| rest.split('(').next());
            before.flatten() == Some(name.as_str())
        });
        assert!(is_test, "{file} has no test {name}");
    }
}

#[test]
fn every_test_that_the_document_on_tests_names_is_there() {
    let testing = read("docs/TESTING.md");
    let named = tests_named(&testing);
    assert!(named.len() >= 10, "{named:?}");
    assert_tests(named);
}

/// A file's code without its tests.
fn digest(path: &str) -> String {
    let text = read(path);
    let code = text.split("#[cfg(test)]").next().unwrap();
    blake3::hash(code.as_bytes()).to_hex()[..32].to_owned()
}

#[test]
fn the_protocol_was_looked_at_after_the_messages_changed() {
    let protocol = read(PROTOCOL);
    let stale: Vec<_> = WIRE
        .iter()
        .map(|path| format!("| `{path}` | `{}` |", digest(path)))
        .filter(|row| !protocol.contains(row))
        .collect();
    assert!(
        stale.is_empty(),
        "{PROTOCOL} must be looked at: what it describes has changed. When it says again what the code \
         does, put these rows into the table at its end:\n{}",
        stale.join("\n")
    );
}

/// The limits as a table: name, value as the code writes it, unit and reason.
fn limits() -> String {
    let mut table = "| limit | value | unit and reason |\n| --- | --- | --- |\n".to_owned();
    let source = read("src/limits.rs");
    let mut comment = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.trim());
        } else if let Some((_, rest)) = line.split_once("const ") {
            let mut rest = rest.to_owned();
            while !rest.ends_with(';') {
                rest += &format!(" {}", lines.next().expect("a limit ends").trim());
            }
            let (name, rest) = rest.split_once(": ").unwrap();
            let value = rest.split_once("= ").unwrap().1;
            let reason = comment.join(" ").replace("[`", "`").replace("`]", "`");
            let value = value.trim_end_matches(';').replace("Duration::", "");
            table += &format!("| `{name}` | `{value}` | {reason} |\n");
            comment.clear();
        }
    }
    table
}

#[test]
fn the_protocol_has_every_limit_with_its_reason() {
    let protocol = read(PROTOCOL);
    let (before, rest) = protocol.split_once(TABLE[0]).expect("PROTOCOL.md has a table of limits");
    let (table, after) = rest.split_once(TABLE[1]).expect("the table of limits has an end");
    if std::env::var_os("POTLUCK_WRITE").is_some() {
        let new = [before, TABLE[0], &limits(), TABLE[1], after].concat();
        fs::write(root().join(PROTOCOL), new).unwrap();
        return;
    }
    assert!(
        table == limits(),
        "src/limits.rs and its table in {PROTOCOL} differ: look at what the text says of it, then run\n\
         POTLUCK_WRITE=1 cargo test --test documents limit"
    );
}

#[test]
fn the_checks_see_what_they_look_for() {
    assert_eq!(arguments("cd peer1 && cargo run -- -t 1001").unwrap(), ["-t", "1001"]);
    assert_eq!(arguments("printf 'list\\n' | potluck --json").unwrap(), ["--json"]);
    assert_eq!(arguments("potluck>"), None);
    assert_eq!(arguments("a peer is a running potluck; it"), None);
    assert!(help(Some("no-such-command")).is_none());
    assert_eq!(paths("see `src/wire/`, [that](docs/X.md)"), ["docs/X.md", "src/wire/"]);
    assert_eq!(tests_named("`a/b.rs::c`, `d.rs`"), [("a/b.rs".to_owned(), "c".to_owned())]);
    assert!(limits().contains("| `DATAGRAM` | `1_200` | Bytes of a datagram, at most."));
}
