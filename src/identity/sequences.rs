//! Whatever lies where the key and the count of starts are kept, and whatever is done with them one after the
//! other, no key is lost and no count falls: for fuzzing and property tests. The bytes of an input choose
//! what happens.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Identity, IdentityError, Instance};

/// Bytes of a key.
const SEED: usize = 32;

/// What lies in the place of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyPlace {
    Nothing,
    Folder,
    Bytes(Vec<u8>),
}

struct KeyFiles {
    key: PathBuf,
    instance: PathBuf,
    /// What was put in the place of the key last.
    lies: KeyPlace,
    /// What was written last where the count is kept.
    stored: Option<Vec<u8>>,
}

/// Lets happen what the bytes say, in a folder of its own.
///
/// # Panics
/// When a key is lost or a count falls.
pub fn run(bytes: &[u8]) {
    if let Err(e) = run_in_folder(bytes) {
        panic!("the folder cannot be used: {e}");
    }
}

fn run_in_folder(bytes: &[u8]) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (key, instance) = (folder.path().join("key"), folder.path().join("instance"));
    let mut world = KeyFiles { key, instance, lies: KeyPlace::Nothing, stored: None };
    let (steps, _) = bytes.as_chunks::<3>();
    for &[what, a, b] in steps {
        world.step(what, a, b)?;
        world.check(folder.path())?;
    }
    Ok(())
}

/// A text that may lie where the count is kept.
fn text(a: u8, b: u8) -> Vec<u8> {
    match a % 8 {
        0 => b.to_string().into_bytes(),
        1 => u64::MAX.to_string().into_bytes(),
        2 => format!("{}0", u64::MAX).into_bytes(),
        3 => format!(" \n{b}\t\n").into_bytes(),
        4 => format!("-{b}").into_bytes(),
        5 => vec![b; a.into()],
        6 => Vec::new(),
        _ => (u64::MAX - u64::from(b)).to_string().into_bytes(),
    }
}

impl KeyFiles {
    fn step(&mut self, what: u8, a: u8, b: u8) -> io::Result<()> {
        match what % 12 {
            0 => self.put(KeyPlace::Bytes(vec![b; usize::from(a) % (2 * SEED + 2)]))?,
            1 => self.put(KeyPlace::Bytes(vec![b; SEED]))?,
            2 => self.put(if a < 128 { KeyPlace::Nothing } else { KeyPlace::Folder })?,
            3 | 4 => self.load(),
            5 | 6 => self.store(b),
            7 => self.replace(b),
            8 => {
                let text = text(a, b);
                fs::write(&self.instance, &text)?;
                self.stored = Some(text);
            }
            _ => self.begin(a, b)?,
        }
        Ok(())
    }

    /// Somebody puts something else in the place of the key.
    fn put(&mut self, lies: KeyPlace) -> io::Result<()> {
        match &self.lies {
            KeyPlace::Nothing => {}
            KeyPlace::Folder => fs::remove_dir(&self.key)?,
            KeyPlace::Bytes(_) => fs::remove_file(&self.key)?,
        }
        match &lies {
            KeyPlace::Nothing => {}
            KeyPlace::Folder => fs::create_dir(&self.key)?,
            KeyPlace::Bytes(bytes) => fs::write(&self.key, bytes)?,
        }
        self.lies = lies;
        Ok(())
    }

    fn load(&self) {
        let loaded = Identity::load(&self.key);
        match &self.lies {
            KeyPlace::Nothing => assert!(matches!(loaded, Ok(None)), "{loaded:?} comes from nothing"),
            KeyPlace::Folder => assert!(matches!(loaded, Err(IdentityError::Io { .. })), "{loaded:?}"),
            KeyPlace::Bytes(bytes) => match <[u8; SEED]>::try_from(bytes.as_slice()) {
                Ok(seed) => assert!(
                    matches!(&loaded, Ok(Some(identity)) if identity.public() == identity_of(seed).public()),
                    "{loaded:?} is another key"
                ),
                Err(_) => {
                    let is_damaged =
                        matches!(loaded, Err(IdentityError::Damaged { found, .. }) if found != SEED);
                    assert!(is_damaged, "{loaded:?} comes of {} bytes", bytes.len());
                }
            },
        }
    }

    /// A new key takes no other's place.
    fn store(&mut self, b: u8) {
        let stored = identity_of([b; SEED]).store(&self.key);
        if self.lies == KeyPlace::Nothing {
            assert!(stored.is_ok(), "{stored:?} where nothing lies");
            self.lies = KeyPlace::Bytes(vec![b; SEED]);
        } else {
            assert!(matches!(stored, Err(IdentityError::Exists(_))), "{stored:?} where something lies");
        }
    }

    fn replace(&mut self, b: u8) {
        let replaced = identity_of([b; SEED]).replace(&self.key);
        if self.lies == KeyPlace::Folder {
            assert!(matches!(replaced, Err(IdentityError::Io { .. })), "{replaced:?} in place of a folder");
        } else {
            assert!(replaced.is_ok(), "{replaced:?}");
            self.lies = KeyPlace::Bytes(vec![b; SEED]);
        }
    }

    /// A start: its count is higher than the stored one, if that can be read, and not before the clock.
    fn begin(&mut self, a: u8, b: u8) -> io::Result<()> {
        let clock = u64::from(a) << (b % 57);
        let stored = self.stored.take().and_then(|text| String::from_utf8(text).ok());
        let before = stored.and_then(|text| text.trim().parse::<u64>().ok());
        let begun = Instance::begin(&self.instance, clock, b.into())?;
        assert!(begun.count >= clock && begun.random == u64::from(b));
        let is_later = before.is_none_or(|before| begun.count > before || before == u64::MAX);
        assert!(is_later, "a start has the count {} after {before:?}", begun.count);
        let text = fs::read(&self.instance)?;
        assert_eq!(text, format!("{}\n", begun.count).into_bytes());
        self.stored = Some(text);
        Ok(())
    }

    /// The key is what was put there last, and nothing is left behind beside the two files.
    fn check(&self, folder: &Path) -> io::Result<()> {
        if let KeyPlace::Bytes(bytes) = &self.lies {
            assert_eq!(fs::read(&self.key)?, *bytes, "the key is another one");
        }
        let files = usize::from(self.lies != KeyPlace::Nothing) + usize::from(self.stored.is_some());
        assert_eq!(fs::read_dir(folder)?.count(), files, "something is left behind");
        Ok(())
    }
}

fn identity_of(seed: [u8; SEED]) -> Identity {
    Identity::from_seed(seed).expect("any 32 bytes are a seed")
}

#[cfg(test)]
mod tests {
    use crate::sim::with_bytes;

    #[test]
    fn whatever_lies_there_no_key_is_lost_and_no_count_falls() {
        with_bytes(30, 200, super::run);
    }
}
