//! Whom the distributor asks for a part, one after the other. Pure.
//!
//! Of the first four candidates in the order of the file and copy, the one with most space is asked; whoever
//! refuses is followed by the next. When nobody has space for the part, it is cut in two, three, four.

use std::collections::BTreeSet;

use core::time::Duration;

use super::counting::look_at;
use super::replicas::{FileReplicas, KnownReplica, ReplicaProof, ReplicaState};
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
    /// Who has too little space for such a piece, or refused.
    tried: BTreeSet<PeerId>,
    /// Nobody at another host than those that have some of the file has space: any peer may have it.
    any_host: bool,
    stage: PlacementStage,
}

#[derive(Debug)]
enum PlacementStage {
    /// Waits for what these, asked at the first time, say of their space up to the second.
    Spaces(Vec<PeerId>, Time, Time),
    /// Waits for an answer.
    Offered(PeerId, u64, Time),
}

impl Placement {
    pub(super) const fn deadline(&self) -> Time {
        match &self.stage {
            PlacementStage::Spaces(_, _, at) | PlacementStage::Offered(_, _, at) => *at,
        }
    }

    const fn piece(&self) -> Span {
        placement::piece(self.span, self.pieces)
    }

    /// From when on what keepers said of their space is believed, for a file of `size` bytes.
    fn believes_from(&self, now: Time, size: u64) -> Time {
        if self.piece().bytes(size) < limits::SPACE_AGAIN {
            return now - limits::SPACE_AGE;
        }
        match &self.stage {
            PlacementStage::Spaces(_, asked, _) => *asked,
            PlacementStage::Offered(..) => now,
        }
    }
}

impl Distributor {
    /// Begins with as many files as may be placed at once, the most urgent first.
    pub(super) fn pump(&mut self, now: Time) {
        let most = |size| if size < limits::SPACE_AGAIN { limits::PLACINGS_SMALL } else { limits::PLACINGS };
        while self.settles.is_none()
            && let Some(key) = self.queue.pop(|size| self.placing.len() < most(size))
        {
            let Some(mut replicas) = self.files.remove(&key) else { continue };
            replicas.extra_mut().queued = None;
            if let Some(span) = self.rules.lacking(now, &replicas) {
                let parts: Vec<(u8, Span)> = replicas.by_peer.values().map(|s| (s.copy, s.span)).collect();
                let copy = placement::copy_number(span, &parts);
                let stage = PlacementStage::Spaces(Vec::new(), now, now);
                replicas.extra_mut().asking =
                    Some(Placement { copy, span, pieces: 1, tried: BTreeSet::new(), any_host: false, stage });
                self.placing.insert(key);
                self.pause(now, key, copy, span.bytes(replicas.want.size));
                self.next_group(now, key, &mut replicas);
            }
            put_back(self, now, key, replicas);
        }
    }

    /// A pause behind a large part, of a length that is another one for each file and peer.
    fn pause(&mut self, now: Time, (_, file): LedgerKey, copy: u8, bytes: u64) {
        if bytes >= limits::SPACE_AGAIN {
            let nanos = bytes.saturating_mul(1_000_000_000 / limits::PLACE_RATE);
            let mean = Duration::from_nanos(nanos).min(limits::PLACE_PAUSE);
            let [jitter, ..] = placement::rank(file, copy, self.me).to_be_bytes();
            self.settles = Some(now + mean * (1 + u32::from(jitter)) / 128);
        }
    }

    /// Puts a file back, and begins with others if it is no longer among those that are placed.
    fn settle(&mut self, now: Time, key: LedgerKey, replicas: FileReplicas) {
        if put_back(self, now, key, replicas) {
            self.pump(now);
        }
    }

    /// Turns to the next candidates, until one is offered to, or their space has to be asked, or nobody is
    /// left.
    fn next_group(&mut self, now: Time, key: LedgerKey, replicas: &mut FileReplicas) {
        let Some(mut asking) = replicas.extra_mut().asking.take() else { return };
        loop {
            let candidates = self.live.iter().filter(|(peer, leaving)| {
                !**leaving
                    && **peer != key.0
                    && !replicas.by_peer.contains_key(peer)
                    && !replicas.extra().refused.contains_key(peer)
                    && !asking.tried.contains(peer)
                    && !self.proving.distrusts(**peer)
                    && (asking.any_host || !self.spaces.shares_host(**peer, replicas.by_peer.keys()))
            });
            let mut group = Vec::new();
            if asking.tried.len() < limits::CANDIDATES_ASKED {
                let peers = candidates.map(|(p, _)| *p);
                group = self.secret.first(key.1, asking.copy, peers, limits::CANDIDATES_AT_ONCE);
            }
            if group.is_empty() && !std::mem::replace(&mut asking.any_host, true) {
                continue;
            }
            if group.is_empty() {
                let parts = replicas.by_peer.values().filter(|s| s.copy == asking.copy).count();
                let parts = u32::try_from(parts).unwrap_or(u32::MAX);
                let more = asking.pieces + 1;
                let is_cut = more.saturating_add(parts) <= limits::STRIPE && asking.span.len() >= more;
                if is_cut && !asking.tried.is_empty() {
                    asking.pieces = more;
                    asking.tried.clear();
                    asking.any_host = false;
                    continue;
                }
                replicas.extra_mut().starved = true;
                self.starved.insert(now, key);
                return;
            }
            let from = asking.believes_from(now, replicas.want.size);
            let unknown: Vec<PeerId> =
                group.iter().copied().filter(|p| self.spaces.of(from, *p, key.0).is_none()).collect();
            if !unknown.is_empty() {
                self.out
                    .extend(unknown.into_iter().map(|to| DistributorOutput::AskSpace { to, origin: key.0 }));
                asking.stage = PlacementStage::Spaces(group, now, now + limits::CUSTODY_ANSWER);
                break;
            }
            if self.choose(now, key, replicas, &mut asking, &group) {
                break;
            }
        }
        replicas.extra_mut().asking = Some(asking);
    }

