//! What `list` shows: this peer's files and everybody else's in one table. Pure.

mod filter;
mod folders;

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(super) use self::filter::Filter;
use self::folders::Folders;
use super::limits;
use super::look_alikes::LookAlikes;
use super::owners::Owners;
use super::roster::Roster;
use crate::content::{Catalogue, Claim, Entry, EntryKind, FileId, SafePath, Span};
use crate::control::{FolderRow, ListOrder, ListRow, UnlistedCause, UnlistedRow};
use crate::custody::placement;
use crate::identity::PeerId;
use crate::library::Hashing;
pub(super) use crate::natural::compare;

/// A row: of a file, or of all that lies in a folder.
#[derive(Debug)]
pub(super) enum ListedRow {
    File(ListRow),
    Folder(FolderRow),
}

/// What is known of one path with one content.
#[derive(Debug, Default)]
pub(super) struct ListedContent {
    pub(super) size: u64,
    pub(super) modified: i64,
    /// This peer shares it.
    pub(super) mine: bool,
    /// The others that do.
    pub(super) peers: Vec<PeerId>,
    /// Copies that there are, whoever has them, but for those that others keep of an own file.
    pub(super) copies: u64,
    /// Another content has the same path.
    pub(super) is_ambiguous: bool,
}

/// How an own file stands with others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnCopies {
    /// Copies that others keep.
    pub(super) kept: u64,
    /// Copies that there are to be, the own one included; 0: that is not known.
    pub(super) wanted: u8,
    /// Others keep it, all of them on this machine.
    pub(super) is_here: bool,
    /// It is not copied by itself.
    pub(super) large: bool,
}

/// What this peer keeps for others.
pub(super) struct Stored<'a> {
    pub(super) me: PeerId,
    /// The chunks of a content that are here.
    pub(super) spans: &'a dyn Fn(Claim) -> &'a [Span],
}

/// What is known of all that is to be listed, by path and content; `None`: it is a folder.
type Lines<'a> = BTreeMap<(&'a SafePath, Option<Claim>), ListedContent>;

/// The rows, in the order that is wanted. `mine` is our own catalogue, `stands` how each file of it stands, `stored`
/// what is kept here for others, `hashing` what is not in it yet.
#[must_use]
pub(super) fn rows(
    mine: &Catalogue,
    stands: impl Fn(FileId) -> OwnCopies,
    stored: &Stored<'_>,
    hashing: &[Hashing],
    roster: &Roster,
    filter: &Filter,
) -> Vec<ListedRow> {
    let lines = lines(mine, stored, roster, filter);
    let look_alikes = LookAlikes::of(roster);
    let (mut rows, mut folders) = (Vec::new(), Folders::default());
    for ((path, claim), line) in &lines {
        match filter.folder_of(path, claim.is_none()) {
            Some(folder) => folders.add(folder, *claim, line, &stands),
            None => rows.push(ListedRow::File(row(path, *claim, line, &stands, roster, &look_alikes))),
        }
    }
    if filter.from.is_anyone() {
        for coming in hashing.iter().filter(|coming| filter.takes(&coming.path, None)) {
            match filter.folder_of(&coming.path, false) {
                Some(folder) => folders.add_coming(folder, coming.size),
                None => rows.push(ListedRow::File(hashing_row(coming))),
            }
        }
    }
    rows.extend(folders.rows(roster, &look_alikes).map(ListedRow::Folder));
    sort(&mut rows, filter.order);
    rows
}

fn lines<'a>(mine: &'a Catalogue, stored: &Stored<'_>, roster: &'a Roster, filter: &'a Filter) -> Lines<'a> {
    let mut lines = Lines::new();
    let own = mine.entries().map(|e| (None, e)).filter(|_| filter.from.is_anyone());
    let others = roster.entries(&filter.from).map(|(id, e)| (Some(id), e)).filter(|_| !filter.mine);
    for (who, entry) in own.chain(others).filter(|(_, e)| filter.takes(&e.path, id_of(e))) {
        let (claim, size, modified) = match entry.kind {
            EntryKind::Folder => (None, 0, 0),
            EntryKind::File { id, size, modified, .. } => (Some((id, size)), size, modified),
        };
        let line = lines.entry((&entry.path, claim)).or_default();
        match who {
            None => line.mine = true,
            Some(peer) => line.peers.push(peer),
        }
        if line.size == 0 {
            (line.size, line.modified) = (size, modified);
        }
    }
    let copies = copies(mine, stored, roster, &lines.keys().filter_map(|(_, claim)| *claim).collect());
    let mut contents: HashMap<&SafePath, usize> = HashMap::new();
    for (path, _) in lines.keys() {
        *contents.entry(path).or_default() += 1;
    }
    for ((path, claim), line) in &mut lines {
        let copies = claim.and_then(|claim| copies.get(&claim)).copied();
        line.copies = copies.unwrap_or(line.peers.len() as u64);
        line.is_ambiguous = contents.get(path).is_some_and(|n| *n > 1);
    }
    lines
}

