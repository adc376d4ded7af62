//! Custody of one peer: keeper, distributor, hand-off and homecoming, and the messages between them. Pure.
//!
//! The one machine that a shell drives. What it returns from [`Custodian::poll_output`] is to be done in
//! that order; a [`Record`] is written before what comes after it is sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use core::net::IpAddr;

use super::distributor::{self, Distributor, Want};
use super::handoff::{Handoff, HandoffProgress, HandoffReport};
use super::keeper::{self, Keeper};
use super::ledger::{Ledger, LedgerKey, LivedClock, Present, Record, Shared};
use super::owner_catalogue::OwnerCatalogue;
use super::recovery;
use super::recovery::{Decision, Homecoming};
use crate::content::{Catalogue, Entry, EntryKind, FileId, Span};
use crate::custody::limits;
use crate::identity::{Instance, PeerId};
use crate::time::Time;
use crate::wire::custody::{
    CustodyMessage, CustodyOffer, GetSpace, KeeperReport, OfferRefusal, Order, Orders, ReportRow, Verdict,
};
use crate::wire::datagram::PresenceState;

/// What a user may set.
#[derive(Clone, Copy, Debug)]
pub struct CustodianConfig {
    /// `--copies`: how many copies of an own file there are to be, the own one included; 1 turns it off.
    pub copies: u8,
    /// `--auto-copy`: bytes in all that are copied by themselves. Default: [`limits::AUTO_COPY_ALL`].
    pub auto_copy: u64,
    /// For how long a copy that was lost in a crash still counts. Default: [`limits::REPAIR_DELAY`].
    pub repair: core::time::Duration,
    /// What is lent.
    pub keeper: keeper::KeeperConfig,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum CustodianOutput {
    /// Send to a peer: [`CustodyMessage::Report`] to its distributor's port, answers on the connection that the
    /// request came by, everything else to its distributee's port.
    Send(PeerId, CustodyMessage),
    /// As [`keeper::KeeperOutput::Fetch`].
    #[expect(missing_docs, reason = "told there")]
    Fetch { file: FileId, size: u64, span: Span, sources: Vec<PeerId> },
    /// As [`keeper::KeeperOutput::Drop`].
    #[expect(missing_docs, reason = "told there")]
    Drop { file: FileId, keep: Vec<Span> },
    /// As [`keeper::KeeperOutput::Prove`]; then [`Custodian::proved`].
    #[expect(missing_docs, reason = "told there")]
    Prove { peer: PeerId, key: LedgerKey, size: u64, chunk: u32 },
    /// Pull this owner's newest head and catalogue from that peer; then [`Custodian::learned`].
    #[expect(missing_docs, reason = "told in the line above")]
    Pull { origin: PeerId, from: PeerId },
    /// To be written.
    Record(Record),
    /// As [`recovery::RecoveryOutput::Ask`].
    #[expect(missing_docs, reason = "told there")]
    Ask { files: usize, bytes: u64 },
    /// As [`recovery::RecoveryOutput::Restore`]; these peers keep some of it.
    Restore(Entry, Vec<PeerId>),
    /// As [`recovery::RecoveryOutput::Publish`].
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
    homecoming: Homecoming,
    handoff: Option<Handoff>,
    /// When the departure is looked at again: not at every one of thousands of reports.
    look: Option<Time>,
    own: Option<OwnerCatalogue>,
    catalogue: Arc<Catalogue>,
    copies: BTreeMap<FileId, u8>,
    placed: BTreeMap<FileId, Vec<crate::wire::custody::Replica>>,
    live: BTreeMap<PeerId, (Instance, PresenceState)>,
    /// Offers without an answer, in case one has to be repeated with a proof.
    offers: BTreeMap<u64, CustodyOffer>,
    /// Whose files a peer was asked about, by peer and request.
    rooms_asked: BTreeMap<(PeerId, u64), PeerId>,
    requests: u64,
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
        let mut custodian = Self {
            me,
            config,
            instance,
            clock: LivedClock::new(now, ledger.lived),
            keeper: Keeper::new(now, me, config.keeper, &ledger, present),
            distributor: Distributor::new(me, instance.random).repairing_after(config.repair),
            homecoming: Homecoming::new(me, instance, &mut ledger),
            handoff: None,
            look: None,
            own: None,
            catalogue: Arc::default(),
            copies: ledger.copies,
            placed: ledger.placed.into_iter().map(|(file, row)| (file, row.places)).collect(),
            live: BTreeMap::new(),
            offers: BTreeMap::new(),
            rooms_asked: BTreeMap::new(),
            requests: 0,
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

    /// What the own head has to name beside what lies in `shared/`.
    pub fn intends(&self) -> impl Iterator<Item = &Entry> {
        self.homecoming.intends()
    }

    /// What the newest own head names.
    pub fn named(&self) -> impl Iterator<Item = &Entry> {
        self.homecoming.named()
    }

    /// What is to come back and has not come yet.
    pub fn restoring(&self) -> impl Iterator<Item = &Entry> {
        self.homecoming.restoring()
    }

    /// What is missing, and nobody said yet what is to become of it.
    #[must_use]
    pub fn n_missing(&self) -> usize {
        self.homecoming.n_missing()
    }

    /// How many copies an own file is to have, this peer's included.
    #[must_use]
    pub fn copies_of(&self, file: FileId) -> u8 {
        self.copies.get(&file).copied().unwrap_or(self.config.copies)
    }

    /// True if copies of own files are made at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.config.copies > 1 || self.copies.values().any(|n| *n > 1)
    }

    /// True if others may keep some of this peer's files.
    #[must_use]
    pub fn may_have_copies(&self) -> bool {
        self.is_on() || !self.placed.is_empty()
    }

    /// True if a later start with this peer's key decides.
    #[must_use]
    pub const fn is_overruled(&self) -> bool {
        self.conflict
    }

    /// This peer counts as started anew: a copy of its folder was, and has stopped.
    pub const fn renew(&mut self, instance: Instance) {
        self.instance = instance;
        self.homecoming.renew(instance);
    }

    /// A peer is here: it came, or says something new of itself. It runs since its start `instance`; in
    /// [`PresenceState::Leaving`] it still gives what it has, but takes nothing more and counts as a copy no longer.
    pub fn here(&mut self, now: Time, peer: PeerId, instance: Instance, state: PresenceState) {
        if peer == self.me {
            return;
        }
        let before = self.live.insert(peer, (instance, state));
        if before.is_none_or(|(known, _)| known != instance) {
            if before.is_some() {
                // What it was told before, a new start may not know.
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

    /// A peer is gone; `properly`: it said so.
    pub fn gone(&mut self, now: Time, peer: PeerId, properly: bool) {
        self.live.remove(&peer);
        self.distributor.gone(now, peer, properly);
        self.keeper.gone(now, peer, properly);
        self.gather(now);
    }

    /// What lies in `shared/`, after a complete scan. The head is made after this, with [`Self::intends`].
    pub fn scanned(&mut self, now: Time, marker: (u64, u64, u64), found: &Arc<Catalogue>) {
        self.catalogue = Arc::clone(found);
        let before = self.homecoming.intends().count();
        self.homecoming.scanned(self.clock.at(now), marker, found);
        if self.homecoming.intends().count() != before {
            // What came home is to have its copies again, though the head names what it named before.
            self.choose(now);
        }
        self.gather(now);
    }

    /// What the user wants of what is missing.
    pub fn decide(&mut self, now: Time, decision: Decision) {
        let found = Arc::clone(&self.catalogue);
        self.homecoming.decide(self.clock.at(now), decision, &found);
        self.choose(now);
        self.gather(now);
    }

    /// As [`Homecoming::recoverable`].
    pub fn recoverable(&self, now: Time) -> impl Iterator<Item = (&Entry, bool)> {
        self.homecoming.recoverable(self.clock.at(now), self.config.keeper.keep_deleted, &self.catalogue)
    }

    /// As [`Homecoming::bring_back`].
    pub fn bring_back(&mut self, now: Time, which: impl Fn(&Entry, bool) -> bool) -> usize {
        let (lived, keep) = (self.clock.at(now), self.config.keeper.keep_deleted);
        let count = self.homecoming.bring_back(lived, keep, &self.catalogue, which);
        self.choose(now);
        self.gather(now);
        count
    }

    /// The own head and the catalogue under it, about to be given out.
    pub fn published(&mut self, now: Time, signed: &Shared, catalogue: &Catalogue) {
        let Some(own) = OwnerCatalogue::whole(self.me, signed, catalogue) else { return };
        self.homecoming.published(signed, catalogue);
        self.own = Some(own);
        self.choose(now);
        self.gather(now);
    }

    /// The catalogue under the newest own head once more, in memory that others use, too: of 100,000 files it is not
    /// kept twice.
    pub fn shares(&mut self, catalogue: &Catalogue) {
        self.homecoming.shares(catalogue);
        if let Some(own) = &mut self.own {
            own.shares(catalogue);
        }
    }

    /// `copies N FILE`; `None`: as for others.
    pub fn set_copies(&mut self, now: Time, file: FileId, copies: Option<u8>) {
        let copies = copies.map(|n| n.clamp(1, limits::COPIES_MAX));
        match copies {
            Some(n) => drop(self.copies.insert(file, n)),
            None => drop(self.copies.remove(&file)),
        }
        self.out.push_back(CustodianOutput::Record(Record::Copies(file, copies)));
        self.choose(now);
        self.gather(now);
    }

    /// Own files, each once, with a path: what is chosen, and how many copies it is to have.
    fn choice(&self) -> BTreeMap<FileId, Want> {
        let Some(own) = &self.own else { return BTreeMap::new() };
        let restoring: BTreeSet<_> = self.homecoming.intends().map(|e| &e.path).collect();
        let mut files: BTreeMap<FileId, Want> = BTreeMap::new();
        for entry in own.entries().filter(|e| !restoring.contains(&e.path)) {
            if let EntryKind::File { id, size, .. } = entry.kind {
                let copies = self.copies.get(&id).copied().unwrap_or(self.config.copies);
                files.entry(id).or_insert_with(|| Want { size, path: entry.path.clone(), copies });
            }
        }
        // Small ones first; what has copies already keeps them before others get some.
        let mut order: Vec<(bool, u64, FileId)> = files
            .iter()
            .map(|(f, w)| {
                (!self.distributor.tends((self.me, *f)) && !self.placed.contains_key(f), w.size, *f)
            })
            .collect();
        order.sort_unstable();
        let mut left = self.config.auto_copy;
        for (_, size, file) in order {
            let is_asked = self.copies.contains_key(&file);
            let fits = size <= limits::AUTO_COPY_FILE && size <= left;
            let is_off = files.get(&file).is_none_or(|w| w.copies < 2);
            if is_off || !is_asked && !fits {
                files.remove(&file);
            } else if !is_asked {
                left -= size;
            }
        }
        files
    }

    /// Tells the distributor which own files it is to place.
    fn choose(&mut self, now: Time) {
        if self.conflict {
            return;
        }
        let choice = self.choice();
        let gone: Vec<LedgerKey> = self
            .distributor
            .tended()
            .map(|(k, _)| k)
            .filter(|k| k.0 == self.me && !choice.contains_key(&k.1))
            .collect();
        let file = |e: &Entry| if let EntryKind::File { id, .. } = e.kind { Some(id) } else { None };
        let lost: BTreeSet<FileId> = self.homecoming.intends().filter_map(file).collect();
        for key in gone {
            if lost.contains(&key.1) {
                // It is nothing to be placed until it is back; who keeps it is as true then as now.
                self.placed.insert(key.1, self.distributor.places(key));
            }
            self.distributor.unwant(now, key);
        }
        for (file, want) in choice {
            let places = self.placed.remove(&file).unwrap_or_default();
            self.distributor.want(now, (self.me, file), want, &places, None);
        }
        // Of what is left, that which is neither named nor lost was deleted.
        if let Some(own) = self.own.as_ref().filter(|_| !self.placed.is_empty()) {
            let named: BTreeSet<FileId> = own.entries().filter_map(file).collect();
            let stale = self.placed.extract_if(.., |f, _| !named.contains(f) && !lost.contains(f));
            self.out.extend(stale.map(|(file, _)| CustodianOutput::Record(Record::Placed(file, None))));
        }
    }

    /// A message of `from`, proved by TLS, from the address `source`.
    pub fn message(&mut self, now: Time, from: PeerId, source: IpAddr, message: CustodyMessage) {
        match message {
            CustodyMessage::GetSpace(GetSpace { request, origin }) => {
                let room = crate::wire::custody::Space { request, ..self.keeper.room(origin, source) };
                self.out.push_back(CustodianOutput::Send(from, CustodyMessage::Space(room)));
            }
            CustodyMessage::Space(room) => {
                if let Some(origin) = self.rooms_asked.remove(&(from, room.request)) {
                    self.distributor.room(now, from, origin, room);
                }
            }
            CustodyMessage::Offer(offer) => {
                let answer = self.keeper.offered(now, from, source, &offer);
                self.gather(now);
                self.out.push_back(CustodianOutput::Send(from, CustodyMessage::Answer(answer)));
            }
            CustodyMessage::Answer(answer) => self.answered(now, from, &answer),
            CustodyMessage::Report(report) => self.reported(now, from, &report),
            CustodyMessage::Orders(orders) => self.keeper.ordered(now, from, &orders),
        }
        self.gather(now);
    }

    fn answered(&mut self, now: Time, from: PeerId, answer: &crate::wire::custody::OfferAnswer) {
        if let Some(mut offer) = self.offers.remove(&answer.request) {
            let origin = self.origin_of(&offer);
            if answer.refusal == Some(OfferRefusal::Unproved) && offer.proof.is_none() {
                let estate = if origin == self.me { self.own.as_ref() } else { self.keeper.estate(origin) };
                offer.proof = estate.and_then(|e| e.prove(&offer.path));
                if offer.proof.is_some() {
                    self.offers.insert(answer.request, offer.clone());
                    self.out.push_back(CustodianOutput::Send(from, CustodyMessage::Offer(Box::new(offer))));
                    return;
                }
            }
            if let Some(head) = &answer.head {
                if origin == self.me {
                    self.newer_own(now, from, head);
                } else {
                    self.keeper.hear_head(now, from, origin, head);
                }
            }
        }
        self.distributor.answered(now, from, answer);
    }

    fn origin_of(&self, offer: &CustodyOffer) -> PeerId {
        // Mostly it is an own one, whose signature need not be looked at again.
        if self.own.as_ref().is_some_and(|own| Arc::ptr_eq(own.signed(), &offer.head)) {
            return self.me;
        }
        crate::content::Head::open(&offer.head).map_or(self.me, |h| h.owner.peer_id())
    }

    /// A keeper has a head with this peer's signature that is newer than its own.
    fn newer_own(&mut self, now: Time, from: PeerId, signed: &Shared) {
        let Some(theirs) = OwnerCatalogue::open(self.me, signed) else { return };
        if theirs.number().0 > self.instance {
            self.stop_placing(now);
        } else if self.homecoming.is_news(theirs.number()) {
            self.out.push_back(CustodianOutput::Pull { origin: self.me, from });
        }
    }

    /// A later instance with this peer's key is about: it decides from now on.
    fn stop_placing(&mut self, now: Time) {
        if std::mem::replace(&mut self.conflict, true) {
            return;
        }
        self.out.push_back(CustodianOutput::Conflict);
        let own: Vec<LedgerKey> =
            self.distributor.tended().map(|(k, _)| k).filter(|k| k.0 == self.me).collect();
        for key in own {
            self.distributor.unwant(now, key);
        }
    }

    /// What a keeper keeps for this peer, or for an absent owner for which this peer acts.
    fn reported(&mut self, now: Time, from: PeerId, report: &KeeperReport) {
        let origin = report.origin;
        let verdicts = self.distributor.reported(now, from, origin, &report.rows);
        let rows = report
            .rows
            .iter()
            .zip(verdicts)
            .map(|(row, verdict)| {
                let verdict = self.verdict(now, from, origin, row, verdict);
                Order { file: row.file, verdict }
            })
            .collect();
        let known = if origin == self.me {
            self.own.as_ref().map(|e| (e.number(), Arc::clone(e.signed())))
        } else {
            self.keeper.head(origin)
        };
        let head = (report.instance, report.version);
        let is_news = origin == self.me && self.homecoming.is_news(head);
        // A number alone proves nothing; the head that is pulled is signed.
        let is_later = origin == self.me && report.instance > self.instance && !self.conflict;
        if is_news || is_later {
            // The keeper must not go over to this peer's new head before it has given the old one.
            self.out.push_back(CustodianOutput::Pull { origin, from });
        } else if known.as_ref().is_some_and(|(number, _)| origin != self.me && *number < head) {
            self.out.push_back(CustodianOutput::Pull { origin, from });
        }
        let head = known.filter(|(number, _)| *number > head && !is_news).map(|(_, signed)| signed);
        self.gather(now);
        let orders = Orders { request: report.request, origin, head, rows };
        self.out.push_back(CustodianOutput::Send(from, CustodyMessage::Orders(orders)));
    }

    fn verdict(
        &mut self,
        now: Time,
        from: PeerId,
        origin: PeerId,
        row: &ReportRow,
        verdict: Option<Verdict>,
    ) -> Verdict {
        let key = (origin, row.file);
        if origin == self.me {
            let alone = self.copies.get(&row.file) == Some(&1);
            return verdict.unwrap_or_else(|| self.homecoming.verdict(row.file, alone));
        }
        match verdict {
            Some(verdict) => {
                let places = self.distributor.places(key);
                self.keeper.learn_places(now, key, &places);
                verdict
            }
            None => self.keeper.reported(now, from, key, row),
        }
    }

    /// A peer cannot be reached at present.
    pub fn unreachable(&mut self, now: Time, peer: PeerId) {
        self.distributor.unreachable(now, peer);
        self.gather(now);
    }

    /// Whether the chunk of [`CustodianOutput::Prove`] verified.
    pub fn proved(&mut self, now: Time, peer: PeerId, key: LedgerKey, is_right: bool) {
        self.distributor.proved(now, peer, key, is_right);
        self.keeper.proved(now, peer, key, is_right);
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
    pub const fn set_free(&mut self, free: u64) {
        self.keeper.set_free(free);
    }

    /// An owner's catalogue, as pulled.
    pub fn learned(&mut self, now: Time, origin: PeerId, signed: &Shared, catalogue: &Catalogue) {
        if origin == self.me {
            if OwnerCatalogue::open(self.me, signed).is_some_and(|e| e.number().0 > self.instance) {
                self.stop_placing(now);
            }
            let found = Arc::clone(&self.catalogue);
            self.homecoming.recovered(signed, catalogue, &found);
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
        let files: Vec<(LedgerKey, u64)> = self.distributor.tended().map(|(k, w)| (k, w.size)).collect();
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
        let (progress, farewell) = handoff.look(now, others, |key| self.distributor.standing(key));
        self.out.push_back(CustodianOutput::Leaving(progress));
        if let Some(farewell) = farewell {
            self.handoff = None;
            self.out.push_back(CustodianOutput::Left(farewell));
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

    /// Brings the machines' outputs to where they belong, until there are none.
    fn gather(&mut self, now: Time) {
        let mut moved = false;
        loop {
            if let Some(output) = self.keeper.poll_output() {
                self.of_keeper(now, output);
            } else if let Some(output) = self.distributor.poll_output() {
                moved |= output == distributor::DistributorOutput::Moved;
                self.of_distributor(now, output);
            } else if let Some(output) = self.homecoming.poll_output() {
                self.of_homecoming(output);
            } else {
                break;
            }
        }
        if let Some(handoff) = &mut self.handoff {
            if moved {
                handoff.moved(now);
            }
            let soon = now + LOOK;
            self.look.get_or_insert(soon);
        }
    }

    fn of_keeper(&mut self, now: Time, output: keeper::KeeperOutput) {
        use keeper::KeeperOutput as K;
        match output {
            K::Fetch { file, size, span, sources } => {
                self.out.push_back(CustodianOutput::Fetch { file, size, span, sources });
            }
            K::Drop { file, keep } => self.out.push_back(CustodianOutput::Drop { file, keep }),
            K::Report { to, origin, rows } => {
                let Some(((instance, version), _)) = self.keeper.head(origin) else { return };
                let request = self.number();
                let report = KeeperReport { request, origin, instance, version, rows: rows.into() };
                self.out.push_back(CustodianOutput::Send(to, CustodyMessage::Report(report)));
            }
            K::Prove { peer, key, size, chunk } => {
                self.out.push_back(CustodianOutput::Prove { peer, key, size, chunk });
            }
            K::Tend { key, want, places, owner_lost } => {
                self.distributor.want(now, key, want, &places, Some(owner_lost));
            }
            K::Untend(key) => self.distributor.unwant(now, key),
            K::Pull { origin, from } => self.out.push_back(CustodianOutput::Pull { origin, from }),
            K::Record(record) => self.out.push_back(CustodianOutput::Record(record)),
        }
    }

    fn of_distributor(&mut self, now: Time, output: distributor::DistributorOutput) {
        use distributor::DistributorOutput as D;
        match output {
            D::AskRoom { to, origin } => {
                let request = self.number();
                self.rooms_asked.insert((to, request), origin);
                while self.rooms_asked.len() > limits::PEERS {
                    self.rooms_asked.pop_first();
                }
                self.out.push_back(CustodianOutput::Send(
                    to,
                    CustodyMessage::GetSpace(GetSpace { request, origin }),
                ));
            }
            D::Offer { to, key, request, want, copy, span, others } => {
                let own = self.own.as_ref().filter(|_| key.0 == self.me).map(|e| Arc::clone(e.signed()));
                let Some(head) = own.or_else(|| self.keeper.head(key.0).map(|(_, signed)| signed)) else {
                    return;
                };
                let Want { size, path, copies } = want;
                let quiet = self.keeper.quiet(now, key);
                let offer = CustodyOffer {
                    request,
                    head,
                    path,
                    file: key.1,
                    size,
                    copies,
                    copy,
                    span,
                    others,
                    quiet,
                    proof: None,
                };
                self.offers.insert(request, offer.clone());
                while self.offers.len() > 4 * limits::PLACINGS_SMALL {
                    self.offers.pop_first();
                }
                self.out.push_back(CustodianOutput::Send(to, CustodyMessage::Offer(Box::new(offer))));
            }
            D::Prove { peer, key, size, chunk } => {
                self.out.push_back(CustodianOutput::Prove { peer, key, size, chunk });
            }
            // Nothing is placed of what is lost, but who keeps it is to be known at the next start, too.
            D::Placed(file, None) if self.placed.contains_key(&file) => {}
            D::Placed(file, row) => self.out.push_back(CustodianOutput::Record(Record::Placed(file, row))),
            D::Moved => {}
        }
    }

    fn of_homecoming(&mut self, output: recovery::RecoveryOutput) {
        use recovery::RecoveryOutput as H;
        self.out.push_back(match output {
            H::Ask { files, bytes } => CustodianOutput::Ask { files, bytes },
            H::Restore(entry) => CustodianOutput::Restore(entry, self.live.keys().copied().collect()),
            H::Publish => CustodianOutput::Publish,
            H::Record(record) => CustodianOutput::Record(record),
        });
    }

    const fn number(&mut self) -> u64 {
        self.requests = self.requests.wrapping_add(1);
        self.requests
    }
}
