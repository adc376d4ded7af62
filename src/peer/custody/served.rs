//! What others may have of what this peer keeps: the sender serves it, absent owners' catalogues with it, and
//! the other peers hear when that changes. Pure.

use core::time::Duration;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::records::Records;
use crate::content::{ChunkIndex, Claim, FileId, HeadNumber, Span};
use crate::custody::keeper::Keeper;
use crate::custody::ledger::Present;
use crate::custody::placement;
use crate::distribution::chunk_store;
use crate::identity::PeerId;
use crate::peer::away::KeptPart;
use crate::peer::output::Outputs;
use crate::peer::roster::Roster;
use crate::sender::{KeptOf, SenderCommand, StoredFile};
use crate::store::LedgerRow;
use crate::time::Time;
use crate::wire::datagram::Envelope;
use crate::wire::message::KeptFile;

/// The first byte of the keys under which the signed announcements of owners are filed: they tell the names
/// of those who are away. Records of the machine begin with smaller ones.
pub(super) const NOTE: u8 = 100;

/// What changed is brought to the sender once in this time.
const SERVE: Duration = Duration::from_millis(200);

/// The other peers are called to look again once in this time, at most.
const CALL: Duration = Duration::from_secs(2);

/// All of a content, in the store for others who cannot reach its owner.
#[derive(Clone, Copy, Debug)]
pub(in crate::peer) struct CarriedCopy {
    pub(in crate::peer) file: FileId,
    pub(in crate::peer) size: u64,
    pub(in crate::peer) owner: PeerId,
}

/// What the sender was told.
#[derive(Debug, Default)]
pub(in crate::peer) struct Served {
    due: Option<Time>,
    /// The other peers are to be called to look again then.
    call_due: Option<Time>,
    /// The sender does not know yet what lies in the store.
    chunks_due: bool,
    stored: BTreeMap<FileId, StoredFile>,
    /// Chunks that lie in the store of contents of which some are missing.
    left: BTreeMap<FileId, Vec<Span>>,
    /// Contents that lie in the store for others who cannot reach their owner.
    carried: Vec<CarriedCopy>,
    /// Contents that are read again, for a chunk of them was found to be rotten.
    checked: BTreeSet<FileId>,
    open: BTreeSet<PeerId>,
    owner_catalogues: BTreeMap<PeerId, HeadNumber>,
    kept: Arc<Vec<KeptOf>>,
    /// Absent owners, with the number of their head and how much of theirs is here: what others are to know.
    away: BTreeMap<PeerId, (HeadNumber, usize)>,
    called: Option<Time>,
    /// The signed announcements of owners, which tell their names.
    announcements: BTreeMap<PeerId, Arc<[u8]>>,
}

