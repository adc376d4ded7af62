//! Pulling catalogues: the signed head, then the buckets that changed, proved by its root. A peer has its
//! own, and (as a keeper) those of others. Pure; when and of whom they are asked is decided in pull/mod.rs.

mod held;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::held::{HeldCatalogues, HeldItem};
use super::ReceiverEvent;
use super::pull::{Outcome, Pull, PullKey, Question, Reasons, Refusal, Taken, Yielded};
use crate::accounts::AccountHost;
use crate::content::bucket::{self, Bucket, BucketDigest, BucketReader};
use crate::content::catalogue::root_of;
use crate::content::{Catalogue, Head};
use crate::identity::PeerId;
use crate::receiver::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BucketIs, GetBuckets, GetHead, HeadIs, Reason};

/// Whose catalogue is pulled from whom: the subject is the owner. A peer's own one comes from itself.
type CatalogueKey = PullKey<PeerId>;

fn is_own(key: CatalogueKey) -> bool {
    key.from == key.subject
}

/// Whose catalogue it is, as it is asked for.
fn origin(key: CatalogueKey) -> Option<PeerId> {
    (!is_own(key)).then_some(key.subject)
}

/// Who waits for a pull: whoever lists peers, and whoever keeps files for others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CatalogueReasons {
    listing: bool,
    owner_catalogue: bool,
}

impl Reasons for CatalogueReasons {
    fn and(self, more: Self) -> Self {
        Self {
            listing: self.listing || more.listing,
            owner_catalogue: self.owner_catalogue || more.owner_catalogue,
        }
    }
}

/// A head that came.
#[derive(Debug)]
struct Signed {
    head: Head,
    bytes: Arc<[u8]>,
}

/// The buckets that are asked for, after the head came. Those that did not change are not held here: they are
/// looked for in what is known of the owner when all others are there.
#[derive(Debug)]
pub(crate) struct PendingBuckets {
    signed: Signed,
    digests: Vec<BucketDigest>,
    /// Buckets still to come, in the order they were asked for.
    missing: VecDeque<u8>,
    /// The first of them, as far as it came.
    reader: Option<BucketReader>,
    /// Those that came whole.
    came: BTreeMap<u8, Arc<Bucket>>,
    /// Entries of those.
    entries: usize,
    /// Bytes of memory of all of this.
    bytes: usize,
    /// Bytes that it comes to at least, as far as its head tells.
    least: u64,
}

impl PendingBuckets {
    fn new(signed: Signed, digests: Vec<BucketDigest>, known: Option<&Catalogue>) -> Self {
        let bytes = digests.len() * size_of::<BucketDigest>();
        // Where all is new this is known at once, but for the names.
        let least = if known.is_none() { signed.head.entries * bucket::ENTRY as u64 } else { 0 };
        let (missing, came) = (VecDeque::new(), BTreeMap::new());
        let mut pending = Self { signed, digests, missing, reader: None, came, entries: 0, bytes, least };
        pending.missing = match known {
            Some(known) => pending.changed(known).collect(),
            None => pending.changed(&Catalogue::default()).collect(),
        };
        pending
    }

    /// The buckets that are neither here nor in `known`.
    fn changed(&self, known: &Catalogue) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |b| !self.came.contains_key(b) && self.unchanged(known, *b).is_none())
    }

    /// A bucket of `known` that is still the same.
    fn unchanged<'a>(&self, known: &'a Catalogue, index: u8) -> Option<&'a Arc<Bucket>> {
        let at = usize::from(index);
        (known.digests()[at] == self.digests[at]).then(|| known.bucket(index))
    }

    /// Bytes of memory that are charged: those of the bucket that is coming are among them, and what is sure to
    /// come. So what finds no place is not sent in vain, and takes none from another one while it is small.
    fn memory(&self) -> u64 {
        let coming = self.reader.as_ref().map_or(0, BucketReader::memory);
        self.least.max((self.bytes + coming) as u64)
    }

    /// The whole catalogue, once nothing is missing.
    fn catalogue(&mut self, known: &Catalogue) -> Catalogue {
        let came = std::mem::take(&mut self.came);
        let all = (0..=u8::MAX).filter_map(|b| {
            let bucket = came.get(&b).or_else(|| self.unchanged(known, b))?;
            Some((b, Arc::clone(bucket), self.digests[usize::from(b)]))
        });
        Catalogue::of_buckets(all)
    }
}

