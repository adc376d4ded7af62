//! What others may have of a file while it is fetched, and after.

use std::fs;

use super::*;

/// What `seed` gives of a chunk.
fn read(seed: &PartialSeed, source: &Source, chunk: ChunkIndex) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(source.chunks.len_of(chunk)).unwrap()];
    seed.read(source.chunks.range(chunk).start, &mut bytes).map(|()| bytes)
}

#[test]
fn verified_chunks_are_given_and_stay_under_the_final_name() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(2_000_000, 5);
    let mut rig = Rig::new();
    let token = rig.open(source.plan(dir.path(), "x"));
    rig.opened(token).unwrap();
    let seed = Arc::clone(&rig.seeds[&source.id()]);
    assert!(seed.manifest().is_none() && seed.have().count() == 0 && seed.id() == source.id());
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    let (first, second) = (source.chunks.index(0).unwrap(), source.chunks.index(1).unwrap());
    rig.write(token, first, source.chunk(first));
    rig.write(token, second, &vec![0; source.chunk(second).len()]);
    for _ in 0..2 {
        let Event::Chunk(_, chunk, good) = rig.event() else { panic!("two chunks were written") };
        assert_eq!(good, chunk == first);
    }
    assert_eq!(seed.have().iter().collect::<Vec<_>>(), [first], "a wrong one is none");
    assert_eq!(read(&seed, &source, first).unwrap(), source.chunk(first));
    assert!(seed.manifest().is_some() && !seed.is_complete());

    let missing = source.chunks.iter().filter(|c| *c != first).collect();
    let (arrived, _) = rig.fill(&source, token, missing, 0);
    let path = arrived.unwrap().path().unwrap().to_owned();
    assert!(seed.is_complete() && seed.have().is_full());
    assert_eq!(read(&seed, &source, second).unwrap(), source.chunk(second));
    // Its user does with it what they want: nobody gets that for the old content.
    fs::write(&path, b"changed").unwrap();
    assert!(read(&seed, &source, first).is_err() && seed.is_gone() && !seed.has(first));
}

#[test]
fn what_is_closed_is_not_given_any_more_and_what_was_there_before_is_hashed_first() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::new(2_000_000, 6);
    let mut rig = Rig::new();
    let token = rig.open(source.plan(dir.path(), "x"));
    rig.opened(token).unwrap();
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    let chunk = source.chunks.index(3).unwrap();
    rig.write(token, chunk, source.chunk(chunk));
    assert!(matches!(rig.event(), Event::Chunk(_, _, true)));
    let before = Arc::clone(&rig.seeds[&source.id()]);
    rig.tell(Command::Close(token));
    rig.tell(Command::Flush);
    assert!(matches!(rig.event(), Event::Idle));
    assert!(before.is_gone() && !before.has(chunk));

    // The bytes rot, and nothing tells.
    let partial = dir.path().join(".potluck-partial").join(source.id().to_string());
    let mut bytes = fs::read(&partial).unwrap();
    let at = usize::try_from(source.chunks.range(chunk).start).unwrap();
    bytes[at] ^= 1;
    fs::write(&partial, bytes).unwrap();
    let token = rig.open(source.plan(dir.path(), "x"));
    assert_eq!(rig.opened(token).unwrap().0, [chunk], "it is believed");
    assert!(matches!(rig.event(), Event::Chunk(t, c, false) if t == token && c == chunk));
    let now = Arc::clone(&rig.seeds[&source.id()]);
    assert!(!now.has(chunk) && now.have().count() == 0, "but never given unread");
}
