//! What a hostile peer offers: catalogues of which nothing is checked, with heads rightly signed.

use potluck::codec::encode;
use potluck::content::{EntryKind, FileId, Head};
use potluck::identity::{Identity, Instance};
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
    fn encoded(&self) -> Vec<u8> {
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
#[derive(Clone, Default)]
pub(super) struct Catalogue {
    pub(super) version: u64,
    /// In the order of their paths.
    offers: Vec<Offer>,
}

impl Catalogue {
    /// The next one after that of `version - 1`.
    pub(super) fn new(version: u64, mut offers: Vec<Offer>) -> Self {
        offers.sort_by(|a, b| a.path.cmp(&b.path));
        Self { version, offers }
    }

    /// The entries of one bucket.
    fn entries(&self, bucket: u8) -> Vec<Vec<u8>> {
        self.offers.iter().filter(|o| o.bucket() == bucket).map(Offer::encoded).collect()
    }

    /// The answer to whoever asks for its head, signed with `identity`.
    pub(super) fn head(&self, identity: &Identity, instance: Instance, asked: &GetHead) -> Vec<u8> {
        let digests: Vec<u8> = (0..=255)
            .flat_map(|bucket| {
                let mut hasher = blake3::Hasher::new_derive_key("potluck 1 catalogue bucket");
                hasher.update(&self.entries(bucket).concat());
                *hasher.finalize().as_bytes()
            })
            .collect();
        let root = blake3::derive_key("potluck 1 catalogue root", &digests);
        let size = |o: &Offer| if let EntryKind::File { size, .. } = o.kind { size } else { 0 };
        let head = Head {
            owner: identity.public(),
            instance,
            version: self.version,
            entries: self.offers.len() as u64,
            bytes: self.offers.iter().map(size).fold(0, u64::wrapping_add),
            root,
        };
        let digests = if asked.known == Some(root) { Vec::new() } else { digests };
        let signed = head.sign(identity);
        Message::Head(HeadIs { request: asked.request, signed, digests }).encode()
    }

    /// The answer to whoever asks for a bucket.
    pub(super) fn bucket(&self, request: u64, bucket: u8) -> Vec<u8> {
        let entries = self.entries(bucket).concat();
        Message::Bucket(BucketIs { request, bucket, entries, last: true }).encode()
    }
}
