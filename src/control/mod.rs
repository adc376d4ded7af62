//! What can be asked of a running peer, by the prompt and (as JSON lines over a local socket that only
//! this user can open) by one-shot commands. The answers are facts; `cli::show` makes text of them.

pub(crate) mod answers;
pub(crate) mod client;
pub(crate) mod file_word;
pub(crate) mod keyfile;
pub(crate) mod limits;
pub(crate) mod line;
pub(crate) mod local_path;
mod newer;
mod notice;
mod one_or_more;
mod own_file;
mod queue_word;
mod raw_bytes;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
pub(crate) mod server;
mod socket;
#[cfg(test)]
mod tests;
pub(crate) mod trust;
pub(crate) mod typed;

use std::path::Path;

use clap::Subcommand;
use serde::{Deserialize, Serialize};

pub use self::answers::Answers;
pub use self::notice::{GoneCause, Notice};
pub(crate) use self::own_file::OwnFile;
pub use self::own_file::OwnFileAsk;
pub use self::queue_word::QueueWord;
pub use self::raw_bytes::RawBytes;
use self::typed::{Proposals, TypedFrom, TypedRequest};
use crate::error::Failure;
use crate::sys::folder::{self, Folder};
use crate::sys::sync;

/// Name of the control socket in `.potluck`.
const SOCKET: &str = "control.sock";

/// The commands of a running peer, in the order in which `help` names them. A command is one line here, and
/// three files that have its name: what is asked and answered (src/control), what the peer does
/// (src/peer/commands), and how that looks (src/cli/show). Each `$callback` makes its part of this table.
macro_rules! for_each_command {
    ($callback:ident) => {
        $callback! {
            list: List(ListRequest),
            search: Search(SearchRequest),
            download: Download(DownloadRequest),
            cat: Cat(CatRequest),
            holders: Holders(HoldersRequest),
            queue: Queue(QueueRequest),
            pause: Pause(PauseRequest),
            resume: Resume(ResumeRequest),
            first: First(FirstRequest),
            who: Who(WhoRequest),
            log: Log(LogRequest),
            watch: Watch(WatchRequest),
            cancel: Cancel(CancelRequest),
            peers: Peers(PeersRequest),
            send: Send(SendRequest),
            offers: Offers(OffersRequest),
            accept: Accept(AcceptRequest),
            reject: Reject(RejectRequest),
            chat: Chat(ChatRequest),
            ignore: Ignore(IgnoreRequest),
            unignore: Unignore(UnignoreRequest),
            status: Status(StatusRequest),
            connect: Connect(ConnectRequest),
            disconnect: Disconnect(DisconnectRequest),
            announce: Announce(AnnounceRequest),
            copies: Copies(CopiesRequest),
            restore: Restore(RestoreRequest),
            guest: Guest(GuestRequest),
            share: Share(ShareRequest),
            unshare: Unshare(UnshareRequest),
            rescan: Rescan(RescanRequest),
            verify: Verify(VerifyRequest),
            doctor: Doctor(DoctorRequest),
            metrics: Metrics(MetricsRequest),
            exit: Exit(ExitRequest),
            #[command(skip)] complete: Complete(CompleteRequest),
            #[command(skip)] rejoin: Rejoin(RejoinRequest),
            #[command(skip)] reload: Reload(ReloadRequest),
            #[command(skip)] guest_told: GuestTold(GuestTold),
        }
    };
}

