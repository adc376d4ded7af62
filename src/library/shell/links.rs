//! Which paths are links to which others: what changes at one changes at the other. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::content::SafePath;
use crate::library::limits;

/// Links, by their paths, and where they lead.
#[derive(Debug, Default)]
pub(super) struct KnownLinks(BTreeMap<SafePath, SafePath>);

impl KnownLinks {
    /// The link at a path leads there.
    pub(super) fn add(&mut self, at: SafePath, to: SafePath) {
        if self.0.len() < limits::LINKS || self.0.contains_key(&at) {
            self.0.insert(at, to);
        }
    }

    /// All are told again.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The other paths of what lies at this one.
    pub(super) fn others(&self, path: &Path) -> Vec<PathBuf> {
        let other = |(at, to): (&SafePath, &SafePath)| {
            let (at, to) = (Path::new(at.as_str()), Path::new(to.as_str()));
            match path.strip_prefix(to) {
                Ok(rest) if rest.as_os_str().is_empty() => Some(at.to_owned()),
                Ok(rest) => Some(at.join(rest)),
                // A folder above it came or went.
                Err(_) => to.starts_with(path).then(|| at.to_owned()),
            }
        };
        self.0.iter().filter_map(other).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_where_a_link_leads_changes_where_it_lies() {
        let mut links = KnownLinks::default();
        let path = |p: &str| p.parse::<SafePath>().unwrap();
        links.add(path("l"), path("a/b"));
        links.add(path("m"), path("a/f"));
        let others = |p: &str| {
            let others = links.others(Path::new(p)).into_iter();
            others.map(|p| p.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        for (changed, at) in
            [("a/b/c/d", "l/c/d"), ("a/b", "l"), ("a", "l m"), ("a/f", "m"), ("a/bc", ""), ("l", "")]
        {
            assert_eq!(others(changed), at, "{changed}");
        }
    }
}
