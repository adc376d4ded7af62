//! A folder with ten thousand files. How long that takes is measured by `scripts/measure page`.

use std::fs;

use super::driver::in_browser;
use super::page::ESCAPE;
use crate::lab::{LATER, Lab, wait};

const FILES: usize = 10_000;

#[test]
fn in_a_folder_of_ten_thousand_files_each_can_be_reached() {
    let Some(lab) = Lab::of("up 2") else { return };
    let folder = lab.path("ben").join("shared/many");
    fs::create_dir_all(&folder).unwrap();
    // Names without zeros in front: the order is that of numbers.
    (1..=FILES)
        .for_each(|n| fs::write(folder.join(format!("file {n}.txt")), format!("this is {n}\n")).unwrap());
    let (anna, _ben) = (lab.peer(1, "anna", &[]), lab.peer(2, "ben", &[]));
    wait("what ben shares", LATER, || {
        anna.peers().iter().any(|peer| peer.files == Some(FILES as u64)).then_some(())
    });
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.click_words("many");
        browser.read("file 1.txt");
        browser.read("file 2.txt");
        // Few rows are in the page at a time, and all of them are told to a screen reader.
        let rows = "return document.querySelectorAll('main *').length";
        assert!(browser.run(rows, &[]).as_u64().unwrap() < 5_000);
        browser.click_words("file 2.txt");
        browser.read("this is 2");
        browser.press(ESCAPE);
        browser.see("the list again", |tree| (!tree.has("dialog")).then_some(()));
        browser.to_the_end();
        browser.read("file 10000.txt");
        browser.enter("searchbox", "file 7777");
        browser.click_words("file 7777.txt");
        browser.read("this is 7777");
    });
}
