//! The owner's page, as the tests use it: what they need to know of how it is built stands here alone.

use serde_json::{Value, json};

use super::driver::Browser;
use crate::lab::Peer;

/// Keys without a letter (W3C WebDriver, "Keyboard actions").
pub(super) const ENTER: &str = "\u{e007}";
pub(super) const ESCAPE: &str = "\u{e00c}";
pub(super) const TAB: &str = "\u{e004}";
const END: &str = "\u{e010}";

/// What buttons are called.
pub(super) const DOWNLOAD: &str = "Download";
pub(super) const SAVE: &str = "Save";
const DETAILS: &str = "Details";

/// A new address of the page of a peer.
pub(super) fn address(peer: &Peer) -> String {
    let out = peer.cli(["web", "--no-open", "--json"]);
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    told["address"].as_str().unwrap().to_owned()
}

impl Browser<'_> {
    /// Opens the page of a peer, and waits until it shows what is shared.
    pub(super) fn open(&self, peer: &Peer) {
        self.go(&address(peer));
        self.see("the field for searches", |tree| tree.find("searchbox", "").map(drop));
    }

    /// Turns to a view, and waits until it is the one that is shown. What it asks for may still be on its way.
    pub(super) fn turn_to(&self, view: &str) {
        let tab = format!("nav [data-view={view}], nav #to-{view}");
        let found = self.command("/element", &json!({ "using": "css selector", "value": tab }));
        let id = found.as_object().and_then(|found| found.values().next()?.as_str()).unwrap();
        self.command(&format!("/element/{id}/click"), &json!({}));
        let is_marked = "return document.querySelector(given[0]).ariaCurrent === 'page'";
        self.until(view, || (self.run(is_marked, &[&tab]) == true).then_some(()));
    }

    /// Waits until nothing more comes: the page has as many elements for some frames.
    pub(super) fn settle(&self) {
        let script = "const main = document.querySelector('main'); \
                      for (let same = 0, before = 0; same < 20;) { \
                      await new Promise((next) => { requestAnimationFrame(next); }); \
                      const now = main.querySelectorAll('*').length; \
                      same = now > 0 && now === before ? same + 1 : 0; before = now; } return null";
        self.run(script, &[]);
    }

    /// All views that it has.
    pub(super) fn views(&self) -> Vec<String> {
        let script = "const all = [...document.querySelectorAll('nav [data-view], nav [id^=to-]')]; \
                      return all.map((tab) => tab.dataset.view ?? tab.id.slice(3))";
        serde_json::from_value(self.run(script, &[])).unwrap()
    }

    /// Has the browser save a file, by the button of its row or by that among its details.
    pub(super) fn save(&self, file: &str) {
        let is_in_row = self.see("a way to save it", |tree| {
            let has = |name| tree.beside("button", name, file).is_some();
            (has(SAVE) || has(DETAILS)).then(|| has(SAVE))
        });
        if is_in_row {
            return self.click_beside("button", SAVE, file);
        }
        self.click_beside("button", DETAILS, file);
        self.click_first("button", SAVE);
        self.press(ESCAPE);
    }

    /// Types into the first field of this role.
    pub(super) fn fill(&self, role: &str, text: &str) {
        self.click_first(role, "");
        self.press(text);
    }

    /// The same, and sends it.
    pub(super) fn enter(&self, role: &str, text: &str) {
        self.fill(role, text);
        self.press(ENTER);
    }

    /// Chooses files of this machine in a field for files.
    pub(super) fn choose(&self, field: &str, files: &[&str]) {
        let found = self.command("/element", &json!({ "using": "css selector", "value": field }));
        let id = found.as_object().and_then(|found| found.values().next()?.as_str()).unwrap();
        self.command(&format!("/element/{id}/value"), &json!({ "text": files.join("\n") }));
    }

    /// Goes to the end of a list, however long it is.
    pub(super) fn to_the_end(&self) {
        let more = "const more = [...document.querySelectorAll('main button')].find((it) => /more/.test(it.innerText)); \
                    for (let n = 0; more && !more.hidden && n < 1000; n += 1) more.click(); return null";
        self.run(more, &[]);
        self.press(END);
    }

    /// All text of the page's main part.
    pub(super) fn text(&self) -> String {
        self.run("return document.querySelector('main').innerText", &[]).as_str().unwrap().to_owned()
    }
}
