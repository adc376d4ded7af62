//! One download of the queue: what it is to bring, what of that is here, and why it does not run. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::marks::FileMarks;
use crate::content::{Claim, FileId, SafePath};
use crate::error::Failure;
use crate::identity::PeerId;
use crate::peer::event::AskId;
use crate::peer::limits;
use crate::peer::owners::Owners;
use crate::swarm::Wanted;
use crate::time::Time;

/// Whether the receiver has a download.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum QueueRun {
    /// It has nothing of it.
    #[default]
    Resting,
    /// It fetches it. `is_stuck`: it waits for somebody who gives something of it.
    Running { is_stuck: bool },
    /// It was told to end, and has not said that it did.
    Stopping(StopCause),
}

/// Why a download is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopCause {
    /// It is to rest, and may go on.
    Rest,
    /// It is to leave the queue.
    Removed,
}

/// Somebody from whom something of a download came or is to come, and its name then.
pub(super) type KnownOwner = (PeerId, String);

/// What a user asked for, as it was understood then.
#[derive(Clone, Debug, Default)]
pub(in crate::peer) struct QueueOrder {
    /// The words of the user.
    pub(in crate::peer) words: Vec<String>,
    /// What else was said of what is to come: what is left out, and another name.
    pub(in crate::peer) options: Vec<String>,
    /// From whom it may come.
    pub(in crate::peer) owners: Owners,
    /// The folder that everything goes into.
    pub(in crate::peer) destination: PathBuf,
    /// The files; who gives them is found when they are fetched.
    pub(in crate::peer) files: Vec<Wanted>,
    /// Empty folders.
    pub(in crate::peer) folders: Vec<SafePath>,
    /// Its owners offered it to this peer alone: they give it, though they list it nowhere.
    pub(in crate::peer) is_offered: bool,
}

/// One download.
#[derive(Debug)]
pub(in crate::peer) struct QueuedDownload {
    pub(super) order: QueueOrder,
    /// Files that are here, and their bytes.
    pub(super) here: FileMarks,
    pub(super) bytes_here: u64,
    /// Files that will not come unless the user wants them again.
    pub(super) lost: FileMarks,
    /// Bytes of all others: it is looked at whenever a file came, and there may be 100,000.
    bytes_lacking: u64,
    /// Its place: those with lower ones come first.
    pub(super) place: i64,
    /// It comes before all others, as long as it can have anything.
    pub(super) is_first: bool,
    pub(super) is_paused: bool,
    /// Bytes that are here of files that are not, as far as that was told.
    pub(super) held: u64,
    /// Why it does not go on by itself.
    pub(super) failure: Option<Failure>,
    /// Those it came from, or is to come from; at most [`limits::QUEUE_OWNERS`].
    pub(super) known: Vec<KnownOwner>,
    pub(super) run: QueueRun,
    /// Those who are here and give something that it lacks; `None`: that is to be looked up.
    pub(super) offers: Option<BTreeSet<PeerId>>,
    /// Those of them who did not give it when it was tried last.
    pub(super) tried: BTreeSet<PeerId>,
    /// When those are tried again, and how often they were.
    pub(super) again: Option<Time>,
    pub(super) tries: u32,
    /// It was said that it waits.
    pub(super) is_told: bool,
    /// Who waits for its end, while it does not run.
    pub(super) watchers: Vec<AskId>,
    /// The receiver has all that it lacks, not only what somebody gives of that.
    pub(super) is_whole: bool,
    places: Option<FilePlaces>,
}

/// Where the files of a running download are, by what is reported of them.
#[derive(Debug, Default)]
struct FilePlaces {
    by_id: BTreeMap<FileId, Vec<usize>>,
    by_path: BTreeMap<SafePath, usize>,
}

