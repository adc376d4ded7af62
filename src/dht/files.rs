//! Which files this peer has nodes know that it has, and which it asks for. Pure.
//!
//! A file has a number of its own in each month. That this peer has it is announced by this peer itself, as often as
//! sites are; near the end of a month under both numbers. Who has a file is asked as long as somebody wants to know.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::keys::{TableId, TableKeys};
use super::limits;
use super::machine::SiteQuestion;
use super::moment::Moment;
use super::spread::Spread;
use crate::content::FileId;
use crate::time::Time;

/// A question about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileQuestion {
    pub(super) file: FileId,
    month: u64,
    /// What the nodes are asked.
    pub(super) asked: SiteQuestion,
}

/// The announcement of a file in one month.
#[derive(Clone, Copy, Debug)]
struct FileMonth {
    /// When it is made, or made again.
    due: Time,
    /// True if nodes took the last one.
    is_taken: bool,
}

/// A file that this peer has.
#[derive(Debug, Default)]
struct AnnouncedFile {
    months: BTreeMap<u64, FileMonth>,
    /// What was told of it last.
    is_known: bool,
}

/// A file that somebody wants.
#[derive(Debug)]
struct SoughtFile {
    next: Time,
    pause: Duration,
}

/// All of them.
#[derive(Debug)]
pub(super) struct FileTopics {
    spread: Spread,
    /// At most [`limits::FILES`].
    announced: BTreeMap<FileId, AnnouncedFile>,
    /// At most [`limits::SOUGHT`].
    sought: BTreeMap<FileId, SoughtFile>,
    /// Numbers about which a question is open; at most [`limits::FILE_QUESTIONS`].
    open: BTreeSet<TableId>,
}

impl FileTopics {
    /// None yet.
    pub(super) const fn new(seed: [u8; 32]) -> Self {
        let spread = Spread::new(seed);
        Self { spread, announced: BTreeMap::new(), sought: BTreeMap::new(), open: BTreeSet::new() }
    }

    /// This peer has these, and others are to find that; and no others.
    pub(super) fn handle_files(&mut self, files: &BTreeSet<FileId>) {
        self.announced.retain(|file, _| files.contains(file));
        for file in files.iter().take(limits::FILES) {
            self.announced.entry(*file).or_default();
        }
    }

    /// Somebody wants to know who has this file.
    pub(super) fn handle_seek(&mut self, now: Time, file: FileId) {
        if self.sought.len() < limits::SOUGHT {
            self.sought.entry(file).or_insert(SoughtFile { next: now, pause: limits::SEEK_AGAIN });
        }
    }

    /// Nobody wants to know that any more.
    pub(super) fn handle_seek_over(&mut self, file: FileId) {
        self.sought.remove(&file);
    }

    /// What is announced is no longer so: all is asked and announced again, at once. The files of which nodes knew.
    pub(super) fn handle_changed(&mut self, now: Time) -> Vec<FileId> {
        self.announced.values_mut().for_each(|file| file.months.clear());
        self.sought.values_mut().for_each(|file| *file = SoughtFile { next: now, pause: limits::SEEK_AGAIN });
        let was_known =
            |(id, file): (&FileId, &mut AnnouncedFile)| core::mem::take(&mut file.is_known).then_some(*id);
        self.announced.iter_mut().filter_map(was_known).collect()
    }

    /// There is another node, or none: what was asked of the last one is over.
    pub(super) fn handle_node(&mut self, now: Time) -> Vec<FileId> {
        self.open.clear();
        self.handle_changed(now)
    }

    /// What is to be asked now, by a peer that others dial at this port. What somebody waits for comes first.
    pub(super) fn handle_timeout(
        &mut self,
        moment: Moment,
        keys: &TableKeys,
        port: u16,
    ) -> Vec<FileQuestion> {
        let mut questions = Vec::new();
        let months = moment.months();
        for (file, sought) in self.sought.iter_mut().filter(|(_, sought)| sought.next <= moment.now) {
            sought.next = moment.now + sought.pause;
            sought.pause *= 2;
            for month in &months {
                let id = keys.file(*file, *month);
                if self.open.len() < limits::FILE_QUESTIONS && self.open.insert(id) {
                    let asked = SiteQuestion::Peers(id);
                    questions.push(FileQuestion { file: *file, month: *month, asked });
                }
            }
        }
        for (file, announced) in &mut self.announced {
            announced.months.retain(|month, _| months.contains(month));
            for month in &months {
                let new = FileMonth { due: moment.now, is_taken: false };
                let of_month = announced.months.entry(*month).or_insert(new);
                let id = keys.file(*file, *month);
                let is_due = of_month.due <= moment.now && self.open.len() < limits::FILE_QUESTIONS;
                if is_due && self.open.insert(id) {
                    of_month.due = moment.now + self.spread.of(limits::EVERY);
                    let asked = SiteQuestion::Announce(id, port);
                    questions.push(FileQuestion { file: *file, month: *month, asked });
                }
            }
        }
        questions
    }

    /// A question is over. `Some`: nodes know of the file from now on, or no longer.
    pub(super) fn handle_over(
        &mut self,
        now: Time,
        question: FileQuestion,
        is_taken: bool,
        port: Option<u16>,
    ) -> Option<bool> {
        self.open.remove(&question.asked.id());
        let SiteQuestion::Announce(_, said) = question.asked else { return None };
        let announced = self.announced.get_mut(&question.file)?;
        let of_month = announced.months.get_mut(&question.month)?;
        of_month.is_taken = is_taken && port == Some(said);
        if !of_month.is_taken {
            of_month.due = of_month.due.min(now + limits::RETRY);
        }
        let is_known = announced.months.values().all(|month| month.is_taken);
        (core::mem::replace(&mut announced.is_known, is_known) != is_known).then_some(is_known)
    }

    /// True as long as somebody wants to know who has it.
    pub(super) fn seeks(&self, file: FileId) -> bool {
        self.sought.contains_key(&file)
    }

    /// When [`Self::handle_timeout`] is due; with as many questions open as may be, one that ends says so.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        if self.open.len() >= limits::FILE_QUESTIONS {
            return None;
        }
        let sought = self.sought.values().map(|sought| sought.next);
        let announced = self.announced.values().flat_map(|file| {
            let none = file.months.is_empty().then_some(Time::ZERO);
            file.months.values().map(|month| month.due).chain(none)
        });
        sought.chain(announced).min()
    }
}
