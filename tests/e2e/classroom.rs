//! A classroom: all fetch one folder at once, and the teacher asks who has it.

use std::process::Child;

use crate::files::{assert_nothing_partial, assert_same, fill};
use crate::lab::{LATER, Lab, Peer, wait};

const PUPILS: u32 = 30;

/// The last of them fetch nothing.
const ABSENT_MINDED: u32 = 2;

/// What is in the folder, and bytes of it: the film has so many chunks that pupils give each other most of them.
const FILES: [(&str, u64); 3] =
    [("film.mp4", 24 << 20), ("exercises.pdf", 300_000), ("slides/Week 12.odp", 2_000_000)];

fn name(pupil: u32) -> String {
    format!("pupil {pupil:02}")
}

fn who(teacher: &Peer) -> String {
    String::from_utf8(teacher.cli(["who", "Week 12/"]).stdout).unwrap()
}

#[test]
fn a_teacher_sees_who_has_the_folder_that_all_fetch_from_each_other() {
    let Some(lab) = Lab::of(&format!("up {} 100mbit", PUPILS + 1)) else { return };
    let folder = lab.folder("teacher/shared").join("Week 12");
    std::fs::create_dir_all(folder.join("slides")).unwrap();
    for ((path, size), seed) in FILES.iter().zip(1..) {
        fill(&folder.join(path), *size, seed);
    }
    let teacher = lab.peer(1, "teacher", &[]);
    wait("it is hashed", LATER, || teacher.listed("Week 12/film.mp4"));
    let pupils: Vec<Peer> = (1..=PUPILS).map(|n| lab.peer(n + 1, &name(n), &["--lend", "0"])).collect();
    for pupil in &pupils {
        wait("it is offered", LATER, || {
            FILES.iter().all(|(path, _)| pupil.offered(&format!("Week 12/{path}")).is_some()).then_some(())
        });
    }
    wait("all are here", LATER, || (teacher.names().len() == PUPILS as usize).then_some(()));
    let fetch = |pupil: &Peer| pupil.begin(["download", "Week 12/"]);
    let fetching: Vec<Child> = pupils[ABSENT_MINDED as usize..].iter().map(fetch).collect();
    for child in fetching {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    for pupil in &pupils[ABSENT_MINDED as usize..] {
        for (path, _) in FILES {
            assert_same(&folder.join(path), &pupil.directory.join("downloads/Week 12").join(path));
        }
        assert_nothing_partial(pupil);
    }
    let sent = lab.netlab("exec 1 cat /sys/class/net/v0/statistics/tx_bytes").trim().parse::<u64>().unwrap();
    let size: u64 = FILES.iter().map(|(_, size)| size).sum();
    println!("the teacher sent {:.1} times what one has", sent as f64 / size as f64);
    assert!(sent < u64::from(PUPILS - ABSENT_MINDED) * size / 2, "pupils gave each other little: {sent}");
    let sentence = "28 of 30 have Week 12/ (3 files, 26.2 MiB); missing: pupil 01, pupil 02";
    let (shown, _) = wait("all told the teacher", LATER, || {
        let shown = who(&teacher);
        (!shown.contains("in part:")).then_some(shown)
    });
    assert!(shown.ends_with(&format!("{sentence}\n")), "{shown}");
    for n in 1..=PUPILS {
        let row = shown.lines().find(|line| line.starts_with(&name(n))).unwrap_or_else(|| panic!("{shown}"));
        assert_eq!(row.contains(" all  took all"), n > ABSENT_MINDED, "{shown}");
    }
}
