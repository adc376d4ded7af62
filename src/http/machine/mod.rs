//! One connection of a client. Pure.
//!
//! Inputs are `handle_*` with the time first, and what the service says: [`HttpConnection::want_body`],
//! [`HttpConnection::answer`], [`HttpConnection::push`], [`HttpConnection::end`]. Then [`HttpConnection::poll_event`] is
//! drained, [`HttpConnection::output`] is written as far as the client takes it, and
//! [`HttpConnection::handle_timeout`] is due at [`HttpConnection::poll_timeout`]. When [`HttpConnection::is_over`], the
//! connection is to be closed.
//!
//! One request is answered at a time. A client that was told something before it had sent all of its body gets to read
//! it: what else it sends is thrown away up to a bound, and then the connection is closed.

use std::collections::VecDeque;

use super::answer::{Answer, AnswerBody, Status};
use super::body::{BodyReader, BodyStep};
use super::head::{BodyLength, HeadRead, Method, RequestHead};
use super::limits;
use crate::byte_queue::ByteQueue;
use crate::time::Time;

/// What came of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HttpEvent {
    /// A request, which is to be answered once.
    Request(Box<RequestHead>),
    /// Some of its body.
    Body(Vec<u8>),
    /// Its body is over, also if it has none.
    BodyEnd,
    /// What is answered is not wanted any more, or cannot be: the client is gone, or sent nonsense.
    Gone,
}

/// How far the present request was read.
#[derive(Debug)]
enum Reading {
    /// Its head is waited for.
    Head,
    Body(BodyReader),
    /// All of it came: what comes next is another one.
    Whole,
    /// What comes is thrown away, so many bytes at most.
    Draining(u64),
    /// Nothing more is read.
    Over,
}

/// How far the present request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answering {
    /// Nothing was said.
    Nothing,
    /// So many bytes of what was promised are to be said.
    Bytes(u64),
    /// Chunks are said until the end.
    Chunks,
    /// Bytes are said until the connection is closed.
    Open,
    /// A client that wants no body (HEAD) is told none.
    Mute,
    /// All was said.
    All,
}

/// Bytes that must pass until some time.
#[derive(Clone, Copy, Debug)]
struct Moving {
    passed: u64,
    until: Time,
}

impl Moving {
    fn since(now: Time) -> Self {
        Self { passed: 0, until: now + limits::MOVES_IN }
    }

