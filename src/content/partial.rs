//! What is there of a partial file: one bit a chunk, and the sidecar that remembers it. Pure: the
//! disk workers (`disk/`) read and write the bytes.
//!
//! The sidecar is four slots of [`slot_len`] bytes. The first two are written in turn, so that one of
//! them is whole at every instant, each after the chunks it names were synced. The other two likewise,
//! but without a sync: they are good as long as the system runs (a killed process loses nothing that
//! it wrote), so they count only in the boot that they were written in. Integers are little endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 16 | magic, the version at its end |
//! | 32 | file id |
//! | 8 | size of the file |
//! | 8 | number of the writing, from 1; the slot with the higher one counts |
//! | (chunks + 7) / 8 | the bits, chunk 0 lowest in the first byte; those beyond the last chunk are 0 |
//! | 32 | BLAKE3 of all of the slot before it; in the unsynced slots keyed with the boot's value |

use std::path::{Path, PathBuf};

use super::chunk::{ChunkIndex, Chunks, FileId};

/// The folder of partial files in each destination (one of [`super::path::RESERVED`]).
pub(crate) const FOLDER: &str = ".potluck-partial";

/// Where the bytes of a content are below a destination, as long as they have no name there: those of a store never get
/// one.
pub(crate) fn path(destination: &Path, file: FileId) -> PathBuf {
    destination.join(FOLDER).join(file.to_string())
}

/// Begins a slot; the last byte is the version.
const MAGIC: [u8; 16] = *b"potluck partial\x01";

/// Bytes in front of the bits.
const HEADER: usize = 64;

/// Bytes of the checksum behind the bits.
const CHECK: usize = 32;

/// One bit for each chunk of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits {
    words: Box<[u64]>,
    chunks: Chunks,
    set: u32,
}

impl Bits {
    /// None set.
    #[must_use]
    pub fn none(chunks: Chunks) -> Self {
        Self { words: vec![0; (chunks.count() as usize).div_ceil(64)].into(), chunks, set: 0 }
    }

    /// All set.
    #[must_use]
    pub fn all(chunks: Chunks) -> Self {
        let mut words = vec![u64::MAX; (chunks.count() as usize).div_ceil(64)];
        if let Some(last) = words.last_mut().filter(|_| !chunks.count().is_multiple_of(64)) {
            *last = (1 << (chunks.count() % 64)) - 1;
        }
        Self { words: words.into(), chunks, set: chunks.count() }
    }

    /// True if the bit of `chunk` is set; false for a chunk that the file does not have.
    #[must_use]
    pub fn has(&self, chunk: ChunkIndex) -> bool {
        self.words.get(chunk.at() / 64).is_some_and(|w| w >> (chunk.at() % 64) & 1 == 1)
    }

    /// Sets the bit; false if it was, or if the file has no such chunk.
    pub fn insert(&mut self, chunk: ChunkIndex) -> bool {
        let new = chunk.get() < self.chunks.count() && !self.has(chunk);
        if new {
            self.words[chunk.at() / 64] |= 1 << (chunk.at() % 64);
            self.set += 1;
        }
        new
    }

    /// Clears the bit; false if it was clear.
    pub fn remove(&mut self, chunk: ChunkIndex) -> bool {
        let old = self.has(chunk);
        if old {
            self.words[chunk.at() / 64] &= !(1 << (chunk.at() % 64));
            self.set -= 1;
        }
        old
    }

    /// As a map of the wire: chunk 0 lowest in the first byte, bits beyond the last chunk 0.
    #[must_use]
    pub fn to_map(&self) -> Vec<u8> {
        let mut map: Vec<u8> = self.words.iter().flat_map(|w| w.to_le_bytes()).collect();
        map.truncate((self.chunks.count() as usize).div_ceil(8));
        map
    }

    /// Reads a map of the wire. `None`: it is not one of a file that is cut so.
    #[must_use]
    pub fn from_map(chunks: Chunks, map: &[u8]) -> Option<Self> {
        if map.len() != (chunks.count() as usize).div_ceil(8) {
            return None;
        }
        let mut words = vec![0; (chunks.count() as usize).div_ceil(64)];
        for (i, byte) in map.iter().enumerate() {
            words[i / 8] |= u64::from(*byte) << (i % 8 * 8);
        }
        let beyond = chunks.count() % 64;
        if beyond != 0 && words.last().is_some_and(|w| w >> beyond != 0) {
            return None;
        }
        let set = words.iter().map(|w: &u64| w.count_ones()).sum();
        Some(Self { words: words.into(), chunks, set })
    }

    /// How the file is cut.
    #[must_use]
    pub const fn chunks(&self) -> Chunks {
        self.chunks
    }

    /// How many are set.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.set
    }

    /// True if all are set.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.set == self.chunks.count()
    }

    /// The chunks whose bit is set, in order.
    pub fn iter(&self) -> impl Iterator<Item = ChunkIndex> {
        self.chunks.iter().filter(|c| self.has(*c))
    }

    /// Bytes of the chunks whose bit is set.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let last = self.chunks.last();
        let whole = u64::from(self.set) * self.chunks.chunk_size();
        if self.has(last) { whole - (self.chunks.chunk_size() - self.chunks.len_of(last)) } else { whole }
    }
}

