//! The instances that said that they left. Pure.

use std::collections::BTreeMap;

use crate::accounts::{Account, Grant, Payer};
use crate::identity::{Instance, PeerId};
use crate::lan::limits;
use crate::time::Time;

/// Who left, at most [`limits::TOMBSTONES`]. The hosts have equal shares of them: many that come and leave at one
/// do not make those of others forgotten.
#[derive(Debug)]
pub(super) struct Tombstones {
    all: BTreeMap<PeerId, Tombstone>,
    places: Account<PeerId, PeerId>,
}

#[derive(Clone, Copy, Debug)]
struct Tombstone {
    instance: Instance,
    until: Time,
}

impl Default for Tombstones {
    fn default() -> Self {
        let places = Account::new(limits::TOMBSTONES as u64, limits::TOMBSTONES_OF_HOST);
        Self { all: BTreeMap::new(), places }
    }
}

impl Tombstones {
    /// This instance of the payer, and all before it, never come back (for [`limits::TOMBSTONE`]). Without a place
    /// for it, it has to prove itself like any other one, should copies of its datagrams come.
    pub(super) fn bury(&mut self, now: Time, payer: Payer<PeerId>, instance: Instance) {
        if self.all.len() >= limits::TOMBSTONES {
            let over: Vec<_> = self.all.iter().filter(|(_, t)| t.until <= now).map(|(id, _)| *id).collect();
            over.into_iter().for_each(|id| self.remove(id));
        }
        let Grant::Given(yielding) = self.places.charge(now, payer, payer.peer, 1) else { return };
        for id in yielding {
            self.all.remove(&id);
        }
        self.all.insert(payer.peer, Tombstone { instance, until: now + limits::TOMBSTONE });
    }

    /// True if that instance said that it left.
    pub(super) fn is_buried(&mut self, now: Time, id: PeerId, instance: Instance) -> bool {
        match self.all.get(&id) {
            Some(tombstone) if tombstone.until <= now => {
                self.remove(id);
                false
            }
            Some(tombstone) => instance <= tombstone.instance,
            None => false,
        }
    }

    /// In a debug build: the account gave a place to those that have one.
    pub(super) fn check(&self) {
        self.places.check("tombstones", self.all.keys().map(|id| (*id, 1)));
    }

    /// There are no more than may be, and each has a place.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.all.len() <= limits::TOMBSTONES && self.all.len() as u64 == self.places.held());
    }

    fn remove(&mut self, id: PeerId) {
        self.all.remove(&id);
        self.places.free(id);
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, SocketAddr};
    use core::time::Duration;

    use super::*;
    use crate::address::Host;

    fn payer(host: u32, n: usize) -> Payer<PeerId> {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_le_bytes());
        Payer {
            host: Host::from(SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 | host), 1))).into(),
            peer: PeerId(id),
        }
    }

    const fn of(count: u64) -> Instance {
        Instance { count, random: 0 }
    }

    #[test]
    fn a_tombstone_holds_its_instance_and_earlier_ones_for_its_time() {
        let (mut tombstones, now) = (Tombstones::default(), Time::ZERO);
        let one = payer(1, 1);
        tombstones.bury(now, one, of(5));
        assert!(tombstones.is_buried(now, one.peer, of(5)));
        assert!(tombstones.is_buried(now, one.peer, of(4)));
        assert!(!tombstones.is_buried(now, one.peer, of(6)));
        assert!(!tombstones.is_buried(now + limits::TOMBSTONE, one.peer, of(5)));
        tombstones.check();
    }

    #[test]
    fn many_that_leave_at_one_host_do_not_make_those_of_others_forgotten() {
        let (mut tombstones, now) = (Tombstones::default(), Time::ZERO);
        let many = limits::TOMBSTONES + 10;
        let honest = payer(2, many);
        tombstones.bury(now, honest, of(1));
        for n in 0..many {
            tombstones.bury(now + Duration::from_nanos(n as u64), payer(1, n), of(1));
        }
        assert_eq!(tombstones.all.len(), limits::TOMBSTONES);
        assert!(tombstones.is_buried(now, honest.peer, of(1)));
        // Another host gets a place although none is free.
        tombstones.bury(now, payer(3, many + 1), of(1));
        assert!(tombstones.is_buried(now, payer(3, many + 1).peer, of(1)));
        assert_eq!(tombstones.all.len(), limits::TOMBSTONES);
        tombstones.check();
        // Those whose time is over make room for all.
        let later = now + limits::TOMBSTONE + Duration::from_secs(1);
        tombstones.bury(later, payer(1, many + 2), of(1));
        assert_eq!(tombstones.all.len(), 1);
        tombstones.check();
    }
}
