//! What can be asked of a running peer, by the prompt and (as JSON lines over a local socket that only
//! this user can open) by one-shot commands. The answers are facts; `cli::output` makes text of them.

pub(crate) mod client;
mod custody;
pub(crate) mod keyfile;
pub(crate) mod limits;
mod line;
pub(crate) mod server;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::custody::{
    CustodyRow, ExitReport, KeptFor, Location, NotKept, NotKeptReason, VerifyResult, VerifyRow,
};
use crate::error::Failure;
use crate::sys::folder::{self, Folder};
use crate::sys::sync;

/// Name of the control socket in `.potluck`.
const SOCKET: &str = "control.sock";

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// What is shared, by this peer and by the others.
    List {
        /// Only paths that contain this, or match it if it has `*` or `?`.
        #[serde(default)]
        pattern: Option<String>,
        /// Only what this peer shares.
        #[serde(default)]
        mine: bool,
        /// Only what this peer (name, or beginning of its id) shares.
        #[serde(default)]
        from: Option<String>,
    },
    /// Fetch files or folders.
    Download {
        /// Paths as `list` shows them, folders, or `b3:` and the first digits of a file id.
        files: Vec<String>,
        /// Only from this peer.
        #[serde(default)]
        from: Option<String>,
        /// Into this folder, absolute, instead of `downloads/`.
        #[serde(default)]
        to: Option<PathBuf>,
        /// Answer when it is finished, with [`Reply::Progress`] meanwhile; else once it is begun.
        #[serde(default)]
        wait: bool,
    },
    /// Stop a download by its number; what arrived stays for a later one.
    Cancel {
        /// Its number, as `status` shows it.
        job: u64,
    },
    /// The peers of the network.
    Peers,
    /// This peer: who, where, transfers.
    Status,
    /// How many copies of own files there are to be.
    Copies {
        /// The one here included, 1 to [`COPIES_MAX`](crate::control::limits::COPIES_MAX); `None`: as many as
        /// of others.
        #[serde(default)]
        copies: Option<u8>,
        /// Own files as for [`Download`](Self::Download).
        files: Vec<String>,
    },
    /// Bring back what was shared here, is missing or was deleted, and is kept by others.
    Restore {
        /// Do not: what is missing was deleted on purpose.
        #[serde(default)]
        forget: bool,
        /// Only these, as for [`Download`](Self::Download); none: all.
        #[serde(default)]
        files: Vec<String>,
    },
    /// Read again all that is shared here and kept for others.
    Verify,
    /// Leave.
    Exit {
        /// Without finishing what is being sent.
        #[serde(default)]
        now: bool,
    },
    /// Names that begin with `prefix`, for completion at the prompt.
    Complete {
        /// What is being typed.
        prefix: String,
        /// Of what.
        names: CompletionNames,
    },
}

/// What is completed at the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletionNames {
    /// Peers that are here.
    Peers,
    /// What others share.
    Offered,
    /// What this peer shares.
    Own,
    /// What this peer shared and can have back.
    Lost,
}

/// One line of `list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRow {
    /// Path; raw, to be escaped for a terminal.
    pub path: String,
    /// True for an (empty) folder.
    pub folder: bool,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub modified: i64,
    /// Live peers that hold it, this one included.
    pub copies: u64,
    /// How many there are to be, its owner included, if that is known. 1: none but its owner.
    #[serde(default)]
    pub wanted: Option<u8>,
    /// True if this peer shares it.
    pub mine: bool,
    /// Names of the others that share it under this path.
    pub peers: Vec<String>,
    /// Whole ids of the others that share it under this path, in the order of `peers`.
    pub peer_ids: Vec<String>,
    /// File id, 64 hexadecimal digits; empty for folders and files not hashed yet.
    pub id: String,
    /// True if another content has the same path.
    pub ambiguous: bool,
    /// True if none of `peers`, who shared it, is here: others keep it.
    #[serde(default)]
    pub away: bool,
    /// True for a file of this peer that is not copied to others by itself, for it is too large.
    #[serde(default)]
    pub large: bool,
    /// Percent hashed, for a file of this peer that is not yet listed by others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hashing: Option<u8>,
}

