//! The registry of messages: one row for each, with all that holds for it. Pure.
//!
//! From a row follow the number of its kind, how long its frames may be, how it is read and written, and at
//! which port it has a place. A row that leaves out one of these does not compile, nor does a number that
//! stands twice, nor a message whose body does not say what it may hold (`Body`). The table of messages in
//! docs/PROTOCOL.md is made of it.

use super::custody::{CustodyOffer, GetSpace, KeeperReport, OfferAnswer, Orders, Space};
use super::frame::Frame;
use super::message::{
    BlockIs, BucketIs, Cancel, DialBack, FetchThrough, FoundIs, GetAny, GetBlocks, GetBuckets, GetHaves,
    GetHead, GetKept, GetManifest, GetSlices, GetTable, GotFile, GotNoted, HavesIs, HeadIs, KeptIs,
    ManifestIs, Meet, MetAt, OfferFiles, OfferNews, OfferNoted, Refused, Relay, Relayed, SearchIndex,
    SliceIs, TableIs, Tell, ThroughIs, Told,
};
use crate::codec::{DecodeError, decode, encode};
use crate::content::slice::SLICE_BYTES;
use crate::wire::limits::{
    BLOCK, HEAD_HEADER, HEADER, MAP_HEADER, OFFER_HEADER, RELAY_HEADER, REQUEST_HEADER, SEARCH_HEADER,
    SLICE_HEADER, SMALL_HEADER,
};

/// Kinds from here on are answers, or said unasked: whoever does not know one skips it. Those below are
/// requests: whoever does not know one refuses it.
pub const ANSWERS: u8 = 64;

/// A port at which something is asked. That of the receiver is none: whoever dials it back is asked there
/// what is asked at the sender's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpPort {
    /// `t+1`.
    Sender,
    /// `t+2`.
    Distributor,
    /// `t+3`.
    Distributee,
}

/// Who sends a message, to which port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A request to the owner of this port.
    Request(TcpPort),
    /// The owner of the port that these requests go to answers one of them.
    Answer(&'static [Kind]),
    /// The owner of this port says it to whoever connected, though nobody asked.
    Unasked(TcpPort),
    /// The owner of any port answers a request.
    Refusal,
}

/// All that holds for the frames of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name of the message, in logs and in docs/PROTOCOL.md.
    pub name: &'static str,
    /// Who sends it, to which port.
    pub way: Way,
    /// Bytes of its header, at most.
    pub header: usize,
    /// Bytes of its payload, at most.
    pub payload: usize,
}

/// What a header is read into.
pub(super) trait Body {
    /// What the types alone do not say: how many items there may be, which values.
    ///
    /// # Errors
    /// [`DecodeError::Value`]: the other end is wrong.
    fn check(&self) -> Result<(), DecodeError>;
}

/// Bodies of which the types, and the length of the header, say all.
macro_rules! says_all {
    ($($body:ty),* $(,)?) => {
        $(impl $crate::wire::registry::Body for $body {
            fn check(&self) -> Result<(), $crate::codec::DecodeError> {
                Ok(())
            }
        })*
    };
}
macro_rules! registry {
    ($($(#[$doc:meta])* $family:ident {
        $($number:literal, $variant:ident($body:ty), $name:literal, $way:expr, $header:expr, $payload:expr;)*
    })*) => {
        /// The kind of a message, which stands in front of each frame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[doc = concat!("`", $name, "`")] $variant = $number,)*)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// The kind of this number; `None`: this version does not know it.
            #[must_use]
            pub const fn of(number: u8) -> Option<Self> {
                match number {
                    $($($number => Some(Self::$variant),)*)*
                    _ => None,
                }
            }

            /// All that holds for it.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $($(Self::$variant => Row { name: $name, way: $way, header: $header, payload: $payload },)*)*
                }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            #[expect(missing_docs, reason = "each variant is named after its struct")]
            pub enum $family {
                $($variant($body),)*
            }

            impl $family {
                /// Reads a frame's header. `None`: a kind that is not one of these.
                ///
                /// # Errors
                /// [`DecodeError`]: the other end is wrong.
                pub fn decode(frame: &Frame) -> Result<Option<Self>, DecodeError> {
                    match frame.kind {
                        $($number => {
                            let body: $body = decode(&frame.header)?;
                            body.check()?;
                            Ok(Some(Self::$variant(body)))
                        })*
                        _ => Ok(None),
                    }
                }

                /// Its header, as it is written.
                pub(super) fn header(&self) -> Vec<u8> {
                    match self {
                        $(Self::$variant(body) => encode(body),)*
                    }
                }

                /// Its kind.
                #[must_use]
                pub const fn kind(&self) -> Kind {
                    match self {
                        $(Self::$variant(_) => Kind::$variant,)*
                    }
                }

                /// Its name, for a log.
                #[must_use]
                pub const fn name(&self) -> &'static str {
                    self.kind().row().name
                }

                /// The number of the request that it is, or answers.
                #[must_use]
                pub fn request(&self) -> u64 {
                    match self {
                        $(Self::$variant(body) => body.request,)*
                    }
                }
            }
        )*
    };
}

