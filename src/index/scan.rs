//! Which rows of a segment may answer a search: those in whose folder or name the rarest word occurs. Pure.

use memchr::memchr;
use memchr::memmem::Finder;

use super::limits;
use super::segment::{END, Segment};

/// How far a segment was looked through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    /// The text before it was looked through.
    at: usize,
    folder: usize,
    row: usize,
    /// Rows before it may all answer, for their folder does.
    until: usize,
}

/// What comes next in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanStep {
    /// This row may answer.
    Row {
        /// Its folder.
        folder: usize,
        /// Its number.
        row: usize,
    },
    /// Nothing in the piece of text that was looked at.
    Nothing,
    /// There is no more text.
    End,
}

impl Scan {
    /// Looks for the next row in which the pivot occurs, or else for the next row. Counts bytes that were looked at
    /// as work.
    pub(super) fn next(
        &mut self,
        segment: &Segment,
        pivot: Option<&Finder<'static>>,
        work: &mut usize,
    ) -> ScanStep {
        if self.row < self.until {
            return self.step(segment);
        }
        let text = segment.text();
        if self.at >= text.len() {
            return ScanStep::End;
        }
        let Some(pivot) = pivot else {
            return self.all_of_folder(segment, segment.folder_at(self.folder, self.at));
        };
        let window = self.at + limits::WINDOW.min(text.len() - self.at);
        // A line is not cut: what is looked for lies within one.
        let window = memchr(END, &text[window..]).map_or(text.len(), |end| window + end);
        let Some(found) = pivot.find(&text[self.at..window]) else {
            *work += window - self.at;
            self.at = window;
            return ScanStep::Nothing;
        };
        *work += found;
        let found = self.at + found;
        let folder = segment.folder_at(self.folder, found);
        let first = segment.first_row(folder);
        if found < segment.name_start(first) {
            return self.all_of_folder(segment, folder);
        }
        self.folder = folder;
        self.row = segment.row_at(folder, self.row, found);
        self.step(segment)
    }

    /// From now on all rows of a folder may answer.
    fn all_of_folder(&mut self, segment: &Segment, folder: usize) -> ScanStep {
        self.folder = folder;
        self.row = segment.first_row(folder);
        self.until = segment.first_row(folder + 1);
        self.step(segment)
    }

    fn step(&mut self, segment: &Segment) -> ScanStep {
        let (folder, row) = (self.folder, self.row);
        self.at = segment.behind(folder, row);
        self.row += 1;
        ScanStep::Row { folder, row }
    }
}
