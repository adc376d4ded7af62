//! Copies of a file that arrived, for the other paths of its content: no byte of it is fetched twice.
//!
//! A copy lies under a name of its own among the partial files, so that many of one content are made at
//! once, and stays locked while it does: what is not locked was left by a crash. Whatever the file system
//! shared or we copied is hashed, for the file it comes from may have changed meanwhile.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::place::Destination;
use super::{FileToken, Plan, sparse};
use crate::content::FileId;
use crate::sys::clone::share_bytes;
use crate::sys::file::read_at;
use crate::sys::folder::Folder;
use crate::sys::lock::try_lock;

/// Between the file id and the token in the name of a copy.
const MARK: &str = ".copy-";

/// Bytes of a file from which on sharing them is tried; below, it is not worth a call.
const SHARE: u64 = 64 << 10;

/// Name of the copy that is made for `token`.
pub(super) fn name(id: FileId, token: FileToken) -> String {
    format!("{id}{MARK}{}", token.0)
}

/// Removes `name` if it is a copy that nobody makes any more.
pub(super) fn sweep(partial: &Folder, name: &str) -> io::Result<()> {
    let is_copy = name.split_once(MARK).is_some_and(|(id, _)| id.parse::<FileId>().is_ok());
    if is_copy
        && let Ok(file) = partial.open_file(name, true)
        && try_lock(&file)
    {
        partial.remove(name)?;
    }
    Ok(())
}

/// A copy that is being made.
#[derive(Debug)]
pub(super) struct Copying {
    source: File,
    copy: File,
    /// The file system shares the bytes; they are only to be hashed.
    shared: bool,
    plan: Arc<Plan>,
    hasher: Box<blake3::Hasher>,
    at: u64,
}

/// What a step of copying came to.
#[derive(Debug)]
pub(super) enum CopyStep {
    /// There is more to do.
    More(Copying),
    /// The copy, whole and verified.
    Whole(File),
    /// The source is not (any more) what was believed, or cannot be read; the content is to be fetched.
    Other,
}

impl Copying {
    /// Begins to copy the file at `source` for `plan`.
    ///
    /// # Errors
    /// When the copy cannot be made.
    pub(super) fn begin(
        token: FileToken,
        place: &Destination,
        plan: Arc<Plan>,
        source: &Path,
    ) -> io::Result<CopyStep> {
        let Some(source) = open_source(source).filter(|f| f.metadata().is_ok_and(|m| m.len() == plan.size))
        else {
            return Ok(CopyStep::Other);
        };
        let (partial, name) = (place.partial()?, name(plan.id, token));
        let copy = match partial.create(&name, plan.executable) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                sweep(partial, &name)?;
                partial.create(&name, plan.executable)?
            }
            made => made?,
        };
        if !try_lock(&copy) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let shared = plan.size >= SHARE && share_bytes(&source, &copy)?;
        Ok(CopyStep::More(Self { source, copy, shared, plan, hasher: Box::default(), at: 0 }))
    }

    /// Copies and hashes as much as fits `buffer`.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub(super) fn step(mut self, buffer: &mut [u8]) -> io::Result<CopyStep> {
        let from = if self.shared { &self.copy } else { &self.source };
        match read_at(from, buffer, self.at) {
            Ok(0) => {
                let same = FileId::from(self.hasher.finalize()) == self.plan.id;
                Ok(if same { CopyStep::Whole(self.copy) } else { CopyStep::Other })
            }
            // It grew.
            Ok(n) if self.at + n as u64 > self.plan.size => Ok(CopyStep::Other),
            Ok(n) => {
                self.hasher.update(&buffer[..n]);
                if !self.shared {
                    sparse::write(&self.copy, &buffer[..n], self.at)?;
                }
                self.at += n as u64;
                Ok(CopyStep::More(self))
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(CopyStep::More(self)),
            Err(e) => {
                log::debug!("what {} is copied from cannot be read: {e}", self.plan.to);
                Ok(CopyStep::Other)
            }
        }
    }
}

fn open_source(path: &Path) -> Option<File> {
    let folder = Folder::open(path.parent()?).ok()?;
    folder.open_file(path.file_name()?.to_str()?, false).ok()
}
