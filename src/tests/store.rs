//! What lies in the chunk store is given to those who may have it, and only if it still is what it was.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use super::liar::Client;
use super::*;
use crate::content::partial::Bits;
use crate::limits;
use crate::sys::file::{read_exact_at, write_all_at};
use crate::sys::testing;
use crate::wire::Message;
use crate::wire::message::{GetAny, GetBlocks, GetHaves, GetManifest, Item, Reason, Refused};

const CHUNK: usize = 64 << 10;

/// A peer with a chunk store.
pub(super) struct Keeper {
    pub(super) owner: Owner,
    store: tempfile::TempDir,
}

fn id_of(bytes: &[u8]) -> FileId {
    blake3::hash(bytes).into()
}

impl Keeper {
    pub(super) fn new() -> Self {
        let keeper = Self { owner: Owner::new(), store: tempfile::tempdir().unwrap() };
        fs::create_dir(keeper.store.path().join(".potluck-partial")).unwrap();
        keeper.tell_folder();
        keeper
    }

    /// Says where the store lies.
    pub(super) fn tell_folder(&self) {
        self.owner.send(SenderCommand::Store(self.store.path().to_owned()));
    }

    fn path(&self, id: FileId) -> PathBuf {
        self.store.path().join(".potluck-partial").join(id.to_string())
    }

    fn manifest_path(&self, id: FileId) -> PathBuf {
        self.path(id).with_extension("manifest")
    }

    /// Puts these chunks of a file into the store, as disk workers leave them there.
    pub(super) fn put(&self, bytes: &[u8], spans: &[Span]) -> FileId {
        let (id, chunks) = (id_of(bytes), Chunks::of(bytes.len() as u64).unwrap());
        let file = fs::File::create(self.path(id)).unwrap();
        for span in spans {
            let first = chunks.range(chunks.index(span.from).unwrap()).start;
            let end = chunks.range(chunks.index(span.to - 1).unwrap()).end;
            let part = usize::try_from(first).unwrap()..usize::try_from(end).unwrap();
            write_all_at(&file, &bytes[part], first).unwrap();
        }
        if !chunks.is_single() {
            fs::write(self.manifest_path(id), manifest(bytes).as_bytes()).unwrap();
        }
        set_time(&file);
        id
    }

    pub(super) fn tell(&self, bytes: &[u8], spans: &[Span], owners: &[PeerId]) {
        let file = StoredFile { size: bytes.len() as u64, spans: spans.to_vec(), owners: owners.to_vec() };
        self.owner.send(SenderCommand::Stored(id_of(bytes), Some(file)));
    }

    /// All of a file, for everybody.
    fn keep(&self, bytes: &[u8]) -> FileId {
        let owner = PeerId([1; 32]);
        self.owner.send(SenderCommand::Open([owner].into()));
        let id = self.put(bytes, &whole(bytes));
        self.tell(bytes, &whole(bytes), &[owner]);
        id
    }

    fn flip(&self, path: &Path, at: usize) {
        let file = fs::File::options().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        read_exact_at(&file, &mut byte, at as u64).unwrap();
        write_all_at(&file, &[byte[0] ^ 4], at as u64).unwrap();
        set_time(&file);
        assert!(path.starts_with(self.store.path()));
    }

    /// The next thing that is wrong with the store.
    #[track_caller]
    fn trouble(&self) -> SenderEvent {
        let sender = self.owner.sender.as_ref().unwrap();
        loop {
            match sender.events.recv_timeout(DEADLINE).expect("nothing was reported in time") {
                SenderEvent::Proved(..)
                | SenderEvent::Called(..)
                | SenderEvent::Serving(_)
                | SenderEvent::Sent(_) => {}
                event => return event,
            }
        }
    }
}

/// Each time another one: a file's times are as coarse as the clock's tick, so what is changed at once might
/// look as before.
fn set_time(file: &fs::File) {
    static TIMES: AtomicU64 = AtomicU64::new(1_000_000_000);
    let time = Duration::from_secs(TIMES.fetch_add(1, Ordering::Relaxed));
    file.set_modified(UNIX_EPOCH + time).unwrap();
}

fn whole(bytes: &[u8]) -> Vec<Span> {
    vec![Span::whole(bytes.len() as u64).unwrap()]
}

