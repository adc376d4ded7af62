//! What the tables hold, and how it is checked when it is read back: a row that does not prove itself
//! is not there. Pure.

use std::sync::Arc;

use crate::content::{FileId, Manifest, SafePath, Stamp};
use crate::group::NetworkId;

/// A file's hash, good for as long as the file has this stamp.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HashRow {
    /// Where it lay in `shared/`.
    pub path: SafePath,
    /// What it was when it was hashed.
    pub stamp: Stamp,
    /// Its file id and chunk values.
    pub manifest: Arc<Manifest>,
    /// When this content was first listed at this path, milliseconds since 1970; 0: not known.
    pub since: u64,
    /// Day since 1970 on which it was last in use; set by the database.
    pub seen: u32,
}

/// One row of the ledger of custody (`custody/ledger.rs`), of what was said in the room (`peer/chat/rows.rs`), of the
/// queue of downloads (`peer/queue/rows.rs`), or of what was transferred (`peer/transfers/rows.rs`). These alone know
/// what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LedgerRow {
    /// What it is filed under.
    pub key: Vec<u8>,
    /// What is filed; `None`: whatever has this key is to be removed.
    pub value: Option<Vec<u8>>,
}

/// The first byte of the keys of rows of the ledger that hold in every network: what the user chose for own files. All
/// others are of the network that they were written in: what is kept there, and who is there.
pub(crate) const EVERYWHERE: u8 = 8;

/// The first byte of the keys of rows of the room that hold in every network: whom the user ignores.
pub(crate) const CHAT_EVERYWHERE: u8 = b'i';

/// With this no key of a row of transfers begins: each was in one network.
pub(super) const TRANSFERS_EVERYWHERE: u8 = 0;

impl LedgerRow {
    /// The network in whose table it stands. What holds `everywhere` stands in that of the open network.
    pub(super) fn network(&self, written_in: Option<NetworkId>, everywhere: u8) -> Option<NetworkId> {
        written_in.filter(|_| self.key.first() != Some(&everywhere))
    }

    /// Over key and value, against bits that fell over in the middle of a page.
    pub(super) fn checksum(&self) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.key.len() as u64).to_le_bytes()).update(&self.key);
        hasher.update(self.value.as_deref().unwrap_or_default());
        let mut sum = [0; 8];
        hasher.finalize_xof().fill(&mut sum);
        sum
    }
}

/// The columns of a row of `hashes`, as SQLite has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawHash {
    pub(super) path: String,
    /// Device, inode, size, modified, changed.
    pub(super) stamp: [i64; 5],
    pub(super) id: Vec<u8>,
    pub(super) values: Vec<u8>,
    pub(super) seen: i64,
    pub(super) sum: Vec<u8>,
    pub(super) since: i64,
}

impl RawHash {
    /// `None` for times outside the years 1677 to 2262, which the columns cannot hold.
    pub(super) fn of(row: &HashRow, today: u32) -> Option<Self> {
        let s = &row.stamp;
        let stamp = [
            s.device.cast_signed(),
            s.inode.cast_signed(),
            s.size.cast_signed(),
            i64::try_from(s.modified).ok()?,
            i64::try_from(s.changed).ok()?,
        ];
        let mut raw = Self {
            path: row.path.as_str().to_owned(),
            stamp,
            id: row.manifest.file().0.to_vec(),
            values: row.manifest.as_bytes().to_vec(),
            seen: i64::from(today),
            sum: Vec::new(),
            since: row.since.cast_signed(),
        };
        raw.sum = raw.checksum().to_vec();
        Some(raw)
    }

    /// The row; `None` if anything in it is not what was written.
    pub(super) fn check(self) -> Option<HashRow> {
        if self.sum != self.checksum() {
            return None;
        }
        let [device, inode, size, modified, changed] = self.stamp;
        let stamp = Stamp {
            device: device.cast_unsigned(),
            inode: inode.cast_unsigned(),
            size: size.cast_unsigned(),
            modified: modified.into(),
            changed: changed.into(),
        };
        let id = FileId(self.id.try_into().ok()?);
        let manifest = Manifest::prove(id, stamp.size, &self.values).ok()?;
        let seen = self.seen.try_into().ok()?;
        let (path, since) = (self.path.parse().ok()?, self.since.cast_unsigned());
        Some(HashRow { path, stamp, manifest: Arc::new(manifest), since, seen })
    }

    /// Against what SQLite does not notice: bits that fell over in the middle of a page.
    fn checksum(&self) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.path.len() as u64).to_le_bytes()).update(self.path.as_bytes());
        for n in self.stamp {
            hasher.update(&n.to_le_bytes());
        }
        hasher.update(&(self.id.len() as u64).to_le_bytes()).update(&self.id).update(&self.values);
        // Rows of before it was noted have a sum without it.
        if self.since != 0 {
            hasher.update(&self.since.to_le_bytes());
        }
        let mut sum = [0; 8];
        hasher.finalize_xof().fill(&mut sum);
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn good() -> RawHash {
        let content = vec![5_u8; 100_000];
        let manifest = crate::library::manifest_of(&content[..], content.len() as u64).unwrap();
        let stamp = Stamp { device: u64::MAX, inode: 2, size: 100_000, modified: -4, changed: 5 };
        let path = "a/漢字 \u{202e}".parse().unwrap();
        RawHash::of(&HashRow { path, stamp, manifest: Arc::new(manifest), since: 77, seen: 0 }, 7).unwrap()
    }

    #[test]
    fn a_row_comes_back_whole_or_not_at_all() {
        let row = good().check().unwrap();
        assert_eq!((row.stamp.device, row.stamp.modified, row.seen), (u64::MAX, -4, 7));
        assert_eq!(RawHash::of(&row, 7), Some(good()));
        for i in 0..5 {
            let mut bad = good();
            bad.stamp[i] ^= 1 << (i * 7);
            assert_eq!(bad.check(), None, "column {i}");
        }
        let change: [fn(&mut RawHash); 6] = [
            |r| r.id[3] ^= 1,
            |r| r.values[40] ^= 1,
            |r| r.path.push('x'),
            |r| r.sum.clear(),
            |r| r.since += 1,
            |r| r.since = 0,
        ];
        for change in change {
            let mut bad = good();
            change(&mut bad);
            assert_eq!(bad.check(), None);
        }
    }

    #[test]
    fn times_that_do_not_fit_are_not_written() {
        let mut row = good().check().unwrap();
        row.stamp.modified = i128::from(i64::MAX) + 1;
        assert_eq!(RawHash::of(&row, 7), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(
            path in any::<String>(), stamp in any::<[i64; 5]>(), id in prop::collection::vec(any::<u8>(), 0..40),
            values in prop::collection::vec(any::<u8>(), 0..100), seen in any::<i64>(), since in any::<i64>(), right in any::<bool>(),
        ) {
            let mut raw = RawHash { path, stamp, id, values, seen, sum: vec![0; 8], since };
            if right {
                raw.sum = raw.checksum().to_vec();
            }
            if let Some(row) = raw.check() {
                prop_assert!(right);
                prop_assert_eq!(row.manifest.chunks().size(), row.stamp.size);
            }
        }
    }
}
