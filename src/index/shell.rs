//! The thread that has the index. It touches what came from the network, so it is started in a sandbox with nothing
//! to read or write. What it does is in host.rs.

use std::io;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::host::{IndexCommand, IndexEvent, IndexHost};
use crate::identity::fill_random;
use crate::sys::clock;
use crate::sys::thread::Thread;

/// Answers that wait for the controller, at most.
const ANSWERS: usize = 64;

/// The running thread.
#[derive(Debug)]
pub(crate) struct IndexHandle {
    commands: Sender<IndexCommand>,
    /// What it answers.
    pub(crate) events: Receiver<IndexEvent>,
    // Joined last, after both channels are closed.
    _thread: Thread,
}

impl IndexHandle {
    /// Never blocks.
    pub(crate) fn send(&self, command: IndexCommand) {
        // It ends with its handle only.
        drop(self.commands.send(command));
    }
}

/// Starts the thread. The index takes `limit` bytes of memory at most.
///
/// # Errors
/// When the operating system has no thread or randomness to give.
pub(crate) fn start_index(limit: u64) -> io::Result<IndexHandle> {
    let mut seed = [0; 8];
    fill_random(&mut seed).map_err(io::Error::other)?;
    let (send, commands) = unbounded();
    let (tell, events) = bounded(ANSWERS);
    let thread = Thread::spawn("index", move || {
        let mut host = IndexHost::new(limit, u64::from_le_bytes(seed));
        for command in commands {
            // Nobody waits any more once the peer ends.
            if tell.send(host.handle(clock::now(), command)).is_err() {
                return;
            }
        }
    })?;
    Ok(IndexHandle { commands: send, events, _thread: thread })
}
