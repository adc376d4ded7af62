//! What concerns this peer's own files in custody (custody.rs): the catalogue head says what should exist,
//! and is given out only after the machine knows what lies in `shared/`; what was lost comes back; a
//! departure waits until others keep all of it.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::custody::Act;
use super::{Controller, reply};
use crate::content::{Catalogue, Entry, EntryKind, FileId, SafePath, Span};
use crate::control::{NotKept, NotKeptReason, Notice, Reply};
use crate::custody::handoff::{self, HandoffProgress, HandoffReport};
use crate::identity::PeerId;
use crate::lan;
use crate::library::Shelf;
use crate::peer::away::whole_or_some;
use crate::peer::limits;
use crate::receiver::{ReceiverCommand, ReceiverHandle};
use crate::swarm::{JobId, Wanted};
use crate::sys::clock;
use crate::time::Time;
use crate::wire::custody::KeeperReport;

/// Making a head takes time with many files: the next one is made after so many times as long.
const PACE: u32 = 5;

/// What did not come back is tried again after this time.
const RESTORE_AGAIN: Duration = Duration::from_secs(30);

/// Between the request to have files back and the job: they come one by one.
const RESTORE_SOON: Duration = Duration::from_millis(50);

/// How far a departure is, is reported once in this time.
const TELL_LEAVING: Duration = Duration::from_millis(250);

/// A head of this peer's, to be given out once it is recorded.
#[derive(Clone, Debug)]
pub(super) struct Announcement {
    version: u64,
    signed: Arc<[u8]>,
    shelf: Arc<Shelf>,
}

/// What is known of own files.
#[derive(Debug, Default)]
pub(in crate::peer) struct OwnFiles {
    /// When the head is made again.
    due: Option<Time>,
    /// Not before that.
    rests_until: Option<Time>,
    /// It is to be given out even if it says what the last one said.
    anyway: bool,
    /// What the last one was made of.
    root: Option<[u8; 32]>,
    /// Entries that it only goes on naming, for they are still to be hashed.
    unsure: usize,
    version: u64,
    /// The newest head, until it is recorded.
    unrecorded: Option<Announcement>,
    /// When what is lost is fetched.
    restore: Option<Time>,
    restoring: Option<JobId>,
    /// Who keeps what of files that are not here.
    reported: BTreeMap<FileId, BTreeMap<PeerId, Span>>,
    rows: usize,
    /// When it was reported how far the departure is.
    reported_leaving: Option<Time>,
}

impl OwnFiles {
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.due.max(self.rests_until).filter(|_| self.due.is_some()), self.restore]
            .into_iter()
            .flatten()
            .min()
    }

    /// True once a head was given out.
    pub(super) const fn is_recorded(&self) -> bool {
        self.version > 0
    }

    /// What is shared, or is to be named, changed.
    pub(super) fn look_again(&mut self, now: Time) {
        self.due.get_or_insert(now);
    }

    /// Others are to look at this peer again, though it shares what it did.
    pub(super) fn call(&mut self, now: Time) {
        self.anyway = true;
        self.look_again(now);
    }

    pub(super) fn restore_at(&mut self, now: Time) {
        let soon = now + RESTORE_SOON;
        self.restore = Some(self.restore.map_or(soon, |at| at.min(soon)));
    }

    /// True if somebody said that it keeps the content of this file, which is not here.
    pub(super) fn is_kept(&self, entry: &Entry) -> bool {
        matches!(entry.kind, EntryKind::File { id, .. } if self.reported.contains_key(&id))
    }

    /// Nothing is to come back any more.
    pub(super) fn restore_no_more(&mut self, receiver: &ReceiverHandle) {
        self.restore = None;
        if let Some(job) = self.restoring {
            receiver.send(ReceiverCommand::Cancel(job));
        }
    }

    /// A download is over: perhaps the one that brings back what was lost.
    pub(super) fn restored(&mut self, now: Time, job: JobId) {
        if self.restoring == Some(job) {
            self.restoring = None;
            self.restore = Some(now + RESTORE_AGAIN);
        }
    }

    /// Who keeps what of these files need not be remembered: they are here.
    fn forget_reports(&mut self, here: impl Fn(FileId) -> bool) {
        self.reported.retain(|file, _| !here(*file));
        self.rows = self.reported.values().map(BTreeMap::len).sum();
    }
}

