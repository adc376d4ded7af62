//! What the page asks about the folder of this peer, as `config` and `group` do: files are read and written for it, so
//! it is done on a thread of its own, one after the other, by whoever does those commands.

use std::io;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use serde::Deserialize;

use super::limits;
use crate::control::Reply;
use crate::control::line::{VERSION, Versioned};
use crate::error::Failure;
use crate::http::{HttpId, HttpWaker};
use crate::sys::thread::Thread;

/// A question about the folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(crate) enum LocalQuestion {
    /// Settings.
    Config(ConfigQuestion),
    /// The group.
    Group(GroupQuestion),
}

/// What is to be done with the settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(crate) enum ConfigQuestion {
    /// They are told.
    Show,
    /// One is written.
    Set { key: String, values: Vec<String> },
    /// One is taken out.
    Unset { key: String },
}

/// What is to be done with the group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(crate) enum GroupQuestion {
    /// It is told, with its passphrase.
    Show,
    /// One is made.
    New { name: String },
    /// One that is there is joined.
    Join { name: String, passphrase: String },
    /// It is left.
    Leave,
}

/// Does what is asked; returns the answers, an object a line.
pub(crate) type RunLocal = Box<dyn Fn(LocalQuestion) -> Result<String, Failure> + Send>;

/// A question on its way.
#[derive(Debug)]
struct LocalAsk {
    question: LocalQuestion,
    id: HttpId,
    lines: Sender<Vec<u8>>,
    waker: HttpWaker,
}

/// To whoever does it. Dropping it ends the thread, once it has done what was asked.
#[derive(Clone, Debug)]
pub(super) struct LocalAsks(Sender<LocalAsk>);

impl LocalAsks {
    /// Starts it.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn start(run: RunLocal) -> io::Result<Self> {
        let (asks_to, asks) = bounded::<LocalAsk>(limits::LOCAL_ASKS);
        let work = move || {
            for LocalAsk { question, id, lines, waker } in asks {
                // Whoever asked may have gone.
                drop(lines.send(answers(run(question))));
                waker.woken.send(id.0).unwrap_or(());
                waker.bell.ring();
            }
        };
        // It may wait for the peer, which waits for this page at its end.
        Thread::spawn("page folder", work)?.detach();
        Ok(Self(asks_to))
    }

    /// Asks for the connection `id`, which is woken once the lines are there.
    pub(super) fn ask(
        &self,
        question: LocalQuestion,
        id: HttpId,
        waker: &HttpWaker,
    ) -> Result<Receiver<Vec<u8>>, Failure> {
        let (lines, answered) = bounded(1);
        match self.0.try_send(LocalAsk { question, id, lines, waker: waker.clone() }) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => {
                Err(Failure::other("much of this is asked at once: ask again later"))
            }
            Err(TrySendError::Disconnected(_)) => Err(Failure::other("the peer is leaving")),
        }
    }
}

/// What is answered: the lines, and the last one.
fn answers(result: Result<String, Failure>) -> Vec<u8> {
    let (mut lines, last) = match result {
        Ok(lines) => (lines.into_bytes(), Reply::Done),
        Err(failure) => (Vec::new(), Reply::Failed(failure)),
    };
    lines.extend(json_line(&last));
    lines
}

/// A reply as a line.
pub(super) fn json_line(reply: &Reply) -> Vec<u8> {
    let mut line = serde_json::to_vec(&Versioned::of(reply)).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The question in a text; `None`: it is another one.
pub(super) fn read(text: &[u8]) -> Option<LocalQuestion> {
    #[derive(Deserialize)]
    struct Asked {
        version: u32,
        #[serde(flatten)]
        question: LocalQuestion,
    }
    let asked: Asked = serde_json::from_slice(text).ok()?;
    (asked.version == VERSION).then_some(asked.question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_about_the_folder_is_told_from_one_for_the_peer() {
        let read = |text: &str| read(text.as_bytes());
        let config = |question| Some(LocalQuestion::Config(question));
        let values = vec!["2M".to_owned()];
        let set = ConfigQuestion::Set { key: "up-limit".to_owned(), values };
        assert_eq!(
            read(r#"{"version":1,"command":"config","act":"set","key":"up-limit","values":["2M"]}"#),
            config(set)
        );
        assert_eq!(read(r#"{"version":1,"command":"config","act":"show"}"#), config(ConfigQuestion::Show));
        let join = GroupQuestion::Join { name: "a".to_owned(), passphrase: "b".to_owned() };
        assert_eq!(
            read(r#"{"version":1,"command":"group","act":"join","name":"a","passphrase":"b"}"#),
            Some(LocalQuestion::Group(join))
        );
        for other in [
            r#"{"version":2,"command":"group","act":"leave"}"#,
            r#"{"command":"group","act":"leave"}"#,
            r#"{"version":1,"command":"group"}"#,
            r#"{"version":1,"command":"config","act":"set","key":"up-limit"}"#,
            r#"{"version":1,"command":"list"}"#,
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_asked_is_answered_one_after_the_other_and_only_so_much_waits() {
        let poll = mio::Poll::new().unwrap();
        let bell = crate::sys::bell::Bell::new(poll.registry(), mio::Token(0)).unwrap();
        let (woken, heard) = crossbeam_channel::unbounded();
        let waker = HttpWaker { woken, bell };
        let (go_on, may_go_on) = bounded::<()>(0);
        let asks = LocalAsks::start(Box::new(move |_| {
            may_go_on.recv().map_err(|e| Failure::other(e.to_string()))?;
            Ok("{}\n".to_owned())
        }));
        let asks = asks.unwrap();
        let ask = |id| asks.ask(LocalQuestion::Group(GroupQuestion::Show), HttpId(id), &waker);
        // One is being done, and as many wait as may.
        let mut asked: Vec<_> = (0..).map(ask).take_while(Result::is_ok).map(Result::unwrap).collect();
        assert!((limits::LOCAL_ASKS..=limits::LOCAL_ASKS + 1).contains(&asked.len()), "{}", asked.len());
        let why = loop {
            match ask(99) {
                Ok(more) => asked.push(more),
                Err(failure) => break failure.message,
            }
        };
        assert_eq!(why, "much of this is asked at once: ask again later");
        go_on.send(()).unwrap();
        let lines = String::from_utf8(asked[0].recv().unwrap()).unwrap();
        assert_eq!(lines, "{}\n{\"version\":1,\"reply\":\"done\"}\n");
        assert_eq!(heard.recv(), Ok(0));
        drop(go_on);
        let lines = String::from_utf8(asked[1].recv().unwrap()).unwrap();
        assert!(lines.contains("\"failed\""), "{lines}");
    }
}
