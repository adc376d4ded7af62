//! The requests for content of one asker, in the order in which they are answered (file_turns.rs). Pure; part of
//! sender/client.rs.

use std::collections::VecDeque;

use super::file_turns::{FileTurn, FileTurns};
use crate::content::slice::{self, SLICE};
use crate::content::{Chunks, FileId};
use crate::sender::limits;
use crate::wire::message::{GetAny, GetBlocks, GetSlices, Item};

/// A request for content.
#[derive(Debug)]
pub(super) enum ContentRequest {
    Blocks(GetBlocks),
    /// And the chunk that was chosen, as an item.
    Any(GetAny, Option<Item>),
    /// Its slices are its items.
    Slices(GetSlices),
}

impl ContentRequest {
    const fn request(&self) -> u64 {
        match self {
            Self::Blocks(m) => m.request,
            Self::Any(m, _) => m.request,
            Self::Slices(m) => m.request,
        }
    }

    /// The item of this number; `None`: there is none, or it is not chosen yet.
    fn item(&self, number: usize) -> Option<Item> {
        match self {
            Self::Blocks(m) => m.items.get(number).copied(),
            Self::Any(_, chosen) => chosen.filter(|_| number == 0),
            Self::Slices(m) => slice_of(m, number),
        }
    }

    /// True if it may wait for those of others.
    pub(super) const fn is_background(&self) -> bool {
        match self {
            Self::Blocks(m) => m.background,
            Self::Any(m, _) => m.background,
            Self::Slices(m) => m.background,
        }
    }

    /// The files that it is for.
    fn files(&self) -> impl Iterator<Item = FileId> + Clone {
        let (items, one) = match self {
            Self::Blocks(m) => (&m.items[..], None),
            Self::Any(m, _) => (&[][..], Some(m.file)),
            Self::Slices(m) => (&[][..], Some(m.file)),
        };
        items.iter().map(|i| i.file).chain(one)
    }

    /// The files that are under way with it.
    pub(super) fn under_way(&self) -> impl Iterator<Item = FileId> {
        // Whoever reads here and there of a file does not have to get all of it before we leave.
        let is_reader = matches!(self, Self::Slices(_));
        self.files().filter(move |_| !is_reader)
    }

    /// Bytes that it asks for, as far as that is known before they are looked for.
    fn bytes(&self) -> u64 {
        match self {
            Self::Blocks(m) => m.items.iter().fold(0, |sum, item| sum.saturating_add(item.len)),
            Self::Any(m, _) => Chunks::of(m.size).map_or(0, |chunks| chunks.chunk_size()),
            Self::Slices(m) => u64::from(m.count) * SLICE,
        }
    }
}

/// The bytes of one of the slices that are asked for.
fn slice_of(m: &GetSlices, number: usize) -> Option<Item> {
    let number = u64::try_from(number).ok().filter(|n| *n < m.count.into())?;
    let range = slice::range(Chunks::of(m.size)?, m.first.checked_add(number)?)?;
    Some(Item { file: m.file, offset: range.start, len: range.end - range.start })
}

/// What is to be sent next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DueItem {
    pub(crate) request: u64,
    /// Which item of the request it is.
    pub(crate) number: u32,
    /// What is left of the item.
    pub(crate) left: Item,
}

/// A request that has not its whole answer.
#[derive(Debug)]
struct QueuedRequest {
    asked: ContentRequest,
    turn: FileTurn,
    /// The item that is sent now, and the bytes of it that are sent.
    item: usize,
    done: u64,
}

impl QueuedRequest {
    /// What is left of the item that is sent now.
    fn left(&self) -> Option<Item> {
        let item = self.asked.item(self.item)?;
        Some(Item { offset: item.offset.saturating_add(self.done), len: item.len - self.done, ..item })
    }

    /// What is left of all items.
    fn all_left(&self) -> impl Iterator<Item = Item> {
        let later = (self.item + 1..).map_while(|number| self.asked.item(number));
        self.left().into_iter().chain(later)
    }
}