impl Client {
    /// Bytes of a file, or why they do not come.
    fn bytes(&mut self, file: FileId, offset: usize, len: usize) -> Result<Vec<u8>, Reason> {
        let items = vec![Item { file, offset: offset as u64, len: len as u64 }];
        self.say(&Message::GetBlocks(GetBlocks { request: 4, items, background: false }).encode());
        let mut all = Vec::new();
        while all.len() < len {
            match self.hear().unwrap() {
                (Message::Block(block), payload) => {
                    assert_eq!(block.offset, (offset + all.len()) as u64);
                    all.extend(payload);
                }
                (Message::Refused(Refused { item: Some(0), reason, .. }), _) => {
                    assert!(all.is_empty() || reason == Reason::Changed);
                    return Err(reason);
                }
                other => panic!("{other:?}"),
            }
        }
        Ok(all)
    }

    /// Any chunk of those wanted: its offset and bytes.
    fn any(&mut self, bytes: &[u8], want: &Bits) -> Result<(usize, Vec<u8>), Reason> {
        let (file, size) = (id_of(bytes), bytes.len() as u64);
        self.say(
            &Message::GetAny(GetAny { request: 8, file, size, want: want.to_map(), background: false })
                .encode(),
        );
        let (mut begin, mut all) = (None, Vec::new());
        loop {
            match self.hear().unwrap() {
                (Message::Block(block), payload) => {
                    let begin = *begin.get_or_insert(block.offset);
                    all.extend(payload);
                    let chunk = want.chunks().at_offset(begin).unwrap();
                    if all.len() as u64 == want.chunks().len_of(chunk) {
                        return Ok((usize::try_from(begin).unwrap(), all));
                    }
                }
                (Message::Refused(refused), _) => return Err(refused.reason),
                other => panic!("{other:?}"),
            }
        }
    }

    /// What is there of a file.
    fn haves(&mut self, request: u64, bytes: &[u8]) -> Result<Vec<u32>, Reason> {
        let (file, size) = (id_of(bytes), bytes.len() as u64);
        self.say(&Message::GetHaves(GetHaves { request, file, size }).encode());
        self.next_haves(bytes)
    }

    fn next_haves(&mut self, bytes: &[u8]) -> Result<Vec<u32>, Reason> {
        let chunks = Chunks::of(bytes.len() as u64).unwrap();
        match self.hear().unwrap() {
            (Message::Haves(m), _) => {
                Ok(Bits::from_map(chunks, &m.map).unwrap().iter().map(ChunkIndex::get).collect())
            }
            (Message::Refused(refused), _) => Err(refused.reason),
            other => panic!("{other:?}"),
        }
    }

