//! Lines for one peer alone, from when they are said until it is known what became of them. Pure.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Failure;
use crate::identity::{Instance, PeerId};
use crate::peer::event::AskId;
use crate::rate::TokenBucket;
use crate::receiver::telling::{PrivateLine, TellOutcome};
use crate::sender::limits::TELL_RATE;
use crate::time::Time;

/// A peer, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) struct PeerWord {
    pub(in crate::peer) id: PeerId,
    pub(in crate::peer) name: String,
}

/// A line that is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PendingTell {
    /// Who waits for what becomes of it.
    pub(super) ask: AskId,
    pub(super) to: PeerId,
    pub(super) name: String,
    pub(super) text: Arc<str>,
}

/// All of them: as many as users ask for.
#[derive(Debug, Default)]
pub(super) struct PendingTells {
    /// The number of the last one of this start.
    last: u64,
    all: BTreeMap<u64, PendingTell>,
    /// How fast each peer was told lately: it takes no more than [`TELL_RATE`].
    paces: BTreeMap<PeerId, TokenBucket>,
}

impl PendingTells {
    /// A line of this start is to be told.
    ///
    /// # Errors
    /// It is one more than that peer takes in this time; the next one may be told after so long.
    pub(super) fn begin(
        &mut self,
        now: Time,
        ask: AskId,
        to: PeerWord,
        text: String,
        instance: Instance,
    ) -> Result<PrivateLine, Duration> {
        self.paces.retain(|_, pace| !pace.is_full(now));
        let pace = self.paces.entry(to.id).or_default();
        if !pace.take(now, TELL_RATE) {
            return Err(pace.next(TELL_RATE).since(now));
        }
        self.last += 1;
        let (number, text) = (self.last, Arc::from(text));
        let pending = PendingTell { ask, to: to.id, name: to.name, text: Arc::clone(&text) };
        self.all.insert(number, pending);
        Ok(PrivateLine { to: to.id, instance, number, text })
    }

    /// It is known what became of a line.
    pub(super) fn end(&mut self, number: u64) -> Option<PendingTell> {
        self.all.remove(&number)
    }
}

impl PendingTell {
    /// What the user is told if it did not come.
    pub(super) fn failure(&self, outcome: TellOutcome) -> Option<Failure> {
        let name = &self.name;
        let message = match outcome {
            TellOutcome::Came => return None,
            TellOutcome::NotOffered => format!(
                "an earlier potluck runs at {name}, which takes no lines for it alone: say it to everyone, or have it \
                 updated"
            ),
            TellOutcome::Busy => format!("{name} takes no more lines now: say it again in a second"),
            TellOutcome::Stranger => {
                format!("{name} has not heard of this peer yet: say it again in a few seconds")
            }
            TellOutcome::NoAnswer => {
                format!("{name} does not answer, and may not have got the line: say it again later")
            }
        };
        Some(Failure::other(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(n: u8) -> PeerWord {
        PeerWord { id: PeerId([n; 32]), name: format!("peer{n}") }
    }

    #[test]
    fn five_a_second_are_told_to_each_and_each_has_a_number_of_its_own() {
        let mut all = PendingTells::default();
        let at = |ms: u64| Time::ZERO + Duration::from_millis(10_000 + ms);
        let start = Instance { count: 1, random: 1 };
        let mut tell =
            |ms, peer| all.begin(at(ms), AskId(1), to(peer), "x".into(), start).map(|line| line.number);
        for number in 1..=5 {
            assert_eq!(tell(0, 1), Ok(number));
        }
        assert_eq!(tell(50, 1), Err(Duration::from_millis(150)));
        assert_eq!((tell(50, 2), tell(200, 1), tell(5_000, 3)), (Ok(6), Ok(7), Ok(8)));
        assert_eq!(all.paces.len(), 1, "who was told long ago is forgotten");
        let told = all.end(7).unwrap();
        assert_eq!((told.to, all.end(7)), (to(1).id, None));
        assert_eq!(told.failure(TellOutcome::Came), None);
        for (outcome, said) in [
            (
                TellOutcome::NotOffered,
                "an earlier potluck runs at peer1, which takes no lines for it alone: say it to everyone, or have it \
                 updated",
            ),
            (TellOutcome::Busy, "peer1 takes no more lines now: say it again in a second"),
            (TellOutcome::Stranger, "peer1 has not heard of this peer yet: say it again in a few seconds"),
            (
                TellOutcome::NoAnswer,
                "peer1 does not answer, and may not have got the line: say it again later",
            ),
        ] {
            assert_eq!(told.failure(outcome), Some(Failure::other(said)));
        }
    }
}
