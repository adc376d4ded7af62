//! What is asked of the reader of shared files: for whom, since when, and what was read and not yet sent.
//! Pure; the shell is sender/shared_files.rs.
//!
//! Each client has one job at the reader and what an earlier one read, at most. What was read is found by
//! file and offset alone: a request that is cancelled or overtaken makes some of it useless, never wrong.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::sender::limits;
use crate::time::Time;
use crate::wire::message::Item;

/// A client for whom no buffer was free asks again after this time, should none become free before.
const RETRY: Duration = Duration::from_millis(20);

/// Buffers that are kept while nothing is read: as many as one client needs.
const BUFFERS_KEPT: usize = 2;

/// What the reader is to do: to read these pieces into the buffer, one after the other.
#[derive(Debug)]
pub(crate) struct ReadJob {
    pub(crate) number: u64,
    /// [`limits::READ_JOB`] bytes.
    pub(crate) buffer: Vec<u8>,
    /// No more bytes together than fit the buffer.
    pub(crate) items: Vec<Item>,
}

/// What the reader made of a job. It may have left out the last pieces.
#[derive(Debug)]
pub(crate) struct ReadDone<F> {
    pub(crate) number: u64,
    pub(crate) buffer: Vec<u8>,
    pub(crate) pieces: VecDeque<PieceRead<F>>,
}

/// One piece of a job.
#[derive(Debug)]
pub(crate) struct PieceRead<F> {
    pub(crate) item: Item,
    /// Where in the buffer its bytes are.
    pub(crate) at: usize,
    /// Why they are not there.
    pub(crate) fault: Option<F>,
}

/// What is there of bytes that are to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadyPart {
    /// This many of them, at [`Reads::front`].
    Bytes(usize),
    /// They cannot be had: [`Reads::take_fault`] says why.
    Fault,
    /// The reader has a job of this client.
    Asked,
    /// They are still to be asked for.
    Nothing,
}

/// The jobs of all clients; `K` names one, `F` says why a piece cannot be had.
#[derive(Debug)]
pub(super) struct Reads<K, F> {
    clients: BTreeMap<K, ClientReads<F>>,
    /// The jobs that the reader has, by number: since when, and for whom, if anybody still wants it.
    at_reader: BTreeMap<u64, JobAtReader<K>>,
    free: Vec<Vec<u8>>,
    /// Buffers that are free, at the reader, or full.
    buffers: usize,
    jobs: u64,
    /// When the reader answered last.
    heard: Time,
    /// Those for whom no buffer was free, and when they may ask again.
    waiting: VecDeque<K>,
    retry: Time,
}

#[derive(Debug)]
struct JobAtReader<K> {
    client: Option<K>,
    since: Time,
}

#[derive(Debug)]
struct ClientReads<F> {
    ready: VecDeque<ReadDone<F>>,
    /// Bytes of its job at the reader.
    asked: Option<u64>,
    /// When something was read for it, or sent to it, last.
    touched: Time,
}

impl<K, F> Default for Reads<K, F> {
    fn default() -> Self {
        Self {
            clients: BTreeMap::new(),
            at_reader: BTreeMap::new(),
            free: Vec::new(),
            buffers: 0,
            jobs: 0,
            heard: Time::ZERO,
            waiting: VecDeque::new(),
            retry: Time::ZERO,
        }
    }
}

