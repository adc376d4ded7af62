//! Leaving: `here → leaving → left`, one state machine for all its causes (docs/PROTOCOL.md, "State
//! machine of leaving"). What is handed over to keepers before is decided in `custody/handoff.rs`. Pure.
//!
//! Contract: [`Leaving::begin`], [`Leaving::handed_over`] and [`Leaving::harder`] answer what sender and receiver
//! are to be told. The receiver is told to stop once, and not before own files are handed over: until then it
//! fetches what their keepers are to prove. Then `handle_*` until [`Leaving::is_over`].

use core::time::Duration;

use crate::time::Time;

/// A departure that waits for what is being sent ends when no byte moved for this long.
const STALLED: Duration = Duration::from_secs(30);

/// A departure that does not wait ends after this time, whatever is not finished: 2 s in all, the
/// announcement and the end of the threads included.
const AT_ONCE: Duration = Duration::from_millis(1_200);

/// What made us leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// `exit`: what is being sent is finished first.
    Exit,
    /// `exit --now`, Ctrl-C, SIGTERM, SIGHUP, the end of a pipe; Ctrl-C during `exit`.
    Now,
    /// Ctrl-C again: at once.
    AtOnce,
}

/// What the sender is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TellSender {
    /// Finish what is under way, take nothing new.
    Finish,
    /// The block under way, then stop.
    Stop,
    /// Nothing (any more).
    Nothing,
}

/// What the parts that speak to others are to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tell {
    pub(super) sender: TellSender,
    /// The receiver is to stop.
    pub(super) receiver_stops: bool,
}

impl Tell {
    const NOTHING: Self = Self { sender: TellSender::Nothing, receiver_stops: false };
}

/// A departure under way.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    cause: Cause,
    /// Own files are being handed over to others; sender and receiver are told to finish after that.
    handing: bool,
    sender_stopped: bool,
    receiver_stopped: bool,
    /// For [`Cause::Exit`]: bytes sent so far, and when they last moved.
    moved: (u64, Time),
    /// For the others: when it ends at the latest.
    deadline: Time,
}

impl Leaving {
    /// Begins to leave. `handing`: with [`Cause::Exit`], own files are handed over first.
    #[must_use]
    pub(super) fn begin(now: Time, cause: Cause, handing: bool) -> (Self, Tell) {
        let leaving = Self {
            cause,
            handing: handing && cause == Cause::Exit,
            sender_stopped: false,
            receiver_stopped: false,
            moved: (0, now),
            deadline: now + AT_ONCE,
        };
        let sender = match cause {
            Cause::Exit if leaving.handing => return (leaving, Tell::NOTHING),
            Cause::Exit => TellSender::Finish,
            Cause::Now | Cause::AtOnce => TellSender::Stop,
        };
        (leaving, Tell { sender, receiver_stops: true })
    }

    /// Own files are handed over, as far as that was possible.
    pub(super) fn handed_over(&mut self, now: Time) -> Tell {
        if !std::mem::take(&mut self.handing) {
            return Tell::NOTHING;
        }
        self.moved.1 = now;
        Tell { sender: TellSender::Finish, receiver_stops: true }
    }

    /// Another cause came meanwhile: only a more urgent one changes anything. A second "now" is a
    /// second Ctrl-C: it ends the departure at once.
    pub(super) fn harder(&mut self, now: Time, cause: Cause) -> Tell {
        match (self.cause, cause) {
            (Cause::Exit, Cause::Now) => {
                self.cause = Cause::Now;
                self.deadline = now + AT_ONCE;
                Tell { sender: TellSender::Stop, receiver_stops: std::mem::take(&mut self.handing) }
            }
            (_, Cause::Exit) => Tell::NOTHING,
            (Cause::Now | Cause::AtOnce, Cause::Now) | (_, Cause::AtOnce) => {
                self.cause = Cause::AtOnce;
                Tell::NOTHING
            }
        }
    }

    /// The sender has nothing under way any more.
    pub(super) const fn handle_sender_stopped(&mut self) {
        self.sender_stopped = true;
    }

