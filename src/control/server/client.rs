//! A client that is connected: it is read from, answered and written to as far as that goes without waiting.

use std::io::{self, Read, Write};

use mio::{Registry, Token};

use super::conversation::Conversation;
use crate::control::answers::{Awaited, AwaitedAnswers};
use crate::control::{Reply, Request, limits};
use crate::error::Failure;
use crate::sys::local::PolledStream;
use crate::sys::owner::UserId;
use crate::time::Time;

/// Bytes that are read at once.
const READ: usize = 16 << 10;

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    stream: PolledStream,
    pub(super) user: UserId,
    talk: Conversation,
    /// The answers to what it asked last.
    answers: Option<AwaitedAnswers>,
    /// It takes the bytes of a file, as fast or slowly as it likes.
    is_reading: bool,
    /// Since when it takes nothing of what is ready for it.
    stuck: Option<Time>,
}

/// Why a client was left for now.
#[derive(Debug)]
pub(super) enum Turn {
    /// It asks for this, and is to be given [`answers`](Client::await_answers) or a [refusal](Client::refuse).
    Asks(Box<Request>),
    /// Its request is answered.
    Answered,
    /// Something has to happen first.
    Waits,
    /// There is more to be done, once others had their turn.
    Again,
    /// It is gone.
    Gone,
}

impl Client {
    pub(super) fn new(stream: PolledStream, user: UserId) -> Self {
        Self { stream, user, talk: Conversation::default(), answers: None, is_reading: false, stuck: None }
    }

    /// Has a poll return with this token when it says something, takes something, or is gone.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream.register(registry, token)
    }

    /// Goes on until something has to be done by others.
    ///
    /// # Errors
    /// What the operating system says, and lines that are too long. It is to be let go.
    pub(super) fn go_on(&mut self, now: Time) -> io::Result<Turn> {
        for _ in 0..limits::CONTROL_TURN {
            let turn = match self.answers.take() {
                Some(answers) => self.answer(now, answers)?,
                None => self.listen(now)?,
            };
            if let Some(turn) = turn {
                return Ok(turn);
            }
        }
        self.write(now)?;
        Ok(Turn::Again)
    }

    /// Passes answers on until there are enough for one writing.
    fn answer(&mut self, now: Time, answers: AwaitedAnswers) -> io::Result<Option<Turn>> {
        let turn = loop {
            if self.talk.ready().len() >= limits::CONTROL_READY {
                self.write(now)?;
                break (!self.talk.ready().is_empty()).then_some(Turn::Waits);
            }
            match answers.next() {
                Awaited::Reply(reply) => {
                    self.talk.say(&reply)?;
                    if reply.is_last() {
                        return Ok(Some(Turn::Answered));
                    }
                }
                Awaited::Ended => {
                    self.refuse(Failure::other("the peer is leaving"))?;
                    return Ok(Some(Turn::Answered));
                }
                Awaited::None => {
                    self.write(now)?;
                    break Some(Turn::Waits);
                }
            }
        };
        self.answers = Some(answers);
        Ok(turn)
    }

    /// Looks for a request, and reads if there is none.
    fn listen(&mut self, now: Time) -> io::Result<Option<Turn>> {
        match self.talk.next_request()? {
            Some(Ok(request)) => return Ok(Some(Turn::Asks(Box::new(request)))),
            Some(Err(failure)) => {
                self.refuse(failure)?;
                return Ok(None);
            }
            None => {}
        }
        self.write(now)?;
        if !self.talk.ready().is_empty() {
            return Ok(Some(Turn::Waits));
        }
        Ok(match self.read()? {
            Some(0) => Some(Turn::Gone),
            Some(_) => None,
            None => Some(Turn::Waits),
        })
    }

    /// Its request was passed on; `is_reading`: to read a file.
    pub(super) fn await_answers(&mut self, answers: AwaitedAnswers, is_reading: bool) {
        self.answers = Some(answers);
        self.is_reading = is_reading;
    }

    /// Its request is answered by this alone.
    ///
    /// # Errors
    /// When it cannot be said.
    pub(super) fn refuse(&mut self, failure: Failure) -> io::Result<()> {
        self.talk.say(&Reply::Failed(failure))
    }

    /// True if it waits for nothing, and has taken all.
    pub(super) fn is_done(&self) -> bool {
        self.answers.is_none() && self.talk.ready().is_empty()
    }

    /// When it is dropped, if it takes nothing until then.
    pub(super) fn drop_at(&self) -> Option<Time> {
        // Whoever pauses a film holds up nothing but what it reads.
        self.stuck.filter(|_| !self.is_reading).map(|since| since + limits::CONTROL_WRITE)
    }

    /// Writes what it takes now.
    fn write(&mut self, now: Time) -> io::Result<()> {
        while !self.talk.ready().is_empty() {
            match self.stream.write(self.talk.ready()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    self.talk.took(bytes);
                    self.stuck = None;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.stuck.get_or_insert(now);
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Reads what there is, up to some bytes; 0: it says nothing more. `None`: there is nothing now.
    fn read(&mut self) -> io::Result<Option<usize>> {
        let mut bytes = [0; READ];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(len) => {
                    self.talk.hear(&bytes[..len]);
                    return Ok(Some(len));
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }
}
