//! What an owner says should exist: its newest head, and the buckets that are known of it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ledger::{OwnerRow, Shared};
use crate::content::bucket::{Bucket, BucketDigest};
use crate::content::catalogue::root_of;
use crate::content::{Catalogue, Claim, Entry, EntryKind, FileId, Head, HeadNumber, SafePath};
use crate::custody::limits;
use crate::identity::PeerId;
use crate::wire::custody::{BucketProof, OfferRefusal};

/// A head, and as much of the catalogue under it as is known.
#[derive(Clone, Debug)]
pub struct OwnerCatalogue {
    head: Head,
    signed: Shared,
    /// Empty as long as only the head is known.
    digests: Shared,
    buckets: BTreeMap<u8, Arc<Bucket>>,
}

impl OwnerCatalogue {
    /// Of a signed head alone. `None` if its signature is not its owner's, or it is not that of `origin`.
    #[must_use]
    pub fn open(origin: PeerId, signed: &Shared) -> Option<Self> {
        let head = Head::open(signed).ok().filter(|h| h.owner.peer_id() == origin)?;
        let digests: Shared = Arc::from([]);
        Some(Self { head, signed: Arc::clone(signed), digests, buckets: BTreeMap::new() })
    }

    /// Of a signed head and the whole catalogue under it. `None` if they do not belong together.
    #[must_use]
    pub fn whole(origin: PeerId, signed: &Shared, catalogue: &Catalogue) -> Option<Self> {
        let mut owner = Self::open(origin, signed)?;
        if root_of(catalogue.digests()) != owner.head.root {
            return None;
        }
        owner.digests = catalogue.digests().iter().flat_map(|d| d.0).collect();
        let filled = (0..=255).filter(|i| catalogue.bucket(*i).count() > 0);
        owner.buckets = filled.map(|i| (i, Arc::clone(catalogue.bucket(i)))).collect();
        Some(owner)
    }

    /// Goes over to the memory of `catalogue`, which others use too, where it holds what is known here.
    pub fn shares(&mut self, catalogue: &Catalogue) {
        for (index, bucket) in &mut self.buckets {
            if self
                .digests
                .get(usize::from(*index) * 32..)
                .is_some_and(|d| d.starts_with(&catalogue.digests()[usize::from(*index)].0))
            {
                *bucket = Arc::clone(catalogue.bucket(*index));
            }
        }
    }

    /// From the ledger; whatever does not prove itself is left out.
    #[must_use]
    pub fn restore(
        origin: PeerId,
        row: &OwnerRow,
        buckets: impl Iterator<Item = (u8, Vec<u8>)>,
    ) -> Option<Self> {
        let mut owner = Self::open(origin, &Arc::from(row.signed.as_slice()))?;
        owner.learn_digests(&Arc::from(row.digests.as_slice()));
        for (index, bytes) in buckets {
            owner.learn_bucket(index, &bytes);
        }
        Some(owner)
    }

    /// What orders the heads of one owner.
    #[must_use]
    pub const fn number(&self) -> HeadNumber {
        self.head.number()
    }

    /// The head as it was signed.
    #[must_use]
    pub const fn signed(&self) -> &Shared {
        &self.signed
    }

    /// What the ledger keeps of it, but its buckets and witnesses.
    #[must_use]
    pub fn row(&self, witnesses: Vec<PeerId>) -> OwnerRow {
        OwnerRow { signed: self.signed.to_vec(), digests: self.digests.to_vec(), witnesses }
    }

    /// The known buckets that are not empty.
    pub fn buckets(&self) -> impl Iterator<Item = (u8, &Arc<Bucket>)> {
        self.buckets.iter().map(|(i, b)| (*i, b))
    }

