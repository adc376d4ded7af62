//! Names that lead out of the folder: nothing but `downloads/` and `.potluck/` is touched, whatever a
//! catalogue says. The program runs under strace, so that what it does and undoes is seen, too.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use potluck::content::SafePath;

use crate::fiend::{Fiend, Lie, Offer, Order};
use crate::lab::{Lab, Peer, SOON, wait};
use crate::watch::{Surroundings, assert_holds, assert_well};

/// Names from what went wrong elsewhere (docs/SECURITY.md, rows 1 to 6). `ROOT` becomes the lab's folder.
fn corpus(root: &Path) -> Vec<Vec<u8>> {
    let long = [vec![b'n'; 300], b"a/".repeat(70), vec![b'd'; 4_000]].map(|mut name| {
        name.push(b'e');
        name
    });
    let text = [
        "../x",
        "../../x",
        "..",
        ".",
        "",
        "/",
        "//",
        "a//b",
        "a/",
        "/x",
        "./x",
        "a/./x",
        "a/../x",
        "a/../../x",
        "a/../../../../../../tmp/x",
        "ROOT/canary",
        "ROOT/x",
        "../canary",
        "../shared/x",
        "../.potluck/key",
        ".potluck/key",
        ".POTLUCK/key",
        ".potluck-partial/x",
        "a/.potluck/x",
        "nul\0x",
        "..\\x",
        "a\\..\\..\\x",
        "C:\\x",
        "C:x",
        "\\\\h\\s",
        "\\\\?\\C:\\x",
        "x:ads",
        "CON",
        "nul.txt",
        "\u{ff0e}\u{ff0e}\u{ff0f}x",
        "\u{2025}/x",
        "..\u{2215}x",
        "...",
        "....//x",
        "~/x",
        "$HOME",
        "`id`",
        "$(id)",
        ";id",
        "|id",
        "-rf",
        "--to=/",
        "%2e%2e%2fx",
        ".ssh/authorized_keys",
        ".bashrc",
        "new\nline",
        "a b ",
        "\u{1b}]52;c;x\u{7}",
        "x\u{202e}gpj.exe",
        "desktop.ini",
        "file://x",
    ];
    let root = root.to_str().unwrap();
    let mut all: Vec<Vec<u8>> = text.iter().map(|t| t.replace("ROOT", root).into_bytes()).collect();
    all.extend(long);
    // Overlong UTF-8 of `../x` and of a slash, a lone surrogate, a cut sequence.
    all.extend(
        [&b"\xc0\xae\xc0\xae/x"[..], b"..\xc0\xafx", b"\xed\xa0\x80", b"\xe2\x82", b"\xff"].map(Vec::from),
    );
    all
}

fn safe(name: &[u8]) -> Option<SafePath> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

/// The victim under strace, which writes what it does to files into `trace`; without strace, as it is.
fn traced(lab: &Lab, trace: &Path) -> (Peer, bool) {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|p| p.join("strace").is_file());
    if !found {
        println!("strace is not installed: only the files themselves are looked at");
        return (lab.peer(1, "victim", &[]), false);
    }
    let calls = "trace=unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,symlink,symlinkat,\
                 mkdir,mkdirat,open,openat,openat2,creat,truncate,execve,mknod,mknodat,chmod,fchmodat";
    let around = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", calls, "-e", "signal=none", "-z", "-o"];
    let around: Vec<&OsStr> = around.iter().map(OsStr::new).chain([trace.as_os_str()]).collect();
    (lab.peer_under(1, "victim", &around, &[]), true)
}

/// Quoted arguments of a traced call, each below the folder that stands in front of it (`5</folder>`).
fn paths(call: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut base = PathBuf::new();
    let mut rest = call;
    while let Some(at) = rest.find(['<', '"']) {
        let quoted = rest.as_bytes()[at] == b'"';
        let inner = &rest[at + 1..];
        let mut end = 0;
        while let Some(&byte) = inner.as_bytes().get(end) {
            if byte == if quoted { b'"' } else { b'>' } {
                break;
            }
            end += if byte == b'\\' { 2 } else { 1 };
        }
        let text = &inner[..end.min(inner.len())];
        if quoted {
            found.push(base.join(text));
        } else {
            base = PathBuf::from(text);
        }
        rest = inner.get(end + 1..).unwrap_or_default();
    }
    found
}

/// True if the call changes files, or may.
fn changes(call: &str) -> bool {
    let opens = call.starts_with("open") || call.starts_with("creat");
    !opens || ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| call.contains(flag))
}

