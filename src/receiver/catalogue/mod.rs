//! Pulling catalogues: the signed head, then the buckets that changed, proved by its root. A peer has its
//! own, and (as a keeper) those of others. Pure; its shell is receiver/mod.rs.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::content::bucket::{BucketDigest, BucketReader};
use crate::content::catalogue::root_of;
use crate::content::{Catalogue, Head, HeadNumber};
use crate::identity::PeerId;
use crate::receiver::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BucketIs, GetBuckets, GetHead, HeadIs, Reason, Refused};

/// Low bits of the number of each request, which tell whose the answer is.
pub(super) const TAG: u64 = 1;

/// Attempts to bring one catalogue up to date, until the controller asks again.
const ATTEMPTS: u8 = 3;

/// Rest between two attempts.
const REST: Duration = Duration::from_millis(500);

/// What the shell is to do.
#[derive(Debug)]
pub(super) enum Output {
    /// Connect to this peer's sender port; answered by `handle_up` or `handle_down`.
    Dial(PeerId),
    /// Close the connection to it, with the cause for the log.
    Drop(PeerId, String),
    /// Send it this.
    Ask(PeerId, Message),
    /// Up to date: head checked, root proved.
    Done(PeerId, Head, Arc<Catalogue>),
    /// What this peer has of an owner: the head with the owner's signature, root proved.
    OwnerCatalogue { from: PeerId, origin: PeerId, signed: Arc<[u8]>, catalogue: Arc<Catalogue> },
    /// It did not come, though nobody lied: worth being asked for again after a while.
    GaveUp(PeerId),
    /// This peer did not give what was asked of an owner, for whatever reason.
    NoOwnerCatalogue { from: PeerId, origin: PeerId },
    /// In words for the user.
    Warning(String),
}

/// Whose catalogue is pulled from whom. A peer's own one comes from itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PullKey {
    from: PeerId,
    origin: PeerId,
}

impl PullKey {
    const fn own(peer: PeerId) -> Self {
        Self { from: peer, origin: peer }
    }

    fn is_own(&self) -> bool {
        self.from == self.origin
    }
}

#[derive(Debug)]
enum PullStep {
    /// Until a connection stands, and it is its turn.
    Waiting,
    /// Not before this time.
    Resting(Time),
    /// The head was asked for under this number.
    Head(u64),
    /// The buckets were asked for under this number.
    Buckets(u64, Box<PendingPull>),
}

impl PullStep {
    const fn is_asked(&self) -> bool {
        matches!(self, Self::Head(_) | Self::Buckets(..))
    }
}

/// A head that came.
#[derive(Debug)]
struct Signed {
    head: Head,
    bytes: Arc<[u8]>,
}

#[derive(Debug)]
struct PendingPull {
    signed: Signed,
    digests: Vec<BucketDigest>,
    /// Buckets still to come, in the order they were asked for.
    missing: VecDeque<u8>,
    /// The first of them, as far as it came.
    reader: Option<BucketReader>,
    /// What is there; buckets that came replace those of the version before.
    catalogue: Catalogue,
    /// Bytes of memory of all buckets that came whole.
    bytes: usize,
}

/// Who waits for a pull: whoever lists peers, and whoever keeps files for others.
#[derive(Clone, Copy, Debug, Default)]
struct PullReasons {
    listing: bool,
    owner_catalogue: bool,
}

#[derive(Debug)]
struct CataloguePull {
    step: PullStep,
    wanted: PullReasons,
    /// Failed attempts.
    failed: u8,
    /// It was asked for again meanwhile.
    again: bool,
    /// When an answer came, or it was asked last.
    heard: Time,
}

#[derive(Debug)]
struct KnownCatalogue {
    head: Head,
    catalogue: Arc<Catalogue>,
    bytes: usize,
    /// Its peer is gone: first to make room.
    gone: bool,
    /// The newest number that came from this peer itself.
    reported: Option<HeadNumber>,
}

/// The catalogues of all peers, and those under way.
#[derive(Debug, Default)]
pub(super) struct Catalogues {
    pulls: BTreeMap<PullKey, CataloguePull>,
    /// The newest one known of each owner.
    kept: BTreeMap<PeerId, KnownCatalogue>,
    outputs: VecDeque<Output>,
    next_request: u64,
}

