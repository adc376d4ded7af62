//! Slices: 64 KiB of a file with the path that proves them, so that a byte is verified long before its chunk
//! is whole (BLAKE3 specification §2.1 and §5.1; the idea is Bao's). Pure.
//!
//! A slice is a subtree of the file's BLAKE3 tree, as a chunk is. Its path has the value of the other half at
//! each step from the slice up: to the value of its chunk, which the manifest has, or to the file id. On
//! which side each of them stands follows from the number of the slice and the file's size, as in every
//! BLAKE3 tree: the left half has the largest power of two of slices that leaves something to the right.
//!
//! The last slice proves the size as well, because the hash of its bytes covers where they begin, how many
//! they are, and that nothing stands to the right of them.

mod verify;

pub use self::verify::{SliceError, verify};

use core::ops::Range;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_root};

use super::chunk::{ChunkIndex, Chunks, FileId};
use super::manifest::{ChunkProof, Manifest, VALUE, halves, subtree};

/// Bytes of every slice but the last: those of the smallest chunk.
pub const SLICE: u64 = SLICE_BYTES as u64;

/// [`SLICE`] as a length in memory.
pub const SLICE_BYTES: usize = 64 << 10;

/// Bytes of the longest path: a file has at most 2^34 slices.
pub const PATH_MAX: usize = 34 * VALUE;

/// How many slices a file has; an empty one has one, as it has one chunk.
#[must_use]
pub fn count(chunks: Chunks) -> u64 {
    chunks.size().div_ceil(SLICE).max(1)
}

/// The bytes of slice number `slice`, as offsets in the file; `None`: there is none.
#[must_use]
pub fn range(chunks: Chunks, slice: u64) -> Option<Range<u64>> {
    // Only then: any number may come from the network.
    (slice < count(chunks)).then(|| {
        let start = slice * SLICE;
        start..(start + SLICE).min(chunks.size())
    })
}

/// The slices of a chunk.
#[must_use]
pub fn of_chunk(chunks: Chunks, chunk: ChunkIndex) -> Range<u64> {
    let bytes = chunks.range(chunk);
    bytes.start / SLICE..bytes.end.div_ceil(SLICE).max(bytes.start / SLICE + 1)
}

/// The chaining value of a slice that begins at `offset`.
fn value(offset: u64, bytes: &[u8]) -> ChainingValue {
    // An empty file's only slice has none, and is merged with nothing.
    if bytes.is_empty() {
        return *blake3::hash(bytes).as_bytes();
    }
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset).update(bytes);
    hasher.finalize_non_root()
}

/// The values beside the way up from leaf number `at`.
fn path(values: &[ChainingValue], at: usize, path_so_far: &mut Vec<u8>) {
    if values.len() < 2 {
        return;
    }
    let (left, right) = halves(values);
    let other = if at < left.len() {
        path(left, at, path_so_far);
        right
    } else {
        path(right, at - left.len(), path_so_far);
        left
    };
    path_so_far.extend(subtree(other));
}

/// The slices of one chunk, hashed one after the other: what their paths are made of.
#[derive(Clone, Debug)]
pub struct ChunkSlices {
    chunks: Chunks,
    chunk: ChunkIndex,
    values: Vec<ChainingValue>,
    /// Of a file of one slice.
    file: Option<FileId>,
}

impl ChunkSlices {
    /// Of chunk `chunk` of a file cut into `chunks`; none of its slices is hashed yet.
    #[must_use]
    pub const fn new(chunks: Chunks, chunk: ChunkIndex) -> Self {
        Self { chunks, chunk, values: Vec::new(), file: None }
    }

    /// The slice that is to be hashed next; `None`: all are.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        let all = of_chunk(self.chunks, self.chunk);
        let next = all.start + self.values.len() as u64;
        (next < all.end).then_some(next)
    }

    /// Hashes the bytes of the next slice.
    pub fn push(&mut self, bytes: &[u8]) {
        let Some(slice) = self.next() else { return };
        self.values.push(value(slice * SLICE, bytes));
        if count(self.chunks) == 1 {
            self.file = Some(blake3::hash(bytes).into());
        }
    }

    /// What the chunk's bytes are, to be compared with its manifest; `None` before all are hashed.
    #[must_use]
    pub fn proof(&self) -> Option<ChunkProof> {
        if self.next().is_some() {
            return None;
        }
        if !self.chunks.is_single() {
            return Some(ChunkProof::Part(subtree(&self.values)));
        }
        let whole = self.file.unwrap_or_else(|| {
            let (left, right) = halves(&self.values);
            merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash).into()
        });
        Some(ChunkProof::Whole(whole))
    }

    /// The path of a slice of this chunk to the chunk's value. `None` if it is not of this chunk, or not all
    /// are hashed.
    #[must_use]
    pub fn path(&self, slice: u64) -> Option<Vec<u8>> {
        let all = of_chunk(self.chunks, self.chunk);
        if self.next().is_some() || !all.contains(&slice) {
            return None;
        }
        let mut bytes = Vec::new();
        path(&self.values, usize::try_from(slice - all.start).ok()?, &mut bytes);
        Some(bytes)
    }
}

