//! Givers of every kind in virtual time, and a reader that takes what comes, or does not. For tests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use core::ops::Range;
use core::time::Duration;

use crate::content::manifest::ManifestBuilder;
use crate::content::slice::{self, ChunkSlices, SLICE};
use crate::content::{ChunkIndex, Chunks, Claim, FileId, Manifest};
use crate::error::Failure;
use crate::identity::{PeerId, PublicKey};
use crate::reader::{PieceHead, ReadId, ReadOrder, ReadOutput, Readers, limits};
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{BlockIs, ManifestIs, Reason, Refused, SliceIs};

/// How a giver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Honest,
    /// Gives one piece in so many steps.
    Slow(u32),
    /// Every byte of content is another one.
    Liar,
    /// Only the blocks of whole chunks are wrong.
    BlockLiar,
    /// Answers nothing.
    Mute,
    /// Cannot be dialled.
    Away,
    /// Has nothing.
    Empty,
    /// Has something else by now.
    Changed,
    /// Too much to do, for so many answers.
    Busy(u32),
    /// Its manifest is wrong.
    Forger,
    /// Knows no slices.
    Old,
    /// Has the first slices of the file alone.
    Some(u64),
    /// Its connection is lost after so many pieces, for good.
    Dies(u32),
}

/// A content, with what proves it.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) manifest: Manifest,
}

impl Content {
    pub(super) fn new(len: usize) -> Arc<Self> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let chunks = Chunks::of(len as u64).unwrap();
        let mut builder = ManifestBuilder::new(chunks);
        for chunk in chunks.iter() {
            builder.push(slices(&bytes, chunks, chunk).proof().unwrap());
        }
        Arc::new(Self { manifest: builder.finish().unwrap(), bytes })
    }

    /// One whose chunks are longer than what is asked for at once: 256 KiB.
    pub(super) fn of_long_chunks() -> Arc<Self> {
        static LONG: OnceLock<Arc<Content>> = OnceLock::new();
        Arc::clone(LONG.get_or_init(|| Self::new((140 << 20) + 12_345)))
    }

    pub(super) fn claim(&self) -> Claim {
        (self.manifest.file(), self.bytes.len() as u64)
    }

    fn at(&self, range: Range<u64>) -> &[u8] {
        at(&self.bytes, range)
    }
}

fn at(bytes: &[u8], range: Range<u64>) -> &[u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

fn slices(bytes: &[u8], chunks: Chunks, chunk: ChunkIndex) -> ChunkSlices {
    let mut slices = ChunkSlices::new(chunks, chunk);
    while let Some(next) = slices.next() {
        slices.push(at(bytes, slice::range(chunks, next).unwrap()));
    }
    slices
}

/// A message that is not answered in full.
struct Asked {
    peer: PeerId,
    message: Message,
    pieces: u64,
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) readers: Readers,
    pub(super) content: Arc<Content>,
    pub(super) kinds: BTreeMap<PeerId, Kind>,
    up: BTreeSet<PeerId>,
    /// In the order in which they came.
    inbox: VecDeque<Asked>,
    steps: u64,
    hashed: BTreeMap<u32, ChunkSlices>,
    /// What each reader was given, and how many pieces of it lie there.
    pub(super) given: BTreeMap<ReadId, Vec<u8>>,
    pub(super) waiting: BTreeMap<ReadId, usize>,
    pub(super) ended: BTreeMap<ReadId, Result<(), Failure>>,
    /// Nothing of what is given is taken.
    pub(super) is_paused: bool,
    pub(super) served: BTreeMap<PeerId, u64>,
    pub(super) warnings: Vec<String>,
    pub(super) dropped: Vec<PeerId>,
    pub(super) dialled: Vec<PeerId>,
    pub(super) asked_slices: u64,
    pub(super) asked_blocks: u64,
    /// How long the giving of a piece takes.
    pub(super) pace: Duration,
}

pub(super) fn peer(n: u8) -> PeerId {
    PublicKey([n; 32]).peer_id()
}

impl World {
    pub(super) fn new(content: Arc<Content>, kinds: &[(u8, Kind)]) -> Self {
        Self {
            now: Time(1_000_000_000),
            readers: Readers::new(None),
            content,
            kinds: kinds.iter().map(|&(n, kind)| (peer(n), kind)).collect(),
            up: BTreeSet::new(),
            inbox: VecDeque::new(),
            steps: 0,
            hashed: BTreeMap::new(),
            given: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ended: BTreeMap::new(),
            is_paused: false,
            served: BTreeMap::new(),
            warnings: Vec::new(),
            dropped: Vec::new(),
            dialled: Vec::new(),
            asked_slices: 0,
            asked_blocks: 0,
            pace: Duration::from_micros(200),
        }
    }