impl Catalogues {
    /// The next thing to do; to be called until `None` after every input.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// True if this peer owes something.
    pub(super) fn is_owed_by(&self, peer: PeerId) -> bool {
        self.from(peer).any(|(_, p)| p.step.is_asked())
    }

    /// The pulls from one peer.
    fn from(&self, peer: PeerId) -> impl Iterator<Item = (PullKey, &CataloguePull)> {
        let first = PullKey { from: peer, origin: PeerId([0; 32]) };
        let last = PullKey { from: peer, origin: PeerId([u8::MAX; 32]) };
        self.pulls.range(first..=last).map(|(key, pull)| (*key, pull))
    }

    /// Their keys.
    fn keys(&self, peer: PeerId) -> Vec<PullKey> {
        self.from(peer).map(|(key, _)| key).collect()
    }

    /// Bring this peer's catalogue up to date.
    pub(super) fn handle_wanted(&mut self, now: Time, peer: PeerId) {
        if let Some(kept) = self.kept.get_mut(&peer) {
            kept.gone = false;
        }
        self.want(now, PullKey::own(peer), PullReasons { listing: true, owner_catalogue: false });
    }

    /// Pull what `from` has of `origin`: the newest head, and its catalogue.
    pub(super) fn handle_owner_catalogue(&mut self, now: Time, from: PeerId, origin: PeerId) {
        self.want(now, PullKey { from, origin }, PullReasons { listing: false, owner_catalogue: true });
    }

    fn want(&mut self, now: Time, key: PullKey, wanted: PullReasons) {
        if let Some(pull) = self.pulls.get_mut(&key) {
            pull.wanted.listing |= wanted.listing;
            pull.wanted.owner_catalogue |= wanted.owner_catalogue;
            match pull.step {
                PullStep::Resting(_) => pull.failed = 0,
                _ => pull.again = true,
            }
            return;
        }
        let pull = CataloguePull { step: PullStep::Waiting, wanted, failed: 0, again: false, heard: now };
        self.pulls.insert(key, pull);
        self.outputs.push_back(Output::Dial(key.from));
    }

    /// A connection to this peer stands.
    pub(super) fn handle_up(&mut self, now: Time, peer: PeerId) {
        for key in self.keys(peer) {
            let owners = self.from(peer).filter(|(k, p)| !k.is_own() && p.step.is_asked()).count();
            let Some(pull) = self.pulls.get_mut(&key).filter(|p| !p.step.is_asked()) else { continue };
            // It may have dialled back while we rested from dialling it.
            pull.step = PullStep::Waiting;
            if key.is_own() || owners < limits::OWNER_CATALOGUES {
                self.ask_head(now, key);
            }
        }
    }

    /// The connection could not be had, or is over.
    pub(super) fn handle_down(&mut self, now: Time, peer: PeerId) {
        for key in self.keys(peer) {
            let Some(pull) = self.pulls.get_mut(&key) else { continue };
            if matches!(pull.step, PullStep::Resting(_)) {
                continue;
            }
            pull.failed += 1;
            if pull.failed >= ATTEMPTS {
                self.give_up(key);
            } else {
                pull.step = PullStep::Resting(now + REST);
            }
        }
    }

    /// This peer is gone. What it shared is kept while there is room, for when it comes back.
    pub(super) fn handle_gone(&mut self, peer: PeerId) {
        for key in self.keys(peer) {
            self.end(key);
        }
        if let Some(kept) = self.kept.get_mut(&peer) {
            kept.gone = true;
        }
    }

