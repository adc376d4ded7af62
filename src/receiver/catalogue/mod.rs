//! Pulling catalogues: the signed head, then the buckets that changed, proved by its root. A peer has its
//! own, and (as a keeper) those of others. Pure; when and of whom they are asked is decided in pull/mod.rs.

mod known;

use std::collections::VecDeque;
use std::sync::Arc;

use self::known::KnownCatalogues;
use super::ReceiverEvent;
use super::pull::{Outcome, Pull, PullKey, Question, Reasons, Refusal, Taken};
use crate::content::bucket::{BucketDigest, BucketReader};
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

/// The buckets that are asked for, after the head came.
#[derive(Debug)]
pub(crate) struct PendingBuckets {
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
}

/// The catalogues of all peers.
#[derive(Debug, Default)]
pub(crate) struct Catalogues {
    known: KnownCatalogues,
}

impl Pull<Catalogues> {
    /// Bring this peer's catalogue up to date.
    pub(crate) fn handle_wanted(&mut self, now: Time, peer: PeerId) {
        self.question.known.set_gone(peer, false);
        let reasons = CatalogueReasons { listing: true, owner_catalogue: false };
        self.want(now, PullKey { from: peer, subject: peer }, reasons);
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
                let known = self.known.get(key.subject).map(|known| known.head.root);
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
        key: CatalogueKey,
        part: &mut CataloguePart,
        page: CataloguePage,
    ) -> Taken<CatalogueAnswer> {
        let taken = match (part, page) {
            (part @ CataloguePart::Nothing, CataloguePage::Head(page)) => self.take_head(key, part, &page),
            (CataloguePart::Buckets(pending), CataloguePage::Bucket(page)) => {
                self.take_bucket(key, pending, &page)
            }
            // An answer to the other request than the one that is open, under its number.
            _ => Ok(Taken::More),
        };
        taken.unwrap_or_else(Taken::Lie)
    }

    fn refused(part: &CataloguePart, reason: Reason) -> Refusal<CatalogueAnswer> {
        // Another catalogue took the place of the one whose buckets were asked for.
        let is_newer = matches!(part, CataloguePart::Buckets(_)) && reason == Reason::Changed;
        if is_newer { Refusal::AskAgain } else { Refusal::GiveUp }
    }

    fn gone(&mut self, peer: PeerId) {
        self.known.set_gone(peer, true);
    }

