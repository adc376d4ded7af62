//! The files that are announced, remembered over a restart: one id a line in `.potluck/announced-` and the id of the
//! network. In another group nothing is announced that was announced in this one.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::content::FileId;
use crate::settings::Settings;
use crate::sys::file;

/// What the name of the file begins with.
const FILE: &str = "announced-";

/// Bytes of the file that are read, at most: each line has 65.
const LONGEST: usize = 64 << 10;

/// Remembers these, and no others.
///
/// # Errors
/// What the operating system says.
pub(super) fn store(settings: &Settings, files: &[FileId]) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(settings.state())?;
    for file in files {
        writeln!(new, "{file}")?;
    }
    file::sync(new.as_file())?;
    new.persist(path(settings))?;
    Ok(())
}

/// Those that are remembered. A line that is no id is left out: a later version may say more.
pub(super) fn load(settings: &Settings) -> Vec<FileId> {
    let text = std::fs::read_to_string(path(settings)).unwrap_or_default();
    let text = if text.len() > LONGEST { "" } else { &text };
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn path(settings: &Settings) -> PathBuf {
    settings.state().join(format!("{FILE}{}", settings.network.as_deref().unwrap_or("open")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_comes_back_in_the_same_group_alone() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { network: Some("one".into()), ..Settings::new(dir.path().to_owned()) };
        assert!(load(&settings).is_empty());
        std::fs::create_dir(settings.state()).unwrap();
        let files = [FileId([1; 32]), FileId([0xab; 32])];
        store(&settings, &files).unwrap();
        assert_eq!(load(&settings), files);
        let other = Settings { network: Some("other".into()), ..settings.clone() };
        assert!(load(&other).is_empty());
        std::fs::write(path(&settings), format!("a b\n{}\n", files[1])).unwrap();
        assert_eq!(load(&settings), [files[1]]);
    }
}