/// One line of `peers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRow {
    /// Name.
    pub name: String,
    /// Id, 52 characters.
    pub id: String,
    /// Address.
    pub address: String,
    /// Its sender port.
    pub port: u16,
    /// Files it shares; `None` until its catalogue is known.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// Whole seconds since it was first seen.
    pub seconds: u64,
}

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadRow {
    /// Its number.
    pub job: u64,
    /// What was asked for, in short.
    pub what: String,
    /// Bytes verified.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
    /// Files published.
    pub files_done: u64,
    /// Files in all.
    pub files: u64,
    /// Bytes a second, over the last seconds.
    pub speed: u64,
    /// Seconds left at that speed.
    pub left: Option<u64>,
    /// Bytes that came over the network since this peer started.
    pub fetched: u64,
    /// Names of the peers it comes from.
    pub from: Vec<String>,
    /// Why nothing moves, if so.
    pub waiting: Option<String>,
}

/// What a peer has done since its start (`counters.rs`); bytes, unless said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersRow {
    /// Read in `shared/` to be hashed.
    pub hashed: u64,
    /// Given to others, copies that are kept for them included.
    pub sent: u64,
    /// Given by others.
    pub received: u64,
    /// Of these, those that nobody waited for any more when they came.
    pub discarded: u64,
    /// How often a connection had to wait for the disk workers.
    pub pool_waits: u64,
    /// Datagrams of presence.
    #[serde(default)]
    pub datagrams: DatagramsRow,
}

/// Datagrams of presence since the start of a peer: a network that floods or forges shows here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatagramsRow {
    /// Sent, every copy counted.
    pub sent: u64,
    /// That could not be sent.
    pub unsent: u64,
    /// Received and taken.
    pub taken: u64,
    /// Received and dropped, whatever the reason; the following are their parts.
    pub dropped: u64,
    /// Not potluck's, of a wrong length, or with a body that cannot be read.
    pub malformed: u64,
    /// Of a version that is not spoken here.
    pub version: u64,
    /// With a wrong signature.
    pub forged: u64,
    /// More than their sender, or all unknown senders together, may send.
    pub limited: u64,
    /// Heard before, too old, or of an instance that is over.
    pub replayed: u64,
}

/// One peer that is being served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRow {
    /// Its name.
    pub to: String,
    /// Bytes sent to it.
    pub bytes: u64,
    /// Bytes a second, over the last seconds.
    pub speed: u64,
}

/// A download that was not finished, and is not running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// File id.
    pub id: String,
    /// Where it was to go, below `downloads/`; empty if that is not known.
    pub path: String,
    /// What `download` was told; empty if that is not known.
    pub asked: String,
    /// Bytes that are believed to be there.
    pub held: u64,
    /// Bytes of the whole file, if that is known.
    pub size: Option<u64>,
}

/// What `status` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Name.
    pub name: String,
    /// Id, 52 characters.
    pub id: String,
    /// Peer directory.
    pub directory: PathBuf,
    /// Receiver, sender, distributor and distributee port.
    pub ports: [u16; 4],
    /// `open` or `group`.
    pub network: String,
    /// Peers here, this one not counted.
    pub peers: u64,
    /// Files shared.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files not hashed yet.
    pub hashing: u64,
    /// Running downloads.
    pub downloads: Vec<DownloadRow>,
    /// What lies unfinished in `downloads/`, and is not being fetched; at most 100.
    #[serde(default)]
    pub unfinished: Vec<Unfinished>,
    /// Who is being served.
    pub uploads: Vec<UploadRow>,
    /// What was done since the start.
    #[serde(default)]
    pub counters: CountersRow,
    /// Files that are not shared of which others get what is here, for they are being fetched or were a
    /// while ago. `None`: none ever (`--no-swarm`).
    #[serde(default)]
    pub gives: Option<u64>,
    /// Whether the network's threads can open their own folders only: `yes`, `partly` or `no`.
    pub confined: String,
    /// Why not all of them, if so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confined_why: Option<String>,
    /// Bytes a second that are sent at most, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub up_limit: Option<u64>,
    /// Bytes a second that are fetched at most, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub down_limit: Option<u64>,
    /// Copies on others, and what is kept for others; `None` while that is not known.
    #[serde(default)]
    pub custody: Option<CustodyRow>,
    /// True once the key was exported.
    pub key_exported: bool,
    /// Warnings of this run, the newest last, at most 20.
    pub warnings: Vec<String>,
}

