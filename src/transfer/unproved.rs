//! Who makes way when another connection comes that has not finished TLS, and all places are taken. Pure.
//!
//! Any host may have all places while nobody else wants one: honest peers behind one address come all at once.
//! When they are taken, the host that has most of them gives one up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::accounts::AccountHost;
use crate::time::Time;

/// Connections that have not finished TLS: since when, which one, and from where.
pub(super) type Unproved<T> = (Time, T, AccountHost);

/// Which of these goes when one more comes from `host`, and there are places for `most`: the oldest one of the host
/// that would have most. Nothing while there is a place.
pub(super) fn makes_way<T: Copy + Ord>(
    unproved: &[Unproved<T>],
    host: AccountHost,
    most: usize,
) -> Option<T> {
    if unproved.len() < most {
        return None;
    }
    let mut counts = BTreeMap::from([(host, 1)]);
    for (.., host) in unproved {
        *counts.entry(*host).or_insert(0_usize) += 1;
    }
    let going = unproved.iter().min_by_key(|(since, id, host)| (Reverse(counts[host]), *since, *id));
    going.map(|(_, id, _)| *id)
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::address::Host;

    fn host(n: u8) -> AccountHost {
        Host { ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)), scope: 0 }.into()
    }

    /// One a second from each of these hosts in turn; their numbers are those of their seconds.
    fn came(hosts: &[u8]) -> Vec<Unproved<usize>> {
        hosts.iter().enumerate().map(|(n, ip)| (Time(n as u64 * 1_000_000_000), n, host(*ip))).collect()
    }

    #[test]
    fn one_host_gets_all_that_is_free() {
        assert_eq!(makes_way(&came(&[1; 63]), host(1), 64), None);
        assert_eq!(makes_way(&came(&[1; 64]), host(1), 64), Some(0));
    }

    #[test]
    fn whoever_has_most_makes_way() {
        // Another one finds its place, and keeps it.
        assert_eq!(makes_way(&came(&[1, 1, 1, 1]), host(2), 4), Some(0));
        assert_eq!(makes_way(&came(&[2, 1, 1, 1]), host(1), 4), Some(1));
        // Who comes counts: of two with as many as each other, the one that wants more.
        assert_eq!(makes_way(&came(&[2, 2, 1, 1]), host(1), 4), Some(2));
        // Of many with one each the oldest.
        assert_eq!(makes_way(&came(&[4, 3, 2, 1]), host(5), 4), Some(0));
    }
}
