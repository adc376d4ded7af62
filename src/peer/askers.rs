//! Whoever waits for answers: the machine knows them by number only.

use std::collections::BTreeMap;

use super::event::AskId;
use crate::control::{Answers, Reply, WatchKind, WatchRow};
use crate::peer::limits;

/// Replies that may pile up before progress is left out for a slow reader.
const PILE: usize = 64;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Askers {
    waiting: BTreeMap<AskId, Answers>,
    last: u64,
    /// Those that are told what happens, and how many events each missed since it was told the last one.
    watching: BTreeMap<AskId, u64>,
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

    /// From now on somebody else answers.
    pub(super) fn hand_over(&mut self, ask: AskId) -> Option<Answers> {
        self.waiting.remove(&ask)
    }

    /// True if somebody is told what happens.
    pub(super) fn are_watching(&self) -> bool {
        !self.watching.is_empty()
    }

    /// From now on this one is told what happens. The date is in milliseconds since 1970.
    pub(super) fn watch(&mut self, ask: AskId, date: u64) {
        self.watching.insert(ask, 0);
        self.tell(ask, &WatchRow::of(WatchKind::Watching), date);
    }

    /// Something happened at this date. Who does not read fast enough misses it, and is told so with the next one.
    pub(super) fn happened(&mut self, row: WatchRow, date: u64) {
        let all: Vec<AskId> = self.watching.keys().copied().collect();
        for ask in all {
            self.tell(ask, &row, date);
        }
    }

    /// This peer ends: nothing more happens.
    pub(super) fn end_watching(&mut self) {
        for ask in std::mem::take(&mut self.watching).into_keys() {
            self.reply(ask, Reply::Done);
        }
    }

    fn tell(&mut self, ask: AskId, row: &WatchRow, date: u64) {
        let Some(missed) = self.watching.get_mut(&ask) else { return };
        let waiting = self.waiting.get(&ask).map(Answers::waiting);
        if waiting.is_some_and(|waiting| waiting >= limits::EVENTS_WAITING) {
            *missed += 1;
            return;
        }
        let missed = std::mem::take(missed);
        let gap = WatchRow { count: Some(missed), ..WatchRow::of(WatchKind::Missed) };
        for row in [gap, row.clone()].into_iter().skip(usize::from(missed == 0)) {
            if !self.reply(ask, Reply::Event(Box::new(WatchRow { at: date, ..row }))) {
                self.watching.remove(&ask);
                return;
            }
        }
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

    fn warning(text: &str) -> WatchRow {
        WatchRow { text: Some(text.to_owned()), ..WatchRow::of(WatchKind::Warning) }
    }

    #[test]
    fn who_watches_slowly_is_told_how_many_events_it_missed_and_costs_bounded_memory() {
        let mut askers = Askers::default();
        let ((slow_to, slow), (quick_to, quick)) = (unbounded(), unbounded());
        let (a, b) = (askers.admit(slow_to.into()), askers.admit(quick_to.into()));
        askers.watch(a, 7);
        askers.watch(b, 7);
        let mut heard = 0;
        for n in 0..5_000 {
            askers.happened(warning(&n.to_string()), 8);
            heard += quick.try_iter().count();
        }
        assert_eq!((slow.len(), heard), (limits::EVENTS_WAITING, 5_001));
        let told: Vec<Reply> = slow.try_iter().collect();
        let first = WatchRow { at: 7, ..WatchRow::of(WatchKind::Watching) };
        assert_eq!(told[0], Reply::Event(Box::new(first)));
        askers.happened(warning("next"), 9);
        let missed = 5_001 - limits::EVENTS_WAITING as u64;
        let gap = WatchRow { at: 9, count: Some(missed), ..WatchRow::of(WatchKind::Missed) };
        let next = WatchRow { at: 9, ..warning("next") };
        assert_eq!(
            slow.try_iter().collect::<Vec<_>>(),
            [Reply::Event(Box::new(gap)), Reply::Event(Box::new(next))]
        );
        drop(slow);
        askers.happened(warning("nobody reads it"), 10);
        assert!(askers.are_watching(), "the other one does");
        askers.end_watching();
        assert_eq!(quick.try_iter().last(), Some(Reply::Done));
        assert!(!askers.are_watching() && askers.waiting.is_empty());
    }
}