impl Controller {
    /// Does what is due for own files.
    pub(super) fn do_own(&mut self, now: Time) {
        let own = &mut self.custody.own;
        let is_due = own.due.is_some_and(|at| at <= now) && own.rests_until.is_none_or(|at| at <= now);
        if is_due {
            own.due = None;
            self.publish(now);
            // It may have taken a while.
            let cost = clock::now().since(now);
            self.custody.own.rests_until = Some(now + cost * PACE);
        }
        if self.custody.own.restore.is_some_and(|at| at <= now) {
            self.custody.own.restore = None;
            self.restore(now);
        }
    }

    /// Looks at what is shared, and makes the head again. While files are not hashed yet it goes on naming
    /// what lay at their paths before, for what is not known to be gone is not gone.
    fn publish(&mut self, now: Time) {
        if self.state.leaving.is_some() {
            return;
        }
        let shelf = Arc::clone(&self.state.shelf);
        self.custody.own.forget_reports(|file| shelf.files.contains_key(&file));
        let machine = &mut self.custody.machine;
        let waiting = shelf.waiting.as_deref().filter(|_| self.state.scanned);
        let lacks = |e: &&Entry| shelf.catalogue.get(&e.path).is_none();
        let unsure: BTreeMap<SafePath, Option<EntryKind>> = match waiting {
            Some([]) => BTreeMap::new(),
            Some(waiting) => {
                let waiting: BTreeSet<&SafePath> = waiting.iter().collect();
                // Of what lies in a folder that cannot be read nothing is known either.
                let waits = |path: &SafePath| {
                    std::iter::successors(Some(path.clone()), SafePath::parent).any(|p| waiting.contains(&p))
                };
                let unsure = machine.recovery().named().filter(lacks).filter(|e| waits(&e.path));
                unsure.map(|e| (e.path.clone(), Some(e.kind.clone()))).collect()
            }
            None => machine
                .recovery()
                .named()
                .filter(lacks)
                .map(|e| (e.path.clone(), Some(e.kind.clone())))
                .collect(),
        };
        let found = with(&shelf.catalogue, &unsure);
        if waiting.is_some() {
            machine.scanned(now, shelf.marker, &Arc::new(found.clone()));
        }
        let intends = machine.recovery().intends().filter(|e| found.get(&e.path).is_none());
        let intends = intends.map(|e| (e.path.clone(), Some(e.kind.clone()))).collect();
        let catalogue = with(&found, &intends);
        let root = crate::content::catalogue::root_of(catalogue.digests());
        let own = &mut self.custody.own;
        // What was named and could not be had is asked for no more, until others look at this peer again.
        own.anyway |= unsure.len() < own.unsure;
        own.unsure = unsure.len();
        let anyway = std::mem::take(&mut own.anyway);
        if own.root == Some(root) && !anyway {
            // What is named did not change, but perhaps other files are behind it.
            self.custody.machine.shares(&catalogue);
            return self.serve(&shelf, catalogue);
        }
        own.root = Some(root);
        own.version += 1;
        let version = own.version;
        let head = catalogue.head(self.identity.public(), self.instance, version);
        let signed: Arc<[u8]> = head.sign(&self.identity).into();
        self.custody.machine.published(now, &signed, &catalogue);
        let shelf = Arc::new(Shelf { catalogue, ..(*shelf).clone() });
        // Behind the records of it.
        self.custody_outputs();
        let announcement = Announcement { version, signed, shelf };
        self.custody.own.unrecorded = Some(announcement.clone());
        self.custody.push(Act::Announce(Box::new(announcement)));
    }

