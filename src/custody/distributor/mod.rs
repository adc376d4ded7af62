//! Brings files to their number of copies and keeps them there. Pure.
//!
//! It runs in each peer for its own files, and for files of absent owners for which this peer acts
//! (`keeper/acting.rs` says which). What is where it knows from reports (`reports`); which copies count is in
//! `counting`, whom it asks next in `placing`, and what it does about copies too many in `surplus`. Messages
//! and heads are put around its outputs by `custodian/outputs.rs`.

mod counting;
mod placing;
mod proving;
mod queue;
mod replicas;
mod reports;
mod spaces;
mod starved;
mod surplus;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(super) use self::spaces::note_source;

use self::counting::CountingRules;
use self::proving::{Proving, draw_sample};
use self::queue::PlacingQueue;
use self::replicas::{FileReplicas, KnownReplica, ReplicaProof, ReplicaState};
use self::spaces::KnownSpaces;
use self::starved::Starved;
use super::by_peer::FilesByPeer;
use super::ledger::{LedgerKey, PlacedRow};
use super::placement::{self, PlacementSecret};
use crate::content::{FileId, SafePath, Span};
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::vec_map::VecMap;
use crate::wire::custody::Replica;

/// A file that is to have copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Bytes.
    pub size: u64,
    /// A path at which the owner's head names it.
    pub path: SafePath,
    /// Copies, the owner's included.
    pub copies: u8,
}

/// What it wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DistributorOutput {
    /// Ask a peer how much space it has for an origin.
    AskSpace {
        /// Whom.
        to: PeerId,
        /// For whose files.
        origin: PeerId,
    },
    /// Offer a part of a file.
    Offer {
        /// To whom.
        to: PeerId,
        /// Which file.
        key: LedgerKey,
        /// Its number; the answer is to carry it.
        request: u64,
        /// What.
        want: Want,
        /// Which copy.
        copy: u8,
        /// Which chunks.
        span: Span,
        /// Where else they are.
        others: Vec<Replica>,
    },
    /// Fetch this chunk from that peer and see whether it verifies; then [`Distributor::challenge_answered`].
    Challenge {
        /// Whose.
        peer: PeerId,
        /// Which file.
        key: LedgerKey,
        /// Its size.
        size: u64,
        /// Which chunk.
        chunk: u32,
    },
    /// Where an own file is has changed: to be recorded. `None`: it is wanted no more.
    Placed(FileId, Option<PlacedRow>),
    /// Something came further: what waits for it has reason to go on waiting.
    Moved,
}

/// How a file stands, for whoever wants to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Copies on others that are all there.
    pub kept: u32,
    /// Of these, while this peer is about to leave, those that were proved; else all.
    pub proved: u32,
    /// Copies on others, promised ones with them.
    pub coming: u32,
    /// Copies that there should be on others once the owner is away.
    pub wanted: u32,
    /// True if nobody is left who could be asked.
    pub starved: bool,
    /// True if others keep some of it, all of them peers of this very machine.
    pub is_here: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Distributor {
    me: PeerId,
    /// Other peers that are here; true: about to leave.
    live: BTreeMap<PeerId, bool>,
    files: BTreeMap<LedgerKey, FileReplicas>,
    by_peer: FilesByPeer,
    spaces: KnownSpaces,
    agenda: BTreeSet<(Time, LedgerKey)>,
    queue: PlacingQueue,
    /// Those that are asked about or promised.
    placing: BTreeSet<LedgerKey>,
    starved: Starved,
    requests: BTreeMap<u64, LedgerKey>,
    next_request: u64,
    /// Until when nothing more is placed: others are only just being seen, or a large part was begun.
    settles: Option<Time>,
    rules: CountingRules,
    proving: Proving,
    secret: PlacementSecret,
    out: VecDeque<DistributorOutput>,
}