/// The path of a chunk to the file id: what follows that of a slice to its chunk.
#[must_use]
pub fn path_of_chunk(manifest: &Manifest, chunk: ChunkIndex) -> Vec<u8> {
    let mut bytes = Vec::new();
    path(manifest.as_bytes().as_chunks().0, chunk.at(), &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::manifest::ManifestBuilder;

    /// A content, its manifest, and the slices of each chunk.
    fn sliced(len: usize) -> (Vec<u8>, Manifest, Vec<ChunkSlices>) {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let chunks = Chunks::of(len as u64).unwrap();
        let mut builder = ManifestBuilder::new(chunks);
        let mut all = Vec::new();
        for chunk in chunks.iter() {
            let mut slices = ChunkSlices::new(chunks, chunk);
            assert!(slices.proof().is_none());
            while let Some(slice) = slices.next() {
                slices.push(at(&bytes, chunks, slice));
            }
            builder.push(slices.proof().unwrap());
            all.push(slices);
        }
        let manifest = builder.finish().unwrap();
        assert_eq!(manifest.file(), blake3::hash(&bytes).into(), "{len}");
        (bytes, manifest, all)
    }

    fn at(bytes: &[u8], chunks: Chunks, slice: u64) -> &[u8] {
        let range = range(chunks, slice).unwrap();
        &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
    }

    /// The path and the chunk's value of a slice, in both ways.
    fn proofs(manifest: &Manifest, all: &[ChunkSlices], slice: u64) -> [(Vec<u8>, Option<ChainingValue>); 2] {
        let chunks = manifest.chunks();
        let chunk = chunks.at_offset(slice * SLICE).unwrap_or_else(|| chunks.last());
        let value = manifest.as_bytes().as_chunks().0.get(chunk.at()).copied();
        let path = all[chunk.at()].path(slice).unwrap();
        [([&path[..], &path_of_chunk(manifest, chunk)].concat(), None), (path, value)]
    }

    #[test]
    fn each_slice_is_proved_by_its_chunk_and_by_the_file_id() {
        for len in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000, 1 << 20, (1 << 20) + 1, 70_000_000] {
            let (bytes, manifest, all) = sliced(len);
            let (file, chunks) = (manifest.file(), manifest.chunks());
            let last = count(chunks) - 1;
            for slice in [0, 1, 2, last / 2, last.saturating_sub(1), last] {
                if slice > last {
                    continue;
                }
                for (path, value) in proofs(&manifest, &all, slice) {
                    assert!(path.len() <= PATH_MAX);
                    let bytes = at(&bytes, chunks, slice);
                    assert_eq!(verify(file, chunks, slice, bytes, &path, value.as_ref()), Ok(()), "{len}");
                }
            }
            assert_eq!(verify(file, chunks, last + 1, &[], &[], None), Err(SliceError::Number));
            let far = verify(file, chunks, u64::MAX, &[], &[], None);
            assert_eq!(far, Err(SliceError::Number), "any number may come from the network");
        }
    }

    #[test]
    fn the_last_slice_proves_the_size_and_no_other_size_passes() {
        for len in [1, 65_536, 65_537, 200_000, 262_144, 300_000, 70_000_000] {
            let (bytes, manifest, all) = sliced(len);
            let (file, chunks) = (manifest.file(), manifest.chunks());
            let others = (1..=count(chunks) + 9).map(|n| n * SLICE);
            let near = [len as u64 - 1, len as u64 + 1, len as u64 + SLICE];
            for size in others.chain(near).filter(|s| *s != len as u64) {
                let other = Chunks::of(size).unwrap();
                let last = count(other) - 1;
                // With the bytes that are there, and each path that could be taken for it.
                let end = len.min(usize::try_from(range(other, last).unwrap().end).unwrap());
                let start = usize::try_from(last * SLICE).unwrap();
                let Some(piece) = bytes.get(start..end) else { continue };
                for slice in [0, last.min(count(chunks) - 1), count(chunks) - 1] {
                    let [(path, _), _] = proofs(&manifest, &all, slice);
                    assert!(verify(file, other, last, piece, &path, None).is_err(), "{len} as {size}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn wrong_paths_places_and_bytes_are_refused(
            len in 1_usize..3_000_000, pick in any::<u64>(), other in any::<u64>(), bit in any::<usize>(),
        ) {
            let (bytes, manifest, all) = sliced(len);
            let (file, chunks) = (manifest.file(), manifest.chunks());
            let (slice, elsewhere) = (pick % count(chunks), other % count(chunks));
            for (path, value) in proofs(&manifest, &all, slice) {
                let (value, good) = (value.as_ref(), at(&bytes, chunks, slice));
                prop_assert_eq!(verify(file, chunks, slice, good, &path, value), Ok(()));
                let mut bad = good.to_vec();
                let n = bit % (bad.len() * 8);
                bad[n / 8] ^= 1 << (n % 8);
                prop_assert_eq!(verify(file, chunks, slice, &bad, &path, value), Err(SliceError::Unproved));
                prop_assert!(verify(file, chunks, slice, &good[1..], &path, value).is_err());
                prop_assert!(verify(file, chunks, slice, good, &[&path[..], &[0; 32]].concat(), value).is_err());
                if !path.is_empty() {
                    let n = bit % (path.len() * 8);
                    let mut bad = path.clone();
                    bad[n / 8] ^= 1 << (n % 8);
                    prop_assert!(verify(file, chunks, slice, good, &bad, value).is_err());
                    prop_assert!(verify(file, chunks, slice, good, &path[1..], value).is_err());
                }
                if elsewhere != slice {
                    prop_assert!(verify(file, chunks, elsewhere, good, &path, value).is_err());
                }
            }
        }

        #[test]
        fn any_bytes_are_refused(
            size in any::<u64>(), slice in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 0..200),
            path in prop::collection::vec(any::<u8>(), 0..200), value in any::<Option<[u8; 32]>>(),
        ) {
            let Some(chunks) = Chunks::of(size % (1 << 51)) else { return Ok(()) };
            let checked = verify(FileId([1; 32]), chunks, slice % (1 << 40), &bytes, &path, value.as_ref());
            prop_assert!(checked.is_err());
        }
    }
}
