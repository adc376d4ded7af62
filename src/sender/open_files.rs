//! Reading shared files. It knows neither who asks nor what an error means to them. Part of the sender.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::content::FileId;
use crate::disk::unchanged;
use crate::library::{LastFolder, OpenError, SharedFile, Shelf};
use crate::sender::limits;
use crate::sys::file::read_exact_at;
use crate::sys::refusal::{Refusal, refusal};

/// Why bytes of a shared file are not given.
#[derive(Debug)]
pub(crate) enum ReadFault {
    /// This process (or machine) has too many files open. All that were kept open here are closed.
    NoDescriptor,
    /// A bad disk, a share that is away: it may be well again, so it is not given up.
    Unreadable(io::Error),
    /// The file is not what was hashed.
    Unfit(OpenError),
}

impl From<OpenError> for ReadFault {
    fn from(e: OpenError) -> Self {
        match e {
            OpenError::Io(e) if refusal(&e) == Refusal::TooManyOpen => Self::NoDescriptor,
            // Less is there than there was.
            OpenError::Io(e) if e.kind() != io::ErrorKind::UnexpectedEof => Self::Unreadable(e),
            e => Self::Unfit(e),
        }
    }
}

/// Files kept open between two requests.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    files: BTreeMap<FileId, (Arc<File>, u64)>,
    uses: u64,
}

impl OpenFiles {
    /// This is shared from now on: a file may have been replaced by another one of the same content.
    pub(super) fn renew(&mut self, shelf: &Shelf) {
        self.files.retain(|id, (f, _)| {
            shelf.files.get(id).is_some_and(|file| unchanged(f, &file.stamp).unwrap_or(false))
        });
    }

    /// Fills `buffer` with the bytes at `offset` of a file of the shelf. They may be given out only if the
    /// file is what was hashed before and after they were read.
    pub(super) fn read(
        &mut self,
        folder: &mut LastFolder,
        shelf: &Shelf,
        id: FileId,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), ReadFault> {
        let file = shelf.files.get(&id).ok_or(ReadFault::Unfit(OpenError::Gone))?;
        let open = || folder.open(&shelf.roots, file);
        let fault = match self.try_read(open, id, file, offset, buffer) {
            Ok(()) => return Ok(()),
            Err(e) => ReadFault::from(e),
        };
        match fault {
            ReadFault::NoDescriptor => self.files.clear(),
            ReadFault::Unreadable(_) | ReadFault::Unfit(_) => drop(self.files.remove(&id)),
        }
        Err(fault)
    }

    fn try_read(
        &mut self,
        open: impl FnOnce() -> Result<File, OpenError>,
        id: FileId,
        file: &SharedFile,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), OpenError> {
        // Opening checks before the reading; what was checked after the last step is still open.
        if let Some(f) = self.get(id) {
            return fill(f, file, offset, buffer);
        }
        let f = open()?;
        fill(&f, file, offset, buffer)?;
        if (buffer.len() as u64) < file.stamp.size {
            self.insert(id, f.into());
        }
        Ok(())
    }

    /// The file, if it is kept open.
    pub(super) fn get(&mut self, id: FileId) -> Option<&Arc<File>> {
        self.uses += 1;
        let (file, used) = self.files.get_mut(&id)?;
        *used = self.uses;
        Some(file)
    }

    fn insert(&mut self, id: FileId, file: Arc<File>) {
        if self.files.len() >= limits::OPEN_FILES
            && let Some(oldest) = self.files.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id)
        {
            self.files.remove(&oldest);
        }
        self.files.insert(id, (file, self.uses));
    }
}

/// Reads the bytes at `offset`, then checks that the file still is what was hashed.
fn fill(f: &File, file: &SharedFile, offset: u64, buffer: &mut [u8]) -> Result<(), OpenError> {
    read_exact_at(f, buffer, offset)?;
    if unchanged(f, &file.stamp)? { Ok(()) } else { Err(OpenError::Changed) }
}
