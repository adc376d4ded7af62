//! What is placed with others and what is kept for others, as rows that survive a crash. Pure.
//!
//! Each change leaves the machines as a [`Record`]. A store thread writes it under [`Record::key`]
//! (before the answer that depends on it goes out) and gives all of them back at the next start.

use std::collections::BTreeMap;
use std::sync::Arc;

use core::net::IpAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::codec::{decode, encode};
use crate::content::{Entry, FileId, FolderIdentity, MountIdentity, SafePath, Span};
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::Replica;

/// A file of one owner. The same content of two owners is two entries here, and once in the store.
pub type LedgerKey = (PeerId, FileId);

/// Seconds that this peer has run, over all its starts. What must outlive a restart is measured in these:
/// no clock that is set wrong can let anything expire early, and what nobody could report does not age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lived(pub u64);

impl Lived {
    /// Time lived since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

/// Tells [`Lived`] from the machine's time.
#[derive(Clone, Copy, Debug)]
pub struct LivedClock {
    began: Time,
    before: Lived,
}

impl LivedClock {
    /// Goes on from what was lived `before`. It begins a month after zero, so that a new peer can file
    /// that an owner was last heard before it was born.
    #[must_use]
    pub fn new(now: Time, before: Lived) -> Self {
        Self { began: now, before: before.max(Lived(limits::KEEP_DAYS.as_secs())) }
    }

    /// What was lived up to now.
    #[must_use]
    pub const fn at(&self, now: Time) -> Lived {
        Lived(self.before.0.saturating_add(now.since(self.began).as_secs()))
    }
}

/// What is known of an owner whose files are kept here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRow {
    /// Its newest head, signed.
    #[serde(with = "serde_bytes")]
    pub signed: Vec<u8>,
    /// The digests of its 256 buckets.
    #[serde(with = "serde_bytes")]
    pub digests: Vec<u8>,
    /// Peers that were here when its files were taken, or came later where few were: they tell this network from
    /// another.
    pub witnesses: Vec<PeerId>,
}

/// A file that is kept for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRow {
    /// Its size in bytes.
    pub size: u64,
    /// A path at which its owner's head names it.
    pub path: SafePath,
    /// How many copies the owner wants, its own included.
    pub copies: u8,
    /// Which copy it was taken as.
    pub copy: u8,
    /// Which chunks were taken.
    pub span: Span,
    /// True once they are all here. In the ledger: once they all were, for a promise that was never kept is
    /// void after a while.
    pub whole: bool,
    /// Who else keeps it, as last reported.
    pub others: Vec<Replica>,
    /// The address that offered it.
    pub source: IpAddr,
    /// When somebody who acts for it last said that it is to be kept.
    pub heard: Lived,
    /// When its owner said that it deleted it.
    pub released: Option<Lived>,
}

/// An own file, and who keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedRow {
    /// Its size in bytes.
    pub size: u64,
    /// Who has it, as it said itself.
    pub places: Vec<Replica>,
}

/// An own file that was deleted on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedRow {
    /// When.
    pub at: Lived,
    /// What lay where, as long as others keep it: for whoever did not mean to.
    pub entry: Option<Entry>,
}

/// An own file that is missing, and was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRow {
    /// What lay there.
    pub entry: Entry,
    /// True once it is decided that it is to come back.
    pub coming: bool,
}

/// What `shared/` was, so that what is missing at the next start can be distinguished from what was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderRow {
    /// Which folder `shared/` was.
    #[serde(rename = "marker")]
    pub identity: FolderIdentity,
    /// The newest own head that was given out, signed.
    #[serde(with = "serde_bytes")]
    pub signed: Vec<u8>,
}

/// What is mounted on a folder below `shared/`, or was when the files there were seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRow {
    /// What it is.
    pub identity: MountIdentity,
    /// True if some of what was named below the folder, and is not there, may lie elsewhere than on it.
    pub mixed: bool,
}

/// One change of the ledger; each is complete by itself, and to apply it twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "what each holds is told by its row type; `None` removes it")]
pub enum Record {
    Lived(Lived),
    #[serde(rename = "Estate")]
    OwnerCatalogue(PeerId, Option<OwnerRow>),
    /// The bytes that the bucket's digest is over.
    Bucket(PeerId, u8, #[serde(with = "serde_bytes")] Option<Vec<u8>>),
    Kept(LedgerKey, Option<KeptRow>),
    Placed(FileId, Option<PlacedRow>),
    Deleted(FileId, Option<DeletedRow>),
    Folder(FolderRow),
    /// An own path that the head named last, and what lay there.
    Named(SafePath, Option<Entry>),
    /// `copies N FILE`.
    Copies(FileId, Option<u8>),
    Lost(SafePath, Option<LostRow>),
    Mount(SafePath, Option<MountRow>),
}

impl Record {
    /// What it is filed under: a later record of the same key replaces it.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        match self {
            Self::Lived(_) => vec![0],
            Self::OwnerCatalogue(origin, _) => [&[1], &origin.0[..]].concat(),
            Self::Bucket(origin, index, _) => [&[2], &origin.0[..], &[*index]].concat(),
            Self::Kept((origin, file), _) => [&[3], &origin.0[..], &file.0].concat(),
            Self::Placed(file, _) => [&[4], &file.0[..]].concat(),
            Self::Deleted(file, _) => [&[5], &file.0[..]].concat(),
            Self::Folder(_) => vec![6],
            Self::Named(path, _) => [&[7], path.as_str().as_bytes()].concat(),
            Self::Copies(file, _) => [&[8], &file.0[..]].concat(),
            Self::Lost(path, _) => [&[9], path.as_str().as_bytes()].concat(),
            Self::Mount(path, _) => [&[10], path.as_str().as_bytes()].concat(),
        }
    }

    /// What is filed; `None`: whatever has this key is to be removed.
    #[must_use]
    pub fn value(&self) -> Option<Vec<u8>> {
        let gone = matches!(
            self,
            Self::OwnerCatalogue(_, None)
                | Self::Bucket(_, _, None)
                | Self::Kept(_, None)
                | Self::Placed(_, None)
                | Self::Deleted(_, None)
                | Self::Named(_, None)
                | Self::Copies(_, None)
                | Self::Lost(_, None)
                | Self::Mount(_, None)
        );
        (!gone).then(|| encode(self))
    }

    /// Reads a filed value. `None`: it is damaged, or of a later version; it counts as not there, and what
    /// it said is learned again from reports.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        decode(value).ok()
    }
}

