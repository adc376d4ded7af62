//! The tables and their queries. Everything here runs in the store's own thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::Sender;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};

use super::rows::{CHAT_EVERYWHERE, EVERYWHERE, HashRow, LedgerRow, RawHash, TRANSFERS_EVERYWHERE};
use super::{StoreError, answer};
use crate::content::SafePath;
use crate::group::NetworkId;
use crate::sys::file;

/// Marks the file as potluck's ("PTLK"), so that another program's is not mistaken for ours.
const APPLICATION: i32 = 0x5054_4c4b;

/// Step `n` brings a database from `user_version` n to n + 1. Never changed, only added to.
const MIGRATIONS: [&str; 3] = [
    "
    CREATE TABLE hashes (
        path TEXT PRIMARY KEY NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
        size INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL,
        id BLOB NOT NULL, chunk_values BLOB NOT NULL, seen INTEGER NOT NULL, sum BLOB NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE ledger (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, sum BLOB NOT NULL) STRICT;
",
    "
    ALTER TABLE hashes ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
",
];

/// The `user_version` of a peer that was in a group. Its tables are those of any other one; but an earlier potluck, which
/// knows no groups and would share everything in the open network, does not go on with it.
const GROUP_VERSION: u32 = 4;

/// Tables that came without a step of their own: an earlier potluck does not look at them, and is to go on with the
/// database as it is. Those that begin with `group_` are of groups, the others of the open network.
const ADDITIONS: &str = "
    CREATE TABLE IF NOT EXISTS chat (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, sum BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS transfers (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, sum BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS group_ledger (
        network BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, sum BLOB NOT NULL,
        PRIMARY KEY (network, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS group_chat (
        network BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, sum BLOB NOT NULL,
        PRIMARY KEY (network, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS downloads (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, sum BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS group_downloads (
        network BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, sum BLOB NOT NULL,
        PRIMARY KEY (network, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS group_transfers (
        network BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, sum BLOB NOT NULL,
        PRIMARY KEY (network, key)
    ) STRICT, WITHOUT ROWID;
";

/// A table of records, each filed under a key. There is one for the open network, and one for all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordTable {
    /// The ledger of custody.
    Ledger,
    /// What was said in the room.
    Chat,
    /// The queue of downloads.
    Downloads,
    /// What was sent and fetched.
    Transfers,
}

/// The queries of one of them.
struct RecordQueries {
    all: &'static str,
    put: &'static str,
    forget: &'static str,
    /// Of the group `?1`, and what holds everywhere: rows whose keys begin with `?2`.
    all_of_group: &'static str,
    put_of_group: &'static str,
    forget_of_group: &'static str,
}

macro_rules! queries {
    ($open:literal, $groups:literal) => {
        RecordQueries {
            all: concat!("SELECT key, value, sum FROM ", $open, " ORDER BY key"),
            put: concat!("INSERT OR REPLACE INTO ", $open, " (key, value, sum) VALUES (?1, ?2, ?3)"),
            forget: concat!("DELETE FROM ", $open, " WHERE key = ?1"),
            all_of_group: concat!(
                "SELECT key, value, sum FROM ",
                $open,
                " WHERE substr(key, 1, 1) = ?2
                 UNION ALL SELECT key, value, sum FROM ",
                $groups,
                " WHERE network = ?1 ORDER BY key"
            ),
            put_of_group: concat!(
                "INSERT OR REPLACE INTO ",
                $groups,
                " (network, key, value, sum) VALUES (?1, ?2, ?3, ?4)"
            ),
            forget_of_group: concat!("DELETE FROM ", $groups, " WHERE network = ?1 AND key = ?2"),
        }
    };
}

impl RecordTable {
    const fn queries(self) -> RecordQueries {
        match self {
            Self::Ledger => queries!("ledger", "group_ledger"),
            Self::Chat => queries!("chat", "group_chat"),
            Self::Downloads => queries!("downloads", "group_downloads"),
            Self::Transfers => queries!("transfers", "group_transfers"),
        }
    }

    /// With what the keys of rows begin that hold in every network: what the user chose.
    const fn everywhere(self) -> u8 {
        match self {
            Self::Ledger => EVERYWHERE,
            Self::Chat => CHAT_EVERYWHERE,
            // No key begins so: who gives is of one network.
            Self::Downloads => 0,
            Self::Transfers => TRANSFERS_EVERYWHERE,
        }
    }
}

const PUT_HASH: &str = "INSERT OR REPLACE INTO hashes
    (path, device, inode, size, modified, changed, id, chunk_values, seen, sum, since)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const HASHES: &str =
    "SELECT path, device, inode, size, modified, changed, id, chunk_values, seen, sum, since FROM hashes";
const SEEN_HASH: &str = "UPDATE hashes SET seen = ?2 WHERE path = ?1";
const PRUNE_HASHES: &str = "DELETE FROM hashes WHERE seen < ?1";

/// An open database that has all tables.
#[derive(Debug)]
pub(super) struct Database(Connection);

/// Why the file at the path is not our database.
enum Unfit {
    /// Its content: it is kept aside and a new one is made.
    Content(String),
    /// Its surroundings: it stays where it is and memory takes its place.
    Surroundings(String),
    /// A later potluck wrote it, with this `user_version`: it stays as it is, and nothing is begun beside it.
    Later(i64),
}

impl From<rusqlite::Error> for Unfit {
    fn from(e: rusqlite::Error) -> Self {
        if is_damage(&e) { Self::Content(e.to_string()) } else { Self::Surroundings(e.to_string()) }
    }
}

/// True if `error` says that the file's content is not what we wrote: damaged, foreign, tables missing.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    match error {
        E::SqliteFailure(e, _) | E::SqlInputError { error: e, .. } => matches!(
            e.code,
            // `Unknown` is SQLITE_ERROR: a statement that does not fit the tables.
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
        ),
        E::InvalidColumnType(..) | E::FromSqlConversionFailure(..) | E::IntegralValueOutOfRange(..) => true,
        _ => false,
    }
}

impl Database {
    /// The database at `path`, or what can take its place; the difference is said.
    ///
    /// # Errors
    /// [`StoreError::Later`]: what a later potluck knows of this peer's files and those of others must not be
    /// lost because an earlier one was started once.
    pub(super) fn open(path: &Path, warn: &Sender<String>) -> Result<Self, StoreError> {
        match Self::at(path) {
            Ok(database) => Ok(database),
            Err(Unfit::Content(why)) => Ok(Self::start_again(path, &why, warn)),
            Err(Unfit::Surroundings(why)) => Ok(Self::in_memory(path, &why, warn)),
            Err(Unfit::Later(version)) => {
                Err(StoreError::Later { path: path.to_owned(), version, known: GROUP_VERSION })
            }
        }
    }

    /// Sets a damaged database aside while it is running.
    pub(super) fn rebuild(&mut self, path: &Path, why: &str, warn: &Sender<String>) {
        // The old connection first lets go of the files that are to be renamed.
        self.0 = nowhere();
        *self = Self::start_again(path, why, warn);
    }

    fn start_again(path: &Path, why: &str, warn: &Sender<String>) -> Self {
        let aside = match set_aside(path) {
            Ok(aside) => aside,
            Err(e) => return Self::in_memory(path, &format!("{why}; it could not be kept aside: {e}"), warn),
        };
        answer(
            warn,
            format!(
                "the database {} could not be used ({why}): it was kept as {} and begun anew, files are \
                 hashed again",
                path.display(),
                aside.display()
            ),
        );
        match Self::at(path) {
            Ok(database) => database,
            Err(Unfit::Content(why) | Unfit::Surroundings(why)) => Self::in_memory(path, &why, warn),
            // Somebody else has put it there this very moment.
            Err(Unfit::Later(version)) => Self::in_memory(path, &format!("it has version {version}"), warn),
        }
    }

    fn in_memory(path: &Path, why: &str, warn: &Sender<String>) -> Self {
        answer(
            warn,
            format!(
                "the database {} cannot be opened ({why}): going on without it, files are hashed again at \
                 the next start",
                path.display()
            ),
        );
        let mut connection = nowhere();
        if let Err(e) = migrate(&mut connection) {
            // Then every request fails, which is reported once.
            log::error!("a database in memory has no tables: {e}");
        }
        Self(connection)
    }

    fn at(path: &Path) -> Result<Self, Unfit> {
        // Made here, so that no other user can read it; SQLite gives its other files the same mode.
        file::make_private(path).map_err(|e| Unfit::Surroundings(e.to_string()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let application: i32 = connection.query_row("PRAGMA application_id", [], |r| r.get(0))?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        if application != APPLICATION && (application, version, tables) != (0, 0, 0) {
            return Err(Unfit::Content("it belongs to another program".to_owned()));
        }
        if version > i64::from(GROUP_VERSION) {
            return Err(Unfit::Later(version));
        }
        // A file system without shared memory answers with another mode, which is as good.
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |r| r.get::<_, String>(0))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        migrate(&mut connection)?;
        let database = Self(connection);
        database.prepare_all()?;
        Ok(database)
    }

    /// Finds out at start if a table is missing or has other columns.
    fn prepare_all(&self) -> rusqlite::Result<()> {
        let of = |table: RecordTable| {
            let RecordQueries { all, put, forget, all_of_group, put_of_group, forget_of_group } =
                table.queries();
            [all, put, forget, all_of_group, put_of_group, forget_of_group]
        };
        let all = [RecordTable::Ledger, RecordTable::Chat, RecordTable::Downloads, RecordTable::Transfers];
        let records = all.into_iter().flat_map(of);
        for sql in [PUT_HASH, HASHES, SEEN_HASH, PRUNE_HASHES].into_iter().chain(records) {
            self.0.prepare_cached(sql)?;
        }
        Ok(())
    }

    pub(super) fn put_hashes(&mut self, rows: &[HashRow], today: u32) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        {
            let mut put = transaction.prepare_cached(PUT_HASH)?;
            for raw in rows.iter().filter_map(|row| RawHash::of(row, today)) {
                let [device, inode, size, modified, changed] = raw.stamp;
                put.execute(params![
                    raw.path, device, inode, size, modified, changed, raw.id, raw.values, raw.seen, raw.sum,
                    raw.since
                ])?;
            }
        }
        transaction.commit()
    }

    pub(super) fn hashes(&self, batch: usize, reply: &Sender<Vec<HashRow>>) -> rusqlite::Result<()> {
        let mut select = self.0.prepare_cached(HASHES)?;
        let mut rows = select.query([])?;
        let mut out = Vec::with_capacity(batch);
        let mut bad = 0_u64;
        while let Some(row) = rows.next()? {
            // Text that is not UTF-8 or a value of another type is a bad row too, not a bad table.
            match raw_hash(row).ok().and_then(RawHash::check) {
                Some(row) => out.push(row),
                None => bad += 1,
            }
            if out.len() == batch
                && reply.send(std::mem::replace(&mut out, Vec::with_capacity(batch))).is_err()
            {
                return Ok(());
            }
        }
        if bad > 0 {
            log::warn!("{bad} rows of the hash cache are damaged; their files are hashed again");
        }
        if reply.send(out).is_err() {
            log::debug!("nobody waits for the hash cache any more");
        }
        Ok(())
    }

    pub(super) fn seen_hashes(&mut self, paths: &[SafePath], today: u32) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        {
            let mut seen = transaction.prepare_cached(SEEN_HASH)?;
            for path in paths {
                seen.execute(params![path.as_str(), today])?;
            }
        }
        transaction.commit()
    }

    pub(super) fn prune_hashes(&self, before: u32) -> rusqlite::Result<()> {
        self.0.prepare_cached(PRUNE_HASHES)?.execute([before]).map(|_| ())
    }

    /// All rows that a table has of a network and that prove themselves, in the order of their keys.
    pub(super) fn records(
        &self,
        table: RecordTable,
        network: Option<NetworkId>,
    ) -> rusqlite::Result<Vec<LedgerRow>> {
        let queries = table.queries();
        let mut select =
            self.0.prepare_cached(if network.is_some() { queries.all_of_group } else { queries.all })?;
        let mut rows = match network {
            Some(NetworkId(id)) => select.query(params![id, [table.everywhere()]])?,
            None => select.query([])?,
        };
        let (mut out, mut bad) = (Vec::new(), 0_u64);
        while let Some(row) = rows.next()? {
            let cells = (row.get(0), row.get(1), row.get(2));
            let (Ok(key), Ok(value), Ok(sum)) = cells else {
                bad += 1;
                continue;
            };
            let sum: Vec<u8> = sum;
            let row = LedgerRow { key, value: Some(value) };
            if row.checksum()[..] == sum[..] { out.push(row) } else { bad += 1 }
        }
        if bad > 0 {
            log::warn!("{bad} rows of {table:?} are damaged, and count as missing");
        }
        Ok(out)
    }

    /// Writes rows of the ledger in one transaction. It is on the disk when this returns.
    pub(super) fn put_ledger(
        &mut self,
        network: Option<NetworkId>,
        rows: &[LedgerRow],
    ) -> rusqlite::Result<()> {
        // Else a commit may be lost with the power: it stays whole, but goes back in time.
        self.0.pragma_update(None, "synchronous", "FULL")?;
        let done = self.put_records(RecordTable::Ledger, network, rows);
        self.0.pragma_update(None, "synchronous", "NORMAL")?;
        done
    }

    /// Writes rows of a table in one transaction. They outlive the process, but the last ones not the power.
    pub(super) fn put_records(
        &mut self,
        table: RecordTable,
        network: Option<NetworkId>,
        rows: &[LedgerRow],
    ) -> rusqlite::Result<()> {
        let queries = table.queries();
        let transaction = self.0.transaction()?;
        {
            let mut put = transaction.prepare_cached(queries.put)?;
            let mut forget = transaction.prepare_cached(queries.forget)?;
            let mut put_of_group = transaction.prepare_cached(queries.put_of_group)?;
            let mut forget_of_group = transaction.prepare_cached(queries.forget_of_group)?;
            for row in rows {
                match (row.network(network, table.everywhere()), &row.value) {
                    (None, Some(value)) => put.execute(params![row.key, value, &row.checksum()[..]])?,
                    (None, None) => forget.execute([&row.key])?,
                    (Some(NetworkId(id)), Some(value)) => {
                        put_of_group.execute(params![id, row.key, value, &row.checksum()[..]])?
                    }
                    (Some(NetworkId(id)), None) => forget_of_group.execute(params![id, row.key])?,
                };
            }
        }
        transaction.commit()
    }

    /// From now on it is that of a peer that was in a group.
    pub(super) fn join(&self) -> rusqlite::Result<()> {
        self.0.pragma_update(None, "user_version", GROUP_VERSION)
    }

    /// False for a database in memory, which is gone with the process.
    pub(super) fn is_lasting(&self) -> bool {
        self.0.path().is_some_and(|path| !path.is_empty())
    }
}

fn raw_hash(r: &Row<'_>) -> rusqlite::Result<RawHash> {
    Ok(RawHash {
        path: r.get(0)?,
        stamp: [r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?],
        id: r.get(6)?,
        values: r.get(7)?,
        seen: r.get(8)?,
        sum: r.get(9)?,
        since: r.get(10)?,
    })
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    for (n, step) in (1_u32..).zip(MIGRATIONS).skip(version as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", n)?;
        transaction.commit()?;
    }
    connection.execute_batch(ADDITIONS)
}

/// A database in memory, without tables.
fn nowhere() -> Connection {
    Connection::open_in_memory().expect("SQLite opens a database in memory unless memory itself is gone")
}

/// Renames the database and the files beside it to `….damaged-N`; returns the first one's new name.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let free = |n: &u32| !with(&format!(".damaged-{n}")).exists();
    let n = (1..u32::MAX).find(free).unwrap_or(u32::MAX);
    let aside = with(&format!(".damaged-{n}"));
    // The log goes first: a new database must never find an old one's beside it.
    for suffix in ["-wal", "-shm"] {
        match fs::rename(with(suffix), with(&format!(".damaged-{n}{suffix}"))) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new database must never find an old one's log beside it.
    #[test]
    fn the_log_of_a_database_goes_aside_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        for suffix in ["", "-wal", "-shm", ".damaged-1"] {
            fs::write(dir.path().join(format!("x.db{suffix}")), suffix).unwrap();
        }
        assert_eq!(set_aside(&path).unwrap(), dir.path().join("x.db.damaged-2"));
        for suffix in ["", "-wal", "-shm"] {
            assert!(!dir.path().join(format!("x.db{suffix}")).exists());
            assert!(dir.path().join(format!("x.db.damaged-2{suffix}")).exists());
        }
    }
}
