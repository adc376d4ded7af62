//! The manifest: a file's chunks' BLAKE3 chaining values, which prove themselves by merging to the
//! file id (BLAKE3 specification §2.1, tree mode). Pure.
//!
//! It proves the content, *not the size*: a false size with a matching list cannot make wrong bytes
//! pass, but only the last chunk's bytes prove where the file ends.

use core::fmt;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use super::chunk::{ChunkIndex, Chunks, FileId};

/// Bytes of one chaining value.
pub const VALUE: usize = 32;

/// A proved list of chaining values; or the file id alone, for a file of one chunk.
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    file: FileId,
    chunks: Chunks,
    values: Box<[ChainingValue]>,
}

/// Why a list of values is not the manifest of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Another number of values than the size asks for.
    #[error("the manifest has {found} chunk values, the size asks for {expected}")]
    Count {
        /// Values that came.
        found: usize,
        /// Values that the size asks for.
        expected: usize,
    },
    /// The values do not merge to the file id.
    #[error("the manifest does not prove the file id")]
    Unproved,
    /// The size is above [`crate::limits::FILE`].
    #[error("the size is impossible")]
    Size,
}

impl Manifest {
    /// Checks `values` (32 bytes each, in order; none for a file of one chunk) against the file id.
    ///
    /// # Errors
    /// [`ManifestError`]: whoever sent it is wrong about this file.
    pub fn prove(file: FileId, size: u64, values: &[u8]) -> Result<Self, ManifestError> {
        let chunks = Chunks::of(size).ok_or(ManifestError::Size)?;
        let expected = if chunks.is_single() { 0 } else { chunks.count() as usize };
        let (whole, rest) = values.as_chunks::<VALUE>();
        if whole.len() != expected || !rest.is_empty() {
            return Err(ManifestError::Count { found: values.len().div_ceil(VALUE), expected });
        }
        if !chunks.is_single() && root(whole) != file {
            return Err(ManifestError::Unproved);
        }
        Ok(Self { file, chunks, values: whole.into() })
    }

    /// One of several values that are no content's.
    #[cfg(test)]
    pub(crate) fn made_up(size: u64) -> Self {
        let chunks = Chunks::of(size).expect("a size");
        let values: Box<[_]> =
            chunks.iter().map(|c| *blake3::hash(&c.get().to_le_bytes()).as_bytes()).collect();
        Self { file: root(&values), chunks, values }
    }

    /// The file it is of.
    #[must_use]
    pub const fn file(&self) -> FileId {
        self.file
    }

    /// How the file is cut.
    #[must_use]
    pub const fn chunks(&self) -> Chunks {
        self.chunks
    }

    /// The values, 32 bytes each, as they go over the wire; empty for a file of one chunk.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.values.as_flattened()
    }

    /// True if `proof` is that of chunk `index`.
    #[must_use]
    pub fn proves(&self, index: ChunkIndex, proof: &ChunkProof) -> bool {
        match proof {
            ChunkProof::Whole(id) => self.chunks.is_single() && *id == self.file,
            ChunkProof::Part(value) => self.values.get(index.at()) == Some(value),
        }
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manifest({:?}, {} chunks)", self.file, self.chunks.count())
    }
}

/// What hashing one chunk gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkProof {
    /// The file id, of a file of one chunk.
    Whole(FileId),
    /// The chaining value of one chunk among several.
    Part(ChainingValue),
}

/// Hashes one chunk, piece by piece.
#[derive(Clone, Debug)]
pub struct ChunkHasher {
    hasher: blake3::Hasher,
    single: bool,
    left: u64,
}

impl ChunkHasher {
    /// For chunk `index` of a file cut into `chunks`.
    #[must_use]
    pub fn new(chunks: Chunks, index: ChunkIndex) -> Self {
        let mut hasher = blake3::Hasher::new();
        if !chunks.is_single() {
            hasher.set_input_offset(chunks.range(index).start);
        }
        Self { hasher, single: chunks.is_single(), left: chunks.len_of(index) }
    }

    /// Adds the next bytes of the chunk. Bytes beyond its end are a caller's mistake: they are not
    /// hashed, and the proof then comes out as `None`.
    pub fn update(&mut self, bytes: &[u8]) {
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => {
                self.left = left;
                self.hasher.update(bytes);
            }
            None => self.left = u64::MAX,
        }
    }

    /// The proof; `None` unless exactly the chunk's bytes were added.
    #[must_use]
    pub fn finish(&self) -> Option<ChunkProof> {
        if self.left != 0 {
            return None;
        }
        Some(if self.single {
            ChunkProof::Whole(self.hasher.finalize().into())
        } else {
            ChunkProof::Part(self.hasher.finalize_non_root())
        })
    }
}

