//! Runs one test of this binary again where other rules hold: as a user without rights, or in a
//! namespace of its own. Only for tests.

use std::path::Path;
use std::process::Command;

/// As a user without rights: for root may read and write everything.
pub(crate) const NOBODY: &[&str] = &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// Runs the ignored test `test` (its whole name) below the command `under`, with `dir` in
/// `POTLUCK_TEST_DIR`; false, with the reason printed, where that is impossible.
pub(crate) fn rerun(under: &[&str], test: &str, dir: &Path) -> bool {
    let done = Command::new(under[0])
        .args(&under[1..])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("POTLUCK_TEST_DIR", dir)
        .output();
    match done {
        Ok(out) if String::from_utf8_lossy(&out.stdout).contains("running ") => {
            let text = String::from_utf8_lossy(&out.stdout);
            assert!(out.status.success() && text.contains("1 passed"), "{text}\n{out:?}");
            true
        }
        other => {
            println!("skipped, for {} cannot be done here: {other:?}", under[0]);
            false
        }
    }
}
