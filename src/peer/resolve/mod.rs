//! From what a user types after `download` to the contents that are meant. Pure.

mod glob;
mod patterns;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::glob::Glob;
pub(super) use self::patterns::{Excluded, rename};
use self::patterns::{alike, take_globbed};
use super::away::whole_or_some;
use super::choices::Choices;
use super::owners::Owners;
use super::roster::Roster;
use super::trees::Trees;
use crate::content::{Catalogue, Claim, Entry, EntryKind, FileId, SafePath, path};
use crate::control::file_word::{self, FileWord, typed_path};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::index::fold;
use crate::swarm::Wanted;
use crate::text;

/// What a download is to bring.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    /// Files, no target with one content twice.
    pub(super) files: Vec<Wanted>,
    /// Empty folders.
    pub(super) folders: Vec<SafePath>,
    /// What is to be said of what was taken for what was typed.
    pub(super) notes: Vec<String>,
}

/// Digits of a file id that must be given at least.
const DIGITS: usize = 4;

/// Where what a user names is sought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'a> {
    pub(super) roster: &'a Roster,
    /// What this peer shares itself.
    pub(super) mine: &'a Catalogue,
    /// Whose files are meant.
    pub(super) owners: &'a Owners,
    /// What else others share that may be meant, as keepers of the index say.
    pub(super) near: &'a [SafePath],
}

/// Finds what `words` mean: each is a path as `list` shows it, a folder, or `b3:` and the first digits
/// of a file id. A file lands under its own name, a folder with its tree.
///
/// # Errors
/// [`Code::NotFound`] with the nearest name, [`Code::Ambiguous`] with the choices, [`Code::Usage`].
pub(super) fn resolve(words: &[String], sought: Sought<'_>) -> Result<Resolved, Failure> {
    let mut found = Resolved::default();
    for word in words {
        one(word, sought, &mut found)?;
    }
    let Sought { roster, owners, .. } = sought;
    let mut seen = BTreeSet::new();
    found.files.retain(|f| seen.insert((f.to.clone(), f.id)));
    found.folders.sort();
    found.folders.dedup();
    note_holders(&mut found.files, roster, owners);
    Ok(found)
}

/// Notes of these files who is here of `owners` and has them, and who keeps some of them for others.
pub(super) fn note_holders(files: &mut [Wanted], roster: &Roster, owners: &Owners) {
    let claims: BTreeSet<Claim> = files.iter().map(|f| (f.id, f.size)).collect();
    let holders = roster.holders(&claims, owners);
    let is_away = owners.is_anyone() || owners.each().any(|owner| roster.contact(owner).is_none());
    let kept = if is_away { roster.away.parts(&claims) } else { BTreeMap::new() };
    for file in files {
        let claim = (file.id, file.size);
        file.holders = holders.get(&claim).cloned().unwrap_or_default();
        // Who keeps some of it for another one gives that.
        let (whole, some) = whole_or_some(file.size, kept.get(&claim).into_iter().flatten().copied());
        for (list, keepers) in [(&mut file.holders, whole), (&mut file.some, some)] {
            for keeper in keepers {
                if !list.contains(&keeper) {
                    list.push(keeper);
                }
            }
        }
    }
}

/// True if a word may stand for several paths.
pub(super) fn has_wildcard(word: &str) -> bool {
    matches!(FileWord::of(word), FileWord::Path(path) if Glob::of(&path).is_some())
}

/// The contents that a word means as a file.
///
/// # Errors
/// [`Code::NotFound`] with the nearest name, [`Code::Usage`].
pub(super) fn contents(word: &str, sought: Sought<'_>) -> Result<BTreeSet<Claim>, Failure> {
    let Sought { roster, owners, .. } = sought;
    let path = match FileWord::of(word) {
        FileWord::Id(digits) => return Ok(with_id(digits, roster, owners)?.claims()),
        FileWord::Path(path) => path,
    };
    let (path, at) = at_path(word, &path, roster, owners)?;
    match at {
        Some(at) if !at.files.is_empty() => Ok(at.files.claims()),
        Some(at) => {
            let message = format!("`{}` is a folder: say which file in it", typed(&at.path));
            Err(Failure::new(Code::NotFound, message))
        }
        None => Err(missing(&path, sought)),
    }
}

