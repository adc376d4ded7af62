//! What one peer shares: entries in 256 buckets by path hash, and the signed head over them. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, BucketDigest};
use super::chunk::FileId;
use super::path::SafePath;
use crate::codec::{DecodeError, decode, encode};
use crate::identity::{Identity, Instance, PublicKey, SIGNATURE, verify};
use crate::limits;

/// Signing context of a catalogue head.
const CONTEXT: &[u8] = b"potluck 1 catalogue head\0";

/// Signing context of the root over the buckets' digests.
const ROOT_CONTEXT: &str = "potluck 1 catalogue root";

/// One shared file or folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it lies in `shared/`.
    pub path: SafePath,
    /// What it is.
    pub kind: EntryKind,
}

impl Entry {
    /// The content of a file; `None` for a folder.
    #[must_use]
    pub const fn content(&self) -> Option<FileId> {
        match self.kind {
            EntryKind::File { id, .. } => Some(id),
            EntryKind::Folder => None,
        }
    }
}

/// True for what is left out of an encoded entry.
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What an entry is. Kinds of later versions are skipped by [`Bucket`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A folder with nothing in it; others are implied by what they hold.
    Folder,
    /// A file.
    File {
        /// Its content.
        id: FileId,
        /// Bytes.
        size: u64,
        /// Modification time, milliseconds since 1970; negative before.
        modified: i64,
        /// True if its owner may execute it.
        executable: bool,
        /// When its owner first listed this content at this path, milliseconds since 1970; 0: not known.
        #[serde(default, skip_serializing_if = "is_zero")]
        since: u64,
    },
}

/// What should exist, said by the owner: signed, and the higher (instance, version) wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The owner's key.
    pub owner: PublicKey,
    /// The start it was made in.
    pub instance: Instance,
    /// Rises with every change within an instance, from 1.
    pub version: u64,
    /// Entries in all buckets, of whatever kind.
    pub entries: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Over the buckets' digests.
    #[serde(with = "serde_bytes")]
    pub root: [u8; 32],
}

impl Head {
    /// The head as it goes over the wire: 64 bytes of signature, then `MessagePack`.
    ///
    /// # Panics
    /// Never: encoding into memory fails only for types that this one does not hold.
    #[must_use]
    pub fn sign(&self, identity: &Identity) -> Vec<u8> {
        let body = encode(self);
        [&identity.sign(CONTEXT, &body)[..], &body].concat()
    }

    /// Reads and checks a signed head.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not one, or its signature is not its owner's.
    pub fn open(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (signature, body) = bytes.split_at_checked(SIGNATURE).ok_or(DecodeError::Short)?;
        let head: Self = decode(body)?;
        if verify(&head.owner, CONTEXT, body, signature) { Ok(head) } else { Err(DecodeError::Signature) }
    }

    /// What orders the heads of one owner.
    #[must_use]
    pub const fn number(&self) -> HeadNumber {
        HeadNumber { instance: self.instance, version: self.version }
    }
}

/// What orders the heads of one owner: the one of a later start is newer, and of one start that with the
/// larger version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeadNumber {
    /// The start of its owner at which it was signed.
    pub instance: Instance,
    /// Which one of that start it is.
    pub version: u64,
}

/// A whole catalogue, immutable; buckets that did not change are shared with the version before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    buckets: Vec<Arc<Bucket>>,
    digests: Vec<BucketDigest>,
    /// Entries that are files.
    files: u64,
}

impl Default for Catalogue {
    fn default() -> Self {
        let empty = Arc::new(Bucket::default());
        let digest = empty.digest();
        Self { buckets: vec![empty; limits::BUCKETS], digests: vec![digest; limits::BUCKETS], files: 0 }
    }
}

