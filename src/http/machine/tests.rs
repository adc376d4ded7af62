use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::http::ByteRange;

/// A connection, and what came out of it.
struct Bench {
    http: HttpConnection,
    now: Time,
    events: Vec<HttpEvent>,
    said: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let now = Time(1_000_000_000);
        Self { http: HttpConnection::new(now), now, events: Vec::new(), said: Vec::new() }
    }

    fn hear(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.http.handle_bytes(self.now, bytes.as_ref());
        self.look()
    }

    /// Takes the events, and all that is to be sent.
    fn look(&mut self) -> &mut Self {
        self.events.extend(core::iter::from_fn(|| self.http.poll_event()));
        while !self.http.output().is_empty() {
            let piece = self.http.output().pieces().next().unwrap().to_vec();
            self.said.extend_from_slice(&piece);
            self.http.handle_taken(self.now, piece.len());
        }
        self.events.extend(core::iter::from_fn(|| self.http.poll_event()));
        self
    }

    fn answer(&mut self, answer: Answer) -> &mut Self {
        self.http.answer(self.now, answer);
        self.look()
    }

    fn push(&mut self, bytes: &[u8]) -> &mut Self {
        self.http.push(self.now, bytes.to_vec());
        self.look()
    }

    fn end(&mut self) -> &mut Self {
        self.http.end(self.now);
        self.look()
    }

    fn want(&mut self, bytes: u64) -> &mut Self {
        self.http.want_body(self.now, bytes);
        self.look()
    }

    /// What was said since the last time.
    fn said(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.said)).unwrap()
    }

    /// The paths that were asked for since the last time, and the bytes of bodies between `<` and `>`.
    fn heard(&mut self) -> String {
        let mut all = String::new();
        for event in std::mem::take(&mut self.events) {
            match event {
                HttpEvent::Request(head) => {
                    all.push('/');
                    all.push_str(&head.target.names().join("/"));
                    all.push('<');
                }
                HttpEvent::Body(bytes) => all.push_str(&String::from_utf8_lossy(&bytes)),
                HttpEvent::BodyEnd => all.push('>'),
                HttpEvent::Gone => all.push('!'),
            }
        }
        all
    }

    /// Goes on until the next time that something is due.
    fn wait(&mut self) -> Duration {
        let due = self.http.poll_timeout().expect("something is due");
        let waited = due.since(self.now);
        self.now = due;
        self.http.handle_timeout(self.now);
        self.look();
        waited
    }
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

fn whole(text: &str) -> Answer {
    Answer::new(Status::Ok, AnswerBody::Whole(text.into()))
}

#[test]
fn requests_are_answered_one_after_the_other() {
    let mut b = Bench::new();
    b.hear(format!(
        "{GET}POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbodyGET /c HTTP/1.1\r\nHost: h\r\n\r\n"
    ));
    assert_eq!(b.heard(), "/a<>", "the second one waits");
    assert!(
        b.answer(whole("first"))
            .said()
            .ends_with("\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nfirst")
    );
    assert_eq!(b.heard(), "/b<");
    assert_eq!(b.want(3).heard(), "bod");
    assert_eq!(b.want(1).heard(), "y>");
    assert!(
        b.answer(Answer::empty(Status::NoContent))
            .said()
            .starts_with("HTTP/1.1 204 No Content\r\nconnection: keep-alive\r\n\r\n")
    );
    assert_eq!(b.heard(), "/c<>");
    b.answer(whole(""));
    assert!(b.http.is_idle() && b.http.hears() && !b.http.is_over());
}

