//! What the machine of a peer wants done, in the order in which it is wanted. Pure; `shell.rs` does it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::AskId;
use super::file_work::FileWork;
use crate::content::{FileId, ShareName};
use crate::control::{GuestOrder, Notice, Reply, WatchKind, WatchRow};
use crate::dht::DhtCommand;
use crate::distribution::{CustodyCommand, chunk_store};
use crate::error::Failure;
use crate::index::IndexCommand;
use crate::lan::{self, LanFacts};
use crate::library::sending::SendRoot;
use crate::library::{self, Share, Shelf};
use crate::reader::ReadOrder;
use crate::receiver::ReceiverCommand;
use crate::receiver::telling::PrivateLine;
use crate::routes::{LinksCommand, ToResolve};
use crate::sender::SenderCommand;
use crate::store::LedgerRow;
use crate::swarm::Job;

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warn,
}

/// One thing that is to be done.
#[derive(Debug)]
pub(crate) enum PeerOutput {
    /// An answer to a request, for whoever asked; he may have gone away.
    Reply(AskId, Reply),
    /// As [`Self::Reply`]. If whoever asked has gone away, this is shown at the prompt instead.
    ReplyOr(AskId, Reply, Notice),
    /// To be shown at the prompt.
    Notice(Notice),
    /// From now on this request is answered by whatever happens, until whoever asked goes away.
    Watch(AskId),
    /// Something happened, for all who watch.
    Event(Box<WatchRow>),
    /// For the thread of `lan`.
    Discovery(lan::Command),
    /// For the library of `shared/`.
    Library(library::Command),
    /// For the threads of another share.
    Share(ShareOrder),
    /// For the threads that read what is sent to one peer.
    Sending(SendingOrder),
    /// For the receiver.
    Receiver(ReceiverCommand),
    /// For the receiver: this is read by whoever asked, who is answered with its bytes.
    Read(AskId, ReadOrder),
    /// For the receiver: to be told to a peer, with the time at which it is said.
    Tell(PrivateLine),
    /// For the receiver: to be fetched by disk workers that can write in its destination. If none can be had,
    /// that is an event like the end of any other job.
    Fetch(Job),
    /// For the sender.
    Sender(SenderCommand),
    /// Others may have what is there of this file; the sender gets what came with
    /// [`PeerEvent::PartialSeed`](super::event::PeerEvent::PartialSeed).
    Give(FileId),
    /// For the distributor's port.
    Distributor(CustodyCommand),
    /// For the distributee's port.
    Distributee(CustodyCommand),
    /// For the thread that has the links that this peer made.
    Links(LinksCommand),
    /// For the thread that has the index.
    Index(IndexCommand),
    /// For the thread that takes part in the table between sites.
    Dht(DhtCommand),
    /// A name is to be looked up; then [`PeerEvent::Resolved`](super::event::PeerEvent::Resolved) tells it.
    Resolve(ToResolve),
    /// For the thread that works on the chunk store.
    Chunks(chunk_store::Command),
    /// To be written into the ledger; then [`PeerEvent::Written`](super::event::PeerEvent::Written) tells the
    /// number.
    Ledger {
        /// What is written.
        rows: Vec<LedgerRow>,
        /// The number of the writing.
        number: u64,
    },
    /// To be kept of what people said. Nothing waits for it.
    Chat(Vec<LedgerRow>),
    /// To be kept of the queue of downloads. Nothing waits for it.
    Downloads(Vec<LedgerRow>),
    /// To be noted of transfers. Nothing waits for it.
    Transfers(Vec<LedgerRow>),
    /// For the thread that works on files for the user of this machine.
    Files(FileWork),
    /// What only the shell knows is to be told for this request:
    /// [`FileAnswer::Facts`](super::file_work::FileAnswer::Facts).
    Facts(AskId),
    /// What only the shell and this machine know is to be told for this request:
    /// [`FileAnswer::Diagnose`](super::file_work::FileAnswer::Diagnose).
    Diagnose(AskId, LanFacts),
    /// Guests are let in, or not any more; whoever serves them answers this request.
    Guest(AskId, GuestOrder),
    /// A line for the log.
    Log(LogLevel, String),
    /// All threads are to end. Behind it come last replies and notices only. `Some`: why it ends, if not
    /// because somebody wanted it to.
    End(Option<Failure>),
    /// All threads are to end, and then the peer is to start again, in another network.
    Again,
}

