//! The documents say what the code does, as far as that can be checked: commands, flags, files, limits,
//! and that whoever changes a message of the wire looks at docs/PROTOCOL.md. Documents and comments send
//! their reader only to files that are here.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use potluck::wire::registry::{Kind, Row, TcpPort, Way};

const PROTOCOL: &str = "docs/PROTOCOL.md";

/// The generated table of limits stands between these two.
const TABLE: [&str; 2] = ["<!-- limits: made by tests/documents.rs -->\n", "<!-- end of limits -->"];

/// The generated table of messages stands between these two.
const MESSAGES: [&str; 2] = ["<!-- messages: made by tests/documents.rs -->\n", "<!-- end of messages -->"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The documents, with their paths: those in docs/ and those beside README.md.
fn documents() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for folder in ["", "docs/"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name).extension().is_some_and(|e| e == "md") {
                paths.push(format!("{folder}{name}"));
            }
        }
    }
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// The text files in `folder` and below it, as paths from the root, with their content. What builds and
/// runs leave behind, and the inputs of fuzzing, are left out.
fn texts(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        if entry.file_type().unwrap().is_dir() {
            if !["target", "corpus", "artifacts", "__pycache__"].contains(&name.as_str()) {
                found.extend(texts(&path));
            }
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            found.push((path, text));
        }
    }
    found.sort();
    found
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
    // What stands behind a pipe is another program's.
    fits.then(|| words[at + 1..].iter().take_while(|w| *w != "|").cloned().collect())
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

/// Sources that `text` names in backticks by a path that need not begin at the root: `swarm/mod.rs`.
fn sources_named(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).flat_map(files_named);
    quoted.filter(|name| is_source(name)).map(str::to_owned).collect()
}

/// What looks like the name of a source or a document in `text`. Other Markdown than documents, whose
/// names are in capitals, belongs to examples.
fn files_named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "._/-".contains(c)));
    words.map(|word| word.trim_end_matches('.')).filter(|word| is_source(word) || is_document(word))
}

fn is_source(name: &str) -> bool {
    name.strip_suffix(".rs").is_some_and(|stem| stem.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

fn is_document(name: &str) -> bool {
    let stem = name.strip_suffix(".md").map(|path| path.rsplit('/').next().unwrap_or(path));
    let is_capital = |c: char| c.is_ascii_uppercase() || c == '-' || c.is_ascii_digit();
    stem.is_some_and(|stem| stem.len() > 1 && stem.chars().all(is_capital))
}

#[test]
fn every_source_that_a_document_names_in_short_is_there() {
    let sources = [texts("src"), texts("tests")].concat();
    let is_there =
        |name: &str| sources.iter().any(|(path, _)| format!("/{path}").ends_with(&format!("/{name}")));
    let (mut checked, mut missing) = (0, Vec::new());
    for (document, text) in documents() {
        for name in sources_named(&text) {
            if !root().join(&name).exists() && !is_there(&name) {
                missing.push(format!("{document}: {name}"));
            }
            checked += 1;
        }
    }
    assert!(missing.is_empty(), "documents name what is not there:\n{}", missing.join("\n"));
    assert!(checked >= 30, "only {checked} sources were found in the documents");
}

#[test]
fn every_link_in_a_document_leads_to_a_file() {
    let mut checked = 0;
    for (document, text) in documents() {
        let beside = root().join(Path::new(&document).parent().unwrap());
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if link.is_empty() || link.contains("://") {
                continue;
            }
            assert!(beside.join(link).exists(), "{document} links to {link}, which is not there");
            checked += 1;
        }
    }
    assert!(checked >= 10, "only {checked} links were found in the documents");
}

/// The comments of a source as one line, each block of them apart.
fn comments(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        let comment = line.split_once("//").map(|(_, rest)| rest.trim_start_matches(['/', '!']).trim());
        let is_whole = line.trim_start().starts_with("//");
        if !is_whole && !blocks.last().unwrap().is_empty() {
            blocks.push(String::new());
        }
        let block = blocks.last_mut().unwrap();
        *block += comment.unwrap_or_default();
        block.push(' ');
    }
    blocks.retain(|block| !block.trim().is_empty());
    blocks
}