/// Where a call ends up: `..` taken back. Links are not followed; there are none in these folders.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Panics if a traced call touched anything but what is the victim's own, or ran a program.
fn assert_stayed_inside(trace: &Path, victim: &Path, to: &Path) {
    let text = String::from_utf8_lossy(&fs::read(trace).unwrap()).into_owned();
    let calls: Vec<&str> = text.lines().filter_map(|l| Some(l.split_once(' ')?.1.trim_start())).collect();
    let programs = calls.iter().filter(|call| call.starts_with("execve")).count();
    assert_eq!(programs, 1, "it runs nothing but itself");
    let mut looked = 0;
    for call in calls.iter().filter(|call| !call.starts_with("execve") && changes(call)) {
        for path in paths(call.rsplit_once(" = ").map_or(*call, |(call, _)| call)) {
            let path = normal(&path);
            let own = ["downloads", ".potluck", "shared"].iter().any(|n| path.starts_with(victim.join(n)));
            let device = ["/dev/null", "/proc/self", "/dev/tty"].iter().any(|p| path.starts_with(p));
            assert!(own || device || path.starts_with(to), "{}: {call}", path.display());
            looked += 1;
        }
    }
    println!("{looked} paths in {} calls looked at", calls.len());
    assert!(looked > 20, "strace told nothing");
}

#[test]
fn no_name_in_a_catalogue_leads_out_of_downloads() {
    let Some(lab) = Lab::of("up 6") else { return };
    let trace = lab.path("log");
    let to = lab.folder("elsewhere");
    let names = corpus(&lab.path(""));
    let (victim, is_traced) = traced(&lab, &trace);
    victim.status();
    let before = Surroundings::of(&lab, &victim);
    let content = b"#!/bin/sh\necho hostile\n";
    // Each alone in a catalogue, as a file and as a folder; several peers share the work.
    let fiends = [2, 3, 4, 5, 6].map(|node| Fiend::start(&lab, node, "fiend", Lie::None));
    let refused = names.iter().filter(|name| safe(name).is_none());
    let offers =
        refused.flat_map(|name| [Offer::file(name.as_slice(), content), Offer::folder(name.as_slice())]);
    let offers: Vec<Offer> = offers.collect();
    assert!(offers.len() > 50, "{}", offers.len());
    for some in offers.chunks(fiends.len()) {
        let pairs = || fiends.iter().zip(some);
        pairs().for_each(|(fiend, offer)| fiend.offer(vec![offer.clone()]));
        pairs().for_each(|(fiend, offer)| fiend.until_pulled(std::slice::from_ref(offer)));
    }
    assert_eq!(victim.list(), [], "listed");
    before.assert_untouched(&lab, &victim);
    // All that are only odd, at the top and in a folder, and that none of the others harmed.
    let odd: Vec<SafePath> = names.iter().filter_map(|name| safe(name)).collect();
    let below = odd.iter().map(|name| format!("odd/{name}", name = name.as_str()));
    let below: Vec<String> = below.filter(|path| path.parse::<SafePath>().is_ok()).collect();
    let all = odd.iter().map(|p| p.as_str().to_owned()).chain(below);
    let files = &fiends[0];
    files.order(Order::Have(content.to_vec()));
    files.offer(all.map(|path| Offer::file(path, content)).collect());
    wait("the odd names", SOON, || victim.offered("odd/CON"));
    for name in &odd {
        victim.download(name.as_str(), 0);
    }
    victim.download("odd/", 0);
    let out = victim.cli([OsStr::new("download"), "--to".as_ref(), to.as_os_str(), "odd/".as_ref()]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    for folder in [victim.directory.join("downloads"), to.clone()] {
        let found = walkdir::WalkDir::new(&folder).into_iter().map(Result::unwrap);
        let found: Vec<_> = found.filter(|e| e.file_type().is_file()).collect();
        assert!(found.len() >= odd.len(), "{} of {}", found.len(), odd.len());
        found.iter().for_each(|e| assert_holds(e.path(), content));
    }
    assert_well(&victim);
    assert_eq!(victim.cli(["exit", "--now"]).status.code(), Some(0));
    if is_traced {
        assert_stayed_inside(&trace, &victim.directory, &to);
    }
    fs::remove_dir_all(&to).unwrap();
    fs::create_dir(&to).unwrap();
}

#[test]
fn a_trace_is_read_as_it_is_meant() {
    let call = r#"renameat2(5</a/b>, "x\"y", 6</c>, "../z", RENAME_NOREPLACE) = 0"#;
    assert_eq!(paths(call), [Path::new(r#"/a/b/x\"y"#), Path::new("/c/../z")]);
    assert_eq!(normal(&paths(call)[1]), Path::new("/z"));
    assert!(changes(r#"openat(5</a>, "x", O_WRONLY|O_CREAT, 0644"#) && changes(r#"unlink("/x")"#));
    assert!(!changes(r#"openat(5</a>, "x", O_RDONLY|O_CLOEXEC"#));
}
