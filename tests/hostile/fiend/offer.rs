//! What a hostile peer offers: catalogues of which nothing is checked, with heads rightly signed.

use std::sync::Arc;

use potluck::codec::encode;
use potluck::content::{EntryKind, FileId, Head};
use potluck::identity::{Identity, Instance};
use potluck::limits;
use potluck::wire::Message;
use potluck::wire::message::{BucketIs, GetHead, HeadIs};

/// What it offers under one path; nothing here is checked.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Any bytes.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: EntryKind,
}

impl Offer {
    /// A file of this content.
    pub(crate) fn file(path: impl Into<Vec<u8>>, content: &[u8]) -> Self {
        Self::sized(path, content, content.len() as u64)
    }

    /// A file of this content, and a size that may be another.
    pub(crate) fn sized(path: impl Into<Vec<u8>>, content: &[u8], size: u64) -> Self {
        let id = FileId(*blake3::hash(content).as_bytes());
        Self {
            path: path.into(),
            kind: EntryKind::File { id, size, modified: 0, executable: true, since: 0 },
        }
    }

    /// An empty folder.
    pub(crate) fn folder(path: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), kind: EntryKind::Folder }
    }

    /// As it goes over the wire, like [`potluck::content::Entry`].
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let mut path = encode("x".repeat(self.path.len()).as_str());
        let at = path.len() - self.path.len();
        path[at..].copy_from_slice(&self.path);
        [&[0x82][..], &encode("path"), &path, &encode("kind"), &encode(&self.kind)].concat()
    }

    fn bucket(&self) -> u8 {
        blake3::hash(&self.path).as_bytes()[0]
    }
}

/// All that it offers at one time.
#[derive(Clone)]
pub(super) struct Catalogue {
    pub(super) version: u64,
    /// What its head says that there are.
    entries: u64,
    bytes: u64,
    /// The encoded entries of each bucket, in the order of their paths.
    buckets: Arc<Vec<Vec<u8>>>,
    digests: Arc<Vec<u8>>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new(0, Vec::new())
    }
}

impl Catalogue {
    /// The next one after that of `version - 1`.
    pub(super) fn new(version: u64, mut offers: Vec<Offer>) -> Self {
        offers.sort_by(|a, b| a.path.cmp(&b.path));
        let size = |o: &Offer| if let EntryKind::File { size, .. } = o.kind { size } else { 0 };
        let bytes = offers.iter().map(size).fold(0, u64::wrapping_add);
        let mut buckets = vec![Vec::new(); limits::BUCKETS];
        for offer in &offers {
            buckets[usize::from(offer.bucket())].extend(offer.encoded());
        }
        let digest = |bucket: &Vec<u8>| {
            let mut hasher = blake3::Hasher::new_derive_key("potluck 1 catalogue bucket");
            *hasher.update(bucket).finalize().as_bytes()
        };
        let digests = buckets.iter().flat_map(digest).collect();
        let entries = offers.len() as u64;
        Self { version, entries, bytes, buckets: Arc::new(buckets), digests: Arc::new(digests) }
    }

    /// It says that it has so many entries, whatever it has.
    pub(super) fn saying(self, entries: u64) -> Self {
        Self { entries, ..self }
    }

    /// The answer to whoever asks for its head, signed with `identity`.
    pub(super) fn head(&self, identity: &Identity, instance: Instance, asked: &GetHead) -> Vec<u8> {
        let root = blake3::derive_key("potluck 1 catalogue root", &self.digests);
        let (owner, version, entries, bytes) = (identity.public(), self.version, self.entries, self.bytes);
        let head = Head { owner, instance, version, entries, bytes, root };
        let digests = if asked.known == Some(root) { Vec::new() } else { self.digests.to_vec() };
        let signed = head.sign(identity);
        Message::Head(HeadIs { request: asked.request, signed, digests }).encode()
    }

    /// The answer to whoever asks for a bucket.
    pub(super) fn bucket(&self, request: u64, bucket: u8) -> Vec<u8> {
        let entries = self.buckets[usize::from(bucket)].clone();
        Message::Bucket(BucketIs { request, bucket, entries, last: true }).encode()
    }
}

/// A bucket without an end.
#[derive(Clone, Debug)]
pub(crate) struct EndlessBucket {
    /// The head names this one only, so that this bucket is asked for.
    pub(crate) first: Offer,
    /// Pages that are sent at once.
    pub(crate) pages: Vec<Vec<u8>>,
    /// And those that are sent one after the other, always in time.
    pub(crate) trickle: Vec<Vec<u8>>,
}

impl EndlessBucket {
    /// Of paths of 3,000 bytes, `pages` pages of 300 of them, and enough to go on for a minute and more.
    pub(crate) fn new(pages: usize) -> Self {
        let long = ["x".repeat(250), String::new()].join("/").repeat(12);
        let mut hasher = blake3::Hasher::new();
        hasher.update(long.as_bytes());
        let of_bucket = |n: &String| hasher.clone().update(n.as_bytes()).finalize().as_bytes()[0] == 7;
        let numbers = (0..).map(|n| format!("{n:08}")).filter(of_bucket);
        let mut offers = numbers.map(|n| Offer::folder(long.clone() + &n));
        let first = offers.next().unwrap();
        let page = |offers: Vec<Offer>| offers.iter().flat_map(Offer::encoded).collect();
        let pages = (0..pages).map(|_| page(offers.by_ref().take(300).collect())).collect();
        let trickle = (0..60).map(|_| page(offers.by_ref().take(1).collect())).collect();
        Self { first, pages, trickle }
    }

    /// The bucket that it is.
    pub(super) fn page(request: u64, entries: &[u8]) -> Vec<u8> {
        Message::Bucket(BucketIs { request, bucket: 7, entries: entries.to_vec(), last: false }).encode()
    }
}
