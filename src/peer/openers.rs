//! Opens files of this peer for pages on this machine, on a thread of its own: a disk that hangs holds up nobody else.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Sender, unbounded};

use crate::control::{OwnFile, OwnFileAsk};
use crate::library::{self, Shelf};
use crate::sys::thread::Thread;

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct OwnFileOpener {
    asks: Sender<(Arc<Shelf>, OwnFileAsk)>,
    _thread: Thread,
}

impl OwnFileOpener {
    /// Begins.
    ///
    /// # Errors
    /// There is no thread.
    pub(super) fn start() -> io::Result<Self> {
        let (asks, asked) = unbounded::<(Arc<Shelf>, OwnFileAsk)>();
        let thread = Thread::spawn("opener", move || {
            for (shelf, OwnFileAsk { id, answer }) in asked {
                let opened = shelf.files.get(&id).and_then(|shared| {
                    let opened = library::open(&shelf.roots, shared);
                    let opened = opened.inspect_err(|e| log::debug!("{} cannot be opened: {e}", shared.path));
                    opened.ok().map(|file| OwnFile { file, stamp: shared.stamp })
                });
                answer(opened);
            }
        })?;
        Ok(Self { asks, _thread: thread })
    }

    /// Opens what is meant, of what is shared now.
    pub(super) fn open(&self, shelf: &Arc<Shelf>, ask: OwnFileAsk) {
        if let Err(unsent) = self.asks.send((Arc::clone(shelf), ask)) {
            let (_, OwnFileAsk { answer, .. }) = unsent.into_inner();
            answer(None);
        }
    }
}
