//! What is called pure is pure: no socket, file, thread, clock or foreign chance in files that say so.

use std::fs;
use std::path::{Path, PathBuf};

/// What no pure file names, outside its tests.
const FORBIDDEN: [&str; 12] = [
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "Instant::",
    "SystemTime",
    "sys::clock",
    "sys::thread",
    "mio::",
    "rand::",
    "fill_random(",
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

/// True if the comment at the beginning of a file says so.
fn says_pure(text: &str) -> bool {
    text.lines().take_while(|l| l.starts_with("//!")).any(|l| l.contains("Pure."))
}

/// The lines of code before the tests, with what they must not name.
fn impurities(text: &str) -> Vec<(usize, &'static str)> {
    let code = text.lines().enumerate().take_while(|(_, l)| !l.starts_with("#[cfg(test)]"));
    let code = code.filter(|(_, l)| !l.trim_start().starts_with("//"));
    code.flat_map(|(n, l)| FORBIDDEN.iter().filter(|f| l.contains(**f)).map(move |f| (n + 1, *f))).collect()
}

#[test]
fn pure_files_name_no_socket_file_thread_or_clock() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut pure = 0;
    for path in files {
        let text = fs::read_to_string(&path).expect("src can be read");
        if says_pure(&text) {
            pure += 1;
            let found = impurities(&text);
            assert!(found.is_empty(), "{} is not pure: {found:?}", path.display());
        }
    }
    assert!(pure >= 8, "only {pure} files say that they are pure");
}

#[test]
fn the_check_sees_what_it_looks_for() {
    let impure = "//! A machine. Pure.\nuse std::net::UdpSocket;\n";
    assert!(says_pure(impure));
    assert_eq!(impurities(impure), [(2, "std::net")]);
    let tests_may = "//! Pure.\n// std::fs in a comment\n#[cfg(test)]\nmod tests { use std::fs; }\n";
    assert!(impurities(tests_may).is_empty());
    assert!(!says_pure("//! A shell.\n\n// Pure.\n"));
}
