//! What a request needs of what others share: all of it, or what some words mean. In a large network those are asked that
//! keep the index, and the catalogues of whom they name are pulled: what follows is found in those, which their owners
//! signed. Pure.

use std::collections::BTreeSet;

use super::search::begin as begin_search;
use super::{Command, catalogues_until};
use crate::content::{SafePath, path};
use crate::control::file_word::{self, FileWord};
use crate::identity::PeerId;
use crate::index::{FilePrefix, Query, SearchWords};
use crate::peer::event::AskId;
use crate::peer::limits;
use crate::peer::machine::PeerMachine;
use crate::peer::owners::Owners;
use crate::peer::resolve::{file_digits, mentioned};
use crate::peer::search::{NamedFile, SearchGoal, SearchOrder};
use crate::time::Time;

/// What a request needs in a large network of what others share. In a small one all is known.
#[derive(Debug)]
pub(super) enum NeededCatalogues {
    /// All of it.
    All,
    /// What these share.
    Of(BTreeSet<PeerId>),
    /// Whatever these words mean as paths or ids.
    Named(NeededWords),
    /// Paths that begin so.
    Beginning(String),
}

/// Words that name files.
#[derive(Debug)]
pub(super) struct NeededWords {
    pub(super) words: Vec<String>,
    /// All who share it are wanted, however many they are.
    pub(super) is_everyone: bool,
}

/// What a request that waits is still to be told by others.
#[derive(Debug)]
pub(super) enum Lookup {
    /// Whatever was asked for when it came.
    Pulled,
    /// Who shares what it names.
    Owners { needed: NeededWords, open: usize, files: Vec<NamedFile> },
    /// What is called alike, for nobody shares that.
    Alike { open: usize, files: Vec<NamedFile> },
    /// What these share.
    Of(BTreeSet<PeerId>),
    /// What lies there was found.
    Paths(Vec<SafePath>),
}

impl Lookup {
    /// The paths that were found.
    pub(super) fn into_paths(self) -> Vec<SafePath> {
        if let Self::Paths(paths) = self { paths } else { Vec::new() }
    }

    /// True while keepers of the index are asked.
    pub(super) const fn is_asking(&self) -> bool {
        matches!(self, Self::Owners { .. } | Self::Alike { .. })
    }
}

/// Asks for what a request needs.
pub(super) fn begin(now: Time, ask: AskId, command: &dyn Command, peer: &mut PeerMachine) -> Lookup {
    if !peer.presence.asks_keepers() {
        peer.presence.pull(now, &mut peer.out);
        return Lookup::Pulled;
    }
    match command.needed_catalogues(&peer.presence.roster) {
        NeededCatalogues::Of(owners) => {
            peer.presence.pull_of(now, &owners, &mut peer.out);
            Lookup::Of(owners)
        }
        NeededCatalogues::Named(needed) if needed.words.len() <= limits::NAMED_WORDS => {
            let queries: Vec<_> = needed.words.iter().flat_map(|word| queries(word)).collect();
            let open = search(now, ask, SearchGoal::Owners, queries, peer);
            // Of what cannot be meant nothing need be known.
            if open == 0 { Lookup::Pulled } else { Lookup::Owners { needed, open, files: Vec::new() } }
        }
        NeededCatalogues::Beginning(prefix) => {
            let open = search(now, ask, SearchGoal::Paths, beginning(&prefix), peer);
            if open == 0 { Lookup::Pulled } else { Lookup::Alike { open, files: Vec::new() } }
        }
        NeededCatalogues::All | NeededCatalogues::Named(_) => {
            peer.presence.pull(now, &mut peer.out);
            Lookup::Pulled
        }
    }
}

/// Begins these searches for a request; how many they are.
fn search(
    now: Time,
    ask: AskId,
    goal: SearchGoal,
    queries: impl IntoIterator<Item = Query>,
    peer: &mut PeerMachine,
) -> usize {
    let mut begun = 0;
    for query in queries {
        let order = SearchOrder { ask, query, owners: Owners::Anyone, until: now + goal.longest(), goal };
        begin_search(now, order, peer);
        begun += 1;
    }
    begun
}

