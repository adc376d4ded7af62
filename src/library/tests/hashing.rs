//! Hashes: of files that change, that are new, that are large.

use super::*;

#[test]
fn a_file_that_changes_while_it_is_hashed_is_not_listed_as_it_was() {
    let bench = Bench::new();
    // Large enough that hashing it takes longer than the first write does.
    bench.old("big", &vec![0; 200 << 20]);
    let mut r = bench.start();
    let file = File::options().write(true).open(bench.path("big")).unwrap();
    for n in 0..20_u8 {
        write_all_at(&file, &[n + 1], u64::from(n) << 20).unwrap();
    }
    drop(file);
    let content = fs::read(bench.path("big")).unwrap();
    r.until("listed", |r| r.names() == ["big"]);
    assert!(r.has("big", &content));
}

#[test]
fn a_hash_made_right_after_writing_is_kept_once_it_stood_still() {
    let bench = Bench::new();
    let mut r = bench.start();
    r.until_watched(&bench);
    fs::write(bench.path("fresh"), "fresh").unwrap();
    r.until("listed", |r| r.has("fresh", b"fresh"));
    let before = clock::now();
    drop(r);
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned);
    if clock::now().since(before) < Duration::from_secs(1) {
        assert_eq!(r.names(), [""; 0], "written too shortly before it was hashed to be believed");
    }
    r.until("listed", |r| r.has("fresh", b"fresh"));
    r.until_watched(&bench);
    fs::write(bench.path("second"), "second").unwrap();
    r.until("listed", |r| r.has("second", b"second"));
    let store = store::start(&bench.dir.path().join(store::FILE)).unwrap();
    let end = clock::now() + TIMEOUT;
    // Nothing else happens that it could be kept with: a peer that is killed has it all the same.
    while store.hashes().iter().flatten().count() < 2 {
        assert!(clock::now() < end, "it is not kept");
        std::thread::yield_now();
    }
    drop(r);
    let mut r = bench.start();
    r.until("scanned", |r| r.scanned);
    assert_eq!(r.names(), ["fresh", "second"]);
}

#[test]
fn progress_is_reported_to_its_end() {
    const SPARSE: u64 = 512 << 20;
    let bench = Bench::new();
    File::create(bench.path("sparse")).unwrap().set_len(SPARSE).unwrap();
    age(&bench.path("sparse"));
    for n in 0..20 {
        bench.old(&format!("small{n}"), &[n]);
    }
    let mut r = bench.start();
    r.until("small ones first", |r| r.names().len() == 20);
    r.until("progress", |r| r.hashing.contains(&(1, SPARSE)));
    r.until("the end", |r| r.hashing.last() == Some(&(0, 0)) && r.names().len() == 21);
    let reported = r.hashing.iter().filter(|(files, _)| *files == 0).count();
    assert_eq!(reported, 1);
}

#[test]
fn a_file_that_cannot_be_hashed_is_reported_and_dropping_does_not_wait_for_a_large_one() {
    let bench = Bench::new();
    File::create(bench.path("sparse")).unwrap().set_len(1 << 40).unwrap();
    age(&bench.path("sparse"));
    let mut r = bench.start();
    r.until("under way", |r| !r.hashing.is_empty());
    let before = clock::now();
    drop(r);
    // To hash it would take minutes.
    assert!(clock::now().since(before) < TIMEOUT);
}
