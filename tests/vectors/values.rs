//! The values of the vectors, and how their later versions are made.

use std::sync::Arc;

use potluck::address::Ports;
use potluck::codec::{decode, encode};
use potluck::content::bucket::Bucket;
use potluck::content::{
    Catalogue, Entry, EntryKind, FileId, FolderIdentity, Head, MountIdentity, SafePath, Span,
};
use potluck::custody::ledger::{
    DeletedRow, FolderRow, KeptRow, Lived, LostRow, MountRow, OwnerRow, PlacedRow, Record,
};
use potluck::identity::{Identity, Instance, PeerId, PeerName};
use potluck::wire::custody::{
    BucketProof, CustodyMessage, CustodyOffer, GetSpace, KeeperReport, OfferAnswer, OfferRefusal, Order,
    Orders, Replica, ReportRow, Space, Verdict,
};
use potluck::wire::datagram::{self, Body, Envelope, Presence, PresenceState, seal};
use potluck::wire::frame::{Decoder, Frame, Piece};
use potluck::wire::message::{
    BlockIs, BucketIs, Cancel, CoveredRow, DialBack, FetchThrough, FoundIs, GetAny, GetBlocks, GetBuckets,
    GetHaves, GetHead, GetKept, GetManifest, GetSlices, GetTable, GotFile, GotNoted, HavesIs, HeadIs, HitRow,
    Item, KeptFile, KeptIs, KnownCoverage, ManifestIs, Meet, Message, MetAt, OfferFiles, OfferNews,
    OfferNoted, OfferWord, OfferedFile, PeerRecord, Reason, Refused, Relay, Relayed, RelayedDatagram,
    SearchIndex, SliceIs, TableIs, Tell, ThroughIs, Told, request_of,
};
use potluck::wire::room::{RoomGap, RoomLine};

use crate::tree::{Tree, map, text};

/// Reads bytes, and panics if they are not what they should be.
type Read = Box<dyn Fn(&[u8])>;

/// A file, and that of a later version.
pub(crate) struct Vector {
    pub(crate) name: String,
    /// `None`: this version does not send it.
    pub(crate) golden: Option<Vec<u8>>,
    pub(crate) read: Read,
    pub(crate) later: Vec<u8>,
    pub(crate) read_later: Read,
}

const FILE: FileId = FileId([3; 32]);
const PEER: PeerId = PeerId([4; 32]);
const INSTANCE: Instance = Instance { count: 1_800_000_000, random: 0x0123_4567_89ab_cdef };
const SPAN: Span = Span { from: 0, to: 4 };

/// Who signs: from a fixed seed.
fn identity() -> Identity {
    Identity::from_seed([7; 32]).unwrap()
}

fn path(path: &str) -> SafePath {
    path.parse().unwrap()
}

fn file(at: &str) -> Entry {
    let kind =
        EntryKind::File { id: FILE, size: 200_000, modified: -4, executable: true, since: 1_800_000_000_000 };
    Entry { path: path(at), kind }
}

fn place() -> Replica {
    Replica { copy: 1, span: SPAN, peer: PEER }
}

/// A value of a later version: a variant that is not known here, with data.
fn unknown() -> Tree {
    map([("teleport", map([("to", Tree::List(vec![text("x"), Tree::Unsigned(1 << 40)]))]))])
}

/// All of them.
pub(crate) fn all() -> Vec<Vector> {
    let mut all = datagrams();
    all.extend(requests());
    all.extend(answers());
    all.extend(custody());
    all.extend(later_frames());
    all.extend(records());
    all.extend([head(), bucket(), gateway_envelope()]);
    all
}

fn presence() -> Presence {
    Presence {
        state: PresenceState::Here,
        name: PeerName::cleaned("Ada").unwrap(),
        ports: Ports { receiver: 27_280, sender: 27_281, distributor: 27_282, distributee: 27_283 },
        interval: 1_000,
        catalogue: 5,
        ticket: 0,
        room: 0,
        features: 1,
    }
}

