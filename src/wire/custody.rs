//! The messages of custody, on the ports of distributor (`t+2`) and distributee (`t+3`), as headers of
//! frames. Pure. What they mean is in docs/CUSTODY.md.
//!
//! A distributor dials a keeper's `t+3` with [`GetSpace`] and [`CustodyOffer`]; a keeper dials the `t+2` of
//! whoever acts for a file with [`KeeperReport`]. Each answer repeats the number of its request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::registry::Body;
pub use super::registry::CustodyMessage;
use crate::codec::DecodeError;
use crate::content::{FileId, SafePath, Span};
use crate::identity::{Instance, PeerId};
use crate::later::Rows;
use crate::wire::limits;

/// A part of a copy of a file, and who keeps it. They are ordered by copy, then chunks, then peer: the
/// first live one of a file whose owner is away acts for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Replica {
    /// Which copy, from 1 (0 is the owner's own).
    pub copy: u8,
    /// Which chunks.
    pub span: Span,
    /// Who keeps them.
    pub peer: PeerId,
}

/// Asks how much space there is. Answer: [`Space`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetSpace {
    /// Number of the request.
    pub request: u64,
    /// Whose files it is for.
    pub origin: PeerId,
}

/// How much space there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Number of the request.
    pub request: u64,
    /// Bytes that the keeper can still take in all.
    pub free: u64,
    /// Bytes of these that this origin, at this address, may have.
    pub share: u64,
}

/// Shows that one bucket belongs to a head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketProof {
    /// The digests of all 256 buckets, 32 bytes each; the head's root is over them.
    #[serde(with = "shared_bytes")]
    pub digests: Arc<[u8]>,
    /// The bucket of the offered path, as its digest is over it.
    #[serde(with = "shared_bytes")]
    pub bucket: Arc<[u8]>,
}

/// Offers chunks into custody. Answer: [`OfferAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustodyOffer {
    /// Number of the request.
    pub request: u64,
    /// The owner's newest head that the distributor has, as [`crate::content::Head::sign`] made it.
    #[serde(with = "shared_bytes")]
    pub head: Arc<[u8]>,
    /// A path at which that head names this content.
    pub path: SafePath,
    /// Which content.
    pub file: FileId,
    /// Its size in bytes.
    pub size: u64,
    /// How many copies there should be, the owner's included.
    pub copies: u8,
    /// Which copy this is a part of, from 1.
    pub copy: u8,
    /// Which chunks.
    pub span: Span,
    /// Who keeps this file, as far as the distributor knows; chunks are fetched from there, too.
    pub others: Vec<Replica>,
    /// Seconds since the owner was last heard, as far as the distributor knows; 0 when it offers itself.
    #[serde(default)]
    pub quiet: u64,
    /// That the head names it; left out until the keeper says [`OfferRefusal::Unproved`].
    #[serde(default)]
    pub proof: Option<BucketProof>,
}

/// Why an offer is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum OfferRefusal {
    /// The file's bucket is not known here: offer again, with the proof.
    Unproved,
    /// The head does not name the file so, or the proof proves nothing.
    NotListed,
    /// A newer head of this owner is known here; it comes along.
    Older,
    /// It would be more than the space, or the origin's share of it.
    Full,
    /// The owner is here itself, or another keeper is before you in the order.
    NotActing,
    /// Chunks of this file are kept here already; [`OfferAnswer::span`] says which.
    Keeps,
    /// Not now: about to leave, or custody is off.
    Unwilling,
    /// A reason of a later version.
    Other,
}
grows!(OfferRefusal);

/// What becomes of an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferAnswer {
    /// Number of the request.
    pub request: u64,
    /// `None`: accepted, and recorded so that it survives a crash. The chunks are being fetched.
    #[serde(default)]
    pub refusal: Option<OfferRefusal>,
    /// What is kept here, with [`OfferRefusal::Keeps`].
    #[serde(default)]
    pub span: Option<Span>,
    /// Bytes that are free from now on.
    pub free: u64,
    /// Bytes of these that this origin may have.
    pub share: u64,
    /// The newest head known here, with [`OfferRefusal::Older`].
    #[serde(with = "shared_bytes::option", default)]
    pub head: Option<Arc<[u8]>>,
}

/// One file that a keeper keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Which content.
    pub file: FileId,
    /// Its size in bytes.
    pub size: u64,
    /// How many copies the owner wants.
    pub copies: u8,
    /// Which copy it was taken as.
    pub copy: u8,
    /// Which chunks were taken.
    pub span: Span,
    /// How many of them are here.
    pub have: u32,
    /// Nothing of it is kept any more: the space was needed for others.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub dropped: bool,
}

