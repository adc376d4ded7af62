//! Reads files of this peer. What the system has in memory is read at once; the rest is read by threads that may wait for a
//! disk, and whoever wants it is woken.

use core::ops::Range;
use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::content::{FileId, Stamp};
use crate::control::{OwnFile, OwnFileAsk};
use crate::disk::unchanged;
use crate::http::{HttpId, HttpWaker};
use crate::sys::cached::CachedFile;
use crate::sys::file::read_exact_at;
use crate::sys::thread::Thread;

/// Bytes that are read at once.
const PIECE: u64 = 256 << 10;

/// Threads that wait for disks.
const READERS: usize = 2;

/// What is told to a connection.
#[derive(Debug)]
pub(super) enum OwnFileEvent {
    /// It is open; `None`: it is not to be had here.
    Opened(Option<OpenOwnFile>),
    /// These bytes are next, or there is none.
    Read(io::Result<Vec<u8>>),
}

/// What comes next of a file.
#[derive(Debug)]
pub(super) enum NextPiece {
    Bytes(Vec<u8>),
    /// A thread reads it.
    Later,
    End,
    /// It cannot be read, or is not what it was.
    Failed,
}

/// A part of a file that is read.
#[derive(Debug)]
pub(super) struct OpenOwnFile {
    file: Arc<CachedFile>,
    stamp: Stamp,
}

/// A part of a file that is being passed on.
#[derive(Debug)]
pub(super) struct OwnRead {
    file: OpenOwnFile,
    range: Range<u64>,
    /// A thread reads the next piece.
    is_waiting: bool,
    /// The piece that it read.
    piece: Option<io::Result<Vec<u8>>>,
}

#[derive(Debug)]
struct ReadOrder {
    id: HttpId,
    file: Arc<CachedFile>,
    stamp: Stamp,
    at: u64,
    len: usize,
}

/// All of them. The threads end when it is dropped.
#[derive(Debug)]
pub(super) struct OwnFiles {
    opens: Sender<OwnFileAsk>,
    orders: Sender<ReadOrder>,
    told: Sender<(HttpId, OwnFileEvent)>,
    events: Receiver<(HttpId, OwnFileEvent)>,
    waker: HttpWaker,
    // Joined last.
    _readers: Vec<Thread>,
}

impl OwnFiles {
    /// They are opened by whoever hears `opens`.
    ///
    /// # Errors
    /// There is no thread.
    pub(super) fn start(opens: Sender<OwnFileAsk>, waker: HttpWaker) -> io::Result<Self> {
        let (told, events) = unbounded();
        let (orders, ordered) = unbounded::<ReadOrder>();
        let reader = |n: usize| {
            let (ordered, told, waker) = (ordered.clone(), told.clone(), waker.clone());
            Thread::spawn(&format!("page read {n}"), move || {
                for ReadOrder { id, file, stamp, at, len } in ordered {
                    let mut bytes = vec![0; len];
                    let read = read_exact_at(file.file(), &mut bytes, at).and_then(|()| fit(&file, &stamp));
                    tell(&told, &waker, id, OwnFileEvent::Read(read.map(|()| bytes)));
                }
            })
        };
        let readers = (0..READERS).map(reader).collect::<io::Result<_>>()?;
        Ok(Self { opens, orders, told, events, waker, _readers: readers })
    }

    /// A connection wants the content of this id.
    pub(super) fn open(&self, id: HttpId, file: FileId) {
        let (told, waker) = (self.told.clone(), self.waker.clone());
        let answer = move |opened: Option<OwnFile>| {
            let opened = opened.map(|OwnFile { file, stamp }| OpenOwnFile {
                file: Arc::new(CachedFile::new(Arc::new(file))),
                stamp,
            });
            tell(&told, &waker, id, OwnFileEvent::Opened(opened));
        };
        if let Err(unsent) = self.opens.send(OwnFileAsk { id: file, answer: Box::new(answer) }) {
            (unsent.into_inner().answer)(None);
        }
    }

    /// What happened, for the connections that wait for it.
    pub(super) fn hear(&self) -> Vec<(HttpId, OwnFileEvent)> {
        self.events.try_iter().collect()
    }

    /// What comes next of a file, for a connection.
    pub(super) fn next(&self, id: HttpId, read: &mut OwnRead) -> NextPiece {
        if read.is_waiting {
            return NextPiece::Later;
        }
        match read.piece.take() {
            Some(Ok(bytes)) => {
                read.range.start += bytes.len() as u64;
                return NextPiece::Bytes(bytes);
            }
            Some(Err(e)) => {
                log::debug!("a file for a page cannot be read: {e}");
                return NextPiece::Failed;
            }
            None => {}
        }
        let bytes = PIECE.min(read.range.end - read.range.start);
        let Some(len) = usize::try_from(bytes).ok().filter(|len| *len > 0) else { return NextPiece::End };
        let OpenOwnFile { file, stamp } = &read.file;
        let mut buffer = vec![0; len];
        match file
            .read_exact_at(&mut buffer, read.range.start)
            .and_then(|is_there| fit(file, stamp).map(|()| is_there))
        {
            Ok(true) => {
                read.range.start += bytes;
                NextPiece::Bytes(buffer)
            }
            Ok(false) => {
                read.is_waiting = true;
                let order =
                    ReadOrder { id, file: Arc::clone(file), stamp: *stamp, at: read.range.start, len };
                if self.orders.send(order).is_err() {
                    log::error!("the threads that read for pages are gone");
                }
                NextPiece::Later
            }
            Err(e) => {
                log::debug!("a file for a page cannot be read: {e}");
                NextPiece::Failed
            }
        }
    }
}

