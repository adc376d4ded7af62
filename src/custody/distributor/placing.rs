//! Whom the distributor asks for a part, one after the other. Pure.
//!
//! Of the first four candidates in the order of the file and copy, the one with most room is asked; whoever
//! refuses is followed by the next. When nobody has room for the part, it is cut in two, three, four.

use std::collections::BTreeSet;

use core::time::Duration;

use super::replicas::{FileReplicas, ReplicaSpot, ReplicaState};
use super::{Distributor, DistributorOutput};
use crate::content::Span;
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::custody::placement;
use crate::identity::PeerId;
use crate::time::Time;
use crate::wire::custody::{OfferAnswer, OfferRefusal, Replica, Space};

/// One part that a keeper is looked for.
#[derive(Debug)]
pub(super) struct Placement {
    copy: u8,
    /// What is lacking.
    span: Span,
    /// Into how many pieces it is cut.
    pieces: u32,
    /// Who has too little room for such a piece, or refused.
    tried: BTreeSet<PeerId>,
    stage: PlacementStage,
}

#[derive(Debug)]
enum PlacementStage {
    /// Waits for what these, asked at the first time, say of their room up to the second.
    Rooms(Vec<PeerId>, Time, Time),
    /// Waits for an answer.
    Offered(PeerId, u64, Time),
}

impl Placement {
    pub(super) const fn deadline(&self) -> Time {
        match &self.stage {
            PlacementStage::Rooms(_, _, at) | PlacementStage::Offered(_, _, at) => *at,
        }
    }

    const fn piece(&self) -> Span {
        placement::piece(self.span, self.pieces)
    }

    /// From when on what keepers said of their room is believed, for a file of `size` bytes.
    fn believes_from(&self, now: Time, size: u64) -> Time {
        if self.piece().bytes(size) < limits::ROOM_ANEW {
            return now - limits::ROOM_AGE;
        }
        match &self.stage {
            PlacementStage::Rooms(_, asked, _) => *asked,
            PlacementStage::Offered(..) => now,
        }
    }
}

impl Distributor {
    /// Begins with as many files as may be placed at once, the most urgent first.
    pub(super) fn pump(&mut self, now: Time) {
        let most = |size| if size < limits::ROOM_ANEW { limits::PLACINGS_SMALL } else { limits::PLACINGS };
        while self.settles.is_none()
            && self.queue.first().is_some_and(|(_, size, _)| self.placing.len() < most(*size))
            && let Some((_, _, key)) = self.queue.pop_first()
        {
            let Some(mut tended) = self.files.remove(&key) else { continue };
            tended.rare_mut().queued = None;
            if let Some(span) = self.lacking(now, &tended) {
                let parts: Vec<(u8, Span)> = tended.spots.values().map(|s| (s.copy, s.span)).collect();
                let copy = placement::copy_number(span, &parts);
                let stage = PlacementStage::Rooms(Vec::new(), now, now);
                tended.rare_mut().asking =
                    Some(Placement { copy, span, pieces: 1, tried: BTreeSet::new(), stage });
                self.placing.insert(key);
                self.pause(now, key, copy, span.bytes(tended.want.size));
                self.next_group(now, key, &mut tended);
            }
            self.settle(now, key, tended);
        }
    }

    /// A pause behind a large part, of a length that is another one for each file and peer.
    fn pause(&mut self, now: Time, (_, file): LedgerKey, copy: u8, bytes: u64) {
        if bytes >= limits::ROOM_ANEW {
            let nanos = bytes.saturating_mul(1_000_000_000 / limits::PLACE_RATE);
            let mean = Duration::from_nanos(nanos).min(limits::PLACE_PAUSE);
            let [dice, ..] = placement::rank(file, copy, self.me).to_be_bytes();
            self.settles = Some(now + mean * (1 + u32::from(dice)) / 128);
        }
    }

    /// Puts a file back and sees to it that it is looked at in time.
    fn settle(&mut self, now: Time, key: LedgerKey, mut tended: FileReplicas) {
        let is_over = tended.rare().asking.is_none();
        if let Some(asking) = &tended.rare().asking {
            let wake = tended.wake.unwrap_or(Time(u64::MAX)).min(asking.deadline());
            if let Some(old) = tended.wake.replace(wake) {
                self.agenda.remove(&(old, key));
            }
            self.agenda.insert((wake, key));
        }
        self.files.insert(key, tended);
        if is_over {
            self.evaluate(now, key);
        }
    }