impl ReportRow {
    /// True if all that was taken is here.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.have >= self.span.len()
    }
}

/// What a keeper keeps of one origin, as far as the one it dials acts for it. Answer: [`Orders`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperReport {
    /// Number of the request.
    pub request: u64,
    /// Whose files they are.
    pub origin: PeerId,
    /// The instance of the head that the keeper has of it.
    pub instance: Instance,
    /// And its version.
    pub version: u64,
    /// At most [`limits::REPORT_ROWS`].
    pub rows: Rows<ReportRow>,
}

/// What a keeper is to do with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Verdict {
    /// Go on. With whoever else keeps it.
    Keep(Vec<Replica>),
    /// Go on, and be asked for it: its owner lost it.
    GiveBack(Vec<Replica>),
    /// The owner deleted it: drop it after [`limits::KEEP_DELETED`], unless it comes back into the head.
    Release,
    /// There are enough copies without yours: drop it.
    Spare,
    /// I do not act for it: one of these does.
    NotActing(Vec<Replica>),
    /// I keep nothing of it: forget that I do.
    NotKept,
    /// Of a later version: go on.
    Other,
}
grows!(Verdict);

/// What a keeper is to do with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Which content.
    pub file: FileId,
    /// What is to be done.
    pub verdict: Verdict,
}

/// The answer to a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// Number of the request.
    pub request: u64,
    /// Whose files they are.
    pub origin: PeerId,
    /// A newer head than the keeper's.
    #[serde(with = "shared_bytes::option", default)]
    pub head: Option<Arc<[u8]>>,
    /// File by file, at most [`limits::REPORT_ROWS`].
    pub rows: Rows<Order>,
}

impl CustodyMessage {
    /// Its kind, and its header. The shell puts [`super::frame::prefix`] in front.
    #[must_use]
    pub fn encode(&self) -> (u8, Vec<u8>) {
        (self.kind().number(), self.header())
    }
}

says_all!(GetSpace, Space, OfferAnswer);

impl Body for CustodyOffer {
    fn check(&self) -> Result<(), DecodeError> {
        if !self.span.fits(self.size) || self.copy == 0 || self.copies > limits::COPIES_MAX {
            return Err(DecodeError::Value("an offer names chunks that its file does not have"));
        }
        if self.others.len() > limits::PLACES {
            return Err(DecodeError::Value("a file has at most 64 keepers"));
        }
        if self.proof.as_ref().is_some_and(|proof| proof.digests.len() != limits::BUCKETS * 32) {
            return Err(DecodeError::Value("there are 256 digests of 32 bytes"));
        }
        Ok(())
    }
}

impl Body for KeeperReport {
    fn check(&self) -> Result<(), DecodeError> {
        if self.rows.count() > limits::REPORT_ROWS {
            return Err(DecodeError::Value("a report has at most 128 rows"));
        }
        if self.rows.iter().any(|row| !row.span.fits(row.size) || row.copies > limits::COPIES_MAX) {
            return Err(DecodeError::Value("a report names chunks that its file does not have"));
        }
        Ok(())
    }
}

impl Body for Orders {
    fn check(&self) -> Result<(), DecodeError> {
        if self.rows.count() > limits::REPORT_ROWS {
            return Err(DecodeError::Value("orders have at most 128 rows"));
        }
        if self.rows.iter().any(|order| order.verdict.places().len() > limits::PLACES) {
            return Err(DecodeError::Value("a file has at most 64 keepers"));
        }
        Ok(())
    }
}

impl Verdict {
    /// The keepers that it names.
    #[must_use]
    pub fn places(&self) -> &[Replica] {
        match self {
            Self::Keep(p) | Self::GiveBack(p) | Self::NotActing(p) => p,
            Self::Release | Self::Spare | Self::NotKept | Self::Other => &[],
        }
    }
}

