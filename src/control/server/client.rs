//! A client that is connected: it is read from, answered and written to as far as that goes without waiting.

use std::io::{self, Write};

use mio::{Registry, Token};

use super::conversation::Conversation;
use super::own_output::{ClientOutput, OutputTaken};
use crate::control::answers::{Awaited, AwaitedAnswers};
use crate::control::{Reply, Request, limits};
use crate::error::Failure;
use crate::sys::handed::{self, HandedOutput};
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
    /// What it handed over with what it said last.
    handed: Option<HandedOutput>,
    /// Where the bytes go that it reads, if not to it.
    output: Option<ClientOutput>,
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
        Self {
            stream,
            user,
            talk: Conversation::default(),
            answers: None,
            is_reading: false,
            handed: None,
            output: None,
            stuck: None,
        }
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
        if let Some(output) = self.output.take() {
            return self.answer_by(now, output, answers);
        }
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

    /// As [`Self::answer`], where bytes go to what the client handed over.
    fn answer_by(
        &mut self,
        now: Time,
        mut output: ClientOutput,
        answers: AwaitedAnswers,
    ) -> io::Result<Option<Turn>> {
        let turn = loop {
            let is_full = output.is_ended() || output.left() >= limits::CONTROL_READY;
            let next = if is_full { Awaited::None } else { answers.next() };
            match next {
                Awaited::Reply(reply) => match *reply {
                    Reply::Bytes(raw) => output.push(raw),
                    reply if reply.is_last() => output.end(Box::new(reply)),
                    reply => self.talk.say(&reply)?,
                },
                Awaited::Ended => {
                    output.end(Box::new(Reply::Failed(Failure::other("the peer is leaving"))));
                }
                Awaited::None => match self.write_to(now, &mut output) {
                    Ok(OutputTaken::All) if output.is_ended() => {
                        // Whoever reads the pipe hears of its end no later than of that of the command.
                        if let Some(last) = output.into_last() {
                            self.talk.say(&last)?;
                        }
                        return Ok(Some(Turn::Answered));
                    }
                    Ok(OutputTaken::All) if is_full => break None,
                    Ok(_) => break Some(Turn::Waits),
                    // Nobody reads it any more: as good as the end.
                    Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                        self.talk.say(&Reply::Done)?;
                        return Ok(Some(Turn::Answered));
                    }
                    Err(e) => return Err(e),
                },
            }
        };
        self.write(now)?;
        (self.output, self.answers) = (Some(output), Some(answers));
        Ok(turn)
    }

    /// Writes what the client's output takes now.
    fn write_to(&mut self, now: Time, output: &mut ClientOutput) -> io::Result<OutputTaken> {
        let before = output.left();
        let taken = output.write()?;
        if taken == OutputTaken::All || output.left() < before {
            self.stuck = None;
        }
        if taken == OutputTaken::Some {
            self.stuck.get_or_insert(now);
        }
        Ok(taken)
    }

    /// Nobody reads its output any more.
    pub(super) fn output_closed(&mut self) {
        if let Some(output) = &mut self.output {
            output.close();
        }
    }

    /// The server ends: it is waited for no longer than for others, also if it reads.
    pub(super) const fn hurry(&mut self) {
        self.is_reading = false;
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

    /// Its request was passed on.
    pub(super) fn await_answers(&mut self, answers: AwaitedAnswers) {
        self.answers = Some(answers);
        self.is_reading = false;
        self.handed = None;
    }

    /// Its request to read a file was passed on. If it handed something over, a poll tells of that by this token.
    pub(super) fn await_bytes(&mut self, answers: AwaitedAnswers, registry: &Registry, token: Token) {
        self.answers = Some(answers);
        self.is_reading = true;
        let output = self.handed.take().map(|pipe| ClientOutput::new(pipe, registry, token));
        // What cannot be polled is let go: then the bytes come as answers.
        self.output = output.and_then(Result::ok);
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
            match handed::read(&mut self.stream, &mut bytes) {
                Ok((len, handed)) => {
                    self.handed = handed.or_else(|| self.handed.take());
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