/// How much of a catalogue came.
#[derive(Debug, Default)]
pub(crate) enum CataloguePart {
    /// Not even its head.
    #[default]
    Nothing,
    Buckets(Box<PendingBuckets>),
}

/// What comes in one frame.
#[derive(Debug)]
pub(crate) enum CataloguePage {
    Head(HeadIs),
    Bucket(BucketIs),
}

/// A catalogue that is up to date: its head is checked, its root proved.
#[derive(Debug)]
pub(crate) struct CatalogueAnswer {
    signed: Signed,
    catalogue: Arc<Catalogue>,
    /// It is the newest one that is known, and its memory is paid for.
    is_held: bool,
}

/// Why a catalogue is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoCatalogueCause {
    /// Who has it serves too many others now.
    Busy,
    /// Who has it cannot be reached, or does not send it.
    NoAnswer,
    /// There is no place for it beside those of others.
    TooMuch,
    /// What came cannot be true.
    Wrong,
}

/// The catalogues of all peers.
#[derive(Debug)]
pub(crate) struct Catalogues {
    held: HeldCatalogues,
}

impl Default for Catalogues {
    fn default() -> Self {
        Self::new(limits::REMOTE_CATALOGUES, limits::REMOTE_CATALOGUES_SHARE)
    }
}

impl Pull<Catalogues> {
    /// Bring this peer's catalogue up to date.
    pub(crate) fn handle_wanted(&mut self, now: Time, peer: PeerId) {
        let reasons = CatalogueReasons { listing: true, owner_catalogue: false };
        self.want(now, PullKey { from: peer, subject: peer }, reasons);
    }

    /// From now on all of them may take so many bytes.
    pub(crate) fn handle_memory(&mut self, bytes: u64) {
        self.question.held.set_limit(bytes);
        self.cut_yielded();
    }

    /// Pull what `from` has of `origin`: the newest head, and its catalogue.
    pub(crate) fn handle_owner_catalogue(&mut self, now: Time, from: PeerId, origin: PeerId) {
        let reasons = CatalogueReasons { listing: false, owner_catalogue: true };
        self.want(now, PullKey { from, subject: origin }, reasons);
    }
}

impl Question for Catalogues {
    type Subject = PeerId;
    type Reasons = CatalogueReasons;
    type Part = CataloguePart;
    type Page = CataloguePage;
    type Answer = CatalogueAnswer;

    const FIRST: PeerId = PeerId([0; 32]);
    const SILENT: &'static str = "it does not send its catalogue";
    const MAY_CHANGE: bool = true;

    fn may_ask(key: CatalogueKey, open: impl Iterator<Item = CatalogueKey>) -> bool {
        let of_others = |other: &CatalogueKey| other.from == key.from && !is_own(*other);
        is_own(key) || open.filter(of_others).count() < limits::OWNER_CATALOGUES
    }

    fn ask(&self, key: CatalogueKey, part: &CataloguePart, request: u64) -> Message {
        let origin = origin(key);
        match part {
            CataloguePart::Nothing => {
                let known = self.held.get(key.subject).map(|known| known.head.root);
                Message::GetHead(GetHead { request, known, origin })
            }
            CataloguePart::Buckets(pending) => {
                let buckets = pending.missing.iter().copied().collect();
                let root = pending.signed.head.root;
                Message::GetBuckets(GetBuckets { request, root, buckets, origin })
            }
        }
    }

    fn take(
        &mut self,
        now: Time,
        key: CatalogueKey,
        part: &mut CataloguePart,
        page: CataloguePage,
    ) -> Taken<CatalogueAnswer> {
        let taken = match (part, page) {
            (part @ CataloguePart::Nothing, CataloguePage::Head(page)) => {
                self.take_head(now, key, part, &page)
            }
            (CataloguePart::Buckets(pending), CataloguePage::Bucket(page)) => {
                self.take_bucket(now, key, pending, &page)
            }
            // An answer to the other request than the one that is open, under its number.
            _ => Ok(Taken::More),
        };
        taken.unwrap_or_else(Taken::Lie)
    }

    fn part_over(&mut self, key: CatalogueKey) {
        self.held.came(key);
    }

