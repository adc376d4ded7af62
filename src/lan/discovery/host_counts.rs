//! How many peers there are, as far as one host may tell. Pure.
//!
//! Anyone can make keys, so the peers of one host count up to a bound only. Else a single machine could make
//! all others believe in a large network, in which everything takes longer.

use std::collections::BTreeMap;

use crate::accounts::AccountHost;
use crate::lan::limits;

/// The peers of each host, and what they come to.
#[derive(Debug, Default)]
pub(super) struct HostCounts {
    by_host: BTreeMap<AccountHost, usize>,
    counted: usize,
}

impl HostCounts {
    /// All peers, of one host at most [`limits::COUNTED_OF_HOST`].
    pub(super) const fn counted(&self) -> usize {
        self.counted
    }

    /// One more.
    pub(super) fn add(&mut self, host: AccountHost) {
        let count = self.by_host.entry(host).or_default();
        *count += 1;
        self.counted += usize::from(*count <= limits::COUNTED_OF_HOST);
    }

    /// One less.
    pub(super) fn remove(&mut self, host: AccountHost) {
        let Some(count) = self.by_host.get_mut(&host) else { return };
        self.counted -= usize::from(*count <= limits::COUNTED_OF_HOST);
        *count -= 1;
        if *count == 0 {
            self.by_host.remove(&host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_host_a_bound_counts_and_of_many_all() {
        let mut counts = HostCounts::default();
        let host = |n: u8| AccountHost::V4([10, 0, 0, n].into());
        (0..4_300).for_each(|_| counts.add(host(1)));
        assert_eq!(counts.counted(), limits::COUNTED_OF_HOST);
        (2..122).for_each(|n| counts.add(host(n)));
        assert_eq!(counts.counted(), limits::COUNTED_OF_HOST + 120);
        (0..4_270).for_each(|_| counts.remove(host(1)));
        assert_eq!(counts.counted(), 30 + 120);
        (2..122).for_each(|n| counts.remove(host(n)));
        (0..30).for_each(|_| counts.remove(host(1)));
        counts.remove(host(1));
        assert_eq!((counts.counted(), counts.by_host.len()), (0, 0));
    }
}