impl<K: Copy + Ord, F> Reads<K, F> {
    /// What is there of an item. With `whole`, fewer bytes than all of it are as good as none.
    pub(super) fn ready(&mut self, id: K, item: Item, whole: bool) -> ReadyPart {
        let Some(client) = self.clients.get_mut(&id) else { return ReadyPart::Nothing };
        let fits = |piece: &PieceRead<F>| {
            let place = piece.item.file == item.file && piece.item.offset == item.offset;
            place && (!whole || piece.fault.is_some() || piece.item.len >= item.len)
        };
        let mut found = client.ready.iter().enumerate();
        let found = found.find_map(|(job, done)| Some((job, done.pieces.iter().position(fits)?)));
        let Some((job, piece)) = found else {
            if client.asked.is_some() {
                return ReadyPart::Asked;
            }
            let stale = std::mem::take(&mut client.ready);
            self.release(stale.into_iter().map(|done| done.buffer));
            return ReadyPart::Nothing;
        };
        let stale: Vec<_> = client.ready.drain(..job).map(|done| done.buffer).collect();
        let mut part = ReadyPart::Nothing;
        if let Some(done) = client.ready.front_mut() {
            done.pieces.drain(..piece);
            part = match done.pieces.front() {
                Some(PieceRead { fault: Some(_), .. }) => ReadyPart::Fault,
                Some(piece) => ReadyPart::Bytes(usize::try_from(piece.item.len.min(item.len)).unwrap_or(0)),
                None => ReadyPart::Nothing,
            };
        }
        self.release(stale);
        part
    }

    /// Why what [`Self::ready`] found cannot be had. It is forgotten.
    pub(super) fn take_fault(&mut self, id: K) -> Option<F> {
        self.clients.get_mut(&id)?.ready.front_mut()?.pieces.pop_front()?.fault
    }

    /// The bytes that [`Self::ready`] found.
    pub(super) fn front(&self, id: K) -> &[u8] {
        let done = self.clients.get(&id).and_then(|client| client.ready.front());
        let bytes = done.and_then(|done| {
            let piece = done.pieces.front()?;
            done.buffer.get(piece.at..piece.at + usize::try_from(piece.item.len).ok()?)
        });
        bytes.unwrap_or_default()
    }

