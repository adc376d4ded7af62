//! How files stand with others, as users are told: own ones, and what is kept here. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::CustodyDriver;
use crate::content::FileId;
use crate::control::{CustodyRow, KeptFor};
use crate::identity::PeerId;
use crate::peer::jobs::Jobs;
use crate::peer::limits;
use crate::peer::listing::OwnCopies;
use crate::peer::own_peer::OwnPeer;
use crate::peer::roster::Roster;
use crate::peer::shared::SharedFolder;

impl CustodyDriver {
    /// How an own file stands, for `list`.
    pub(in crate::peer) fn own_copies(&self, me: PeerId, file: FileId) -> OwnCopies {
        let wanted = self.machine.copies().of(file);
        let standing = self.machine.distributor().standing((me, file));
        OwnCopies {
            kept: standing.map_or(0, |s| s.kept.into()),
            wanted,
            is_here: standing.is_some_and(|s| s.is_here),
            large: wanted > 1 && standing.is_none() && self.own.is_recorded(),
        }
    }

    /// What `status` tells of custody.
    pub(in crate::peer) fn row(
        &self,
        own: &OwnPeer,
        shared: &SharedFolder,
        jobs: &Jobs,
        roster: &Roster,
    ) -> CustodyRow {
        let keeper = self.machine.keeper();
        let mut row = CustodyRow {
            copies: own.settings.copies,
            lent: keeper.quota().lent(),
            used: keeper.quota().taken(),
            free_reserve: limits::LEND_RESERVE,
            fetching: jobs.n_keeping() as u64,
            conflict: self.machine.is_overruled(),
            lost: self.machine.recovery().n_missing() as u64,
            absent: self.machine.recovery().n_absent() as u64,
            ..Default::default()
        };
        self.count_own(own.id(), shared, &mut row);
        self.count_kept(roster, &mut row);
        row
    }

    fn count_own(&self, me: PeerId, shared: &SharedFolder, row: &mut CustodyRow) {
        let distributor = self.machine.distributor();
        let paths = shared.paths();
        for (key, want) in distributor.wanted().filter(|((owner, _), _)| *owner == me) {
            // What is on its way back lies at no path yet.
            let files = paths.get(&key.1).map_or(1, |paths| paths.len() as u64);
            row.own_files += files;
            if let Some(standing) = distributor.standing(key) {
                let others = u32::from(want.copies.saturating_sub(1));
                row.own_whole += if standing.kept >= others { files } else { 0 };
                row.moving +=
                    if standing.kept < others && standing.coming > standing.kept { files } else { 0 };
            }
        }
    }

    fn count_kept(&self, roster: &Roster, row: &mut CustodyRow) {
        let keeper = self.machine.keeper();
        let mut files = BTreeSet::new();
        let mut owners: BTreeMap<PeerId, u64> = BTreeMap::new();
        for ((owner, file), ..) in keeper.all() {
            files.insert(file);
            *owners.entry(owner).or_default() += 1;
        }
        row.kept_files = files.len() as u64;
        let kept_for = owners.into_iter().map(|(owner, files)| KeptFor {
            name: self.served.name(owner).unwrap_or_else(|| roster.name(owner)),
            id: owner.full(),
            files,
            bytes: keeper.quota().taken_for(owner),
            away: roster.contact(owner).is_none(),
        });
        row.kept_for = kept_for.collect();
        row.kept_for.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.id.cmp(&b.id)));
        row.kept_for.truncate(limits::KEPT_FOR_TOLD);
    }
}
