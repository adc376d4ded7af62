//! The disk workers that a receiver has: those of `downloads/`, for each destination that these cannot
//! reach (`peer/sandboxes.rs`) workers of its own, which a job brings along and which end with it, and those
//! of a store, which stay.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender};

use crate::disk::{self, Command, Event, FileToken};
use crate::swarm::JobId;

/// Bytes of blocks that go to workers in one message, at least: eight blocks of a large file, or many small
/// files.
const TOGETHER: usize = 1 << 20;

/// What goes to a set of workers. Each message may wake two threads, so blocks wait for each other, but not
/// longer than until the end of the engine's turn (docs/ARCHITECTURE.md has the numbers).
#[derive(Debug)]
struct WorkerQueue {
    waiting: Vec<Command>,
    /// Of the blocks among them.
    bytes: usize,
}

impl WorkerQueue {
    const fn new() -> Self {
        Self { waiting: Vec::new(), bytes: 0 }
    }

    fn send(&mut self, to: &Sender<Command>, command: Command) {
        let block = if let Command::Write(.., block) = &command { Some(block.filled().len()) } else { None };
        self.bytes += block.unwrap_or(0);
        self.waiting.push(command);
        if block.is_none() || self.bytes >= TOGETHER {
            self.pass_on(to);
        }
    }

    fn pass_on(&mut self, to: &Sender<Command>) {
        self.bytes = 0;
        let command = match self.waiting.len() {
            0 => return,
            1 => self.waiting.pop(),
            _ => Some(Command::Several(std::mem::take(&mut self.waiting))),
        };
        // Workers that have ended ignore it.
        command.into_iter().for_each(|command| drop(to.send(command)));
    }
}

/// The workers of one destination.
#[derive(Debug)]
struct Other {
    workers: disk::Handle,
    line: WorkerQueue,
    /// The jobs that go there.
    jobs: BTreeSet<JobId>,
    /// They serve what is below the folder too, and do not end with a job.
    stays: bool,
    /// They were asked to sync, and have not answered.
    flushing: bool,
}

/// All disk workers; they look like one set from outside.
#[derive(Debug)]
pub(super) struct Disks {
    commands: Sender<Command>,
    line: WorkerQueue,
    events: Receiver<Event>,
    others: BTreeMap<PathBuf, Other>,
    /// Tokens that are with other workers, and with whose.
    away: BTreeMap<FileToken, PathBuf>,
    /// A `Flush` was asked for, and whether our own workers still owe the answer.
    flush: Option<bool>,
}

impl Disks {
    /// With the workers of `downloads/` only.
    pub(super) const fn new(commands: Sender<Command>, events: Receiver<Event>) -> Self {
        let line = WorkerQueue::new();
        Self { commands, line, events, others: BTreeMap::new(), away: BTreeMap::new(), flush: None }
    }

    /// What goes to `destination` is done by `workers`, until all jobs that say so are over.
    pub(super) fn bring(&mut self, job: JobId, destination: PathBuf, workers: disk::Handle) {
        // Those that are there already know what they have begun; the new ones end at once.
        let other = self.others.entry(destination);
        let other = other.or_insert_with(|| Other::new(workers, false));
        other.jobs.insert(job);
    }

    /// What goes to `folder` or below it is done by `workers` from now on.
    pub(super) fn keep(&mut self, folder: PathBuf, workers: disk::Handle) {
        // Workers that are there already stay: they know what they have begun; the new ones end at once.
        self.others.entry(folder).or_insert_with(|| Other::new(workers, true)).stays = true;
    }

    /// The folder whose workers serve `destination`: its own, or the nearest store that it lies in. `None`:
    /// our own workers do.
    fn whose(&self, destination: &Path) -> Option<&PathBuf> {
        let serves = |(folder, other): &(&PathBuf, &Other)| folder.as_path() == destination || other.stays;
        let mut above = destination.ancestors().filter_map(|a| self.others.get_key_value(a));
        above.find(serves).map(|(folder, _)| folder)
    }

    /// This job will ask for nothing more.
    pub(super) fn job_over(&mut self, job: JobId) {
        for other in self.others.values_mut() {
            if other.jobs.remove(&job) && other.jobs.is_empty() {
                // They end once they have done what they were sent before.
                other.flush();
            }
        }
    }

    /// Passes on what waits. To be called before the thread waits for anything.
    pub(super) fn pass_on(&mut self) {
        self.line.pass_on(&self.commands);
        for other in self.others.values_mut() {
            other.line.pass_on(&other.workers.commands);
        }
    }

