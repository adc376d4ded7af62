//! Files of this peer that a page on this machine reads by itself: the way that all others take, over a connection, would cost
//! each byte twice.

use std::fmt;
use std::fs::File;

use crate::content::{FileId, Stamp};

/// A content is to be opened, if this peer shares it.
pub struct OwnFileAsk {
    pub(crate) id: FileId,
    /// Told what came of it; `None`: it is not shared here, or not as it was any more.
    pub(crate) answer: Box<dyn FnOnce(Option<OwnFile>) + Send>,
}

impl fmt::Debug for OwnFileAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnFileAsk").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An open file. Bytes that were read of it count only if it has this stamp afterwards.
#[derive(Debug)]
pub(crate) struct OwnFile {
    pub(crate) file: File,
    pub(crate) stamp: Stamp,
}