    fn tell(
        key: CatalogueKey,
        reasons: CatalogueReasons,
        outcome: Outcome<CatalogueAnswer>,
    ) -> Vec<ReceiverEvent> {
        let PullKey { from, subject: origin } = key;
        let (for_owner, for_listing) = match outcome {
            Outcome::Came(CatalogueAnswer { signed: Signed { head, bytes: signed }, catalogue }) => (
                Some(ReceiverEvent::OwnerCatalogue {
                    from,
                    origin,
                    signed,
                    catalogue: Arc::clone(&catalogue),
                }),
                Some(ReceiverEvent::Catalogue(from, head, catalogue)),
            ),
            // Whoever lists peers counts on an answer: what was announced last may be what did not come.
            Outcome::GaveUp => (
                Some(ReceiverEvent::NoOwnerCatalogue { from, origin }),
                Some(ReceiverEvent::NoCatalogue(from)),
            ),
            Outcome::Refused | Outcome::Gone => {
                (Some(ReceiverEvent::NoOwnerCatalogue { from, origin }), None)
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
    fn take_head(&mut self, key: CatalogueKey, part: &mut CataloguePart, page: &HeadIs) -> TakenOrLie {
        let head = Head::open(&page.signed).map_err(|e| format!("its catalogue head: {e}"))?;
        if head.owner.peer_id() != key.subject {
            return Err("its catalogue is signed by another peer".to_owned());
        }
        if head.entries > limits::CATALOGUE_ENTRIES as u64 {
            return Ok(too_large(key));
        }
        let known = self.known.get(key.subject);
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
            return Ok(self.whole(key, signed, catalogue));
        }
        let digests: Vec<_> = page.digests.as_chunks::<32>().0.iter().map(|d| BucketDigest(*d)).collect();
        if digests.len() != limits::BUCKETS || root_of(&digests) != signed.head.root {
            return Err("its catalogue's digests do not prove its root".to_owned());
        }
        let catalogue = known.map(|known| (*known.catalogue).clone()).unwrap_or_default();
        let changed = (0..=u8::MAX).filter(|b| {
            let b = usize::from(*b);
            catalogue.digests()[b] != digests[b]
        });
        let missing: VecDeque<u8> = changed.collect();
        let bytes = catalogue.memory();
        let mut pending = PendingBuckets { signed, digests, missing, reader: None, catalogue, bytes };
        if pending.missing.is_empty() {
            return self.proved(key, &mut pending);
        }
        *part = CataloguePart::Buckets(Box::new(pending));
        Ok(Taken::Next)
    }

    /// Takes a page of a bucket.
    fn take_bucket(
        &mut self,
        key: CatalogueKey,
        pending: &mut PendingBuckets,
        page: &BucketIs,
    ) -> TakenOrLie {
        if pending.missing.front() != Some(&page.bucket) || (page.entries.is_empty() && !page.last) {
            return Err("it sent a bucket of its catalogue out of order".to_owned());
        }
        let mut reader = pending.reader.take().unwrap_or_else(|| BucketReader::new(page.bucket));
        reader.push(&page.entries).map_err(|e| format!("its catalogue: {e}"))?;
        let (entries, bytes) = (reader.bucket().count(), pending.bytes + reader.bucket().memory());
        if entries > limits::CATALOGUE_ENTRIES || bytes > limits::REMOTE_CATALOGUES {
            return Ok(too_large(key));
        }
        if !page.last {
            pending.reader = Some(reader);
            return Ok(Taken::More);
        }
        let bucket = reader.finish();
        if bucket.digest() != pending.digests[usize::from(page.bucket)] {
            return Err("a bucket of its catalogue is not what it promised".to_owned());
        }
        pending.bytes = bytes - pending.catalogue.bucket(page.bucket).memory();
        pending.catalogue.set(page.bucket, bucket);
        pending.missing.pop_front();
        if pending.missing.is_empty() { self.proved(key, pending) } else { Ok(Taken::More) }
    }

    /// All buckets are there.
    fn proved(&mut self, key: CatalogueKey, pending: &mut PendingBuckets) -> TakenOrLie {
        let head = &pending.signed.head;
        if pending.catalogue.count() != head.entries {
            return Err("its catalogue has another length than it says".to_owned());
        }
        let catalogue = Arc::new(std::mem::take(&mut pending.catalogue));
        let known = self.known.get(key.subject);
        let is_newer = known.is_none_or(|known| known.head.number() < head.number());
        if (is_own(key) || is_newer)
            && !self.known.keep(key.subject, is_own(key), head, &catalogue, pending.bytes)
        {
            return Ok(too_large(key));
        }
        let signed = Signed { head: head.clone(), bytes: Arc::clone(&pending.signed.bytes) };
        Ok(self.whole(key, signed, catalogue))
    }

    fn whole(
        &mut self,
        key: CatalogueKey,
        signed: Signed,
        catalogue: Arc<Catalogue>,
    ) -> Taken<CatalogueAnswer> {
        self.known.renew(key.subject, is_own(key), &signed.head);
        Taken::Whole(CatalogueAnswer { signed, catalogue })
    }
}

fn too_large(key: CatalogueKey) -> Taken<CatalogueAnswer> {
    Taken::TooMuch(format!(
        "the catalogue of {} is too large to be kept beside the others: it is not listed",
        key.subject
    ))
}

#[cfg(test)]
mod tests;