impl Catalogue {
    /// Of entries in any order; the last one of a path counts.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut changes: BTreeMap<SafePath, Option<EntryKind>> = BTreeMap::new();
        changes.extend(entries.into_iter().map(|e| (e.path, Some(e.kind))));
        Self::default().changed(&changes)
    }

    /// The catalogue that these buckets make, each with its number and digest.
    #[must_use]
    pub fn of_buckets(buckets: impl IntoIterator<Item = (u8, Arc<Bucket>, BucketDigest)>) -> Self {
        let mut all = Self::default();
        for (index, bucket, digest) in buckets {
            let index = usize::from(index);
            (all.buckets[index], all.digests[index]) = (bucket, digest);
        }
        all.files = all.buckets.iter().map(|bucket| u64::from(bucket.files())).sum();
        all
    }

    /// This catalogue with some paths set or (`None`) removed. Costs what the touched buckets hold. To be
    /// used for own catalogues: what a later version put into these buckets would be lost.
    #[must_use]
    pub fn changed(&self, changes: &BTreeMap<SafePath, Option<EntryKind>>) -> Self {
        let mut touched: BTreeMap<u8, BTreeMap<&SafePath, &Option<EntryKind>>> = BTreeMap::new();
        for (path, kind) in changes {
            touched.entry(path.bucket()).or_default().insert(path, kind);
        }
        let mut next = self.clone();
        for (index, changes) in touched {
            let mut entries = self.buckets[usize::from(index)].entries().to_vec();
            entries.retain(|e| !changes.contains_key(&e.path));
            // Not twice as much, as a vector grows by itself: that is megabytes of a large catalogue.
            entries.reserve_exact(changes.len());
            entries.extend(changes.into_iter().filter_map(|(path, kind)| {
                kind.as_ref().map(|kind| Entry { path: path.clone(), kind: kind.clone() })
            }));
            entries.sort_by(|a, b| a.path.cmp(&b.path));
            next.set(index, Bucket::of(entries));
        }
        next
    }

    /// Replaces one bucket.
    pub fn set(&mut self, index: u8, bucket: Bucket) {
        let at = usize::from(index);
        self.files = self.files - u64::from(self.buckets[at].files()) + u64::from(bucket.files());
        self.digests[at] = bucket.digest();
        self.buckets[at] = Arc::new(bucket);
    }

    /// Bucket number `index`.
    #[must_use]
    pub fn bucket(&self, index: u8) -> &Arc<Bucket> {
        &self.buckets[usize::from(index)]
    }

    /// The digests of all 256 buckets.
    #[must_use]
    pub fn digests(&self) -> &[BucketDigest] {
        &self.digests
    }

    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &SafePath) -> Option<&Entry> {
        let bucket = self.bucket(path.bucket()).entries();
        bucket.binary_search_by(|e| e.path.cmp(path)).ok().map(|i| &bucket[i])
    }

    /// All entries that are known here, bucket by bucket.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flat_map(|b| b.entries())
    }

    /// How many entries there are, with those that are not known here.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|b| b.count() as u64).sum()
    }

    /// How many of the entries are files.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.files
    }

    /// Bytes of memory that it takes, as if it shared no bucket with another one.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.buckets.iter().map(|b| b.memory()).sum()
    }

    /// The unsigned head of this catalogue.
    #[must_use]
    pub fn head(&self, owner: PublicKey, instance: Instance, version: u64) -> Head {
        let bytes = self.entries().map(|e| if let EntryKind::File { size, .. } = e.kind { size } else { 0 });
        Head {
            owner,
            instance,
            version,
            entries: self.count(),
            bytes: bytes.fold(0, u64::saturating_add),
            root: root_of(&self.digests),
        }
    }
}

/// The root over the digests of all buckets, as a head carries it.
#[must_use]
pub fn root_of(digests: &[BucketDigest]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(ROOT_CONTEXT);
    for d in digests {
        hasher.update(&d.0);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::bucket::BucketError;

    fn file(path: &str, n: u8) -> Entry {
        let kind = EntryKind::File {
            id: FileId([n; 32]),
            size: u64::from(n),
            modified: -1,
            executable: n > 3,
            since: 0,
        };
        Entry { path: path.parse().unwrap(), kind }
    }

    #[test]
    fn the_order_of_building_does_not_matter() {
        let entries: Vec<_> = (0..200).map(|n| file(&format!("f{n}"), n)).collect();
        let a = Catalogue::of(entries.clone());
        let b = Catalogue::of(entries.iter().rev().cloned());
        assert_eq!(a, b);
        let mut c = Catalogue::default();
        for e in &entries {
            c = c.changed(&BTreeMap::from([(e.path.clone(), Some(e.kind.clone()))]));
        }
        assert_eq!(a, c);
        let gone: BTreeMap<_, _> = entries.iter().map(|e| (e.path.clone(), None)).collect();
        assert_eq!(a.changed(&gone), Catalogue::default());
        assert_eq!(a.get(&entries[7].path), Some(&entries[7]));
        assert_eq!(a.get(&"nope".parse().unwrap()), None);
        assert_eq!(a.entries().count(), 200);
        for i in 0..=255 {
            let again = Bucket::new(i, a.bucket(i).entries().to_vec()).unwrap();
            assert_eq!(again.digest(), a.digests()[usize::from(i)]);
        }
    }

    #[test]
    fn entries_that_do_not_belong_are_refused() {
        let (a, b) = (file("a", 1), file("b", 2));
        assert_ne!(a.path.bucket(), b.path.bucket());
        let place = a.path.bucket();
        assert_eq!(Bucket::new(place, vec![b]), Err(BucketError::Place));
        assert_eq!(Bucket::new(place, vec![a.clone(), a.clone()]), Err(BucketError::Order));
        let huge =
            EntryKind::File { id: FileId([0; 32]), size: u64::MAX, modified: 0, executable: false, since: 0 };
        assert_eq!(Bucket::new(place, vec![Entry { path: a.path, kind: huge }]), Err(BucketError::Size));
    }

    #[test]
    fn a_head_is_its_owners_or_nothing() {
        let id = Identity::generate().unwrap();
        let head = Catalogue::of([file("a", 5)]).head(id.public(), Instance { count: 1, random: 2 }, 3);
        let signed = head.sign(&id);
        assert_eq!(Head::open(&signed).unwrap(), head);
        assert_eq!((head.entries, head.bytes), (1, 5));
        for i in 0..signed.len() {
            let mut bad = signed.clone();
            bad[i] ^= 1;
            assert!(Head::open(&bad).is_err(), "{i}");
            assert!(Head::open(&signed[..i]).is_err(), "{i}");
        }
        let other = Identity::generate().unwrap();
        assert!(Head::open(&head.sign(&other)).is_err());
    }
}
