//! Names of files as the operating system has them, and as they are shown to people.
//!
//! POSIX takes any bytes but `/` and NUL for a name (path_resolution(7)); what is shared has names in UTF-8
//! only.

use std::borrow::Cow;
use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The name that the operating system reported (readdir(3)), whatever bytes it has.
pub(super) fn native(name: &CStr) -> OsString {
    OsStr::from_bytes(name.to_bytes()).to_owned()
}

/// All bytes of a path; [`of_bytes`] makes the same path of them.
#[must_use]
pub(crate) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The path that has these bytes.
#[must_use]
pub(crate) fn of_bytes(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// A name or path to be read by people: what is not UTF-8 in it becomes U+FFFD. Characters that would disturb
/// the terminal are still in it.
#[must_use]
pub(crate) fn shown(name: &(impl AsRef<OsStr> + ?Sized)) -> Cow<'_, str> {
    name.as_ref().to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    #[test]
    fn a_name_of_any_bytes_is_kept_and_can_be_shown() {
        assert_eq!(native(c"a b").to_str(), Some("a b"));
        assert_eq!(native(c"not\xffutf8"), testing::not_utf8());
        assert_eq!(native(c"not\xffutf8").to_str(), None);
        assert_eq!(shown(&testing::not_utf8()), "not\u{fffd}utf8");
        assert_eq!(shown("plain"), "plain");
    }
}
