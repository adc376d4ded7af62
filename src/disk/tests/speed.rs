//! How fast bytes get through the workers. Not a test: run with `--ignored --nocapture`, and
//! `POTLUCK_BENCH_DIR` for another folder than the memory file system.

use super::*;
use crate::sys::clock::now;

fn folder() -> tempfile::TempDir {
    let at = std::env::var_os("POTLUCK_BENCH_DIR").unwrap_or_else(|| "/dev/shm".into());
    tempfile::tempdir_in(at).unwrap()
}

/// CPU seconds of this process, user and system.
fn cpu() -> f64 {
    testing::cpu_time().as_secs_f64()
}

#[test]
#[ignore = "measures"]
fn one_large_file() {
    let source = Source::new(1 << 30, 1);
    for _ in 0..3 {
        let dir = folder();
        let mut rig = Rig::new();
        let (begun, used) = (now(), cpu());
        let token = rig.open(source.plan(dir.path(), "x"));
        rig.opened(token).unwrap();
        rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
        let mut left = source.chunks.count();
        for chunk in source.chunks.iter().rev() {
            let bytes = &source.bytes[usize::try_from(source.chunks.range(chunk).start).unwrap()..];
            let len = usize::try_from(source.chunks.len_of(chunk)).unwrap();
            for (i, piece) in bytes[..len].chunks(limits::BLOCK).enumerate() {
                rig.write_at(token, chunk, i * limits::BLOCK, piece);
            }
            while let Ok(event) = rig.disk.events.try_recv() {
                if matches!(event, Event::PartialSeed(..)) {
                    continue;
                }
                assert!(matches!(event, Event::Chunk(_, _, true)));
                left -= 1;
            }
        }
        while left > 0 {
            assert!(matches!(rig.event(), Event::Chunk(_, _, true)));
            left -= 1;
        }
        let written = now().since(begun).as_secs_f64();
        rig.tell(Command::Publish(token));
        assert!(matches!(rig.event(), Event::Arrived(..)));
        let whole = now().since(begun).as_secs_f64();
        println!(
            "1 GiB: {:.0} MB/s to the last chunk, {:.0} MB/s published, {:.2} CPU s (one copy into blocks included)",
            1073.7 / written,
            1073.7 / whole,
            cpu() - used
        );
    }
}

#[test]
#[ignore = "measures"]
fn many_small_files() {
    let sources: Vec<Source> = (0..2_000).map(|n| Source::new(16 << 10, n)).collect();
    for _ in 0..3 {
        let dir = folder();
        let mut rig = Rig::new();
        let (begun, used) = (now(), cpu());
        let (mut opened, mut arrived) = (0, 0);
        while arrived < sources.len() {
            while opened < sources.len() && opened < arrived + crate::swarm::limits::OPEN_DOWNLOADS {
                rig.open(sources[opened].plan(dir.path(), &format!("d/f{opened}")));
                opened += 1;
            }
            match rig.event() {
                Event::Opened(t, _, _) => {
                    let source = &sources[usize::try_from(t.0).unwrap() - 1];
                    rig.write(t, source.chunks.last(), &source.bytes);
                }
                Event::Chunk(t, _, true) => rig.tell(Command::Publish(t)),
                Event::Arrived(..) => arrived += 1,
                other => panic!("{other:?}"),
            }
        }
        let took = now().since(begun).as_secs_f64();
        println!("2,000 x 16 KiB: {:.0} files/s, {:.2} CPU s", 2_000.0 / took, cpu() - used);
    }
}

#[test]
#[ignore = "measures"]
fn many_copies_of_a_small_file() {
    let source = Source::new(16 << 10, 1);
    for _ in 0..3 {
        let dir = folder();
        let mut rig = Rig::new();
        rig.fetch(&source, source.plan(dir.path(), "first")).0.unwrap();
        let (begun, used) = (now(), cpu());
        let (mut opened, mut arrived) = (0, 0);
        while arrived < 2_000 {
            while opened < 2_000 && opened < arrived + crate::swarm::limits::OPEN_COPIES {
                rig.copy(source.plan(dir.path(), &format!("d/f{opened}")), &dir.path().join("first"));
                opened += 1;
            }
            assert!(matches!(rig.event(), Event::Arrived(..)));
            arrived += 1;
        }
        let took = now().since(begun).as_secs_f64();
        println!("2,000 copies of 16 KiB: {:.0} files/s, {:.2} CPU s", 2_000.0 / took, cpu() - used);
    }
}

#[test]
#[ignore = "measures"]
fn resume_of_a_large_file() {
    let dir = folder();
    let source = Source::new(5 << 30 >> 2, 1);
    let mut rig = Rig::new();
    let token = rig.open(source.plan(dir.path(), "x"));
    rig.opened(token).unwrap();
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    for chunk in source.chunks.iter().skip(1) {
        let bytes = source.chunk(chunk).to_vec();
        rig.write(token, chunk, &bytes);
        assert!(matches!(rig.event(), Event::Chunk(..)));
    }
    rig.tell(Command::Close(token));
    rig.flush();
    drop(rig);
    let mut rig = Rig::new();
    let begun = now();
    let token = rig.open(source.plan(dir.path(), "x"));
    let (believed, _) = rig.opened(token).unwrap();
    println!("opened after {:?}, {} chunks believed", now().since(begun), believed.len());
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    let missing = source.chunks.iter().take(1).collect();
    rig.fill(&source, token, missing, 0).0.unwrap();
    println!("1.25 GiB hashed again and published after {:?}", now().since(begun));
}
