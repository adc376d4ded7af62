//! The best hits of a search, of all that were offered. Pure.

use core::cmp::{Ordering, Reverse};

use super::contents::ContentNumber;
use super::found::Rank;
use crate::identity::PeerId;

/// A row that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RankedRow {
    pub(super) rank: Rank,
    pub(super) copies: u32,
    pub(super) path: String,
    pub(super) modified: i64,
    pub(super) owner: PeerId,
    pub(super) content: ContentNumber,
}

impl RankedRow {
    /// The less, the better. Of one content at one path the newest row is shown.
    fn order(&self) -> (Rank, Reverse<u32>, &str, Reverse<i64>, PeerId) {
        (self.rank, Reverse(self.copies), &self.path, Reverse(self.modified), self.owner)
    }
}

/// The best candidates in their order, one of each content.
#[derive(Debug)]
pub(super) struct Best {
    most: usize,
    all: Vec<RankedRow>,
}

impl Best {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, all: Vec::new() }
    }

    pub(super) const fn most(&self) -> usize {
        self.most
    }

    pub(super) fn as_slice(&self) -> &[RankedRow] {
        &self.all
    }

    /// How a row of this rank and number of copies stands to the worst of the best: `Less` can be among them, `Greater`
    /// cannot, and of `Equal` the path decides.
    #[inline]
    pub(super) fn standing(&self, rank: Rank, copies: u32) -> Ordering {
        let Some(worst) = self.all.last().filter(|_| self.all.len() >= self.most) else {
            return if self.most > 0 { Ordering::Less } else { Ordering::Greater };
        };
        (rank, Reverse(copies)).cmp(&(worst.rank, Reverse(worst.copies)))
    }

    /// False if no row in this folder can be among the best that stands equal to the worst of them, whatever its name.
    /// The folder ends with a slash, unless it is that at the top.
    pub(super) fn may_take(&self, folder: &str) -> bool {
        let Some(worst) = self.all.last() else { return true };
        let common = folder.len().min(worst.path.len());
        folder.as_bytes()[..common] <= worst.path.as_bytes()[..common]
    }

    /// Takes a candidate if it is among the best.
    pub(super) fn offer(&mut self, candidate: RankedRow) {
        let at = self.all.partition_point(|c| c.order() <= candidate.order());
        if at >= self.most {
            return;
        }
        if let Some(same) = self.all.iter().position(|c| c.content == candidate.content) {
            if same < at {
                return;
            }
            self.all.remove(same);
        }
        self.all.insert(at, candidate);
        self.all.truncate(self.most);
    }
}
