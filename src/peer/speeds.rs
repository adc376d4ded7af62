//! How fast others gave lately what was asked of them, for whoever chooses one of them. Pure.

use std::collections::BTreeMap;

use super::roster::Roster;
use crate::identity::PeerId;
use crate::swarm::SourceRate;

/// Bytes a second of each peer that is here and gave something. Only who is fetched from is remembered.
#[derive(Debug, Default)]
pub(super) struct SpeedsSeen(BTreeMap<PeerId, u64>);

impl SpeedsSeen {
    /// These give so fast now. Whoever is gone is forgotten.
    pub(super) fn note(&mut self, rates: &[SourceRate], roster: &Roster) {
        if rates.is_empty() {
            return;
        }
        self.0.extend(rates.iter().map(|source| (source.peer, source.rate)));
        self.0.retain(|peer, _| roster.contact(*peer).is_some());
    }

    /// How fast this one gave when it gave last.
    pub(super) fn get(&self, peer: PeerId) -> Option<u64> {
        self.0.get(&peer).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{key, roster};
    use super::*;

    #[test]
    fn the_last_speed_counts_and_whoever_is_gone_has_none() {
        let (mut seen, [anna, bert]) = (SpeedsSeen::default(), [1, 2].map(|n| key(n).peer_id()));
        let rates = |rate| [anna, bert].map(|peer| SourceRate { peer, rate });
        let both = roster(&[("anna", &[]), ("bert", &[])]);
        seen.note(&rates(7), &both);
        seen.note(&rates(9)[..1], &both);
        assert_eq!((seen.get(anna), seen.get(bert)), (Some(9), Some(7)));
        seen.note(&[], &roster(&[]));
        seen.note(&rates(5)[..1], &roster(&[("anna", &[])]));
        assert_eq!((seen.get(anna), seen.get(bert)), (Some(5), None));
    }
}
