//! Reading: the bytes of a file from a place on, in order, verified, as fast as whoever reads takes them, from all
//! who have it. Pure; its shell is receiver/reading.rs.
//!
//! Inputs are `handle_*` with the time first; then [`Readers::poll_output`] is drained until it is `None`;
//! [`Readers::handle_timeout`] is due at [`Readers::poll_timeout`]. Time never goes back.
//!
//! Nothing is written to a disk. What was asked for and is not taken yet is bounded by a window (cells.rs), so that a
//! slow reader stops the fetching. What is asked of whom is decided in read.rs: slices where somebody waits for each of
//! them, whole chunks where they come so fast that it makes no difference. The peers are in givers.rs.

mod cells;
mod givers;
pub(crate) mod limits;
mod pieces;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use self::pieces::{PieceHead, is_of_reader};

use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};

use self::givers::{Giver, GiverLink, to_dial};
use self::read::{FileRead, SlicesToAsk};
use crate::content::Claim;
use crate::content::slice::SLICE;
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::rate::Limit;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{Cancel, GetBlocks, GetManifest, GetSlices, Item};

/// Number of a file that is read, for as long as this peer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ReadId(pub u64);

/// What is to be read.
#[derive(Clone, Debug)]
pub(crate) struct ReadOrder {
    /// Its number.
    pub id: ReadId,
    /// The content.
    pub claim: Claim,
    /// Which bytes of it.
    pub range: Range<u64>,
    /// Peers that have all of it.
    pub holders: Vec<PeerId>,
    /// Peers that may have some of it.
    pub some: Vec<PeerId>,
}

/// What the shell is to do.
#[derive(Debug)]
pub(crate) enum ReadOutput {
    /// Connect to this peer's sender port; answered by `handle_up` or `handle_down`.
    Dial(PeerId),
    /// Close the connection to it, with the cause for the log. No `handle_down` follows.
    Drop(PeerId, String),
    /// Send it this.
    Ask(PeerId, Message),
    /// Give whoever reads these bytes, which are verified.
    Give(ReadId, Vec<u8>),
    /// Nothing more is read; why, if not all of it was.
    End(ReadId, Result<(), Failure>),
    /// Tell the user.
    Warning(String),
}

/// What was asked for, and has not come in full.
#[derive(Debug)]
struct PendingRead {
    peer: PeerId,
    read: ReadId,
    what: PendingWhat,
}

/// Which kind of thing was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PendingWhat {
    /// A page of the manifest.
    Page,
    /// These bytes of the file are still to come: as slices, whose paths lead up to the file id, or else to that of
    /// their chunk.
    Slices { left: Range<u64>, first: u64, to_file: bool },
    /// These bytes of the file are still to come, as blocks.
    Blocks { left: Range<u64> },
}

impl PendingWhat {
    /// Bytes that are still to come.
    const fn left(&self) -> u64 {
        match self {
            Self::Page => 0,
            Self::Slices { left, .. } | Self::Blocks { left } => left.end.saturating_sub(left.start),
        }
    }
}

/// All files that are read.
#[derive(Debug)]
pub(crate) struct Readers {
    reads: BTreeMap<ReadId, FileRead>,
    givers: BTreeMap<PeerId, Giver>,
    /// By the number of the request.
    asked: BTreeMap<u64, PendingRead>,
    next_request: u64,
    /// The one that bytes were asked for last: the next one has its turn.
    turn: ReadId,
    outputs: VecDeque<ReadOutput>,
    /// The rate at which bytes are taken: little more is asked ahead.
    limit: Limit,
    tick: Time,
}

impl Readers {
    /// Nothing is read.
    pub(crate) const fn new(limit: Limit) -> Self {
        Self {
            reads: BTreeMap::new(),
            givers: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_request: pieces::FIRST_REQUEST,
            turn: ReadId(0),
            outputs: VecDeque::new(),
            limit,
            tick: Time::ZERO,
        }
    }

