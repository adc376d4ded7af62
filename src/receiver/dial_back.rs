//! Dial-back: whom to ask to connect to us because we cannot connect to it. Pure; its shell is
//! receiver/mod.rs. Whose question is followed is decided in sender/dial_back.rs.
//!
//! Asking goes on beside dialling: whichever connection stands first is used. A peer is asked once dialling
//! it failed twice in a row or is not answered for a second, and at once if it had to be asked the last time.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::identity::PeerId;
use crate::time::Time;

/// A dial that is not answered for this long is taken for one that a firewall swallows.
const UNANSWERED: Duration = Duration::from_secs(1);

/// After this many dials in a row that failed it is asked: one alone may be a peer that restarts.
const FAILED: u8 = 2;

/// After the first question of a round: when it is asked again.
const ASKS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1_500)];

/// After the first question of a round: until when its connection is waited for. A round begins no earlier
/// than the one before it ended, which bounds the questions to three in this time.
const ROUND: Duration = Duration::from_secs(5);

/// After this many rounds in a row without a connection a warning is shown. A peer that is dead is gone
/// sooner.
const BLOCKED: u8 = 3;

/// What the shell is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Ask this peer to dial back; how often it was asked before in this round.
    Ask(PeerId, u8),
    /// A round of questions brought no connection. Once, until there is one.
    Unreached(PeerId),
    /// Neither can reach the other. Once, until one does.
    Blocked(PeerId),
}

#[derive(Debug, Default)]
struct DialState {
    /// Since when it is being dialled.
    dialling: Option<Time>,
    /// Dials in a row that failed.
    failed: u8,
    /// The last connection with it was one that it made.
    behind: bool,
    /// Begin of the present round, and questions in it.
    round: Option<(Time, u8)>,
    /// Rounds in a row without a connection.
    rounds_failed: u8,
}

impl DialState {
    fn due(&self) -> Option<Time> {
        match self.round {
            Some((begun, asked)) => Some(begun + ASKS.get(usize::from(asked)).copied().unwrap_or(ROUND)),
            None => self.dialling.map(|since| since + UNANSWERED),
        }
    }
}

/// The peers that we want a connection with.
#[derive(Debug, Default)]
pub(super) struct DialBackRequests {
    peers: BTreeMap<PeerId, DialState>,
    outputs: VecDeque<Output>,
}

impl DialBackRequests {
    /// The next thing to do; to be called until `None` after every input.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A peer is being dialled.
    pub(super) fn handle_dialling(&mut self, now: Time, peer: PeerId) {
        let state = self.peers.entry(peer).or_default();
        state.dialling = Some(now);
        if state.behind {
            self.begin(now, peer);
        }
    }

    /// Dialling it failed.
    pub(super) fn handle_failed(&mut self, now: Time, peer: PeerId) {
        let state = self.peers.entry(peer).or_default();
        state.dialling = None;
        state.failed = state.failed.saturating_add(1);
        if state.failed >= FAILED || state.behind {
            self.begin(now, peer);
        }
    }

    /// A connection with it stands; `back`: it made it.
    pub(super) fn handle_up(&mut self, peer: PeerId, back: bool) {
        self.peers.insert(peer, DialState { behind: back, ..DialState::default() });
    }

    /// It is gone, or was closed on purpose while it was being dialled.
    pub(super) fn handle_gone(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
    }

