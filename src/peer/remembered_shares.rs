//! The shares beside `shared/`, remembered over a restart: one a line in `.potluck/shares`, in JSON. What is shared no
//! more stays there, too, until others were told: else what lay in it would seem to be missing at the next start.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::content::ShareName;
use crate::control::RememberedShare;
use crate::library::Share;
use crate::settings::Settings;
use crate::sys::file;

/// The name of the file.
const FILE: &str = "shares";

/// Bytes of the file that are read, at most: a line is a path and a name.
const LONGEST: u64 = 1 << 20;

/// What is remembered of shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RememberedShares {
    /// Those that there are.
    pub(crate) shares: Vec<Share>,
    /// Those that are shared no more, of which others may not know it.
    pub(crate) unshared: Vec<ShareName>,
}

impl RememberedShares {
    /// Shares this, under a name that no other share has.
    pub(super) fn add(&mut self, share: Share) {
        self.unshared.retain(|name| *name != share.name);
        self.shares.retain(|known| known.name != share.name);
        self.shares.push(share);
    }

    /// Shares this no more.
    pub(super) fn remove(&mut self, name: &ShareName) {
        self.shares.retain(|known| known.name != *name);
        if !self.unshared.contains(name) {
            self.unshared.push(name.clone());
        }
    }
}

/// Remembers these, and no others.
///
/// # Errors
/// What the operating system says.
pub(super) fn store(settings: &Settings, all: &RememberedShares) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(settings.state())?;
    let shares = all.shares.iter().map(|Share { name, folder }| RememberedShare {
        name: name.as_str().to_owned(),
        folder: Some(folder.clone()),
    });
    let unshared =
        all.unshared.iter().map(|name| RememberedShare { name: name.as_str().to_owned(), folder: None });
    for line in shares.chain(unshared) {
        writeln!(new, "{}", serde_json::to_string(&line)?)?;
    }
    file::sync(new.as_file())?;
    new.persist(path(settings))?;
    Ok(())
}

/// Those that are remembered. A line that is none is left out: a later version may say more.
///
/// # Errors
/// The file is there and cannot be read: then it is not known what is shared.
pub(super) fn load(settings: &Settings) -> io::Result<RememberedShares> {
    let mut all = RememberedShares::default();
    let path = path(settings);
    let text = match std::fs::metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(all),
        Ok(facts) if facts.len() > LONGEST => return Err(io::ErrorKind::FileTooLarge.into()),
        _ => std::fs::read_to_string(&path)?,
    };
    for line in text.lines().filter_map(|line| serde_json::from_str::<RememberedShare>(line).ok()) {
        let Ok(name) = line.name.parse::<ShareName>() else { continue };
        match line.folder.filter(|folder| folder.is_absolute()) {
            Some(folder) => all.add(Share { name, folder }),
            None => all.remove(&name),
        }
    }
    Ok(all)
}

fn path(settings: &Settings) -> PathBuf {
    settings.state().join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    #[test]
    fn shares_come_back_and_what_cannot_be_understood_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path().to_owned());
        assert_eq!(load(&settings).unwrap(), RememberedShares::default());
        std::fs::create_dir(settings.state()).unwrap();
        let share = |name: &str, folder: PathBuf| Share { name: name.parse().unwrap(), folder };
        let mut all = RememberedShares::default();
        all.add(share("Videos", "/mnt/a b".into()));
        all.add(share("odd", PathBuf::from("/mnt").join(testing::not_utf8())));
        all.add(share("Videos", "/mnt/c".into()));
        all.remove(&"odd".parse().unwrap());
        store(&settings, &all).unwrap();
        assert_eq!(load(&settings).unwrap(), all);
        assert_eq!(all.shares, [share("Videos", "/mnt/c".into())]);
        let text =
            "{\"name\":\"a/b\",\"folder\":\"/x\"}\nnonsense\n{\"name\":\"c\",\"folder\":\"/c\",\"more\":1}\n";
        std::fs::write(path(&settings), text).unwrap();
        assert_eq!(load(&settings).unwrap().shares, [share("c", "/c".into())]);
    }
}
