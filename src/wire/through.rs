//! Messages by which one peer fetches for another what that one cannot reach. Pure; part of message.rs.

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::content::FileId;
use crate::identity::PeerId;
use crate::wire::limits;

/// Asks the server to fetch a file from its owner, which the asker cannot reach, and to give it on. Answer:
/// [`ThroughIs`], at once: the asker asks again until all is there, and while it wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchThrough {
    /// Number of the request.
    pub request: u64,
    /// Who shares the file.
    pub owner: PeerId,
    /// Which content.
    pub file: FileId,
    /// Its size in bytes.
    pub size: u64,
    /// The bucket of the owner's catalogue that names it: the server looks there alone.
    pub bucket: u8,
}

/// How much the server has by now of what it was asked to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThroughIs {
    /// Number of the request.
    pub request: u64,
    /// Bytes of the file that are here and can be asked for; 0: it is being fetched.
    pub have: u64,
}

impl Body for FetchThrough {
    fn check(&self) -> Result<(), DecodeError> {
        if self.size > limits::FILE { Err(DecodeError::Value("a file is too large")) } else { Ok(()) }
    }
}

says_all!(ThroughIs);