    /// Reads these bytes; all givers have the file.
    pub(super) fn read(&mut self, id: u64, range: Range<u64>) -> ReadId {
        let has_some = |kind: &Kind| matches!(kind, Kind::Some(_));
        let (some, all): (Vec<_>, Vec<_>) = self.kinds.iter().partition(|(_, kind)| has_some(kind));
        let ids = |peers: Vec<(&PeerId, &Kind)>| peers.into_iter().map(|(peer, _)| *peer).collect();
        let (holders, some) = (ids(all), ids(some));
        let id = ReadId(id);
        self.readers
            .handle_order(self.now, ReadOrder { id, claim: self.content.claim(), range, holders, some });
        self.drain();
        id
    }

    /// All of the file.
    pub(super) fn read_all(&mut self) -> ReadId {
        let size = self.content.claim().1;
        self.read(1, 0..size)
    }

    /// Goes on until nothing is read any more, at most so long.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.readers.poll_timeout().is_some() && self.now < end {
            self.step();
        }
    }

    /// Each giver gives one piece, or time passes.
    pub(super) fn step(&mut self) {
        self.steps += 1;
        let asked: BTreeSet<PeerId> = self.inbox.iter().map(|asked| asked.peer).collect();
        let mut has_moved = false;
        for peer in asked {
            has_moved |= self.answer(peer);
            self.drain();
        }
        let due = self.readers.poll_timeout();
        self.now = match due {
            Some(due) if !has_moved => due.max(self.now + self.pace),
            _ => self.now + self.pace,
        };
        if due.is_some_and(|due| due <= self.now) {
            self.readers.handle_timeout(self.now);
        }
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        loop {
            while let Some(output) = self.readers.poll_output() {
                self.act(output);
            }
            if self.is_paused {
                return;
            }
            let taken: Vec<_> = self.waiting.iter_mut().filter(|(_, n)| **n > 0).collect();
            if taken.is_empty() {
                return;
            }
            let ids: Vec<_> = taken.into_iter().map(|(id, n)| (*id, std::mem::take(n))).collect();
            for (id, _) in ids {
                self.readers.handle_waiting(self.now, id, 0);
            }
        }
    }

    fn act(&mut self, output: ReadOutput) {
        match output {
            ReadOutput::Dial(peer) => {
                self.dialled.push(peer);
                match self.kinds.get(&peer) {
                    None | Some(Kind::Away | Kind::Dies(0)) => self.readers.handle_down(self.now, peer),
                    Some(_) => {
                        self.up.insert(peer);
                        self.readers.handle_up(self.now, peer);
                    }
                }
            }
            ReadOutput::Drop(peer, _) => {
                self.dropped.push(peer);
                self.forget(peer);
            }
            ReadOutput::Ask(peer, message) => {
                assert!(self.up.contains(&peer), "nobody is asked who is not connected");
                if let Message::Cancel(cancel) = &message {
                    self.inbox.retain(|asked| asked.message.request() != cancel.request);
                    return;
                }
                match &message {
                    Message::GetSlices(m) => self.asked_slices += u64::from(m.count),
                    Message::GetBlocks(m) => self.asked_blocks += m.items[0].len,
                    _ => {}
                }
                self.inbox.push_back(Asked { peer, message, pieces: 0 });
                let open = self.inbox.iter().filter(|asked| asked.peer == peer).count();
                assert!(open <= limits::REQUESTS_OPEN, "a sender takes no more");
            }
            ReadOutput::Give(id, bytes) => {
                assert!(!bytes.is_empty());
                self.given.entry(id).or_default().extend(bytes);
                let waiting = self.waiting.entry(id).or_default();
                *waiting += 1;
                assert!(*waiting <= limits::GIVEN_AHEAD);
            }
            ReadOutput::End(id, result) => assert!(self.ended.insert(id, result).is_none(), "it ends once"),
            ReadOutput::Warning(text) => self.warnings.push(text),
        }
    }

    fn forget(&mut self, peer: PeerId) {
        self.up.remove(&peer);
        self.inbox.retain(|asked| asked.peer != peer);
    }

    /// The first message that a giver did not answer in full is answered by one piece; false: it never is.
    fn answer(&mut self, peer: PeerId) -> bool {
        let Some(at) = self.inbox.iter().position(|asked| asked.peer == peer) else { return false };
        let kind = self.kinds.get(&peer).copied().unwrap_or(Kind::Away);
        match kind {
            Kind::Mute => return false,
            Kind::Slow(steps) if !self.steps.is_multiple_of(steps.into()) => return true,
            Kind::Dies(pieces) => {
                self.kinds.insert(peer, Kind::Dies(pieces - 1));
                if pieces == 1 {
                    self.forget(peer);
                    self.readers.handle_down(self.now, peer);
                    return true;
                }
            }
            _ => {}
        }
        let Some(mut asked) = self.inbox.remove(at) else { return false };
        let refused = self.refusal(&asked, kind);
        if let Some((item, reason)) = refused {
            let request = asked.message.request();
            self.readers.handle_refused(self.now, peer, &Refused { request, item, reason });
            return true;
        }
        let request = asked.message.request();
        if self.give(&mut asked, kind) && self.readers.asked.contains_key(&request) {
            self.inbox.push_front(asked);
        }
        true
    }

    fn refusal(&mut self, asked: &Asked, kind: Kind) -> Option<(Option<u32>, Reason)> {
        let slice = match &asked.message {
            Message::GetSlices(m) => m.first + asked.pieces,
            Message::GetBlocks(m) => m.items[0].offset / SLICE + asked.pieces * 2,
            _ => 0,
        };
        match kind {
            Kind::Empty => Some((None, Reason::Unknown)),
            Kind::Changed => Some((None, Reason::Changed)),
            Kind::Busy(0) => None,
            Kind::Busy(n) => {
                self.kinds.insert(asked.peer, Kind::Busy(n - 1));
                Some((None, Reason::Busy))
            }
            Kind::Old if matches!(asked.message, Message::GetSlices(_)) => Some((None, Reason::NotOffered)),
            Kind::Some(has) if slice >= has => Some((u32::try_from(asked.pieces).ok(), Reason::Unknown)),
            _ => None,
        }
    }

    /// Gives one piece. True: more of it is to come.
    fn give(&mut self, asked: &mut Asked, kind: Kind) -> bool {
        let content = Arc::clone(&self.content);
        let chunks = content.manifest.chunks();
        match &asked.message {
            Message::GetManifest(m) => {
                let mut values = content.manifest.as_bytes().to_vec();
                if kind == Kind::Forger {
                    values[0] ^= 1;
                }
                let page = &values[m.page as usize * limits::PAGE..];
                let values = page[..page.len().min(limits::PAGE)].to_vec();
                self.readers.handle_manifest(
                    self.now,
                    asked.peer,
                    &ManifestIs { request: m.request, values },
                );
                false
            }
            Message::GetSlices(m) => {
                let number = m.first + asked.pieces;
                let range = slice::range(chunks, number).unwrap();
                let chunk = chunks.at_offset(range.start).unwrap_or_else(|| chunks.last());
                let hashed =
                    self.hashed.entry(chunk.get()).or_insert_with(|| slices(&content.bytes, chunks, chunk));
                let mut path = hashed.path(number).unwrap();
                if m.to_file {
                    path.extend(slice::path_of_chunk(&content.manifest, chunk));
                }
                let bytes = content.at(range).to_vec();
                let head = SliceIs { request: m.request, slice: number, path };
                let more = asked.pieces + 1 < m.count.into();
                self.piece(asked.peer, PieceHead::of_slice(head, bytes.len()), bytes, kind == Kind::Liar);
                asked.pieces += 1;
                more
            }
            Message::GetBlocks(m) => {
                let item = m.items[0];
                let start = item.offset + asked.pieces * limits::BLOCK as u64;
                let end = (start + limits::BLOCK as u64).min(item.offset + item.len);
                let bytes = content.at(start..end).to_vec();
                let head = BlockIs { request: m.request, item: 0, offset: start };
                let is_wrong = matches!(kind, Kind::Liar | Kind::BlockLiar);
                self.piece(asked.peer, PieceHead::of_block(&head, bytes.len()), bytes, is_wrong);
                asked.pieces += 1;
                end < item.offset + item.len
            }
            other => panic!("{other:?}"),
        }
    }

    fn piece(&mut self, peer: PeerId, head: PieceHead, mut bytes: Vec<u8>, is_wrong: bool) {
        if is_wrong {
            bytes[7] ^= 1;
        }
        if self.readers.check_piece(peer, &head).unwrap() {
            let mut at = 0;
            for part in bytes.chunks(16_000) {
                self.readers.take_bytes(&head, at, part);
                at += part.len() as u64;
            }
        }
        *self.served.entry(peer).or_default() += bytes.len() as u64;
        self.readers.handle_piece(self.now, peer, head);
        self.drain();
    }

    /// What was given is what was asked for, and it ended well.
    pub(super) fn assert_read(&self, id: ReadId, range: Range<u64>) {
        assert_eq!(self.ended.get(&id), Some(&Ok(())), "{:?}", self.warnings);
        let given = self.given.get(&id).map_or(&[][..], |given| &given[..]);
        assert!(given == self.content.at(range), "{} bytes, and not those", given.len());
    }

    /// What was given is the beginning of what was asked for; its length, and why it ended.
    pub(super) fn failed(&self, id: ReadId, from: u64) -> (u64, Failure) {
        let given = self.given.get(&id).map_or(&[][..], |given| &given[..]);
        let len = given.len() as u64;
        assert!(given == self.content.at(from..from + len), "a wrong byte was given");
        (len, self.ended[&id].clone().unwrap_err())
    }

    /// The claim that nobody makes.
    pub(super) fn other_claim(&self) -> Claim {
        (FileId([9; 32]), self.content.claim().1)
    }
}
