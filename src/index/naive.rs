//! The index as a plain list that is looked through. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::NotIndexed;
use super::file_type::FileType;
use super::fold::fold;
use super::found::{Found, Hit, Holder, Rank};
use super::limits;
use super::query::Query;
use crate::accounts::{Account, AccountHost, Grant, Payer};
use crate::address::Host;
use crate::content::{Claim, Entry, EntryKind, FileId, SafePath};
use crate::identity::PeerId;
use crate::time::Time;

/// Memory of one file beside its path.
const ROW: u64 = 128;

/// What all owners share.
#[derive(Debug)]
pub struct Index {
    owners: BTreeMap<PeerId, BTreeMap<SafePath, EntryKind>>,
    account: Account<PeerId, PeerId>,
    changes: u64,
}

impl Index {
    /// An empty index that takes `limit` bytes of memory at most. The seed is secret: whoever knows it can make
    /// the index slow.
    #[must_use]
    pub fn new(limit: u64, seed: u64) -> Self {
        let _: u64 = seed;
        let account = Account::new(limit, limits::INDEX_OF_HOST);
        Self { owners: BTreeMap::new(), account, changes: 0 }
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
        let files = entries.into_iter().filter(|e| e.content().is_some());
        let files = files.map(|e| (e.path.clone(), e.kind.clone())).collect();
        self.put(now, Payer { host: AccountHost::of_peer(hosts), peer: owner }, files)
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
        let mut files = self.owners.get(&owner).cloned().unwrap_or_default();
        for path in removed {
            files.remove(path);
        }
        for entry in added {
            files.remove(&entry.path);
            if entry.content().is_some() {
                files.insert(entry.path.clone(), entry.kind.clone());
            }
        }
        self.put(now, payer, files)
    }

    fn put(
        &mut self,
        now: Time,
        payer: Payer<PeerId>,
        files: BTreeMap<SafePath, EntryKind>,
    ) -> Result<Vec<PeerId>, NotIndexed> {
        self.remove(payer.peer);
        let amount = files.keys().map(|path| ROW + path.as_str().len() as u64).sum();
        let Grant::Given(yielding) = self.account.charge(now, payer, payer.peer, amount) else {
            return Err(NotIndexed::Full);
        };
        for owner in &yielding {
            self.owners.remove(owner);
        }
        self.owners.insert(payer.peer, files);
        Ok(yielding)
    }

    /// The owner lists nothing any more.
    pub fn remove(&mut self, owner: PeerId) {
        self.changes += 1;
        self.owners.remove(&owner);
        self.account.free(owner);
    }

    /// Who lists content, whatever size they say it has, with a path of each and size.
    #[must_use]
    pub fn holders(&self, file: FileId) -> Vec<Holder> {
        let mut holders = BTreeMap::new();
        for (owner, files) in &self.owners {
            for (path, kind) in files {
                let EntryKind::File { id, size, .. } = *kind else { continue };
                if id == file {
                    let holder = || Holder { owner: *owner, path: path.clone(), size };
                    holders.entry((*owner, size)).or_insert_with(holder);
                }
            }
        }
        holders.into_values().collect()
    }

    /// True if all that the owner listed last is in the index.
    #[must_use]
    pub fn has(&self, owner: PeerId) -> bool {
        self.owners.contains_key(&owner)
    }

    /// How many owners there are.
    #[must_use]
    pub fn owners(&self) -> usize {
        self.owners.len()
    }

    /// How many files they list together.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.owners.values().map(|files| files.len() as u64).sum()
    }

    /// Bytes of memory that it takes.
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

    fn copies(&self, claim: Claim) -> BTreeSet<PeerId> {
        let has = |files: &BTreeMap<SafePath, EntryKind>| {
            let claims = files.values().filter_map(claim_of);
            claims.into_iter().any(|c| c == claim)
        };
        self.owners.iter().filter(|(_, files)| has(files)).map(|(owner, _)| *owner).collect()
    }
}

const fn claim_of(kind: &EntryKind) -> Option<Claim> {
    match *kind {
        EntryKind::File { id, size, .. } => Some((id, size)),
        EntryKind::Folder => None,
    }
}

/// How well a path answers; `None`: a word is missing.
fn rank(words: &[String], path: &SafePath) -> Option<Rank> {
    let path = fold(path.as_str());
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    let mut rank = Rank::default();
    for word in words {
        let found = |text: &str| text.contains(word.as_str());
        let in_name = found(&path[name_at..]);
        if !in_name && !found(&path) {
            return None;
        }
        rank.outside += u8::from(!in_name);
        let text = if in_name { &path[name_at..] } else { &path };
        rank.inside += u8::from(!begins(text, word));
    }
    Some(rank)
}

/// True if a word of the text begins with `word`.
fn begins(text: &str, word: &str) -> bool {
    let mut before = None;
    text.char_indices().any(|(at, c)| {
        let is_start = before.replace(c).is_none_or(|b: char| !b.is_alphanumeric());
        is_start && text[at..].starts_with(word)
    })
}