// kind, message and body, its name, who sends it, bytes of header and of payload
registry! {
    /// Any message of the sender's port.
    Message {
        1, GetHead(GetHead), "get_head", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        2, GetBuckets(GetBuckets), "get_buckets", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        3, GetManifest(GetManifest), "get_manifest", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        4, GetBlocks(GetBlocks), "get_blocks", Way::Request(TcpPort::Sender), REQUEST_HEADER, 0;
        5, Cancel(Cancel), "cancel", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        6, GetTable(GetTable), "get_table", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        7, GetHaves(GetHaves), "get_haves", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        8, GetAny(GetAny), "get_any", Way::Request(TcpPort::Sender), MAP_HEADER, 0;
        9, GetKept(GetKept), "get_kept", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        10, GetSlices(GetSlices), "get_slices", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        11, GotFile(GotFile), "got_file", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        24, Search(SearchIndex), "search", Way::Request(TcpPort::Sender), SEARCH_HEADER, 0;
        32, OfferFiles(OfferFiles), "offer_files", Way::Request(TcpPort::Sender), OFFER_HEADER, 0;
        33, OfferNews(OfferNews), "offer_news", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        40, Relay(Relay), "relay", Way::Request(TcpPort::Sender), RELAY_HEADER, 0;
        41, Meet(Meet), "meet", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        44, FetchThrough(FetchThrough), "fetch_through", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        48, Tell(Tell), "tell", Way::Request(TcpPort::Sender), SMALL_HEADER, 0;
        64, Head(HeadIs), "head", Way::Answer(&[Kind::GetHead]), HEAD_HEADER, 0;
        65, Bucket(BucketIs), "bucket", Way::Answer(&[Kind::GetBuckets]), HEADER, 0;
        66, Manifest(ManifestIs), "manifest", Way::Answer(&[Kind::GetManifest]), HEADER, 0;
        67, Block(BlockIs), "block", Way::Answer(&[Kind::GetBlocks, Kind::GetAny]), SMALL_HEADER, BLOCK;
        68, Table(TableIs), "table", Way::Answer(&[Kind::GetTable]), HEADER, 0;
        69, Haves(HavesIs), "haves", Way::Answer(&[Kind::GetHaves]), MAP_HEADER, 0;
        70, DialBack(DialBack), "dial_back", Way::Unasked(TcpPort::Sender), SMALL_HEADER, 0;
        71, Kept(KeptIs), "kept", Way::Answer(&[Kind::GetKept]), HEADER, 0;
        72, Slice(SliceIs), "slice", Way::Answer(&[Kind::GetSlices]), SLICE_HEADER, SLICE_BYTES;
        73, GotNoted(GotNoted), "got_noted", Way::Answer(&[Kind::GotFile]), SMALL_HEADER, 0;
        88, Found(FoundIs), "found", Way::Answer(&[Kind::Search]), HEADER, 0;
        96, OfferNoted(OfferNoted), "offer_noted", Way::Answer(&[Kind::OfferFiles, Kind::OfferNews]), SMALL_HEADER, 0;
        104, Relayed(Relayed), "relayed", Way::Answer(&[Kind::Relay]), RELAY_HEADER, 0;
        105, Met(MetAt), "met", Way::Answer(&[Kind::Meet]), SMALL_HEADER, 0;
        108, Through(ThroughIs), "through", Way::Answer(&[Kind::FetchThrough]), SMALL_HEADER, 0;
        112, Told(Told), "told", Way::Answer(&[Kind::Tell]), SMALL_HEADER, 0;
        127, Refused(Refused), "refused", Way::Refusal, SMALL_HEADER, 0;
    }

    /// Any message of custody.
    CustodyMessage {
        16, GetSpace(GetSpace), "get_space", Way::Request(TcpPort::Distributee), SMALL_HEADER, 0;
        17, Offer(Box<CustodyOffer>), "offer", Way::Request(TcpPort::Distributee), HEADER, 0;
        18, Report(KeeperReport), "report", Way::Request(TcpPort::Distributor), HEADER, 0;
        80, Space(Space), "space", Way::Answer(&[Kind::GetSpace]), SMALL_HEADER, 0;
        81, Answer(OfferAnswer), "answer", Way::Answer(&[Kind::Offer]), HEAD_HEADER, 0;
        82, Orders(Orders), "orders", Way::Answer(&[Kind::Report]), HEADER, 0;
    }
}

