//! What content the rows of all owners have, each content once, with who lists it. Pure.
//!
//! So a search counts a file once however many list it, and knows at once how many that are. Ids are claims of
//! strangers, who can make them alike: the table is hashed with a secret.

use core::hash::Hasher as _;
use std::hash::DefaultHasher;

use hashbrown::HashTable;

use super::limits;
use crate::content::{Claim, FileId};
use crate::vec_map::VecMap;

/// Place of an owner in the index.
pub(super) type OwnerNumber = u32;

/// Place of content in the table. It stays until the table is packed.
pub(super) type ContentNumber = u32;

/// So many owners of a content, or more.
const MANY: u8 = u8::MAX;

/// Rows of which owners have a content.
#[derive(Debug)]
enum ContentOwners {
    /// None: the place is free.
    Nobody,
    /// Most files are one owner's.
    One {
        owner: OwnerNumber,
        rows: u32,
    },
    Many(Box<VecMap<OwnerNumber, u32>>),
}

#[derive(Debug)]
struct Content {
    file: FileId,
    size: u64,
    owners: ContentOwners,
}

/// All contents of an index.
#[derive(Debug)]
pub(super) struct Contents {
    seed: u64,
    table: HashTable<ContentNumber>,
    all: Vec<Content>,
    /// How many owners each of them has, or [`MANY`]. A search asks that of each hit, and here it is near.
    copies: Vec<u8>,
    free: Vec<ContentNumber>,
}

fn hash(seed: u64, file: &FileId) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    hasher.write(&file.0);
    hasher.finish()
}

