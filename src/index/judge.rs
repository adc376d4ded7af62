//! Whether a file that somebody else found answers a query, and how well. Pure. It is judged as a row of the index
//! itself is (`search.rs`), so that what others say of their hits need not be believed.

use super::file_type::TypeFilter;
use super::fold::fold;
use super::found::{Hit, Rank};
use super::matching::Matcher;
use super::place_filter::is_at;
use super::query::Query;
use crate::content::path::composed;

/// A query, ready to be compared with hits.
#[derive(Debug)]
pub(crate) struct QueryJudge {
    query: Query,
    matcher: Matcher,
    types: TypeFilter,
    /// The path at or below which files are looked for, composed.
    at: Option<String>,
}

impl QueryJudge {
    /// Of this query.
    pub(crate) fn new(query: Query) -> Self {
        let (matcher, types) = (Matcher::new(&query.words, None), TypeFilter::new(&query.types));
        let at = query.at.as_ref().map(|at| composed(at.as_str()));
        Self { query, matcher, types, at }
    }

    /// The query.
    pub(crate) const fn query(&self) -> &Query {
        &self.query
    }

    /// How well a hit answers; `None`: it does not. Whose file it is is not asked.
    pub(crate) fn rank(&self, hit: &Hit) -> Option<Rank> {
        let is_newer = self.query.newer.is_none_or(|newer| hit.modified >= newer);
        if !is_newer || !self.query.size.contains(&hit.size) {
            return None;
        }
        let is_there = |at: &String| is_at(&composed(hit.path.as_str()), at);
        if !self.query.file.as_ref().is_none_or(|file| file.is_of(hit.file))
            || !self.at.as_ref().is_none_or(is_there)
        {
            return None;
        }
        let (folder, name) = hit.path.as_str().rsplit_once('/').unwrap_or(("", hit.path.as_str()));
        let (folder, name) = (fold(folder), fold(name));
        let (folder, name) = (folder.as_bytes(), name.as_bytes());
        if !self.types.allows(name) {
            return None;
        }
        let known = self.matcher.folder(folder);
        self.matcher.name(known, folder, name, false)?;
        Some(self.matcher.rank(known, folder, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Catalogue, Entry, EntryKind, FileId};
    use crate::identity::PeerId;
    use crate::index::{FilePrefix, FileType, Index, SearchWords};
    use crate::time::Time;

    #[test]
    fn hits_of_an_index_are_judged_as_it_judged_them_itself() {
        let paths =
            ["Blue/moon.mp3", "blue moon.MP3", "moonlight/Ünï blue.txt", "a/red.mp3", "x/blue/y moon.ogg"];
        let entry = |(n, path): (u8, &&str)| Entry {
            path: path.parse().unwrap(),
            kind: EntryKind::File {
                id: FileId([n; 32]),
                size: u64::from(n) * 100,
                modified: i64::from(n),
                executable: false,
                since: 0,
            },
        };
        let catalogue = Catalogue::of((1..).zip(&paths).map(entry));
        let mut index = Index::new(1 << 20, 1);
        index.set(Time::ZERO, PeerId([1; 32]), &[], catalogue.entries()).unwrap();
        let all = Query::of(SearchWords::default());
        let everything = index.search(&all, 10).hits;
        assert_eq!(everything.len(), paths.len());
        let words = |words: &[&str]| SearchWords::new(words.iter().copied()).unwrap();
        for query in [
            Query::of(words(&["moon"])),
            Query::of(words(&["blue", "moon"])),
            Query::of(words(&["uni"])),
            Query::of(words(&["blue/m"])),
            Query { types: [FileType::Audio].into(), ..all.clone() },
            Query { size: 200..=300, ..all.clone() },
            Query { newer: Some(4), ..all.clone() },
            Query { at: Some("Blue".parse().unwrap()), ..all.clone() },
            Query { at: Some("a/red.mp3".parse().unwrap()), ..all.clone() },
            Query { file: FilePrefix::new(vec![3, 3]), ..all },
        ] {
            let found = index.search(&query, 10).hits;
            assert!(!found.is_empty(), "{query:?}");
            let judge = QueryJudge::new(query);
            for hit in &everything {
                let rank = found.iter().find(|f| f.path == hit.path).map(|f| f.rank);
                assert_eq!(judge.rank(hit), rank, "{:?}: {}", judge.query(), hit.path);
            }
        }
    }
}