fn sort(rows: &mut [ListedRow], order: ListOrder) {
    rows.sort_by(|a, b| compare(a.path(), b.path()));
    match order {
        ListOrder::Name => {}
        ListOrder::Size => rows.sort_by_key(|row| Reverse(row.size())),
        ListOrder::Time => rows.sort_by_key(|row| Reverse(row.modified())),
        ListOrder::Copies => rows.sort_by_key(ListedRow::copies),
    }
}

impl ListedRow {
    fn path(&self) -> &str {
        match self {
            Self::File(row) => &row.path,
            Self::Folder(row) => &row.path,
        }
    }

    const fn size(&self) -> u64 {
        match self {
            Self::File(row) => row.size,
            Self::Folder(row) => row.size,
        }
    }

    const fn modified(&self) -> i64 {
        match self {
            Self::File(row) => row.modified,
            Self::Folder(row) => row.modified,
        }
    }

    const fn copies(&self) -> u64 {
        match self {
            Self::File(row) => row.copies,
            Self::Folder(row) => row.copies,
        }
    }
}

/// The row of one path with one content. `stands`: how a file of this peer stands.
pub(super) fn row(
    path: &SafePath,
    claim: Option<Claim>,
    line: &ListedContent,
    stands: impl Fn(FileId) -> OwnCopies,
    roster: &Roster,
    look_alikes: &LookAlikes,
) -> ListRow {
    let own = claim.filter(|_| line.mine).map_or_else(OwnCopies::default, |(id, _)| stands(id));
    let is_away = |peer: &PeerId| roster.contact(*peer).is_none();
    ListRow {
        path: path.as_str().to_owned(),
        folder: claim.is_none(),
        size: line.size,
        modified: line.modified.div_euclid(1_000),
        copies: line.copies + own.kept,
        mine: line.mine,
        peers: line.peers.iter().map(|p| roster.name(*p)).collect(),
        peer_ids: line.peers.iter().map(PeerId::full).collect(),
        look_alikes: line.peers.iter().filter(|p| look_alikes.has(**p)).map(PeerId::full).collect(),
        id: claim.map_or_else(String::new, |(id, _)| id.to_string()),
        ambiguous: line.is_ambiguous,
        wanted: (own.wanted > 0).then_some(own.wanted),
        away: !line.mine && line.peers.iter().all(is_away),
        large: own.large,
        here: own.is_here && line.peers.is_empty(),
        hashing: None,
    }
}

fn id_of(entry: &Entry) -> Option<FileId> {
    if let EntryKind::File { id, .. } = entry.kind { Some(id) } else { None }
}

/// Those of whose files nothing is in these rows, and why.
#[must_use]
pub(super) fn unlisted(roster: &Roster, filter: &Filter) -> Vec<UnlistedRow> {
    unlisted_rows(roster, if filter.mine { BTreeMap::new() } else { roster.unlisted(&filter.from) })
}

/// The rows that say whose files are missing.
pub(super) fn unlisted_rows(roster: &Roster, all: BTreeMap<UnlistedCause, Vec<PeerId>>) -> Vec<UnlistedRow> {
    let rows = all.into_iter().map(|(cause, peers)| {
        let told = || peers.iter().take(limits::UNLISTED_TOLD);
        UnlistedRow {
            cause,
            count: peers.len() as u64,
            peers: told().map(|p| roster.name(*p)).collect(),
            peer_ids: told().map(PeerId::full).collect(),
        }
    });
    rows.collect()
}