impl Contents {
    /// Bytes of memory that a row takes here, at most.
    pub(super) const ROW: u64 = 96;

    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, table: HashTable::new(), all: Vec::new(), copies: Vec::new(), free: Vec::new() }
    }

    /// One more row of this owner has this content.
    ///
    /// # Panics
    /// Never: [`limits::INDEX`] is full before there are as many contents as numbers.
    pub(super) fn add(&mut self, claim: Claim, owner: OwnerNumber) -> ContentNumber {
        let (file, size) = claim;
        let hashed = hash(self.seed, &file);
        let same = |number: &ContentNumber| {
            let content = &self.all[*number as usize];
            content.file == file && content.size == size
        };
        if let Some(number) = self.table.find(hashed, same) {
            let content = &mut self.all[*number as usize];
            content.owners.add(owner);
            self.copies[*number as usize] = content.owners.near();
            return *number;
        }
        let content = Content { file, size, owners: ContentOwners::One { owner, rows: 1 } };
        let number = if let Some(number) = self.free.pop() {
            self.all[number as usize] = content;
            self.copies[number as usize] = 1;
            number
        } else {
            let number = ContentNumber::try_from(self.all.len()).expect("the index is full before");
            if self.all.len() == self.all.capacity() {
                // Not twice as much, as a vector grows by itself: that is most of the memory of a large index.
                self.all.reserve_exact(self.all.len() / 8 + 64);
                self.copies.reserve_exact(self.all.len() / 8 + 64);
            }
            self.all.push(content);
            self.copies.push(1);
            number
        };
        let (seed, all) = (self.seed, &self.all);
        self.table.insert_unique(hashed, number, |n| hash(seed, &all[*n as usize].file));
        number
    }

    /// A row of this owner with this content is gone.
    pub(super) fn remove(&mut self, number: ContentNumber, owner: OwnerNumber) {
        let content = &mut self.all[number as usize];
        content.owners.remove(owner);
        self.copies[number as usize] = content.owners.near();
        if matches!(content.owners, ContentOwners::Nobody) {
            let hashed = hash(self.seed, &content.file);
            if let Ok(entry) = self.table.find_entry(hashed, |n| *n == number) {
                entry.remove();
            }
            self.free.push(number);
        }
    }

    pub(super) fn claim(&self, number: ContentNumber) -> Claim {
        let content = &self.all[number as usize];
        (content.file, content.size)
    }

    pub(super) fn size(&self, number: ContentNumber) -> u64 {
        self.all[number as usize].size
    }

    /// How many owners list it.
    #[inline]
    pub(super) fn copies(&self, number: ContentNumber) -> u32 {
        match self.copies[number as usize] {
            MANY => self.all[number as usize].owners.len(),
            few => few.into(),
        }
    }

    /// Who lists it, in the order of their numbers.
    pub(super) fn owners(&self, number: ContentNumber) -> impl Iterator<Item = OwnerNumber> {
        let (one, many) = match &self.all[number as usize].owners {
            ContentOwners::Nobody => (None, None),
            ContentOwners::One { owner, .. } => (Some(*owner), None),
            ContentOwners::Many(all) => (None, Some(all.keys().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// All contents with this id, of whatever size.
    #[cfg(test)]
    pub(super) fn with_id(&self, file: FileId) -> impl Iterator<Item = ContentNumber> {
        let numbers = self.table.iter_hash(hash(self.seed, &file)).copied();
        numbers.filter(move |number| self.all[*number as usize].file == file)
    }

    /// True if so many places are free that it is worth to pack the others.
    pub(super) fn is_sparse(&self) -> bool {
        self.free.len() > limits::FREE_CONTENTS && self.free.len() > self.all.len() / 4
    }

    /// Packs the places that are taken. Returns the new number of each old one; those that were free have none that
    /// means anything.
    pub(super) fn pack(&mut self) -> Vec<ContentNumber> {
        let mut numbers = Vec::with_capacity(self.all.len());
        let mut next: ContentNumber = 0;
        for content in &self.all {
            numbers.push(next);
            next += ContentNumber::from(!matches!(content.owners, ContentOwners::Nobody));
        }
        self.all.retain(|content| !matches!(content.owners, ContentOwners::Nobody));
        self.all.shrink_to_fit();
        self.copies = self.all.iter().map(|content| content.owners.near()).collect();
        self.free = Vec::new();
        let (seed, all) = (self.seed, &self.all);
        self.table = HashTable::with_capacity(all.len());
        for (number, content) in (0..).zip(all) {
            let rehash = |n: &ContentNumber| hash(seed, &all[*n as usize].file);
            self.table.insert_unique(hash(seed, &content.file), number, rehash);
        }
        numbers
    }
}

impl ContentOwners {
    fn len(&self) -> u32 {
        match self {
            Self::Nobody => 0,
            Self::One { .. } => 1,
            Self::Many(all) => u32::try_from(all.len()).unwrap_or(u32::MAX),
        }
    }

    /// How many they are, or [`MANY`].
    fn near(&self) -> u8 {
        u8::try_from(self.len()).unwrap_or(MANY)
    }

    fn add(&mut self, owner: OwnerNumber) {
        match self {
            Self::Nobody => *self = Self::One { owner, rows: 1 },
            Self::One { owner: one, rows } if *one == owner => *rows += 1,
            Self::One { owner: one, rows } => {
                let mut all = VecMap::new();
                all.insert(*one, *rows);
                all.insert(owner, 1);
                *self = Self::Many(Box::new(all));
            }
            Self::Many(all) => {
                let rows = all.get(&owner).map_or(1, |rows| rows + 1);
                all.insert(owner, rows);
            }
        }
    }

    fn remove(&mut self, owner: OwnerNumber) {
        match self {
            Self::One { owner: one, rows } if *one == owner => {
                *rows -= 1;
                if *rows == 0 {
                    *self = Self::Nobody;
                }
            }
            Self::Many(all) => {
                if let Some(rows) = all.get_mut(&owner) {
                    *rows -= 1;
                    if *rows == 0 {
                        all.remove(&owner);
                    }
                }
                let left = all.iter().next().map(|(owner, rows)| (*owner, *rows));
                if let (1, Some((owner, rows))) = (all.len(), left) {
                    *self = Self::One { owner, rows };
                }
            }
            // Invariant: a row is removed once, by the owner for whom it was added.
            Self::Nobody | Self::One { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(n: u8) -> Claim {
        (FileId([n; 32]), n.into())
    }

    fn owners(contents: &Contents, number: ContentNumber) -> Vec<OwnerNumber> {
        let all: Vec<_> = contents.owners(number).collect();
        assert_eq!(all.len(), contents.copies(number) as usize);
        all
    }

    #[test]
    fn an_owner_counts_once_however_often_it_lists_a_content() {
        let mut contents = Contents::new(7);
        let number = contents.add(claim(1), 4);
        assert_eq!(contents.add(claim(1), 4), number);
        assert_eq!(owners(&contents, number), [4]);
        for owner in [9, 2, 9] {
            assert_eq!(contents.add(claim(1), owner), number);
        }
        assert_eq!(owners(&contents, number), [2, 4, 9]);
        contents.remove(number, 9);
        contents.remove(number, 2);
        assert_eq!(owners(&contents, number), [4, 9]);
        contents.remove(number, 9);
        contents.remove(number, 4);
        assert_eq!(owners(&contents, number), [4]);
        contents.remove(number, 4);
        assert_eq!(contents.with_id(FileId([1; 32])).count(), 0);
        // Its place is taken again, and another size is another content.
        assert_eq!(contents.add((FileId([1; 32]), 5), 1), number);
        assert_ne!(contents.add((FileId([1; 32]), 6), 1), number);
        assert_eq!(contents.with_id(FileId([1; 32])).count(), 2);
    }

    #[test]
    fn more_owners_are_counted_than_a_byte_holds() {
        let mut contents = Contents::new(7);
        let number = contents.add(claim(1), 0);
        for owner in 1..300 {
            contents.add(claim(1), owner);
            assert_eq!(contents.copies(number), owner + 1);
        }
        contents.pack();
        for owner in (0..299).rev() {
            contents.remove(number, owner);
            assert_eq!(contents.copies(number), owner + 1);
        }
    }

    #[test]
    fn places_that_are_free_are_packed() {
        let mut contents = Contents::new(7);
        let claim = |n: u32| (FileId(*blake3::hash(&n.to_le_bytes()).as_bytes()), u64::from(n));
        let count = u32::try_from(4 * limits::FREE_CONTENTS).unwrap();
        let numbers: Vec<_> = (0..count).map(|n| contents.add(claim(n), 1)).collect();
        let is_gone = |n: u32| n.is_multiple_of(3);
        for n in (0..count).filter(|n| is_gone(*n)) {
            assert!(!contents.is_sparse() || n > count / 3);
            contents.remove(numbers[n as usize], 1);
        }
        assert!(contents.is_sparse());
        let packed = contents.pack();
        assert!(!contents.is_sparse());
        assert_eq!(contents.all.len(), (0..count).filter(|n| !is_gone(*n)).count());
        for n in 0..count {
            let found: Vec<_> = contents.with_id(claim(n).0).collect();
            let new = packed[numbers[n as usize] as usize];
            assert_eq!(found, if is_gone(n) { vec![] } else { vec![new] }, "{n}");
            assert!(is_gone(n) || contents.claim(new) == claim(n));
        }
    }
}
