//! Custody of one peer: keeper, distributor, hand-off and recovery, and the messages between them. Pure.
//!
//! The one machine that a shell drives. What it returns from [`Custodian::poll_output`] is to be done in
//! that order; a [`Record`] is written before what comes after it is sent. What comes from other peers is in
//! `messages`, which own files are to have copies in `copies`, what the parts want of one another in
//! `outputs`.

mod copies;
mod messages;
mod outputs;
mod requests;
mod withdrawal;

pub use self::copies::CopyTargets;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use self::requests::PendingRequests;
pub use self::withdrawal::withdraw;
use super::distributor::Distributor;
use super::handoff::{Handoff, HandoffProgress, HandoffReport};
use super::keeper::{self, Keeper};
use super::ledger::{Ledger, LedgerKey, LivedClock, Present, Record, Shared};
use super::look::SharedLook;
use super::owner_catalogue::OwnerCatalogue;
use super::placement::PlacementSecret;
use super::recovery::{Decision, Fate, FileCount, Recovery};
use crate::content::{Catalogue, Entry, EntryKind, FileId, SafePath, Span};
use crate::identity::{Instance, PeerId};
use crate::time::Time;
use crate::wire::custody::CustodyMessage;
use crate::wire::datagram::PresenceState;

/// What a user may set.
#[derive(Clone, Copy, Debug)]
pub struct CustodianConfig {
    /// `--copies`: how many copies of an own file there are to be, the own one included; 1 turns it off.
    pub copies: u8,
    /// `--auto-copy`: bytes in all that are copied by themselves.
    pub auto_copy: u64,
    /// For how long a copy that was lost in a crash still counts. Default: [`super::limits::REPAIR_DELAY`].
    pub repair: core::time::Duration,
    /// What is lent.
    pub keeper: keeper::KeeperConfig,
    /// Random bytes that nobody else knows, other ones at each start.
    pub secret: [u8; 32],
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum CustodianOutput {
    /// Send to a peer: [`CustodyMessage::Report`] to its distributor's port, answers on the connection that
    /// the request came by, everything else to its distributee's port.
    Send(PeerId, CustodyMessage),
    /// As [`keeper::KeeperOutput::Fetch`].
    #[expect(missing_docs, reason = "told there")]
    Fetch { file: FileId, size: u64, span: Span, sources: Vec<PeerId> },
    /// As [`keeper::KeeperOutput::Drop`].
    #[expect(missing_docs, reason = "told there")]
    Drop { file: FileId, keep: Vec<Span> },
    /// As [`keeper::KeeperOutput::Challenge`]; then [`Custodian::challenge_answered`].
    #[expect(missing_docs, reason = "told there")]
    Challenge { peer: PeerId, key: LedgerKey, size: u64, chunk: u32 },
    /// Pull this owner's newest head and catalogue from that peer; then [`Custodian::learned`].
    #[expect(missing_docs, reason = "told in the line above")]
    Pull { origin: PeerId, from: PeerId },
    /// To be written.
    Record(Record),
    /// As [`super::recovery::RecoveryOutput::Ask`].
    #[expect(missing_docs, reason = "told there")]
    Ask { files: usize, bytes: u64 },
    /// As [`super::recovery::RecoveryOutput::Absent`].
    Absent(SafePath, FileCount),
    /// As [`super::recovery::RecoveryOutput::Withdrawn`].
    Withdrawn(FileCount),
    /// As [`super::recovery::RecoveryOutput::Restore`]; these peers keep some of it.
    Restore(Entry, Vec<PeerId>),
    /// As [`super::recovery::RecoveryOutput::Publish`].
    Publish,
    /// Another instance with this peer's key gives out heads: nothing more is placed.
    Conflict,
    /// How far the departure is.
    Leaving(HandoffProgress),
    /// The departure is over.
    Left(HandoffReport),
}

/// Between two looks at how far a departure is.
const LOOK: core::time::Duration = core::time::Duration::from_millis(50);

/// The machine.
#[derive(Debug)]
pub struct Custodian {
    me: PeerId,
    config: CustodianConfig,
    instance: Instance,
    clock: LivedClock,
    keeper: Keeper,
    distributor: Distributor,
    recovery: Recovery,
    handoff: Option<Handoff>,
    /// When the departure is looked at again: not at every one of thousands of reports.
    look: Option<Time>,
    own: Option<OwnerCatalogue>,
    catalogue: Arc<Catalogue>,
    copies: CopyTargets,
    live: BTreeMap<PeerId, (Instance, PresenceState)>,
    requests: PendingRequests,
    conflict: bool,
    out: VecDeque<CustodianOutput>,
}

impl Custodian {
    /// Of the start `instance` of the peer `me`. `present` is what the store really holds.
    #[must_use]
    pub fn new(
        now: Time,
        me: PeerId,
        instance: Instance,
        config: CustodianConfig,
        mut ledger: Ledger,
        present: &Present,
    ) -> Self {
        let keeper = Keeper::new(now, me, config.keeper, &ledger, present);
        let recovery = Recovery::new(me, instance, &mut ledger);
        let placed = ledger.placed.into_iter().map(|(file, row)| (file, row.places)).collect();
        let mut custodian = Self {
            me,
            config,
            instance,
            clock: LivedClock::new(now, ledger.lived),
            keeper,
            distributor: Distributor::new(me, PlacementSecret::new(config.secret))
                .repairing_after(config.repair),
            recovery,
            handoff: None,
            look: None,
            own: None,
            catalogue: Arc::default(),
            copies: CopyTargets::new(&config, ledger.copies, placed),
            live: BTreeMap::new(),
            requests: PendingRequests::default(),
            conflict: false,
            out: VecDeque::new(),
        };
        custodian.gather(now);
        custodian
    }

