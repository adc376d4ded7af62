//! The queue: the downloads of users, in their order, until they are done or removed. It outlives the peer: what it
//! changes it gives out as rows of the database. Pure; `driving.rs` does what it decides.
//!
//! A download rests until somebody is here who gives something of it and there is a place for it; then the receiver has
//! it, until that says that it is over. It rests again if it was paused, if another one was put before it, or if nobody
//! gave the rest. What cannot go on by itself has failed, and stays until the user removes it or wants it again.
//!
//! Contract: `handle_*` and what the user wants change it; then [`Queue::next`] and [`Queue::next_to_stop`] are asked until
//! they say `None`, and [`Queue::take_rows`] once. They are due again at [`Queue::poll_timeout`].

mod absent;
mod discards;
mod driving;
mod entry;
mod marks;
mod naming;
mod offered;
mod rows;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(in crate::peer) use self::absent::resolve_absent;
use self::discards::DiscardOrder;
pub(in crate::peer) use self::discards::Discards;
pub(in crate::peer) use self::driving::{queue_download, queue_rows, stop_job, turn_queue, write};
pub(in crate::peer) use self::entry::{QueueOrder, QueueSizes, QueuedDownload};
use self::entry::{QueueRun, StopCause};
pub(in crate::peer) use self::offered::{is_offered_alone, offerer_here};
use super::event::AskId;
use super::limits;
use crate::content::{Claim, FileId, SafePath};
use crate::control::QueueState;
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::store::LedgerRow;
use crate::swarm::{JobId, is_changed};
use crate::time::Time;

/// What becomes of a download that the receiver has no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QueueOver {
    /// It is none of the queue's.
    Unknown,
    /// It is over, and gone from the queue.
    Ended,
    /// It rests, and nothing is to be said of that.
    Rests,
    /// It waits for somebody who gives the rest.
    Waits,
    /// It stays in the queue as failed.
    Failed,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    all: BTreeMap<JobId, QueuedDownload>,
    /// What is to be written of each.
    unwritten: BTreeMap<JobId, Unwritten>,
    /// Rows of those that are gone.
    gone: Vec<LedgerRow>,
    /// Files came that were not noted down: when they are.
    marks_due: Option<Time>,
    /// What keepers have may have changed since it was looked at last.
    are_keepers_stale: bool,
    /// What is not to be kept of those that are gone.
    pub(super) discards: Discards,
}

/// What is to be written of a download.
#[derive(Clone, Copy, Debug, Default)]
struct Unwritten {
    state: bool,
    files: bool,
    marks: bool,
}

impl Queue {
    /// The queue that these rows tell of.
    pub(super) fn restored(rows: &[LedgerRow]) -> Self {
        Self { all: rows::restored(rows), ..Self::default() }
    }

    /// The highest number of a download.
    pub(super) fn last(&self) -> Option<JobId> {
        self.all.last_key_value().map(|(id, _)| *id)
    }

    /// A download of the queue.
    pub(super) fn get(&self, id: JobId) -> Option<&QueuedDownload> {
        self.all.get(&id)
    }

    /// All of them, in their order.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (JobId, &QueuedDownload)> {
        let mut all: Vec<_> = self.all.iter().map(|(id, download)| (*id, download)).collect();
        all.sort_by_key(|(id, download)| (download.place, *id));
        all.into_iter()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The one that is to bring the same, as the user typed it, to the same place. One that is about to leave the queue
    /// brings nothing any more.
    pub(super) fn like(&self, order: &QueueOrder) -> Option<JobId> {
        let is_like = |other: &QueueOrder| {
            (&other.words, &other.options) == (&order.words, &order.options)
                && (&other.owners, &other.destination) == (&order.owners, &order.destination)
                // What a peer offered is not what it shares.
                && other.is_offered == order.is_offered
        };
        let like = self.all.iter().find(|(_, download)| !download.is_removed() && is_like(&download.order));
        like.map(|(id, _)| *id)
    }

