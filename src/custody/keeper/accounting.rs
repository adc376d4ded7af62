//! What is known of owners counts in the quota, and what others need more than its owner is given up. Pure.

use core::net::Ipv4Addr;

use super::kept::KeptCopy;
use super::{Keeper, KeeperOutput};
use crate::custody::ledger::LedgerKey;
use crate::custody::owner_catalogue::OwnerCatalogue;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::ReportRow;

/// Files up to which a debug build checks the quota after each turn; of more it does so at each sweep.
const CHECKED: usize = 256;

/// Takes space for so much of an owner's catalogue. False if there is none.
pub(super) fn charge_catalogue(keeper: &mut Keeper, now: Time, origin: PeerId, bytes: u64) -> bool {
    // Nothing is known of those for whom nothing is kept.
    let source = keeper.files.of_owner(origin).next().map(|(_, kept)| kept.row.source);
    let Some(source) = source.or_else(|| (bytes == 0).then_some(Ipv4Addr::UNSPECIFIED.into())) else {
        return false;
    };
    let Some(yielding) = keeper.quota.catalogue(now, origin, source, bytes) else { return false };
    for other in yielding {
        keeper.owners.shrink(other, &mut keeper.out);
    }
    true
}

/// Takes the space for what is known of an owner's catalogue, or forgets it.
pub(super) fn settle_catalogue(keeper: &mut Keeper, now: Time, origin: PeerId) {
    let cost = keeper.owners.get(origin).map_or(0, OwnerCatalogue::cost);
    if !charge_catalogue(keeper, now, origin, cost) {
        keeper.owners.shrink(origin, &mut keeper.out);
        charge_catalogue(keeper, now, origin, 0);
    }
}

/// Catalogues that could not be pulled, or not all of them, are pulled again.
pub(super) fn pull_again(keeper: &mut Keeper) {
    let lacking = keeper.owners.iter().filter(|(_, owner)| !owner.is_whole()).map(|(origin, _)| origin);
    for origin in lacking.collect::<Vec<_>>() {
        let others = keeper.files.of_owner(origin).flat_map(|(_, kept)| &kept.row.others);
        let others = others.map(|place| place.peer);
        if let Some(from) = [origin].into_iter().chain(others).find(|peer| keeper.live.has(*peer)) {
            keeper.owners.pull_again(origin, from, &mut keeper.out);
        }
    }
}

/// Gives up what has to yield to others. Whoever acts for it hears that nothing is left of it.
pub(super) fn yield_file(keeper: &mut Keeper, now: Time, key: LedgerKey) {
    let Some(kept) = keeper.files.get(key) else { return };
    if let Some(to) = kept.acting.filter(|acting| *acting != keeper.me) {
        let rows = vec![ReportRow { have: 0, dropped: true, ..kept.report_row(key.1) }];
        keeper.out.push_back(KeeperOutput::Report { to, origin: key.0, rows });
    }
    keeper.drop_file(now, key);
}

/// In a debug build: what the quota gave out is what is kept, and what is known of peers is about those.
pub(super) fn check_accounts(keeper: &Keeper) {
    keeper.files.check();
    if cfg!(debug_assertions) {
        let kept = keeper.files.iter().map(|(key, kept)| kept.quota_item(key));
        let promised = |key| keeper.files.get(key).is_some_and(KeptCopy::is_empty_promise);
        let catalogues = keeper.owners.iter().map(|(origin, owner)| (origin, owner.cost()));
        keeper.quota.check(kept, promised, catalogues.filter(|(_, cost)| *cost > 0));
    }
}

/// Checks the accounts after each turn, as long as there is little to be counted.
pub(super) fn check_turn(keeper: &Keeper) {
    if keeper.files.len() <= CHECKED {
        check_accounts(keeper);
    }
}
