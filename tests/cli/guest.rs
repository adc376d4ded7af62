//! The page for guests, as a browser and as others ask for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::common::{DEADLINE, Daemon, Neighbour, Peer, err, out, wait};
use crate::http_client::{self, Answer};

/// A guest who has the link.
struct Guest {
    port: u16,
    /// The path of the link.
    path: String,
    row: Value,
}

impl Guest {
    /// Of a new link.
    fn invited(peer: &Peer, flags: &[&str]) -> Self {
        let row = told(peer, &[&["guest", "on"], flags].concat());
        let address = row["address"].as_str().or_else(|| row["private_address"].as_str()).unwrap();
        let (_, rest) = address.split_once("//127.0.0.1:").unwrap();
        let (port, path) = rest.split_once('/').unwrap();
        Self { port: port.parse().unwrap(), path: format!("/{path}"), row: row.clone() }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn send(&self, request: &str) -> Answer {
        http_client::send(self.port, request.as_bytes())
    }

    /// What lies below the link.
    fn get(&self, path: &str, fields: &str) -> Answer {
        let host = self.host();
        self.send(&format!(
            "GET {}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n",
            self.path
        ))
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The names in a folder, or those that a search finds.
    fn names(&self, query: &str) -> Vec<String> {
        let told = self.json(&format!("api/list?{query}"));
        told["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The id of the file of this name in a folder.
    fn id(&self, folder: &str, name: &str) -> String {
        let told = self.json(&format!("api/list?path={folder}"));
        let row = told["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
        row["id"].as_str().unwrap().to_owned()
    }

    fn post(&self, path: &str, media: &str, body: &[u8]) -> (u16, Value) {
        let (host, len) = (self.host(), body.len());
        let head = format!(
            "POST {}{path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n\
             Content-Type: {media}\r\nContent-Length: {len}\r\n\r\n",
            self.path
        );
        let answer = http_client::send(self.port, &[head.as_bytes(), body].concat());
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    fn ask(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post(path, "application/json", body.to_string().as_bytes())
    }

    /// Begins to bring a file: its address.
    fn upload(&self, name: &str, size: usize) -> String {
        let (status, told) = self.ask("api/upload", &json!({ "name": name, "size": size }));
        assert_eq!(status, 200, "{told}");
        format!("api/upload/{}", told["upload"].as_str().unwrap())
    }

    fn slice(&self, upload: &str, at: usize, bytes: &[u8]) -> (u16, Value) {
        self.post(&format!("{upload}?at={at}"), "application/octet-stream", bytes)
    }
}

/// What a command about guests answers.
fn told(peer: &Peer, words: &[&str]) -> Value {
    let answer = peer.ask(&[&["--json"], words].concat());
    assert!(answer.status.success(), "{words:?}: {}", err(&answer));
    serde_json::from_str(out(&answer).lines().next().unwrap()).unwrap()
}

fn film() -> Vec<u8> {
    let mut bytes = vec![0; 3_000_000];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

const SCRIPT: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";

/// A peer that lets guests in, and one that shares films.
fn two() -> (Peer, Daemon, Neighbour) {
    let host = Peer::new();
    host.share("mine.txt", b"my own\n");
    let owner = host.neighbour();
    owner.share("films/Größe 1.bin", &film());
    owner.share("films/old/a.svg", SCRIPT);
    owner.share("films/old/empty", b"");
    let daemon = host.daemon_with(&["--name", "host"]);
    let owner = Neighbour::start(owner, &["--name", "owner"]);
    host.lists(4);
    (host, daemon, owner)
}

#[test]
fn a_guest_sees_what_all_share_and_saves_it_also_when_it_is_cut_anywhere() {
    let (host, _daemon, _owner) = two();
    let guest = Guest::invited(&host, &[]);
    let page = guest.get("", "");
    assert_eq!((page.status, page.field("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.field("content-security-policy").unwrap().contains("default-src 'none'"));
    let about = guest.json("api/about");
    assert_eq!(
        (&about["name"], &about["uploads"], &about["pin"]),
        (&json!("host"), &json!(false), &json!(false))
    );
    assert_eq!(about["fingerprint"], guest.row["fingerprint"]);
    assert_eq!(guest.names("path="), ["films", "mine.txt"]);
    assert_eq!(guest.names("path=films"), ["old", "Größe 1.bin"]);
    assert_eq!(guest.names("search=gr%C3%B6sse+1"), [""; 0]);
    assert_eq!(guest.names("search=GR%C3%96%C3%9Fe"), ["Größe 1.bin"]);
    // It lies on a third peer.
    let (film, path) = (film(), format!("file/{}/Gr%C3%B6%C3%9Fe%201.bin", guest.id("films", "Größe 1.bin")));
    let whole = guest.get(&path, "");
    assert!(whole.status == 200 && whole.body == film);
    assert!(whole.field("content-disposition").unwrap().contains("filename*=utf-8''gr%c3%b6%c3%9fe%201.bin"));
    let tag = whole.field("etag").unwrap().to_owned();
    for from in [0, 1, 1_234_567, film.len() - 1] {
        let rest = guest.get(&path, &format!("Range: bytes={from}-\r\nIf-Range: {tag}\r\n"));
        assert!(rest.status == 206 && rest.body == film[from..], "{from}");
    }
    assert_eq!(guest.get(&path, "Range: bytes=5-\r\nIf-Range: \"other\"\r\n").status, 200);
    assert_eq!(guest.get(&path, &format!("Range: bytes={}-\r\n", film.len())).status, 416);
    // By the private address it is the same.
    let private = guest.row["private_address"].as_str().unwrap();
    let saved = Command::new("curl").args(["-sk", &format!("{private}{path}")]).output().unwrap();
    assert!(saved.stdout == film, "{} bytes", saved.stdout.len());
    // A download that was cut goes on where it ended, in plain and encrypted.
    for (link, cut) in [(guest.row["address"].as_str().unwrap(), 1_234_567), (private, 7)] {
        let at = host.path().join("film.part");
        std::fs::write(&at, &film[..cut]).unwrap();
        let mut curl = Command::new("curl");
        let curl = curl.args(["-sSk", "--fail", "-C", "-", "-o"]).arg(&at).arg(format!("{link}{path}"));
        let went_on = curl.output().unwrap();
        assert!(went_on.status.success() && std::fs::read(&at).unwrap() == film, "{link}: {}", err(&went_on));
    }
    let shown = guest_row(&host);
    assert_eq!((&shown["is_on"], &shown["guests"]), (&json!(true), &json!(1)));
    assert_eq!(told(&host, &["guest", "off"])["is_on"], json!(false));
    wait("nobody answers", DEADLINE, || TcpStream::connect(("127.0.0.1", guest.port)).is_err().then_some(()));
}

fn guest_row(peer: &Peer) -> Value {
    told(peer, &["guest"])
}

#[test]
fn a_folder_is_one_archive_that_goes_on_at_any_byte() {
    let (host, _daemon, _owner) = two();
    let guest = Guest::invited(&host, &[]);
    let path = "zip/films.zip?path=films";
    let whole = guest.get(path, "");
    assert_eq!(whole.status, 200);
    let tag = whole.field("etag").unwrap().to_owned();
    let file = host.path().join("films.zip");
    std::fs::write(&file, &whole.body).unwrap();
    let python = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(sorted(z.namelist()))";
    let listed = Command::new("python3").args(["-c", python]).arg(&file).output().unwrap();
    assert_eq!(out(&listed).trim(), "['Größe 1.bin', 'old/a.svg', 'old/empty']", "{}", err(&listed));
    for mut reader in [Command::new("unzip"), Command::new("bsdtar")] {
        let is_unzip = reader.get_program() == "unzip";
        let args = if is_unzip { vec!["-tqq"] } else { vec!["-tf"] };
        let read = reader.args(args).arg(&file).env("LC_ALL", "C.UTF-8").output();
        match read {
            Ok(read) => assert!(read.status.success(), "{reader:?}: {}", err(&read)),
            Err(e) => assert!(std::env::var_os("CI").is_none(), "{reader:?}: {e}"),
        }
    }
    let len = whole.body.len();
    for from in [1, 30, 77, 1_000_000, len - 200, len - 30, len - 1] {
        let rest = guest.get(path, &format!("Range: bytes={from}-\r\nIf-Range: {tag}\r\n"));
        assert!(rest.status == 206 && rest.body == whole.body[from..], "{from}");
    }
    // Somebody else may go on who knows nothing of what was read: the archive is the same.
    let again = Guest::invited(&host, &[]);
    let rest = again.get(path, &format!("Range: bytes={}-\r\nIf-Range: {tag}\r\n", len - 100));
    assert!(rest.status == 206 && rest.body == whole.body[len - 100..]);
    assert_eq!(again.get("zip/x.zip?path=nothing", "").status, 404);
}

#[test]
fn guests_bring_files_slice_by_slice_if_the_owner_wants_that() {
    let (host, _daemon, _owner) = two();
    let closed = Guest::invited(&host, &[]);
    assert_eq!(closed.ask("api/upload", &json!({ "name": "a", "size": 1 })).0, 403);
    let guest = Guest::invited(&host, &["--upload"]);
    let folder = host.path().join("downloads/from-guests");
    let film = film();
    let upload = guest.upload("film.bin", film.len());
    assert_eq!(guest.slice(&upload, 0, &film[..2_000_000]), (200, json!({ "offset": 2_000_000 })));
    assert_eq!(
        guest.slice(&upload, 0, &film[..5]),
        (409, json!({ "offset": 2_000_000, "message": "it goes on elsewhere" }))
    );
    // One that is cut goes on where it was cut.
    let mut cut = TcpStream::connect(("127.0.0.1", guest.port)).unwrap();
    let (link, at) = (&guest.path, guest.host());
    let head = format!(
        "POST {link}{upload}?at=2000000 HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
    );
    cut.write_all(&[head.as_bytes(), &film[2_000_000..2_300_000]].concat()).unwrap();
    drop(cut);
    let ((rest, told), _) = wait("where it goes on", DEADLINE, || {
        let (status, told) = guest.slice(&upload, 1, b"");
        let at = usize::try_from(told["offset"].as_u64().unwrap()).unwrap();
        assert_eq!(status, 409);
        (at == 2_300_000).then(|| (at, guest.slice(&upload, at, &film[at..])))
    });
    assert_eq!(told, (200, json!({ "offset": film.len(), "saved": "film.bin" })), "{rest}");
    assert!(std::fs::read(folder.join("film.bin")).unwrap() == film);
    // A second one of its name lies beside it, and an empty one is one, too.
    let again = guest.upload("film.bin", 3);
    assert_eq!(guest.slice(&again, 0, b"abc").1["saved"], "film (2).bin");
    assert_eq!(guest.ask("api/upload", &json!({ "name": "empty", "size": 0 })).1["saved"], "empty");
    assert_eq!(std::fs::read(folder.join("film (2).bin")).unwrap(), b"abc");
    let row = guest_row(&host);
    assert_eq!((&row["files"], &row["size"]), (&json!(3), &json!(film.len() + 3)));
    // It is nobody's but the owner's.
    assert_eq!(guest.names("search=film.bin"), [""; 0]);
}

#[test]
fn no_guest_brings_what_it_should_not() {
    let (host, _daemon, _owner) = two();
    let guest = Guest::invited(&host, &["--upload"]);
    for name in ["../a", "a/b", "..", "", ".potluck", "/etc/passwd", "a\u{0}b", &"x".repeat(300)] {
        let (status, told) = guest.ask("api/upload", &json!({ "name": name, "size": 1 }));
        assert_eq!((status, &told["message"]), (400, &json!("that is no name for a file")), "{name}");
    }
    let (status, told) = guest.ask("api/upload", &json!({ "name": "bomb", "size": u64::MAX }));
    assert_eq!((status, &told["message"]), (507, &json!("there is not enough space for it")));
    for size in [json!(-1), json!("7"), json!(null)] {
        assert_eq!(guest.ask("api/upload", &json!({ "name": "a", "size": size })).0, 400, "{size}");
    }
    let upload = guest.upload("a", 10);
    assert_eq!(guest.slice(&upload, 0, &[0; 11]).0, 409);
    let huge = format!(
        "POST {}{upload}?at=0 HTTP/1.1\r\nHost: {h}\r\nOrigin: http://{h}\r\nConnection: close\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: 8388609\r\n\r\n",
        guest.path,
        h = guest.host()
    );
    assert_eq!(guest.send(&huge).status, 413);
    assert_eq!(guest.slice("api/upload/00", 0, b"").0, 404);
    let begun =
        (0..20).filter(|n| guest.ask("api/upload", &json!({ "name": format!("f{n}"), "size": 1 })).0 == 200);
    assert_eq!(begun.count(), 7, "one host has 8 at a time");
    assert!(!host.path().join("downloads/from-guests/a").exists());
}

#[test]
fn a_pin_is_typed_first_and_whoever_guesses_waits() {
    let (host, _daemon, _owner) = two();
    let guest = Guest::invited(&host, &["--pin"]);
    let pin = guest.row["pin"].as_str().unwrap().to_owned();
    assert!(pin.len() == 6 && pin.bytes().all(|digit| digit.is_ascii_digit()), "{pin}");
    assert_eq!(guest.json("api/about")["pin"], json!(true));
    for path in ["api/list", "api/texts", "zip/a.zip", &format!("file/{}/a", "0".repeat(64))] {
        assert_eq!(guest.get(path, "").status, 403, "{path}");
    }
    assert_eq!(guest.ask("api/upload", &json!({ "name": "a", "size": 1 })).0, 403);
    let wrong = if pin == "000000" { "000001" } else { "000000" };
    let (status, told) = guest.ask("api/pin", &json!({ "pin": wrong }));
    assert_eq!((status, &told["wait"]), (403, &json!(1)));
    let (status, told) = guest.ask("api/pin", &json!({ "pin": pin }));
    assert_eq!((status, &told["message"]), (403, &json!("wait before you try again")));
    let (path, _) = wait("the pause", DEADLINE, || {
        let (status, told) = guest.ask("api/pin", &json!({ "pin": pin }));
        (status == 200).then(|| told["path"].as_str().unwrap().to_owned())
    });
    let inside = Guest { path, ..guest };
    assert_eq!(inside.names("path="), ["films", "mine.txt"]);
    assert_eq!(inside.json("api/about")["pin"], json!(false));
}

#[test]
fn a_link_leads_to_what_it_is_for_and_nowhere_else() {
    let (host, _daemon, _owner) = two();
    let all = Guest::invited(&host, &[]);
    let mine = all.id("", "mine.txt");
    let guest = Guest::invited(&host, &["films/"]);
    assert_eq!(guest.row["path"], json!("films"));
    assert_eq!(guest.names("path="), ["old", "Größe 1.bin"]);
    assert_eq!(guest.names("search=mine"), [""; 0]);
    assert_eq!(
        guest.get(&format!("file/{mine}/mine.txt"), "").status,
        404,
        "it is shared, and not by this link"
    );
    for path in ["..", "../", "films", "/", "old/..", "%2e%2e", "old/../..", ".potluck"] {
        assert_eq!(guest.get(&format!("api/list?path={path}"), "").status, 404, "{path}");
        assert_eq!(guest.get(&format!("zip/a.zip?path={path}"), "").status, 404, "{path}");
    }
    // Nothing of the owner's is there, whatever is said; nor what another link opened.
    let ask = |path: &str| {
        let at = guest.host();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\nConnection: close\r\nCookie: token=1\r\n\
             Authorization: Bearer 1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        guest.send(&request).status
    };
    let inside = |path: &str| format!("{}{path}", guest.path);
    for path in
        ["/api/ask", "/api/login", "/api/link", &inside("api/ask"), &inside("api/link"), "/../etc/passwd"]
    {
        assert!(matches!(ask(path), 404 | 400), "{path}");
    }
    for path in [&all.path, "/g/00000000000000000000000000000000/", "/g/x/", "/", "/g//"] {
        let request =
            format!("GET {path}api/list HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", guest.host());
        assert!(matches!(guest.send(&request).status, 404 | 400), "{path}");
    }
    let refused = host.ask(&["guest", "on", "nothing"]);
    assert!(err(&refused).contains("nobody shares `nothing`"), "{}", err(&refused));
}

#[test]
fn no_other_site_asks_for_a_guest_and_nothing_that_could_run_is_shown() {
    let (host, _daemon, _owner) = two();
    let guest = Guest::invited(&host, &["--upload"]);
    let path = format!("{}api/text", guest.path);
    let request = |host: &str, fields: &str| {
        let body = "{\"text\":\"x\"}";
        let len = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}Content-Length: {len}\r\n\r\n{body}"
        );
        guest.send(&request).status
    };
    let (at, json) = (guest.host(), "Content-Type: application/json\r\n");
    let ours = format!("Origin: http://{at}\r\n");
    for name in ["evil.example", &format!("evil.example:{}", guest.port), "127.0.0.1", "127.0.0.2"] {
        assert_eq!(request(name, &format!("{ours}{json}")), 421, "DNS rebinding: {name}");
    }
    for origin in ["", "Origin: http://evil.example\r\n", "Origin: null\r\n"] {
        assert_eq!(request(&at, &format!("{origin}{json}")), 403, "{origin}");
    }
    assert_eq!(request(&at, &format!("{ours}Content-Type: text/plain\r\n")), 415, "a form sends that");
    for twice in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        assert_eq!(request(&at, &format!("{ours}{json}{twice}")), 400, "{twice}");
    }
    assert_eq!(request(&at, &format!("{ours}{json}")), 200);
    let svg = guest.get(&format!("file/{}/a.svg?show", guest.id("films/old", "a.svg")), "");
    assert!(svg.field("content-disposition").unwrap().starts_with("attachment"), "{}", svg.head);
    // The guest says what it is called, and not what it is.
    for name in ["a.html", "a.svg", "a"] {
        let shown = guest.get(&format!("file/{}/{name}?show", guest.id("films/old", "a.svg")), "");
        assert!(shown.field("content-type").unwrap() == "application/octet-stream", "{name}: {}", shown.head);
        assert_eq!(shown.field("x-content-type-options"), Some("nosniff"));
        assert!(shown.field("content-security-policy").unwrap().starts_with("sandbox;"));
    }
    assert!(guest.get("", "").field("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
}

#[test]
fn guests_and_the_owner_tell_each_other_something() {
    let (host, _daemon, _owner) = two();
    let guest = Guest::invited(&host, &["--upload"]);
    let mut watch = host.command().arg("watch").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    lines.find(|line| line["event"] == "watching").unwrap();
    assert_eq!(
        guest.ask("api/text", &json!({ "text": " where is \u{1b}[31mthe film? \n" })),
        (200, json!({}))
    );
    let said = lines.find(|line| line["event"] == "guest_text").unwrap();
    assert_eq!((&said["name"], &said["text"]), (&json!("127.0.0.1"), &json!("where is \u{1b}[31mthe film?")));
    assert!(host.ask(&["guest", "say", "in films/"]).status.success());
    let texts = guest.json("api/texts?after=0");
    let all: Vec<_> =
        texts["texts"].as_array().unwrap().iter().map(|t| (t["from"].clone(), t["text"].clone())).collect();
    assert_eq!(
        all,
        [(json!("guest"), json!("where is \u{1b}[31mthe film?")), (json!("owner"), json!("in films/"))]
    );
    assert_eq!(guest.json(&format!("api/texts?after={}", texts["next"]))["texts"], json!([]));
    for text in ["", "  ", &"x".repeat(9_000)] {
        assert_eq!(guest.ask("api/text", &json!({ "text": text })).0, 400);
    }
    let heard = (0..40).filter(|_| guest.ask("api/text", &json!({ "text": "again" })).0 == 200).count();
    assert!((1..40).contains(&heard), "{heard}");
    assert_eq!(guest.ask("api/upload", &json!({ "name": "empty", "size": 0 })).0, 200);
    let came = lines.find(|line| line["event"] == "guest_file").unwrap();
    assert_eq!(came["path"], json!("from-guests/empty"));
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn a_link_ends_by_itself_and_with_the_next_one() {
    let (host, _daemon, _owner) = two();
    assert_eq!(guest_row(&host)["is_on"], json!(false));
    let first = Guest::invited(&host, &["--private"]);
    assert!(first.row["address"].as_str().unwrap().starts_with("https://"));
    assert_eq!(first.get("", "").status, 403, "in plain");
    let brief = Guest::invited(&host, &["--for", "1s"]);
    assert!(TcpStream::connect(("127.0.0.1", first.port)).is_err() || first.port == brief.port);
    wait("it ends", DEADLINE, || TcpStream::connect(("127.0.0.1", brief.port)).is_err().then_some(()));
    assert_eq!(guest_row(&host)["is_on"], json!(false));
    for (words, text) in [
        (&["guest", "say"][..], "what are guests to be told? `guest say TEXT`"),
        (&["guest", "say", "x"], "no guests are let in: `guest on` first"),
        (&["guest", "off", "films"], "say `guest on PATH`"),
        (&["guest", "--upload"], "--for, --upload, --pin, --private and --port are for `guest on`"),
        (&["guest", "on", "--for", "soon"], "--for takes a time up to a year: `90m`, `2h`, `1d 12h`"),
    ] {
        let refused = host.ask(words);
        assert!(
            refused.status.code() == Some(2) && err(&refused).contains(text),
            "{words:?}: {}",
            err(&refused)
        );
    }
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = host.ask(&["guest", "on", "--port", &port]);
    assert!(err(&refused).contains("guests cannot be let in: "), "{}", err(&refused));
}

#[test]
fn whoever_says_nothing_keeps_nobody_out() {
    let (host, _daemon, _owner) = two();
    let guest = Guest::invited(&host, &[]);
    let silent: Vec<_> = (0..200)
        .map(|n| {
            let mut stream = TcpStream::connect(("127.0.0.1", guest.port)).unwrap();
            // The beginning of a head, of a handshake, or nothing.
            let begin: [&[u8]; 3] = [b"GET /", b"\x16\x03\x01", b""];
            stream.write_all(begin[n % 3]).unwrap();
            stream
        })
        .collect();
    assert_eq!(guest.names("path="), ["films", "mine.txt"]);
    let mut first = silent.into_iter().next().unwrap();
    first.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut rest = Vec::new();
    // It made way, or its time for a head was over.
    drop(first.read_to_end(&mut rest));
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&rest));
}
