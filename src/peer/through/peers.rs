//! By which way a file comes that this peer cannot get from who shares it. Pure.

use crate::identity::PeerId;
use crate::peer::roster::Roster;

/// Who shares a file that this peer cannot reach, and who fetches it for this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::peer) struct ThroughPeers {
    pub(in crate::peer) owner: PeerId,
    pub(in crate::peer) carrier: PeerId,
}

impl ThroughPeers {
    /// As they are shown.
    pub(in crate::peer) fn shown(&self, roster: &Roster) -> String {
        roster.shown_names(&[self.owner, self.carrier]).join(" through ")
    }
}