    /// Gives a command to whom it concerns; blocks at the latest with [`Self::pass_on`]. Never waits.
    pub(super) fn send(&mut self, command: Command) {
        let other = match &command {
            Command::Open(token, plan) | Command::Copy(token, plan, _) => {
                let whose = self.whose(&plan.destination).cloned();
                if let Some(folder) = &whose {
                    self.away.insert(*token, folder.clone());
                }
                whose.and_then(|folder| self.others.get_mut(&folder))
            }
            Command::Folder(_, destination, _) => {
                let whose = self.whose(destination).cloned();
                whose.and_then(|folder| self.others.get_mut(&folder))
            }
            Command::Manifest(token, _) | Command::Write(token, ..) | Command::Publish(token) => {
                self.away.get(token).and_then(|destination| self.others.get_mut(destination))
            }
            Command::Close(token) => self.away.remove(token).and_then(|d| self.others.get_mut(&d)),
            Command::Flush => {
                self.flush = Some(true);
                self.others.values_mut().for_each(Other::flush);
                None
            }
            // Made here only.
            Command::Several(_) => None,
        };
        match other {
            Some(other) => other.line.send(&other.workers.commands, command),
            None => self.line.send(&self.commands, command),
        }
    }

    /// What the workers report next; `Idle` when all of them are.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        while let Ok(event) = self.events.try_recv() {
            if !matches!(event, Event::Idle) {
                return Some(event);
            }
            self.flush = self.flush.map(|_| false);
        }
        let mut over = Vec::new();
        for (destination, other) in &mut self.others {
            while let Ok(event) = other.workers.events.try_recv() {
                match &event {
                    Event::Idle => {
                        other.flushing = false;
                        continue;
                    }
                    Event::Arrived(token, _) | Event::NotCopied(token) | Event::Failed(token, _) => {
                        self.away.remove(token);
                    }
                    Event::PartialSeed(..) | Event::Opened(..) | Event::Chunk(..) => {}
                }
                return Some(event);
            }
            if other.jobs.is_empty() && !other.flushing && !other.stays {
                over.push(destination.clone());
            }
        }
        for destination in over {
            // Idle as they are, they end in no time.
            self.others.remove(&destination);
            self.away.retain(|_, d| *d != destination);
        }
        if self.flush == Some(false) && self.others.values().all(|o| !o.flushing) {
            self.flush = None;
            return Some(Event::Idle);
        }
        None
    }
}

impl Other {
    const fn new(workers: disk::Handle, stays: bool) -> Self {
        Self { workers, line: WorkerQueue::new(), jobs: BTreeSet::new(), stays, flushing: false }
    }

