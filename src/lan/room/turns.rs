//! Whose turn it is, of many that wait: the hosts have equal chances, whatever number of items each of them has
//! waiting. Pure.

use crate::accounts::AccountHost;
use crate::lan::rng::Rng;
use crate::time::Time;

/// Something that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitingItem<K> {
    pub host: AccountHost,
    pub due: Time,
    pub key: K,
}

/// One of those that are due: of a host that chance chooses, what waits longest.
pub(super) fn next_turn<K: Copy>(
    now: Time,
    rng: &mut Rng,
    waiting: impl Iterator<Item = WaitingItem<K>>,
) -> Option<K> {
    let due: Vec<_> = waiting.filter(|item| item.due <= now).collect();
    let mut hosts: Vec<_> = due.iter().map(|item| item.host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let chosen = usize::try_from(rng.below(hosts.len() as u64)).ok()?;
    let host = hosts.get(chosen)?;
    due.iter().filter(|item| item.host == *host).min_by_key(|item| item.due).map(|item| item.key)
}
