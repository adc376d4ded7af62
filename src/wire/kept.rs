//! What a keeper keeps for others, as it is asked for it. Pure; part of message.rs.

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::content::{FileId, Span};
use crate::identity::PeerId;
use crate::later::Rows;
use crate::wire::limits;

/// Asks what is kept for other peers. Answer: [`KeptIs`] once or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetKept {
    /// Number of the request.
    pub request: u64,
}

/// Some chunks of a file that are kept. A file of which several parts are kept has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Which content.
    pub file: FileId,
    /// Its size in bytes.
    pub size: u64,
    /// The first chunk.
    pub from: u32,
    /// Behind the last one.
    pub to: u32,
}

impl KeptFile {
    /// The chunks.
    #[must_use]
    pub const fn span(&self) -> Span {
        Span { from: self.from, to: self.to }
    }
}

/// Some of what is kept for one owner. The pages of an owner follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptIs {
    /// Number of the request.
    pub request: u64,
    /// Whose files they are; 32 zeros on the only page of who keeps nothing.
    pub origin: PeerId,
    /// The newest announcement of that owner, signed by itself, as a datagram; empty if none is known.
    #[serde(with = "serde_bytes", default)]
    pub announcement: Vec<u8>,
    /// At most [`limits::KEPT_PAGE`].
    pub rows: Rows<KeptFile>,
    /// True on the last page of all.
    pub last: bool,
}

impl KeptIs {
    /// The only page of who keeps nothing.
    #[must_use]
    pub fn nothing(request: u64) -> Self {
        Self { request, origin: PeerId([0; 32]), announcement: Vec::new(), rows: Rows::default(), last: true }
    }
}

says_all!(GetKept);

impl Body for KeptIs {
    fn check(&self) -> Result<(), DecodeError> {
        if self.announcement.len() > limits::DATAGRAM {
            return Err(DecodeError::Value("an announcement has at most 1,200 bytes"));
        }
        if self.rows.count() > limits::KEPT_PAGE {
            return Err(DecodeError::Value("a page of what is kept has at most 8,192 rows"));
        }
        if !self.rows.iter().all(|row| row.span().fits(row.size)) {
            return Err(DecodeError::Value("a file does not have the chunks that are kept of it"));
        }
        if self.rows.count() == 0 && !self.last {
            return Err(DecodeError::Value("only the last page may be empty"));
        }
        Ok(())
    }
}
