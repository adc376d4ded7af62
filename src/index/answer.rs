//! What a keeper of the index is asked by another peer, what it answers, and how far it knows. Pure.
//!
//! A keeper's answer is as complete as its coverage list: of whom it knows what they share, up to which catalogue.
//! Whoever asks keeps that list by what changed of it, and asks those that are missing in it, or share something newer,
//! itself.

use super::Query;
use super::host::FoundFile;
use crate::content::HeadNumber;
use crate::identity::PeerId;

/// What a keeper is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexQuestion {
    /// What is looked for. It names at most [`limits::SEARCH_OWNERS`](crate::limits::SEARCH_OWNERS) owners.
    pub(crate) query: Query,
    /// Hits that are wanted, at most [`limits::SEARCH_HITS`](crate::limits::SEARCH_HITS).
    pub(crate) most: usize,
}

/// A state of a keeper's coverage list. Numbers of different epochs are not to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CoverageVersion {
    /// By chance, of each start of a keeper.
    pub(crate) epoch: u64,
    /// Rises with each change.
    pub(crate) number: u64,
}

/// How far a keeper knows what an owner shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CoveredOwner {
    pub(crate) owner: PeerId,
    /// The catalogue that is in the index; `None`: it is not covered any more.
    pub(crate) head: Option<HeadNumber>,
}

/// From the coverage list that the asker has to that of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoverageChange {
    /// That of the answer.
    pub(crate) version: CoverageVersion,
    /// `owners` are all that there are; else what changed since the version that the asker has.
    pub(crate) is_whole: bool,
    pub(crate) owners: Vec<CoveredOwner>,
}

/// A keeper's answer to a search.
#[derive(Clone, Debug)]
pub(crate) struct IndexAnswer {
    /// Of whom it knows what they share: those whose files found no place in its index are not among them.
    pub(crate) coverage: CoverageChange,
    /// The best ones, the best of all first.
    pub(crate) files: Vec<FoundFile>,
    /// Files beside these.
    pub(crate) more: u64,
}
