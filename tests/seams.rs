//! What differs between operating systems stands in `src/sys/` alone: a port to another one changes that
//! folder, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

/// The only place for what follows.
const SYSTEM: &str = "src/sys/";

/// Crates for one system, or that hide several.
const CRATES: [&str; 10] = [
    "ctrlc",
    "if_addrs",
    "landlock",
    "libc",
    "nix",
    "notify",
    "rustix",
    "seccompiler",
    "winapi",
    "windows_sys",
];

/// Modules for one system, and its numbers of errors.
const OF_A_SYSTEM: [&str; 6] =
    ["std::os", "os::fd", "os::unix", "Errno", "raw_os_error", "from_raw_os_error"];

/// Calls that all systems have, but each with a meaning of its own.
const BY_SYSTEM: [&str; 5] =
    [".set_reuse_address(", ".set_reuse_port(", ".set_tcp_congestion(", ".sync_all(", ".sync_data("];

/// Places that only one system has.
const PLACES: [&str; 3] = ["\"/dev/", "\"/proc/", "\"/sys/"];

/// Conditions that say nothing of a system.
const CONDITIONS: [&str; 7] = ["all", "any", "debug_assertions", "doc", "feature", "not", "test"];

/// What tests may name: the end of the file's path, the word, and why.
const ALLOWED: [(&str, &str, &str); 5] = [
    ("library/tests/edges.rs", "\"/proc/", "lowers the limit of watched folders in a namespace of its own"),
    ("library/tests/start.rs", "\"/proc/", "measures the memory and time of the process"),
    ("tests/timeouts.rs", "\"/proc/", "counts the descriptors of the process"),
    ("disk/tests/speed.rs", "\"/dev/", "measures on a memory file system"),
    ("disk/tests/power.rs", "\"/dev/", "many small trees go to a memory file system where there is one"),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The text without lines that are comments; the lines keep their numbers.
fn code(text: &str) -> String {
    let line = |line: &str| if line.trim_start().starts_with("//") { String::new() } else { line.to_owned() };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

const fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Where `word` stands in `text`, not as a part of a longer one.
fn places_of<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let (first, last) = (word.chars().next(), word.chars().next_back());
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !(first.is_some_and(is_of_a_word) && before.is_some_and(is_of_a_word)
            || last.is_some_and(is_of_a_word) && after.is_some_and(is_of_a_word))
    })
}

/// True if a crate is named at `at`, not a method or a word: a path begins there, or it is imported.
fn is_crate(text: &str, at: usize, name: &str) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
    let line = line.strip_prefix("pub ").unwrap_or(line);
    text[at + name.len()..].starts_with("::") || line.starts_with("use ") || line.starts_with("extern crate ")
}

/// What stands between the brackets that open at the begin of `text`; for `cfg_attr`, what stands before the
/// comma.
fn condition(text: &str, is_attribute: bool) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return &text[1..at],
            ')' => depth -= 1,
            ',' if depth == 1 && is_attribute => return &text[1..at],
            _ => {}
        }
    }
    &text[1..]
}

/// True if a condition asks for a system: it names something that is not among [`CONDITIONS`].
fn asks_for_a_system(condition: &str) -> bool {
    // Every second part is the text of a string.
    let words = condition.split('"').step_by(2).flat_map(|part| part.split(|c| !is_of_a_word(c)));
    words.filter(|word| !word.is_empty()).any(|word| !CONDITIONS.contains(&word))
}

