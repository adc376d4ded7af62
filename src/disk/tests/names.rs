//! Names that are taken, twins, and links in the way.

use super::*;
use crate::disk::names::candidate;
use crate::disk::publish::NAMES;

#[test]
fn what_bears_the_name_is_never_replaced() {
    for len in [1_000, 200_000] {
        let dir = tempfile::tempdir().unwrap();
        let mut rig = Rig::new();
        let same = vec![9; len];
        fs::write(dir.path().join("report.docx"), &same).unwrap();
        fs::create_dir(dir.path().join("report (2).docx")).unwrap();
        testing::link("nowhere", dir.path().join("report (3).docx"));
        let source = Source::new(len, 1);
        let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), "report.docx"));
        let fourth = dir.path().join("report (4).docx");
        assert_eq!(outcome, Ok(Arrival::SavedAs(fourth.clone())));
        assert!(fs::read(dir.path().join("report.docx")).unwrap() == same);
        assert!(fs::read(&fourth).unwrap() == source.bytes);
        // Nothing is fetched for what is there under the other name.
        let again = rig.fetch(&source, source.plan(dir.path(), "report.docx"));
        assert_eq!(again, (Ok(Arrival::AlreadyThere(fourth)), 0));
    }
}

#[test]
fn names_that_differ_in_case_or_form_only_are_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let (first, second) = (Source::new(1_000, 1), Source::new(1_000, 2));
    fs::write(dir.path().join("Caf\u{e9}.TXT"), &first.bytes).unwrap();
    let nfd = "cafe\u{301}.txt";
    let (outcome, _) = rig.fetch(&first, first.plan(dir.path(), nfd));
    assert_eq!(outcome, Ok(Arrival::AlreadyThere(dir.path().join("Caf\u{e9}.TXT"))));
    let (outcome, _) = rig.fetch(&second, second.plan(dir.path(), nfd));
    assert_eq!(outcome, Ok(Arrival::SavedAs(dir.path().join("cafe\u{301} (2).txt"))));
    let (outcome, _) = rig.fetch(&second, second.plan(dir.path(), "Docs/x"));
    assert_eq!(outcome, saved(dir.path(), "Docs/x"));
    let (outcome, _) = rig.fetch(&first, first.plan(dir.path(), "docs/y"));
    assert_eq!(outcome, saved(dir.path(), "Docs/y"));
    assert_eq!(names_in(dir.path()).len(), 3);
}

#[test]
fn the_longest_names_get_a_number_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let name = format!("{}.txt", "é".repeat(125)) + "x";
    assert_eq!(name.len(), 255);
    for n in 1..4 {
        let source = Source::new(100, n);
        let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), &name));
        assert_eq!(matches!(outcome, Ok(Arrival::Saved(_))), n == 1, "{outcome:?}");
        assert!(outcome.is_ok());
    }
    assert_eq!(names_in(dir.path()).len(), 3);
}

#[test]
fn a_file_or_link_where_a_folder_is_needed_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    fs::write(dir.path().join("plain"), "").unwrap();
    testing::link(outside.path(), dir.path().join("way"));
    let source = Source::new(100, 1);
    for (to, said) in [
        (
            "plain/x",
            "plain is a file where a folder is needed: move it away, or choose another folder with --to",
        ),
        (
            "way/x",
            "way is a link, and downloads follow none: move it away, or choose another folder with --to",
        ),
        (
            "WAY/x",
            "way is a link, and downloads follow none: move it away, or choose another folder with --to",
        ),
    ] {
        let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), to));
        assert!(outcome.clone().unwrap_err().message.ends_with(said), "{outcome:?}");
    }
    rig.tell(Command::Folder(FileToken(77), dir.path().into(), "way/sub".parse().unwrap()));
    assert!(matches!(rig.event(), Event::Failed(FileToken(77), _)));
    rig.flush();
    assert!(names_in(outside.path()).is_empty());
    let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), "fine/x"));
    assert_eq!(outcome, saved(dir.path(), "fine/x"));
}

#[test]
fn a_name_of_which_there_are_a_thousand_already_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..=NAMES {
        fs::write(dir.path().join(candidate("x", n)), "").unwrap();
    }
    let mut rig = Rig::new();
    let source = Source::new(100, 1);
    let failure = rig.fetch(&source, source.plan(dir.path(), "x")).0.unwrap_err();
    assert_eq!(
        failure.message,
        "too many files named x are there: move some away, or choose another folder with --to"
    );
    let last = candidate("x", NAMES);
    fs::remove_file(dir.path().join(&last)).unwrap();
    let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), "x"));
    assert_eq!(outcome, Ok(Arrival::SavedAs(dir.path().join(last))));
}

#[test]
fn swapping_a_folder_for_a_link_lets_nothing_out() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let (stop, stopped) = bounded::<()>(0);
    let (folder, away) = (dir.path().join("d"), dir.path().join("away"));
    let target = outside.path().to_owned();
    let swapper = Thread::spawn("swapper", move || {
        while let Err(crossbeam_channel::TryRecvError::Empty) = stopped.try_recv() {
            // Each step may meet what a download just made; the next round tries again.
            drop(fs::rename(&folder, &away));
            drop(testing::try_link(&target, &folder));
            drop(fs::remove_file(&folder));
            drop(fs::rename(&away, &folder));
        }
    })
    .unwrap();
    let mut rig = Rig::new();
    let mut seen = BTreeMap::<String, u32>::new();
    let (begun, mut n) = (crate::sys::clock::now(), 0);
    // At least 1,000, and on until both states were met: a busy machine may let one last for long.
    while n < 1_000 || (seen.len() < 2 && crate::sys::clock::now().since(begun) < DEADLINE) {
        n += 1;
        let source = Source::new(50, n);
        let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), &format!("d/{n}")));
        *seen.entry(outcome.map_or_else(|f| f.message, |_| "arrived".into())).or_default() += 1;
    }
    drop(stop);
    drop(swapper);
    println!("{seen:?}");
    assert!(names_in(outside.path()).is_empty());
    // The swapping ends with a folder or with nothing, so from now on it works.
    let source = Source::new(50, u64::MAX);
    let (outcome, _) = rig.fetch(&source, source.plan(dir.path(), "d/last"));
    assert_eq!(outcome, saved(dir.path(), "d/last"), "{seen:?}");
}
