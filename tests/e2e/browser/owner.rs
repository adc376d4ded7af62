//! Files, downloads and chat.

use std::fs;

use serde_json::Value;

use super::driver::in_browser;
use super::page::{DOWNLOAD, ENTER, ESCAPE, TAB, address};
use crate::chat::{says, texts};
use crate::lab::{LATER, Lab, SOON, wait};

/// Bytes that do not repeat.
fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn a_person_browses_searches_downloads_and_saves() {
    let Some(lab) = Lab::of("up 3") else { return };
    let film = bytes(3_000_000);
    let anna = lab.peer_with(1, "anna", &[("notes.txt", b"what I wrote\n")]);
    let ben =
        lab.peer_with(2, "ben", &[("films/film.bin", &film), ("films/سلام.txt", "سلام دنیا\n".as_bytes())]);
    let _carl = lab.peer_with(3, "carl", &[("music/song.txt", b"la la\n")]);
    wait("what the others share", SOON, || {
        anna.offered("films/film.bin").and_then(|_| anna.offered("music/song.txt"))
    });
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        let address = browser.run("return location.hash", &[]);
        let is_code = address.as_str().unwrap().len() > 20;
        assert!(!is_code, "the code is not kept in the address: {address}");
        for shared in ["notes.txt", "films", "music"] {
            browser.read(shared);
        }

        // Into a folder, and a file of another peer is read.
        browser.click_words("films");
        browser.click_words("سلام.txt");
        browser.see("a dialog", |tree| tree.has("dialog").then_some(()));
        browser.read("سلام دنیا");
        browser.press(ESCAPE);
        browser.see("the list again", |tree| (!tree.has("dialog")).then_some(()));

        // The peer fetches a file: it is seen among the downloads, and then among what ended.
        browser.click_beside("button", DOWNLOAD, "film.bin");
        let path = anna.directory.join("downloads/film.bin");
        wait("the film", LATER, || path.exists().then_some(()));
        assert!(fs::read(&path).unwrap() == film);
        browser.turn_to("downloads");
        browser.see("no download that goes on", |tree| (!tree.has("progressbar")).then_some(()));
        browser.see("the one that ended", |tree| {
            tree.words("film.bin").and_then(|_| tree.words("ben")).map(drop)
        });

        // A search finds what lies in any folder, and the browser saves it.
        browser.turn_to("files");
        browser.enter("searchbox", "song");
        browser.see("what was found alone", |tree| {
            tree.words("song.txt").filter(|_| tree.words("notes.txt").is_none()).map(drop)
        });
        browser.save("song.txt");
        let path = browser.saved.join("song.txt");
        wait("the song", LATER, || (fs::read(&path).ok()? == b"la la\n").then_some(()));

        // What happens is shown without being asked for.
        fs::write(ben.directory.join("shared/a late song.txt"), "late").unwrap();
        browser.read("a late song.txt");
    });
}

#[test]
fn names_and_contents_that_could_run_are_shown_as_text_or_saved() {
    let Some(lab) = Lab::of("up 2") else { return };
    let script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>document.title='taken'</script></svg>";
    let name = "<img src=x onerror=alert(1)>.txt";
    let anna = lab.peer(1, "anna", &[]);
    let ben =
        lab.peer_with(2, "ben", &[("a.svg", script), (name, b"<script>document.title='taken'</script>")]);
    wait("what ben shares", SOON, || anna.offered("a.svg").and_then(|_| anna.offered(name)));
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.click_words(name);
        browser.read("<script>document.title='taken'</script>");
        browser.press(ESCAPE);
        browser.see("the list again", |tree| (!tree.has("dialog")).then_some(()));
        browser.click_words("a.svg");
        let path = browser.saved.join("a.svg");
        wait("the picture", LATER, || (fs::read(&path).ok()? == script).then_some(()));
        assert!(says(&ben, "<b>bold</b>"));
        browser.turn_to("chat");
        browser.read("<b>bold</b>");
        let title = browser.run("return document.title", &[]);
        assert!(title.as_str().unwrap().contains("anna"), "{title}");
    });
}

