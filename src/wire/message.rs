//! The messages on a connection to a peer's sender port, as headers of frames (wire/frame.rs). Pure. Their
//! numbers and bounds are in wire/registry.rs.
//!
//! Who dials asks; who was dialled answers. Every request carries a number that its asker chose, and
//! each answer repeats it. Requests of one connection are answered in the order they came in, but
//! those without blocks (head, buckets, manifest, table) overtake those for blocks. Fields may be
//! added: unknown ones are skipped. An unknown kind below 64 is refused as `not_offered`, one from 64
//! on is skipped.

use serde::{Deserialize, Serialize};

pub use super::blocks::{BlockIs, Cancel, GetBlocks, Item};
use super::frame::{self, Frame};
pub use super::haves::{GetAny, GetHaves, GotFile, GotNoted, HavesIs};
pub use super::kept::{GetKept, KeptFile, KeptIs};
pub use super::meet::{Meet, MetAt};
pub use super::offers::{OfferFiles, OfferNews, OfferNoted, OfferWord, OfferedFile};
use super::registry::Body;
pub use super::registry::Message;
pub use super::relay::{Relay, Relayed, RelayedDatagram};
pub use super::search::{CoveredRow, FoundIs, HitRow, KnownCoverage, SearchIndex};
pub use super::slices::{GetSlices, SliceIs};
pub use super::table::{GetTable, PeerRecord, ROW, TableIs};
pub use super::tell::{Tell, Told};
pub use super::through::{FetchThrough, ThroughIs};
use crate::codec::{DecodeError, decode};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::wire::limits;

/// Asks for the signed catalogue head. Answer: [`HeadIs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetHead {
    /// Number of the request.
    pub request: u64,
    /// The root that the asker has; the digests then come only if it is another one now.
    #[serde(with = "serde_bytes", default)]
    pub known: Option<[u8; 32]>,
    /// Whose catalogue; `None`: that of the peer that is asked. Of others it has what it keeps files of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<PeerId>,
}

/// Asks for buckets of the catalogue. Answer: for each one, in order, [`BucketIs`] once or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetBuckets {
    /// Number of the request.
    pub request: u64,
    /// The root they belong to; refused as `changed` when there is a new one.
    #[serde(with = "serde_bytes")]
    pub root: [u8; 32],
    /// Numbers of the buckets, one byte each; no more than there are.
    #[serde(with = "serde_bytes")]
    pub buckets: Vec<u8>,
    /// Whose catalogue; `None`: that of the peer that is asked. Of others it has what it keeps files of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<PeerId>,
}

/// Asks for one page of a manifest. Answer: [`ManifestIs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetManifest {
    /// Number of the request.
    pub request: u64,
    /// Which file.
    pub file: FileId,
    /// Page number, from 0; a page holds [`limits::PAGE`] bytes, the last one fewer.
    pub page: u32,
}

/// The catalogue head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadIs {
    /// Number of the request.
    pub request: u64,
    /// As [`crate::content::Head::sign`] made it.
    #[serde(with = "serde_bytes")]
    pub signed: Vec<u8>,
    /// The digests of all 256 buckets, 32 bytes each; empty when the asker has this root.
    #[serde(with = "serde_bytes")]
    pub digests: Vec<u8>,
}

/// Some entries of one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketIs {
    /// Number of the request.
    pub request: u64,
    /// Which bucket.
    pub bucket: u8,
    /// Encoded entries, one behind the other, in the order of their paths, behind those of the page before.
    /// All pages put together are what the bucket's digest is over.
    #[serde(with = "serde_bytes")]
    pub entries: Vec<u8>,
    /// True on the last page of this bucket.
    pub last: bool,
}

/// One page of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestIs {
    /// Number of the request.
    pub request: u64,
    /// Chaining values, 32 bytes each.
    #[serde(with = "serde_bytes")]
    pub values: Vec<u8>,
}

/// Sent by who was dialled, on its own accord: it asks who dialled to connect to its receiver port too, for
/// it cannot connect the other way. It has the kind of an answer, so that earlier versions skip it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialBack {
    /// Always 0: no request caused it.
    pub request: u64,
}

/// Why a request, or one item of it, is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Reason {
    /// This port does not do that (yet).
    NotOffered,
    /// Not now: too many requests, not ready yet, or about to leave.
    Busy,
    /// No such content here.
    Unknown,
    /// It is no longer what it was.
    Changed,
    /// The request makes no sense.
    Malformed,
    /// A reason of a later version.
    Other,
}
grows!(Reason);

/// A request, or one item of it, is not answered (any further).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Number of the request; 0 if it had none.
    pub request: u64,
    /// The item; `None`: all that is left of the request.
    #[serde(default)]
    pub item: Option<u32>,
    /// Why.
    pub reason: Reason,
}