    /// True if a download that does not run is to bring this file.
    pub(super) fn is_resting_with(&self, file: FileId) -> bool {
        let resting = self.all.values().filter(|download| download.run == QueueRun::Resting);
        resting.flat_map(QueuedDownload::lacking).any(|lacking| lacking.id == file)
    }

    // ---- what the user wants ---------------------------------------------------------------------

    /// One more, behind all others.
    pub(super) fn add(&mut self, id: JobId, order: QueueOrder) {
        let place =
            self.all.values().map(|download| download.place).max().map_or(0, |last| last.saturating_add(1));
        self.all.insert(id, QueuedDownload::new(order, place));
        self.unwritten.insert(id, Unwritten { state: true, files: true, marks: false });
    }

    /// It is not to go on until it is resumed.
    pub(super) fn pause(&mut self, id: JobId) {
        if let Some(download) = self.all.get_mut(&id)
            && !download.is_paused
        {
            download.is_paused = true;
            self.unwritten.entry(id).or_default().state = true;
        }
    }

    /// It is to go on, also if it had failed.
    pub(super) fn resume(&mut self, id: JobId) {
        if let Some(download) = self.all.get_mut(&id) {
            download.try_again();
            let unwritten = self.unwritten.entry(id).or_default();
            (unwritten.state, unwritten.marks) = (true, true);
        }
    }

    /// It is to come before all others.
    pub(super) fn put_first(&mut self, id: JobId) {
        let Some(first) = self.all.values().map(|download| download.place).min() else { return };
        for (other, download) in &mut self.all {
            let is_it = *other == id;
            if is_it {
                download.place = first.saturating_sub(1);
            }
            if download.is_first != is_it || is_it {
                download.is_first = is_it;
                self.unwritten.entry(*other).or_default().state = true;
            }
        }
    }

    /// It is to leave the queue. False: that is, once the receiver has it no more.
    pub(super) fn remove(&mut self, id: JobId) -> bool {
        match self.all.get_mut(&id) {
            Some(download) if download.run != QueueRun::Resting => {
                download.run = QueueRun::Stopping(StopCause::Removed);
                // Should the peer end before the receiver has ended it, it does not come back.
                self.unwritten.remove(&id);
                self.gone.extend(rows::without(id));
                false
            }
            _ => {
                self.forget(id);
                true
            }
        }
    }

    /// It is about to leave the queue, and nothing unfinished of it is to be kept that no other one wants.
    pub(super) fn discard(&mut self, id: JobId, ask: AskId) {
        let Some(download) = self.all.get(&id) else { return };
        let destination = &download.order.destination;
        let may_want = |d: &QueuedDownload| !d.is_removed() && d.order.destination == *destination;
        let others = self.all.iter().filter(|(other, d)| **other != id && may_want(d));
        let wanted: BTreeSet<FileId> = others.flat_map(|(_, d)| d.unfinished()).collect();
        let files = download.unfinished().filter(|file| !wanted.contains(file)).collect();
        let order = DiscardOrder { job: id, destination: destination.clone(), files };
        self.discards.add(order, ask);
    }

    /// True if the receiver was told to end it, and has not said that it did.
    pub(super) fn is_stopping(&self, id: JobId) -> bool {
        self.get(id).is_some_and(|download| matches!(download.run, QueueRun::Stopping(_)))
    }

    /// The one that comes before all others.
    pub(super) fn first(&self) -> Option<JobId> {
        self.all.iter().find(|(_, download)| download.is_first).map(|(id, _)| *id)
    }

    // ---- who gives -------------------------------------------------------------------------------

    /// True if one of them waits for somebody who gives something of it.
    pub(super) fn is_waiting(&self) -> bool {
        self.all.values().any(QueuedDownload::is_waiting)
    }