fn hashing_row(h: &Hashing) -> ListRow {
    let percent = h.done.saturating_mul(100).checked_div(h.size).unwrap_or(0);
    ListRow {
        path: h.path.as_str().to_owned(),
        folder: false,
        size: h.size,
        modified: 0,
        copies: 0,
        mine: true,
        peers: Vec::new(),
        peer_ids: Vec::new(),
        look_alikes: Vec::new(),
        id: String::new(),
        ambiguous: false,
        wanted: None,
        away: false,
        large: false,
        here: false,
        hashing: Some(u8::try_from(percent).unwrap_or(100)),
    }
}

/// How many copies there are of each content, but for those that others keep of what this peer itself shares: live
/// peers, this one included, that share it under whatever name, and copies of those who keep it for others.
fn copies(
    mine: &Catalogue,
    stored: &Stored<'_>,
    roster: &Roster,
    claims: &BTreeSet<Claim>,
) -> HashMap<Claim, u64> {
    let sharers = roster.holders(claims, &Owners::Anyone);
    let own: BTreeSet<Claim> = mine
        .entries()
        .filter_map(|e| if let EntryKind::File { id, size, .. } = e.kind { Some((id, size)) } else { None })
        .filter(|claim| claims.contains(claim))
        .collect();
    let foreign: BTreeSet<Claim> = claims.difference(&own).copied().collect();
    let kept = kept_copies(stored, roster, &foreign, &sharers);
    let all = sharers.into_iter().map(|(claim, peers)| (claim, peers.len() as u64));
    let mut copies: HashMap<Claim, u64> = HashMap::new();
    for (claim, more) in all.chain(own.into_iter().map(|claim| (claim, 1))).chain(kept) {
        *copies.entry(claim).or_default() += more;
    }
    copies
}