/// Its name here. A new message does not compile before it has one.
fn name_of(message: &datagram::DatagramMessage) -> &'static str {
    use datagram::DatagramMessage as M;
    match message {
        M::Here => "here",
        M::Hello { .. } => "hello",
        M::Proof { .. } => "proof",
        M::Probe { .. } => "probe",
        M::DialBack { .. } => "dial-back",
        M::Leave => "leave",
        M::Seek { .. } => "seek",
        M::Has { .. } => "has",
        M::Room(_) => "room-line",
        M::RoomMissing { .. } => "room-missing",
        M::Other => "other",
    }
}

/// The bytes of a datagram whose body is changed.
fn datagram(sealed: &[u8], change: impl FnOnce(&mut Tree)) -> Vec<u8> {
    let body = 37;
    let mut tree: Tree = decode(&sealed[body..sealed.len() - 64]).unwrap();
    *tree.field("pad") = Tree::Bytes(Vec::new());
    change(&mut tree);
    let missing = sealed.len().saturating_sub(body + encode(&tree).len() + 64);
    *tree.field("pad") = Tree::Bytes(vec![0; missing]);
    let bytes = [&sealed[..body], &encode(&tree)].concat();
    let signature = identity().sign(b"potluck datagram 1\0", &bytes);
    [&bytes[..], &signature].concat()
}

fn datagrams() -> Vec<Vector> {
    use datagram::DatagramMessage as M;
    let nonce = 0x1122_3344_5566_7788;
    let messages = [
        M::Here,
        M::Hello { nonce },
        M::Proof { ask: Some(nonce), echoes: vec![1, u64::MAX] },
        M::Probe { peer: PEER, nonce },
        M::DialBack { peer: PEER },
        M::Leave,
        M::Seek { files: vec![FILE, FileId([5; 32])] },
        M::Has { files: vec![FILE] },
        M::Room(RoomLine { number: 7, said: 1_790_000_000_000, text: "good morning".to_owned() }),
        M::RoomMissing {
            gaps: vec![RoomGap { origin: PEER, instance: INSTANCE, first: 5, missing: 0b101 }],
            alone: true,
        },
    ];
    let vector = |message: M| {
        let name = format!("datagram-{}", name_of(&message));
        let body = Body { instance: INSTANCE, sequence: 9, presence: presence(), message };
        let golden = seal(&identity(), &body);
        let later = datagram(&golden, Tree::grow);
        let read = move |bytes: &[u8]| {
            let envelope = Envelope::parse(bytes).unwrap();
            assert_eq!((envelope.key(), envelope.open().unwrap()), (identity().public(), body.clone()));
        };
        let (read, read_later) = (Box::new(read.clone()), Box::new(read));
        Vector { name, golden: Some(golden), read, later, read_later }
    };
    let mut all: Vec<_> = messages.into_iter().map(vector).collect();
    let body = Body { instance: INSTANCE, sequence: 9, presence: presence(), message: M::Here };
    let here = seal(&identity(), &body);
    let room = |body: &mut Tree| {
        let lines = Tree::List(vec![map([("number", Tree::Unsigned(7)), ("text", text("good morning"))])]);
        *body.field("message") =
            map([("room", map([("origin", Tree::Bytes(vec![4; 32])), ("lines", lines)]))]);
    };
    let other = Body { message: M::Other, ..body.clone() };
    all.push(only_later("datagram-room", datagram(&here, room), move |bytes| {
        assert_eq!(Envelope::parse(bytes).unwrap().open().unwrap(), other);
    }));
    let mut resting = body;
    resting.presence.state = PresenceState::Other;
    let state = |body: &mut Tree| *body.field("presence").field("state") = unknown();
    all.push(only_later("datagram-state", datagram(&here, state), move |bytes| {
        assert_eq!(Envelope::parse(bytes).unwrap().open().unwrap(), resting);
    }));
    all
}

fn only_later(name: &str, later: Vec<u8>, read_later: impl Fn(&[u8]) + 'static) -> Vector {
    let read = Box::new(|_: &[u8]| {});
    Vector { name: name.to_owned(), golden: None, read, later, read_later: Box::new(read_later) }
}

/// Cuts a frame and its payload out of bytes that hold nothing else.
fn cut(bytes: &[u8]) -> (Frame, Vec<u8>) {
    let mut decoder = Decoder::default();
    let (n, piece) = decoder.feed(bytes).unwrap();
    let Piece::Frame(frame) = piece else { panic!("no frame") };
    let payload = &bytes[n..];
    assert_eq!(payload.len(), frame.payload);
    (frame, payload.to_vec())
}

