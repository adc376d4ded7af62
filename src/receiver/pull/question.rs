//! What can be pulled from a peer: how it is asked for, and how its pages are taken. Pure; the machine that
//! asks is pull/mod.rs.

use core::fmt::Debug;

use crate::accounts::AccountHost;
use crate::identity::PeerId;
use crate::receiver::ReceiverEvent;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::Reason;

/// What is pulled from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PullKey<S> {
    pub(crate) from: PeerId,
    /// What is asked of it.
    pub(crate) subject: S,
}

/// Why something is pulled, which says who hears of it. Several reasons may come together.
pub(crate) trait Reasons: Copy + Debug {
    /// For both.
    #[must_use]
    fn and(self, more: Self) -> Self;
}

impl Reasons for () {
    fn and(self, (): Self) -> Self {}
}

/// What a page made.
#[derive(Debug)]
pub(crate) enum Taken<A> {
    /// More pages are to come.
    More,
    /// This is told at once, and more pages are to come.
    Part(A),
    /// The next request follows from what came.
    Next,
    /// That was all.
    Whole(A),
    /// There is no place for it.
    TooMuch,
    /// It cannot be true, for this reason.
    Lie(String),
}

/// What follows from a refusal.
#[derive(Debug)]
pub(crate) enum Refusal<A> {
    /// It is asked again at once, from the beginning.
    AskAgain,
    /// It says all.
    Whole(A),
    /// It is asked no more.
    GiveUp,
}

/// How a pull goes, for whoever wanted it.
#[derive(Debug)]
pub(crate) enum Outcome<A> {
    /// The answer, or a part of it that is told at once.
    Came(A),
    /// It did not come, though nobody lied: worth being asked for again after a while.
    GaveUp,
    /// Who has it serves too many others now.
    Busy,
    /// There is no place for it here.
    TooMuch,
    /// What came was a lie.
    Refused,
    /// The peer is gone.
    Gone,
}

/// What had to make place for something else.
#[derive(Debug)]
pub(crate) enum Yielded<S> {
    /// A pull that is under way: it is over.
    Pull(PullKey<S>),
    /// What was told before: the controller lets go of it.
    Tell(ReceiverEvent),
}

/// Something that is asked of peers, and that they answer page by page.
pub(crate) trait Question: Debug {
    /// What tells apart what one peer is asked for.
    type Subject: Copy + Ord + Debug;
    /// Why it is asked for.
    type Reasons: Reasons;
    /// What came so far of one answer, and what is still to come.
    type Part: Default + Debug;
    /// What comes in one frame.
    type Page;
    /// What the pages make.
    type Answer;

    /// The least of all subjects.
    const FIRST: Self::Subject;

    /// What is said of a peer that does not answer.
    const SILENT: &'static str;

    /// True if the answer may be another one a moment later: what is wanted again while it comes is then
    /// pulled once more. Else what comes is for all who want it.
    const MAY_CHANGE: bool;

    /// Attempts at one answer, until it is wanted again.
    const ATTEMPTS: u8 = super::ATTEMPTS;

    /// True if this may be asked while those are `open`. It bounds how much memory answers take that come at
    /// the same time.
    fn may_ask(key: PullKey<Self::Subject>, open: impl Iterator<Item = PullKey<Self::Subject>>) -> bool;

    /// The next request, given what came so far.
    fn ask(&self, key: PullKey<Self::Subject>, part: &Self::Part, request: u64) -> Message;

    /// Takes a page. Whatever it does to `part` is bounded.
    fn take(
        &mut self,
        now: Time,
        key: PullKey<Self::Subject>,
        part: &mut Self::Part,
        page: Self::Page,
    ) -> Taken<Self::Answer>;

    /// What a refusal for this reason means after what came so far.
    fn refused(part: &Self::Part, reason: Reason) -> Refusal<Self::Answer>;

    /// What came of this so far is dropped, or is part of the answer now.
    fn part_over(&mut self, _key: PullKey<Self::Subject>) {}

    /// What had to make place for something else, one after the other.
    fn poll_yielded(&mut self) -> Option<Yielded<Self::Subject>> {
        None
    }

    /// This peer is here: what it gives is charged to this host.
    fn here(&mut self, _peer: PeerId, _host: AccountHost) {}

    /// This peer is gone: what it gave goes, too.
    fn gone(&mut self, _now: Time, _peer: PeerId) {}

    /// In a debug build: what is charged is what is held, of all `parts` too.
    fn check<'a>(&self, _parts: impl Iterator<Item = (PullKey<Self::Subject>, &'a Self::Part)>)
    where
        Self: 'a,
    {
    }

    /// What the controller hears.
    fn tell(
        key: PullKey<Self::Subject>,
        reasons: Self::Reasons,
        outcome: Outcome<Self::Answer>,
    ) -> Vec<ReceiverEvent>;

    /// What the user hears of a lie.
    fn accuse(key: PullKey<Self::Subject>, what: &str) -> Option<String>;
}