#[test]
fn a_download_is_seen_from_its_begin_to_its_end() {
    // Of 8 MB: some seconds.
    let Some(lab) = Lab::of("up 2 16mbit") else { return };
    let film = bytes(8_000_000);
    let anna = lab.peer(1, "anna", &[]);
    let _ben = lab.peer_with(2, "ben", &[("film.bin", &film)]);
    wait("what ben shares", SOON, || anna.offered("film.bin"));
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.click_beside("button", DOWNLOAD, "film.bin");
        browser.turn_to("downloads");
        let stands = || {
            let bar = browser.tree().find("progressbar", "film.bin").map(|bar| bar.value.clone())?;
            bar.as_f64().or_else(|| bar.as_str()?.parse().ok())
        };
        let first = browser.until("how far it is", stands);
        browser.until("that it goes on", || stands().filter(|now| *now > first));
        browser
            .see("its end", |tree| (!tree.has("progressbar")).then(|| tree.words("film.bin").map(drop))?);
        assert!(fs::read(anna.directory.join("downloads/film.bin")).unwrap() == film);
    });
}

#[test]
fn a_person_on_the_page_talks_with_one_at_the_prompt() {
    let Some(lab) = Lab::of("up 3") else { return };
    let anna = lab.peer(1, "anna", &[]);
    let (ben, carl) = (lab.peer(2, "ben", &[]), lab.peer(3, "carl", &[]));
    wait("all see each other", SOON, || {
        [&anna, &ben, &carl].iter().all(|peer| peer.peers().len() == 2).then_some(())
    });
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.turn_to("chat");
        browser.enter("textbox", "who brings dessert?");
        for peer in [&ben, &carl] {
            wait("a line at the others", SOON, || {
                texts(peer).contains(&"who brings dessert?".to_owned()).then_some(())
            });
        }
        assert!(says(&ben, "I do: 🍰"));
        browser.read("I do: 🍰");
        // To one alone, and from one alone.
        browser.enter("textbox", "@ben and spoons?");
        wait("a line at ben", SOON, || texts(&ben).contains(&"and spoons?".to_owned()).then_some(()));
        assert!(says(&carl, "@anna I bring some"));
        browser.read("I bring some");
        assert!(!texts(&carl).contains(&"and spoons?".to_owned()));
        assert!(!texts(&ben).contains(&"I bring some".to_owned()));
    });
}

#[test]
fn a_code_is_good_once_and_a_page_stays_open_when_it_is_loaded_again() {
    let Some(lab) = Lab::of("up 1") else { return };
    let anna = lab.peer_with(1, "anna", &[("notes.txt", b"what I wrote\n")]);
    wait("what anna shares", SOON, || anna.listed("notes.txt"));
    in_browser(&lab, 1, |browser| {
        let used = address(&anna);
        browser.go(&used);
        browser.read("notes.txt");
        let (page, _) = used.split_once('#').unwrap();
        browser.go(page);
        browser.read("notes.txt");

        // Another tab, or another person: no token, and a code that was used.
        browser.run("sessionStorage.clear(); return null", &[]);
        browser.go(page);
        browser.until("how to open it", || browser.text().contains("potluck web").then_some(()));
        assert!(!browser.text().contains("notes.txt"));
        // By another address it opens again.
        browser.go("about:blank");
        browser.open(&anna);
        browser.read("notes.txt");
    });
}

#[test]
fn a_keyboard_is_enough() {
    let Some(lab) = Lab::of("up 2") else { return };
    let anna = lab.peer(1, "anna", &[]);
    let _ben = lab.peer_with(2, "ben", &[("notes.txt", b"what I wrote\n")]);
    wait("what ben shares", SOON, || anna.offered("notes.txt"));
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.read("notes.txt");
        // What has the focus, and whether that is to be seen.
        let focus = "const it = document.activeElement; const style = getComputedStyle(it); \
                     return [it.innerText ?? '', style.outlineStyle !== 'none' || style.boxShadow !== 'none']";
        let mut steps = 0;
        loop {
            browser.press(TAB);
            let told = browser.run(focus, &[]);
            assert_eq!(told[1], Value::Bool(true), "the focus is seen: {told}");
            if told[0].as_str().unwrap().contains("notes.txt") {
                break;
            }
            steps += 1;
            assert!(steps < 40, "no way to the file by the keyboard");
        }
        browser.press(ENTER);
        browser.read("what I wrote");
        browser.press(ESCAPE);
        browser.see("the list again", |tree| (!tree.has("dialog")).then_some(()));
    });
}
