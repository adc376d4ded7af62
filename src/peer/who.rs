//! What is known of who has what: from what each shares and keeps, and from what was sent to it. Pure.
//!
//! Nothing is guessed. Who fetched a file from several at once says so to those who share it (`got_file`). Downloads are
//! shared by nobody, so that what a peer fetched from others alone that this one does not know is not known here.

use std::collections::{BTreeMap, BTreeSet};

use super::listing::compare;
use super::look_alikes::LookAlikes;
use super::machine::PeerMachine;
use super::owners::Owners;
use super::transfers::SentRecord;
use crate::content::{Claim, EntryKind, FileId, Span};
use crate::control::{WhoPeerRow, WhoRow, WhoSum};
use crate::custody::distributor::keepers as keepers_of;
use crate::identity::PeerId;
use crate::sender::SentFor;
use crate::time::Time;

/// Contents, and what they are called together.
#[derive(Debug)]
pub(super) struct WhoSubject {
    pub(super) what: String,
    pub(super) claims: BTreeSet<Claim>,
}

/// What is known of one peer.
#[derive(Debug, Default)]
struct PeerHolding {
    shares: BTreeSet<Claim>,
    took: BTreeSet<Claim>,
    keeps: BTreeSet<Claim>,
    /// Bytes of those that it took in part.
    some: BTreeMap<Claim, u64>,
    last: Option<u64>,
    is_running: bool,
}

impl PeerHolding {
    fn has(&self) -> BTreeSet<Claim> {
        self.shares.union(&self.took).copied().collect()
    }

    fn is_known(&self) -> bool {
        !self.shares.is_empty() || !self.took.is_empty() || !self.some.is_empty()
    }

    fn add(&mut self, record: &SentRecord, date: u64) {
        let claim = record.claim();
        if record.is_whole() {
            self.took.insert(claim);
        } else {
            let bytes = self.some.entry(claim).or_default();
            *bytes = record.ranges.bytes().max(*bytes);
        }
        self.last = self.last.max(Some(record.ended));
        self.is_running |= record.is_running(date);
    }
}

/// Each peer that is here, or took some of it from here: who has most comes first.
pub(super) fn rows(now: Time, subject: &WhoSubject, peer: &PeerMachine) -> (Vec<WhoRow>, WhoSum) {
    let (roster, me) = (&peer.presence.roster, peer.own.id());
    // An empty file comes over no network, so nobody knows who has it.
    let mut claims: BTreeSet<Claim> = subject.claims.iter().filter(|(_, size)| *size > 0).copied().collect();
    if claims.is_empty() {
        claims.clone_from(&subject.claims);
    }
    let date = peer.transfers.calendar.date(now);
    let mut holdings: BTreeMap<PeerId, PeerHolding> = BTreeMap::new();
    holdings.extend(roster.iter().map(|(id, _)| (*id, PeerHolding::default())));
    for (id, entry) in roster.entries(&Owners::Anyone) {
        let EntryKind::File { id: file, size, .. } = entry.kind else { continue };
        // Of those who are away others keep it.
        if let (true, Some(holding)) = (claims.contains(&(file, size)), holdings.get_mut(&id)) {
            holding.shares.insert((file, size));
        }
    }
    for (id, claim) in keepers(&claims, peer) {
        if let Some(holding) = holdings.get_mut(&id) {
            holding.keeps.insert(claim);
        }
    }
    let of_user = |record: &&SentRecord| record.why == SentFor::Fetch && claims.contains(&record.claim());
    let mut names: BTreeMap<PeerId, &str> = BTreeMap::new();
    for record in peer.transfers.sent.iter().map(|(_, record)| record).filter(of_user) {
        names.insert(record.to.peer, &record.name);
        holdings.entry(record.to.peer).or_default().add(record, date);
    }
    let look_alikes = LookAlikes::of(roster);
    let row = |(id, holding): (&PeerId, &PeerHolding)| {
        let here = roster.contact(*id).is_some();
        let has = holding.has();
        let some = holding.some.iter().filter(|(claim, _)| !has.contains(claim)).map(|(_, bytes)| *bytes);
        WhoRow {
            name: if here { roster.name(*id) } else { names.get(id).copied().unwrap_or_default().to_owned() },
            peer: id.full(),
            here,
            has: has.len() as u64,
            shares: holding.shares.len() as u64,
            took: holding.took.len() as u64,
            keeps: holding.keeps.len() as u64,
            bytes: bytes_of(&has).saturating_add(some.fold(0, u64::saturating_add)),
            last: holding.last,
            running: holding.is_running,
            look_alike: look_alikes.has(*id),
        }
    };
    let mut rows: Vec<WhoRow> =
        holdings.iter().filter(|(id, h)| roster.contact(**id).is_some() || h.is_known()).map(row).collect();
    rows.sort_by(|a, b| {
        let most = |row: &WhoRow| (row.here, row.has, row.bytes);
        most(b).cmp(&most(a)).then_with(|| compare(&a.name, &b.name)).then_with(|| a.peer.cmp(&b.peer))
    });
    let (files, has_all) = (claims.len() as u64, |row: &&WhoRow| row.has == claims.len() as u64);
    let shelf = &peer.shared.shelf.files;
    let sum = WhoSum {
        what: subject.what.clone(),
        files,
        size: bytes_of(&claims),
        mine: claims.iter().all(|(file, _)| shelf.contains_key(file)),
        here: rows.iter().filter(|row| row.here).count() as u64,
        have: rows.iter().filter(|row| row.here).filter(has_all).count() as u64,
        away: rows.iter().filter(|row| !row.here).filter(has_all).count() as u64,
    };
    debug_assert!(!holdings.contains_key(&me), "this peer is none of those who are here");
    (rows, sum)
}