/// One file that a download brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Its number.
    pub job: u64,
    /// File id.
    pub id: String,
    /// Where it lies.
    pub path: PathBuf,
    /// `saved`, `saved_as` or `already_there`.
    pub how: String,
}

/// One answer to a [`Request`]; several may come, the last one is `Done` or `Failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// One line of `list`, sorted by path.
    File(ListRow),
    /// One line of `peers`, sorted by name.
    Peer(PeerRow),
    /// Answer to `status`.
    Status(Box<Status>),
    /// A download was begun.
    Begun(DownloadRow),
    /// How far it is. At most 4 a second; may be skipped.
    Progress(DownloadRow),
    /// A file arrived.
    Saved(Saved),
    /// A file of a download will not come; the others go on.
    Missing {
        /// Its path.
        path: String,
        /// Why.
        failure: Failure,
    },
    /// Names, for completion.
    Names {
        /// At most 100.
        names: Vec<String>,
    },
    /// How many copies of an own file there are to be from now on; one for each file.
    Copied {
        /// Its path.
        path: String,
        /// As in [`Request::Copies`].
        copies: Option<u8>,
    },
    /// A file that is not as it was. Answer to `verify`.
    Verified(VerifyRow),
    /// What `verify` read in all; after the last [`Verified`](Self::Verified).
    VerifySum {
        /// Files.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Of the files, those that are not as they were.
        bad: u64,
    },
    /// How far an `exit` is: own files that others keep as often as they can. At most 4 a second; may be
    /// skipped.
    Leaving {
        /// Those.
        done: u64,
        /// Own files.
        total: u64,
        /// Bytes of the others.
        bytes_left: u64,
    },
    /// Whether the files of this peer stay when it leaves; before the end of `exit`.
    #[serde(rename = "farewell")]
    ExitReport(ExitReport),
    /// Something to be said on the way (on `exit`: what is still being sent).
    Note {
        /// In words.
        text: String,
    },
    /// The end: it worked.
    Done,
    /// The end: it did not.
    Failed(Failure),
}

impl Reply {
    /// True for the last answer to a request.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Done | Self::Failed(_))
    }
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
    /// A peer went: `left` or `silent`.
    Gone {
        /// Its name.
        name: String,
        /// True if it said so itself.
        left: bool,
    },
    /// How far the running downloads are; empty when none runs. At most 4 a second.
    Downloads(Vec<DownloadRow>),
    /// A reply to a download that nobody waits for (`Begun`, `Saved`, `Missing`, `Done`, `Failed`).
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

/// A [`Request`] on its way to the controller.
#[derive(Debug)]
pub struct Ask {
    /// What is asked.
    pub request: Request,
    /// Where the answers go. Unbounded; whoever answers leaves out progress while answers pile up.
    pub replies: crossbeam_channel::Sender<Reply>,
}

/// What the controller is given.
#[derive(Debug)]
pub struct ControllerChannels {
    /// Commands, of the prompt, of one-shot clients and of signals. They never end by themselves.
    pub asks: crossbeam_channel::Receiver<Ask>,
    /// What is to be shown. Unbounded; sending never blocks. Dropped by the controller at its end.
    pub notices: crossbeam_channel::Sender<Notice>,
    /// To be told what a second Ctrl-C still does
    /// ([`set_last_words`](crate::sys::signals::Leave::set_last_words)).
    pub leave: crate::sys::signals::Leave,
}

/// Makes the folder `state` (`.potluck`) if needed, and closes it to other users.
///
/// # Errors
/// What the operating system says.
pub fn make_state(state: &Path) -> std::io::Result<()> {
    if folder::make_private(state)? {
        // A key that others have seen must not go with the name of its folder when the power fails.
        let above = state.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        sync::folder(&Folder::open(above)?)?;
    }
    Ok(())
}
