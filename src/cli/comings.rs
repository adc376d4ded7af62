//! Who comes and goes, told together when many do at once; screen.rs has the clock, and says it.

use core::mem;
use core::time::Duration;

use super::show::parts::some_names;
use crate::control::GoneCause;
use crate::text::shown;
use crate::time::Time;

/// What happens within this time is told together: a network that is there again brings all its peers in it.
const TOGETHER: Duration = Duration::from_millis(500);

/// Up to so many are told one by one.
const ONE_BY_ONE: usize = 3;

/// What became of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Joined,
    Gone(GoneCause),
}

/// Peers that came, or went for the same reason, one after the other.
#[derive(Debug)]
pub(super) struct Comings {
    change: Change,
    /// Their names; and when there are few, their lines.
    names: Vec<String>,
    lines: Vec<String>,
    since: Option<Time>,
}

impl Comings {
    /// Nobody yet.
    pub(super) const fn new() -> Self {
        Self { change: Change::Joined, names: Vec::new(), lines: Vec::new(), since: None }
    }

    /// A peer came. What is to be told now of those before it.
    pub(super) fn joined(&mut self, now: Time, name: String, id: &str) -> Vec<String> {
        let line = format!("{} joined ({})", shown(&name), shown(id));
        self.note(now, Change::Joined, name, line)
    }

    /// A peer went. What is to be told now of those before it.
    pub(super) fn gone(&mut self, now: Time, name: String, why: GoneCause) -> Vec<String> {
        let who = shown(&name);
        let line = match why {
            GoneCause::Left => format!("{who} left"),
            GoneCause::Silent => format!("lost contact with {who}"),
            GoneCause::Disconnected => format!("{who} is no longer connected"),
        };
        self.note(now, Change::Gone(why), name, line)
    }

    fn note(&mut self, now: Time, change: Change, name: String, line: String) -> Vec<String> {
        let before = if self.change == change { Vec::new() } else { self.take() };
        self.change = change;
        self.since.get_or_insert(now);
        self.names.push(name);
        if self.lines.len() < ONE_BY_ONE {
            self.lines.push(line);
        }
        before
    }

    /// When [`due`](Self::due) has something to tell.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.since.map(|since| since + TOGETHER)
    }

    /// What is to be told now.
    pub(super) fn due(&mut self, now: Time) -> Vec<String> {
        if self.poll_timeout().is_some_and(|at| at <= now) { self.take() } else { Vec::new() }
    }

    /// What is to be told of all that were not told of yet.
    pub(super) fn take(&mut self) -> Vec<String> {
        self.since = None;
        let (names, lines) = (mem::take(&mut self.names), mem::take(&mut self.lines));
        if names.len() <= ONE_BY_ONE {
            return lines;
        }
        let (who, peers) = (some_names(&names), super::human::count(names.len() as u64, "peer"));
        vec![match self.change {
            Change::Joined => format!("{peers} joined: {who}"),
            Change::Gone(GoneCause::Left) => format!("{peers} left: {who}"),
            Change::Gone(GoneCause::Silent) => format!("lost contact with {peers}: {who}"),
            Change::Gone(GoneCause::Disconnected) => format!("{peers} are no longer connected: {who}"),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn few_are_told_one_by_one_and_many_in_one_line() {
        let mut comings = Comings::new();
        assert_eq!(comings.poll_timeout(), None);
        assert!(comings.joined(at(0), "anna".to_owned(), "2paw2l3o").is_empty());
        assert_eq!((comings.due(at(499)), comings.poll_timeout()), (Vec::new(), Some(at(500))));
        assert_eq!(comings.due(at(500)), ["anna joined (2paw2l3o)"]);
        assert_eq!(comings.poll_timeout(), None);
        for n in 0..12 {
            assert!(comings.joined(at(1_000 + n), format!("peer{n}"), "id").is_empty());
        }
        assert_eq!(comings.due(at(1_500)), ["12 peers joined: peer0, peer1, peer2 and 9 more"]);
        for n in 0..1_200 {
            comings.gone(at(2_000), format!("p{n}"), GoneCause::Silent);
        }
        assert_eq!(comings.take(), ["lost contact with 1,200 peers: p0, p1, p2 and 1,197 more"]);
    }

    #[test]
    fn what_happened_first_is_told_first() {
        let mut comings = Comings::new();
        assert!(comings.joined(at(0), "anna".to_owned(), "a").is_empty());
        assert_eq!(comings.gone(at(100), "anna".to_owned(), GoneCause::Left), ["anna joined (a)"]);
        assert_eq!(comings.gone(at(100), "bert".to_owned(), GoneCause::Silent), ["anna left"]);
        assert_eq!(comings.take(), ["lost contact with bert"]);
        comings.gone(at(200), "cleo".to_owned(), GoneCause::Disconnected);
        assert_eq!(comings.take(), ["cleo is no longer connected"]);
    }

    #[test]
    fn names_are_shown_as_text() {
        let mut comings = Comings::new();
        for n in 0..10 {
            comings.joined(at(0), format!("\u{1b}[2J{n}"), "\u{1b}");
        }
        assert!(!comings.take().concat().chars().any(crate::text::is_unprintable));
        comings.joined(at(0), "\u{1b}[2J".to_owned(), "\u{1b}");
        assert!(!comings.take().concat().chars().any(crate::text::is_unprintable));
    }
}
