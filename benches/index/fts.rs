//! What SQLite makes of these paths, with an index of trigrams (FTS5), in memory. Folded paths go in, as in the index,
//! and what has fewer than three letters is looked for in all of them. The first hundred rows are fetched, in whatever
//! order, and no more are counted: so it does less than the index does.

use potluck::content::{Entry, EntryKind};
use rusqlite::{Connection, params};

use super::{millis, report, resident, timed};

const TABLES: &str = "CREATE TABLE files(owner INTEGER, path TEXT, folded TEXT, size INTEGER, id BLOB);
    CREATE VIRTUAL TABLE names USING fts5(path, content='', contentless_delete=1, tokenize='trigram case_sensitive 1')";

fn fill(database: &mut Connection, entries: &[Vec<Entry>]) {
    let mut row = 0_i64;
    for (owner, entries) in (0_i64..).zip(entries) {
        let transaction = database.transaction().unwrap();
        {
            let mut file = transaction.prepare_cached("INSERT INTO files VALUES(?, ?, ?, ?, ?)").unwrap();
            let mut name = transaction.prepare_cached("INSERT INTO names(rowid, path) VALUES(?, ?)").unwrap();
            for entry in entries {
                let EntryKind::File { id, size, .. } = &entry.kind else { continue };
                let folded = potluck::index::fold(entry.path.as_str());
                row += 1;
                let size = i64::try_from(*size).unwrap();
                file.execute(params![owner, entry.path.as_str(), folded, size, id.0]).unwrap();
                name.execute(params![row, folded]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
}

fn search(database: &Connection, words: &[String]) -> u64 {
    let is_indexed = words.iter().all(|word| word.chars().count() >= 3);
    let (select, what) = if is_indexed {
        let what: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
        (
            "SELECT f.path FROM names JOIN files f ON f.rowid = names.rowid WHERE names MATCH ?",
            what.join(" AND "),
        )
    } else {
        ("SELECT path FROM files WHERE instr(folded, ?) > 0", words.join(" "))
    };
    let mut statement = database.prepare_cached(&format!("{select} LIMIT 100")).unwrap();
    let rows = statement.query_map([what], |row| row.get::<_, String>(0)).unwrap();
    rows.map(Result::unwrap).count() as u64
}

/// Prints what SQLite needs for the same.
pub(crate) fn measure(entries: &[Vec<Entry>], searches: &[(&'static str, Vec<Vec<String>>)]) {
    let before = resident();
    let mut database = Connection::open_in_memory().unwrap();
    database.execute_batch(TABLES).unwrap();
    let ((), time) = timed(|| fill(&mut database, entries));
    println!("FTS5: filled in {:.0} ms, {:.1} MiB resident", millis(time), resident() - before);
    for (name, all) in searches {
        let (hits, times): (Vec<_>, Vec<_>) =
            all.iter().map(|words| timed(|| search(&database, words))).unzip();
        report(&format!("FTS5, first 100: {name}"), times, hits.iter().sum());
    }
    let times = (0..10_i64).map(|n| {
        let rows = entries[0].iter().take(500);
        timed(|| {
            let transaction = database.transaction().unwrap();
            for (at, entry) in (0_i64..).zip(rows) {
                let (old, new) = (n * 500 + at + 1, (1 << 40) + n * 500 + at);
                transaction.execute("DELETE FROM names WHERE rowid = ?", [old]).unwrap();
                transaction.execute("DELETE FROM files WHERE rowid = ?", [old]).unwrap();
                let folded = potluck::index::fold(entry.path.as_str());
                let file = params![new, entry.path.as_str(), folded];
                transaction.execute("INSERT INTO files(rowid, path, folded) VALUES(?, ?, ?)", file).unwrap();
                transaction
                    .execute("INSERT INTO names(rowid, path) VALUES(?, ?)", params![new, folded])
                    .unwrap();
            }
            transaction.commit().unwrap();
        })
        .1
    });
    let times: Vec<_> = if entries[0].len() < 500 { times.take(1).collect() } else { times.collect() };
    report("FTS5: 500 rows removed, 500 added", times, 0);
}