    /// This peer answered something that was asked before, or behind, what it owes here.
    pub(super) fn handle_heard(&mut self, now: Time, peer: PeerId) {
        for key in self.keys(peer) {
            if let Some(pull) = self.pulls.get_mut(&key) {
                pull.heard = now;
            }
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = |p: &CataloguePull| match p.step {
            PullStep::Waiting => None,
            PullStep::Resting(t) => Some(t),
            PullStep::Head(_) | PullStep::Buckets(..) => Some(p.heard + limits::STALL),
        };
        self.pulls.values().filter_map(due).min()
    }

    /// Tries again, and drops who owes an answer.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        let (mut stalled, mut rested) = (BTreeSet::new(), BTreeSet::new());
        for (key, pull) in &mut self.pulls {
            match pull.step {
                PullStep::Resting(t) if t <= now => {
                    pull.step = PullStep::Waiting;
                    rested.insert(key.from);
                }
                PullStep::Head(_) | PullStep::Buckets(..) if now.since(pull.heard) >= limits::STALL => {
                    stalled.insert(key.from);
                }
                _ => {}
            }
        }
        self.outputs.extend(rested.into_iter().map(Output::Dial));
        for peer in stalled {
            self.outputs.push_back(Output::Drop(peer, "it does not send its catalogue".to_owned()));
            self.handle_down(now, peer);
        }
    }

    /// What is asked for under this number.
    fn asked(&self, peer: PeerId, request: u64) -> Option<PullKey> {
        let is_it =
            |p: &CataloguePull| matches!(p.step, PullStep::Head(r) | PullStep::Buckets(r, _) if r == request);
        self.from(peer).find(|(_, p)| is_it(p)).map(|(key, _)| key)
    }

    /// The head came.
    pub(super) fn handle_head(&mut self, now: Time, peer: PeerId, answer: &HeadIs) {
        let Some(key) = self.asked(peer, answer.request) else { return };
        if self.pulls.get(&key).is_none_or(|p| !matches!(p.step, PullStep::Head(_))) {
            return;
        }
        self.handle_heard(now, peer);
        let head = match Head::open(&answer.signed) {
            Ok(head) if head.owner.peer_id() == key.origin => head,
            Ok(_) => return self.liar(now, key, "its catalogue is signed by another peer"),
            Err(e) => return self.liar(now, key, &format!("its catalogue head: {e}")),
        };
        if head.entries > limits::CATALOGUE_ENTRIES as u64 {
            return self.too_large(now, key);
        }
        let kept = self.kept.get(&key.origin);
        // A keeper may well have an older one than we; an owner has not.
        if key.is_own() && kept.and_then(|k| k.reported).is_some_and(|reported| head.number() < reported) {
            return self.liar(now, key, "it sent an older catalogue than before");
        }
        let signed = Signed { head, bytes: answer.signed.as_slice().into() };
        if let Some(kept) = kept.filter(|k| k.head.root == signed.head.root) {
            let catalogue = Arc::clone(&kept.catalogue);
            if signed.head.entries != kept.head.entries {
                return self.liar(now, key, "its catalogue has another length than it says");
            }
            return self.done(now, key, signed, catalogue);
        }
        let digests: Vec<_> = answer.digests.as_chunks::<32>().0.iter().map(|d| BucketDigest(*d)).collect();
        if digests.len() != limits::BUCKETS || root_of(&digests) != signed.head.root {
            return self.liar(now, key, "its catalogue's digests do not prove its root");
        }
        let catalogue = kept.map(|k| (*k.catalogue).clone()).unwrap_or_default();
        let changed = (0..=u8::MAX).filter(|b| {
            let b = usize::from(*b);
            catalogue.digests()[b] != digests[b]
        });
        let missing: VecDeque<u8> = changed.collect();
        let bytes = catalogue.memory();
        let pending = PendingPull { signed, digests, missing, reader: None, catalogue, bytes };
        self.ask_buckets(now, key, pending);
    }

