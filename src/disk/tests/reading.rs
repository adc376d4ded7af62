//! What lies in the chunk store is read again, and what rotted there is found.

use std::path::PathBuf;

use super::*;
use crate::content::Span;

/// A store with all of `source` in it.
fn store(source: &Source) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(".potluck-partial");
    fs::create_dir(&folder).unwrap();
    let data = folder.join(source.id().to_string());
    fs::write(&data, &source.bytes).unwrap();
    // A file's times are as coarse as the clock's tick: what is changed at once might look as before.
    let file = fs::File::options().write(true).open(&data).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    if !source.chunks.is_single() {
        fs::write(folder.join(format!("{}.manifest", source.id())), source.manifest.as_bytes()).unwrap();
    }
    (dir, data)
}

fn whole(source: &Source) -> Vec<Span> {
    vec![Span { from: 0, to: source.chunks.count() }]
}

/// Numbers of the chunks that are rotten.
fn rotten(dir: &tempfile::TempDir, source: &Source, spans: &[Span]) -> Vec<u32> {
    let found = verify_stored(dir.path(), source.id(), source.chunks.size(), spans, &mut |_| true);
    found.unwrap().into_iter().map(ChunkIndex::get).collect()
}

fn flip(data: &Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(data).unwrap();
    let mut byte = [0];
    file::read_exact_at(&file, &mut byte, at).unwrap();
    file::write_all_at(&file, &[byte[0] ^ 0x10], at).unwrap();
}

#[test]
fn every_rotten_chunk_of_those_asked_for_is_found() {
    let source = Source::new(10 * 65_536 + 9, 1);
    let (dir, data) = store(&source);
    assert!(rotten(&dir, &source, &whole(&source)).is_empty());
    // The first and the last byte of a chunk, and the last one of the file.
    for at in [0, 65_535, 3 * 65_536, 10 * 65_536 + 8] {
        flip(&data, at);
    }
    assert_eq!(rotten(&dir, &source, &whole(&source)), [0, 3, 10]);
    let parts = [Span { from: 1, to: 3 }, Span { from: 3, to: 5 }, Span { from: 9, to: 4_000 }];
    assert_eq!(rotten(&dir, &source, &parts), [3, 10]);
    // A hole, and an end that is missing.
    let file = fs::File::options().write(true).open(&data).unwrap();
    file.set_len(6 * 65_536 + 1).unwrap();
    file.set_len(8 * 65_536 + 1).unwrap();
    assert_eq!(rotten(&dir, &source, &whole(&source)), [0, 3, 6, 7, 8, 9, 10]);
}

#[test]
fn files_of_one_chunk_are_checked_by_their_id() {
    for len in [0, 1, 65_536] {
        let source = Source::new(len, 2);
        let (dir, data) = store(&source);
        assert!(rotten(&dir, &source, &whole(&source)).is_empty(), "{len}");
        if len > 0 {
            flip(&data, len as u64 - 1);
            assert_eq!(rotten(&dir, &source, &whole(&source)), [0], "{len}");
        }
        fs::remove_file(&data).unwrap();
        assert_eq!(rotten(&dir, &source, &whole(&source)), [0], "{len}");
    }
}

#[test]
fn without_what_proves_it_nothing_holds_and_nobody_is_led_out_of_the_store() {
    let source = Source::new(200_000, 3);
    for (name, spoil) in [
        ("no manifest", (|m, _| fs::remove_file(m).unwrap()) as fn(&Path, &Path)),
        ("a wrong manifest", |m, _| flip(m, 7)),
        ("a cut manifest", |m, _| fs::File::options().write(true).open(m).unwrap().set_len(96).unwrap()),
        ("no data", |_, d| fs::remove_file(d).unwrap()),
        ("a link", |_, d| {
            fs::rename(d, d.with_file_name("elsewhere")).unwrap();
            testing::link(d.with_file_name("elsewhere"), d);
        }),
        ("a folder", |_, d| {
            fs::remove_file(d).unwrap();
            fs::create_dir(d).unwrap();
        }),
    ] {
        let (dir, data) = store(&source);
        spoil(&data.with_file_name(format!("{}.manifest", source.id())), &data);
        assert_eq!(rotten(&dir, &source, &whole(&source)), [0, 1, 2, 3], "{name}");
    }
    // No store at all; and a size that cannot be.
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(rotten(&empty, &source, &whole(&source)), [0, 1, 2, 3]);
    assert!(verify_stored(empty.path(), source.id(), u64::MAX, &whole(&source), &mut |_| true).is_err());
}

#[test]
fn it_says_how_far_it_is_and_ends_when_it_is_asked_to() {
    let source = Source::new(40 * 65_536, 4);
    let (dir, data) = store(&source);
    let mut read = 0;
    let mut count = |n| {
        read += n;
        true
    };
    verify_stored(dir.path(), source.id(), source.chunks.size(), &whole(&source), &mut count).unwrap();
    assert_eq!(read, source.chunks.size());
    flip(&data, 0);
    flip(&data, 39 * 65_536);
    let mut steps = 0;
    let mut stop = |_| {
        steps += 1;
        steps < 20
    };
    let found =
        verify_stored(dir.path(), source.id(), source.chunks.size(), &whole(&source), &mut stop).unwrap();
    assert_eq!(found, [source.chunks.index(0).unwrap()]);
    assert_eq!(steps, 20);
}

#[test]
fn a_chunk_is_proved_before_it_is_read_and_a_change_is_noticed() {
    let source = Source::new(200_000, 5);
    let (dir, data) = store(&source);
    let mut stored = StoredReader::open(dir.path(), source.id(), source.chunks).unwrap();
    let (first, second) = (source.chunks.index(0).unwrap(), source.chunks.index(1).unwrap());
    // Smaller than a chunk: it is read piece by piece.
    let mut buffer = vec![0; 10_000];
    stored.prove(first, &mut buffer).unwrap();
    let mut bytes = vec![0; 100];
    stored.read(65_436, &mut bytes).unwrap();
    assert_eq!(bytes, source.bytes[65_436..65_536]);
    flip(&data, 3);
    assert!(matches!(stored.read(0, &mut bytes), Err(StoredError::Changed)));
    assert!(matches!(stored.prove(second, &mut buffer), Err(StoredError::Changed)));
    let mut stored = StoredReader::open(dir.path(), source.id(), source.chunks).unwrap();
    assert!(matches!(stored.prove(first, &mut buffer), Err(StoredError::Rotten)));
    stored.prove(second, &mut buffer).unwrap();
    // One that is gone has no name any more.
    fs::remove_file(&data).unwrap();
    assert!(matches!(stored.read(65_536, &mut bytes), Err(StoredError::Changed)));
    assert!(matches!(StoredReader::open(dir.path(), source.id(), source.chunks), Err(StoredError::Missing)));
}
