//! One client of the control socket, without the socket: what it said and is not answered yet, and what it has not
//! taken of the answers. The shell is client.rs.

use std::io;

use super::super::line::{self, Call, VersionOnly, Versioned};
use super::super::{Reply, Request};
use crate::control::limits;
use crate::error::{Code, Failure};

/// What was said, and what is to be said.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// What came, from the first line on that was not taken.
    heard: Vec<u8>,
    /// Of these bytes, those in which no line ends.
    looked: usize,
    /// Answers, and how many of their bytes were taken.
    said: Vec<u8>,
    taken: usize,
}

impl Conversation {
    /// Bytes came. None are given before all lines are taken that are there.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
    }

    /// The next request, or why it is none; `None`: more has to come first.
    ///
    /// # Errors
    /// `InvalidData` for a line that is too long: whoever says that is not listened to any more.
    pub(super) fn next_request(&mut self) -> io::Result<Option<Result<Request, Failure>>> {
        let Some(len) = self.heard[self.looked..].iter().position(|byte| *byte == b'\n') else {
            self.looked = self.heard.len();
            return if self.looked > limits::CONTROL_LINE { Err(line::too_long()) } else { Ok(None) };
        };
        let end = self.looked + len;
        if end > limits::CONTROL_LINE {
            return Err(line::too_long());
        }
        let request = parse(&self.heard[..end]);
        self.heard.drain(..=end);
        self.looked = 0;
        if self.heard.is_empty() {
            // Those who wait long hold nothing here meanwhile.
            self.heard = Vec::new();
        }
        Ok(Some(request))
    }

    /// Makes a reply ready as one line, with the bytes that belong to it.
    ///
    /// # Errors
    /// When it has no form as JSON.
    pub(super) fn say(&mut self, reply: &Reply) -> io::Result<()> {
        serde_json::to_writer(&mut self.said, &Versioned::of(reply))?;
        self.said.push(b'\n');
        if let Reply::Bytes(raw) = reply {
            self.said.extend_from_slice(raw.as_bytes());
        }
        Ok(())
    }

    /// What the client is to be given next.
    pub(super) fn ready(&self) -> &[u8] {
        &self.said[self.taken..]
    }

    /// It took so many bytes of that.
    pub(super) fn took(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= self.said.len() {
            (self.said, self.taken) = (Vec::new(), 0);
        }
    }
}

/// The request in a line.
pub(in crate::control) fn parse(line: &[u8]) -> Result<Request, Failure> {
    match serde_json::from_slice::<Call>(line) {
        Ok(call) if call.version == line::VERSION => return Ok(call.request),
        _ => {}
    }
    Err(match serde_json::from_slice::<VersionOnly>(line) {
        Ok(v) if v.version != line::VERSION => Failure::other(format!(
            "the running peer speaks version {} of the control protocol, not {}: restart it",
            line::VERSION,
            v.version
        )),
        _ => Failure::new(Code::Usage, "the running peer does not know this command"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ListRequest;

    const LIST: &[u8] = b"{\"version\":1,\"command\":\"list\"}\n";

    #[test]
    fn requests_come_in_pieces_and_together() {
        let mut talk = Conversation::default();
        let (piece, rest) = LIST.split_at(9);
        talk.hear(piece);
        assert!(talk.next_request().unwrap().is_none() && talk.next_request().unwrap().is_none());
        talk.hear(rest);
        talk.hear(&[LIST, b"junk\n", piece].concat());
        for _ in 0..2 {
            assert_eq!(talk.next_request().unwrap(), Some(Ok(ListRequest::default().into())));
        }
        let failure = talk.next_request().unwrap().unwrap().unwrap_err();
        assert_eq!(failure.code, Code::Usage);
        assert_eq!(failure.message, "the running peer does not know this command");
        assert!(talk.next_request().unwrap().is_none());
        talk.hear(rest);
        assert!(talk.next_request().unwrap().unwrap().is_ok());
        assert_eq!(talk.heard.capacity(), 0, "nothing is held while it waits");
    }

    #[test]
    fn a_line_of_another_version_is_refused_with_both_versions() {
        let failure = parse(b"{\"version\":2,\"command\":\"list\"}").unwrap_err();
        let said = "the running peer speaks version 1 of the control protocol, not 2: restart it";
        assert_eq!((failure.code, failure.message.as_str()), (Code::Failed, said));
    }

    #[test]
    fn a_line_ends_at_its_limit() {
        let mut talk = Conversation::default();
        talk.hear(&[vec![b'x'; limits::CONTROL_LINE], b"\n".to_vec()].concat());
        assert!(talk.next_request().unwrap().unwrap().is_err());
        for long in [
            vec![b'x'; limits::CONTROL_LINE + 1],
            [vec![b'x'; limits::CONTROL_LINE + 1], LIST.to_vec()].concat(),
        ] {
            let mut talk = Conversation::default();
            talk.hear(&long);
            assert_eq!(talk.next_request().unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn answers_are_lines_that_are_taken_in_pieces() {
        let mut talk = Conversation::default();
        talk.say(&Reply::Done).unwrap();
        talk.say(&Reply::Note { text: "a\nb".to_owned() }).unwrap();
        let (done, note) = (
            b"{\"version\":1,\"reply\":\"done\"}\n".as_slice(),
            b"{\"version\":1,\"reply\":\"note\",\"text\":\"a\\nb\"}\n".as_slice(),
        );
        assert_eq!(talk.ready(), [done, note].concat());
        talk.took(done.len());
        assert_eq!(talk.ready(), note);
        talk.took(note.len() - 1);
        assert_eq!((talk.ready().len(), talk.said.capacity()), (1, talk.said.capacity()));
        talk.took(1);
        assert_eq!((talk.ready(), talk.said.capacity()), (&b""[..], 0));
    }
}