impl OwnRead {
    /// These bytes of a file.
    pub(super) const fn new(file: OpenOwnFile, range: Range<u64>) -> Self {
        Self { file, range, is_waiting: false, piece: None }
    }

    /// The piece that was waited for is there.
    pub(super) fn came(&mut self, piece: io::Result<Vec<u8>>) {
        if std::mem::take(&mut self.is_waiting) {
            self.piece = Some(piece);
        }
    }
}

fn tell(told: &Sender<(HttpId, OwnFileEvent)>, waker: &HttpWaker, id: HttpId, event: OwnFileEvent) {
    // A server that has ended needs no bell.
    if told.send((id, event)).is_ok() && waker.woken.send(id.0).is_ok() {
        waker.bell.ring();
    }
}

/// Bytes that were read before a change are of nothing that is listed.
fn fit(file: &CachedFile, stamp: &Stamp) -> io::Result<()> {
    if unchanged(file.file(), stamp)? { Ok(()) } else { Err(io::Error::other("it changed")) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::sys::bell::Bell;
    use crate::sys::facts::Facts;
    use crate::sys::{file, testing};

    struct Bench {
        own: OwnFiles,
        opens: Receiver<OwnFileAsk>,
        woken: Receiver<u64>,
        _poll: mio::Poll,
    }

    const ID: HttpId = HttpId(20);

    impl Bench {
        fn new() -> Self {
            let poll = mio::Poll::new().unwrap();
            let bell = Bell::new(poll.registry(), mio::Token(0)).unwrap();
            let ((woken_to, woken), (opens_to, opens)) = (unbounded(), unbounded());
            let own = OwnFiles::start(opens_to, HttpWaker { woken: woken_to, bell }).unwrap();
            Self { own, opens, woken, _poll: poll }
        }

        /// What is told next.
        fn event(&self) -> OwnFileEvent {
            assert_eq!(self.woken.recv_timeout(core::time::Duration::from_secs(20)).unwrap(), ID.0);
            let (id, event) = self.own.hear().pop().unwrap();
            assert_eq!(id, ID);
            event
        }

        fn opened(&self, file: Option<OwnFile>) -> Option<OpenOwnFile> {
            let id = FileId::from(blake3::hash(b"x"));
            self.own.open(ID, id);
            let ask = self.opens.try_recv().unwrap();
            assert_eq!(ask.id, id);
            (ask.answer)(file);
            let OwnFileEvent::Opened(opened) = self.event() else { panic!() };
            opened
        }

        /// All bytes of a range, and how many pieces a thread read.
        fn read(&self, read: &mut OwnRead) -> Option<(Vec<u8>, u32)> {
            let (mut all, mut later) = (Vec::new(), 0);
            loop {
                match self.own.next(ID, read) {
                    NextPiece::Bytes(bytes) => all.extend(bytes),
                    NextPiece::Later => {
                        assert!(matches!(self.own.next(ID, read), NextPiece::Later));
                        later += 1;
                        let OwnFileEvent::Read(piece) = self.event() else { panic!() };
                        read.came(piece);
                    }
                    NextPiece::End => return Some((all, later)),
                    NextPiece::Failed => return None,
                }
            }
        }
    }

    fn own(file: &std::fs::File) -> OwnFile {
        let stamp = Stamp::of(&Facts::of(file).unwrap());
        OwnFile { file: file.try_clone().unwrap(), stamp }
    }

    #[test]
    fn bytes_come_in_order_from_memory_or_from_a_disk_and_none_of_another_content() {
        let bench = Bench::new();
        assert!(bench.opened(None).is_none());
        let mut bytes = vec![0; 3 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let mut file = tempfile::tempfile_in(std::env::current_dir().unwrap()).unwrap();
        file.write_all(&bytes).unwrap();
        file::sync(&file).unwrap();
        let mut read = OwnRead::new(bench.opened(Some(own(&file))).unwrap(), 5..bytes.len() as u64 - 7);
        assert!(bench.read(&mut read).unwrap().0 == bytes[5..bytes.len() - 7]);
        // Nothing of it is in memory any more, where that can be had.
        testing::forget_cached(&file);
        let mut read = OwnRead::new(bench.opened(Some(own(&file))).unwrap(), 0..bytes.len() as u64);
        assert!(bench.read(&mut read).unwrap().0 == bytes);
        // Behind its end is nothing, also for a thread that waits.
        let mut beyond = OwnRead::new(bench.opened(Some(own(&file))).unwrap(), 0..bytes.len() as u64 + 1);
        assert!(bench.read(&mut beyond).is_none());
        let mut read = OwnRead::new(bench.opened(Some(own(&file))).unwrap(), 0..bytes.len() as u64);
        assert!(matches!(bench.own.next(ID, &mut read), NextPiece::Bytes(_) | NextPiece::Later));
        file.write_all(b"more").unwrap();
        while matches!(bench.own.next(ID, &mut read), NextPiece::Later) {
            let OwnFileEvent::Read(piece) = bench.event() else { panic!() };
            read.came(piece);
        }
        assert!(bench.read(&mut read).is_none(), "it changed");
    }
}
