//! What this peer says: how much it may, which of it may still be repaired, and how often its newest number is
//! repeated. Pure.

use core::time::Duration;
use std::collections::VecDeque;

use crate::lan::limits;
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage};

/// When the number of the newest line is repeated, counted from the line: whoever missed it learns that there is
/// one. Every datagram has it, so that a repetition is needed only where nothing else is said.
const REPEATS: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1_000),
    Duration::from_millis(2_000),
];

/// A leave waits for the repetitions up to this time after the newest line. It says the number itself, so that
/// it stands for the last one.
const LEAVE_WAIT: Duration = REPEATS[2];

/// While a leave waits, the newest line itself is repeated so often: soon nobody can ask for it here.
const LEAVE_REPEAT: Duration = Duration::from_millis(200);

/// What is repeated.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Repetition {
    /// The number of the newest line.
    Number,
    /// That line.
    Line(Body),
}

/// Why a line was not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSaid {
    /// There is nothing in it.
    Empty,
    /// It has more bytes than [`crate::lan::limits::LINE`].
    TooLong,
    /// It is one more than may be said in this time; the next one may be said after so long.
    TooFast(Duration),
    /// This peer is leaving.
    Leaving,
}

/// A line of our own that may still be repaired.
#[derive(Debug)]
struct SaidLine {
    body: Body,
    /// When it was last repaired for everyone.
    repaired: Option<Time>,
}

/// The newest line, while it is repeated.
#[derive(Clone, Copy, Debug)]
struct Repeating {
    said: Time,
    /// How often its number was repeated.
    count: usize,
    next: Time,
}

/// The lines of this start.
#[derive(Debug, Default)]
pub(super) struct OwnLines {
    newest: u64,
    pace: TokenBucket,
    /// At most [`limits::ROOM_WINDOW`].
    window: VecDeque<SaidLine>,
    /// The newest one, while it is repeated.
    said: Option<Repeating>,
    is_leaving: bool,
}

impl OwnLines {
    /// The number of the next line, if this text may be said now.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn number(&mut self, now: Time, text: &str) -> Result<u64, NotSaid> {
        if self.is_leaving {
            return Err(NotSaid::Leaving);
        }
        if text.is_empty() {
            return Err(NotSaid::Empty);
        }
        if text.len() > limits::LINE {
            return Err(NotSaid::TooLong);
        }
        if !self.pace.take(now, limits::LINE_RATE) {
            return Err(NotSaid::TooFast(self.pace.next(limits::LINE_RATE).since(now)));
        }
        self.newest += 1;
        self.said = Some(Repeating { said: now, count: 0, next: now + REPEATS[0] });
        Ok(self.newest)
    }

    /// Keeps the datagram of the newest line, to be sent once more to whoever misses it.
    pub(super) fn keep(&mut self, body: Body) {
        self.window.push_back(SaidLine { body, repaired: None });
        if self.window.len() > limits::ROOM_WINDOW {
            self.window.pop_front();
        }
    }

    /// The datagram of line `number`, unless it went to everyone a moment ago.
    pub(super) fn repairable(&self, now: Time, number: u64) -> bool {
        let is_fresh = |at: Time| now.since(at) < super::repairs::HOLD;
        self.find(number).is_some_and(|line| !line.repaired.is_some_and(is_fresh))
    }

    /// Line `number`, to be sent once more; `everyone`: to all.
    pub(super) fn take_repair(&mut self, now: Time, number: u64, everyone: bool) -> Option<Body> {
        let line = self.window.iter_mut().find(|line| number_of(&line.body) == number)?;
        if everyone {
            line.repaired = Some(now);
        }
        Some(line.body.clone())
    }

    /// Begins to leave: nothing is said any more.
    pub(super) fn leave(&mut self, now: Time) {
        self.is_leaving = true;
        if let Some(newest) = &mut self.said {
            newest.next = newest.next.min(now + LEAVE_REPEAT);
        }
    }

    /// When nothing is left to repeat that a leave waits for; `None`: nothing is left.
    pub(super) fn quiet_at(&self, now: Time) -> Option<Time> {
        self.said.map(|newest| newest.said + LEAVE_WAIT).filter(|at| *at > now)
    }

    /// When the newest number is to be repeated.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.said.map(|newest| newest.next)
    }

    /// What is to be repeated now; it counts as repeated.
    pub(super) fn take_repeat(&mut self, now: Time) -> Option<Repetition> {
        let newest = self.said.as_mut().filter(|newest| newest.next <= now)?;
        if self.is_leaving {
            newest.next = now + LEAVE_REPEAT;
            return self.window.back().map(|line| Repetition::Line(line.body.clone()));
        }
        newest.count += 1;
        match REPEATS.get(newest.count) {
            Some(after) => newest.next = newest.said + *after,
            None => self.said = None,
        }
        Some(Repetition::Number)
    }

    fn find(&self, number: u64) -> Option<&SaidLine> {
        self.window.iter().find(|line| number_of(&line.body) == number)
    }
}

const fn number_of(body: &Body) -> u64 {
    match &body.message {
        DatagramMessage::Room(line) => line.number,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    #[test]
    fn five_a_second_are_said_and_one_more_is_refused_with_the_time_to_wait() {
        let mut own = OwnLines::default();
        for number in 1..=5 {
            assert_eq!(own.number(at(0), "x"), Ok(number));
        }
        assert_eq!(own.number(at(50), "x"), Err(NotSaid::TooFast(Duration::from_millis(150))));
        assert_eq!(own.number(at(200), "x"), Ok(6));
        assert_eq!(own.number(at(900), ""), Err(NotSaid::Empty));
        assert_eq!(own.number(at(900), &"x".repeat(limits::LINE + 1)), Err(NotSaid::TooLong));
        own.leave(at(900));
        assert_eq!(own.number(at(900), "x"), Err(NotSaid::Leaving));
    }

    #[test]
    fn the_newest_number_is_repeated_four_times_and_begins_anew_with_each_line() {
        let mut own = OwnLines::default();
        assert_eq!((own.poll_timeout(), own.quiet_at(at(0))), (None, None));
        own.number(at(0), "x").unwrap();
        assert_eq!((own.take_repeat(at(249)), own.take_repeat(at(250))), (None, Some(Repetition::Number)));
        own.number(at(300), "y").unwrap();
        for ms in [550, 800, 1_300, 2_300] {
            assert_eq!(own.poll_timeout(), Some(at(ms)));
            assert_eq!(own.quiet_at(at(ms)), Some(at(1_300)).filter(|_| ms < 1_300));
            assert_eq!(own.take_repeat(at(ms)), Some(Repetition::Number));
        }
        assert_eq!(own.poll_timeout(), None);
    }

    #[test]
    fn while_a_leave_waits_the_newest_line_itself_is_repeated() {
        let mut own = OwnLines::default();
        own.number(at(0), "x").unwrap();
        let body = crate::lan::room::tests::body(crate::identity::Instance { count: 1, random: 1 }, 1);
        own.keep(body.clone());
        own.leave(at(10));
        for ms in [210, 410, 610, 810] {
            assert_eq!((own.poll_timeout(), own.quiet_at(at(ms))), (Some(at(ms)), Some(at(1_000))));
            assert_eq!(own.take_repeat(at(ms)), Some(Repetition::Line(body.clone())));
        }
        assert_eq!(own.quiet_at(at(1_000)), None);
    }
}
