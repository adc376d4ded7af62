//! Offers: what others want to send to this peer (`incoming`), and what it wants to send to others (`outgoing`). Pure.
//!
//! What is said of them to other peers are letters (`letters`), which are said again until they come. What is accepted is
//! a download of the queue. All of it outlives the peer (`rows`); `driving` does what users and other peers want.

mod driving;
mod incoming;
mod letters;
mod outgoing;
mod rows;
mod sum;
mod telling;

use std::collections::{BTreeMap, BTreeSet};

pub(in crate::peer) use self::driving::{
    accept, forget_path, letter_done, offer_news, offer_page, prepared, reject, send, sent_parts,
    start_sending, turn_offers, visitor_left, withdraw,
};
use self::incoming::OfferGone;
pub(in crate::peer) use self::incoming::{IncomingOffers, IncomingStage};
use self::letters::Letters;
pub(in crate::peer) use self::outgoing::{OutgoingOffers, SendOrder};
use self::rows::OfferRecord;
pub(in crate::peer) use self::sum::OfferSum;
pub(in crate::peer) use self::telling::rows as offer_rows;
use super::event::AskId;
use super::limits;
use crate::control::AcceptRequest;
use crate::identity::PeerId;
use crate::store::LedgerRow;
use crate::swarm::JobId;
use crate::time::Time;
use crate::wire::message::OfferWord;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    pub(in crate::peer) incoming: IncomingOffers,
    pub(in crate::peer) outgoing: OutgoingOffers,
    letters: Letters,
    /// Those from whom something was accepted, or who accepted something, and when: milliseconds since 1970.
    known: BTreeMap<PeerId, u64>,
    /// Offers whose destination is being made.
    pub(in crate::peer) accepting: BTreeMap<AskId, AcceptRequest>,
    /// Downloads that brought all.
    done: BTreeSet<JobId>,
    /// The highest number that users saw.
    last: u64,
    /// Those that the policy accepts once others are over.
    postponed: BTreeSet<u64>,
    /// What is to be written down.
    unwritten: Vec<LedgerRow>,
    /// When something is due.
    next: Option<Time>,
    /// What is to be read again, for the peer was started again.
    to_read: Vec<u64>,
    /// Offers that wait since an earlier start are not told of yet.
    are_waiting_untold: bool,
    /// What others are given changed.
    is_given_stale: bool,
}

impl Offers {
    /// As they were noted before this start.
    pub(crate) fn restored(now: Time, rows: &[LedgerRow]) -> Self {
        let (mut all, mut gone) = (Self::default(), Vec::new());
        for record in rows.iter().filter_map(OfferRecord::of) {
            match record {
                OfferRecord::Incoming(number, offer) => {
                    all.last = all.last.max(number);
                    all.letters.say_again(now, &offer);
                    gone.extend(all.incoming.restore(now, number, offer));
                }
                OfferRecord::Outgoing(number, offer) => {
                    all.last = all.last.max(number);
                    all.to_read.push(number);
                    all.outgoing.all.insert(number, offer);
                }
                OfferRecord::Known(peer, date) if all.known.len() < limits::OFFER_KNOWN => {
                    all.known.insert(peer, date);
                }
                OfferRecord::Known(..) => {}
            }
        }
        all.forget(now, gone);
        (all.next, all.are_waiting_untold) = (Some(now), true);
        all
    }

    /// True if something went between this peer and that one before.
    pub(in crate::peer) fn knows(&self, peer: PeerId) -> bool {
        self.known.contains_key(&peer)
    }

    /// A peer is here: what was not said to it is said now.
    pub(in crate::peer) fn handle_here(&mut self, now: Time, peer: PeerId) {
        if self.letters.handle_here(now, peer) {
            self.next = Some(now);
        }
    }

    /// A download of the queue brought all that it was to bring.
    pub(in crate::peer) fn note_done(&mut self, job: JobId) {
        if self.incoming.of_job(job).is_some() {
            self.done.insert(job);
        }
    }

    /// When it is to be looked at again.
    pub(in crate::peer) const fn poll_timeout(&self) -> Option<Time> {
        self.next
    }

    /// These had to make place for others.
    fn forget(&mut self, now: Time, gone: Vec<OfferGone>) {
        for OfferGone { number, from, theirs, is_undecided } in gone {
            self.unwritten.push(rows::without_incoming(number));
            self.letters.drop_news(from, theirs);
            if is_undecided {
                self.letters.answer(now, from, theirs, OfferWord::Full);
            }
        }
    }

    /// Something went between this peer and that one.
    fn note_known(&mut self, peer: PeerId, date: u64) {
        if self.known.len() >= limits::OFFER_KNOWN
            && !self.known.contains_key(&peer)
            && let Some(oldest) = self.known.iter().min_by_key(|(_, at)| **at).map(|(peer, _)| *peer)
        {
            self.known.remove(&oldest);
            self.unwritten.push(rows::without_known(oldest));
        }
        self.known.insert(peer, date);
        self.unwritten.push(rows::known(peer, date));
    }
}
