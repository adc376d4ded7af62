//! What people use it for, line by line as they see it on a narrow and on a wide terminal.

use std::fmt::Write as _;

use crate::common::{Neighbour, Peer};
use crate::prompt::open_on;
use crate::transcript::Transcript;

/// The terminals on which each is seen, in columns.
const NARROW: u16 = 80;
const WIDE: u16 = 200;

/// A terminal without colours, and one that can do nothing but show lines.
const PLAIN: [(&str, &str); 2] = [("TERM", "xterm"), ("NO_COLOR", "1")];
const DUMB: [(&str, &str); 1] = [("TERM", "dumb")];

/// One use, as it is written down.
struct Use {
    session: Transcript,
    log: String,
}

impl Use {
    /// Starts a peer of this name at a prompt, where these others are already; waits until it told of each.
    fn begin(peer: &Peer, name: &str, columns: u16, says: &[(&str, &str)], others: &[&str]) -> Self {
        let flags = ["--name", name, "--no-sandbox", "--no-progress"];
        let terminal = open_on(peer, &flags, columns, says);
        let is_redrawn = says != DUMB;
        let mut session = Transcript { terminal, masks: Vec::new(), has_widths: true, is_redrawn };
        let first = session.above();
        session.masks.push((peer.path().display().to_string(), "FOLDER"));
        session.mask_peer(peer, ["OWNIDOWN", "PPPPP"]);
        let mut log = String::new();
        writeln!(log, "== {columns} columns\n{}", session.masked(&first)).unwrap();
        for name in others {
            session.told(&format!("{name} joined"));
        }
        Self { session, log }
    }

    /// What is typed, and what is answered.
    fn say(&mut self, line: &str) {
        let answer = self.session.say(line);
        writeln!(self.log, "potluck> {line}\n{answer}").unwrap();
    }

    /// What is typed, and what is told of it until `part` was said.
    fn say_until(&mut self, line: &str, part: &str) {
        let mut answer = self.session.say(line);
        if !answer.contains(part) {
            answer += "\n";
            answer += &self.session.told(part);
        }
        writeln!(self.log, "potluck> {line}\n{}", in_order(&answer)).unwrap();
    }

    /// What somebody else does, and what is told of it.
    fn told(&mut self, what: &str, part: &str) {
        let told = self.session.told(part);
        writeln!(self.log, "({what})\n{told}").unwrap();
    }

    fn end(mut self) -> String {
        let answer = self.session.say_last("exit");
        writeln!(self.log, "potluck> exit\n{answer}").unwrap();
        self.log
    }
}

/// Without the prompts between, and files of a folder, which come in any order, in that of their names.
fn in_order(answer: &str) -> String {
    let lines = answer.trim_start().lines().map(|line| line.trim_start_matches("potluck> "));
    let mut lines: Vec<&str> = lines.filter(|line| !line.is_empty() && *line != "potluck>").collect();
    for run in lines.chunk_by_mut(|one, other| one.starts_with("saved ") && other.starts_with("saved ")) {
        run.sort_unstable();
    }
    lines.join("\n")
}

/// The same use on both terminals.
fn on_both(used: impl Fn(u16) -> String) -> String {
    [NARROW, WIDE].map(used).concat()
}

#[test]
fn an_empty_folder_and_its_first_start() {
    let first_start = |columns| {
        let peer = Peer::new();
        let mut used = Use::begin(&peer, "anna", columns, &PLAIN, &[]);
        used.told("a second later", "nobody answers yet");
        used.say("list");
        peer.share("stew.txt", b"lentils");
        peer.lists(1);
        used.say("rescan");
        used.say("list");
        used.say("help");
        used.end()
    };
    insta::assert_snapshot!("first_start", on_both(first_start));
}