/// What every header has.
#[derive(Deserialize)]
struct Numbered {
    request: u64,
}

says_all!(GetHead, GetManifest, HeadIs, BucketIs, DialBack, Refused);

impl Body for GetBuckets {
    fn check(&self) -> Result<(), DecodeError> {
        if self.buckets.len() > limits::BUCKETS {
            return Err(DecodeError::Value("there are 256 buckets"));
        }
        Ok(())
    }
}

impl Body for ManifestIs {
    fn check(&self) -> Result<(), DecodeError> {
        if self.values.len() > limits::PAGE {
            return Err(DecodeError::Value("a page of a manifest is at most 1 MiB"));
        }
        Ok(())
    }
}

impl Message {
    /// The whole frame; for a block, everything but its payload of `payload` bytes.
    #[must_use]
    pub fn encode_with(&self, payload: usize) -> Vec<u8> {
        let (kind, header) = (self.kind().number(), self.header());
        [&frame::prefix(kind, header.len(), payload)[..], &header].concat()
    }

    /// The whole frame of a message without a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(0)
    }
}

/// The number of the request in a frame whose kind is not known here, to refuse it; 0 without one.
#[must_use]
pub fn request_of(frame: &Frame) -> u64 {
    decode::<Numbered>(&frame.header).map_or(0, |n| n.request)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::encode;
    use crate::content::{Entry, EntryKind};
    use crate::wire::frame::{Decoder, Piece};
    use crate::wire::registry::Kind;

    fn all() -> Vec<Message> {
        let file = FileId([3; 32]);
        let kind = EntryKind::File { id: file, size: 9, modified: -4, executable: true, since: 8 };
        vec![
            Message::GetHead(GetHead { request: 1, known: None, origin: None }),
            Message::GetHead(GetHead { request: 1, known: Some([7; 32]), origin: Some(PeerId([4; 32])) }),
            Message::GetBuckets(GetBuckets {
                request: 2,
                root: [1; 32],
                buckets: (0..=255).collect(),
                origin: Some(PeerId([4; 32])),
            }),
            Message::GetManifest(GetManifest { request: 3, file, page: 9 }),
            Message::GetBlocks(GetBlocks {
                request: u64::MAX,
                items: vec![Item { file, offset: 1 << 49, len: limits::CHUNK_MAX }; limits::REQUEST_ITEMS],
                background: true,
            }),
            Message::Cancel(Cancel { request: 5 }),
            Message::GetTable(GetTable { request: 6 }),
            Message::GetHaves(GetHaves { request: 6, file, size: u64::MAX }),
            Message::GotFile(GotFile { request: 6, file, size: u64::MAX }),
            Message::GetAny(GetAny {
                request: 6,
                file,
                size: u64::MAX,
                want: vec![0xff; 65_536],
                background: true,
            }),
            Message::GetKept(GetKept { request: 6 }),
            Message::FetchThrough(FetchThrough {
                request: 6,
                owner: PeerId([4; 32]),
                file,
                size: limits::FILE,
                bucket: 255,
            }),
            Message::Through(ThroughIs { request: u64::MAX, have: u64::MAX }),
            Message::Meet(Meet { request: 6, peer: PeerId([4; 32]), is_asking: true }),
            Message::Met(MetAt { request: u64::MAX, at: ([0xff; 8], u16::MAX).into() }),
            Message::GetSlices(GetSlices {
                request: 6,
                file,
                size: u64::MAX,
                first: u64::MAX,
                count: limits::SLICES_ASKED,
                to_file: true,
                background: true,
            }),
            Message::Slice(SliceIs { request: u64::MAX, slice: u64::MAX, path: vec![7; 34 * 32] }),
            Message::Head(HeadIs { request: 7, signed: vec![1; 400], digests: vec![2; 8_192] }),
            Message::Bucket(BucketIs {
                request: 8,
                bucket: 255,
                entries: encode(&Entry { path: "a/b".parse().unwrap(), kind }),
                last: true,
            }),
            Message::Manifest(ManifestIs { request: 9, values: vec![5; limits::PAGE] }),
            Message::Block(BlockIs { request: u64::MAX, item: u32::MAX, offset: u64::MAX }),
            Message::Table(TableIs {
                request: 11,
                rows: vec![PeerRecord { at: ([10, 0, 0, 1], 7).into(), signed: [9].into() }].into(),
                last: false,
            }),
            Message::GotNoted(GotNoted { request: u64::MAX }),
            Message::Haves(HavesIs { request: 12, map: vec![0xff; 65_536], more: vec![u32::MAX; 4_096] }),
            Message::DialBack(DialBack { request: 0 }),
            Message::Kept(KeptIs {
                request: u64::MAX,
                origin: PeerId([9; 32]),
                announcement: vec![3; limits::DATAGRAM],
                rows: vec![
                    KeptFile { file, size: limits::FILE, from: (1 << 26) - 1, to: 1 << 26 };
                    limits::KEPT_PAGE
                ]
                .into(),
                last: false,
            }),
            Message::Kept(KeptIs::nothing(13)),
            Message::Refused(Refused { request: 12, item: Some(4), reason: Reason::Changed }),
        ]
    }

    fn frame(bytes: &[u8]) -> Frame {
        match Decoder::default().feed(bytes).unwrap() {
            (n, Piece::Frame(frame)) if n == bytes.len() => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_message_comes_back_and_no_beginning_of_one_does() {
        for message in all() {
            let mut frame = frame(&message.encode());
            assert_eq!(Message::decode(&frame).unwrap().as_ref(), Some(&message));
            let whole = frame.header.clone();
            let step = whole.len().div_ceil(500);
            for n in (0..whole.len()).step_by(step) {
                frame.header.truncate(0);
                frame.header.extend(&whole[..n]);
                assert!(Message::decode(&frame).is_err(), "{n} of {message:?}");
            }
        }
    }

    #[test]
    fn an_unknown_kind_tells_its_number_and_an_unknown_reason_is_read() {
        let unknown = Frame { kind: 63, header: encode(&Cancel { request: 77 }), payload: 0 };
        assert_eq!((Message::decode(&unknown).unwrap(), request_of(&unknown)), (None, 77));
        #[derive(Serialize)]
        struct Later {
            request: u64,
            reason: &'static str,
            more: u8,
        }
        let header = encode(&Later { request: 1, reason: "tired", more: 3 });
        let later = Frame { kind: Kind::Refused.number(), header, payload: 0 };
        let expected = Message::Refused(Refused { request: 1, item: None, reason: Reason::Other });
        assert_eq!(Message::decode(&later).unwrap(), Some(expected));
    }

    #[test]
    fn requests_that_ask_for_too_much_are_refused() {
        let item = Item { file: FileId([0; 32]), offset: 0, len: 1 };
        let many = vec![item; limits::REQUEST_ITEMS + 1];
        for items in
            [vec![], many, vec![Item { len: 0, ..item }], vec![Item { len: limits::CHUNK_MAX + 1, ..item }]]
        {
            let header = encode(&GetBlocks { request: 1, items, background: true });
            assert!(Message::decode(&Frame { kind: Kind::GetBlocks.number(), header, payload: 0 }).is_err());
        }
    }

    #[test]
    fn what_is_kept_fits_its_file_or_is_refused() {
        let row = |size, from, to| KeptFile { file: FileId([1; 32]), size, from, to };
        let page = |rows: Vec<KeptFile>, last| KeptIs { rows: rows.into(), last, ..KeptIs::nothing(1) };
        let read = |page: &KeptIs| {
            Message::decode(&Frame { kind: Kind::Kept.number(), header: encode(page), payload: 0 })
                .map(|_| ())
        };
        for good in [page(vec![row(0, 0, 1), row(65_537, 1, 2)], false), KeptIs::nothing(1)] {
            read(&good).unwrap();
        }
        let many = vec![row(1, 0, 1); limits::KEPT_PAGE + 1];
        for rows in [
            vec![row(1, 0, 0)],
            vec![row(1, 1, 0)],
            vec![row(65_536, 0, 2)],
            vec![row(65_537, 2, 3)],
            vec![row(limits::FILE + 1, 0, 1)],
            vec![row(1, 0, 1), row(1, 0, u32::MAX)],
            many,
        ] {
            assert!(read(&page(rows, true)).is_err());
        }
        assert!(read(&page(Vec::new(), false)).is_err());
        let announcement = vec![0; limits::DATAGRAM + 1];
        assert!(read(&KeptIs { announcement, ..KeptIs::nothing(1) }).is_err());
    }

    /// A request of before there were keepers is the same bytes as one for the peer's own catalogue.
    #[test]
    fn whose_catalogue_is_left_out_when_it_is_the_peers_own() {
        #[derive(Serialize)]
        struct Before {
            request: u64,
            #[serde(with = "serde_bytes")]
            known: Option<[u8; 32]>,
        }
        let before = encode(&Before { request: 1, known: None });
        let now = GetHead { request: 1, known: None, origin: None };
        assert_eq!(before, encode(&now));
        assert_eq!(decode::<GetHead>(&before).unwrap(), now);
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(kind: u8, header in proptest::collection::vec(any::<u8>(), 0..300)) {
            let frame = Frame { kind, header, payload: 0 };
            drop(Message::decode(&frame));
        }
    }
}
