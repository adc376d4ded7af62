//! Who may cost us a signature check. Pure.

use std::collections::BTreeMap;

use core::net::SocketAddr;
use core::time::Duration;

use crate::accounts::AccountHost;
use crate::address::Host;
use crate::lan::limits;
use crate::rate::{Rate, TokenBucket};
use crate::time::Time;

/// With no place left, sources that were quiet are looked for this often, at most: it is a look at all of them.
const LOOK: Duration = Duration::from_millis(50);

/// Limits for datagrams whose claimed sender is not known (or not from there).
///
/// What all may send together is bounded, and a few hosts could use it up. So only the first datagrams of a
/// host, a few and then one a second, may take the last half: who comes is heard beside hosts that say much.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    sources: BTreeMap<DatagramSource, SourceBuckets>,
    looked: Time,
    shared: TokenBucket,
    own: TokenBucket,
    answers: TokenBucket,
}

/// What one source may send.
#[derive(Clone, Copy, Debug, Default)]
struct SourceBuckets {
    all: TokenBucket,
    /// Of what counts as little.
    little: TokenBucket,
}

/// Who shares a bucket: a host, but on loopback, where all peers of a machine share one, a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum DatagramSource {
    /// A port of loopback.
    Socket(u16),
    Host(AccountHost),
}

impl DatagramSource {
    fn of(address: SocketAddr) -> Self {
        let host = Host::from(address);
        if host.ip.is_loopback() { Self::Socket(address.port()) } else { Self::Host(host.into()) }
    }

    /// How much it may send. Link-local addresses count as one source, for anyone can have them without
    /// number, but it is that of many peers.
    const fn rate(self) -> Rate {
        match self {
            Self::Host(AccountHost::Link(_)) => limits::LINK_RATE,
            Self::Host(_) | Self::Socket(_) => limits::SOURCE_RATE,
        }
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
    fn has_room(&mut self, now: Time, of: Stranger) -> bool {
        let (all, rate) = self.bucket(of);
        all.next(Rate { burst: rate.burst / 2, ..rate }) <= now
    }

    /// May a datagram from `source` be verified? It counts for the first of these limits that lets it through.
    /// `is_heard`: its sender was heard before, so that it has nothing new to say unless it answers.
    pub(super) fn admit(&mut self, now: Time, source: SocketAddr, of: &[Stranger], is_heard: bool) -> bool {
        // The source first: what it sends counts as much whether it is let through or not, else whoever sends
        // most would get most of what is left.
        let Some(is_little) = self.take_of_source(now, source) else { return false };
        of.iter().any(|of| {
            let is_first = is_little && (!is_heard || *of == Stranger::Answers);
            (is_first || self.has_room(now, *of)) && {
                let (all, rate) = self.bucket(*of);
                all.take(now, rate)
            }
        })
    }

    /// Counts a datagram for its source. `None`: it is one too many; `Some(true)`: the source said little.
    fn take_of_source(&mut self, now: Time, source: SocketAddr) -> Option<bool> {
        let source = DatagramSource::of(source);
        let is_full = |all: &BTreeMap<_, _>| all.len() >= limits::SOURCES && !all.contains_key(&source);
        if is_full(&self.sources) && now.since(self.looked) >= LOOK {
            self.looked = now;
            self.sources.retain(|_, buckets| !(buckets.all.is_full(now) && buckets.little.is_full(now)));
        }
        if is_full(&self.sources) {
            // This is a flood from many addresses: the buckets for all bound it.
            return Some(true);
        }
        let buckets = self.sources.entry(source).or_default();
        let may_send = buckets.all.take(now, source.rate());
        may_send.then(|| buckets.little.take(now, limits::LITTLE_RATE))
    }

    /// No more sources are remembered than may be.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.sources.len() <= limits::SOURCES);
    }

    /// Sources that are remembered.
    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(ms)
    }

    fn admit(strangers: &mut Strangers, ms: u64, source: SocketAddr) -> bool {
        strangers.admit(at(ms), source, &[Stranger::Shared], false)
    }

    #[test]
    fn a_flood_is_bounded_by_source_and_in_all_and_in_memory() {
        let mut strangers = Strangers::default();
        let one: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let from_one = (0..1_000).filter(|_| admit(&mut strangers, 1_000, one)).count();
        assert_eq!(from_one, 60);
        let mut taken = 0;
        for i in 0..50_000_u32 {
            let source = SocketAddr::from((core::net::Ipv4Addr::from_bits(0x0a00_0100 + i), 9));
            taken += u32::from(admit(&mut strangers, 1_000 + u64::from(i / 50), source));
        }
        assert!((200..=450).contains(&taken), "{taken} in one second");
        assert!(strangers.sources() <= limits::SOURCES);
        // The other socket has a bucket of its own, so that answers come through.
        assert!(strangers.admit(at(2_000), "10.9.9.9:1".parse().unwrap(), &[Stranger::Own], false));
    }

    #[test]
    fn peers_of_one_machine_do_not_share_a_bucket_on_loopback() {
        let mut strangers = Strangers::default();
        for port in 1..=100 {
            assert!(admit(&mut strangers, 1, SocketAddr::from(([127, 0, 0, 1], port))));
        }
    }

    #[test]
    fn a_newcomer_is_heard_beside_hosts_that_say_much() {
        for hosts in [1, 8, 64, 120] {
            let mut strangers = Strangers::default();
            let mut heard = 0;
            for ms in 0..10_000 {
                // Each of them sends nineteen datagrams a second.
                for n in (0..hosts).filter(|n| (ms + u64::from(*n) * 7).is_multiple_of(52)) {
                    let source = SocketAddr::from(([10, 0, 1, n], 9));
                    admit(&mut strangers, 20_000 + ms, source);
                }
                // Hellos of a start, and an announcement each second.
                if [5_000, 5_070, 5_160, 5_600, 6_000, 7_000, 8_000].contains(&ms) {
                    let newcomer = "10.0.0.7:9".parse().unwrap();
                    heard += u32::from(admit(&mut strangers, 20_000 + ms, newcomer));
                }
            }
            assert!(heard >= 3, "beside {hosts} hosts {heard} of 7 are heard");
        }
    }

    #[test]
    fn all_addresses_that_one_machine_can_take_are_one_source() {
        let mut strangers = Strangers::default();
        let global = |n: u16| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 9));
        let taken = (0..1_000).filter(|n| admit(&mut strangers, 1_000, global(*n))).count();
        assert_eq!((taken, strangers.sources()), (60, 1));
    }
}
