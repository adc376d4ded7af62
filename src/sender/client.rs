//! What one asker of the sender is owed. Pure; the shell is sender/mod.rs.

use core::time::Duration;
use std::collections::BTreeMap;

pub(crate) use super::content_queue::DueItem;
use super::content_queue::{ContentQueue, ContentRequest};
use super::quick::Questions;
use super::sent::SentFor;
use crate::content::partial::Bits;
use crate::content::{ChunkIndex, Chunks, FileId};
use crate::identity::PeerId;
use crate::sender::limits;
use crate::time::Time;
use crate::wire::message::{GetAny, GetBlocks, GetSlices, HavesIs, Item};

/// Files under way that are kept in mind for one asker, at most. Only after `Finish` does it matter.
const UNDER_WAY: usize = 4_096;

/// After `Finish`: an asker may pause in the middle of a file for at least this long.
const GRACE: Duration = Duration::from_millis(300);

/// And at most for this long, which is also what one gets whose pace is not known yet: it asked once.
const GRACE_UNKNOWN: Duration = Duration::from_secs(5);

/// What was reported to one asker of the chunks of a file.
#[derive(Debug)]
pub(crate) struct HavesWatch {
    pub(crate) file: FileId,
    /// Its size, by the word of who asks.
    pub(crate) size: u64,
    /// What was reported is all that the chunk store had in this version of it.
    pub(crate) version: Option<u64>,
    /// `None`: nothing yet.
    reported: Option<Bits>,
}

impl HavesWatch {
    pub(crate) const fn new(file: FileId, size: u64) -> Self {
        Self { file, size, version: None, reported: None }
    }

    /// What is to be reported, given what is there now; `None`: nothing new.
    pub(crate) fn next(&mut self, request: u64, have: Bits) -> Option<HavesIs> {
        let answer = match &self.reported {
            Some(reported) if *reported == have => return None,
            // Chunks that are no longer there are reported, too: by a map.
            Some(reported) if reported.iter().all(|c| have.has(c)) => {
                let more: Vec<_> = have.iter().filter(|c| !reported.has(*c)).map(ChunkIndex::get).collect();
                if more.len() * 5 < have.chunks().count() as usize / 8 && more.len() <= limits::HAVES_MORE {
                    HavesIs { request, map: Vec::new(), more }
                } else {
                    HavesIs { request, map: have.to_map(), more: Vec::new() }
                }
            }
            _ => HavesIs { request, map: have.to_map(), more: Vec::new() },
        };
        self.reported = Some(have);
        Some(answer)
    }
}

/// One asker.
#[derive(Debug)]
pub(crate) struct SenderClient {
    pub(crate) peer: PeerId,
    /// Bytes of content sent to it.
    pub(crate) bytes: u64,
    /// What it asked that needs no file: these answers overtake blocks.
    pub(crate) questions: Questions,
    content: ContentQueue,
    /// Files it has asked for and not got whole: bytes of each that were sent.
    under_way: BTreeMap<FileId, u64>,
    /// Chunks that were given to it.
    given: BTreeMap<FileId, Bits>,
    /// When it asked or was sent something last.
    active: Time,
    /// Files of which it wants to hear what is there, by the number of its request.
    pub(crate) watches: BTreeMap<u64, HavesWatch>,
    /// When it asked for blocks last, and the longest time lately between two such requests.
    asked: Option<Time>,
    pace: Option<Duration>,
}

