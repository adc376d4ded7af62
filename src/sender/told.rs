//! Lines that others tell this peer alone: who may, and how fast. Pure; mod.rs answers.

use std::collections::BTreeMap;

use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::identity::{Instance, PeerId};
use crate::rate::{Rate, TokenBucket};
use crate::sender::limits;
use crate::sender::quick::PeerTable;
use crate::time::Time;
use crate::wire::message::{Reason, Tell};

/// A line that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToldLine {
    /// Who said it; TLS proved it.
    pub(crate) peer: PeerId,
    /// Where it is, as shares go by it.
    pub(crate) host: AccountHost,
    /// The start of it.
    pub(crate) instance: Instance,
    /// The number of the line.
    pub(crate) number: u64,
    /// When it was said, by its clock: milliseconds since 1970.
    pub(crate) said: u64,
    /// What it said.
    pub(crate) text: String,
}

impl ToldLine {
    /// That of this peer.
    fn of(teller: Payer<PeerId>, line: Tell) -> Self {
        let (Payer { host, peer }, Tell { instance, number, said, text, .. }) = (teller, line);
        Self { peer, host, instance, number, said, text }
    }
}

/// The peers that are here.
#[derive(Debug, Default)]
pub(crate) struct PeersHere {
    /// What is known of each, for whoever asks for the table.
    pub(crate) table: PeerTable,
    /// Those that tell this one lines.
    tellers: Tellers,
    /// Those that say something of offers.
    offerers: Tellers,
}

impl PeersHere {
    /// Takes a line that a peer tells this one alone.
    ///
    /// # Errors
    /// Why it is not taken: that peer is not here, or tells too much.
    pub(crate) fn hear(
        &mut self,
        now: Time,
        teller: Option<Payer<PeerId>>,
        line: Tell,
    ) -> Result<ToldLine, Reason> {
        let teller = teller.filter(|teller| self.table.contains_key(&teller.peer)).ok_or(Reason::Unknown)?;
        if !self.tellers.may_tell(now, teller, limits::TELL_RATE) {
            return Err(Reason::Busy);
        }
        Ok(ToldLine::of(teller, line))
    }

    /// True if a peer may say something of an offer now; it counts as said.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub(crate) fn may_offer(
        &mut self,
        now: Time,
        offerer: Option<Payer<PeerId>>,
    ) -> Result<Payer<PeerId>, Reason> {
        let offerer =
            offerer.filter(|offerer| self.table.contains_key(&offerer.peer)).ok_or(Reason::Unknown)?;
        if self.offerers.may_tell(now, offerer, limits::OFFER_RATE) { Ok(offerer) } else { Err(Reason::Busy) }
    }
}

/// How fast each peer tells lines, whatever number of connections it has. At most [`limits::TELLERS`] are remembered,
/// in equal shares of their hosts. One that has no place tells nothing.
#[derive(Debug)]
struct Tellers {
    all: BTreeMap<PeerId, TokenBucket>,
    places: Account<PeerId, PeerId>,
}

impl Default for Tellers {
    fn default() -> Self {
        Self { all: BTreeMap::new(), places: Account::new(limits::TELLERS, limits::TELLERS_OF_HOST) }
    }
}

impl Tellers {
    /// True if this peer may tell something now, at this rate; it counts as told.
    fn may_tell(&mut self, now: Time, teller: Payer<PeerId>, rate: Rate) -> bool {
        if !self.all.contains_key(&teller.peer) {
            self.forget_silent(now);
            let Grant::Given(yielding) = self.places.charge(now, teller, teller.peer, 1) else {
                return false;
            };
            for other in yielding {
                self.all.remove(&other);
            }
        }
        let may = self.all.entry(teller.peer).or_default().take(now, rate);
        self.places.touch(now, teller.peer);
        self.places.check("tellers", self.all.keys().map(|peer| (*peer, 1)));
        may
    }

    /// Of who said nothing for a while there is nothing to be remembered.
    fn forget_silent(&mut self, now: Time) {
        let silent: Vec<_> =
            self.all.iter().filter(|(_, pace)| pace.is_full(now)).map(|(peer, _)| *peer).collect();
        for peer in silent {
            self.all.remove(&peer);
            self.places.free(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(10_000 + ms)
    }

    fn teller(host: u8, n: u32) -> Payer<PeerId> {
        let mut peer = [host; 32];
        peer[..4].copy_from_slice(&n.to_be_bytes());
        Payer { host: AccountHost::V4([10, 0, 0, host].into()), peer: PeerId(peer) }
    }

    #[test]
    fn a_peer_tells_five_lines_a_second() {
        let mut all = Tellers::default();
        let mut told = |ms| (0..20).filter(|_| all.may_tell(at(ms), teller(1, 1), limits::TELL_RATE)).count();
        assert_eq!((told(0), told(100), told(200), told(1_200), told(9_000)), (5, 0, 1, 5, 5));
    }

    #[test]
    fn thousands_of_one_host_hold_their_share_and_another_host_is_heard() {
        let mut all = Tellers::default();
        let told = (0..10_000).filter(|n| all.may_tell(at(0), teller(9, *n), limits::TELL_RATE)).count();
        assert_eq!((told as u64, all.all.len() as u64), (limits::TELLERS, limits::TELLERS));
        for host in 1..9 {
            assert!(all.may_tell(at(1), teller(host, 1), limits::TELL_RATE), "{host}");
        }
        assert_eq!(all.all.len() as u64, limits::TELLERS);
        // Who is silent gives its place back.
        assert!(all.may_tell(at(60_000), teller(1, 2), limits::TELL_RATE) && all.all.len() == 1);
    }
}
