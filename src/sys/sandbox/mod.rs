//! A sandbox for threads (Linux: Landlock): a thread in it, and every thread that it starts, can open only
//! what its rules name, whatever a fault or a hostile peer makes the program ask for.
//!
//! Threads share their memory, so this is a second line against wrong paths, links and races, and no
//! prison for foreign machine code.

use std::io;
use std::path::PathBuf;

use super::thread;

/// Where SQLite takes its randomness from (urandom(4)).
pub(crate) const RANDOM: &str = "/dev/urandom";

/// How the C library counts processors, for the memory of a thread (sysfs(5)).
pub(crate) const PROCESSORS: &str = "/sys/devices/system/cpu/online";

/// What may be opened: these files, these folders and all below them. Links lead nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// For reading.
    pub read: Vec<PathBuf>,
    /// For reading, and for making, writing, renaming and removing files and folders.
    pub write: Vec<PathBuf>,
    /// Whether files are moved from one folder to another in there.
    pub moves: bool,
}

/// How far rules hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SandboxOutcome {
    /// All of them.
    Full,
    /// Some of them, or in some threads; why not all.
    Partly(String),
    /// None; why.
    No(String),
}

impl SandboxOutcome {
    /// How far two threads are confined, taken together.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Full, Self::Full) => Self::Full,
            (Self::No(why), Self::No(_)) => Self::No(why),
            (Self::Partly(why) | Self::No(why), _) | (Self::Full, Self::Partly(why) | Self::No(why)) => {
                Self::Partly(why)
            }
        }
    }
}

/// Runs `start` in a sandbox and waits for it. The threads that it starts stay in the sandbox; the caller
/// stays out of it. The rules hold before `start` begins.
///
/// # Errors
/// When the operating system has no thread to give.
pub(crate) fn within<T: Send>(
    rules: &Rules,
    start: impl FnOnce() -> T + Send,
) -> io::Result<(SandboxOutcome, T)> {
    thread::aside("sandbox", || (confine(rules), start()))
}

/// Gives up, for the calling thread and all that it starts, the right to gain rights by running
/// programs (`no_new_privs`). There is no way back.
pub(crate) fn no_new_privileges() {
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::thread::set_no_new_privs(true) {
        log::debug!("no_new_privs cannot be set: {e}");
    }
}

