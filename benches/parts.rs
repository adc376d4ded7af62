//! The parts that speed depends on, each alone on one core. `cargo bench` measures; `cargo test --bench
//! parts` runs each once, to show that it still can.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints numbers")]

use core::hint::black_box;
use core::time::Duration;

use potluck::content::bucket::Bucket;
use potluck::content::manifest::{ChunkHasher, ManifestBuilder};
use potluck::content::{Catalogue, Entry};
use potluck::content::{Chunks, EntryKind, FileId, Manifest, SafePath};
use potluck::sys::clock;

/// Runs `work` until a second has passed (once in a smoke run) and prints how much of `unit` it did in a
/// second, `amount` being what one run does. The best run of all counts: the others were disturbed.
fn measure(smoke: bool, name: &str, unit: &str, amount: f64, mut work: impl FnMut()) {
    let start = clock::now();
    let mut best = Duration::MAX;
    loop {
        let begin = clock::now();
        work();
        best = best.min(clock::now().since(begin));
        if smoke || clock::now().since(start) > Duration::from_secs(1) {
            break;
        }
    }
    println!("{name:<34} {:>12.1} {unit}/s", amount / best.as_secs_f64().max(1e-9));
}

fn entries(count: u32) -> Vec<Entry> {
    let entry = |n: u32| {
        let id = FileId::from(blake3::hash(&n.to_le_bytes()));
        let path = format!("folder {}/file number {n}.txt", n % 50).parse().unwrap();
        let kind =
            EntryKind::File { id, size: n.into(), modified: 1_700_000_000_000, executable: false, since: 0 };
        Entry { path, kind }
    };
    (0..count).map(entry).collect()
}

fn main() {
    let smoke = !std::env::args().any(|a| a == "--bench");
    let size = if smoke { 1 << 20 } else { 64 << 20 };
    let content = vec![7_u8; size];
    let chunks = Chunks::of(size as u64).unwrap();
    let hash = || {
        let mut builder = ManifestBuilder::new(chunks);
        for index in chunks.iter() {
            let range = chunks.range(index);
            let mut hasher = ChunkHasher::new(chunks, index);
            hasher
                .update(&content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
            builder.push(hasher.finish().unwrap());
        }
        builder.finish().unwrap()
    };
    measure(smoke, "hash a file into its manifest", "MB", size as f64 / 1e6, || drop(black_box(hash())));
    let manifest: Manifest = hash();
    measure(smoke, "prove a manifest", "chunks", f64::from(chunks.count()), || {
        drop(black_box(Manifest::prove(manifest.file(), size as u64, manifest.as_bytes()).unwrap()));
    });

    let many = entries(if smoke { 1_000 } else { 100_000 });
    let count = many.len() as f64;
    measure(smoke, "make a catalogue", "files", count, || drop(black_box(Catalogue::of(many.clone()))));
    let catalogue = Catalogue::of(many.clone());
    let bytes: Vec<Vec<u8>> = (0..=255).map(|n| catalogue.bucket(n).bytes()).collect();
    measure(smoke, "read and check its buckets", "files", count, || {
        for (n, bytes) in (0..=255).zip(&bytes) {
            drop(black_box(Bucket::read(n, bytes).unwrap()));
        }
    });
    measure(smoke, "parse and fold a path", "paths", count, || {
        for entry in &many {
            let path: SafePath = entry.path.as_str().parse().unwrap();
            black_box(path.folded());
        }
    });
}