    /// The keeper, for what it lends and serves.
    #[must_use]
    pub const fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// The distributor, for who keeps what.
    #[must_use]
    pub const fn distributor(&self) -> &Distributor {
        &self.distributor
    }

    /// The recovery, for what is missing and what comes back.
    #[must_use]
    pub const fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// How many copies own files are to have.
    #[must_use]
    pub const fn copies(&self) -> &CopyTargets {
        &self.copies
    }

    /// True if a later start with this peer's key decides.
    #[must_use]
    pub const fn is_overruled(&self) -> bool {
        self.conflict
    }

    /// This peer counts as started again: a copy of its folder was, and has stopped.
    pub const fn renew(&mut self, instance: Instance) {
        self.instance = instance;
        self.recovery.renew(instance);
    }

    /// A peer is here: it came, or says something new of itself. It runs since its start `instance`; in
    /// [`PresenceState::Leaving`] it still gives what it has, but takes nothing more and counts as a copy no
    /// longer.
    pub fn here(&mut self, now: Time, peer: PeerId, instance: Instance, state: PresenceState) {
        if peer == self.me {
            return;
        }
        let before = self.live.insert(peer, (instance, state));
        if before.is_none_or(|(known, _)| known != instance) {
            if before.is_some() {
                // What was reported to it before, a new start may not know.
                self.distributor.gone(now, peer, false);
                self.keeper.gone(now, peer, false);
            }
            self.keeper.here(now, peer);
            self.distributor.here(now, peer);
        }
        if state == PresenceState::Leaving && before != Some((instance, state)) {
            self.distributor.leaving(now, peer);
            self.keeper.leaving(now, peer);
        }
        self.gather(now);
    }

    /// A peer is gone; `graceful`: it said so.
    pub fn gone(&mut self, now: Time, peer: PeerId, graceful: bool) {
        self.live.remove(&peer);
        self.distributor.gone(now, peer, graceful);
        self.keeper.gone(now, peer, graceful);
        self.gather(now);
    }

    /// This machine slept, or may be in another network. Those that are here may be so only because it is not noticed yet
    /// that they are not.
    pub fn network_changed(&mut self) {
        self.keeper.owners.network_changed();
    }

    /// What lies in `shared/`, after a whole look. The head is made after this, with [`Recovery::intends`].
    pub fn scanned(&mut self, now: Time, look: &SharedLook) {
        self.catalogue = Arc::clone(&look.found);
        let before: Vec<SafePath> = self.recovery.intends().map(|e| e.path.clone()).collect();
        self.recovery.scanned(self.clock.at(now), look);
        if !self.recovery.intends().map(|e| &e.path).eq(&before) {
            // What came home is to have its copies again, though the head names what it named before.
            self.choose(now);
        }
        self.gather(now);
    }

    /// What the user wants of what is missing.
    pub fn decide(&mut self, now: Time, decision: Decision) {
        let found = Arc::clone(&self.catalogue);
        self.recovery.decide(self.clock.at(now), decision, &found);
        self.choose(now);
        self.gather(now);
    }

    /// As [`Recovery::give_up`].
    pub fn give_up(&mut self, now: Time, which: impl Fn(&Entry, Fate) -> bool) -> usize {
        let found = Arc::clone(&self.catalogue);
        let count = self.recovery.give_up(self.clock.at(now), &found, which);
        self.choose(now);
        self.gather(now);
        count
    }

    /// As [`Recovery::recoverable`].
    pub fn recoverable(&self, now: Time) -> impl Iterator<Item = (&Entry, Fate)> {
        self.recovery.recoverable(self.clock.at(now), self.config.keeper.keep_deleted, &self.catalogue)
    }

    /// As [`Recovery::bring_back`].
    pub fn bring_back(&mut self, now: Time, which: impl Fn(&Entry, Fate) -> bool) -> usize {
        let (lived, keep) = (self.clock.at(now), self.config.keeper.keep_deleted);
        let count = self.recovery.bring_back(lived, keep, &self.catalogue, which);
        self.choose(now);
        self.gather(now);
        count
    }