impl Served {
    /// With the announcements that are filed in the ledger, and what lies in the store.
    pub(super) fn new(notes: Vec<LedgerRow>, left: Present) -> Self {
        let note = |row: LedgerRow| {
            let owner = PeerId(row.key.get(1..)?.try_into().ok()?);
            Some((owner, Arc::from(row.value?)))
        };
        let announcements = notes.into_iter().filter_map(note).collect();
        Self { announcements, left, ..Self::default() }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.due, self.call_due].into_iter().flatten().min()
    }

    /// Something of it may have changed.
    pub(in crate::peer) fn stale(&mut self, now: Time) {
        let soon = now + SERVE;
        self.due.get_or_insert(soon);
        self.chunks_due = true;
    }

    /// The name of an owner, as it said it itself.
    pub(super) fn name(&self, owner: PeerId) -> Option<String> {
        name_of(owner, self.announcements.get(&owner)?)
    }

    /// Of a content of which some is missing these chunks lie in the store.
    pub(in crate::peer) fn has_left(&mut self, now: Time, file: FileId, left: Vec<Span>) {
        self.left.insert(file, left);
        self.checked.remove(&file);
        self.stale(now);
    }

    /// This lies in the store for others who cannot reach its owner, and no more: anybody may have it, for
    /// its owner is here.
    pub(super) fn carry(&mut self, carried: Vec<CarriedCopy>) {
        self.carried = carried;
        self.chunks_due = true;
    }

    /// True if this content is in the store, or some of it.
    pub(in crate::peer) fn has(&self, file: FileId) -> bool {
        self.stored.contains_key(&file)
    }

    /// The chunks of this content that are in the store.
    pub(in crate::peer) fn spans(&self, (file, size): Claim) -> &[Span] {
        let stored = self.stored.get(&file).filter(|stored| stored.size == size);
        stored.map(|stored| stored.spans.as_slice()).unwrap_or_default()
    }

    /// True if all of this content is in the store.
    pub(in crate::peer) fn has_all(&self, claim: Claim) -> bool {
        Span::whole(claim.1).is_some_and(|whole| placement::copies(whole, self.spans(claim)) > 0)
    }

    /// The contents that are in the store, or some of each.
    pub(in crate::peer) fn ids(&self) -> impl Iterator<Item = FileId> {
        self.stored.keys().copied()
    }

    /// Brings to the sender what changed of what is kept, once in a while. True: the other peers are to be
    /// called to look again.
    pub(super) fn handle_timeout(
        &mut self,
        now: Time,
        me: PeerId,
        keeper: &Keeper,
        roster: &mut Roster,
        out: &mut Outputs,
    ) -> bool {
        if self.due.take_if(|at| *at <= now).is_some() {
            self.serve_chunks(keeper, out);
            self.serve_owner_catalogues(keeper, roster, out);
            self.note_names(keeper, roster, out);
            self.serve_list(now, me, keeper, roster, out);
        }
        let is_call_due = self.call_due.take_if(|at| *at <= now).is_some();
        if is_call_due {
            self.called = Some(now);
        }
        is_call_due
    }

    /// Brings to the sender at once what changed in the store: whoever hears of it may ask for it.
    pub(super) fn serve_chunks(&mut self, keeper: &Keeper, out: &mut Outputs) {
        if !std::mem::take(&mut self.chunks_due) {
            return;
        }
        let left = &mut self.left;
        left.retain(|file, _| keeper.lacks(*file));
        let mut stored: BTreeMap<FileId, StoredFile> = BTreeMap::new();
        for ((owner, file), row, _) in keeper.all() {
            let left = left.get(&file).filter(|_| !row.whole);
            let left = left.into_iter().flatten().map(|span| span.common(&row.span));
            let mut spans =
                row.whole.then_some(row.span).into_iter().chain(left).filter(|s| !s.is_empty()).peekable();
            if spans.peek().is_none() {
                continue;
            }
            // Mostly it is one of each, and there are many.
            let entry = stored.entry(file).or_insert_with(|| StoredFile {
                size: row.size,
                spans: Vec::with_capacity(1),
                owners: Vec::with_capacity(1),
            });
            // One size for each content: of another one only a liar speaks.
            if entry.size == row.size {
                entry.spans.extend(spans);
                entry.owners.push(owner);
            }
        }
        for CarriedCopy { file, size, owner } in &self.carried {
            let entry = stored.entry(*file).or_insert_with(|| StoredFile {
                size: *size,
                spans: Vec::with_capacity(1),
                owners: Vec::with_capacity(1),
            });
            if entry.size == *size {
                entry.spans.extend(Span::whole(*size));
                entry.owners.push(*owner);
            }
        }
        let mut open = keeper.open_owners();
        open.extend(self.carried.iter().map(|carried| carried.owner));
        let gone: Vec<FileId> = self.stored.keys().filter(|f| !stored.contains_key(f)).copied().collect();
        for file in gone {
            out.sender(SenderCommand::Stored(file, None));
        }
        for (file, is) in &stored {
            if self.stored.get(file) != Some(is) {
                out.sender(SenderCommand::Stored(*file, Some(is.clone())));
            }
        }
        self.stored = stored;
        if self.open != open {
            out.sender(SenderCommand::Open(open.clone()));
            self.open = open;
        }
    }

    fn serve_owner_catalogues(&mut self, keeper: &Keeper, roster: &mut Roster, out: &mut Outputs) {
        let known: BTreeSet<PeerId> = keeper.owners().map(|(owner, _)| owner).collect();
        let gone: Vec<PeerId> =
            self.owner_catalogues.keys().filter(|o| !known.contains(o)).copied().collect();
        for owner in gone {
            self.owner_catalogues.remove(&owner);
            out.sender(SenderCommand::OwnerCatalogue(owner, None));
            roster.away.keep_no_more(owner);
        }
        for (owner, known) in keeper.owners().filter(|(_, e)| e.is_whole()) {
            if self.owner_catalogues.insert(owner, known.number()) != Some(known.number()) {
                let catalogue = Arc::new(known.catalogue());
                let is = (Arc::clone(known.signed()), Arc::clone(&catalogue));
                out.sender(SenderCommand::OwnerCatalogue(owner, Some(is)));
                // This peer lists them, too.
                roster.away.keep_here(owner, known.number(), &catalogue);
            }
        }
    }

    /// Files the announcements of owners whose files are kept, while they are here: they tell their names.
    fn note_names(&mut self, keeper: &Keeper, roster: &Roster, out: &mut Outputs) {
        let owners: Vec<PeerId> = keeper.owners().map(|(owner, _)| owner).collect();
        let mut rows = Vec::new();
        let key = |owner: &PeerId| [&[NOTE], &owner.0[..]].concat();
        for owner in &owners {
            let Some(signed) = roster.announcement(*owner) else { continue };
            if let Entry::Vacant(entry) = self.announcements.entry(*owner) {
                rows.push(LedgerRow { key: key(owner), value: Some(signed.to_vec()) });
                entry.insert(signed);
            }
        }
        let gone = self.announcements.keys().filter(|o| !owners.contains(o)).copied().collect::<Vec<_>>();
        for owner in gone {
            self.announcements.remove(&owner);
            rows.push(LedgerRow { key: key(&owner), value: None });
        }
        if !rows.is_empty() {
            Records::note(rows, out);
        }
    }

    /// What is kept of absent owners, as others are told.
    fn serve_list(&mut self, now: Time, me: PeerId, keeper: &Keeper, roster: &mut Roster, out: &mut Outputs) {
        let mut rows: BTreeMap<PeerId, Vec<KeptFile>> = BTreeMap::new();
        for ((owner, file), row, _) in keeper.all().filter(|(_, row, _)| row.whole) {
            let is_away = roster.contact(owner).is_none();
            if is_away && self.owner_catalogues.contains_key(&owner) {
                let Span { from, to } = row.span;
                rows.entry(owner).or_default().push(KeptFile { file, size: row.size, from, to });
            }
        }
        let away = |(owner, rows): (&PeerId, &Vec<KeptFile>)| {
            Some((*owner, (*self.owner_catalogues.get(owner)?, rows.len())))
        };
        let away: BTreeMap<_, _> = rows.iter().filter_map(away).collect();
        let kept: Vec<KeptOf> = rows
            .into_iter()
            .map(|(origin, rows)| {
                let announcement = self.announcements.get(&origin).cloned().unwrap_or_default();
                KeptOf { origin, announcement, rows }
            })
            .collect();
        if *self.kept == kept {
            return;
        }
        self.kept = Arc::new(kept);
        out.sender(SenderCommand::Kept(Arc::clone(&self.kept)));
        let own =
            self.kept.iter().map(|of| (of.origin, name_of(of.origin, &of.announcement), parts_of(&of.rows)));
        roster.away.kept(me, own.collect::<Vec<_>>());
        // Others ask again when this peer's catalogue has another number.
        if self.away != away {
            self.away = away;
            let earliest = self.called.map_or(now, |at| (at + CALL).max(now));
            self.call_due.get_or_insert(earliest);
        }
    }

    /// The data of a kept file is gone.
    pub(in crate::peer) fn is_gone(&mut self, file: FileId, out: &mut Outputs) {
        out.log_warning(format!("a kept file ({file:?}) is gone here: it is fetched again"));
        self.serve_no_more(file, out);
        out.chunks(chunk_store::Command::Clear(file));
    }

    /// A chunk of the store turned out to be rotten when it was to be served. It is not given out; of the
    /// others each is verified before it is.
    pub(in crate::peer) fn is_rotten(&mut self, file: FileId, keeper: &Keeper, out: &mut Outputs) {
        let rows = keeper.all().filter(|((_, f), ..)| *f == file).map(|(_, row, _)| (row.size, row.span));
        let (sizes, spans): (Vec<u64>, Vec<Span>) = rows.unzip();
        let Some(size) = sizes.first().copied().filter(|_| self.checked.insert(file)) else {
            return;
        };
        out.log_warning(format!("a kept file ({file:?}) is damaged here: it is fetched again"));
        // It is fetched again once that is done: two cannot work on one file.
        out.chunks(chunk_store::Command::Check(file, size, spans));
    }

    /// Chunks of the store turned out to be rotten when all of them were read again.
    pub(in crate::peer) fn lose(&mut self, file: FileId, chunks: Vec<ChunkIndex>, out: &mut Outputs) {
        out.log_warning(format!("a kept file ({file:?}) is damaged here: it is fetched again"));
        self.serve_no_more(file, out);
        out.chunks(chunk_store::Command::Lose(file, chunks));
    }

    /// Until it is known what is left of it.
    fn serve_no_more(&mut self, file: FileId, out: &mut Outputs) {
        out.sender(SenderCommand::Stored(file, None));
        self.stored.remove(&file);
    }
}

/// What a peer says that it keeps, as it is remembered.
pub(super) fn parts_of(rows: &[KeptFile]) -> Vec<KeptPart> {
    let part = |row: &KeptFile| KeptPart { file: row.file, size: row.size, span: row.span() };
    rows.iter().map(part).collect()
}

/// The name that an owner gave itself, out of an announcement that it signed.
pub(super) fn name_of(origin: PeerId, announcement: &[u8]) -> Option<String> {
    let envelope = Envelope::parse(announcement).ok().filter(|e| e.key().peer_id() == origin)?;
    envelope.open().ok().map(|body| body.presence.name.to_string())
}