    fn manifest(&mut self, file: FileId) -> Result<Vec<u8>, Reason> {
        self.say(&Message::GetManifest(GetManifest { request: 3, file, page: 0 }).encode());
        match self.hear().unwrap() {
            (Message::Manifest(m), _) => Ok(m.values),
            (Message::Refused(refused), _) => Err(refused.reason),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn parts_of_files_are_given_like_any_content() {
    let keeper = Keeper::new();
    let bytes = content(7 * CHUNK + 9, 1);
    let spans = [Span { from: 1, to: 3 }, Span { from: 6, to: 8 }];
    let id = keeper.put(&bytes, &spans);
    let owner = PeerId([1; 32]);
    keeper.owner.send(SenderCommand::Open([owner].into()));
    keeper.tell(&bytes, &spans, &[owner]);
    let mut client = Client::new(&keeper.owner);
    assert_eq!(client.haves(1, &bytes), Ok(vec![1, 2, 6, 7]));
    assert_eq!(client.manifest(id).unwrap(), manifest(&bytes).as_bytes());
    // Within a chunk, over the edge of two, and to the end.
    for (offset, len) in [(CHUNK, 1), (2 * CHUNK - 5, 10), (CHUNK, 2 * CHUNK), (6 * CHUNK, CHUNK + 9)] {
        assert_eq!(client.bytes(id, offset, len).unwrap(), bytes[offset..offset + len]);
    }
    for (offset, reason) in [(0, Reason::Unknown), (5 * CHUNK, Reason::Unknown)] {
        assert_eq!(client.bytes(id, offset, 9), Err(reason));
    }
    assert_eq!(client.bytes(id, 7 * CHUNK, 10), Err(Reason::Malformed));
    // Any of all: each of the four once.
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    let mut want = Bits::all(chunks);
    let mut got = Vec::new();
    for _ in 0..4 {
        let (at, part) = client.any(&bytes, &want).unwrap();
        assert_eq!(part, bytes[at..at + part.len()]);
        want.remove(chunks.at_offset(at as u64).unwrap());
        got.push(at / CHUNK);
    }
    got.sort_unstable();
    assert_eq!(got, [1, 2, 6, 7]);
    assert_eq!(client.any(&bytes, &want), Err(Reason::Unknown));
    // More comes, and goes.
    keeper.put(&bytes, &whole(&bytes));
    keeper.tell(&bytes, &whole(&bytes), &[owner]);
    assert_eq!(client.next_haves(&bytes), Ok((0..8).collect()));
    assert_eq!(client.bytes(id, 0, bytes.len()).unwrap(), bytes);
    keeper.owner.send(SenderCommand::Stored(id, None));
    assert_eq!(client.next_haves(&bytes), Err(Reason::Unknown));
    assert_eq!(client.bytes(id, CHUNK, 1), Err(Reason::Unknown));
    assert_eq!(client.manifest(id), Err(Reason::Unknown));
}

#[test]
fn files_of_any_size_are_fetched_from_a_keeper() {
    let keeper = Keeper::new();
    let sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, (1 << 20) + 1, 70 << 20];
    let files: Vec<_> = sizes.iter().map(|&n| (format!("f{n}"), content(n, n as u64))).collect();
    for (_, bytes) in &files {
        keeper.keep(bytes);
    }
    let getter = Getter::new();
    getter.handle.send(ReceiverCommand::Peer(keeper.owner.contact()));
    let holder = [keeper.owner.id()];
    let job = getter.fetch(1, files.iter().map(|(path, bytes)| wanted(path, bytes, &holder)).collect());
    assert_eq!(getter.wait_finished(job), (sizes.len() as u64, None));
    let mut arrived = getter.disk.arrived();
    for (path, bytes) in &files {
        assert!(arrived.remove(&Path::new("/nowhere").join(path)).as_ref() == Some(bytes), "{path}");
    }
    let mut client = Client::new(&keeper.owner);
    let single = &files[1].1;
    assert_eq!(client.haves(1, single), Ok(vec![0]));
    assert_eq!(client.manifest(id_of(single)), Ok(Vec::new()));
    let all = Bits::all(Chunks::of(1).unwrap());
    assert_eq!(client.any(single, &all), Ok((0, single.clone())));
}

/// Every 509th byte of the file in turn, its edges, and the value of every chunk in the manifest.
#[test]
fn a_flipped_bit_is_noticed_wherever_it_is_before_a_byte_leaves() {
    for size in [CHUNK - 3, 2 * CHUNK + 777] {
        let keeper = Keeper::new();
        let bytes = content(size, 2);
        let id = keeper.keep(&bytes);
        let mut client = Client::new(&keeper.owner);
        let edges = (0..=size / CHUNK).flat_map(|n| [n * CHUNK, (n + 1) * CHUNK - 1]);
        for at in (0..size).step_by(509).chain(edges).filter(|at| *at < size) {
            keeper.put(&bytes, &whole(&bytes));
            keeper.flip(&keeper.path(id), at);
            keeper.tell(&bytes, &whole(&bytes), &[PeerId([1; 32])]);
            let chunk = at / CHUNK;
            // The byte that is asked for is not the one that is wrong.
            let (first, last) = (chunk * CHUNK, ((chunk + 1) * CHUNK).min(size) - 1);
            let ask = if at == first { last } else { first };
            assert_eq!(client.bytes(id, ask, 1), Err(Reason::Changed), "{at}");
            let event = keeper.trouble();
            let chunk_of = |c: &ChunkIndex| c.get() as usize == chunk;
            assert!(
                matches!(&event, SenderEvent::Rotten(f, c) if *f == id && chunk_of(c)),
                "{at}: {event:?}"
            );
        }
    }
}

#[test]
fn a_rotten_chunk_is_reported_once_and_the_others_are_given() {
    let keeper = Keeper::new();
    let bytes = content(5 * CHUNK, 3);
    let id = keeper.keep(&bytes);
    let (mut client, mut watcher) = (Client::new(&keeper.owner), Client::new(&keeper.owner));
    assert_eq!(watcher.haves(1, &bytes), Ok(vec![0, 1, 2, 3, 4]));
    keeper.flip(&keeper.path(id), 3 * CHUNK + 70);
    assert_eq!(client.bytes(id, 3 * CHUNK, CHUNK), Err(Reason::Changed));
    assert_eq!(watcher.next_haves(&bytes), Ok(vec![0, 1, 2, 4]));
    // What comes before it is given.
    assert_eq!(client.bytes(id, 2 * CHUNK, CHUNK).unwrap(), bytes[2 * CHUNK..3 * CHUNK]);
    assert_eq!(client.bytes(id, 2 * CHUNK, 2 * CHUNK), Err(Reason::Changed));
    let chunks = Chunks::of(bytes.len() as u64).unwrap();
    let want = |wanted: &[u32]| {
        let mut bits = Bits::none(chunks);
        for n in wanted {
            bits.insert(chunks.index(*n).unwrap());
        }
        bits
    };
    assert_eq!(client.any(&bytes, &want(&[3])), Err(Reason::Unknown));
    assert_eq!(client.any(&bytes, &want(&[3, 4])).unwrap().0, 4 * CHUNK);
    assert_eq!(client.bytes(id, 3 * CHUNK, 1), Err(Reason::Changed));
    assert!(matches!(keeper.trouble(), SenderEvent::Rotten(f, c) if f == id && c.get() == 3));
    // Those that are chosen first, for nobody was given them, turn out to be wrong.
    keeper.flip(&keeper.path(id), 0);
    keeper.flip(&keeper.path(id), 2 * CHUNK - 1);
    let chosen = client.any(&bytes, &want(&[0, 1, 2])).unwrap();
    assert_eq!(chosen, (2 * CHUNK, bytes[2 * CHUNK..3 * CHUNK].to_vec()));
    for rotten in [0, 1] {
        // And nothing else between them: a chunk is reported once.
        assert!(matches!(keeper.trouble(), SenderEvent::Rotten(_, c) if c.get() == rotten));
    }
    assert_eq!(watcher.next_haves(&bytes), Ok(vec![2, 4]));
    // It was fetched again.
    keeper.keep(&bytes);
    assert_eq!(client.bytes(id, 0, bytes.len()).unwrap(), bytes);
    assert_eq!(watcher.next_haves(&bytes), Ok(vec![0, 1, 2, 3, 4]));
}

#[test]
fn without_its_manifest_or_data_nothing_is_given_and_that_is_reported() {
    let bytes = content(3 * CHUNK, 4);
    let spoil: [fn(&Keeper, FileId); 5] = [
        |k, id| fs::remove_file(k.manifest_path(id)).unwrap(),
        |k, id| k.flip(&k.manifest_path(id), 33),
        |k, id| fs::write(k.manifest_path(id), []).unwrap(),
        |k, id| fs::remove_file(k.path(id)).unwrap(),
        |k, id| {
            let elsewhere = k.store.path().join("elsewhere");
            fs::rename(k.path(id), &elsewhere).unwrap();
            testing::link(elsewhere, k.path(id));
        },
    ];
    for (n, spoil) in spoil.into_iter().enumerate() {
        let keeper = Keeper::new();
        let id = keeper.keep(&bytes);
        spoil(&keeper, id);
        let (mut client, mut watcher) = (Client::new(&keeper.owner), Client::new(&keeper.owner));
        assert_eq!(watcher.haves(1, &bytes), Ok(vec![0, 1, 2]), "nothing is opened to say that");
        assert_eq!(client.bytes(id, 0, 1), Err(Reason::Changed), "{n}");
        assert_eq!(watcher.next_haves(&bytes), Ok(vec![]), "{n}");
        assert_eq!(client.manifest(id), Err(Reason::Changed), "{n}");
        assert!(matches!(keeper.trouble(), SenderEvent::Missing(f) if f == id), "{n}");
        assert_eq!(
            client.any(&bytes, &Bits::all(Chunks::of(bytes.len() as u64).unwrap())),
            Err(Reason::Unknown)
        );
        // Nothing is written through the link.
        drop(fs::remove_file(keeper.path(id)));
        keeper.keep(&bytes);
        assert_eq!(client.bytes(id, 0, bytes.len()).unwrap(), bytes, "{n}");
    }
}

#[test]
fn a_file_that_changes_under_it_is_opened_again() {
    let keeper = Keeper::new();
    let bytes = content(3 * CHUNK, 5);
    let id = keeper.keep(&bytes);
    let mut client = Client::new(&keeper.owner);
    assert_eq!(client.bytes(id, 0, CHUNK).unwrap(), bytes[..CHUNK]);
    // Written again with the same bytes, and another file of the same content under its name.
    keeper.put(&bytes, &whole(&bytes));
    assert_eq!(client.bytes(id, 0, CHUNK).unwrap(), bytes[..CHUNK]);
    fs::remove_file(keeper.path(id)).unwrap();
    keeper.put(&bytes, &whole(&bytes));
    assert_eq!(client.bytes(id, CHUNK, CHUNK).unwrap(), bytes[CHUNK..2 * CHUNK]);
    // What was proved before it changed is proved again.
    keeper.flip(&keeper.path(id), 1);
    assert_eq!(client.bytes(id, 5, 1), Err(Reason::Changed));
    assert!(matches!(keeper.trouble(), SenderEvent::Rotten(_, c) if c.get() == 0));
    fs::remove_file(keeper.path(id)).unwrap();
    assert_eq!(client.bytes(id, CHUNK, 1), Err(Reason::Changed));
    assert!(matches!(keeper.trouble(), SenderEvent::Missing(_)));
}

#[test]
fn what_is_not_for_everybody_is_there_for_its_owners_only() {
    let keeper = Keeper::new();
    let bytes = content(3 * CHUNK, 6);
    let (one, other, stranger) =
        (Identity::generate().unwrap(), Identity::generate().unwrap(), Identity::generate().unwrap());
    let id = keeper.put(&bytes, &whole(&bytes));
    keeper.tell(&bytes, &whole(&bytes), &[one.id(), other.id()]);
    let all = Bits::all(Chunks::of(bytes.len() as u64).unwrap());
    let mut client = Client::of(&keeper.owner, &stranger);
    let refused = |client: &mut Client| {
        assert_eq!(client.bytes(id, 0, 1), Err(Reason::Unknown));
        assert_eq!(client.any(&bytes, &all), Err(Reason::Unknown));
        assert_eq!(client.haves(1, &bytes), Err(Reason::Unknown));
        assert_eq!(client.manifest(id), Err(Reason::Unknown));
        // It does not learn of it by another size either.
        assert_eq!(client.haves(1, &bytes[1..]), Err(Reason::Unknown));
    };
    refused(&mut client);
    for owner in [&one, &other] {
        let mut client = Client::of(&keeper.owner, owner);
        assert_eq!(client.bytes(id, 0, bytes.len()).unwrap(), bytes);
        assert_eq!(client.haves(1, &bytes), Ok(vec![0, 1, 2]));
    }
    keeper.owner.send(SenderCommand::Open([other.id()].into()));
    assert_eq!(client.bytes(id, 0, bytes.len()).unwrap(), bytes);
    assert_eq!(client.haves(2, &bytes), Ok(vec![0, 1, 2]));
    // Once it is for nobody, those that watch it hear of it.
    keeper.owner.send(SenderCommand::Open(BTreeSet::new()));
    assert_eq!(client.next_haves(&bytes), Err(Reason::Unknown));
    refused(&mut client);
}

#[test]
fn what_is_shared_comes_first_and_many_files_are_kept_open_no_longer_than_needed() {
    let mut keeper = Keeper::new();
    let bytes = content(3 * CHUNK, 7);
    let id = keeper.keep(&bytes);
    keeper.flip(&keeper.path(id), 9);
    keeper.owner.share(&[("a", &bytes)]);
    let mut client = Client::new(&keeper.owner);
    assert_eq!(client.bytes(id, 0, bytes.len()).unwrap(), bytes);
    // More files than may be open, each asked for twice.
    let files: BTreeMap<_, _> = (0..3 * limits::OPEN_FILES as u64)
        .map(|n| content(CHUNK + 1, 100 + n))
        .map(|bytes| (keeper.keep(&bytes), bytes))
        .collect();
    for _ in 0..2 {
        for (id, bytes) in &files {
            assert_eq!(client.bytes(*id, 0, bytes.len()).as_ref(), Ok(bytes));
        }
    }
}
