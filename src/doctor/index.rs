//! Who keeps the index, and what helps where nobody does. Pure.

use super::facts::PeerFacts;
use super::judging::{fine, note};
use crate::control::{Diagnosis, DoctorFinding};

/// What starts a peer that does nothing but keep the index.
const KEEPER: &str = "potluck --index-only";

/// What is to be said of it, if anybody else is here.
pub(super) fn findings(peer: &PeerFacts) -> Option<DoctorFinding> {
    let index = &peer.index;
    let what = Diagnosis::Index(index.clone());
    let is_missing = index.large && index.supernode.is_none();
    let finding = if is_missing { note(what).with(vec![KEEPER.to_owned()]) } else { fine(what) };
    (!peer.members.is_empty()).then_some(finding)
}
