//! Whoever waits for answers: the machine knows them by number only.

use std::collections::BTreeMap;

use super::event::AskId;
use crate::control::{Answers, Reply};

/// Replies that may pile up before progress is left out for a slow reader.
const PILE: usize = 64;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Askers {
    waiting: BTreeMap<AskId, Answers>,
    last: u64,
}

impl Askers {
    /// Somebody asks: the number under which he is answered.
    pub(super) fn admit(&mut self, replies: Answers) -> AskId {
        self.last += 1;
        let ask = AskId(self.last);
        self.waiting.insert(ask, replies);
        ask
    }

    /// Answers. False: he went away, which is all right.
    pub(super) fn reply(&mut self, ask: AskId, reply: Reply) -> bool {
        let Some(replies) = self.waiting.get(&ask) else { return false };
        if matches!(reply, Reply::Progress(_)) && replies.waiting() >= PILE {
            return true;
        }
        let is_last = reply.is_last();
        let is_heard = replies.send(reply);
        if is_last || !is_heard {
            self.waiting.remove(&ask);
        }
        is_heard
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::control::DownloadRow;

    fn note(text: &str) -> Reply {
        Reply::Note { text: text.to_owned() }
    }

    fn progress() -> Reply {
        Reply::Progress(DownloadRow {
            job: 1,
            what: "x".to_owned(),
            done: 0,
            size: 1,
            files_done: 0,
            files: 1,
            speed: 0,
            left: None,
            fetched: 0,
            from: Vec::new(),
            waiting: None,
            holders: Vec::new(),
        })
    }

    #[test]
    fn each_hears_its_own_answers_until_the_last_one() {
        let mut askers = Askers::default();
        let ((tell_one, one), (tell_two, two)) = (unbounded(), unbounded());
        let (a, b) = (askers.admit(tell_one.into()), askers.admit(tell_two.into()));
        assert!(askers.reply(a, note("a")) && askers.reply(b, note("b")) && askers.reply(a, Reply::Done));
        assert_eq!(one.iter().collect::<Vec<_>>(), [note("a"), Reply::Done], "its channel is closed");
        assert_eq!(two.try_iter().collect::<Vec<_>>(), [note("b")]);
        assert!(!askers.reply(a, note("late")));
    }

    #[test]
    fn it_is_seen_that_somebody_went_away() {
        let mut askers = Askers::default();
        let (tell, answers) = unbounded();
        let ask = askers.admit(tell.into());
        drop(answers);
        assert!(!askers.reply(ask, progress()) && askers.waiting.is_empty());
    }

    #[test]
    fn progress_is_left_out_for_a_slow_reader_and_the_end_is_not() {
        let mut askers = Askers::default();
        let (tell, answers) = unbounded();
        let ask = askers.admit(tell.into());
        for _ in 0..PILE + 5 {
            assert!(askers.reply(ask, progress()));
        }
        assert_eq!(answers.len(), PILE);
        assert!(askers.reply(ask, Reply::Done));
        assert_eq!(answers.len(), PILE + 1);
    }
}
