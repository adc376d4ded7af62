//! What others say of offers: files that they want to send, and what became of those of this peer. The controller has
//! them; who may say how much of it is in told.rs. Part of the sender.

use super::SenderRole;
use crate::sender::SenderEvent;
use crate::time::Time;
use crate::transfer::net::{ConnId, Net};
use crate::wire::Message;
use crate::wire::message::{OfferNoted, Reason};

/// Tells the controller what was said of an offer. It is answered once it is there.
///
/// # Errors
/// Why it is not taken: that peer is not here, or says too much.
pub(super) fn take(
    role: &mut SenderRole,
    now: Time,
    net: &mut Net,
    id: ConnId,
    said: Message,
) -> Result<(), Reason> {
    let payer = role.here.may_offer(now, net.payer(id))?;
    let request = said.request();
    let event = match said {
        Message::OfferFiles(page) => SenderEvent::OfferFiles(payer, page),
        Message::OfferNews(news) => SenderEvent::OfferNews(payer.peer, news),
        _ => return Err(Reason::Malformed),
    };
    role.events.try_send(event).map_err(|_| Reason::Busy)?;
    net.send(id, &Message::OfferNoted(OfferNoted { request }));
    Ok(())
}
