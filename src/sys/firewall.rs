//! Which programs that manage a firewall are here, and whether they are switched on, as far as an ordinary user
//! can see it: the rules themselves only root may read.

use std::io;
use std::path::Path;

/// Where such programs lie beside the folders of `PATH`, which for an ordinary user need not name them.
const PROGRAMS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Where ufw(8) says whether it is switched on.
const UFW: &str = "/etc/ufw/ufw.conf";

/// The processes, each by its number (proc(5)).
const PROCESSES: &str = "/proc";

/// One such program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firewall {
    /// It is not here.
    Absent,
    /// It is here, and switched off.
    Off,
    /// It is switched on.
    On,
    /// It is here; whether it is switched on cannot be seen.
    Unknown,
}

/// Those that this program knows the commands of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Firewalls {
    /// ufw(8).
    pub(crate) ufw: Firewall,
    /// firewalld(1).
    pub(crate) firewalld: Firewall,
}

/// Looks for them. No program is run.
#[must_use]
pub(crate) fn firewalls() -> Firewalls {
    let ufw = if is_installed("ufw") { ufw(std::fs::read_to_string(UFW)) } else { Firewall::Absent };
    let firewalld = match is_installed("firewall-cmd") {
        false => Firewall::Absent,
        true => runs("firewalld")
            .map_or(Firewall::Unknown, |runs| if runs { Firewall::On } else { Firewall::Off }),
    };
    Firewalls { ufw, firewalld }
}

/// What its configuration says.
fn ufw(configuration: io::Result<String>) -> Firewall {
    let Ok(text) = configuration else { return Firewall::Unknown };
    let mut said = text.lines().filter_map(|line| line.trim().strip_prefix("ENABLED="));
    match said.next_back().map(|value| value.trim_matches(['"', '\'', ' '])) {
        Some("yes") => Firewall::On,
        Some(_) => Firewall::Off,
        None => Firewall::Unknown,
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(PROGRAMS.map(Into::into));
    folders.into_iter().any(|folder| folder.join(program).is_file())
}

/// Whether a process of that name runs; `None` if not all processes can be seen.
fn runs(name: &str) -> Option<bool> {
    let processes = Path::new(PROCESSES);
    let name_of = |process: &Path| std::fs::read_to_string(process.join("comm"));
    // Where others' processes are hidden, the first one is, too.
    name_of(&processes.join("1")).ok()?;
    let mut all = std::fs::read_dir(processes).ok()?.filter_map(Result::ok);
    Some(all.any(|process| name_of(&process.path()).is_ok_and(|found| found.trim_end() == name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ufw_says_of_itself_is_read() {
        let said = |text: &str| ufw(Ok(text.to_owned()));
        assert_eq!(said("# ENABLED=no\nENABLED=yes\nLOGLEVEL=low\n"), Firewall::On);
        assert_eq!(said("ENABLED=\"yes\"\n"), Firewall::On);
        assert_eq!(said("ENABLED=yes\nENABLED=no\n"), Firewall::Off);
        assert_eq!(said("LOGLEVEL=low\n"), Firewall::Unknown);
        assert_eq!(ufw(Err(io::ErrorKind::PermissionDenied.into())), Firewall::Unknown);
    }

    #[test]
    fn processes_are_seen() {
        assert_ne!(runs("no such process"), Some(true));
        assert!(!is_installed("no such program") && is_installed("sh"));
    }
}