    fn passed(&mut self, now: Time, bytes: usize) {
        self.passed += bytes as u64;
        if self.passed >= limits::MOVES {
            *self = Self::since(now);
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    /// What came and was not looked at.
    heard: Vec<u8>,
    reading: Reading,
    answering: Answering,
    out: ByteQueue,
    events: VecDeque<HttpEvent>,
    /// Bytes of the body that the service takes.
    wanted: u64,
    /// The client waits to be told to send its body.
    waits_to_send: bool,
    /// Of the present request.
    is_head: bool,
    is_old: bool,
    /// No other request is read on this connection.
    closes: bool,
    /// The client says nothing more.
    has_ended: bool,
    /// Since when nothing is asked, or since when a head is coming in.
    since: Time,
    /// Of the body that comes, and of the answer that goes.
    coming: Option<Moving>,
    going: Option<Moving>,
    is_over: bool,
    is_aborted: bool,
}

impl HttpConnection {
    /// One on which nothing was said.
    pub(crate) fn new(now: Time) -> Self {
        Self {
            heard: Vec::new(),
            reading: Reading::Head,
            answering: Answering::All,
            out: ByteQueue::default(),
            events: VecDeque::new(),
            wanted: 0,
            waits_to_send: false,
            is_head: false,
            is_old: false,
            closes: false,
            has_ended: false,
            since: now,
            coming: None,
            going: None,
            is_over: false,
            is_aborted: false,
        }
    }

    /// What came of the client, in order.
    pub(crate) fn poll_event(&mut self) -> Option<HttpEvent> {
        self.events.pop_front()
    }

    /// True if something came that was not looked at.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// What is to be sent.
    pub(crate) const fn output(&self) -> &ByteQueue {
        &self.out
    }

    /// True if more of the answer may be given to [`Self::push`]: little of it waits to be sent.
    pub(crate) const fn takes_more(&self) -> bool {
        self.out.len() < limits::READY
    }

    /// True if bytes of the client are taken now. Else they are left in its connection.
    pub(crate) const fn hears(&self) -> bool {
        !self.has_ended && !matches!(self.reading, Reading::Over) && self.heard.len() < limits::AHEAD
    }

    /// True if nothing more is said on this connection, and the client is to see that: its end of the connection is closed
    /// for writing, while what it still sends is thrown away.
    pub(crate) fn has_said_all(&self) -> bool {
        matches!(self.reading, Reading::Draining(_))
            && self.out.is_empty()
            && self.answering == Answering::All
    }

    /// True if nothing is being asked or answered.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.reading, Reading::Head) && self.out.is_empty()
    }

    /// True if it is to be closed.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// True if it is to be closed as it is: something that was promised will not come.
    pub(crate) const fn is_aborted(&self) -> bool {
        self.is_aborted
    }

    // ---- what the client does ------------------------------------------------------------------

    /// Bytes came.
    pub(crate) fn handle_bytes(&mut self, now: Time, bytes: &[u8]) {
        if bytes.is_empty() || self.is_over {
            return;
        }
        if matches!(self.reading, Reading::Head) && self.heard.is_empty() {
            self.since = now;
        }
        if matches!(self.reading, Reading::Body(_)) {
            self.waits_to_send = false;
            if let Some(coming) = &mut self.coming {
                coming.passed(now, bytes.len());
            }
        }
        self.heard.extend_from_slice(bytes);
        self.go_on(now);
    }

    /// The client says nothing more. It may still read what has an end; whoever was told something without one has gone
    /// away.
    pub(crate) fn handle_end(&mut self, now: Time) {
        self.has_ended = true;
        if matches!(self.answering, Answering::Chunks | Answering::Open) {
            self.leave();
            return self.abort();
        }
        self.go_on(now);
    }

    /// The client took so many bytes of [`Self::output`].
    pub(crate) fn handle_taken(&mut self, now: Time, bytes: usize) {
        self.out.took(bytes);
        if self.out.is_empty() && matches!(self.reading, Reading::Head) {
            self.since = now;
        }
        if let Some(going) = &mut self.going {
            going.passed(now, bytes);
        }
        self.watch(now);
        self.go_on(now);
    }

    // ---- what the service says -----------------------------------------------------------------

    /// So many bytes more of the body are taken. A client that waits for that is told to send it.
    pub(crate) fn want_body(&mut self, now: Time, bytes: u64) {
        self.wanted = self.wanted.saturating_add(bytes);
        if std::mem::take(&mut self.waits_to_send) && self.answering == Answering::Nothing {
            self.out.push(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec());
            self.watch(now);
        }
        self.go_on(now);
    }

    /// The answer to the present request, or the beginning of it.
    pub(crate) fn answer(&mut self, now: Time, answer: Answer) {
        if self.answering != Answering::Nothing {
            return;
        }
        // Who knows no chunks sees the end of an open body by that of the connection.
        let is_open = answer.body == AnswerBody::Open;
        // What is left of a body is no request.
        self.closes |= !matches!(self.reading, Reading::Whole) || is_open && self.is_old;
        self.out.push(answer.head(self.closes, !self.is_old));
        let has_none = self.is_head || matches!(answer.status, Status::NoContent | Status::NotModified);
        self.answering = match answer.body {
            AnswerBody::Whole(bytes) => {
                if !has_none {
                    self.out.push(bytes);
                }
                Answering::All
            }
            AnswerBody::Bytes(0) => Answering::All,
            _ if has_none => Answering::Mute,
            AnswerBody::Bytes(bytes) => Answering::Bytes(bytes),
            AnswerBody::Open if self.is_old => Answering::Open,
            AnswerBody::Open => Answering::Chunks,
        };
        self.watch(now);
        self.go_on(now);
    }

    /// More of what the answer brings. What is more than was promised is left out.
    pub(crate) fn push(&mut self, now: Time, mut bytes: Vec<u8>) {
        match &mut self.answering {
            Answering::Bytes(left) => {
                bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= bytes.len() as u64;
                if *left == 0 {
                    self.answering = Answering::All;
                }
                self.out.push(bytes);
            }
            Answering::Open => self.out.push(bytes),
            // An empty chunk is the end.
            Answering::Chunks if !bytes.is_empty() => {
                self.out.push(format!("{:x}\r\n", bytes.len()).into_bytes());
                self.out.push(bytes);
                self.out.push(b"\r\n".to_vec());
            }
            _ => {}
        }
        self.watch(now);
        self.go_on(now);
    }

    /// That was all of the answer. One that brings less than it promised ends with the connection, by which the client
    /// sees that something is missing.
    pub(crate) fn end(&mut self, now: Time) {
        match self.answering {
            Answering::Bytes(_) | Answering::Nothing => return self.abort(),
            Answering::Chunks => self.out.push(b"0\r\n\r\n".to_vec()),
            Answering::Open | Answering::Mute | Answering::All => {}
        }
        self.answering = Answering::All;
        self.watch(now);
        self.go_on(now);
    }

    /// The connection ends at once: what was promised cannot be had.
    pub(crate) fn abort(&mut self) {
        self.out = ByteQueue::default();
        self.reading = Reading::Over;
        (self.is_over, self.is_aborted) = (true, true);
    }

    // ---- time ----------------------------------------------------------------------------------

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let head = match self.reading {
            _ if self.is_over => return None,
            Reading::Head if self.heard.is_empty() && self.out.is_empty() => Some(self.since + limits::IDLE),
            // The time for the next one begins when the answer before it is through.
            Reading::Head if !self.heard.is_empty() && self.out.is_empty() => {
                Some(self.since + limits::HEAD_TIME)
            }
            _ => None,
        };
        let moving = [self.coming, self.going].into_iter().flatten().map(|moving| moving.until);
        head.into_iter().chain(moving).min()
    }

