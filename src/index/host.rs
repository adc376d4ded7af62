//! The index as its thread hosts it (shell.rs): it is given what owners share and questions, and answers these. Pure.
//! What an owner shared before is compared with what it shares now, bucket by bucket, so that a change costs what it
//! changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::owner::path_key;
use super::{Hit, Index, Query};
use crate::address::Host;
use crate::content::{Catalogue, Entry, FileId, SafePath};
use crate::identity::PeerId;
use crate::time::Time;

/// What an owner shares, as far as it is to be found.
#[derive(Clone, Debug)]
pub(crate) struct IndexedFiles {
    pub(crate) owner: PeerId,
    /// Where it is: what it takes of the index is charged to this host.
    pub(crate) hosts: Vec<Host>,
    pub(crate) catalogue: Arc<Catalogue>,
    /// `Some`: of it these contents only.
    pub(crate) only: Option<Arc<BTreeSet<FileId>>>,
}

impl IndexedFiles {
    /// The files of one bucket, or of all.
    fn entries(&self, bucket: Option<u8>) -> impl Iterator<Item = &Entry> {
        let buckets = bucket.map_or(0..=u8::MAX, |bucket| bucket..=bucket);
        let all = buckets.flat_map(|bucket| self.catalogue.bucket(bucket).entries());
        all.filter(|entry| match (&self.only, entry.content()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(only), Some(file)) => only.contains(&file),
        })
    }

    /// The buckets in which this is something else than `before`.
    fn changed_buckets(&self, before: &Self) -> Vec<u8> {
        let digests = self.catalogue.digests().iter().zip(before.catalogue.digests());
        let is_same_filter = self.only == before.only;
        let changed =
            (0..=u8::MAX).zip(digests).filter(|(_, (now, before))| !is_same_filter || now != before);
        changed.map(|(bucket, _)| bucket).collect()
    }
}

/// What the host is told, and asked.
#[derive(Debug)]
pub(crate) enum IndexCommand {
    /// An owner shares this, and nothing else.
    Shares(IndexedFiles),
    /// Nothing of this owner is to be found any more.
    Gone(PeerId),
    /// What is there of this? Answered by [`IndexEvent::Found`].
    Search {
        /// The number of the question.
        number: u64,
        query: Query,
        /// Hits that are wanted, at most.
        most: usize,
    },
}

/// What the host answers, once to each command.
#[derive(Debug)]
pub(crate) enum IndexEvent {
    /// What an owner shares is taken over.
    Taken,
    /// What there is.
    Found {
        /// The number of the question.
        number: u64,
        found: FoundFiles,
    },
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct FoundFiles {
    /// The best ones, the best of all first.
    pub(crate) files: Vec<FoundFile>,
    /// Files beside these.
    pub(crate) more: u64,
    /// All owners whose files are not in the index, wanted or not, for there is no place for so many.
    pub(crate) unindexed: Vec<PeerId>,
}

/// A file that was found.
#[derive(Clone, Debug)]
pub(crate) struct FoundFile {
    pub(crate) hit: Hit,
    /// Somebody shares something else at the same path.
    pub(crate) is_ambiguous: bool,
}

/// The host.
#[derive(Debug)]
pub(crate) struct IndexHost {
    index: Index,
    /// All that there is, in the index or not.
    owners: BTreeMap<PeerId, IndexedFiles>,
}

impl IndexHost {
    /// One that takes `limit` bytes of memory at most, beside the catalogues that others have, too. The seed is
    /// secret.
    pub(crate) fn new(limit: u64, seed: u64) -> Self {
        Self { index: Index::new(limit, seed), owners: BTreeMap::new() }
    }

    /// Does what is wanted, and says what is asked.
    pub(crate) fn handle(&mut self, now: Time, command: IndexCommand) -> IndexEvent {
        match command {
            IndexCommand::Shares(files) => {
                self.set(now, files);
                IndexEvent::Taken
            }
            IndexCommand::Gone(owner) => {
                self.gone(now, owner);
                IndexEvent::Taken
            }
            IndexCommand::Search { number, query, most } => {
                IndexEvent::Found { number, found: self.search(&query, most) }
            }
        }
    }

