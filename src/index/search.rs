//! A search, step by step. Pure.

use core::cmp::Ordering;

use super::Index;
use super::best::{Best, RankedRow};
use super::file_type::TypeFilter;
use super::found::{Found, Hit, Rank};
use super::limits;
use super::matching::{FolderMatch, Matcher};
use super::number_set::NumberSet;
use super::owner::IndexedOwner;
use super::place_filter::{FolderPlace, PlaceFilter};
use super::query::Query;
use super::scan::{Scan, ScanStep, ScannedRow};
use super::segment::{PackedRow, Segment};
use crate::identity::PeerId;

/// A search that is under way. It is advanced step by step, and may be looked at between the steps.
///
/// It finds what is in the index at one moment: when the index changed between two steps, it begins again. So
/// whoever hosts both lets changes wait while a search is under way, which takes less than a tenth of a second for a
/// million files.
#[derive(Debug)]
pub struct Search {
    query: Query,
    matcher: Matcher,
    types: TypeFilter,
    /// Something else than words is wanted of a row.
    is_narrowed: bool,
    at: Option<PlaceFilter>,
    best: Best,
    /// Contents that are hits.
    hits: NumberSet,
    place: Place,
    folder: CurrentFolder,
    /// The state of the index that is looked through.
    changes: Option<u64>,
}

/// Where a search is.
#[derive(Debug, Default)]
struct Place {
    owner: usize,
    segment: usize,
    scan: Scan,
}

/// The folder whose rows are looked at.
#[derive(Debug, Default)]
struct CurrentFolder {
    number: Option<usize>,
    /// Where its line begins and ends in the text.
    line: (usize, usize),
    known: FolderMatch,
    /// All words occur in it.
    has_all: bool,
    /// Where it lies; of no interest unless files are looked for somewhere.
    at: FolderPlace,
    /// As its owner writes it, with a slash at its end unless it is that at the top; empty until it is needed.
    path: String,
}

impl Search {
    /// Of which the best `most` hits are wanted; a thousand are shown at most.
    #[must_use]
    pub fn new(query: Query, most: usize) -> Self {
        let at = query.at.as_ref().map(PlaceFilter::new);
        let matcher = Matcher::new(&query.words, at.as_ref().map(PlaceFilter::longest_component));
        let types = TypeFilter::new(&query.types);
        let is_narrowed = !query.types.is_empty()
            || query.newer.is_some()
            || query.file.is_some()
            || query.size != (0..=u64::MAX);
        let best = Best::new(most.min(limits::HITS));
        let (hits, place, folder) = (NumberSet::default(), Place::default(), CurrentFolder::default());
        Self { query, matcher, types, is_narrowed, at, best, hits, place, folder, changes: None }
    }

    /// Goes on, and stops soon after `budget` bytes of paths were looked at. True if nothing is left to look at.
    pub fn advance(&mut self, index: &Index, budget: usize) -> bool {
        if self.changes.replace(index.changes) != Some(index.changes) {
            self.best = Best::new(self.best.most());
            self.hits = NumberSet::default();
            self.go_to(Place::default());
        }
        let mut work = 0;
        while let Some(slot) = index.slots.get(self.place.owner) {
            let wanted = slot
                .as_ref()
                .filter(|owner| self.query.owners.as_ref().is_none_or(|owners| owners.contains(&owner.peer)));
            let segment = wanted.and_then(|owner| Some((owner, owner.segments.get(self.place.segment)?)));
            let Some((owner, segment)) = segment else {
                self.go_to(Place { owner: self.place.owner + 1, ..Place::default() });
                continue;
            };
            loop {
                if work >= budget {
                    return false;
                }
                match self.place.scan.next(segment, self.matcher.pivot(), &mut work) {
                    ScanStep::Row(row) => work += self.look_at(index, owner, segment, row),
                    ScanStep::Nothing => {}
                    ScanStep::End => break,
                }
            }
            // So that it ends, however many segments have nothing in them.
            work += limits::ROW_WORK;
            let Place { owner, segment, .. } = self.place;
            self.go_to(Place { owner, segment: segment + 1, scan: Scan::default() });
        }
        true
    }

    fn go_to(&mut self, place: Place) {
        self.place = place;
        self.folder.number = None;
    }