    fn poll_yielded(&mut self) -> Option<Yielded<PeerId>> {
        Some(match self.held.poll_given_up()? {
            HeldItem::Catalogue(owner) => Yielded::Tell(ReceiverEvent::CatalogueGivenUp(owner)),
            HeldItem::Coming(key) => Yielded::Pull(key),
        })
    }

    fn check<'a>(&self, parts: impl Iterator<Item = (CatalogueKey, &'a CataloguePart)>) {
        self.held.check(parts.filter_map(|(key, part)| match part {
            CataloguePart::Nothing => None,
            CataloguePart::Buckets(pending) => Some((key, pending.memory())),
        }));
    }

    fn refused(part: &CataloguePart, reason: Reason) -> Refusal<CatalogueAnswer> {
        // Another catalogue took the place of the one whose buckets were asked for.
        let is_newer = matches!(part, CataloguePart::Buckets(_)) && reason == Reason::Changed;
        if is_newer { Refusal::AskAgain } else { Refusal::GiveUp }
    }

    fn here(&mut self, peer: PeerId, host: AccountHost) {
        self.held.here(peer, host);
    }

    fn gone(&mut self, now: Time, peer: PeerId) {
        self.held.gone(now, peer);
    }

    fn tell(
        key: CatalogueKey,
        reasons: CatalogueReasons,
        outcome: Outcome<CatalogueAnswer>,
    ) -> Vec<ReceiverEvent> {
        let PullKey { from, subject: origin } = key;
        let none = |cause| {
            let for_owner = ReceiverEvent::NoOwnerCatalogue { from, origin, cause };
            (Some(for_owner), Some(ReceiverEvent::NoCatalogue(from, cause)))
        };
        let (for_owner, for_listing) = match outcome {
            Outcome::Came(CatalogueAnswer { signed: Signed { head, bytes: signed }, catalogue, is_held }) => {
                let for_listing =
                    ReceiverEvent::Catalogue(from, head, Arc::clone(&signed), Arc::clone(&catalogue));
                (
                    Some(ReceiverEvent::OwnerCatalogue { from, origin, signed, catalogue, is_held }),
                    Some(for_listing),
                )
            }
            // Whoever lists peers counts on an answer: what was announced last may be what did not come.
            Outcome::Busy => none(NoCatalogueCause::Busy),
            Outcome::GaveUp => none(NoCatalogueCause::NoAnswer),
            Outcome::TooMuch => none(NoCatalogueCause::TooMuch),
            Outcome::Refused => none(NoCatalogueCause::Wrong),
            Outcome::Gone => {
                let cause = NoCatalogueCause::NoAnswer;
                (Some(ReceiverEvent::NoOwnerCatalogue { from, origin, cause }), None)
            }
        };
        let for_owner = for_owner.filter(|_| reasons.owner_catalogue);
        for_owner.into_iter().chain(for_listing.filter(|_| reasons.listing)).collect()
    }

    fn accuse(key: CatalogueKey, what: &str) -> Option<String> {
        let PullKey { from, subject } = key;
        Some(if is_own(key) {
            format!("{from}: {what}; it is not listed")
        } else {
            format!("{from} passes on what is not the catalogue of {subject}: {what}")
        })
    }
}

/// What a page made, or why it cannot be true.
type TakenOrLie = Result<Taken<CatalogueAnswer>, String>;

impl Catalogues {
    /// Those that take up to `limit` bytes, of which every host may have `share` at least.
    pub(super) const fn new(limit: u64, share: u64) -> Self {
        Self { held: HeldCatalogues::new(limit, share) }
    }

    /// What is known of this owner; an empty catalogue if that is nothing.
    fn known(&self, owner: PeerId) -> Arc<Catalogue> {
        self.held.get(owner).map_or_else(Arc::default, |known| Arc::clone(&known.catalogue))
    }

