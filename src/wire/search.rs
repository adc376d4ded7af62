//! A search in the index that a peer keeps for others, and its answer. Pure; part of message.rs. What they mean to the
//! index is said in index/remote.rs.

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::content::{FileId, SafePath};
use crate::identity::PeerId;
use crate::later::Rows;
use crate::wire::limits;

/// Asks what is shared here and by others: files for which all of this holds. Answer: [`FoundIs`] once or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchIndex {
    /// Number of the request.
    pub request: u64,
    /// Each of them occurs in the path, at most [`limits::SEARCH_WORDS`] of [`limits::SEARCH_WORD_BYTES`] bytes in all.
    pub words: Vec<String>,
    /// It is of one of these types, at most [`limits::SEARCH_TYPES`]; empty: of any. If there are some and none is
    /// known, no file is of them.
    #[serde(default)]
    pub types: Rows<String>,
    /// Its size in bytes is this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// Its size in bytes is this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// It was changed then or later, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer: Option<i64>,
    /// One of these has it, at most [`limits::SEARCH_OWNERS`]; `None`: whoever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<Vec<PeerId>>,
    /// It lies there, or below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<SafePath>,
    /// Its id begins so: [`limits::FILE_PREFIX`] to 32 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    pub file: Option<Vec<u8>>,
    /// Hits that are wanted, at most [`limits::SEARCH_HITS`].
    pub most: u16,
    /// The coverage list that the asker has of this peer; `None`: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownCoverage>,
}

/// Which coverage list the asker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCoverage {
    /// Of the start of the peer that gave it.
    pub epoch: u64,
    /// Of the list.
    pub number: u64,
}

/// Some of what was found, and how far it is known what each owner shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundIs {
    /// Number of the request.
    pub request: u64,
    /// Of this start of the server: numbers of lists are compared within one only.
    pub epoch: u64,
    /// The number of the coverage list of which the answer is.
    pub number: u64,
    /// The rows of all pages are the whole list; else what changed since the one that the asker has.
    pub whole: bool,
    /// At most [`limits::FOUND_COVERED`].
    pub covered: Rows<CoveredRow>,
    /// At most as many in all pages as are wanted, the best first.
    pub hits: Rows<HitRow>,
    /// Files beside the hits.
    pub more: u64,
    /// True on the last page; there are [`limits::FOUND_PAGES`] at most.
    pub last: bool,
}

/// How far it is known what an owner shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredRow {
    /// Whose catalogue.
    pub owner: PeerId,
    /// The start of it at which the head was signed.
    pub count: u64,
    /// That, too: starts with the same count are told apart by it.
    pub random: u64,
    /// The version of the head; `None`: this owner is covered no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitRow {
    /// Where its first owner lists it.
    pub path: SafePath,
    /// Its size in bytes.
    pub size: u64,
    /// The content.
    pub file: FileId,
    /// When its first owner says that it was changed, milliseconds since 1970.
    pub modified: i64,
    /// Some of those who list it, 1 to [`limits::HIT_OWNERS`]: first the one that lists it at this path.
    pub owners: Vec<PeerId>,
    /// How many list it, wherever.
    pub copies: u32,
    /// Words that do not occur in its name, but in its folder.
    pub outside: u8,
    /// Words that begin inside of another word only.
    pub inside: u8,
    /// Somebody shares something else at this path.
    pub ambiguous: bool,
}

impl Body for SearchIndex {
    fn check(&self) -> Result<(), DecodeError> {
        if self.words.len() > limits::SEARCH_WORDS {
            return Err(DecodeError::Value("a search has at most 32 words"));
        }
        if self.words.iter().map(String::len).sum::<usize>() > limits::SEARCH_WORD_BYTES {
            return Err(DecodeError::Value("the words of a search have at most 1,024 bytes"));
        }
        if self.types.count() > limits::SEARCH_TYPES {
            return Err(DecodeError::Value("a search has at most 32 types"));
        }
        if self.owners.as_ref().is_some_and(|owners| owners.len() > limits::SEARCH_OWNERS) {
            return Err(DecodeError::Value("a search has at most 64 owners"));
        }
        let is_prefix = |file: &Vec<u8>| (limits::FILE_PREFIX..=32).contains(&file.len());
        if !self.file.as_ref().is_none_or(is_prefix) {
            return Err(DecodeError::Value("the beginning of a file id has 2 to 32 bytes"));
        }
        if usize::from(self.most) > limits::SEARCH_HITS {
            return Err(DecodeError::Value("a search has at most 100 hits"));
        }
        Ok(())
    }
}