    /// The next thing to do; to be called until `None` after every input.
    pub(crate) fn poll_output(&mut self) -> Option<ReadOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due; `None` while nothing is read.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        (!self.reads.is_empty()).then_some(self.tick)
    }

    /// True if this peer owes something.
    pub(crate) fn is_owed_by(&self, peer: PeerId) -> bool {
        self.givers.get(&peer).is_some_and(Giver::owes)
    }

    /// The rate is this from now on.
    pub(crate) const fn set_limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    // ---- what the controller and whoever reads say ---------------------------------------------

    /// Somebody reads a file.
    pub(crate) fn handle_order(&mut self, now: Time, order: ReadOrder) {
        let id = order.id;
        let read = match FileRead::new(now, order) {
            Ok(_) if self.reads.len() >= limits::READS => {
                let text = format!("{} files are read already: try again when one of them is", limits::READS);
                Err(Failure::other(text))
            }
            read => read,
        };
        match read {
            Ok(read) => {
                if self.reads.is_empty() {
                    self.tick = now + limits::READ_TICK;
                }
                self.reads.insert(id, read);
                self.schedule(now);
            }
            Err(failure) => self.outputs.push_back(ReadOutput::End(id, Err(failure))),
        }
    }

    /// More peers that have all of a content.
    pub(crate) fn handle_holders(&mut self, now: Time, claim: Claim, peers: &[PeerId]) {
        let mut is_new = false;
        for read in self.reads.values_mut().filter(|read| read.claim() == claim) {
            read.add_holders(peers, true);
            is_new = true;
        }
        if is_new {
            self.schedule(now);
        }
    }

    /// So many pieces that were given are not taken yet.
    pub(crate) fn handle_waiting(&mut self, now: Time, id: ReadId, pieces: usize) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        if pieces < std::mem::replace(&mut read.waiting, pieces) {
            self.go_on(now, id);
            self.schedule(now);
        }
    }

    /// Nobody reads it any more.
    pub(crate) fn handle_cancel(&mut self, now: Time, id: ReadId) {
        self.forget(id);
        self.schedule(now);
    }

    /// Nothing more is read.
    pub(crate) fn handle_stop(&mut self) {
        for (id, read) in std::mem::take(&mut self.reads) {
            let failure = read.failed(Code::Failed, "this peer left");
            self.outputs.push_back(ReadOutput::End(id, Err(failure)));
        }
        self.asked.clear();
        self.givers.clear();
    }

    // ---- what connections say ------------------------------------------------------------------

    /// This peer can be reached now (again, or elsewhere).
    pub(crate) fn handle_peer(&mut self, now: Time, peer: PeerId) {
        if let Some(giver) = self.givers.get_mut(&peer) {
            giver.forgive(now);
            self.schedule(now);
        }
    }

    /// A connection to this peer stands.
    pub(crate) fn handle_up(&mut self, now: Time, peer: PeerId) {
        if let Some(giver) = self.givers.get_mut(&peer) {
            giver.link = GiverLink::Up;
            giver.heard(now);
            self.schedule(now);
        }
    }

    /// The connection to this peer could not be had, or is over.
    pub(crate) fn handle_down(&mut self, now: Time, peer: PeerId) {
        let Some(giver) = self.givers.get(&peer) else { return };
        // Closed in order while nothing was owed is no failure.
        let has_failed = giver.link == GiverLink::Dialling || giver.owes();
        self.unlink(now, peer, has_failed);
        self.schedule(now);
    }

    /// Something came from this peer.
    pub(crate) fn handle_heard(&mut self, at: Time, peer: PeerId) {
        if let Some(giver) = self.givers.get_mut(&peer) {
            giver.heard(at);
        }
    }

    /// Looks for stalled givers, and for files that nobody gives.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if self.tick > now || self.reads.is_empty() {
            return;
        }
        self.tick = now + limits::READ_TICK;
        let stalled = self.givers.iter().filter(|(_, giver)| giver.is_silent(now, limits::STALL));
        for peer in stalled.map(|(peer, _)| *peer).collect::<Vec<_>>() {
            self.drop_giver(now, peer, "it owes bytes of a file that is read, and sends nothing");
        }
        let mut stuck = Vec::new();
        for read in self.reads.values_mut() {
            if read.waits_for_reader() {
                read.moved = now;
            }
            if read.is_hopeless() || now.since(read.moved) >= limits::NO_HOLDER {
                stuck.push(read.id());
            }
        }
        for id in stuck {
            self.fail(id);
        }
        self.schedule(now);
    }

    // ---- what follows --------------------------------------------------------------------------

    /// Connects to who has something, asks for bytes, and gives what is there.
    fn schedule(&mut self, now: Time) {
        let window = (limits::READ_WINDOWS / self.reads.len().max(1) as u64)
            .clamp(limits::READ_WINDOW_MIN, limits::READ_WINDOW);
        for read in self.reads.values_mut() {
            read.extend(window);
            for peer in read.candidates() {
                self.givers.entry(peer).or_default();
            }
        }
        let over: Vec<_> = self.reads.values().filter(|read| read.is_over()).map(FileRead::id).collect();
        for id in over {
            self.forget(id);
            self.outputs.push_back(ReadOutput::End(id, Ok(())));
        }
        for read in self.reads.values() {
            let wanted = if read.left() >= limits::WORTH_ANOTHER { limits::READ_GIVERS } else { 1 };
            for peer in to_dial(now, &self.givers, read.givers_of_next(), wanted) {
                if let Some(giver) = self.givers.get_mut(&peer) {
                    giver.link = GiverLink::Dialling;
                    self.outputs.push_back(ReadOutput::Dial(peer));
                }
            }
        }
        let up = self.givers.iter().filter(|(_, giver)| giver.link == GiverLink::Up).map(|(peer, _)| *peer);
        for peer in up.collect::<Vec<_>>() {
            self.fill(now, peer);
        }
        if self.reads.is_empty() {
            self.givers.retain(|_, giver| giver.link == GiverLink::Up && giver.owes());
        }
    }

    /// Asks `peer` for as much as may be asked of it now.
    fn fill(&mut self, now: Time, peer: PeerId) {
        self.ask_pages(now, peer);
        self.take_over(now, peer);
        self.ask_bytes(now, peer);
    }

    fn ask_pages(&mut self, now: Time, peer: PeerId) {
        let Some(giver) = self.givers.get_mut(&peer) else { return };
        if giver.room(now, self.limit) == 0 {
            return;
        }
        for read in self.reads.values_mut() {
            let Some(page) = read.next_page(peer) else { continue };
            read.page_asked(true);
            let request = self.next_request;
            self.next_request += 1;
            giver.asked(now, 0);
            self.asked.insert(request, PendingRead { peer, read: read.id(), what: PendingWhat::Page });
            let message = Message::GetManifest(GetManifest { request, file: read.claim().0, page });
            self.outputs.push_back(ReadOutput::Ask(peer, message));
        }
    }

    /// Each file has its turn.
    fn ask_bytes(&mut self, now: Time, peer: PeerId) {
        while let Some(giver) = self.givers.get(&peer) {
            let room = giver.room(now, self.limit);
            if room == 0 {
                return;
            }
            let later =
                self.reads.range_mut((core::ops::Bound::Excluded(self.turn), core::ops::Bound::Unbounded));
            let ask = |read: &mut FileRead| Some((read.id(), read.next_ask(peer, giver, room)?));
            let mut found = later.map(|(_, read)| read).find_map(ask);
            if found.is_none() {
                found = self.reads.range_mut(..=self.turn).map(|(_, read)| read).find_map(ask);
            }
            let Some((id, slices)) = found else { return };
            self.turn = id;
            self.ask(now, peer, id, slices);
        }
    }

    fn ask(&mut self, now: Time, peer: PeerId, id: ReadId, slices: SlicesToAsk) {
        let (Some(read), Some(giver)) = (self.reads.get_mut(&id), self.givers.get_mut(&peer)) else { return };
        let request = self.next_request;
        self.next_request += 1;
        read.asked(slices, request);
        let SlicesToAsk { first, count, by_chunk, to_file } = slices;
        let (file, size) = read.claim();
        let start = first.saturating_mul(SLICE);
        let left = start..start.saturating_add(count.saturating_mul(SLICE)).min(size);
        let len = left.end - left.start;
        giver.asked(now, len);
        let (message, what) = if by_chunk {
            let items = vec![Item { file, offset: start, len }];
            let message = Message::GetBlocks(GetBlocks { request, items, background: false });
            (message, PendingWhat::Blocks { left })
        } else {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            let asked = GetSlices { request, file, size, first, count, to_file, background: false };
            (Message::GetSlices(asked), PendingWhat::Slices { left, first, to_file })
        };
        self.asked.insert(request, PendingRead { peer, read: id, what });
        self.outputs.push_back(ReadOutput::Ask(peer, message));
    }

    /// What is waited for first, and comes much later than `peer` would give it, is asked of that one.
    fn take_over(&mut self, now: Time, peer: PeerId) {
        let Some(mine) = self.givers.get(&peer).filter(|giver| giver.room(now, self.limit) > 0) else {
            return;
        };
        let late = self.reads.values().find_map(|read| {
            let request = read.first_asked(peer)?;
            let pending = self.asked.get(&request).filter(|pending| pending.peer != peer)?;
            let other = self.givers.get(&pending.peer)?;
            let is_silent = other.is_silent(now, limits::GIVER_SILENT);
            let is_late = is_silent || other.is_later(mine, pending.what.left());
            is_late.then_some((request, pending.peer, is_silent))
        });
        let Some((request, other, is_silent)) = late else { return };
        self.take_back(request);
        // It is not asked again at once for what comes next.
        if let Some(other) = self.givers.get_mut(&other).filter(|_| is_silent) {
            other.failed(now);
        }
    }

    /// A request is not wanted any more.
    fn take_back(&mut self, request: u64) {
        let Some(PendingRead { peer, read, what }) = self.asked.remove(&request) else { return };
        if let Some(giver) = self.givers.get_mut(&peer) {
            giver.answered(what.left(), true);
        }
        if let Some(read) = self.reads.get_mut(&read) {
            read.release(request);
            if what == PendingWhat::Page {
                read.page_asked(false);
            }
        }
        self.outputs.push_back(ReadOutput::Ask(peer, Message::Cancel(Cancel { request })));
    }

    /// Gives whoever reads what is there and wanted.
    fn go_on(&mut self, now: Time, id: ReadId) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        while read.waiting < limits::GIVEN_AHEAD
            && let Some(bytes) = read.take()
        {
            read.waiting += 1;
            read.moved = now;
            self.outputs.push_back(ReadOutput::Give(id, bytes));
        }
    }

    /// Nobody gives a file.
    fn fail(&mut self, id: ReadId) {
        let Some(failure) = self.reads.get(&id).map(FileRead::why_not_given) else { return };
        self.forget(id);
        self.outputs.push_back(ReadOutput::End(id, Err(failure)));
    }

    /// A file is read no more: what was asked for it is taken back.
    fn forget(&mut self, id: ReadId) {
        self.reads.remove(&id);
        let open = self.asked.iter().filter(|(_, pending)| pending.read == id);
        for request in open.map(|(request, _)| *request).collect::<Vec<_>>() {
            self.take_back(request);
        }
    }

    /// Something that `peer` gave is wrong: that costs its connection, and the second time its trust.
    fn wrong(&mut self, now: Time, id: ReadId, peer: PeerId) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        let (file, _) = read.claim();
        let text = if read.blame(peer) {
            format!(
                "{peer} sent wrong bytes of b3:{} twice and is not asked for it any more",
                file.prefix(12)
            )
        } else {
            format!("{peer} sent wrong bytes of b3:{}; they are fetched again", file.prefix(12))
        };
        self.outputs.push_back(ReadOutput::Warning(text));
        self.drop_giver(now, peer, "it sent wrong bytes");
    }

    fn drop_giver(&mut self, now: Time, peer: PeerId, why: &str) {
        self.outputs.push_back(ReadOutput::Drop(peer, why.to_owned()));
        self.unlink(now, peer, true);
    }

    /// The link is down: what it owed is asked of others.
    fn unlink(&mut self, now: Time, peer: PeerId, has_failed: bool) {
        let Some(giver) = self.givers.get_mut(&peer) else { return };
        giver.unlink();
        if has_failed {
            giver.failed(now);
        }
        let reads = &mut self.reads;
        self.asked.retain(|request, pending| {
            if pending.peer != peer {
                return true;
            }
            if let Some(read) = reads.get_mut(&pending.read) {
                read.release(*request);
                if pending.what == PendingWhat::Page {
                    read.page_asked(false);
                }
            }
            false
        });
    }
}
