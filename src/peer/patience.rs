//! How long a command waits for the catalogues that are on their way. Pure.

use core::time::Duration;
use std::collections::BTreeMap;

use super::limits;
use crate::accounts::AccountHost;
use crate::time::Time;

/// A command waits this long, at most, for a catalogue that is being pulled.
const PATIENCE: Duration = Duration::from_secs(3);

/// After one waited in vain, the next ones wait this long only, for a while: there are peers here that do not
/// send what they announce, and newcomers may be more of that kind.
const LITTLE_PATIENCE: Duration = Duration::from_millis(100);

/// That while.
const IN_VAIN: Duration = Duration::from_secs(60);

/// And that while for whoever is at the same host as a peer that was waited for in vain.
const HOST_IN_VAIN: Duration = Duration::from_secs(3_600);

/// For whom commands have little patience, and until when.
#[derive(Debug, Default)]
pub(super) struct Patience {
    with_all: Option<Time>,
    with_hosts: BTreeMap<AccountHost, Time>,
}

impl Patience {
    /// How long a catalogue is waited for that comes from these hosts.
    pub(super) fn with(&self, now: Time, hosts: impl Iterator<Item = AccountHost>) -> Duration {
        let is_tried = self.with_all.is_some_and(|until| now < until);
        if is_tried { LITTLE_PATIENCE } else { self.with_hosts(now, hosts) }
    }

    /// As [`Self::with`], whatever others did: for whoever does not wait long in any case.
    pub(super) fn with_hosts(&self, now: Time, mut hosts: impl Iterator<Item = AccountHost>) -> Duration {
        let is_tried = hosts.any(|host| self.with_hosts.get(&host).is_some_and(|until| now < *until));
        if is_tried { LITTLE_PATIENCE } else { PATIENCE }
    }

    /// A command waited in vain for what comes from these hosts.
    pub(super) fn in_vain(&mut self, now: Time, hosts: impl Iterator<Item = AccountHost>) {
        self.with_all = Some(now + IN_VAIN);
        self.hosts_in_vain(now, hosts);
    }

    /// As [`Self::in_vain`], and others are waited for as before.
    pub(super) fn hosts_in_vain(&mut self, now: Time, hosts: impl Iterator<Item = AccountHost>) {
        self.with_hosts.retain(|_, until| now < *until);
        for host in hosts {
            if self.with_hosts.len() < limits::HOSTS_IN_VAIN || self.with_hosts.contains_key(&host) {
                self.with_hosts.insert(host, now + HOST_IN_VAIN);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u16) -> AccountHost {
        let [upper, lower] = n.to_be_bytes();
        AccountHost::V4([10, 0, upper, lower].into())
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn all_are_waited_for_less_a_while_and_a_host_that_was_waited_for_in_vain_much_longer() {
        let mut patience = Patience::default();
        let with = |patience: &Patience, seconds, n| patience.with(at(seconds), [host(n)].into_iter());
        assert_eq!(with(&patience, 0, 1), PATIENCE);
        patience.in_vain(at(0), [host(1)].into_iter());
        assert_eq!((with(&patience, 59, 1), with(&patience, 59, 2)), (LITTLE_PATIENCE, LITTLE_PATIENCE));
        assert_eq!((with(&patience, 60, 1), with(&patience, 60, 2)), (LITTLE_PATIENCE, PATIENCE));
        assert_eq!(patience.with(at(60), [host(2), host(1)].into_iter()), LITTLE_PATIENCE);
        assert_eq!(with(&patience, 3_600, 1), PATIENCE);
    }

    #[test]
    fn no_more_hosts_are_remembered_than_the_limit_and_those_of_long_ago_are_not() {
        let mut patience = Patience::default();
        let many = u16::try_from(limits::HOSTS_IN_VAIN).unwrap() + 1;
        patience.in_vain(at(0), (0..many).map(host));
        assert_eq!(patience.with_hosts.len(), limits::HOSTS_IN_VAIN);
        assert!(!patience.with_hosts.contains_key(&host(many - 1)));
        patience.in_vain(at(3_600), [host(many)].into_iter());
        assert_eq!(patience.with_hosts.keys().collect::<Vec<_>>(), [&host(many)]);
    }
}
