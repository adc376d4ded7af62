//! `kill -9` at random moments: a child process, this test binary run again, puts files together
//! through the workers and is killed; what it left must be true and enough.

use std::process::{Child, Command as Process, Stdio};

use super::*;
use crate::sys::clock::now;

/// Bytes of the large file: the smallest for which at most 5 % may be fetched twice.
const LARGE: usize = 64 << 20;

/// Small files beside it.
const SMALL: u64 = 40;

fn small(n: u64) -> Source {
    Source::new(20_000 + usize::try_from(n).unwrap(), 1_000 + n)
}

fn run_again(test: &str, dir: &Path) -> Child {
    Process::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("POTLUCK_TEST_DIR", dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// How many bytes of the large file were ever written by a child, beside the destination.
fn count(dir: &Path, bytes: u64) -> u64 {
    use std::io::Write;
    let mut log = fs::File::options().create(true).append(true).open(dir.join("fetched")).unwrap();
    log.write_all(&bytes.to_le_bytes()).unwrap();
    let all = fs::read(dir.join("fetched")).unwrap();
    all.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).sum()
}

#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(dir) = std::env::var_os("POTLUCK_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let begun = now();
    let to = dir.join("to");
    let mut rig = Rig::new();
    for n in 0..SMALL {
        let source = small(n);
        rig.fetch(&source, source.plan(&to, &format!("small/{n}"))).0.unwrap();
    }
    let source = Source::new(LARGE, 1);
    let token = rig.open(source.plan(&to, "large"));
    let Ok((believed, _)) = rig.opened(token) else { return };
    rig.tell(Command::Manifest(token, Arc::clone(&source.manifest)));
    let believed: BTreeSet<_> = believed.into_iter().collect();
    let mut missing: BTreeSet<_> = source.chunks.iter().filter(|c| !believed.contains(c)).collect();
    let mut again = Vec::new();
    for chunk in source.chunks.iter().rev() {
        if !missing.contains(&chunk) {
            continue;
        }
        count(dir, source.chunks.len_of(chunk));
        rig.write(token, chunk, source.chunk(chunk));
        while missing.contains(&chunk) {
            match rig.event() {
                Event::Chunk(_, c, true) => drop(missing.remove(&c).then_some(())),
                Event::Chunk(_, c, false) => again.push(c),
                other => panic!("{other:?}"),
            }
        }
    }
    missing.extend(again);
    rig.fill(&source, token, missing, 0).0.unwrap();
    let took = now().since(begun).as_micros();
    fs::write(dir.join("took"), took.to_string()).unwrap();
}

/// How long the last child took that came through.
fn took(dir: &Path) -> Duration {
    Duration::from_micros(fs::read_to_string(dir.join("took")).unwrap().parse().unwrap())
}

/// What must hold at every instant.
fn look(to: &Path) {
    let large = to.join("large");
    if large.exists() {
        assert_eq!(content(&large), Source::new(LARGE, 1).id(), "unfinished under its final name");
    }
    for n in 0..SMALL {
        let path = to.join(format!("small/{n}"));
        if path.exists() {
            assert!(fs::read(&path).unwrap() == small(n).bytes, "{n}");
        }
    }
}

fn content(path: &Path) -> FileId {
    blake3::hash(&fs::read(path).unwrap()).into()
}

fn kill_often(dir: &tempfile::TempDir, kills: u32) {
    let to = dir.path().join("to");
    fs::create_dir(&to).unwrap();
    let source = Source::new(LARGE, 1);
    // How long a whole run takes, so that the kills fall into all of its length.
    assert!(run_again("disk::tests::crash::child", dir.path()).wait().unwrap().success());
    let mut whole = took(dir.path());
    look(&to);
    fs::remove_dir_all(&to).unwrap();
    fs::remove_file(dir.path().join("fetched")).unwrap();
    fs::create_dir(&to).unwrap();
    let mut random = blake3::Hasher::new().update(&whole.as_nanos().to_le_bytes()).finalize_xof();
    let mut runs = 0;
    let mut killed = 0;
    // Nothing of it is there yet.
    let mut is_first = true;
    while killed < kills {
        let mut byte = [0];
        random.fill(&mut byte);
        let (_never, timer) = bounded::<()>(1);
        let mut child = run_again("disk::tests::crash::child", dir.path());
        // The kill is the random thing here, so this is a length of time and not a wait for anything.
        assert!(timer.recv_timeout(whole.mul_f64(f64::from(byte[0]) / 256.0)).is_err());
        drop(child.kill());
        killed += u32::from(!child.wait().unwrap().success());
        runs += 1;
        look(&to);
        for left in partials(&to).unwrap().iter().filter(|l| l.id == source.id()) {
            let bits = bytes_there(&to, &source);
            assert_eq!(left.have, bits, "what the sidecar names is there");
        }
        if to.join("large").exists() {
            if is_first {
                // The machine may have more to do now, or less.
                whole = took(dir.path());
            }
            // It came through: once more from the start, within the same budget.
            finish_round(dir.path(), &to, &source);
            is_first = true;
        } else {
            is_first = false;
        }
        assert!(runs < 10 * kills, "the kills come too late");
    }
    while !to.join("large").exists() {
        assert!(run_again("disk::tests::crash::child", dir.path()).wait().unwrap().success());
    }
    finish_round(dir.path(), &to, &source);
}

/// Bytes of the chunks that the sidecar names; each must verify.
fn bytes_there(to: &Path, source: &Source) -> u64 {
    let partial = to.join(PARTIAL);
    let data = fs::read(partial.join(source.id().to_string())).unwrap();
    let sidecar = fs::read(partial.join(place::have_name(source.id()))).unwrap_or_default();
    let Some((_, bits)) = partial::describe(&sidecar, boot().as_ref()) else { return 0 };
    for chunk in bits.iter() {
        assert!(slice(&data, source.chunks, chunk) == source.chunk(chunk), "{chunk:?} is believed and wrong");
    }
    bits.bytes()
}

/// The large file is there: nothing else may be left, and not too much was fetched twice.
fn finish_round(dir: &Path, to: &Path, source: &Source) {
    // A kill between a renaming and what follows it leaves crumbs, which the next run sweeps.
    assert!(run_again("disk::tests::crash::child", dir).wait().unwrap().success());
    look(to);
    assert_eq!(names_in(to), ["large", "small"]);
    assert_eq!(names_in(&to.join("small")).len(), usize::try_from(SMALL).unwrap());
    let fetched = count(dir, 0);
    println!("fetched {:.2} of the file", fetched as f64 / LARGE as f64);
    let kills = fs::read(dir.join("fetched")).unwrap().len();
    assert!(kills > 0);
    fs::remove_dir_all(to).unwrap();
    fs::create_dir(to).unwrap();
    fs::remove_file(dir.join("fetched")).unwrap();
    assert!(
        fetched <= source.chunks.size() * 105 / 100,
        "{fetched} bytes were fetched of {}",
        source.chunks.size()
    );
}

#[test]
fn kill_9_at_any_moment_costs_little_and_leaves_nothing_wrong() {
    // What a kill leaves is the same on a disk, which only takes the longer the busier it is.
    kill_often(&power::memory(), 17);
    kill_often(&tempfile::tempdir().unwrap(), 3);
}