/// The lines that do not belong outside `src/sys/`, with what is wrong with each.
fn offenders(text: &str) -> Vec<(usize, String)> {
    let text = code(text);
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let mut found = Vec::new();
    for name in CRATES {
        let named = places_of(&text, name).filter(|at| is_crate(&text, *at, name));
        found.extend(named.map(|at| (line(at), name.to_owned())));
    }
    for word in OF_A_SYSTEM.iter().chain(&BY_SYSTEM).chain(&PLACES) {
        found.extend(places_of(&text, word).map(|at| (line(at), (*word).to_owned())));
    }
    for (start, is_attribute) in [("cfg(", false), ("cfg!(", false), ("cfg_attr(", true)] {
        for at in places_of(&text, start) {
            let condition = condition(&text[at + start.len() - 1..], is_attribute);
            if asks_for_a_system(condition) {
                found.push((line(at), format!("{start}{condition})")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn only_sys_knows_the_operating_system() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let (mut inside, mut found, mut used) = (0, Vec::new(), [false; ALLOWED.len()]);
    for path in files {
        let text = fs::read_to_string(&path).expect("src can be read");
        let path = path.strip_prefix(root).expect("it lies below the root").to_string_lossy().into_owned();
        if path.starts_with(SYSTEM) {
            inside += offenders(&text).len();
            continue;
        }
        for (line, what) in offenders(&text) {
            match ALLOWED.iter().position(|(end, word, _)| path.ends_with(end) && what == *word) {
                Some(n) => used[n] = true,
                None => found.push(format!("{path}:{line}: {what}")),
            }
        }
    }
    assert!(found.is_empty(), "this belongs into src/sys/:\n{}", found.join("\n"));
    assert!(inside > 50, "only {inside} places in src/sys/ are of the system: does the test still see them?");
    let stale: Vec<_> = ALLOWED.iter().zip(used).filter(|(_, used)| !used).collect();
    assert!(stale.is_empty(), "this need not be allowed any more: {stale:?}");
}

#[test]
fn the_check_sees_what_it_looks_for() {
    let said = |text: &str| offenders(text).into_iter().map(|(_, what)| what).collect::<Vec<_>>();
    for (offender, what) in [
        ("use rustix::fs::openat;", "rustix"),
        ("use nix::sys::signal;", "nix"),
        ("    pub use nix as system;", "nix"),
        ("extern crate libc;", "libc"),
        ("x(::landlock::ABI::V3)", "landlock"),
        ("let x = notify::Config::default();", "notify"),
        ("match e { Errno::NOENT => 1 }", "Errno"),
        ("e.raw_os_error() == Some(2)", "raw_os_error"),
        ("use std::{fs, os::fd::OwnedFd};", "os::fd"),
        ("socket.set_reuse_address(true)?;", ".set_reuse_address("),
        ("File::open(folder)?.sync_all()?;", ".sync_all("),
        ("File::open(\"/dev/null\")", "\"/dev/"),
        ("#[cfg(unix)]", "cfg(unix)"),
        ("#[cfg(all(test, target_os = \"linux\"))]", "cfg(all(test, target_os = \"linux\"))"),
        ("if cfg!(not(windows)) {}", "cfg!(not(windows))"),
        ("#[cfg_attr(windows, expect(unused))]", "cfg_attr(windows)"),
        (
            "#[cfg(any(\n    test,\n    target_vendor = \"apple\",\n))]",
            "cfg(any(\n    test,\n    target_vendor = \"apple\",\n))",
        ),
    ] {
        assert_eq!(said(offender), [what], "{offender}");
    }
    let twice = said("use std::os::unix::fs::FileExt;");
    assert_eq!(twice, ["os::unix", "std::os"]);
    assert_eq!(offenders("\n// a comment\n    /// rustix\n#[cfg(unix)]\n"), [(4, "cfg(unix)".to_owned())]);
    for fine in [
        "#[cfg(test)]",
        "#[cfg(any(test, feature = \"unix\"))]",
        "#[cfg_attr(test, derive(Debug))]",
        "if cfg!(debug_assertions) {}",
        "// rustix and #[cfg(unix)] in a comment",
        "fn sync_all(unix: Phoenix, errno: i32, notify_all: bool)",
        "handle.notify(); log_from(\"notify\"); let ctrlc = linux;",
        "let path = \"/home/dev/\";",
    ] {
        assert!(said(fine).is_empty(), "{fine}: {:?}", said(fine));
    }
}
