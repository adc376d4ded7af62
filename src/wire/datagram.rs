//! The datagrams of discovery: how they lie in a packet, signed by their sender. Pure.
//!
//! ```text
//! offset      bytes  what
//! 0           4      magic "PTLK"
//! 4           1      version, 1
//! 5           32     the sender's Ed25519 public key (RFC 8032), raw
//! 37          n      body: one MessagePack map, field names as in `Body`
//! 37 + n      64     Ed25519 signature over "potluck datagram 1\0" and all bytes before it
//! ```
//!
//! The key lies at a fixed place, so that limits by sender apply before anything is parsed or verified.
//! A datagram has [`DATAGRAM_MIN`] to [`limits::DATAGRAM`] bytes. The body is padded up to the lower
//! bound, so that no answer is ever longer than the question that caused it; one that names files is padded
//! to as much more as those take. It carries ports, never an address: a peer is reached where its packets
//! come from.

use serde::{Deserialize, Serialize};

use crate::address::Ports;
use crate::codec::{DecodeError, decode, encode};
use crate::content::FileId;
use crate::identity::{Identity, Instance, PeerId, PeerName, PublicKey, SIGNATURE, verify};
use crate::wire::limits;
use crate::wire::room::{RoomGap, RoomLine, check_gaps};

/// The first bytes of every datagram.
pub const MAGIC: [u8; 4] = *b"PTLK";

/// The version that is written, and the only one that is read.
pub const VERSION: u8 = 1;

/// Bytes of every datagram, at least; shorter ones are dropped. A question is at least as long as the
/// answer to it, so that a forged source address gains an attacker nothing.
pub const DATAGRAM_MIN: usize = 480;

/// Nonces that one datagram can echo, at most: 64 of 9 bytes stay below [`limits::DATAGRAM`].
pub const ECHOES: usize = 64;

/// Files that one datagram can name, at most: 16 of 34 bytes above [`DATAGRAM_MIN`] stay below
/// [`limits::DATAGRAM`].
pub const FILES: usize = 16;

/// Bytes that a file takes in a datagram.
const FILE_BYTES: usize = 34;

/// What the signature covers in front of the datagram.
const CONTEXT: &[u8] = b"potluck datagram 1\0";

/// Offset of the public key.
const KEY: usize = MAGIC.len() + 1;

/// Offset of the body.
const BODY: usize = KEY + 32;

/// Whether a peer stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum PresenceState {
    /// It stays.
    Here,
    /// It hands its files to others before it goes.
    Leaving,
    /// Something of a later version: it is here.
    Other,
}
grows!(PresenceState);

/// What a peer says of itself, in every datagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Whether it stays.
    pub state: PresenceState,
    /// Its name, cleaned when read.
    pub name: PeerName,
    /// Its listeners.
    pub ports: Ports,
    /// Milliseconds until its next announcement, at most.
    pub interval: u32,
    /// Version of its catalogue in this instance; 0 before the first one.
    pub catalogue: u64,
    /// Its place in the order of arrival; 0: none yet.
    #[serde(default)]
    pub ticket: u64,
    /// The number of its newest line in the room; 0: none.
    #[serde(default)]
    pub room: u64,
    /// What it understands beside what every peer does: one bit each, as in [`features`]. Bits that are not
    /// known here mean nothing.
    #[serde(default)]
    pub features: u64,
}

impl Presence {
    /// That of a peer of this version, whose next announcement comes within `interval` milliseconds.
    #[must_use]
    pub const fn new(
        state: PresenceState,
        name: PeerName,
        ports: Ports,
        interval: u32,
        catalogue: u64,
    ) -> Self {
        Self { state, name, ports, interval, catalogue, ticket: 0, room: 0, features: features::OURS }
    }
}

/// What a peer may understand beside what every peer does; each has one bit of [`Presence::features`].
pub mod features {
    /// Slices are served at its sender port ([`crate::wire::message::GetSlices`]).
    pub const SLICES: u64 = 1;

    /// It keeps the index when its turn comes (`lan/order.rs`).
    pub const OFFICE: u64 = 4;

    /// Its turn comes before that of all others, for it is here for the index alone.
    pub const INDEX_ONLY: u64 = 8;

    /// It looks for other networks of its group in a table between sites (`--wan`), and can speak for this one.
    pub const SITES: u64 = 16;

    /// It runs for one command: people need not be told that it comes and goes.
    pub const VISITOR: u64 = 32;

    /// Those of every peer of this version.
    pub const OURS: u64 = SLICES;
}