#[test]
fn answers_come_in_pieces_with_a_length_or_in_chunks() {
    let mut b = Bench::new();
    b.hear(GET).answer(Answer::new(Status::Ok, AnswerBody::Bytes(6)));
    assert!(b.push(b"abc").push(b"defgh").said().ends_with("\r\n\r\nabcdef"), "no more than was promised");
    assert!(b.http.is_idle());
    b.hear(GET).answer(Answer::new(Status::Ok, AnswerBody::Open)).push(b"abc").push(b"").push(b"d");
    assert!(b.end().said().ends_with(
        "transfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
    ));
    assert!(b.http.is_idle());
    b.hear("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n").answer(Answer::new(Status::Ok, AnswerBody::Bytes(6)));
    assert!(b.push(b"abcdef").end().said().ends_with("content-length: 6\r\nconnection: keep-alive\r\n\r\n"));
    let part = Answer::new(Status::PartialContent, AnswerBody::Bytes(2));
    let part = part.with("content-range", ByteRange(1..3).content_range(6));
    assert!(b.hear(GET).answer(part).push(b"bc").said().contains("content-range: bytes 1-2/6\r\n"));
    // Who asks by HTTP/1.0 sees the end by that of the connection.
    b.hear("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .answer(Answer::new(Status::Ok, AnswerBody::Open));
    assert!(!b.http.is_over());
    assert!(b.push(b"abc").end().said().ends_with("connection: close\r\n\r\nabc"));
    assert!(b.http.is_over());
}

#[test]
fn what_brings_less_than_it_promised_ends_with_the_connection() {
    let mut b = Bench::new();
    b.hear(GET).answer(Answer::new(Status::Ok, AnswerBody::Bytes(6))).push(b"abc").end();
    assert!(b.http.is_over());
    let mut b = Bench::new();
    b.hear(GET).end();
    assert!(b.http.is_over() && b.said().is_empty());
}

#[test]
fn a_client_that_waits_is_told_to_send_its_body_or_why_not() {
    let post = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let mut b = Bench::new();
    assert_eq!(b.hear(post).heard(), "/a<");
    assert_eq!(b.want(1).want(3).said(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(b.hear("body").heard(), "body>");
    b.answer(whole("ok")).said();
    // One that sends it all the same is not told.
    assert_eq!(b.hear(post).hear("bo").want(4).hear("dy").said(), "");
    b.answer(whole("ok")).said();
    b.hear(post).answer(Answer::text(Status::ContentTooLarge, "too much"));
    assert!(b.said().contains("connection: close") && b.http.has_said_all() && !b.http.is_over());
    b.hear("body");
    assert!(!b.http.is_over(), "it may still be sending");
    b.http.handle_end(b.now);
    assert!(b.http.is_over());
}

#[test]
fn what_is_no_request_is_answered_and_the_connection_ends() {
    for (bytes, status) in [
        ("\u{16}\u{3}\u{1}", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/9.0\r\nHost: h\r\n\r\n", "505"),
    ] {
        let mut b = Bench::new();
        b.hear(bytes).hear(GET);
        assert!(b.said().starts_with(&format!("HTTP/1.1 {status} ")) && b.events.is_empty());
        assert_eq!(b.wait(), limits::MOVES_IN, "it is not waited for long");
        assert!(b.http.is_over());
    }
    let mut b = Bench::new();
    b.hear("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx").want(100);
    assert_eq!(b.heard(), "/a<abc!");
    assert!(b.said().starts_with("HTTP/1.1 400 "));
    // What is thrown away has a bound.
    let mut b = Bench::new();
    b.hear("junk\r\n\r\n");
    for _ in 0..limits::DRAINED / 1_024 {
        assert!(!b.http.is_over());
        b.hear([0; 1_024]);
    }
    assert!(b.http.is_over());
}

#[test]
fn who_is_slow_is_cut() {
    // A head that does not end.
    let mut b = Bench::new();
    b.hear("GET /a HTTP/1.1\r\n");
    for _ in 0..9 {
        b.now = b.now + Duration::from_secs(1);
        b.hear("X: y\r\n");
    }
    assert_eq!(b.wait(), Duration::from_secs(1));
    assert!(b.said().starts_with("HTTP/1.1 408 "));
    // Nothing is asked.
    for answered in [false, true] {
        let mut b = Bench::new();
        if answered {
            b.hear(GET).answer(whole(""));
        }
        assert_eq!(b.wait(), limits::IDLE);
        assert!(b.http.is_over() && b.heard().find('!').is_none());
    }
    // A body that trickles.
    let mut b = Bench::new();
    b.hear("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    assert_eq!(b.http.poll_timeout(), None, "it is the service that is waited for");
    b.want(100_000);
    let begun = b.now;
    while !b.http.is_over() {
        b.hear("x");
        b.now = b.now + Duration::from_secs(1);
        b.http.handle_timeout(b.now);
        b.look();
    }
    assert_eq!(b.now.since(begun), limits::MOVES_IN);
    assert!(b.heard().ends_with('!'));
    // An answer that is taken byte by byte.
    let mut b = Bench::new();
    b.http.handle_bytes(b.now, GET.as_bytes());
    b.http.answer(b.now, whole(&"x".repeat(100_000)));
    let begun = b.now;
    while !b.http.is_over() {
        b.http.handle_taken(b.now, 1);
        b.now = b.now + Duration::from_secs(1);
        b.http.handle_timeout(b.now);
    }
    assert_eq!(b.now.since(begun), limits::MOVES_IN);
}

#[test]
fn who_moves_is_not_cut_however_long_it_takes() {
    let mut b = Bench::new();
    let half = usize::try_from(limits::MOVES / 2).unwrap();
    b.hear(format!("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", 100 * half)).want(u64::MAX);
    for _ in 0..100 {
        b.now = b.now + limits::MOVES_IN / 2 - Duration::from_millis(1);
        b.http.handle_timeout(b.now);
        b.hear(vec![b'x'; half]);
    }
    assert_eq!(b.heard().len(), "/a<>".len() + 100 * half);
    b.http.answer(b.now, whole(&"x".repeat(100 * half)));
    while !b.http.output().is_empty() {
        b.now = b.now + limits::MOVES_IN / 2 - Duration::from_millis(1);
        b.http.handle_timeout(b.now);
        b.http.handle_taken(b.now, half);
    }
    assert!(b.http.is_idle() && !b.http.is_over());
}

#[test]
fn whoever_begins_to_ask_again_while_an_answer_is_read_slowly_has_time_for_that() {
    let mut b = Bench::new();
    let half = usize::try_from(limits::MOVES / 2).unwrap();
    b.hear(GET);
    b.http.answer(b.now, whole(&"x".repeat(20 * half)));
    b.http.handle_bytes(b.now, b"GET /b HT");
    while !b.http.output().is_empty() {
        b.now = b.now + limits::MOVES_IN / 2 - Duration::from_millis(1);
        b.http.handle_timeout(b.now);
        b.http.handle_taken(b.now, half);
    }
    b.now = b.now + limits::HEAD_TIME - Duration::from_millis(1);
    b.http.handle_timeout(b.now);
    assert!(!b.http.is_over());
    b.hear("TP/1.1\r\nHost: h\r\n\r\n");
    let heard = b.heard();
    assert!(heard.ends_with("/b<>"), "{heard}");
}

#[test]
fn a_client_that_ends_reads_what_it_asked_for() {
    let mut b = Bench::new();
    b.hear(GET).hear(GET);
    b.http.handle_end(b.now);
    assert!(b.answer(whole("one")).said().ends_with("one") && !b.http.is_over());
    assert!(b.answer(whole("two")).said().ends_with("two") && b.http.is_over());
    let mut b = Bench::new();
    b.hear("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo").want(4);
    b.http.handle_end(b.now);
    assert_eq!(b.look().heard(), "/a<bo!");
    assert!(b.http.is_over());
}

#[test]
fn what_comes_too_early_is_left_where_it_is() {
    let mut b = Bench::new();
    b.hear(GET);
    let mut came = 0;
    while b.http.hears() {
        came += 1_000;
        b.hear([b'x'; 1_000]);
    }
    assert!((limits::HEAD..limits::AHEAD + 1_000).contains(&came), "{came}");
    b.answer(whole(""));
    assert!(b.said().contains("HTTP/1.1 431"), "that was no request");
}

proptest! {
    /// However bytes are cut, they say the same.
    #[test]
    fn pieces_make_no_difference(cuts in prop::collection::vec(1_usize..40, 1..60)) {
        let bytes = format!(
            "{GET}POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: t\r\n\r\nPUT /c \
             HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello{GET}",
        );
        let mut b = Bench::new();
        let (mut rest, mut cuts, mut heard) = (bytes.as_bytes(), cuts.into_iter().cycle(), String::new());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            rest = later;
            b.hear(now);
            loop {
                let news = b.want(2).heard();
                if news.is_empty() {
                    break;
                }
                heard.push_str(&news);
                if news.ends_with('>') {
                    b.answer(whole("ok"));
                }
            }
        }
        prop_assert_eq!(heard, "/a<>/b<abcde>/c<hello>/a<>");
        prop_assert!(b.http.is_idle());
    }

    /// Whatever comes, at whatever time: it ends, and each request is answered once at most.
    #[test]
    fn nothing_that_comes_holds_it_up(pieces in prop::collection::vec(
        (prop::sample::select(vec![
            GET, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", "abc", "1\r\n", "\r\n", "0\r\n\r\n", "\0",
            "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD / HTTP/1.0\r\n\r\n",
        ]), 0_u8..6), 0..30)) {
        let mut b = Bench::new();
        for (piece, act) in pieces {
            if b.http.hears() {
                b.hear(piece);
            }
            match act {
                0 => drop(b.answer(whole("whole"))),
                1 => drop(b.answer(Answer::new(Status::Ok, AnswerBody::Open)).push(b"x").end()),
                2 => drop(b.want(2)),
                3 if b.http.poll_timeout().is_some() => {
                    b.wait();
                }
                _ => {}
            }
        }
        b.http.handle_end(b.now);
        b.look();
        for _ in 0..10 {
            b.want(100).answer(whole(""));
        }
        while b.http.poll_timeout().is_some() {
            b.wait();
        }
        prop_assert!(b.http.is_over());
    }
}
