//! What one owner lists: a few segments, each at most half as long as the one before it. Pure.
//!
//! What is added makes a segment of its own, and two that are about equally long become one. So an owner has few of
//! them however often it changes, and a change costs in proportion to itself, but for a factor that grows as the
//! logarithm of all rows.

use super::contents::{ContentNumber, Contents};
use super::path_bloom::PathKey;
use super::segment::{Packer, Segment};
use crate::content::{Claim, Entry, EntryKind, SafePath};
use crate::identity::PeerId;

/// A file to be packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileLine<'a> {
    folder: &'a str,
    name: &'a str,
    pub(super) claim: Claim,
    modified: i64,
}

impl<'a> FileLine<'a> {
    /// The files among entries, in the order of folders and names; the last one of a path counts. `None`: they take
    /// more than `most` bytes, however short their paths are.
    pub(super) fn sorted(entries: impl Iterator<Item = &'a Entry>, most: u64) -> Option<Vec<Self>> {
        let most = usize::try_from(most / Packer::ROW).unwrap_or(usize::MAX);
        let mut lines: Vec<_> = entries.filter_map(Self::of).take(most.saturating_add(1)).collect();
        if lines.len() > most {
            return None;
        }
        lines.sort_by(|a, b| (a.folder, a.name).cmp(&(b.folder, b.name)));
        lines.reverse();
        lines.dedup_by(|a, b| (a.folder, a.name) == (b.folder, b.name));
        lines.reverse();
        Some(lines)
    }

    fn of(entry: &'a Entry) -> Option<Self> {
        let EntryKind::File { id, size, modified, .. } = entry.kind else { return None };
        let (folder, name) = split(&entry.path);
        Some(Self { folder, name, claim: (id, size), modified })
    }
}

/// What a path is looked for by.
pub(super) fn path_key(path: &SafePath) -> PathKey {
    let (folder, name) = split(path);
    PathKey::new(folder, name)
}

/// Folder and name. At the top the folder is empty.
fn split(path: &SafePath) -> (&str, &str) {
    path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()))
}

/// Rows of one owner.
#[derive(Debug)]
pub(super) struct IndexedOwner {
    pub(super) peer: PeerId,
    pub(super) segments: Vec<Segment>,
}

impl IndexedOwner {
    pub(super) const fn new(peer: PeerId) -> Self {
        Self { peer, segments: Vec::new() }
    }

    /// Rows that were not taken out.
    pub(super) fn rows(&self) -> u64 {
        self.segments.iter().map(|s| s.alive() as u64).sum()
    }

    /// Bytes of memory, with those of the contents.
    pub(super) fn bytes(&self) -> u64 {
        let segments = self.segments.iter().map(Segment::bytes).sum::<u64>();
        size_of::<Self>() as u64 + segments + self.rows() * Contents::ROW
    }

    /// What the rows hold that were not taken out.
    pub(super) fn contents(&self) -> impl Iterator<Item = ContentNumber> {
        self.segments.iter().flat_map(Segment::contents)
    }

    /// False: no row has this path.
    pub(super) fn may_have(&self, path: PathKey) -> bool {
        self.segments.iter().any(|segment| segment.may_have(path))
    }

    /// Takes out the row of a path. Returns what it held.
    pub(super) fn take(&mut self, path: &SafePath) -> Option<ContentNumber> {
        let (folder, name) = split(path);
        self.segments.iter_mut().find_map(|segment| segment.take(folder, name))
    }