#[test]
fn an_office() {
    let office = |columns| {
        let ben = Peer::new();
        let anna = ben.neighbour();
        for (path, bytes) in [
            ("Budget 2027.ods", &[7; 48_200][..]),
            ("Minutes/2026-11-02.txt", b"we meet again"),
            ("Minutes/2026-11-16.txt", b"and once more"),
            (
                "Offers/a very long name that somebody gave to an offer of last year, final, really final (2).pdf",
                b"pdf",
            ),
        ] {
            anna.share(path, bytes);
        }
        let anna = Neighbour::start(anna, &["--name", "anna"]);
        let mut used = Use::begin(&ben, "ben", columns, &PLAIN, &["anna"]);
        ben.lists(4);
        used.say("list");
        used.say("list --flat");
        used.say("search minutes 16");
        used.say("download minute");
        used.say_until("download budget*", "saved ");
        used.say_until("download Minutes", "done:");
        used.say("queue");
        let sent = anna.peer.path().join("for ben.txt");
        std::fs::write(&sent, "as you wished").unwrap();
        let output = anna.peer.ask(&["send", sent.to_str().unwrap(), "ben", "--no-wait"]);
        assert!(output.status.success());
        used.told("anna sends something", "accept 1");
        used.say("offers");
        used.say_until("accept", "saved ");
        assert!(anna.peer.ask(&["chat", "lunch at 12?"]).status.success());
        used.told("anna says something", "lunch at 12?");
        used.say("chat gladly");
        used.end()
    };
    insta::assert_snapshot!("office", on_both(office));
}

#[test]
fn a_classroom() {
    let classroom = |columns| {
        let teacher = Peer::new();
        for (path, bytes) in [("Week 12/exercises.pdf", 300), ("Week 12/slides/1.odp", 2_000)] {
            teacher.share(path, &[7].repeat(bytes));
        }
        let mut used = Use::begin(&teacher, "teacher", columns, &PLAIN, &[]);
        used.session.told("nobody answers yet");
        teacher.lists(2);
        let pupils = ["pupil 01", "pupil 02", "pupil 03"].map(|name| {
            let pupil = Neighbour::start(teacher.neighbour(), &["--name", name]);
            used.session.told(&format!("{name} joined"));
            let id = pupil.peer.status().id;
            used.session.masks.extend([(id.clone(), "THE_FULL_ID"), (id[..8].to_owned(), "THEIR_ID")]);
            pupil
        });
        for pupil in &pupils[..2] {
            pupil.peer.lists(2);
            let output = pupil.peer.ask(&["download", "Week 12"]);
            assert!(output.status.success(), "{}", crate::common::err(&output));
        }
        pupils[2].peer.lists(2);
        crate::common::wait("it is noted", crate::common::DEADLINE, || {
            let shown = crate::common::out(&teacher.ask(&["who", "Week 12/"]));
            (shown.matches(" took all").count() == 2).then_some(())
        });
        used.say("who \"Week 12/\"");
        used.say("who \"pupil 03\"");
        used.end()
    };
    insta::assert_snapshot!("classroom", on_both(classroom));
}

#[test]
fn names_of_many_languages() {
    let names = |columns| {
        let peer = Peer::new();
        let giver = peer.neighbour();
        for path in [
            "Café Menü.txt",
            "گزارش ماهانه ۱۴۰۵.pdf",
            "גיבוי/מסמך חשוב.txt",
            "写真/夏祭り.jpg",
            "写真/とても長い名前のファイルで、狭い端末には入りきらないので途中で切られるはずのもの.jpg",
        ] {
            giver.share(path, path.as_bytes());
        }
        let _giver = Neighbour::start(giver, &["--name", "ゆき"]);
        let mut used = Use::begin(&peer, "שרה", columns, &PLAIN, &["ゆき"]);
        peer.lists(5);
        used.say("list");
        used.say("list 写真/");
        used.say("search گزارش");
        used.say_until("download \"cafe menu.txt\"", "saved ");
        used.say_until("download 写真 גיבוי", "done:");
        used.end()
    };
    insta::assert_snapshot!("names", on_both(names));
}

#[test]
fn a_screen_reader() {
    let reader = |columns| {
        let peer = Peer::new();
        let giver = peer.neighbour();
        giver.share("notes.txt", b"notes");
        giver.share("big.bin", &[7].repeat(4 << 20));
        let _giver = Neighbour::start(giver, &["--name", "giver", "--up-limit", "2MiB"]);
        let mut used = Use::begin(&peer, "reader", columns, &DUMB, &["giver"]);
        peer.lists(2);
        used.say("list");
        used.say_until("download big.bin notes.txt", "done:");
        used.say("frobnicate");
        used.end()
    };
    insta::assert_snapshot!("screen_reader", on_both(reader));
}