    /// What is known as a catalogue. It shares the memory of the buckets.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        let known = self.buckets.iter().filter_map(|(i, b)| Some((*i, Arc::clone(b), self.digest(*i)?)));
        Catalogue::of_buckets(known)
    }

    /// True if every bucket under the head is known.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.buckets.values().map(|b| b.count() as u64).sum::<u64>() == self.head.entries
    }

    /// Bytes of memory that the digests and buckets take.
    #[must_use]
    pub(super) fn cost(&self) -> u64 {
        let buckets = self.buckets.values().map(|b| b.memory()).sum::<usize>();
        (self.digests.len() + buckets) as u64
    }

    /// What [`Self::cost`] would be with the whole of this catalogue.
    #[must_use]
    pub(super) fn cost_of(catalogue: &Catalogue) -> u64 {
        let filled = (0..=255).map(|i| catalogue.bucket(i)).filter(|b| b.count() > 0);
        (limits::BUCKETS * 32 + filled.map(|b| b.memory()).sum::<usize>()) as u64
    }

    /// Forgets all but the head.
    pub(super) fn shrink(&mut self) {
        self.digests = Arc::from([]);
        self.buckets.clear();
    }

    /// Goes over to a newer head; buckets that are the same under it stay known.
    pub fn renew(&mut self, mut newer: Self) {
        for (index, bucket) in std::mem::take(&mut self.buckets) {
            if !newer.buckets.contains_key(&index) && newer.digest(index) == Some(bucket.digest()) {
                newer.buckets.insert(index, bucket);
            }
        }
        *self = newer;
    }

    /// True if the head is over these digests.
    fn is_over(&self, digests: &Shared) -> bool {
        let list: Vec<BucketDigest> = digests.as_chunks().0.iter().map(|d| BucketDigest(*d)).collect();
        digests.len() == limits::BUCKETS * 32 && root_of(&list) == self.head.root
    }

    /// Takes all digests. False if the head is not over them.
    pub fn learn_digests(&mut self, digests: &Shared) -> bool {
        let fits = self.is_over(digests);
        if fits && self.digests.is_empty() {
            self.digests = Arc::clone(digests);
        }
        fits
    }

    /// Takes the bytes of one bucket. False if the head is not over it.
    pub fn learn_bucket(&mut self, index: u8, bytes: &[u8]) -> bool {
        let Ok(bucket) = Bucket::read(index, bytes) else { return false };
        let fits = self.digest(index) == Some(bucket.digest());
        if fits && bucket.count() > 0 {
            self.buckets.insert(index, Arc::new(bucket));
        }
        fits
    }

    fn digest(&self, index: u8) -> Option<BucketDigest> {
        let at = usize::from(index) * 32;
        Some(BucketDigest(self.digests.get(at..at + 32)?.try_into().ok()?))
    }

    /// Shows that the head names what lies at `path`. `None` if the digests or the bucket are not known, or
    /// the bucket is too large for a message; then the keeper has to pull the catalogue.
    #[must_use]
    pub fn bucket_proof(&self, path: &SafePath) -> Option<BucketProof> {
        let bucket = self.buckets.get(&path.bucket())?.bytes();
        let fits = !self.digests.is_empty() && bucket.len() <= limits::PAGE;
        fits.then(|| BucketProof { digests: Arc::clone(&self.digests), bucket: bucket.into() })
    }

    /// Checks that the head names this content at `path`, with what is known and what is shown. Nothing of the
    /// proof is kept: the whole catalogue is pulled once for all of an owner's files.
    ///
    /// # Errors
    /// [`OfferRefusal::Unproved`] if a proof is needed, [`OfferRefusal::NotListed`] if it is not so.
    pub fn check(
        &self,
        path: &SafePath,
        claim: Claim,
        proof: Option<&BucketProof>,
    ) -> Result<(), OfferRefusal> {
        let shown;
        let bucket = match (self.buckets.get(&path.bucket()), proof) {
            (Some(known), _) => known,
            // Without a bucket among all that there are, there is nothing to be proved.
            (None, None) if self.is_whole() => return Err(OfferRefusal::NotListed),
            (None, None) => return Err(OfferRefusal::Unproved),
            (None, Some(proof)) => {
                shown = Arc::new(self.shown(path.bucket(), proof).ok_or(OfferRefusal::NotListed)?);
                &shown
            }
        };
        let entries = bucket.entries();
        let found = entries.binary_search_by(|e| e.path.cmp(path)).is_ok_and(
            |i| matches!(entries[i].kind, EntryKind::File { id, size, .. } if (id, size) == claim),
        );
        if found { Ok(()) } else { Err(OfferRefusal::NotListed) }
    }

    /// The bucket of a proof, if the head is over it.
    fn shown(&self, index: u8, proof: &BucketProof) -> Option<Bucket> {
        let digests = self.is_over(&proof.digests).then_some(&proof.digests)?;
        let bucket = Bucket::read(index, &proof.bucket).ok()?;
        let at = usize::from(index) * 32;
        (digests.get(at..at + 32)? == bucket.digest().0).then_some(bucket)
    }

    /// True if the head names this content, at whatever path; `None` if too little is known to say so.
    #[must_use]
    pub fn names(&self, file: FileId, path: &SafePath) -> Option<bool> {
        if self.lies_at(file, path) {
            return Some(true);
        }
        let is_it = |e: &Entry| matches!(e.kind, EntryKind::File { id, .. } if id == file);
        self.is_whole().then(|| self.entries().any(is_it))
    }

    /// True if the head is known to name this content at this path.
    #[must_use]
    pub fn lies_at(&self, file: FileId, path: &SafePath) -> bool {
        let bucket = self.buckets.get(&path.bucket()).map_or(&[][..], |b| b.entries());
        bucket.iter().any(|e| e.path == *path && matches!(e.kind, EntryKind::File { id, .. } if id == file))
    }

    /// All known entries.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.values().flat_map(|b| b.entries())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Identity, Instance};
    use crate::wire::encode;

    fn file(path: &str, n: u8) -> Entry {
        let kind = EntryKind::File {
            id: FileId([n; 32]),
            size: u64::from(n),
            modified: 0,
            executable: false,
            since: 0,
        };
        Entry { path: path.parse().unwrap(), kind }
    }

    fn signed(identity: &Identity, catalogue: &Catalogue, version: u64) -> Shared {
        let instance = Instance { count: 1, random: 1 };
        Arc::from(catalogue.head(identity.public(), instance, version).sign(identity))
    }

    #[test]
    fn what_a_head_names_is_proved_and_nothing_else() {
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let catalogue = Catalogue::of((0..100).map(|n| file(&format!("f{n}"), n)));
        let head = signed(&a, &catalogue, 1);
        let own = OwnerCatalogue::whole(a.id(), &head, &catalogue).unwrap();
        let path: SafePath = "f7".parse().unwrap();
        let claim = (FileId([7; 32]), 7);

        let theirs = OwnerCatalogue::open(a.id(), &head).unwrap();
        assert!(OwnerCatalogue::open(b.id(), &head).is_none());
        assert_eq!(theirs.check(&path, claim, None), Err(OfferRefusal::Unproved));
        let proof = own.bucket_proof(&path).unwrap();
        let lie = BucketProof { bucket: encode(&file("f7", 8)).into(), ..proof.clone() };
        assert_eq!(theirs.check(&path, (FileId([8; 32]), 8), Some(&lie)), Err(OfferRefusal::NotListed));
        assert_eq!(theirs.check(&path, (claim.0, 8), Some(&proof)), Err(OfferRefusal::NotListed));
        assert_eq!(theirs.check(&path, claim, Some(&proof)), Ok(()));
        // What was shown is not kept.
        assert_eq!(theirs.check(&path, claim, None), Err(OfferRefusal::Unproved));
        assert_eq!((theirs.cost(), theirs.names(claim.0, &path)), (0, None));
        assert_eq!(own.check(&path, claim, None), Ok(()));
        assert_eq!(
            (own.cost(), own.names(claim.0, &path)),
            (OwnerCatalogue::cost_of(&catalogue), Some(true))
        );
        assert_eq!(own.names(FileId([200; 32]), &"f9".parse().unwrap()), Some(false));

        let restored =
            OwnerCatalogue::restore(a.id(), &own.row(Vec::new()), own.buckets().map(|(i, b)| (i, b.bytes())))
                .unwrap();
        assert_eq!(restored.names(claim.0, &path), Some(true));
    }

    #[test]
    fn a_newer_head_keeps_the_buckets_that_did_not_change() {
        let a = Identity::generate().unwrap();
        let old = Catalogue::of((0..100).map(|n| file(&format!("f{n}"), n)));
        let gone: SafePath = "f7".parse().unwrap();
        let new = old.changed(&BTreeMap::from([(gone.clone(), None)]));
        let (one, two) = (signed(&a, &old, 1), signed(&a, &new, 2));
        let mut owner = OwnerCatalogue::whole(a.id(), &one, &old).unwrap();
        let mut newer = OwnerCatalogue::open(a.id(), &two).unwrap();
        let digests: Shared = new.digests().iter().flat_map(|d| d.0).collect();
        assert!(newer.learn_digests(&digests));
        owner.renew(newer);
        assert_eq!(owner.number().version, 2);
        assert_eq!(owner.names(FileId([8; 32]), &"f8".parse().unwrap()), Some(true));
        // Its bucket changed, so what it holds now is not known (unless it is empty now).
        let alone = old.bucket(gone.bucket()).entries().len() == 1;
        assert_eq!(owner.names(FileId([7; 32]), &gone), alone.then_some(false));
        let foreign = Identity::generate().unwrap();
        assert!(OwnerCatalogue::whole(a.id(), &signed(&foreign, &new, 3), &new).is_none());
        assert!(OwnerCatalogue::whole(a.id(), &one, &new).is_none());
    }
}
