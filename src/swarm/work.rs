//! What is to be fetched, and how far it is. Pure.

use std::path::PathBuf;
use std::sync::Arc;

use crate::content::{Claim, FileId, SafePath, Span};
use crate::disk::Arrival;
use crate::error::Failure;
use crate::identity::PeerId;

/// Number of a download, for as long as this peer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct JobId(pub u64);

/// One file to be fetched.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its content.
    pub id: FileId,
    /// Bytes, as its owner says; the last chunk proves it.
    pub size: u64,
    /// Modification time, milliseconds since 1970.
    pub modified: i64,
    /// Whether it gets the executable bit.
    pub executable: bool,
    /// The word of the user that brings it.
    pub asked: Arc<str>,
    /// Where it goes, below the job's destination.
    pub to: SafePath,
    /// Peers that have all of it.
    pub holders: Vec<PeerId>,
    /// Only these chunks are wanted, and they are kept as a partial file: it gets no name at its destination.
    pub keep: Option<Span>,
    /// Peers that may have some of it: they are asked what they have.
    pub some: Vec<PeerId>,
    /// A file of this machine that ought to have this content: it is copied, and fetched only if it has not.
    pub here: Option<PathBuf>,
}

impl Wanted {
    /// Its content.
    #[must_use]
    pub(crate) const fn claim(&self) -> Claim {
        (self.id, self.size)
    }

    /// Bytes that are wanted of it.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        self.keep.map_or(self.size, |span| span.bytes(self.size))
    }
}

/// A download: one file, several, or a folder.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Its number.
    pub id: JobId,
    /// The folder that everything goes into. It exists.
    pub destination: PathBuf,
    /// The files.
    pub files: Vec<Wanted>,
    /// Empty folders to make.
    pub folders: Vec<SafePath>,
    /// It is throttled: while bytes of another job come, little is asked for it.
    pub background: bool,
}

/// Where a job stands. Bytes are those of files, not of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Which.
    pub job: JobId,
    /// Bytes verified, those from before a restart included.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
    /// Files published.
    pub files_done: u64,
    /// Files in all.
    pub files: u64,
    /// Bytes that came over the network for this job since this peer started.
    pub fetched: u64,
    /// Peers that bytes are coming from.
    pub sources: Vec<PeerId>,
    /// How fast those of them give that have given for a while.
    pub rates: Vec<SourceRate>,
    /// Why nothing moves, if so ("no holder is here: waiting").
    pub waiting: Option<String>,
}

/// How fast a peer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceRate {
    /// Who.
    pub peer: PeerId,
    /// Bytes a second, a mean over the last tenths of a second.
    pub rate: u64,
}

/// How a download goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobEvent {
    /// At most 4 a second for each job; may be skipped when whoever hears it is behind.
    Progress(Progress),
    /// A file is under its final name, or kept without one.
    Arrived(JobId, FileId, Arrival),
    /// A file will not come. The job goes on with its others.
    Failed(JobId, SafePath, Failure),
    /// What came over the network for a job; right before its end.
    Given(JobId, JobGivers),
    /// Nothing is left to do; how many files arrived, and the last failure if any.
    Finished(JobId, u64, Option<Failure>),
}

/// What came over the network for a job, and from whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobGivers {
    /// Bytes.
    pub fetched: u64,
    /// Bytes of its files that an earlier job had brought.
    pub resumed: u64,
    /// Those who gave them, who gave most first.
    pub peers: Vec<PeerId>,
}