    /// A peer that is here lists these contents.
    pub(super) fn handle_listed(&mut self, peer: PeerId, listed: &BTreeSet<Claim>) {
        for download in self.all.values_mut().filter(|d| d.is_waiting() && d.order.owners.has(peer)) {
            if download.lacking().any(|file| listed.contains(&(file.id, file.size)))
                && let Some(offers) = &mut download.offers
            {
                offers.insert(peer);
            }
        }
    }

    /// What is kept for those who are away may have changed.
    pub(super) const fn handle_keepers(&mut self) {
        self.are_keepers_stale = true;
    }

    /// A peer is gone. Once it is back it is tried again.
    pub(super) fn handle_gone(&mut self, peer: PeerId) {
        for download in self.all.values_mut() {
            download.tried.remove(&peer);
            if let Some(offers) = &mut download.offers {
                offers.remove(&peer);
            }
        }
    }

    /// What those lack that wait, if who gives it is to be looked up.
    pub(super) fn take_stale(&mut self) -> Vec<(JobId, BTreeSet<Claim>)> {
        let are_keepers_stale = core::mem::take(&mut self.are_keepers_stale);
        let is_stale = |d: &&mut QueuedDownload| d.is_waiting() && (are_keepers_stale || d.offers.is_none());
        let stale = self.all.iter_mut().filter_map(|(id, d)| is_stale(&&mut *d).then(|| (*id, d.lacks())));
        stale.collect()
    }

    /// These give something of it, and are here.
    pub(super) fn set_offers(&mut self, id: JobId, offers: BTreeSet<PeerId>) {
        if let Some(download) = self.all.get_mut(&id) {
            download.offers = Some(offers);
        }
    }

    /// True if one that waits came from this peer, or is to come from it.
    pub(super) fn waits_for(&self, peer: PeerId) -> bool {
        let waiting = self.all.values().filter(|download| download.is_waiting());
        waiting.flat_map(|download| &download.known).any(|(known, _)| *known == peer)
    }

    // ---- what is to be done ----------------------------------------------------------------------

    /// The next one that the receiver is to fetch.
    pub(super) fn next(&self, now: Time) -> Option<JobId> {
        if !self.is_waiting() {
            return None;
        }
        let places = limits::QUEUE_RUNNING.saturating_sub(self.n_moving());
        let mut ready = self.in_order().filter(|(_, download)| download.can_begin(now));
        let next = ready.find(|(_, download)| places > 0 || download.is_small());
        next.map(|(id, _)| id)
    }

    /// One that the receiver has and is to have no more: it was paused, or one before it is to have its place.
    pub(super) fn next_to_stop(&mut self, now: Time) -> Option<JobId> {
        let is_running = |d: &QueuedDownload| matches!(d.run, QueueRun::Running { .. });
        let paused = self.all.iter().find(|(_, d)| d.is_paused && is_running(d)).map(|(id, _)| *id);
        let id = paused.or_else(|| self.overtaken(now))?;
        self.all.get_mut(&id)?.run = QueueRun::Stopping(StopCause::Rest);
        Some(id)
    }

    /// The last of those that run, if there is no place left for one before it.
    fn overtaken(&self, now: Time) -> Option<JobId> {
        let is_stopping = |d: &QueuedDownload| matches!(d.run, QueueRun::Stopping(_));
        if self.n_moving() < limits::QUEUE_RUNNING || !self.is_waiting() || self.all.values().any(is_stopping)
        {
            return None;
        }
        let order: Vec<_> = self.in_order().collect();
        let last = order.iter().rposition(|(_, d)| is_moving(d) && !d.is_small())?;
        let is_before = order[..last].iter().any(|(_, d)| d.can_begin(now) && !d.is_small());
        is_before.then_some(order[last].0)
    }

    fn n_moving(&self) -> usize {
        self.all.values().filter(|download| is_moving(download) && !download.is_small()).count()
    }

