//! What the machine of a peer reacts to. Pure.

use std::sync::Arc;

use super::file_work::FileAnswer;
use super::swarms::LiveSeed;
use crate::content::ShareName;
use crate::control::Request;
use crate::dht::DhtEvent;
use crate::distribution::{CustodyEvent, chunk_store};
use crate::index::IndexEvent;
use crate::lan;
use crate::library;
use crate::library::sending::SendingStep;
use crate::port_mapping::MappingState;
use crate::receiver::ReceiverEvent;
use crate::routes::{LinksEvent, Resolved};
use crate::sender::SenderEvent;
use crate::store::LedgerWritten;

/// The number of a request, under which it is answered. Given by the shell, which knows who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AskId(pub(crate) u64);

/// All that the machine reacts to.
#[derive(Debug)]
pub(crate) enum PeerEvent {
    /// Somebody asks something.
    Ask(AskId, Request),
    /// The thread of `lan` reports.
    Discovery(lan::Event),
    /// What becomes of the port that the router is asked for.
    PortMapping(MappingState),
    /// The table between sites reports.
    Dht(DhtEvent),
    /// The library of `shared/` reports.
    Library(library::Event),
    /// The library of another share reports.
    Share(ShareName, library::Event),
    /// How the reading of what is to be sent goes, by the number of the offer.
    Sending(u64, SendingStep),
    /// The receiver reports; what is there of a file comes as [`Self::PartialSeed`] instead.
    Receiver(ReceiverEvent),
    /// A file of a megabyte or more is being fetched: this is what others may have of it.
    PartialSeed(Arc<dyn LiveSeed>),
    /// The sender reports.
    Sender(SenderEvent),
    /// One of the ports of custody reports.
    Custody(CustodyEvent),
    /// The thread of the chunk store reports.
    Chunks(chunk_store::Event),
    /// The links report.
    Links(LinksEvent),
    /// The index answers.
    Index(IndexEvent),
    /// A name was looked up.
    Resolved(Resolved),
    /// Records of custody's are on the disk, or could not be written.
    Written(LedgerWritten),
    /// The thread of files answers.
    Files(FileAnswer),
    /// The store says what went wrong.
    Warning(String),
    /// The time came that was asked for.
    Timeout,
    /// A part's thread ended although nobody asked it to.
    Broken(&'static str),
}
