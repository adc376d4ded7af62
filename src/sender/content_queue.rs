//! The requests for content of one asker, in the order in which they are answered. Pure; part of
//! sender/client.rs.

use std::collections::VecDeque;

use crate::content::{Chunks, FileId, slice};
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

    /// The files that are under way with it.
    pub(super) fn files(&self) -> impl Iterator<Item = FileId> {
        let (items, any) = match self {
            Self::Blocks(m) => (&m.items[..], None),
            Self::Any(m, _) => (&[][..], Some(m.file)),
            // Whoever reads here and there of a file does not have to get all of it before we leave.
            Self::Slices(_) => (&[][..], None),
        };
        items.iter().map(|i| i.file).chain(any)
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

    /// True if some of it was sent, or chosen to be sent.
    const fn is_begun(&self) -> bool {
        self.item > 0 || self.done > 0 || matches!(self.asked, ContentRequest::Any(_, Some(_)))
    }
}

/// The requests of one asker that have not their whole answer, at most [`limits::REQUESTS_OPEN`].
#[derive(Debug, Default)]
pub(super) struct ContentQueue {
    waiting: VecDeque<QueuedRequest>,
}

impl ContentQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= limits::REQUESTS_OPEN
    }

    /// One more, if the queue is not full.
    pub(super) fn push(&mut self, asked: ContentRequest) {
        // It overtakes what this one itself fetches in the background, but not what is under way.
        let begun = usize::from(self.waiting.front().is_some_and(QueuedRequest::is_begun));
        let behind = self.waiting.iter().skip(begun).position(|queued| queued.asked.is_background());
        let at = behind.filter(|_| !asked.is_background()).map_or(self.waiting.len(), |at| begun + at);
        self.waiting.insert(at, QueuedRequest { asked, item: 0, done: 0 });
    }

    /// Takes a request back. The files that were under way with it.
    pub(super) fn cancel(&mut self, request: u64) -> Vec<FileId> {
        let is_it = |queued: &QueuedRequest| queued.asked.request() == request;
        let files = self.waiting.iter().filter(|queued| is_it(queued)).flat_map(|q| q.asked.files()).collect();
        self.waiting.retain(|queued| !is_it(queued));
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
            self.waiting.pop_front();
        }
        Some(file)
    }

    /// What is to be sent next of what is asked for by number, in this order. It ends where a chunk is to be
    /// chosen first, or slices are asked for.
    pub(super) fn upcoming(&self) -> impl Iterator<Item = Item> {
        let is_known =
            |asked: &ContentRequest| matches!(asked, ContentRequest::Blocks(_) | ContentRequest::Any(_, Some(_)));
        self.waiting.iter().take_while(move |queued| is_known(&queued.asked)).flat_map(QueuedRequest::all_left)
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
            self.waiting.pop_front();
        }
    }
}