/// Bytes of one slot for a file cut into `chunks`.
#[must_use]
pub const fn slot_len(chunks: Chunks) -> usize {
    HEADER + (chunks.count() as usize).div_ceil(8) + CHECK
}

/// Slots of a sidecar.
pub const SLOTS: usize = 4;

/// What tells one run of the operating system from the next.
pub type Boot = [u8; 32];

/// Where a slot begins in the sidecar. `turn` rises by one with each writing of its kind.
#[must_use]
pub const fn slot_offset(chunks: Chunks, turn: u64, synced: bool) -> u64 {
    (if synced { turn % 2 } else { 2 + turn % 2 }) * slot_len(chunks) as u64
}

/// A slot: what is known to be on the disk; or, with the boot it counts in, what was written only.
#[must_use]
pub fn encode(id: FileId, number: u64, have: &Bits, unsynced: Option<&Boot>) -> Vec<u8> {
    let len = slot_len(have.chunks);
    let mut slot = Vec::with_capacity(len);
    slot.extend_from_slice(&MAGIC);
    slot.extend_from_slice(&id.0);
    slot.extend_from_slice(&have.chunks.size().to_le_bytes());
    slot.extend_from_slice(&number.to_le_bytes());
    slot.extend(have.words.iter().flat_map(|w| w.to_le_bytes()));
    slot.truncate(len - CHECK);
    let check = checksum(&slot, unsynced);
    slot.extend_from_slice(check.as_bytes());
    slot
}

fn checksum(body: &[u8], unsynced: Option<&Boot>) -> blake3::Hash {
    unsynced.map_or_else(|| blake3::hash(body), |boot| blake3::keyed_hash(boot, body))
}

/// What a sidecar says may be believed of the file `id` of this size: the newest whole slot's number
/// and bits, less the chunks that reach beyond `len`, the bytes that the partial file has. `None` if
/// no slot is whole, or it is of another file or size.
#[must_use]
pub fn believe(
    sidecar: &[u8],
    id: FileId,
    chunks: Chunks,
    len: u64,
    boot: Option<&Boot>,
) -> Option<(u64, Bits)> {
    let slots = sidecar.chunks(slot_len(chunks)).take(SLOTS).enumerate();
    let read = slots.filter_map(|(i, slot)| match (i, boot) {
        (0 | 1, _) => decode(slot, id, chunks, None),
        (_, Some(boot)) => decode(slot, id, chunks, Some(boot)),
        (_, None) => None,
    });
    let (number, mut have) = read.max_by_key(|(number, _)| *number)?;
    for chunk in chunks.iter().rev().take_while(|c| chunks.range(*c).end > len) {
        have.remove(chunk);
    }
    Some((number, have))
}

/// File id, size and set bits of the newest whole slot, whatever file it is of; for listings. The
/// first slot is the one that a new sidecar begins with.
#[must_use]
pub fn describe(sidecar: &[u8], boot: Option<&Boot>) -> Option<(FileId, Bits)> {
    let id = FileId(sidecar.get(16..48)?.try_into().ok()?);
    let size = u64::from_le_bytes(sidecar.get(48..56)?.try_into().ok()?);
    let (_, have) = believe(sidecar, id, Chunks::of(size)?, size, boot)?;
    Some((id, have))
}