/// A search of a request is over.
pub(super) fn search_ended(now: Time, ask: AskId, found: Vec<NamedFile>, peer: &mut PeerMachine) {
    let deferred = peer.requests.deferred.iter_mut().find(|deferred| deferred.ask == ask);
    // Whoever asked may have been answered, because this peer leaves.
    let Some(deferred) = deferred else { return };
    let (Lookup::Owners { open, files, .. } | Lookup::Alike { open, files }) = &mut deferred.lookup else {
        return;
    };
    files.extend(found);
    *open -= 1;
    if *open > 0 {
        return;
    }
    let lookup = std::mem::replace(&mut deferred.lookup, Lookup::Pulled);
    let (lookup, until) = match lookup {
        Lookup::Owners { needed, files, .. } => owners_found(now, ask, &needed, &files, peer),
        Lookup::Alike { files, .. } => {
            (Lookup::Paths(files.into_iter().map(|file| file.path).collect()), now)
        }
        other => (other, now),
    };
    if let Some(deferred) = peer.requests.deferred.iter_mut().find(|deferred| deferred.ask == ask) {
        (deferred.lookup, deferred.until) = (lookup, until);
    }
}

/// It is known who shares what a request names: their catalogues are pulled. If that is nobody, it is asked what is
/// called alike.
fn owners_found(
    now: Time,
    ask: AskId,
    needed: &NeededWords,
    files: &[NamedFile],
    peer: &mut PeerMachine,
) -> (Lookup, Time) {
    // What is known of an owner may be old.
    let known = mentioned(&needed.words, &peer.presence.roster);
    if files.is_empty() && known.is_empty() {
        let alike: Vec<_> = needed.words.iter().flat_map(|word| alike(word)).collect();
        let open = search(now, ask, SearchGoal::Owners, alike, peer);
        if open > 0 {
            let until = now + SearchGoal::Owners.longest();
            return (Lookup::Alike { open, files: Vec::new() }, until);
        }
    }
    let is_more = |file: &NamedFile| file.copies as usize > file.owners.len();
    if needed.is_everyone && files.iter().any(is_more) {
        peer.presence.pull(now, &mut peer.out);
        return (Lookup::Pulled, catalogues_until(now, peer));
    }
    let owners: BTreeSet<PeerId> = best_owners(files).into_iter().chain(known).collect();
    peer.presence.pull_of(now, &owners, &mut peer.out);
    let until = peer.presence.waits_for(now, &owners).unwrap_or(now);
    (Lookup::Of(owners), until)
}

/// Those who share these files, as many as catalogues are pulled of: first those who list them where they were found.
fn best_owners(files: &[NamedFile]) -> BTreeSet<PeerId> {
    let first = files.iter().filter_map(|file| file.owners.first());
    let others = files.iter().flat_map(|file| file.owners.iter().skip(1));
    let mut owners = BTreeSet::new();
    for owner in first.chain(others) {
        if owners.len() >= limits::NAMED_OWNERS {
            break;
        }
        owners.insert(*owner);
    }
    owners
}

/// What lies anywhere.
fn anywhere() -> Query {
    Query {
        words: SearchWords::default(),
        types: BTreeSet::new(),
        size: 0..=u64::MAX,
        newer: None,
        owners: None,
        at: None,
        file: None,
    }
}

/// What finds a file or folder that a word means: the word as it is read, and as it stands.
fn queries(word: &str) -> Vec<Query> {
    let path = match FileWord::of(word) {
        FileWord::Id(digits) => {
            let file = file_digits(digits).and_then(|digits| beginning_of_id(&digits));
            return file.map(|file| Query { file: Some(file), ..anywhere() }).into_iter().collect();
        }
        FileWord::Path(path) => path,
    };
    let read = path.strip_suffix('/').unwrap_or(&path);
    let paths = [read, file_word::literal(word)].into_iter().filter_map(|path| path.parse().ok());
    let paths: BTreeSet<SafePath> = paths.collect();
    paths.into_iter().map(|at| Query { at: Some(at), ..anywhere() }).collect()
}