/// What a datagram is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum DatagramMessage {
    /// Broadcast at each interval: still here.
    Here,
    /// Broadcast at a start: who is there? Whoever hears it echoes the nonce.
    Hello {
        /// Random; an echo of it proves that its sender heard this hello.
        nonce: u64,
    },
    /// A question, an answer, or both. By unicast, or by broadcast when it answers many at once.
    Proof {
        /// To be echoed by whoever this was sent to (by unicast, or by an echo of its own nonce).
        ask: Option<u64>,
        /// Nonces of others, at most [`ECHOES`].
        echoes: Vec<u64>,
    },
    /// Broadcast: is this peer still there? It echoes the nonce by broadcast.
    Probe {
        /// Who is looked for.
        peer: PeerId,
        /// Random.
        nonce: u64,
    },
    /// By unicast, from both sockets; by broadcast when that did not help: connect to my receiver port, for
    /// I cannot connect to you.
    DialBack {
        /// Who is asked.
        peer: PeerId,
    },
    /// The last thing that this instance says.
    Leave,
    /// Broadcast: I fetch these; who fetches them too, or has some of them? Now and then it takes the place
    /// of a [`Self::Here`].
    Seek {
        /// Their contents, at most [`FILES`].
        files: Vec<FileId>,
    },
    /// The answer, by unicast: I fetch these too, or have some of them.
    Has {
        /// Those of the question, at most [`FILES`].
        files: Vec<FileId>,
    },
    /// A line for everyone, by broadcast; as a repair, the same datagram goes out once more, whoever sends it.
    Room(RoomLine),
    /// Broadcast, or to one that may have them: these lines did not arrive here.
    RoomMissing {
        /// At most [`limits::ROOM_GAPS`].
        gaps: Vec<RoomGap>,
        /// True if they are to be sent to the asker alone: it may hear nothing that goes to everyone.
        #[serde(default)]
        alone: bool,
    },
    /// Of a later version: what its sender says of itself counts all the same.
    Other,
}
grows!(DatagramMessage);

impl DatagramMessage {
    /// The files that it names.
    #[must_use]
    pub fn files(&self) -> &[FileId] {
        match self {
            Self::Seek { files } | Self::Has { files } => files,
            _ => &[],
        }
    }
}

/// The signed body of a datagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The sender's start.
    pub instance: Instance,
    /// Rises by one with each datagram of the instance, from 1; all copies of one carry the same.
    pub sequence: u64,
    /// What the sender says of itself.
    pub presence: Presence,
    /// What it wants.
    pub message: DatagramMessage,
}

/// [`Body`] as it is written, with what makes it long enough. Readers skip `pad`, as any field they
/// do not know.
#[derive(Serialize)]
struct PaddedBody<'a> {
    instance: &'a Instance,
    sequence: u64,
    presence: &'a Presence,
    message: &'a DatagramMessage,
    #[serde(with = "serde_bytes")]
    pad: &'a [u8],
}

/// `body` as a datagram of `identity`.
#[must_use]
pub fn seal(identity: &Identity, body: &Body) -> Vec<u8> {
    let Body { instance, sequence, presence, message } = body;
    let write = |pad| encode(&PaddedBody { instance, sequence: *sequence, presence, message, pad });
    let mut encoded = write(&[]);
    // The length of 256 and more would take a byte more; so much is never missing.
    let least = DATAGRAM_MIN + FILE_BYTES * message.files().len();
    let missing = least.saturating_sub(BODY + encoded.len() + SIGNATURE);
    if missing > 0 {
        encoded = write(&[0; DATAGRAM_MIN][..missing.min(DATAGRAM_MIN)]);
    }
    let mut bytes = Vec::with_capacity(BODY + encoded.len() + SIGNATURE);
    bytes.extend_from_slice(&MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&identity.public().0);
    bytes.extend_from_slice(&encoded);
    let signature = identity.sign(CONTEXT, &bytes);
    bytes.extend_from_slice(&signature);
    bytes
}

/// A datagram whose length, magic and version are right; nothing in it is proved yet.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    bytes: &'a [u8],
    key: PublicKey,
}