    /// Turns to the next candidates, until one is offered to, or their rooms have to be asked, or nobody is
    /// left.
    fn next_group(&mut self, now: Time, key: LedgerKey, tended: &mut FileReplicas) {
        let Some(mut asking) = tended.rare_mut().asking.take() else { return };
        loop {
            let candidates = self.live.iter().filter(|(peer, leaving)| {
                !**leaving
                    && **peer != key.0
                    && !tended.spots.contains_key(peer)
                    && !tended.rare().refused.contains_key(peer)
                    && !asking.tried.contains(peer)
            });
            let mut group = Vec::new();
            if asking.tried.len() < limits::CANDIDATES_ASKED {
                let peers = candidates.map(|(p, _)| *p);
                group = placement::first(key.1, asking.copy, peers, limits::CANDIDATES_AT_ONCE);
            }
            if group.is_empty() {
                let parts = tended.spots.values().filter(|s| s.copy == asking.copy).count();
                let parts = u32::try_from(parts).unwrap_or(u32::MAX);
                let more = asking.pieces + 1;
                let is_cut = more.saturating_add(parts) <= limits::STRIPE && asking.span.len() >= more;
                if is_cut && !asking.tried.is_empty() {
                    asking.pieces = more;
                    asking.tried.clear();
                    continue;
                }
                tended.rare_mut().starved = true;
                self.starved.insert(key);
                return;
            }
            let from = asking.believes_from(now, tended.want.size);
            let unknown: Vec<PeerId> =
                group.iter().copied().filter(|p| self.room_of(from, *p, key.0).is_none()).collect();
            if !unknown.is_empty() {
                self.out
                    .extend(unknown.into_iter().map(|to| DistributorOutput::AskRoom { to, origin: key.0 }));
                asking.stage = PlacementStage::Rooms(group, now, now + limits::CUSTODY_ANSWER);
                break;
            }
            if self.choose(now, key, tended, &mut asking, &group) {
                break;
            }
        }
        tended.rare_mut().asking = Some(asking);
    }

    /// Offers the piece to the one of `group` with most room for it. False if none has enough.
    fn choose(
        &mut self,
        now: Time,
        key: LedgerKey,
        tended: &FileReplicas,
        asking: &mut Placement,
        group: &[PeerId],
    ) -> bool {
        let others = tended.places(key.0);
        let span = asking.piece();
        let bytes = span.bytes(tended.want.size);
        let from = asking.believes_from(now, tended.want.size);
        let rooms = group.iter().rev().filter_map(|p| self.room_of(from, *p, key.0).map(|r| (r, *p)));
        let best = rooms.filter(|(r, _)| r.share >= bytes).max_by_key(|(r, _)| r.free);
        let Some((room, to)) = best else {
            asking.tried.extend(group);
            return false;
        };
        self.next_request = self.next_request.wrapping_add(1);
        let request = self.next_request;
        self.requests.insert(request, key);
        asking.stage = PlacementStage::Offered(to, request, now + limits::CUSTODY_ANSWER);
        // Until it answers, it has so much less for others.
        let less = Space {
            request: 0,
            free: room.free.saturating_sub(bytes),
            share: room.share.saturating_sub(bytes),
        };
        if let Some((room, _)) = self.rooms.get_mut(&(to, key.0)) {
            *room = less;
        }
        let (want, copy) = (tended.want.clone(), asking.copy);
        self.out.push_back(DistributorOutput::Offer { to, key, request, want, copy, span, others });
        true
    }

    /// What a peer said of its room, if it said so after `from`.
    fn room_of(&self, from: Time, peer: PeerId, origin: PeerId) -> Option<Space> {
        let (room, at) = self.rooms.get(&(peer, origin))?;
        (*at >= from).then_some(*room)
    }

    /// What a peer said of its room.
    pub fn room(&mut self, now: Time, from: PeerId, origin: PeerId, room: Space) {
        if !self.live.contains_key(&from) {
            return;
        }
        self.rooms.insert((from, origin), (room, now));
        for key in self.placing.iter().copied().collect::<Vec<_>>() {
            let waits = self.files.get(&key).and_then(|t| t.rare().asking.as_ref()).is_some_and(
                |a| matches!(&a.stage, PlacementStage::Rooms(group, ..) if key.0 == origin && group.contains(&from)),
            );
            if waits {
                self.rooms_came(now, key);
            }
        }
    }

    /// Goes on when all rooms are known that a file waits for.
    fn rooms_came(&mut self, now: Time, key: LedgerKey) {
        let Some(tended) = self.files.get(&key) else { return };
        let Some(asking) = &tended.rare().asking else { return };
        let PlacementStage::Rooms(group, ..) = &asking.stage else { return };
        let from = asking.believes_from(now, tended.want.size);
        if group.iter().any(|p| self.live.contains_key(p) && self.room_of(from, *p, key.0).is_none()) {
            return;
        }
        let group = group.clone();
        let Some(mut tended) = self.files.remove(&key) else { return };
        if let Some(mut asking) = tended.rare_mut().asking.take() {
            let is_offered = self.choose(now, key, &tended, &mut asking, &group);
            tended.rare_mut().asking = Some(asking);
            if !is_offered {
                self.next_group(now, key, &mut tended);
            }
        }
        self.settle(now, key, tended);
    }

