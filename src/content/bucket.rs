//! One of the 256 buckets of a catalogue, and how it is read from another peer. Pure.
//!
//! A bucket's bytes are its encoded entries, one behind the other, and its digest is over these bytes. So it
//! is proved whatever its entries hold: what a later version added to an entry, and entries of kinds that are
//! not known here, are kept as they came (they may have to be passed on) and are not among
//! [`Bucket::entries`].

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::catalogue::{Entry, EntryKind};
use super::path::SafePath;
use crate::codec::{decode, encode, split_first};
use crate::later;
use crate::limits;

/// Signing context (BLAKE3 key derivation) of a bucket's digest.
const CONTEXT: &str = "potluck 1 catalogue bucket";

/// Memory of one entry beside its path: the structure, its allocation, its share of the vectors.
pub(crate) const ENTRY: usize = 120;

/// Memory of a bucket beside its entries: the structure, its place and its digest in a catalogue.
const BUCKET: usize = 112;

/// BLAKE3 over one bucket's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketDigest(#[serde(with = "serde_bytes")] pub [u8; 32]);

/// One bucket: entries in the order of their paths, no path twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    entries: Vec<Entry>,
    /// All of its bytes, if the entries that are known here do not encode to them.
    later: Option<Vec<u8>>,
    /// Entries that are not known here.
    skipped: u32,
    /// Entries that are files.
    files: u32,
}

/// Why entries are not a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// An entry belongs into another bucket.
    #[error("an entry lies in the wrong bucket")]
    Place,
    /// Out of order, or twice.
    #[error("entries are out of order")]
    Order,
    /// A size above [`limits::FILE`].
    #[error("an entry's size is impossible")]
    Size,
    /// Not an entry, or one without a path that is allowed.
    #[error("an entry is malformed")]
    Entry,
}

impl Bucket {
    /// Checks that `entries` are bucket number `index`.
    ///
    /// # Errors
    /// [`BucketError`]: whoever made them is wrong.
    #[cfg(any(test, feature = "sim"))]
    pub fn new(index: u8, entries: Vec<Entry>) -> Result<Self, BucketError> {
        if !entries.is_sorted_by(|a, b| a.path < b.path) {
            return Err(BucketError::Order);
        }
        for e in &entries {
            check(index, &e.path, Some(&e.kind))?;
        }
        Ok(Self::of(entries))
    }

    /// Reads bucket number `index` from its bytes.
    ///
    /// # Errors
    /// [`BucketError`]: whoever sent them is wrong.
    pub fn read(index: u8, bytes: &[u8]) -> Result<Self, BucketError> {
        let mut reader = BucketReader::new(index);
        reader.push(bytes)?;
        Ok(reader.finish())
    }

    /// Of own entries, which are in order.
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        let files = entries.iter().map(|e| u32::from(e.content().is_some())).sum();
        Self { entries, later: None, skipped: 0, files }
    }

    /// The entries that are known here, in the order of their paths.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries there are, with those that are not known here.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.entries.len() + self.skipped as usize
    }

    /// How many of the entries are files.
    #[must_use]
    pub const fn files(&self) -> u32 {
        self.files
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let entries: usize = self.entries.iter().map(|e| e.path.as_str().len() + ENTRY).sum();
        BUCKET + entries + self.later.as_ref().map_or(0, Vec::capacity)
    }

    /// The encoded entries, from number `from` on.
    pub fn pieces(&self, from: usize) -> impl Iterator<Item = Cow<'_, [u8]>> {
        let known = if self.later.is_none() { self.entries.get(from..) } else { None };
        let known = known.unwrap_or_default().iter().map(|e| Cow::Owned(encode(e)));
        let mut rest = self.later.as_deref().unwrap_or_default();
        let later = std::iter::from_fn(move || {
            // Invariant: it was cut in the same way when it was read.
            let (_, piece) = split_first::<Entry>(rest).ok().filter(|_| !rest.is_empty())?;
            rest = &rest[piece.len()..];
            Some(Cow::Borrowed(piece))
        });
        known.chain(later.skip(from))
    }

    /// All of its bytes: what its digest is over.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match &self.later {
            Some(bytes) => bytes.clone(),
            None => self.entries.iter().flat_map(encode).collect(),
        }
    }

    /// BLAKE3 over the entries.
    #[must_use]
    pub fn digest(&self) -> BucketDigest {
        let mut hasher = hasher();
        if let Some(bytes) = &self.later {
            hasher.update(bytes);
        } else {
            for entry in &self.entries {
                hasher.update(&encode(entry));
            }
        }
        BucketDigest(*hasher.finalize().as_bytes())
    }
}