/// Collects a file's chunk proofs, in order, into its manifest. For hashing our own files.
#[derive(Clone, Debug)]
pub struct ManifestBuilder {
    chunks: Chunks,
    values: Vec<ChainingValue>,
    single: Option<FileId>,
}

impl ManifestBuilder {
    /// For a file cut into `chunks`.
    #[must_use]
    pub fn new(chunks: Chunks) -> Self {
        Self { chunks, values: Vec::new(), single: None }
    }

    /// Adds the proof of the next chunk.
    pub fn push(&mut self, proof: ChunkProof) {
        match proof {
            ChunkProof::Whole(id) => self.single = Some(id),
            ChunkProof::Part(value) => self.values.push(value),
        }
    }

    /// The manifest; `None` unless every chunk's proof was added.
    #[must_use]
    pub fn finish(self) -> Option<Manifest> {
        let file = match self.single {
            Some(id) if self.chunks.is_single() && self.values.is_empty() => id,
            None if !self.chunks.is_single() && self.values.len() == self.chunks.count() as usize => {
                root(&self.values)
            }
            _ => return None,
        };
        Some(Manifest { file, chunks: self.chunks, values: self.values.into() })
    }
}

/// The file id that two or more values merge to.
fn root(values: &[ChainingValue]) -> FileId {
    let (left, right) = halves(values);
    merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash).into()
}

/// The value of the subtree over one or more values.
pub(super) fn subtree(values: &[ChainingValue]) -> ChainingValue {
    if let [value] = values {
        return *value;
    }
    let (left, right) = halves(values);
    merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
}

/// The left subtree is the largest power of two that leaves something to the right.
pub(super) const fn halves(values: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    values.split_at(values.len().next_power_of_two() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    fn manifest_of(bytes: &[u8]) -> Manifest {
        let chunks = Chunks::of(bytes.len() as u64).unwrap();
        let mut builder = ManifestBuilder::new(chunks);
        for i in chunks.iter() {
            let r = chunks.range(i);
            let mut hasher = ChunkHasher::new(chunks, i);
            for piece in bytes[usize::try_from(r.start).unwrap()..usize::try_from(r.end).unwrap()].chunks(777)
            {
                hasher.update(piece);
            }
            builder.push(hasher.finish().unwrap());
        }
        builder.finish().unwrap()
    }

    #[test]
    fn a_manifest_merges_to_what_b3sum_prints() {
        for len in [
            0,
            1,
            1_023,
            65_535,
            65_536,
            65_537,
            131_072,
            131_073,
            200_000,
            1 << 20,
            (1 << 20) + 1,
            7_864_320,
        ] {
            let bytes = content(len);
            let m = manifest_of(&bytes);
            assert_eq!(m.file(), blake3::hash(&bytes).into(), "{len}");
            assert_eq!(Manifest::prove(m.file(), len as u64, m.as_bytes()), Ok(m));
        }
    }

    #[test]
    fn wrong_lists_are_refused() {
        let m = manifest_of(&content(300_000));
        let good = m.as_bytes().to_vec();
        let prove = |bytes: &[u8]| Manifest::prove(m.file(), 300_000, bytes);
        assert!(prove(&good).is_ok());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(prove(&bad), Err(ManifestError::Unproved));
        }
        let mut swapped = good.clone();
        swapped[..64].rotate_left(32);
        assert_eq!(prove(&swapped), Err(ManifestError::Unproved));
        for cut in 0..good.len() {
            assert!(matches!(prove(&good[..cut]), Err(ManifestError::Count { .. })), "{cut}");
        }
        assert!(matches!(prove(&[good.as_slice(), &[0; 32]].concat()), Err(ManifestError::Count { .. })));
        assert_eq!(Manifest::prove(m.file(), u64::MAX, &good), Err(ManifestError::Size));
    }

    #[test]
    fn a_chunk_proves_itself_in_its_place_only() {
        let bytes = content(200_000);
        let m = manifest_of(&bytes);
        let c = m.chunks();
        let hash = |i: ChunkIndex, bytes: &[u8]| {
            let mut h = ChunkHasher::new(c, i);
            h.update(bytes);
            h.finish()
        };
        let (first, second) = (c.index(0).unwrap(), c.index(1).unwrap());
        assert!(m.proves(first, &hash(first, &bytes[..65_536]).unwrap()));
        assert!(!m.proves(second, &hash(first, &bytes[..65_536]).unwrap()));
        assert!(!m.proves(second, &hash(second, &bytes[..65_536]).unwrap()));
        assert_eq!(hash(first, &bytes[..65_535]), None);
        assert_eq!(hash(first, &bytes[..65_537]), None);
    }
}