    /// The receiver has it from now on: `is_whole`: all that it lacks, else what somebody gives of that.
    pub(super) fn handle_begun(&mut self, id: JobId, is_whole: bool) {
        if let Some(download) = self.all.get_mut(&id) {
            download.begin(is_whole);
        }
    }

    /// So many bytes of it are here. `waits`: nobody gives anything of it.
    pub(super) fn handle_progress(&mut self, now: Time, id: JobId, waits: bool, done: u64) {
        let Some(download) = self.all.get_mut(&id) else { return };
        let QueueRun::Running { is_stuck } = &mut download.run else { return };
        *is_stuck = waits;
        let held = done.saturating_sub(download.bytes_here);
        if held != download.held {
            download.held = held;
            self.unwritten.entry(id).or_default().marks = true;
            self.marks_due.get_or_insert(now + limits::QUEUE_MARKS);
        }
    }

    /// Somebody gives something of it.
    pub(super) fn note_owner(&mut self, id: JobId, peer: PeerId, name: impl FnOnce() -> String) {
        if let Some(download) = self.all.get_mut(&id) {
            let before = download.known.len();
            download.note_owner(peer, name);
            if download.known.len() > before {
                self.unwritten.entry(id).or_default().state = true;
            }
        }
    }

    /// A file of it is here.
    pub(super) fn handle_arrived(&mut self, now: Time, id: JobId, file: FileId, path: &Path) {
        let Some(download) = self.all.get_mut(&id) else { return };
        (download.tries, download.is_told) = (0, false);
        if download.arrived(file, path) {
            self.unwritten.entry(id).or_default().marks = true;
            self.marks_due.get_or_insert(now + limits::QUEUE_MARKS);
        }
    }

    /// A file of it will not come now.
    pub(super) fn handle_failed(&mut self, id: JobId, path: &SafePath, failure: &Failure) {
        let Some(download) = self.all.get_mut(&id).filter(|_| !may_come(failure)) else { return };
        download.lose(path);
        let message = format!("{path}: {}", failure.message);
        download.failure.get_or_insert_with(|| Failure::new(failure.code, message));
        self.unwritten.entry(id).or_default().marks = true;
    }

    /// The receiver has it no more.
    pub(super) fn handle_over(&mut self, now: Time, id: JobId, failure: Option<&Failure>) -> QueueOver {
        let Some(download) = self.all.get_mut(&id) else { return QueueOver::Unknown };
        let before = core::mem::replace(&mut download.run, QueueRun::Resting);
        let failed = download.failure.take();
        let offers = download.offers.take();
        download.rest();
        self.unwritten.entry(id).or_default().state = true;
        if before == QueueRun::Stopping(StopCause::Removed) {
            self.forget(id);
            return QueueOver::Ended;
        }
        if let Some(failure) = failure.filter(|failure| !may_come(failure) && failed.is_none())
            && before != QueueRun::Stopping(StopCause::Rest)
        {
            download.failure = Some(failure.clone());
            return QueueOver::Failed;
        }
        let has_all = failure.is_none() && download.is_whole;
        let lacks = !has_all && download.lacking().next().is_some();
        match (lacks, failed) {
            (false, None) => {
                self.forget(id);
                QueueOver::Ended
            }
            (false, Some(failure)) => {
                download.failure = Some(failure);
                QueueOver::Failed
            }
            (true, _) if failure.is_none() || before == QueueRun::Stopping(StopCause::Rest) => {
                QueueOver::Rests
            }
            (true, _) => {
                download.tried = offers.unwrap_or_default();
                download.tries = download.tries.saturating_add(1);
                download.again = Some(now + again_after(download.tries));
                let was_told = core::mem::replace(&mut download.is_told, true);
                if was_told { QueueOver::Rests } else { QueueOver::Waits }
            }
        }
    }

    /// These wait for the end of one that does not run.
    pub(super) fn add_watchers(&mut self, id: JobId, watchers: impl IntoIterator<Item = AskId>) {
        if let Some(download) = self.all.get_mut(&id) {
            download.watchers.extend(watchers);
        }
    }

