//! What the index is told of who shares what. Pure. It is told as much at a time as it takes over: what waits is known
//! by the owner alone, so that no catalogue of before is held for it, however fast it changes.

use core::net::Ipv4Addr;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::coverage::Coverage;
use crate::address::Host;
use crate::content::catalogue::root_of;
use crate::content::{Catalogue, HeadNumber};
use crate::identity::{Instance, PeerId};
use crate::index::{IndexCommand, IndexedFiles};
use crate::peer::limits;
use crate::peer::output::{Outputs, PeerOutput};
use crate::peer::roster::Roster;
use crate::peer::shared::GivenHead;

/// What others are given of what this peer shares.
#[derive(Clone, Copy, Debug)]
pub(in crate::peer) struct OwnCatalogue {
    pub(in crate::peer) id: PeerId,
    /// This start of it.
    pub(in crate::peer) instance: Instance,
    /// `None` before there is a head.
    pub(in crate::peer) given: Option<GivenHead>,
}

/// What it was told, and is to be told.
#[derive(Debug, Default)]
pub(super) struct Feeding {
    /// Owners of whom it is to be told.
    waiting: BTreeSet<PeerId>,
    /// What it was told and has not taken over.
    under_way: usize,
    /// Of those who are not here it knows what was so at this count of changes.
    absent_changes: Option<u64>,
    /// The owners that are not here and whose files it has.
    absent: BTreeSet<PeerId>,
    /// What it has of this peer itself.
    own: Option<Arc<Catalogue>>,
    /// Of those who are here, up to which catalogue it was told what they share.
    pub(super) coverage: Coverage,
}

impl Feeding {
    /// Passes on what changed with those who are here, as far as the index keeps up. Returns of whom it is told.
    pub(super) fn feed(&mut self, roster: &mut Roster, out: &mut Outputs) -> BTreeSet<PeerId> {
        self.waiting.append(&mut roster.take_changed());
        let mut fed = BTreeSet::new();
        while self.under_way < limits::INDEX_FED
            && let Some(owner) = self.waiting.pop_first()
        {
            self.absent.remove(&owner);
            self.absent_changes = None;
            fed.insert(owner);
            let shared = roster.catalogue(owner).filter(|_| roster.contact(owner).is_some());
            self.coverage.set(owner, shared.map(|(head, _)| head.number()));
            match shared {
                Some((_, catalogue)) => {
                    let contact = roster.contact(owner);
                    let hosts = contact.map(|contact| contact.hosts.clone()).unwrap_or_default();
                    let catalogue = Arc::clone(catalogue);
                    self.tell(
                        IndexCommand::Shares(IndexedFiles { owner, hosts, catalogue, only: None }),
                        out,
                    );
                }
                None => self.tell(IndexCommand::Gone(owner), out),
            }
        }
        fed
    }

    /// Passes on what this peer itself shares.
    pub(super) fn feed_own(&mut self, me: PeerId, catalogue: &Catalogue, out: &mut Outputs) {
        let here = Host { ip: Ipv4Addr::LOCALHOST.into(), scope: 0 };
        let catalogue = Arc::new(catalogue.clone());
        self.own = Some(Arc::clone(&catalogue));
        let files = IndexedFiles { owner: me, hosts: vec![here], catalogue, only: None };
        self.tell(IndexCommand::Shares(files), out);
    }

    /// What the index has of this peer, if it is what others are given: that names what is to come back, too, and what
    /// lies in `shared/` may be newer.
    pub(super) fn own_head(&self, own: &OwnCatalogue) -> Option<HeadNumber> {
        let GivenHead { version, root } = own.given?;
        let has = self.own.as_ref().filter(|has| root_of(has.digests()) == root);
        has.map(|_| HeadNumber { instance: own.instance, version })
    }

    /// Passes on what is listed of those who are not here. That changes more often than somebody searches, so it is
    /// done when somebody does.
    pub(super) fn feed_absent(&mut self, roster: &Roster, out: &mut Outputs) {
        let changes = Some(roster.away.changes());
        if self.absent_changes == changes {
            return;
        }
        self.absent_changes = changes;
        let mut gone = std::mem::take(&mut self.absent);
        for files in roster.absent_files() {
            gone.remove(&files.owner);
            self.absent.insert(files.owner);
            let (catalogue, only) = (Arc::clone(files.catalogue), Some(Arc::new(files.kept)));
            let files = IndexedFiles { owner: files.owner, hosts: Vec::new(), catalogue, only };
            self.tell(IndexCommand::Shares(files), out);
        }
        gone.into_iter().for_each(|owner| self.tell(IndexCommand::Gone(owner), out));
    }

    /// The index has taken over what it was told first.
    pub(super) const fn taken(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// True if the index is to be told more than it was told.
    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn tell(&mut self, command: IndexCommand, out: &mut Outputs) {
        self.under_way += 1;
        out.push(PeerOutput::Index(command));
    }
}