impl QueuedDownload {
    /// A new one, behind all with a lower `place`.
    pub(super) fn new(order: QueueOrder, place: i64) -> Self {
        let mut download = Self {
            order,
            here: FileMarks::default(),
            bytes_here: 0,
            lost: FileMarks::default(),
            bytes_lacking: 0,
            place,
            is_first: false,
            is_paused: false,
            held: 0,
            failure: None,
            known: Vec::new(),
            run: QueueRun::Resting,
            offers: None,
            tried: BTreeSet::new(),
            again: None,
            tries: 0,
            is_told: false,
            watchers: Vec::new(),
            is_whole: false,
            places: None,
        };
        download.count_lacking();
        download
    }

    /// Of its files these are here, and those will not come.
    pub(super) fn set_marks(&mut self, here: FileMarks, lost: FileMarks) {
        (self.here, self.lost) = (here, lost);
        let files = self.order.files.iter().enumerate().filter(|(at, _)| self.here.has(*at));
        self.bytes_here = files.fold(0, |sum, (_, file)| sum.saturating_add(file.size));
        self.count_lacking();
    }

    fn count_lacking(&mut self) {
        self.bytes_lacking = self.lacking().fold(0, |sum, file| sum.saturating_add(file.size));
    }

    /// What was asked for, in short.
    pub(in crate::peer) fn what(&self) -> String {
        self.order.words.join(" ")
    }

    /// True if it brings these files and folders, and no others.
    pub(in crate::peer) fn brings_the_same(&self, order: &QueueOrder) -> bool {
        let files =
            |of: &QueueOrder| of.files.iter().map(|f| (f.id, f.size, f.to.clone())).collect::<Vec<_>>();
        files(&self.order) == files(order) && self.order.folders == order.folders
    }

    /// Bytes of its files, and how many these are: of all, and of those that are here.
    pub(in crate::peer) fn sizes(&self) -> QueueSizes {
        let mut sizes = QueueSizes::default();
        for (at, file) in self.order.files.iter().enumerate() {
            sizes.files += 1;
            sizes.bytes = sizes.bytes.saturating_add(file.size);
            sizes.files_here += u64::from(self.here.has(at));
        }
        let bytes_here = self.bytes_here;
        QueueSizes { bytes_here, held: self.held.min(sizes.bytes.saturating_sub(bytes_here)), ..sizes }
    }

