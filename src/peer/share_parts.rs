//! The threads of the shares beside `shared/`: each share has a library and a reader of its own, in a sandbox that
//! reaches its folder alone. Sandboxes cannot be widened, so a folder that takes the place of another one gets new
//! threads.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::sandboxes::{SandboxedPart, Sandboxes};
use crate::content::ShareName;
use crate::counters::Counters;
use crate::distribution::chunk_store::{ReadAgain, SharedCheck};
use crate::library::{
    self, FolderReach, LibraryConfig, LibraryRoot, Share, ShareHandle, ShareReport, folder_identity,
    share_reports,
};
use crate::sender::SharedReader;
use crate::settings::Settings;
use crate::store;
use crate::sys::bell::Bell;
use crate::sys::thread::Thread;

/// All of them.
#[derive(Debug)]
pub(super) struct ShareParts {
    /// What the libraries report.
    // First, so that none waits to report any more when its thread is waited for.
    pub(super) reports: Receiver<ShareReport>,
    running: BTreeMap<ShareName, RunningShare>,
    /// How many were started.
    starts: u64,
    reports_to: Sender<ShareReport>,
    hidden: bool,
    counters: Arc<Counters>,
    store: store::Handle,
}

#[derive(Debug)]
struct RunningShare {
    folder: PathBuf,
    start: u64,
    library: ShareHandle,
}

impl ShareParts {
    /// None runs yet.
    pub(super) fn new(settings: &Settings, counters: &Arc<Counters>, store: &store::Handle) -> Self {
        let (reports_to, reports) = share_reports();
        Self {
            reports,
            running: BTreeMap::new(),
            starts: 0,
            reports_to,
            hidden: settings.share.hidden,
            counters: Arc::clone(counters),
            store: store.clone(),
        }
    }

    /// Starts a share, in the place of what runs under its name, and a reader for the sender, whose bell that rings.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub(super) fn begin(
        &mut self,
        sandboxes: &mut Sandboxes,
        bell: Bell,
        share: Share,
    ) -> io::Result<SharedReader> {
        self.end(&share.name);
        self.starts += 1;
        let Share { name, folder } = share;
        let part = SandboxedPart::Share(folder.clone());
        // Before the rules are made: what takes its place between is noticed.
        let reach = match sandboxes.are_wanted() {
            true => FolderReach::Only(folder_identity(&folder)),
            false => FolderReach::Any,
        };
        let config = LibraryConfig {
            root: LibraryRoot { name: Some(name.clone()), folder: folder.clone() },
            reach,
            hidden: self.hidden,
            counters: Arc::clone(&self.counters),
            ..LibraryConfig::new(PathBuf::new())
        };
        let (start, store, reports) = (self.starts, self.store.clone(), self.reports_to.clone());
        let of = name.clone();
        let started = sandboxes.start(&part, || {
            let reader = SharedReader::start(bell)?;
            library::start_share(config, of, start, store, reports).map(|library| (library, reader))
        });
        let (library, reader) = started.flatten()?;
        self.running.insert(name, RunningShare { folder, start, library });
        Ok(reader)
    }

    /// Ends a share. Nobody waits for its threads: its disk may hang.
    pub(super) fn end(&mut self, name: &ShareName) {
        let Some(RunningShare { library, .. }) = self.running.remove(name) else { return };
        // If there is no thread to wait on, it is waited for here.
        match Thread::spawn("share-end", move || drop(library)) {
            Ok(thread) => thread.detach(),
            Err(e) => log::debug!("the end of share {name} was waited for: {e}"),
        }
    }

    /// True if this was reported by what runs now.
    pub(super) fn is_current(&self, report: &ShareReport) -> bool {
        self.running.get(&report.share).is_some_and(|running| running.start == report.start)
    }

    /// Asks something of the library of a share.
    pub(super) fn tell(&self, name: &ShareName, command: library::Command) {
        if let Some(running) = self.running.get(name) {
            // It ended only if the whole peer is ending.
            drop(running.library.commands.send(command));
        }
    }

    /// Reads again all that is listed of a share, on a thread in the share's sandbox.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub(super) fn read_again(
        &self,
        sandboxes: &mut Sandboxes,
        name: &ShareName,
        check: SharedCheck,
        read: ReadAgain,
    ) -> io::Result<()> {
        let Some(running) = self.running.get(name) else {
            // What lies in it is not shared any more.
            read.nothing();
            return Ok(());
        };
        let part = SandboxedPart::Share(running.folder.clone());
        let thread = move || Thread::spawn("share-verify", move || read.run(&check));
        sandboxes.start(&part, thread).flatten().map(Thread::detach)
    }
}
