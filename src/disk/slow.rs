//! The slow thread: what may wait for the disk for long. Syncing and publishing come first; while
//! there is nothing to sync it reads, a step at a time, what is to be hashed again.

use core::ops::Range;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use super::coordinator::WorkerReport;
use super::copy::{CopyStep, Copying};
use super::place::Destination;
use super::publish::{self, Ready};
use super::twins::Twins;
use super::walk::walk;
use super::{FileToken, Plan};
use crate::content::manifest::ChunkHasher;
use crate::content::{ChunkIndex, FileId, Manifest, SafePath};
use crate::error::Failure;
use crate::sys::facts::Facts;
use crate::sys::file;
use crate::sys::preallocate::preallocate;
use crate::sys::punch::punch;
use crate::sys::sync;

/// Bytes read and hashed in one step (0.3 ms from memory): so long a sync may have to wait.
const STEP: usize = 1 << 20;

/// What the slow thread is to do.
#[derive(Debug)]
pub(super) enum SlowTask {
    /// Sync the data, then write the sidecar's slot. Answered by [`WorkerReport::Saved`].
    Save(Save),
    /// Ask for the blocks of this many bytes. Answered by [`WorkerReport::Preallocated`].
    Preallocate(FileToken, Arc<File>, u64),
    /// Give these files their names. Answered by one [`WorkerReport::Published`].
    Publish(Vec<Ready>),
    /// Make an empty folder. Answered by [`WorkerReport::Folder`].
    Folder(FileToken, Arc<Destination>, SafePath),
    /// Find out which of these files has the content, if one has. Answered by [`WorkerReport::Compared`].
    Compare(FileToken, FileId, Vec<(PathBuf, File)>),
    /// Make a copy of the file at this path. Answered by [`WorkerReport::Copied`].
    Copy(FileToken, Arc<Destination>, Arc<Plan>, PathBuf),
    /// Hash these chunks again. Each is answered by [`WorkerReport::Checked`].
    Check(FileToken, Arc<File>, Arc<Manifest>, VecDeque<ChunkIndex>),
    /// Read nothing more for this file. Answered by [`WorkerReport::Ended`].
    End(FileToken),
    /// Answered by [`WorkerReport::Synced`].
    Mark,
}

/// One writing of a sidecar.
#[derive(Debug)]
pub(super) struct Save {
    pub(super) token: FileToken,
    pub(super) data: Arc<File>,
    pub(super) sidecar: Arc<File>,
    /// Where the slot begins, and what it holds.
    pub(super) slot: (u64, Vec<u8>),
    /// Where both lie, if their names were not synced yet.
    pub(super) names: Option<Arc<Destination>>,
    /// Where nothing is, and no space is to be taken any more.
    pub(super) spare: Vec<Range<u64>>,
    /// Nothing comes after it.
    pub(super) last: bool,
}

/// The state of the slow thread.
#[derive(Debug)]
pub(super) struct Slow {
    tasks: Receiver<SlowTask>,
    reports: Sender<WorkerReport>,
    reading: VecDeque<Reading>,
    twins: Twins,
    buffer: Box<[u8]>,
}

/// Reading that is under way.
#[derive(Debug)]
struct Reading {
    token: FileToken,
    kind: SlowKind,
}

#[derive(Debug)]
enum SlowKind {
    Compare {
        id: FileId,
        files: VecDeque<(PathBuf, File)>,
        hasher: Box<blake3::Hasher>,
        at: u64,
    },
    Check {
        file: Arc<File>,
        manifest: Arc<Manifest>,
        chunks: VecDeque<ChunkIndex>,
        hasher: Option<(Box<ChunkHasher>, u64)>,
    },
    Copy(Copying),
}

impl Slow {
    pub(super) fn new(tasks: Receiver<SlowTask>, reports: Sender<WorkerReport>) -> Self {
        let buffer = vec![0; STEP].into();
        Self { tasks, reports, reading: VecDeque::new(), twins: Twins::default(), buffer }
    }

    /// Works until the disk coordinator is gone.
    pub(super) fn run(mut self) {
        loop {
            let task = if self.reading.is_empty() {
                self.tasks.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                self.tasks.try_recv()
            };
            let reported = match task {
                Ok(task) => self.handle(task),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => Ok(()),
            };
            if reported.and_then(|()| self.step()).is_err() {
                return;
            }
        }
    }

    /// `Err`: the coordinator is gone.
    fn handle(&mut self, task: SlowTask) -> Result<(), ()> {
        let report = match task {
            SlowTask::Save(save) => {
                let (token, last, result) = (save.token, save.last, save.run());
                save.give_back();
                // What it has open of the file is closed before the coordinator hears of it.
                drop(save);
                WorkerReport::Saved(token, last, result)
            }
            SlowTask::Preallocate(token, file, len) => {
                WorkerReport::Preallocated(token, preallocate(&file, len))
            }
            SlowTask::Publish(ready) => WorkerReport::Published(publish::publish(ready, &mut self.twins)),
            SlowTask::Folder(token, place, path) => WorkerReport::Folder(token, self.folder(&place, &path)),
            SlowTask::Compare(token, id, files) => {
                let kind = SlowKind::Compare { id, files: files.into(), hasher: Box::default(), at: 0 };
                self.reading.push_front(Reading { token, kind });
                return Ok(());
            }
            SlowTask::Copy(token, place, plan, source) => {
                match self.copied(token, Copying::begin(token, &place, plan, &source)) {
                    Some(report) => report,
                    None => return Ok(()),
                }
            }
            SlowTask::Check(token, file, manifest, chunks) => {
                self.reading.push_back(Reading {
                    token,
                    kind: SlowKind::Check { file, manifest, chunks, hasher: None },
                });
                return Ok(());
            }
            SlowTask::End(token) => {
                self.reading.retain(|r| r.token != token);
                WorkerReport::Ended(token)
            }
            SlowTask::Mark => WorkerReport::Synced,
        };
        self.reports.send(report).map_err(drop)
    }

