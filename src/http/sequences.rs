//! Whatever a client sends, in whatever pieces and at whatever times, and whatever a service does meanwhile: what comes
//! out holds together. For fuzzing and property tests.
//!
//! The first byte of each step chooses what happens; bytes of the client are the input as it is, or one of some pieces of
//! requests.

use core::time::Duration;

use super::machine::{HttpConnection, HttpEvent};
use super::{Answer, AnswerBody, Status, limits};
use crate::time::Time;

/// Pieces of what clients send.
const PIECES: [&str; 12] = [
    "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD /b?c=d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
    "PUT /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "hello",
    "\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "\0\u{ff}",
    "GET /../x HTTP/1.1\r\nHost: h\r\n\r\n",
];

/// What is known of one connection.
struct Watched {
    http: HttpConnection,
    now: Time,
    /// Bytes of the present body that were asked for and did not come.
    wanted: u64,
    /// A request came that was not answered.
    is_open: bool,
    /// Its body is not over.
    has_body: bool,
    /// Bytes that were heard, at most, and not looked at.
    heard: usize,
}

impl Watched {
    /// Takes what came, and checks that it comes in order.
    fn look(&mut self) {
        while let Some(event) = self.http.poll_event() {
            match event {
                HttpEvent::Request(head) => {
                    assert!(!self.has_body, "a request in the middle of another one");
                    assert!(
                        head.target.names().iter().all(|name| !name.contains(['/', '\0']) && *name != "..")
                    );
                    (self.is_open, self.has_body, self.wanted) = (true, true, 0);
                }
                HttpEvent::Body(bytes) => {
                    assert!(self.has_body && !bytes.is_empty() && bytes.len() <= limits::PIECE);
                    self.wanted =
                        self.wanted.checked_sub(bytes.len() as u64).expect("no more than was wanted");
                }
                HttpEvent::BodyEnd => {
                    assert!(self.has_body);
                    self.has_body = false;
                }
                HttpEvent::Gone => (self.is_open, self.has_body) = (false, false),
            }
        }
    }

    fn take_all(&mut self) {
        while !self.http.output().is_empty() {
            let len = self.http.output().pieces().next().map_or(0, <[u8]>::len);
            assert!(len > 0, "an empty piece");
            self.http.handle_taken(self.now, len);
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        // As the shell does: what is not taken now stays in the socket.
        for piece in bytes.chunks(1_000) {
            if self.http.hears() {
                self.http.handle_bytes(self.now, piece);
                self.heard += piece.len();
            }
        }
    }

    fn answer(&mut self, answer: Answer) {
        if std::mem::take(&mut self.is_open) {
            // The rest of a body that nobody asked for is not told.
            self.http.answer(self.now, answer);
        }
    }
}

/// Lets happen what the bytes choose.
///
/// # Panics
/// When the machine does not hold together.
pub fn run(mut input: &[u8]) {
    let now = Time(1_000_000_000);
    let http = HttpConnection::new(now);
    let mut w = Watched { http, now, wanted: 0, is_open: false, has_body: false, heard: 0 };
    while let Some((&what, rest)) = input.split_first() {
        input = rest;
        let n = usize::from(what >> 4);
        match what & 15 {
            0..=4 => w.hear(PIECES[(n + usize::from(what & 7) * 3) % PIECES.len()].as_bytes()),
            5 | 6 => {
                let (bytes, rest) = input.split_at((n * 8).min(input.len()));
                input = rest;
                w.hear(bytes);
            }
            7 => {
                w.http.want_body(w.now, n as u64);
                w.wanted += n as u64;
            }
            8 => w.answer(Answer::text(Status::Ok, "some text")),
            9 => w.answer(Answer::new(Status::Ok, AnswerBody::Bytes(n as u64 * 3))),
            10 => w.answer(Answer::new(Status::Ok, AnswerBody::Open)),
            11 => w.http.push(w.now, vec![b'x'; n]),
            12 => {
                w.is_open = false;
                w.http.end(w.now);
            }
            13 => w.take_all(),
            14 => {
                w.now = w.now + Duration::from_secs(n as u64);
                w.http.handle_timeout(w.now);
            }
            _ => w.http.handle_end(w.now),
        }
        w.look();
    }
    // It ends by itself, whatever is left undone.
    w.http.handle_end(w.now);
    w.look();
    w.http.end(w.now);
    w.take_all();
    for _ in 0..100 {
        w.look();
        w.http.want_body(w.now, 1_000);
        w.wanted += 1_000;
        w.answer(Answer::empty(Status::Ok));
        w.http.end(w.now);
        w.take_all();
        if let Some(due) = w.http.poll_timeout() {
            w.now = w.now.max(due);
            w.http.handle_timeout(w.now);
        }
        if w.http.is_over() {
            return;
        }
    }
    panic!("it does not end");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_happens_it_holds_together(input in prop::collection::vec(any::<u8>(), 0..300)) {
            run(&input);
        }
    }
}