    /// Offers the piece to the one of `group` with most space for it. False if none has enough.
    fn choose(
        &mut self,
        now: Time,
        key: LedgerKey,
        replicas: &FileReplicas,
        asking: &mut Placement,
        group: &[PeerId],
    ) -> bool {
        let others = replicas.places(key.0);
        let span = asking.piece();
        let bytes = span.bytes(replicas.want.size);
        let from = asking.believes_from(now, replicas.want.size);
        let spaces = group.iter().rev().filter_map(|p| self.spaces.of(from, *p, key.0).map(|r| (r, *p)));
        // Where it is only now that a peer says at which host it is, its turn may come later.
        let is_apart = |p: PeerId| asking.any_host || !self.spaces.shares_host(p, replicas.by_peer.keys());
        let spaces = spaces.filter(|(space, peer)| space.share >= bytes && is_apart(*peer));
        // Nobody is believed to have more than peers lend, so that no claim puts its peer before all others.
        let best = spaces.max_by_key(|(space, _)| space.free.min(limits::LEND));
        let Some((space, to)) = best else {
            asking.tried.extend(group.iter().filter(|peer| is_apart(**peer)));
            return false;
        };
        self.next_request = self.next_request.wrapping_add(1);
        let request = self.next_request;
        self.requests.insert(request, key);
        asking.stage = PlacementStage::Offered(to, request, now + limits::CUSTODY_ANSWER);
        // Until it answers, it has so much less for others.
        let less = Space {
            request: 0,
            free: space.free.saturating_sub(bytes),
            share: space.share.saturating_sub(bytes),
        };
        self.spaces.lessen(to, key.0, less);
        let (want, copy) = (replicas.want.clone(), asking.copy);
        self.out.push_back(DistributorOutput::Offer { to, key, request, want, copy, span, others });
        true
    }

    /// What a peer said of its space, from the address `source`.
    pub fn space(&mut self, now: Time, from: PeerId, origin: PeerId, space: Space) {
        if !self.live.contains_key(&from) {
            return;
        }
        self.spaces.say(now, from, origin, space);
        for key in self.placing.iter().copied().collect::<Vec<_>>() {
            let waits = self.files.get(&key).and_then(|r| r.extra().asking.as_ref()).is_some_and(
                |a| matches!(&a.stage, PlacementStage::Spaces(group, ..) if key.0 == origin && group.contains(&from)),
            );
            if waits {
                self.spaces_came(now, key);
            }
        }
    }

    /// Goes on when the space is known of all that a file waits for.
    fn spaces_came(&mut self, now: Time, key: LedgerKey) {
        let Some(replicas) = self.files.get(&key) else { return };
        let Some(asking) = &replicas.extra().asking else { return };
        let PlacementStage::Spaces(group, ..) = &asking.stage else { return };
        let from = asking.believes_from(now, replicas.want.size);
        if group.iter().any(|p| self.live.contains_key(p) && self.spaces.of(from, *p, key.0).is_none()) {
            return;
        }
        let group = group.clone();
        let Some(mut replicas) = self.files.remove(&key) else { return };
        if let Some(mut asking) = replicas.extra_mut().asking.take() {
            let is_offered = self.choose(now, key, &replicas, &mut asking, &group);
            replicas.extra_mut().asking = Some(asking);
            if !is_offered {
                self.next_group(now, key, &mut replicas);
            }
        }
        self.settle(now, key, replicas);
    }

