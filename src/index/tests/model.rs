//! The index as a plain list that is looked through, to compare the engine with.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::super::file_type::TypeFilter;
use super::super::{Found, Hit, Query, Rank, fold, limits};
use crate::content::path::composed;
use crate::content::{Claim, Entry, EntryKind, SafePath};
use crate::identity::PeerId;

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) owners: BTreeMap<PeerId, BTreeMap<SafePath, EntryKind>>,
}

fn claim_of(kind: &EntryKind) -> Option<Claim> {
    match *kind {
        EntryKind::File { id, size, .. } => Some((id, size)),
        EntryKind::Folder => None,
    }
}

impl Model {
    pub(super) fn apply(&mut self, owner: PeerId, removed: &[SafePath], added: &[Entry]) {
        let files = self.owners.entry(owner).or_default();
        for path in removed {
            files.remove(path);
        }
        for entry in added {
            files.remove(&entry.path);
        }
        let added = added.iter().filter(|e| e.content().is_some());
        files.extend(added.map(|e| (e.path.clone(), e.kind.clone())));
    }

    pub(super) fn rows(&self) -> u64 {
        self.owners.values().map(|files| files.len() as u64).sum()
    }

    pub(super) fn search(&self, query: &Query, most: usize) -> Found {
        let key = |h: &Hit| (h.rank, h.path.clone(), Reverse(h.modified), h.owners.clone());
        let mut best: BTreeMap<Claim, Hit> = BTreeMap::new();
        let mut owners: BTreeMap<Claim, BTreeSet<PeerId>> = BTreeMap::new();
        for (owner, files) in &self.owners {
            for (path, kind) in files {
                owners.entry(claim_of(kind).unwrap()).or_default().insert(*owner);
                let Some(hit) = answer(query, *owner, path, kind) else { continue };
                if best.get(&hit.claim()).is_none_or(|before| key(&hit) < key(before)) {
                    best.insert(hit.claim(), hit);
                }
            }
        }
        let mut hits: Vec<_> = best.into_values().collect();
        for hit in &mut hits {
            let all = &owners[&hit.claim()];
            hit.copies = u32::try_from(all.len()).unwrap();
            let first = hit.owners[0];
            hit.owners.extend(all.iter().filter(|o| **o != first).take(limits::HIT_OWNERS - 1));
        }
        hits.sort_by_key(|h| (h.rank, Reverse(h.copies), h.path.clone(), Reverse(h.modified), h.owners[0]));
        let more = hits.len().saturating_sub(most) as u64;
        hits.truncate(most);
        Found { hits, more }
    }
}

fn answer(query: &Query, owner: PeerId, path: &SafePath, kind: &EntryKind) -> Option<Hit> {
    let EntryKind::File { id, size, modified, .. } = *kind else { return None };
    let is_owner = query.owners.as_ref().is_none_or(|owners| owners.contains(&owner));
    let is_wanted = query.size.contains(&size) && query.newer.is_none_or(|newer| modified >= newer);
    let is_type = TypeFilter::new(&query.types).allows(fold(path.name()).as_bytes());
    let is_there = query.at.as_ref().is_none_or(|at| {
        let (path, at) = (composed(path.as_str()), composed(at.as_str()));
        path == at || path.starts_with(&format!("{at}/"))
    });
    let is_file = query.file.as_ref().is_none_or(|file| id.0.starts_with(file.as_bytes()));
    let is_wanted = is_owner && is_wanted && is_type && is_there && is_file;
    let rank = rank(query.words.as_slice(), path).filter(|_| is_wanted)?;
    Some(Hit { path: path.clone(), size, file: id, modified, owners: vec![owner], copies: 1, rank })
}

/// How well a path answers; `None`: a word is missing.
fn rank(words: &[String], path: &SafePath) -> Option<Rank> {
    let path = fold(path.as_str());
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let mut rank = Rank::default();
    for word in words {
        let is_in_name = path[name..].contains(word.as_str());
        if !path.contains(word.as_str()) {
            return None;
        }
        rank.outside += u8::from(!is_in_name);
        rank.inside += u8::from(!begins(if is_in_name { &path[name..] } else { &path }, word));
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