/// How many copies keepers have of each content, this one included, but those who share it, too.
pub(super) fn kept_copies(
    stored: &Stored<'_>,
    roster: &Roster,
    claims: &BTreeSet<Claim>,
    sharers: &BTreeMap<Claim, Vec<PeerId>>,
) -> BTreeMap<Claim, u64> {
    let mut parts = roster.away.parts(claims);
    let copies = |claim: &Claim| {
        let shares = |peer: &PeerId| sharers.get(claim).is_some_and(|peers| peers.contains(peer));
        let others = parts.remove(claim).unwrap_or_default().into_iter();
        let others = others.filter(|(peer, _)| *peer != stored.me && !shares(peer)).map(|(_, span)| span);
        let spans: Vec<Span> = others.chain((stored.spans)(*claim).iter().copied()).collect();
        if spans.is_empty() {
            return None;
        }
        let whole = Span::whole(claim.1).map_or(0, |whole| placement::copies(whole, &spans));
        Some((*claim, whole.into()))
    };
    claims.iter().filter_map(copies).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::peer::away::KeptPart;
    use crate::peer::roster::tests::{file, key, roster};

    /// A peer that keeps nothing for others.
    pub(in crate::peer::listing) const NOTHING: Stored<'_> = Stored { me: PeerId([0; 32]), spans: &|_| &[] };

    fn names(rows: &[ListRow]) -> Vec<&str> {
        rows.iter().map(|r| r.path.as_str()).collect()
    }

    /// The rows, all of them of files.
    fn files(mine: &Catalogue, hashing: &[Hashing], roster: &Roster, filter: &Filter) -> Vec<ListRow> {
        let rows = rows(mine, |_| OwnCopies::default(), &NOTHING, hashing, roster, filter).into_iter();
        let file = |row| if let ListedRow::File(row) = row { row } else { panic!("{row:?}") };
        rows.map(file).collect()
    }

    #[test]
    fn one_row_for_each_path_and_content() {
        let mine = Catalogue::of([file("a", 1), file("b", 2)]);
        let r = roster(&[("one", &[file("a", 1), file("b", 3)]), ("two", &[file("other name of a", 1)])]);
        let rows = files(&mine, &[], &r, &Filter::default());
        assert_eq!(names(&rows), ["a", "b", "b", "other name of a"]);
        let a = &rows[0];
        assert_eq!(
            (a.copies, a.mine, a.ambiguous, a.peers.as_slice()),
            (3, true, false, &["one".to_owned()][..])
        );
        assert!(rows[1].ambiguous && rows[2].ambiguous);
        assert_eq!((rows[1].copies, rows[1].mine, rows[2].mine), (1, true, false));
        assert_eq!((rows[3].copies, rows[3].mine), (3, false));
    }

    #[test]
    fn names_that_look_alike_are_told_whoever_is_listed() {
        let r =
            roster(&[("anna", &[file("a", 1)]), ("bert", &[file("a", 1)]), ("\u{430}nna", &[file("b", 2)])]);
        let filter = Filter::default().with_pattern("a");
        let rows = files(&Catalogue::default(), &[], &r, &filter);
        assert_eq!(names(&rows), ["a"]);
        assert_eq!((rows[0].peers.len(), rows[0].look_alikes.clone()), (2, vec![key(1).peer_id().full()]));
    }

    #[test]
    fn filters() {
        let mine = Catalogue::of([file("docs/Report.txt", 1)]);
        let r = roster(&[("one", &[file("report.pdf", 2), file("x/photo.PNG", 3)])]);
        let with = |pattern: &str| Filter::default().with_pattern(pattern);
        let show =
            |filter: &Filter| files(&mine, &[], &r, filter).into_iter().map(|r| r.path).collect::<Vec<_>>();
        assert_eq!(show(&with("report")), ["docs/Report.txt", "report.pdf"]);
        assert_eq!(show(&with("*.png")), ["x/photo.PNG"]);
        assert_eq!(show(&with("report.*")), ["docs/Report.txt", "report.pdf"]);
        assert!(show(&with("?")).is_empty());
        assert_eq!(show(&with("b3:0202")), ["report.pdf"]);
        assert_eq!(show(&with("b3:")).len(), 3);
        assert_eq!(show(&with("./report")), ["docs/Report.txt", "report.pdf"]);
        assert_eq!(show(&Filter { mine: true, ..Filter::default() }), ["docs/Report.txt"]);
        let from = Owners::one(key(1).peer_id());
        assert_eq!(show(&Filter { from, ..Filter::default() }), ["report.pdf", "x/photo.PNG"]);
    }

    #[test]
    fn what_is_being_hashed_is_shown_with_its_progress() {
        let h = |path: &str, done, size| Hashing { path: path.parse().unwrap(), done, size };
        let hashing = [h("b", 40, 100), h("z", 0, 0)];
        let mine = Catalogue::of([file("c", 1)]);
        let rows = files(&mine, &hashing, &Roster::default(), &Filter { mine: true, ..Filter::default() });
        assert_eq!(names(&rows), ["b", "c", "z"]);
        assert_eq!((rows[0].hashing, rows[1].hashing, rows[2].hashing), (Some(40), None, Some(0)));
    }

    #[test]
    fn copies_are_those_who_share_it_and_those_who_keep_it_each_of_them_once() {
        let mut r = roster(&[("one", &[file("a", 1)]), ("two", &[]), ("three", &[file("other", 1)])]);
        let whole = KeptPart { file: FileId([1; 32]), size: 1, span: Span::whole(1).unwrap() };
        let id = |n: u8| key(n).peer_id();
        // The second keeps it for the first one, and so does the third, which shares it, too.
        r.away.kept(id(2), [(id(1), None, vec![whole])]);
        r.away.kept(id(3), [(id(1), None, vec![whole])]);
        let listed = files(&Catalogue::default(), &[], &r, &Filter::default());
        assert_eq!(
            listed.iter().map(|row| (row.path.as_str(), row.copies)).collect::<Vec<_>>(),
            [("a", 3), ("other", 3)]
        );
        // What others keep of an own file is known from elsewhere.
        let mine = Catalogue::of([file("mine", 1)]);
        let kept = |_| OwnCopies { kept: 1, ..OwnCopies::default() };
        let rows = rows(&mine, kept, &NOTHING, &[], &r, &Filter { mine: true, ..Filter::default() });
        assert!(matches!(&rows[..], [ListedRow::File(row)] if row.copies == 4), "{rows:?}");
    }

    #[test]
    fn the_order_is_the_one_that_is_wanted() {
        let mine = Catalogue::of([file("b2", 9), file("b10", 3), file("a", 5)]);
        let r = roster(&[("one", &[file("b2", 9)])]);
        let by = |order| {
            let rows = files(&mine, &[], &r, &Filter { order, ..Filter::default() });
            rows.into_iter().map(|row| row.path).collect::<Vec<_>>()
        };
        assert_eq!(by(ListOrder::Name), ["a", "b2", "b10"]);
        assert_eq!(by(ListOrder::Size), ["b2", "a", "b10"]);
        assert_eq!(by(ListOrder::Copies), ["a", "b10", "b2"]);
        assert_eq!(by(ListOrder::Time), ["a", "b2", "b10"], "all of one time");
    }
}
