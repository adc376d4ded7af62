//! What is sent and fetched: who is served now, and a log of what was, which outlives restarts. Pure.
//!
//! `sent.rs` has what others got from here, in equal shares of their hosts, `fetched.rs` the downloads that ended,
//! `rows.rs` how both lie in the database, `log.rs` what `log` shows of them.

mod fetched;
mod log;
mod rows;
mod sent;
#[cfg(test)]
mod tests;

pub(super) use self::fetched::EndedDownload;
use self::fetched::{FetchedLog, FetchedRecord};
pub(super) use self::log::{LogFilter, rows as log_rows};
use self::rows::TransferRecord;
use self::sent::{NotedPart, RecordPlace};
pub(super) use self::sent::{SentLog, SentRecord};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::happenings::{download_ended, upload};
use super::limits;
use super::offers::Offers;
use super::output::{Outputs, PeerOutput};
use super::roster::Roster;
use super::uploads::Uploads;
use crate::control::{DownloadOutcome, WatchKind};
use crate::identity::PeerId;
use crate::library::Shelf;
use crate::sender::SentPart;
use crate::store::LedgerRow;
use crate::time::Time;

/// While somebody watches, it is looked this often whether more is asked for of what is being sent.
const LOOK: Duration = Duration::from_secs(1);

/// The date, as this machine has it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calendar {
    at: Time,
    /// Milliseconds since 1970.
    date: u64,
}

impl Calendar {
    /// It is this date now, in milliseconds since 1970.
    pub(crate) const fn set(&mut self, now: Time, date: u64) {
        (self.at, self.date) = (now, date);
    }

    /// The date at this time, in milliseconds since 1970.
    pub(crate) fn date(&self, at: Time) -> u64 {
        let later = u64::try_from(at.since(self.at).as_millis()).unwrap_or(u64::MAX);
        self.date.saturating_add(later)
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    pub(super) calendar: Calendar,
    /// Who is served now.
    pub(super) uploads: Uploads,
    pub(super) sent: SentLog,
    pub(super) fetched: FetchedLog,
    /// What others want to send to this peer, and what it wants to send to them.
    pub(super) offers: Offers,
    /// What is being sent, as those were told who watch.
    told: BTreeSet<RecordPlace>,
    /// When what changed is to be written, and when it is to be looked what ended.
    due: Option<Time>,
    look: Option<Time>,
}

impl Transfers {
    /// As it was noted before this start.
    pub(crate) fn restored(now: Time, rows: &[LedgerRow]) -> Self {
        let mut all = Self::default();
        for record in rows.iter().filter_map(TransferRecord::of) {
            match record {
                TransferRecord::Sent(place, record) => all.sent.restore(now, place, record),
                TransferRecord::Fetched(place, record) => all.fetched.restore(place, record),
            }
        }
        all.plan(now);
        all
    }

    /// Some of these files was sent.
    pub(super) fn sent(
        &mut self,
        now: Time,
        parts: &[SentPart],
        roster: &Roster,
        shelf: &Shelf,
        out: &mut Outputs,
    ) {
        let date = self.calendar.date(now);
        for part in parts {
            let path = shelf.files.get(&part.file).map(|file| &file.path);
            let noted = self.sent.note(now, date, part, &roster.name(part.to.peer), path);
            if let Some(noted) = noted.filter(|_| out.is_watched()) {
                self.tell(now, noted, out);
            }
        }
        self.plan(now);
    }

    /// Tells those who watch what is sent.
    fn tell(&mut self, now: Time, noted: NotedPart, out: &mut Outputs) {
        let NotedPart { place, is_new, is_last } = noted;
        let Some(record) = self.sent.get(place) else { return };
        let is_first = self.told.insert(place) || is_new;
        if is_first {
            out.event(|| upload(WatchKind::UploadStarted, record));
        }
        if is_last {
            out.event(|| upload(WatchKind::UploadEnded, record));
        } else if !is_first {
            out.event(|| upload(WatchKind::UploadProgress, record));
        }
        if is_last || record.is_whole() {
            self.told.remove(&place);
        }
        self.look.get_or_insert(now + LOOK);
    }

    /// Tells those who watch of what nothing more was asked for.
    fn look(&mut self, now: Time, out: &mut Outputs) {
        let date = self.calendar.date(now);
        let is_over =
            |place: &RecordPlace| self.sent.get(*place).is_none_or(|record| !record.is_running(date));
        let over: Vec<RecordPlace> = self.told.iter().copied().filter(is_over).collect();
        for place in over {
            self.told.remove(&place);
            if let Some(record) = self.sent.get(place) {
                out.event(|| upload(WatchKind::UploadEnded, record));
            }
        }
        if !out.is_watched() {
            self.told.clear();
        }
        self.look = (!self.told.is_empty()).then_some(now + LOOK);
    }

    /// A download ended, or rests. Of one that rests what came is noted: it may be tried often in vain.
    pub(super) fn ended(&mut self, now: Time, ended: EndedDownload, out: &mut Outputs) {
        out.event(|| download_ended(&ended));
        if ended.sum.outcome == DownloadOutcome::Waiting && ended.sum.fetched == 0 {
            return;
        }
        self.fetched.add(FetchedRecord::of(self.calendar.date(now), ended));
        self.plan(now);
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.due.into_iter().chain(self.look).min()
    }

    /// Has written what is due.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        if self.due.take_if(|due| *due <= now).is_some() {
            self.write(limits::LOG_WRITTEN_AT_ONCE, out);
            self.plan(now);
        }
        if self.look.is_some_and(|look| look <= now) {
            self.look(now, out);
        }
    }

    /// This peer ends: all is written.
    pub(super) fn finish(&mut self, out: &mut Outputs) {
        self.write(usize::MAX, out);
        self.due = None;
    }

    fn plan(&mut self, now: Time) {
        if self.sent.is_changed() || self.fetched.is_changed() {
            self.due.get_or_insert(now + limits::LOG_WRITTEN);
        }
    }

    fn write(&mut self, most: usize, out: &mut Outputs) {
        let sent = self.sent.take_changed(most).into_iter();
        let sent = sent.map(|(place, record)| rows::sent_row(place, record));
        let fetched = self.fetched.take_changed().into_iter();
        let fetched = fetched.map(|(place, record)| rows::fetched_row(place, record));
        let rows: Vec<LedgerRow> = sent.chain(fetched).collect();
        if !rows.is_empty() {
            out.push(PeerOutput::Transfers(rows));
        }
    }
}

/// Those who are here, or something was sent to or fetched from, and what they are called, or were then.
pub(super) fn known_names<'a>(transfers: &'a Transfers, roster: &'a Roster) -> BTreeMap<PeerId, &'a str> {
    let mut names: BTreeMap<PeerId, &str> = BTreeMap::new();
    for (_, record) in transfers.fetched.iter() {
        names.extend(record.from.iter().map(|(peer, name)| (*peer, name.as_str())));
    }
    names.extend(transfers.sent.iter().map(|(_, record)| (record.to.peer, record.name.as_ref())));
    names.extend(roster.iter().map(|(peer, member)| (*peer, member.info.name.as_str())));
    names
}