    /// Takes a row if it answers. Returns how much work that was.
    #[inline]
    fn look_at(
        &mut self,
        index: &Index,
        owner: &IndexedOwner,
        segment: &Segment,
        scanned: ScannedRow,
    ) -> usize {
        let ScannedRow { folder, row, name, is_named } = scanned;
        if segment.is_dead(row) {
            return limits::ROW_WORK;
        }
        let mut work = limits::ROW_WORK;
        if self.folder.number != Some(folder) {
            work += self.enter(segment, folder);
        }
        if self.folder.at == FolderPlace::Elsewhere {
            return work;
        }
        let is_narrowed = self.is_narrowed || self.folder.at == FolderPlace::Around;
        let mut outside = 0;
        // What its folder has need not be looked for in its name before it is ranked.
        if is_narrowed || !self.folder.has_all {
            let name = &segment.text()[name.0..name.1];
            work += name.len() * self.matcher.len();
            let folder_line = &segment.text()[self.folder.line.0..self.folder.line.1];
            let Some(named) = self.matcher.name(self.folder.known, folder_line, name, is_named) else {
                return work;
            };
            if is_narrowed
                && !(self.allows(index, segment.row(row), name) && self.is_there(segment, folder, row))
            {
                return work;
            }
            outside = self.matcher.outside(named);
        }
        let content = segment.row(row).content;
        self.hits.insert(content as usize);
        // Most hits cannot be among the best, however well they answer: of those no more has to be known.
        let copies = index.contents.copies(content);
        if self.best.standing(Rank { outside, inside: 0 }, copies) != Ordering::Greater {
            work += self.rank(owner.peer, segment, row, copies);
        }
        work
    }

    /// Looks at a folder. Returns how much work that was.
    fn enter(&mut self, segment: &Segment, folder: usize) -> usize {
        let line = segment.folder_span(folder);
        self.folder.number = Some(folder);
        self.folder.line = line;
        self.folder.known = self.matcher.folder(&segment.text()[line.0..line.1]);
        self.folder.has_all = self.matcher.has_all(self.folder.known);
        self.folder.at = self.at.as_ref().map_or(FolderPlace::Below, |at| at.folder(segment, folder));
        self.folder.path.clear();
        (line.1 - line.0) * self.matcher.len()
    }

    /// Whether a row is of those to which the search is narrowed, but for their words.
    fn allows(&self, index: &Index, row: &PackedRow, name: &[u8]) -> bool {
        let query = &self.query;
        query.newer.is_none_or(|newer| row.modified >= newer)
            && self.types.allows(name)
            && (query.size == (0..=u64::MAX) || query.size.contains(&index.contents.size(row.content)))
            && query.file.as_ref().is_none_or(|file| file.is_of(index.contents.claim(row.content).0))
    }

    /// Whether a row of the current folder lies where it is looked for.
    fn is_there(&self, segment: &Segment, folder: usize, row: usize) -> bool {
        match (&self.at, self.folder.at) {
            (Some(at), FolderPlace::Around) => at.has_row(segment, folder, row),
            _ => true,
        }
    }

    /// Takes a hit if it is among the best. Returns how much work that was.
    fn rank(&mut self, owner: PeerId, segment: &Segment, row: usize, copies: u32) -> usize {
        let (line, known) = (self.folder.line, self.folder.known);
        let folder = self.folder.number.unwrap_or_default();
        let (folder_line, name) = (&segment.text()[line.0..line.1], segment.name_line(folder, row));
        let work = name.len() * self.matcher.len();
        // Where each word must begin a word of the name, most names are not looked at to the end.
        let is_best_only = self.best.standing(Rank { outside: 0, inside: 1 }, copies) == Ordering::Greater;
        let rank = match is_best_only {
            true if !self.matcher.all_begin(name) => return work,
            true => Rank::default(),
            false => self.matcher.rank(known, folder_line, name),
        };
        let standing = self.best.standing(rank, copies);
        if standing == Ordering::Greater {
            return work;
        }
        if self.folder.path.is_empty() {
            segment.push_folder(folder, &mut self.folder.path);
            if !self.folder.path.is_empty() {
                self.folder.path.push('/');
            }
        }
        if standing == Ordering::Equal && !self.best.may_take(&self.folder.path) {
            return work;
        }
        let mut path = self.folder.path.clone();
        segment.push_name(folder, row, &mut path);
        let PackedRow { content, modified, .. } = *segment.row(row);
        self.best.offer(RankedRow { rank, copies, path, modified, owner, content });
        work
    }

    /// What was found so far: when nothing is left to look at, that is all. Nothing, if the index changed since.
    #[must_use]
    pub fn found(&self, index: &Index) -> Found {
        if self.changes != Some(index.changes) {
            return Found::default();
        }
        let hits: Vec<_> = self.best.as_slice().iter().filter_map(|c| hit(index, c)).collect();
        Found { more: self.hits.count().saturating_sub(hits.len()) as u64, hits }
    }
}

fn hit(index: &Index, candidate: &RankedRow) -> Option<Hit> {
    let RankedRow { rank, copies, path, modified, owner, content } = candidate;
    let (file, size) = index.contents.claim(*content);
    // Invariant: it was a safe path when it was taken apart.
    let path = path.parse().ok()?;
    let mut others: Vec<_> = index.holders_of(*content).filter(|o| o != owner).collect();
    others.sort_unstable();
    others.truncate(limits::HIT_OWNERS - 1);
    let owners = [*owner].into_iter().chain(others).collect();
    Some(Hit { path, size, file, modified: *modified, owners, copies: *copies, rank: *rank })
}