impl Body for FoundIs {
    fn check(&self) -> Result<(), DecodeError> {
        if self.covered.count() > limits::FOUND_COVERED {
            return Err(DecodeError::Value("a page of what was found has at most 4,096 owners"));
        }
        if self.hits.count() > limits::SEARCH_HITS {
            return Err(DecodeError::Value("a search has at most 100 hits"));
        }
        let is_shared = |hit: &HitRow| (1..=limits::HIT_OWNERS).contains(&hit.owners.len());
        if !self.hits.iter().all(is_shared) {
            return Err(DecodeError::Value("a hit names 1 to 8 of those who share it"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search() -> SearchIndex {
        SearchIndex {
            request: 1,
            words: Vec::new(),
            types: Rows::default(),
            min: None,
            max: None,
            newer: None,
            owners: None,
            at: None,
            file: None,
            most: 100,
            known: None,
        }
    }

    #[test]
    fn a_search_that_asks_for_too_much_is_refused() {
        let word = |bytes: usize| "x".repeat(bytes);
        let owner = PeerId([1; 32]);
        for (search, is_right) in [
            (SearchIndex { words: vec![word(32); 32], ..search() }, true),
            (SearchIndex { words: vec![word(1); 33], ..search() }, false),
            (SearchIndex { words: vec![word(1_024)], ..search() }, true),
            (SearchIndex { words: vec![word(1_024), word(1)], ..search() }, false),
            (SearchIndex { types: vec![word(1); 32].into(), ..search() }, true),
            (SearchIndex { types: vec![word(1); 33].into(), ..search() }, false),
            (SearchIndex { owners: Some(vec![owner; 64]), ..search() }, true),
            (SearchIndex { owners: Some(vec![owner; 65]), ..search() }, false),
            (SearchIndex { file: Some(vec![7; 2]), ..search() }, true),
            (SearchIndex { file: Some(vec![7; 32]), ..search() }, true),
            (SearchIndex { file: Some(vec![7; 1]), ..search() }, false),
            (SearchIndex { file: Some(vec![7; 33]), ..search() }, false),
            (SearchIndex { most: 0, ..search() }, true),
            (SearchIndex { most: 101, ..search() }, false),
        ] {
            assert_eq!(search.check().is_ok(), is_right, "{search:?}");
        }
    }

    #[test]
    fn a_page_that_holds_too_much_is_refused() {
        let row = CoveredRow { owner: PeerId([1; 32]), count: 1, random: 2, version: None };
        let hit = |owners| HitRow {
            path: "a".parse().unwrap(),
            size: 1,
            file: FileId([3; 32]),
            modified: 0,
            owners: vec![PeerId([1; 32]); owners],
            copies: 1,
            outside: 0,
            inside: 0,
            ambiguous: false,
        };
        let page = |covered: usize, hits: Vec<HitRow>| FoundIs {
            request: 1,
            epoch: 2,
            number: 3,
            whole: true,
            covered: vec![row; covered].into(),
            hits: hits.into(),
            more: 0,
            last: true,
        };
        for (page, is_right) in [
            (page(4_096, vec![hit(8); 100]), true),
            (page(4_097, Vec::new()), false),
            (page(0, vec![hit(1); 101]), false),
            (page(0, vec![hit(0)]), false),
            (page(0, vec![hit(9)]), false),
        ] {
            assert_eq!(page.check().is_ok(), is_right, "{} {}", page.covered.len(), page.hits.len());
        }
    }

    /// The longest page that there can be, with what each number takes at most.
    #[test]
    fn the_longest_page_fits_a_frame_and_the_longest_search_its_header() {
        let component = "\u{1F600}".repeat(63);
        let path = format!("{}/{}", vec![component.as_str(); 12].join("/"), "x".repeat(20));
        let row =
            CoveredRow { owner: PeerId([1; 32]), count: u64::MAX, random: u64::MAX, version: Some(u64::MAX) };
        let hit = HitRow {
            path: path.parse().unwrap(),
            size: u64::MAX,
            file: FileId([3; 32]),
            modified: i64::MIN,
            owners: vec![PeerId([1; 32]); limits::HIT_OWNERS],
            copies: u32::MAX,
            outside: u8::MAX,
            inside: u8::MAX,
            ambiguous: true,
        };
        let page = FoundIs {
            request: u64::MAX,
            epoch: u64::MAX,
            number: u64::MAX,
            whole: true,
            covered: vec![row; limits::FOUND_COVERED].into(),
            hits: vec![hit; limits::SEARCH_HITS].into(),
            more: u64::MAX,
            last: false,
        };
        let bytes = crate::codec::encode(&page).len();
        assert!(path.len() > limits::PATH - 60 && bytes <= limits::HEADER, "{bytes}");
        let longest = SearchIndex {
            words: vec!["x".repeat(32); 32],
            types: vec!["document".to_owned(); 32].into(),
            min: Some(u64::MAX),
            max: Some(u64::MAX),
            newer: Some(i64::MIN),
            owners: Some(vec![PeerId([1; 32]); 64]),
            at: Some(path.parse().unwrap()),
            file: Some(vec![1; 32]),
            known: Some(KnownCoverage { epoch: u64::MAX, number: u64::MAX }),
            ..search()
        };
        assert!(crate::codec::encode(&longest).len() <= limits::SEARCH_HEADER);
    }
}
