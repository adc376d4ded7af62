//! The group of a peer on its disk: `.potluck/group`, which no other user can read. Shell; what follows from
//! it is in `key.rs`.
//!
//! The file has the name in its first line, the passphrase in the second, and in the third the key that was
//! derived from both, in hexadecimal digits, so that this is done once. A file that a user writes has the
//! first two.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::passphrase::CHANCE;
use super::{Group, GroupKey, GroupName, GroupNameError, Passphrase, PassphraseError, limits};
use crate::identity::fill_random;
use crate::sys::folder::Folder;
use crate::sys::owner::Ownership;
use crate::sys::{file, sync};

/// Its name in the state folder.
const FILE: &str = "group";

/// Why a group could not be had. No message repeats anything that was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroupFileError {
    /// The text has other lines than it should.
    #[error("a group is two lines, its name and its passphrase, and this has {0}")]
    Lines(usize),
    /// The third line is no key.
    #[error("the key in the third line is damaged: take that line out, and it is derived again")]
    Key,
    /// The first line.
    #[error(transparent)]
    Name(#[from] GroupNameError),
    /// The second line.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The text is larger than any group.
    #[error("this is too long for a group, which is two lines: its name and its passphrase")]
    Long,
    /// The text is not UTF-8.
    #[error("this is no text in UTF-8")]
    Encoding,
    /// Others know the passphrase, or may.
    #[error(
        "other users of this machine can read it: `chmod 600` it, and think of another passphrase if one of them did"
    )]
    Open,
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The system has no randomness.
    #[error("no randomness can be had")]
    Chance,
}

/// What a user gives: the name and the passphrase of a group.
#[derive(Clone, Debug)]
pub(crate) struct GroupWords {
    /// The name.
    pub(crate) name: GroupName,
    /// The passphrase.
    pub(crate) passphrase: Passphrase,
}

impl GroupWords {
    /// The words in a text of two lines.
    ///
    /// # Errors
    /// It has others.
    pub(crate) fn parse(text: &str) -> Result<Self, GroupFileError> {
        let (words, key) = read(text)?;
        if key.is_some() { Err(GroupFileError::Lines(3)) } else { Ok(words) }
    }

    /// The words in a file that a user wrote.
    ///
    /// # Errors
    /// Others can read it, or it is none.
    pub(crate) fn from_file(path: &Path) -> Result<Self, GroupFileError> {
        let opened = File::open(path)?;
        if Ownership::at(path)?.is_open() {
            return Err(GroupFileError::Open);
        }
        Self::parse(&limited(opened)?)
    }

    /// The words in what comes, such as a pipe.
    ///
    /// # Errors
    /// It has others, or cannot be read.
    pub(crate) fn from_reader(reader: impl io::Read) -> Result<Self, GroupFileError> {
        Self::parse(&limited(reader)?)
    }

    /// A new group of this name, with a passphrase that nobody can guess.
    ///
    /// # Errors
    /// [`GroupFileError::Chance`].
    pub(crate) fn make(name: GroupName) -> Result<Self, GroupFileError> {
        loop {
            let mut chance = Zeroizing::new([0; CHANCE]);
            fill_random(&mut *chance).map_err(|_| GroupFileError::Chance)?;
            if let Some(passphrase) = Passphrase::make(&chance) {
                return Ok(Self { name, passphrase });
            }
        }
    }
}

/// The group that a peer is in, as it lies in its state folder.
#[derive(Clone, Debug)]
pub(crate) struct GroupFile {
    /// What the user gave.
    pub(crate) words: GroupWords,
    /// What was derived of it.
    pub(crate) key: GroupKey,
}

impl GroupFile {
    /// Where it lies.
    pub(crate) fn path(state: &Path) -> PathBuf {
        state.join(FILE)
    }

    /// The group of the peer whose state lies in `state`; `None`: it is in none.
    ///
    /// # Errors
    /// There is one, and it cannot be read: the peer must not be in the open network then.
    pub(crate) fn load(state: &Path) -> Result<Option<Self>, GroupFileError> {
        let opened = match File::open(Self::path(state)) {
            Ok(opened) => opened,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let (words, key) = read(&limited(opened)?)?;
        Ok(Some(match key {
            Some(key) => Self { words, key },
            None => Self::join(state, words)?,
        }))
    }

    /// Takes the group of these words for that of the peer, from now on. The key is derived, unless it lies
    /// here.
    ///
    /// # Errors
    /// It cannot be written. Then what was here stays.
    pub(crate) fn join(state: &Path, words: GroupWords) -> Result<Self, GroupFileError> {
        let here = Self::load_kept(state);
        let key = match here {
            Some(here) if here.words.is_same(&words) => return Ok(here),
            _ => GroupKey::derive(&words.name, &words.passphrase),
        };
        let joined = Self { words, key };
        joined.store(state)?;
        Ok(joined)
    }

    /// Leaves the group: the peer is in the open network from then on. Returns the name of the group, if
    /// there was one.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub(crate) fn leave(state: &Path) -> Result<Option<GroupName>, GroupFileError> {
        let name = Self::load(state).ok().flatten().map(|file| file.words.name);
        match fs::remove_file(Self::path(state)) {
            Ok(()) => Folder::open(state).and_then(|folder| sync::folder(&folder))?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
        Ok(name)
    }

    /// The group itself.
    pub(crate) fn group(&self) -> Group {
        Group { name: self.words.name.clone(), key: self.key.clone() }
    }

    /// What lies here with its key; a file that cannot be used is replaced.
    fn load_kept(state: &Path) -> Option<Self> {
        let opened = File::open(Self::path(state)).ok()?;
        let (words, key) = read(&limited(opened).ok()?).ok()?;
        Some(Self { words, key: key? })
    }

    fn store(&self, state: &Path) -> Result<(), GroupFileError> {
        let key = Zeroizing::new(data_encoding::HEXLOWER.encode(self.key.as_bytes()));
        // tempfile makes it 0600; it is there whole or not at all.
        let mut written = NamedTempFile::new_in(state)?;
        let GroupWords { name, passphrase } = &self.words;
        for line in [name.as_str(), passphrase.reveal(), &key] {
            written.write_all(line.as_bytes())?;
            written.write_all(b"\n")?;
        }
        file::sync(written.as_file())?;
        written.persist(Self::path(state)).map_err(|e| e.error)?;
        Ok(Folder::open(state).and_then(|folder| sync::folder(&folder))?)
    }
}

impl GroupWords {
    /// True if both are the same group.
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.passphrase.is_same(&other.passphrase)
    }
}

