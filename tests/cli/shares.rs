//! `share`, `unshare` and folders on the command line, as users type them.

use std::fs;

use crate::common::{DEADLINE, Peer, err, out, wait};

/// A folder with a file, beside the peer directory of no peer.
fn folder(name: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(name);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("film.bin"), "bytes of a film").unwrap();
    let path = folder.to_str().unwrap().to_owned();
    (dir, path)
}

#[test]
fn folders_are_shared_and_no_longer_shared_by_name_or_path() {
    let peer = Peer::new();
    peer.share("notes.txt", b"notes");
    let (_films, films) = folder("Films");
    let (_games, games) = folder("Games");
    let _daemon = peer.daemon_with(&[films.as_str(), "--share", &format!("Spiele={games}")]);
    wait("all of it", DEADLINE, || (peer.status().sharing.files == 3).then_some(()));
    let listed = out(&peer.ask(&["list", "--mine", "--flat"]));
    for path in ["Films/film.bin", "Spiele/film.bin", "notes.txt"] {
        assert!(listed.contains(path), "{listed}");
    }
    let status = out(&peer.ask(&["status"]));
    assert!(status.contains(&format!("Films/ from {films}: 1 file, 15 B")), "{status}");
    assert!(status.contains("shared/: 1 file, 5 B"), "{status}");
    let said = peer.ask(&["share", &films]);
    assert!(said.status.success() && out(&said).contains("is shared already, as Films/"), "{said:?}");
    let said = out(&peer.ask(&["unshare", "Spiele"]));
    assert_eq!(
        said,
        "Spiele/ is no longer shared: 1 file, of which others drop their copies; the files stay where they are\n"
    );
    assert!(out(&peer.ask(&["unshare", &films])).contains("Films/ is no longer shared"));
    let said = peer.ask(&["unshare", &films]);
    assert_eq!(said.status.code(), Some(4));
    assert!(err(&said).contains("only shared/ is shared"), "{said:?}");
    assert!(!out(&peer.ask(&["status"])).contains("Films"));
}

#[test]
fn what_cannot_be_shared_is_refused_in_one_line() {
    let peer = Peer::new();
    peer.share("Films/a.bin", b"a");
    let (dir, films) = folder("Films");
    let shared = peer.path().join("shared");
    {
        let _daemon = peer.daemon();
        for (words, said) in [
            (&["share", films.as_str()][..], "there is a shared/Films already"),
            (&["share", films.as_str(), "--as", "a/b"], "the name contains `/`"),
            (&["share", "/nowhere/at/all"], "no folder /nowhere/at/all"),
            (&["share", shared.to_str().unwrap()], "lies in shared/"),
            (&["share", peer.path().to_str().unwrap()], "the peer's own folder"),
            (&["unshare", "shared"], "shared/ is always shared"),
        ] {
            let output = peer.ask(words);
            assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
            let text = err(&output);
            assert!(text.contains(said) && text.lines().count() == 1, "{words:?}: {text}");
        }
        assert!(peer.ask(&["share", &films, "--as", "Kino"]).status.success());
        let inner = dir.path().join("Films/inner");
        fs::create_dir(&inner).unwrap();
        let said = err(&peer.ask(&["share", inner.to_str().unwrap()]));
        assert!(said.contains("it lies in the share Kino"), "{said}");
    }
    // At the start, too, which then does not begin.
    let (_other, other) = folder("Other");
    let output = peer.start(&[&films, "--share", &format!("shared={other}")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(err(&output).contains("that is the first share"), "{output:?}");
    let output = peer.ask(&["/tmp", "list"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(err(&output).contains("a folder of that name is `./list`"), "{output:?}");
}