/// The bytes of a frame whose header is changed.
fn changed(golden: &[u8], change: impl FnOnce(&mut Tree)) -> Vec<u8> {
    let (frame, payload) = cut(golden);
    let mut tree: Tree = decode(&frame.header).unwrap();
    change(&mut tree);
    framed(frame.kind, &encode(&tree), &payload)
}

/// A frame of any kind.
fn framed(kind: u8, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let lengths = [u32::try_from(header.len()).unwrap(), u32::try_from(payload.len()).unwrap()];
    let [header_length, payload_length] = lengths.map(u32::to_be_bytes);
    [&header_length[..], &[kind], &payload_length[1..], header, payload].concat()
}

/// A message whose later version has fields more, and what `more` adds.
fn frame(message: Message, payload: &[u8], more: impl FnOnce(&mut Tree)) -> Vector {
    let golden = [&message.encode_with(payload.len())[..], payload].concat();
    let name = format!("frame-{:03}-{}", golden[4], message.name().replace('_', "-"));
    let later = changed(&golden, |tree| {
        tree.grow();
        more(tree);
    });
    let (known, payload, again) = (message, payload.to_vec(), golden.clone());
    let read = move |bytes: &[u8]| {
        let (frame, came) = cut(bytes);
        assert_eq!((Message::decode(&frame).unwrap(), &came), (Some(known.clone()), &payload));
    };
    let read_later = move |bytes: &[u8]| {
        // What is not known is left out when it is written again; nothing else is.
        let (frame, came) = cut(bytes);
        let message = Message::decode(&frame).unwrap().unwrap();
        assert_eq!([&message.encode_with(came.len())[..], &came].concat(), again);
    };
    Vector { name, golden: Some(golden), read: Box::new(read), later, read_later: Box::new(read_later) }
}

fn plain(message: Message) -> Vector {
    frame(message, &[], |_| {})
}

fn requests() -> Vec<Vector> {
    let relayed = |tree: &mut Tree| later_rows(tree.field("datagrams"));
    vec![
        frame(Message::Relay(Relay { request: 44, datagrams: crossing().into() }), &[], relayed),
        plain(Message::GetHead(GetHead { request: 4, known: Some([9; 32]), origin: Some(PEER) })),
        plain(Message::GetBuckets(GetBuckets {
            request: 8,
            root: [9; 32],
            buckets: vec![0, 7, 255],
            origin: None,
        })),
        plain(Message::GetManifest(GetManifest { request: 12, file: FILE, page: 1 })),
        plain(Message::GetBlocks(GetBlocks {
            request: 16,
            items: vec![Item { file: FILE, offset: 1 << 40, len: 131_072 }],
            background: true,
        })),
        plain(Message::Cancel(Cancel { request: 16 })),
        plain(Message::GetTable(GetTable { request: 20 })),
        plain(Message::GetHaves(GetHaves { request: 24, file: FILE, size: 200_000 })),
        plain(Message::GotFile(GotFile { request: 25, file: FILE, size: 200_000 })),
        plain(Message::GotNoted(GotNoted { request: 25 })),
        plain(Message::GetAny(GetAny {
            request: 28,
            file: FILE,
            size: 200_000,
            want: vec![0b1011],
            background: false,
        })),
        plain(Message::GetKept(GetKept { request: 32 })),
        plain(Message::GetSlices(GetSlices {
            request: 36,
            file: FILE,
            size: 200_000,
            first: 2,
            count: 2,
            to_file: true,
            background: false,
        })),
        frame(Message::Search(search()), &[], |tree| later_rows(tree.field("types"))),
        plain(Message::Meet(Meet { request: 41, peer: PEER, is_asking: true })),
        plain(Message::FetchThrough(FetchThrough {
            request: 44,
            owner: PEER,
            file: FILE,
            size: 200_000,
            bucket: 7,
        })),
        plain(Message::OfferFiles(OfferFiles {
            request: 60,
            number: 5,
            files: 3,
            folders: 1,
            bytes: 200_001,
            at: 2,
            page: vec![OfferedFile {
                path: "Fotos/gr\u{fc}n.jpg".parse().unwrap(),
                id: FILE,
                size: 200_000,
                modified: 1_800_000_000_123,
                executable: false,
            }],
            page_folders: vec!["Fotos/leer".parse().unwrap()],
        })),
        plain(Message::OfferNews(OfferNews { request: 61, number: 5, news: OfferWord::Accepted })),
        plain(Message::Tell(Tell {
            request: 52,
            instance: INSTANCE,
            number: 3,
            said: 1_800_000_000_123,
            text: "gr\u{fc}\u{df} dich".to_owned(),
        })),
    ]
}

