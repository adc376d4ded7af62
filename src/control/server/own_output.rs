//! Bytes of a file on their way to a pipe that the client handed over: its standard output. The client is told how it
//! ended once all of them are in the pipe.

use std::io::{self, IoSlice};

use mio::{Registry, Token};

use crate::byte_queue::ByteQueue;
use crate::control::{RawBytes, Reply};
use crate::sys::handed::HandedOutput;

/// Pieces that are written at once, at most.
const AT_ONCE: usize = 16;

/// The pipe, and what is to go there.
#[derive(Debug)]
pub(super) struct ClientOutput {
    pipe: HandedOutput,
    bytes: ByteQueue,
    /// The last answer.
    last: Option<Box<Reply>>,
    /// Nobody reads it any more.
    is_closed: bool,
}

/// What became of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputTaken {
    /// All.
    All,
    /// Something, or nothing: it takes no more now.
    Some,
}

impl ClientOutput {
    /// This pipe, of which a poll tells by this token.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn new(mut pipe: HandedOutput, registry: &Registry, token: Token) -> io::Result<Self> {
        pipe.register(registry, token)?;
        Ok(Self { pipe, bytes: ByteQueue::default(), last: None, is_closed: false })
    }

    /// These are to go there next.
    pub(super) fn push(&mut self, bytes: RawBytes) {
        self.bytes.push(bytes.into_bytes());
    }

    /// A poll told that nobody reads it any more.
    pub(super) const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Nothing more is to go there, and then the client is told this.
    pub(super) fn end(&mut self, last: Box<Reply>) {
        self.last = Some(last);
    }

    /// The last answer, if there was one.
    pub(super) fn into_last(self) -> Option<Box<Reply>> {
        self.last
    }

    /// Bytes that are to go there.
    pub(super) const fn left(&self) -> usize {
        self.bytes.len()
    }

    /// True if nothing more comes.
    pub(super) const fn is_ended(&self) -> bool {
        self.last.is_some()
    }

    /// Writes what it takes now.
    ///
    /// # Errors
    /// `BrokenPipe` if nobody reads it any more; what else the operating system says.
    pub(super) fn write(&mut self) -> io::Result<OutputTaken> {
        if self.is_closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        while !self.bytes.is_empty() {
            let slices: Vec<_> = self.bytes.pieces().take(AT_ONCE).map(IoSlice::new).collect();
            match self.pipe.write(&slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => self.bytes.took(bytes),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(OutputTaken::Some),
                Err(e) => return Err(e),
            }
        }
        Ok(OutputTaken::All)
    }
}
