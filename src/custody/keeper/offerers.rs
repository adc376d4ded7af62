//! How much may be accepted of those who offer, before anything that they offered came. Pure.
//!
//! Whoever offers has bytes fetched, from itself or from others. Once a file that it offered is here and whole, it
//! has proved that its offers are about something.

use std::collections::{BTreeMap, BTreeSet};

use crate::accounts::AccountHost;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;

/// Those who offered something.
#[derive(Debug, Default)]
pub(super) struct Offerers {
    proved: BTreeSet<PeerId>,
    /// Of the others: when the hour of a host began, and the bytes that were accepted in it.
    unproved: BTreeMap<AccountHost, Unproved>,
}

#[derive(Clone, Copy, Debug)]
struct Unproved {
    since: Time,
    bytes: u64,
}

impl Offerers {
    /// Bytes that may be accepted of a peer at a host. The first file of an hour may be of any size.
    pub(super) fn left(&self, now: Time, peer: PeerId, host: AccountHost) -> u64 {
        if self.proved.contains(&peer) {
            return u64::MAX;
        }
        let hour = self.unproved.get(&host).filter(|hour| now < hour.since + limits::UNPROVED_WINDOW);
        hour.map_or(u64::MAX, |hour| limits::UNPROVED_BYTES.saturating_sub(hour.bytes))
    }

    /// So much was accepted.
    pub(super) fn accept(&mut self, now: Time, peer: PeerId, host: AccountHost, bytes: u64) {
        if self.proved.contains(&peer) {
            return;
        }
        self.unproved.retain(|_, hour| now < hour.since + limits::UNPROVED_WINDOW);
        while self.unproved.len() >= limits::PEERS {
            self.unproved.pop_first();
        }
        let hour = self.unproved.entry(host).or_insert(Unproved { since: now, bytes: 0 });
        hour.bytes = hour.bytes.saturating_add(bytes);
    }

    /// A file that it offered is here.
    pub(super) fn prove(&mut self, peer: PeerId) {
        while self.proved.len() >= limits::PEERS {
            self.proved.pop_first();
        }
        self.proved.insert(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_proved_nothing_gets_a_gibibyte_an_hour_with_all_of_its_host() {
        let host = |n: u8| AccountHost::V4([10, 0, 0, n].into());
        let (one, two) = (PeerId([1; 32]), PeerId([2; 32]));
        let mut offerers = Offerers::default();
        assert_eq!(offerers.left(Time(1), one, host(1)), u64::MAX);
        offerers.accept(Time(1), one, host(1), 3 << 29);
        assert_eq!([one, two].map(|peer| offerers.left(Time(2), peer, host(1))), [0, 0]);
        assert_eq!(offerers.left(Time(2), one, host(2)), u64::MAX);
        offerers.prove(two);
        assert_eq!([one, two].map(|peer| offerers.left(Time(2), peer, host(1))), [0, u64::MAX]);
        assert_eq!(offerers.left(Time(1) + limits::UNPROVED_WINDOW, one, host(1)), u64::MAX);
    }
}
