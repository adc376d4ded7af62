//! Where the answers to a request go: a channel of its own, and a bell where the one who reads sleeps in a poll.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::Reply;
use crate::control::limits;
use crate::sys::bell::Bell;

/// Takes the answers to one request. Dropping it says that no more come.
#[derive(Debug)]
pub struct Answers {
    // Dropped first: who is woken by the end finds it.
    to: Sender<Reply>,
    wake: Option<Wake>,
    flow: Arc<Flow>,
}

impl Answers {
    /// Answers for a reader that is woken for them, and is told `reader` then.
    pub(crate) fn with_bell(reader: u64, woken: Sender<u64>, bell: Bell) -> (Self, AwaitedAnswers) {
        let (to, from) = unbounded();
        let is_woken = Arc::new(AtomicBool::new(false));
        let wake = Wake { reader, is_woken: Arc::clone(&is_woken), woken, bell };
        let flow = Arc::new(Flow::default());
        let awaited = AwaitedAnswers { from, is_woken, flow: Arc::clone(&flow) };
        (Self { to, wake: Some(wake), flow }, awaited)
    }

    /// Answers. False: nobody reads any more.
    pub(crate) fn send(&self, reply: Reply) -> bool {
        let is_read = self.to.send(reply).is_ok();
        if let Some(wake) = &self.wake {
            wake.ring();
        }
        is_read
    }

    /// Answers that were not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.to.len()
    }

    /// From now on this bell rings when few bytes are left of those that wait to be taken, and when whoever reads has
    /// gone away.
    pub(crate) fn ring_when_taken(&self, bell: Bell) {
        // It is set once: there is one who answers with bytes.
        drop(self.flow.taken.set(bell));
    }

    /// True if whoever reads has gone away.
    pub(crate) fn are_unread(&self) -> bool {
        self.flow.is_gone.load(Ordering::SeqCst)
    }
}

impl From<Sender<Reply>> for Answers {
    fn from(to: Sender<Reply>) -> Self {
        Self { to, wake: None, flow: Arc::default() }
    }
}

/// What whoever answers with bytes is told of the reader.
#[derive(Debug, Default)]
struct Flow {
    taken: OnceLock<Bell>,
    is_gone: AtomicBool,
}

impl Flow {
    fn ring(&self) {
        if let Some(bell) = self.taken.get() {
            bell.ring();
        }
    }
}

/// Wakes a reader that polls.
#[derive(Debug)]
struct Wake {
    reader: u64,
    /// True from a ring until the reader looks: one ring is enough for all that comes meanwhile.
    is_woken: Arc<AtomicBool>,
    woken: Sender<u64>,
    bell: Bell,
}

impl Wake {
    fn ring(&self) {
        // A reader that has ended needs no bell.
        if !self.is_woken.swap(true, Ordering::SeqCst) && self.woken.send(self.reader).is_ok() {
            self.bell.ring();
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.ring();
    }
}

/// The answers to one request, as a reader that polls takes them.
#[derive(Debug)]
pub(crate) struct AwaitedAnswers {
    from: Receiver<Reply>,
    is_woken: Arc<AtomicBool>,
    flow: Arc<Flow>,
}

impl Drop for AwaitedAnswers {
    fn drop(&mut self) {
        self.flow.is_gone.store(true, Ordering::SeqCst);
        self.flow.ring();
    }
}

/// What there is of the answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// One.
    Reply(Box<Reply>),
    /// None now; the bell rings for the next one.
    None,
    /// None any more, and the last one was not among them.
    Ended,
}

impl AwaitedAnswers {
    /// The next one.
    pub(crate) fn next(&self) -> Awaited {
        if let Ok(reply) = self.from.try_recv() {
            return self.taken(reply);
        }
        // Whatever comes from here on rings the bell; what came before is looked for once more.
        self.is_woken.store(false, Ordering::SeqCst);
        match self.from.try_recv() {
            Ok(reply) => self.taken(reply),
            Err(crossbeam_channel::TryRecvError::Empty) => Awaited::None,
            Err(crossbeam_channel::TryRecvError::Disconnected) => Awaited::Ended,
        }
    }

    fn taken(&self, reply: Reply) -> Awaited {
        if matches!(reply, Reply::Bytes(_)) && self.from.len() <= limits::CONTROL_FEW {
            self.flow.ring();
        }
        Awaited::Reply(Box::new(reply))
    }
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll, Token};

    use super::*;

    fn note(text: &str) -> Reply {
        Reply::Note { text: text.to_owned() }
    }

    #[test]
    fn the_bell_rings_for_what_comes_after_all_was_taken_and_for_the_end() {
        let poll = Poll::new().unwrap();
        let bell = Bell::new(poll.registry(), Token(0)).unwrap();
        let (woken_to, woken) = unbounded();
        let (answers, awaited) = Answers::with_bell(7, woken_to, bell);
        assert_eq!(awaited.next(), Awaited::None);
        assert!(answers.send(note("a")) && answers.send(note("b")));
        assert_eq!(answers.waiting(), 2);
        assert_eq!(woken.try_iter().collect::<Vec<_>>(), [7], "one ring is enough");
        assert_eq!(awaited.next(), Awaited::Reply(Box::new(note("a"))));
        assert_eq!(awaited.next(), Awaited::Reply(Box::new(note("b"))));
        assert_eq!(awaited.next(), Awaited::None);
        assert!(answers.send(note("c")));
        assert_eq!(woken.try_iter().count(), 1);
        assert_eq!(awaited.next(), Awaited::Reply(Box::new(note("c"))));
        assert_eq!(awaited.next(), Awaited::None);
        drop(answers);
        assert_eq!(woken.try_iter().count(), 1);
        assert_eq!(awaited.next(), Awaited::Ended);
    }

    #[test]
    fn a_poll_wakes_up_and_whoever_left_is_noticed() {
        let mut poll = Poll::new().unwrap();
        let bell = Bell::new(poll.registry(), Token(3)).unwrap();
        let (answers, awaited) = Answers::with_bell(1, unbounded().0, bell.clone());
        assert!(answers.send(note("nobody is told of it")));
        let (woken_to, woken) = unbounded();
        let (heard, heard_by) = Answers::with_bell(2, woken_to, bell);
        assert!(heard.send(note("a")));
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(core::time::Duration::from_secs(20))).unwrap();
        assert!(events.iter().any(|event| event.token() == Token(3)));
        drop((heard_by, woken, awaited));
        assert!(!heard.send(note("b")) && !answers.send(note("c")));
    }
}
