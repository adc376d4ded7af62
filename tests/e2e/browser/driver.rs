//! A browser, driven by its driver (W3C WebDriver, <https://www.w3.org/TR/webdriver2/>): one request of HTTP each.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::lab::{LATER, Lab, pause, wait};

/// The port of the driver, in the network of its node alone.
const PORT: u16 = 9_515;

/// Between two looks at a page: each costs the browser more than a look at a peer does.
const LOOK: core::time::Duration = core::time::Duration::from_millis(45);

/// What Chromium is told. Nothing of it may depend on the machine: its language, its windows, what it does by itself.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    // A test runs as root, and then there is no sandbox of the browser.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--lang=en-US",
    "--accept-lang=en-US",
    "--window-size=1280,900",
    "--force-device-scale-factor=1",
];

/// Runs in each document before its own scripts: what its policy refused, and what went wrong in it.
const WITNESS: &str = "window.complaints = []; \
    addEventListener('securitypolicyviolation', (e) => complaints.push(`${e.effectiveDirective} refused ${e.blockedURI}`)); \
    addEventListener('error', (e) => complaints.push(`error: ${e.message ?? e.target}`), true); \
    addEventListener('unhandledrejection', (e) => complaints.push(`rejected: ${e.reason}`))";

/// Chromium without a window, in a node of a lab.
pub(super) struct Browser<'l> {
    lab: &'l Lab,
    node: u32,
    driver: Child,
    session: String,
    /// Where it saves files.
    pub(super) saved: PathBuf,
}

