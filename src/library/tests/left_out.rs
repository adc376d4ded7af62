//! What is left out by rule is neither listed nor hashed, is counted, and comes back when the rule goes.

use super::*;
use crate::content::{LeftOut, Omission, OmissionCounts};

impl Running {
    fn counts(&self) -> (u64, u64, u64) {
        let OmissionCounts { hidden, junk, ignored } = self.shelf.left_out.counts();
        (hidden, junk, ignored)
    }

    /// What is left out, by path.
    fn left_out(&self) -> Vec<&str> {
        let left_out: &LeftOut = &self.shelf.left_out;
        left_out.into_iter().map(|(path, _)| path.as_str()).collect()
    }

    /// Has everything looked at again, and waits for what that found.
    fn rescan(&mut self) {
        let before = self.rescanned;
        self.handle.commands.send(Command::Rescan).unwrap();
        self.until("rescan", |r| r.rescanned > before);
    }
}

/// A folder with some of everything.
fn bench() -> Bench {
    let bench = Bench::new();
    for p in [
        "a.txt",
        ".hidden",
        "sub/.config/x/y",
        "sub/b.txt",
        "sub/c.txt~",
        ".git/objects/1",
        "node_modules/m/index.js",
        "Thumbs.db",
        "film.mkv.part",
        "~$a.docx",
    ] {
        bench.old(p, p.as_bytes());
    }
    bench
}

#[test]
fn hidden_and_junk_files_are_left_out_and_counted() {
    let bench = bench();
    let mut r = bench.start();
    r.until("listed", |r| r.scanned && r.names() == ["a.txt", "sub/b.txt"]);
    assert_eq!(r.counts(), (2, 6, 0), "{:?}", r.left_out());
    assert!(r.shelf.left_out.covers(&path("sub/.config/x/y")) && r.warnings.is_empty(), "{:?}", r.warnings);
    r.until_watched(&bench);
    // A download that ends, a file that is hidden, and one that goes.
    fs::rename(bench.path("film.mkv.part"), bench.path("film.mkv")).unwrap();
    r.until("renamed", |r| r.has("film.mkv", b"film.mkv.part") && r.counts() == (2, 5, 0));
    fs::rename(bench.path("a.txt"), bench.path(".a.txt")).unwrap();
    r.until("hidden", |r| r.names() == ["film.mkv", "sub/b.txt"] && r.counts() == (3, 5, 0));
    fs::remove_dir_all(bench.path("sub")).unwrap();
    r.until("gone", |r| r.names() == ["film.mkv"] && r.counts() == (2, 4, 0));
    // What is written in a folder that is left out is no news.
    fs::write(bench.path(".git/objects/2"), "2").unwrap();
    fs::write(bench.path("z"), "z").unwrap();
    r.until("z", |r| r.has("z", b"z"));
    assert_eq!((r.names().len(), r.counts()), (2, (2, 4, 0)));
}

#[test]
fn hidden_files_are_shared_where_that_is_wanted_and_junk_is_not() {
    let bench = bench();
    bench.old(".potluckignore", b"");
    let mut r = bench.start_with(|config| config.hidden = true);
    let expected = [".hidden", "a.txt", "sub/.config/x/y", "sub/b.txt"];
    r.until("listed", |r| r.scanned && r.names() == expected);
    assert_eq!(r.counts(), (0, 6, 0), "{:?}", r.left_out());
}

