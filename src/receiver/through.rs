//! Asking a peer to fetch for us what we cannot reach. Pure; when and of whom it is asked is decided in
//! peer/through/.

use super::ReceiverEvent;
use super::pull::{Outcome, PullKey, Question, Refusal, Taken};
use crate::content::{Claim, FileId};
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{FetchThrough, Reason, ThroughIs};

/// A file that another peer is to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThroughFile {
    /// Who shares it.
    pub(crate) owner: PeerId,
    pub(crate) file: FileId,
    pub(crate) size: u64,
    /// The bucket of the owner's catalogue that names it.
    pub(crate) bucket: u8,
}

impl ThroughFile {
    /// The content.
    pub(crate) const fn claim(&self) -> Claim {
        (self.file, self.size)
    }
}

/// What a peer says that was asked to fetch a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThroughAnswer {
    /// It fetches it. So many bytes of it can be had there now.
    Has(u64),
    /// It does too much already.
    Busy,
    /// It does not do that, cannot reach the owner either, or is gone.
    Refused,
}

/// The files that others are asked to fetch.
#[derive(Debug, Default)]
pub(crate) struct ThroughFiles;

impl Question for ThroughFiles {
    type Subject = ThroughFile;
    type Reasons = ();
    type Part = ();
    type Page = ThroughIs;
    type Answer = u64;

    const FIRST: ThroughFile =
        ThroughFile { owner: PeerId([0; 32]), file: FileId([0; 32]), size: 0, bucket: 0 };
    const SILENT: &'static str = "it does not say whether it fetches a file for us";
    const MAY_CHANGE: bool = false;

    fn may_ask(_: PullKey<ThroughFile>, _: impl Iterator<Item = PullKey<ThroughFile>>) -> bool {
        // An answer is a number. How many files are asked for at once is bounded where that is decided.
        true
    }

    fn ask(&self, key: PullKey<ThroughFile>, (): &(), request: u64) -> Message {
        let ThroughFile { owner, file, size, bucket } = key.subject;
        Message::FetchThrough(FetchThrough { request, owner, file, size, bucket })
    }

    fn take(&mut self, _: Time, key: PullKey<ThroughFile>, (): &mut (), page: ThroughIs) -> Taken<u64> {
        if page.have > key.subject.size {
            return Taken::Lie("it says that it has more of a file than there is".to_owned());
        }
        Taken::Whole(page.have)
    }

    fn refused((): &(), _: Reason) -> Refusal<u64> {
        Refusal::GiveUp
    }

    fn tell(key: PullKey<ThroughFile>, (): (), outcome: Outcome<u64>) -> Vec<ReceiverEvent> {
        let answer = match outcome {
            Outcome::Came(have) => ThroughAnswer::Has(have),
            Outcome::Busy => ThroughAnswer::Busy,
            Outcome::GaveUp | Outcome::TooMuch | Outcome::Refused | Outcome::Gone => ThroughAnswer::Refused,
        };
        vec![ReceiverEvent::Through { from: key.from, file: key.subject, answer }]
    }

    fn accuse(key: PullKey<ThroughFile>, what: &str) -> Option<String> {
        Some(format!("{}: {what}", key.from))
    }
}
