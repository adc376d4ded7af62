//! The readers of shared files: one for `shared/`, and one for each other share, which can open that alone. What is
//! asked of one waits for no other one, so that a disk that hangs holds up its own share only. Part of the sender.

use std::collections::BTreeMap;

use super::open_files::ReadFault;
use super::reader::{ReaderCommand, SharedReader};
use super::reads::Reads;
use crate::content::{FileId, ShareName};
use crate::library::Shelf;
use crate::time::Time;
use crate::transfer::net::ConnId;

/// Which reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneId(u32);

/// That of `shared/`.
const OWN: LaneId = LaneId(0);

/// A reader, and what is asked of it.
#[derive(Debug)]
pub(super) struct ReaderLane {
    pub(super) reader: SharedReader,
    pub(super) reads: Reads<ConnId, ReadFault>,
}

impl ReaderLane {
    fn new(reader: SharedReader) -> Self {
        Self { reader, reads: Reads::default() }
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct ReaderLanes {
    own: ReaderLane,
    named: BTreeMap<LaneId, ReaderLane>,
    by_share: BTreeMap<ShareName, LaneId>,
    last: LaneId,
}

impl ReaderLanes {
    /// That of `shared/` alone.
    pub(super) fn new(reader: SharedReader) -> Self {
        Self { own: ReaderLane::new(reader), named: BTreeMap::new(), by_share: BTreeMap::new(), last: OWN }
    }

    /// A share has another reader from now on, or none. Returns those who waited for the one before.
    pub(super) fn set(&mut self, share: ShareName, reader: Option<SharedReader>) -> Vec<ConnId> {
        let before = self.by_share.remove(&share).and_then(|lane| self.named.remove(&lane));
        if let Some(reader) = reader {
            self.last = LaneId(self.last.0 + 1);
            self.named.insert(self.last, ReaderLane::new(reader));
            self.by_share.insert(share, self.last);
        }
        before.map_or_else(Vec::new, |lane| lane.reads.clients())
    }

    /// Which one reads a file of the shelf.
    pub(super) fn of(&self, shelf: &Shelf, file: FileId) -> LaneId {
        if self.by_share.is_empty() {
            return OWN;
        }
        let share = shelf.files.get(&file).and_then(|file| shelf.roots.share(&file.path));
        share.and_then(|share| self.by_share.get(share)).copied().unwrap_or(OWN)
    }

    /// The lane of this number. One that is there no more was that of a share which nothing is read of.
    pub(super) fn get(&self, lane: LaneId) -> &ReaderLane {
        self.named.get(&lane).unwrap_or(&self.own)
    }

    /// As [`Self::get`], to change it.
    pub(super) fn get_mut(&mut self, lane: LaneId) -> &mut ReaderLane {
        self.named.get_mut(&lane).unwrap_or(&mut self.own)
    }

    /// Every lane.
    pub(super) fn all(&self) -> impl Iterator<Item = &ReaderLane> {
        [&self.own].into_iter().chain(self.named.values())
    }

    /// As [`Self::all`], to change them.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut ReaderLane> {
        [&mut self.own].into_iter().chain(self.named.values_mut())
    }

    /// Tells all of them something.
    pub(super) fn tell_all(&self, command: impl Fn() -> ReaderCommand) {
        self.all().for_each(|lane| lane.reader.send(command()));
    }

    /// A client is gone, or wants nothing of what is read any more.
    pub(super) fn forget(&mut self, id: ConnId) {
        self.all_mut().for_each(|lane| lane.reads.forget(id));
    }

    /// All clients are gone.
    pub(super) fn clear(&mut self) {
        self.all_mut().for_each(|lane| lane.reads.clear());
    }

    /// When [`Self::due`] has somebody.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.all().filter_map(|lane| lane.reads.poll_timeout()).min()
    }

    /// Those that are to look again what there is for them.
    pub(super) fn due(&mut self, now: Time) -> Vec<ConnId> {
        self.all_mut().flat_map(|lane| lane.reads.due(now)).collect()
    }
}
