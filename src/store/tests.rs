use std::fs::{self, File};

use super::*;
use crate::content::{FileId, Manifest, Stamp};
use crate::sys::testing;

fn rows(range: std::ops::Range<u32>) -> Vec<HashRow> {
    let row = |n: u32| HashRow {
        path: format!("folder/file {n}").parse().unwrap(),
        stamp: Stamp { device: 1, inode: n.into(), size: n.into(), modified: 5, changed: 6 },
        manifest: Arc::new(Manifest::prove(FileId([7; 32]), n.into(), &[]).unwrap()),
        since: n.into(),
        seen: u32::try_from(clock::unix_seconds() / 86_400).unwrap(),
    };
    range.map(row).collect()
}

fn all(store: &Handle) -> Vec<HashRow> {
    let mut rows: Vec<_> = store.hashes().iter().flatten().collect();
    rows.sort_by_key(|r| r.stamp.inode);
    rows
}

fn said(store: &Handle) -> Vec<String> {
    store.flush();
    store.warnings.try_iter().collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_put_in_comes_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    {
        let store = start(&path).unwrap();
        store.put_hashes(rows(0..5_000));
        store.put_hashes(rows(4_000..6_000));
        assert_eq!(said(&store), [""; 0]);
    }
    let store = start(&path).unwrap();
    assert_eq!(all(&store), rows(0..6_000));
    assert_eq!(said(&store), [""; 0]);
    assert_eq!(testing::mode(&path), 0o600);
}

#[test]
fn rows_not_seen_for_long_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let store = start(&path).unwrap();
    store.put_hashes(rows(0..3));
    store.flush();
    let other = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(other.execute("UPDATE hashes SET seen = seen - 61", []).unwrap(), 3);
    store.seen_hashes(vec![rows(1..2).remove(0).path]);
    store.prune_hashes();
    assert_eq!(all(&store), rows(1..2));
}

/// As a kill would: the files as they are while the database is open, in another folder.
#[test]
fn a_kill_loses_nothing_that_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(&dir.path().join(FILE)).unwrap();
    store.put_hashes(rows(0..1_000));
    store.put_hashes(rows(1_000..2_000));
    store.flush();
    let copy = tempfile::tempdir().unwrap();
    for name in names(dir.path()) {
        fs::copy(dir.path().join(&name), copy.path().join(&name)).unwrap();
    }
    let again = start(&copy.path().join(FILE)).unwrap();
    assert_eq!(all(&again).len(), 2_000);
    assert_eq!(said(&again), [""; 0]);
}

/// The log cut off anywhere, as a loss of power leaves it: some transactions, each whole.
#[test]
fn a_cut_log_gives_whole_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(&dir.path().join(FILE)).unwrap();
    for n in 0..10 {
        store.put_hashes(rows(n * 100..(n + 1) * 100));
    }
    store.flush();
    let wal = dir.path().join(format!("{FILE}-wal"));
    let len = fs::metadata(&wal).unwrap().len();
    let mut counts = Vec::new();
    for part in 0..20 {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(dir.path().join(FILE), copy.path().join(FILE)).unwrap();
        let cut = copy.path().join(format!("{FILE}-wal"));
        fs::copy(&wal, &cut).unwrap();
        File::options().write(true).open(&cut).unwrap().set_len(len * part / 20 + part).unwrap();
        let again = start(&copy.path().join(FILE)).unwrap();
        let n = all(&again).len();
        assert_eq!(n % 100, 0, "{part}");
        assert_eq!(said(&again), [""; 0], "{part}");
        counts.push(n);
    }
    assert!(counts.is_sorted() && counts.last() > counts.first(), "{counts:?}");
}

fn filled(dir: &Path) -> PathBuf {
    let path = dir.join(FILE);
    let store = start(&path).unwrap();
    store.put_hashes(rows(0..5_000));
    store.flush();
    path
}

/// It works again, the old one is kept, and that is said.
fn is_rebuilt(path: &Path, why: &str) {
    let store = start(path).unwrap();
    let found = all(&store);
    let said = said(&store);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("damaged-1") && said[0].contains(why), "{said:?}");
    assert!(path.with_file_name(format!("{FILE}.damaged-1")).exists());
    assert!(found.len() < 5_000);
    store.put_hashes(rows(0..10));
    assert_eq!(all(&store).len(), 10);
    drop(store);
    let store = start(path).unwrap();
    assert_eq!(all(&store).len(), 10);
    assert_eq!(self::said(&store), [""; 0]);
}

#[test]
fn a_truncated_database_is_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let len = fs::metadata(&path).unwrap().len();
    File::options().write(true).open(&path).unwrap().set_len(len / 2).unwrap();
    is_rebuilt(&path, "malformed");
}

#[test]
fn garbage_is_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    fs::write(&path, [b'x'; 10_000]).unwrap();
    is_rebuilt(&path, "not a database");
}

