//! Who may cost us a signature check. Pure.

use std::collections::BTreeMap;

use core::net::SocketAddr;

use crate::address::Host;
use crate::lan::limits;
use crate::rate::{Rate, TokenBucket};
use crate::time::Time;

/// Limits for datagrams whose claimed sender is not known (or not from there).
#[derive(Debug, Default)]
pub(super) struct Strangers {
    sources: BTreeMap<DatagramSource, TokenBucket>,
    shared: TokenBucket,
    own: TokenBucket,
    answers: TokenBucket,
}

/// Who shares a bucket: a host, but on loopback, where all peers of a machine share one, a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct DatagramSource(Host, u16);

impl DatagramSource {
    fn of(address: SocketAddr) -> Self {
        let host = Host::from(address);
        Self(host, if host.ip.is_loopback() { address.port() } else { 0 })
    }
}

/// Which of the limits for strangers applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// It came in by the shared socket.
    Shared,
    /// It came in by our own socket.
    Own,
    /// It holds a nonce of ours.
    Answers,
}

impl Strangers {
    fn bucket(&mut self, of: Stranger) -> (&mut TokenBucket, Rate) {
        match of {
            Stranger::Shared => (&mut self.shared, limits::STRANGERS_RATE),
            Stranger::Own => (&mut self.own, limits::STRANGERS_RATE),
            Stranger::Answers => (&mut self.answers, limits::ANSWERS_RATE),
        }
    }

    /// True if at least half of the tokens are there.
    pub(super) fn has_room(&mut self, now: Time, of: Stranger) -> bool {
        let (all, rate) = self.bucket(of);
        all.next(Rate { burst: rate.burst / 2, ..rate }) <= now
    }

    /// May a datagram from `source` be verified?
    pub(super) fn admit(&mut self, now: Time, source: SocketAddr, of: Stranger) -> bool {
        // The bucket for all first: with very many it refuses nearly everything, and costs no search.
        let (all, rate) = self.bucket(of);
        if all.next(rate) > now {
            return false;
        }
        let source = DatagramSource::of(source);
        if self.sources.len() >= limits::SOURCES && !self.sources.contains_key(&source) {
            self.sources.retain(|_, bucket| !bucket.is_full(now));
        }
        // With all of them busy this is a flood from many addresses: the buckets below bound it.
        if (self.sources.len() < limits::SOURCES || self.sources.contains_key(&source))
            && !self.sources.entry(source).or_default().take(now, limits::SOURCE_RATE)
        {
            return false;
        }
        let (all, rate) = self.bucket(of);
        all.take(now, rate)
    }

    /// Sources that are remembered.
    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn a_flood_is_bounded_by_source_and_in_all_and_in_memory() {
        let mut strangers = Strangers::default();
        let one: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let from_one = (0..1_000).filter(|_| strangers.admit(at(1_000), one, Stranger::Shared)).count();
        assert_eq!(from_one, 60);
        let mut taken = 0;
        for i in 0..50_000_u32 {
            let source = SocketAddr::from((core::net::Ipv4Addr::from_bits(0x0a00_0100 + i), 9));
            taken += u32::from(strangers.admit(at(1_000 + u64::from(i / 50)), source, Stranger::Shared));
        }
        assert!((200..=450).contains(&taken), "{taken} in one second");
        assert!(strangers.sources() <= limits::SOURCES);
        // The other socket has a bucket of its own, so that answers come through.
        assert!(strangers.admit(at(2_000), "10.9.9.9:1".parse().unwrap(), Stranger::Own));
    }

    #[test]
    fn peers_of_one_machine_do_not_share_a_bucket_on_loopback() {
        let mut strangers = Strangers::default();
        for port in 1..=100 {
            assert!(strangers.admit(at(1), SocketAddr::from(([127, 0, 0, 1], port)), Stranger::Shared));
        }
    }
}
