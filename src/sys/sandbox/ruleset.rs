//! The rules of a sandbox as the kernel has them: a ruleset of Landlock (landlock(7)).

use core::error::Error;
use std::fs::metadata;
use std::io;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    PathBeneath, PathFd, PathFdError, RestrictionStatus, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetStatus, Scope, make_bitflags,
};

use super::{Network, Rules, SandboxOutcome};

/// The oldest Landlock that can deny all that matters here: with it came `truncate` (Linux 6.2).
const WANTED: ABI = ABI::V3;

/// The first Landlock with rules for TCP ports (Linux 6.7), and the one with scopes (Linux 6.12), beyond
/// which no signal goes and no Unix socket without a file is dialled.
const WITH_PORTS: ABI = ABI::V4;
const WITH_SCOPES: ABI = ABI::V6;

/// No links, devices or pipes are made, and nothing is run.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir
});
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
const LIST: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadDir});
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
    strict().handle_access(access).is_ok()
}

/// Whether this kernel can refuse TCP ports.
pub(super) fn has_ports() -> bool {
    strict().handle_access(ports()).is_ok()
}

/// Whether this kernel can refuse signals, and Unix sockets without a file.
pub(super) fn has_scopes() -> bool {
    strict().scope(scopes()).is_ok()
}

/// For questions: it refuses what this kernel does not know.
fn strict() -> Ruleset {
    Ruleset::default().set_compatibility(CompatLevel::HardRequirement)
}

fn ports() -> BitFlags<AccessNet> {
    AccessNet::from_all(WITH_PORTS)
}

fn scopes() -> BitFlags<Scope> {
    Scope::from_all(WITH_SCOPES)
}

fn enforce(rules: &Rules) -> Result<RestrictionStatus, Box<dyn Error>> {
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(WANTED))?;
    // What this kernel does not know is left out: whether the files are safe is another question.
    if rules.network != Network::All && has_ports() {
        ruleset = ruleset.handle_access(ports())?;
    }
    if has_scopes() {
        ruleset = ruleset.scope(scopes())?;
    }
    let mut ruleset = ruleset.create()?;
    let write = if rules.moves { WRITE | AccessFs::Refer } else { WRITE };
    let list = rules.list.iter().map(|path| (path, LIST));
    let read = rules.read.iter().map(|path| (path, READ));
    for (path, access) in list.chain(read).chain(rules.write.iter().map(|path| (path, write))) {
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
