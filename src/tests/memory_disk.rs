//! Disk workers in memory: they answer every command as the real ones do.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::Arrived;
use crate::content::manifest::ChunkHasher;
use crate::content::{ChunkIndex, Chunks, FileId, Manifest};
use crate::disk::{Arrival, Command, Event, FileToken, Plan};
use crate::error::{Code, Failure};
use crate::sys::bell::Bell;
use crate::sys::thread::Thread;

/// What a test can ask.
pub(crate) enum Ask {
    Arrived(Sender<Arrived>),
    /// Fail every write from now on: the disk is full.
    Full,
    /// Do nothing more after this many bytes.
    PauseAfter(u64),
}

/// The running workers.
pub(crate) struct Memory {
    asks: Sender<Ask>,
    _thread: Thread,
}

struct File {
    plan: Plan,
    chunks: Chunks,
    manifest: Option<Arc<Manifest>>,
    bytes: Vec<u8>,
    /// Bytes of each chunk that came.
    came: HashMap<ChunkIndex, u64>,
    there: Vec<ChunkIndex>,
}

#[derive(Default)]
struct Worker {
    files: HashMap<FileToken, File>,
    /// What was closed before it was whole.
    partial: HashMap<FileId, File>,
    arrived: Arrived,
    full: bool,
    written: u64,
    pause_after: Option<u64>,
}

impl Memory {
    pub(crate) fn start(bell: Bell) -> (Self, Sender<Command>, Receiver<Event>) {
        let (commands, inbox) = unbounded();
        let (tell, events) = unbounded();
        let (asks, asked) = unbounded();
        let thread = Thread::spawn("memory disk", move || {
            let mut worker = Worker::default();
            // What came together is done one by one, for it may stand still at any of them.
            let mut queue = VecDeque::new();
            loop {
                let paused = worker.pause_after.is_some_and(|n| worker.written >= n);
                if let Some(command) = queue.pop_front_if(|_| !paused) {
                    for event in worker.handle(command) {
                        drop(tell.send(event));
                    }
                    bell.ring();
                    continue;
                }
                let never = crossbeam_channel::never();
                crossbeam_channel::select! {
                    recv(if paused { &never } else { &inbox }) -> command => match command {
                        Ok(Command::Several(commands)) => queue.extend(commands),
                        Ok(command) => queue.push_back(command),
                        Err(_) => return,
                    },
                    recv(asked) -> ask => match ask {
                        Ok(Ask::Arrived(answer)) => drop(answer.send(worker.arrived.clone())),
                        Ok(Ask::Full) => worker.full = true,
                        Ok(Ask::PauseAfter(bytes)) => worker.pause_after = Some(bytes),
                        Err(_) => return,
                    }
                }
            }
        });
        (Self { asks, _thread: thread.unwrap() }, commands, events)
    }

    /// Files under their final names.
    pub(crate) fn arrived(&self) -> Arrived {
        let (answer, arrived) = unbounded();
        self.asks.send(Ask::Arrived(answer)).unwrap();
        arrived.recv_timeout(super::DEADLINE).unwrap()
    }

    pub(crate) fn fill_up(&self) {
        self.asks.send(Ask::Full).unwrap();
    }

    /// Stands still once this many bytes were written, so that a test can act in the midst of a file.
    pub(crate) fn pause_after(&self, bytes: u64) {
        self.asks.send(Ask::PauseAfter(bytes)).unwrap();
    }

    pub(crate) fn go_on(&self) {
        self.pause_after(u64::MAX);
    }
}

impl Worker {
    fn handle(&mut self, command: Command) -> Vec<Event> {
        match command {
            Command::Open(token, plan) => {
                let file = self.partial.remove(&plan.id).map(|f| File { plan: plan.clone(), ..f });
                let file = file.unwrap_or_else(|| File {
                    chunks: Chunks::of(plan.size).unwrap(),
                    manifest: None,
                    bytes: vec![0; usize::try_from(plan.size).unwrap()],
                    came: HashMap::new(),
                    there: Vec::new(),
                    plan,
                });
                let event = Event::Opened(token, file.there.clone(), file.manifest.clone());
                assert!(self.files.insert(token, file).is_none());
                vec![event]
            }
            Command::Copy(token, plan, source) => {
                let path: PathBuf = plan.to.under(&plan.destination);
                let bytes = self.arrived[&source].clone();
                self.arrived.insert(path.clone(), bytes);
                vec![Event::Arrived(token, Arrival::Saved(path))]
            }
            Command::Manifest(token, manifest) => {
                if let Some(file) = self.files.get_mut(&token) {
                    file.manifest = Some(manifest);
                }
                vec![]
            }
            Command::Write(token, chunk, offset, block) => self.write(token, chunk, offset, block.filled()),
            Command::Publish(token) => {
                let Some(file) = self.files.remove(&token) else { return vec![] };
                assert_eq!(file.there.len(), file.chunks.count() as usize);
                assert_eq!(FileId::from(blake3::hash(&file.bytes)), file.plan.id);
                let path: PathBuf = file.plan.to.under(&file.plan.destination);
                self.arrived.insert(path.clone(), file.bytes);
                vec![Event::Arrived(token, Arrival::Saved(path))]
            }
            Command::Close(token) => {
                if let Some(mut file) = self.files.remove(&token) {
                    file.came.clear();
                    self.partial.insert(file.plan.id, file);
                }
                vec![]
            }
            Command::Folder(..) => vec![],
            Command::Flush => vec![Event::Idle],
            Command::Several(_) => unreachable!("taken apart above"),
        }
    }

    fn write(&mut self, token: FileToken, chunk: ChunkIndex, offset: u64, bytes: &[u8]) -> Vec<Event> {
        let Some(file) = self.files.get_mut(&token) else { return vec![] };
        if self.full {
            self.files.remove(&token);
            return vec![Event::Failed(token, Failure::new(Code::Full, "the disk is full"))];
        }
        assert!(file.chunks.is_single() || file.manifest.is_some(), "bytes came before the manifest");
        let came = file.came.entry(chunk).or_insert(0);
        assert_eq!(*came, offset, "bytes of a chunk come in order, each once");
        let start = usize::try_from(file.chunks.range(chunk).start + offset).unwrap();
        file.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        *came += bytes.len() as u64;
        self.written += bytes.len() as u64;
        if *came < file.chunks.len_of(chunk) {
            return vec![];
        }
        file.came.remove(&chunk);
        let range = file.chunks.range(chunk);
        let mut hasher = ChunkHasher::new(file.chunks, chunk);
        hasher
            .update(&file.bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
        let manifest = file
            .manifest
            .clone()
            .unwrap_or_else(|| Arc::new(Manifest::prove(file.plan.id, file.plan.size, &[]).unwrap()));
        let good = hasher.finish().is_some_and(|proof| manifest.proves(chunk, &proof));
        if good {
            file.there.push(chunk);
        }
        vec![Event::Chunk(token, chunk, good)]
    }
}
