//! How custody's machine (`custody/custodian/mod.rs`) is driven: it is given what the other parts tell, its
//! records are written, and then what it wants is done, in that order. Pure.
//!
//! What others may have of it all is in `served.rs`, what concerns this peer's own files in `own_files.rs` and
//! `restoring.rs`, what is fetched for it in `fetching.rs`, what waits for the disk in `records.rs`.

mod fetching;
mod ordered;
mod own_files;
mod records;
mod restoring;
mod served;
mod standing;

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use self::fetching::{Challenge, KeepOrder};
use self::own_files::OwnFiles;
pub(super) use self::records::Act;
use self::records::Records;
use self::restoring::Restoring;
pub(super) use self::served::CarriedCopy;
use self::served::{NOTE, Served, name_of, parts_of};
use super::downloads::Downloads;
use super::file_work::FileWork;
use super::jobs::Jobs;
use super::output::{Outputs, PeerOutput};
use super::own_peer::OwnPeer;
use super::roster::Roster;
use super::shared::{Announcement, SharedFolder};
use crate::content::{Catalogue, Head};
use crate::custody::custodian::{Custodian, CustodianConfig, CustodianOutput};
use crate::custody::keeper::KeeperConfig;
use crate::custody::ledger::{Ledger, Present};
use crate::custody::quota::{Lend, default_lend};
use crate::distribution::CustodyCommand;
use crate::identity::{Instance, PeerId};
use crate::lan::PeerInfo;
use crate::peer::limits;
use crate::receiver::ReceiverCommand;
use crate::sender::KeptOf;
use crate::settings::Settings;
use crate::store::{LedgerRow, LedgerWritten};
use crate::swarm::JobId;
use crate::time::Time;
use crate::wire::custody::{CustodyMessage as Message, KeeperReport};

/// Custody as the ledger and the chunk store tell it at the start.
#[derive(Debug)]
pub(crate) struct RestoredCustody {
    pub(crate) machine: Custodian,
    /// The rows of the ledger under [`NOTE`].
    pub(crate) notes: Vec<LedgerRow>,
    /// What lies in the store.
    pub(crate) present: Present,
}

/// What custody left on the disk before this start.
#[derive(Debug)]
pub(crate) struct CustodyOnDisk {
    /// Free bytes of the store's file system.
    pub(crate) free: u64,
    /// Bytes that are kept for other networks than this one.
    pub(crate) elsewhere: u64,
    /// What lies in the store.
    pub(crate) present: Present,
    /// All rows of the ledger.
    pub(crate) rows: Vec<LedgerRow>,
}

impl RestoredCustody {
    /// Custody of the peer `me`, which starts now as `instance`. The secret is random, and nobody else's.
    pub(crate) fn new(
        now: Time,
        settings: &Settings,
        me: PeerId,
        instance: Instance,
        secret: [u8; 32],
        disk: CustodyOnDisk,
    ) -> Self {
        let CustodyOnDisk { free, elsewhere, present, rows } = disk;
        // The user lends so much in all: what other networks have of it is not there for this one.
        let lent = settings.lent().unwrap_or_else(|| default_lend(free.saturating_add(elsewhere)));
        let lend = Lend { bytes: lent.saturating_sub(elsewhere), reserve: limits::LEND_RESERVE };
        let keeper = KeeperConfig { lend, free, keep: settings.keep, keep_deleted: settings.keep_deleted };
        let config = CustodianConfig {
            copies: settings.copies,
            auto_copy: settings.auto_copy,
            repair: settings.repair_after,
            keeper,
            secret,
        };
        let (notes, rows): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.key.first() == Some(&NOTE));
        let ledger = Ledger::of(rows.into_iter().filter_map(|row| row.value));
        let machine = Custodian::new(now, me, instance, config, ledger, &present);
        Self { machine, notes, present }
    }
}

