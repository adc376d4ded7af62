//! A peer that starts where calls are refused: it runs and answers, or says why not.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::table::{Row, Side, Sight};
use super::{refusal, rows};
use crate::lab::{Lab, SOON, wait};

fn check(lab: &Lab, row: &Row, errno: &str) {
    let name = format!("{}-{errno}", row.calls);
    let directory = lab.folder(&name);
    let state = directory.join(".potluck");
    fs::create_dir(&state).unwrap();
    if row.calls.starts_with("chmod") {
        fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut around: Vec<OsString> = ["strace", "-f", "-qq", "-o", "/dev/null"].map(OsString::from).to_vec();
    for option in refusal(row, errno) {
        around.extend(["-e".into(), option.into()]);
    }
    // Only what these are about: other files of the peer are locked and named, too.
    let path = match row.calls {
        "flock" => Some("lock"),
        "renameat2" => Some("key"),
        _ => None,
    };
    around.extend(path.into_iter().flat_map(|file| ["-P".into(), state.join(file).into()]));
    let around: Vec<_> = around.iter().map(|word| word.as_os_str()).collect();
    let mut peer = lab.peer_under(1, &name, &around, &[]);
    match row.sight(errno) {
        Sight::Nothing(_) => {
            wait("an answer", SOON, || peer.cli(["status"]).status.success().then_some(()));
            let second = lab.peer_under(1, &name, &around, &[]).ended(SOON).0;
            assert_eq!(second.code(), Some(8), "{name}: a second peer must not run there");
            assert!(peer.cli(["exit", "--now"]).status.success(), "{name}");
            assert!(peer.ended(SOON).0.success(), "{name}");
        }
        Sight::Failure { code, words } => {
            assert_eq!(peer.ended(SOON).0.code(), Some(code), "{name}");
            let log = fs::read_to_string(directory.join("log")).unwrap();
            assert!(log.contains(words), "{name}: {log}");
        }
        Sight::Warning(words) => panic!("{name}: nobody warns of {words}"),
    }
}

#[test]
fn a_peer_that_starts_where_calls_are_refused() {
    let Some(lab) = Lab::of("up 1") else { return };
    for (row, errnos) in rows(Side::Start) {
        for errno in errnos {
            check(&lab, row, errno);
        }
    }
}
