//! The page of a guest: a phone on the same network that has a link, and no potluck.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::access::axe;
use super::driver::{Browser, in_browser};
use super::page::{ENTER, ESCAPE, SAVE, TAB};
use crate::lab::{LATER, Lab, Peer, SOON, wait};

/// The node of the phone. The peer that has the guest is in node 1.
const PHONE: u32 = 2;

/// Opens a door for guests, and gives the link that `guest on` shows.
fn link(peer: &Peer, words: &[&str]) -> String {
    let out = peer.cli(["guest", "on", "--json"].iter().chain(words));
    let told = String::from_utf8(out.stdout).unwrap();
    let link = told.split('"').find(|word| word.starts_with("http://10.77.") && word.contains("/g/"));
    link.unwrap_or_else(|| panic!("no link: {told}")).to_owned()
}

/// A picture of one point (GIF).
const PICTURE: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// A peer with some files.
fn host(lab: &Lab) -> Peer {
    let files: [(&str, &[u8]); 4] = [
        ("holiday/harbour.jpg", PICTURE),
        ("holiday/notes.txt", "سلام دنیا\n".as_bytes()),
        ("holiday/<img src=x onerror=alert(1)>.txt", b"<b>bold</b>"),
        ("letters/private.txt", b"not for guests\n"),
    ];
    let anna = lab.peer_with(1, "anna", &files);
    wait("what anna shares", SOON, || anna.listed("letters/private.txt"));
    anna
}

/// Opens a link on a phone.
fn tap(browser: &Browser<'_>, link: &str) {
    browser.resize(360, 740, false);
    browser.go(link);
}

#[test]
fn a_guest_with_a_phone_finds_looks_and_saves() {
    let Some(lab) = Lab::of("up 2") else { return };
    let anna = host(&lab);
    in_browser(&lab, PHONE, |browser| {
        tap(browser, &link(&anna, &["holiday"]));
        // From the link to a saved file by one tap.
        browser.click_beside("button", SAVE, "harbour.jpg");
        let saved = browser.saved.join("harbour.jpg");
        wait("the picture", LATER, || (fs::read(&saved).ok()? == PICTURE).then_some(()));
        // A file is read without being saved, and what could run in it does not.
        browser.click_words("notes.txt");
        browser.read("سلام دنیا");
        browser.press(ESCAPE);
        browser.see("the list again", |tree| (!tree.has("dialog")).then_some(()));
        browser.click_words("<img src=x onerror=alert(1)>.txt");
        browser.read("<b>bold</b>");
        browser.press(ESCAPE);
        browser.see("the list again", |tree| (!tree.has("dialog")).then_some(()));
        browser.enter("searchbox", "harbour");
        browser.see("what was found alone", |tree| {
            tree.words("harbour.jpg").filter(|_| tree.words("notes.txt").is_none()).map(drop)
        });
        // Nothing else is to be had by this link, by whatever path.
        assert!(!browser.text().contains("letters"));
        for path in ["letters", "../letters", "holiday/../letters", "/", "..%2Fletters"] {
            let script =
                "const answer = await fetch(`api/list?path=${given[0]}&from=0`); return answer.text()";
            let told = browser.run(script, &[path]);
            assert!(!told.to_string().contains("private"), "{path}: {told}");
        }
        // Those were refused; the console tells that.
        browser.forget_complaints();
        // The width of a phone is enough.
        let width = browser.run("return document.documentElement.scrollWidth", &[]);
        assert_eq!(width, json!(360), "nothing is to the side of what is seen");
    });
}

#[test]
fn a_folder_is_saved_as_a_zip_that_unpacks() {
    let Some(lab) = Lab::of("up 2") else { return };
    let anna = host(&lab);
    let address = link(&anna, &["holiday"]);
    // As a program that saves it: Chromium asks a person before it keeps a ZIP that came without encryption.
    let program = format!(
        "import io, json, urllib.request, zipfile\n\
         z = zipfile.ZipFile(io.BytesIO(urllib.request.urlopen('{address}zip/holiday.zip?path=').read()))\n\
         assert z.testzip() is None\n\
         print(json.dumps(sorted(name.split('/')[-1] for name in z.namelist() if not name.endswith('/'))))"
    );
    let names: Vec<String> = serde_json::from_str(&lab.python(PHONE, &program)).unwrap();
    assert!(
        names.contains(&"harbour.jpg".to_owned()) && names.contains(&"notes.txt".to_owned()),
        "{names:?}"
    );
    assert!(!names.contains(&"private.txt".to_owned()), "{names:?}");
}

