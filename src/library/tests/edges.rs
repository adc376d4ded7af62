//! Folders that may not be read, and more folders than the system watches.

use super::*;
use crate::sys::rerun::{NOBODY, rerun};

#[test]
#[ignore = "run by the next test, as another user"]
fn with_closed_folders() {
    let bench = Bench::new();
    bench.old("open/deep/there", b"there");
    bench.old("closed/in/secret", b"inside");
    bench.old("listed/secret", b"named");
    fs::create_dir(bench.path("late")).unwrap();
    testing::set_mode(bench.path("closed"), 0o000);
    // Its names can be read, and nothing else of what lies there.
    testing::set_mode(bench.path("listed"), 0o444);
    // No look at everything comes within the timeout of these tests, so what is listed was heard of.
    let mut r = bench.start();
    r.until_watched(&bench);
    assert_eq!(r.names(), ["late", "open/deep/there"]);
    fs::write(bench.path("open/deep/new"), "new").unwrap();
    r.until("below a sister", |r| r.has("open/deep/new", b"new"));
    testing::set_mode(bench.path("closed"), 0o755);
    r.until("opened", |r| r.has("closed/in/secret", b"inside"));
    fs::write(bench.path("closed/in/more"), "more").unwrap();
    r.until("watched, too", |r| r.has("closed/in/more", b"more"));
    testing::set_mode(bench.path("closed"), 0o000);
    r.until("closed again", |r| !r.names().iter().any(|n| n.starts_with("closed")));
    testing::set_mode(bench.path("listed"), 0o755);
    r.until("searched", |r| r.has("listed/secret", b"named"));
    testing::set_mode(bench.path("late"), 0o000);
    r.until_names(&["listed/secret", "open/deep/new", "open/deep/there"]);
    r.until_warned("late");
    r.handle.commands.send(Command::Rescan).unwrap();
    r.until_watched(&bench);
    for (n, folder) in ["closed", "listed", "late"].iter().enumerate() {
        let about: Vec<_> = r.warnings.iter().filter(|w| w.contains(folder)).collect();
        assert_eq!(about.len(), 1, "{n}: {:?}", r.warnings);
        assert!(about[0].contains("no permission") && about[0].contains("chmod"), "{about:?}");
    }
    assert_eq!(r.warnings.len(), 3, "{:?}", r.warnings);
    for folder in ["closed", "late"] {
        testing::set_mode(bench.path(folder), 0o755);
    }
}

#[test]
fn a_closed_folder_is_reported_not_listed_and_harms_no_other() {
    rerun(NOBODY, "library::tests::edges::with_closed_folders", Path::new("/"));
}

#[test]
#[ignore = "run by the next test, where few folders can be watched"]
fn with_few_watches() {
    let limit = Path::new("/proc/sys/user/max_inotify_watches");
    let bench = Bench::new();
    for n in 0..6 {
        bench.old(&format!("{n}/deep/file"), &[n]);
    }
    let mut r = bench.start_with(|c| c.rescan_unwatched = Duration::from_millis(200));
    r.until_warned("fs.inotify.max_user_watches");
    for n in 0..6_u8 {
        fs::write(bench.path(&format!("{n}/deep/file")), [n, n]).unwrap();
        fs::write(bench.path(&format!("{n}/new")), [n, n, n]).unwrap();
        r.until("changed", |r| {
            r.has(&format!("{n}/deep/file"), &[n, n]) && r.has(&format!("{n}/new"), &[n; 3])
        });
    }
    fs::remove_dir_all(bench.path("5")).unwrap();
    r.until("gone", |r| r.names().len() == 10);
    assert_eq!(r.warnings.len(), 1, "{:?}", r.warnings);
    // Once it is raised all are watched at the next look, and looked at far less often.
    fs::write(limit, "100").unwrap();
    fs::write(bench.path("4/deep/last"), "last").unwrap();
    r.until("last", |r| r.has("4/deep/last", b"last"));
    assert_eq!(r.warnings.len(), 1, "{:?}", r.warnings);
}

#[test]
fn more_folders_than_can_be_watched_are_reported_and_looked_at() {
    let few = ["unshare", "--user", "--map-root-user", "sh", "-c"];
    let set = "echo 4 >/proc/sys/user/max_inotify_watches && exec \"$0\" \"$@\"";
    let under = [&few[..], &[set]].concat();
    rerun(&under, "library::tests::edges::with_few_watches", Path::new("/"));
}