/// A search that is under way. It is advanced step by step, and may be looked at between the steps.
///
/// It finds what is in the index at one moment: when the index changed between two steps, it begins again. So
/// whoever hosts both lets changes wait while a search is under way, which takes less than a tenth of a second.
#[derive(Debug)]
pub struct Search {
    query: Query,
    most: usize,
    hits: Vec<Hit>,
    changes: Option<u64>,
}

impl Search {
    /// Of which the best `most` hits are wanted.
    #[must_use]
    pub const fn new(query: Query, most: usize) -> Self {
        Self { query, most, hits: Vec::new(), changes: None }
    }

    /// Goes on, and stops when some `budget` bytes of paths were looked at. True if nothing is left to look at.
    pub fn advance(&mut self, index: &Index, budget: usize) -> bool {
        let _: usize = budget;
        if self.changes.replace(index.changes) == Some(index.changes) {
            return true;
        }
        let mut best: BTreeMap<Claim, Hit> = BTreeMap::new();
        for (owner, files) in &index.owners {
            if self.query.owners.as_ref().is_some_and(|owners| !owners.contains(owner)) {
                continue;
            }
            for (path, kind) in files {
                let Some(hit) = self.hit(*owner, path, kind) else { continue };
                let key =
                    |h: &Hit| (h.rank, h.path.clone(), core::cmp::Reverse(h.modified), h.owners.clone());
                if best.get(&hit.claim()).is_none_or(|before| key(&hit) < key(before)) {
                    best.insert(hit.claim(), hit);
                }
            }
        }
        self.hits = best.into_values().collect();
        for hit in &mut self.hits {
            let all = index.copies(hit.claim());
            hit.copies = u32::try_from(all.len()).unwrap_or(u32::MAX);
            let first = hit.owners[0];
            let others = all.into_iter().filter(|owner| *owner != first);
            hit.owners.extend(others.take(limits::OWNERS_SHOWN - 1));
        }
        self.hits.sort_by_key(|h| (h.rank, core::cmp::Reverse(h.copies), h.path.clone(), h.claim()));
        true
    }

    fn hit(&self, owner: PeerId, path: &SafePath, kind: &EntryKind) -> Option<Hit> {
        let EntryKind::File { id, size, modified, .. } = *kind else { return None };
        let query = &self.query;
        let is_wanted = query.size.contains(&size) && query.newer.is_none_or(|newer| modified >= newer);
        let is_type = || {
            let file_type = FileType::of(fold(path.name()).as_bytes());
            query.types.is_empty() || file_type.is_some_and(|t| query.types.contains(&t))
        };
        let rank = rank(query.words.as_slice(), path).filter(|_| is_wanted && is_type())?;
        Some(Hit { path: path.clone(), size, file: id, modified, owners: vec![owner], copies: 1, rank })
    }

    /// What was found so far: when nothing is left to look at, that is all.
    #[must_use]
    pub fn found(&self, _: &Index) -> Found {
        let hits: Vec<_> = self.hits.iter().take(self.most).cloned().collect();
        Found { more: (self.hits.len() - hits.len()) as u64, hits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::SearchWords;

    fn file(path: &str, n: u8) -> Entry {
        let kind = EntryKind::File {
            id: FileId([n; 32]),
            size: u64::from(n),
            modified: i64::from(n),
            executable: false,
            since: 0,
        };
        Entry { path: path.parse().unwrap(), kind }
    }

    fn paths(index: &Index, words: &[&str]) -> Vec<String> {
        let query = Query::of(SearchWords::new(words.iter().copied()).unwrap());
        index.search(&query, 100).hits.iter().map(|h| h.path.as_str().to_owned()).collect()
    }

    #[test]
    fn what_answers_best_comes_first() {
        let mut index = Index::new(1 << 20, 1);
        let mut entries = vec![
            file("Music/bluebird.mp3", 1),
            file("Birds/x.txt", 2),
            file("a/Bird song.mp3", 3),
            file("a/bird.txt", 4),
            file("a/none.txt", 5),
        ];
        entries.push(Entry { path: "bird".parse().unwrap(), kind: EntryKind::Folder });
        index.set(Time::ZERO, PeerId([1; 32]), &[], &entries).unwrap();
        index.set(Time::ZERO, PeerId([2; 32]), &[], &[file("other/birds.txt", 4)]).unwrap();
        assert_eq!(
            paths(&index, &["bird"]),
            ["a/bird.txt", "a/Bird song.mp3", "Music/bluebird.mp3", "Birds/x.txt"]
        );
        assert_eq!(paths(&index, &["mp3", "A/B"]), ["a/Bird song.mp3"]);
        assert_eq!(index.holders(FileId([4; 32])).len(), 2);
        index.apply(Time::ZERO, PeerId([1; 32]), [&entries[3].path], &[]).unwrap();
        assert_eq!(paths(&index, &["bird", "txt"]), ["other/birds.txt", "Birds/x.txt"]);
    }
}
