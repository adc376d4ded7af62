//! The owner's page in a browser, as a person uses it.

mod driver;

use serde_json::Value;

use self::driver::Browser;
use crate::lab::{DEADLINE, Lab, Peer, wait};

/// A new address of the page of a peer.
fn address(peer: &Peer) -> String {
    let out = peer.cli(["web", "--no-open", "--json"]);
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    told["address"].as_str().unwrap().to_owned()
}

#[test]
fn a_person_with_a_browser_finds_fetches_plays_and_talks() {
    let Some(lab) = Lab::of("up 2") else { return };
    let film: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>document.title='taken'</script></svg>";
    let anna = lab.peer_with(
        1,
        "anna",
        &[("notes.txt", b"what I wrote\n"), ("<img src=x onerror=alert(1)>.txt", b"x")],
    );
    let ben = lab.peer_with(
        2,
        "ben",
        &[("films/film.bin", &film), ("films/سلام.txt", "سلام دنیا\n".as_bytes()), ("a.svg", script)],
    );
    wait("what ben shares", DEADLINE, || anna.offered("films/film.bin"));
    let Some(browser) = Browser::start(&lab, 1) else { return };
    browser.go(&address(&anna));
    browser.until("films/");
    assert!(browser.text().contains("<img src=x onerror=alert(1)>.txt"), "names are text");
    assert_eq!(browser.run("return location.hash", &[]), "", "the code is not kept in the address");

    // Into a folder, and a file of another peer is read.
    browser.click("films/", "films/");
    browser.until("سلام.txt");
    browser.click("سلام.txt", "سلام.txt");
    browser.until("سلام دنیا");
    browser.click("Close", "سلام دنیا");
    // What could run is saved, not shown.
    browser.click("All files", "All files");
    browser.until("a.svg");
    browser.click("a.svg", "a.svg");

    // A download is begun, and seen to end.
    browser.click("films/", "films/");
    browser.until("film.bin");
    browser.click("Download", "film.bin");
    browser.until("Downloading films/film.bin");
    let path = anna.directory.join("downloads/film.bin");
    wait("the film", DEADLINE, || path.exists().then_some(()));
    assert!(std::fs::read(&path).unwrap() == film);
    browser.click("Downloads", "Downloads");
    browser.until("from ben");

    browser.click("Peers", "Peers");
    browser.until("ben");
    browser.click("Chat", "Chat");
    browser.until("Nothing was said yet.");
    browser.say("who brings dessert?");
    wait("a line at the other peer", DEADLINE, || {
        String::from_utf8_lossy(&ben.cli(["chat"]).stdout).contains("who brings dessert?").then_some(())
    });
    ben.cli(["chat", "I do <b>bold</b>"]);
    browser.until("ben: I do <b>bold</b>");

    // What happens is shown without being asked for.
    browser.click("Files", "Files");
    browser.until("film.bin");
    std::fs::write(ben.directory.join("shared/films/late.txt"), "late").unwrap();
    browser.until("late.txt");
    browser.say("film");
    browser.until("Found: 1");
    assert_eq!(browser.complaints(), [] as [Value; 0]);
    assert!(browser.run("return document.title", &[]).as_str().unwrap().starts_with("anna"));

    // A code is good once; a page that was closed is opened by another one.
    let used = address(&anna);
    browser.run("sessionStorage.clear(); return 1", &[]);
    browser.go(&used);
    browser.until("Search");
}
