//! Dial-back: whose question to connect to it is followed. Pure; its shell is sender/mod.rs. Whom to ask is
//! decided in receiver/dial_back.rs.

use std::collections::BTreeMap;

use crate::identity::PeerId;
use crate::rate::TokenBucket;
use crate::sender::limits;
use crate::time::Time;

/// Whose question to dial back is followed.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// When each was dialled last, as far as that keeps it from being dialled again.
    last: BTreeMap<PeerId, Time>,
    all: TokenBucket,
}

impl Following {
    /// May `peer`, which asks for it, be dialled? `under_way`: dials that are not answered yet.
    pub(super) fn may_dial(&mut self, now: Time, peer: PeerId, under_way: usize) -> bool {
        self.last.retain(|_, last| now.since(*last) < limits::DIAL_BACK_AGAIN);
        let may = under_way < limits::DIAL_BACKS
            && !self.last.contains_key(&peer)
            && self.all.take(now, limits::DIAL_BACK_RATE);
        if may {
            self.last.insert(peer, now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: PeerId = PeerId([1; 32]);

    const fn at(ms: u64) -> Time {
        Time(1_000_000_000_000 + ms * 1_000_000)
    }

    #[test]
    fn nobody_makes_a_peer_dial_often() {
        let mut following = Following::default();
        let one = (0..10_000).filter(|ms| following.may_dial(at(*ms), ID, 0)).count();
        assert_eq!(one, 10, "one peer, in ten seconds");
        let mut following = Following::default();
        let ids = (0..10_000_u64).map(|n| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            PeerId(id)
        });
        let many = (0..).zip(ids).filter(|(ms, id)| following.may_dial(at(*ms), *id, 0)).count();
        let burst = limits::DIAL_BACK_RATE.burst as usize;
        let most = burst + (10_000 / limits::DIAL_BACK_RATE.period.as_millis()) as usize;
        assert!((most - 1..=most).contains(&many), "{many} of many, in ten seconds");
        assert!(following.last.len() <= burst + 8);
        assert!(!Following::default().may_dial(at(0), ID, limits::DIAL_BACKS), "too many under way");
    }
}