impl SenderClient {
    pub(crate) fn new(peer: PeerId, now: Time) -> Self {
        Self {
            peer,
            bytes: 0,
            questions: Questions::default(),
            content: ContentQueue::default(),
            under_way: BTreeMap::new(),
            given: BTreeMap::new(),
            watches: BTreeMap::new(),
            active: now,
            asked: None,
            pace: None,
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.questions.is_empty() || !self.content.is_empty()
    }

    /// True if it waits for content.
    pub(crate) fn wants_blocks(&self) -> bool {
        !self.content.is_empty()
    }

    /// True if what it waits for may wait for others.
    pub(crate) fn is_background(&self) -> bool {
        self.content.front().is_some_and(ContentRequest::is_background)
    }

    /// Why it asked for what is sent to it now.
    pub(crate) fn sent_for(&self) -> SentFor {
        match self.content.front() {
            Some(ContentRequest::Slices(_)) => SentFor::Read,
            Some(asked) if asked.is_background() => SentFor::Keep,
            _ => SentFor::Fetch,
        }
    }

    /// True if it waits for no content, and nothing of what it began is missing or it has not gone on with
    /// it for several times as long as it used to take.
    pub(crate) fn is_finished(&self, now: Time) -> bool {
        self.content.is_empty() && (self.under_way.is_empty() || now.since(self.active) >= self.grace())
    }

    /// True if content was sent to it within this time: some of it may be on its way.
    pub(crate) fn was_served_within(&self, now: Time, time: Duration) -> bool {
        self.bytes > 0 && now.since(self.active) < time
    }

    /// How long it may ask for nothing in the middle of a file. Requests run ahead of what arrived, so
    /// what is on its way and its pace matter, not the link's.
    fn grace(&self) -> Duration {
        self.pace.map_or(GRACE_UNKNOWN, |pace| (pace * 4).clamp(GRACE, GRACE_UNKNOWN))
    }

    /// True if it asked for this file before and has not got all of it.
    pub(crate) fn is_under_way(&self, file: FileId) -> bool {
        self.under_way.contains_key(&file)
    }

    /// Queues a request for blocks; false when there are too many. Its files are under way from now on,
    /// unless no more may `begin`.
    pub(crate) fn take_blocks(&mut self, now: Time, m: GetBlocks, begin: bool) -> bool {
        self.take(now, ContentRequest::Blocks(m), begin)
    }

    /// Queues a request for any chunk; the same.
    pub(crate) fn take_any(&mut self, now: Time, m: GetAny, begin: bool) -> bool {
        self.take(now, ContentRequest::Any(m, None), begin)
    }

    /// Queues a request for slices; the same.
    pub(crate) fn take_slices(&mut self, now: Time, m: GetSlices) -> bool {
        self.take(now, ContentRequest::Slices(m), false)
    }

    /// The request for slices that is to be answered next.
    pub(crate) fn next_slices(&self) -> Option<GetSlices> {
        match self.content.front() {
            Some(ContentRequest::Slices(m)) => Some(*m),
            _ => None,
        }
    }

    fn take(&mut self, now: Time, asked: ContentRequest, begin: bool) -> bool {
        if self.content.is_full() {
            return false;
        }
        if let Some(before) = self.asked.replace(now) {
            let gap = now.since(before);
            self.pace = Some(self.pace.map_or(gap, |pace| gap.max(pace / 2)));
        }
        self.active = now;
        for file in asked.under_way() {
            if !begin || self.under_way.len() >= UNDER_WAY {
                break;
            }
            self.under_way.entry(file).or_insert(0);
        }
        self.content.push(asked);
        true
    }

    pub(crate) fn cancel(&mut self, request: u64) {
        self.watches.remove(&request);
        for file in self.content.cancel(request) {
            self.under_way.remove(&file);
        }
    }

    /// The request for any chunk that is to be answered next, if its chunk is not chosen yet.
    pub(crate) fn next_any(&self) -> Option<&GetAny> {
        match self.content.front() {
            Some(ContentRequest::Any(any, None)) => Some(any),
            _ => None,
        }
    }

    /// True if what is sent to it now is a chunk that was chosen for it.
    pub(crate) fn is_chosen(&self) -> bool {
        matches!(self.content.front(), Some(ContentRequest::Any(..)))
    }

    /// A chunk of a file that it asked for by number is given to it.
    pub(crate) fn was_given(&mut self, file: FileId, chunks: Chunks, chunk: ChunkIndex) {
        if let Some(given) = self.given.get_mut(&file).filter(|given| given.chunks() == chunks) {
            given.insert(chunk);
        } else if self.given.len() < limits::OPEN_FILES {
            let mut given = Bits::none(chunks);
            given.insert(chunk);
            self.given.insert(file, given);
        }
    }

    /// All chunks that were given to it, by file.
    pub(crate) fn all_given(&self) -> impl Iterator<Item = (FileId, &Bits)> {
        self.given.iter().map(|(file, given)| (*file, given))
    }

    /// The chunks of a file that were chosen for it.
    pub(crate) fn given(&self, file: FileId) -> Option<&Bits> {
        self.given.get(&file)
    }

    /// Answers the present request for any chunk with this one; or, if `None`, not.
    pub(crate) fn choose(&mut self, chunk: Option<(Item, Bits)>) {
        let (item, given) = chunk.unzip();
        let (Some(file), Some(given)) = (self.content.choose(item), given) else { return };
        if self.given.len() >= limits::OPEN_FILES && !self.given.contains_key(&file) {
            self.given.pop_first();
        }
        self.given.insert(file, given);
    }

    /// What is to be sent next of what is asked for by number, in this order. It ends where a chunk is to be
    /// chosen first, or slices are asked for.
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = Item> {
        self.content.upcoming()
    }

    /// Request, number of the item, and what is left of the item that is to be sent next.
    pub(crate) fn next_item(&self) -> Option<DueItem> {
        self.content.next_item()
    }

    /// `bytes` of the present item, of a file of `size` bytes, were sent.
    pub(crate) fn advance(&mut self, now: Time, bytes: u64, size: u64) {
        self.active = now;
        self.bytes += bytes;
        let Some(item) = self.content.advance(bytes) else { return };
        if let Some(sent) = self.under_way.get_mut(&item.file) {
            *sent += bytes;
            if *sent >= size {
                self.under_way.remove(&item.file);
            }
        }
    }

    /// The present item is not sent.
    pub(crate) fn skip_item(&mut self) {
        if let Some(item) = self.content.skip_item() {
            self.under_way.remove(&item.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn item(n: u8, len: u64) -> Item {
        Item { file: FileId([n; 32]), offset: 0, len }
    }

    /// The numbers of the requests of a client, in the order in which they are answered.
    fn order(client: &mut SenderClient) -> Vec<u64> {
        let mut order = Vec::new();
        while let Some(DueItem { request, left, .. }) = client.next_item() {
            order.push(request);
            client.advance(Time::ZERO, left.len, u64::MAX);
        }
        order
    }

    #[test]
    fn what_a_peer_waits_for_overtakes_what_it_fetches_in_the_background() {
        let blocks = |request, background| GetBlocks { request, items: vec![item(1, 10)], background };
        for sent in [0, 4] {
            let mut client = SenderClient::new(PeerId([2; 32]), Time::ZERO);
            assert!(client.take_blocks(Time::ZERO, blocks(1, true), true));
            client.advance(Time::ZERO, sent, 100);
            for (request, background) in [(2, true), (3, false), (4, true), (5, false)] {
                assert!(client.take_blocks(Time::ZERO, blocks(request, background), true));
            }
            assert!(!client.is_background());
            // What is under way in the background goes on later, where it was.
            assert_eq!(order(&mut client), [3, 5, 1, 2, 4]);
            assert_eq!(client.bytes, 50);
        }
    }

    #[test]
    fn a_small_file_waits_for_no_large_one_on_the_same_connection() {
        let mut client = SenderClient::new(PeerId([2; 32]), Time::ZERO);
        let ask = |client: &mut SenderClient, request, file, len| {
            let items = vec![item(file, len)];
            assert!(client.take_blocks(Time::ZERO, GetBlocks { request, items, background: false }, true));
        };
        for request in 1..=10 {
            ask(&mut client, request, 1, 1 << 20);
        }
        client.advance(Time::ZERO, 4, u64::MAX);
        ask(&mut client, 11, 2, 10);
        ask(&mut client, 12, 3, 3 << 20);
        ask(&mut client, 13, 3, 1 << 20);
        assert_eq!(order(&mut client), [1, 11, 12, 2, 3, 4, 13, 5, 6, 7, 8, 9, 10]);
        assert_eq!(client.bytes, (10 << 20) + 10 + (4 << 20));
        assert!(!client.is_busy());
    }

    #[test]
    fn small_files_keep_the_order_in_which_they_were_asked_for() {
        let mut client = SenderClient::new(PeerId([2; 32]), Time::ZERO);
        // Each request is for fewer files than the one before.
        let ask = |client: &mut SenderClient, request: u8| {
            let items = (0..10 - request).map(|n| item(10 * request + n, 100)).collect();
            let message = GetBlocks { request: request.into(), items, background: false };
            assert!(client.take_blocks(Time::ZERO, message, true));
        };
        (0..4).for_each(|request| ask(&mut client, request));
        let DueItem { left, .. } = client.next_item().unwrap();
        client.advance(Time::ZERO, left.len, u64::MAX);
        let before: Vec<Item> = client.upcoming().collect();
        ask(&mut client, 4);
        assert!(client.upcoming().take(before.len()).eq(before), "what is read ahead is what is sent");
    }

    #[test]
    fn two_files_share_what_a_connection_gives_though_one_is_asked_for_in_more_requests() {
        let mut client = SenderClient::new(PeerId([2; 32]), Time::ZERO);
        for request in 0..48 {
            // The first file by the hundred, the second one by the ten.
            let file = 1 + u8::from(request >= 8);
            let items = vec![item(file, if file == 1 { 100 } else { 10 })];
            assert!(client.take_blocks(Time::ZERO, GetBlocks { request, items, background: false }, true));
        }
        let mut given = [0_u64; 2];
        while given.iter().sum::<u64>() < 800 {
            let DueItem { left, .. } = client.next_item().unwrap();
            given[usize::from(left.file.0[0]) - 1] += left.len;
            client.advance(Time::ZERO, left.len, u64::MAX);
        }
        assert!(given[0].abs_diff(given[1]) <= 100, "{given:?}");
    }
}
