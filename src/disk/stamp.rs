//! Whether an open file still is what was hashed. The library asks it before it believes a hash, and whoever
//! copies a file or gives it to others before and after reading.

use std::fs::File;
use std::io;

use crate::content::Stamp;
use crate::sys::facts::Facts;

impl Stamp {
    /// What `facts` say.
    #[must_use]
    pub(crate) const fn of(facts: &Facts) -> Self {
        let Facts { volume, id, size, modified, changed, .. } = *facts;
        Self { device: volume, inode: id, size, modified, changed }
    }

    /// Modification time in whole milliseconds since 1970, as the catalogue has it.
    #[must_use]
    pub(crate) fn modified_millis(&self) -> i64 {
        i64::try_from(self.modified.div_euclid(1_000_000)).unwrap_or(if self.modified < 0 {
            i64::MIN
        } else {
            i64::MAX
        })
    }
}

/// True if the open file is still what was hashed.
///
/// # Errors
/// What the operating system says when it cannot tell.
pub(crate) fn unchanged(file: &File, stamp: &Stamp) -> io::Result<bool> {
    let now = Facts::of(file)?;
    Ok(now.is_file() && Stamp::of(&now) == *stamp)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_file_is_what_was_hashed_until_its_size_or_time_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, b"content").unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_millis(1_500)).unwrap();
        let stamp = Stamp::of(&Facts::of(&file).unwrap());
        assert_eq!((stamp.size, stamp.modified_millis()), (7, 1_500));
        assert!(unchanged(&file, &stamp).unwrap());
        assert!(!unchanged(&file, &Stamp { inode: stamp.inode + 1, ..stamp }).unwrap());
        file.set_modified(UNIX_EPOCH + Duration::from_millis(1_501)).unwrap();
        assert!(!unchanged(&file, &stamp).unwrap());
        let changed = Stamp::of(&Facts::of(&file).unwrap());
        file.set_len(6).unwrap();
        assert!(!unchanged(&file, &changed).unwrap());
        // A folder never was hashed.
        let folder = File::open(dir.path()).unwrap();
        assert!(!unchanged(&folder, &Stamp::of(&Facts::of(&folder).unwrap())).unwrap());
    }

    #[test]
    fn times_are_cut_to_milliseconds_downwards() {
        let at = |modified| Stamp { device: 0, inode: 0, size: 0, modified, changed: 0 }.modified_millis();
        assert_eq!(
            [at(1_999_999), at(0), at(-1), at(i128::MAX), at(i128::MIN)],
            [1, 0, -1, i64::MAX, i64::MIN]
        );
    }
}