fn hasher() -> blake3::Hasher {
    blake3::Hasher::new_derive_key(CONTEXT)
}

/// What every entry must be, known or not (`kind`: `None`).
fn check(index: u8, path: &SafePath, kind: Option<&EntryKind>) -> Result<(), BucketError> {
    if path.bucket() != index {
        return Err(BucketError::Place);
    }
    match kind {
        Some(EntryKind::File { size, .. }) if *size > limits::FILE => Err(BucketError::Size),
        _ => Ok(()),
    }
}

/// An entry of which only the path has to be known.
#[derive(Deserialize)]
struct AnyEntry {
    path: SafePath,
    #[serde(default, deserialize_with = "later::read")]
    kind: Option<EntryKind>,
}

/// Reads a bucket as it comes, in pages that are cut between entries.
#[derive(Clone, Debug)]
pub struct BucketReader {
    index: u8,
    bucket: Bucket,
    /// The path of the entry that came last.
    last: Option<SafePath>,
    /// Over all that came.
    hasher: blake3::Hasher,
}

impl BucketReader {
    /// For bucket number `index`.
    #[must_use]
    pub fn new(index: u8) -> Self {
        Self { index, bucket: Bucket::default(), last: None, hasher: hasher() }
    }

    /// What came so far.
    #[must_use]
    pub const fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// BLAKE3 over what came so far: that of the bucket, when all of it is there.
    #[must_use]
    pub fn digest(&self) -> BucketDigest {
        BucketDigest(*self.hasher.finalize().as_bytes())
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.bucket.memory()
    }

    /// The bucket, of all that came.
    #[must_use]
    pub fn finish(mut self) -> Bucket {
        // It grew as it came, and may have taken twice what it needs.
        self.bucket.entries.shrink_to_fit();
        if let Some(later) = &mut self.bucket.later {
            later.shrink_to_fit();
        }
        self.bucket
    }

    /// Takes the next entries.
    ///
    /// # Errors
    /// [`BucketError`]: whoever sent them is wrong.
    pub fn push(&mut self, page: &[u8]) -> Result<(), BucketError> {
        let mut rest = page;
        while !rest.is_empty() {
            let (entry, piece) = split_first::<Entry>(rest).map_err(|_| BucketError::Entry)?;
            rest = &rest[piece.len()..];
            let (path, kind) = match entry {
                Some(Entry { path, kind }) => (path, Some(kind)),
                None => {
                    let any: AnyEntry = decode(piece).map_err(|_| BucketError::Entry)?;
                    (any.path, any.kind)
                }
            };
            check(self.index, &path, kind.as_ref())?;
            if self.last.as_ref().is_some_and(|last| *last >= path) {
                return Err(BucketError::Order);
            }
            self.last = Some(path.clone());
            self.take(kind.map(|kind| Entry { path, kind }), piece);
        }
        self.hasher.update(page);
        Ok(())
    }

