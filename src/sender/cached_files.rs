//! Shared files that the reader opened and of which more is asked for: what the system has of them in memory
//! is read on the sender's own thread, without a way through another one. Part of the sender.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use crate::content::FileId;
use crate::disk::unchanged;
use crate::library::{SharedFile, Shelf};
use crate::sender::limits;
use crate::sys::cached::CachedFile;
use crate::time::Time;

/// A file that was not in memory at one place comes from the reader, which reads ahead, for this long.
const AWAY: Duration = Duration::from_secs(1);

/// The files, [`limits::OPEN_FILES`] at most.
#[derive(Debug, Default)]
pub(super) struct CachedFiles {
    files: BTreeMap<FileId, OpenedFile>,
    uses: u64,
}

#[derive(Debug)]
struct OpenedFile {
    file: CachedFile,
    used: u64,
    /// Until then it is left to the reader.
    away: Time,
}

impl CachedFiles {
    /// The reader opened it.
    pub(super) fn add(&mut self, id: FileId, file: Arc<File>) {
        self.uses += 1;
        let (used, away) = (self.uses, self.files.get(&id).map_or(Time::ZERO, |f| f.away));
        self.files.insert(id, OpenedFile { file: CachedFile::new(file), used, away });
        if self.files.len() > limits::OPEN_FILES
            && let Some(oldest) = self.files.iter().min_by_key(|(_, f)| f.used).map(|(id, _)| *id)
        {
            self.files.remove(&oldest);
        }
    }

    /// This is shared from now on. The reader opens anew what is not the same file any more.
    pub(super) fn renew(&mut self, shelf: &Shelf) {
        self.files.retain(|id, _| shelf.files.contains_key(id));
    }

    /// No descriptor is left for anything else.
    pub(super) fn clear(&mut self) {
        self.files.clear();
    }

    /// True if it is worth a try.
    pub(super) fn may_read(&self, now: Time, id: FileId) -> bool {
        self.files.get(&id).is_some_and(|f| f.away <= now)
    }

    /// Fills `buffer` with the bytes at `offset`, if they are in memory and the file is what was hashed. What is
    /// wrong with it is found out by the reader.
    pub(super) fn read(
        &mut self,
        now: Time,
        id: FileId,
        file: &SharedFile,
        offset: u64,
        buffer: &mut [u8],
    ) -> bool {
        self.uses += 1;
        let Some(open) = self.files.get_mut(&id).filter(|f| f.away <= now) else { return false };
        open.used = self.uses;
        match open.file.read_exact_at(buffer, offset) {
            // The file is in memory, and so is what is asked of it here.
            Ok(true) if unchanged(open.file.file(), &file.stamp).unwrap_or(false) => true,
            Ok(false) => {
                open.away = now + AWAY;
                false
            }
            Ok(true) | Err(_) => {
                self.files.remove(&id);
                false
            }
        }
    }
}
