//! What was sent to others: one record for a peer, a file and a reason. Pure.
//!
//! Whoever asks a million times for one byte makes one record of it, and whoever asks for a million files gets the
//! share of its host: what a stranger does pushes out nothing of anybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::accounts::{Account, Grant, Payer};
use crate::content::{ByteRanges, Claim, FileId, SafePath};
use crate::identity::PeerId;
use crate::peer::limits;
use crate::sender::{SentFor, SentPart};
use crate::time::Time;

/// The place of a record: a later one has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::peer) struct RecordPlace(pub(in crate::peer) u64);

/// What one peer got of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::peer) struct SentRecord {
    pub(in crate::peer) to: Payer<PeerId>,
    /// What the peer was called then.
    pub(in crate::peer) name: Arc<str>,
    pub(in crate::peer) file: FileId,
    /// Bytes of the whole file.
    pub(in crate::peer) size: u64,
    /// Where it was shared here; `None`: it was not.
    pub(in crate::peer) path: Option<SafePath>,
    pub(in crate::peer) why: SentFor,
    /// When the first byte was sent, and the last one; milliseconds since 1970.
    pub(in crate::peer) began: u64,
    pub(in crate::peer) ended: u64,
    /// Milliseconds in which something moved.
    pub(in crate::peer) busy: u64,
    /// Bytes that were sent, those that were sent twice included.
    pub(in crate::peer) bytes: u64,
    /// Which they are.
    pub(in crate::peer) ranges: ByteRanges,
}

impl SentRecord {
    /// True if all bytes of the file were sent.
    pub(in crate::peer) fn is_whole(&self) -> bool {
        self.ranges.are_all(self.size)
    }

    /// True if more of it is likely to be sent.
    pub(in crate::peer) fn is_running(&self, date: u64) -> bool {
        !self.is_whole() && date.saturating_sub(self.ended) < limits::SENT_AGAIN
    }

    pub(in crate::peer) const fn claim(&self) -> Claim {
        (self.file, self.size)
    }

    fn cost(&self) -> u64 {
        limits::SENT_COST + self.path.as_ref().map_or(0, |path| path.as_str().len() as u64)
    }

    /// More of it was sent.
    fn add(&mut self, date: u64, part: &SentPart) {
        self.busy = self.busy.saturating_add(date.saturating_sub(self.ended).min(limits::SENT_PAUSE));
        self.ended = date.max(self.ended);
        self.bytes = self.bytes.saturating_add(part.bytes);
        self.ranges.extend(&part.ranges);
        self.to.host = part.to.host;
    }
}

/// What became of a part that was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotedPart {
    /// Its record.
    pub(super) place: RecordPlace,
    /// There was no such record before.
    pub(super) is_new: bool,
    /// All of the file was sent, since just now.
    pub(super) is_last: bool,
}

/// A record, and whether the disk has it.
#[derive(Debug)]
struct HeldRecord {
    record: SentRecord,
    is_written: bool,
}

type RecordKey = (PeerId, FileId, SentFor);

/// All of them, as far as they take no more than [`limits::SENT_LOG`].
#[derive(Debug)]
pub(in crate::peer) struct SentLog {
    all: BTreeMap<RecordPlace, HeldRecord>,
    /// The last record of each.
    last: BTreeMap<RecordKey, RecordPlace>,
    places: Account<PeerId, RecordPlace>,
    /// What the disk does not have, or has and is not to have.
    changed: BTreeSet<RecordPlace>,
}

impl Default for SentLog {
    fn default() -> Self {
        Self::within(limits::SENT_LOG)
    }
}

impl SentLog {
    /// One that takes so many bytes, at most.
    pub(super) const fn within(bytes: u64) -> Self {
        Self {
            all: BTreeMap::new(),
            last: BTreeMap::new(),
            places: Account::new(bytes, limits::SENT_LOG_OF_HOST),
            changed: BTreeSet::new(),
        }
    }

    /// A record of before this start.
    pub(super) fn restore(&mut self, now: Time, place: RecordPlace, record: SentRecord) {
        if self.insert(now, place, record)
            && let Some(held) = self.all.get_mut(&place)
        {
            held.is_written = true;
            self.changed.remove(&place);
        } else {
            self.changed.insert(place);
        }
    }