/// Bytes that many own, as `MessagePack` bytes.
mod shared_bytes {
    use super::Arc;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
        serde_bytes::ByteBuf::deserialize(deserializer).map(|b| Arc::from(b.into_vec()))
    }

    pub(super) mod option {
        use super::{Arc, Deserializer, Serializer};
        use serde::{Deserialize as _, Serialize as _};

        pub(in super::super) fn serialize<S: Serializer>(
            bytes: &Option<Arc<[u8]>>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            bytes.as_deref().map(serde_bytes::Bytes::new).serialize(serializer)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Arc<[u8]>>, D::Error> {
            let bytes = Option::<serde_bytes::ByteBuf>::deserialize(deserializer)?;
            Ok(bytes.map(|b| Arc::from(b.into_vec())))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::frame::Frame;

    fn frame(message: &CustodyMessage) -> Frame {
        let (kind, header) = message.encode();
        assert!(header.len() <= message.kind().row().header);
        // It panics if frames of this kind may not be so long.
        assert_eq!(crate::wire::frame::prefix(kind, header.len(), 0)[4], kind);
        Frame { kind, header, payload: 0 }
    }

    fn offer() -> CustodyOffer {
        CustodyOffer {
            request: 7,
            head: Arc::from([1; 64]),
            path: "a/b".parse().unwrap(),
            file: FileId([3; 32]),
            size: 200_000,
            copies: 2,
            copy: 1,
            span: Span { from: 0, to: 4 },
            others: vec![Replica { copy: 1, span: Span { from: 0, to: 4 }, peer: PeerId([5; 32]) }],
            quiet: 0,
            proof: Some(BucketProof { digests: Arc::from([9; 8_192]), bucket: Arc::from([]) }),
        }
    }

    #[test]
    fn every_message_comes_back() {
        let rows = vec![
            (FileId([1; 32]), Verdict::Keep(offer().others)),
            (FileId([2; 32]), Verdict::Release),
            (FileId([3; 32]), Verdict::Spare),
        ];
        let rows = rows.into_iter().map(|(file, verdict)| Order { file, verdict }).collect();
        let row = ReportRow {
            file: FileId([1; 32]),
            size: 9,
            copies: 2,
            copy: 1,
            span: Span { from: 0, to: 1 },
            have: 1,
            dropped: false,
        };
        for message in [
            CustodyMessage::GetSpace(GetSpace { request: 1, origin: PeerId([1; 32]) }),
            CustodyMessage::Space(Space { request: 1, free: u64::MAX, share: 0 }),
            CustodyMessage::Offer(Box::new(offer())),
            CustodyMessage::Answer(OfferAnswer {
                request: 2,
                refusal: Some(OfferRefusal::Older),
                span: None,
                free: 1,
                share: 1,
                head: Some(Arc::from([7; 300])),
            }),
            CustodyMessage::Report(KeeperReport {
                request: 3,
                origin: PeerId([1; 32]),
                instance: Instance { count: 1, random: 2 },
                version: 3,
                rows: vec![row; limits::REPORT_ROWS].into(),
            }),
            CustodyMessage::Orders(Orders { request: 3, origin: PeerId([1; 32]), head: None, rows }),
        ] {
            assert_eq!(CustodyMessage::decode(&frame(&message)).unwrap(), Some(message));
        }
    }

    #[test]
    fn chunks_that_a_file_does_not_have_are_refused() {
        for (from, to) in [(0, 0), (1, 1), (0, 5), (4, 5), (3, 2), (0, u32::MAX)] {
            let bad = CustodyOffer { span: Span { from, to }, ..offer() };
            assert!(
                CustodyMessage::decode(&frame(&CustodyMessage::Offer(Box::new(bad)))).is_err(),
                "{from}..{to}"
            );
        }
        for bad in [
            CustodyOffer { copy: 0, ..offer() },
            CustodyOffer { copies: limits::COPIES_MAX + 1, ..offer() },
            CustodyOffer { size: u64::MAX, ..offer() },
            CustodyOffer {
                proof: Some(BucketProof { digests: Arc::from([9; 31]), bucket: Arc::from([]) }),
                ..offer()
            },
            CustodyOffer { others: vec![offer().others[0]; limits::PLACES + 1], ..offer() },
        ] {
            assert!(CustodyMessage::decode(&frame(&CustodyMessage::Offer(Box::new(bad)))).is_err());
        }
    }

    #[test]
    fn spans_count_the_bytes_of_the_last_chunk() {
        let whole = Span::whole(200_000).unwrap();
        assert_eq!((whole.len(), whole.bytes(200_000)), (4, 200_000));
        assert_eq!(Span { from: 3, to: 4 }.bytes(200_000), 200_000 - 3 * 65_536);
        assert_eq!(Span::whole(0).unwrap().bytes(0), 0);
        assert_eq!(Span { from: 9, to: 12 }.bytes(200_000), 0);
        assert!(Span { from: 0, to: 3 }.meets(&Span { from: 2, to: 4 }));
        assert!(!Span { from: 0, to: 2 }.meets(&Span { from: 2, to: 4 }));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(kind in 0_u8.., header in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(CustodyMessage::decode(&Frame { kind, header, payload: 0 }));
        }
    }
}