/// The owners of whom something is known that these words may mean.
pub(super) fn mentioned(words: &[String], roster: &Roster) -> BTreeSet<PeerId> {
    let mut owners = BTreeSet::new();
    for word in words {
        let (digits, paths) = match FileWord::of(word) {
            FileWord::Id(digits) => (file_digits(digits), Vec::new()),
            FileWord::Path(path) => {
                let both = [path.strip_suffix('/').unwrap_or(&path), file_word::literal(word)];
                (None, both.map(path::composed).to_vec())
            }
        };
        let is_meant = |entry: &Entry| {
            let has_id = |digits: &String| {
                entry.content().is_some_and(|id| id.to_string().starts_with(digits.as_str()))
            };
            digits.as_ref().is_some_and(has_id) || paths.iter().any(|at| is_there(&entry.path, at))
        };
        let meant = roster.entries(&Owners::Anyone).filter(|(_, entry)| is_meant(entry));
        owners.extend(meant.map(|(owner, _)| owner));
    }
    owners
}

/// True if a path is this one or below it, however its letters are put together.
pub(super) fn is_there(path: &SafePath, at: &str) -> bool {
    let depth = at.split('/').count();
    let top = path.top(depth);
    top == at || !top.is_ascii() && path::composed(top) == at
}

fn one(word: &str, sought: Sought<'_>, found: &mut Resolved) -> Result<(), Failure> {
    let Sought { roster, owners, .. } = sought;
    let asked = Arc::from(word);
    let path = match FileWord::of(word) {
        FileWord::Id(digits) => {
            let (id, entry) = by_id(digits, roster, owners)?;
            found.files.push(wanted(id, entry, last_component(&entry.path), &asked));
            return Ok(());
        }
        FileWord::Path(path) => path,
    };
    let trimmed = path.strip_suffix('/').unwrap_or(&path);
    let (exact, found_at) = at_path(word, &path, roster, owners)?;
    if let Some(at) = found_at {
        let to = last_component(&at.path);
        return take_at(at, &to, sought, &asked, found);
    }
    let folder_only = trimmed.len() != path.len();
    if let Some(glob) = Glob::of(trimmed) {
        let folded = Glob::of(&fold(trimmed));
        let mut is_any = take_globbed(&glob, folder_only, false, sought, &asked, found)?;
        if let Some(folded) = folded.filter(|_| !is_any) {
            is_any = take_globbed(&folded, folder_only, true, sought, &asked, found)?;
        }
        if is_any {
            return Ok(());
        }
        let message =
            format!("nothing matches `{}`; `**/` in front of a pattern looks in all folders", typed(&exact));
        return Err(Failure::new(Code::NotFound, message));
    }
    if let Some(other) = alike(&exact, sought)? {
        let at = AtPath::of(other, folder_only, roster, owners);
        if !at.is_empty() {
            found.notes.push(format!("no file `{}`: taking `{}`", typed(&exact), typed(&at.path)));
            let to = last_component(&at.path);
            return take_at(at, &to, sought, &asked, found);
        }
    }
    Err(missing(&exact, sought))
}

/// Takes what there is at a path, as a file or a folder that goes to `to`.
fn take_at(
    at: AtPath<'_>,
    to: &SafePath,
    sought: Sought<'_>,
    asked: &Arc<str>,
    found: &mut Resolved,
) -> Result<(), Failure> {
    let (roster, AtPath { path, files, trees }) = (sought.roster, at);
    if trees.is_empty() {
        let (id, entry) = files.single(&typed(&path), roster)?;
        found.files.push(wanted(id, entry, to.clone(), asked));
    } else if files.is_empty() {
        folder(&path, to, &trees, sought, asked, found)?;
    } else {
        return Err(file_or_folder(&path, &files, &trees, roster));
    }
    Ok(())
}

/// What there is at the path that `word` means, which reads as `path`; and that path as it is typed.
fn at_path<'a>(
    word: &str,
    path: &str,
    roster: &'a Roster,
    owners: &'a Owners,
) -> Result<(SafePath, Option<AtPath<'a>>), Failure> {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    let folder_only = trimmed.len() != path.len();
    let path: SafePath = trimmed.parse().map_err(|e| {
        Failure::new(Code::NotFound, format!("`{}` is not the path of a shared file: {e}", text::shown(word)))
    })?;
    let at = |path| Some(AtPath::of(path, folder_only, roster, owners)).filter(|at| !at.is_empty());
    let found = at(path.clone())
        .or_else(|| at(file_word::literal(word).parse().ok()?))
        .or_else(|| at(spelled_otherwise(&path, roster, owners)?));
    Ok((path, found))
}