    /// Some of a file was sent to a peer, which is called so, at this date. `None`: there is no place for it.
    pub(super) fn note(
        &mut self,
        now: Time,
        date: u64,
        part: &SentPart,
        name: &str,
        path: Option<&SafePath>,
    ) -> Option<NotedPart> {
        let key = (part.to.peer, part.file, part.why);
        let known = self.last.get(&key).copied();
        if let Some(place) = known
            && let Some(held) = self.all.get_mut(&place)
            && held.record.size == part.size
            && (!held.record.is_whole() || date.saturating_sub(held.record.ended) < limits::SENT_AGAIN)
        {
            let was_whole = held.record.is_whole();
            held.record.add(date, part);
            self.places.touch(now, place);
            self.changed.insert(place);
            return Some(NotedPart { place, is_new: false, is_last: !was_whole && held.record.is_whole() });
        }
        let record = SentRecord {
            to: part.to,
            name: self.interned(part.to.peer, name),
            file: part.file,
            size: part.size,
            path: path.cloned(),
            why: part.why,
            began: date,
            ended: date,
            busy: 0,
            bytes: part.bytes,
            ranges: part.ranges.clone(),
        };
        let is_last = record.is_whole();
        let place = RecordPlace(self.all.last_key_value().map_or(0, |(last, _)| last.0.saturating_add(1)));
        self.insert(now, place, record).then_some(NotedPart { place, is_new: true, is_last })
    }

    /// All of them, in the order in which they began.
    pub(in crate::peer) fn iter(&self) -> impl Iterator<Item = (RecordPlace, &SentRecord)> {
        self.all.iter().map(|(place, held)| (*place, &held.record))
    }

    /// The record that has this place.
    pub(super) fn get(&self, place: RecordPlace) -> Option<&SentRecord> {
        self.all.get(&place).map(|held| &held.record)
    }

    /// True if the disk is behind.
    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The next records that the disk is to have; `None`: it is to have none of this place. No more than so many.
    pub(super) fn take_changed(&mut self, most: usize) -> Vec<(RecordPlace, Option<SentRecord>)> {
        let mut changed = Vec::new();
        while changed.len() < most
            && let Some(place) = self.changed.pop_first()
        {
            let record = self.all.get_mut(&place).map(|held| {
                held.is_written = true;
                held.record.clone()
            });
            changed.push((place, record));
        }
        changed
    }

    /// Most records of one peer have the same name.
    fn interned(&self, peer: PeerId, name: &str) -> Arc<str> {
        let first = (peer, FileId([0; 32]), SentFor::Fetch);
        let of_peer = self.last.range(first..).next().filter(|(key, _)| key.0 == peer);
        let known = of_peer.and_then(|(_, place)| self.all.get(place)).map(|held| &held.record.name);
        known.filter(|known| known.as_ref() == name).map_or_else(|| Arc::from(name), Arc::clone)
    }

    /// False: every byte of the share of its host is needed for others.
    fn insert(&mut self, now: Time, place: RecordPlace, record: SentRecord) -> bool {
        let (payer, cost) = (record.to, record.cost());
        loop {
            if let Grant::Given(gone) = self.places.charge(now, payer, place, cost) {
                gone.into_iter().for_each(|place| self.remove(place));
                break;
            }
            // What is new takes the place of the oldest one of the same peer, or else of its host.
            let Some(oldest) = self.oldest(payer) else { return false };
            self.places.free(oldest);
            self.remove(oldest);
        }
        self.last.insert((payer.peer, record.file, record.why), place);
        self.all.insert(place, HeldRecord { record, is_written: false });
        self.changed.insert(place);
        // Of many only now and then, for it is a look at all of them.
        if self.all.len() <= 64 || place.0.is_multiple_of(1_024) {
            self.places
                .check("what was sent", self.all.iter().map(|(place, held)| (*place, held.record.cost())));
        }
        true
    }

    fn oldest(&self, payer: Payer<PeerId>) -> Option<RecordPlace> {
        self.places.oldest_of(payer).or_else(|| self.places.oldest_at(payer.host))
    }

    /// It is charged no more.
    fn remove(&mut self, place: RecordPlace) {
        let Some(HeldRecord { record, is_written }) = self.all.remove(&place) else { return };
        let key = (record.to.peer, record.file, record.why);
        if self.last.get(&key) == Some(&place) {
            self.last.remove(&key);
        }
        if is_written {
            self.changed.insert(place);
        } else {
            self.changed.remove(&place);
        }
    }
}