    /// That many of those bytes were sent.
    pub(super) fn consume(&mut self, now: Time, id: K, bytes: usize) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.touched = now;
        let Some(done) = client.ready.front_mut() else { return };
        if let Some(piece) = done.pieces.front_mut() {
            piece.at += bytes;
            piece.item.offset += bytes as u64;
            piece.item.len = piece.item.len.saturating_sub(bytes as u64);
            if piece.item.len == 0 {
                done.pieces.pop_front();
            }
        }
        if done.pieces.is_empty() {
            let sent = client.ready.pop_front().map(|done| done.buffer);
            self.release(sent);
        }
    }

    /// Bytes that need not be asked for any more, next after what was sent; `None`: the client has no further
    /// job now.
    pub(super) fn asked_ahead(&self, id: K) -> Option<u64> {
        let Some(client) = self.clients.get(&id) else { return Some(0) };
        if client.asked.is_some() || client.ready.len() > 1 {
            return None;
        }
        Some(client.ready.iter().flat_map(|done| &done.pieces).map(|piece| piece.item.len).sum())
    }

    /// A job for a client that may [ask](Self::asked_ahead). `None`: no buffer is free. Whoever has nothing
    /// ready gets that of the client which took nothing longest, and is told when to try again otherwise.
    pub(super) fn ask(&mut self, now: Time, id: K, items: Vec<Item>) -> Option<ReadJob> {
        let ahead = self.clients.get(&id).is_some_and(|client| !client.ready.is_empty());
        let Some(buffer) = self.take_buffer(now, ahead) else {
            if !ahead && !self.waiting.contains(&id) {
                if self.waiting.is_empty() {
                    self.retry = now + RETRY;
                }
                self.waiting.push_back(id);
            }
            return None;
        };
        self.jobs += 1;
        let client = self.clients.entry(id);
        let client =
            client.or_insert_with(|| ClientReads { ready: VecDeque::new(), asked: None, touched: now });
        client.asked = Some(items.iter().map(|item| item.len).sum());
        self.at_reader.insert(self.jobs, JobAtReader { client: Some(id), since: now });
        Some(ReadJob { number: self.jobs, buffer, items })
    }

    fn take_buffer(&mut self, now: Time, ahead: bool) -> Option<Vec<u8>> {
        if self.free.is_empty() && self.buffers < limits::READ_BUFFERS {
            self.buffers += 1;
            return Some(vec![0; limits::READ_JOB]);
        }
        if self.free.is_empty() && !ahead {
            // What was read in this very turn has not had its chance to be sent.
            let idle = self.clients.iter_mut().filter(|(_, c)| !c.ready.is_empty() && c.touched < now);
            if let Some((_, client)) = idle.min_by_key(|(_, c)| c.touched) {
                self.free.extend(client.ready.drain(..).map(|done| done.buffer));
            }
        }
        self.free.pop()
    }

    /// The reader did a job. Returns for whom; `None`: nobody wants it any more.
    pub(super) fn done(&mut self, now: Time, done: ReadDone<F>) -> Option<K> {
        self.heard = now;
        let id = self.at_reader.remove(&done.number).and_then(|job| job.client);
        let Some((id, client)) = id.and_then(|id| Some((id, self.clients.get_mut(&id)?))) else {
            self.release([done.buffer]);
            return None;
        };
        client.asked = None;
        client.touched = now;
        if done.pieces.is_empty() {
            self.release([done.buffer]);
        } else {
            client.ready.push_back(done);
        }
        Some(id)
    }

    fn release(&mut self, buffers: impl IntoIterator<Item = Vec<u8>>) {
        self.free.extend(buffers);
        if self.free.len() == self.buffers {
            self.free.truncate(BUFFERS_KEPT);
            self.buffers = self.free.len();
        }
    }

    /// The client is gone, or wants nothing of this any more.
    pub(super) fn forget(&mut self, id: K) {
        self.waiting.retain(|waiting| *waiting != id);
        let Some(client) = self.clients.remove(&id) else { return };
        for job in self.at_reader.values_mut().filter(|job| job.client == Some(id)) {
            job.client = None;
        }
        self.release(client.ready.into_iter().map(|done| done.buffer));
    }

    /// Those for whom something was asked or read.
    pub(super) fn clients(&self) -> Vec<K> {
        self.clients.keys().chain(&self.waiting).copied().collect()
    }

    /// All clients are gone.
    pub(super) fn clear(&mut self) {
        for id in self.clients.keys().copied().collect::<Vec<_>>() {
            self.forget(id);
        }
        self.waiting.clear();
    }

    /// Why something could not be read does not count any more: there is another offer.
    pub(super) fn drop_faults(&mut self) {
        for done in self.clients.values_mut().flat_map(|client| &mut client.ready) {
            done.pieces.retain(|piece| piece.fault.is_none());
        }
    }

    /// Since when the reader has had something to do and answered nothing.
    fn silent_since(&self) -> Option<Time> {
        self.at_reader.values().next().map(|job| job.since.max(self.heard))
    }

    /// True if the reader answers nothing for so long that nothing is to be expected of it.
    pub(super) fn is_hung(&self, now: Time) -> bool {
        self.silent_since().is_some_and(|since| now.since(since) >= limits::READER_HUNG)
    }

    /// A client that waited for a buffer and may ask again, now that some are free.
    pub(super) fn next_waiting(&mut self) -> Option<K> {
        let some = !self.free.is_empty() || self.buffers < limits::READ_BUFFERS;
        if some { self.waiting.pop_front() } else { None }
    }

    /// When [`Self::due`] has somebody.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let wanted = self.at_reader.values().any(|job| job.client.is_some());
        let hung = self.silent_since().filter(|_| wanted).map(|since| since + limits::READER_HUNG);
        let retry = (!self.waiting.is_empty()).then_some(self.retry);
        hung.into_iter().chain(retry).min()
    }

    /// Those that are to look again what there is for them: no buffer was free, or the reader is hung, which
    /// they then wait for no longer.
    pub(super) fn due(&mut self, now: Time) -> Vec<K> {
        let mut due = Vec::new();
        if self.retry <= now {
            due.extend(self.waiting.drain(..));
        }
        if self.is_hung(now) {
            let waiting: Vec<_> = self.at_reader.values().filter_map(|job| job.client).collect();
            for id in waiting {
                self.forget(id);
                due.push(id);
            }
        }
        due
    }
}

