//! Keepers that were found wrong, and are not asked any more. Pure.
//!
//! An owner signs what it shares, but could sign two catalogues of one number and give each to another peer: then a
//! keeper that is right would be found wrong. So a keeper has to be wrong about owners at two hosts, unless it is about
//! the files of this very peer.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::accounts::AccountHost;
use crate::identity::{Instance, PeerId};
use crate::peer::limits;
use crate::time::Time;

/// A keeper that was found wrong is not asked for this time, even if it was started again.
const SKIPPED_AGAIN: Duration = Duration::from_secs(3_600);

/// Hosts at which it was wrong about somebody, before it is skipped.
const HOSTS: usize = 2;

/// A keeper that is skipped.
#[derive(Debug)]
struct SkippedKeeper {
    keeper: PeerId,
    instance: Instance,
    since: Time,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Liars {
    /// The oldest first.
    skipped: VecDeque<SkippedKeeper>,
    /// The hosts of those about whom a keeper was wrong that is not skipped yet.
    noted: BTreeMap<PeerId, BTreeSet<AccountHost>>,
}

impl Liars {
    /// True if this start of a keeper is not asked.
    pub(super) fn is_skipped(&self, now: Time, keeper: PeerId, instance: Instance) -> bool {
        let is_it = |liar: &SkippedKeeper| {
            liar.keeper == keeper && (liar.instance == instance || now < liar.since + SKIPPED_AGAIN)
        };
        self.skipped.iter().any(is_it)
    }

    /// A keeper was wrong about an owner at this host; `None`: about this very peer. True if it is skipped from now
    /// on, and was not before.
    pub(super) fn wrong(
        &mut self,
        now: Time,
        keeper: PeerId,
        instance: Instance,
        host: Option<AccountHost>,
    ) -> bool {
        if self.is_skipped(now, keeper, instance) {
            return false;
        }
        if let Some(host) = host {
            if self.noted.len() >= limits::SKIPPED_KEEPERS && !self.noted.contains_key(&keeper) {
                self.noted.clear();
            }
            let hosts = self.noted.entry(keeper).or_default();
            hosts.insert(host);
            if hosts.len() < HOSTS {
                return false;
            }
        }
        self.noted.remove(&keeper);
        if self.skipped.len() >= limits::SKIPPED_KEEPERS {
            self.skipped.pop_front();
        }
        self.skipped.push_back(SkippedKeeper { keeper, instance, since: now });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, owner};
    use super::*;

    fn host(n: u8) -> Option<AccountHost> {
        Some(AccountHost::V4([10, 0, 0, n].into()))
    }

    const fn start(count: u64) -> Instance {
        Instance { count, random: count }
    }

    #[test]
    fn whoever_is_wrong_about_owners_at_two_hosts_is_skipped_and_named_once() {
        let mut liars = Liars::default();
        assert!(!liars.wrong(at(0), owner(1), start(1), host(5)));
        assert!(!liars.wrong(at(0), owner(1), start(1), host(5)), "one host may be one that lies itself");
        assert!(!liars.is_skipped(at(0), owner(1), start(1)));
        assert!(!liars.wrong(at(0), owner(2), start(1), host(6)), "that is another keeper");
        assert!(liars.wrong(at(0), owner(1), start(1), host(6)));
        assert!(!liars.wrong(at(0), owner(1), start(1), host(7)), "it is named already");
        assert!(liars.wrong(at(0), owner(3), start(1), None), "own files are known for sure");
        let skipped = [1, 2, 3].map(|n| liars.is_skipped(at(9), owner(n), start(1)));
        assert_eq!(skipped, [true, false, true]);
    }

    #[test]
    fn it_is_skipped_for_ever_and_its_next_start_for_an_hour() {
        let mut liars = Liars::default();
        liars.wrong(at(0), owner(1), start(1), None);
        let skipped = |seconds, count| liars.is_skipped(at(seconds), owner(1), start(count));
        assert!(skipped(3_599, 1) && skipped(3_599, 2));
        assert!(skipped(100_000, 1) && !skipped(3_600, 2));
    }

    #[test]
    fn no_more_are_remembered_than_the_limit() {
        let mut liars = Liars::default();
        let id = |n: usize| {
            let mut id = owner(0);
            id.0[..8].copy_from_slice(&(n as u64).to_be_bytes());
            id
        };
        for n in 0..=limits::SKIPPED_KEEPERS {
            liars.wrong(at(0), id(n), start(1), host(1));
            liars.wrong(at(0), id(n), start(1), None);
        }
        assert!(
            (liars.skipped.len(), liars.noted.len()) <= (limits::SKIPPED_KEEPERS, limits::SKIPPED_KEEPERS)
        );
        assert!(!liars.is_skipped(at(0), id(0), start(1)));
        assert!(liars.is_skipped(at(0), id(limits::SKIPPED_KEEPERS), start(1)));
    }
}