/// The whole bytes of what an id begins with.
fn beginning_of_id(digits: &str) -> Option<FilePrefix> {
    let pairs = digits.as_bytes().chunks_exact(2).map(|pair| {
        let pair = core::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    FilePrefix::new(pairs.collect::<Option<_>>()?)
}

/// What may be called alike: a word in which one letter is wrong has a half that is right.
fn alike(word: &str) -> Vec<Query> {
    let FileWord::Path(path) = FileWord::of(word) else { return Vec::new() };
    let Ok(path) = path.trim_end_matches('/').parse::<SafePath>() else { return Vec::new() };
    let name = path::fold(path.name());
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let letters: Vec<char> = if stem.is_empty() { name.chars().collect() } else { stem.chars().collect() };
    let (first, second) = letters.split_at(letters.len().div_ceil(2));
    let halves: BTreeSet<String> = [first, second].into_iter().map(|half| half.iter().collect()).collect();
    let words = halves.iter().filter_map(|half| SearchWords::new([half.as_str()]).ok());
    words.map(|words| Query { words, ..anywhere() }).collect()
}

/// What has paths that begin so.
fn beginning(prefix: &str) -> Option<Query> {
    let FileWord::Path(path) = FileWord::of(prefix) else { return None };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let at: Option<SafePath> = folder.parse().ok();
    let words = Some(name).filter(|name| !name.is_empty()).and_then(|name| SearchWords::new([name]).ok());
    (at.is_some() || words.is_some()).then(|| Query { at, words: words.unwrap_or_default(), ..anywhere() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_asked_for_as_it_reads_and_as_it_stands() {
        let at =
            |word| queries(word).into_iter().map(|q| q.at.unwrap().as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(at("docs/a.txt"), ["docs/a.txt"]);
        assert_eq!(at("./docs/"), ["docs"]);
        assert_eq!(at(r"a\u{1b}"), ["a\u{1b}", r"a\u{1b}"]);
        assert!(at("../x").is_empty());
        let of =
            |word| queries(word).into_iter().map(|q| q.file.unwrap().as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(of("b3:01ABc"), [[1, 0xab]]);
        assert!(of("b3:01a").is_empty() && of("b3:no id").is_empty());
    }

    #[test]
    fn of_a_word_with_a_wrong_letter_each_half_is_looked_for() {
        let halves = |word| alike(word).into_iter().map(|q| q.words.as_slice().concat()).collect::<Vec<_>>();
        assert_eq!(halves("docs/Repotr.txt"), ["otr", "rep"]);
        assert_eq!(halves(".x"), [".", "x"]);
        assert_eq!(halves("a"), ["a"]);
        assert!(halves("b3:0102").is_empty());
    }

    #[test]
    fn what_is_completed_is_looked_for_in_its_folder() {
        let of = |prefix: &str| {
            let query = beginning(prefix)?;
            Some((query.at.map(|at| at.as_str().to_owned()), query.words.as_slice().concat()))
        };
        assert_eq!(of("mu"), Some((None, "mu".to_owned())));
        assert_eq!(of("music/bl"), Some((Some("music".to_owned()), "bl".to_owned())));
        assert_eq!(of("music/"), Some((Some("music".to_owned()), String::new())));
        assert_eq!((of(""), of("b3:01")), (None, None));
    }

    #[test]
    fn catalogues_of_no_more_owners_are_pulled_than_the_limit_and_of_those_who_list_it_first() {
        let id = |n: u8| PeerId([n; 32]);
        let file = |owners: &[u8]| NamedFile {
            path: "x".parse().unwrap(),
            owners: owners.iter().copied().map(id).collect(),
            copies: 1,
        };
        let crowd: Vec<u8> = (100..200).collect();
        let owners = best_owners(&[file(&crowd), file(&[1, 2]), file(&[3])]);
        assert_eq!(owners.len(), limits::NAMED_OWNERS);
        assert!([100, 1, 3, 101].into_iter().all(|n| owners.contains(&id(n))));
    }
}
