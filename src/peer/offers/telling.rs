//! Offers as users are told of them. Pure.

use super::incoming::{IncomingOffer, IncomingStage};
use super::outgoing::{OutgoingOffer, OutgoingStage};
use crate::control::{OfferDirection, OfferRow, OfferState, Reply};
use crate::identity::PeerId;
use crate::peer::look_alikes::LookAlikes;
use crate::peer::machine::PeerMachine;
use crate::peer::roster::Roster;
use crate::time::Time;
use crate::wire::message::OfferWord;

/// The rows of all offers: those of others first, each in the order of their numbers.
pub(in crate::peer) fn rows(now: Time, peer: &PeerMachine) -> Vec<OfferRow> {
    let date = peer.transfers.calendar.date(now);
    let roster = &peer.presence.roster;
    let offers = &peer.transfers.offers;
    let incoming = offers.incoming.shown().map(|(number, offer)| incoming_row(number, offer, date, roster));
    let outgoing = offers.outgoing.all.iter();
    incoming.chain(outgoing.map(|(number, offer)| outgoing_row(*number, offer, date, roster))).collect()
}

/// What somebody offers.
pub(super) fn incoming_row(number: u64, offer: &IncomingOffer, date: u64, roster: &Roster) -> OfferRow {
    let (state, job) = match offer.stage {
        IncomingStage::Coming | IncomingStage::Waiting => (OfferState::Waiting, None),
        IncomingStage::Accepted(job) => (OfferState::Accepted, Some(job.0)),
        IncomingStage::Over(word) => (state_of(word), None),
    };
    let (name, look_alike) = name(offer.from, &offer.name, roster);
    OfferRow {
        number,
        direction: OfferDirection::In,
        name,
        id: offer.from.full(),
        look_alike,
        what: offer.sum.what.clone(),
        files: offer.sum.files,
        folders: offer.sum.folders,
        size: offer.sum.bytes,
        done: if state == OfferState::Done { offer.sum.bytes } else { 0 },
        state,
        age: date.saturating_sub(offer.came) / 1_000,
        job,
        left_out: 0,
        why: None,
    }
}

/// What this peer offers.
pub(super) fn outgoing_row(number: u64, offer: &OutgoingOffer, date: u64, roster: &Roster) -> OfferRow {
    let (mut done, mut size) = (offer.done(), offer.sum.bytes);
    let (state, why) = match &offer.stage {
        OutgoingStage::Reading { done: read, bytes } => {
            (done, size) = (*read, *bytes);
            (OfferState::Reading, None)
        }
        OutgoingStage::Offering { .. } => (OfferState::Offering, None),
        OutgoingStage::Offered => (OfferState::Waiting, None),
        OutgoingStage::Accepted => (OfferState::Accepted, None),
        OutgoingStage::Over(None) => (OfferState::Done, None),
        OutgoingStage::Over(Some(failure)) => (offer.ended, Some(failure.message.clone())),
    };
    // Of one that is away the name says already which one is meant.
    let is_here = roster.contact(offer.order.to).is_some();
    let now = is_here.then(|| roster.name(offer.order.to));
    let (name, look_alike) = match &now {
        Some(now) => name(offer.order.to, now, roster),
        None => (offer.order.name.clone(), false),
    };
    OfferRow {
        number,
        direction: OfferDirection::Out,
        name,
        id: offer.order.to.full(),
        look_alike,
        what: offer.what(),
        files: offer.sum.files,
        folders: offer.sum.folders,
        size,
        done,
        state,
        age: date.saturating_sub(offer.made) / 1_000,
        job: None,
        left_out: offer.left_out,
        why,
    }
}

/// How an offer ended of which this was said.
pub(super) const fn state_of(word: OfferWord) -> OfferState {
    match word {
        OfferWord::Accepted => OfferState::Accepted,
        OfferWord::Done => OfferState::Done,
        OfferWord::Rejected => OfferState::Rejected,
        OfferWord::Stopped => OfferState::Stopped,
        OfferWord::Expired => OfferState::Expired,
        OfferWord::Withdrawn => OfferState::Withdrawn,
        OfferWord::Full | OfferWord::Lost | OfferWord::Other => OfferState::Failed,
    }
}

/// How a peer is called that was called so before, and whether that can be taken for another one.
fn name(peer: PeerId, before: &str, roster: &Roster) -> (String, bool) {
    let is_here = roster.contact(peer).is_some();
    let name = if is_here { roster.name(peer) } else { before.to_owned() };
    let look_alike = name != before || LookAlikes::of(roster).has(peer);
    (name, look_alike)
}

/// Tells whoever waits for an own offer how it stands, else the screen; and its end.
pub(super) fn tell_outgoing(now: Time, number: u64, peer: &mut PeerMachine) {
    let date = peer.transfers.calendar.date(now);
    let Some(offer) = peer.transfers.offers.outgoing.all.get_mut(&number) else { return };
    let row = outgoing_row(number, offer, date, &peer.presence.roster);
    let watchers = offer.watchers.clone();
    let end = match &offer.stage {
        OutgoingStage::Over(None) => Some(Reply::Done),
        OutgoingStage::Over(Some(failure)) => Some(Reply::Failed(failure.clone())),
        _ => None,
    };
    if end.is_some() {
        offer.watchers.clear();
        offer.release();
    }
    for ask in &watchers {
        // What failed is said by the failure itself.
        if !matches!(end, Some(Reply::Failed(_))) {
            peer.out.reply(*ask, Reply::Offer(Box::new(row.clone())));
        }
        if let Some(end) = &end {
            peer.out.reply(*ask, end.clone());
        }
    }
    let is_news = !matches!(row.state, OfferState::Reading | OfferState::Offering);
    if watchers.is_empty() && is_news {
        peer.out.notice(crate::control::Notice::Offer(Box::new(row)));
    }
}