/// What is to be done for a share beside `shared/`.
#[derive(Debug)]
pub(crate) enum ShareOrder {
    /// Start its threads, in the place of those that run.
    Begin(Share),
    /// End them.
    End(ShareName),
    /// For its library.
    Tell(ShareName, library::Command),
    /// Read again what is listed of it, and tell as the thread of the chunk store does.
    ReadAgain(ShareName, Arc<Shelf>),
}

/// What is to be done for an offer of this peer, by its number.
#[derive(Debug)]
pub(crate) enum SendingOrder {
    /// Look at what lies there and hash it, and serve it to whoever may have it; then
    /// [`PeerEvent::Sending`](super::event::PeerEvent::Sending) tells how that goes.
    Begin(u64, Vec<SendRoot>),
    /// End that.
    End(u64),
}

/// What is to be done, the oldest first. Every concern of the machine adds to it.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    queue: VecDeque<PeerOutput>,
    /// Somebody is told what happens.
    is_watched: bool,
}

impl Outputs {
    /// This is to be done after all that was wanted before.
    pub(super) fn push(&mut self, output: PeerOutput) {
        self.queue.push_back(output);
    }

    /// The next thing to be done.
    pub(super) fn pop(&mut self) -> Option<PeerOutput> {
        self.queue.pop_front()
    }

    /// Answers a request.
    pub(super) fn reply(&mut self, ask: AskId, reply: Reply) {
        self.push(PeerOutput::Reply(ask, reply));
    }

    /// Somebody is told what happens, or nobody is.
    pub(super) const fn set_watched(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
    }

    /// True if somebody is told what happens: what is worked out for that alone is not worked out otherwise.
    pub(super) const fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Something happened.
    pub(super) fn event(&mut self, row: impl FnOnce() -> WatchRow) {
        if self.is_watched {
            self.push(PeerOutput::Event(Box::new(row())));
        }
    }

    /// Shows something at the prompt.
    pub(super) fn notice(&mut self, notice: Notice) {
        if let Notice::Warning(text) = &notice {
            self.event(|| WatchRow { text: Some(text.clone()), ..WatchRow::of(WatchKind::Warning) });
        }
        self.push(PeerOutput::Notice(notice));
    }

    /// Tells the thread of `lan` something.
    pub(super) fn discovery(&mut self, command: lan::Command) {
        self.push(PeerOutput::Discovery(command));
    }

    /// Tells the receiver something.
    pub(super) fn receiver(&mut self, command: ReceiverCommand) {
        self.push(PeerOutput::Receiver(command));
    }

    /// Tells the sender something.
    pub(super) fn sender(&mut self, command: SenderCommand) {
        self.push(PeerOutput::Sender(command));
    }

    /// Tells the thread of the chunk store something.
    pub(super) fn chunks(&mut self, command: chunk_store::Command) {
        self.push(PeerOutput::Chunks(command));
    }

    /// Tells both ports of custody something.
    pub(super) fn custody(&mut self, command: CustodyCommand) {
        self.push(PeerOutput::Distributor(command.clone()));
        self.push(PeerOutput::Distributee(command));
    }

    /// Has the thread of files do something.
    pub(super) fn files(&mut self, work: FileWork) {
        self.push(PeerOutput::Files(work));
    }

    /// A line for whoever looks for a fault.
    pub(super) fn debug(&mut self, text: String) {
        self.push(PeerOutput::Log(LogLevel::Debug, text));
    }

    /// A line for the log that says that something is not as it should be.
    pub(super) fn log_warning(&mut self, text: String) {
        self.push(PeerOutput::Log(LogLevel::Warn, text));
    }
}
