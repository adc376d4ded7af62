//! Who says itself that it has a file that is kept here. Pure.
//!
//! What others say of a third peer makes nobody send: a keeper that was only named is asked first, over a
//! connection of our own, by a report of what is kept here. Whoever keeps the file for the same owner names
//! itself in its answer.

use std::collections::{BTreeMap, BTreeSet};

use super::kept::KeptCopy;
use super::{Keeper, KeeperOutput};
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::Verdict;

/// Those who may be fetched from, the owner aside: its signed head names the file.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// They said so themselves.
    confirmed: BTreeSet<PeerId>,
    /// When others that were only named may be asked again.
    asked: BTreeMap<PeerId, Time>,
}

impl Sources {
    /// With the one that offered the file.
    pub(super) fn of(offerer: PeerId) -> Self {
        Self { confirmed: BTreeSet::from([offerer]), asked: BTreeMap::new() }
    }

    /// All that said so themselves.
    pub(super) fn confirmed(&self) -> impl Iterator<Item = PeerId> {
        self.confirmed.iter().copied()
    }

    /// A peer keeps the file no longer.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.confirmed.remove(&peer);
        self.asked.remove(&peer);
    }

    /// Of these peers, those that are to be asked now.
    fn ask(&mut self, now: Time, named: impl Iterator<Item = PeerId>) -> Vec<PeerId> {
        self.asked.retain(|_, until| *until > now);
        let unknown = named.filter(|peer| !self.confirmed.contains(peer) && !self.asked.contains_key(peer));
        let unknown: Vec<PeerId> = unknown.take(limits::SOURCES_ASKED).collect();
        self.asked.extend(unknown.iter().map(|peer| (*peer, now + limits::REFUSED_FOR)));
        unknown
    }
}

/// Asks keepers that others named whether they have a file.
pub(super) fn ask_sources(keeper: &mut Keeper, now: Time, key: LedgerKey) {
    let Some(kept) = keeper.files.get_mut(key) else { return };
    let KeptCopy { row, sources, .. } = kept;
    let named = row.others.iter().map(|place| place.peer).filter(|peer| keeper.live.has(*peer));
    for peer in sources.ask(now, named) {
        keeper.reports.ask(now, peer, key);
    }
}

/// A keeper answered a report, and says with its verdict that it has the file itself.
pub(super) fn hear_source(keeper: &mut Keeper, now: Time, from: PeerId, key: LedgerKey, verdict: &Verdict) {
    let says_so = match verdict {
        Verdict::NotActing(places) => places.iter().any(|place| place.peer == from),
        // Who acts for an absent owner's file has its part of it.
        Verdict::Keep(_) | Verdict::GiveBack(_) => from != key.0,
        Verdict::Release | Verdict::Spare | Verdict::NotKept | Verdict::Other => false,
    };
    if says_so {
        confirm_source(keeper, now, from, key);
    }
}

/// A keeper says itself that it has some of a file.
pub(super) fn confirm_source(keeper: &mut Keeper, now: Time, from: PeerId, key: LedgerKey) {
    let Some(kept) = keeper.files.get_mut(key) else { return };
    if !kept.row.others.iter().any(|place| place.peer == from) || !kept.sources.confirmed.insert(from) {
        return;
    }
    if !kept.row.whole {
        keeper.files.retry_at(now, key);
    } else if kept.is_sparing(now) {
        challenge_source(keeper, now, from, key);
    }
}

/// Another keeper says that this part is not needed: the others are challenged first, as soon as they say
/// themselves that they have theirs.
pub(super) fn challenge_others(keeper: &mut Keeper, now: Time, key: LedgerKey) {
    let Some(kept) = keeper.files.get_mut(key).filter(|kept| !kept.is_sparing(now)) else { return };
    kept.sparing = Some((Vec::new(), now + limits::REFUSED_FOR));
    let confirmed: Vec<PeerId> = kept.sources.confirmed().collect();
    for peer in confirmed {
        challenge_source(keeper, now, peer, key);
    }
    ask_sources(keeper, now, key);
}

/// Has one of the others prove that it has its part.
pub(super) fn challenge_source(keeper: &mut Keeper, now: Time, peer: PeerId, key: LedgerKey) {
    let Some(kept) = keeper.files.get(key).filter(|_| keeper.live.stays(peer)) else { return };
    let Some(place) = kept.row.others.iter().find(|place| place.peer == peer) else { return };
    let hash = blake3::keyed_hash(&keeper.me.0, &[&now.0.to_le_bytes()[..], &peer.0].concat());
    let [a, b, c, d, ..] = *hash.as_bytes();
    let chunk = place.span.from + u32::from_le_bytes([a, b, c, d]) % place.span.len().max(1);
    keeper.out.push_back(KeeperOutput::Challenge { peer, key, size: kept.row.size, chunk });
}
