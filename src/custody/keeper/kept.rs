//! What was taken, and when something is to be done about it. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::KeeperOutput;
use super::sources::Sources;
use crate::content::{FileId, Span};
use crate::custody::by_peer::FilesByPeer;
use crate::custody::ledger::{KeptRow, LedgerKey, Lived, Record};
use crate::custody::limits;
use crate::custody::quota::QuotaItem;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::Replica;

/// One file of one owner.
#[derive(Debug)]
pub(super) struct KeptCopy {
    pub(super) row: KeptRow,
    /// Chunks that are here.
    pub(super) have: u32,
    /// Who acts for it.
    pub(super) acting: Option<PeerId>,
    /// Peers that said they keep nothing of it, and until when that is believed.
    pub(super) denied: BTreeMap<PeerId, Time>,
    /// What other keepers have proved, since one of them said that this part is not needed.
    pub(super) sparing: Option<(Vec<Span>, Time)>,
    /// When what failed is tried again.
    retry: Option<Time>,
    /// From when on this peer may act for it.
    pub(super) act_from: Time,
    /// As long as it was never here as a whole.
    promise: Option<Promise>,
    /// Who may be fetched from.
    pub(super) sources: Sources,
    /// Who offered it, since this start.
    pub(super) offerer: Option<PeerId>,
}

/// That chunks will be fetched, which is void if none comes.
#[derive(Clone, Copy, Debug)]
struct Promise {
    until: Time,
    /// The most chunks that were here.
    came: u32,
}

impl KeptCopy {
    /// Taken now, or found at the start.
    pub(super) fn new(now: Time, row: KeptRow, have: u32) -> Self {
        Self {
            row,
            have,
            acting: None,
            denied: BTreeMap::new(),
            sparing: None,
            retry: None,
            act_from: now + limits::ACT_AFTER,
            promise: None,
            sources: Sources::default(),
            offerer: None,
        }
    }

    /// What the quota counts for it.
    pub(super) fn quota_item(&self, key: LedgerKey) -> QuotaItem {
        QuotaItem { key, source: self.row.source, bytes: self.row.span.bytes(self.row.size) }
    }

    /// True if it was accepted, and nothing of it came.
    pub(super) fn is_empty_promise(&self) -> bool {
        self.promise.is_some_and(|promise| promise.came == 0)
    }

    /// True while other keepers prove that this part is not needed.
    pub(super) fn is_sparing(&self, now: Time) -> bool {
        self.sparing.as_ref().is_some_and(|(_, until)| *until > now)
    }

    /// Its row as it is filed: the store tells at the next start what is here, the ledger whether it ever was.
    fn filed(&self) -> KeptRow {
        KeptRow { whole: self.promise.is_none(), ..self.row.clone() }
    }

    /// What of it is kept, as a place of `me`.
    pub(super) const fn place(&self, me: PeerId) -> Replica {
        Replica { copy: self.row.copy, span: self.row.span, peer: me }
    }
}

/// All files that are kept.
#[derive(Debug)]
pub(super) struct KeptFiles {
    by_key: BTreeMap<LedgerKey, KeptCopy>,
    /// Where a file of this owner, or of this keeper, is concerned.
    by_peer: FilesByPeer,
    /// Whose files have a content.
    by_file: BTreeSet<(FileId, PeerId)>,
    retries: BTreeSet<(Time, LedgerKey)>,
    /// When this peer may begin to act for files.
    acts: BTreeSet<(Time, LedgerKey)>,
    /// When promises are void.
    promises: BTreeSet<(Time, LedgerKey)>,
}

impl KeptFiles {
    /// None.
    pub(super) const fn new() -> Self {
        Self {
            by_key: BTreeMap::new(),
            by_peer: FilesByPeer::new(),
            by_file: BTreeSet::new(),
            retries: BTreeSet::new(),
            acts: BTreeSet::new(),
            promises: BTreeSet::new(),
        }
    }

