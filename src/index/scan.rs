//! Which rows of a segment may answer a search: those in whose folder or name the rarest word occurs. Pure.

use memchr::memchr;

use super::limits;
use super::matching::Pivot;
use super::segment::{END, FolderSpan, Segment};

/// How far a segment was looked through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    /// The text before it was looked through.
    at: usize,
    /// Where the piece of text ends that is looked at.
    window: usize,
    /// The folder that was looked at last.
    folder: FolderSpan,
    row: usize,
    /// Rows before it may all answer, for their folder does.
    until: usize,
}

/// A row that may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScannedRow {
    /// Its folder.
    pub(super) folder: usize,
    /// Its number.
    pub(super) row: usize,
    /// Where the line of its name begins and ends in the text.
    pub(super) name: (usize, usize),
    /// The pivot was found in its name. If not, it may be there all the same.
    pub(super) is_named: bool,
}

/// What comes next in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanStep {
    /// This row may answer.
    Row(ScannedRow),
    /// Nothing in the piece of text that was looked at.
    Nothing,
    /// There is no more text.
    End,
}

impl Scan {
    /// Looks for the next row in which the pivot occurs, or else for the next row. Counts bytes that were looked at
    /// as work.
    #[inline]
    pub(super) fn next(&mut self, segment: &Segment, pivot: Option<&Pivot>, work: &mut usize) -> ScanStep {
        if self.row < self.until {
            return self.step(segment, false);
        }
        let text = segment.text();
        if self.at >= text.len() {
            return ScanStep::End;
        }
        let Some(pivot) = pivot else {
            self.folder = segment.folder_at(self.folder.number, self.at);
            return self.all_of_folder(segment);
        };
        if self.at >= self.window {
            let window = self.at + limits::WINDOW.min(text.len() - self.at);
            // A line is not cut: what is looked for lies within one.
            self.window = memchr(END, &text[window..]).map_or(text.len(), |end| window + end);
        }
        let Some(found) = pivot.find(&text[self.at..self.window]) else {
            *work += self.window - self.at;
            self.at = self.window;
            return ScanStep::Nothing;
        };
        *work += found;
        let found = self.at + found;
        if found >= self.folder.end {
            self.folder = segment.folder_at(self.folder.number, found);
            self.row = self.folder.first_row;
        }
        if found < self.folder.names {
            return self.all_of_folder(segment);
        }
        self.row = segment.row_at(&self.folder, self.row, found);
        self.step(segment, true)
    }

    /// From now on all rows of the folder may answer.
    fn all_of_folder(&mut self, segment: &Segment) -> ScanStep {
        (self.row, self.until) = (self.folder.first_row, self.folder.end_row);
        self.step(segment, false)
    }

    #[inline]
    fn step(&mut self, segment: &Segment, is_named: bool) -> ScanStep {
        let row = self.row;
        let name = (segment.name_start(row), segment.behind(&self.folder, row) - 1);
        self.at = name.1 + 1;
        self.row += 1;
        ScanStep::Row(ScannedRow { folder: self.folder.number, row, name, is_named })
    }
}
