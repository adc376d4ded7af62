//! Measurements, not tests: `cargo test --release --lib bench:: -- --ignored --nocapture`. The files
//! lie in `$TMPDIR`, which should be a memory file system.

use std::collections::HashMap;
use std::fs::File;

use crossbeam_channel::unbounded;

use super::*;
use crate::content::manifest::ChunkProof;
use crate::disk::{Command, Event, FileToken};
use crate::sys::file::write_all_at;
use crate::sys::testing::cpu_time;
use crate::sys::thread::Thread;

/// Two workers that hash and write one file at a time, as plainly as can be.
struct Plain {
    _threads: Vec<Thread>,
}

impl Plain {
    fn start(at: &Path, bell: &Bell) -> (Self, Sender<Command>, Receiver<Event>) {
        let (commands, inbox) = unbounded::<Command>();
        let (tell, events) = unbounded();
        let file = Arc::new(File::create(at).unwrap());
        let mut workers = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..2 {
            let (worker, work) = unbounded();
            let (tell, bell, file) = (tell.clone(), bell.clone(), Arc::clone(&file));
            threads.push(Thread::spawn("plain disk", move || write(&work, &file, &tell, &bell)).unwrap());
            workers.push(worker);
        }
        let bell = bell.clone();
        let route = move || {
            let mut chunks = HashMap::<FileToken, Chunks>::new();
            let mut proofs = HashMap::new();
            let each = |command| match command {
                Command::Several(commands) => commands,
                one => vec![one],
            };
            for command in inbox.into_iter().flat_map(each) {
                match command {
                    Command::Open(token, plan) => {
                        chunks.insert(token, Chunks::of(plan.size).unwrap());
                        drop(tell.send(Event::Opened(token, Vec::new(), None)));
                    }
                    Command::Manifest(token, manifest) => drop(proofs.insert(token, manifest)),
                    Command::Write(token, chunk, offset, block) => {
                        let worker = &workers[chunk.at() % 2];
                        drop(worker.send((token, Arc::clone(&proofs[&token]), chunk, offset, block)));
                        continue;
                    }
                    Command::Publish(token) => {
                        drop(tell.send(Event::Arrived(token, Arrival::Saved(PathBuf::new()))));
                    }
                    Command::Copy(token, ..) => drop(tell.send(Event::NotCopied(token))),
                    Command::Close(_) | Command::Folder(..) => {}
                    Command::Flush => drop(tell.send(Event::Idle)),
                    Command::Several(_) => unreachable!("taken apart above"),
                }
                bell.ring();
            }
        };
        threads.push(Thread::spawn("plain router", route).unwrap());
        (Self { _threads: threads }, commands, events)
    }
}

type Work = (FileToken, Arc<Manifest>, ChunkIndex, u64, crate::disk::Block);

fn write(work: &Receiver<Work>, file: &File, tell: &Sender<Event>, bell: &Bell) {
    let mut hashers = HashMap::<_, (ChunkHasher, u64)>::new();
    for (token, manifest, chunk, offset, block) in work {
        let chunks = manifest.chunks();
        let entry = hashers.entry(chunk).or_insert_with(|| (ChunkHasher::new(chunks, chunk), 0));
        entry.0.update(block.filled());
        entry.1 += block.filled().len() as u64;
        write_all_at(file, block.filled(), chunks.range(chunk).start + offset).unwrap();
        drop(block);
        if entry.1 == chunks.len_of(chunk) {
            let proof: Option<ChunkProof> = hashers.remove(&chunk).unwrap().0.finish();
            let good = proof.is_some_and(|p| manifest.proves(chunk, &p));
            drop(tell.send(Event::Chunk(token, chunk, good)));
            bell.ring();
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn one_file_of_1_gib() {
    let bytes = content(1 << 30, 1);
    let mut owner = Owner::new();
    owner.share(&[("a", &bytes)]);
    for _ in 0..5 {
        let identity = Identity::generate().unwrap();
        let engine = Engine::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (_disk, commands, events) = Plain::start(&dir.path().join("a"), &engine.bell());
        let (socket, _) = listener();
        let tls = Tls::new(&identity).unwrap();
        let handle = start_receiver(engine, vec![socket], tls, commands, events).unwrap();
        let (begin, used) = (crate::sys::clock::now(), cpu_time().as_secs_f64());
        handle.send(ReceiverCommand::Peer(owner.contact()));
        let job = Job {
            id: JobId(1),
            destination: dir.path().to_owned(),
            files: vec![wanted("a", &bytes, &[owner.id()])],
            folders: Vec::new(),
            background: false,
        };
        // Hashing for `wanted` is not part of it.
        let (begin, used) = (begin.max(crate::sys::clock::now()), used.max(cpu_time().as_secs_f64()));
        handle.send(ReceiverCommand::Fetch(job));
        loop {
            if let ReceiverEvent::Job(JobEvent::Finished(_, files, failure)) =
                handle.events.recv_timeout(DEADLINE).unwrap()
            {
                assert_eq!((files, failure), (1, None));
                break;
            }
        }
        let took = crate::sys::clock::now().since(begin).as_secs_f64();
        println!("1 GiB: {:.0} MB/s, {:.2} CPU s/GiB", 1_073.741_824 / took, cpu_time().as_secs_f64() - used);
    }
}

#[test]
#[ignore = "a measurement"]
fn two_thousand_files_of_16_kib() {
    let files: Vec<_> = (0..2_000).map(|n| (format!("f{n}"), content(16 << 10, n))).collect();
    let mut owner = Owner::new();
    let shared: Vec<_> = files.iter().map(|(p, b)| (p.as_str(), b.as_slice())).collect();
    owner.share(&shared);
    for _ in 0..5 {
        let getter = Getter::new();
        getter.handle.send(ReceiverCommand::Peer(owner.contact()));
        let wanted: Vec<_> = files.iter().map(|(p, b)| wanted(p, b, &[owner.id()])).collect();
        let begin = crate::sys::clock::now();
        let job = getter.fetch(1, wanted);
        assert_eq!(getter.wait_finished(job), (2_000, None));
        let took = crate::sys::clock::now().since(begin).as_secs_f64();
        println!("2,000 files of 16 KiB: {:.0} files/s", 2_000.0 / took);
    }
}
