//! What is shared beside `shared/` when a peer starts: what is remembered, and what its user asks for now.

use super::remembered_shares::{RememberedShares, load, store};
use super::share_check::{check, conflict, tidy};
use super::shares::SharesAtStart;
use crate::error::{Code, Failure};
use crate::library::Share;
use crate::settings::{Settings, ShareArgument};
use crate::text;

/// All of that, which is remembered from now on, and what there is to warn of.
///
/// # Errors
/// Something cannot be shared that is asked for, or what is remembered cannot be read or written.
pub(super) fn shares_at_start(settings: &Settings) -> Result<(SharesAtStart, Vec<String>), Failure> {
    let file = || text::shown(&settings.state().join("shares").to_string_lossy()).into_owned();
    let all = load(settings).map_err(|e| {
        Failure::other(format!("{} cannot be read, so it is not known what is shared: {e}", file()))
    })?;
    let mut now = all.clone();
    for asked in &settings.share.shares {
        let asked = ShareArgument { folder: tidy(&asked.folder), ..asked.clone() };
        let share = asked_for(settings, &now, &asked)?;
        now.add(share);
    }
    if settings.index.is_only && !now.shares.is_empty() {
        let names: Vec<String> = now.shares.iter().map(|share| share.name.to_string()).collect();
        let text = format!(
            "--index-only: such a peer shares nothing, and this one shares {}: start it in another folder",
            names.join(", ")
        );
        return Err(Failure::new(Code::Usage, text));
    }
    if now != all {
        store(settings, &now).map_err(|e| Failure::other(format!("{} cannot be written: {e}", file())))?;
    }
    Ok(at_start(settings, now))
}

/// A share that is asked for with its name is moved there: the name says which one is meant.
fn asked_for(settings: &Settings, all: &RememberedShares, asked: &ShareArgument) -> Result<Share, Failure> {
    let is_known = |share: &Share| share.folder == asked.folder;
    let mut others = all.clone();
    if let Some(name) = &asked.name {
        others.shares.retain(|share| share.name.as_str() != name || is_known(share));
    }
    check(settings, &others, asked)
}

fn at_start(settings: &Settings, all: RememberedShares) -> (SharesAtStart, Vec<String>) {
    let mut warnings = Vec::new();
    let (mut shares, mut left_aside) = (Vec::new(), Vec::new());
    for share in &all.shares {
        if let Some(why) = conflict(settings, &all, share) {
            warnings.push(why);
            left_aside.push(share.name.clone());
        } else {
            shares.push(share.clone());
        }
    }
    (SharesAtStart { shares, unshared: all.unshared, left_aside }, warnings)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_asked_for_is_remembered_and_a_name_may_move() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(dir.path().join("peer"));
        for folder in ["peer/shared", "peer/.potluck", "a/x", "b/x"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let ask = |name: Option<&str>, folder: &str| ShareArgument {
            name: name.map(str::to_owned),
            folder: dir.path().join(folder),
        };
        let folders = |settings: &Settings| -> Vec<String> {
            let (start, warnings) = shares_at_start(settings).unwrap();
            assert!(warnings.is_empty(), "{warnings:?}");
            let name = |share: &Share| {
                format!("{}={}", share.name, share.folder.strip_prefix(dir.path()).unwrap().display())
            };
            start.shares.iter().map(name).collect()
        };
        settings.share.shares = vec![ask(None, "a/x")];
        assert_eq!(folders(&settings), ["x=a/x"]);
        settings.share.shares.clear();
        assert_eq!(folders(&settings), ["x=a/x"], "it is remembered");
        settings.share.shares = vec![ask(None, "b/x")];
        let failure = shares_at_start(&settings).unwrap_err();
        assert!(failure.message.contains("the share x"), "{}", failure.message);
        settings.share.shares = vec![ask(Some("x"), "b/x")];
        assert_eq!(folders(&settings), ["x=b/x"], "the name says which");
        // What is remembered need not be there.
        fs::rename(dir.path().join("b"), dir.path().join("c")).unwrap();
        assert_eq!(folders(&settings), ["x=b/x"]);
        settings.index.is_only = true;
        assert_eq!(shares_at_start(&settings).unwrap_err().code, Code::Usage);
    }
}
