//! The messages of a swarm that fetches one file: which chunks somebody has, and "any of these". Pure;
//! part of message.rs.
//!
//! A map of chunks is one bit for each, chunk 0 lowest in the first byte, bits beyond the last chunk 0.

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::content::FileId;
use crate::wire::limits;

/// Asks which chunks of a file are there, and to hear of more as they come. Answer: [`HavesIs`], and
/// again whenever there are more, until the request is taken back or the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetHaves {
    /// Number of the request.
    pub request: u64,
    /// Which file.
    pub file: FileId,
    /// Its size, which says how it is cut.
    pub size: u64,
}

/// Asks for one whole chunk, whichever of these it is. Answer: the blocks of one chunk, in order, as
/// item 0; or [`super::message::Refused`] if none of them is there.
///
/// Whoever has all of a file gives the chunk that it gave least often so far: so every chunk has left it
/// once before any has twice, and those who ask have different ones to give to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetAny {
    /// Number of the request.
    pub request: u64,
    /// Which file.
    pub file: FileId,
    /// Its size, which says how it is cut.
    pub size: u64,
    /// Map of the chunks that are wanted.
    #[serde(with = "serde_bytes")]
    pub want: Vec<u8>,
    /// As in [`super::message::GetBlocks`].
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub background: bool,
}

/// Whoever asked for this file has all of it now, whoever gave it. No answer.
///
/// Peers that give parts of it do not know by themselves who has the rest, and are asked by their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GotFile {
    /// Number of the request.
    pub request: u64,
    /// Which file.
    pub file: FileId,
    /// Its size.
    pub size: u64,
}

/// Chunks that are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HavesIs {
    /// Number of the request.
    pub request: u64,
    /// Map of all chunks that are there; empty: those reported before and `more`.
    #[serde(with = "serde_bytes", default)]
    pub map: Vec<u8>,
    /// Chunks that came since, at most [`limits::HAVES_MORE`].
    #[serde(default)]
    pub more: Vec<u32>,
}

/// Bytes of the longest map.
const MAP: usize = limits::MAP_CHUNKS as usize / 8;

says_all!(GetHaves, GotFile);

impl Body for GetAny {
    fn check(&self) -> Result<(), DecodeError> {
        if self.want.len() > MAP {
            return Err(DecodeError::Value("a map has at most 524,288 chunks"));
        }
        Ok(())
    }
}

impl Body for HavesIs {
    fn check(&self) -> Result<(), DecodeError> {
        if self.map.len() > MAP || self.more.len() > limits::HAVES_MORE {
            return Err(DecodeError::Value("a map has at most 524,288 chunks, an addition 4,096"));
        }
        Ok(())
    }
}