    fn flush(&mut self) {
        // One that is under way does as well: what comes after it is synced at the end of the workers.
        if !self.flushing {
            self.flushing = true;
            self.line.send(&self.workers.commands, Command::Flush);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use crossbeam_channel::{bounded, unbounded};

    use super::*;
    use crate::content::{FileId, SafePath};
    use crate::disk::Plan;

    const DEADLINE: Duration = Duration::from_secs(20);

    struct Bench {
        disks: Disks,
        /// What our own workers were sent, and what they say.
        home: (Receiver<Command>, Sender<Event>),
        rung: Receiver<()>,
        dir: tempfile::TempDir,
    }

    /// With workers for the folder `dir`, which the jobs 1 and 2 go to.
    fn bench() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let (commands, got) = unbounded();
        let (tell, events) = bounded(16);
        let (ring, rung) = unbounded();
        let mut disks = Disks::new(commands, events);
        for job in [1, 2] {
            let ring = ring.clone();
            let workers = disk::start(move || ring.send(()).unwrap_or_default()).unwrap();
            disks.bring(JobId(job), dir.path().to_owned(), workers);
        }
        Bench { disks, home: (got, tell), rung, dir }
    }

    impl Bench {
        /// The next event of the workers that were brought along.
        fn event(&mut self) -> Event {
            loop {
                if let Some(event) = self.disks.next_event() {
                    return event;
                }
                self.rung.recv_timeout(DEADLINE).expect("an event within the deadline");
            }
        }

        fn plan(&self, destination: PathBuf) -> Plan {
            let to = "empty".parse().unwrap();
            Plan {
                id: FileId::from(blake3::hash(b"")),
                size: 0,
                destination,
                to,
                modified: 0,
                executable: false,
                asked: "x".into(),
                keep: None,
            }
        }
    }

    #[test]
    fn a_destination_that_was_brought_along_is_served_by_its_own_workers() {
        let mut bench = bench();
        let (near, far) = (FileToken(1), FileToken(2));
        bench.disks.send(Command::Open(near, bench.plan("/home".into())));
        bench.disks.send(Command::Open(far, bench.plan(bench.dir.path().to_owned())));
        assert!(matches!(bench.event(), Event::Opened(token, ..) if token == far));
        bench.disks.send(Command::Close(far));
        bench.disks.send(Command::Close(near));
        let got: Vec<Command> = bench.home.0.try_iter().collect();
        assert!(
            matches!(got[..], [Command::Open(a, _), Command::Close(b)] if a == near && b == near),
            "{got:?}"
        );
        assert!(bench.disks.away.is_empty());
    }

    #[test]
    fn blocks_go_together_and_nothing_overtakes_them() {
        let mut bench = bench();
        let mut pool = disk::BlockPool::with_bell(crate::transfer::Engine::new().unwrap().bell());
        let token = FileToken(1);
        let mut write = |bench: &mut Bench, count: usize| {
            for _ in 0..count {
                let mut block = pool.take().unwrap();
                block.extend(&[0; crate::receiver::limits::BLOCK]);
                let first = crate::content::Chunks::of(1).unwrap().last();
                bench.disks.send(Command::Write(token, first, 0, block));
            }
        };
        write(&mut bench, 3);
        assert!(bench.home.0.is_empty(), "they wait for the end of the turn");
        bench.disks.pass_on();
        assert!(matches!(bench.home.0.try_recv(), Ok(Command::Several(list)) if list.len() == 3));
        bench.disks.pass_on();
        assert!(bench.home.0.is_empty());
        write(&mut bench, 1);
        bench.disks.send(Command::Publish(token));
        let Ok(Command::Several(list)) = bench.home.0.try_recv() else { panic!("not together") };
        assert!(matches!(list[..], [Command::Write(..), Command::Publish(_)]), "{list:?}");
        write(&mut bench, 9);
        assert!(
            matches!(bench.home.0.try_recv(), Ok(Command::Several(list)) if list.len() == 8),
            "enough bytes"
        );
    }

    #[test]
    fn workers_end_with_the_last_job_after_what_they_were_sent() {
        let mut bench = bench();
        let (folder, root) = ("made".parse::<SafePath>().unwrap(), bench.dir.path().to_owned());
        bench.disks.job_over(JobId(1));
        assert!(bench.disks.next_event().is_none() && bench.disks.others.len() == 1);
        bench.disks.send(Command::Folder(FileToken(1), root.clone(), folder));
        bench.disks.job_over(JobId(2));
        while !bench.disks.others.is_empty() {
            assert!(bench.disks.next_event().is_none());
            if !bench.disks.others.is_empty() {
                bench.rung.recv_timeout(DEADLINE).expect("the workers are idle within the deadline");
            }
        }
        assert!(root.join("made").is_dir());
        assert!(bench.home.0.is_empty());
    }

    #[test]
    fn all_are_idle_when_the_last_one_is() {
        let mut bench = bench();
        bench.disks.send(Command::Flush);
        assert!(matches!(bench.home.0.try_recv(), Ok(Command::Flush)));
        while bench.disks.others.values().any(|o| o.flushing) {
            bench.rung.recv_timeout(DEADLINE).expect("the workers are idle within the deadline");
            assert!(bench.disks.next_event().is_none(), "our own have not answered");
        }
        bench.home.1.send(Event::Idle).unwrap();
        assert!(matches!(bench.disks.next_event(), Some(Event::Idle)));
        assert!(bench.disks.next_event().is_none());
    }

    #[test]
    fn the_workers_of_a_store_serve_what_is_below_it_and_stay() {
        let mut bench = bench();
        let store = tempfile::tempdir().unwrap();
        let below = store.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        let (ring, rung) = unbounded();
        let workers = disk::start(move || ring.send(()).unwrap_or_default()).unwrap();
        bench.disks.keep(store.path().to_owned(), workers);
        bench.rung = rung;
        for (n, destination) in [store.path().to_owned(), below].into_iter().enumerate() {
            let token = FileToken(n as u64);
            bench.disks.send(Command::Open(token, bench.plan(destination)));
            assert!(matches!(bench.event(), Event::Opened(t, ..) if t == token));
            bench.disks.send(Command::Close(token));
        }
        let beside = store.path().with_extension("beside");
        bench.disks.send(Command::Open(FileToken(9), bench.plan(beside)));
        let got: Vec<Command> = bench.home.0.try_iter().collect();
        assert!(matches!(got[..], [Command::Open(FileToken(9), _)]), "{got:?}");
        // No job of theirs is over, for they have none; and a flush asks them too.
        bench.disks.job_over(JobId(1));
        assert!(bench.disks.next_event().is_none() && bench.disks.others.len() == 2);
        bench.disks.send(Command::Flush);
        assert!(bench.disks.others[store.path()].flushing);
        while bench.disks.others[store.path()].flushing {
            bench.rung.recv_timeout(DEADLINE).expect("they are idle within the deadline");
            assert!(bench.disks.next_event().is_none(), "our own have not answered");
        }
        assert_eq!(bench.disks.others.len(), 2);
    }
}