#[cfg(any(test, feature = "sim"))]
impl<K: Copy + Ord, F> Reads<K, F> {
    /// Each buffer is somewhere, and there are not too many.
    pub(super) fn check(&self) {
        let ready = self.clients.values().map(|client| client.ready.len()).sum::<usize>();
        let known = self.free.len() + self.at_reader.len() + ready;
        assert!(
            known == self.buffers && known <= limits::READ_BUFFERS,
            "{known} of {} buffers",
            self.buffers
        );
        let asking = self.at_reader.values().filter_map(|job| job.client).count();
        assert_eq!(asking, self.clients.values().filter(|client| client.asked.is_some()).count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;

    const SECOND: Time = Time(1_000_000_000);

    fn item(offset: u64, len: u64) -> Item {
        Item { file: FileId([1; 32]), offset, len }
    }

    /// The reader does a job: each byte tells its offset.
    fn read(job: ReadJob) -> ReadDone<&'static str> {
        let ReadJob { number, mut buffer, items } = job;
        let (mut pieces, mut at) = (VecDeque::new(), 0);
        for item in items {
            for offset in item.offset..item.offset + item.len {
                buffer[at] = offset.to_le_bytes()[0];
                at += 1;
            }
            let len = usize::try_from(item.len).unwrap();
            pieces.push_back(PieceRead { item, at: at - len, fault: None });
        }
        ReadDone { number, buffer, pieces }
    }

    #[test]
    fn what_was_read_is_sent_in_parts_while_more_is_read() {
        let mut reads = Reads::default();
        assert_eq!(reads.ready(1, item(0, 10), false), ReadyPart::Nothing);
        let job = reads.ask(SECOND, 1, vec![item(0, 10), item(50, 4)]).unwrap();
        assert_eq!(reads.asked_ahead(1), None, "one job at a time");
        assert_eq!(reads.ready(1, item(0, 10), false), ReadyPart::Asked);
        assert_eq!(reads.done(SECOND, read(job)), Some(1));
        assert_eq!(
            (reads.ready(1, item(0, 3), false), &reads.front(1)[..3]),
            (ReadyPart::Bytes(3), &[0, 1, 2][..])
        );
        reads.consume(SECOND, 1, 3);
        assert_eq!(reads.asked_ahead(1), Some(11));
        let ahead = reads.ask(SECOND, 1, vec![item(54, 2)]).unwrap();
        // A whole one of eight bytes is not there.
        assert_eq!(reads.ready(1, item(3, 8), true), ReadyPart::Asked);
        assert_eq!(reads.ready(1, item(3, 8), false), ReadyPart::Bytes(7));
        assert_eq!(reads.front(1), [3, 4, 5, 6, 7, 8, 9]);
        reads.consume(SECOND, 1, 7);
        reads.done(SECOND, read(ahead));
        assert_eq!(
            (reads.ready(1, item(50, 4), false), reads.front(1)),
            (ReadyPart::Bytes(4), &[50, 51, 52, 53][..])
        );
        reads.consume(SECOND, 1, 4);
        assert_eq!(
            (reads.ready(1, item(54, 2), false), reads.front(1)),
            (ReadyPart::Bytes(2), &[54, 55][..])
        );
        reads.consume(SECOND, 1, 2);
        assert_eq!((reads.buffers, reads.free.len()), (2, 2));
    }

    #[test]
    fn what_is_not_wanted_any_more_is_dropped() {
        let mut reads = Reads::default();
        let job = reads.ask(SECOND, 1, vec![item(0, 10), item(20, 10), item(40, 10)]).unwrap();
        reads.done(SECOND, read(job));
        assert_eq!(reads.ready(1, item(20, 10), false), ReadyPart::Bytes(10));
        assert_eq!(reads.asked_ahead(1), Some(20), "the first piece is gone");
        assert_eq!(reads.ready(1, item(7, 3), false), ReadyPart::Nothing);
        assert_eq!(reads.asked_ahead(1), Some(0));
        // Whoever is gone gets nothing, and the buffer comes back.
        let job = reads.ask(SECOND, 1, vec![item(0, 10)]).unwrap();
        reads.forget(1);
        assert_eq!(reads.done(SECOND, read(job)), None);
        assert_eq!(reads.free.len(), reads.buffers);
    }

    #[test]
    fn a_fault_is_told_once_and_not_under_another_offer() {
        let mut reads = Reads::default();
        for fresh in [true, false] {
            let job = reads.ask(SECOND, 1, vec![item(0, 10), item(20, 10)]).unwrap();
            let mut done = read(job);
            done.pieces[0].fault = Some("wrong");
            reads.done(SECOND, done);
            if fresh {
                assert_eq!(reads.ready(1, item(0, 10), false), ReadyPart::Fault);
                assert_eq!(reads.take_fault(1), Some("wrong"));
            } else {
                reads.drop_faults();
            }
            assert_eq!((reads.ready(1, item(20, 10), false), reads.front(1)[0]), (ReadyPart::Bytes(10), 20));
            assert_eq!(reads.ready(1, item(0, 10), false), ReadyPart::Nothing);
        }
    }

    #[test]
    fn slow_clients_do_not_keep_all_buffers() {
        let mut reads = Reads::default();
        let at = |n: u64| Time(n * SECOND.0);
        for n in 0..limits::READ_BUFFERS as u64 {
            let job = reads.ask(at(n), n, vec![item(0, 10)]).unwrap();
            reads.done(at(n), read(job));
        }
        reads.consume(at(100), 0, 1);
        // More for one that has something takes nothing from anybody; one that has nothing gets the place of
        // whoever took nothing longest.
        assert!(reads.ask(at(100), 0, vec![item(10, 10)]).is_none());
        let job = reads.ask(at(100), 50, vec![item(0, 10)]).unwrap();
        assert_eq!(reads.ready(1, item(0, 10), false), ReadyPart::Nothing);
        assert_eq!(reads.ready(2, item(0, 10), false), ReadyPart::Bytes(10));
        assert!(reads.buffers <= limits::READ_BUFFERS);
        reads.done(at(101), read(job));
        // What came in this turn stays; whoever finds none free waits, and is called when there is one.
        for id in 0..limits::READ_BUFFERS as u64 {
            reads.consume(at(101), id, 1);
        }
        assert!(reads.ask(at(101), 51, vec![item(0, 10)]).is_none());
        assert_eq!((reads.next_waiting(), reads.poll_timeout()), (None, Some(at(101) + RETRY)));
        reads.forget(50);
        assert_eq!((reads.next_waiting(), reads.next_waiting()), (Some(51), None));
    }

    #[test]
    fn nobody_waits_for_a_reader_that_hangs() {
        let mut reads = Reads::default();
        let jobs = [1, 2].map(|id| reads.ask(SECOND, id, vec![item(0, 10)]).unwrap());
        let [first, second] = jobs;
        // It answers, if slowly.
        let later = SECOND + Duration::from_secs(2);
        reads.done(later, read(first));
        let due = later + limits::READER_HUNG;
        assert_eq!(reads.poll_timeout(), Some(due));
        let before = Time(due.0 - 1);
        assert!(!reads.is_hung(before) && reads.due(before).is_empty());
        assert_eq!((reads.is_hung(due), reads.due(due)), (true, vec![2]));
        assert_eq!((reads.poll_timeout(), reads.due(due)), (None, Vec::new()), "it is told once");
        // What was read stays, and when it goes on, so do all.
        assert_eq!(reads.ready(1, item(0, 10), false), ReadyPart::Bytes(10));
        assert_eq!((reads.done(due, read(second)), reads.is_hung(due)), (None, false));
    }
}
