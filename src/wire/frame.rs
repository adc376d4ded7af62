//! Frames: what a TLS connection between two peers carries, in both directions. Pure.
//!
//! ```text
//! offset  bytes  what
//!      0      4  length H of the header, big endian
//!      4      1  kind (wire/registry.rs)
//!      5      3  length P of the payload, big endian
//!      8      H  header: MessagePack, a map with named fields
//!    8+H      P  payload: raw bytes of a block or slice, never through the encoder; no other kind known here has one
//! ```
//!
//! Both lengths are checked against what the kind may have before anything is kept, and memory grows
//! with the bytes that came, never with a length that was claimed.

use super::registry::bounds;
use crate::codec::DecodeError;

/// Bytes in front of a frame's header.
pub const PREFIX: usize = 8;

/// The beginning of a frame, and its header when that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the header is.
    pub kind: u8,
    /// `MessagePack`.
    pub header: Vec<u8>,
    /// Bytes that follow it, as [`Piece::Payload`].
    pub payload: usize,
}

/// What [`Decoder::feed`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Everything was taken; more bytes are needed.
    More,
    /// A frame up to the end of its header.
    Frame(Frame),
    /// A part of the payload of the last frame, never empty. True: its end.
    Payload(&'a [u8], bool),
}

/// The bytes in front of a header of `header` bytes and a payload of `payload` bytes.
///
/// # Panics
/// If they are longer than frames may be: our own messages are not.
#[must_use]
pub fn prefix(kind: u8, header: usize, payload: usize) -> [u8; PREFIX] {
    let most = bounds(kind);
    assert!(header <= most.header && payload <= most.payload, "a frame of kind {kind} is too long");
    let mut bytes = [0; PREFIX];
    bytes[..4].copy_from_slice(&u32::try_from(header).unwrap_or(u32::MAX).to_be_bytes());
    bytes[4] = kind;
    bytes[5..].copy_from_slice(&u32::try_from(payload).unwrap_or(u32::MAX).to_be_bytes()[1..]);
    bytes
}

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Prefix and header as far as they came.
    kept: Vec<u8>,
    /// Bytes of payload still to come.
    payload: usize,
}

impl Decoder {
    /// Takes bytes from the front of `input` and returns how many, and what they made. To be called
    /// again with the rest until it says [`Piece::More`].
    ///
    /// # Errors
    /// [`DecodeError::Long`]: the other end is wrong, and where its next frame begins is not known.
    pub fn feed<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Piece<'a>), DecodeError> {
        if self.payload > 0 {
            let n = self.payload.min(input.len());
            self.payload -= n;
            let piece = if n == 0 { Piece::More } else { Piece::Payload(&input[..n], self.payload == 0) };
            return Ok((n, piece));
        }
        let mut used = self.keep(input, PREFIX);
        let Some(&[a, b, c, d, kind, x, y, z]) = self.kept.first_chunk::<PREFIX>() else {
            return Ok((used, Piece::More));
        };
        let header = u32::from_be_bytes([a, b, c, d]) as usize;
        let payload = u32::from_be_bytes([0, x, y, z]) as usize;
        let most = bounds(kind);
        if header > most.header || payload > most.payload {
            return Err(DecodeError::Long);
        }
        used += self.keep(&input[used..], PREFIX + header);
        if self.kept.len() < PREFIX + header {
            return Ok((used, Piece::More));
        }
        self.payload = payload;
        let header = self.kept[PREFIX..].to_vec();
        self.kept.clear();
        Ok((used, Piece::Frame(Frame { kind, header, payload })))
    }

    /// True between two frames: here a connection may end.
    #[must_use]
    pub const fn is_between(&self) -> bool {
        self.kept.is_empty() && self.payload == 0
    }

    /// Keeps bytes of `input` until `want` are there; returns how many it took.
    fn keep(&mut self, input: &[u8], want: usize) -> usize {
        let n = want.saturating_sub(self.kept.len()).min(input.len());
        self.kept.extend_from_slice(&input[..n]);
        n
    }
}

