//! What is done with files because the user of this machine asked for it: small work, which the machine does
//! not wait for. Pure; `files.rs` does it.

use std::path::PathBuf;

use super::event::AskId;
use crate::address::RouteTarget;
use crate::content::{FileId, SafePath, ShareName};
use crate::control::{Confinement, CountersRow, PlanSum, PlannedFile};
use crate::disk::Leftover;
use crate::doctor::MachineFacts;
use crate::error::Failure;
use crate::identity::Instance;
use crate::lan::LanFacts;
use crate::library::Share;
use crate::library::sending::SendRoot;
use crate::settings::ShareArgument;
use crate::swarm::JobId;

/// Where a shared file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePlace {
    /// The folder of its share.
    pub(crate) folder: PathBuf,
    /// The path below that.
    pub(crate) inner: SafePath,
}

/// A shared file that has rotted: where, and of which size and time of modification (milliseconds since
/// 1970).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damaged {
    /// Under which it is listed.
    pub(crate) path: SafePath,
    pub(crate) place: FilePlace,
    pub(crate) size: u64,
    pub(crate) modified: i64,
}

/// What `status` tells of this machine, beside what the machine of the peer knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalFacts {
    /// What the threads counted.
    pub(crate) counters: CountersRow,
    /// What a fault could reach.
    pub(crate) confinement: Confinement,
    /// What lies in `downloads/` from before, also what is being fetched.
    pub(crate) unfinished: Vec<Leftover>,
    /// True once the key was exported.
    pub(crate) key_exported: bool,
}

/// What `doctor` needs, beside what the machine of the peer knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiagnosisFacts {
    /// How things are in `lan`.
    pub(crate) lan: LanFacts,
    /// What a fault could reach.
    pub(crate) confinement: Confinement,
    /// What the machine tells; nothing before it was looked at.
    pub(crate) machine: MachineFacts,
}

/// What a download would bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DownloadPlan {
    pub(crate) files: Vec<PlannedFile>,
    pub(crate) sum: PlanSum,
}

/// Work on files. Each kind is answered by the [`FileAnswer`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileWork {
    /// Look what is there of what a download would bring, and how much space is free.
    Plan(AskId, Box<DownloadPlan>),
    /// Make the destination of a download, with the folders above it.
    Destination(AskId, PathBuf),
    /// Delete the partial files of these contents in the destination of a download that was removed.
    Discard(JobId, PathBuf, Vec<FileId>),
    /// Make the folder that a challenged chunk is fetched into.
    Challenge(JobId, PathBuf),
    /// Make the folder that good ones of damaged files are fetched into, and space in it for this one.
    Repair(SafePath, FilePlace),
    /// Put what was fetched in the place of what rotted.
    Swap(Damaged),
    /// Store a start of this peer that is later than the start of this count.
    Instance(u64),
    /// Remember these routes for the next start, and no others.
    Routes(Vec<RouteTarget>),
    /// Remember that these files are announced, and no others.
    Announced(Vec<FileId>),
    /// Share this folder from the next start on, if it can be.
    Share(AskId, ShareArgument),
    /// Share this no more from the next start on.
    Unshare(AskId, ShareName),
    /// Look where it lies what the user sends by this number.
    Send(u64, Vec<PathBuf>),
    /// Others know that these are not shared any more: forget that they were.
    ForgetShares(Vec<ShareName>),
    /// Look at what `status` tells of files, and add it.
    Facts(AskId, Box<LocalFacts>),
    /// Look at this machine for `doctor`, and add what it tells.
    Diagnose(AskId, Box<DiagnosisFacts>),
}

/// What became of it; `Err`: why nothing did, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileAnswer {
    /// With what was found.
    Plan(AskId, Box<DownloadPlan>),
    /// The folder is there.
    Destination(AskId, Result<(), Failure>),
    /// They are gone, but for those that a disk worker still has open.
    Discard(JobId, Result<Vec<FileId>, Failure>),
    /// The folder is there.
    Challenge(JobId, Result<(), String>),
    /// The folder is there, and nothing in it is in the way.
    Repair(SafePath, Result<(), String>),
    /// The good file is in its place.
    Swap(Damaged, Result<(), String>),
    /// The start that was stored.
    Instance(Result<Instance, Failure>),
    /// They are remembered.
    Routes(Result<(), String>),
    /// They are remembered.
    Announced(Result<(), String>),
    /// It is remembered: what is shared from now on.
    Share(AskId, Result<Share, Failure>),
    /// The folders and names, or why it cannot be sent.
    Send(u64, Result<Vec<SendRoot>, Failure>),
    /// That is remembered.
    Unshare(AskId, ShareName, Result<(), Failure>),
    /// They are forgotten.
    ForgetShares(Result<(), String>),
    /// All of it.
    Facts(AskId, Box<LocalFacts>),
    /// All of it.
    Diagnose(AskId, Box<DiagnosisFacts>),
}
