//! A search, step by step. Pure.

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
use super::scan::{Scan, ScanStep};
use super::segment::Segment;
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
    known: FolderMatch,
    /// Where it lies; of no interest unless files are looked for somewhere.
    at: FolderPlace,
    /// As its owner writes it, with a slash at its end unless it is that at the top; empty until it is needed.
    path: String,
}

/// A row that has all words.
#[derive(Clone, Copy, Debug)]
struct MatchingRow {
    folder: usize,
    row: usize,
    /// Words that do not occur in its name.
    outside: u8,
}

impl Search {
    /// Of which the best `most` hits are wanted; a thousand are shown at most.
    #[must_use]
    pub fn new(query: Query, most: usize) -> Self {
        let at = query.at.as_ref().map(PlaceFilter::new);
        let matcher = Matcher::new(&query.words, at.as_ref().map(PlaceFilter::longest_component));
        let types = TypeFilter::new(&query.types);
        let best = Best::new(most.min(limits::HITS));
        let (place, folder) = (Place::default(), CurrentFolder::default());
        Self { query, matcher, types, at, best, hits: NumberSet::default(), place, folder, changes: None }
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
                    ScanStep::Row { folder, row } => {
                        work += self.look_at(index, owner, segment, folder, row);
                    }
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
    fn look_at(
        &mut self,
        index: &Index,
        owner: &IndexedOwner,
        segment: &Segment,
        folder: usize,
        row: usize,
    ) -> usize {
        if segment.is_dead(row) {
            return limits::ROW_WORK;
        }
        let folder_line = segment.folder_line(folder);
        let mut work = limits::ROW_WORK;
        if self.folder.number != Some(folder) {
            let known = self.matcher.folder(folder_line);
            self.folder.number = Some(folder);
            self.folder.known = known;
            self.folder.at = self.at.as_ref().map_or(FolderPlace::Below, |at| at.folder(segment, folder));
            self.folder.path.clear();
            work += folder_line.len() * self.matcher.len();
        }
        if self.folder.at == FolderPlace::Elsewhere {
            return work;
        }
        let name = segment.name_line(folder, row);
        work += name.len() * self.matcher.len();
        let packed = segment.row(row);
        let query = &self.query;
        let is_size =
            || query.size == (0..=u64::MAX) || query.size.contains(&index.contents.size(packed.content));
        let is_newer = query.newer.is_none_or(|newer| packed.modified >= newer);
        let is_file =
            || query.file.as_ref().is_none_or(|file| file.is_of(index.contents.claim(packed.content).0));
        let is_there = || match (&self.at, self.folder.at) {
            (Some(at), FolderPlace::Around) => at.is_file(segment, folder, row),
            _ => true,
        };
        let outside = self.matcher.outside(self.folder.known, folder_line, name);
        let is_wanted = || is_newer && self.types.allows(name) && is_size() && is_file() && is_there();
        if let Some(outside) = outside.filter(|_| is_wanted()) {
            self.take(index, owner.peer, segment, MatchingRow { folder, row, outside });
        }
        work
    }

    fn take(&mut self, index: &Index, owner: PeerId, segment: &Segment, answer: MatchingRow) {
        let MatchingRow { folder, row, outside } = answer;
        let packed = segment.row(row);
        self.hits.insert(packed.content as usize);
        let copies = index.contents.copies(packed.content);
        if self.folder.path.is_empty() {
            segment.push_folder(folder, &mut self.folder.path);
            if !self.folder.path.is_empty() {
                self.folder.path.push('/');
            }
        }
        // Most hits cannot be among the best, however well they answer: of those no more has to be known.
        if !self.best.may_take(Rank { outside, inside: 0 }, copies, &self.folder.path) {
            return;
        }
        let (folder_line, name) = (segment.folder_line(folder), segment.name_line(folder, row));
        let inside = self.matcher.inside(self.folder.known, folder_line, name);
        let rank = Rank { outside, inside };
        if !self.best.may_take(rank, copies, &self.folder.path) {
            return;
        }
        let mut path = self.folder.path.clone();
        segment.push_name(folder, row, &mut path);
        let (modified, content) = (packed.modified, packed.content);
        self.best.offer(RankedRow { rank, copies, path, modified, owner, content });
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