    pub(super) fn get(&self, key: LedgerKey) -> Option<&KeptCopy> {
        self.by_key.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: LedgerKey) -> Option<&mut KeptCopy> {
        self.by_key.get_mut(&key)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (LedgerKey, &KeptCopy)> + Clone {
        self.by_key.iter().map(|(key, kept)| (*key, kept))
    }

    /// Those of one owner.
    pub(super) fn of_owner(&self, origin: PeerId) -> impl Iterator<Item = (LedgerKey, &KeptCopy)> {
        let range = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
        self.by_key.range(range).map(|(key, kept)| (*key, kept))
    }

    /// Who shares a content.
    pub(super) fn owners_of(&self, file: FileId) -> impl Iterator<Item = PeerId> {
        let all = (file, PeerId([0; 32]))..=(file, PeerId([255; 32]));
        self.by_file.range(all).map(|(_, owner)| *owner)
    }

    /// The files with a content.
    pub(super) fn keys_of(&self, file: FileId) -> Vec<LedgerKey> {
        self.owners_of(file).map(|owner| (owner, file)).collect()
    }

    /// The files that concern a peer: as their owner, or as another keeper.
    pub(super) fn concerning(&self, peer: PeerId) -> Vec<LedgerKey> {
        self.by_peer.of(peer)
    }

    /// True if there is such a file.
    pub(super) fn has_any_concerning(&self, peer: PeerId) -> bool {
        self.by_peer.has(peer)
    }

    /// One more is kept.
    pub(super) fn insert(&mut self, key: LedgerKey, kept: KeptCopy) {
        for peer in kept.row.others.iter().map(|p| p.peer).chain([key.0]) {
            self.by_peer.add(peer, key);
        }
        self.by_file.insert((key.1, key.0));
        self.acts.insert((kept.act_from, key));
        self.by_key.insert(key, kept);
    }

    /// It is kept no longer.
    pub(super) fn remove(&mut self, key: LedgerKey) -> Option<KeptCopy> {
        let kept = self.by_key.remove(&key)?;
        self.acts.remove(&(kept.act_from, key));
        if let Some(promise) = kept.promise {
            self.promises.remove(&(promise.until, key));
        }
        if let Some(at) = kept.retry {
            self.retries.remove(&(at, key));
        }
        for peer in kept.row.others.iter().map(|p| p.peer).chain([key.0]) {
            self.by_peer.remove(peer, key);
        }
        self.by_file.remove(&(key.1, key.0));
        Some(kept)
    }

    /// Files the row of one, as it is now.
    pub(super) fn record(&self, key: LedgerKey, out: &mut VecDeque<KeeperOutput>) {
        if let Some(kept) = self.by_key.get(&key) {
            out.push_back(KeeperOutput::Record(Record::Kept(key, Some(kept.filed()))));
        }
    }

    /// The other keepers of one are these from now on. Of those who are so no longer nothing stays, or strangers
    /// that come and go would make it grow.
    pub(super) fn set_keepers(&mut self, key: LedgerKey, others: Vec<Replica>) {
        let Some(kept) = self.by_key.get_mut(&key) else { return };
        for place in std::mem::replace(&mut kept.row.others, others) {
            if !kept.row.others.iter().any(|p| p.peer == place.peer) {
                kept.sources.forget(place.peer);
                self.by_peer.remove(place.peer, key);
            }
        }
        for place in &kept.row.others {
            self.by_peer.add(place.peer, key);
        }
    }

    /// In a debug build: a file concerns its owner and its other keepers, and nobody else.
    pub(super) fn check(&self) {
        if cfg!(debug_assertions) {
            let peers = |key: LedgerKey, kept: &KeptCopy| {
                let all: BTreeSet<PeerId> = kept.row.others.iter().map(|p| p.peer).chain([key.0]).collect();
                all.len()
            };
            let concerned = self.iter().map(|(key, kept)| peers(key, kept)).sum::<usize>();
            assert_eq!(self.by_peer.len(), concerned, "files concern others than their owners and keepers");
        }
    }

    /// The owner itself was heard: its files begin to age again.
    pub(super) fn hear(&mut self, origin: PeerId, lived: Lived, out: &mut VecDeque<KeeperOutput>) {
        let range = (origin, FileId([0; 32]))..=(origin, FileId([255; 32]));
        for (key, kept) in self.by_key.range_mut(range) {
            // Not more often than once a day: it is a write for each file.
            if lived.since(kept.row.heard) >= limits::KEEP_DELETED {
                kept.row.heard = lived;
                out.push_back(KeeperOutput::Record(Record::Kept(*key, Some(kept.filed()))));
            }
        }
    }

    // ---- what is due ---------------------------------------------------------------------------

    /// What is missing of a file is fetched then.
    pub(super) fn retry_at(&mut self, at: Time, key: LedgerKey) {
        if let Some(kept) = self.by_key.get_mut(&key) {
            if let Some(old) = kept.retry.replace(at) {
                self.retries.remove(&(old, key));
            }
            self.retries.insert((at, key));
        }
    }

    /// A file was accepted, and chunks of it are to come.
    pub(super) fn promise(&mut self, now: Time, key: LedgerKey) {
        if let Some(kept) = self.by_key.get_mut(&key) {
            let until = now + limits::PROMISE;
            kept.promise = Some(Promise { until, came: 0 });
            self.promises.insert((until, key));
        }
    }

    /// So many chunks of a file are here, all that were accepted if `is_whole`. True if that is more than ever.
    pub(super) fn come(&mut self, now: Time, key: LedgerKey, have: u32, is_whole: bool) -> bool {
        let Some(kept) = self.by_key.get_mut(&key) else { return false };
        let Some(promise) = kept.promise.take_if(|promise| is_whole || promise.came < have) else {
            return false;
        };
        self.promises.remove(&(promise.until, key));
        if !is_whole {
            let until = now + limits::PROMISE;
            kept.promise = Some(Promise { until, came: have });
            self.promises.insert((until, key));
        }
        true
    }

    /// Takes a file that was promised and did not come in time.
    pub(super) fn void_promise(&mut self, now: Time) -> Option<LedgerKey> {
        take_due(&mut self.promises, now)
    }

    /// When the next of them is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        let first = |set: &BTreeSet<(Time, LedgerKey)>| set.first().map(|(at, _)| *at);
        [first(&self.retries), first(&self.acts), first(&self.promises)].into_iter().flatten().min()
    }

