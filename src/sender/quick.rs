//! Answers of the sender that need no file: heads, buckets, manifests, the table of peers, what is kept. Pure.
//!
//! A question waits as it came, and its answer is made page by page when the asker takes it: whoever asks much
//! and reads nothing makes nothing be held.

use core::ops::Bound;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::owner_catalogues::KeptPages;
use crate::content::bucket::Bucket;
use crate::content::catalogue::root_of;
use crate::content::{Catalogue, Manifest};
use crate::identity::PeerId;
use crate::sender::limits;
use crate::wire::Message;
use crate::wire::message::{
    BucketIs, GetBuckets, GetHead, GetManifest, GetTable, HeadIs, ManifestIs, PeerRecord, ROW, Reason,
    TableIs,
};

/// The peers in our table.
pub(crate) type PeerTable = BTreeMap<PeerId, PeerRecord>;

/// What one asker asked and has not been told.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    waiting: VecDeque<Message>,
    /// The answer to the one that is answered now.
    answer: Option<Quick>,
}

impl Questions {
    /// Nothing is left to be said.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.answer.is_none()
    }

    /// Queues a question; refused when there are too many.
    pub(crate) fn ask(&mut self, question: Message) -> Result<(), Reason> {
        if self.waiting.len() >= limits::REQUESTS_OPEN {
            return Err(Reason::Busy);
        }
        self.waiting.push_back(question);
        Ok(())
    }

    /// The next page of the answer that was begun.
    pub(crate) fn next_page(&mut self, table: &PeerTable) -> Option<Message> {
        let (page, last) = self.answer.as_mut()?.next(table);
        if last {
            self.answer = None;
        }
        page
    }

    /// The question that is to be answered next, once the answer before it is through.
    pub(crate) fn next(&mut self) -> Option<Message> {
        if self.answer.is_some() { None } else { self.waiting.pop_front() }
    }

    /// This is the answer to what [`Self::next`] gave.
    pub(crate) fn begin(&mut self, answer: Quick) {
        self.answer = Some(answer);
    }
}

/// An answer that needs no file, made page by page.
#[derive(Debug)]
pub(crate) enum Quick {
    Head(HeadIs),
    Buckets {
        request: u64,
        /// Buckets still to be sent; the first one from `from` on.
        buckets: VecDeque<(u8, Arc<Bucket>)>,
        from: usize,
    },
    Manifest {
        request: u64,
        manifest: Arc<Manifest>,
        page: usize,
    },
    Table {
        request: u64,
        /// The last row that was sent, and how many were.
        after: Option<PeerId>,
        rows: usize,
    },
    Kept(KeptPages),
}

impl Quick {
    /// `None` before there is a head.
    pub(crate) fn head(signed: &[u8], catalogue: &Catalogue, m: &GetHead) -> Option<Self> {
        if signed.is_empty() {
            return None;
        }
        let digests = catalogue.digests();
        let known = m.known.is_some_and(|root| root == root_of(digests));
        let digests = if known { Vec::new() } else { digests.iter().flat_map(|d| d.0).collect() };
        Some(Self::Head(HeadIs { request: m.request, signed: signed.to_vec(), digests }))
    }

    /// `None` if the catalogue is another one by now.
    pub(crate) fn buckets(catalogue: &Catalogue, m: &GetBuckets) -> Option<Self> {
        let current = root_of(catalogue.digests()) == m.root;
        let buckets = m.buckets.iter().map(|b| (*b, Arc::clone(catalogue.bucket(*b))));
        current.then(|| Self::Buckets { request: m.request, buckets: buckets.collect(), from: 0 })
    }

    pub(crate) fn manifest(manifest: Arc<Manifest>, m: &GetManifest) -> Result<Self, Reason> {
        let pages = manifest.as_bytes().len().div_ceil(limits::PAGE).max(1);
        let page = m.page as usize;
        if page >= pages {
            return Err(Reason::Malformed);
        }
        Ok(Self::Manifest { request: m.request, manifest, page })
    }

    pub(crate) const fn table(m: &GetTable) -> Self {
        Self::Table { request: m.request, after: None, rows: 0 }
    }

    /// The next page; true if it was the last one. `None`: there was nothing to say.
    fn next(&mut self, table: &PeerTable) -> (Option<Message>, bool) {
        match self {
            Self::Head(head) => (Some(Message::Head(head.clone())), true),
            Self::Manifest { request, manifest, page } => {
                let all = manifest.as_bytes();
                let start = (*page * limits::PAGE).min(all.len());
                let end = (start + limits::PAGE).min(all.len());
                let values = all[start..end].to_vec();
                (Some(Message::Manifest(ManifestIs { request: *request, values })), true)
            }
            Self::Table { request, after, rows } => {
                let page = table_page(*request, table, after, rows);
                let last = page.last;
                (Some(Message::Table(page)), last)
            }
            Self::Kept(pages) => {
                let page = pages.next_page();
                let last = page.last;
                (Some(Message::Kept(page)), last)
            }
            Self::Buckets { request, buckets, from } => {
                let Some((number, bucket)) = buckets.front() else { return (None, true) };
                let (page, taken) = bucket_page(*request, *number, bucket, *from);
                *from += taken;
                if page.last {
                    buckets.pop_front();
                    *from = 0;
                }
                (Some(Message::Bucket(page)), buckets.is_empty())
            }
        }
    }
}