fn bytes_of(claims: &BTreeSet<Claim>) -> u64 {
    claims.iter().map(|(_, size)| *size).fold(0, u64::saturating_add)
}

/// Who keeps all of these contents: for owners that are away, as keepers say, and for this one, as it knows itself.
fn keepers(claims: &BTreeSet<Claim>, peer: &PeerMachine) -> Vec<(PeerId, Claim)> {
    let (me, distributor) = (peer.own.id(), peer.custody.machine.distributor());
    let mut spans: BTreeMap<(PeerId, Claim), Vec<Span>> = BTreeMap::new();
    for (claim, parts) in peer.presence.roster.away.parts(claims) {
        for (keeper, span) in parts {
            spans.entry((keeper, claim)).or_default().push(span);
        }
    }
    for claim in claims {
        for replica in keepers_of(distributor, (me, claim.0)) {
            spans.entry((replica.peer, *claim)).or_default().push(replica.span);
        }
    }
    let is_whole = |claim: &Claim, spans: &[Span]| {
        Span::whole(claim.1).is_some_and(|whole| spans.iter().any(|span| span.covers(&whole)))
    };
    spans.into_iter().filter(|((_, claim), spans)| is_whole(claim, spans)).map(|(key, _)| key).collect()
}

/// What is known of these peers.
pub(super) fn peer_rows(now: Time, of: &BTreeSet<PeerId>, peer: &PeerMachine) -> Vec<WhoPeerRow> {
    let roster = &peer.presence.roster;
    let look_alikes = LookAlikes::of(roster);
    let mut taken: BTreeMap<PeerId, TakenFiles> = of.iter().map(|id| (*id, TakenFiles::default())).collect();
    for (_, record) in peer.transfers.sent.iter() {
        if let Some(taken) = taken.get_mut(&record.to.peer) {
            taken.add(record);
        }
    }
    let row = |(id, taken): (&PeerId, &TakenFiles)| {
        let member = roster.member(*id);
        let shared = roster.catalogue(*id).filter(|_| member.is_some());
        WhoPeerRow {
            name: member.map_or_else(|| taken.name.clone(), |member| member.info.name.to_string()),
            peer: id.full(),
            here: member.is_some(),
            address: member.map(|member| peer.interface_names.shown(member.host())),
            port: member.map(|member| member.info.contact.ports.sender),
            seconds: member.map(|member| now.since(member.since).as_secs()),
            shares: shared.map(|(_, catalogue)| catalogue.files()),
            shared_bytes: shared.map(|(head, _)| head.bytes),
            speed: peer.downloads.speeds.get(*id),
            took: taken.whole.len() as u64,
            took_some: taken.some.difference(&taken.whole).count() as u64,
            keeps: taken.kept.len() as u64,
            sent: taken.bytes,
            first: taken.first,
            last: taken.last,
            look_alike: look_alikes.has(*id),
        }
    };
    let mut rows: Vec<WhoPeerRow> = taken.iter().map(row).collect();
    rows.sort_by(|a, b| compare(&a.name, &b.name).then_with(|| a.peer.cmp(&b.peer)));
    rows
}

/// What one peer took.
#[derive(Debug, Default)]
struct TakenFiles {
    name: String,
    whole: BTreeSet<FileId>,
    some: BTreeSet<FileId>,
    kept: BTreeSet<FileId>,
    bytes: u64,
    first: Option<u64>,
    last: Option<u64>,
}

impl TakenFiles {
    fn add(&mut self, record: &SentRecord) {
        record.name.as_ref().clone_into(&mut self.name);
        let files = match (record.why, record.is_whole()) {
            (SentFor::Fetch, true) => &mut self.whole,
            (SentFor::Fetch | SentFor::Read, _) => &mut self.some,
            (SentFor::Keep, _) => &mut self.kept,
        };
        files.insert(record.file);
        self.bytes = self.bytes.saturating_add(record.bytes);
        self.first = Some(self.first.map_or(record.began, |first| first.min(record.began)));
        self.last = self.last.max(Some(record.ended));
    }
}
