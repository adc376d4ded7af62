//! What others may have of what this peer keeps (custody.rs): the sender serves it, absent owners' catalogues
//! with it, and the other peers hear when that changes.

use core::time::Duration;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Controller, NOTE};
use crate::content::{ChunkIndex, FileId, Head, HeadNumber, Span};
use crate::custody::ledger::Present;
use crate::distribution::chunk_store;
use crate::identity::PeerId;
use crate::peer::away::KeptPart;
use crate::receiver::ReceiverCommand;
use crate::sender::{KeptOf, SenderCommand, StoredFile};
use crate::store::LedgerRow;
use crate::time::Time;
use crate::wire::datagram::Envelope;
use crate::wire::message::KeptFile;

/// What changed is brought to the sender once in this time.
const SERVE: Duration = Duration::from_millis(200);

/// The other peers are called to look again once in this time, at most.
const CALL: Duration = Duration::from_secs(2);

/// What the sender was told.
#[derive(Debug, Default)]
pub(super) struct Served {
    due: Option<Time>,
    /// The other peers are to be called to look again then.
    call_due: Option<Time>,
    /// The sender does not know yet what lies in the store.
    chunks_due: bool,
    stored: BTreeMap<FileId, StoredFile>,
    /// Chunks that lie in the store of contents of which some are missing.
    left: BTreeMap<FileId, Vec<Span>>,
    /// Contents that are read again, for a chunk of them was found to be rotten.
    checked: BTreeSet<FileId>,
    open: BTreeSet<PeerId>,
    owner_catalogues: BTreeMap<PeerId, HeadNumber>,
    kept: Arc<Vec<KeptOf>>,
    /// Absent owners, with the number of their head and how much of theirs is here: what others are to know.
    away: BTreeMap<PeerId, (HeadNumber, usize)>,
    called: Option<Time>,
    /// The signed announcements of owners, which tell their names.
    pub(super) announcements: BTreeMap<PeerId, Arc<[u8]>>,
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
    pub(super) fn stale(&mut self, now: Time) {
        let soon = now + SERVE;
        self.due.get_or_insert(soon);
        self.chunks_due = true;
    }

    /// The name of an owner, as it said it itself.
    pub(super) fn name(&self, owner: PeerId) -> Option<String> {
        name_of(owner, self.announcements.get(&owner)?)
    }

    /// Of a content of which some is missing these chunks lie in the store.
    pub(super) fn has_left(&mut self, now: Time, file: FileId, left: Vec<Span>) {
        self.left.insert(file, left);
        self.checked.remove(&file);
        self.stale(now);
    }

    /// True if this content is in the store, or some of it.
    pub(super) fn has(&self, file: FileId) -> bool {
        self.stored.contains_key(&file)
    }
}

impl Controller {
    /// Brings to the sender what changed of what is kept, once in a while.
    pub(super) fn serve_kept(&mut self, now: Time) {
        if self.custody.served.due.is_some_and(|at| at <= now) {
            self.custody.served.due = None;
            self.serve_chunks();
            self.serve_owner_catalogues();
            self.note_names();
            self.serve_list(now);
        }
        if self.custody.served.call_due.is_some_and(|at| at <= now) {
            self.custody.served.call_due = None;
            self.custody.served.called = Some(now);
            self.custody.own.call(now);
        }
    }

    /// Brings to the sender at once what changed in the store: whoever hears of it may ask for it.
    pub(super) fn serve_chunks(&mut self) {
        if !std::mem::take(&mut self.custody.served.chunks_due) {
            return;
        }
        let keeper = self.custody.machine.keeper();
        let left = &mut self.custody.served.left;
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
        let open = keeper.open_owners();
        let served = &mut self.custody.served;
        let gone: Vec<FileId> = served.stored.keys().filter(|f| !stored.contains_key(f)).copied().collect();
        for file in gone {
            self.parts.sender.send(SenderCommand::Stored(file, None));
        }
        for (file, is) in &stored {
            if served.stored.get(file) != Some(is) {
                self.parts.sender.send(SenderCommand::Stored(*file, Some(is.clone())));
            }
        }
        served.stored = stored;
        if served.open != open {
            self.parts.sender.send(SenderCommand::Open(open.clone()));
            served.open = open;
        }
    }