    fn set(&mut self, now: Time, files: IndexedFiles) {
        let owner = files.owner;
        let before = self.owners.insert(owner, files);
        let Some(files) = self.owners.get(&owner) else { return };
        match before.filter(|before| self.index.has(owner) && before.hosts == files.hosts) {
            Some(before) => change(&mut self.index, now, &before, files),
            None => put(&mut self.index, now, files),
        }
    }

    fn gone(&mut self, now: Time, owner: PeerId) {
        if self.owners.remove(&owner).is_none() {
            return;
        }
        self.index.remove(owner);
        // Those that found no place may have one now.
        for files in self.owners.values() {
            if !self.index.has(files.owner) {
                put(&mut self.index, now, files);
            }
        }
    }

    fn search(&self, query: &Query, most: usize) -> FoundFiles {
        let found = self.index.search(query, most);
        let unindexed = self.owners.keys().filter(|owner| !self.index.has(**owner)).copied().collect();
        FoundFiles { files: self.marked(found.hits), more: found.more, unindexed }
    }

    /// Says of each hit whether something else lies at its path. Whoever has no such path, as far as its rows in the
    /// index tell, is not looked at: of a thousand owners and a hundred hits that makes some thousand lookups of a
    /// hundred thousand.
    fn marked(&self, hits: Vec<Hit>) -> Vec<FoundFile> {
        let keys: Vec<_> = hits.iter().map(|hit| path_key(&hit.path)).collect();
        let mut files: Vec<_> = hits.into_iter().map(|hit| FoundFile { hit, is_ambiguous: false }).collect();
        for owner in self.owners.values() {
            let indexed = self.index.owner(owner.owner);
            for (file, key) in files.iter_mut().zip(&keys) {
                if !file.is_ambiguous && indexed.is_none_or(|rows| rows.may_have(*key)) {
                    file.is_ambiguous = has_other(owner, file.hit.path.bucket(), &file.hit);
                }
            }
        }
        files
    }
}

/// Puts all that an owner shares into the index. If there is no place for it, a search says so.
fn put(index: &mut Index, now: Time, files: &IndexedFiles) {
    drop(index.set(now, files.owner, &files.hosts, files.entries(None)));
}

/// Brings an owner that is in the index up to date.
fn change(index: &mut Index, now: Time, before: &IndexedFiles, files: &IndexedFiles) {
    let (mut removed, mut added): (Vec<&SafePath>, Vec<&Entry>) = (Vec::new(), Vec::new());
    for bucket in files.changed_buckets(before) {
        let old: BTreeMap<&SafePath, &Entry> = before.entries(Some(bucket)).map(|e| (&e.path, e)).collect();
        let new: BTreeMap<&SafePath, &Entry> = files.entries(Some(bucket)).map(|e| (&e.path, e)).collect();
        removed.extend(old.keys().filter(|path| !new.contains_key(*path)));
        added.extend(
            new.iter().filter(|(path, entry)| old.get(*path) != Some(*entry)).map(|(_, entry)| *entry),
        );
    }
    if !removed.is_empty() || !added.is_empty() {
        drop(index.apply(now, files.owner, removed, added));
    }
}

/// True if something else than this hit lies at its path, which is of that bucket.
fn has_other(files: &IndexedFiles, bucket: u8, hit: &Hit) -> bool {
    let entries = files.catalogue.bucket(bucket).entries();
    let Ok(at) = entries.binary_search_by(|entry| entry.path.cmp(&hit.path)) else { return false };
    entries[at]
        .content()
        .is_some_and(|file| file != hit.file && files.only.as_ref().is_none_or(|only| only.contains(&file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::EntryKind;
    use crate::index::SearchWords;

    fn file(path: &str, n: u8) -> Entry {
        let kind = EntryKind::File { id: FileId([n; 32]), size: 9, modified: 0, executable: false, since: 0 };
        Entry { path: path.parse().unwrap(), kind }
    }

    fn owner(n: u8) -> PeerId {
        PeerId([n; 32])
    }

    fn shares(host: &mut IndexHost, n: u8, entries: &[Entry], only: Option<&[u8]>) {
        let only = only.map(|all| Arc::new(all.iter().map(|n| FileId([*n; 32])).collect()));
        let catalogue = Arc::new(Catalogue::of(entries.to_vec()));
        let files = IndexedFiles { owner: owner(n), hosts: Vec::new(), catalogue, only };
        assert!(matches!(host.handle(Time::ZERO, IndexCommand::Shares(files)), IndexEvent::Taken));
    }

    fn search(host: &mut IndexHost, word: &str) -> FoundFiles {
        let query = Query::of(SearchWords::new([word]).unwrap());
        let command = IndexCommand::Search { number: 7, query, most: 100 };
        let IndexEvent::Found { number: 7, found } = host.handle(Time::ZERO, command) else { panic!() };
        found
    }

    fn paths(host: &mut IndexHost, word: &str) -> Vec<String> {
        let mut paths: Vec<_> =
            search(host, word).files.iter().map(|f| f.hit.path.as_str().to_owned()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn what_is_shared_now_is_found_and_nothing_else() {
        let mut host = IndexHost::new(1 << 20, 1);
        shares(&mut host, 1, &[file("a/x", 1), file("b/x", 2)], None);
        shares(&mut host, 2, &[file("c/x", 3)], None);
        assert_eq!(paths(&mut host, "x"), ["a/x", "b/x", "c/x"]);
        shares(&mut host, 1, &[file("b/x", 4), file("d/x", 1)], None);
        assert_eq!(paths(&mut host, "x"), ["b/x", "c/x", "d/x"]);
        let b = search(&mut host, "b/").files;
        assert_eq!((b.len(), b[0].hit.file), (1, FileId([4; 32])));
        for gone in [2, 9, 1] {
            host.handle(Time::ZERO, IndexCommand::Gone(owner(gone)));
        }
        assert!(paths(&mut host, "x").is_empty());
    }

    #[test]
    fn of_those_who_are_away_only_what_is_kept_is_found() {
        let mut host = IndexHost::new(1 << 20, 1);
        let all = [file("a/x", 1), file("b/x", 2)];
        shares(&mut host, 1, &all, Some(&[1]));
        assert_eq!(paths(&mut host, "x"), ["a/x"]);
        shares(&mut host, 1, &all, Some(&[2]));
        assert_eq!(paths(&mut host, "x"), ["b/x"]);
        // It is back.
        shares(&mut host, 1, &all, None);
        assert_eq!(paths(&mut host, "x"), ["a/x", "b/x"]);
    }

    #[test]
    fn a_path_with_several_contents_is_marked() {
        let mut host = IndexHost::new(1 << 20, 1);
        shares(&mut host, 1, &[file("same", 1), file("other", 2)], None);
        shares(&mut host, 2, &[file("same", 3), file("other", 2)], None);
        let marked = |found: FoundFiles| found.files.iter().map(|f| f.is_ambiguous).collect::<Vec<_>>();
        assert_eq!(
            (marked(search(&mut host, "same")), marked(search(&mut host, "other"))),
            (vec![true; 2], vec![false])
        );
        // What nobody keeps is no choice.
        shares(&mut host, 2, &[file("same", 3)], Some(&[]));
        assert_eq!(marked(search(&mut host, "same")), [false]);
    }

    #[test]
    fn whoever_finds_no_place_is_named_and_gets_one_later() {
        let large: Vec<Entry> = (0..200_u8).map(|n| file(&format!("x{n}{}", "y".repeat(200)), n)).collect();
        let mut host = IndexHost::new(100_000, 1);
        shares(&mut host, 1, &large, None);
        shares(&mut host, 2, &large, None);
        let found = search(&mut host, "x");
        assert_eq!(found.unindexed.len(), 1);
        let placed = if found.unindexed == [owner(1)] { 2 } else { 1 };
        host.handle(Time::ZERO, IndexCommand::Gone(owner(placed)));
        let found = search(&mut host, "x");
        assert!(found.unindexed.is_empty() && found.files.len() as u64 + found.more == 200, "{found:?}");
    }
}
