//! How far each peer that speaks was heard, over all starts of this one: no line is shown twice. Pure.

use std::collections::BTreeMap;

use crate::accounts::{Account, Grant, Payer};
use crate::identity::PeerId;
use crate::lan::HeardMark;
use crate::peer::limits;
use crate::time::Time;

/// How a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the room.
    Room,
    /// From its peer alone.
    Alone,
}

/// How far one peer was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeardPeer {
    pub(super) room: Option<HeardMark>,
    pub(super) alone: Option<HeardMark>,
}

/// All that were heard, at most [`limits::CHAT_PEERS`]; their hosts have equal shares.
#[derive(Debug)]
pub(super) struct HeardPeers {
    all: BTreeMap<PeerId, HeardPeer>,
    places: Account<PeerId, PeerId>,
}

impl Default for HeardPeers {
    fn default() -> Self {
        let places = Account::new(limits::CHAT_PEERS, limits::CHAT_PEERS_OF_HOST);
        Self { all: BTreeMap::new(), places }
    }
}

impl HeardPeers {
    /// A peer was heard so far before. Returns who had to go for it; `None`: there is no place for it.
    pub(super) fn restore(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        heard: HeardPeer,
    ) -> Option<Vec<PeerId>> {
        let Grant::Given(gone) = self.places.charge(now, payer, payer.peer, 1) else { return None };
        for other in &gone {
            self.all.remove(other);
        }
        self.all.insert(payer.peer, heard);
        // Of many only now and then, for it is a look at all of them.
        if self.all.len() <= 64 || self.all.len().is_multiple_of(256) {
            self.places.check("peers that were heard", self.all.keys().map(|peer| (*peer, 1)));
        }
        Some(gone)
    }

    /// How far a peer was heard.
    pub(super) fn get(&self, peer: PeerId) -> HeardPeer {
        self.all.get(&peer).copied().unwrap_or_default()
    }

    /// True if this line of a peer, or a later one, was heard before.
    pub(super) fn has_passed(&self, peer: PeerId, way: Way, mark: HeardMark) -> bool {
        let HeardPeer { room, alone } = self.get(peer);
        let last = match way {
            Way::Room => room,
            Way::Alone => alone,
        };
        last.is_some_and(|last| mark <= last)
    }

    /// It was heard so far now. As [`Self::restore`].
    pub(super) fn note(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        way: Way,
        mark: HeardMark,
    ) -> Option<Vec<PeerId>> {
        let mut heard = self.get(payer.peer);
        match way {
            Way::Room => heard.room = Some(mark),
            Way::Alone => heard.alone = Some(mark),
        }
        self.restore(now, payer, heard)
    }

    /// How far all were heard in the room.
    pub(super) fn in_the_room(&self) -> impl Iterator<Item = (PeerId, HeardMark)> {
        self.all.iter().filter_map(|(peer, heard)| Some((*peer, heard.room?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountHost;
    use crate::identity::Instance;

    fn mark(start: u64, number: u64) -> HeardMark {
        HeardMark { instance: Instance { count: start, random: 0 }, number }
    }

    fn payer(host: u8, peer: u8) -> Payer<PeerId> {
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId([peer; 32]) }
    }

    #[test]
    fn what_was_heard_is_heard_once_each_way() {
        let (mut heard, by) = (HeardPeers::default(), payer(1, 1));
        assert!(!heard.has_passed(by.peer, Way::Room, mark(1, 1)));
        heard.note(Time(1), by, Way::Room, mark(5, 3)).unwrap();
        for (start, number, is_passed) in
            [(5, 3, true), (5, 2, true), (4, 9, true), (5, 4, false), (6, 1, false)]
        {
            assert_eq!(
                heard.has_passed(by.peer, Way::Room, mark(start, number)),
                is_passed,
                "{start} {number}"
            );
        }
        assert!(!heard.has_passed(by.peer, Way::Alone, mark(5, 1)));
        heard.note(Time(2), by, Way::Alone, mark(5, 1)).unwrap();
        assert!(heard.has_passed(by.peer, Way::Alone, mark(5, 1)));
        assert_eq!(heard.in_the_room().collect::<Vec<_>>(), [(by.peer, mark(5, 3))]);
    }

    #[test]
    fn peers_that_a_host_makes_up_make_no_other_one_be_heard_twice() {
        let mut heard = HeardPeers::default();
        heard.note(Time(1), payer(1, 1), Way::Room, mark(1, 7)).unwrap();
        for n in 0..2 * limits::CHAT_PEERS {
            let mut peer = [9; 32];
            peer[..8].copy_from_slice(&n.to_be_bytes());
            let by = Payer { peer: PeerId(peer), ..payer(9, 9) };
            heard.note(Time(2 + n), by, Way::Room, mark(1, 1));
        }
        assert!(heard.has_passed(PeerId([1; 32]), Way::Room, mark(1, 7)));
        assert_eq!(heard.all.len() as u64, limits::CHAT_PEERS);
        assert!(
            heard.note(Time(9_999), payer(2, 2), Way::Room, mark(1, 1)).is_some(),
            "another host has a place"
        );
    }
}