    fn serve_owner_catalogues(&mut self) {
        let served = &mut self.custody.served;
        let known: BTreeSet<PeerId> =
            self.custody.machine.keeper().owners().map(|(owner, _)| owner).collect();
        let gone: Vec<PeerId> =
            served.owner_catalogues.keys().filter(|o| !known.contains(o)).copied().collect();
        for owner in gone {
            served.owner_catalogues.remove(&owner);
            self.parts.sender.send(SenderCommand::OwnerCatalogue(owner, None));
        }
        for (owner, known) in self.custody.machine.keeper().owners().filter(|(_, e)| e.is_whole()) {
            if served.owner_catalogues.insert(owner, known.number()) != Some(known.number()) {
                let catalogue = Arc::new(known.catalogue());
                let is = (Arc::clone(known.signed()), Arc::clone(&catalogue));
                self.parts.sender.send(SenderCommand::OwnerCatalogue(owner, Some(is)));
                // This peer lists them, too.
                self.state.roster.away.shares(owner, known.number(), &catalogue);
            }
        }
    }

    /// Files the announcements of owners whose files are kept, while they are here: they tell their names.
    fn note_names(&mut self) {
        let owners: Vec<PeerId> = self.custody.machine.keeper().owners().map(|(owner, _)| owner).collect();
        let mut rows = Vec::new();
        let key = |owner: &PeerId| [&[NOTE], &owner.0[..]].concat();
        for owner in &owners {
            let Some(signed) = self.state.roster.announcement(*owner) else { continue };
            if let Entry::Vacant(entry) = self.custody.served.announcements.entry(*owner) {
                rows.push(LedgerRow { key: key(owner), value: Some(signed.to_vec()) });
                entry.insert(signed);
            }
        }
        let served = &mut self.custody.served;
        let gone = served.announcements.keys().filter(|o| !owners.contains(o)).copied().collect::<Vec<_>>();
        for owner in gone {
            served.announcements.remove(&owner);
            rows.push(LedgerRow { key: key(&owner), value: None });
        }
        if !rows.is_empty() {
            self.custody.note(&self.parts.store, rows);
        }
    }

    /// What is kept of absent owners, as others are told.
    fn serve_list(&mut self, now: Time) {
        let mut rows: BTreeMap<PeerId, Vec<KeptFile>> = BTreeMap::new();
        for ((owner, file), row, _) in self.custody.machine.keeper().all().filter(|(_, row, _)| row.whole) {
            let is_away = self.state.roster.contact(owner).is_none();
            if is_away && self.custody.served.owner_catalogues.contains_key(&owner) {
                let Span { from, to } = row.span;
                rows.entry(owner).or_default().push(KeptFile { file, size: row.size, from, to });
            }
        }
        let served = &mut self.custody.served;
        let away = |(owner, rows): (&PeerId, &Vec<KeptFile>)| {
            Some((*owner, (*served.owner_catalogues.get(owner)?, rows.len())))
        };
        let away: BTreeMap<_, _> = rows.iter().filter_map(away).collect();
        let kept: Vec<KeptOf> = rows
            .into_iter()
            .map(|(origin, rows)| {
                let announcement = served.announcements.get(&origin).cloned().unwrap_or_default();
                KeptOf { origin, announcement, rows }
            })
            .collect();
        if *served.kept == kept {
            return;
        }
        served.kept = Arc::new(kept);
        self.parts.sender.send(SenderCommand::Kept(Arc::clone(&served.kept)));
        let own = served
            .kept
            .iter()
            .map(|of| (of.origin, name_of(of.origin, &of.announcement), parts_of(&of.rows)));
        let own: Vec<_> = own.collect();
        self.state.roster.away.kept(self.identity.id(), own);
        // Others ask again when this peer's catalogue has another number.
        let served = &mut self.custody.served;
        if served.away != away {
            served.away = away;
            let earliest = served.called.map_or(now, |at| (at + CALL).max(now));
            served.call_due.get_or_insert(earliest);
        }
    }

