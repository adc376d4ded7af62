//! Rows of one owner, packed. Pure.
//!
//! The text has a line for each folder, and behind it one for the name of each file there, all of them folded and in
//! the order of the folders and names as the owner writes them. So a search reads each folder once. What folding
//! took away from a line is kept beside the text: where capitals were, or the whole line if that does not tell it.

use super::contents::{ContentNumber, Contents};
use super::fold::fold_into;
use super::number_set::NumberSet;
use super::path_bloom::{PathBloom, PathKey};

/// Ends each line. No text in UTF-8 has this byte.
pub(super) const END: u8 = 0xff;

/// A file as it is packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedRow {
    /// Where the line of its name begins in the text.
    text: u32,
    /// What it holds.
    pub(super) content: ContentNumber,
    /// When it was changed, milliseconds since 1970.
    pub(super) modified: i64,
}

/// A folder and the files in it: up to those of the next folder.
#[derive(Clone, Copy, Debug)]
struct FolderLine {
    /// Where its line begins in the text.
    text: u32,
    /// Its first row.
    row: u32,
}

/// Where a folder and the files in it lie.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FolderSpan {
    /// Its number.
    pub(super) number: usize,
    /// Where the names begin in the text, behind its own line.
    pub(super) names: usize,
    /// Where the line of the next folder begins.
    pub(super) end: usize,
    /// Its first row.
    pub(super) first_row: usize,
    /// The first row of the next folder.
    pub(super) end_row: usize,
}

/// A line that capitals do not tell.
#[derive(Clone, Copy, Debug)]
struct RawLine {
    /// Where the folded line begins in the text.
    text: u32,
    /// Where it ends among the raw ones. It begins where the one before it ends.
    end: u32,
}

/// Packed rows: nothing is added to them, but they may be taken out.
#[derive(Debug, Default)]
pub(super) struct Segment {
    text: Vec<u8>,
    /// Bytes of the text that are capitals where the owner wrote them.
    capitals: NumberSet,
    raw_lines: Vec<RawLine>,
    raw: String,
    folders: Vec<FolderLine>,
    rows: Vec<PackedRow>,
    dead: NumberSet,
    /// The paths of all rows, also of those that were taken out.
    paths: PathBloom,
}

impl Segment {
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// How many rows it has, with those that were taken out.
    pub(super) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows that were not taken out.
    pub(super) const fn alive(&self) -> usize {
        self.rows.len() - self.dead.count()
    }

    pub(super) fn is_dead(&self, row: usize) -> bool {
        self.dead.contains(row)
    }

    pub(super) fn row(&self, row: usize) -> &PackedRow {
        &self.rows[row]
    }

