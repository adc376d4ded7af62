//! What the distributor knows of one file, and of those that keep it. Pure.

use super::Want;
use super::placing::Placement;
use super::surplus::Checking;
use crate::content::Span;
use crate::custody::ledger::PlacedRow;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;
use crate::vec_map::VecMap;
use crate::wire::custody::Replica;

/// What a peer is believed to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplicaState {
    /// It said that it keeps it, unasked: to be challenged.
    Claimed,
    /// It accepted, and has so many chunks.
    Promised(u32),
    /// It has reported all of it.
    Kept,
}

/// Whether a peer has shown a random chunk of what it says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplicaProof {
    /// Nobody asked.
    None,
    /// It was asked.
    Asked,
    /// It has.
    Proved,
}

/// One peer that has, or will have, a part.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownReplica {
    pub(super) copy: u8,
    pub(super) span: Span,
    pub(super) state: ReplicaState,
    pub(super) proof: ReplicaProof,
    /// When it last said so, or came further.
    pub(super) seen: Time,
    /// Since when it is away, and whether it left gracefully.
    pub(super) lost: Option<(Time, bool)>,
}

/// One file.
#[derive(Debug)]
pub(super) struct FileReplicas {
    pub(super) want: Want,
    pub(super) by_peer: VecMap<PeerId, KnownReplica>,
    pub(super) wake: Option<Time>,
    /// Of 100,000 files few have any of it.
    pub(super) extra: Option<Box<Extra>>,
}

/// What is not known of most files.
#[derive(Debug)]
pub(super) struct Extra {
    /// Since when its owner is away, and whether it left gracefully; `None` for own files.
    pub(super) owner_lost: Option<(Time, bool)>,
    /// Until when whoever refused is not asked again.
    pub(super) refused: VecMap<PeerId, Time>,
    pub(super) asking: Option<Placement>,
    /// True if nobody was left to be asked.
    pub(super) starved: bool,
    /// Since when there is a copy too many.
    pub(super) surplus: Option<Time>,
    pub(super) checking: Option<Checking>,
    /// Whom to tell that its part is not needed.
    pub(super) spared: Option<PeerId>,
    pub(super) queued: Option<(u32, u64)>,
}

static NO_EXTRA: Extra = Extra::new();

impl Extra {
    const fn new() -> Self {
        Self {
            owner_lost: None,
            refused: VecMap::new(),
            asking: None,
            starved: false,
            surplus: None,
            checking: None,
            spared: None,
            queued: None,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.owner_lost.is_none()
            && self.refused.len() == 0
            && self.asking.is_none()
            && !self.starved
            && self.surplus.is_none()
            && self.checking.is_none()
            && self.spared.is_none()
            && self.queued.is_none()
    }
}

impl FileReplicas {
    pub(super) fn extra(&self) -> &Extra {
        self.extra.as_deref().unwrap_or(&NO_EXTRA)
    }

    pub(super) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_with(|| Box::new(Extra::new()))
    }

    /// All of its chunks. ([`Distributor::want`] takes no file that is too large to have any.)
    pub(super) fn whole(&self) -> Span {
        Span::whole(self.want.size).unwrap_or(Span { from: 0, to: 0 })
    }

    /// Who has a part of it, or accepted one, and is here, `but` aside, in order. (Two that accept at the
    /// same time must know each other, or both would act for it once the owner is away.)
    pub(super) fn places(&self, but: PeerId) -> Vec<Replica> {
        let is_known = |s: &KnownReplica| s.lost.is_none() && s.state != ReplicaState::Claimed;
        let there = self.by_peer.iter().filter(|(p, s)| **p != but && is_known(s));
        let mut places: Vec<Replica> =
            there.map(|(peer, s)| Replica { copy: s.copy, span: s.span, peer: *peer }).collect();
        places.sort_unstable();
        places.truncate(limits::PLACES);
        places
    }

    pub(super) fn row(&self) -> PlacedRow {
        let kept = self.by_peer.iter().filter(|(_, s)| s.state == ReplicaState::Kept);
        PlacedRow {
            size: self.want.size,
            places: kept.map(|(peer, s)| Replica { copy: s.copy, span: s.span, peer: *peer }).collect(),
        }
    }
}