#[test]
fn a_guest_sends_files_and_words() {
    let Some(lab) = Lab::of("up 2") else { return };
    let anna = host(&lab);
    // More than two of the slices in which it is sent, and an empty one.
    let film: Vec<u8> = (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let (large, empty) = (lab.path("film.mp4"), lab.path("empty.txt"));
    fs::write(&large, &film).unwrap();
    fs::write(&empty, b"").unwrap();
    in_browser(&lab, PHONE, |browser| {
        tap(browser, &link(&anna, &["holiday", "--upload"]));
        browser.read("notes.txt");
        browser.choose("input[type=file]", &[large.to_str().unwrap(), empty.to_str().unwrap()]);
        let arrived = |name: &str| -> Option<PathBuf> {
            anna.downloads()
                .into_iter()
                .find(|path| path.ends_with(name) && path.to_str().unwrap().contains("from-guests"))
        };
        let film_here = wait("the film", LATER, || arrived("film.mp4")).0;
        assert!(fs::read(film_here).unwrap() == film);
        wait("the empty one", LATER, || arrived("empty.txt"));
        browser.fill("textbox", "is there cake?");
        browser.press(TAB);
        browser.press(ENTER);
        let is_told = "return document.querySelector('[role=log]').innerText.includes('is there cake?')";
        browser.until("what was said", || (browser.run(is_told, &[]) == true).then_some(()));
    });
}

#[test]
fn a_pin_is_asked_for_and_a_wrong_one_shows_nothing() {
    let Some(lab) = Lab::of("up 2") else { return };
    let anna = host(&lab);
    in_browser(&lab, PHONE, |browser| {
        tap(browser, &link(&anna, &["holiday", "--pin"]));
        let row: Value = serde_json::from_slice(&anna.cli(["guest", "--json"]).stdout).unwrap_or_default();
        let pin = row["pin"].as_str().expect("it is shown with the link");
        let wrong: String = pin.chars().rev().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
        browser.see("a field for it", |tree| tree.find("textbox", "").map(drop));
        assert!(!browser.text().contains("notes.txt"));
        browser.enter("textbox", &wrong);
        let why = "return document.querySelector('[role=status]').innerText";
        browser.until("why not", || (browser.run(why, &[]) != "").then_some(()));
        assert!(!browser.text().contains("notes.txt"));
        // The refusal is in the console as a failed request.
        browser.forget_complaints();
        // The button can be pressed once enough time has passed.
        browser.fill("textbox", pin);
        browser.click_first("button", "");
        browser.read("notes.txt");
    });
}

#[test]
fn a_closed_door_says_so() {
    let Some(lab) = Lab::of("up 2") else { return };
    let anna = host(&lab);
    in_browser(&lab, PHONE, |browser| {
        let link = link(&anna, &["holiday"]);
        tap(browser, &link);
        browser.read("notes.txt");
        assert!(anna.cli(["guest", "off"]).status.success());
        let program = format!(
            "import urllib.request, urllib.error\n\
             try: print(urllib.request.urlopen('{link}api/about', timeout=5).status)\n\
             except urllib.error.HTTPError as e: print(e.code)\n\
             except OSError: print(0)"
        );
        wait("a door that is closed", SOON, || (lab.python(PHONE, &program).trim() != "200").then_some(()));
        browser.forget_complaints();
    });
}

#[test]
fn axe_finds_nothing_serious_on_the_page_of_a_guest() {
    let Some(lab) = Lab::of("up 2") else { return };
    let Some(axe) = axe() else { return };
    let anna = host(&lab);
    in_browser(&lab, PHONE, |browser| {
        tap(browser, &link(&anna, &["holiday", "--upload"]));
        browser.read("notes.txt");
        browser.take_axe(&axe);
        browser.look("the page of a guest");
        browser.click_words("notes.txt");
        browser.read("سلام دنیا");
        browser.look("a file that is shown to a guest");
    });
}