impl Distributor {
    /// Of the peer `me`. The secret makes whom it asks and which chunks are challenged unforeseeable.
    #[must_use]
    pub const fn new(me: PeerId, secret: PlacementSecret) -> Self {
        Self {
            me,
            live: BTreeMap::new(),
            files: BTreeMap::new(),
            by_peer: FilesByPeer::new(),
            spaces: KnownSpaces::new(),
            agenda: BTreeSet::new(),
            queue: PlacingQueue::new(),
            placing: BTreeSet::new(),
            starved: Starved::new(),
            requests: BTreeMap::new(),
            next_request: 0,
            settles: None,
            rules: CountingRules { me, leaving: false, repair: limits::REPAIR_DELAY },
            proving: Proving::new(),
            secret,
            out: VecDeque::new(),
        }
    }

    /// Has what was lost in a crash still count for this time, not for the usual one.
    #[must_use]
    pub fn repairing_after(mut self, repair: Duration) -> Self {
        self.rules.repair = repair;
        self
    }

    /// A file is to have copies: a new one, or other facts of one that is known. `places`: who is believed
    /// to keep it. `owner_lost`: for an absent owner's, since when, and whether it left gracefully.
    pub fn want(
        &mut self,
        now: Time,
        key: LedgerKey,
        want: Want,
        places: &[Replica],
        owner_lost: Option<(Time, bool)>,
    ) {
        if Span::whole(want.size).is_none() {
            return;
        }
        let replicas = self.files.entry(key).or_insert_with(|| FileReplicas {
            want: want.clone(),
            by_peer: VecMap::new(),
            wake: None,
            extra: None,
        });
        replicas.want = want;
        if replicas.extra().owner_lost != owner_lost {
            replicas.extra_mut().owner_lost = owner_lost;
        }
        for place in places.iter().take(limits::PLACES) {
            let is_here = place.peer == self.me || self.live.contains_key(&place.peer);
            replicas.by_peer.insert_new(
                place.peer,
                KnownReplica {
                    copy: place.copy,
                    span: place.span,
                    state: ReplicaState::Kept,
                    proof: ReplicaProof::None,
                    seen: now,
                    lost: (!is_here).then_some((now, false)),
                },
            );
            self.by_peer.add(place.peer, key);
        }
        self.evaluate(now, key);
    }

    /// A file is to have copies no longer, or somebody else acts for it.
    pub fn unwant(&mut self, now: Time, key: LedgerKey) {
        let Some(mut replicas) = self.files.remove(&key) else { return };
        for peer in replicas.by_peer.keys() {
            self.by_peer.remove(*peer, key);
        }
        if let Some(wake) = replicas.wake {
            self.agenda.remove(&(wake, key));
        }
        self.queue.dequeue(key, &mut replicas);
        self.placing.remove(&key);
        self.starved.remove(key);
        if key.0 == self.me {
            self.out.push_back(DistributorOutput::Placed(key.1, None));
        }
        self.pump(now);
    }

    /// True if this machine acts for the file.
    #[must_use]
    pub fn tends(&self, key: LedgerKey) -> bool {
        self.files.contains_key(&key)
    }

    /// The files it acts for.
    pub fn wanted(&self) -> impl Iterator<Item = (LedgerKey, &Want)> {
        self.files.iter().map(|(k, t)| (*k, &t.want))
    }

    /// A peer is here.
    pub fn here(&mut self, now: Time, peer: PeerId) {
        if peer == self.me || self.live.insert(peer, false).is_some() {
            return;
        }
        if self.live.len() == 1 {
            let spread = placement::rank(FileId([0; 32]), 0, self.me) % 1_000;
            self.settles = Some(now + limits::PLACE_AFTER + Duration::from_millis(spread));
        }
        for key in self.by_peer.of(peer) {
            if let Some(replica) = self.files.get_mut(&key).and_then(|r| r.by_peer.get_mut(&peer)) {
                (replica.lost, replica.seen) = (None, now);
            }
            self.evaluate(now, key);
        }
        let starved = self.starved.take();
        offer_starved(self, now, starved, Some(peer));
    }