/// Confines the calling thread, and every thread that it starts from now on. There is no way back.
/// What the rules name and is not there cannot be opened later either.
#[must_use]
pub(crate) fn confine(rules: &Rules) -> SandboxOutcome {
    #[cfg(target_os = "linux")]
    return linux::confine(rules);
    #[cfg(not(target_os = "linux"))]
    {
        let _unused = rules;
        SandboxOutcome::No("only Linux has Landlock".to_owned())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use core::error::Error;
    use std::fs::metadata;
    use std::io;
    use std::path::Path;

    use landlock::{
        ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, PathBeneath,
        PathFd, PathFdError, RestrictionStatus, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
        RulesetStatus, make_bitflags,
    };

    use super::{Rules, SandboxOutcome};

    /// The oldest Landlock that can deny all that matters here: with it came `truncate` (Linux 6.2).
    const WANTED: ABI = ABI::V3;

    /// No links, devices or pipes are made, and nothing is run.
    const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir
    });
    const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    /// What of it there is to be had on something that is no folder.
    const FILE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate});

    pub(super) fn confine(rules: &Rules) -> SandboxOutcome {
        if rules.moves && knows(AccessFs::ReadFile) && !knows(AccessFs::Refer) {
            // Before 5.19 no rule can allow to move a file, and nothing would ever be published.
            return SandboxOutcome::No("Landlock before Linux 5.19 lets nobody move files".to_owned());
        }
        match enforce(rules) {
            Ok(status) => outcome(&status),
            Err(e) => SandboxOutcome::No(format!("Landlock failed: {e}")),
        }
    }

    /// Whether this kernel can deny `access`.
    fn knows(access: AccessFs) -> bool {
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(access).is_ok()
    }

    fn enforce(rules: &Rules) -> Result<RestrictionStatus, Box<dyn Error>> {
        let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(WANTED))?.create()?;
        let write = if rules.moves { WRITE | AccessFs::Refer } else { WRITE };
        let read = rules.read.iter().map(|path| (path, READ));
        for (path, access) in read.chain(rules.write.iter().map(|path| (path, write))) {
            if let Some(fd) = open(path)? {
                let access = if is_folder(path) { access } else { access & FILE };
                ruleset = ruleset.add_rule(PathBeneath::new(fd, access))?;
            }
        }
        Ok(ruleset.restrict_self()?)
    }

    /// `None`: nothing is there.
    fn open(path: &Path) -> Result<Option<PathFd>, PathFdError> {
        match PathFd::new(path) {
            Ok(fd) => Ok(Some(fd)),
            Err(PathFdError::OpenCall { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn is_folder(path: &Path) -> bool {
        metadata(path).is_ok_and(|m| m.is_dir())
    }

    fn outcome(status: &RestrictionStatus) -> SandboxOutcome {
        match (&status.ruleset, status.landlock) {
            (RulesetStatus::FullyEnforced, _) => SandboxOutcome::Full,
            (RulesetStatus::PartiallyEnforced, _) => {
                SandboxOutcome::Partly("Landlock before Linux 6.2 has not all the rules".to_owned())
            }
            (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
                SandboxOutcome::No("Landlock is switched off in this kernel".to_owned())
            }
            (RulesetStatus::NotEnforced, _) => SandboxOutcome::No("this system has no Landlock".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::sys::folder::Folder;
    use crate::sys::rename::rename_new;
    use crate::sys::testing;
    use crate::sys::thread::Thread;

    /// False, with the reason printed, where there are no sandboxes.
    fn holds(outcome: &SandboxOutcome) -> bool {
        if let SandboxOutcome::No(why) = outcome {
            println!("skipped: {why}");
        }
        !matches!(outcome, SandboxOutcome::No(_))
    }

    fn is_denied<T: core::fmt::Debug>(result: io::Result<T>) -> bool {
        result.is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn what_the_rules_do_not_name_cannot_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        let [mine, other] = ["mine", "other"].map(|name| dir.path().join(name));
        for folder in [&mine, &other] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("there"), "text").unwrap();
        }
        testing::link(&other, mine.join("way"));
        let rules = Rules { read: Vec::new(), write: vec![mine.clone()], moves: true };
        if !holds(&within(&rules, || ()).unwrap().0) {
            return;
        }
        let (outcome, ()) = within(&rules, || {
            assert!(is_denied(File::create(other.join("new"))));
            assert!(is_denied(File::open(other.join("there"))));
            assert!(is_denied(File::create(mine.join("way/new"))));
            assert!(is_denied(fs::read(mine.join("way/there"))));
            assert!(is_denied(fs::remove_file(other.join("there"))));
            assert!(is_denied(testing::try_link("x", mine.join("link"))));
            // Moved out it would lie where nothing may be made.
            assert!(fs::rename(mine.join("there"), other.join("moved")).is_err());
            fs::create_dir(mine.join("sub")).unwrap();
            fs::write(mine.join("sub/new"), "new").unwrap();
            let [sub, top] = [mine.join("sub"), mine.clone()].map(|path| Folder::open(&path).unwrap());
            rename_new(&sub, "new", &top, "named").unwrap();
            drop(sub);
            fs::remove_dir(mine.join("sub")).unwrap();
            assert_eq!(fs::read(mine.join("named")).unwrap(), b"new");
        })
        .unwrap();
        assert!(holds(&outcome));
        assert!(!other.join("new").exists() && !other.join("moved").exists());
        assert!(other.join("there").exists() && mine.join("named").exists());
    }

    #[test]
    fn threads_started_inside_stay_inside_and_the_caller_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "text").unwrap();
        let (tell, outcomes) = crossbeam_channel::bounded(2);
        let (outcome, thread) = within(&Rules::default(), || {
            let path = path.clone();
            Thread::spawn("inside", move || {
                let status = fs::read_to_string("/proc/thread-self/status");
                tell.send((is_denied(File::open(&path)), is_denied(status))).unwrap();
            })
        })
        .unwrap();
        drop(thread.unwrap());
        let expected = holds(&outcome);
        assert_eq!(outcomes.recv().unwrap(), (expected, expected));
        assert_eq!(fs::read(&path).unwrap(), b"text");
        fs::write(&path, "mine").unwrap();
    }

    #[test]
    fn a_folder_to_be_read_is_not_written_and_a_file_stands_for_itself() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let missing = dir.path().join("never there");
        let rules = Rules { read: vec![dir.path().into(), missing], ..Rules::default() };
        let check =
            || (fs::read(dir.path().join("one")).is_ok(), is_denied(File::create(dir.path().join("x"))));
        let (outcome, (read, denied)) = within(&rules, check).unwrap();
        assert!(read && denied == holds(&outcome));

        let rules = Rules { write: vec![dir.path().join("one")], ..Rules::default() };
        let check = || {
            (fs::write(dir.path().join("one"), "1").is_ok(), is_denied(File::open(dir.path().join("two"))))
        };
        let (outcome, (written, denied)) = within(&rules, check).unwrap();
        assert!(written && denied == holds(&outcome));
    }

    #[test]
    fn the_worst_of_two_counts_and_none_is_none() {
        let (partly, no) = (SandboxOutcome::Partly("a".into()), SandboxOutcome::No("b".into()));
        assert_eq!(SandboxOutcome::Full.and(SandboxOutcome::Full), SandboxOutcome::Full);
        assert_eq!(SandboxOutcome::Full.and(partly.clone()), partly);
        assert_eq!(no.clone().and(SandboxOutcome::Full), SandboxOutcome::Partly("b".into()));
        assert_eq!(no.clone().and(SandboxOutcome::No("c".into())), no);
    }
}
