//! What axe-core finds on each view: nothing serious may be in the way of who cannot see well, or has no mouse.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::driver::{Browser, in_browser};
use crate::chat::says;
use crate::lab::{Lab, SOON, wait};

/// Where `scripts/setup-tests` puts it.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/axe.min.js");

/// The script; `None` where it is not installed (that fails the test if `CI=true`).
pub(super) fn axe() -> Option<String> {
    if let Ok(script) = fs::read_to_string(Path::new(AXE)) {
        return Some(script);
    }
    let is_ci = std::env::var("CI").is_ok_and(|v| v == "true" || v == "1");
    assert!(!is_ci, "no axe-core (run scripts/setup-tests)");
    println!("skipped: axe-core is not installed (run scripts/setup-tests)");
    None
}

/// What it finds that is serious or critical, a line each.
const LOOK: &str = "const found = await axe.run(document, { resultTypes: ['violations'] }); \
    const bad = found.violations.filter((it) => ['serious', 'critical'].includes(it.impact)); \
    return bad.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.html} ${node.failureSummary}`))";

impl Browser<'_> {
    /// Gives axe-core to the page. What the driver runs is none of the page's: its policy does not concern it.
    pub(super) fn take_axe(&self, axe: &str) {
        self.run(&format!("{axe}; return null"), &[]);
    }

    /// Lets it look at what is shown, on a wide screen and on a phone, light and dark.
    pub(super) fn look(&self, what: &str) {
        self.settle();
        for (width, is_dark) in [(1280, false), (1280, true), (360, false), (360, true)] {
            self.resize(width, 900, is_dark);
            let found = self.run(LOOK, &[]);
            assert_eq!(found, Value::Array(Vec::new()), "{what}, {width} pixels wide, dark: {is_dark}");
        }
        self.resize(1280, 900, false);
    }
}

#[test]
fn axe_finds_nothing_serious_on_any_view() {
    let Some(lab) = Lab::of("up 2") else { return };
    let Some(axe) = axe() else { return };
    let anna = lab.peer_with(1, "anna", &[("notes.txt", b"what I wrote\n")]);
    let ben = lab.peer_with(2, "ben", &[("films/film.txt", b"once upon a time\n"), ("سلام.txt", b"x")]);
    wait("what ben shares", SOON, || anna.offered("films/film.txt"));
    anna.fetch("films/film.txt");
    assert!(says(&ben, "who brings dessert?"));
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.take_axe(&axe);
        for view in browser.views() {
            browser.turn_to(&view);
            browser.look(&view);
        }
        browser.turn_to("files");
        browser.click_words("notes.txt");
        browser.read("what I wrote");
        browser.look("a file that is shown");
    });
}