    /// A peer that is here is about to leave: it takes nothing more, and what it keeps counts no longer.
    pub fn leaving(&mut self, now: Time, peer: PeerId) {
        if let Some(leaving) = self.live.get_mut(&peer) {
            *leaving = true;
        }
        self.lose(now, peer, true);
    }

    /// A peer is gone; `graceful`: it said so itself.
    pub fn gone(&mut self, now: Time, peer: PeerId, graceful: bool) {
        self.live.remove(&peer);
        self.spaces.forget(peer);
        self.lose(now, peer, graceful);
    }

    /// What this peer keeps is lost, from now on unless it was before.
    fn lose(&mut self, now: Time, peer: PeerId, graceful: bool) {
        for key in self.by_peer.of(peer) {
            let Some(replicas) = self.files.get_mut(&key) else { continue };
            match replicas.by_peer.get_mut(&peer) {
                Some(replica) if replica.state == ReplicaState::Kept => {
                    replica.lost = Some(replica.lost.unwrap_or((now, graceful)));
                }
                Some(_) => {
                    replicas.by_peer.remove(&peer);
                    self.by_peer.remove(peer, key);
                }
                None => {}
            }
            self.evaluate(now, key);
        }
        for key in self.placing.iter().copied().collect::<Vec<_>>() {
            self.next_if_asked(now, key, peer);
        }
    }

    /// This peer is about to leave: its own copies count no longer.
    pub fn leave(&mut self, now: Time) {
        self.rules.leaving = true;
        draw_sample(self);
        self.settles = None;
        for key in self.files.keys().copied().collect::<Vec<_>>() {
            self.evaluate(now, key);
        }
    }

    /// Who keeps a file, as far as it is known.
    #[must_use]
    pub fn places(&self, key: LedgerKey) -> Vec<Replica> {
        self.files.get(&key).map(|t| t.places(key.0)).unwrap_or_default()
    }

    /// When [`Self::handle_timeout`] is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let due = self.agenda.first().map(|(t, _)| *t);
        [due, self.settles, self.starved.poll_timeout()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.settles.take_if(|at| *at <= now).is_some() {
            self.pump(now);
        }
        let starved = self.starved.due(now);
        offer_starved(self, now, starved, None);
        while let Some((at, key)) = self.agenda.first().copied().filter(|(at, _)| *at <= now) {
            self.agenda.remove(&(at, key));
            if let Some(replicas) = self.files.get_mut(&key) {
                replicas.wake = None;
                if replicas.extra().starved {
                    replicas.extra_mut().starved = false;
                    self.starved.remove(key);
                }
            }
            self.overdue(now, key);
            self.evaluate(now, key);
        }
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<DistributorOutput> {
        self.out.pop_front()
    }

    /// Says where an own file is.
    fn placed(&mut self, key: LedgerKey) {
        if key.0 == self.me
            && let Some(replicas) = self.files.get(&key)
        {
            self.out.push_back(DistributorOutput::Placed(key.1, Some(replicas.row())));
        }
    }
}

/// Files for which nobody had space are offered again. `newcomer` may only have been out of reach when it
/// was asked.
fn offer_starved(
    distributor: &mut Distributor,
    now: Time,
    starved: BTreeSet<LedgerKey>,
    newcomer: Option<PeerId>,
) {
    for key in starved {
        if let Some(replicas) = distributor.files.get_mut(&key) {
            let extra = replicas.extra_mut();
            extra.starved = false;
            if let Some(peer) = newcomer {
                extra.refused.remove(&peer);
            }
        }
        distributor.evaluate(now, key);
    }
}

/// Who keeps which part of a file now, and not only agreed to do so.
#[must_use]
pub fn keepers(distributor: &Distributor, key: LedgerKey) -> Vec<Replica> {
    distributor.files.get(&key).map(|file| file.row().places).unwrap_or_default()
}

#[cfg(test)]
mod tests;