/// All of a text that may be a group.
fn limited(reader: impl io::Read) -> Result<Zeroizing<String>, GroupFileError> {
    // It never grows, so that no copy is left behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limits::GROUP_FILE + 1));
    reader.take(limits::GROUP_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limits::GROUP_FILE {
        return Err(GroupFileError::Long);
    }
    let text = core::str::from_utf8(&bytes).map_err(|_| GroupFileError::Encoding)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The lines of a group. Empty ones do not count.
fn read(text: &str) -> Result<(GroupWords, Option<GroupKey>), GroupFileError> {
    let lines: Vec<&str> =
        text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty()).collect();
    let (name, passphrase, key) = match lines[..] {
        [name, passphrase] => (name, passphrase, None),
        [name, passphrase, key] => (name, passphrase, Some(key)),
        _ => return Err(GroupFileError::Lines(lines.len())),
    };
    let key = key.map(|key| {
        let bytes = data_encoding::HEXLOWER.decode(key.trim().as_bytes()).ok().map(Zeroizing::new);
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        bytes.map(GroupKey::kept).ok_or(GroupFileError::Key)
    });
    let words = GroupWords { name: GroupName::parse(name)?, passphrase: Passphrase::parse(passphrase)? };
    Ok((words, key.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    const TEXT: &str = "office\ncorrect horse battery staple\n";

    #[test]
    fn a_group_is_derived_once_and_kept_where_nobody_else_reads() {
        let dir = tempfile::tempdir().unwrap();
        assert!(GroupFile::load(dir.path()).unwrap().is_none());
        let joined = GroupFile::join(dir.path(), GroupWords::parse(TEXT).unwrap()).unwrap();
        assert_eq!(testing::mode(GroupFile::path(dir.path())), 0o600);
        let kept = fs::read_to_string(GroupFile::path(dir.path())).unwrap();
        assert_eq!(kept.lines().count(), 3);
        // Another key in its place is what a start finds, which shows that it derives none.
        let key = data_encoding::HEXLOWER.encode(&[5; 32]);
        fs::write(GroupFile::path(dir.path()), format!("{TEXT}{key}\n")).unwrap();
        let here = GroupFile::load(dir.path()).unwrap().unwrap();
        assert_eq!(here.key.as_bytes(), &[5; 32]);
        let again = GroupFile::join(dir.path(), GroupWords::parse(TEXT).unwrap()).unwrap();
        assert_eq!(again.key.as_bytes(), &[5; 32]);
        // Without it, it is derived.
        fs::write(GroupFile::path(dir.path()), TEXT).unwrap();
        assert_eq!(GroupFile::load(dir.path()).unwrap().unwrap().group(), joined.group());
        assert_eq!(fs::read_to_string(GroupFile::path(dir.path())).unwrap(), kept);
        assert_eq!(GroupFile::leave(dir.path()).unwrap().unwrap().as_str(), "office");
        assert!(GroupFile::load(dir.path()).unwrap().is_none());
        assert_eq!(GroupFile::leave(dir.path()).unwrap(), None);
    }

    #[test]
    fn a_damaged_group_is_no_open_network() {
        let dir = tempfile::tempdir().unwrap();
        for junk in
            ["", "office", "office\nshort\n", "office\ncorrect horse battery staple\nnokey\n", "a\nb\nc\nd\n"]
        {
            fs::write(GroupFile::path(dir.path()), junk).unwrap();
            assert!(GroupFile::load(dir.path()).is_err(), "{junk:?}");
        }
        fs::write(GroupFile::path(dir.path()), vec![b'x'; limits::GROUP_FILE + 1]).unwrap();
        assert!(matches!(GroupFile::load(dir.path()), Err(GroupFileError::Long)));
        fs::write(GroupFile::path(dir.path()), [0xff]).unwrap();
        assert!(matches!(GroupFile::load(dir.path()), Err(GroupFileError::Encoding)));
    }

    #[test]
    fn a_file_that_others_read_is_refused_and_no_error_repeats_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words");
        fs::write(&path, TEXT).unwrap();
        testing::set_mode(&path, 0o644);
        assert!(matches!(GroupWords::from_file(&path), Err(GroupFileError::Open)));
        testing::set_mode(&path, 0o600);
        assert_eq!(GroupWords::from_file(&path).unwrap().name.as_str(), "office");
        let secret = "sesame open";
        fs::write(&path, format!("office\n{secret}\n")).unwrap();
        let said = GroupWords::from_file(&path).unwrap_err().to_string();
        assert!(!said.contains(secret) && said.contains("group new"), "{said}");
    }

    #[test]
    fn each_new_group_is_another_one() {
        let make = || GroupWords::make(GroupName::parse("office").unwrap()).unwrap();
        assert!(!make().is_same(&make()));
    }
}
