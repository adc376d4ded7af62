//! Watching by inotify(7).

use core::ops::Bound;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::{Change, Unwatched, by_system};
use crate::sys::bell::Bell;
use crate::sys::names::native;
use crate::sys::thread::Thread;

/// What is asked for of each folder: all that changes, and nothing that only reads.
const CHANGES: WatchFlags = WatchFlags::ATTRIB
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVE_SELF);

/// Bytes of events that are read at once.
const READ: usize = 64 << 10;

const END: Token = Token(0);
const EVENTS: Token = Token(1);

/// Watches folders, each by itself, until it is dropped. Folders that go are forgotten without a word; to ask
/// for one again does no harm.
#[derive(Debug)]
pub(crate) struct Watcher {
    inotify: Arc<OwnedFd>,
    folders: Arc<Mutex<WatchedFolders>>,
    stop: Arc<AtomicBool>,
    /// Its end is waited for before the bell goes: with the bell goes a ring that it has not heard yet.
    _thread: Thread,
    bell: Bell,
}

/// Which folder each number is, and how it is called.
#[derive(Debug, Default)]
struct WatchedFolders {
    paths: HashMap<i32, Arc<Path>>,
    numbers: BTreeMap<Arc<Path>, i32>,
}

impl Watcher {
    /// Watches nothing yet. `tell` is called in a thread of the watcher's own and must not block.
    ///
    /// # Errors
    /// [`Unwatched::Failed`]: this user has too many watchers, or the system has none.
    pub(crate) fn new(tell: impl Fn(Change) + Send + 'static) -> Result<Self, Unwatched> {
        let start = || -> io::Result<Self> {
            let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?);
            let poll = Poll::new()?;
            let bell = Bell::new(poll.registry(), END)?;
            poll.registry().register(&mut SourceFd(&inotify.as_raw_fd()), EVENTS, Interest::READABLE)?;
            let folders = Arc::default();
            let stop = Arc::new(AtomicBool::new(false));
            let hearing = Hearing {
                inotify: Arc::clone(&inotify),
                folders: Arc::clone(&folders),
                stop: Arc::clone(&stop),
                poll,
            };
            let thread = Thread::spawn("library-watch", move || hearing.run(&tell))?;
            Ok(Self { inotify, folders, stop, _thread: thread, bell })
        };
        start().map_err(|e| by_system(&e))
    }

    /// Watches `folder`, which is named without links, but none below it.
    ///
    /// # Errors
    /// [`Unwatched`].
    pub(crate) fn add(&mut self, folder: &Path) -> Result<(), Unwatched> {
        // What happens to it from now on is told by this name: so nothing may be read in between.
        let mut folders = locked(&self.folders);
        match inotify::add_watch(&*self.inotify, folder, CHANGES) {
            Ok(number) => {
                folders.add(number, folder);
                Ok(())
            }
            Err(Errno::NOSPC) => Err(Unwatched::Full),
            Err(e) => Err(by_system(&e.into())),
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.bell.ring();
    }
}

impl WatchedFolders {
    /// A folder has one number, whatever it is called.
    fn add(&mut self, number: i32, path: &Path) {
        let path: Arc<Path> = path.into();
        if let Some(before) = self.paths.insert(number, Arc::clone(&path)) {
            self.numbers.remove(&before);
        }
        if let Some(before) = self.numbers.insert(path, number)
            && before != number
        {
            self.paths.remove(&before);
        }
    }

    /// The system watches it no more.
    fn remove(&mut self, number: i32) {
        if let Some(path) = self.paths.remove(&number) {
            self.numbers.remove(&path);
        }
    }

    /// What was called so was moved away: the numbers of it and of all below.
    fn take_below(&mut self, path: &Path) -> Vec<i32> {
        let below = self
            .numbers
            .range::<Path, _>((Bound::Included(path), Bound::Unbounded))
            .take_while(|(at, _)| at.starts_with(path));
        let numbers: Vec<_> = below.map(|(_, number)| *number).collect();
        numbers.iter().for_each(|number| self.remove(*number));
        numbers
    }
}

/// No holder of it can panic between two changes that belong together.
fn locked(folders: &Mutex<WatchedFolders>) -> MutexGuard<'_, WatchedFolders> {
    folders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that hears.
struct Hearing {
    inotify: Arc<OwnedFd>,
    folders: Arc<Mutex<WatchedFolders>>,
    stop: Arc<AtomicBool>,
    poll: Poll,
}

impl Hearing {
    fn run(mut self, tell: &impl Fn(Change)) {
        let mut events = Events::with_capacity(4);
        let mut buffer = vec![MaybeUninit::uninit(); READ];
        while !self.stop.load(Ordering::Relaxed) {
            let polled = self.poll.poll(&mut events, None);
            let heard = match polled {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled.and_then(|()| self.hear(&mut buffer, tell)),
            };
            if let Err(e) = heard {
                log::debug!("watching: {e}");
                return tell(Change::Lost);
            }
        }
    }

    /// All that happened.
    fn hear(&self, buffer: &mut [MaybeUninit<u8>], tell: &impl Fn(Change)) -> io::Result<()> {
        let mut reader = Reader::new(&*self.inotify, buffer);
        loop {
            // Names are those at the time of reading.
            let mut folders = locked(&self.folders);
            loop {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(Errno::AGAIN) => return Ok(()),
                    Err(Errno::INTR) => break,
                    Err(e) => return Err(e.into()),
                };
                let (number, what) = (event.wd(), event.events());
                let name = event.file_name().map(|name| PathBuf::from(native(name)));
                if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                    tell(Change::Lost);
                }
                if what.contains(ReadFlags::IGNORED) {
                    folders.remove(number);
                }
                let Some(folder) = folders.paths.get(&number) else { continue };
                let path = name.map_or_else(|| folder.to_path_buf(), |name| folder.join(name));
                if what.contains(ReadFlags::MOVED_FROM | ReadFlags::ISDIR) {
                    self.unwatch(folders.take_below(&path));
                }
                let closed = what.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO);
                let written = what.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MODIFY);
                tell(Change::At { path, written, closed });
                if reader.is_buffer_empty() {
                    break;
                }
            }
        }
    }

    fn unwatch(&self, numbers: Vec<i32>) {
        for number in numbers {
            // One that is gone is watched by nobody.
            inotify::remove_watch(&*self.inotify, number).unwrap_or(());
        }
    }
}
