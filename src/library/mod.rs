//! The library: what lies in `shared/`, hashed, and kept up to date while it changes (docs/ARCHITECTURE.md,
//! "What is shared").
//!
//! Every decision is made by `inventory` (pure). Around it: `walk` looks at the folder, `watch` hears
//! of changes, `hash` reads files, and `shell` is the thread that joins them. `open` is the one way
//! in which a shared file is opened, here and by the sender.
//!
//! What is shared: regular files and empty folders, but for what `left_out` and `ignore_file` leave out. A link counts as
//! what it leads to, if that lies in the same share and is shared there (`links`); others are skipped. A file that was renamed, moved or given other
//! rights is hashed again, because its change time moved and nothing else tells a rename from content
//! that was written with its old modification time put back.

mod files;
mod hash;
mod ignore_file;
mod inventory;
mod left_out;
pub(crate) mod limits;
mod links;
mod open;
mod root;
pub(crate) mod sending;
mod shell;
mod walk;
mod warnings;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

pub(crate) use self::files::{Files, MergedFiles};
#[cfg(test)]
pub(crate) use self::hash::manifest_of;
pub(crate) use self::open::{LastFolder, OpenError, open, open_twin};
pub(crate) use self::root::{LibraryRoot, Share, ShareRoots};
pub(crate) use self::shell::folder_identity;
use crate::content::{
    Catalogue, FolderIdentity, LeftOut, Manifest, Mounts, SafePath, ShareName, Stamp, UnlistedContent,
};
use crate::counters::Counters;
use crate::store;
use crate::sys::mounts::MountTable;
use crate::sys::thread::Thread;

/// Reports that may wait for the controller; then the library waits, too.
const EVENTS: usize = 1_024;

/// A file that can be served.
#[derive(Clone, Debug)]
pub(crate) struct SharedFile {
    /// Under which path it is listed.
    pub path: SafePath,
    /// What it was when it was hashed. Checked before and after each read.
    pub stamp: Stamp,
    /// Its chunks' values; shared with the hash cache.
    pub manifest: Arc<Manifest>,
    /// When this content was first listed at this path, milliseconds since 1970; 0: not known.
    pub since: u64,
}

/// All that is shared, immutable: what the sender serves from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    /// The folders.
    pub roots: Arc<ShareRoots>,
    /// What is listed.
    pub catalogue: Catalogue,
    /// By content; of several files with one content, any.
    pub files: Files,
    /// Tells the folder from another one at its place.
    pub marker: FolderIdentity,
    /// What is mounted below it.
    pub mounts: Arc<Mounts>,
    /// What is there but not listed. `None`: that is not known yet, for the look is not over, so what is not listed
    /// may be there as well.
    pub waiting: Option<Arc<UnlistedContent>>,
    /// What is there and is left out by rule.
    pub left_out: Arc<LeftOut>,
}

/// A file that is being hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hashing {
    /// Which.
    pub path: SafePath,
    /// Bytes hashed.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
}

/// What the library reports.
#[derive(Debug)]
pub(crate) enum Event {
    /// What is shared changed.
    Changed(Arc<Shelf>),
    /// Files not hashed yet: the one under way first, in the order of hashing (at most 100), and the
    /// number and bytes of all. At most 4 a second; `files == 0` once when all are done.
    Hashing {
        /// The first of them.
        first: Vec<Hashing>,
        /// How many.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The first scan is over and everything known from before is listed. Once.
    Scanned,
    /// A look that [`Command::Rescan`] asked for is over, and what it found was told. Several may have one answer.
    Rescanned,
    /// Something was skipped or went wrong; in words for the user. Once for each cause and path.
    Warning(String),
    /// Another folder lies where the root was than the one that these threads can open ([`FolderReach`]). Once; this
    /// library is to be started again.
    Moved,
}

/// What the library of a share beside `shared/` reports.
#[derive(Debug)]
pub(crate) struct ShareReport {
    /// Which share.
    pub share: ShareName,
    /// The number of the start of this library: what an earlier one of the same share reports is out of date.
    pub start: u64,
    /// What.
    pub event: Event,
}

/// Which folders the threads of a library can open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FolderReach {
    /// Whatever lies at the place of the root.
    #[default]
    Any,
    /// The one that lay there when their sandbox was made, if one did.
    Only(Option<FolderIdentity>),
}

/// What the controller asks of the library.
#[derive(Debug)]
pub(crate) enum Command {
    /// Look at this file again: it was not what it should be when it was to be sent.
    Check(SafePath),
    /// Look at everything again, and tell what was found once that is done ([`Event::Rescanned`]).
    Rescan,
}

