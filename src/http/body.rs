//! The body of a request, as it comes. Pure.

use super::chunked::ChunkedReader;
use super::head::BodyLength;
use super::limits;

/// What bytes of a body are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyStep {
    /// So many of them are read, and of those the last so many are content.
    Content { read: usize, content: usize },
    /// All are read, and more is to come.
    More,
    /// So many of them are read; content comes next, and none is wanted.
    Unwanted(usize),
    /// So many of them are read, and the body is over.
    Over(usize),
    /// That is no such body.
    Wrong,
}

/// How far a body was read.
#[derive(Debug)]
pub(crate) enum BodyReader {
    /// So many bytes are to come.
    Bytes(u64),
    /// It comes in chunks.
    Chunked(ChunkedReader),
}

impl BodyReader {
    /// Of which nothing was read.
    pub(crate) fn new(length: BodyLength) -> Self {
        match length {
            BodyLength::Bytes(bytes) => Self::Bytes(bytes),
            BodyLength::Chunked => Self::Chunked(ChunkedReader::default()),
        }
    }

    /// Reads up to the end of the next content, of which `most` bytes are wanted.
    pub(crate) fn read(&mut self, bytes: &[u8], most: u64) -> BodyStep {
        match self {
            Self::Chunked(reader) => reader.read(bytes, most),
            Self::Bytes(0) => BodyStep::Over(0),
            Self::Bytes(_) if most == 0 => BodyStep::Unwanted(0),
            Self::Bytes(_) if bytes.is_empty() => BodyStep::More,
            Self::Bytes(left) => {
                let content = piece(*left, most, bytes);
                *left -= content as u64;
                BodyStep::Content { read: content, content }
            }
        }
    }
}

/// How many of these bytes are the next piece of content of which so many are left.
pub(super) fn piece(left: u64, most: u64, bytes: &[u8]) -> usize {
    usize::try_from(left.min(most)).unwrap_or(usize::MAX).min(bytes.len()).min(limits::PIECE)
}
