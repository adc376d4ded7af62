//! The ticket of this peer, by which it has its place in the order of arrival. Pure.
//! What follows from the tickets of all is in `lan/order.rs`.
//!
//! A ticket is one more than the highest that was heard by the time at which the network has answered. A peer that
//! was there before may have been missed, for datagrams get lost: whoever is heard for the first time soon after,
//! and has a ticket already, was there before. Whoever comes later says hello without one.
//!
//! Anyone may claim any ticket. One is followed only if it is not far above another that is followed, so that nobody
//! drives the tickets to where there is none above them.

use core::time::Duration;

use super::announcing::Announcements;
use super::outputs::Outputs;
use super::settling::SETTLED_LATEST;
use crate::lan::{Event, limits};
use crate::time::Time;

/// For so many intervals after this peer came, whoever is heard for the first time was there before it.
const NEW: u32 = 3;

/// A machine that slept for so long was taken for gone by others, and comes again.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// The ticket.
#[derive(Debug)]
pub(super) struct OwnTicket {
    /// 0: none yet.
    number: u64,
    /// When one is taken, at the latest.
    due: Option<Time>,
    /// When this peer came to a network: it took its ticket then, or met the first others that had one.
    came: Time,
    /// True as long as nobody else was heard.
    is_alone: bool,
}

impl OwnTicket {
    /// That of a peer that starts now.
    pub(super) fn new(now: Time) -> Self {
        Self { number: 0, due: Some(now + SETTLED_LATEST), came: now, is_alone: true }
    }

    /// The ticket; 0: none yet.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// When [`Self::take_due`] is to be called.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    /// The network has answered.
    pub(super) fn settle(&mut self, now: Time) {
        self.due = self.due.map(|at| at.min(now));
    }

    /// True if a ticket is to be taken now.
    pub(super) fn take_due(&mut self, now: Time) -> bool {
        self.due.take_if(|at| *at <= now).is_some()
    }

    /// Takes the ticket behind these, which are those of all that were heard.
    pub(super) fn take_behind(&mut self, now: Time, heard: impl IntoIterator<Item = u64>) {
        let mut heard = heard.into_iter().peekable();
        self.is_alone = heard.peek().is_none();
        self.came = now;
        self.number = behind(heard);
    }

    /// This machine slept for so long. True if it has to take a ticket again, and has none until then.
    pub(super) fn wake(&mut self, now: Time, slept: Duration) -> bool {
        let is_forgotten = slept >= FORGOTTEN;
        if is_forgotten {
            *self = Self::new(now);
        }
        is_forgotten
    }

    /// Tells others, and the controller, that this peer has another ticket.
    pub(super) fn tell(&self, announcements: &mut Announcements, out: &mut Outputs) {
        announcements.change();
        out.event(Event::Ticket(self.number));
    }

    /// A peer with this ticket is heard for the first time; `interval` is that of announcements now. True if the
    /// ticket of this peer is another one from now on.
    pub(super) fn hear_first(&mut self, now: Time, ticket: u64, interval: Duration) -> bool {
        if self.number == 0 {
            return false;
        }
        if self.is_alone && ticket > 0 {
            self.came = now;
        }
        self.is_alone = false;
        let is_new = now < self.came + NEW * interval;
        let is_before = ticket >= self.number && ticket - self.number <= limits::TICKET_GAP;
        if !is_new || !is_before {
            return false;
        }
        self.number = ticket.saturating_add(1);
        true
    }
}