    /// Those who waited for the end of one that does not run.
    pub(super) fn take_watchers(&mut self, id: JobId) -> Vec<AskId> {
        self.all.get_mut(&id).map(|download| core::mem::take(&mut download.watchers)).unwrap_or_default()
    }

    /// How it stands.
    pub(super) fn state(&self, now: Time, id: JobId) -> Option<QueueState> {
        let download = self.get(id)?;
        Some(match download.run {
            QueueRun::Stopping(StopCause::Removed) => QueueState::Stopping,
            _ if download.is_paused => QueueState::Paused,
            QueueRun::Running { is_stuck: true } => QueueState::Waiting,
            QueueRun::Running { .. } | QueueRun::Stopping(_) => QueueState::Downloading,
            QueueRun::Resting if download.failure.is_some() => QueueState::Failed,
            QueueRun::Resting if download.can_begin(now) => QueueState::Queued,
            QueueRun::Resting => QueueState::Waiting,
        })
    }

    /// When it is to be looked at again.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let waiting = self.all.values().filter(|download| {
            download.is_waiting() && download.offers.as_ref().is_some_and(|offers| !offers.is_empty())
        });
        // One that could begin and has no place waits for another one, not for a time.
        let full = self.n_moving() >= limits::QUEUE_RUNNING;
        let again = waiting.filter(|d| !full || d.is_small()).filter_map(|d| d.again);
        again.chain(self.marks_due).chain(self.discards.poll_timeout()).min()
    }

    /// What is to be written. `is_last`: nothing comes after it.
    pub(super) fn take_rows(&mut self, now: Time, is_last: bool) -> Vec<LedgerRow> {
        let mut rows = core::mem::take(&mut self.gone);
        let are_marks_due = is_last || self.marks_due.is_some_and(|due| due <= now);
        if are_marks_due {
            self.marks_due = None;
        }
        for (id, unwritten) in &mut self.unwritten {
            let Some(download) = self.all.get(id) else { continue };
            // What is here goes with how it stands, or the one would tell of a time before the other.
            let are_marks_wanted = unwritten.marks && (are_marks_due || unwritten.state);
            if core::mem::take(&mut unwritten.files) {
                rows.push(rows::files(*id, download));
            }
            if core::mem::take(&mut unwritten.state) {
                rows.push(rows::state(*id, download));
            }
            if are_marks_wanted {
                unwritten.marks = false;
                rows.push(rows::marks(*id, download));
            }
        }
        self.unwritten.retain(|_, unwritten| unwritten.marks);
        rows
    }

    fn forget(&mut self, id: JobId) {
        if self.all.remove(&id).is_some() {
            self.unwritten.remove(&id);
            self.gone.extend(rows::without(id));
            self.discards.handle_ended(id);
        }
    }
}

/// True if it runs, and somebody gives something of it.
fn is_moving(download: &QueuedDownload) -> bool {
    matches!(download.run, QueueRun::Running { is_stuck: false } | QueueRun::Stopping(_))
}

/// A download was asked for once more. While it rests, what had come may have been removed, and is looked for again.
pub(super) fn want_again(queue: &mut Queue, id: JobId) {
    if let Some(download) = queue.all.get_mut(&id)
        && download.want_again()
    {
        queue.unwritten.entry(id).or_default().marks = true;
    }
}

/// True if what failed so comes all the same once somebody else is here.
fn may_come(failure: &Failure) -> bool {
    failure.code == Code::NoHolder && !is_changed(failure)
}

/// How long those who did not give something are not tried again, after so many times.
fn again_after(tries: u32) -> Duration {
    let doubled = limits::QUEUE_AGAIN.saturating_mul(1 << tries.saturating_sub(1).min(16));
    doubled.min(limits::QUEUE_AGAIN_MOST)
}
