//! The database of one peer: what may be lost without harm, but costs time to find out again (the hash
//! cache), the ledger of custody, which is on the disk before anybody is told of it, what was said in the room, the queue
//! of downloads, and what was transferred. One thread owns it; others hold a [`Handle`].
//!
//! A database that is damaged is kept aside and rebuilt; one that cannot be used at all (a read-only folder)
//! is replaced by one in memory. Both are said, neither stops the peer. One that a later potluck wrote is left
//! as it is, and no peer starts beside it.

mod database;
mod rows;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use self::database::{Database, RecordTable};
#[cfg(test)]
pub(crate) use self::rows::EVERYWHERE;
pub(crate) use self::rows::{CHAT_EVERYWHERE, HashRow, LedgerRow};
use crate::content::SafePath;
use crate::group::NetworkId;
use crate::sys::clock;
use crate::sys::thread::Thread;

/// File name of the database in the state folder.
pub(crate) const FILE: &str = "potluck.db";

/// Rows of one message of the hash cache.
const BATCH: usize = 2_048;

/// Days after which the hash of a file that was not seen again is forgotten.
const KEEP_DAYS: u32 = 60;

/// Days after which a row that is still in use is marked as seen again.
pub(crate) const SEEN_DAYS: u32 = 7;

/// Why the database's thread could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The operating system has no thread to give.
    #[error("the database's thread could not be started: {0}")]
    Thread(#[from] io::Error),
    /// A later potluck wrote the database.
    #[error(
        "the database {} was written by a later potluck (version {version} of the database; this potluck \
         knows {known}): start that one here, or another peer in another folder. Nothing was changed",
        path.display()
    )]
    Later {
        /// Where it lies.
        path: PathBuf,
        /// The version that it has.
        version: i64,
        /// The newest version that this potluck knows.
        known: u32,
    },
}

/// What the owner thread is asked.
#[derive(Debug)]
enum StoreRequest {
    PutHashes(Vec<HashRow>),
    Hashes(Sender<Vec<HashRow>>),
    SeenHashes(Vec<SafePath>),
    PruneHashes,
    Join,
    Records(RecordTable, Option<NetworkId>, Sender<Vec<LedgerRow>>),
    PutLedger(Option<NetworkId>, Vec<LedgerRow>, u64, Sender<LedgerWritten>),
    PutRecords(RecordTable, Option<NetworkId>, Vec<LedgerRow>),
    #[cfg(test)]
    Flush(Sender<()>),
}

/// Whether rows of the ledger were written: the number they were given, and what went wrong.
pub(crate) type LedgerWritten = (u64, Result<(), String>);

/// The running database. Clones name the same one; dropping the last one ends its thread, after all
/// that was asked for is done.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    requests: Sender<StoreRequest>,
    /// What went wrong, in words for the user; at start (already in the channel when [`start`]
    /// returns) and later. Each cause once. Clones of the handle share it.
    pub warnings: Receiver<String>,
    /// False: what was stored before is not known, for another database took its place in memory.
    pub lasting: bool,
    /// Whose records it reads and writes; `None`: those of the open network.
    network: Option<NetworkId>,
    // Below `requests`: every clone gives up its sender before it gives up the thread.
    _thread: Arc<Thread>,
}

/// Opens the database at `path` (made when missing; its folder must exist) and starts its thread.
///
/// # Errors
/// [`StoreError`]. A database that cannot be used is replaced, and [`Handle::warnings`] says so.
pub(crate) fn start(path: &Path) -> Result<Handle, StoreError> {
    let (warn, warnings) = unbounded();
    let (requests, inbox) = unbounded();
    let database = Database::open(path, &warn)?;
    let lasting = database.is_lasting();
    let mut owner = StoreThread { database, path: path.to_owned(), warn, failed: false };
    let thread = Thread::spawn("store", move || {
        for request in inbox {
            owner.handle(request);
        }
    })?;
    Ok(Handle { requests, warnings, lasting, network: None, _thread: Arc::new(thread) })
}

impl Handle {
    /// A handle of this database with the records of this network: of what other networks have there nothing
    /// is read or written, but for the choices of the user, which hold in all of them (`rows.rs`).
    #[must_use]
    pub(crate) fn of_network(self, network: Option<NetworkId>) -> Self {
        if network.is_some() {
            self.ask(StoreRequest::Join);
        }
        Self { network, ..self }
    }

    /// Remembers the hashes of some files, in one transaction. Does not wait.
    pub(crate) fn put_hashes(&self, rows: Vec<HashRow>) {
        self.ask(StoreRequest::PutHashes(rows));
    }

    /// All remembered hashes, batch by batch; the channel ends after the last one. Rows that do not
    /// prove themselves are left out.
    #[must_use]
    pub(crate) fn hashes(&self) -> Receiver<Vec<HashRow>> {
        // A few batches ahead: the reader is quick, and all at once would double the memory of a start.
        let (reply, rows) = bounded(4);
        self.ask(StoreRequest::Hashes(reply));
        rows
    }

    /// Marks rows as in use today, so that they are kept. Does not wait.
    pub(crate) fn seen_hashes(&self, paths: Vec<SafePath>) {
        self.ask(StoreRequest::SeenHashes(paths));
    }

    /// Forgets the hashes of files that were not seen for 60 days. Does not wait.
    pub(crate) fn prune_hashes(&self) {
        self.ask(StoreRequest::PruneHashes);
    }