#[test]
fn garbage_in_the_middle_is_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let len = bytes.len();
    bytes[4_096 * 3..len - 4_096].fill(0xff);
    fs::write(&path, bytes).unwrap();
    is_rebuilt(&path, "malformed");
}

#[test]
fn a_later_database_is_refused_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let before = fs::read(&path).unwrap();
    let refused = start(&path).unwrap_err().to_string();
    assert!(refused.contains("written by a later potluck (version 999"), "{refused}");
    assert!(refused.contains(&path.display().to_string()) && refused.contains("start that one"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let aside = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().contains("damaged");
    assert!(!fs::read_dir(dir.path()).unwrap().map(Result::unwrap).any(|entry| aside(&entry)));
    // The later potluck goes on with it.
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 4).unwrap();
    assert_eq!(all(&start(&path).unwrap()).len(), 5_000);
}

#[test]
fn another_programs_database_or_one_without_tables_is_kept_aside() {
    for sql in ["DROP TABLE hashes", "PRAGMA application_id = 5", "ALTER TABLE hashes DROP COLUMN seen"] {
        let dir = tempfile::tempdir().unwrap();
        let path = filled(dir.path());
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        is_rebuilt(&path, "");
    }
}

#[test]
fn many_damaged_ones_are_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    for n in 1..4 {
        fs::write(&path, format!("garbage {n}").repeat(500)).unwrap();
        let store = start(&path).unwrap();
        assert!(said(&store)[0].contains(&format!("damaged-{n}")));
    }
}

#[test]
fn a_place_that_cannot_be_used_is_replaced_by_memory_and_said() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("missing").join(FILE), dir.path().to_owned()] {
        let store = start(&path).unwrap();
        let said = said(&store);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("going on without it"), "{said:?}");
        store.put_hashes(rows(0..10));
        assert_eq!(all(&store).len(), 10);
    }
}

/// A database that stops to take anything, as on a full disk: said once, and it goes on.
#[test]
fn a_failure_while_running_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let store = start(&path).unwrap();
    store.put_hashes(rows(0..10));
    store.flush();
    let full = "CREATE TRIGGER full BEFORE INSERT ON hashes BEGIN SELECT RAISE(FAIL, 'disk is full'); END";
    rusqlite::Connection::open(&path).unwrap().execute_batch(full).unwrap();
    for _ in 0..3 {
        store.put_hashes(rows(10..20));
    }
    let said_first = said(&store);
    assert_eq!(said_first.len(), 1, "{said_first:?}");
    assert!(said_first[0].contains("disk is full"), "{said_first:?}");
    assert_eq!(all(&store).len(), 10);
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TRIGGER full").unwrap();
    store.put_hashes(rows(10..20));
    assert_eq!(all(&store).len(), 20);
}

#[test]
fn damage_found_while_running_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let store = start(&path).unwrap();
    store.put_hashes(rows(0..10));
    store.flush();
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE hashes").unwrap();
    store.put_hashes(rows(0..10));
    assert!(said(&store)[0].contains("damaged-1"));
    store.put_hashes(rows(0..10));
    assert_eq!(all(&store).len(), 10);
}

#[test]
fn the_ledger_is_whole_after_a_restart_and_bad_rows_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let row =
        |key: &[u8], value: Option<&[u8]>| LedgerRow { key: key.to_vec(), value: value.map(<[u8]>::to_vec) };
    {
        let store = start(&path).unwrap();
        let (done, written) = unbounded();
        store.put_ledger(vec![row(b"a", Some(b"1")), row(b"b", Some(b"2"))], 7, done.clone());
        store.put_ledger(vec![row(b"b", None), row(b"c", Some(b"3")), row(b"d", Some(b"4"))], 8, done);
        assert_eq!(written.iter().collect::<Vec<_>>(), [(7, Ok(())), (8, Ok(()))]);
        let other = rusqlite::Connection::open(&path).unwrap();
        let changed = other.execute("UPDATE ledger SET value = x'35' WHERE key = x'64'", []).unwrap();
        assert_eq!(changed, 1);
    }
    let store = start(&path).unwrap();
    assert_eq!(store.ledger(), [row(b"a", Some(b"1")), row(b"c", Some(b"3"))]);
    assert_eq!(said(&store), [""; 0]);
}