/// True if a comment in the file at `path` that says `name` leads somewhere: from the folder of that file, or
/// from one above it.
fn leads_somewhere(path: &str, name: &str) -> bool {
    Path::new(path).ancestors().skip(1).any(|folder| root().join(folder).join(name).exists())
}

/// Sections that `text` names, as in `docs/TESTING.md, "Faults"`: document and heading.
fn sections_named(text: &str) -> Vec<(String, String)> {
    let named = text.match_indices(".md, \"").filter_map(|(at, separator)| {
        let document = text[..at].rsplit([' ', '(', '`']).next()?;
        let heading = text[at + separator.len()..].split('"').next()?;
        Some((format!("{document}.md"), heading.to_owned()))
    });
    named.collect()
}

#[test]
fn every_file_and_section_that_a_comment_names_is_there() {
    let (mut files, mut sections, mut missing) = (0, 0, Vec::new());
    for (path, text) in texts("src") {
        for comment in comments(&text) {
            for name in files_named(&comment) {
                if !leads_somewhere(&path, name) {
                    missing.push(format!("{path}: {name}"));
                }
                files += 1;
            }
            for (document, heading) in sections_named(&comment) {
                if !read(&document).lines().any(|l| l.trim_start_matches('#').trim() == heading) {
                    missing.push(format!("{path}: {document}, \"{heading}\""));
                }
                sections += 1;
            }
        }
    }
    assert!(missing.is_empty(), "comments name what is not there:\n{}", missing.join("\n"));
    assert!(files >= 50, "only {files} files were found in comments");
    assert!(sections >= 5, "only {sections} sections were found in comments");
}

/// What sends the reader of `text` to something that is not part of the project: documents that are not here,
/// a section of nothing or of an unpublished paper, a folder of somebody's machine.
fn outside(text: &str) -> Vec<String> {
    // A section sign stands behind the name of what was published, and behind nothing else.
    const PUBLISHED: [&str; 6] = ["RFC", "BEP", "FIPS", "UAX", "UTS", "specification"];
    let mut found = Vec::new();
    for line in text.lines() {
        for (at, _) in line.match_indices('§') {
            let before: Vec<&str> = line[..at].split_whitespace().rev().take(3).collect();
            if !before.iter().any(|word| PUBLISHED.contains(&word.trim_matches(['(', ',']))) {
                found.push(line.trim().to_owned());
            }
        }
        let is_here = |name: &&str| root().join(name).exists() || root().join("docs").join(name).exists();
        let documents = files_named(line).filter(|name| is_document(name) && !is_here(name));
        found.extend(documents.map(str::to_owned));
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        found.extend(words.filter(|word| *word == "DESIGN").map(str::to_owned));
    }
    found
}

#[test]
fn nothing_sends_its_reader_out_of_the_project() {
    const FOLDERS: [&str; 8] = ["src", "tests", "benches", "fuzz", "scripts", "docs", ".ci", ".config"];
    let mut all: Vec<_> = FOLDERS.iter().flat_map(|folder| texts(folder)).collect();
    all.extend(documents());
    all.extend(["Cargo.toml", "clippy.toml", "rustfmt.toml"].map(|path| (path.to_owned(), read(path))));
    assert!(all.len() >= 300, "only {} files were looked at", all.len());
    // This file tells what it looks for.
    for (path, text) in all.iter().filter(|(path, _)| path != "tests/documents.rs") {
        let found = outside(text);
        assert!(found.is_empty(), "{path} names what is not part of the project: {found:?}");
    }
}

