//! A body in chunks (RFC 9112 §7.1). Pure. Extensions of chunks and fields behind the last one are read and forgotten.

use super::body::{BodyStep, piece};
use super::limits;

/// How far a chunked body was read.
#[derive(Debug, Default)]
pub(crate) struct ChunkedReader {
    at: ChunkPlace,
    /// Bytes of the present line, or of all trailers.
    line: usize,
    size: u64,
    digits: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChunkPlace {
    /// Among the digits of a size.
    #[default]
    Size,
    /// Behind them.
    Extension,
    /// A line feed must follow.
    SizeEnd,
    /// So many bytes of the chunk are to come.
    Data(u64),
    /// Behind the bytes of a chunk.
    DataEnd,
    DataLineFeed,
    /// At the beginning of a line of the trailers.
    Trailer,
    InTrailer,
    TrailerLineFeed,
    /// A line feed must follow, and then nothing.
    LastLineFeed,
    Over,
}

impl ChunkedReader {
    /// Reads up to the end of the next content, of which `most` bytes are wanted.
    pub(crate) fn read(&mut self, bytes: &[u8], most: u64) -> BodyStep {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let ChunkPlace::Data(left) = self.at {
                let content = piece(left, most, bytes.get(at..).unwrap_or_default());
                if content == 0 {
                    return BodyStep::Unwanted(at);
                }
                let left = left - content as u64;
                self.at = if left == 0 { ChunkPlace::DataEnd } else { ChunkPlace::Data(left) };
                return BodyStep::Content { read: at + content, content };
            }
            at += 1;
            match self.step(byte) {
                Some(ChunkPlace::Over) => {
                    self.at = ChunkPlace::Over;
                    return BodyStep::Over(at);
                }
                Some(place) => self.at = place,
                None => return BodyStep::Wrong,
            }
        }
        if self.at == ChunkPlace::Over { BodyStep::Over(0) } else { BodyStep::More }
    }

    fn step(&mut self, byte: u8) -> Option<ChunkPlace> {
        use ChunkPlace as P;
        self.line += 1;
        let most = if matches!(self.at, P::Trailer | P::InTrailer | P::TrailerLineFeed | P::LastLineFeed) {
            limits::TRAILERS
        } else {
            limits::CHUNK_LINE
        };
        if self.line > most {
            return None;
        }
        Some(match (self.at, byte) {
            (P::Size, digit) if digit.is_ascii_hexdigit() => {
                // Sixteen digits are all that a size has.
                let value = char::from(digit).to_digit(16)?;
                self.digits += 1;
                self.size = self.size.checked_mul(16)?.checked_add(value.into())?;
                P::Size
            }
            (P::Size, b'\r') if self.digits > 0 => P::SizeEnd,
            (P::Size, b';' | b' ' | b'\t') if self.digits > 0 => P::Extension,
            (P::Extension, b'\r') => P::SizeEnd,
            (P::Extension, other) if other != b'\n' => P::Extension,
            (P::SizeEnd, b'\n') => {
                let size = self.size;
                (self.line, self.size, self.digits) = (0, 0, 0);
                if size == 0 { P::Trailer } else { P::Data(size) }
            }
            (P::DataEnd, b'\r') => P::DataLineFeed,
            (P::DataLineFeed, b'\n') => {
                self.line = 0;
                P::Size
            }
            (P::Trailer, b'\r') => P::LastLineFeed,
            (P::Trailer | P::InTrailer, other) if other != b'\n' && other != b'\r' => P::InTrailer,
            (P::InTrailer, b'\r') => P::TrailerLineFeed,
            (P::TrailerLineFeed, b'\n') => P::Trailer,
            (P::LastLineFeed, b'\n') => P::Over,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The content of a body that comes in pieces of `piece` bytes, and what is left behind it. `None`: it is wrong, or
    /// not over.
    fn read(body: &[u8], piece: usize) -> Option<(Vec<u8>, usize)> {
        let mut reader = ChunkedReader::default();
        let (mut content, mut at) = (Vec::new(), 0);
        while at < body.len() {
            let mut rest = &body[at..(at + piece).min(body.len())];
            while !rest.is_empty() {
                match reader.read(rest, u64::MAX) {
                    BodyStep::Content { read, content: len } => {
                        content.extend_from_slice(&rest[read - len..read]);
                        rest = &rest[read..];
                        at += read;
                    }
                    BodyStep::More => {
                        at += rest.len();
                        break;
                    }
                    BodyStep::Over(read) => return Some((content, body.len() - at - read)),
                    BodyStep::Unwanted(_) | BodyStep::Wrong => return None,
                }
            }
        }
        None
    }

    #[test]
    fn chunks_have_sizes_extensions_and_trailers() {
        let body = b"4\r\nWiki\r\n6;name=\"v\" \r\npedia \r\n0E\t\r\nin \r\n\r\nchunks.\r\n0\r\nX: y\r\nZ: \r\n\r\nGET";
        for piece in 1..body.len() {
            assert_eq!(read(body, piece), Some((b"Wikipedia in \r\n\r\nchunks.".to_vec(), 3)), "{piece}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let long = [b"1;".to_vec(), vec![b'x'; limits::CHUNK_LINE], b"\r\na\r\n0\r\n\r\n".to_vec()].concat();
        let trailers = [b"0\r\nX: ".to_vec(), vec![b'x'; limits::TRAILERS], b"\r\n\r\n".to_vec()].concat();
        for body in [
            &b"\r\n"[..],
            b"g\r\n",
            b"-1\r\n",
            b"+1\r\na\r\n0\r\n\r\n",
            b"0x1\r\na\r\n0\r\n\r\n",
            b" 1\r\na\r\n0\r\n\r\n",
            b";\r\n",
            b"1\na\n0\n\n",
            b"1\r\nab\r\n0\r\n\r\n",
            b"1\r\na\n0\r\n\r\n",
            b"1;x\ny\r\na\r\n0\r\n\r\n",
            b"10000000000000000\r\n",
            b"0\r\n\n",
            b"0\r\nX\n\r\n",
            &long,
            &trailers,
        ] {
            assert_eq!(read(body, body.len()), None, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_stands_before_unwanted_content_is_read_once() {
        let mut reader = ChunkedReader::default();
        assert_eq!(reader.read(b"3\r\nabc", 0), BodyStep::Unwanted(3));
        assert_eq!(reader.read(b"abc", 2), BodyStep::Content { read: 2, content: 2 });
        assert_eq!(reader.read(b"c\r\n0\r\n", 1), BodyStep::Content { read: 1, content: 1 });
        assert_eq!(reader.read(b"\r\n0\r\n\r\n", 0), BodyStep::Over(7));
    }

    proptest! {
        #[test]
        fn whatever_is_cut_into_chunks_is_read_back(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6),
            piece in 1_usize..200,
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\nrest");
            prop_assert_eq!(read(&body, piece), Some((chunks.concat(), 4)));
        }

        #[test]
        fn nothing_that_comes_is_read_past_its_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = ChunkedReader::default();
            let mut rest = &bytes[..];
            loop {
                match reader.read(rest, u64::MAX) {
                    BodyStep::Content { read, content } => {
                        prop_assert!(content > 0 && content <= read);
                        rest = &rest[read..];
                    }
                    BodyStep::Over(read) => {
                        prop_assert!(read <= rest.len());
                        break;
                    }
                    _ => break,
                }
            }
        }
    }
}
