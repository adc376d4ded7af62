//! `offers`: what others want to send to this peer, and what it sends. Pure.

use super::{Answer, Command, Needs};
use crate::control::{OffersRequest, QueueWord, Reply};
use crate::error::{Code, Failure};
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::offers::{IncomingStage, offer_rows};
use crate::time::Time;

impl Command for OffersRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        for row in offer_rows(now, peer) {
            peer.out.reply(ask, Reply::Offer(Box::new(row)));
        }
        Ok(Answer::Done)
    }
}

/// The offers of others that wait and that a word means: a number, a peer, or `all`. Without one: the only one.
///
/// # Errors
/// There is none, or it is not clear which.
pub(super) fn waiting(which: Option<&QueueWord>, peer: &PeerMachine) -> Result<Vec<u64>, Failure> {
    let offers = &peer.transfers.offers.incoming;
    let all: Vec<u64> = offers.waiting().collect();
    let Some(word) = which else {
        return match all.len() {
            0 => Err(Failure::new(Code::NotFound, "no offer waits")),
            1 => Ok(all),
            n => Err(Failure::new(
                Code::Ambiguous,
                format!("{n} offers wait: say which, or `all`; `offers` lists them"),
            )),
        };
    };
    if word.is_all() {
        return Ok(all);
    }
    if let Some(number) = word.as_number() {
        return match offers.get(number).map(|offer| offer.stage) {
            Some(IncomingStage::Waiting) => Ok(vec![number]),
            Some(IncomingStage::Coming) | None => Err(no_offer(word.as_str())),
            Some(IncomingStage::Accepted(_) | IncomingStage::Over(_)) => {
                Err(Failure::new(Code::NotFound, format!("offer {number} does not wait any more")))
            }
        };
    }
    let from = peer.presence.roster.find(word.as_str());
    let is_meant = |number: &u64| {
        offers.get(*number).is_some_and(|offer| match &from {
            Ok(id) => offer.from == *id,
            Err(_) => offer.name == word.as_str(),
        })
    };
    let of: Vec<u64> = all.into_iter().filter(is_meant).collect();
    if of.is_empty() { Err(no_offer(word.as_str())) } else { Ok(of) }
}

fn no_offer(word: &str) -> Failure {
    let word = crate::text::shown(word).into_owned();
    Failure::new(Code::NotFound, format!("no offer {word}; `offers` lists those that wait"))
}
