//! A browser, driven by its driver (W3C WebDriver, <https://www.w3.org/TR/webdriver2/>): one request of HTTP each.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::lab::{DEADLINE, Lab, wait};

/// The port of the driver, in the network of its node alone.
const PORT: u16 = 9_515;

/// Chromium without a window, in a node of a lab.
pub(super) struct Browser<'l> {
    lab: &'l Lab,
    node: u32,
    driver: Child,
    session: String,
}

impl<'l> Browser<'l> {
    /// Starts it. `None` where it is not installed (that fails the test if `CI=true`).
    pub(super) fn start(lab: &'l Lab, node: u32) -> Option<Self> {
        let started = lab
            .inside(node, "chromedriver")
            .args([format!("--port={PORT}"), "--log-level=SEVERE".to_owned()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = started.unwrap();
        let stands = || lab.within(node, || TcpStream::connect(("127.0.0.1", PORT)).is_ok());
        wait("the driver of a browser", DEADLINE, || {
            (stands() || driver.try_wait().unwrap().is_some()).then_some(())
        });
        if driver.try_wait().unwrap().is_some() {
            assert!(std::env::var_os("CI").is_none(), "no browser: scripts/setup-tests installs it");
            println!("skipped: chromedriver is not installed");
            return None;
        }
        let mut browser = Self { lab, node, driver, session: String::new() };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ];
        let options = json!({ "args": arguments });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let told = browser.call("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("/session/{}", told["sessionId"].as_str().unwrap());
        Some(browser)
    }

    fn try_call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nConnection: close\r\n");
        write!(request, "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let answer = self.lab.within(self.node, || {
            let mut stream = TcpStream::connect(("127.0.0.1", PORT)).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            answer
        });
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        serde_json::from_slice::<Value>(&answer[at + 4..]).unwrap()["value"].take()
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let told = self.try_call(method, path, body);
        assert!(told.get("error").is_none(), "{method} {path}: {told}");
        told
    }

    fn of_session(&self, method: &str, path: &str, body: &Value) -> Value {
        self.call(method, &format!("{}{path}", self.session), body)
    }

    /// Opens an address.
    pub(super) fn go(&self, address: &str) {
        self.of_session("POST", "/url", &json!({ "url": address }));
    }

    /// What a script returns that runs in the page; `arguments` are its own.
    pub(super) fn run(&self, script: &str, arguments: &[&str]) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1); \
             (async () => {{ {script} }})().then(done, (e) => done({{ wrong: String(e) }}))"
        );
        let told = self.of_session("POST", "/execute/async", &json!({ "script": script, "args": arguments }));
        assert!(told.get("wrong").is_none(), "{told}");
        told
    }

    /// All text of the page.
    pub(super) fn text(&self) -> String {
        self.run("return document.body.innerText", &[]).as_str().unwrap().to_owned()
    }

    /// Waits until the page says this.
    pub(super) fn until(&self, words: &str) {
        wait(&format!("a page that says {words:?}"), DEADLINE, || self.text().contains(words).then_some(()));
    }

    /// Clicks the button of this label behind this text, as a person does who reads the page.
    pub(super) fn click(&self, label: &str, behind: &str) {
        let script = "const rows = [...document.querySelectorAll('li, nav, form, dialog, .crumbs')].filter((row) => row.innerText.includes(given[1])); \
                      const all = (rows.length ? rows : [document]).flatMap((row) => [...row.querySelectorAll('button')]); \
                      const found = all.find((button) => button.innerText.trim() === given[0]); \
                      if (!found) throw new Error(`no button ${given[0]} in ${document.body.innerText}`); found.click(); return true";
        self.run(script, &[label, behind]);
    }

    /// Types into the first field of the page and sends it.
    pub(super) fn say(&self, text: &str) {
        let script = "const field = document.querySelector('#view form input'); field.value = given[0]; \
                      field.form.requestSubmit(); return true";
        self.run(script, &[text]);
    }

    /// What the console has: errors of scripts, and what the policy of the page refused.
    pub(super) fn complaints(&self) -> Vec<Value> {
        let log = self.of_session("POST", "/se/log", &json!({ "type": "browser" }));
        log.as_array().unwrap().clone()
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            self.try_call("DELETE", &self.session.clone(), &Value::Null);
        }
        // It may have ended by itself.
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
