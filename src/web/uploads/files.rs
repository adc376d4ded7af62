//! Writes what browsers bring, on a thread that can write into one folder and nowhere else. A file has a
//! number until all of it is there, in a folder that `list` and the library leave out; then it gets its name, or one beside
//! it that is free.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::disk::names::{candidate, substitutes};
use crate::http::{HttpId, HttpWaker};
use crate::sys::file::{sync, write_all_at};
use crate::sys::folder::Folder;
use crate::sys::refusal::{Refusal, refusal};
use crate::sys::rename::rename_new;
use crate::sys::sandbox::{self, Rules};
use crate::sys::thread::Thread;

/// What is not whole yet lies here.
const PARTS: &str = ".potluck-partial";

/// Names that are tried beside a taken one.
const NAMES: u32 = 10_000;

/// What is to be done for the upload of a number.
#[derive(Debug)]
pub(super) enum UploadOrder {
    Begin,
    /// These bytes are written at this offset.
    Write(u64, Vec<u8>),
    /// All of it is there: it gets this name.
    Save(String),
    /// It is given up.
    Drop,
}

/// What was done, for a connection.
#[derive(Debug)]
pub(super) struct UploadStep {
    pub(super) id: HttpId,
    pub(super) number: u64,
    pub(super) done: io::Result<UploadDone>,
}

/// It worked.
#[derive(Debug)]
pub(super) enum UploadDone {
    Begun,
    /// So many bytes are written.
    Wrote(u64),
    /// It is there under this name.
    Saved(String),
}

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub(in crate::web) struct UploadFiles {
    orders: Sender<FilesOrder>,
    pub(super) steps: Receiver<UploadStep>,
    pub(super) folder: PathBuf,
    // Joined last.
    _thread: Thread,
}

impl UploadFiles {
    /// Writes into this folder, which is made.
    ///
    /// # Errors
    /// What the operating system says.
    pub(in crate::web) fn start(folder: &Path, is_confined: bool) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (orders, heard) = unbounded();
        let (steps_to, steps) = unbounded();
        let writer =
            UploadWriter { folder: folder.to_owned(), open: BTreeMap::new(), steps: steps_to, waker: None };
        let start = || Thread::spawn("uploads", move || writer.run(&heard));
        let rules = Rules { write: vec![folder.to_owned()], moves: true, ..Rules::default() };
        let thread = if is_confined { sandbox::within(&rules, start)?.1? } else { start()? };
        Ok(Self { orders, steps, folder: folder.to_owned(), _thread: thread })
    }

    /// Whoever waits for a step is woken by this.
    pub(super) fn wake_by(&self, waker: HttpWaker) {
        self.send(FilesOrder::Wake(waker));
    }

    /// Does this for the upload of a number, which a connection waits for.
    pub(super) fn order(&self, id: HttpId, number: u64, order: UploadOrder) {
        self.send(FilesOrder::Do(id, number, order));
    }

    fn send(&self, order: FilesOrder) {
        if self.orders.send(order).is_err() {
            log::error!("the thread that writes uploads is gone");
        }
    }
}

#[derive(Debug)]
enum FilesOrder {
    Wake(HttpWaker),
    /// For a connection, and the upload of this number.
    Do(HttpId, u64, UploadOrder),
}

struct UploadWriter {
    folder: PathBuf,
    open: BTreeMap<u64, File>,
    steps: Sender<UploadStep>,
    waker: Option<HttpWaker>,
}

impl UploadWriter {
    fn run(mut self, orders: &Receiver<FilesOrder>) {
        // What is there is of a start before: whoever brought it has to begin again.
        if let Err(e) = self.clear() {
            log::warn!("what was not finished stays in {}: {e}", self.folder.join(PARTS).display());
        }
        for order in orders {
            let (id, number, order) = match order {
                FilesOrder::Wake(waker) => {
                    self.waker = Some(waker);
                    continue;
                }
                FilesOrder::Do(id, number, order) => (id, number, order),
            };
            let done = match order {
                UploadOrder::Begin => self.begin(number).map(|()| UploadDone::Begun),
                UploadOrder::Write(at, bytes) => {
                    self.write(number, at, &bytes).map(|()| UploadDone::Wrote(bytes.len() as u64))
                }
                UploadOrder::Save(name) => self.save(number, &name).map(UploadDone::Saved),
                UploadOrder::Drop => {
                    self.open.remove(&number);
                    if let Err(e) = self.parts().and_then(|parts| parts.remove(&number.to_string())) {
                        log::debug!("an upload that was given up stays: {e}");
                    }
                    continue;
                }
            };
            // Whoever reads it may have ended.
            let is_read = self.steps.send(UploadStep { id, number, done }).is_ok();
            if let Some(waker) = self.waker.as_ref().filter(|_| is_read)
                && waker.woken.send(id.0).is_ok()
            {
                waker.bell.ring();
            }
        }
        if let Err(e) = self.clear() {
            log::debug!("what was not finished stays: {e}");
        }
    }

    fn parts(&self) -> io::Result<Folder> {
        Folder::open(&self.folder)?.enter(PARTS)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.open.clear();
        let parts = match self.parts() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            parts => parts?,
        };
        parts.names()?.iter().try_for_each(|name| parts.remove(name))
    }

    fn begin(&mut self, number: u64) -> io::Result<()> {
        if let Err(e) = Folder::open(&self.folder)?.make(PARTS)
            && e.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(e);
        }
        let file = self.parts()?.create(&number.to_string(), false)?;
        self.open.insert(number, file);
        Ok(())
    }

    fn write(&self, number: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.open.get(&number).ok_or(io::ErrorKind::NotFound)?;
        write_all_at(file, bytes, at)
    }

    fn save(&mut self, number: u64, name: &str) -> io::Result<String> {
        let file = self.open.remove(&number).ok_or(io::ErrorKind::NotFound)?;
        sync(&file)?;
        let (folder, parts) = (Folder::open(&self.folder)?, self.parts()?);
        let mut refused = io::Error::from(io::ErrorKind::AlreadyExists);
        for name in core::iter::once(name.to_owned()).chain(substitutes(name)) {
            for n in 1..NAMES {
                let free = candidate(&name, n);
                match rename_new(&parts, &number.to_string(), &folder, &free) {
                    Ok(()) => return Ok(free),
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                    // A name that this file system does not hold.
                    Err(e) if refusal(&e) == Refusal::Other => {
                        refused = e;
                        break;
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        Err(refused)
    }
}