    /// A page of a bucket came.
    pub(super) fn handle_bucket(&mut self, now: Time, peer: PeerId, page: BucketIs) {
        let Some(key) = self.asked(peer, page.request) else { return };
        self.handle_heard(now, peer);
        let Some(pull) = self.pulls.get_mut(&key) else { return };
        let PullStep::Buckets(_, pending) = &mut pull.step else { return };
        if pending.missing.front() != Some(&page.bucket) || (page.entries.is_empty() && !page.last) {
            return self.liar(now, key, "it sent a bucket of its catalogue out of order");
        }
        let mut reader = pending.reader.take().unwrap_or_else(|| BucketReader::new(page.bucket));
        if let Err(e) = reader.push(&page.entries) {
            return self.liar(now, key, &format!("its catalogue: {e}"));
        }
        let (entries, bytes) = (reader.bucket().count(), pending.bytes + reader.bucket().memory());
        if entries > limits::CATALOGUE_ENTRIES || bytes > limits::REMOTE_CATALOGUES {
            return self.too_large(now, key);
        }
        if !page.last {
            pending.reader = Some(reader);
            return;
        }
        let bucket = reader.finish();
        if bucket.digest() != pending.digests[usize::from(page.bucket)] {
            return self.liar(now, key, "a bucket of its catalogue is not what it promised");
        }
        pending.bytes = bytes - pending.catalogue.bucket(page.bucket).memory();
        pending.catalogue.set(page.bucket, bucket);
        pending.missing.pop_front();
        if pending.missing.is_empty() {
            self.proved(now, key);
        }
    }

    /// It does not answer.
    pub(super) fn handle_refused(&mut self, now: Time, peer: PeerId, refused: &Refused) {
        let Some(key) = self.asked(peer, refused.request) else { return };
        let Some(pull) = self.pulls.get_mut(&key) else { return };
        if matches!(pull.step, PullStep::Buckets(..)) && refused.reason == Reason::Changed {
            // There is a newer one. It may well change faster than it comes: then later.
            pull.failed += 1;
            if pull.failed < ATTEMPTS {
                return self.ask_head(now, key);
            }
            self.give_up(key);
        } else if pull.again {
            // Too busy, or it has none yet though it announced one: its parts do not hear of it at once.
            let wanted = pull.wanted;
            self.pulls.remove(&key);
            self.want(now, key, wanted);
        } else {
            self.give_up(key);
        }
        self.next(peer);
    }

    /// Said, for whoever asked counts on an answer: what was announced last may be what did not come.
    fn give_up(&mut self, key: PullKey) {
        if self.end(key).is_some_and(|wanted| wanted.listing) {
            self.outputs.push_back(Output::GaveUp(key.from));
        }
    }

    /// A pull is over without a catalogue.
    fn end(&mut self, key: PullKey) -> Option<PullReasons> {
        let wanted = self.pulls.remove(&key)?.wanted;
        if wanted.owner_catalogue {
            let PullKey { from, origin } = key;
            self.outputs.push_back(Output::NoOwnerCatalogue { from, origin });
        }
        Some(wanted)
    }

    /// A pull is over without a catalogue. `Some`: a newer one was announced meanwhile, so it begins again.
    fn end_and_begin(&mut self, key: PullKey) -> Option<PullReasons> {
        let is_newer = self.pulls.get(&key).is_some_and(|pull| pull.again);
        self.end(key).filter(|_| is_newer)
    }

    /// It is the turn of the next one from this peer.
    fn next(&mut self, peer: PeerId) {
        if self.from(peer).any(|(_, p)| matches!(p.step, PullStep::Waiting)) {
            self.outputs.push_back(Output::Dial(peer));
        }
    }

    fn ask_head(&mut self, now: Time, key: PullKey) {
        let request = self.request();
        let known = self.kept.get(&key.origin).map(|k| k.head.root);
        if let Some(pull) = self.pulls.get_mut(&key) {
            pull.step = PullStep::Head(request);
            pull.again = false;
            pull.heard = now;
            let message = Message::GetHead(GetHead { request, known, origin: origin(key) });
            self.outputs.push_back(Output::Ask(key.from, message));
        }
    }

    fn ask_buckets(&mut self, now: Time, key: PullKey, pending: PendingPull) {
        let request = self.request();
        let buckets: Vec<u8> = pending.missing.iter().copied().collect();
        let root = pending.signed.head.root;
        let Some(pull) = self.pulls.get_mut(&key) else { return };
        pull.step = PullStep::Buckets(request, Box::new(pending));
        if buckets.is_empty() {
            return self.proved(now, key);
        }
        let message = Message::GetBuckets(GetBuckets { request, root, buckets, origin: origin(key) });
        self.outputs.push_back(Output::Ask(key.from, message));
    }