fn search() -> SearchIndex {
    SearchIndex {
        request: 40,
        words: vec!["moon".to_owned(), "a/b".to_owned()],
        types: vec!["audio".to_owned()].into(),
        min: Some(1),
        max: Some(200_000),
        newer: Some(-4),
        owners: Some(vec![PEER]),
        at: Some(path("a")),
        file: Some(vec![3; 4]),
        most: 100,
        known: Some(KnownCoverage { epoch: 9, number: 7 }),
    }
}

fn found() -> FoundIs {
    let covered =
        CoveredRow { owner: PEER, count: INSTANCE.count, random: INSTANCE.random, version: Some(5) };
    let hit = HitRow {
        path: path("a/moon"),
        size: 200_000,
        file: FILE,
        modified: -4,
        owners: vec![PEER],
        copies: 12,
        outside: 1,
        inside: 1,
        ambiguous: true,
    };
    FoundIs {
        request: 40,
        epoch: 9,
        number: 8,
        whole: false,
        covered: vec![covered, CoveredRow { version: None, ..covered }].into(),
        hits: vec![hit].into(),
        more: 3,
        last: true,
    }
}

/// Rows of a later version, before and behind those that there are.
fn later_rows(rows: &mut Tree) {
    let rows = rows.list();
    rows.insert(0, unknown());
    rows.push(map([("relay", Tree::Bytes(vec![4; 32]))]));
}

/// Datagrams on their way over a link: of the peer at its end, and of another one.
fn crossing() -> Vec<RelayedDatagram> {
    let at = Some(([10, 0, 0, 1], 40_000).into());
    let signed: Arc<[u8]> = [9; 40].into();
    vec![
        RelayedDatagram { at: None, hops: 1, signed: Arc::clone(&signed) },
        RelayedDatagram { at, hops: 2, signed },
    ]
}

/// A datagram of another network, as a gateway broadcasts it; of a later version is what it holds.
fn gateway_envelope() -> Vector {
    use potluck::wire::envelope::{GatewayEnvelope, wrap};
    let body = Body {
        instance: INSTANCE,
        sequence: 7,
        presence: presence(),
        message: datagram::DatagramMessage::Here,
    };
    let sealed = seal(&identity(), &body);
    let at = ([10, 0, 0, 1], 40_000).into();
    let wrapped = |datagram: &[u8]| wrap(&identity(), 2, at, datagram);
    let read = move |bytes: &[u8]| {
        let envelope = GatewayEnvelope::parse(bytes).unwrap();
        assert!(envelope.is_signed() && envelope.gateway == identity().public());
        assert_eq!((envelope.hops, envelope.at), (2, at));
        assert_eq!(Envelope::parse(envelope.datagram).unwrap().open().unwrap(), body);
    };
    let later = wrapped(&datagram(&sealed, Tree::grow));
    let read_later = read.clone();
    Vector {
        name: "gateway-envelope".to_owned(),
        golden: Some(wrapped(&sealed)),
        read: Box::new(read),
        later,
        read_later: Box::new(read_later),
    }
}

