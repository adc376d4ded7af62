//! A sandbox for threads (Linux: Landlock and seccomp): a thread in it, and every thread that it starts, can
//! open only what its rules name, has sockets only if they say so, and reaches no other process, whatever a
//! fault or a hostile peer makes the program ask for.
//!
//! Threads share their memory, so this is a second line against wrong paths, links and races, and no
//! prison for foreign machine code.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
mod calls;
#[cfg(target_os = "linux")]
mod ruleset;

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
    /// Folders of which the names are read, also those of folders below; no file.
    pub list: Vec<PathBuf>,
    /// For reading.
    pub read: Vec<PathBuf>,
    /// For reading, and for making, writing, renaming and removing files and folders.
    pub write: Vec<PathBuf>,
    /// Whether files are moved from one folder to another in there.
    pub moves: bool,
    /// What sockets are needed.
    pub network: Network,
}

/// Which sockets a thread needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Network {
    /// None.
    #[default]
    None,
    /// Those for datagrams. No TCP port is bound or dialled.
    Datagrams,
    /// All.
    All,
}

/// How far a thread is confined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confined {
    /// In what it may open.
    pub files: SandboxOutcome,
    /// In the rest.
    pub guards: Guards,
}

/// What is refused to a thread beside files that no rule names. What its rules allow counts as refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guards {
    /// To bind and dial TCP ports (Landlock since Linux 6.7).
    pub ports: bool,
    /// To signal other processes, and to dial Unix sockets without a file (Landlock since Linux 6.12).
    pub signals: bool,
    /// To make other sockets, run programs, and reach into other processes (seccomp).
    pub calls: bool,
}

impl Guards {
    /// All of them.
    pub(crate) const ALL: Self = Self { ports: true, signals: true, calls: true };

    /// What is refused to both of two threads.
    #[must_use]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            ports: self.ports && other.ports,
            signals: self.signals && other.signals,
            calls: self.calls && other.calls,
        }
    }
}

/// How far rules hold for files.
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
pub(crate) fn within<T: Send>(rules: &Rules, start: impl FnOnce() -> T + Send) -> io::Result<(Confined, T)> {
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
pub(crate) fn confine(rules: &Rules) -> Confined {
    #[cfg(target_os = "linux")]
    let (files, has_ports, has_scopes) =
        (ruleset::confine(rules), ruleset::has_ports(), ruleset::has_scopes());
    #[cfg(not(target_os = "linux"))]
    let (files, has_ports, has_scopes) =
        (SandboxOutcome::No("only Linux has Landlock".to_owned()), false, false);
    let is_ruled = !matches!(files, SandboxOutcome::No(_));
    let guards = Guards {
        ports: rules.network == Network::All || is_ruled && has_ports,
        signals: is_ruled && has_scopes,
        calls: refuse_calls(rules.network),
    };
    Confined { files, guards }
}

/// True if the calls that no part needs are refused from now on.
fn refuse_calls(network: Network) -> bool {
    #[cfg(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
    ))]
    return calls::refuse(network);
    #[cfg(not(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
    )))]
    {
        let _unused = network;
        false
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
    use std::fs::{self, File};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use rustix::process::PidfdFlags;

    use super::*;
    use crate::sys::folder::Folder;
    use crate::sys::rename::rename_new;
    use crate::sys::testing;
    use crate::sys::thread::Thread;

    /// False, with the reason printed, where there are no sandboxes.
    fn holds(confined: &Confined) -> bool {
        if let SandboxOutcome::No(why) = &confined.files {
            println!("skipped: {why}");
        }
        !matches!(confined.files, SandboxOutcome::No(_))
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
        let rules = Rules { read: Vec::new(), write: vec![mine.clone()], moves: true, ..Rules::default() };
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

    /// What a thread in a sandbox with these sockets can do: TCP, other sockets, signals, other processes.
    fn reached(network: Network) -> (Guards, [bool; 4]) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let parent = rustix::process::getppid().unwrap();
        let rules = Rules { read: vec!["/".into()], network, ..Rules::default() };
        let (confined, reached) = within(&rules, || {
            let tcp =
                [TcpStream::connect(address).is_ok(), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).is_ok()];
            assert_eq!(tcp[0], tcp[1]);
            let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_ok();
            let signal = testing::signals_another_process();
            let process = rustix::process::pidfd_open(parent, PidfdFlags::empty()).is_ok();
            [tcp[0], datagrams, signal, process]
        })
        .unwrap();
        (confined.guards, reached)
    }

    #[test]
    fn no_process_and_only_the_wanted_sockets_can_be_reached() {
        for (network, tcp, datagrams) in
            [(Network::None, false, false), (Network::Datagrams, false, true), (Network::All, true, true)]
        {
            let (guards, reached) = reached(network);
            let is_tcp_left = tcp || !guards.ports && (datagrams || !guards.calls);
            let expected =
                [is_tcp_left, datagrams || !guards.calls, !guards.signals && !guards.calls, !guards.calls];
            assert_eq!(reached, expected, "{network:?}: {guards:?}");
            if guards != Guards::ALL {
                println!("not all can be refused here: {guards:?}");
            }
        }
    }

    #[test]
    fn a_thread_in_a_sandbox_starts_threads_and_may_fail_in_them() {
        let (_, ended) = within(&Rules::default(), || {
            let thread = Thread::spawn("inside", || assert!(core::hint::black_box(false), "on purpose"));
            drop(thread.unwrap());
            true
        })
        .unwrap();
        assert!(ended);
    }

    #[test]
    fn the_worst_of_two_counts_and_none_is_none() {
        let some = Guards { ports: false, ..Guards::ALL };
        assert_eq!((some.and(Guards::ALL), Guards::ALL.and(some)), (some, some));
        let (partly, no) = (SandboxOutcome::Partly("a".into()), SandboxOutcome::No("b".into()));
        assert_eq!(SandboxOutcome::Full.and(SandboxOutcome::Full), SandboxOutcome::Full);
        assert_eq!(SandboxOutcome::Full.and(partly.clone()), partly);
        assert_eq!(no.clone().and(SandboxOutcome::Full), SandboxOutcome::Partly("b".into()));
        assert_eq!(no.clone().and(SandboxOutcome::No("c".into())), no);
    }
}
