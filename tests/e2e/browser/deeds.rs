//! What a person does on the page beside looking and fetching: takes what is offered, shares and sends, sets limits and
//! other settings, makes a group, lets guests in.

use std::fs;

use serde_json::Value;

use super::driver::in_browser;
use crate::lab::{LATER, Lab, SOON, wait};

#[test]
fn a_person_takes_what_is_offered_and_shares_what_the_browser_has() {
    let Some(lab) = Lab::of("up 2") else { return };
    let (anna, ben) = (lab.peer(1, "anna", &[]), lab.peer(2, "ben", &[]));
    wait("they see each other", SOON, || (anna.peers().len() == 1).then_some(()));
    let letter = lab.path("letter.txt");
    fs::write(&letter, "for anna alone\n").unwrap();
    assert!(ben.cli(["send", letter.to_str().unwrap(), "anna", "--no-wait"]).status.success());
    let film: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let at = lab.path("Größe 1.bin");
    fs::write(&at, &film).unwrap();
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.turn_to("offers");
        browser.click_beside("button", "Accept", "letter.txt");
        let path = anna.directory.join("downloads/letter.txt");
        wait("the letter", LATER, || {
            fs::read(&path).is_ok_and(|text| text == b"for anna alone\n").then_some(())
        });
        browser.read("done");

        // A file of the browser is shared: all others have it then.
        browser.turn_to("files");
        browser.choose("footer input[type=file]", &[at.to_str().unwrap()]);
        browser.read("Größe 1.bin");
        wait("it is offered", LATER, || ben.offered("Größe 1.bin"));
        assert!(fs::read(anna.directory.join("shared/Größe 1.bin")).unwrap() == film);
    });
}

#[test]
fn a_person_sets_a_limit_and_lets_guests_in() {
    let Some(lab) = Lab::of("up 1") else { return };
    let anna = lab.peer_with(1, "anna", &[("notes.txt", b"what I wrote\n")]);
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.turn_to("own");
        browser.settle();
        browser.enter("textbox", "500K");
        wait("a limit", SOON, || (anna.status().limits.up_limit == Some(500_000)).then_some(()));

        browser.turn_to("guests");
        browser.click_first("button", "Let guests in");
        browser.see("a code for phones", |tree| tree.find("image", "QR code").map(drop));
        let row: Value = serde_json::from_slice(&anna.cli(["guest", "--json"]).stdout).unwrap();
        browser.read(row["address"].as_str().unwrap());
        browser.click_first("button", "Let nobody in any more");
        browser.see("no code", |tree| tree.find("image", "QR code").is_none().then_some(()));
        let row: Value = serde_json::from_slice(&anna.cli(["guest", "--json"]).stdout).unwrap();
        assert_eq!(row["is_on"], Value::Bool(false));
    });
}

#[test]
fn a_person_changes_settings_and_makes_a_group() {
    let Some(lab) = Lab::of("up 1") else { return };
    let anna = lab.peer_with(1, "anna", &[("notes.txt", b"what I wrote\n")]);
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.turn_to("settings");
        browser.click_words("down-limit");
        browser.see("a dialog", |tree| tree.has("dialog").then_some(()));
        browser.enter("textbox", "700K");
        wait("a limit", SOON, || (anna.status().limits.down_limit == Some(700_000)).then_some(()));
        browser.see("the list again", |tree| (!tree.has("dialog")).then_some(()));
        browser.read("700K");
        let file = fs::read_to_string(anna.directory.join("potluck.toml")).unwrap();
        assert!(file.contains("700K"), "{file}");

        browser.enter("textbox", "office");
        browser.read("private group \u{2068}office\u{2069}");
        browser.click_first("button", "Leave the group");
        browser.see("a question", |tree| tree.has("dialog").then_some(()));
        browser.click_first("button", "Leave the group");
        browser.read("open: everyone on this network sees what you share");
    });
}
