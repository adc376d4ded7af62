//! Peers that are heard and answer nothing: what the user is told of them. Pure.
//!
//! A firewall there lets nothing in, or one here no answers. Anyone can make up such peers, so few are
//! remembered, in equal shares of the hosts that they seem to be at, and few are warned of.

use std::collections::BTreeMap;

use core::time::Duration;

use super::interface_names::InterfaceNames;
use super::limits;
use crate::accounts::{Account, Grant, Payer};
use crate::address::Ports;
use crate::identity::PeerId;
use crate::lan::UnansweredPeer;
use crate::rate::TokenBucket;
use crate::time::Time;

/// Whoever was not told of for this time is not heard any more. Discovery tells every ten seconds.
const REMEMBERED: Duration = Duration::from_secs(30);

/// A peer that answers nothing, and when it was told of first and last.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) peer: UnansweredPeer,
    pub(super) since: Time,
    told: Time,
}

/// Those that are heard now.
#[derive(Debug)]
pub(super) struct UnansweredPeers {
    all: BTreeMap<PeerId, Unanswered>,
    places: Account<PeerId, PeerId>,
    warnings: TokenBucket,
}

impl Default for UnansweredPeers {
    fn default() -> Self {
        let places = Account::new(limits::UNANSWERED_PEERS, limits::UNANSWERED_PEERS_OF_HOST);
        Self { all: BTreeMap::new(), places, warnings: TokenBucket::default() }
    }
}

impl UnansweredPeers {
    /// Discovery tells of one. What the user is to be warned of, if it is new; `port` is that of discovery.
    pub(super) fn handle(
        &mut self,
        now: Time,
        peer: UnansweredPeer,
        port: u16,
        names: &InterfaceNames,
    ) -> Option<String> {
        self.forget_silent(now);
        let id = peer.id;
        let is_new = !self.all.contains_key(&id);
        if is_new {
            let payer = Payer { host: peer.host.into(), peer: id };
            let Grant::Given(yielding) = self.places.charge(now, payer, id, 1) else { return None };
            yielding.iter().for_each(|other| drop(self.all.remove(other)));
        }
        let warning = advice(&peer, port, names);
        let since = self.all.get(&id).map_or(now, |known| known.since);
        self.all.insert(id, Unanswered { peer, since, told: now });
        self.places.check("peers that answer nothing", self.all.keys().map(|id| (*id, 1)));
        (is_new && self.warnings.take(now, limits::UNANSWERED_WARNINGS)).then_some(warning)
    }

    /// This one is here: it answered.
    pub(super) fn here(&mut self, id: PeerId) {
        if self.all.remove(&id).is_some() {
            self.places.free(id);
        }
    }

    /// Those that are heard now.
    pub(super) fn heard(&self, now: Time) -> impl Iterator<Item = &Unanswered> {
        self.all.values().filter(move |known| now.since(known.told) < REMEMBERED)
    }

    /// What is to be said of those that are heard now.
    pub(super) fn rows(&self, now: Time, port: u16, names: &InterfaceNames) -> impl Iterator<Item = String> {
        self.heard(now).map(move |known| advice(&known.peer, port, names))
    }

    fn forget_silent(&mut self, now: Time) {
        let silent = self.all.iter().filter(|(_, known)| now.since(known.told) >= REMEMBERED);
        silent.map(|(id, _)| *id).collect::<Vec<_>>().into_iter().for_each(|id| self.here(id));
    }
}

/// What is wrong with a peer, and which ports are to be opened; `port` is that of discovery.
fn advice(peer: &UnansweredPeer, port: u16, names: &InterfaceNames) -> String {
    let UnansweredPeer { id, name, host, ports } = peer;
    let host = names.shown(*host);
    let Ports { receiver, sender, distributor, distributee } = ports;
    format!(
        "{name} ({}) at {host} is heard, but answers nothing: a firewall there seems to let nothing in; allow UDP port \
         {port} and TCP ports {receiver}, {sender}, {distributor} and {distributee} there",
        id.prefix(8)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Host;
    use crate::identity::PeerName;

    const PORT: u16 = 27_272;

    fn names() -> InterfaceNames {
        InterfaceNames::default()
    }

    fn peer(host: u8, n: u8) -> UnansweredPeer {
        let mut id = [host; 32];
        id[0] = n;
        let id = PeerId(id);
        let ports = Ports { receiver: 5_000, sender: 5_001, distributor: 5_002, distributee: 5_003 };
        let host = Host { ip: [10, 0, 0, host].into(), scope: 0 };
        UnansweredPeer { id, name: PeerName::cleaned("ann").expect("a name"), host, ports }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + seconds)
    }

    #[test]
    fn it_is_warned_of_once_and_shown_as_long_as_it_is_heard() {
        let (mut all, names) = (UnansweredPeers::default(), names());
        let warning = all.handle(at(0), peer(7, 1), PORT, &names).expect("it is new");
        for part in
            ["ann (", "at 10.0.0.7 is heard", "firewall", "UDP port 27272", "5000, 5001, 5002 and 5003"]
        {
            assert!(warning.contains(part), "{warning}");
        }
        assert_eq!(all.handle(at(10), peer(7, 1), PORT, &names), None);
        assert_eq!(all.rows(at(39), PORT, &names).collect::<Vec<_>>(), [warning]);
        assert_eq!(all.rows(at(40), PORT, &names).count(), 0, "nothing was told of it for 30 s");
        all.handle(at(41), peer(7, 1), PORT, &names);
        all.here(peer(7, 1).id);
        assert_eq!(all.rows(at(41), PORT, &names).count(), 0);
    }

    #[test]
    fn a_host_that_makes_many_up_hides_no_other_one_and_the_user_is_warned_of_few() {
        let (mut all, names) = (UnansweredPeers::default(), names());
        let warned = (0..=u8::MAX).filter(|n| all.handle(at(0), peer(6, *n), PORT, &names).is_some()).count();
        let most = usize::try_from(limits::UNANSWERED_PEERS).expect("a small number");
        assert_eq!((warned, all.all.len()), (3, most));
        all.handle(at(1), peer(7, 1), PORT, &names);
        assert_eq!(all.rows(at(1), PORT, &names).filter(|row| row.contains("10.0.0.7")).count(), 1);
        assert_eq!(all.all.len(), most);
        // And as many hosts do.
        for host in 100..200 {
            all.handle(at(2), peer(host, 1), PORT, &names);
        }
        assert_eq!(all.all.len(), most);
    }
}