fn answers() -> Vec<Vector> {
    let rows = |tree: &mut Tree| later_rows(tree.field("rows"));
    let datagrams = |tree: &mut Tree| later_rows(tree.field("datagrams"));
    let bucket = catalogue().bucket(path("a").bucket()).bytes();
    let kept = KeptFile { file: FILE, size: 200_000, from: 0, to: 4 };
    let told = PeerRecord { at: ([10, 0, 0, 1], 27_290).into(), signed: [9; 40].into() };
    let announcement = vec![9; 40];
    vec![
        plain(Message::Head(HeadIs { request: 4, signed: vec![1; 80], digests: vec![2; 64] })),
        plain(Message::Bucket(BucketIs { request: 8, bucket: 7, entries: bucket, last: true })),
        plain(Message::Manifest(ManifestIs { request: 12, values: vec![5; 64] })),
        frame(Message::Block(BlockIs { request: 16, item: 0, offset: 65_536 }), b"block", |_| {}),
        frame(Message::Table(TableIs { request: 20, rows: vec![told].into(), last: true }), &[], rows),
        plain(Message::Haves(HavesIs { request: 24, map: vec![0b101], more: vec![3] })),
        plain(Message::DialBack(DialBack { request: 0 })),
        frame(
            Message::Kept(KeptIs {
                request: 32,
                origin: PEER,
                announcement,
                rows: vec![kept].into(),
                last: true,
            }),
            &[],
            rows,
        ),
        frame(Message::Slice(SliceIs { request: 36, slice: 2, path: vec![6; 64] }), b"slice", |_| {}),
        frame(Message::Relayed(Relayed { request: 44, datagrams: crossing().into() }), &[], datagrams),
        plain(Message::Met(MetAt { request: 41, at: ([203, 0, 113, 9], 40_000).into() })),
        plain(Message::Through(ThroughIs { request: 44, have: 65_536 })),
        frame(Message::Found(found()), &[], |tree| {
            later_rows(tree.field("covered"));
            later_rows(tree.field("hits"));
        }),
        plain(Message::OfferNoted(OfferNoted { request: 60 })),
        plain(Message::Told(Told { request: 52 })),
        plain(Message::Refused(Refused { request: 40, item: Some(1), reason: Reason::Changed })),
    ]
}

/// A message of custody; the same as [`frame`].
fn kept(message: CustodyMessage, name: &str, more: impl FnOnce(&mut Tree)) -> Vector {
    let (kind, header) = message.encode();
    let golden = framed(kind, &header, &[]);
    let later = changed(&golden, |tree| {
        tree.grow();
        more(tree);
    });
    let read =
        move |bytes: &[u8]| assert_eq!(CustodyMessage::decode(&cut(bytes).0).unwrap(), Some(message.clone()));
    let read_later = move |bytes: &[u8]| {
        let message = CustodyMessage::decode(&cut(bytes).0).unwrap().unwrap();
        assert_eq!(message.encode(), (kind, header.clone()));
    };
    let name = format!("frame-{kind:03}-{name}");
    Vector { name, golden: Some(golden), read: Box::new(read), later, read_later: Box::new(read_later) }
}

fn custody() -> Vec<Vector> {
    let offer = CustodyOffer {
        request: 2,
        head: Arc::from([1; 80]),
        path: path("a"),
        file: FILE,
        size: 200_000,
        copies: 2,
        copy: 1,
        span: SPAN,
        others: vec![place()],
        quiet: 60,
        proof: Some(BucketProof { digests: Arc::from([9; 8_192]), bucket: Arc::from(encode(&file("a"))) }),
    };
    let held =
        ReportRow { file: FILE, size: 200_000, copies: 2, copy: 1, span: SPAN, have: 3, dropped: false };
    let order = |n, verdict| Order { file: FileId([n; 32]), verdict };
    let orders = Orders {
        request: 3,
        origin: PEER,
        head: Some(Arc::from([1; 80])),
        rows: [
            order(1, Verdict::Keep(vec![place()])),
            order(2, Verdict::GiveBack(Vec::new())),
            order(3, Verdict::Release),
            order(4, Verdict::Spare),
            order(5, Verdict::NotActing(vec![place()])),
            order(6, Verdict::NotKept),
        ]
        .into_iter()
        .collect(),
    };
    let answer = OfferAnswer {
        request: 2,
        refusal: Some(OfferRefusal::Keeps),
        span: Some(SPAN),
        free: 9,
        share: 8,
        head: None,
    };
    let (instance, version) = (INSTANCE, 5);
    let row = |tree: &mut Tree| tree.field("rows").list().insert(0, unknown());
    let mut all = vec![
        kept(CustodyMessage::GetSpace(GetSpace { request: 1, origin: PEER }), "get-space", |_| {}),
        kept(CustodyMessage::Offer(Box::new(offer)), "offer", |_| {}),
        kept(
            CustodyMessage::Report(KeeperReport {
                request: 3,
                origin: PEER,
                instance,
                version,
                rows: vec![held].into(),
            }),
            "report",
            row,
        ),
        kept(CustodyMessage::Space(Space { request: 1, free: 9, share: 8 }), "space", |_| {}),
        kept(CustodyMessage::Answer(answer.clone()), "answer", |_| {}),
        kept(CustodyMessage::Orders(orders.clone()), "orders", row),
    ];
    // Verdicts and reasons that are not known here leave those beside them as they are.
    let verdict = |tree: &mut Tree| *tree.field("rows").list()[2].field("verdict") = unknown();
    let (kind, header) = CustodyMessage::Orders(orders.clone()).encode();
    let mut others: Vec<Order> = orders.rows.to_vec();
    others[2].verdict = Verdict::Other;
    let expected = CustodyMessage::Orders(Orders { rows: others.into(), ..orders });
    all.push(only_later("custody-verdict", changed(&framed(kind, &header, &[]), verdict), move |bytes| {
        assert_eq!(CustodyMessage::decode(&cut(bytes).0).unwrap(), Some(expected.clone()));
    }));
    let refusal = |tree: &mut Tree| *tree.field("refusal") = unknown();
    let (kind, header) = CustodyMessage::Answer(answer.clone()).encode();
    let expected = CustodyMessage::Answer(OfferAnswer { refusal: Some(OfferRefusal::Other), ..answer });
    all.push(only_later("custody-refusal", changed(&framed(kind, &header, &[]), refusal), move |bytes| {
        assert_eq!(CustodyMessage::decode(&cut(bytes).0).unwrap(), Some(expected.clone()));
    }));
    all
}