/// What is kept for one network is not there in another one, and is there again in its own.
#[test]
fn each_network_has_a_ledger_of_its_own() {
    use crate::content::FileId;
    use crate::custody::ledger::Record;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let row = |key: &[u8], value: &[u8]| LedgerRow { key: key.to_vec(), value: Some(value.to_vec()) };
    let networks = [None, Some(NetworkId([1; 16])), Some(NetworkId([2; 16]))];
    for (network, value) in networks.into_iter().zip([b"open", b"one!", b"two!"]) {
        let store = start(&path).unwrap().of_network(network);
        assert_eq!(store.ledger(), [], "{network:?}");
        let (done, written) = unbounded();
        store.put_ledger(vec![row(&[3, 1], value), row(&[3, 2], value)], 1, done.clone());
        store.put_ledger(vec![LedgerRow { key: vec![3, 2], value: None }], 2, done);
        assert_eq!(written.iter().collect::<Vec<_>>(), [(1, Ok(())), (2, Ok(()))]);
    }
    // The choices of the user hold in all of them, wherever they were made, and wherever they are taken back.
    let choice = Record::Copies(FileId([7; 32]), Some(1));
    assert_eq!(choice.key()[0], EVERYWHERE);
    let choice = LedgerRow { key: choice.key(), value: choice.value() };
    let (done, _written) = unbounded();
    start(&path).unwrap().of_network(networks[1]).put_ledger(vec![choice.clone()], 1, done.clone());
    for (network, value) in networks.into_iter().zip([b"open", b"one!", b"two!"]) {
        let store = start(&path).unwrap().of_network(network);
        assert_eq!(store.ledger(), [row(&[3, 1], value), choice.clone()], "{network:?}");
    }
    let gone = LedgerRow { value: None, ..choice };
    start(&path).unwrap().of_network(networks[2]).put_ledger(vec![gone], 1, done);
    assert_eq!(start(&path).unwrap().of_network(networks[1]).ledger(), [row(&[3, 1], b"one!")]);
}

/// What a later version filed stays for it, whatever this one writes beside it.
#[test]
fn rows_of_a_later_version_are_skipped_and_kept() {
    use crate::custody::ledger::{Ledger, Lived, Record};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let later = LedgerRow { key: vec![200, 1], value: Some(crate::codec::encode(&("Friend", 7))) };
    let lived = |n| Record::Lived(Lived(n));
    let row = |record: &Record| LedgerRow { key: record.key(), value: record.value() };
    for n in [1_u64, 2] {
        let store = start(&path).unwrap();
        let (done, written) = unbounded();
        let mut rows = vec![row(&lived(n))];
        rows.extend((n == 1).then(|| later.clone()));
        store.put_ledger(rows, n, done);
        assert_eq!(written.iter().collect::<Vec<_>>(), [(n, Ok(()))]);
    }
    let rows = start(&path).unwrap().ledger();
    assert_eq!(rows, [row(&lived(2)), later]);
    let ledger = Ledger::of(rows.into_iter().filter_map(|row| row.value));
    assert_eq!(ledger, Ledger { lived: Lived(2), ..Ledger::default() });
}

#[test]
fn a_ledger_in_memory_promises_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // A folder lies where the database should be.
    let path = dir.path().join("folder").join(FILE);
    let store = start(&path).unwrap();
    let (done, written) = unbounded();
    store.put_ledger(vec![LedgerRow { key: vec![1], value: Some(vec![2]) }], 1, done);
    let (number, result) = written.recv().unwrap();
    assert!(number == 1 && result.is_err() && store.ledger().is_empty());
}

/// An earlier potluck refuses a database of a later version, and looks at no table that it does not know.
#[test]
fn what_was_said_lasts_in_a_database_that_earlier_versions_go_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    // As an earlier one left it.
    start(&path).unwrap().flush();
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE chat").unwrap();
    let row = |key: u8, value: Option<u8>| LedgerRow { key: vec![key], value: value.map(|byte| vec![byte]) };
    {
        let store = start(&path).unwrap();
        store.put_chat(vec![row(1, Some(1)), row(2, Some(2))]);
        store.put_chat(vec![row(1, None), row(3, Some(3))]);
        store.flush();
        assert_eq!(said(&store), [""; 0]);
    }
    let store = start(&path).unwrap();
    assert_eq!(store.chat(), [row(2, Some(2)), row(3, Some(3))]);
    assert_eq!(version(&path), 3);
}

/// What is said in a group is told in that group alone, and no potluck without groups goes on where one was.
#[test]
fn each_network_has_a_room_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let row = |key: u8, value: u8| LedgerRow { key: vec![key], value: Some(vec![value]) };
    let group = Some(NetworkId([1; 16]));
    {
        let open = start(&path).unwrap();
        open.put_chat(vec![row(b'l', 1)]);
        let store = start(&path).unwrap().of_network(group);
        assert_eq!(store.chat(), []);
        store.put_chat(vec![row(b'l', 2), row(CHAT_EVERYWHERE, 3)]);
        store.flush();
    }
    assert_eq!(start(&path).unwrap().chat(), [row(CHAT_EVERYWHERE, 3), row(b'l', 1)]);
    assert_eq!(start(&path).unwrap().of_network(group).chat(), [row(CHAT_EVERYWHERE, 3), row(b'l', 2)]);
    assert_eq!(version(&path), 4);
}

fn version(path: &Path) -> i64 {
    let other = rusqlite::Connection::open(path).unwrap();
    other.query_row("PRAGMA user_version", [], |r| r.get(0)).unwrap()
}
