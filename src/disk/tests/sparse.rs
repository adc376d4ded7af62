//! Files with holes keep them, however they come to be here.

use super::*;
use crate::sys::facts::Facts;

/// Bytes of the disk that a file takes.
fn allocated(path: &Path) -> u64 {
    Facts::at(path).unwrap().allocated
}

/// Mostly zeros: 24 MiB, of which a piece at the beginning, one in the middle and one at the end are data.
/// Large enough for its space to be taken beforehand.
fn sparse() -> Source {
    let mut bytes = vec![0; 24 << 20];
    for start in [0, 12 << 20, (24 << 20) - 100_000] {
        bytes[start..start + 100_000].fill(7);
    }
    Source::of(bytes)
}

/// Whether files have holes in `dir`.
fn has_holes(dir: &Path) -> bool {
    let file = fs::File::create(dir.join("holes")).unwrap();
    file::write_all_at(&file, &vec![1; 1 << 20], 0).unwrap();
    let has_holes = crate::sys::punch::punch(&file, 0, 1 << 20);
    fs::remove_file(dir.join("holes")).unwrap();
    has_holes
}

/// A download of it as `image`, of which the manifest is there.
fn begun(source: &Source, dir: &Path) -> (Rig, FileToken) {
    let mut rig = Rig::new();
    let token = rig.open(source.plan(dir, "image"));
    rig.opened(token).unwrap();
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    (rig, token)
}

fn assert_sparse(path: &Path, source: &Source) {
    assert!(fs::read(path).unwrap() == source.bytes);
    let taken = allocated(path);
    let dir = path.parent().unwrap();
    assert!(taken < 4 << 20 || !has_holes(dir), "{taken} bytes of {}", path.display());
}

#[test]
fn a_sparse_file_stays_sparse_and_so_do_its_copies() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    let source = sparse();
    assert_eq!(rig.fetch(&source, source.plan(dir.path(), "image")).0, saved(dir.path(), "image"));
    assert_sparse(&dir.path().join("image"), &source);
    let token = FileToken(500);
    rig.tell(Command::Copy(token, source.plan(dir.path(), "copy"), dir.path().join("image")));
    assert!(matches!(rig.event(), Event::Arrived(t, Arrival::Saved(_)) if t == token));
    assert_sparse(&dir.path().join("copy"), &source);
}

#[test]
fn a_sparse_file_stays_sparse_when_it_comes_in_two_parts() {
    let dir = tempfile::tempdir().unwrap();
    let source = sparse();
    let (mut rig, token) = begun(&source, dir.path());
    // The last chunk first, so that space for all is taken, and then half of the others.
    let half = source.chunks.iter().take(usize::try_from(source.chunks.count() / 2).unwrap());
    for chunk in std::iter::once(source.chunks.last()).chain(half) {
        rig.write(token, chunk, source.chunk(chunk));
        assert!(matches!(rig.event(), Event::Chunk(_, _, true)));
    }
    rig.tell(Command::Close(token));
    rig.flush();
    drop(rig);
    let mut rig = Rig::new();
    let (outcome, fetched) = rig.fetch(&source, source.plan(dir.path(), "image"));
    assert_eq!(outcome, saved(dir.path(), "image"));
    assert!(fetched < 13 << 20, "{fetched} bytes were fetched again");
    assert_sparse(&dir.path().join("image"), &source);
}

#[test]
fn zeros_that_take_the_place_of_wrong_bytes_are_zeros() {
    let dir = tempfile::tempdir().unwrap();
    let source = sparse();
    let (mut rig, token) = begun(&source, dir.path());
    let chunk = source.chunks.index(source.chunks.count() / 4).unwrap();
    let wrong = vec![9; source.chunk(chunk).len()];
    rig.write(token, chunk, &wrong);
    assert!(matches!(rig.event(), Event::Chunk(_, c, false) if c == chunk));
    let (outcome, _) = rig.fill(&source, token, source.chunks.iter().collect(), 0);
    assert_eq!(outcome, saved(dir.path(), "image"));
    assert_sparse(&dir.path().join("image"), &source);
}
