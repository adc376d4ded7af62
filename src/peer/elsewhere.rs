//! How much a peer keeps for other networks than the one that it is in. Shell.

use std::fs;
use std::io;

use walkdir::WalkDir;

use crate::settings::{STORE, Settings};
use crate::sys::facts::Facts;

/// Bytes on the disk of what is kept for other networks. Nothing else is done with it: it is neither shown to
/// this network nor touched, and is there when the peer returns to its own.
///
/// # Errors
/// When the state folder cannot be listed. What cannot be looked at below does not count.
pub(super) fn kept_elsewhere(config: &Settings) -> io::Result<u64> {
    let own = config.store();
    let mut bytes = 0_u64;
    for entry in fs::read_dir(config.state())? {
        let path = entry?.path();
        let is_store = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STORE));
        if !is_store || path == own {
            continue;
        }
        let files = WalkDir::new(path).into_iter().filter_map(Result::ok);
        let facts = files.filter_map(|file| Facts::at_link(file.path()).ok()).filter(Facts::is_file);
        bytes = facts.fold(bytes, |all, facts| all.saturating_add(facts.allocated));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_other_networks_is_added_up() {
        let dir = tempfile::tempdir().unwrap();
        let open = Settings::new(dir.path().to_owned());
        let group = Settings { network: Some("00ff".to_owned()), ..open.clone() };
        assert_eq!(group.store(), open.state().join("store-00ff"));
        for (settings, size) in [(&open, 1 << 16), (&group, 1 << 20)] {
            let below = settings.store().join("below");
            fs::create_dir_all(&below).unwrap();
            fs::write(below.join("file"), vec![1; size]).unwrap();
        }
        fs::write(open.state().join("potluck.db"), vec![1; 1 << 21]).unwrap();
        let of = |settings| kept_elsewhere(settings).unwrap();
        let third = Settings { network: Some("aa".to_owned()), ..open.clone() };
        let [of_open, of_group, of_third] = [&open, &group, &third].map(of);
        assert!((1 << 20..1 << 21).contains(&of_open), "{of_open}");
        assert!((1 << 16..1 << 20).contains(&of_group), "{of_group}");
        assert_eq!(of_third, of_open + of_group);
    }
}