/// The machine, and what is on the way between it and the other parts.
#[derive(Debug)]
pub(super) struct CustodyDriver {
    pub(super) machine: Custodian,
    pub(super) records: Records,
    /// Challenges whose folder is being made.
    challenges: BTreeMap<JobId, Challenge>,
    /// How often the store was asked for its space and has not said it.
    looks: u64,
    pub(super) served: Served,
    pub(super) own: OwnFiles,
    pub(super) restoring: Restoring,
}

impl CustodyDriver {
    /// As it was before this start.
    pub(super) fn new(restored: RestoredCustody) -> Self {
        let RestoredCustody { machine, notes, present } = restored;
        Self {
            machine,
            records: Records::default(),
            challenges: BTreeMap::new(),
            looks: 0,
            served: Served::new(notes, present),
            own: OwnFiles::default(),
            restoring: Restoring::default(),
        }
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let own = [self.own.poll_timeout(), self.restoring.poll_timeout(), self.served.poll_timeout()];
        let all = [self.machine.poll_timeout(), self.records.poll_timeout()].into_iter().chain(own);
        all.flatten().min()
    }

    /// Lets the machine do what is due.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.machine.poll_timeout().is_some_and(|at| at <= now) {
            self.machine.handle_timeout(now);
        }
    }

    /// The next thing that the machine wants done and that may be done now.
    pub(super) fn next_act(
        &mut self,
        now: Time,
        own: &mut OwnPeer,
        shared: &mut SharedFolder,
        out: &mut Outputs,
    ) -> Option<CustodianOutput> {
        loop {
            self.records.take_in(&mut self.machine);
            if let Some(report) = self.records.next_report() {
                return Some(report);
            }
            if !self.records.write(now, out) {
                self.announce_unrecorded(own, shared, out);
            }
            match self.records.next_act()? {
                Act::Do(output) => return Some(output),
                Act::Announce(announcement) => self.announce(*announcement, own, shared, out),
            }
        }
    }

    /// Brings to the sender what changed of what is kept, once in a while.
    pub(super) fn serve(&mut self, now: Time, me: PeerId, roster: &mut Roster, out: &mut Outputs) {
        if self.served.handle_timeout(now, me, self.machine.keeper(), roster, out) {
            self.own.call(now);
        }
    }

    /// A peer is here, or can be reached otherwise, or began again.
    pub(super) fn here(&mut self, now: Time, info: &PeerInfo, out: &mut Outputs) {
        if !info.contact.hosts.is_empty() {
            out.custody(CustodyCommand::Peer(info.contact.clone()));
        }
        self.machine.here(now, info.contact.id, info.instance, info.state);
        self.served.stale(now);
    }

    /// A peer is gone; `is_graceful`: it said so.
    pub(super) fn gone(&mut self, now: Time, id: PeerId, is_graceful: bool, out: &mut Outputs) {
        out.custody(CustodyCommand::Gone(id));
        self.machine.gone(now, id, is_graceful);
        self.served.stale(now);
    }

    /// This machine slept, or may be in another network.
    pub(super) fn network_changed(&mut self, now: Time) {
        self.machine.network_changed();
        self.served.stale(now);
    }

    /// An owner's catalogue, of one who keeps its files.
    pub(super) fn on_owner_catalogue(
        &mut self,
        now: Time,
        origin: PeerId,
        signed: &Arc<[u8]>,
        catalogue: &Arc<Catalogue>,
    ) {
        self.machine.learned(now, origin, signed, catalogue);
        self.served.stale(now);
    }

    /// An owner whose files are kept has another head: what it deleted since is to go, and what it renamed is
    /// to be found, even if it leaves before this peer reports to it.
    pub(super) fn keep_up(&self, owner: PeerId, head: &Head, out: &mut Outputs) {
        let keeper = self.machine.keeper();
        if keeper.owner_catalogue(owner).is_some_and(|known| known.number() < head.number()) {
            out.receiver(ReceiverCommand::OwnerCatalogue { from: owner, origin: owner });
        }
    }

    /// A peer tells what it keeps of absent owners.
    pub(super) fn on_kept(
        me: PeerId,
        from: PeerId,
        all: Vec<KeptOf>,
        roster: &mut Roster,
        downloads: &Downloads,
        out: &mut Outputs,
    ) {
        let all = all.into_iter().filter(|of| of.origin != me);
        let all = all.map(|of| (of.origin, name_of(of.origin, &of.announcement), parts_of(&of.rows)));
        for origin in roster.away.kept(from, all.collect::<Vec<_>>()) {
            if roster.contact(origin).is_none() {
                out.receiver(ReceiverCommand::OwnerCatalogue { from, origin });
            }
        }
        downloads.new_keepers(&roster.away, out);
    }

    /// So many bytes of the store's file system are free.
    pub(super) fn on_space(&mut self, free: u64) {
        // What ended since it was looked is in neither number: then a newer one is on its way.
        self.looks = self.looks.saturating_sub(1);
        if self.looks == 0 {
            let coming = self.machine.keeper().coming();
            self.machine.set_free(free.saturating_sub(coming));
        }
    }

    /// The store thread wrote some records, or could not.
    pub(super) fn on_written(
        &mut self,
        now: Time,
        written: LedgerWritten,
        own: &mut OwnPeer,
        shared: &mut SharedFolder,
        out: &mut Outputs,
    ) {
        self.served.stale(now);
        if !self.records.written(now, written, out) {
            self.announce_unrecorded(own, shared, out);
        }
    }

    /// A message of custody's, of a peer that TLS authenticated at this address.
    pub(super) fn on_message(
        &mut self,
        now: Time,
        from: PeerId,
        source: IpAddr,
        message: Message,
        out: &mut Outputs,
    ) {
        if self.records.are_behind() {
            return out.debug(format!("a message of custody of {from} comes at a bad time"));
        }
        self.machine.message(now, from, source, message);
    }

    /// A peer says what it keeps of this peer's files: it may have to give some of it back.
    pub(super) fn note_report(
        &mut self,
        from: PeerId,
        report: &KeeperReport,
        shared: &SharedFolder,
        jobs: &Jobs,
        out: &mut Outputs,
    ) {
        if !self.records.are_behind() {
            let here = |file| shared.shelf.files.contains_key(&file);
            self.restoring.note(from, report, here, !jobs.restoring().is_empty(), out);
        }
    }

    /// Sends a message of the machine's.
    pub(super) fn send(&mut self, to: PeerId, message: Message, out: &mut Outputs) {
        if matches!(message, Message::Report(_)) {
            self.served.serve_chunks(self.machine.keeper(), out);
        }
        // Orders answer what came to the distributor's port, all else it says itself.
        let is_of_distributor =
            matches!(message, Message::GetSpace(_) | Message::Offer(_) | Message::Orders(_));
        let command = CustodyCommand::Send(to, message);
        out.push(match is_of_distributor {
            true => PeerOutput::Distributor(command),
            false => PeerOutput::Distributee(command),
        });
    }

    /// The disk takes no records: what is shared is given out all the same, only no copies of it are made.
    fn announce_unrecorded(&mut self, own: &mut OwnPeer, shared: &mut SharedFolder, out: &mut Outputs) {
        if let Some(announcement) = self.own.take_unrecorded() {
            self.announce(announcement, own, shared, out);
        }
    }

    /// The head is recorded: from now on others get it.
    fn announce(
        &mut self,
        announcement: Announcement,
        own: &mut OwnPeer,
        shared: &mut SharedFolder,
        out: &mut Outputs,
    ) {
        let version = announcement.version;
        if version <= own.presence.catalogue {
            return;
        }
        self.own.is_announced(version);
        shared.announce(announcement, out);
        let recovery = self.machine.recovery();
        let forgotten = shared.shares.forget_unshared(recovery.named().chain(recovery.intends()));
        if !forgotten.is_empty() {
            out.files(FileWork::ForgetShares(forgotten));
        }
        own.announce_catalogue(version, out);
    }
}
