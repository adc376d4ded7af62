//! The page for browsers on this machine, as a browser and as others ask for it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::common::{DEADLINE, Daemon, Neighbour, Peer, out, wait};
use crate::http_client::{self, Answer};

/// A browser with the page.
struct Browser {
    port: u16,
    token: String,
}

impl Browser {
    /// Opens the page of a peer.
    fn open(peer: &Peer) -> Self {
        let (port, code) = address(peer);
        let mut browser = Self { port, token: String::new() };
        let answer = browser.post("/api/login", &json!({ "code": code }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        told["token"].as_str().unwrap().clone_into(&mut browser.token);
        browser
    }

    /// Sends a request, and reads until the connection ends.
    fn send(&self, request: &str) -> Answer {
        http_client::send(self.port, request.as_bytes())
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn get(&self, path: &str, fields: &str) -> Answer {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{fields}\r\n",
            self.host()
        ))
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let (host, token, body) = (self.host(), &self.token, body.to_string());
        let fields = format!(
            "Origin: http://{host}\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}"
        );
        let len = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\nContent-Length: {len}\r\n\r\n{body}"
        ))
    }

    /// What the peer answers.
    fn ask(&self, mut request: Value) -> Vec<Value> {
        request["version"] = 1.into();
        let answer = self.post("/api/ask", &request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The address of a file.
    fn link(&self, file: &str, name: &str) -> String {
        let answer = self.post("/api/link", &json!({ "file": file, "name": name }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        told["path"].as_str().unwrap().to_owned()
    }
}

/// The port of the page of a peer, and a code for it.
fn address(peer: &Peer) -> (u16, String) {
    let told = out(&peer.ask(&["--json", "web", "--no-open"]));
    let told: Value = serde_json::from_str(told.trim()).unwrap();
    let address = told["address"].as_str().unwrap();
    let (port, code) = address.strip_prefix("http://127.0.0.1:").unwrap().split_once("/#").unwrap();
    (port.parse().unwrap(), code.to_owned())
}

fn film() -> Vec<u8> {
    let mut bytes = vec![0; 3_000_000];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// A peer with a page, and one that shares a film.
fn two() -> (Peer, Daemon, Neighbour) {
    let viewer = Peer::new();
    viewer.share("mine.txt", b"my own\n");
    let owner = viewer.neighbour();
    owner.share("films/Größe 1.mp4", &film());
    let daemon = viewer.daemon_with(&["--name", "viewer"]);
    let owner = Neighbour::start(owner, &["--name", "owner"]);
    viewer.lists(2);
    (viewer, daemon, owner)
}

#[test]
fn a_browser_lists_downloads_and_plays() {
    let (viewer, _daemon, _owner) = two();
    let browser = Browser::open(&viewer);
    let page = browser.get("/", "");
    assert!(page.status == 200 && page.text().starts_with("<!doctype html>"));
    for part in ["/app.js", "/ui.js", "/style.css", "/icon.svg", "/guest.html", "/lang-ar.json"] {
        let first = browser.get(part, "");
        let tag = first.field("etag").unwrap().to_owned();
        let again = browser.get(part, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((first.status, again.status, again.body.len()), (200, 304, 0), "{part}");
    }

    let rows = browser.ask(json!({ "command": "list", "folders": true }));
    let told: Vec<_> = rows.iter().map(|row| row["reply"].as_str().unwrap()).collect();
    assert_eq!(told, ["folder", "file", "done"]);
    let rows = browser.ask(json!({ "command": "list", "folders": true, "pattern": "films/" }));
    let id = rows[0]["id"].as_str().unwrap();

    // All of it, a part, what a cut download asks for, and the head alone.
    let path = browser.link(&format!("b3:{id}"), "Größe 1.mp4");
    let all = browser.get(&path, "");
    assert!(all.status == 200 && all.body == film(), "{}", all.head);
    assert_eq!(all.field("content-type"), Some("application/octet-stream"));
    let saved = "attachment; filename=\"gr__e 1.mp4\"; filename*=utf-8''gr%c3%b6%c3%9fe%201.mp4";
    assert_eq!(all.field("content-disposition"), Some(saved));
    let tag = format!("\"{id}\"");
    assert_eq!(all.field("etag"), Some(tag.as_str()));
    let part = browser.get(&format!("{path}?show"), &format!("Range: bytes=1000000-\r\nIf-Range: {tag}\r\n"));
    assert!(part.status == 206 && part.body == film()[1_000_000..], "{}", part.head);
    assert_eq!(part.field("content-range"), Some("bytes 1000000-2999999/3000000"));
    assert_eq!(part.field("content-type"), Some("video/mp4"));
    assert_eq!(browser.get(&path, "Range: bytes=1000000-\r\nIf-Range: \"other\"\r\n").status, 200);
    let outside = browser.get(&path, "Range: bytes=3000000-\r\n");
    assert_eq!((outside.status, outside.field("content-range")), (416, Some("bytes */3000000")));
    let head = browser
        .send(&format!("HEAD {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", browser.host()));
    assert_eq!((head.field("content-length"), head.body.len()), (Some("3000000"), 0));

    // What the prompt can: a download, and a line of chat.
    let begun = browser.ask(json!({ "command": "download", "files": ["films/Größe 1.mp4"], "wait": true }));
    assert_eq!(begun.last().unwrap()["reply"], "done", "{begun:?}");
    assert_eq!(std::fs::read(viewer.path().join("downloads/Größe 1.mp4")).unwrap(), film());
    browser.ask(json!({ "command": "chat", "text": ["from a browser"] }));
    assert!(out(&viewer.ask(&["chat"])).contains("from a browser"));
    let failed = browser.ask(json!({ "command": "download", "files": ["nothing"] }));
    assert_eq!(failed.last().unwrap()["code"], 4);
}

#[test]
fn settings_are_shown_and_changed_as_config_does_it() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let browser = Browser::open(&peer);
    let rows = browser.ask(json!({ "command": "config", "act": "show" }));
    let row = |rows: &[Value], key: &str| rows.iter().find(|row| row["key"] == key).unwrap().clone();
    let limit = row(&rows, "up-limit");
    assert_eq!((&limit["origin"], &limit["is_live"]), (&json!("default"), &json!(true)));
    assert!(limit["help"].as_str().unwrap().starts_with("Send at most so many bytes a second"), "{limit}");
    let wan = row(&rows, "wan");
    assert_eq!(
        (&wan["is_switch"], &wan["is_list"], &wan["is_live"]),
        (&json!(true), &json!(false), &json!(false))
    );

    // What can change while it runs does at once; the rest stands in the file.
    let set = |key: &str, values: &[&str]| {
        browser.ask(json!({ "command": "config", "act": "set", "key": key, "values": values }))
    };
    let told = set("up-limit", &["2M"]);
    assert_eq!(told.last().unwrap()["reply"], "done", "{told:?}");
    assert_eq!(told[0]["text"], "up-limit = 2M in potluck.toml".replace("potluck.toml", &settings_of(&peer)));
    assert!(out(&peer.ask(&["--json", "status"])).contains("\"up_limit\":2000000"));
    assert_eq!(set("connect", &["10.1.2.3", "10.1.2.4:1000"]).last().unwrap()["reply"], "done");
    let file = std::fs::read_to_string(peer.path().join("potluck.toml")).unwrap();
    assert!(file.contains("up-limit = \"2M\"") && file.contains("10.1.2.4:1000"), "{file}");
    let rows = browser.ask(json!({ "command": "config", "act": "show" }));
    assert_eq!(row(&rows, "connect")["values"], json!(["10.1.2.3", "10.1.2.4:1000"]));
    browser.ask(json!({ "command": "config", "act": "unset", "key": "up-limit" }));
    assert!(!out(&peer.ask(&["--json", "status"])).contains("\"up_limit\":2000000"));
    for (key, value, why) in [("up-limit", "fast", "`up-limit`: "), ("nothing", "1", "no setting `nothing`")]
    {
        let told = set(key, &[value]);
        let last = told.last().unwrap();
        assert_eq!((&last["reply"], &last["code"]), (&json!("failed"), &json!(2)), "{told:?}");
        assert!(last["message"].as_str().unwrap().starts_with(why), "{told:?}");
    }
}

/// The file of settings of a peer, as it is shown.
fn settings_of(peer: &Peer) -> String {
    peer.path().canonicalize().unwrap().join("potluck.toml").display().to_string()
}

#[test]
fn a_group_is_made_left_and_joined_and_the_page_stays() {
    let peer = Peer::new();
    let _daemon = peer.daemon();
    let browser = Browser::open(&peer);
    let group = |mut question: Value| {
        question["command"] = "group".into();
        browser.ask(question)
    };
    let show = || group(json!({ "act": "show" }))[0].clone();
    assert_eq!((show()["name"].clone(), show()["passphrase"].clone()), (Value::Null, Value::Null));
    let made = group(json!({ "act": "new", "name": "office" }));
    assert_eq!(made.last().unwrap()["reply"], "done", "{made:?}");
    let passphrase = made[0]["passphrase"].as_str().unwrap().to_owned();
    wait("the peer is in its group", DEADLINE, || {
        out(&peer.ask(&["--json", "status"])).contains("\"network\":\"group\"").then_some(())
    });
    assert_eq!(show()["passphrase"], passphrase.as_str());
    let again = group(json!({ "act": "new", "name": "other" }));
    assert!(again[0]["message"].as_str().unwrap().contains("`potluck group leave` first"), "{again:?}");
    assert_eq!(group(json!({ "act": "leave" })).last().unwrap()["reply"], "done");
    wait("the peer is in the open network", DEADLINE, || {
        out(&peer.ask(&["--json", "status"])).contains("\"network\":\"open\"").then_some(())
    });
    let short = group(json!({ "act": "join", "name": "office", "passphrase": "short" }));
    assert_eq!((&short[0]["reply"], &short[0]["code"]), (&json!("failed"), &json!(2)), "{short:?}");
    let joined = group(json!({ "act": "join", "name": "office", "passphrase": passphrase }));
    assert_eq!((&joined[0]["name"], &joined[0]["passphrase"]), (&json!("office"), &Value::Null));
    wait("the peer is in the group again", DEADLINE, || {
        out(&peer.ask(&["--json", "status"])).contains("\"network\":\"group\"").then_some(())
    });
}

#[test]
fn what_is_no_question_is_refused_in_one_sentence() {
    let (viewer, _daemon, _owner) = two();
    let browser = Browser::open(&viewer);
    for (path, question, status, code, message) in [
        (
            "/api/ask",
            json!({ "version": 1, "command": "nothing" }),
            400,
            2,
            "the running peer does not know this command",
        ),
        (
            "/api/ask",
            json!({ "version": 2, "command": "list" }),
            503,
            1,
            "the running peer speaks version 1 of the control protocol, not 2: restart it",
        ),
        (
            "/api/ask",
            json!({ "version": 1, "command": "cat", "file": "mine.txt" }),
            400,
            2,
            "bytes of files have addresses of their own: /api/link",
        ),
        ("/api/link", json!({ "file": 7 }), 400, 2, "that is no question for the address of a file"),
        ("/api/link", json!({ "file": "none", "name": "x" }), 404, 4, ""),
    ] {
        let answer = browser.post(path, &question);
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, told["reply"].as_str(), told["code"].as_u64()),
            (status, Some("failed"), Some(code))
        );
        assert!(told["message"].as_str().unwrap().starts_with(message), "{told}");
    }
}

#[test]
fn what_happens_is_told_while_it_is_listened_to() {
    let (viewer, _daemon, _owner) = two();
    let browser = Browser::open(&viewer);
    let mut stream = TcpStream::connect(("127.0.0.1", browser.port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let (host, token) = (browser.host(), &browser.token);
    let body = r#"{"version":1,"command":"watch"}"#;
    let fields =
        format!("Origin: http://{host}\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}");
    let request = format!(
        "POST /api/ask HTTP/1.1\r\nHost: {host}\r\n{fields}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut until = |words: &str| {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(words) {
            let mut some = [0; 1_000];
            let len = stream.read(&mut some).unwrap();
            assert!(len > 0, "{}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&some[..len]);
        }
    };
    until("\"watching\"");
    viewer.share("new.txt", b"new");
    until("new.txt");
}

#[test]
fn others_get_nothing() {
    let (viewer, daemon, _owner) = two();
    let browser = Browser::open(&viewer);
    let list = json!({ "version": 1, "command": "list" });
    // Without a token, with another one, and with a code that was used.
    for token in ["", "0", &"0".repeat(64)] {
        let other = Browser { port: browser.port, token: token.to_owned() };
        assert_eq!(other.post("/api/ask", &list).status, 401);
        assert_eq!(other.post("/api/link", &json!({ "file": "mine.txt", "name": "x" })).status, 401);
    }
    let (_, code) = address(&viewer);
    assert_eq!(browser.post("/api/login", &json!({ "code": code })).status, 200);
    assert_eq!(browser.post("/api/login", &json!({ "code": code })).status, 403);
    // A site that has our address behind its name, a page of another site, and a form.
    let (host, token) = (browser.host(), &browser.token);
    let ask = |host: &str, origin: &str, media: &str| {
        let fields = format!("Origin: {origin}\r\nContent-Type: {media}\r\nAuthorization: Bearer {token}");
        let body = list.to_string();
        browser.send(&format!(
            "POST /api/ask HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    let (ours, json) = (format!("http://{host}"), "application/json");
    assert_eq!(ask(&host, &ours, json).status, 200);
    assert_eq!(ask("evil.example", "http://evil.example", json).status, 421);
    assert_eq!(ask(&host, "http://evil.example", json).status, 403);
    assert_eq!(ask(&host, &ours, "text/plain").status, 415);
    // Each page says what little it may do, and nothing of it may be framed.
    for path in ["/", "/nothing", "/file/00/x"] {
        let answer = browser.get(path, "");
        let policy = answer.field("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    }
    // Nothing that lies beside the page is reached by it.
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/..%2fCargo.toml", "/file/../../key"] {
        assert_eq!(browser.get(path, "").status, 400, "{path}");
    }
    let path = browser.link("mine.txt", "x.html");
    let html = browser.get(&format!("{path}?show"), "");
    assert_eq!(
        (html.text().as_str(), html.field("content-type")),
        ("my own\n", Some("application/octet-stream"))
    );
    assert!(html.field("content-security-policy").unwrap().starts_with("sandbox;"));
    // Signed out, and gone with its peer.
    assert_eq!(browser.post("/api/logout", &json!({})).status, 204);
    assert_eq!(browser.post("/api/ask", &list).status, 401);
    viewer.ask(&["exit", "--now"]);
    drop(daemon);
    wait("the page is gone", DEADLINE, || {
        TcpStream::connect(("127.0.0.1", browser.port)).is_err().then_some(())
    });
    let none = viewer.ask(&["web", "--no-open"]);
    assert_eq!(none.status.code(), Some(3));
}

#[test]
fn others_on_this_machine_keep_the_owner_from_nothing() {
    let peer = Peer::new();
    peer.share("mine.txt", b"my own\n");
    let _daemon = peer.daemon();
    let (port, _) = address(&peer);
    let host = format!("127.0.0.1:{port}");
    let begun = format!(
        "POST /api/login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: application/json\r\n"
    );
    // As many as there are places, and more: they begin to ask, and do not go on.
    let mut others: Vec<_> = (0..600)
        .map(|n| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let asks =
                if n % 2 == 0 { format!("{begun}Content-Length: 1000\r\n\r\n{{") } else { begun.clone() };
            // Those that came first may have made way already.
            drop(stream.write_all(asks.as_bytes()));
            stream
        })
        .collect();
    let browser = Browser::open(&peer);
    assert_eq!(browser.ask(json!({ "command": "list" })).len(), 2);
    // Too much for a code is not taken.
    let last = others.last_mut().unwrap();
    last.set_read_timeout(Some(DEADLINE)).unwrap();
    last.write_all(b"Content-Length: 2000\r\n\r\n").unwrap();
    last.write_all(&[b' '; 2_000]).unwrap();
    let mut told = String::new();
    last.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
}

#[test]
fn a_peer_without_a_page_says_so() {
    let peer = Peer::new();
    let _daemon = peer.daemon_with(&["--no-web"]);
    let told = peer.ask(&["web", "--no-open"]);
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(
        said.contains("no peer with a page runs here: start one (`potluck`), and without --no-web"),
        "{said}"
    );
    assert_eq!(told.status.code(), Some(3));
}

#[test]
fn what_is_dragged_onto_the_page_is_shared_or_sent() {
    let (viewer, _daemon, owner) = two();
    let browser = Browser::open(&viewer);
    let film = film();
    let slice = |path: &str, bytes: &[u8]| {
        let (host, token, len) = (browser.host(), &browser.token, bytes.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\nContent-Length: {len}\r\n\r\n"
        );
        http_client::send(browser.port, &[head.as_bytes(), bytes].concat())
    };
    let begun =
        browser.post("/api/upload", &json!({ "name": "Größe.bin", "size": film.len(), "to": "shared" }));
    assert_eq!(begun.status, 200, "{}", begun.text());
    let told: Value = serde_json::from_slice(&begun.body).unwrap();
    let upload = format!("/api/upload/{}", told["upload"].as_str().unwrap());
    let first = slice(&format!("{upload}?at=0"), &film[..1_000_000]);
    assert_eq!(first.text(), "{\"offset\":1000000}\n");
    let last = slice(&format!("{upload}?at=1000000"), &film[1_000_000..]);
    assert_eq!(last.text(), format!("{{\"offset\":{},\"saved\":\"Größe.bin\"}}\n", film.len()));
    viewer.lists(3);
    assert!(std::fs::read(viewer.path().join("shared/Größe.bin")).unwrap() == film);
    // What is dragged onto a peer is offered to it.
    let peers = browser.ask(json!({ "command": "peers" }));
    let peer = peers.iter().find(|row| row["reply"] == "peer").unwrap()["peer"].as_str().unwrap().to_owned();
    let begun = browser.post("/api/upload", &json!({ "name": "letter.txt", "size": 5, "to": peer }));
    let told: Value = serde_json::from_slice(&begun.body).unwrap();
    let upload = format!("/api/upload/{}?at=0", told["upload"].as_str().unwrap());
    assert_eq!(slice(&upload, b"hello").text(), "{\"offset\":5,\"saved\":\"letter.txt\"}\n");
    wait("an offer", DEADLINE, || {
        let offers = browser.ask(json!({ "command": "offers" }));
        let is_ours = |row: &&Value| row["reply"] == "offer" && row["state"] == "waiting";
        offers.iter().find(is_ours).map(|row| assert_eq!(row["size"], json!(5), "{row}"))
    });
    assert!(owner.peer.ask(&["accept", "all"]).status.success());
    let letter = owner.peer.path().join("downloads/letter.txt");
    wait("the letter", DEADLINE, || {
        std::fs::read(&letter).is_ok_and(|bytes| bytes == b"hello").then_some(())
    });
    // Nobody else brings anything, and nothing comes to lie elsewhere.
    let stranger = Browser { port: browser.port, token: String::new() };
    assert_eq!(stranger.post("/api/upload", &json!({ "name": "a", "size": 1 })).status, 401);
    for name in ["../a", "a/b", ".potluck"] {
        assert_eq!(browser.post("/api/upload", &json!({ "name": name, "size": 1 })).status, 400, "{name}");
    }
    assert_eq!(slice("/api/upload/00?at=0", b"x").status, 404);
}

/// The lines that a section of docs/API.md shows to be typed.
fn example(section: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/API.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once(&format!("\n## {section}\n")).unwrap();
    let (_, rest) = rest.split_once("```console\n").unwrap();
    let (lines, _) = rest.split_once("```").unwrap();
    lines.lines().filter_map(|line| line.strip_prefix("$ ")).map(|line| format!("{line}\n")).collect()
}

/// Runs lines in a shell where `potluck` is the program for this peer.
fn shell(peer: &Peer, lines: &str, folder: &std::path::Path) -> String {
    let program = env!("CARGO_BIN_EXE_potluck");
    let here = peer.path().display();
    let script = format!("set -eo pipefail\npotluck() {{ '{program}' -d '{here}' \"$@\"; }}\n{lines}");
    let mut command = std::process::Command::new("bash");
    let ran = peer.confine(command.args(["-c", &script]).current_dir(folder)).output().unwrap();
    assert!(ran.status.success(), "{}{}", out(&ran), crate::common::err(&ran));
    out(&ran)
}

#[test]
fn what_the_document_shows_can_be_typed() {
    let peer = Peer::new();
    peer.share("film.mp4", &film());
    peer.share("films/a.txt", b"a\n");
    let _daemon = peer.daemon_with(&["--name", "viewer"]);
    peer.lists(2);
    let folder = tempfile::tempdir().unwrap();
    let told = shell(&peer, &example("With curl"), folder.path());
    assert!(told.contains("\"path\":\"film.mp4\"") && told.contains("\"reply\":\"done\""), "{told}");
    assert!(std::fs::read(folder.path().join("film.mp4")).unwrap() == film());
    let told = shell(&peer, &example("Guests"), folder.path());
    assert!(told.contains("\"name\":\"film.mp4\""), "{told}");
    let zip = std::fs::read(folder.path().join("films.zip")).unwrap();
    assert!(zip.starts_with(b"PK\x03\x04") && zip.windows(5).any(|name| name == b"a.txt"));
}
