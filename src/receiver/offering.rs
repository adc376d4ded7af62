//! What is said to other peers of offers: the pages of those that this peer makes, and what became of those that it
//! got. Pure; when a peer is dialled and asked is decided in pull/mod.rs, which tries again when a connection breaks.

use std::collections::BTreeMap;

use super::ReceiverEvent;
use super::pull::{Outcome, PullKey, Question, Refusal, Taken};
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{OfferFiles, OfferNews, OfferNoted, Reason};

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OfferSaying {
    /// A page of an offer.
    Page(OfferFiles),
    /// What became of one.
    News(OfferNews),
}

/// Something that is to be said to a peer. The numbers of requests are filled in as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferLetter {
    /// To whom.
    pub(crate) to: PeerId,
    /// Its number among all of this start.
    pub(crate) serial: u64,
    /// What.
    pub(crate) saying: OfferSaying,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetterOutcome {
    /// It came.
    Came,
    /// An earlier potluck runs there, which knows no offers.
    NotOffered,
    /// That peer takes no more now.
    Busy,
    /// That peer has not heard of this one yet.
    Stranger,
    /// No answer: it may have come, or not.
    NoAnswer,
}

/// What is on its way: as many as the controller says.
#[derive(Debug, Default)]
pub(crate) struct Offering {
    letters: BTreeMap<PullKey<u64>, OfferSaying>,
}

impl Offering {
    /// This is to be said. It is asked under the key that is returned. `is_open`: that one is still on its way.
    pub(super) fn put(
        &mut self,
        letter: OfferLetter,
        is_open: impl Fn(PullKey<u64>) -> bool,
    ) -> PullKey<u64> {
        self.letters.retain(|key, _| is_open(*key));
        let key = PullKey { from: letter.to, subject: letter.serial };
        self.letters.insert(key, letter.saying);
        key
    }
}

impl Question for Offering {
    type Subject = u64;
    type Reasons = ();
    type Part = ();
    type Page = OfferNoted;
    type Answer = LetterOutcome;

    const FIRST: u64 = 0;
    const SILENT: &'static str = "it does not say whether an offer came";
    const MAY_CHANGE: bool = false;

    fn may_ask(_: PullKey<u64>, _: impl Iterator<Item = PullKey<u64>>) -> bool {
        true
    }

    fn ask(&self, key: PullKey<u64>, (): &(), request: u64) -> Message {
        match self.letters.get(&key) {
            Some(OfferSaying::Page(page)) => Message::OfferFiles(OfferFiles { request, ..page.clone() }),
            Some(OfferSaying::News(news)) => Message::OfferNews(OfferNews { request, ..*news }),
            // Each pull has its letter; whoever is asked takes back what was never asked.
            None => Message::Cancel(crate::wire::message::Cancel { request }),
        }
    }

    fn take(&mut self, _: Time, _: PullKey<u64>, (): &mut (), _: OfferNoted) -> Taken<LetterOutcome> {
        Taken::Whole(LetterOutcome::Came)
    }

    fn refused((): &(), reason: Reason) -> Refusal<LetterOutcome> {
        match reason {
            Reason::NotOffered => Refusal::Whole(LetterOutcome::NotOffered),
            Reason::Busy => Refusal::Whole(LetterOutcome::Busy),
            Reason::Unknown => Refusal::Whole(LetterOutcome::Stranger),
            _ => Refusal::GiveUp,
        }
    }

    fn tell(key: PullKey<u64>, (): (), outcome: Outcome<LetterOutcome>) -> Vec<ReceiverEvent> {
        let outcome = match outcome {
            Outcome::Came(outcome) => outcome,
            _ => LetterOutcome::NoAnswer,
        };
        vec![ReceiverEvent::Letter { to: key.from, serial: key.subject, outcome }]
    }

    fn accuse(_: PullKey<u64>, _: &str) -> Option<String> {
        None
    }
}