    /// The own head and the catalogue under it, about to be given out.
    pub fn published(&mut self, now: Time, signed: &Shared, catalogue: &Catalogue) {
        let Some(own) = OwnerCatalogue::whole(self.me, signed, catalogue) else { return };
        self.recovery.published(signed, catalogue);
        self.own = Some(own);
        self.choose(now);
        self.gather(now);
    }

    /// The catalogue under the newest own head once more, in memory that others use, too: of 100,000 files it
    /// is not kept twice.
    pub fn shares(&mut self, catalogue: &Catalogue) {
        self.recovery.shares(catalogue);
        if let Some(own) = &mut self.own {
            own.shares(catalogue);
        }
    }

    /// A peer cannot be reached at present.
    pub fn unreachable(&mut self, now: Time, peer: PeerId) {
        self.distributor.unreachable(now, peer);
        self.gather(now);
    }

    /// Whether the chunk of [`CustodianOutput::Challenge`] verified.
    pub fn challenge_answered(&mut self, now: Time, peer: PeerId, key: LedgerKey, is_right: bool) {
        self.distributor.challenge_answered(now, peer, key, is_right);
        self.keeper.challenge_answered(now, peer, key, is_right);
        let places = self.distributor.places(key);
        self.keeper.learn_places(now, key, &places);
        self.gather(now);
    }

    /// So many chunks of what [`CustodianOutput::Fetch`] named are here.
    pub fn fetched(&mut self, now: Time, file: FileId, span: Span, have: u32, is_whole: bool) {
        self.keeper.fetched(now, file, span, have, is_whole);
        self.gather(now);
    }

    /// Those chunks could not be had.
    pub fn failed(&mut self, now: Time, file: FileId) {
        self.keeper.failed(now, file);
        self.gather(now);
    }

    /// Chunks in the store are damaged or gone.
    pub fn lost(&mut self, now: Time, file: FileId) {
        self.keeper.lost(now, file);
        self.gather(now);
    }

    /// The store's file system has so many free bytes, beside what is promised.
    pub fn set_free(&mut self, free: u64) {
        self.keeper.set_free(free);
    }

    /// An owner's catalogue, as pulled.
    pub fn learned(&mut self, now: Time, origin: PeerId, signed: &Shared, catalogue: &Catalogue) {
        if origin == self.me {
            if OwnerCatalogue::open(self.me, signed).is_some_and(|e| e.number().instance > self.instance) {
                self.stop_placing(now);
            }
            let found = Arc::clone(&self.catalogue);
            self.recovery.recovered(signed, catalogue, &found);
        } else {
            self.keeper.learned(now, origin, signed, catalogue);
        }
        self.gather(now);
    }

    /// The peer wants to leave, and its files are to be kept by others first.
    pub fn leave(&mut self, now: Time) {
        if self.handoff.is_some() {
            return;
        }
        let files: Vec<(LedgerKey, u64)> = self.distributor.wanted().map(|(k, w)| (k, w.size)).collect();
        let all = self.own.iter().flat_map(OwnerCatalogue::entries).filter_map(|e| match e.kind {
            EntryKind::File { id, .. } => Some(id),
            EntryKind::Folder => None,
        });
        let not_chosen: BTreeSet<FileId> = all.filter(|f| !self.distributor.tends((self.me, *f))).collect();
        self.handoff = Some(Handoff::begin(now, self.me, files, not_chosen.into_iter().collect()));
        self.keeper.leave();
        self.distributor.leave(now);
        self.gather(now);
        self.look(now);
    }

    /// Bytes of something kept for this peer's files were sent: the departure goes on.
    pub const fn sent(&mut self, now: Time) {
        if let Some(handoff) = &mut self.handoff {
            handoff.moved(now);
        }
    }

    fn look(&mut self, now: Time) {
        self.look = None;
        let Some(handoff) = &self.handoff else { return };
        let others = self.live.values().filter(|(_, state)| *state == PresenceState::Here).count();
        let (progress, report) = handoff.look(now, others, |key| self.distributor.standing(key));
        self.out.push_back(CustodianOutput::Leaving(progress));
        if let Some(report) = report {
            self.handoff = None;
            self.out.push_back(CustodianOutput::Left(report));
        }
    }

    /// When [`Self::handle_timeout`] is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let handoff = self.handoff.as_ref().map(Handoff::deadline);
        [self.keeper.poll_timeout(), self.distributor.poll_timeout(), handoff, self.look]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.keeper.handle_timeout(now);
        self.distributor.handle_timeout(now);
        self.gather(now);
        let is_over = self.handoff.as_ref().is_some_and(|h| h.deadline() <= now);
        if is_over || self.look.is_some_and(|at| at <= now) {
            self.look(now);
        }
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<CustodianOutput> {
        self.out.pop_front()
    }
}