/// As many entries of a bucket from number `from` on as fit a page, and how many these are.
fn bucket_page(request: u64, number: u8, bucket: &Bucket, from: usize) -> (BucketIs, usize) {
    let (mut entries, mut taken) = (Vec::new(), 0);
    for piece in bucket.pieces(from) {
        if entries.len() + piece.len() > limits::PAGE && taken > 0 {
            break;
        }
        entries.extend_from_slice(&piece);
        taken += 1;
    }
    let last = from + taken >= bucket.count();
    (BucketIs { request, bucket: number, entries, last }, taken)
}

/// As many rows after a peer as fit a page.
fn table_page(request: u64, table: &PeerTable, after: &mut Option<PeerId>, rows: &mut usize) -> TableIs {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut records = table.range((from, Bound::Unbounded)).take(limits::PEERS - *rows).peekable();
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let Some((peer, record)) = records.next_if(|(_, r)| bytes + r.signed.len() + ROW <= limits::PAGE) {
        bytes += record.signed.len() + ROW;
        *after = Some(*peer);
        *rows += 1;
        page.push(record.clone());
    }
    TableIs { request, rows: page.into(), last: records.peek().is_none() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    fn table(count: u32) -> PeerTable {
        let row = |n: u32| {
            let id =
                crate::identity::PublicKey([n.to_be_bytes(), [9; 4]].concat().repeat(4).try_into().unwrap());
            let at = match n % 2 {
                0 => ([10, 0, 0, 1], 7).into(),
                _ => ([0xfd00_u16, 0, 0, 0, 0, 0, 0, 9], u16::MAX).into(),
            };
            (id.peer_id(), PeerRecord { at, signed: [&n.to_be_bytes()[..], &[9; 1_100]].concat().into() })
        };
        (0..count).map(row).collect()
    }

    fn ask(questions: &mut Questions, request: u64) {
        questions.ask(Message::GetTable(GetTable { request })).unwrap();
    }

    #[test]
    fn a_table_is_cut_into_pages_as_it_is_taken() {
        let mut peers = table(3_000);
        let mut questions = Questions::default();
        ask(&mut questions, 4);
        let Some(Message::GetTable(m)) = questions.next() else { panic!("it was asked") };
        questions.begin(Quick::table(&m));
        let (mut back, mut last) = (Vec::new(), false);
        while let Some(page) = questions.next_page(&peers) {
            drop(page.encode());
            let Message::Table(page) = page else { panic!("it is a table") };
            let read: TableIs = decode(&encode(&page)).unwrap();
            assert!(!last && read.request == 4);
            last = read.last;
            back.extend(read.rows);
        }
        assert!(last && back.iter().eq(peers.values()) && questions.is_empty());
        assert!(peers.values().all(|record| encode(record).len() <= record.signed.len() + ROW));
        // Whoever goes meanwhile is left out, and nobody comes twice.
        ask(&mut questions, 5);
        questions.next();
        questions.begin(Quick::table(&m));
        let Some(Message::Table(first)) = questions.next_page(&peers) else { panic!("a page") };
        let told = first.rows.len();
        peers.retain(|id, _| id.0[0] >= 0x80);
        let rest = core::iter::from_fn(|| questions.next_page(&peers));
        let rest: usize = rest
            .map(|page| match page {
                Message::Table(page) => page.rows.len(),
                _ => 0,
            })
            .sum();
        assert!(told + rest <= 3_000 && rest > 0);
    }

    #[test]
    fn an_empty_table_is_one_page() {
        let mut questions = Questions::default();
        questions.begin(Quick::table(&GetTable { request: 4 }));
        let page = TableIs { request: 4, rows: Vec::new().into(), last: true };
        assert_eq!(questions.next_page(&PeerTable::new()), Some(Message::Table(page)));
        assert!(questions.is_empty());
    }

    #[test]
    fn questions_are_answered_one_after_the_other_and_too_many_are_refused() {
        let mut questions = Questions::default();
        for request in 0..limits::REQUESTS_OPEN as u64 {
            ask(&mut questions, request);
        }
        assert_eq!(questions.ask(Message::GetTable(GetTable { request: 99 })), Err(Reason::Busy));
        assert_eq!(questions.next().map(|m| m.request()), Some(0));
        questions.begin(Quick::table(&GetTable { request: 0 }));
        assert!(questions.next().is_none(), "the answer before it is not through");
        assert!(questions.next_page(&table(1)).is_some());
        assert_eq!(questions.next().map(|m| m.request()), Some(1));
    }
}
