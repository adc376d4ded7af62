//! What is to be said to other peers of offers, until it came there. Pure.

use std::collections::BTreeMap;

use super::incoming::{IncomingOffer, IncomingStage};
use crate::identity::PeerId;
use crate::peer::limits;
use crate::receiver::offering::{LetterOutcome, OfferLetter, OfferSaying};
use crate::time::Time;
use crate::wire::message::{OfferFiles, OfferNews, OfferWord};

/// Words that wait, at most, as strangers can have this peer say more: each is some 100 bytes, and a small message.
const ANSWERS: usize = 256;

/// Words for one peer, at most.
const ANSWERS_OF_PEER: usize = 16;

/// What a letter is about; a later one takes the place of an earlier one about the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LetterAbout {
    /// The next page of the offer of this number here.
    Page(u64),
    /// What became of the offer that the other peer calls so.
    News(u64),
    /// The offer that this peer called so is taken back.
    Withdrawn(u64),
}

type LetterKey = (PeerId, LetterAbout);

#[derive(Clone, Debug)]
struct PendingLetter {
    saying: OfferSaying,
    /// The number under which it is on its way.
    serial: Option<u64>,
    /// When it is said, unless it is on its way; `None`: when its peer is here.
    at: Option<Time>,
    tries: u32,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LetterEnd {
    /// This page of an offer came.
    PageCame(u64, OfferFiles),
    /// The other peer knows no offers.
    TooOld(u64),
    /// Nothing that anybody waits for.
    Nothing,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Letters {
    last: u64,
    all: BTreeMap<LetterKey, PendingLetter>,
}

impl Letters {
    /// A page is to be said, unless one of its offer is on its way.
    pub(super) fn say_page(&mut self, now: Time, to: PeerId, number: u64, page: OfferFiles) {
        let key = (to, LetterAbout::Page(number));
        self.all.entry(key).or_insert_with(|| PendingLetter::new(now, OfferSaying::Page(page)));
    }

    /// True if a page of this offer is on its way.
    pub(super) fn has_page(&self, to: PeerId, number: u64) -> bool {
        self.all.contains_key(&(to, LetterAbout::Page(number)))
    }

    /// Nothing more of this offer is to be said.
    pub(super) fn drop_page(&mut self, to: PeerId, number: u64) {
        self.all.remove(&(to, LetterAbout::Page(number)));
    }

    /// What became of the offer that the other peer calls so is to be said no more.
    pub(super) fn drop_news(&mut self, to: PeerId, number: u64) {
        self.all.remove(&(to, LetterAbout::News(number)));
    }

    /// What the user of this peer decided is to be said, or how a download ended.
    pub(super) fn say(&mut self, now: Time, to: PeerId, number: u64, news: OfferWord) {
        let about = match news {
            OfferWord::Withdrawn => LetterAbout::Withdrawn(number),
            _ => LetterAbout::News(number),
        };
        let saying = OfferSaying::News(OfferNews { request: 0, number, news });
        self.all.insert((to, about), PendingLetter::new(now, saying));
    }

    /// What a page or a word of another peer brought is to be said, unless too much waits: whoever said it may say it
    /// again.
    pub(super) fn answer(&mut self, now: Time, to: PeerId, number: u64, news: OfferWord) {
        let is_word = |(key, _): &(&LetterKey, &PendingLetter)| !matches!(key.1, LetterAbout::Page(_));
        let all = self.all.iter().filter(is_word);
        let of = all.clone().filter(|((peer, _), _)| *peer == to).count();
        if all.count() < ANSWERS && of < ANSWERS_OF_PEER {
            self.say(now, to, number, news);
        }
    }

    /// What was decided before this start may not have come.
    pub(super) fn say_again(&mut self, now: Time, offer: &IncomingOffer) {
        let word = match offer.stage {
            IncomingStage::Coming | IncomingStage::Waiting => return,
            IncomingStage::Accepted(_) => OfferWord::Accepted,
            IncomingStage::Over(word) => word,
        };
        self.say(now, offer.from, offer.theirs, word);
    }

    /// A peer is here. True if there is something to say to it.
    pub(super) fn handle_here(&mut self, now: Time, peer: PeerId) -> bool {
        let mut any = false;
        let of = self.all.iter_mut().filter(|((to, _), letter)| *to == peer && letter.serial.is_none());
        for (_, letter) in of {
            letter.at.get_or_insert(now);
            letter.tries = 0;
            any = true;
        }
        any
    }

    /// Those that are due now, for peers that are here.
    pub(super) fn take_due(&mut self, now: Time, is_here: impl Fn(PeerId) -> bool) -> Vec<OfferLetter> {
        let mut due = Vec::new();
        for ((to, _), letter) in &mut self.all {
            if letter.serial.is_some() || letter.at.is_none_or(|at| at > now) {
                continue;
            }
            letter.at = None;
            if is_here(*to) {
                self.last += 1;
                letter.serial = Some(self.last);
                due.push(OfferLetter { to: *to, serial: self.last, saying: letter.saying.clone() });
            }
        }
        due
    }

    /// It is known what became of one.
    pub(super) fn end(&mut self, now: Time, to: PeerId, serial: u64, outcome: LetterOutcome) -> LetterEnd {
        let is_it =
            |(key, letter): &(&LetterKey, &PendingLetter)| key.0 == to && letter.serial == Some(serial);
        let Some(key) = self.all.iter().find(is_it).map(|(key, _)| *key) else { return LetterEnd::Nothing };
        match outcome {
            LetterOutcome::Came | LetterOutcome::NotOffered => {
                let letter = self.all.remove(&key);
                match (key.1, letter.map(|letter| letter.saying), outcome) {
                    (LetterAbout::Page(number), _, LetterOutcome::NotOffered) => LetterEnd::TooOld(number),
                    (LetterAbout::Page(number), Some(OfferSaying::Page(page)), _) => {
                        LetterEnd::PageCame(number, page)
                    }
                    _ => LetterEnd::Nothing,
                }
            }
            LetterOutcome::Busy | LetterOutcome::Stranger | LetterOutcome::NoAnswer => {
                if let Some(letter) = self.all.get_mut(&key) {
                    letter.serial = None;
                    letter.tries += 1;
                    letter.at = (letter.tries < limits::OFFER_TRIES).then_some(now + limits::OFFER_AGAIN);
                }
                LetterEnd::Nothing
            }
        }
    }

    /// When [`Self::take_due`] has something.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.all.values().filter(|letter| letter.serial.is_none()).filter_map(|letter| letter.at).min()
    }
}

impl PendingLetter {
    const fn new(now: Time, saying: OfferSaying) -> Self {
        Self { saying, serial: None, at: Some(now), tries: 0 }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn peer(n: u8) -> PeerId {
        PeerId([n; 32])
    }

    #[test]
    fn what_does_not_come_is_said_again_and_then_when_its_peer_comes_back() {
        let mut all = Letters::default();
        all.say(at(0), peer(1), 7, OfferWord::Accepted);
        let mut now = at(0);
        for _ in 0..limits::OFFER_TRIES {
            let due = all.take_due(now, |_| true);
            assert_eq!((due.len(), all.poll_timeout()), (1, None));
            assert_eq!(all.end(now, peer(1), due[0].serial, LetterOutcome::NoAnswer), LetterEnd::Nothing);
            now = all.poll_timeout().unwrap_or(now);
        }
        assert_eq!((all.poll_timeout(), all.take_due(now, |_| true).len()), (None, 0));
        assert!(all.handle_here(now, peer(1)) && !all.handle_here(now, peer(2)));
        let due = all.take_due(now, |_| true);
        assert_eq!(all.end(now, peer(1), due[0].serial, LetterOutcome::Came), LetterEnd::Nothing);
        assert!(all.all.is_empty());
    }

    #[test]
    fn who_is_away_is_told_when_it_is_here() {
        let mut all = Letters::default();
        all.say(at(0), peer(1), 7, OfferWord::Rejected);
        assert_eq!((all.take_due(at(0), |_| false).len(), all.poll_timeout()), (0, None));
        all.handle_here(at(5), peer(1));
        assert_eq!((all.poll_timeout(), all.take_due(at(5), |_| true).len()), (Some(at(5)), 1));
    }

    #[test]
    fn a_later_word_takes_the_place_of_an_earlier_one() {
        let mut all = Letters::default();
        all.say(at(0), peer(1), 7, OfferWord::Accepted);
        let first = all.take_due(at(0), |_| true);
        all.say(at(0), peer(1), 7, OfferWord::Done);
        assert_eq!(all.end(at(0), peer(1), first[0].serial, LetterOutcome::Came), LetterEnd::Nothing);
        let second = all.take_due(at(0), |_| true);
        let OfferSaying::News(news) = &second[0].saying else { panic!() };
        assert_eq!(news.news, OfferWord::Done);
    }

    #[test]
    fn strangers_have_a_bounded_number_of_words_said() {
        let mut all = Letters::default();
        for n in 0..1_000 {
            all.answer(at(0), peer(1), n, OfferWord::Lost);
        }
        assert_eq!(all.all.len(), ANSWERS_OF_PEER);
        for n in 0..200 {
            (0..20).for_each(|number| all.answer(at(0), peer(n), number, OfferWord::Lost));
        }
        assert_eq!(all.all.len(), ANSWERS);
        // What the user decided is said whatever waits.
        all.say(at(0), peer(201), 1, OfferWord::Accepted);
        assert_eq!(all.all.len(), ANSWERS + 1);
    }
}
