//! The library's thread: joins the walker, the watcher, the hashing threads, the hash cache and the
//! controller. What to do is decided by `inventory` (pure).
//!
//! Here is its loop. `seen` takes in what was found, `heard` what the watcher tells, `report` tells the
//! controller. What the walker is to look at is in `looks`, which folder that is in `root`.

mod cache;
mod heard;
mod links;
mod looks;
mod report;
mod root;
mod seen;
mod threads;
mod watching;

use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, select, unbounded};

use self::cache::Cache;
use self::looks::{LookAt, PendingLooks};
use self::root::RootFolder;
pub(crate) use self::root::folder_identity;
use self::threads::{HasherThread, WalkerThread, start_hasher, start_walker};
use self::watching::WatcherState;
use super::hash::Hashed;
use super::inventory::Inventory;
use super::left_out::NameRules;
use super::walk::WalkRequest;
use super::warnings::Warnings;
use super::{Command, Event, LibraryConfig, Outbox};
use crate::content::SafePath;
use crate::store;
use crate::sys::clock;
use crate::time::Time;

/// Hashing threads: one may be busy with a large file while the other one goes on.
const HASHERS: usize = 2;

/// The first scan is published in pieces only if it takes longer than this.
const FIRST_PUBLISH: Duration = Duration::from_millis(700);

/// Hints taken in before anything else has its turn.
const HINTS_A_TURN: usize = 4_096;

/// The controller went away.
struct ControllerGone;

/// The thread's state.
pub(super) struct LibraryShell {
    config: LibraryConfig,
    store: store::Handle,
    inbox: Receiver<Command>,
    outbox: Outbox,
    inventory: Inventory,
    warnings: Warnings,

    walker: WalkerThread,
    hashers: Vec<HasherThread>,
    hashed: Receiver<(usize, Vec<Hashed>)>,

    root: RootFolder,
    watcher: WatcherState,

    looks: PendingLooks,
    /// Hashes known from before; empty except during a scan of a root that just appeared.
    cache: Cache,
    in_use: Vec<SafePath>,

    scanned: bool,
    next_publish: Time,
    /// What was published last was published in the middle of a look.
    published_unsure: bool,
    /// When progress is reported next; `None` while nothing is hashed.
    next_progress: Option<Time>,
    /// A report of progress was given, so that its end must be.
    progress_reported: bool,
    rows_due: Option<Time>,
}

impl LibraryShell {
    pub(super) fn start(
        mut config: LibraryConfig,
        store: store::Handle,
        inbox: Receiver<Command>,
        outbox: Outbox,
    ) -> io::Result<Self> {
        let now = clock::now();
        let mut watcher = WatcherState::new();
        if let Some(table) = config.mounts.take() {
            watcher.hear_mounts(table, &config.root.folder);
        }
        let (hashed_to, hashed) = unbounded();
        let walker = start_walker(&config.root, NameRules { hidden: config.hidden }, watcher.ears())?;
        let hashers =
            (0..HASHERS).map(|n| start_hasher(n, &config.root, &config.counters, hashed_to.clone()));
        let hashers = hashers.collect::<io::Result<_>>()?;
        Ok(Self {
            inventory: Inventory::new(config.root.clone()),
            warnings: Warnings::default(),
            store,
            inbox,
            outbox,
            walker,
            hashers,
            hashed,
            root: RootFolder::new(now),
            watcher,
            looks: PendingLooks::new(now + config.rescan),
            cache: Cache::default(),
            in_use: Vec::new(),
            scanned: false,
            next_publish: now + FIRST_PUBLISH,
            published_unsure: false,
            next_progress: None,
            progress_reported: false,
            rows_due: None,
            config,
        })
    }

    /// Works until the controller goes away.
    pub(super) fn run(mut self) {
        while self.turn().is_ok() {}
        self.keep_rows();
    }

    fn turn(&mut self) -> Result<(), ControllerGone> {
        let now = clock::now();
        self.dispatch(now);
        self.report(now)?;
        let wait = self.next_timeout().since(clock::now());
        select! {
            recv(self.inbox) -> command => self.command(command.map_err(|_| ControllerGone)?),
            recv(self.walker.replies) -> reply => {
                self.take_reply(reply.map_err(|_| ControllerGone)?)?;
                // Between two looks, before the next one is taken.
                self.publish_due(clock::now())?;
            }
            recv(self.hashed) -> hashed => {
                let (hasher, hashed) = hashed.map_err(|_| ControllerGone)?;
                self.hashed(hasher, hashed)?;
            }
            recv(self.watcher.heard) -> heard => {
                // The watcher's ears lie beside it, so this channel never ends.
                let more: Vec<_> = self.watcher.heard.try_iter().take(HINTS_A_TURN).collect();
                for heard in heard.into_iter().chain(more) {
                    self.heard(heard);
                }
            }
            default(wait) => {}
        }
        self.timeouts(clock::now());
        Ok(())
    }

    fn next_timeout(&self) -> Time {
        let publish = self.publish_at();
        let always = self.root.poll_timeout().min(self.looks.poll_timeout());
        [publish, self.next_progress, self.rows_due, self.inventory.poll_timeout()]
            .into_iter()
            .flatten()
            .fold(always, Time::min)
    }

    fn timeouts(&mut self, now: Time) {
        if self.watcher.take_lost() {
            self.inventory.handle_lost_events(now);
            self.looks.add_everything(true);
        }
        self.inventory.handle_timeout(now);
        self.rows_wait(now);
        while let Some(path) = self.inventory.poll_look() {
            self.looks.add(path.as_str().into());
        }
        self.looks.handle_timeout(now);
        if self.root.is_due(now) {
            self.check_root();
        }
        if self.rows_due.is_some_and(|due| due <= now) {
            self.keep_rows();
        }
    }

    /// Hands out work to whoever is idle.
    fn dispatch(&mut self, now: Time) {
        let rescan =
            if self.watcher.is_complete() { self.config.rescan } else { self.config.rescan_unwatched };
        match self.looks.take(now, rescan) {
            Some(LookAt::Everything) => {
                self.watcher.links.clear();
                self.ask(WalkRequest::Everything { watch: self.config.watch && self.scanned });
            }
            Some(LookAt::Paths(paths)) => self.ask(WalkRequest::Paths(paths)),
            None => {}
        }
        for hasher in &mut self.hashers {
            if hasher.jobs.is_empty()
                && let Some(jobs) = self.inventory.poll_jobs()
            {
                hasher.jobs.clone_from(&jobs);
                if hasher.orders.send(jobs).is_err() {
                    log::error!("a hashing thread is gone");
                }
            }
        }
    }

    fn ask(&self, ask: WalkRequest) {
        if self.walker.asks.send(ask).is_err() {
            log::error!("the walking thread is gone");
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Check(path) => self.looks.add(path.as_str().into()),
            Command::Rescan => self.looks.add_asked(),
        }
    }

    fn send(&self, event: Event) -> Result<(), ControllerGone> {
        if self.outbox.send(event) { Ok(()) } else { Err(ControllerGone) }
    }
}
