//! Where the owner's page is: `.potluck/web` says its port and its key, a line each. Only this user can read it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::sessions::{NONCE, WebKey};
use crate::error::{Code, Failure};
use crate::identity::fill_random;
use crate::sys::clock;

/// The name of the file.
const FILE: &str = "web";

/// The file while the page is served. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct WebPlace(PathBuf);

impl WebPlace {
    /// Writes it, for the peer in `directory`, whose `.potluck` is there.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn make(directory: &Path, port: u16, key: &WebKey) -> io::Result<Self> {
        let state = directory.join(".potluck");
        // It has no rights for others from the beginning on, and appears with all that is in it.
        let mut file = tempfile::NamedTempFile::new_in(&state)?;
        write!(file, "{port}\n{}\n", key.text())?;
        let path = state.join(FILE);
        file.persist(&path).map_err(|e| e.error)?;
        Ok(Self(path))
    }
}

impl Drop for WebPlace {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_file(&self.0) {
            log::debug!("{} stays behind: {e}", self.0.display());
        }
    }
}

/// The address of the page of the peer in `directory`, good once.
///
/// # Errors
/// None is served there.
pub(crate) fn address(directory: &Path) -> Result<String, Failure> {
    let text = match std::fs::read_to_string(directory.join(".potluck").join(FILE)) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let message = "no peer with a page runs here: start one (`potluck`), and without --no-web";
            return Err(Failure::new(Code::NoPeer, message));
        }
        Err(e) => return Err(Failure::other(format!("the page of this peer cannot be found: {e}"))),
    };
    let mut lines = text.lines();
    let port = lines.next().and_then(|line| line.parse::<u16>().ok());
    let key = lines.next().and_then(WebKey::read);
    let (Some(port), Some(key)) = (port, key) else {
        return Err(Failure::other("the running peer is of another version: restart it"));
    };
    let mut nonce = [0; NONCE];
    fill_random(&mut nonce).map_err(|e| Failure::other(e.to_string()))?;
    let code = key.code(nonce, clock::unix_seconds());
    Ok(format!("http://127.0.0.1:{port}/#{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing;

    #[test]
    fn the_page_is_found_as_long_as_it_is_served_by_its_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".potluck")).unwrap();
        assert_eq!(address(dir.path()).unwrap_err().code, Code::NoPeer);
        let key = WebKey::new([1; 32]);
        let place = WebPlace::make(dir.path(), 1_234, &key).unwrap();
        assert_eq!(testing::mode(&place.0), 0o600);
        let found = address(dir.path()).unwrap();
        let code = found.strip_prefix("http://127.0.0.1:1234/#").unwrap();
        assert!(super::super::sessions::Sessions::new(key).takes(code, clock::unix_seconds()));
        std::fs::write(&place.0, "junk").unwrap();
        assert_eq!(
            address(dir.path()).unwrap_err().message,
            "the running peer is of another version: restart it"
        );
        drop(place);
        std::fs::create_dir(dir.path().join(".potluck/web")).unwrap();
        let message = address(dir.path()).unwrap_err().message;
        assert!(message.starts_with("the page of this peer cannot be found: "), "{message}");
    }
}
