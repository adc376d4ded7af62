//! Before its own files count as safe to leave, their keepers prove that they have them: each a random chunk, of
//! all files or, of many, of as many random ones as are enough to find out who lies. Pure.

use std::collections::BTreeSet;

use super::replicas::{FileReplicas, KnownReplica, ReplicaProof, ReplicaState};
use super::{Distributor, DistributorOutput};
use crate::content::FileId;
use crate::custody::ledger::LedgerKey;
use crate::custody::limits;
use crate::identity::PeerId;
use crate::time::Time;

/// What is to be proved.
#[derive(Debug)]
pub(super) struct Proving {
    /// The files that keepers prove; `None`: all.
    sample: Option<BTreeSet<FileId>>,
    /// Peers that said they keep something, and could not show it.
    distrusted: BTreeSet<PeerId>,
}

impl Proving {
    pub(super) const fn new() -> Self {
        Self { sample: None, distrusted: BTreeSet::new() }
    }

    /// True if nothing is placed with a peer, for it could not show what it said it had.
    pub(super) fn distrusts(&self, peer: PeerId) -> bool {
        self.distrusted.contains(&peer)
    }

    /// True if a file's keepers are to prove what they have of it.
    fn asks_for(&self, file: FileId) -> bool {
        self.sample.as_ref().is_none_or(|sample| sample.contains(&file))
    }

    /// True if what this keeper has of a file counts.
    pub(super) fn counts(&self, file: FileId, replica: &KnownReplica) -> bool {
        replica.proof == ReplicaProof::Proved || !self.asks_for(file)
    }
}

/// Own files are about to be left to others: which of them are to be proved.
pub(super) fn draw_sample(distributor: &mut Distributor) {
    let own: Vec<FileId> =
        distributor.files.keys().filter(|key| key.0 == distributor.me).map(|key| key.1).collect();
    if own.len() > limits::PROVED_FILES {
        let mut drawn: Vec<(u32, FileId)> =
            own.into_iter().map(|file| (distributor.secret.draw(), file)).collect();
        drawn.sort_unstable();
        drawn.truncate(limits::PROVED_FILES);
        distributor.proving.sample = Some(drawn.into_iter().map(|(_, file)| file).collect());
    }
}

/// Has the keepers of a file prove what they say they have, each once.
pub(super) fn ask_for_proofs(distributor: &mut Distributor, key: LedgerKey, replicas: &mut FileReplicas) {
    if !distributor.rules.must_be_proved(key) || !distributor.proving.asks_for(key.1) {
        return;
    }
    let size = replicas.want.size;
    let unproved = replicas.by_peer.iter().filter(|(_, replica)| {
        replica.state == ReplicaState::Kept && replica.lost.is_none() && replica.proof == ReplicaProof::None
    });
    for peer in unproved.map(|(peer, _)| *peer).collect::<Vec<_>>() {
        let Some(replica) = replicas.by_peer.get_mut(&peer) else { continue };
        replica.proof = ReplicaProof::Asked;
        let chunk = distributor.any_chunk(replica.span);
        distributor.out.push_back(DistributorOutput::Challenge { peer, key, size, chunk });
    }
}

/// A peer could not show what it said it had: while this peer leaves, nothing else that it says counts
/// without a proof.
pub(super) fn distrust(distributor: &mut Distributor, now: Time, peer: PeerId) {
    if !distributor.rules.leaving || !distributor.proving.distrusted.insert(peer) {
        return;
    }
    for key in distributor.by_peer.of(peer) {
        let Some(replicas) = distributor.files.get_mut(&key) else { continue };
        if replicas.by_peer.get(&peer).is_some_and(|replica| replica.proof == ReplicaProof::None) {
            replicas.by_peer.remove(&peer);
            distributor.by_peer.remove(peer, key);
            distributor.placed(key);
            distributor.evaluate(now, key);
        }
    }
}
