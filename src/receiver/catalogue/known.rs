//! The catalogues of others that are known, and the memory that they take. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::{Catalogue, Head, HeadNumber};
use crate::identity::PeerId;
use crate::receiver::limits;

#[derive(Debug)]
pub(super) struct KnownCatalogue {
    pub(super) head: Head,
    pub(super) catalogue: Arc<Catalogue>,
    bytes: usize,
    /// Its peer is gone: first to make room.
    gone: bool,
    /// The newest number that came from this peer itself.
    pub(super) reported: Option<HeadNumber>,
}

/// The newest catalogue known of each owner. Those of peers that are gone are kept while there is room, for
/// when they come back.
#[derive(Debug, Default)]
pub(super) struct KnownCatalogues {
    pub(super) known: BTreeMap<PeerId, KnownCatalogue>,
}

impl KnownCatalogues {
    pub(super) fn get(&self, owner: PeerId) -> Option<&KnownCatalogue> {
        self.known.get(&owner)
    }

    /// This peer is here, or gone.
    pub(super) fn set_gone(&mut self, peer: PeerId, gone: bool) {
        if let Some(known) = self.known.get_mut(&peer) {
            known.gone = gone;
        }
    }

    /// Takes in a catalogue of `bytes` bytes, instead of what was known of this owner. False if there is no
    /// place for it.
    pub(super) fn keep(
        &mut self,
        owner: PeerId,
        is_own: bool,
        head: &Head,
        catalogue: &Arc<Catalogue>,
        bytes: usize,
    ) -> bool {
        // Whoever is not here itself goes first when room is needed.
        let before = self.known.get(&owner);
        let (gone, reported) = before.map_or((true, None), |known| (known.gone, known.reported));
        if !self.make_room(owner, bytes) {
            return false;
        }
        let (head, catalogue) = (head.clone(), Arc::clone(catalogue));
        let known = KnownCatalogue { head, catalogue, bytes, gone: gone && !is_own, reported };
        self.known.insert(owner, known);
        true
    }

    /// A head came whose catalogue is known: from the owner itself, or from somebody else.
    pub(super) fn renew(&mut self, owner: PeerId, is_own: bool, head: &Head) {
        let Some(known) = self.known.get_mut(&owner) else { return };
        if is_own {
            known.reported = Some(head.number());
        }
        if is_own || known.head.number() < head.number() {
            known.head = head.clone();
        }
    }

    /// Forgets catalogues of peers that are gone until `bytes` more fit; false if they do not.
    fn make_room(&mut self, owner: PeerId, bytes: usize) -> bool {
        self.known.remove(&owner);
        loop {
            let sum: usize = self.known.values().map(|known| known.bytes).sum();
            if sum + bytes <= limits::REMOTE_CATALOGUES {
                return true;
            }
            let gone = self.known.iter().find(|(_, known)| known.gone).map(|(owner, _)| *owner);
            let Some(gone) = gone else { return false };
            self.known.remove(&gone);
        }
    }
}
