//! Files that one peer wants to send to another one: asked at the sender's port, because every peer dials that. Pure.

use serde::{Deserialize, Serialize};

use super::registry::Body;
use crate::codec::DecodeError;
use crate::content::{FileId, SafePath};
use crate::wire::limits;

/// Offers files to the peer that is asked, page by page. Answer: [`OfferNoted`]. Whether they are wanted is said later,
/// by an [`OfferNews`] in the other direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferFiles {
    /// Number of the request.
    pub request: u64,
    /// The number of the offer among those of its sender, over all its starts; at least 1. Said once more because no
    /// answer came, or because its sender was started again, it is the same.
    pub number: u64,
    /// Files of the offer in all, 1 to [`limits::OFFER_FILES`] with its empty folders.
    pub files: u64,
    /// Empty folders in all.
    pub folders: u64,
    /// Bytes of the files in all.
    pub bytes: u64,
    /// How many files and folders stood on the pages before this one; the files come first.
    pub at: u64,
    /// Files of this page.
    pub page: Vec<OfferedFile>,
    /// Empty folders of this page.
    #[serde(default)]
    pub page_folders: Vec<SafePath>,
}

/// A file that is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedFile {
    /// Where it is to go, below what its receiver chooses.
    pub path: SafePath,
    /// Its content.
    pub id: FileId,
    /// Bytes.
    pub size: u64,
    /// Modification time, milliseconds since 1970.
    pub modified: i64,
    /// Whether it is a program.
    pub executable: bool,
}

/// Says what became of an offer. Answer: [`OfferNoted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferNews {
    /// Number of the request.
    pub request: u64,
    /// The number that the offer has at its sender.
    pub number: u64,
    /// What.
    pub news: OfferWord,
}

/// What became of an offer. All but [`OfferWord::Withdrawn`] is said by whoever it was made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum OfferWord {
    /// The files are fetched from now on.
    Accepted,
    /// They are not wanted.
    Rejected,
    /// There is no place for one more offer now.
    Full,
    /// Its first pages are not known there: it is to be offered from its beginning.
    Lost,
    /// All files came.
    Done,
    /// Not all of them came, and no more will be fetched.
    Stopped,
    /// Nobody decided in time.
    Expired,
    /// Said by the sender of the offer: it is taken back.
    Withdrawn,
    /// A word of a later version.
    Other,
}
grows!(OfferWord);

/// It came, now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferNoted {
    /// The request.
    pub request: u64,
}

impl Body for OfferFiles {
    fn check(&self) -> Result<(), DecodeError> {
        let total = self.files.saturating_add(self.folders);
        let here = (self.page.len() + self.page_folders.len()) as u64;
        if self.number == 0 {
            return Err(DecodeError::Value("offer 0"));
        }
        if total == 0 || total > limits::OFFER_FILES {
            return Err(DecodeError::Value("an offer of nothing or of too many files"));
        }
        if here == 0 || self.at.checked_add(here).is_none_or(|end| end > total) {
            return Err(DecodeError::Value("a page of an offer that is not part of it"));
        }
        if self.page.iter().any(|file| file.size > limits::FILE) {
            return Err(DecodeError::Value("a file is too large"));
        }
        Ok(())
    }
}

impl Body for OfferNews {
    fn check(&self) -> Result<(), DecodeError> {
        if self.number == 0 { Err(DecodeError::Value("offer 0")) } else { Ok(()) }
    }
}

says_all!(OfferNoted);

#[cfg(test)]
mod tests {
    use super::*;

    fn page(files: u64, at: u64, here: usize) -> OfferFiles {
        let file = OfferedFile {
            path: "a".parse().unwrap(),
            id: FileId([1; 32]),
            size: 1,
            modified: 0,
            executable: false,
        };
        let page = vec![file; here];
        OfferFiles {
            request: 1,
            number: 1,
            files,
            folders: 0,
            bytes: files,
            at,
            page,
            page_folders: Vec::new(),
        }
    }

    #[test]
    fn a_page_lies_in_its_offer() {
        let most = limits::OFFER_FILES;
        for (offer, is_right) in [
            (page(1, 0, 1), true),
            (page(most, most - 1, 1), true),
            (page(most + 1, 0, 1), false),
            (page(0, 0, 0), false),
            (page(2, 0, 0), false),
            (page(2, 1, 2), false),
            (page(2, u64::MAX, 1), false),
            (OfferFiles { number: 0, ..page(1, 0, 1) }, false),
            (OfferFiles { folders: u64::MAX, ..page(1, 0, 1) }, false),
        ] {
            assert_eq!(offer.check().is_ok(), is_right, "{offer:?}");
        }
        let mut large = page(1, 0, 1);
        large.page[0].size = u64::MAX;
        assert!(large.check().is_err());
        assert!(OfferNews { request: 1, number: 0, news: OfferWord::Done }.check().is_err());
    }
}
