//! The names in the folders that files are published into: names that differ only in what some file systems ignore are
//! one name.

use std::collections::HashMap;
use std::io;

use crate::content::path::fold;
use crate::sys::facts::FileIdentity;
use crate::sys::folder::Folder;

/// Folders whose names are kept in memory, at most.
const REMEMBERED: usize = 16;

/// The names in folders, by the form in which twins are equal. Read again when a folder changed.
#[derive(Debug, Default)]
pub(super) struct Twins(HashMap<FileIdentity, ReservedNames>);

#[derive(Debug)]
struct ReservedNames {
    changed: i128,
    /// They were compared with the folder since the group began.
    is_current: bool,
    /// What was made in the folder since `changed` is among them.
    has_more: bool,
    folded: HashMap<String, Vec<String>>,
}

impl Twins {
    /// A group begins: what others did in the folders meanwhile is looked for once in each.
    pub(super) fn begin(&mut self) {
        self.0.values_mut().for_each(|names| names.is_current = false);
    }

    /// What lies in `folder`, which has this identity, under `name` or a name that counts as the same, `name` itself
    /// first.
    pub(super) fn of(
        &mut self,
        folder: &Folder,
        identity: FileIdentity,
        name: &str,
    ) -> io::Result<Vec<String>> {
        let folded = fold(name);
        let found = |names: &ReservedNames| names.folded.get(&folded).cloned().unwrap_or_default();
        let known = self.0.get(&identity);
        // That a name is free others can change at any time, and renaming shows it. That one is taken is looked at again.
        if known.is_some_and(|names| names.is_current && found(names).is_empty()) {
            return Ok(Vec::new());
        }
        let changed = folder.changed()?;
        if known.is_none_or(|names| names.changed != changed && !names.has_more) {
            self.read(folder, identity, changed)?;
        }
        let Some(names) = self.0.get_mut(&identity) else { return Ok(Vec::new()) };
        (names.changed, names.is_current, names.has_more) = (changed, true, false);
        let mut twins = found(names);
        twins.sort_by_key(|twin| twin != name);
        Ok(twins)
    }

    fn read(&mut self, folder: &Folder, identity: FileIdentity, changed: i128) -> io::Result<()> {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let mut folded: HashMap<String, Vec<String>> = HashMap::new();
        for name in folder.names()? {
            folded.entry(fold(&name)).or_default().push(name);
        }
        self.0.insert(identity, ReservedNames { changed, is_current: true, has_more: false, folded });
        Ok(())
    }

    /// Remembers that we made `name` in the folder of this identity.
    pub(super) fn made(&mut self, identity: FileIdentity, name: &str) {
        if let Some(names) = self.0.get_mut(&identity) {
            names.folded.entry(fold(name)).or_default().push(name.to_owned());
            names.has_more = true;
        }
    }

    /// A group ends: what was made in this folder is no reason to read it again.
    pub(super) fn settle(&mut self, folder: &Folder, identity: FileIdentity) {
        let Some(names) = self.0.get_mut(&identity).filter(|names| names.is_current) else { return };
        match folder.changed() {
            Ok(changed) => (names.changed, names.has_more) = (changed, false),
            Err(_) => drop(self.0.remove(&identity)),
        }
    }
}
