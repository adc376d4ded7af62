//! The index: what all owners share, so that it is found by words of its path. Pure.
//! The thread that has it is in shell.rs.
//!
//! An owner is in the index wholly or not at all. Its files are rows; folders, and files whose content is not known
//! yet, are none. There are no inverted lists: rows are packed (`segment.rs`), and a search reads all of them
//! (`scan.rs`), which is fast enough, whatever is looked for. docs/INDEX.md has the measurements.

pub(crate) mod answer;
mod best;
mod contents;
mod file_type;
mod fold;
mod found;
mod host;
mod judge;
mod limits;
mod matching;
mod number_set;
mod owner;
mod path_bloom;
mod place_filter;
mod query;
pub(crate) mod remote;
mod scan;
mod search;
mod segment;
pub(crate) mod shell;

use std::collections::{BTreeMap, BTreeSet};

use self::contents::{ContentNumber, Contents, OwnerNumber};
pub use self::file_type::{FileType, ParseFileTypeError};
pub use self::fold::fold;
pub use self::found::{Found, Hit, Rank};
#[cfg(test)]
pub(crate) use self::host::IndexHost;
pub(crate) use self::host::{FoundFile, FoundFiles, IndexCommand, IndexEvent, IndexedFiles};
pub(crate) use self::judge::QueryJudge;
#[cfg(any(test, feature = "sim"))]
pub use self::limits::INDEX_MEMORY;
use self::owner::{FileLine, IndexedOwner};
pub use self::query::{FilePrefix, Query, QueryError, SearchWords};
pub use self::search::Search;
use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::address::Host;
use crate::content::{Entry, SafePath};
use crate::identity::PeerId;
use crate::time::Time;

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

/// What all owners share.
#[derive(Debug)]
pub struct Index {
    numbers: BTreeMap<PeerId, OwnerNumber>,
    /// Owners by their numbers. Numbers are given again.
    slots: Vec<Option<IndexedOwner>>,
    free: BTreeSet<OwnerNumber>,
    contents: Contents,
    /// Bytes of memory, of each owner one item.
    account: Account<PeerId, PeerId>,
    rows: u64,
    /// Rises with each change.
    changes: u64,
}

impl Index {
    /// An empty index that takes `limit` bytes of memory at most, and never more than 128 GiB. The seed is secret: whoever knows it can make
    /// the index slow.
    #[must_use]
    pub fn new(limit: u64, seed: u64) -> Self {
        let account = Account::new(limit.min(limits::INDEX), limits::INDEX_OF_HOST);
        Self {
            numbers: BTreeMap::new(),
            slots: Vec::new(),
            free: BTreeSet::new(),
            contents: Contents::new(seed),
            account,
            rows: 0,
            changes: 0,
        }
    }

    /// The owner lists these entries and no others. It is charged to the host that has these addresses. Returns
    /// the owners who had to yield: they are no longer in the index.
    ///
    /// # Errors
    /// [`NotIndexed::Full`]: the owner is not in the index, and what it listed before is not either.
    pub fn set<'a>(
        &mut self,
        now: Time,
        owner: PeerId,
        hosts: &[Host],
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Vec<PeerId>, NotIndexed> {
        self.remove(owner);
        let payer = Payer { host: AccountHost::of_peer(hosts), peer: owner };
        let number = self.free.pop_first().unwrap_or_else(|| {
            self.slots.push(None);
            // Invariant: each owner takes more than 32 bytes of an index, which has 2^37 at most.
            OwnerNumber::try_from(self.slots.len() - 1).unwrap_or_default()
        });
        self.numbers.insert(owner, number);
        self.slots[number as usize] = Some(IndexedOwner::new(owner));
        self.finish(now, payer, entries.into_iter())
    }

