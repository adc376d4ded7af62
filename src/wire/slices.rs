//! Messages about slices: bytes with what proves them at once, without the rest of their chunk. Pure.
//!
//! A slice is 64 KiB of a file (the last one is shorter); what a path is, and what it proves, is told in
//! content/slice/mod.rs.

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::content::FileId;
use crate::content::slice::PATH_MAX;
use crate::wire::limits;

/// Asks for slices of a file. Answer: [`SliceIs`] for each, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetSlices {
    /// Number of the request.
    pub request: u64,
    /// Which file.
    pub file: FileId,
    /// Its size, which says how it is cut. The last slice proves it.
    pub size: u64,
    /// The first slice, from 0.
    pub first: u64,
    /// How many, 1 to `SLICES_ASKED`.
    pub count: u32,
    /// True: the paths lead up to the file id. Else they end at the value of the chunk, which the manifest
    /// has.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub to_file: bool,
    /// As in [`super::message::GetBlocks`].
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub background: bool,
}

/// One slice; its bytes are the frame's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceIs {
    /// Number of the request.
    pub request: u64,
    /// Which slice.
    pub slice: u64,
    /// The values beside its way up, 32 bytes each, the nearest one first.
    #[serde(with = "serde_bytes")]
    pub path: Vec<u8>,
}

impl Body for GetSlices {
    fn check(&self) -> Result<(), DecodeError> {
        if self.count == 0 || self.count > limits::SLICES_ASKED {
            return Err(DecodeError::Value("a request has 1 to 256 slices"));
        }
        Ok(())
    }
}

impl Body for SliceIs {
    fn check(&self) -> Result<(), DecodeError> {
        if self.path.len() > PATH_MAX { Err(DecodeError::Value("a path is too long")) } else { Ok(()) }
    }
}
