//! What was shared and is left out by rule from now on. Pure.

use std::sync::Arc;

use super::Custodian;
use crate::content::{Catalogue, FolderIdentity, LeftOut, Mounts};
use crate::time::Time;

/// As [`Recovery::withdraw`](crate::custody::recovery::Recovery::withdraw); before [`Custodian::scanned`], and before
/// the head is made.
pub fn withdraw(
    custodian: &mut Custodian,
    now: Time,
    identity: FolderIdentity,
    left_out: &Arc<LeftOut>,
    mounts: &Mounts,
    found: &Catalogue,
) {
    custodian.recovery.withdraw(custodian.clock.at(now), identity, left_out, mounts, found);
    custodian.gather(now);
}