/// Frames that only a later version sends: what it asks is refused by its number, what it says is skipped.
fn later_frames() -> Vec<Vector> {
    let words = Tree::List(vec![text("some"), text("words")]);
    let long = Tree::Bytes(vec![1; 3_000]);
    let frames = [
        ("later-search", 25, map([("request", Tree::Unsigned(44)), ("words", words)]), 44),
        ("later-offer", 34, map([("request", Tree::Unsigned(48)), ("files", long.clone())]), 48),
        ("later-rows", 89, map([("rows", long)]), 0),
    ];
    let vector = |(name, kind, header, request): (&str, u8, Tree, u64)| {
        only_later(name, framed(kind, &encode(&header), &[5; 300]), move |bytes| {
            let (frame, _) = cut(bytes);
            assert_eq!(
                (Message::decode(&frame).unwrap(), CustodyMessage::decode(&frame).unwrap()),
                (None, None)
            );
            assert_eq!(request_of(&frame), request);
        })
    };
    let mut all: Vec<_> = frames.into_iter().map(vector).collect();
    let refused = Message::Refused(Refused { request: 4, item: None, reason: Reason::Busy }).encode();
    let reason = changed(&refused, |tree| *tree.field("reason") = unknown());
    all.push(only_later("refused-reason", reason, |bytes| {
        let expected = Message::Refused(Refused { request: 4, item: None, reason: Reason::Other });
        assert_eq!(Message::decode(&cut(bytes).0).unwrap(), Some(expected));
    }));
    all
}

fn catalogue() -> Catalogue {
    Catalogue::of([file("a"), Entry { path: path("b"), kind: EntryKind::Folder }])
}

fn head() -> Vector {
    let head = catalogue().head(identity().public(), INSTANCE, 5);
    let golden = head.sign(&identity());
    let mut tree: Tree = decode(&golden[64..]).unwrap();
    tree.grow();
    let body = encode(&tree);
    let later = [&identity().sign(b"potluck 1 catalogue head\0", &body)[..], &body].concat();
    let read = move |bytes: &[u8]| assert_eq!(Head::open(bytes).unwrap(), head);
    let (read, read_later) = (Box::new(read.clone()), Box::new(read));
    Vector { name: "head".to_owned(), golden: Some(golden), read, later, read_later }
}