    /// True if a connection that this peer makes is wanted.
    pub(super) fn waits_for(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|s| s.round.is_some())
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.peers.values().filter_map(DialState::due).min()
    }

    /// Asks, asks again, gives up.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        let due: Vec<_> =
            self.peers.iter().filter(|(_, s)| s.due().is_some_and(|t| t <= now)).map(|(p, _)| *p).collect();
        for peer in due {
            let Some(state) = self.peers.get_mut(&peer) else { continue };
            match state.round {
                None => {
                    // Said once for each dial: the next one begins it again.
                    state.dialling = None;
                    self.begin(now, peer);
                }
                Some((begun, asked)) if usize::from(asked) < ASKS.len() => {
                    state.round = Some((begun, asked + 1));
                    self.outputs.push_back(Output::Ask(peer, asked));
                }
                Some(_) => {
                    state.round = None;
                    state.dialling = None;
                    state.rounds_failed = state.rounds_failed.saturating_add(1);
                    if state.rounds_failed == 1 {
                        self.outputs.push_back(Output::Unreached(peer));
                    }
                    if state.rounds_failed == BLOCKED {
                        self.outputs.push_back(Output::Blocked(peer));
                    }
                }
            }
        }
    }

    fn begin(&mut self, now: Time, peer: PeerId) {
        if let Some(state) = self.peers.get_mut(&peer)
            && state.round.is_none()
        {
            state.round = Some((now, 1));
            self.outputs.push_back(Output::Ask(peer, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: PeerId = PeerId([1; 32]);

    const fn at(ms: u64) -> Time {
        Time(1_000_000_000_000 + ms * 1_000_000)
    }

    fn drain(asking: &mut DialBackRequests) -> Vec<Output> {
        std::iter::from_fn(|| asking.poll_output()).collect()
    }

    /// Lets time pass until `until`; when what was said, in milliseconds.
    fn run(asking: &mut DialBackRequests, until: u64) -> Vec<(u64, Output)> {
        let mut said = Vec::new();
        while let Some(due) = asking.poll_timeout().filter(|due| *due <= at(until)) {
            asking.handle_timeout(due);
            assert!(asking.poll_timeout().is_none_or(|next| next > due), "it would spin");
            said.extend(
                drain(asking).into_iter().map(|o| (u64::try_from(due.since(at(0)).as_millis()).unwrap(), o)),
            );
        }
        said
    }

    #[test]
    fn who_refuses_once_is_not_asked_and_who_refuses_twice_is() {
        let mut asking = DialBackRequests::default();
        asking.handle_dialling(at(0), ID);
        asking.handle_failed(at(0), ID);
        assert_eq!((drain(&mut asking), asking.waits_for(ID)), (vec![], false));
        assert_eq!(run(&mut asking, 10_000), []);
        asking.handle_dialling(at(10_000), ID);
        asking.handle_failed(at(10_000), ID);
        assert_eq!(drain(&mut asking), [Output::Ask(ID, 0)]);
        assert!(asking.waits_for(ID));
        asking.handle_up(ID, true);
        assert!(!asking.waits_for(ID) && asking.poll_timeout().is_none());
        // From now on it is asked at once.
        asking.handle_dialling(at(50_000), ID);
        assert_eq!(drain(&mut asking), [Output::Ask(ID, 0)]);
        // Also where it is not even dialled, because that failed a moment ago.
        asking.handle_up(ID, true);
        asking.handle_failed(at(70_000), ID);
        assert_eq!(drain(&mut asking), [Output::Ask(ID, 0)]);
        // But not when it can be dialled after all.
        asking.handle_up(ID, false);
        asking.handle_dialling(at(90_000), ID);
        assert_eq!(drain(&mut asking), []);
    }

    #[test]
    fn who_does_not_answer_for_a_second_is_asked_three_times_in_five() {
        let mut asking = DialBackRequests::default();
        asking.handle_dialling(at(0), ID);
        assert_eq!(
            run(&mut asking, 4_000),
            [(1_000, Output::Ask(ID, 0)), (1_500, Output::Ask(ID, 1)), (2_500, Output::Ask(ID, 2))]
        );
        // Dials that fail meanwhile begin no other round.
        for ms in [4_000, 4_200, 4_400] {
            asking.handle_dialling(at(ms), ID);
            asking.handle_failed(at(ms), ID);
        }
        assert_eq!(drain(&mut asking), []);
        assert!(asking.waits_for(ID));
        assert_eq!(run(&mut asking, 60_000), [(6_000, Output::Unreached(ID))]);
        assert!(!asking.waits_for(ID), "the round is over");
    }

    #[test]
    fn whoever_is_never_reached_is_reported_once() {
        let mut asking = DialBackRequests::default();
        let (mut blocked, mut unreached, mut asked) = (0, 0, 0);
        // A dial each half second, refused, for a minute.
        for ms in (0..60_000).step_by(500) {
            asking.handle_dialling(at(ms), ID);
            asking.handle_failed(at(ms), ID);
            let said =
                drain(&mut asking).into_iter().chain(run(&mut asking, ms + 499).into_iter().map(|s| s.1));
            for output in said {
                match output {
                    Output::Ask(..) => asked += 1,
                    Output::Unreached(_) => unreached += 1,
                    Output::Blocked(_) => blocked += 1,
                }
            }
        }
        assert_eq!((unreached, blocked), (1, 1));
        assert!((30..=36).contains(&asked), "{asked} questions in a minute");
        asking.handle_gone(ID);
        assert_eq!(asking.poll_timeout(), None);
    }
}