    /// Contents of which only a part may lie there.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = FileId> {
        let files = self.order.files.iter().enumerate();
        files.filter(|(at, _)| !self.here.has(*at)).map(|(_, file)| file.id)
    }

    /// Files that it lacks and that may still come.
    pub(super) fn lacking(&self) -> impl Iterator<Item = &Wanted> {
        let files = self.order.files.iter().enumerate();
        files.filter(|(at, _)| !self.here.has(*at) && !self.lost.has(*at)).map(|(_, file)| file)
    }

    /// The contents that it lacks and that may still come.
    pub(super) fn lacks(&self) -> BTreeSet<Claim> {
        self.lacking().map(|file| (file.id, file.size)).collect()
    }

    /// True if it lacks little, and need not wait for a place.
    pub(super) const fn is_small(&self) -> bool {
        self.bytes_lacking <= limits::QUEUE_SMALL
    }

    /// True if it leaves the queue as soon as the receiver has it no more.
    pub(in crate::peer) const fn is_removed(&self) -> bool {
        matches!(self.run, QueueRun::Stopping(StopCause::Removed))
    }

    /// True if it goes on only when the user wants it: it is paused, or has failed.
    pub(in crate::peer) const fn is_at_rest_by_choice(&self) -> bool {
        self.is_paused || matches!(self.run, QueueRun::Resting) && self.failure.is_some()
    }

    /// True if it rests, and goes on once somebody gives something of it.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.run, QueueRun::Resting) && !self.is_paused && self.failure.is_none()
    }

    /// True if somebody gives something of it who was not tried in vain, or nobody need.
    pub(super) fn can_begin(&self, now: Time) -> bool {
        if self.is_waiting() && self.lacking().next().is_none() {
            // Only empty folders are to be made.
            return true;
        }
        let Some(offers) = self.offers.as_ref().filter(|offers| self.is_waiting() && !offers.is_empty())
        else {
            return false;
        };
        !offers.is_subset(&self.tried) || self.again.is_some_and(|at| at <= now)
    }

    /// Whoever gives something of it is to be looked up again.
    pub(super) fn look_again(&mut self) {
        self.offers = None;
    }

    /// The user wants it to go on: what failed is tried again, with whoever has it.
    pub(super) fn try_again(&mut self) {
        self.is_paused = false;
        self.failure = None;
        let here = core::mem::take(&mut self.here);
        self.set_marks(here, FileMarks::default());
        self.tried.clear();
        (self.again, self.tries, self.is_told) = (None, 0, false);
        self.look_again();
    }

    /// The receiver has it from now on.
    pub(super) fn begin(&mut self, is_whole: bool) {
        (self.run, self.is_whole) = (QueueRun::Running { is_stuck: false }, is_whole);
        let mut places = FilePlaces::default();
        for (at, file) in self.order.files.iter().enumerate() {
            places.by_id.entry(file.id).or_default().push(at);
            places.by_path.insert(file.to.clone(), at);
        }
        self.places = Some(places);
    }

    /// The receiver has nothing of it any more.
    pub(super) fn rest(&mut self) {
        self.run = QueueRun::Resting;
        self.places = None;
        self.look_again();
    }

    /// All of its files are wanted, those that came, too. False: it runs, and nothing changes.
    pub(super) fn want_again(&mut self) -> bool {
        if self.run != QueueRun::Resting {
            return false;
        }
        self.set_marks(FileMarks::default(), FileMarks::default());
        self.look_again();
        true
    }

    /// A file of it came to lie there. False: it was here already.
    pub(super) fn arrived(&mut self, id: FileId, path: &Path) -> bool {
        let same =
            self.places.as_ref().and_then(|places| places.by_id.get(&id)).map_or(&[][..], Vec::as_slice);
        let lacks = |at: &&usize| !self.here.has(**at);
        let is_there = |at: &&usize| self.order.files[**at].to.under(&self.order.destination) == path;
        let at = same.iter().filter(lacks).find(is_there).or_else(|| same.iter().find(lacks));
        let Some(at) = at.copied().filter(|at| self.here.insert(*at)) else { return false };
        let size = self.order.files[at].size;
        self.bytes_here = self.bytes_here.saturating_add(size);
        if !self.lost.has(at) {
            self.bytes_lacking = self.bytes_lacking.saturating_sub(size);
        }
        true
    }

    /// A file of it will not come, even if others come who have it.
    pub(super) fn lose(&mut self, path: &SafePath) {
        let at = self.places.as_ref().and_then(|places| places.by_path.get(path)).copied();
        if let Some(at) = at.filter(|at| self.lost.insert(*at))
            && !self.here.has(at)
        {
            self.bytes_lacking = self.bytes_lacking.saturating_sub(self.order.files[at].size);
        }
    }

    /// Somebody gives something of it, and is called so.
    pub(super) fn note_owner(&mut self, peer: PeerId, name: impl FnOnce() -> String) {
        if self.known.len() < limits::QUEUE_OWNERS && self.known.iter().all(|(known, _)| *known != peer) {
            self.known.push((peer, name()));
        }
    }

    /// Those for whom it waits, as they were called.
    pub(in crate::peer) fn waits_for(&self) -> Vec<String> {
        self.known.iter().map(|(_, name)| name.clone()).collect()
    }
}

/// How much a download is to bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::peer) struct QueueSizes {
    pub(in crate::peer) files: u64,
    pub(in crate::peer) bytes: u64,
    pub(in crate::peer) files_here: u64,
    pub(in crate::peer) bytes_here: u64,
    /// Bytes that are here of files that are not, as far as that is known.
    pub(in crate::peer) held: u64,
}