    /// The owner no longer lists some paths, and lists other entries, at new paths or at those that it has. Returns
    /// the owners who had to yield.
    ///
    /// # Errors
    /// [`NotIndexed`]: the owner is not in the index, and what it listed before is not either.
    pub fn apply<'a>(
        &mut self,
        now: Time,
        owner: PeerId,
        removed: impl IntoIterator<Item = &'a SafePath>,
        added: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Vec<PeerId>, NotIndexed> {
        let payer = self.account.payer(owner).ok_or(NotIndexed::Unknown)?;
        let number = *self.numbers.get(&owner).ok_or(NotIndexed::Unknown)?;
        let added: Vec<_> = added.into_iter().collect();
        let slot = self.slots[number as usize].as_mut().ok_or(NotIndexed::Unknown)?;
        for path in removed.into_iter().chain(added.iter().map(|entry| &entry.path)) {
            if let Some(content) = slot.take(path) {
                self.contents.remove(content, number);
                self.rows -= 1;
            }
        }
        self.finish(now, payer, added.into_iter())
    }

    /// Adds files to an owner that has a place, and charges it for all that it has.
    fn finish<'a>(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        added: impl Iterator<Item = &'a Entry>,
    ) -> Result<Vec<PeerId>, NotIndexed> {
        self.changes += 1;
        let owner = payer.peer;
        let charged = self.add(payer, added).map(|bytes| self.account.charge(now, payer, owner, bytes));
        let Some(Grant::Given(yielding)) = charged else {
            self.remove(owner);
            return Err(NotIndexed::Full);
        };
        for owner in &yielding {
            self.remove(*owner);
        }
        self.tidy();
        self.check();
        Ok(yielding)
    }

    /// Adds files to an owner that has a place. Returns the bytes that it takes then. `None`: they are too many, and
    /// none was added.
    fn add<'a>(&mut self, payer: Payer<PeerId>, added: impl Iterator<Item = &'a Entry>) -> Option<u64> {
        let number = *self.numbers.get(&payer.peer)?;
        let slot = self.slots[number as usize].as_mut()?;
        let most = self.account.available(payer).min(limits::OWNER.saturating_sub(slot.bytes()));
        let lines = FileLine::sorted(added, most)?;
        let mut segment = IndexedOwner::pack(&lines, most)?;
        segment.set_contents(|row, _| self.contents.add(lines[row].claim, number));
        self.rows += lines.len() as u64;
        slot.add(segment);
        Some(slot.bytes())
    }

    /// The owner lists nothing any more.
    pub fn remove(&mut self, owner: PeerId) {
        self.account.free(owner);
        let Some(number) = self.numbers.remove(&owner) else { return };
        self.changes += 1;
        if let Some(gone) = self.slots[number as usize].take() {
            self.rows -= gone.rows();
            for content in gone.contents() {
                self.contents.remove(content, number);
            }
        }
        self.free.insert(number);
        self.tidy();
    }

    /// Gives places of contents back that nobody lists, once they are many.
    fn tidy(&mut self) {
        if !self.contents.is_sparse() {
            return;
        }
        let numbers = self.contents.pack();
        for segment in self.slots.iter_mut().flatten().flat_map(|owner| &mut owner.segments) {
            segment.set_contents(|_, content| numbers[content as usize]);
        }
    }

    /// Who lists a content.
    fn holders_of(&self, content: ContentNumber) -> impl Iterator<Item = PeerId> {
        let owners = self.contents.owners(content);
        owners.filter_map(|number| self.slots[number as usize].as_ref().map(|owner| owner.peer))
    }

    /// The rows of an owner that is in the index.
    fn owner(&self, owner: PeerId) -> Option<&IndexedOwner> {
        self.slots[*self.numbers.get(&owner)? as usize].as_ref()
    }

    /// True if all that the owner listed last is in the index.
    #[must_use]
    pub fn has(&self, owner: PeerId) -> bool {
        self.numbers.contains_key(&owner)
    }

    /// How many owners there are.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub fn owners(&self) -> usize {
        self.numbers.len()
    }

    /// How many files they list together.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of memory that it takes, as they are charged.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.account.held()
    }

    /// The best `most` hits, found at once.
    #[must_use]
    pub fn search(&self, query: &Query, most: usize) -> Found {
        let mut search = Search::new(query.clone(), most);
        while !search.advance(self, usize::MAX) {}
        search.found(self)
    }

    /// In a debug build: what is charged is what is held.
    fn check(&self) {
        if cfg!(debug_assertions) {
            let owners = self.slots.iter().flatten();
            self.account.check("index", owners.map(|owner| (owner.peer, owner.bytes())));
        }
    }
}

#[cfg(test)]
mod tests;
