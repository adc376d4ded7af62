//! Escape codes in names of peers and files, on every way out: no byte that a terminal obeys.

use std::io::Write as _;
use std::process::{Command, Stdio};

use expectrl::{Eof, Expect as _, Session};
use potluck::text::is_unprintable;

use crate::fiend::{Fiend, Lie, Offer, Order};
use crate::lab::{Lab, SOON, wait};
use crate::watch::{assert_well, log};

/// Colours, the clipboard, the title, a bell, C1, other directions, invisible and new lines.
const EVIL: &str =
    "e\x1b[31mv\x1b]52;c;aGk=\x07\x1b]0;t\x07i\u{9b}2J\u{202e}l\u{200b}\u{2066}\r\nX\u{85}\u{2028}\x08\x7f";

/// Panics if there is a character that a terminal obeys, but for ends of lines.
fn assert_clean(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
    let raw: Vec<_> = text.chars().filter(|c| is_unprintable(*c) && *c != '\n').collect();
    assert_eq!(raw, [], "{what}: {text:?}");
}

/// All that a terminal gets from the prompt of a third peer.
fn seen_at_the_prompt(lab: &Lab) -> String {
    // With nothing said about where its input comes from, or the terminal would not be it.
    let inside = lab.inside(3, env!("CARGO_BIN_EXE_potluck"));
    let mut prompt = Command::new(inside.get_program());
    prompt.args(inside.get_args()).envs(inside.get_envs().filter_map(|(k, v)| Some((k, v?))));
    prompt
        .arg("-d")
        .arg(lab.folder("typed"))
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .env_remove("POTLUCK_INTERFACE");
    let mut session = Session::spawn(prompt).unwrap();
    session.get_process_mut().set_window_size(200, 40).unwrap();
    session.set_expect_timeout(Some(SOON));
    let mut seen = Vec::new();
    for (typed, expected) in
        [("", "everyone on this network"), ("list\r", "e\\u{1b}[31mv"), ("peers\r", ":27281")]
    {
        session.send(typed).unwrap();
        let found = session.expect(expected).unwrap_or_else(|e| panic!("{expected}: {e}"));
        seen.extend(found.as_bytes());
    }
    session.send("exit\r").unwrap();
    seen.extend(session.expect(Eof).unwrap().as_bytes());
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn nothing_that_a_terminal_obeys_comes_out_anywhere() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &["-vv"]);
    let fiend = Fiend::start(&lab, 2, EVIL, Lie::None);
    let folder = EVIL.replace('/', "-");
    let path = format!("{folder}/{folder}");
    fiend.order(Order::Have(b"x".to_vec()));
    fiend.offer(vec![
        Offer::file(path.as_str(), b"x"),
        Offer::file(format!("{folder}2"), b"nobody has this"),
        Offer::folder(format!("{folder}3")),
    ]);
    wait("the file", SOON, || victim.offered(&path));
    let mut looked = 0;
    for json in [&[][..], &["--json"]] {
        let commands = [
            &["list"][..],
            &["peers"],
            &["status"],
            &["download", &path],
            &["download", &folder],
            &["list", &path],
            &["list", "--from", &path],
            &["download", &format!("{path}?")],
            &["download", "--no-wait", &format!("{folder}2")],
            &["status"],
            &["help", &path],
        ];
        for command in commands {
            let out = victim.cli(command.iter().chain(json));
            assert_clean(&format!("{command:?}"), &out.stdout);
            assert_clean(&format!("{command:?}"), &out.stderr);
            looked += out.stdout.len() + out.stderr.len();
        }
    }
    assert!(looked > 3_000, "{looked}");
    // A catalogue that is refused is told with its reason.
    fiend.offer_until_pulled(&[Offer::sized(format!("{folder}4"), b"x", u64::MAX)]);
    wait("a word about it", SOON, || {
        String::from_utf8_lossy(&log(&victim)).contains("is not listed").then_some(())
    });
    assert_clean("the log", &log(&victim));
    fiend.offer_until_pulled(&[Offer::file(path.as_str(), b"x")]);
    // From a pipe.
    let mut pipe = lab.inside(3, env!("CARGO_BIN_EXE_potluck"));
    pipe.arg("-d").arg(lab.folder("piped")).env_remove("POTLUCK_INTERFACE");
    let mut piped = pipe.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"list\npeers\nstatus\nexit\n").unwrap();
    let out = piped.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&out.stdout).contains("e\\u{1b}[31mv"), "{out:?}");
    assert_clean("the pipe", &out.stdout);
    assert_clean("the pipe", &out.stderr);
    // At the prompt, which itself uses escape codes, but none of these.
    let seen = seen_at_the_prompt(&lab);
    for raw in
        ["\x1b]", "\x1b[31mv", "\u{9b}", "\u{202e}", "\u{200b}", "\u{2066}", "\u{85}", "\u{2028}", "\x07"]
    {
        assert!(!seen.contains(raw), "{raw:?} in {seen:?}");
    }
    assert_well(&victim);
}
