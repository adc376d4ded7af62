//! Messages about bytes of files: a request names them, blocks bring them. Pure.

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::content::FileId;
use crate::wire::limits;

/// Some bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Which file. Content is named by its id only; there are no paths in requests.
    pub file: FileId,
    /// Where they begin.
    pub offset: u64,
    /// How many; at most [`limits::CHUNK_MAX`], at least 1.
    pub len: u64,
}

/// Asks for bytes. Answer: blocks of at most [`limits::BLOCK`] bytes, item after item, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetBlocks {
    /// Number of the request.
    pub request: u64,
    /// At most [`limits::REQUEST_ITEMS`].
    pub items: Vec<Item>,
    /// It may wait for the requests of all others that are not of that kind.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub background: bool,
}

/// One block; its bytes are the frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockIs {
    /// Number of the request.
    pub request: u64,
    /// Number of the item in the request.
    pub item: u32,
    /// Offset in the file.
    pub offset: u64,
}

/// Takes a request back. No answer; blocks that are under way may still come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Number of the request that is taken back.
    pub request: u64,
}

says_all!(BlockIs, Cancel);

impl Body for GetBlocks {
    fn check(&self) -> Result<(), DecodeError> {
        if self.items.is_empty() || self.items.len() > limits::REQUEST_ITEMS {
            return Err(DecodeError::Value("a request has 1 to 1,024 items"));
        }
        if self.items.iter().any(|item| item.len == 0 || item.len > limits::CHUNK_MAX) {
            return Err(DecodeError::Value("an item asks for 1 byte to 16 MiB"));
        }
        Ok(())
    }
}