    /// The answer to an offer.
    pub fn answered(&mut self, now: Time, from: PeerId, answer: &OfferAnswer) {
        let Some(key) = self.requests.get(&answer.request).copied() else { return };
        let Some(mut replicas) = self.files.remove(&key) else { return };
        let Some(Placement { stage: PlacementStage::Offered(to, request, _), copy, span, pieces, .. }) =
            replicas.extra().asking.as_ref()
        else {
            self.files.insert(key, replicas);
            return;
        };
        if (*to, *request) != (from, answer.request) {
            self.files.insert(key, replicas);
            return;
        }
        let (copy, offered) = (*copy, placement::piece(*span, *pieces));
        self.requests.remove(&answer.request);
        let space = Space { request: 0, free: answer.free, share: answer.share };
        self.spaces.say(now, from, key.0, space);
        let is_kept = match answer.refusal {
            None => self.promised(now, key, &mut replicas, Replica { copy, span: offered, peer: from }),
            Some(OfferRefusal::Keeps) => {
                let span = answer.span.filter(|s| s.fits(replicas.want.size)).unwrap_or(offered);
                self.promised(now, key, &mut replicas, Replica { copy, span, peer: from })
            }
            Some(refusal) => {
                match (&mut replicas.extra_mut().asking, refusal) {
                    // It may have space as soon as it has what others promised it.
                    (Some(asking), OfferRefusal::Full) => drop(asking.tried.insert(from)),
                    _ => {
                        replicas.extra_mut().refused.insert(from, now + limits::REFUSED_FOR);
                    }
                }
                self.next_group(now, key, &mut replicas);
                false
            }
        };
        self.settle(now, key, replicas);
        if is_kept {
            self.placed(key);
        }
    }

    /// A peer accepted a part. True if it has all of it already.
    fn promised(&mut self, now: Time, key: LedgerKey, replicas: &mut FileReplicas, place: Replica) -> bool {
        replicas.extra_mut().asking = None;
        let Replica { copy, span, peer } = place;
        // Its report goes over another connection than its answer, and may have overtaken it. It is not told
        // again soon, and counts as if it had come behind.
        let is_reported = replicas.by_peer.get(&peer).is_some_and(|known| {
            known.span == span && matches!(known.state, ReplicaState::Claimed | ReplicaState::Kept)
        });
        let state = if is_reported { ReplicaState::Kept } else { ReplicaState::Promised(0) };
        replicas.by_peer.insert(
            peer,
            KnownReplica { copy, span, state, proof: ReplicaProof::None, seen: now, lost: None },
        );
        self.by_peer.add(peer, key);
        self.out.push_back(DistributorOutput::Moved);
        is_reported
    }

    /// A peer cannot be reached at present.
    pub fn unreachable(&mut self, now: Time, peer: PeerId) {
        for key in self.placing.iter().copied().collect::<Vec<_>>() {
            self.next_if_asked(now, key, peer);
        }
    }

    /// Goes on to the next if `peer` is the one that is asked.
    pub(super) fn next_if_asked(&mut self, now: Time, key: LedgerKey, peer: PeerId) {
        let Some(asking) = self.files.get(&key).and_then(|r| r.extra().asking.as_ref()) else { return };
        let is_asked = match &asking.stage {
            PlacementStage::Spaces(group, ..) => group.contains(&peer),
            PlacementStage::Offered(to, _, _) => *to == peer,
        };
        if is_asked {
            self.give_up(now, key, |p| p == peer);
        }
    }

    /// What was waited for did not come in time.
    pub(super) fn overdue(&mut self, now: Time, key: LedgerKey) {
        let Some(replicas) = self.files.get(&key) else { return };
        let Some(asking) = replicas.extra().asking.as_ref().filter(|a| a.deadline() <= now) else { return };
        let from = asking.believes_from(now, replicas.want.size);
        let silent: BTreeSet<PeerId> = match &asking.stage {
            PlacementStage::Spaces(group, ..) => {
                group.iter().copied().filter(|p| self.spaces.of(from, *p, key.0).is_none()).collect()
            }
            PlacementStage::Offered(to, _, _) => BTreeSet::from([*to]),
        };
        self.give_up(now, key, |p| silent.contains(&p));
    }

    /// Asks no longer those of whom `is_silent` is true.
    fn give_up(&mut self, now: Time, key: LedgerKey, is_silent: impl Fn(PeerId) -> bool) {
        let Some(mut replicas) = self.files.remove(&key) else { return };
        if let Some(asking) = &replicas.extra().asking {
            let asked = match &asking.stage {
                PlacementStage::Spaces(group, ..) => group.clone(),
                PlacementStage::Offered(to, request, _) => {
                    self.requests.remove(request);
                    vec![*to]
                }
            };
            for peer in asked.into_iter().filter(|p| is_silent(*p)) {
                replicas.extra_mut().refused.insert(peer, now + limits::REFUSED_FOR);
            }
            self.next_group(now, key, &mut replicas);
        }
        self.settle(now, key, replicas);
    }
}

/// Puts a file back and sees to it that it is looked at in time. True if nobody is asked for it any more. It begins with
/// no other file: [`Distributor::pump`] calls it for each, and nobody may have space for any of a hundred thousand.
fn put_back(distributor: &mut Distributor, now: Time, key: LedgerKey, mut replicas: FileReplicas) -> bool {
    let is_over = replicas.extra().asking.is_none();
    if let Some(asking) = &replicas.extra().asking {
        let wake = replicas.wake.unwrap_or(Time(u64::MAX)).min(asking.deadline());
        if let Some(old) = replicas.wake.replace(wake) {
            distributor.agenda.remove(&(old, key));
        }
        distributor.agenda.insert((wake, key));
    }
    distributor.files.insert(key, replicas);
    if is_over {
        look_at(distributor, now, key);
    }
    is_over
}