    /// All rows of the ledger that prove themselves. Waits for the answer.
    #[must_use]
    pub(crate) fn ledger(&self) -> Vec<LedgerRow> {
        self.records(RecordTable::Ledger)
    }

    /// Writes these rows of the ledger, all or none. Does not wait: `done` hears `number` once they are on
    /// the disk, or why they are not. In the order of the calls.
    pub(crate) fn put_ledger(&self, rows: Vec<LedgerRow>, number: u64, done: Sender<LedgerWritten>) {
        self.ask(StoreRequest::PutLedger(self.network, rows, number, done));
    }

    /// All that was kept of the room, and proves itself. Waits for the answer.
    #[must_use]
    pub(crate) fn chat(&self) -> Vec<LedgerRow> {
        self.records(RecordTable::Chat)
    }

    /// Keeps these rows of the room, all or none. Does not wait. In the order of the calls.
    pub(crate) fn put_chat(&self, rows: Vec<LedgerRow>) {
        self.ask(StoreRequest::PutRecords(RecordTable::Chat, self.network, rows));
    }

    /// The queue of downloads, as far as it proves itself. Waits for the answer.
    #[must_use]
    pub(crate) fn downloads(&self) -> Vec<LedgerRow> {
        self.records(RecordTable::Downloads)
    }

    /// Keeps these rows of the queue, all or none. Does not wait. In the order of the calls.
    pub(crate) fn put_downloads(&self, rows: Vec<LedgerRow>) {
        self.ask(StoreRequest::PutRecords(RecordTable::Downloads, self.network, rows));
    }

    /// All that was noted of transfers, and proves itself. Waits for the answer.
    #[must_use]
    pub(crate) fn transfers(&self) -> Vec<LedgerRow> {
        self.records(RecordTable::Transfers)
    }

    /// Notes these rows of transfers, all or none. Does not wait. In the order of the calls.
    pub(crate) fn put_transfers(&self, rows: Vec<LedgerRow>) {
        self.ask(StoreRequest::PutRecords(RecordTable::Transfers, self.network, rows));
    }

    /// Waits until all that was asked before is done.
    #[cfg(test)]
    pub(crate) fn flush(&self) {
        let (reply, answer) = bounded(1);
        self.ask(StoreRequest::Flush(reply));
        // A thread that is gone has nothing left to do.
        answer.recv().unwrap_or_default();
    }

    fn records(&self, table: RecordTable) -> Vec<LedgerRow> {
        let (reply, answer) = bounded(1);
        self.ask(StoreRequest::Records(table, self.network, reply));
        answer.recv().unwrap_or_default()
    }

    fn ask(&self, request: StoreRequest) {
        if self.requests.send(request).is_err() {
            log::error!("the database's thread is gone");
        }
    }
}

/// The thread's state.
struct StoreThread {
    database: Database,
    path: PathBuf,
    warn: Sender<String>,
    /// True once a failure was reported; a success after it makes the next one news again.
    failed: bool,
}

impl StoreThread {
    fn handle(&mut self, request: StoreRequest) {
        let today = u32::try_from(clock::unix_seconds() / 86_400).unwrap_or(u32::MAX);
        let done = match request {
            StoreRequest::PutHashes(rows) => self.database.put_hashes(&rows, today),
            StoreRequest::Hashes(reply) => self.database.hashes(BATCH, &reply),
            StoreRequest::SeenHashes(paths) => self.database.seen_hashes(&paths, today),
            StoreRequest::PruneHashes => self.database.prune_hashes(today.saturating_sub(KEEP_DAYS)),
            StoreRequest::Join => self.database.join(),
            StoreRequest::Records(table, network, reply) => {
                self.database.records(table, network).map(|rows| answer(&reply, rows))
            }
            StoreRequest::PutRecords(table, network, rows) => {
                self.database.put_records(table, network, &rows)
            }
            StoreRequest::PutLedger(network, rows, number, done) => {
                let written = self.put_ledger(network, &rows);
                let outcome = written.as_ref().map_err(ToString::to_string).copied();
                answer(&done, (number, outcome));
                written
            }
            #[cfg(test)]
            StoreRequest::Flush(reply) => {
                answer(&reply, ());
                return;
            }
        };
        match done {
            Ok(()) => self.failed = false,
            Err(e) => self.failed(&e),
        }
    }

    /// A ledger that is not on a disk is none: a promise that it holds would not outlive the process.
    fn put_ledger(&mut self, network: Option<NetworkId>, rows: &[LedgerRow]) -> rusqlite::Result<()> {
        if self.database.is_lasting() {
            self.database.put_ledger(network, rows)
        } else {
            Err(rusqlite::Error::InvalidPath(self.path.clone()))
        }
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        log::debug!("database: {error}");
        if database::is_damage(error) {
            self.database.rebuild(&self.path, &error.to_string(), &self.warn);
        } else if !self.failed {
            self.failed = true;
            let text = format!(
                "the database {} cannot be written or read ({error}): going on without it, files may be \
                 hashed again at the next start",
                self.path.display()
            );
            answer(&self.warn, text);
        }
    }
}

/// Sends an answer that nobody may be waiting for any more.
fn answer<T>(reply: &Sender<T>, value: T) {
    if reply.try_send(value).is_err() {
        log::debug!("nobody waits for the database's answer any more");
    }
}

#[cfg(test)]
mod tests;