    pub(super) const fn folders(&self) -> usize {
        self.folders.len()
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> u64 {
        let lists = self.rows.capacity() * size_of::<PackedRow>()
            + self.folders.capacity() * size_of::<FolderLine>()
            + self.raw_lines.capacity() * size_of::<RawLine>();
        let texts = self.text.capacity() + self.raw.capacity();
        let sets = self.capitals.bytes() + self.dead.bytes() + self.paths.bytes();
        (size_of::<Self>() + lists + texts + sets) as u64
    }

    /// False: no row has this path.
    pub(super) fn may_have(&self, path: PathKey) -> bool {
        self.paths.may_have(path)
    }

    /// The first row of a folder; of the one behind the last folder, the number of rows.
    pub(super) fn first_row(&self, folder: usize) -> usize {
        self.folders.get(folder).map_or(self.rows.len(), |f| f.row as usize)
    }

    /// Where the line of a folder begins.
    pub(super) fn folder_start(&self, folder: usize) -> usize {
        self.folders.get(folder).map_or(self.text.len(), |f| f.text as usize)
    }

    /// Where the line of the name of a row begins.
    pub(super) fn name_start(&self, row: usize) -> usize {
        self.rows[row].text as usize
    }

    /// Where the line behind that of a row begins: of the next row, or of a folder.
    #[inline]
    pub(super) fn behind(&self, folder: &FolderSpan, row: usize) -> usize {
        if row + 1 == folder.end_row { folder.end } else { self.name_start(row + 1) }
    }

    fn span(&self, number: usize) -> FolderSpan {
        let first_row = self.first_row(number);
        let (names, end) = (self.name_start(first_row), self.folder_start(number + 1));
        FolderSpan { number, names, end, first_row, end_row: self.first_row(number + 1) }
    }

    /// The folder in whose lines a byte of the text is, of `from` and those behind it.
    pub(super) fn folder_at(&self, from: usize, at: usize) -> FolderSpan {
        self.span(from + before(&self.folders[from..], |f| f.text as usize <= at) - 1)
    }

    /// The row of a folder in whose line a byte of the text is. It is not before `from`, which is one of the folder.
    #[inline]
    pub(super) fn row_at(&self, folder: &FolderSpan, from: usize, at: usize) -> usize {
        from + before(&self.rows[from..folder.end_row], |row| row.text as usize <= at) - 1
    }

    /// The folder of a row.
    #[cfg(test)]
    pub(super) fn folder_of(&self, row: usize) -> usize {
        self.folders.partition_point(|f| f.row as usize <= row) - 1
    }

    /// Where the line of a folder begins and ends in the text.
    pub(super) fn folder_span(&self, folder: usize) -> (usize, usize) {
        (self.folder_start(folder), self.name_start(self.first_row(folder)) - 1)
    }

    /// The folded line of a folder.
    pub(super) fn folder_line(&self, folder: usize) -> &[u8] {
        let (start, end) = self.folder_span(folder);
        &self.text[start..end]
    }

    /// The folded line of the name of a row.
    pub(super) fn name_line(&self, folder: usize, row: usize) -> &[u8] {
        &self.text[self.name_start(row)..self.behind(&self.span(folder), row) - 1]
    }

    /// Appends the path of a folder as its owner writes it.
    pub(super) fn push_folder(&self, folder: usize, path: &mut String) {
        self.push_line(self.folder_start(folder), self.folder_line(folder), path);
    }

    /// Appends the name of a row as its owner writes it.
    pub(super) fn push_name(&self, folder: usize, row: usize, path: &mut String) {
        self.push_line(self.name_start(row), self.name_line(folder, row), path);
    }

    /// Appends the path of a row as its owner writes it.
    #[cfg(test)]
    pub(super) fn push_path(&self, folder: usize, row: usize, path: &mut String) {
        self.push_folder(folder, path);
        if !path.is_empty() {
            path.push('/');
        }
        self.push_name(folder, row, path);
    }

    fn push_line(&self, start: usize, line: &[u8], out: &mut String) {
        if let Ok(n) = self.raw_lines.binary_search_by_key(&start, |raw| raw.text as usize) {
            let before = n.checked_sub(1).map_or(0, |n| self.raw_lines[n].end as usize);
            out.push_str(&self.raw[before..self.raw_lines[n].end as usize]);
            return;
        }
        let begin = out.len();
        // Invariant: a line was text when it was folded.
        out.push_str(core::str::from_utf8(line).unwrap_or_default());
        for at in self.capitals.range(start, start + line.len()) {
            let at = begin + at - start;
            out[at..=at].make_ascii_uppercase();
        }
    }

    /// Takes out the row of a path. Returns what it held.
    pub(super) fn take(&mut self, folder: &str, name: &str) -> Option<ContentNumber> {
        let mut line = String::new();
        let mut compare = |push: &dyn Fn(&mut String), with: &str| {
            line.clear();
            push(&mut line);
            line.as_str().cmp(with)
        };
        let at = search(0, self.folders.len(), |n| compare(&|line| self.push_folder(n, line), folder))?;
        let (from, to) = (self.first_row(at), self.first_row(at + 1));
        let row = search(from, to, |n| compare(&|line| self.push_name(at, n, line), name))?;
        let is_new = self.dead.insert(row);
        is_new.then(|| self.rows[row].content)
    }

    /// What the rows that were not taken out hold.
    pub(super) fn contents(&self) -> impl Iterator<Item = ContentNumber> {
        let alive = self.rows.iter().enumerate().filter(|(n, _)| !self.dead.contains(*n));
        alive.map(|(_, row)| row.content)
    }

    /// Sets what the rows hold that were not taken out.
    pub(super) fn set_contents(&mut self, mut content: impl FnMut(usize, ContentNumber) -> ContentNumber) {
        for (n, row) in self.rows.iter_mut().enumerate() {
            if !self.dead.contains(n) {
                row.content = content(n, row.content);
            }
        }
    }

    /// One segment of the rows of both that were not taken out. No path is in both.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let mut packer = Packer::new(u64::MAX);
        let (mut a, mut b) = (RowReader::new(self), RowReader::new(other));
        let (mut has_a, mut has_b) = (a.next(), b.next());
        while has_a || has_b {
            let is_a = has_a && (!has_b || (&a.folder, &a.name) <= (&b.folder, &b.name));
            let reader = if is_a { &mut a } else { &mut b };
            let row = reader.segment.row(reader.row);
            // Invariant: all segments of an owner together are no longer than one may be.
            if let Some(packed) = packer.push(&reader.folder, &reader.name, row.modified) {
                packed.content = row.content;
            }
            let has_next = reader.next();
            *(if is_a { &mut has_a } else { &mut has_b }) = has_next;
        }
        packer.finish()
    }
}

/// How many items at the beginning are `before` something. Most often that is one of the next ones.
#[inline]
fn before<T>(items: &[T], before: impl Fn(&T) -> bool) -> usize {
    let near = items.iter().take(8).take_while(|item| before(item)).count();
    if near < 8 { near } else { items.partition_point(before) }
}