#[test]
fn every_file_that_a_document_names_is_there() {
    const FOLDERS: [&str; 9] =
        ["src/", "tests/", "scripts/", "docs/", "fuzz/", "benches/", "peer1/", ".ci/", ".config/"];
    let (mut checked, mut missing) = (0, Vec::new());
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
            let path = path.split('#').next().unwrap();
            let at = root().join(if beside { Path::new(&document).parent().unwrap() } else { Path::new("") });
            if !at.join(path).exists() {
                missing.push(format!("{document}: {path}"));
            }
            checked += 1;
        }
    }
    assert!(missing.is_empty(), "documents name what is not there:\n{}", missing.join("\n"));
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
    let sections = security.split("\n### ").skip(1).map(|rest| rest.split("\n## ").next().unwrap());
    let cases = sections.filter(|section| section.starts_with(|c: char| c.is_ascii_digit()));
    let mut number = 0;
    for case in cases {
        number += 1;
        assert!(case.starts_with(&format!("{number}. ")), "case {number} is missing: {case}");
        let named = tests_named(case);
        assert!(!named.is_empty() || case.contains("no such part yet"), "no test for: {case}");
        assert_tests(named);
    }
    assert_eq!(number, 30, "cases");
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

/// Files that docs/PROTOCOL.md describes byte by byte: all of the room, but its caps, which have a table.
fn described() -> Vec<String> {
    let files = fs::read_dir(root().join("src/wire")).unwrap();
    let names = files.map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names.filter(|name| name != "mod.rs" && name != "limits.rs").collect();
    files.sort_unstable();
    files.iter().map(|name| format!("src/wire/{name}")).collect()
}

#[test]
fn the_protocol_was_looked_at_after_the_messages_changed() {
    let protocol = read(PROTOCOL);
    let stale: Vec<_> = described()
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

/// The files that hold limits: those of several rooms, one file a layer, then those of one room each.
fn files_of_limits() -> Vec<String> {
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(root().join(folder)).expect("a folder of the project");
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    };
    let shared = names("src/limits").into_iter().map(|name| format!("src/limits/{name}"));
    let own = names("src").into_iter().map(|room| format!("src/{room}/limits.rs"));
    shared.chain(own.filter(|path| root().join(path).is_file())).collect()
}

/// The limits as a table: name, value as the code writes it, the file, unit and reason.
fn limits() -> String {
    let mut table = "| limit | value | in | unit and reason |\n| --- | --- | --- | --- |\n".to_owned();
    for path in files_of_limits() {
        table += &limits_in(&path);
    }
    table
}

fn limits_in(path: &str) -> String {
    let mut table = String::new();
    let place = path.trim_start_matches("src/");
    let source = read(path);
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
            table += &format!("| `{name}` | `{value}` | `{place}` | {reason} |\n");
            comment.clear();
        }
    }
    table
}

/// The messages as a table: number, name, who sends them to which port, and bytes at most.
fn messages() -> String {
    let mut table =
        "| kind | message | what it is | header | payload |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for kind in Kind::ALL {
        let Row { name, way, header, payload } = kind.row();
        let what = match way {
            Way::Request(port) => format!("request to {}", number_of(port)),
            Way::Answer(requests) => {
                let requests: Vec<_> = requests.iter().map(|kind| format!("`{}`", kind.row().name)).collect();
                format!("answer to {}", requests.join(" or "))
            }
            Way::Unasked(port) => format!("said by the owner of {}, unasked", number_of(port)),
            Way::Refusal => "answer to any request".to_owned(),
        };
        let number = kind.number();
        table += &format!("| {number} | `{name}` | {what} | {header} | {payload} |\n");
    }
    table
}

/// The port, as the protocol numbers it.
fn number_of(port: TcpPort) -> &'static str {
    match port {
        TcpPort::Sender => "`t+1`",
        TcpPort::Distributor => "`t+2`",
        TcpPort::Distributee => "`t+3`",
    }
}

/// Checks that the protocol has `made` between the two marks, or writes it there. `name` is part of the name
/// of the test.
fn check_table(marks: [&str; 2], made: &str, name: &str) {
    let protocol = read(PROTOCOL);
    let (before, rest) = protocol.split_once(marks[0]).expect("PROTOCOL.md has such a table");
    let (table, after) = rest.split_once(marks[1]).expect("the table has an end");
    if std::env::var_os("POTLUCK_WRITE").is_some() {
        fs::write(root().join(PROTOCOL), [before, marks[0], made, marks[1], after].concat()).unwrap();
        return;
    }
    assert!(
        table == made,
        "the code and its table in {PROTOCOL} differ: look at what the text says of it, then run\n\
         POTLUCK_WRITE=1 cargo test --test documents {name}"
    );
}

