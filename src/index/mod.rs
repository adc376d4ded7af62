//! The index: what all owners share, so that it is found by words of its path. Pure.
//!
//! An owner is in the index wholly or not at all. Its files are rows; folders, and files whose content is not known
//! yet, are none.

mod file_type;
mod fold;
mod found;
mod limits;
mod naive;
mod query;

pub use self::file_type::{FileType, ParseFileTypeError};
pub use self::fold::fold;
pub use self::found::{Found, Hit, Holder, Rank};
pub use self::naive::{Index, Search};
pub use self::query::{Query, QueryError, SearchWords};

/// Why an owner is not in the index now. It can be put there by [`Index::set`] later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIndexed {
    /// It lists more than its share of the index, and nothing is free.
    #[error("the index is full")]
    Full,
    /// It was not in the index before, or had to yield: a change alone says nothing.
    #[error("nothing is known of this owner")]
    Unknown,
}