#[test]
fn what_an_ignore_file_names_is_left_out_at_once_and_comes_back_without_being_hashed_again() {
    let bench = Bench::new();
    for p in ["keep.txt", "a.log", "sub/b.log", "sub/keep.log", "sub/deep/c.log", "build/x"] {
        bench.old(p, p.as_bytes());
    }
    let mut r = bench.start();
    r.until_watched(&bench);
    r.until("listed", |r| r.names().len() == 6);
    fs::write(bench.path(".potluckignore"), "*.log\n/build/\n").unwrap();
    r.until("ignored", |r| r.names() == ["keep.txt", "sub/deep"] && r.counts() == (0, 0, 5));
    assert_eq!(r.shelf.left_out.get(&path("build")), Some(Omission::Ignored));
    // The deepest file that says something decides, also of one file alone.
    fs::write(bench.path("sub/.potluckignore"), "!keep.log\n").unwrap();
    r.until("shared again", |r| {
        r.names() == ["keep.txt", "sub/deep", "sub/keep.log"] && r.counts() == (0, 0, 4)
    });
    fs::write(bench.path("sub/deep/new.log"), "new").unwrap();
    fs::write(bench.path("sub/deep/new.txt"), "new").unwrap();
    r.until("new", |r| r.has("sub/deep/new.txt", b"new") && r.counts() == (0, 0, 5));
    // Nothing in a folder that is left out is shared, whatever is said there.
    fs::write(bench.path("build/.potluckignore"), "!x\n").unwrap();
    r.rescan();
    assert_eq!(r.counts(), (0, 0, 5));
    r.hashing.clear();
    fs::remove_file(bench.path("sub/.potluckignore")).unwrap();
    fs::remove_file(bench.path(".potluckignore")).unwrap();
    r.until("all", |r| r.names().len() == 8 && r.counts() == (0, 0, 0));
    assert!(r.has("a.log", b"a.log") && r.has("build/x", b"build/x"));
}

#[test]
fn without_a_watcher_a_rescan_finds_new_rules() {
    let bench = Bench::new();
    bench.old("a", b"a");
    bench.old("b", b"b");
    let mut r = bench.start_with(|config| config.watch = false);
    r.until_names(&["a", "b"]);
    fs::write(bench.path(".potluckignore"), "b\n").unwrap();
    r.rescan();
    assert_eq!((r.names(), r.counts()), (vec!["a".to_owned()], (0, 0, 1)));
}

#[test]
fn what_is_to_be_left_out_and_cannot_be_read_keeps_its_folder_from_being_shared() {
    let bench = Bench::new();
    bench.old("a", b"a");
    bench.old("closed/secret", b"secret");
    bench.old("wrong/b", b"b");
    fs::write(bench.path("closed/.potluckignore"), vec![b'#'; 100_000]).unwrap();
    fs::write(bench.path("wrong/.potluckignore"), "[z-a]\nc\n").unwrap();
    let mut r = bench.start();
    r.until("listed", |r| r.scanned && r.names() == ["a", "wrong/b"]);
    assert!(r.warnings.iter().any(|w| w.contains("closed") && w.contains("65536")), "{:?}", r.warnings);
    assert!(r.warnings.iter().any(|w| w.contains("wrong/.potluckignore: line 1: ")), "{:?}", r.warnings);
    let waiting = r.shelf.waiting.clone().unwrap();
    assert!(waiting.covers(&path("closed/secret")), "it is not gone");
    r.until_watched(&bench);
    fs::remove_file(bench.path("closed/.potluckignore")).unwrap();
    r.until("opened", |r| r.has("closed/secret", b"secret"));
    // A link to the rules of somebody else is none.
    fs::write(bench.dir.path().join("rules"), "# none").unwrap();
    testing::link(bench.dir.path().join("rules"), bench.path("closed/.potluckignore"));
    r.until("closed", |r| r.names() == ["a", "wrong/b"]);
}

#[test]
fn thousands_of_left_out_files_come_and_go_quickly() {
    let bench = Bench::new();
    for n in 0..5_000 {
        fs::write(bench.path(&format!("{n}.part")), "").unwrap();
    }
    bench.old("a", b"a");
    let mut r = bench.start();
    r.until_watched(&bench);
    r.until("counted", |r| r.counts() == (0, 5_000, 0) && r.names() == ["a"]);
    for n in 0..5_000 {
        fs::remove_file(bench.path(&format!("{n}.part"))).unwrap();
    }
    r.until("gone", |r| r.counts() == (0, 0, 0));
}