#[test]
fn the_protocol_has_every_limit_with_its_reason() {
    check_table(TABLE, &limits(), "limit");
}

#[test]
fn the_protocol_has_every_message_with_its_fields() {
    check_table(MESSAGES, &messages(), "message");
    let protocol = read(PROTOCOL);
    for kind in Kind::ALL {
        let begin = format!("\n| `{}` | `request`", kind.row().name);
        assert!(protocol.contains(&begin), "{PROTOCOL} does not tell the fields of {kind:?}");
    }
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
    assert_eq!(sources_named("`a/b.rs::c`, `d.rs` and `.rs`, e.rs"), ["a/b.rs", "d.rs"]);
    assert_eq!(files_named("(a.rs, docs/AB.md. an.md, X.md").collect::<Vec<_>>(), ["a.rs", "docs/AB.md"]);
}

#[test]
fn the_checks_of_comments_see_what_they_look_for() {
    let code = "//! See a.rs,\n//! \"b\".\nuse c; // d.rs\n\nfn e() {}\n    /// f\n";
    assert_eq!(
        comments(code).iter().map(|c| c.trim()).collect::<Vec<_>>(),
        ["See a.rs, \"b\".", "d.rs", "f"]
    );
    assert!(leads_somewhere("src/sys/clock.rs", "mod.rs"));
    assert!(leads_somewhere("src/sys/clock.rs", "lib.rs"));
    assert!(leads_somewhere("src/sys/clock.rs", "docs/PROTOCOL.md"));
    assert!(!leads_somewhere("src/sys/clock.rs", "sys/no-such-file.rs"));
    let named = sections_named("told there (docs/AB.md, \"One or two\").");
    assert_eq!(named, [("docs/AB.md".to_owned(), "One or two".to_owned())]);
    assert_eq!(outside("as RFC 8032 §7.1 and README.md say, or PROTOCOL.md"), [""; 0]);
    assert_eq!(outside("(the BLAKE3 specification §2.1)"), [""; 0]);
    assert_eq!(outside("what §11 measures"), ["what §11 measures"]);
    assert_eq!(outside("0.5 s of DESIGN would, so NO-SUCH.md").len(), 2);
    assert!(limits().contains("| `DATAGRAM` | `1_200` | `limits/wire.rs` | Bytes of a datagram, at most."));
}

/// What a table of docs/API.md says can be asked: method and path. Paths of guests begin at their link.
fn asked_by_pages() -> BTreeSet<(String, String)> {
    let text = read("docs/API.md");
    let mut all = BTreeSet::new();
    let mut is_guest = false;
    for line in text.lines() {
        is_guest |= line == "## Guests";
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [methods, path, ..] = cells[..] else { continue };
        if !methods.split(", ").all(|method| ["GET", "HEAD", "POST"].contains(&method)) {
            continue;
        }
        let path = path.split('`').nth(1).unwrap_or_default().split('?').next().unwrap();
        // The page itself, and what it is made of.
        if !is_guest && path == "/" {
            continue;
        }
        let path = if is_guest { format!("/g/SECRET/{path}") } else { path.to_owned() };
        let name = |part: &str| match part {
            part if !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase()) => {
                format!("{{{}}}", part.to_ascii_lowercase())
            }
            part => part.to_owned(),
        };
        let path = path.split('/').map(name).collect::<Vec<_>>().join("/");
        all.extend(methods.split(", ").map(|method| (method.to_ascii_lowercase(), path.clone())));
    }
    all
}

#[test]
fn the_description_for_programs_has_what_the_document_has() {
    let told: serde_json::Value = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    let mut described = BTreeSet::new();
    for (path, ways) in told["paths"].as_object().unwrap() {
        let methods =
            ways.as_object().unwrap().keys().filter(|key| ["get", "head", "post"].contains(&key.as_str()));
        described.extend(methods.map(|method| (method.clone(), path.clone())));
        for named in path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
            let parameters = ways["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|p| p["name"] == named && p["in"] == "path"), "{path}: {named}");
        }
    }
    let asked = asked_by_pages();
    assert!(asked.len() > 15, "{asked:?}");
    assert_eq!(asked, described, "docs/API.md and docs/openapi.json");
}