    /// The answer to an offer.
    pub fn answered(&mut self, now: Time, from: PeerId, answer: &OfferAnswer) {
        let Some(key) = self.requests.get(&answer.request).copied() else { return };
        let Some(mut tended) = self.files.remove(&key) else { return };
        let Some(Placement { stage: PlacementStage::Offered(to, request, _), copy, span, pieces, .. }) =
            tended.rare().asking.as_ref()
        else {
            self.files.insert(key, tended);
            return;
        };
        if (*to, *request) != (from, answer.request) {
            self.files.insert(key, tended);
            return;
        }
        let (copy, offered) = (*copy, placement::piece(*span, *pieces));
        self.requests.remove(&answer.request);
        let room = Space { request: 0, free: answer.free, share: answer.share };
        self.rooms.insert((from, key.0), (room, now));
        match answer.refusal {
            None => self.promised(now, key, &mut tended, Replica { copy, span: offered, peer: from }),
            Some(OfferRefusal::Keeps) => {
                let span = answer.span.filter(|s| s.fits(tended.want.size)).unwrap_or(offered);
                self.promised(now, key, &mut tended, Replica { copy, span, peer: from });
            }
            Some(_) => {
                tended.rare_mut().refused.insert(from, now + limits::REFUSED_FOR);
                self.next_group(now, key, &mut tended);
            }
        }
        self.settle(now, key, tended);
    }

    fn promised(&mut self, now: Time, key: LedgerKey, tended: &mut FileReplicas, place: Replica) {
        tended.rare_mut().asking = None;
        let Replica { copy, span, peer } = place;
        tended.spots.insert(
            peer,
            ReplicaSpot { copy, span, state: ReplicaState::Promised(0), seen: now, lost: None },
        );
        self.by_peer.entry(peer).or_default().insert(key);
        self.out.push_back(DistributorOutput::Moved);
    }

    /// A peer cannot be reached at present.
    pub fn unreachable(&mut self, now: Time, peer: PeerId) {
        for key in self.placing.iter().copied().collect::<Vec<_>>() {
            self.next_if_asked(now, key, peer);
        }
    }

    /// Goes on to the next if `peer` is the one that is asked.
    pub(super) fn next_if_asked(&mut self, now: Time, key: LedgerKey, peer: PeerId) {
        let Some(asking) = self.files.get(&key).and_then(|t| t.rare().asking.as_ref()) else { return };
        let is_asked = match &asking.stage {
            PlacementStage::Rooms(group, ..) => group.contains(&peer),
            PlacementStage::Offered(to, _, _) => *to == peer,
        };
        if is_asked {
            self.give_up(now, key, |p| p == peer);
        }
    }

    /// What was waited for did not come in time.
    pub(super) fn overdue(&mut self, now: Time, key: LedgerKey) {
        let Some(tended) = self.files.get(&key) else { return };
        let Some(asking) = tended.rare().asking.as_ref().filter(|a| a.deadline() <= now) else { return };
        let from = asking.believes_from(now, tended.want.size);
        let silent: BTreeSet<PeerId> = match &asking.stage {
            PlacementStage::Rooms(group, ..) => {
                group.iter().copied().filter(|p| self.room_of(from, *p, key.0).is_none()).collect()
            }
            PlacementStage::Offered(to, _, _) => BTreeSet::from([*to]),
        };
        self.give_up(now, key, |p| silent.contains(&p));
    }

    /// Asks no longer those of whom `is_silent` is true.
    fn give_up(&mut self, now: Time, key: LedgerKey, is_silent: impl Fn(PeerId) -> bool) {
        let Some(mut tended) = self.files.remove(&key) else { return };
        if let Some(asking) = &tended.rare().asking {
            let asked = match &asking.stage {
                PlacementStage::Rooms(group, ..) => group.clone(),
                PlacementStage::Offered(to, request, _) => {
                    self.requests.remove(request);
                    vec![*to]
                }
            };
            for peer in asked.into_iter().filter(|p| is_silent(*p)) {
                tended.rare_mut().refused.insert(peer, now + limits::REFUSED_FOR);
            }
            self.next_group(now, key, &mut tended);
        }
        self.settle(now, key, tended);
    }
}
