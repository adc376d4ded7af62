//! What a group says in the table, and under which topics: all of it follows from the key of the group, so that nobody
//! else knows a topic from any other number. Pure.

use core::fmt;

use zeroize::Zeroizing;

use super::record::RecordKeys;
use crate::content::FileId;
use crate::identity::PeerId;

/// What topics are derived for; no two are the same, and none is used for anything else.
const SITES: &str = "potluck 1 table topic of sites";
const FILES: &str = "potluck 1 table topic of files";
const RECORD_SIGNING: &str = "potluck 1 table record signing key";
const RECORD_SEAL: &str = "potluck 1 table record sealing key";

/// A number in the table: what BEP 5 calls an info hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TableId(pub(super) [u8; 20]);

impl fmt::Debug for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever knows it can ask who is of this group.
        f.write_str("TableId(…)")
    }
}

/// The key of a group by which it speaks in the table. It is wiped from memory when dropped.
#[derive(Clone)]
pub(crate) struct TableKeys(Zeroizing<[u8; 32]>);

impl fmt::Debug for TableKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableKeys(…)")
    }
}

impl TableKeys {
    /// From a key that is derived for this and nothing else ([`crate::group::GroupKey::table_key`]).
    pub(crate) const fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// Under this number the sites of the group find each other on a day, counted from 1970.
    pub(super) fn sites(&self, day: u64) -> TableId {
        self.topic(SITES, &day.to_le_bytes())
    }

    /// Under this number those of the group who have a file are found in a month of 30 days, counted from 1970.
    pub(super) fn file(&self, file: FileId, month: u64) -> TableId {
        self.topic(FILES, &[&file.0[..], &month.to_le_bytes()].concat())
    }

    /// The keys of the record of a peer in a month of 30 days, counted from 1970.
    pub(super) fn record(&self, peer: PeerId, month: u64) -> RecordKeys {
        let of = [&peer.0[..], &month.to_le_bytes()].concat();
        RecordKeys::new(self.derived(RECORD_SIGNING, &of), &self.derived(RECORD_SEAL, &of))
    }

    fn topic(&self, context: &str, of: &[u8]) -> TableId {
        let mut id = [0; 20];
        id.copy_from_slice(&self.derived(context, of)[..20]);
        TableId(id)
    }

    fn derived(&self, context: &str, of: &[u8]) -> Zeroizing<[u8; 32]> {
        let key = Zeroizing::new(blake3::derive_key(context, &*self.0));
        Zeroizing::new(*blake3::keyed_hash(&key, of).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_of_one_group_and_one_day() {
        let keys = TableKeys::new(Zeroizing::new([7; 32]));
        let other = TableKeys::new(Zeroizing::new([8; 32]));
        assert_eq!(keys.sites(20_000), keys.sites(20_000));
        assert_ne!(keys.sites(20_000), keys.sites(20_001));
        assert_ne!(keys.sites(20_000), other.sites(20_000));
        let (file, other_file) = (FileId([1; 32]), FileId([2; 32]));
        assert_eq!(keys.file(file, 666), keys.file(file, 666));
        let others =
            [keys.file(file, 667), keys.file(other_file, 666), other.file(file, 666), keys.sites(666)];
        assert!(others.into_iter().all(|topic| topic != keys.file(file, 666)));
        assert_eq!(format!("{keys:?} {:?}", keys.sites(1)), "TableKeys(…) TableId(…)");
    }
}