    fn take(&mut self, entry: Option<Entry>, piece: &[u8]) {
        let bucket = &mut self.bucket;
        if bucket.later.is_none() && entry.as_ref().is_none_or(|e| encode(e) != piece) {
            bucket.later = Some(bucket.bytes());
        }
        if let Some(later) = &mut bucket.later {
            later.extend_from_slice(piece);
        }
        match entry {
            Some(entry) => {
                bucket.files += u32::from(entry.content().is_some());
                bucket.entries.push(entry);
            }
            None => bucket.skipped += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;

    fn file(path: &SafePath, n: u8) -> Entry {
        let kind = EntryKind::File {
            id: FileId([n; 32]),
            size: u64::from(n),
            modified: -1,
            executable: n > 3,
            since: 0,
        };
        Entry { path: path.clone(), kind }
    }

    /// Paths of one bucket, in order.
    fn paths(n: usize) -> (u8, Vec<SafePath>) {
        let all = (0..).map(|n: u32| format!("f{n}").parse::<SafePath>().unwrap());
        let mut paths: Vec<_> = all.filter(|p| p.bucket() == 7).take(n).collect();
        paths.sort();
        (7, paths)
    }

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum LaterKind {
        Link { to: String },
        Folder,
    }

    #[derive(Serialize)]
    struct LaterEntry<'a> {
        path: &'a SafePath,
        kind: LaterKind,
        colour: u8,
    }

    #[test]
    fn a_bucket_of_a_later_version_is_proved_and_passed_on_as_it_came() {
        let (index, paths) = paths(4);
        let link = LaterEntry { path: &paths[1], kind: LaterKind::Link { to: "x".into() }, colour: 3 };
        let more = LaterEntry { path: &paths[2], kind: LaterKind::Folder, colour: 4 };
        let pieces = [encode(&file(&paths[0], 1)), encode(&link), encode(&more), encode(&file(&paths[3], 9))];
        let bytes = pieces.concat();
        let bucket = Bucket::read(index, &bytes).unwrap();
        let folder = Entry { path: paths[2].clone(), kind: EntryKind::Folder };
        assert_eq!(bucket.entries(), [file(&paths[0], 1), folder, file(&paths[3], 9)]);
        assert_eq!((bucket.count(), bucket.bytes()), (4, bytes.clone()));
        let mut hasher = blake3::Hasher::new_derive_key("potluck 1 catalogue bucket");
        assert_eq!(bucket.digest().0, *hasher.update(&bytes).finalize().as_bytes());
        for from in 0..=4 {
            let rest: Vec<_> = bucket.pieces(from).map(Cow::into_owned).collect();
            assert_eq!(rest, pieces[from..]);
        }
        // In pages, too.
        let mut reader = BucketReader::new(index);
        for piece in &pieces {
            reader.push(piece).unwrap();
        }
        assert_eq!((reader.digest(), bucket.files()), (bucket.digest(), 2));
        assert_eq!(reader.finish(), bucket);
        assert!(bucket.memory() > bytes.len());
    }

    #[test]
    fn what_is_known_takes_no_bytes_beside_its_entries() {
        let (index, paths) = paths(3);
        let entries: Vec<_> = paths.iter().zip(1..).map(|(p, n)| file(p, n)).collect();
        let bucket = Bucket::new(index, entries).unwrap();
        let read = Bucket::read(index, &bucket.bytes()).unwrap();
        assert_eq!((read.later.is_none(), &read), (true, &bucket));
        assert_eq!(read.pieces(1).count(), 2);
        assert_eq!(read.digest(), bucket.digest());
    }

    #[test]
    fn an_entry_of_a_later_version_keeps_the_rules_of_paths() {
        let (index, paths) = paths(2);
        let entry = |path: &str| {
            #[derive(Serialize)]
            struct Named<'a> {
                path: &'a str,
                kind: LaterKind,
            }
            encode(&Named { path, kind: LaterKind::Link { to: String::new() } })
        };
        let read = |bytes: &[u8]| Bucket::read(index, bytes);
        let (a, b) = (entry(paths[0].as_str()), entry(paths[1].as_str()));
        assert_eq!(read(&[&a[..], &b].concat()).unwrap().count(), 2);
        assert_eq!(read(&[&b[..], &a].concat()), Err(BucketError::Order));
        assert_eq!(read(&[&a[..], &a].concat()), Err(BucketError::Order));
        assert_eq!(read(&entry("../x")), Err(BucketError::Entry));
        assert_eq!(read(&encode(&7)), Err(BucketError::Entry));
        assert_eq!(read(&a[..a.len() - 1]), Err(BucketError::Entry));
        assert_eq!(Bucket::read(index ^ 1, &a), Err(BucketError::Place));
    }
}