impl Kind {
    /// Its number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// True for a request that has its place at this port.
    #[must_use]
    pub fn is_asked_at(self, port: TcpPort) -> bool {
        self.row().way == Way::Request(port)
    }

    /// The requests that it answers.
    #[must_use]
    pub const fn answers(self) -> &'static [Self] {
        match self.row().way {
            Way::Answer(requests) => requests,
            Way::Request(_) | Way::Unasked(_) | Way::Refusal => &[],
        }
    }
}

/// What holds for the frames of a kind with this number: bytes of header and payload, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameBounds {
    pub(super) header: usize,
    pub(super) payload: usize,
}

/// How long a frame may be. One of a later version, which is skipped or refused, is at most as long as any
/// that is known here, so that it costs no more memory than those.
pub(super) const fn bounds(number: u8) -> FrameBounds {
    match Kind::of(number) {
        Some(kind) => {
            let Row { header, payload, .. } = kind.row();
            FrameBounds { header, payload }
        }
        None => FrameBounds { header: HEADER, payload: BLOCK },
    }
}

/// What holds for all rows is checked when they are compiled.
const _: () = {
    let mut n = 0;
    while n < Kind::ALL.len() {
        let (kind, row) = (Kind::ALL[n], Kind::ALL[n].row());
        let is_request = matches!(row.way, Way::Request(_));
        assert!(is_request == (kind.number() < ANSWERS), "requests have the numbers below ANSWERS");
        assert!(row.header <= HEADER && row.payload <= BLOCK, "no frame is longer than an unknown one");
        let mut answered = 0;
        while answered < kind.answers().len() {
            let way = kind.answers()[answered].row().way;
            assert!(matches!(way, Way::Request(_)), "what is answered is a request");
            answered += 1;
        }
        n += 1;
    }
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_stands_for_one_message_and_a_number_for_its_kind() {
        let names: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.row().name).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        let known: Vec<_> = (0..=u8::MAX).filter_map(Kind::of).map(Kind::number).collect();
        let mut numbers: Vec<_> = Kind::ALL.iter().map(|kind| kind.number()).collect();
        numbers.sort_unstable();
        assert_eq!(known, numbers);
    }

    #[test]
    fn what_is_asked_is_answered_unless_it_takes_something_back() {
        let answered: Vec<_> = Kind::ALL.iter().flat_map(|kind| kind.answers()).collect();
        let asked = Kind::ALL.iter().filter(|kind| matches!(kind.row().way, Way::Request(_)));
        let unanswered: Vec<_> = asked.filter(|kind| !answered.contains(kind)).collect();
        assert_eq!(unanswered, [&Kind::Cancel]);
        assert!(Kind::Report.is_asked_at(TcpPort::Distributor));
        assert!(
            !Kind::Report.is_asked_at(TcpPort::Distributee)
                && !Kind::Orders.is_asked_at(TcpPort::Distributor)
        );
    }
}