/// One more than the highest of these that is followed: none is that lies more than a gap above the next lower one.
fn behind(heard: impl IntoIterator<Item = u64>) -> u64 {
    let mut heard: Vec<_> = heard.into_iter().collect();
    heard.sort_unstable();
    let mut highest: u64 = 0;
    for ticket in heard {
        if ticket - highest > limits::TICKET_GAP {
            break;
        }
        highest = ticket;
    }
    highest.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(100 + seconds)
    }

    fn taken(heard: &[u64]) -> OwnTicket {
        let mut own = OwnTicket::new(at(0));
        assert!(!own.take_due(at(0)));
        own.settle(at(0));
        assert!(own.take_due(at(0)) && !own.take_due(at(9)) && own.poll_timeout().is_none());
        own.take_behind(at(0), heard.iter().copied());
        own
    }

    #[test]
    fn a_newcomer_comes_behind_all_that_it_hears() {
        assert_eq!(taken(&[]).number(), 1);
        assert_eq!(taken(&[0, 7, 3]).number(), 8);
        let mut own = OwnTicket::new(at(0));
        assert_eq!((own.number(), own.poll_timeout()), (0, Some(at(1))));
        assert!(own.take_due(at(1)), "it does not wait longer than discovery takes to settle");
    }

    #[test]
    fn whoever_is_heard_first_with_a_ticket_soon_after_was_there_before() {
        let mut own = taken(&[4]);
        assert!(!own.hear_first(at(1), 0, SECOND) && !own.hear_first(at(1), 4, SECOND));
        assert!(own.hear_first(at(1), 5, SECOND));
        assert_eq!(own.number(), 6);
        assert!(own.hear_first(at(2), 9, SECOND));
        assert_eq!(own.number(), 10);
        // Later it is a network that was cut off from this one: there the tickets compare as they are.
        assert!(!own.hear_first(at(3), 20, SECOND));
        assert!(own.hear_first(at(3), 20, 2 * SECOND), "in a large network all takes longer");
    }

    #[test]
    fn who_never_met_anybody_comes_behind_whom_it_meets() {
        let mut own = taken(&[]);
        assert!(own.hear_first(at(3_600), 30, SECOND));
        assert_eq!(own.number(), 31);
        assert!(own.hear_first(at(3_602), 31, SECOND) && !own.hear_first(at(3_603), 40, SECOND));
        // But for one that only comes now.
        let mut first = taken(&[]);
        assert!(!first.hear_first(at(3_600), 0, SECOND) && !first.hear_first(at(3_601), 9, SECOND));
        assert_eq!(first.number(), 1);
    }

    #[test]
    fn who_slept_long_comes_again() {
        let mut own = taken(&[4]);
        assert!(!own.wake(at(10), 4 * SECOND));
        assert_eq!(own.number(), 5);
        assert!(own.wake(at(60), 30 * SECOND));
        assert_eq!((own.number(), own.poll_timeout()), (0, Some(at(61))));
        assert!(!own.hear_first(at(60), 7, SECOND), "all that is heard until then counts then");
    }

    #[test]
    fn a_ticket_far_above_all_others_is_not_followed() {
        for far in [u64::MAX, u64::MAX - 1, 9 + limits::TICKET_GAP + 1] {
            assert_eq!(taken(&[far, 9]).number(), 10);
        }
        assert_eq!(taken(&[u64::MAX]).number(), 1);
        assert_eq!(taken(&[9, 9 + limits::TICKET_GAP]).number(), 10 + limits::TICKET_GAP);
        let mut own = taken(&[9]);
        assert!(!own.hear_first(at(0), u64::MAX, SECOND));
        assert_eq!(own.number(), 10);
    }

    proptest! {
        #[test]
        fn claims_without_number_take_nobody_to_the_end(
            heard in proptest::collection::vec(any::<u64>(), 0..300),
        ) {
            let most = limits::TICKET_GAP * heard.len() as u64;
            prop_assert!((1..=most + 1).contains(&behind(heard)));
        }

        #[test]
        fn it_comes_behind_every_honest_one(mut heard in proptest::collection::vec(0..1_u64 << 30, 1..300)) {
            let highest = heard.iter().copied().max().unwrap_or(0);
            heard.extend([u64::MAX; 3]);
            prop_assert_eq!(behind(heard), highest + 1);
        }
    }
}