    /// Takes a file that is to be tried again by now.
    pub(super) fn due_retry(&mut self, now: Time) -> Option<LedgerKey> {
        let key = take_due(&mut self.retries, now)?;
        if let Some(kept) = self.by_key.get_mut(&key) {
            kept.retry = None;
        }
        Some(key)
    }

    /// Takes a file for which this peer may act by now.
    pub(super) fn due_act(&mut self, now: Time) -> Option<LedgerKey> {
        take_due(&mut self.acts, now)
    }
}

/// Takes the first that is due.
fn take_due(set: &mut BTreeSet<(Time, LedgerKey)>, now: Time) -> Option<LedgerKey> {
    set.first().is_some_and(|(at, _)| *at <= now).then(|| set.pop_first())?.map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    fn row(others: Vec<Replica>) -> KeptRow {
        KeptRow {
            size: 1,
            path: "a".parse().unwrap(),
            copies: 3,
            copy: 1,
            span: Span { from: 0, to: 1 },
            whole: true,
            others,
            source: Ipv4Addr::LOCALHOST.into(),
            heard: Lived(0),
            released: None,
        }
    }

    fn keeper(n: u8) -> Replica {
        Replica { copy: 1, span: Span { from: 0, to: 1 }, peer: PeerId([n; 32]) }
    }

    #[test]
    fn of_keepers_that_come_and_go_nothing_stays() {
        let (owner, file) = (PeerId([0; 32]), FileId([9; 32]));
        let (key, mut files) = ((owner, file), KeptFiles::new());
        let mut kept = KeptCopy::new(Time(1), row(vec![keeper(1)]), 1);
        kept.sources = Sources::of(keeper(1).peer);
        files.insert(key, kept);
        for n in 2..200 {
            files.set_keepers(key, vec![keeper(n)]);
            files.check();
            assert_eq!((files.concerning(keeper(n).peer), files.by_peer.len()), (vec![key], 2), "{n}");
            assert_eq!(files.get(key).unwrap().sources.confirmed().count(), 0);
        }
        files.set_keepers(key, Vec::new());
        assert_eq!((files.concerning(owner), files.by_peer.len()), (vec![key], 1));
        files.remove(key);
        assert_eq!(files.by_peer.len(), 0);
    }
}