/// Runs `work` with a browser in a node of a lab, and sees to it that no page complained. Does nothing where there is no
/// browser (that fails the test if `CI=true`).
pub(super) fn in_browser(lab: &Lab, node: u32, work: impl FnOnce(&Browser<'_>)) {
    if let Some(missing) = ["chromedriver", "chromium"].into_iter().find(|tool| !is_installed(tool)) {
        let is_ci = std::env::var("CI").is_ok_and(|v| v == "true" || v == "1");
        assert!(!is_ci, "no browser: {missing} is not installed (run scripts/setup-tests)");
        println!("skipped: {missing} is not installed (run scripts/setup-tests)");
        return;
    }
    let browser = Browser::start(lab, node);
    work(&browser);
    assert_eq!(browser.complaints(), [] as [String; 0], "what the page and its console complain of");
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

impl<'l> Browser<'l> {
    fn start(lab: &'l Lab, node: u32) -> Self {
        // What the browser keeps goes with the lab, and what the user keeps is not touched.
        let (home, saved) = (lab.folder("browser"), lab.folder("browser-saved"));
        let driver = lab
            .inside(node, "chromedriver")
            .args([format!("--port={PORT}"), "--log-level=SEVERE".to_owned()])
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut browser = Self { lab, node, driver: driver.unwrap(), session: String::new(), saved };
        wait("the driver of a browser", LATER, || {
            if let Some(status) = browser.driver.try_wait().unwrap() {
                panic!("chromedriver ended: {status}");
            }
            let told = browser.try_call("GET", "/status", &Value::Null).ok()?;
            (told["ready"] == true).then_some(())
        });
        let preferences =
            json!({ "download.default_directory": browser.saved, "download.prompt_for_download": false });
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": ARGUMENTS, "prefs": preferences },
            "goog:loggingPrefs": { "browser": "WARNING" },
        });
        let told = browser.call("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("/session/{}", told["sessionId"].as_str().unwrap());
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WITNESS }));
        browser
    }

    /// One request to the driver, and its answer, which may be an error as well.
    fn try_call(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nConnection: close\r\n");
        let length = body.len();
        write!(request, "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        // A socket stays in the network in which it was made.
        let mut stream = self.lab.within(self.node, || TcpStream::connect(("127.0.0.1", PORT)))?;
        stream.set_read_timeout(Some(LATER))?;
        stream.write_all(request.as_bytes())?;
        let mut told: Value = serde_json::from_slice(&body_of(stream)?)?;
        Ok(told["value"].take())
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let told = self.try_call(method, path, body).unwrap();
        assert!(told.get("error").is_none(), "{method} {path}: {}: {}", told["error"], told["message"]);
        told
    }

    /// A command of the session.
    pub(super) fn command(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), body)
    }

    /// A command of Chromium's own protocol.
    pub(super) fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.command("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The same, where the page may have changed meanwhile: `None` if it cannot be done.
    pub(super) fn try_cdp(&self, command: &str, parameters: &Value) -> Option<Value> {
        let body = json!({ "cmd": command, "params": parameters });
        let told = self.try_call("POST", &format!("{}/goog/cdp/execute", self.session), &body).ok()?;
        told.get("error").is_none().then_some(told)
    }

    /// Opens an address.
    pub(super) fn go(&self, address: &str) {
        self.command("/url", &json!({ "url": address }));
    }

    /// What a script returns that runs in the page; `given` are its arguments.
    pub(super) fn run(&self, script: &str, given: &[&str]) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1); \
             (async () => {{ {script} }})().then(done, (e) => done({{ wrong: String(e) }}))"
        );
        let told = self.command("/execute/async", &json!({ "script": script, "args": given }));
        assert!(told.get("wrong").is_none(), "{told}");
        told
    }

    /// Waits until `look` gives something.
    pub(super) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let look = || {
            let found = look();
            if found.is_none() {
                pause(LOOK);
            }
            found
        };
        wait(what, LATER, look).0
    }

    /// Presses these keys, one after the other.
    pub(super) fn press(&self, keys: &str) {
        let stroke =
            |key: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }));
        let strokes: Vec<_> = keys.chars().flat_map(stroke).collect();
        self.command(
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] }),
        );
    }

    /// Clicks at a point of what is seen of the page.
    pub(super) fn click_at(&self, x: i64, y: i64) {
        let strokes = json!([
            { "type": "pointerMove", "duration": 0, "origin": "viewport", "x": x, "y": y },
            { "type": "pointerDown", "button": 0 },
            { "type": "pointerUp", "button": 0 },
        ]);
        self.command(
            "/actions",
            &json!({ "actions": [{ "type": "pointer", "id": "mouse", "actions": strokes }] }),
        );
    }

    /// The size of the page in pixels of CSS, and whether it is to be dark.
    pub(super) fn resize(&self, width: u32, height: u32, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.cdp("Emulation.setEmulatedMedia", &json!({ "features": features }));
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.cdp("Emulation.setDeviceMetricsOverride", &size);
    }

    /// What the console has, and what the page itself saw: errors of scripts, and what the policy of the page refused.
    pub(super) fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", &json!({ "type": "browser" }));
        let seen = self.run("return window.complaints ?? []", &[]);
        let of_log = log.as_array().unwrap().iter().map(|entry| entry["message"].to_string());
        of_log.chain(seen.as_array().unwrap().iter().map(Value::to_string)).collect()
    }

    /// Forgets what the console has so far: a request that was to be refused is told there.
    pub(super) fn forget_complaints(&self) {
        let policy = self.run("return window.complaints ?? []", &[]);
        assert_eq!(policy, json!([]), "what the page complains of");
        self.complaints();
    }

    /// What is on the page, for who looks for why a test failed.
    fn tell(&self) {
        let script = "return `${location.pathname}\\n${document.body.innerText}`";
        let asked = json!({ "script": script, "args": [] });
        let text = self.try_call("POST", &format!("{}/execute/sync", self.session), &asked);
        let text = text.ok().and_then(|text| Some(text.as_str()?.to_owned()));
        let log = self.try_call("POST", &format!("{}/se/log", self.session), &json!({ "type": "browser" }));
        println!("--- the page: {}\n--- its console: {log:?}", text.unwrap_or_default());
    }
}

/// The body of an answer.
fn body_of(stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut answer = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    Ok(body)
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            if std::thread::panicking() {
                self.tell();
            }
            // Ends the browser. If that fails, it ends with the lab.
            drop(self.try_call("DELETE", &self.session, &Value::Null));
        }
        // It may have ended by itself.
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
