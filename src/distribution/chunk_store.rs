//! The thread that works on the chunk store beside the disk workers: what is dropped is removed there, what
//! is rotten is forgotten, and all of it is read again when a user wants that. Shell; what is kept and what
//! is dropped is decided in keeper/.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

pub(crate) use super::read_again::{ReadAgain, SharedCheck};
use crate::content::{ChunkIndex, FileId, SafePath, Span};
use crate::disk;
use crate::library::Shelf;
use crate::sys::folder::Folder;
use crate::sys::space::space;
use crate::sys::thread::Thread;

/// What cannot be done because a disk worker has the file open is tried again after this time.
const AGAIN: Duration = Duration::from_millis(200);

/// What it is asked.
#[derive(Debug)]
pub(crate) enum Command {
    /// Keep no more of this content than these chunks.
    Drop(FileId, Vec<Span>),
    /// This content is wanted again: what could not be dropped of it yet stays.
    Keep(FileId),
    /// These chunks are not what they should be: forget that they are there. Answered by [`Event::Lost`].
    Lose(FileId, Vec<ChunkIndex>),
    /// A chunk of this content, of so many bytes, is not what it should be. Where one is, there may be more:
    /// read these again, and forget all bad ones. Answered by the same.
    Check(FileId, u64, Vec<Span>),
    /// Tell what is there of this content. Answered by [`Event::There`].
    Look(FileId),
    /// All of this content is gone, or nothing proves it any more: remove what is left. Answered by the same.
    Clear(FileId),
    /// Remove a folder that a challenged chunk was fetched into.
    Remove(PathBuf),
    /// Tell how much space there is: none if that cannot be known.
    Space,
    /// Read all of this again.
    Verify(Box<Verify>),
}

/// What is to be read again.
#[derive(Debug)]
pub(crate) struct Verify {
    /// What is shared; of it what lies in `shared/`.
    pub shelf: Arc<Shelf>,
    /// What is kept: content, size, chunks.
    pub kept: Vec<(FileId, u64, Vec<Span>)>,
}

/// What reading a file again showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Its bytes are not those that were hashed, though nobody wrote to it.
    Rotten,
    /// It was changed meanwhile; it is hashed again anyway.
    Changed,
    /// It cannot be read.
    Unreadable,
}

/// What it tells.
#[derive(Debug)]
pub(crate) enum Event {
    /// Free bytes of the store's file system.
    Space(u64),
    /// A shared file is not good.
    Shared(SafePath, FileId, Finding),
    /// Chunks of a kept file are not good.
    Kept(FileId, Vec<ChunkIndex>),
    /// What was to be forgotten of this content is: it can be fetched again. If it has several chunks, these
    /// are left.
    Lost(FileId, Vec<Span>),
    /// Of this content these chunks are there; none if it has but one.
    There(FileId, Vec<Span>),
    /// All was read that was to be, of what is kept and of `shared/`, or of another share: so many files and bytes.
    Verified(u64, u64),
    /// Something could not be done, in words.
    Trouble(String),
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Handle {
    commands: Sender<Command>,
    tell: Sender<Event>,
    /// What it tells.
    pub events: Receiver<Event>,
    stop: Arc<AtomicBool>,
    // Joined last.
    _thread: Thread,
}

impl Handle {
    /// Never blocks.
    pub(crate) fn send(&self, command: Command) {
        // It ends with its handle only.
        drop(self.commands.send(command));
    }

