//! The name of a share, under which others see what lies in it. Pure.

use core::fmt;
use core::str::FromStr;

use super::SafePath;
use super::path::PathError;

/// The top folder that a share beside `shared/` is for others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareName(SafePath);

impl ShareName {
    /// Its folder.
    #[must_use]
    pub const fn path(&self) -> &SafePath {
        &self.0
    }

    /// Raw; for people use `Display`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// True if a path is its folder, or lies in it.
    #[must_use]
    pub fn has(&self, path: &SafePath) -> bool {
        path.top(1) == self.as_str()
    }

    /// As people type it in a command: in quotes, if it is not one plain word.
    #[must_use]
    pub fn typed(&self) -> String {
        let is_plain = self.as_str().chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
        if is_plain { self.to_string() } else { format!("\"{self}\"") }
    }

    /// True if people or file systems may take both for one name.
    #[must_use]
    pub fn looks_like(&self, other: &str) -> bool {
        self.0.folded() == super::path::fold(other)
    }
}

impl FromStr for ShareName {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let path: SafePath = text.parse()?;
        if path.parent().is_some() { Err(PathError::Deep) } else { Ok(Self(path)) }
    }
}

impl fmt::Display for ShareName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_component_and_no_name_of_ours() {
        let name: ShareName = "Videos".parse().unwrap();
        let path = |p: &str| p.parse::<SafePath>().unwrap();
        assert!(name.has(&path("Videos")) && name.has(&path("Videos/a/b")) && !name.has(&path("Videos2/a")));
        assert!(name.looks_like("VIDEOS") && !name.looks_like("Video"));
        assert_eq!(
            (name.typed(), "My Videos".parse::<ShareName>().unwrap().typed()),
            ("Videos".into(), "\"My Videos\"".into())
        );
        for (text, error) in [
            ("a/b", PathError::Deep),
            ("", PathError::Empty),
            ("..", PathError::Dots),
            (".potluck", PathError::Reserved),
        ] {
            assert_eq!(text.parse::<ShareName>(), Err(error), "{text}");
        }
    }
}