    /// All buckets are there.
    fn proved(&mut self, now: Time, key: PullKey) {
        let Some(pull) = self.pulls.get_mut(&key) else { return };
        let PullStep::Buckets(_, pending) = std::mem::replace(&mut pull.step, PullStep::Waiting) else {
            return;
        };
        let PendingPull { signed, catalogue, bytes, .. } = *pending;
        if catalogue.count() != signed.head.entries {
            return self.liar(now, key, "its catalogue has another length than it says");
        }
        let catalogue = Arc::new(catalogue);
        let before = self.kept.get(&key.origin);
        if key.is_own() || before.is_none_or(|k| k.head.number() < signed.head.number()) {
            // Whoever is not here itself goes first when room is needed.
            let (gone, reported) = before.map_or((true, None), |k| (k.gone, k.reported));
            if !self.make_room(key.origin, bytes) {
                return self.too_large(now, key);
            }
            let (head, catalogue) = (signed.head.clone(), Arc::clone(&catalogue));
            let kept = KnownCatalogue { head, catalogue, bytes, gone: gone && !key.is_own(), reported };
            self.kept.insert(key.origin, kept);
        }
        self.done(now, key, signed, catalogue);
    }

    fn done(&mut self, now: Time, key: PullKey, signed: Signed, catalogue: Arc<Catalogue>) {
        let Signed { head, bytes } = signed;
        if let Some(kept) = self.kept.get_mut(&key.origin) {
            if key.is_own() {
                kept.reported = Some(head.number());
            }
            if key.is_own() || kept.head.number() < head.number() {
                kept.head = head.clone();
            }
        }
        let Some(pull) = self.pulls.remove(&key) else { return };
        if pull.wanted.owner_catalogue {
            let (PullKey { from, origin }, catalogue) = (key, Arc::clone(&catalogue));
            self.outputs.push_back(Output::OwnerCatalogue { from, origin, signed: bytes, catalogue });
        }
        if pull.wanted.listing {
            self.outputs.push_back(Output::Done(key.from, head, catalogue));
        }
        if pull.again {
            self.want(now, key, pull.wanted);
        }
        self.next(key.from);
    }

    /// Forgets catalogues of peers that are gone until `bytes` more fit; false if they do not.
    fn make_room(&mut self, peer: PeerId, bytes: usize) -> bool {
        self.kept.remove(&peer);
        loop {
            let sum: usize = self.kept.values().map(|k| k.bytes).sum();
            if sum + bytes <= limits::REMOTE_CATALOGUES {
                return true;
            }
            let Some(gone) = self.kept.iter().find(|(_, k)| k.gone).map(|(p, _)| *p) else { return false };
            self.kept.remove(&gone);
        }
    }

    fn too_large(&mut self, now: Time, key: PullKey) {
        let again = self.end_and_begin(key);
        let text = format!(
            "the catalogue of {} is too large to be kept beside the others: it is not listed",
            key.origin
        );
        self.outputs.push_back(Output::Warning(text));
        if let Some(wanted) = again {
            self.want(now, key, wanted);
        }
        self.next(key.from);
    }

    /// It sent what cannot be: its connection ends, and it is asked again only when it announces more.
    fn liar(&mut self, now: Time, key: PullKey, what: &str) {
        let PullKey { from, origin } = key;
        let again = self.end_and_begin(key);
        let text = if key.is_own() {
            format!("{from}: {what}; it is not listed")
        } else {
            format!("{from} passes on what is not the catalogue of {origin}: {what}")
        };
        self.outputs.push_back(Output::Warning(text));
        self.outputs.push_back(Output::Drop(from, what.to_owned()));
        // What else was asked of it is lost with the connection.
        self.handle_down(now, from);
        if let Some(wanted) = again {
            self.want(now, key, wanted);
        }
    }

    fn request(&mut self) -> u64 {
        self.next_request += 4;
        self.next_request | TAG
    }
}

/// Whose catalogue it is, as it is asked for.
fn origin(key: PullKey) -> Option<PeerId> {
    (!key.is_own()).then_some(key.origin)
}

#[cfg(test)]
mod tests;