    /// What reads the files of a share again on another thread; it tells of it as this one does.
    pub(crate) fn read_again(&self) -> ReadAgain {
        ReadAgain { tell: self.tell.clone(), stop: Arc::clone(&self.stop) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // The channel of commands ends next, and with it the thread.
        self.stop.store(true, Ordering::Release);
    }
}

/// Starts the thread for the store at `store`, which exists.
///
/// # Errors
/// What the operating system says when it has no thread to give.
pub(crate) fn start(store: &Path) -> io::Result<Handle> {
    let (commands, inbox) = unbounded();
    let (tell, events) = unbounded();
    let stop = Arc::new(AtomicBool::new(false));
    let worker = Worker { store: store.to_owned(), tell: tell.clone(), stop: Arc::clone(&stop) };
    let thread = Thread::spawn("chunk-store", move || worker.run(&inbox))?;
    Ok(Handle { commands, tell, events, stop, _thread: thread })
}

struct Worker {
    store: PathBuf,
    tell: Sender<Event>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(&self, inbox: &Receiver<Command>) {
        // A disk worker lets go of a file a moment after it was told to.
        let mut busy: VecDeque<Command> = VecDeque::new();
        loop {
            let command = match busy.is_empty() {
                true => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => inbox.recv_timeout(AGAIN),
            };
            match command {
                Ok(Command::Keep(file)) => busy.retain(|c| !matches!(c, Command::Drop(f, _) if *f == file)),
                Ok(command) => busy.extend(self.handle(command)),
                Err(RecvTimeoutError::Timeout) => {
                    busy = busy.into_iter().filter_map(|command| self.handle(command)).collect();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does it; returns it if the file is in use.
    fn handle(&self, command: Command) -> Option<Command> {
        let in_use =
            |done: &io::Result<()>| done.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
        let done = match command {
            Command::Drop(file, keep) => match disk::drop_stored(&self.store, file, &keep) {
                busy if in_use(&busy) => return Some(Command::Drop(file, keep)),
                done => done,
            },
            Command::Lose(file, chunks) => match self.lose(file, &chunks) {
                busy if in_use(&busy) => return Some(Command::Lose(file, chunks)),
                done => done,
            },
            Command::Check(file, size, spans) => match self.check(file, size, &spans) {
                busy if in_use(&busy) => return Some(Command::Check(file, size, spans)),
                done => done,
            },
            Command::Look(file) => match disk::lose_stored(&self.store, file, &BTreeSet::new()) {
                Ok(left) => {
                    self.tell(Event::There(file, left));
                    Ok(())
                }
                // Whoever has it open tells that.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Err(e) => Err(e),
            },
            Command::Clear(file) => {
                let cleared = disk::drop_stored(&self.store, file, &[]);
                if in_use(&cleared) {
                    return Some(Command::Clear(file));
                }
                self.tell(Event::Lost(file, Vec::new()));
                cleared
            }
            // Of what waits, the loop knows.
            Command::Keep(_) => Ok(()),
            Command::Remove(folder) => remove(&folder),
            Command::Space => {
                let space = Folder::open(&self.store).and_then(|folder| space(&folder));
                self.tell(Event::Space(space.as_ref().map_or(0, |space| space.available)));
                space.map(drop)
            }
            Command::Verify(verify) => {
                self.verify(*verify);
                Ok(())
            }
        };
        if let Err(e) = done {
            self.tell(Event::Trouble(format!("the chunk store {}: {e}", self.store.display())));
        }
        None
    }

    fn tell(&self, event: Event) {
        // The peer ends.
        drop(self.tell.send(event));
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Forgets chunks. Also where that cannot be noted down they are fetched again.
    fn lose(&self, file: FileId, chunks: &[ChunkIndex]) -> io::Result<()> {
        let chunks = chunks.iter().map(|chunk| chunk.get()).collect();
        let (left, done) = match disk::lose_stored(&self.store, file, &chunks) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Err(e),
            Err(e) => (Vec::new(), Err(e)),
            Ok(left) => (left, Ok(())),
        };
        self.tell(Event::Lost(file, left));
        done
    }

    fn check(&self, file: FileId, size: u64, spans: &[Span]) -> io::Result<()> {
        match disk::verify_stored(&self.store, file, size, spans, &mut |_| !self.stops()) {
            Ok(bad) => self.lose(file, &bad),
            Err(e) => {
                // Nothing of it is given out before it was read again.
                self.tell(Event::Lost(file, Vec::new()));
                Err(e)
            }
        }
    }

    fn verify(&self, verify: Verify) {
        let (mut files, mut bytes) = (0, 0);
        for (id, size, spans) in verify.kept {
            if self.stops() {
                return;
            }
            let mut read = 0;
            let mut on_step = |n: u64| {
                read += n;
                !self.stops()
            };
            match disk::verify_stored(&self.store, id, size, &spans, &mut on_step) {
                Ok(bad) if bad.is_empty() => {}
                Ok(bad) => self.tell(Event::Kept(id, bad)),
                Err(e) => self.tell(Event::Trouble(format!("{id:?} in the chunk store: {e}"))),
            }
            files += 1;
            bytes += read;
        }
        let reading = ReadAgain { tell: self.tell.clone(), stop: Arc::clone(&self.stop) };
        let check = SharedCheck { shelf: verify.shelf, share: None };
        if let Some((n, read)) = reading.all(&check) {
            self.tell(Event::Verified(files + n, bytes + read));
        }
    }
}

/// Removes a folder below the store, with what a challenge left there. What else lies there stays.
fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