fn decode(slot: &[u8], id: FileId, chunks: Chunks, unsynced: Option<&Boot>) -> Option<(u64, Bits)> {
    if slot.len() != slot_len(chunks) {
        return None;
    }
    let (body, check) = slot.split_at_checked(slot.len() - CHECK)?;
    let (header, bytes) = body.split_at_checked(HEADER)?;
    let mine =
        header[..16] == MAGIC && header[16..48] == id.0 && header[48..56] == chunks.size().to_le_bytes();
    if !mine || checksum(body, unsynced).as_bytes() != check {
        return None;
    }
    let number = u64::from_le_bytes(header[56..64].try_into().ok()?);
    let mut have = Bits::none(chunks);
    for chunk in chunks.iter() {
        if bytes[chunk.at() / 8] >> (chunk.at() % 8) & 1 == 1 {
            have.insert(chunk);
        }
    }
    Some((number, have))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: FileId = FileId([7; 32]);

    fn bits(size: u64, set: &[u32]) -> Bits {
        let chunks = Chunks::of(size).unwrap();
        let mut bits = Bits::none(chunks);
        for i in set {
            bits.insert(chunks.index(*i).unwrap());
        }
        bits
    }

    #[test]
    fn bits_count_chunks_and_bytes() {
        let mut b = bits(65_536 * 100 + 1, &[0, 63, 64, 100]);
        assert_eq!((b.count(), b.bytes()), (4, 3 * 65_536 + 1));
        let last = b.chunks.last();
        assert!(!b.insert(last) && b.remove(last) && !b.remove(last));
        assert_eq!(b.bytes(), 3 * 65_536);
        assert_eq!(b.iter().map(ChunkIndex::get).collect::<Vec<_>>(), [0, 63, 64]);
        for c in b.chunks.iter() {
            b.insert(c);
        }
        assert!(b.is_full() && b == Bits::all(b.chunks));
        assert_eq!(b.bytes(), b.chunks.size());
    }

    #[test]
    fn a_chunk_of_a_larger_file_is_never_there() {
        let foreign = Chunks::of(1 << 30).unwrap().last();
        let mut b = bits(65_537, &[]);
        assert!(!b.insert(foreign) && !b.has(foreign) && !b.remove(foreign));
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let (old, new) = (bits(300_000, &[1]), bits(300_000, &[1, 3]));
        let mut sidecar = [encode(ID, 2, &old, None), encode(ID, 3, &new, None)].concat();
        let read = |s: &[u8]| believe(s, ID, old.chunks, 300_000, None);
        assert_eq!(read(&sidecar), Some((3, new.clone())));
        let end = sidecar.len() - 1;
        sidecar[end] ^= 1;
        assert_eq!(read(&sidecar), Some((2, old.clone())));
        sidecar[0] ^= 1;
        assert_eq!(read(&sidecar), None);
        assert_eq!(
            describe(&[encode(ID, 2, &old, None), encode(ID, 3, &new, None)].concat(), None),
            Some((ID, new))
        );
    }

    #[test]
    fn what_is_of_another_file_or_beyond_the_end_is_not_believed() {
        let b = bits(300_000, &[0, 3, 4]);
        let sidecar = encode(ID, 1, &b, None);
        assert_eq!(believe(&sidecar, FileId([8; 32]), b.chunks, 300_000, None), None);
        assert_eq!(believe(&sidecar, ID, Chunks::of(300_001).unwrap(), 300_001, None), None);
        assert_eq!(believe(&sidecar, ID, b.chunks, 299_999, None), Some((1, bits(300_000, &[0, 3]))));
        assert_eq!(believe(&sidecar, ID, b.chunks, 65_535, None), Some((1, bits(300_000, &[]))));
    }

    #[test]
    fn what_was_not_synced_counts_in_its_boot_only() {
        let (old, new) = (bits(300_000, &[1]), bits(300_000, &[1, 3]));
        let empty = vec![0; slot_len(old.chunks)];
        let note = encode(ID, 3, &new, Some(&[5; 32]));
        let at = usize::try_from(slot_offset(old.chunks, 3, false)).unwrap();
        let sidecar = [encode(ID, 2, &old, None), empty.clone(), empty, note].concat();
        assert_eq!(at, 3 * slot_len(old.chunks));
        let read = |boot| believe(&sidecar, ID, old.chunks, 300_000, boot);
        assert_eq!(read(Some(&[5; 32])), Some((3, new)));
        assert_eq!(read(Some(&[6; 32])), Some((2, old.clone())));
        assert_eq!(read(None), Some((2, old)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            size in 0_u64..40_000_000,
            set in proptest::collection::vec(0_u32..700, 0..50),
            number in 1_u64..u64::MAX,
        ) {
            let chunks = Chunks::of(size).unwrap();
            let set: Vec<u32> = set.into_iter().filter(|i| *i < chunks.count()).collect();
            let b = bits(size, &set);
            let slot = encode(ID, number, &b, None);
            prop_assert_eq!(slot.len(), slot_len(chunks));
            prop_assert_eq!(believe(&slot, ID, chunks, size, None), Some((number, b)));
        }

        #[test]
        fn a_map_tells_the_same(size in 0_u64..40_000_000, set in proptest::collection::vec(0_u32..700, 0..50)) {
            let chunks = Chunks::of(size).unwrap();
            let set: Vec<u32> = set.into_iter().filter(|i| *i < chunks.count()).collect();
            let (b, mut map) = (bits(size, &set), bits(size, &set).to_map());
            prop_assert_eq!(Bits::from_map(chunks, &map), Some(b));
            map.push(0);
            prop_assert_eq!(Bits::from_map(chunks, &map), None);
            map.pop();
            if !chunks.count().is_multiple_of(8) && let Some(last) = map.last_mut() {
                *last |= 0x80;
                prop_assert_eq!(Bits::from_map(chunks, &map), None);
            }
        }

        #[test]
        fn a_torn_sidecar_gives_an_older_truth_or_none(cut in 0_usize..400, flip in 0_usize..400) {
            let (old, new) = (bits(300_000, &[1]), bits(300_000, &[1, 3]));
            let whole = [encode(ID, 2, &old, None), encode(ID, 3, &new, None)].concat();
            let mut torn = whole[..cut.min(whole.len())].to_vec();
            if let Some(byte) = torn.get_mut(flip) {
                *byte ^= 0x10;
            }
            let read = believe(&torn, ID, old.chunks, 300_000, None);
            prop_assert!(matches!(&read, None | Some((2 | 3, _))));
            if let Some((n, b)) = read {
                prop_assert_eq!(b, if n == 2 { old } else { new });
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), size in 0_u64..1 << 24) {
            prop_assert_eq!(believe(&bytes, ID, Chunks::of(size).unwrap(), size, Some(&[1; 32])), None);
            prop_assert_eq!(describe(&bytes, None), None);
        }
    }
}