/// What there is under one path, as a file and as a folder.
struct AtPath<'a> {
    path: SafePath,
    files: Choices<'a>,
    trees: Trees<'a>,
}

impl<'a> AtPath<'a> {
    fn of(path: SafePath, folder_only: bool, roster: &'a Roster, owners: &'a Owners) -> Self {
        let mut at = Self::nothing(path);
        for (peer, entry) in roster.entries(owners) {
            at.add(folder_only, peer, entry);
        }
        at
    }

    /// Nothing that is known yet.
    fn nothing(path: SafePath) -> Self {
        Self { path, files: Choices::default(), trees: Trees::default() }
    }

    /// Takes an entry if it lies there, or below.
    fn add(&mut self, folder_only: bool, peer: PeerId, entry: &'a Entry) {
        if entry.path == self.path && !folder_only {
            self.files.add(peer, entry);
        }
        self.trees.add(&self.path, peer, entry);
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.trees.is_empty()
    }
}

/// The path that has the same letters as `path`, put together in another way: keyboards and systems differ in
/// that, and nobody sees it. `None`: there is none, or there are several.
fn spelled_otherwise(path: &SafePath, roster: &Roster, owners: &Owners) -> Option<SafePath> {
    if path.as_str().is_ascii() {
        return None;
    }
    let (depth, letters) = (path.components().count(), path::composed(path.as_str()));
    let tops = roster.entries(owners).map(|(_, entry)| entry.path.top(depth)).filter(|top| !top.is_ascii());
    let mut alike: BTreeSet<&str> = tops.filter(|top| path::composed(top) == letters).collect();
    let one = alike.pop_first().filter(|_| alike.is_empty());
    one.and_then(|path| path.parse().ok())
}

/// A folder: the tree of its owner, or of several put together.
fn folder(
    path: &SafePath,
    top: &SafePath,
    trees: &Trees<'_>,
    sought: Sought<'_>,
    asked: &Arc<str>,
    found: &mut Resolved,
) -> Result<(), Failure> {
    let Sought { roster, owners, .. } = sought;
    if !owners.are_merged() {
        trees.must_be_one(&typed(path), roster)?;
    }
    let mut contents: BTreeMap<&SafePath, Choices<'_>> = BTreeMap::new();
    for (peer, inner, entry) in trees.entries() {
        match (&entry.kind, inner) {
            (EntryKind::File { .. }, Some(inner)) => contents.entry(inner).or_default().add(peer, entry),
            (_, inner) => {
                found.folders.push(inner.map_or_else(|| top.clone(), |inner| entry_path(top, inner)));
            }
        }
    }
    for (inner, choices) in &contents {
        let (id, entry) = choices.single(&typed(&entry_path(path, inner)), roster)?;
        found.files.push(wanted(id, entry, entry_path(top, inner), asked));
    }
    Ok(())
}

/// What is a file for some is a folder for others: neither stands in the way of the other one.
fn file_or_folder(path: &SafePath, files: &Choices<'_>, trees: &Trees<'_>, roster: &Roster) -> Failure {
    let path = typed(path);
    let message = format!(
        "`{path}` is a file ({}) and a folder ({}); say `{path}/` for the folder, or which file by its id",
        files.shown(roster),
        trees.owners(roster)
    );
    Failure::new(Code::Ambiguous, message)
}

fn wanted(id: FileId, entry: &Entry, to: SafePath, asked: &Arc<str>) -> Wanted {
    let (size, modified, executable) = match entry.kind {
        EntryKind::File { size, modified, executable, .. } => (size, modified, executable),
        EntryKind::Folder => (0, 0, false),
    };
    let asked = Arc::clone(asked);
    Wanted {
        here: None,
        id,
        size,
        modified,
        executable,
        asked,
        to,
        holders: Vec::new(),
        keep: None,
        some: Vec::new(),
    }
}

/// `inner` in the folder `top`. Both are parts of one valid path, so that the result is one as well;
/// should that ever fail, the inner path alone is as safe.
fn entry_path(top: &SafePath, inner: &SafePath) -> SafePath {
    top.join(inner.as_str()).unwrap_or_else(|_| inner.clone())
}

/// A path as users type it, safe to be shown.
fn typed(path: &SafePath) -> String {
    typed_path(path.as_str()).into_owned()
}

fn last_component(path: &SafePath) -> SafePath {
    path.name().parse().unwrap_or_else(|_| path.clone())
}