/// Body of the fuzz target: any bytes, in pieces of any length, neither panic nor cost more memory than
/// they are long, and every message that is understood can be written again.
#[cfg(any(test, feature = "sim"))]
pub fn fuzz(bytes: &[u8]) {
    let step = usize::from(bytes.first().copied().unwrap_or(0)) + 1;
    let mut decoder = Decoder::default();
    for part in bytes.chunks(step) {
        let mut rest = part;
        loop {
            let Ok((n, piece)) = decoder.feed(rest) else { return };
            rest = &rest[n..];
            match piece {
                Piece::More => break,
                Piece::Frame(frame) => {
                    assert!(frame.header.len() <= bytes.len());
                    if let Ok(Some(message)) = super::Message::decode(&frame) {
                        drop(message.encode());
                    }
                }
                Piece::Payload(bytes, _) => assert!(!bytes.is_empty()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::registry::{FrameBounds, Kind};

    const BLOCK: u8 = Kind::Block.number();

    /// Frames and payload bytes in `bytes`, cut into pieces of `step` bytes.
    fn cut(bytes: &[u8], step: usize) -> Result<(Vec<Frame>, Vec<u8>, bool), DecodeError> {
        let (mut decoder, mut frames, mut payload) = (Decoder::default(), Vec::new(), Vec::new());
        for part in bytes.chunks(step) {
            let mut rest = part;
            loop {
                let (n, piece) = decoder.feed(rest)?;
                rest = &rest[n..];
                match piece {
                    Piece::More => break,
                    Piece::Frame(frame) => frames.push(frame),
                    Piece::Payload(bytes, _) => payload.extend_from_slice(bytes),
                }
            }
            assert!(rest.is_empty());
        }
        Ok((frames, payload, decoder.is_between()))
    }

    fn stream() -> Vec<u8> {
        let mut bytes = prefix(1, 3, 0).to_vec();
        bytes.extend(b"abc");
        bytes.extend(prefix(BLOCK, 2, 5));
        bytes.extend(b"hdabcde");
        bytes.extend(prefix(BLOCK, 0, 0));
        bytes
    }

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        for step in 1..=stream().len() {
            let (frames, payload, between) = cut(&stream(), step).unwrap();
            assert_eq!(frames.len(), 3, "{step}");
            assert_eq!((frames[0].kind, &frames[0].header[..], frames[0].payload), (1, &b"abc"[..], 0));
            assert_eq!((frames[1].kind, &frames[1].header[..], frames[1].payload), (BLOCK, &b"hd"[..], 5));
            assert_eq!((payload.as_slice(), between), (&b"abcde"[..], true));
        }
    }

    #[test]
    fn a_stream_cut_off_anywhere_is_noticed() {
        let whole = stream();
        let ends = [11, whole.len() - PREFIX, whole.len()];
        for n in 1..=whole.len() {
            let (_, _, between) = cut(&whole[..n], 7).unwrap();
            assert_eq!(between, ends.contains(&n), "{n}");
        }
    }

    #[test]
    fn every_length_above_its_bound_is_refused_at_once() {
        for kind in 0..=u8::MAX {
            let FrameBounds { header: most_header, payload: most_payload } = bounds(kind);
            for header in [most_header + 1, 1 << 24, 1 << 31, u32::MAX as usize] {
                let mut bytes = prefix(kind, 0, 0);
                bytes[..4].copy_from_slice(&u32::try_from(header).unwrap().to_be_bytes());
                assert!(matches!(Decoder::default().feed(&bytes), Err(DecodeError::Long)));
            }
            for payload in [most_payload + 1, (1 << 24) - 1] {
                let mut bytes = prefix(kind, 0, 0);
                bytes[5..].copy_from_slice(&u32::try_from(payload).unwrap().to_be_bytes()[1..]);
                assert!(matches!(Decoder::default().feed(&bytes), Err(DecodeError::Long)));
            }
            let mut decoder = Decoder::default();
            assert!(decoder.feed(&prefix(kind, most_header, most_payload)).is_ok());
            assert!(decoder.kept.capacity() <= 64, "a claimed length costs nothing");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            fuzz(&bytes);
        }

        #[test]
        fn any_headers_come_through(
            headers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..9),
            step in 1_usize..700,
        ) {
            let mut bytes = Vec::new();
            for h in &headers {
                bytes.extend(prefix(2, h.len(), 0));
                bytes.extend(h);
            }
            let (frames, _, between) = cut(&bytes, step).unwrap();
            prop_assert!(between);
            prop_assert_eq!(frames.into_iter().map(|f| f.header).collect::<Vec<_>>(), headers);
        }
    }
}