/// How the library runs.
#[derive(Debug)]
pub(crate) struct LibraryConfig {
    /// The folder that is shared. The library waits for it when it is not there.
    pub root: LibraryRoot,
    /// Which folders its threads can open. Default: any.
    pub reach: FolderReach,
    /// Whether hidden files are shared. Default: no.
    pub hidden: bool,
    /// Whether the operating system is asked to tell of changes. Default: yes.
    pub watch: bool,
    /// Time between two scans of everything while the folder is watched. Default: 10 minutes.
    pub rescan: Duration,
    /// Time between two scans of everything while the folder cannot be watched (network mounts, too many
    /// folders). Default: 60 seconds.
    pub rescan_unwatched: Duration,
    /// Where what is hashed is counted.
    pub counters: Arc<Counters>,
    /// Tells of what is mounted and unmounted; `None` where the system does not. A thread in a sandbox cannot open
    /// it.
    pub mounts: Option<MountTable>,
}

impl LibraryConfig {
    /// The defaults for a folder.
    #[must_use]
    pub(crate) fn new(folder: PathBuf) -> Self {
        let root = LibraryRoot { name: None, folder };
        let (rescan, rescan_unwatched) = (Duration::from_secs(600), Duration::from_secs(60));
        Self {
            root,
            reach: FolderReach::Any,
            hidden: false,
            watch: true,
            rescan,
            rescan_unwatched,
            counters: Arc::default(),
            mounts: MountTable::open(),
        }
    }
}

/// The running library. Dropping it stops its threads.
#[derive(Debug)]
pub(crate) struct Handle {
    /// Never blocks.
    pub commands: Sender<Command>,
    /// Its reports.
    pub events: Receiver<Event>,
    // Below both channels, so that the thread sees them close before it is waited for.
    _thread: Thread,
}

/// Starts the library of `config.root`, with its hash cache in `store`.
///
/// # Errors
/// When the operating system has no thread to give.
pub(crate) fn start(config: LibraryConfig, store: store::Handle) -> io::Result<Handle> {
    let (commands, inbox) = unbounded();
    let (outbox, events) = bounded(EVENTS);
    let shell = shell::LibraryShell::start(config, store, inbox, Outbox::Own(outbox))?;
    let thread = Thread::spawn("library", move || shell.run())?;
    Ok(Handle { commands, events, _thread: thread })
}

/// The running library of a share beside `shared/`. Dropping it stops its threads, and waits for them.
#[derive(Debug)]
pub(crate) struct ShareHandle {
    /// Never blocks.
    pub commands: Sender<Command>,
    // Below the channel, so that the thread sees it close before it is waited for.
    _thread: Thread,
}

/// Starts the library of a share, which reports there under the number of its start.
///
/// # Errors
/// When the operating system has no thread to give.
pub(crate) fn start_share(
    config: LibraryConfig,
    share: ShareName,
    start: u64,
    store: store::Handle,
    reports: Sender<ShareReport>,
) -> io::Result<ShareHandle> {
    let (commands, inbox) = unbounded();
    let outbox = Outbox::Share { share, start, reports };
    let shell = shell::LibraryShell::start(config, store, inbox, outbox)?;
    let thread = Thread::spawn("library", move || shell.run())?;
    Ok(ShareHandle { commands, _thread: thread })
}

/// The channel for the reports of all shares beside `shared/`: as that of one library, it is bounded.
pub(crate) fn share_reports() -> (Sender<ShareReport>, Receiver<ShareReport>) {
    bounded(EVENTS)
}

/// Where a library reports.
enum Outbox {
    Own(Sender<Event>),
    Share { share: ShareName, start: u64, reports: Sender<ShareReport> },
}

impl Outbox {
    /// Waits while too much has been reported. False: nobody listens.
    fn send(&self, event: Event) -> bool {
        match self {
            Self::Own(outbox) => outbox.send(event).is_ok(),
            Self::Share { share, start, reports } => {
                reports.send(ShareReport { share: share.clone(), start: *start, event }).is_ok()
            }
        }
    }

    /// Does not wait. False: it was not reported.
    fn try_send(&self, event: Event) -> bool {
        match self {
            Self::Own(outbox) => outbox.try_send(event).is_ok(),
            Self::Share { share, start, reports } => {
                reports.try_send(ShareReport { share: share.clone(), start: *start, event }).is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests;