    fn folder(&mut self, place: &Destination, path: &SafePath) -> Result<(), Failure> {
        self.twins.begin();
        let walked = walk(place, Some(path), Some(&mut self.twins))?;
        for folder in walked.iter().flat_map(|w| &w.made_in) {
            sync::folder(folder).map_err(|e| place.failure("make a folder", &e))?;
        }
        sync::folder(&place.root).map_err(|e| place.failure("make a folder", &e))
    }

    /// Reads one step of what is first in line; the next step is that of the next in line.
    fn step(&mut self) -> Result<(), ()> {
        let Some(reading) = self.reading.pop_front() else { return Ok(()) };
        let Reading { token, kind: SlowKind::Copy(copying) } = reading else { return self.read(reading) };
        let step = copying.step(&mut self.buffer);
        self.copied(token, step).map_or(Ok(()), |report| self.reports.send(report).map_err(drop))
    }

    /// What is to be reported of a copy; it stands in line again while it is not done.
    fn copied(&mut self, token: FileToken, step: io::Result<CopyStep>) -> Option<WorkerReport> {
        Some(WorkerReport::Copied(
            token,
            match step {
                Ok(CopyStep::More(copying)) => {
                    self.reading.push_back(Reading { token, kind: SlowKind::Copy(copying) });
                    return None;
                }
                Ok(CopyStep::Whole(file)) => Ok(Some(file)),
                Ok(CopyStep::Other) => Ok(None),
                Err(e) => Err(e),
            },
        ))
    }

    /// Reads one step of what is to be compared or hashed again.
    fn read(&mut self, mut reading: Reading) -> Result<(), ()> {
        let (report, goes_on) = match &mut reading.kind {
            SlowKind::Copy(_) => return Ok(()), // It has its own step.
            SlowKind::Compare { id, files, hasher, at } => compare(*id, files, hasher, at, &mut self.buffer)
                .map_or((None, true), |found| (Some(WorkerReport::Compared(reading.token, found)), false)),
            SlowKind::Check { file, manifest, chunks, hasher } => {
                let checked = check(file, manifest, chunks, hasher, &mut self.buffer);
                let report = checked.map(|(chunk, good)| WorkerReport::Checked(reading.token, chunk, good));
                (report, !chunks.is_empty())
            }
        };
        if goes_on {
            self.reading.push_back(reading);
        }
        report.map_or(Ok(()), |report| self.reports.send(report).map_err(drop))
    }
}

impl Save {
    fn run(&self) -> io::Result<()> {
        file::sync_data(&self.data)?;
        if Facts::of(&self.data)?.links == 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some(place) = &self.names {
            // Not every file system brings a file's name to the disk when the file is synced.
            sync::folder(place.partial()?)?;
            sync::folder(&place.root)?;
        }
        file::write_all_at(&self.sidecar, &self.slot.1, self.slot.0)?;
        // Else all slots since the system last wrote its cache would be lost with the power.
        file::sync_data(&self.sidecar)
    }

    /// Gives back the space that was taken for what did not come. A file system without holes keeps it.
    fn give_back(&self) {
        for Range { start, end } in &self.spare {
            if !punch(&self.data, *start, end - start) {
                return;
            }
        }
    }
}

/// A step of comparing. `Some`: done, with the path of the file that has the content, if one has.
fn compare(
    id: FileId,
    files: &mut VecDeque<(PathBuf, File)>,
    hasher: &mut blake3::Hasher,
    at: &mut u64,
    buffer: &mut [u8],
) -> Option<Option<PathBuf>> {
    let (path, file) = files.front()?;
    match file::read_at(file, buffer, *at) {
        Ok(n @ 1..) => {
            hasher.update(&buffer[..n]);
            *at += n as u64;
            return None;
        }
        Ok(0) if FileId::from(hasher.finalize()) == id => return Some(Some(path.clone())),
        Ok(0) => {}
        Err(e) => log::debug!("{} could not be compared: {e}", path.display()),
    }
    files.pop_front();
    *hasher = blake3::Hasher::new();
    *at = 0;
    files.is_empty().then_some(None)
}

/// A step of checking the first of `chunks`. `Some`: it is done, and holds or does not.
fn check(
    file: &File,
    manifest: &Manifest,
    chunks: &mut VecDeque<ChunkIndex>,
    hasher: &mut Option<(Box<ChunkHasher>, u64)>,
    buffer: &mut [u8],
) -> Option<(ChunkIndex, bool)> {
    let chunk = *chunks.front()?;
    let range = manifest.chunks().range(chunk);
    let (state, at) =
        hasher.get_or_insert_with(|| (Box::new(ChunkHasher::new(manifest.chunks(), chunk)), range.start));
    let n = usize::try_from(range.end - *at).unwrap_or(usize::MAX).min(buffer.len());
    let good = match file::read_exact_at(file, &mut buffer[..n], *at) {
        Ok(()) => {
            state.update(&buffer[..n]);
            *at += n as u64;
            if *at < range.end {
                return None;
            }
            state.finish().is_some_and(|proof| manifest.proves(chunk, &proof))
        }
        Err(e) => {
            log::debug!("chunk {} could not be read again: {e}", chunk.get());
            false
        }
    };
    chunks.pop_front();
    *hasher = None;
    Some((chunk, good))
}
