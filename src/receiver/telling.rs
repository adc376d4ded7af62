//! Lines that are told to one peer alone, and whether they came there. Pure; when a peer is dialled and asked is
//! decided in pull/mod.rs, which tries again when a connection breaks. The number of a line stays the same then, so
//! that it is shown there once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ReceiverEvent;
use super::pull::{Outcome, PullKey, Question, Refusal, Taken};
use crate::identity::{Instance, PeerId};
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{Reason, Tell, Told};

/// A line for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrivateLine {
    /// Whom it is for.
    pub(crate) to: PeerId,
    /// This start of ours.
    pub(crate) instance: Instance,
    /// Its number among those that this start told anyone.
    pub(crate) number: u64,
    /// What is said.
    pub(crate) text: Arc<str>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TellOutcome {
    /// It came.
    Came,
    /// An earlier potluck runs there, which takes no such lines.
    NotOffered,
    /// It comes too fast for that peer.
    Busy,
    /// That peer has not heard of this one yet.
    Stranger,
    /// No answer: it may have come, or not.
    NoAnswer,
}

/// Which line it is, and when it was said, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TellKey {
    number: u64,
    said: u64,
}

/// The lines that are on their way: as many as the user of this peer said.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    lines: BTreeMap<PullKey<TellKey>, PrivateLine>,
}

impl Telling {
    /// This is to be told. It is asked under the key that is returned. `is_open`: that one is still on its way.
    pub(super) fn put(
        &mut self,
        line: PrivateLine,
        said: u64,
        is_open: impl Fn(PullKey<TellKey>) -> bool,
    ) -> PullKey<TellKey> {
        self.lines.retain(|key, _| is_open(*key));
        let key = PullKey { from: line.to, subject: TellKey { number: line.number, said } };
        self.lines.insert(key, line);
        key
    }
}

impl Question for Telling {
    type Subject = TellKey;
    type Reasons = ();
    type Part = ();
    type Page = Told;
    type Answer = TellOutcome;

    const FIRST: TellKey = TellKey { number: 0, said: 0 };
    const SILENT: &'static str = "it does not say whether a line came";
    const MAY_CHANGE: bool = false;

    fn may_ask(_: PullKey<TellKey>, _: impl Iterator<Item = PullKey<TellKey>>) -> bool {
        true
    }

    fn ask(&self, key: PullKey<TellKey>, (): &(), request: u64) -> Message {
        let TellKey { number, said } = key.subject;
        let line = self.lines.get(&key);
        let instance = line.map_or(Instance { count: 0, random: 0 }, |line| line.instance);
        let text = line.map_or_else(String::new, |line| line.text.as_ref().to_owned());
        Message::Tell(Tell { request, instance, number, said, text })
    }

    fn take(&mut self, _: Time, _: PullKey<TellKey>, (): &mut (), _: Told) -> Taken<TellOutcome> {
        Taken::Whole(TellOutcome::Came)
    }

    fn refused((): &(), reason: Reason) -> Refusal<TellOutcome> {
        match reason {
            Reason::NotOffered => Refusal::Whole(TellOutcome::NotOffered),
            Reason::Busy => Refusal::Whole(TellOutcome::Busy),
            Reason::Unknown => Refusal::Whole(TellOutcome::Stranger),
            _ => Refusal::GiveUp,
        }
    }

    fn tell(key: PullKey<TellKey>, (): (), outcome: Outcome<TellOutcome>) -> Vec<ReceiverEvent> {
        let outcome = match outcome {
            Outcome::Came(outcome) => outcome,
            _ => TellOutcome::NoAnswer,
        };
        let TellKey { number, said } = key.subject;
        vec![ReceiverEvent::Told { number, said, outcome }]
    }

    fn accuse(_: PullKey<TellKey>, _: &str) -> Option<String> {
        None
    }
}
