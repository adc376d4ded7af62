//! Who this peer is, how it was set, and what it says of itself. Pure.

use std::sync::Arc;

use crate::group::GroupName;
use crate::identity::{Identity, Instance, PeerId};
use crate::lan::{self, OrderClaim, OwnPresence};
use crate::peer::offices::OwnArrival;
use crate::peer::output::Outputs;
use crate::settings::Settings;
use crate::time::Time;
use crate::wire::datagram::PresenceState;

/// This very peer.
#[derive(Debug)]
pub(super) struct OwnPeer {
    pub(super) settings: Settings,
    pub(super) identity: Arc<Identity>,
    /// The group that it is in; `None`: the open network.
    pub(super) group: Option<GroupName>,
    pub(super) instance: Instance,
    /// What is announced.
    pub(super) presence: OwnPresence,
    /// Its ticket, which `lan` takes and announces; 0: none yet.
    pub(super) ticket: u64,
    /// Why its ports are not those that were asked for, if so; in words.
    pub(super) moved: Option<String>,
    /// When it was started.
    pub(super) started: Time,
}

impl OwnPeer {
    /// Its id.
    pub(super) fn id(&self) -> PeerId {
        self.identity.id()
    }

    /// True if a user who says this of a peer means this very one.
    pub(super) fn is_called(&self, word: &str) -> bool {
        self.presence.name.as_str() == word || self.id().full() == word.to_lowercase()
    }

    /// Its part in the order of arrival.
    pub(super) fn arrival(&self) -> OwnArrival {
        let arrival = OrderClaim { ticket: self.ticket, duty: self.presence.duty };
        OwnArrival { id: self.id(), arrival, state: self.presence.state }
    }

    /// From now on the catalogue of this version is announced.
    pub(super) fn announce_catalogue(&mut self, version: u64, out: &mut Outputs) {
        self.presence.catalogue = version;
        out.discovery(lan::Command::Own(self.presence.clone()));
    }

    /// From now on it is announced that this peer does not stay.
    pub(super) fn announce_leaving(&mut self, out: &mut Outputs) {
        self.presence.state = PresenceState::Leaving;
        out.discovery(lan::Command::Own(self.presence.clone()));
    }

    /// This start counts as a later one, for a copy of this folder was started meanwhile.
    pub(super) fn renew(&mut self, instance: Instance, out: &mut Outputs) {
        self.instance = instance;
        out.discovery(lan::Command::Instance(instance));
    }
}
