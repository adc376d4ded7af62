//! Who speaks on this wire for another group, as far as a peer can tell. Pure; `sealing.rs` is its shell.
//!
//! In the open network these are all that seal what they send. A member of a group cannot tell another group from
//! its own one with a mistyped passphrase: both are datagrams that do not open. So it counts the hosts that send
//! them, and says so once if nobody of its own group is heard.

use core::time::Duration;
use std::collections::BTreeMap;

use super::limits;
use crate::accounts::AccountHost;
use crate::time::Time;

/// A host counts for this long after what it sent last: a little more than the longest interval of
/// announcements.
const COUNTS: Duration = Duration::from_secs(120);

/// Members of the own group have this long to be heard, from the first outsider on.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether it was said that nobody of the own group is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saying {
    /// No outsider was heard so far.
    Quiet,
    /// It is to be said then, if nobody of the own group is heard before.
    Due(Time),
    /// It was said, or is no longer to be.
    Over,
}

/// The hosts that speak for another group.
#[derive(Debug)]
pub(super) struct Outsiders {
    hosts: BTreeMap<AccountHost, Time>,
    saying: Saying,
}

impl Default for Outsiders {
    fn default() -> Self {
        Self { hosts: BTreeMap::new(), saying: Saying::Quiet }
    }
}

impl Outsiders {
    /// A sealed datagram of this host did not open.
    pub(super) fn handle_outsider(&mut self, now: Time, host: AccountHost) {
        if self.saying == Saying::Quiet {
            self.saying = Saying::Due(now + PATIENCE);
        }
        self.hosts.insert(host, now);
        if self.hosts.len() > limits::OUTSIDERS
            && let Some(oldest) = self.hosts.iter().min_by_key(|(_, at)| **at).map(|(host, _)| *host)
        {
            self.hosts.remove(&oldest);
        }
    }

    /// A datagram of another member came.
    pub(super) const fn handle_member(&mut self) {
        self.saying = Saying::Over;
    }

    /// How many hosts spoke for another group of late, [`limits::OUTSIDERS`] at most. A host that has both
    /// counts by its IPv4 address or by its IPv6 address.
    pub(super) fn count(&self, now: Time) -> usize {
        let of_late = self.hosts.iter().filter(|(_, at)| now.since(**at) <= COUNTS);
        let (v4, v6): (Vec<_>, Vec<_>) = of_late.partition(|(host, _)| matches!(host, AccountHost::V4(_)));
        v4.len().max(v6.len())
    }

    /// When something is to be said.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        match self.saying {
            Saying::Due(at) => Some(at),
            Saying::Quiet | Saying::Over => None,
        }
    }

    /// How many outsiders are to be spoken of now, as nobody of the own group is heard. Once.
    pub(super) fn poll_saying(&mut self, now: Time) -> Option<usize> {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return None;
        }
        self.saying = Saying::Over;
        Some(self.count(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u16) -> AccountHost {
        let [high, low] = n.to_be_bytes();
        AccountHost::V4([10, 0, high, low].into())
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn hosts_count_once_for_a_while_and_only_so_many() {
        let mut outsiders = Outsiders::default();
        for n in [1, 2, 1, 1] {
            outsiders.handle_outsider(at(0), host(n));
        }
        outsiders.handle_outsider(at(100), host(2));
        assert_eq!((outsiders.count(at(100)), outsiders.count(at(121)), outsiders.count(at(300))), (2, 1, 0));
        outsiders.handle_outsider(at(300), AccountHost::Link(2));
        outsiders.handle_outsider(at(300), host(1));
        assert_eq!(outsiders.count(at(300)), 1, "one host, by both of its addresses");
        outsiders.hosts.clear();
        // Whoever forges addresses fills the table, and no more than that.
        for n in 0..u16::MAX {
            outsiders.handle_outsider(at(300), host(n));
        }
        assert_eq!((outsiders.hosts.len(), outsiders.count(at(300))), (limits::OUTSIDERS, limits::OUTSIDERS));
    }

    #[test]
    fn it_is_said_once_and_only_to_whoever_hears_nobody_else() {
        let mut alone = Outsiders::default();
        assert_eq!((alone.poll_timeout(), alone.poll_saying(at(9))), (None, None));
        alone.handle_outsider(at(10), host(1));
        alone.handle_outsider(at(11), host(2));
        assert_eq!((alone.poll_timeout(), alone.poll_saying(at(12))), (Some(at(13)), None));
        assert_eq!(
            (alone.poll_saying(at(13)), alone.poll_saying(at(14)), alone.poll_timeout()),
            (Some(2), None, None)
        );
        let mut among_others = Outsiders::default();
        among_others.handle_outsider(at(10), host(1));
        among_others.handle_member();
        among_others.handle_outsider(at(11), host(1));
        assert_eq!((among_others.poll_saying(at(99)), among_others.count(at(99))), (None, 1));
    }
}