    /// The disk takes no records: what is shared is given out all the same, only no copies of it are made.
    pub(super) fn announce_unrecorded(&mut self) {
        if let Some(announcement) = self.custody.own.unrecorded.take() {
            self.announce(announcement);
        }
    }

    fn serve(&mut self, shelf: &Shelf, catalogue: Catalogue) {
        if !self.state.head.is_empty() {
            self.state.offered = Arc::new(Shelf { catalogue, ..shelf.clone() });
            self.offer();
        }
    }

    /// The head is recorded: from now on others get it.
    pub(super) fn announce(&mut self, announcement: Announcement) {
        let Announcement { version, signed, shelf } = announcement;
        if version <= self.own.catalogue {
            return;
        }
        self.custody.own.unrecorded.take_if(|newest| newest.version == version);
        self.state.head = signed;
        self.state.offered = shelf;
        self.own.catalogue = version;
        self.offer();
        self.tell_discovery(lan::Command::Own(self.own.clone()));
    }

    /// A peer says what it keeps of this peer's files: it may have to give some of it back.
    pub(super) fn note_report(&mut self, from: PeerId, report: &KeeperReport) {
        if report.origin != self.identity.id() {
            return;
        }
        let own = &mut self.custody.own;
        for row in &report.rows {
            if self.state.shelf.files.contains_key(&row.file) || row.have < row.span.len() {
                continue;
            }
            if own.rows >= limits::CATALOGUE_ENTRIES {
                return;
            }
            if own.reported.entry(row.file).or_default().insert(from, row.span).is_none() {
                own.rows += 1;
                // What comes back may have begun to before anybody said that he keeps it.
                if own.restoring.is_some() {
                    let claim = (row.file, row.size);
                    self.parts.receiver.send(match Span::whole(row.size) == Some(row.span) {
                        true => ReceiverCommand::Holders(claim, vec![from]),
                        false => ReceiverCommand::Swarm(claim, vec![from]),
                    });
                }
            }
        }
    }

    /// Fetches what was lost, if that is not under way.
    fn restore(&mut self, now: Time) {
        if self.custody.own.restoring.is_some() || self.state.leaving.is_some() {
            return;
        }
        let lost: Vec<Entry> = self.custody.machine.recovery().restoring().cloned().collect();
        if lost.is_empty() {
            return;
        }
        let here: Vec<PeerId> = self.state.roster.iter().map(|(id, _)| *id).collect();
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let asked: Arc<str> = Arc::from("restore");
        for entry in lost {
            let EntryKind::File { id, size, modified, executable, .. } = entry.kind else {
                folders.push(entry.path);
                continue;
            };
            let kept = self.custody.own.reported.get(&id);
            let kept = kept.into_iter().flatten().filter(|(peer, _)| here.contains(peer));
            let (holders, mut some) = whole_or_some(size, kept.map(|(peer, span)| (*peer, *span)));
            if holders.is_empty() && some.is_empty() {
                some.clone_from(&here);
            }
            let (asked, to) = (Arc::clone(&asked), entry.path);
            files.push(Wanted { id, size, modified, executable, asked, to, holders, keep: None, some });
        }
        match self.begin_download("restore".to_owned(), None, self.config.shared(), files, folders) {
            Ok(job) => self.custody.own.restoring = Some(job),
            Err(failure) => {
                self.custody.own.restore = Some(now + RESTORE_AGAIN);
                log::warn!("nothing can be restored: {}", failure.message);
            }
        }
    }

    /// Begins to hand own files over, before the departure. False: there is nothing to be handed over.
    pub(super) fn hand_over(&mut self, now: Time) -> bool {
        let shares = self.state.offered.catalogue.entries().any(|e| matches!(e.kind, EntryKind::File { .. }));
        let begins = self.custody.machine.copies().is_on() && shares;
        if begins && self.custody.takes_no_records() {
            // Nothing is accepted or counted any more, so nothing is to be waited for.
            self.nothing_kept();
            return false;
        }
        if begins {
            self.custody.machine.leave(now);
        }
        begins
    }