    /// An owner whose files are kept has another head: what it deleted since is to go, and what it renamed is
    /// to be found, even if it leaves before this peer reports to it.
    pub(super) fn keep_up(&self, owner: PeerId, head: &Head) {
        let keeper = self.custody.machine.keeper();
        if keeper.owner_catalogue(owner).is_some_and(|known| known.number() < head.number()) {
            self.parts.receiver.send(ReceiverCommand::OwnerCatalogue { from: owner, origin: owner });
        }
    }

    /// A peer tells what it keeps of absent owners.
    pub(super) fn on_kept(&mut self, from: PeerId, all: Vec<KeptOf>) {
        let me = self.identity.id();
        let all: Vec<_> = all
            .into_iter()
            .filter(|of| of.origin != me)
            .map(|of| {
                let name = name_of(of.origin, &of.announcement);
                (of.origin, name, parts_of(&of.rows))
            })
            .collect();
        for origin in self.state.roster.away.kept(from, all) {
            if self.state.roster.contact(origin).is_none() {
                self.parts.receiver.send(ReceiverCommand::OwnerCatalogue { from, origin });
            }
        }
        self.more_sources();
    }

    /// The data of a kept file is gone.
    pub(super) fn kept_is_gone(&mut self, file: FileId) {
        log::warn!("a kept file ({file:?}) is gone here: it is fetched again");
        self.serve_no_more(file);
        self.parts.chunks.send(chunk_store::Command::Clear(file));
    }

    /// A chunk of the store turned out to be rotten when it was to be served. It is not given out; of the
    /// others each is verified before it is.
    pub(super) fn rotten(&mut self, file: FileId) {
        let keeper = self.custody.machine.keeper();
        let rows = keeper.all().filter(|((_, f), ..)| *f == file).map(|(_, row, _)| (row.size, row.span));
        let (sizes, spans): (Vec<u64>, Vec<Span>) = rows.unzip();
        let Some(size) = sizes.first().copied().filter(|_| self.custody.served.checked.insert(file)) else {
            return;
        };
        log::warn!("a kept file ({file:?}) is damaged here: it is fetched again");
        // It is fetched again once that is done: two cannot work on one file.
        self.parts.chunks.send(chunk_store::Command::Check(file, size, spans));
    }

    /// Chunks of the store turned out to be rotten when all of them were read again.
    pub(super) fn lose(&mut self, file: FileId, chunks: Vec<ChunkIndex>) {
        log::warn!("a kept file ({file:?}) is damaged here: it is fetched again");
        self.serve_no_more(file);
        self.parts.chunks.send(chunk_store::Command::Lose(file, chunks));
    }

    /// Until it is known what is left of it.
    fn serve_no_more(&mut self, file: FileId) {
        self.parts.sender.send(SenderCommand::Stored(file, None));
        self.custody.served.stored.remove(&file);
    }
}

fn parts_of(rows: &[KeptFile]) -> Vec<KeptPart> {
    let part = |row: &KeptFile| KeptPart { file: row.file, size: row.size, span: row.span() };
    rows.iter().map(part).collect()
}

/// The name that an owner gave itself, out of an announcement that it signed.
fn name_of(origin: PeerId, announcement: &[u8]) -> Option<String> {
    let envelope = Envelope::parse(announcement).ok().filter(|e| e.key().peer_id() == origin)?;
    envelope.open().ok().map(|body| body.presence.name.to_string())
}