    /// Packs files that are not there yet. `None`: they take more than `most` bytes.
    pub(super) fn pack(lines: &[FileLine<'_>], most: u64) -> Option<Segment> {
        let mut packer = Packer::new(most);
        for line in lines {
            packer.push(line.folder, line.name, line.modified)?;
        }
        Some(packer.finish())
    }

    /// Adds a segment, and makes one of those that are about equally long, or of which a quarter was taken out.
    pub(super) fn add(&mut self, segment: Segment) {
        self.segments.push(segment);
        self.segments.retain(|s| s.alive() > 0);
        for segment in &mut self.segments {
            if segment.alive() < segment.len() - segment.len() / 4 {
                *segment = segment.merged(&Segment::default());
            }
        }
        self.segments.sort_by_key(|s| core::cmp::Reverse(s.alive()));
        let is_close = |pair: &[Segment]| pair[0].alive() < 2 * pair[1].alive();
        while let Some(at) = self.segments.windows(2).position(is_close) {
            let other = self.segments.remove(at + 1);
            self.segments[at] = self.segments[at].merged(&other);
            // It may be longer than the one before it now.
            self.segments.sort_by_key(|s| core::cmp::Reverse(s.alive()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;

    fn entry(path: &str, n: u8) -> Entry {
        let kind = EntryKind::File {
            id: FileId([n; 32]),
            size: 1,
            modified: i64::from(n),
            executable: false,
            since: 0,
        };
        Entry { path: path.parse().unwrap(), kind }
    }

    fn paths(owner: &IndexedOwner) -> Vec<(String, i64)> {
        let mut paths = Vec::new();
        for segment in &owner.segments {
            for row in (0..segment.len()).filter(|row| !segment.is_dead(*row)) {
                let mut path = String::new();
                segment.push_path(segment.folder_of(row), row, &mut path);
                paths.push((path, segment.row(row).modified));
            }
        }
        paths.sort();
        paths
    }

    #[test]
    fn a_path_comes_back_as_it_was_written() {
        let written =
            ["A.TXT", "a.txt", "É/É.txt", "é/x", "x/℀ﷺ", "x/\u{301}", "x/Ünï Case", "Ω/漢字 A", "ẞ/ß"];
        let entries: Vec<_> = written.iter().zip(1..).map(|(path, n)| entry(path, n)).collect();
        let mut owner = IndexedOwner::new(PeerId([1; 32]));
        let (some, others) = entries.split_at(4);
        for part in [some, others] {
            let lines = FileLine::sorted(part.iter(), u64::MAX).unwrap();
            owner.add(IndexedOwner::pack(&lines, u64::MAX).unwrap());
        }
        let mut all: Vec<_> = written.iter().zip(1..).map(|(p, n)| ((*p).to_owned(), n)).collect();
        all.sort();
        assert_eq!(paths(&owner), all);
        assert_eq!(owner.segments.len(), 1);
        // Each is found again, and only once.
        for entry in &entries {
            assert_eq!(owner.take(&entry.path), Some(0), "{:?}", entry.path);
            assert_eq!(owner.take(&entry.path), None);
        }
        assert_eq!(owner.rows(), 0);
    }

    #[test]
    fn the_last_one_of_a_path_counts() {
        let entries = [entry("a/b", 1), entry("a/b", 2), entry("a", 3), entry("a/b", 4)];
        let lines = FileLine::sorted(entries.iter(), u64::MAX).unwrap();
        assert_eq!(lines.iter().map(|l| l.modified).collect::<Vec<_>>(), [3, 4]);
        assert!(FileLine::sorted(entries.iter(), 2 * Packer::ROW).is_none());
    }

    #[test]
    fn many_small_changes_leave_few_segments_and_little_that_is_dead() {
        let mut owner = IndexedOwner::new(PeerId([1; 32]));
        for n in 0..600_u32 {
            let entry = entry(&format!("d{}/f{n}", n % 7), 1);
            if n % 3 == 0 {
                let old = format!("d{}/f{}", n / 2 % 7, n / 2).parse().unwrap();
                owner.take(&old);
            }
            let lines = FileLine::sorted([&entry].into_iter(), u64::MAX).unwrap();
            owner.add(IndexedOwner::pack(&lines, u64::MAX).unwrap());
            assert!(owner.segments.len() <= 11, "{}", owner.segments.len());
            let all = owner.segments.iter().map(Segment::len).sum::<usize>() as u64;
            assert!(owner.rows() >= all - all / 4);
        }
        assert_eq!(owner.rows(), 401);
    }

    #[test]
    fn what_grows_too_large_is_not_packed() {
        // One letter that folds to eighteen.
        let entries: Vec<_> = (0..100).map(|n| entry(&format!("{}{n}", "ﷺ".repeat(80)), 1)).collect();
        let lines = FileLine::sorted(entries.iter(), u64::MAX).unwrap();
        let segment = IndexedOwner::pack(&lines, u64::MAX).unwrap();
        assert!(segment.text().len() > 100 * 80 * 30);
        assert!(IndexedOwner::pack(&lines, segment.bytes() / 2).is_none());
    }
}
