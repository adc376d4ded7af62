//! One start of a peer, and the order of starts.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sys::folder::Folder;
use crate::sys::{clock, file, sync};

/// One start: compared by count, then by the random part. The higher one is the later one.
///
/// Every number that a peer gives out (catalogue version, sequence) is compared as (instance, number).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instance {
    /// `max(stored + 1, unix seconds)` at the start.
    pub count: u64,
    /// Tells two starts with one count apart (a copied folder).
    pub random: u64,
}

impl Instance {
    /// Begins an instance: the count is stored at `path` and synced before this returns, so that no
    /// packet of a later start can carry a lower one. A missing or unreadable count is no error, for
    /// the wall clock takes its place; and where the clock leads, a count that cannot be written (a full
    /// disk) is none either, for it leads at the next start, too. Then this returns after the second that the
    /// count stands for: another start within it would have the same one, and half of these seem to be earlier.
    ///
    /// # Errors
    /// When the count cannot be written, and the clock is behind it.
    pub fn begin(path: &Path, unix_seconds: u64, random: u64) -> io::Result<Self> {
        Self::begin_by(store, clock::outlast, path, unix_seconds, random)
    }

    fn begin_by(
        store: impl FnOnce(&Path, u64) -> io::Result<()>,
        outlast: impl FnOnce(u64),
        path: &Path,
        unix_seconds: u64,
        random: u64,
    ) -> io::Result<Self> {
        let stored = fs::read_to_string(path).ok().and_then(|s| s.trim().parse::<u64>().ok());
        let next = stored.map_or(0, |n| n.saturating_add(1));
        let count = next.max(unix_seconds);
        match store(path, count) {
            Err(e) if next <= unix_seconds => {
                log::warn!("the start count cannot be stored in {}: {e}", path.display());
                outlast(count);
            }
            stored => stored?,
        }
        Ok(Self { count, random })
    }
}

fn store(path: &Path, count: u64) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    writeln!(file, "{count}")?;
    file::sync(file.as_file())?;
    file.persist(path)?;
    sync::folder(&Folder::open(dir)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rise_even_when_the_clock_stands_or_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("instance");
        let a = Instance::begin(&path, 1_000, 9).unwrap();
        let b = Instance::begin(&path, 1_000, 1).unwrap();
        let c = Instance::begin(&path, 10, 1).unwrap();
        assert_eq!((a.count, b.count, c.count), (1_000, 1_001, 1_002));
        assert!(a < b && b < c);
        fs::write(&path, "junk").unwrap();
        assert_eq!(Instance::begin(&path, 5_000, 1).unwrap().count, 5_000);
    }

    #[test]
    fn a_count_that_cannot_be_stored_stops_no_start_that_the_clock_puts_behind_all_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("instance");
        let full = |_: &Path, _| Err(io::ErrorKind::StorageFull.into());
        let mut outlasted = Vec::new();
        let mut begin = |seconds| Instance::begin_by(full, |count| outlasted.push(count), &path, seconds, 1);
        assert_eq!(begin(1_000).unwrap().count, 1_000);
        fs::write(&path, "2000").unwrap();
        assert_eq!(begin(2_001).unwrap().count, 2_001);
        assert_eq!(begin(2_000).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(outlasted, [1_000, 2_001], "the next start has a later count");
    }
}