/// The requests of one asker that have not their whole answer, at most [`limits::REQUESTS_OPEN`].
#[derive(Debug, Default)]
pub(super) struct ContentQueue {
    waiting: VecDeque<QueuedRequest>,
    turns: FileTurns,
}

impl ContentQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= limits::REQUESTS_OPEN
    }

    /// One more, if the queue is not full. It may come before one in the background of which some was sent: that
    /// goes on after it.
    pub(super) fn push(&mut self, asked: ContentRequest) {
        let turn = self.turns.join(asked.files(), asked.bytes(), asked.is_background());
        let at = self.waiting.partition_point(|queued| queued.turn.order() <= turn.order());
        self.waiting.insert(at, QueuedRequest { asked, turn, item: 0, done: 0 });
    }

    /// Takes a request back. The files that were under way with it.
    pub(super) fn cancel(&mut self, request: u64) -> Vec<FileId> {
        let mut files = Vec::new();
        let turns = &mut self.turns;
        self.waiting.retain(|QueuedRequest { asked, turn, .. }| {
            if asked.request() != request {
                return true;
            }
            files.extend(asked.under_way());
            turns.leave(asked.files(), *turn);
            false
        });
        files
    }

    /// The request that is answered next.
    pub(super) fn front(&self) -> Option<&ContentRequest> {
        Some(&self.waiting.front()?.asked)
    }

    /// Answers the present request for any chunk with this one, or, if `None`, not. The file that it is of.
    pub(super) fn choose(&mut self, item: Option<Item>) -> Option<FileId> {
        let ContentRequest::Any(any, chosen) = &mut self.waiting.front_mut()?.asked else { return None };
        let file = any.file;
        if item.is_some() {
            *chosen = item;
        } else {
            self.pop();
        }
        Some(file)
    }

    /// What is to be sent next of what is asked for by number, in this order. It ends where a chunk is to be
    /// chosen first, or slices are asked for.
    pub(super) fn upcoming(&self) -> impl Iterator<Item = Item> {
        let is_known = |asked: &ContentRequest| {
            matches!(asked, ContentRequest::Blocks(_) | ContentRequest::Any(_, Some(_)))
        };
        self.waiting
            .iter()
            .take_while(move |queued| is_known(&queued.asked))
            .flat_map(QueuedRequest::all_left)
    }

    /// Request, number of the item, and what is left of the item that is to be sent next.
    pub(super) fn next_item(&self) -> Option<DueItem> {
        let first = self.waiting.front()?;
        let number = u32::try_from(first.item).unwrap_or(u32::MAX);
        Some(DueItem { request: first.asked.request(), number, left: first.left()? })
    }

    /// `bytes` of the present item were sent; the item.
    pub(super) fn advance(&mut self, bytes: u64) -> Option<Item> {
        let first = self.waiting.front_mut()?;
        let item = first.asked.item(first.item)?;
        self.turns.begin(first.turn);
        first.done += bytes;
        if first.done >= item.len {
            self.next();
        }
        Some(item)
    }

    /// The present item is not sent; which it is.
    pub(super) fn skip_item(&mut self) -> Option<Item> {
        let first = self.waiting.front()?;
        let item = first.asked.item(first.item)?;
        self.next();
        Some(item)
    }

    /// Invariant: `item` is in range of the first request, which [`Message::decode`] let no request
    /// without items pass for.
    ///
    /// [`Message::decode`]: crate::wire::Message::decode
    fn next(&mut self) {
        let Some(first) = self.waiting.front_mut() else { return };
        first.done = 0;
        first.item += 1;
        if first.asked.item(first.item).is_none() {
            self.pop();
        }
    }

    /// The first one has its answer.
    fn pop(&mut self) {
        if let Some(QueuedRequest { asked, turn, .. }) = self.waiting.pop_front() {
            self.turns.leave(asked.files(), turn);
        }
    }
}