    /// Says that nobody is known to keep any of this peer's files.
    fn nothing_kept(&mut self) {
        let all = self.paths().into_values().flatten();
        let why = NotKeptReason::Unfinished;
        let mut not_kept: Vec<NotKept> =
            all.map(|(path, size)| NotKept { path: path.to_string(), size, why }).collect();
        let total = not_kept.len() as u64;
        not_kept.truncate(limits::NOT_KEPT_TOLD);
        let report = crate::control::ExitReport { total, safe: 0, once: 0, not_kept };
        self.say_exit_report(report);
    }

    /// How far that is.
    pub(super) fn handing_over(&mut self, now: Time, progress: &HandoffProgress) {
        let own = &mut self.custody.own;
        if own.reported_leaving.is_some_and(|at| now.since(at) < TELL_LEAVING) {
            return;
        }
        own.reported_leaving = Some(now);
        let paths = self.paths();
        let files = |paths: &Vec<_>| paths.len() as u64;
        let total = paths.values().map(files).sum::<u64>();
        let left = progress.left.iter().filter_map(|file| paths.get(file)).map(files).sum::<u64>();
        let (done, bytes_left) = (total.saturating_sub(left), progress.bytes_left);
        self.state.exits.iter().for_each(|exit| reply(exit, Reply::Leaving { done, total, bytes_left }));
        self.notice(Notice::Leaving { done, total, bytes_left });
    }

    /// That is over, as far as it could be done.
    pub(super) fn handed_over(&mut self, now: Time, report: &HandoffReport) {
        let paths = self.paths();
        let of = |file: &FileId| paths.get(file).map_or(&[][..], Vec::as_slice);
        let count = |files: &mut dyn Iterator<Item = &FileId>| files.map(|f| of(f).len() as u64).sum::<u64>();
        let total = paths.values().map(|paths| paths.len() as u64).sum::<u64>();
        let once = count(&mut report.once.iter());
        let lost = count(&mut report.not_kept.iter().map(|(file, _)| file));
        let not_kept = report.not_kept.iter().flat_map(|(file, why)| {
            of(file).iter().map(move |(path, size)| NotKept {
                path: path.to_string(),
                size: *size,
                why: not_kept_why(*why),
            })
        });
        let report = crate::control::ExitReport {
            total,
            safe: total.saturating_sub(once).saturating_sub(lost),
            once,
            not_kept: not_kept.take(limits::NOT_KEPT_TOLD).collect(),
        };
        self.depart(now, report);
    }

    /// The paths of each own content, and its size. The machine counts contents; users count files, of which
    /// several may have the same.
    pub(super) fn paths(&self) -> BTreeMap<FileId, Vec<(&SafePath, u64)>> {
        let mut paths: BTreeMap<FileId, Vec<(&SafePath, u64)>> = BTreeMap::new();
        for entry in self.state.offered.catalogue.entries() {
            if let EntryKind::File { id, size, .. } = entry.kind {
                paths.entry(id).or_default().push((&entry.path, size));
            }
        }
        paths
    }
}

/// Why nobody else keeps a file, as it is reported.
const fn not_kept_why(why: handoff::NotKeptCause) -> NotKeptReason {
    match why {
        handoff::NotKeptCause::NobodyHere => NotKeptReason::NobodyHere,
        handoff::NotKeptCause::NoSpace => NotKeptReason::NoSpace,
        handoff::NotKeptCause::Unfinished => NotKeptReason::Unfinished,
        handoff::NotKeptCause::NotChosen => NotKeptReason::NotChosen,
    }
}

/// A catalogue with these entries, too.
fn with(catalogue: &Catalogue, more: &BTreeMap<SafePath, Option<EntryKind>>) -> Catalogue {
    if more.is_empty() { catalogue.clone() } else { catalogue.changed(more) }
}