    /// The receiver has written everything down.
    pub(super) const fn handle_receiver_stopped(&mut self) {
        self.receiver_stopped = true;
    }

    /// `bytes` were sent to those who still are served.
    pub(super) fn handle_sent(&mut self, now: Time, bytes: u64) {
        // Fewer: somebody got all it wanted and is not counted any more.
        if bytes != self.moved.0 {
            self.moved = (bytes, now);
        }
    }

    /// True once nothing is waited for: the leave is announced now, as the very last act.
    #[must_use]
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.cause == Cause::AtOnce
            || (self.sender_stopped && self.receiver_stopped)
            || self.poll_timeout().is_some_and(|at| now >= at)
    }

    /// When [`Self::is_over`] becomes true at the latest; `None` while files are handed over.
    #[must_use]
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        match self.cause {
            Cause::Exit => (!self.handing).then(|| self.moved.1 + STALLED),
            Cause::Now | Cause::AtOnce => Some(self.deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINISH: Tell = Tell { sender: TellSender::Finish, receiver_stops: true };
    const STOP: Tell = Tell { sender: TellSender::Stop, receiver_stops: true };

    const fn at(millis: u64) -> Time {
        Time(millis * 1_000_000)
    }

    #[test]
    fn exit_waits_while_bytes_move() {
        let (mut l, tell) = Leaving::begin(at(0), Cause::Exit, false);
        assert_eq!(tell, FINISH);
        l.handle_receiver_stopped();
        for s in 0..100 {
            l.handle_sent(at(s * 1_000), s);
            assert!(!l.is_over(at(s * 1_000)));
        }
        assert!(!l.is_over(at(128_999)));
        assert!(l.is_over(at(129_000)), "30 s without a byte end it");
        l.handle_sender_stopped();
        assert!(l.is_over(at(100_000)));
    }

    #[test]
    fn exit_hands_over_first_and_a_harder_cause_does_not() {
        let (mut l, tell) = Leaving::begin(at(0), Cause::Exit, true);
        assert_eq!(tell, Tell::NOTHING, "the receiver fetches what keepers prove");
        assert!(l.poll_timeout().is_none() && !l.is_over(at(1_000_000)));
        let mut cut = l.clone();
        assert_eq!(l.handed_over(at(1_000_000)), FINISH);
        assert_eq!(l.handed_over(at(1_000_001)), Tell::NOTHING);
        assert!(!l.is_over(at(1_029_999)) && l.is_over(at(1_030_000)));
        assert_eq!(
            l.harder(at(1_000_002), Cause::Now),
            Tell { receiver_stops: false, ..STOP },
            "it was told"
        );
        assert_eq!(cut.harder(at(500), Cause::Now), STOP);
        assert_eq!(cut.handed_over(at(600)), Tell::NOTHING);
        assert!(cut.is_over(at(1_700)));
    }

    #[test]
    fn now_ends_soon_whatever_happens() {
        let (mut l, tell) = Leaving::begin(at(0), Cause::Now, true);
        assert_eq!(tell, STOP);
        l.handle_sent(at(1_000), 1);
        assert!(!l.is_over(at(1_199)) && l.is_over(at(1_200)));
        l.handle_sender_stopped();
        assert!(!l.is_over(at(10)));
        l.handle_receiver_stopped();
        assert!(l.is_over(at(10)));
    }

    #[test]
    fn a_harder_cause_overtakes_a_softer_one_never() {
        let (mut l, _) = Leaving::begin(at(0), Cause::Exit, false);
        assert_eq!(l.harder(at(5_000), Cause::Exit), Tell::NOTHING);
        assert_eq!(l.harder(at(5_000), Cause::Now), Tell { receiver_stops: false, ..STOP });
        assert_eq!(l.poll_timeout(), Some(at(6_200)));
        assert_eq!(l.harder(at(5_100), Cause::Exit), Tell::NOTHING);
        assert_eq!(l.poll_timeout(), Some(at(6_200)));
        assert!(!l.is_over(at(5_100)));
        assert_eq!(l.harder(at(5_200), Cause::Now), Tell::NOTHING);
        assert!(l.is_over(at(5_200)));
    }
}
