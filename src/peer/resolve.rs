//! From what a user types after `download` to the contents that are meant. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::away::whole_or_some;
use super::choices::Choices;
use super::owners::Owners;
use super::roster::Roster;
use super::trees::Trees;
use crate::content::{Catalogue, Claim, Entry, EntryKind, FileId, SafePath, path};
use crate::control::file_word::{self, FileWord, typed_path};
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::swarm::Wanted;
use crate::text;

/// What a download is to bring.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    /// Files, no target with one content twice.
    pub(super) files: Vec<Wanted>,
    /// Empty folders.
    pub(super) folders: Vec<SafePath>,
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
    let claims: BTreeSet<Claim> = found.files.iter().map(|f| (f.id, f.size)).collect();
    let holders = roster.holders(&claims, owners);
    let is_away = owners.is_anyone() || owners.each().any(|owner| roster.contact(owner).is_none());
    let kept = if is_away { roster.away.parts(&claims) } else { BTreeMap::new() };
    for file in &mut found.files {
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
    Ok(found)
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
    let (path, found_at) = at_path(word, &path, roster, owners)?;
    let Some(AtPath { path, files, trees }) = found_at else {
        return Err(missing(&path, sought));
    };
    if trees.is_empty() {
        let (id, entry) = files.single(&typed(&path), roster)?;
        found.files.push(wanted(id, entry, last_component(&path), &asked));
    } else if files.is_empty() {
        folder(&path, &trees, roster, owners, &asked, found)?;
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
        let (mut files, mut trees) = (Choices::default(), Trees::default());
        for (peer, entry) in roster.entries(owners) {
            if entry.path == path && !folder_only {
                files.add(peer, entry);
            }
            trees.add(&path, peer, entry);
        }
        Self { path, files, trees }
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
    trees: &Trees<'_>,
    roster: &Roster,
    owners: &Owners,
    asked: &Arc<str>,
    found: &mut Resolved,
) -> Result<(), Failure> {
    if !owners.are_merged() {
        trees.must_be_one(&typed(path), roster)?;
    }
    let top = last_component(path);
    let mut contents: BTreeMap<&SafePath, Choices<'_>> = BTreeMap::new();
    for (peer, inner, entry) in trees.entries() {
        match (&entry.kind, inner) {
            (EntryKind::File { .. }, Some(inner)) => contents.entry(inner).or_default().add(peer, entry),
            (_, inner) => {
                found.folders.push(inner.map_or_else(|| top.clone(), |inner| entry_path(&top, inner)));
            }
        }
    }
    for (inner, choices) in &contents {
        let (id, entry) = choices.single(&typed(&entry_path(path, inner)), roster)?;
        found.files.push(wanted(id, entry, entry_path(&top, inner), asked));
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
    Wanted { id, size, modified, executable, asked, to, holders: Vec::new(), keep: None, some: Vec::new() }
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
    let best = near
        .iter()
        .chain(known)
        .map(|other| (score(other), other))
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    match best {
        Some((score, near)) if score >= 0.6 => {
            not_found(format!("no file `{shown}`{whose}; did you mean `{}`?", typed(near)))
        }
        _ => not_found(format!("no file `{shown}`{whose}; `list` shows what there is")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{file, key, roster};
    use super::*;

    fn to(found: &Resolved) -> Vec<(&str, u8, usize)> {
        found.files.iter().map(|f| (f.to.as_str(), f.id.0[0], f.holders.len())).collect()
    }

    fn ask(r: &Roster, words: &[&str]) -> Result<Resolved, Failure> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        with(&words, r, &Catalogue::default(), &Owners::Anyone)
    }

    fn with(
        words: &[String],
        roster: &Roster,
        mine: &Catalogue,
        owners: &Owners,
    ) -> Result<Resolved, Failure> {
        resolve(words, Sought { roster, mine, owners, near: &[] })
    }

    #[test]
    fn files_folders_and_ids() {
        let empty = Entry { path: "docs/void".parse().unwrap(), kind: EntryKind::Folder };
        let r = roster(&[
            ("one", &[file("docs/a.txt", 1), file("docs/sub/b.txt", 2), empty, file("top", 3)]),
            ("two", &[file("docs/a.txt", 1), file("other", 3)]),
        ]);
        assert_eq!(to(&ask(&r, &["docs/a.txt"]).unwrap()), [("a.txt", 1, 2)]);
        assert_eq!(to(&ask(&r, &["top", "top"]).unwrap()), [("top", 3, 2)]);
        let docs = with(&["docs/".into()], &r, &Catalogue::default(), &Owners::All).unwrap();
        assert_eq!(to(&docs), [("docs/a.txt", 1, 2), ("docs/sub/b.txt", 2, 1)]);
        assert_eq!(docs.folders, ["docs/void".parse().unwrap()]);
        assert_eq!(to(&ask(&r, &["docs/sub"]).unwrap()), [("sub/b.txt", 2, 1)]);
        assert_eq!(to(&ask(&r, &["b3:0202", "b3:0303"]).unwrap()), [("b.txt", 2, 1), ("top", 3, 2)]);
        let void = ask(&r, &["docs/void"]).unwrap();
        assert_eq!((void.files.len(), void.folders), (0, vec!["void".parse().unwrap()]));
    }

    #[test]
    fn no_path_stands_in_the_way_of_an_id() {
        let whole = format!("b3:{}", FileId([1; 32]));
        let false_one = [file("b3:0101", 4), file(&whole, 5), file("b3:dir/y", 6)];
        let r = roster(&[("one", &false_one), ("two", &[file("x", 1)])]);
        for word in ["b3:0101", &whole] {
            assert_eq!(to(&ask(&r, &[word]).unwrap()), [("x", 1, 1)], "{word}");
        }
        assert_eq!(to(&ask(&r, &["./b3:0101", "./x"]).unwrap()), [("b3:0101", 4, 1), ("x", 1, 1)]);
        assert_eq!(to(&ask(&r, &["./b3:dir/"]).unwrap()), [("b3:dir/y", 6, 1)]);
        let err = ask(&r, &["b3:dir/"]).unwrap_err();
        assert!(err.code == Code::Usage && err.message.contains("`./b3:…`"), "{err}");
        assert_eq!(ask(&r, &["b3:0404"]).unwrap().files[0].to.as_str(), "b3:0101");
        let near = ask(&r, &["./b3:0102"]).unwrap_err().message;
        assert!(near.contains("did you mean `./b3:0101`"), "{near}");
    }

    #[test]
    fn a_name_that_reads_as_an_escape_may_be_typed_raw_where_it_stands_in_nobodys_way() {
        let (raw, other) = (r"a\u{1b}", "a\u{1b}");
        let r = roster(&[("one", &[file(raw, 1), file(r"d\u{1b}/x", 2)])]);
        assert_eq!(to(&ask(&r, &[raw, r"d\u{1b}/"]).unwrap()), [(raw, 1, 1), (r"d\u{1b}/x", 2, 1)]);
        let r = roster(&[("one", &[file(raw, 1), file(other, 2)])]);
        assert_eq!(to(&ask(&r, &[raw]).unwrap()), [(other, 2, 1)]);
        assert_eq!(to(&ask(&r, &[&typed_path(raw)]).unwrap()), [(raw, 1, 1)]);
    }

    #[test]
    fn a_name_may_be_typed_as_other_keyboards_put_it_together() {
        let (apart, together) = ("e\u{301}te\u{301}", "\u{e9}t\u{e9}");
        let r = roster(&[("mac", &[file(apart, 1), file(&format!("{apart}/{apart}"), 2), file("ete", 3)])]);
        let r = |words: &[&str]| {
            ask(&r, words).map(|found| to(&found).into_iter().map(|f| f.1).collect::<Vec<_>>())
        };
        assert_eq!(r(&[&format!("{together}/")]).unwrap(), [2]);
        assert_eq!(r(&[&format!("{together}/{together}")]).unwrap(), [2]);
        let both = roster(&[("one", &[file("\u{1e9b}\u{323}", 1), file("\u{17f}\u{323}\u{307}", 2)])]);
        assert_eq!(to(&ask(&both, &["\u{17f}\u{323}\u{307}"]).unwrap())[0].1, 2, "what is exact comes first");
        let neither = ask(&both, &["\u{17f}\u{307}\u{323}"]).unwrap_err();
        assert_eq!(neither.code, Code::NotFound);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_shown_of_a_path_means_that_path(names in text::tests::texts()) {
            // Beside it lie files that are called as it is shown, and as it would be read.
            let shown = typed_path(&names).into_owned();
            let others = [shown.clone(), text::unescaped(&names).into_owned(), text::shown(&names).into_owned()];
            let others: BTreeSet<String> = others.into_iter().filter(|other| *other != names).collect();
            let names: Vec<String> = [names].into_iter().chain(others).collect();
            if names.iter().all(|name| name.parse::<SafePath>().is_ok() && !name.contains('/')) {
                let files: Vec<_> = names.iter().zip(1..).map(|(name, n)| file(name, n)).collect();
                let found = ask(&roster(&[("one", &files)]), &[&shown]).unwrap();
                assert_eq!((found.files.len(), found.files[0].to.as_str()), (1, names[0].as_str()));
            }
        }
    }

    #[test]
    fn two_contents_of_one_name_are_an_error_that_shows_them() {
        let r = roster(&[("one", &[file("x", 1)]), ("two", &[file("x", 2)])]);
        let err = ask(&r, &["x"]).unwrap_err();
        assert_eq!(err.code, Code::Ambiguous);
        assert!(err.message.contains("b3:01010101") && err.message.contains("two"), "{}", err.message);
        let from = with(&["x".into()], &r, &Catalogue::default(), &Owners::one(key(2).peer_id())).unwrap();
        assert_eq!(to(&from), [("x", 2, 1)]);
        let err = ask(&r, &["b3:0"]).unwrap_err();
        assert_eq!(err.code, Code::Usage);
    }

    #[test]
    fn a_folder_comes_from_one_owner_unless_several_are_named() {
        let empty = Entry { path: "p/void".parse().unwrap(), kind: EntryKind::Folder };
        let tree = [file("p/a", 1), file("p/sub/b", 2), empty.clone()];
        let hook = [&tree[..], &[file("p/.git/hooks/post-checkout", 3)]].concat();
        let (id, mine) = (|n| key(n).peer_id(), Catalogue::default());
        let of = |r: &Roster, word: &str, owners: &Owners| with(&[word.to_owned()], r, &mine, owners);
        // All who have it have the same: they are one, and give of it all.
        let r = roster(&[("anna", &tree), ("bert", &tree), ("carl", &[file("elsewhere", 2)])]);
        let found = of(&r, "p", &Owners::Anyone).unwrap();
        assert_eq!(to(&found), [("p/a", 1, 2), ("p/sub/b", 2, 3)]);
        assert_eq!(found.folders, ["p/void".parse().unwrap()]);
        // One has another one, of more, of less or of other files; or only executable.
        let script = match file("p/a", 1) {
            Entry { path, kind: EntryKind::File { id, size, modified, since, .. } } => {
                Entry { path, kind: EntryKind::File { id, size, modified, executable: true, since } }
            }
            folder => folder,
        };
        let other: [&[Entry]; 4] = [
            &hook,
            &tree[..2],
            &[file("p/a", 4), file("p/sub/b", 2), empty.clone()],
            &[script, file("p/sub/b", 2), empty],
        ];
        for other in other {
            let r = roster(&[("anna", &tree), ("bert", &tree), ("\u{430}nna", other)]);
            let failure = of(&r, "p/", &Owners::Anyone).unwrap_err();
            assert_eq!(failure.code, Code::Ambiguous);
            for n in 1..=3 {
                assert!(failure.message.contains(&id(n).prefix(8)), "{failure}");
            }
            assert!(failure.message.contains("(2 files, 3 B)"), "{failure}");
            assert!(failure.message.contains("--from all"), "{failure}");
            assert_eq!(to(&of(&r, "p", &Owners::one(id(1))).unwrap()), [("p/a", 1, 1), ("p/sub/b", 2, 1)]);
            let both = Owners::Only([id(1), id(2)].into());
            assert_eq!(to(&of(&r, "p", &both).unwrap()), [("p/a", 1, 2), ("p/sub/b", 2, 2)]);
        }
        let r = roster(&[("anna", &tree), ("mallory", &hook)]);
        // What is the same everywhere below it can be had without a choice.
        assert_eq!(to(&of(&r, "p/sub", &Owners::Anyone).unwrap()), [("sub/b", 2, 2)]);
        for together in [Owners::All, Owners::Only([id(1), id(2)].into())] {
            let found = of(&r, "p", &together).unwrap();
            assert_eq!(to(&found), [("p/.git/hooks/post-checkout", 3, 1), ("p/a", 1, 2), ("p/sub/b", 2, 2)]);
        }
    }

    #[test]
    fn no_file_stands_in_the_way_of_a_folder_nor_the_other_way_round() {
        let r = roster(&[("anna", &[file("p/a", 1)]), ("mallory", &[file("p", 2)])]);
        let failure = ask(&r, &["p"]).unwrap_err();
        assert_eq!(failure.code, Code::Ambiguous);
        assert!(failure.message.contains("b3:02020202") && failure.message.contains("`p/`"), "{failure}");
        assert_eq!(to(&ask(&r, &["p/"]).unwrap()), [("p/a", 1, 1)]);
        assert_eq!(to(&ask(&r, &["b3:0202"]).unwrap()), [("p", 2, 1)]);
        let mallory = Owners::one(key(2).peer_id());
        assert_eq!(to(&with(&["p".into()], &r, &Catalogue::default(), &mallory).unwrap()), [("p", 2, 1)]);
    }

    #[test]
    fn what_is_missing_is_said_with_the_nearest_name() {
        let r = roster(&[("one", &[file("docs/report.txt", 1)])]);
        let err = ask(&r, &["repotr.txt"]).unwrap_err();
        assert_eq!(err.code, Code::NotFound);
        assert!(err.message.contains("did you mean `docs/report.txt`"), "{}", err.message);
        assert!(ask(&r, &["zzz"]).unwrap_err().message.contains("`list` shows"));
        assert_eq!(ask(&r, &["../x"]).unwrap_err().code, Code::NotFound);
        assert_eq!(ask(&r, &["b3:ffff"]).unwrap_err().code, Code::NotFound);
        let mine = Catalogue::of([file("own", 1)]);
        let err = with(&["own".into()], &r, &mine, &Owners::Anyone).unwrap_err();
        assert!(err.message.contains("this peer itself"), "{}", err.message);
    }
}
