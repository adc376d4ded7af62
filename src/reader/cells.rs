//! What was asked for of a file and has not been taken by whoever reads it, slice by slice. Pure; part of
//! reader/read.rs.
//!
//! The window begins with the slice that is taken next. A slice in it is asked for by its own number, and proved by
//! its path; or its whole chunk is asked for, and proved when all of it came.

use std::collections::VecDeque;

use crate::content::slice::{self, SLICE, SLICE_BYTES};
use crate::content::{ChunkIndex, Chunks};

/// One slice.
#[derive(Debug, Default)]
pub(super) enum SliceCell {
    /// It is to be asked for.
    #[default]
    Free,
    /// It was asked for with this request, and so much of it came.
    Asked(u64, Vec<u8>),
    /// It came, and waits for the rest of its chunk.
    Came(Vec<u8>),
    /// It is what it should be.
    Proved(Vec<u8>),
}

/// The window.
#[derive(Debug)]
pub(super) struct SliceWindow {
    chunks: Chunks,
    /// Number of the first slice.
    base: u64,
    /// Number behind the last one that is wanted.
    end: u64,
    cells: VecDeque<SliceCell>,
}

impl SliceWindow {
    /// For these slices.
    pub(super) const fn new(chunks: Chunks, base: u64, end: u64) -> Self {
        Self { chunks, base, end, cells: VecDeque::new() }
    }

    /// The slice that is taken next.
    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// True if all were taken.
    pub(super) const fn is_over(&self) -> bool {
        self.base >= self.end
    }

    /// Bytes that were not taken.
    pub(super) const fn left(&self) -> u64 {
        self.end.saturating_sub(self.base).saturating_mul(SLICE)
    }

    /// The slice behind the last one of the window.
    pub(super) fn window_end(&self) -> u64 {
        self.base + self.cells.len() as u64
    }

    /// Has a window of this many bytes, where it is not longer already.
    pub(super) fn extend(&mut self, window: u64) {
        let most = self.end.min(self.base.saturating_add((window / SLICE).max(1)));
        while self.window_end() < most {
            self.cells.push_back(SliceCell::Free);
        }
    }

    /// As long as nothing was taken: begins with an earlier slice, and ends with a later one.
    pub(super) fn widen(&mut self, base: u64, end: u64) {
        while self.base > base {
            self.base -= 1;
            self.cells.push_front(SliceCell::Free);
        }
        self.end = self.end.max(end);
    }

    fn at(&self, slice: u64) -> Option<usize> {
        usize::try_from(slice.checked_sub(self.base)?).ok().filter(|at| *at < self.cells.len())
    }

    /// A slice of the window.
    pub(super) fn get(&self, slice: u64) -> Option<&SliceCell> {
        self.cells.get(self.at(slice)?)
    }

    /// True if a slice is in the window and to be asked for.
    pub(super) fn is_free(&self, slice: u64) -> bool {
        matches!(self.get(slice), Some(SliceCell::Free))
    }

    /// The first slice of the window that is to be asked for.
    pub(super) fn first_free(&self) -> Option<u64> {
        let free = self.cells.iter().position(|cell| matches!(cell, SliceCell::Free))?;
        Some(self.base + free as u64)
    }

    /// True if all slices of a chunk are in the window, and each is one of those that `is`.
    pub(super) fn are_all(&self, chunk: ChunkIndex, is: impl Fn(&SliceCell) -> bool) -> bool {
        slice::of_chunk(self.chunks, chunk).all(|slice| self.get(slice).is_some_and(&is))
    }

    /// True if the window holds the beginning of a chunk, of which nothing was asked for, and will hold all of it while
    /// much of what comes before it is still to be taken. What is asked for until then costs the giver more.
    pub(super) fn comes_whole(&self, chunk: ChunkIndex) -> bool {
        let slices = slice::of_chunk(self.chunks, chunk);
        let held = slices.start..self.window_end();
        let is_cut = slices.start > self.base && held.end < slices.end && slices.end <= self.end;
        is_cut
            && slices.end - slices.start <= self.cells.len() as u64 / 2
            && held.into_iter().all(|slice| self.is_free(slice))
    }

    /// The request for the first slice that was asked for and did not come.
    pub(super) fn first_asked(&self) -> Option<(u64, u64)> {
        (self.base..).zip(&self.cells).find_map(|(slice, cell)| match cell {
            SliceCell::Asked(request, _) => Some((slice, *request)),
            _ => None,
        })
    }

    /// These slices are asked for with a request.
    pub(super) fn ask(&mut self, first: u64, count: u64, request: u64) {
        for slice in first..first.saturating_add(count) {
            if let Some(at) = self.at(slice) {
                self.cells[at] = SliceCell::Asked(request, Vec::new());
            }
        }
    }

    /// What did not come of a request is to be asked for again.
    pub(super) fn release(&mut self, request: u64) {
        for cell in &mut self.cells {
            if matches!(cell, SliceCell::Asked(of, _) if *of == request) {
                *cell = SliceCell::Free;
            }
        }
    }

    /// Bytes of a request came, that begin there in the file. What is not expected any more goes nowhere.
    pub(super) fn append(&mut self, request: u64, mut offset: u64, mut bytes: &[u8]) {
        while !bytes.is_empty()
            && let Some(range) = slice::range(self.chunks, offset / SLICE)
        {
            let left = usize::try_from(range.end.saturating_sub(offset)).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(left.min(bytes.len()));
            if now.is_empty() {
                return;
            }
            if let Some(at) = self.at(offset / SLICE)
                && let SliceCell::Asked(of, held) = &mut self.cells[at]
                && *of == request
                && held.len() as u64 == offset - range.start
            {
                if held.is_empty() {
                    held.reserve_exact(SLICE_BYTES.min(left));
                }
                held.extend_from_slice(now);
            }
            offset += now.len() as u64;
            bytes = later;
        }
    }

    /// The bytes of a slice, all of which came for this request.
    pub(super) fn whole(&self, request: u64, slice: u64) -> Option<&[u8]> {
        let range = slice::range(self.chunks, slice)?;
        match self.get(slice)? {
            SliceCell::Asked(of, held) if *of == request && held.len() as u64 == range.end - range.start => {
                Some(held)
            }
            _ => None,
        }
    }

    /// A slice that came whole is proved, or waits for its chunk.
    pub(super) fn came(&mut self, slice: u64, is_proved: bool) {
        let Some(at) = self.at(slice) else { return };
        if let SliceCell::Asked(_, held) = std::mem::take(&mut self.cells[at]) {
            self.cells[at] = if is_proved { SliceCell::Proved(held) } else { SliceCell::Came(held) };
        }
    }

    /// The bytes of a chunk, all of which came, are right; or are to be asked for again.
    pub(super) fn settle(&mut self, chunk: ChunkIndex, is_right: bool) {
        for slice in slice::of_chunk(self.chunks, chunk) {
            let Some(at) = self.at(slice) else { continue };
            if let SliceCell::Came(bytes) = std::mem::take(&mut self.cells[at])
                && is_right
            {
                self.cells[at] = SliceCell::Proved(bytes);
            }
        }
    }

    /// True if the slice that is taken next is there.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.cells.front(), Some(SliceCell::Proved(_)))
    }

    /// Takes the next slice, if it is there: its number, and its bytes.
    pub(super) fn take(&mut self) -> Option<(u64, Vec<u8>)> {
        if !self.is_ready() {
            return None;
        }
        let Some(SliceCell::Proved(bytes)) = self.cells.pop_front() else { return None };
        let slice = self.base;
        self.base += 1;
        Some((slice, bytes))
    }
}
