//! The routes that are remembered over a restart: one line each in `.potluck/routes`.

use std::fs;
use std::io::{self, Write as _};

use crate::address::RouteTarget;
use crate::settings::Settings;
use crate::sys::file;

/// Name of the file.
const FILE: &str = "routes";

/// Bytes of the file that are read, at most: each route is a name and a port.
const LONGEST: usize = 64 << 10;

/// Remembers these, and no others.
///
/// # Errors
/// What the operating system says.
pub(super) fn store(settings: &Settings, targets: &[RouteTarget]) -> io::Result<()> {
    let state = settings.state();
    let mut new = tempfile::NamedTempFile::new_in(&state)?;
    for target in targets {
        writeln!(new, "{target}")?;
    }
    file::sync(new.as_file())?;
    new.persist(state.join(FILE))?;
    Ok(())
}

/// Those that are remembered. A line that is no route is left out: a later version may say more.
pub(super) fn load(settings: &Settings) -> Vec<RouteTarget> {
    let text = fs::read_to_string(settings.state().join(FILE)).unwrap_or_default();
    let text = if text.len() > LONGEST { "" } else { &text };
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_comes_back_and_what_is_no_route_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path().to_owned());
        assert!(load(&settings).is_empty());
        fs::create_dir(settings.state()).unwrap();
        let targets: Vec<RouteTarget> = ["nas", "[fd00::1]:9"].map(|text| text.parse().unwrap()).into();
        store(&settings, &targets).unwrap();
        assert_eq!(load(&settings), targets);
        fs::write(settings.state().join(FILE), "a b c\nnas:7\n").unwrap();
        assert_eq!(load(&settings), ["nas:7".parse().unwrap()]);
    }
}
