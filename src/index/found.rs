//! What a search finds. Pure.

use crate::content::{Claim, FileId, SafePath};
use crate::identity::PeerId;

/// What was found: the best hits in their order, and how many there are beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The best ones, the best of all first.
    pub hits: Vec<Hit>,
    /// Hits beside these.
    pub more: u64,
}

/// Content that was found, with the path that answers the search best. However many list it, at whatever paths, it
/// is one hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Where its first owner lists it.
    pub path: SafePath,
    /// Bytes.
    pub size: u64,
    /// Its content.
    pub file: FileId,
    /// When it was changed, as its first owner says, milliseconds since 1970; negative before.
    pub modified: i64,
    /// Some of those who list this content, at whatever paths: the one that lists it at `path`, then others in the
    /// order of their ids.
    pub owners: Vec<PeerId>,
    /// How many list it.
    pub copies: u32,
    /// How well its path answers the search.
    pub rank: Rank,
}

impl Hit {
    /// The content that this is.
    #[must_use]
    pub const fn claim(&self) -> Claim {
        (self.file, self.size)
    }
}

/// How well a path answers a search: the less, the better. Of equal ones that which more peers have is better, and
/// then that whose path is first in the order of its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// Words that do not occur in the name of the file, but in its folder.
    pub outside: u8,
    /// Words that begin inside of another word only.
    pub inside: u8,
}