    /// Ends what takes too long.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        let is_head = matches!(self.reading, Reading::Head) && !self.heard.is_empty() && self.going.is_none();
        if is_head {
            return self.refuse(now, Status::RequestTimeout);
        }
        self.leave();
        self.abort();
    }

    // ---- what follows --------------------------------------------------------------------------

    /// The client is not served any more.
    fn leave(&mut self) {
        let is_served = !matches!(self.reading, Reading::Head)
            && (self.answering != Answering::All || matches!(self.reading, Reading::Body(_)));
        if is_served {
            self.events.push_back(HttpEvent::Gone);
        }
    }

    /// What came is no request.
    fn refuse(&mut self, now: Time, status: Status) {
        self.heard = Vec::new();
        self.closes = true;
        let text = Answer::text(status, status.line().1);
        self.out.push(text.head(true, true));
        if let AnswerBody::Whole(bytes) = text.body {
            self.out.push(bytes);
        }
        self.answering = Answering::All;
        (self.reading, self.coming) = (Reading::Draining(limits::DRAINED), None);
        self.watch(now);
        self.go_on(now);
    }

    /// Whether what is to be sent moves is looked at from now on, or not any more.
    fn watch(&mut self, now: Time) {
        if self.out.is_empty() {
            self.going = None;
        } else {
            self.going.get_or_insert_with(|| Moving::since(now));
        }
    }

    fn go_on(&mut self, now: Time) {
        while !self.is_over && self.step(now) {}
    }

    /// True if there is more to do.
    fn step(&mut self, now: Time) -> bool {
        match &mut self.reading {
            Reading::Head => self.read_head(now),
            Reading::Body(_) if self.answering == Answering::All => {
                // What else comes of it nobody wants.
                (self.reading, self.coming) = (Reading::Draining(limits::DRAINED), None);
                true
            }
            Reading::Body(_) => self.read_body(now),
            Reading::Whole if self.answering == Answering::All => {
                if self.closes {
                    self.reading = Reading::Over;
                } else {
                    self.reading = Reading::Head;
                    self.since = now;
                }
                true
            }
            Reading::Whole => false,
            Reading::Draining(left) => {
                let read = std::mem::take(&mut self.heard).len() as u64;
                *left = left.saturating_sub(read);
                if *left == 0 || self.has_ended {
                    self.reading = Reading::Over;
                    return true;
                }
                // From when it has read the answer on, it has some time to end.
                if self.out.is_empty() {
                    self.coming.get_or_insert_with(|| Moving::since(now));
                }
                false
            }
            Reading::Over => {
                self.coming = None;
                self.is_over = self.out.is_empty() && self.answering == Answering::All;
                false
            }
        }
    }

    fn read_head(&mut self, now: Time) -> bool {
        if self.heard.is_empty() {
            if self.has_ended {
                self.reading = Reading::Over;
            }
            return self.has_ended;
        }
        match RequestHead::read(&self.heard) {
            HeadRead::Partial if self.has_ended => {
                self.reading = Reading::Over;
                true
            }
            HeadRead::Partial => false,
            HeadRead::Wrong(status) => {
                self.refuse(now, status);
                false
            }
            HeadRead::Whole(head, len) => {
                self.heard.drain(..len);
                (self.is_head, self.is_old) = (head.method == Method::Head, head.is_old);
                self.closes |= !head.keeps_alive;
                self.waits_to_send = head.expects_continue && self.heard.is_empty();
                (self.answering, self.wanted) = (Answering::Nothing, 0);
                let length = head.body;
                self.events.push_back(HttpEvent::Request(head));
                if length == BodyLength::Bytes(0) {
                    self.events.push_back(HttpEvent::BodyEnd);
                    self.reading = Reading::Whole;
                } else {
                    self.reading = Reading::Body(BodyReader::new(length));
                }
                true
            }
        }
    }

    fn read_body(&mut self, now: Time) -> bool {
        let Reading::Body(reader) = &mut self.reading else { return false };
        self.coming.get_or_insert_with(|| Moving::since(now));
        match reader.read(&self.heard, self.wanted) {
            BodyStep::Unwanted(read) => {
                // It is the service that is waited for.
                self.coming = None;
                self.heard.drain(..read);
                false
            }
            BodyStep::Content { read, content } => {
                self.events.push_back(HttpEvent::Body(self.heard[read - content..read].to_vec()));
                self.wanted = self.wanted.saturating_sub(content as u64);
                self.heard.drain(..read);
                true
            }
            BodyStep::Over(read) => {
                self.heard.drain(..read);
                self.events.push_back(HttpEvent::BodyEnd);
                (self.reading, self.coming) = (Reading::Whole, None);
                true
            }
            BodyStep::More => {
                self.heard.clear();
                if self.has_ended {
                    // It is cut off, and nobody is there who would read an answer.
                    self.leave();
                    self.abort();
                }
                false
            }
            BodyStep::Wrong => {
                self.leave();
                if self.answering == Answering::Nothing {
                    self.refuse(now, Status::BadRequest);
                } else {
                    self.abort();
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
