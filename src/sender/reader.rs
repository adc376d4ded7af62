//! The thread that reads shared files for the sender. It knows neither who asks nor what an error means to
//! them.

use core::time::Duration;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::open_files::{OpenFiles, ReadFault};
use super::reads::{PieceRead, ReadDone, ReadJob};
use crate::content::FileId;
use crate::library::LastFolder;
use crate::sender::{SharedContent, limits};
use crate::sys::bell::Bell;
use crate::sys::clock;
use crate::sys::thread::Thread;

/// A job that took this long is answered with what was read: on a slow disk many small files take longer
/// than others can wait, and than a reader may be silent that is not hung.
const LONG: Duration = Duration::from_millis(200);

/// What the reader is asked to do.
#[derive(Debug)]
pub(crate) enum ReaderCommand {
    /// This is shared from now on: what was open of other files is closed.
    Offer(Arc<SharedContent>),
    /// Read these bytes of files of an offer.
    Read(Arc<SharedContent>, ReadJob),
}

/// What became of [`ReaderCommand::Read`].
#[derive(Debug)]
pub(crate) struct ReaderAnswer {
    pub(crate) offer: Arc<SharedContent>,
    pub(crate) done: ReadDone<ReadFault>,
    /// The file of the last piece, if more of it is to be read.
    pub(crate) open: Option<(FileId, Arc<File>)>,
}

/// The running reader. When it is dropped, the thread ends after what it is doing, and nobody waits for that:
/// it may hang in a read for good.
#[derive(Debug)]
pub(crate) struct SharedReader {
    commands: Sender<ReaderCommand>,
    answers: Receiver<ReaderAnswer>,
}

impl SharedReader {
    /// Starts it; it rings the bell after each answer.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub(crate) fn start(bell: Bell) -> io::Result<Self> {
        Self::start_with(bell, Self::working())
    }

    /// What the thread does with each command.
    pub(crate) fn working() -> impl FnMut(ReaderCommand) -> Option<ReaderAnswer> + Send {
        let mut open = OpenFiles::default();
        move |command| match command {
            ReaderCommand::Offer(offer) => {
                open.renew(&offer.shelf);
                None
            }
            ReaderCommand::Read(offer, job) => {
                let done = read(&mut open, &offer, job);
                let last = done.pieces.back().map(|piece| piece.item.file);
                let open = last.and_then(|id| Some((id, Arc::clone(open.get(id)?))));
                Some(ReaderAnswer { offer, done, open })
            }
        }
    }

    /// Starts a thread that answers commands by `work`.
    pub(crate) fn start_with(
        bell: Bell,
        work: impl FnMut(ReaderCommand) -> Option<ReaderAnswer> + Send + 'static,
    ) -> io::Result<Self> {
        // Jobs are bounded by the buffers that there are for them, so what is shared anew is no more than
        // the controller says.
        let (commands, inbox) = crossbeam_channel::unbounded();
        let (tell, answers) = crossbeam_channel::bounded(limits::READ_BUFFERS);
        let thread = Thread::spawn("sender-reader", move || {
            for answer in inbox.iter().filter_map(work) {
                if tell.send(answer).is_err() {
                    return;
                }
                bell.ring();
            }
        })?;
        thread.detach();
        Ok(Self { commands, answers })
    }

    /// Gives it something to do. Never blocks.
    pub(super) fn send(&self, command: ReaderCommand) {
        drop(self.commands.send(command));
    }

    /// The next answer, if there is one.
    pub(super) fn next_answer(&self) -> Option<ReaderAnswer> {
        self.answers.try_recv().ok()
    }
}

fn read(open: &mut OpenFiles, offer: &SharedContent, job: ReadJob) -> ReadDone<ReadFault> {
    let ReadJob { number, mut buffer, items } = job;
    let mut pieces = VecDeque::with_capacity(items.len());
    let mut folder = LastFolder::default();
    let (began, mut at) = (clock::now(), 0_usize);
    for item in items {
        let end = usize::try_from(item.len).ok().and_then(|len| at.checked_add(len));
        let Some((end, bytes)) = end.and_then(|end| Some((end, buffer.get_mut(at..end)?))) else { break };
        let fault = open.read(&mut folder, &offer.shelf, item.file, item.offset, bytes).err();
        pieces.push_back(PieceRead { item, at, fault });
        at = end;
        if clock::now().since(began) >= LONG {
            break;
        }
    }
    ReadDone { number, buffer, pieces }
}