impl<'a> Envelope<'a> {
    /// Looks at the outside of a datagram.
    ///
    /// # Errors
    /// [`DecodeError::Short`], [`DecodeError::Long`], [`DecodeError::Magic`], [`DecodeError::Version`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > limits::DATAGRAM {
            return Err(DecodeError::Long);
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(DecodeError::Magic);
        }
        match bytes.get(MAGIC.len()) {
            None => return Err(DecodeError::Short),
            Some(&VERSION) => {}
            Some(&other) => return Err(DecodeError::Version(other)),
        }
        if bytes.len() < DATAGRAM_MIN {
            return Err(DecodeError::Short);
        }
        let key = bytes.get(KEY..BODY).and_then(|k| k.try_into().ok()).ok_or(DecodeError::Short)?;
        Ok(Self { bytes, key: PublicKey(key) })
    }

    /// The key that it claims to be signed with.
    #[must_use]
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// True if `nonce` stands anywhere in the body, which is neither verified nor parsed: reason enough to
    /// do that.
    #[must_use]
    pub fn contains(&self, nonce: u64) -> bool {
        let nonce = nonce.to_be_bytes();
        self.bytes[BODY..self.bytes.len() - SIGNATURE].windows(nonce.len()).any(|bytes| bytes == nonce)
    }

    /// Verifies the signature, then reads the body.
    ///
    /// # Errors
    /// [`DecodeError::Signature`], [`DecodeError::Body`], [`DecodeError::Value`].
    pub fn open(&self) -> Result<Body, DecodeError> {
        let end = self.bytes.len() - SIGNATURE;
        let (signed, signature) = self.bytes.split_at(end);
        if !verify(&self.key, CONTEXT, signed, signature) {
            return Err(DecodeError::Signature);
        }
        read_body(&signed[BODY..])
    }
}

