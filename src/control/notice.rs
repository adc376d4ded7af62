//! What a peer tells without being asked. Pure.

use super::{ChatRow, DownloadRow, ExitReport, OfferRow, Reply};
use crate::error::Failure;

/// Why a peer is no longer here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneCause {
    /// It said so itself.
    Left,
    /// Nothing is heard of it any more.
    Silent,
    /// The user ended the link by which alone it was heard.
    Disconnected,
}

/// Something that happened, to be shown at the prompt above what is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A peer came.
    Joined {
        /// Its name.
        name: String,
        /// Its id, eight characters.
        id: String,
    },
    /// A peer went.
    Gone {
        /// Its name.
        name: String,
        /// Why.
        why: GoneCause,
    },
    /// Somebody else said this.
    Line(ChatRow),
    /// So many lines of a peer did not come, and will not.
    LinesMissed {
        /// Its name, with its id where that must stand there.
        name: String,
        /// How many.
        count: u64,
    },
    /// Somebody offers something, or what became of an offer.
    Offer(Box<OfferRow>),
    /// How far the running downloads are; empty when none runs. At most 4 a second.
    Downloads(Vec<DownloadRow>),
    /// A reply to a download that nobody waits for (`Begun`, `Saved`, `Missing`, `DownloadSum`, `Done`, `Failed`).
    Download(u64, Reply),
    /// How far the departure is, as [`Reply::Leaving`].
    #[expect(missing_docs, reason = "told there")]
    Leaving { done: u64, total: u64, bytes_left: u64 },
    /// As [`Reply::ExitReport`].
    ExitReport(ExitReport),
    /// Own files are missing, and nobody was seen deleting them: the user is to say what became of them.
    Lost {
        /// How many.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Anything else worth a line.
    Text(String),
    /// A warning.
    Warning(String),
    /// This peer is leaving; `code` is the exit code of the process.
    Ended(Option<Failure>),
}
