//! What the disk coordinator looked up for a file, and what holds for those beside it until its turn is over.

use std::sync::Arc;

use super::place::Destination;
use super::walk::LastWay;
use crate::disk::limits;
use crate::sys::space::{Space, space};

/// What was looked up in this turn.
#[derive(Debug, Default)]
pub(super) struct DiskTurn {
    /// The folder where it was looked for twins.
    pub(super) way: LastWay,
    space: Option<(u64, Space)>,
}

impl DiskTurn {
    /// Bytes that may still be written below `place`, beside the `promised` ones, if that is known. What was asked before
    /// in this turn is as good where `wanted` surely fits: the writers wrote no more meanwhile than blocks hold.
    pub(super) fn room(&mut self, place: &Arc<Destination>, wanted: u64, promised: u64) -> Option<u64> {
        let left = |space: &Space| {
            let reserve = limits::DISK_RESERVE.min(space.total / 64);
            space.available.saturating_sub(reserve).saturating_sub(promised)
        };
        if let Some((volume, before)) = &self.space
            && *volume == place.identity.volume
            && wanted.saturating_add(limits::BLOCK_POOL as u64) <= left(before)
        {
            return Some(left(before));
        }
        let now = space(&place.root).inspect_err(|e| log::debug!("the free space is not known: {e}")).ok()?;
        self.space = Some((place.identity.volume, now));
        Some(left(&now))
    }
}
