//! What was downloaded: one record for a download that ended. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::sent::RecordPlace;
use crate::content::FileId;
use crate::control::{DownloadOutcome, DownloadSum};
use crate::identity::PeerId;
use crate::peer::limits;

/// A download that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) struct FetchedRecord {
    /// When it began and ended, milliseconds since 1970.
    pub(in crate::peer) began: u64,
    pub(in crate::peer) ended: u64,
    /// What was asked for, in short.
    pub(in crate::peer) what: String,
    /// The content, of a download of one.
    pub(in crate::peer) file: Option<FileId>,
    /// The folder that it went into, if that is known.
    pub(in crate::peer) to: Option<PathBuf>,
    pub(in crate::peer) outcome: DownloadOutcome,
    /// Files that it was to bring, and of them those that did not come.
    pub(in crate::peer) files: u64,
    pub(in crate::peer) failed: u64,
    /// Bytes that it was to bring.
    pub(in crate::peer) size: u64,
    /// Bytes that came over the network.
    pub(in crate::peer) fetched: u64,
    /// The first of those who gave them, as they were called.
    pub(in crate::peer) from: Vec<(PeerId, String)>,
    /// How many gave them.
    pub(in crate::peer) from_count: u64,
    /// Why something did not come, the first reason.
    pub(in crate::peer) why: Option<String>,
}

/// A download that ended just now.
#[derive(Clone, Debug)]
pub(in crate::peer) struct EndedDownload {
    pub(in crate::peer) sum: DownloadSum,
    /// The content, of a download of one.
    pub(in crate::peer) file: Option<FileId>,
    /// Those of `sum.from`.
    pub(in crate::peer) from: Vec<PeerId>,
}

impl FetchedRecord {
    /// Of a download that ended at this date.
    pub(super) fn of(date: u64, ended: EndedDownload) -> Self {
        let EndedDownload { sum, file, from } = ended;
        Self {
            began: date.saturating_sub(sum.millis),
            ended: date,
            what: sum.what,
            file,
            to: Some(sum.to),
            outcome: sum.outcome,
            files: sum.files,
            failed: sum.failed,
            size: sum.size,
            fetched: sum.fetched,
            from: from.into_iter().zip(sum.from).collect(),
            from_count: sum.from_count,
            why: sum.failures.into_iter().next().map(|of| of.failure.message),
        }
    }
}

/// All of them, the last [`limits::FETCHED_LOG`].
#[derive(Debug, Default)]
pub(in crate::peer) struct FetchedLog {
    all: BTreeMap<RecordPlace, FetchedRecord>,
    changed: BTreeSet<RecordPlace>,
}

impl FetchedLog {
    /// A record of before this start.
    pub(super) fn restore(&mut self, place: RecordPlace, record: FetchedRecord) {
        self.all.insert(place, record);
        self.forget_old();
    }

    /// A download ended.
    pub(super) fn add(&mut self, record: FetchedRecord) {
        let place = RecordPlace(self.all.last_key_value().map_or(0, |(last, _)| last.0.saturating_add(1)));
        self.all.insert(place, record);
        self.changed.insert(place);
        self.forget_old();
    }

    /// All of them, the oldest first.
    pub(in crate::peer) fn iter(&self) -> impl Iterator<Item = (RecordPlace, &FetchedRecord)> {
        self.all.iter().map(|(place, record)| (*place, record))
    }

    /// True if the disk is behind.
    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// What the disk is to have; `None`: nothing of this place.
    pub(super) fn take_changed(&mut self) -> Vec<(RecordPlace, Option<FetchedRecord>)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        changed.map(|place| (place, self.all.get(&place).cloned())).collect()
    }

    fn forget_old(&mut self) {
        while self.all.len() > limits::FETCHED_LOG {
            if let Some((place, _)) = self.all.pop_first() {
                self.changed.insert(place);
            }
        }
    }
}