/// Reads a body whose signature was verified. Also where a fuzzer enters: no input may panic, and what
/// is accepted keeps to the limits.
///
/// # Errors
/// [`DecodeError::Body`], [`DecodeError::Value`].
pub fn read_body(bytes: &[u8]) -> Result<Body, DecodeError> {
    let body: Body = decode(bytes)?;
    if let DatagramMessage::Proof { echoes, .. } = &body.message
        && echoes.len() > ECHOES
    {
        return Err(DecodeError::Value("too many echoes"));
    }
    if body.message.files().len() > FILES {
        return Err(DecodeError::Value("too many files"));
    }
    match &body.message {
        DatagramMessage::Room(line) => line.check()?,
        DatagramMessage::RoomMissing { gaps, .. } => check_gaps(gaps)?,
        _ => {}
    }
    if body.sequence == 0 {
        return Err(DecodeError::Value("sequence 0"));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(name: &str, message: DatagramMessage) -> Body {
        let presence = Presence {
            state: PresenceState::Here,
            name: PeerName::cleaned(name).unwrap(),
            ports: Ports { receiver: 65_000, sender: 65_001, distributor: 65_002, distributee: 65_003 },
            interval: u32::MAX,
            catalogue: u64::MAX,
            ticket: u64::MAX,
            room: u64::MAX,
            features: u64::MAX,
        };
        Body {
            instance: Instance { count: u64::MAX, random: u64::MAX },
            sequence: u64::MAX,
            presence,
            message,
        }
    }

    fn proof(ask: Option<u64>, echoes: usize) -> DatagramMessage {
        DatagramMessage::Proof { ask, echoes: vec![u64::MAX; echoes] }
    }

    #[test]
    fn every_message_comes_back_and_no_answer_is_longer_than_its_question() {
        let identity = Identity::generate().unwrap();
        let long = "n".repeat(limits::NAME);
        let messages = [
            DatagramMessage::Here,
            DatagramMessage::Hello { nonce: u64::MAX },
            proof(Some(u64::MAX), 0),
            proof(Some(u64::MAX), 1),
            proof(None, 1),
            DatagramMessage::Probe { peer: identity.id(), nonce: u64::MAX },
            DatagramMessage::DialBack { peer: identity.id() },
            DatagramMessage::Leave,
        ];
        for name in ["a", &long] {
            for message in &messages {
                let body = body(name, message.clone());
                let bytes = seal(&identity, &body);
                assert_eq!(bytes.len(), DATAGRAM_MIN, "{message:?} by {name}");
                let envelope = Envelope::parse(&bytes).unwrap();
                assert_eq!(envelope.key(), identity.public());
                assert_eq!(envelope.open().unwrap(), body);
            }
        }
        let echoing = seal(&identity, &body("a", proof(Some(1 << 60), 1)));
        let envelope = Envelope::parse(&echoing).unwrap();
        assert!(envelope.contains(1 << 60) && envelope.contains(u64::MAX) && !envelope.contains(1 << 59));
        let full = seal(&identity, &body(&long, proof(Some(u64::MAX), ECHOES)));
        assert!(full.len() <= limits::DATAGRAM, "{}", full.len());
        assert!(Envelope::parse(&full).unwrap().open().is_ok());
        for count in [1, 15, FILES] {
            let files = || vec![FileId([u8::MAX; 32]); count];
            let question = body("a", DatagramMessage::Seek { files: files() });
            let answer = body(&long, DatagramMessage::Has { files: files() });
            let [asked, answered] = [question, answer].map(|body| {
                let bytes = seal(&identity, &body);
                assert_eq!(Envelope::parse(&bytes).unwrap().open().unwrap(), body);
                bytes.len()
            });
            assert!(answered <= asked && asked <= limits::DATAGRAM, "{asked}, then {answered}");
        }
    }

    #[test]
    fn the_longest_line_and_the_most_gaps_fit_beside_the_longest_name() {
        let identity = Identity::generate().unwrap();
        let line = |text| DatagramMessage::Room(RoomLine { number: u64::MAX, said: u64::MAX, text });
        let missing = |gaps| {
            let instance = Instance { count: u64::MAX, random: u64::MAX };
            let first = u64::MAX - 32;
            let gap = RoomGap { origin: PeerId([u8::MAX; 32]), instance, first, missing: u32::MAX };
            DatagramMessage::RoomMissing { gaps: vec![gap; gaps], alone: true }
        };
        for message in [line("x".repeat(limits::LINE)), missing(limits::ROOM_GAPS)] {
            let body = body(&"n".repeat(limits::NAME), message);
            let bytes = seal(&identity, &body);
            assert!(bytes.len() <= limits::DATAGRAM, "{}", bytes.len());
            assert_eq!(Envelope::parse(&bytes).unwrap().open().unwrap(), body);
        }
        for message in
            [line("x".repeat(limits::LINE + 1)), line(String::new()), missing(limits::ROOM_GAPS + 1)]
        {
            assert!(matches!(read_body(&encode(&body("name", message))), Err(DecodeError::Value(_))));
        }
    }

    #[test]
    fn the_smallest_body_is_padded_in_one_step() {
        let identity = Identity::generate().unwrap();
        let mut small = body("a", DatagramMessage::Here);
        small.instance = Instance { count: 0, random: 0 };
        small.sequence = 1;
        small.presence.ports = Ports { receiver: 0, sender: 0, distributor: 0, distributee: 0 };
        (small.presence.interval, small.presence.catalogue) = (0, 0);
        (small.presence.ticket, small.presence.room) = (0, 0);
        let bytes = seal(&identity, &small);
        assert!((DATAGRAM_MIN..=DATAGRAM_MIN + 1).contains(&bytes.len()), "{}", bytes.len());
    }

    #[test]
    fn what_is_changed_cut_or_lengthened_is_refused() {
        let identity = Identity::generate().unwrap();
        let bytes = seal(&identity, &body("name", DatagramMessage::Leave));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Envelope::parse(&changed).and_then(|e| e.open()).is_err(), "byte {at}");
            assert!(Envelope::parse(&bytes[..at]).is_err(), "cut at {at}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(Envelope::parse(&longer).unwrap().open(), Err(DecodeError::Signature)));
        let oversized = [&bytes[..], &[0; limits::DATAGRAM]].concat();
        assert!(matches!(Envelope::parse(&oversized), Err(DecodeError::Long)));
    }

    #[test]
    fn too_many_echoes_a_zero_sequence_and_another_version_are_refused() {
        let identity = Identity::generate().unwrap();
        let many = encode(&body("name", proof(None, ECHOES + 1)));
        assert!(matches!(read_body(&many), Err(DecodeError::Value(_))));
        let files = vec![FileId([1; 32]); FILES + 1];
        for message in [DatagramMessage::Seek { files: files.clone() }, DatagramMessage::Has { files }] {
            assert!(matches!(read_body(&encode(&body("name", message))), Err(DecodeError::Value(_))));
        }
        let mut zero = body("name", DatagramMessage::Here);
        zero.sequence = 0;
        assert!(matches!(read_body(&encode(&zero)), Err(DecodeError::Value(_))));
        let mut bytes = seal(&identity, &body("name", DatagramMessage::Here));
        bytes[MAGIC.len()] = 2;
        assert!(matches!(Envelope::parse(&bytes), Err(DecodeError::Version(2))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_400)) {
            drop(Envelope::parse(&bytes).and_then(|e| e.open()));
            drop(read_body(&bytes));
            let framed = [&MAGIC[..], &[VERSION], &bytes].concat();
            drop(Envelope::parse(&framed).and_then(|e| e.open()));
        }

        #[test]
        fn a_body_with_one_byte_changed_is_read_or_refused(at in 0_usize..300, by in 1_u8..) {
            let mut bytes = encode(&body("name", proof(Some(7), 3)));
            let at = at % bytes.len();
            bytes[at] = bytes[at].wrapping_add(by);
            if let Ok(Body { message: DatagramMessage::Proof { echoes, .. }, .. }) = read_body(&bytes) {
                prop_assert!(echoes.len() <= ECHOES);
            }
        }

        #[test]
        fn names_from_the_wire_are_clean(name in ".{1,80}") {
            #[derive(Serialize)]
            struct Raw<'a> { name: &'a str }
            #[derive(Deserialize)]
            struct Read { name: PeerName }
            let read: Read = decode(&encode(&Raw { name: &name })).unwrap();
            prop_assert!(!read.name.as_str().chars().any(crate::text::is_unprintable));
        }
    }
}