    fn take_head(
        &mut self,
        now: Time,
        key: CatalogueKey,
        part: &mut CataloguePart,
        page: &HeadIs,
    ) -> TakenOrLie {
        let head = Head::open(&page.signed).map_err(|e| format!("its catalogue head: {e}"))?;
        if head.owner.peer_id() != key.subject {
            return Err("its catalogue is signed by another peer".to_owned());
        }
        if head.entries > limits::CATALOGUE_ENTRIES as u64 {
            return Ok(Taken::TooMuch);
        }
        let known = self.held.get(key.subject);
        // A keeper may well have an older one than we; an owner has not.
        let reported = known.and_then(|known| known.reported);
        if is_own(key) && reported.is_some_and(|reported| head.number() < reported) {
            return Err("it sent an older catalogue than before".to_owned());
        }
        let signed = Signed { head, bytes: page.signed.as_slice().into() };
        if let Some(known) = known.filter(|known| known.head.root == signed.head.root) {
            let catalogue = Arc::clone(&known.catalogue);
            if signed.head.entries != known.head.entries {
                return Err("its catalogue has another length than it says".to_owned());
            }
            return Ok(self.whole(now, key, signed, catalogue));
        }
        let digests: Vec<_> = page.digests.as_chunks::<32>().0.iter().map(|d| BucketDigest(*d)).collect();
        if digests.len() != limits::BUCKETS || root_of(&digests) != signed.head.root {
            return Err("its catalogue's digests do not prove its root".to_owned());
        }
        let mut pending = PendingBuckets::new(signed, digests, known.map(|known| &*known.catalogue));
        if pending.missing.is_empty() {
            return self.proved(now, key, &mut pending);
        }
        if !self.held.coming(now, key, pending.memory()) {
            return Ok(Taken::TooMuch);
        }
        *part = CataloguePart::Buckets(Box::new(pending));
        Ok(Taken::Next)
    }

    /// Takes a page of a bucket.
    fn take_bucket(
        &mut self,
        now: Time,
        key: CatalogueKey,
        pending: &mut PendingBuckets,
        page: &BucketIs,
    ) -> TakenOrLie {
        if pending.missing.front() != Some(&page.bucket) || (page.entries.is_empty() && !page.last) {
            return Err("it sent a bucket of its catalogue out of order".to_owned());
        }
        let mut reader = pending.reader.take().unwrap_or_else(|| BucketReader::new(page.bucket));
        reader.push(&page.entries).map_err(|e| format!("its catalogue: {e}"))?;
        let entries = pending.entries + reader.bucket().count();
        // So none of them is without an end.
        if entries as u64 > pending.signed.head.entries {
            return Err("its catalogue has another length than it says".to_owned());
        }
        if page.last {
            let digest = reader.digest();
            let bucket = reader.finish();
            if digest != pending.digests[usize::from(page.bucket)] {
                return Err("a bucket of its catalogue is not what it promised".to_owned());
            }
            pending.entries = entries;
            pending.bytes += bucket.memory();
            pending.came.insert(page.bucket, Arc::new(bucket));
            pending.missing.pop_front();
        } else {
            pending.reader = Some(reader);
        }
        if !self.held.coming(now, key, pending.memory()) {
            return Ok(Taken::TooMuch);
        }
        if pending.missing.is_empty() { self.proved(now, key, pending) } else { Ok(Taken::More) }
    }

    /// All buckets came that were asked for.
    fn proved(&mut self, now: Time, key: CatalogueKey, pending: &mut PendingBuckets) -> TakenOrLie {
        let known = self.known(key.subject);
        // Meanwhile that may have been given up from which the others were to be taken.
        pending.missing = pending.changed(&known).collect();
        if !pending.missing.is_empty() {
            return Ok(Taken::Next);
        }
        let catalogue = Arc::new(pending.catalogue(&known));
        let head = &pending.signed.head;
        if catalogue.count() != head.entries {
            return Err("its catalogue has another length than it says".to_owned());
        }
        self.held.came(key);
        let known = self.held.get(key.subject);
        let is_newer = known.is_none_or(|known| known.head.number() < head.number());
        if (is_own(key) || is_newer) && !self.held.hold(now, key, head, &catalogue) {
            return Ok(Taken::TooMuch);
        }
        let signed = Signed { head: head.clone(), bytes: Arc::clone(&pending.signed.bytes) };
        Ok(self.whole(now, key, signed, catalogue))
    }

    fn whole(
        &mut self,
        now: Time,
        key: CatalogueKey,
        signed: Signed,
        catalogue: Arc<Catalogue>,
    ) -> Taken<CatalogueAnswer> {
        let known = self.held.get(key.subject);
        let is_held = known.is_some_and(|known| known.head.root == signed.head.root);
        if is_held && !self.held.renew(now, key, &signed.head) {
            return Taken::TooMuch;
        }
        Taken::Whole(CatalogueAnswer { signed, catalogue, is_held })
    }
}

#[cfg(test)]
mod tests;