/// A bucket of four files; in the later one they have fields more, and an entry of another kind is among
/// them.
fn bucket() -> Vector {
    let index = 7;
    let mut paths: Vec<_> =
        (0..5_000).map(|n| path(&format!("f{n}"))).filter(|p| p.bucket() == index).collect();
    paths.truncate(5);
    paths.sort();
    let link = paths.remove(2);
    let entries: Vec<_> = paths.iter().map(|p| Entry { path: p.clone(), ..file("a") }).collect();
    let golden = Bucket::new(index, entries.clone()).unwrap().bytes();
    let mut later = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        if n == 2 {
            later.extend(encode(&map([("path", text(link.as_str())), ("kind", unknown())])));
        }
        let mut tree: Tree = decode(&encode(entry)).unwrap();
        tree.grow();
        later.extend(encode(&tree));
    }
    let read = move |bytes: &[u8], count: usize| {
        let bucket = Bucket::read(index, bytes).unwrap();
        assert_eq!((bucket.entries(), bucket.count()), (&entries[..], count));
        // It is proved, and passed on, as it came.
        let mut hasher = blake3::Hasher::new_derive_key("potluck 1 catalogue bucket");
        assert_eq!(bucket.digest().0, *hasher.update(bytes).finalize().as_bytes());
        assert_eq!(bucket.bytes(), bytes);
    };
    let other = read.clone();
    let read: Read = Box::new(move |bytes| read(bytes, 4));
    let read_later: Read = Box::new(move |bytes| other(bytes, 5));
    Vector { name: "bucket".to_owned(), golden: Some(golden), read, later, read_later }
}

/// Its name here. A new record does not compile before it has one.
fn name_of_record(record: &Record) -> &'static str {
    match record {
        Record::Lived(_) => "lived",
        Record::OwnerCatalogue(..) => "estate",
        Record::Bucket(..) => "bucket",
        Record::Kept(..) => "kept",
        Record::Placed(..) => "placed",
        Record::Deleted(..) => "deleted",
        Record::Folder(_) => "folder",
        Record::Named(..) => "named",
        Record::Copies(..) => "copies",
        Record::Lost(..) => "lost",
        Record::Mount(..) => "mount",
    }
}

/// Rows of the ledger, as the database has them.
fn records() -> Vec<Vector> {
    let kept = KeptRow {
        size: 200_000,
        path: path("a"),
        copies: 2,
        copy: 1,
        span: SPAN,
        whole: true,
        others: vec![place()],
        source: "10.0.0.1".parse().unwrap(),
        heard: Lived(2_592_000),
        released: Some(Lived(2_592_001)),
    };
    let owner = OwnerRow { signed: vec![1; 80], digests: vec![2; 64], witnesses: vec![PEER] };
    let records = [
        Record::Lived(Lived(2_592_000)),
        Record::OwnerCatalogue(PEER, Some(owner)),
        Record::Bucket(PEER, 7, Some(encode(&file("a")))),
        Record::Kept((PEER, FILE), Some(kept)),
        Record::Placed(FILE, Some(PlacedRow { size: 200_000, places: vec![place()] })),
        Record::Deleted(FILE, Some(DeletedRow { at: Lived(7), entry: Some(file("a")) })),
        Record::Folder(FolderRow {
            identity: FolderIdentity { device: 1, inode: 2, birth: 3 },
            signed: vec![1; 80],
        }),
        Record::Named(path("a"), Some(file("a"))),
        Record::Copies(FILE, Some(3)),
        Record::Lost(path("a"), Some(LostRow { entry: file("a"), coming: true })),
        Record::Mount(
            path("a"),
            Some(MountRow {
                identity: MountIdentity { inode: 2, birth: 1_700_000_000_000_000_000, filesystem: 7 },
                mixed: true,
            }),
        ),
    ];
    let vector = |record: Record| {
        let name = format!("ledger-{}", name_of_record(&record));
        let golden = record.value().unwrap();
        let mut tree: Tree = decode(&golden).unwrap();
        tree.grow();
        let read = move |bytes: &[u8]| assert_eq!(Record::read(bytes).unwrap(), record);
        let (read, read_later) = (Box::new(read.clone()), Box::new(read));
        Vector { name, golden: Some(golden), read, later: encode(&tree), read_later }
    };
    let mut all: Vec<_> = records.into_iter().map(vector).collect();
    // It stays in the database, which `store` tests; what it tells is not known here.
    all.push(only_later("ledger-unknown", encode(&unknown()), |bytes| assert_eq!(Record::read(bytes), None)));
    all
}
