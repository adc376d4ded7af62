//! What can be asked of a running peer, by the prompt and (as JSON lines over a local socket that only
//! this user can open) by one-shot commands. The answers are facts; `cli::output` makes text of them.

pub(crate) mod client;
mod download;
mod exit;
pub(crate) mod keyfile;
pub(crate) mod limits;
mod line;
mod list;
mod notice;
mod peers;
pub(crate) mod server;
mod status;
#[cfg(test)]
mod tests;
mod verify;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::download::{DownloadRow, Saved};
pub use self::exit::{ExitReport, NotKept, NotKeptReason};
pub use self::list::ListRow;
pub use self::notice::Notice;
pub use self::peers::PeerRow;
pub use self::status::{CountersRow, CustodyRow, DatagramsRow, KeptFor, Status, Unfinished, UploadRow};
pub use self::verify::{Location, VerifyResult, VerifyRow};
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