fn by_id<'a>(digits: &str, roster: &'a Roster, owners: &'a Owners) -> Result<(FileId, &'a Entry), Failure> {
    with_id(digits, roster, owners)?.single(&format!("b3:{}", digits.to_lowercase()), roster)
}

/// The digits as ids have them; `None`: no id begins so, or too many do.
pub(super) fn file_digits(digits: &str) -> Option<String> {
    let low = digits.to_lowercase();
    let is_id = (DIGITS..=64).contains(&low.len()) && low.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then_some(low)
}

/// The contents whose ids begin so.
fn with_id<'a>(digits: &str, roster: &'a Roster, owners: &'a Owners) -> Result<Choices<'a>, Failure> {
    let Some(low) = file_digits(digits) else {
        let message = format!(
            "`b3:` is followed by {DIGITS} to 64 hexadecimal digits of a file id; a path that begins so is \
             typed as `./b3:…`"
        );
        return Err(Failure::new(Code::Usage, message));
    };
    let mut choices = Choices::default();
    for (peer, entry) in roster.entries(owners) {
        let EntryKind::File { id, .. } = entry.kind else { continue };
        if id.to_string().starts_with(&low) {
            choices.add(peer, entry);
        }
    }
    if choices.is_empty() {
        return Err(Failure::new(Code::NotFound, format!("nobody here shares a file with the id b3:{low}")));
    }
    Ok(choices)
}

/// Of these contents, those that somebody has, who is here or away.
pub(super) fn known_ids(of: &BTreeSet<FileId>, roster: &Roster) -> BTreeSet<FileId> {
    if of.is_empty() {
        return BTreeSet::new();
    }
    let id = |(_, entry): (_, &Entry)| match entry.kind {
        EntryKind::File { id, .. } if of.contains(&id) => Some(id),
        _ => None,
    };
    roster.entries(&Owners::Anyone).filter_map(id).collect()
}

/// The folders that some of what these share lies in.
fn folders(roster: &Roster, owners: &Owners) -> BTreeSet<SafePath> {
    let mut folders = BTreeSet::new();
    for (_, entry) in roster.entries(owners).take(20_000) {
        let mut above = entry.path.parent();
        // Those above one that is known are known.
        while let Some(folder) = above.filter(|folder| !folders.contains(folder)) {
            above = folder.parent();
            folders.insert(folder);
        }
    }
    folders
}

/// What to say when nobody has it: that we have it ourselves, or the nearest name.
fn missing(path: &SafePath, sought: Sought<'_>) -> Failure {
    let Sought { roster, mine, owners, near } = sought;
    let names: Vec<String> = owners.each().map(|owner| roster.name(owner)).collect();
    let whose = if names.is_empty() { String::new() } else { format!(" from {}", names.join(" or ")) };
    let not_found = |text: String| Failure::new(Code::NotFound, text);
    let shown = typed(path);
    if owners.is_anyone()
        && (mine.get(path).is_some() || mine.entries().any(|e| e.path.below(path).is_some()))
    {
        return not_found(format!("`{shown}` is shared by this peer itself, and by nobody else here"));
    }
    if roster.is_empty() {
        return not_found(format!("no file `{shown}`: no other peer is here yet"));
    }
    let folded = path.folded();
    let name = path::fold(path.name());
    let score = |other: &SafePath| {
        let whole = strsim::normalized_damerau_levenshtein(&other.folded(), &folded);
        let last = strsim::normalized_damerau_levenshtein(&path::fold(other.name()), &name);
        whole.max(last)
    };
    let known = roster.entries(owners).take(20_000).map(|(_, entry)| &entry.path);
    let best = |of: &mut dyn Iterator<Item = &SafePath>| {
        let scored = of.map(|other| (score(other), other.clone()));
        scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
    };
    let file = best(&mut near.iter().chain(known));
    let folder = best(&mut folders(roster, owners).iter());
    let is_folder = folder.as_ref().map(|(score, _)| *score) > file.as_ref().map(|(score, _)| *score);
    match if is_folder { folder } else { file } {
        Some((score, near)) if score >= 0.6 => {
            let slash = if is_folder { "/" } else { "" };
            not_found(format!("no file `{shown}`{whose}; did you mean `{}{slash}`?", typed(&near)))
        }
        _ => not_found(format!("no file `{shown}`{whose}; `list` shows what there is")),
    }
}
