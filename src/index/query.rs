//! What is looked for. Pure.

use core::ops::RangeInclusive;
use std::collections::BTreeSet;

use super::file_type::FileType;
use super::fold::fold;
use super::limits;
use crate::content::{FileId, SafePath};
use crate::identity::PeerId;

/// What is looked for: files for which all of this holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Each of them occurs in the path, in whatever order.
    pub words: SearchWords,
    /// It is of one of these types; empty: of any, or of none.
    pub types: BTreeSet<FileType>,
    /// Its size in bytes.
    pub size: RangeInclusive<u64>,
    /// It was changed then or later, milliseconds since 1970; `None`: whenever.
    pub newer: Option<i64>,
    /// Who has it, one of them at least; `None`: whoever.
    pub owners: Option<BTreeSet<PeerId>>,
    /// It lies there, or below it; `None`: wherever. Two forms of one letter are the same, as Unicode has them; else
    /// each byte counts.
    pub at: Option<SafePath>,
    /// Its id begins so; `None`: however.
    pub file: Option<FilePrefix>,
}

impl Query {
    /// Files that have these words in their paths, whatever they are.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub const fn of(words: SearchWords) -> Self {
        let types = BTreeSet::new();
        Self { words, types, size: 0..=u64::MAX, newer: None, owners: None, at: None, file: None }
    }
}

/// The beginning of a file id: 2 to 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePrefix(Vec<u8>);

impl FilePrefix {
    /// `None`: too few bytes, or too many.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (limits::FILE_PREFIX..=32).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// True if this id begins so.
    #[must_use]
    pub fn is_of(&self, file: FileId) -> bool {
        file.0.starts_with(&self.0)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Words that are looked for, folded, each of them once. A word may have spaces and slashes in it. Without any word
/// all paths have them all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchWords(Vec<String>);

/// Why words are not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// More than 32.
    #[error("a search has too many words")]
    Many,
    /// More than 1,024 bytes in all.
    #[error("the words of a search are too long")]
    Long,
    /// There were words, and none of them has anything but marks and spaces.
    #[error("the words of a search have no letters")]
    Nothing,
}

impl SearchWords {
    /// Folds words. Space around them does not count, and what is nothing then is left out.
    ///
    /// # Errors
    /// [`QueryError`]: whoever typed or sent them is wrong.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, QueryError> {
        let (mut all, mut bytes, mut given) = (Vec::new(), 0, 0);
        for word in words {
            bytes += word.len();
            given += 1;
            if given > limits::SEARCH_WORDS {
                return Err(QueryError::Many);
            }
            if bytes > limits::SEARCH_WORD_BYTES {
                return Err(QueryError::Long);
            }
            let word = fold(word).trim().to_owned();
            if !word.is_empty() && !all.contains(&word) {
                all.push(word);
            }
        }
        if given > 0 && all.is_empty() { Err(QueryError::Nothing) } else { Ok(Self(all)) }
    }

    /// The words, folded.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(typed: &[&str]) -> Result<Vec<String>, QueryError> {
        SearchWords::new(typed.iter().copied()).map(|w| w.as_slice().to_vec())
    }

    #[test]
    fn words_are_folded_and_stand_once() {
        assert_eq!(words(&["Ünï", " Two Words ", "uni", "a/B"]).unwrap(), ["uni", "two words", "a/b"]);
        assert_eq!(words(&[]).unwrap(), [""; 0]);
        assert_eq!(words(&["\u{301}", "a"]).unwrap(), ["a"]);
        assert_eq!(words(&["\u{301}", " "]), Err(QueryError::Nothing));
        assert_eq!(words(&[""]), Err(QueryError::Nothing));
    }

    #[test]
    fn no_more_words_are_taken_than_anybody_types() {
        assert!(words(&["a"; limits::SEARCH_WORDS]).is_ok());
        assert_eq!(words(&["a"; limits::SEARCH_WORDS + 1]), Err(QueryError::Many));
        assert!(words(&[&"a".repeat(limits::SEARCH_WORD_BYTES)]).is_ok());
        assert_eq!(words(&[&"a".repeat(limits::SEARCH_WORD_BYTES), "b"]), Err(QueryError::Long));
    }
}