/// Binary search of the numbers from `from` to `to`.
fn search(from: usize, to: usize, mut compare: impl FnMut(usize) -> core::cmp::Ordering) -> Option<usize> {
    let (mut from, mut to) = (from, to);
    while from < to {
        let middle = from.midpoint(to);
        match compare(middle) {
            core::cmp::Ordering::Less => from = middle + 1,
            core::cmp::Ordering::Greater => to = middle,
            core::cmp::Ordering::Equal => return Some(middle),
        }
    }
    None
}

/// Reads the rows of a segment that were not taken out, one by one.
#[derive(Debug)]
struct RowReader<'a> {
    segment: &'a Segment,
    next: usize,
    at: usize,
    /// The row that was read.
    row: usize,
    /// Its folder and name as the owner writes them.
    folder: String,
    name: String,
}

impl<'a> RowReader<'a> {
    const fn new(segment: &'a Segment) -> Self {
        Self { segment, next: 0, at: usize::MAX, row: 0, folder: String::new(), name: String::new() }
    }

    /// Reads the next row; false if there is none.
    fn next(&mut self) -> bool {
        while self.next < self.segment.len() {
            self.row = self.next;
            self.next += 1;
            if self.segment.is_dead(self.row) {
                continue;
            }
            let mut at = self.at.wrapping_add(1);
            while self.segment.first_row(at) <= self.row && at < self.segment.folders() {
                at += 1;
            }
            let at = at - 1;
            if at != self.at {
                self.at = at;
                self.folder.clear();
                self.segment.push_folder(at, &mut self.folder);
            }
            self.name.clear();
            self.segment.push_name(at, self.row, &mut self.name);
            return true;
        }
        false
    }
}

/// Makes a segment.
#[derive(Debug)]
pub(super) struct Packer {
    segment: Segment,
    most: u64,
    folder: String,
    folded: String,
    paths: Vec<PathKey>,
}

impl Packer {
    /// Bytes of memory that a row takes beside its name.
    pub(super) const ROW: u64 = size_of::<PackedRow>() as u64 + Contents::ROW + PathBloom::ROW;

    /// Of a segment that takes `most` bytes at most, with its contents.
    pub(super) fn new(most: u64) -> Self {
        let (folder, folded) = (String::new(), String::new());
        Self { segment: Segment::default(), most, folder, folded, paths: Vec::new() }
    }

    /// Adds a row, behind those before it in the order of folders and names. `None`: there is too much.
    pub(super) fn push(&mut self, folder: &str, name: &str, modified: i64) -> Option<&mut PackedRow> {
        let row = u32::try_from(self.segment.rows.len()).ok()?;
        if row == 0 || folder != self.folder {
            let text = self.push_line(folder)?;
            folder.clone_into(&mut self.folder);
            self.segment.folders.push(FolderLine { text, row });
        }
        let text = self.push_line(name)?;
        self.paths.push(PathKey::new(folder, name));
        self.segment.rows.push(PackedRow { text, content: 0, modified });
        self.segment.rows.last_mut()
    }

    fn push_line(&mut self, line: &str) -> Option<u32> {
        let segment = &mut self.segment;
        let text = u32::try_from(segment.text.len()).ok()?;
        self.folded.clear();
        fold_into(line, &mut self.folded);
        // Both lengths are counted: it is charged before more memory is taken for it.
        let rows = segment.rows.len() as u64 * Self::ROW;
        let lists =
            segment.folders.len() * size_of::<FolderLine>() + segment.raw_lines.len() * size_of::<RawLine>();
        let texts = segment.text.len() + self.folded.len() + segment.raw.len() + line.len() + lists;
        if rows + texts as u64 > self.most || u32::try_from(texts).is_err() {
            return None;
        }
        if line.eq_ignore_ascii_case(&self.folded) {
            for (at, _) in line.bytes().enumerate().filter(|(_, b)| b.is_ascii_uppercase()) {
                segment.capitals.insert(segment.text.len() + at);
            }
        } else {
            segment.raw.push_str(line);
            let end = u32::try_from(segment.raw.len()).ok()?;
            segment.raw_lines.push(RawLine { text, end });
        }
        segment.text.extend_from_slice(self.folded.as_bytes());
        segment.text.push(END);
        Some(text)
    }

    /// The segment, which takes no more memory than it needs.
    pub(super) fn finish(self) -> Segment {
        let mut segment = self.segment;
        segment.paths = PathBloom::of(&self.paths);
        segment.capitals.shrink();
        segment.text.shrink_to_fit();
        segment.raw_lines.shrink_to_fit();
        segment.raw.shrink_to_fit();
        segment.folders.shrink_to_fit();
        segment.rows.shrink_to_fit();
        segment
    }
}
