//! The lines that are kept, of everyone and of this peer itself: the last ones, in equal shares of the hosts where
//! they were said. So one that floods the room pushes out nobody else's. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::accounts::{Account, Grant, Payer};
use crate::identity::PeerId;
use crate::peer::limits;
use crate::time::Time;

/// Who hears a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) enum LineTo {
    /// Everyone.
    Everyone,
    /// This peer alone.
    Us,
    /// That peer alone, which was called so.
    One { peer: PeerId, name: String },
}

/// A line that somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) struct ChatLine {
    pub(in crate::peer) peer: PeerId,
    /// The name of who said it, as it was then.
    pub(in crate::peer) name: String,
    pub(in crate::peer) to: LineTo,
    /// When it was said, by the clock of who said it: milliseconds since 1970.
    pub(in crate::peer) said: u64,
    pub(in crate::peer) text: Arc<str>,
}

/// The place of a line: a later one has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::peer) struct LinePlace(pub(in crate::peer) u64);

/// What keeping a line did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptPlace {
    pub(super) place: LinePlace,
    /// Those that had to go for it.
    pub(super) gone: Vec<LinePlace>,
}

/// All of them, at most [`limits::CHAT_LINES`].
#[derive(Debug)]
pub(super) struct ChatLines {
    all: BTreeMap<LinePlace, ChatLine>,
    places: Account<PeerId, LinePlace>,
}

impl Default for ChatLines {
    fn default() -> Self {
        let places = Account::new(limits::CHAT_LINES, limits::CHAT_LINES_OF_HOST);
        Self { all: BTreeMap::new(), places }
    }
}

impl ChatLines {
    /// Keeps a line behind all others. `None`: every line of its host is needed for the share of others.
    pub(super) fn keep(&mut self, now: Time, payer: Payer<PeerId>, line: ChatLine) -> Option<KeptPlace> {
        let place = LinePlace(self.all.last_key_value().map_or(0, |(last, _)| last.0.saturating_add(1)));
        self.restore(now, payer, place, line).map(|gone| KeptPlace { place, gone })
    }

    /// A line that has its place already, as at a start. Returns those that had to go for it; `None`: it has to go
    /// itself.
    pub(super) fn restore(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        place: LinePlace,
        line: ChatLine,
    ) -> Option<Vec<LinePlace>> {
        let mut gone = Vec::new();
        loop {
            if let Grant::Given(yielding) = self.places.charge(now, payer, place, 1) {
                gone.extend(yielding);
                break;
            }
            // What is new takes the place of the oldest one of the same peer, or else of its host.
            let oldest = self.oldest(payer)?;
            self.places.free(oldest);
            gone.push(oldest);
        }
        gone.iter().for_each(|other| drop(self.all.remove(other)));
        self.all.insert(place, line);
        // Of many only now and then, for it is a look at all of them.
        if self.all.len() <= 64 || place.0.is_multiple_of(64) {
            self.places.check("kept lines", self.all.keys().map(|place| (*place, 1)));
        }
        Some(gone)
    }

    /// All of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ChatLine> {
        self.all.values()
    }

    /// Forgets what a peer said. Returns what is gone.
    pub(super) fn forget(&mut self, peer: PeerId) -> Vec<LinePlace> {
        let gone: Vec<_> = self.all.iter().filter(|(_, line)| line.peer == peer).map(|(at, _)| *at).collect();
        for place in &gone {
            self.all.remove(place);
            self.places.free(*place);
        }
        gone
    }

    fn oldest(&self, payer: Payer<PeerId>) -> Option<LinePlace> {
        let of = |is_meant: &dyn Fn(Payer<PeerId>) -> bool| {
            self.all.keys().copied().find(|place| self.places.payer(*place).is_some_and(is_meant))
        };
        of(&|other| other == payer).or_else(|| of(&|other| other.host == payer.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountHost;

    fn payer(host: u8, peer: u8) -> Payer<PeerId> {
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId([peer; 32]) }
    }

    fn line(peer: u8, n: u64) -> ChatLine {
        let (name, text) = (format!("peer{peer}"), Arc::from(n.to_string()));
        ChatLine { peer: PeerId([peer; 32]), name, to: LineTo::Everyone, said: n, text }
    }

    fn said_by(kept: &ChatLines, peer: u8) -> Vec<u64> {
        kept.iter().filter(|line| line.peer == PeerId([peer; 32])).map(|line| line.said).collect()
    }

    fn say(kept: &mut ChatLines, host: u8, peer: u8, lines: core::ops::Range<u64>) {
        for n in lines {
            assert!(kept.keep(Time(n), payer(host, peer), line(peer, n)).is_some());
        }
    }

    #[test]
    fn the_last_thousand_are_kept_in_their_order() {
        let mut kept = ChatLines::default();
        say(&mut kept, 1, 1, 0..600);
        say(&mut kept, 1, 2, 600..1_200);
        assert_eq!(kept.iter().count() as u64, limits::CHAT_LINES);
        assert!(kept.iter().is_sorted_by_key(|line| line.said));
        assert_eq!((said_by(&kept, 1).len(), said_by(&kept, 2).len()), (500, 500), "the fullest one yields");
        assert_eq!(said_by(&kept, 2).last(), Some(&1_199));
        assert_eq!(kept.forget(PeerId([2; 32])).len(), 500);
        assert_eq!(kept.iter().count(), 500);
    }

    #[test]
    fn one_that_floods_pushes_out_nobody_else() {
        let mut kept = ChatLines::default();
        for host in 1..5 {
            say(&mut kept, host, host, 0..100);
        }
        say(&mut kept, 9, 9, 0..1_500);
        for host in 1..5 {
            assert_eq!(said_by(&kept, host), (0..100).collect::<Vec<_>>(), "{host}");
        }
        assert_eq!(said_by(&kept, 9).last(), Some(&1_499));
        // Nor does one that makes up a peer for each line.
        for n in 0..1_500_u32 {
            let [.., a, b] = n.to_be_bytes();
            let mut peer = [9; 32];
            (peer[0], peer[1]) = (a, b);
            let by = Payer { peer: PeerId(peer), ..payer(9, 9) };
            let said = ChatLine { peer: PeerId(peer), ..line(8, n.into()) };
            assert!(kept.keep(Time(10_000 + u64::from(n)), by, said).is_some());
        }
        for host in 1..5 {
            assert_eq!(said_by(&kept, host).len(), 100, "{host}");
        }
        assert_eq!(kept.iter().count() as u64, limits::CHAT_LINES);
    }
}
