//! What lies in a folder of one name at each of its owners. Pure.

use std::collections::BTreeMap;

use super::roster::Roster;
use crate::content::{Claim, Entry, EntryKind, SafePath};
use crate::error::{Code, Failure};
use crate::identity::PeerId;

/// Different trees that a failure names at most, and owners of each of them.
const TREES_NAMED: usize = 8;
const OWNERS_NAMED: usize = 3;

/// What lies at one place of a tree: a content, and whether it may be executed; `None`: an empty folder. Of
/// two trees that are the same but for the times of their files nobody has to choose one.
type Thing = Option<(Claim, bool)>;

/// The tree of one owner, by the paths below its folder; `None` is the folder itself, where that is empty.
type Tree<'a> = BTreeMap<Option<SafePath>, &'a Entry>;

/// The trees of all owners that are meant.
#[derive(Debug, Default)]
pub(super) struct Trees<'a>(BTreeMap<PeerId, Tree<'a>>);

impl<'a> Trees<'a> {
    /// Takes an entry of `owner` if it is a part of `folder`, as a folder.
    pub(super) fn add(&mut self, folder: &SafePath, owner: PeerId, entry: &'a Entry) {
        let inner = entry.path.below(folder);
        let is_empty_itself = entry.path == *folder && entry.kind == EntryKind::Folder;
        if inner.is_some() || is_empty_itself {
            self.0.entry(owner).or_default().insert(inner, entry);
        }
    }

    /// True if nobody has such a folder.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that lies in them, with its owner.
    pub(super) fn entries(&self) -> impl Iterator<Item = (PeerId, Option<&SafePath>, &'a Entry)> {
        self.0.iter().flat_map(|(owner, tree)| tree.iter().map(|(inner, e)| (*owner, inner.as_ref(), *e)))
    }

    /// Those who have a tree, by what it is.
    fn different(&self) -> BTreeMap<Vec<(Option<&SafePath>, Thing)>, Vec<PeerId>> {
        let mut different: BTreeMap<Vec<_>, Vec<PeerId>> = BTreeMap::new();
        for (owner, tree) in &self.0 {
            let things = tree.iter().map(|(inner, entry)| (inner.as_ref(), thing(entry))).collect();
            different.entry(things).or_default().push(*owner);
        }
        different
    }

    /// The trees must be one and the same at all owners.
    ///
    /// # Errors
    /// [`Code::Ambiguous`] with the owners of each, and what to type.
    pub(super) fn must_be_one(&self, folder: &str, roster: &Roster) -> Result<(), Failure> {
        if self.0.len() < 2 {
            return Ok(());
        }
        let different = self.different();
        if different.len() < 2 {
            return Ok(());
        }
        let tree = |(things, owners): (&Vec<(Option<&SafePath>, Thing)>, &Vec<PeerId>)| {
            let sizes = things.iter().filter_map(|(_, thing)| thing.map(|((_, size), _)| size));
            let (files, bytes) =
                sizes.fold((0_u64, 0_u64), |(n, sum), size| (n + 1, sum.saturating_add(size)));
            let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            format!("{} ({files}, {})", some_owners(owners, roster), bytesize::ByteSize(bytes))
        };
        let mut list: Vec<String> = different.iter().take(TREES_NAMED).map(tree).collect();
        if let Some(more @ 1..) = different.len().checked_sub(TREES_NAMED) {
            list.push(format!("and {more} more"));
        }
        let message = format!(
            "`{folder}` is not the same folder everywhere: {}; say whose with `--from` and an id, or have all \
             of them put together with `--from all`",
            list.join("; ")
        );
        Err(Failure::new(Code::Ambiguous, message))
    }

    /// Some of the owners, for a message.
    pub(super) fn owners(&self, roster: &Roster) -> String {
        some_owners(&self.0.keys().copied().collect::<Vec<_>>(), roster)
    }
}

fn thing(entry: &Entry) -> Thing {
    match entry.kind {
        EntryKind::File { id, size, executable, .. } => Some(((id, size), executable)),
        EntryKind::Folder => None,
    }
}

/// The first ones of these, with their ids, for names prove nothing.
fn some_owners(owners: &[PeerId], roster: &Roster) -> String {
    let mut names: Vec<String> =
        owners.iter().take(OWNERS_NAMED).map(|owner| roster.name_with_id(*owner)).collect();
    if let Some(more @ 1..) = owners.len().checked_sub(OWNERS_NAMED) {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}