/// All rows, as a start reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What this peer has lived.
    pub lived: Lived,
    /// Owners whose files are kept here.
    pub owners: BTreeMap<PeerId, OwnerRow>,
    /// Buckets of their catalogues.
    pub buckets: BTreeMap<(PeerId, u8), Vec<u8>>,
    /// What is kept.
    pub kept: BTreeMap<LedgerKey, KeptRow>,
    /// Where own files are.
    pub placed: BTreeMap<FileId, PlacedRow>,
    /// Own files that were deleted on purpose.
    pub deleted: BTreeMap<FileId, DeletedRow>,
    /// What `shared/` was.
    pub folder: Option<FolderRow>,
    /// What the own head named.
    pub named: BTreeMap<SafePath, Entry>,
    /// `copies N FILE`.
    pub copies: BTreeMap<FileId, u8>,
    /// Own files that are missing.
    pub lost: BTreeMap<SafePath, LostRow>,
    /// What is mounted below `shared/`.
    pub mounts: BTreeMap<SafePath, MountRow>,
}

impl Ledger {
    /// Takes one record, in any order of keys.
    pub fn apply(&mut self, record: Record) {
        fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
            match value {
                Some(value) => drop(map.insert(key, value)),
                None => drop(map.remove(&key)),
            }
        }
        match record {
            Record::Lived(lived) => self.lived = lived,
            Record::OwnerCatalogue(origin, row) => put(&mut self.owners, origin, row),
            Record::Bucket(origin, index, row) => put(&mut self.buckets, (origin, index), row),
            Record::Kept(key, row) => put(&mut self.kept, key, row),
            Record::Placed(file, row) => put(&mut self.placed, file, row),
            Record::Deleted(file, row) => put(&mut self.deleted, file, row),
            Record::Folder(row) => self.folder = Some(row),
            Record::Named(path, row) => put(&mut self.named, path, row),
            Record::Copies(file, row) => put(&mut self.copies, file, row),
            Record::Lost(path, row) => put(&mut self.lost, path, row),
            Record::Mount(path, row) => put(&mut self.mounts, path, row),
        }
    }

    /// From filed values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut ledger = Self::default();
        for record in values.into_iter().filter_map(|v| Record::read(&v)) {
            ledger.apply(record);
        }
        ledger
    }
}

/// Parts of the store that are there: made sure at the start, before anything is reported.
pub type Present = BTreeMap<FileId, Vec<Span>>;

/// Bytes that are shared by who asks and who answers.
pub(super) type Shared = Arc<[u8]>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filed_comes_back_and_junk_is_left_out() {
        let key = (PeerId([1; 32]), FileId([2; 32]));
        let row = KeptRow {
            size: 5,
            path: "a".parse().unwrap(),
            copies: 2,
            copy: 1,
            span: Span { from: 0, to: 1 },
            whole: true,
            others: vec![Replica { copy: 1, span: Span { from: 0, to: 1 }, peer: PeerId([3; 32]) }],
            source: "10.0.0.1".parse().unwrap(),
            heard: Lived(7),
            released: None,
        };
        let entry = Entry { path: "a".parse().unwrap(), kind: crate::content::EntryKind::Folder };
        let mut filed: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut ledger = Ledger::default();
        for record in [
            Record::Lived(Lived(3)),
            Record::Kept(key, Some(row.clone())),
            Record::Lived(Lived(60)),
            Record::Copies(FileId([2; 32]), Some(3)),
            Record::Copies(FileId([2; 32]), None),
            Record::Deleted(FileId([4; 32]), Some(DeletedRow { at: Lived(1), entry: None })),
            Record::Lost("a".parse().unwrap(), Some(LostRow { entry: entry.clone(), coming: true })),
            Record::Lost("b".parse().unwrap(), Some(LostRow { entry, coming: true })),
            Record::Lost("b".parse().unwrap(), None),
        ] {
            match record.value() {
                Some(value) => drop(filed.insert(record.key(), value)),
                None => drop(filed.remove(&record.key())),
            }
            ledger.apply(record);
        }
        filed.insert(vec![99], b"junk".to_vec());
        assert_eq!(Ledger::of(filed.into_values()), ledger);
        assert_eq!((ledger.lived, ledger.kept[&key].clone(), ledger.copies.len()), (Lived(60), row, 0));
    }

    #[test]
    fn lived_time_goes_on_over_a_restart_and_never_back() {
        let base = limits::KEEP_DAYS.as_secs();
        assert_eq!(LivedClock::new(Time::ZERO, Lived(3)).at(Time::ZERO), Lived(base));
        let clock = LivedClock::new(Time(5_000_000_000), Lived(base + 100));
        assert_eq!(clock.at(Time(5_000_000_000)), Lived(base + 100));
        assert_eq!(clock.at(Time(65_000_000_000)), Lived(base + 160));
        assert_eq!(clock.at(Time::ZERO), Lived(base + 100));
        assert_eq!(Lived(5).since(Lived(9)), Duration::ZERO);
    }
}
