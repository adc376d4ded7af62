//! `reject`: what somebody offers is not wanted, or an own offer is taken back. Pure.

use super::{Answer, Command, Needs, offers};
use crate::control::{RejectRequest, Reply};
use crate::error::Failure;
use crate::peer::event::AskId;
use crate::peer::machine::PeerMachine;
use crate::peer::offers::{offer_rows, reject, withdraw};
use crate::time::Time;

impl Command for RejectRequest {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn answer(self: Box<Self>, now: Time, ask: AskId, peer: &mut PeerMachine) -> Result<Answer, Failure> {
        let own = self.which.as_ref().and_then(|word| word.as_number());
        let own = own.filter(|number| peer.transfers.offers.outgoing.is_open(*number));
        let numbers = match own {
            Some(number) => {
                withdraw(now, number, peer);
                vec![number]
            }
            None => {
                let numbers = offers::waiting(self.which.as_ref(), peer)?;
                numbers.iter().for_each(|number| reject(now, *number, peer));
                numbers
            }
        };
        for row in offer_rows(now, peer).into_iter().filter(|row| numbers.contains(&row.number)) {
            peer.out.reply(ask, Reply::Offer(Box::new(row)));
        }
        Ok(Answer::Done)
    }
}
