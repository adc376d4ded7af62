//! The introducer of those that want to meet (transfer/meetings.rs): both are told where the other one's connection
//! comes from, once both have asked. Pure; its shell is link_port.rs.

use core::fmt::Debug;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::accounts::{Account, Grant, Payer};
use crate::identity::PeerId;
use crate::sender::limits;
use crate::time::Time;
use crate::wire::message::{Meet, MetAt, Reason};

/// Whoever is not met in this time has to ask again.
const WAITING: Duration = Duration::from_secs(10);

/// Who is to ask, and who is to answer, over the connection that comes of a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    asks: PeerId,
    answers: PeerId,
}

/// One that waits.
#[derive(Debug)]
struct WaitingEnd {
    ends: Ends,
    is_asking: bool,
    request: u64,
    at: SocketAddr,
    since: Time,
}

/// An answer, and over which connection it goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Introduction<C> {
    pub(super) id: C,
    pub(super) answer: MetAt,
}

/// All that wait. Hosts have equal shares of the places.
#[derive(Debug)]
pub(super) struct Introductions<C> {
    waiting: BTreeMap<C, WaitingEnd>,
    places: Account<PeerId, C>,
}

impl<C: Copy + Ord + Debug> Default for Introductions<C> {
    fn default() -> Self {
        let places = Account::new(limits::INTRODUCTIONS, limits::INTRODUCTIONS_OF_HOST);
        Self { waiting: BTreeMap::new(), places }
    }
}

impl<C: Copy + Ord + Debug> Introductions<C> {
    /// A peer asks for another one over this connection, which comes from `at`. The answers to both, if that one
    /// waits.
    ///
    /// # Errors
    /// There is no place for one more.
    pub(super) fn ask(
        &mut self,
        now: Time,
        id: C,
        payer: Payer<PeerId>,
        meet: Meet,
        at: SocketAddr,
    ) -> Result<Vec<Introduction<C>>, Reason> {
        let old = self.waiting.iter().filter(|(_, w)| now.since(w.since) >= WAITING);
        let old: Vec<_> = old.map(|(id, _)| *id).collect();
        old.into_iter().for_each(|id| self.forget(id));
        let Meet { request, peer, is_asking } = meet;
        let (asks, answers) = if is_asking { (payer.peer, peer) } else { (peer, payer.peer) };
        let ends = Ends { asks, answers };
        let other = self.waiting.iter().find(|(_, w)| w.ends == ends && w.is_asking != is_asking);
        if let Some((other, waiting)) = other.map(|(id, w)| (*id, w)) {
            let answers = vec![
                Introduction { id: other, answer: MetAt { request: waiting.request, at } },
                Introduction { id, answer: MetAt { request, at: waiting.at } },
            ];
            self.forget(other);
            self.forget(id);
            return Ok(answers);
        }
        self.forget(id);
        let Grant::Given(yielding) = self.places.charge(now, payer, id, 1) else { return Err(Reason::Busy) };
        for other in yielding {
            self.waiting.remove(&other);
        }
        self.waiting.insert(id, WaitingEnd { ends, is_asking, request, at, since: now });
        self.places.check("introductions", self.waiting.keys().map(|id| (*id, 1)));
        Ok(Vec::new())
    }

    /// This connection is over.
    pub(super) fn forget(&mut self, id: C) {
        if self.waiting.remove(&id).is_some() {
            self.places.free(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::accounts::AccountHost;
    use crate::address::Host;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + seconds)
    }

    fn payer(host: u8, peer: u8) -> Payer<PeerId> {
        let host = AccountHost::from(Host { ip: [10, 0, 0, host].into(), scope: 0 });
        Payer { host, peer: PeerId([peer; 32]) }
    }

    fn from(n: u16) -> SocketAddr {
        (Ipv4Addr::new(10, 0, 0, 1), n).into()
    }

    const fn meet(request: u64, peer: u8, is_asking: bool) -> Meet {
        Meet { request, peer: PeerId([peer; 32]), is_asking }
    }

    #[test]
    fn two_that_ask_for_each_other_are_told_where_the_other_is() {
        let mut all = Introductions::default();
        let (one, two) = (1_u32, 2_u32);
        assert_eq!(all.ask(at(0), one, payer(1, 1), meet(7, 2, true), from(1)), Ok(vec![]));
        // Both want to ask: these are two meetings.
        assert_eq!(all.ask(at(1), two, payer(2, 2), meet(8, 1, true), from(2)), Ok(vec![]));
        let answers = all.ask(at(2), two, payer(2, 2), meet(9, 1, false), from(2)).unwrap();
        let told = |id, request, n| Introduction { id, answer: MetAt { request, at: from(n) } };
        assert_eq!(answers, [told(one, 7, 2), told(two, 9, 1)]);
        assert!(all.waiting.is_empty());
    }

    #[test]
    fn whoever_waits_long_is_met_no_more_and_a_stranger_never() {
        let mut all = Introductions::default();
        let (one, two) = (1_u32, 2_u32);
        assert_eq!(all.ask(at(0), one, payer(1, 1), meet(1, 2, true), from(1)), Ok(vec![]));
        assert_eq!(all.ask(at(1), two, payer(3, 3), meet(1, 1, false), from(3)), Ok(vec![]), "not asked for");
        assert_eq!(all.ask(at(11), two, payer(2, 2), meet(1, 1, false), from(2)), Ok(vec![]), "too late");
    }

    #[test]
    fn a_host_with_many_peers_leaves_the_others_their_places() {
        let mut all = Introductions::default();
        for n in 0..200_u32 {
            let asked = all.ask(at(0), n, payer(6, 6), meet(1, 2, true), from(6));
            assert!(asked.is_ok() || asked == Err(Reason::Busy));
        }
        assert!(all.waiting.len() <= usize::try_from(limits::INTRODUCTIONS).unwrap());
        let (one, two) = (500, 501);
        assert_eq!(all.ask(at(1), one, payer(1, 1), meet(1, 2, true), from(1)), Ok(vec![]));
        assert_eq!(all.ask(at(1), two, payer(2, 2), meet(1, 1, false), from(2)).unwrap().len(), 2);
    }
}