macro_rules! declare {
    ($($(#[$attribute:meta])* $module:ident: $Variant:ident($Request:ident),)*) => {
        $(mod $module;)*
        $(pub use self::$module::*;)*

        /// What a running peer is asked.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Subcommand)]
        #[serde(tag = "command", rename_all = "snake_case")]
        pub enum Request {
            $(
                #[doc = concat!("`", stringify!($module), "`, as its own type says.")]
                $(#[$attribute])*
                $Variant($Request),
            )*
        }

        impl Request {
            /// What can be proposed at the prompt for an argument of a command, both by their names.
            pub(crate) fn proposals(command: &str, argument: &str) -> Proposals {
                match command {
                    $(stringify!($module) => $Request::proposals(argument),)*
                    _ => Proposals::None,
                }
            }

            /// The command by its name.
            pub(crate) const fn name(&self) -> &'static str {
                match self {
                    $(Self::$Variant(_) => stringify!($module),)*
                }
            }

            /// Makes what was typed independent of where that was.
            ///
            /// # Errors
            /// That place was deleted.
            pub(crate) fn anchor(&mut self, from: &TypedFrom<'_>) -> Result<(), Failure> {
                match self {
                    $(Self::$Variant(request) => request.anchor(from),)*
                }
            }

            /// The answer is read by a person, not by a program.
            pub(crate) fn for_people(&mut self) {
                match self {
                    $(Self::$Variant(request) => request.for_people(),)*
                }
            }
        }

        $(
            impl From<$Request> for Request {
                fn from(request: $Request) -> Self {
                    Self::$Variant(request)
                }
            }
        )*
    };
}
for_each_command!(declare);
pub(crate) use for_each_command;

impl Request {
    /// True for what is answered at its end alone, for which somebody may wait for hours.
    pub(crate) const fn is_long(&self) -> bool {
        matches!(
            self,
            Self::Download(DownloadRequest { wait: true, .. })
                | Self::Accept(AcceptRequest { wait: true, .. })
                | Self::Send(SendRequest { wait: true, .. })
                | Self::Cat(_)
                | Self::Watch(_)
                | Self::Rescan(_)
                | Self::Verify(_)
                | Self::Exit(_)
                | Self::Connect(_)
        )
    }
}

/// One answer to a [`Request`]; several may come, the last one is `Done` or `Failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// One line of `list`, in the order that was asked for, or of `search`, the best first.
    File(ListRow),
    /// One line of `list` for a folder, among the others; only if that was asked for.
    Folder(FolderRow),
    /// What lies in the own shares and is not shared; after the last [`File`](Self::File) of `list --mine`.
    LeftOut(LeftOutRow),
    /// What is shared, after a look that `rescan` asked for.
    Rescanned(RescanRow),
    /// Peers of whose files nothing could be listed. After the last [`File`](Self::File), and before a `download`
    /// fails that did not find something.
    Unlisted(UnlistedRow),
    /// How far a search is that waits for more peers. May be skipped.
    Searching(SearchProgress),
    /// What a search found beyond what it told; after the last [`File`](Self::File).
    FoundMore {
        /// Files.
        more: u64,
    },
    /// One line of `peers`, sorted by name.
    Peer(PeerRow),
    /// One line of `chat`, the oldest first.
    Line(ChatRow),
    /// One line of `holders`: contents in the order of their ids, of each its holders by name.
    Holder(HolderRow),
    /// One line of `who` for a file or folder: who has most of it comes first, who is away last.
    Who(WhoRow),
    /// What the lines of `who` come to; after the last [`Who`](Self::Who).
    WhoSum(WhoSum),
    /// One line of `who` for a peer.
    WhoPeer(Box<WhoPeerRow>),
    /// One line of `log`, what ended first comes first.
    Transfer(Box<LogRow>),
    /// Something happened: one line of `watch`.
    Event(Box<WatchRow>),
    /// One offer: a line of `offers`; or how an own one stands now, for who sends it.
    Offer(Box<OfferRow>),
    /// How far what is sent is. At most 4 a second; may be skipped.
    OfferProgress(Box<OfferRow>),
    /// A peer of which nothing is heard. After the last [`Line`](Self::Line).
    Ignored(IgnoredRow),
    /// Answer to `status` and `metrics`.
    Status(Box<Status>),
    /// A link stands. Answer to `connect`.
    Route(RouteRow),
    /// How guests come in. Answer to `guest`.
    Guest(Box<GuestRow>),
    /// A file that is announced, or was until now. Answer to `announce`, by id.
    Announced(AnnouncedRow),
    /// A file that a download would bring that is only tried (`--dry-run`).
    Planned(PlannedFile),
    /// What such a download would be; after the last [`Planned`](Self::Planned).
    PlanSum(PlanSum),
    /// Bytes of a file, in order: they follow this line as they are, and are no part of it. Answer to `cat`.
    Bytes(RawBytes),
    /// What is read, before the first of its bytes. Answer to `cat`.
    Content(ContentRow),
    /// A download was begun.
    Begun(DownloadRow),
    /// One download that is not done, in the order of the queue; or how one stands that was paused, resumed, put
    /// first or removed.
    Queued(QueueRow),
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
    /// What a download was, all in all; before its end.
    DownloadSum(Box<DownloadSum>),
    /// Names, for completion.
    Names {
        /// At most 100.
        names: Vec<String>,
    },
    /// How many copies of an own file there are to be from now on; one for each file.
    Copied {
        /// Its path.
        path: String,
        /// As many as was asked for.
        copies: CopiesWanted,
    },
    /// A file that is not as it was. Answer to `verify`.
    Verified(VerifyRow),
    /// What `verify` read in all; after the last [`Verified`](Self::Verified).
    VerifySum {
        /// Files.
        files: u64,
        /// Their bytes.
        #[serde(rename = "size")]
        bytes: u64,
        /// Of the files, those that are not as they were.
        bad: u64,
    },
    /// Something that `doctor` found; what matters least comes first.
    Finding(DoctorFinding),
    /// How far an `exit` is: own files that others keep as often as they can. At most 4 a second; may be
    /// skipped.
    Leaving {
        /// Those.
        #[serde(rename = "files_done")]
        done: u64,
        /// Own files.
        #[serde(rename = "files")]
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
    /// The end: it did not. `--json` says beside it which `command` failed, if that is known.
    Failed(Failure),
}

impl Reply {
    /// True for the last answer to a request.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Done | Self::Failed(_))
    }

    /// True for what says how far something is, and may be skipped.
    pub(crate) const fn is_progress(&self) -> bool {
        matches!(self, Self::Progress(_) | Self::OfferProgress(_) | Self::Searching(_) | Self::Leaving { .. })
    }
}

/// The request in a line, as clients of the control socket send it.
///
/// # Errors
/// [`Code::Usage`](crate::error::Code::Usage): it is none; or it is of another version.
pub(crate) fn read_request(line: &[u8]) -> Result<Request, Failure> {
    server::parse(line)
}

/// A [`Request`] on its way to the controller.
#[derive(Debug)]
pub struct Ask {
    /// What is asked.
    pub request: Request,
    /// Where the answers go. Unbounded; whoever answers leaves out progress while answers pile up.
    pub replies: Answers,
}

/// What whoever serves guests is asked.
#[derive(Debug)]
pub struct GuestAsk {
    /// What is to be done.
    pub order: GuestOrder,
    /// Who is answered; `None`: nobody asked.
    pub answers: Option<Answers>,
}

/// What the controller is given.
#[derive(Debug)]
pub struct ControllerChannels {
    /// Commands, of the prompt, of one-shot clients and of signals. They never end by themselves.
    pub asks: crossbeam_channel::Receiver<Ask>,
    /// Files of this peer that pages want to read. They never end by themselves.
    pub opens: crossbeam_channel::Receiver<OwnFileAsk>,
    /// To whoever lets guests in.
    pub guests: crossbeam_channel::Sender<GuestAsk>,
    /// What is to be shown. Unbounded; sending never blocks. Dropped by the controller at its end.
    pub notices: crossbeam_channel::Sender<Notice>,
    /// To be told what a second Ctrl-C still does
    /// ([`set_last_words`](crate::sys::signals::Leave::set_last_words)).
    pub leave: crate::sys::signals::Leave,
}

/// Makes the folder `state` (`.potluck`) if needed, and closes it to other users where that is possible;
/// where not, trust.rs says so.
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
