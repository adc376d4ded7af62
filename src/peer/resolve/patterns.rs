//! What users mean that is not spelled as it is shared: wildcards, other letters of the same look, names left out, and
//! another name for what comes. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::glob::Glob;
use super::{AtPath, Resolved, Sought, take_at, typed};
use crate::content::SafePath;
use crate::error::{Code, Failure};
use crate::index::fold;
use crate::swarm::Wanted;
use crate::text::shown;

/// Paths that a failure names, at most.
const NAMED: usize = 8;

/// Takes all that a pattern means. False: it means nothing.
///
/// # Errors
/// Those of a file or a folder that it means.
pub(super) fn take_globbed(
    glob: &Glob,
    folder_only: bool,
    is_folded: bool,
    sought: Sought<'_>,
    asked: &Arc<str>,
    found: &mut Resolved,
) -> Result<bool, Failure> {
    let mut tops: BTreeMap<&str, Option<AtPath<'_>>> = BTreeMap::new();
    for (peer, entry) in sought.roster.entries(sought.owners) {
        let path = entry.path.as_str();
        let top = match glob.depth() {
            // Of a shorter path that is all of it.
            Some(depth) => entry.path.top(depth),
            None => path,
        };
        let at = tops.entry(top).or_insert_with(|| {
            let is_meant = if is_folded { glob.matches(&fold(top)) } else { glob.matches(top) };
            top.parse().ok().filter(|_| is_meant).map(AtPath::nothing)
        });
        if let Some(at) = at {
            at.add(folder_only, peer, entry);
        }
    }
    let mut is_any = false;
    for at in tops.into_values().flatten().filter(|at| !at.is_empty()) {
        is_any = true;
        let to = without_first(&at.path, glob.fixed());
        take_at(at, &to, sought, asked, found)?;
    }
    Ok(is_any)
}

/// `path` without so many of its first components, but for the last one.
fn without_first(path: &SafePath, components: usize) -> SafePath {
    let all: Vec<&str> = path.components().collect();
    let rest = all[components.min(all.len() - 1)..].join("/");
    // A part of a valid path is one as well; should that ever fail, the whole path is as safe.
    rest.parse().unwrap_or_else(|_| path.clone())
}

/// The path that is `path` but for case and accents. `None`: there is none.
///
/// # Errors
/// [`Code::Ambiguous`] if there are several.
pub(super) fn alike(path: &SafePath, sought: Sought<'_>) -> Result<Option<SafePath>, Failure> {
    let (depth, folded) = (path.components().count(), fold(path.as_str()));
    let deep = |top: &&str| top.split('/').count() == depth;
    let tops = sought.roster.entries(sought.owners).map(|(_, entry)| entry.path.top(depth)).filter(deep);
    let mut seen: BTreeSet<&str> = tops.collect();
    seen.retain(|top| fold(top) == folded);
    let mut all = seen.into_iter();
    match (all.next(), all.len()) {
        (None, _) => Ok(None),
        (Some(one), 0) => Ok(one.parse().ok()),
        (Some(one), _) => {
            let names =
                std::iter::once(one).chain(all.take(NAMED - 1)).map(|name| format!("`{}`", shown(name)));
            let names = names.collect::<Vec<_>>().join(" or ");
            let message = format!("no file `{}`; it can be {names}: type it so", typed(path));
            Err(Failure::new(Code::Ambiguous, message))
        }
    }
}

/// What is left out of what was found.
#[derive(Debug, Default)]
pub(in crate::peer) struct Excluded(Vec<Glob>);

impl Excluded {
    /// What these patterns mean: names of files and folders; with a slash, paths from the top of what is asked for.
    pub(in crate::peer) fn new(patterns: &[String]) -> Self {
        Self(patterns.iter().map(|pattern| Glob::any(pattern.trim_end_matches('/'))).collect())
    }

    /// True if what is to go there is left out.
    fn has(&self, to: &SafePath) -> bool {
        let depth = to.components().count();
        self.0.iter().any(|glob| match glob.depth() {
            Some(1) => to.components().any(|name| glob.matches(name)),
            _ => (1..=depth).any(|n| glob.matches(to.top(n))),
        })
    }

    /// Takes it out of what was found.
    ///
    /// # Errors
    /// Nothing is left.
    pub(in crate::peer) fn leave_out(&self, found: &mut Resolved) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        found.files.retain(|file| !self.has(&file.to));
        found.folders.retain(|folder| !self.has(folder));
        if found.files.is_empty() && found.folders.is_empty() {
            return Err(Failure::new(Code::NotFound, "--exclude leaves out all that was asked for"));
        }
        Ok(())
    }
}

/// Gives what was found another name: one file, or one folder with all that is in it.
///
/// # Errors
/// The name is none, or several things were found.
pub(in crate::peer) fn rename(found: &mut Resolved, name: &str) -> Result<(), Failure> {
    let usage = |text: String| Failure::new(Code::Usage, text);
    let name: SafePath = name.trim_end_matches('/').parse().map_err(|e| {
        usage(format!("`{}` cannot be a name: {e}; `--to DIR` says where it goes", shown(name)))
    })?;
    let tops: BTreeSet<&str> =
        found.files.iter().map(|file| &file.to).chain(&found.folders).map(|to| to.top(1)).collect();
    let is_file = |file: &Wanted| file.to.components().count() == 1;
    if tops.len() != 1 || found.files.iter().filter(|file| is_file(file)).count() > 1 {
        return Err(usage(format!(
            "-o gives one file or folder another name, and this is {}",
            tops.len().max(2)
        )));
    }
    let renamed = |to: &SafePath| {
        let below = to.as_str().split_once('/').map(|(_, below)| below);
        below.map_or_else(|| Some(name.clone()), |below| name.join(below).ok())
    };
    let too_long = || usage("paths are too long with that name".to_owned());
    for file in &mut found.files {
        file.to = renamed(&file.to).ok_or_else(too_long)?;
    }
    for folder in &mut found.folders {
        *folder = renamed(folder).ok_or_else(too_long)?;
    }
    Ok(())
}
