//! The program that keeps this one running as a service, if one does: what it is told, and whether standard error goes
//! to its journal. sd_notify(3), systemd.exec(5).

use core::time::Duration;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::fs::fstat;

/// The address of the socket on which it listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// How often it wants to hear that all is well, in microseconds; and of which process.
const WATCHDOG: [&str; 2] = ["WATCHDOG_USEC", "WATCHDOG_PID"];

/// What standard output or standard error is, if it goes to the journal: `device:inode`.
const JOURNAL: &str = "JOURNAL_STREAM";

/// It reads at once; who waits longer waits for nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to it.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// That of this process; `None`: none wants to be told anything.
    ///
    /// # Errors
    /// What the operating system says; or the address is none.
    pub(crate) fn of_process() -> io::Result<Option<Self>> {
        Self::of(|name| env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> io::Result<Option<Self>> {
        let Some(name) = variable(SOCKET).filter(|name| !name.is_empty()) else { return Ok(None) };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let number = |name: &str| variable(name)?.to_str()?.parse::<u64>().ok();
        let [every, of] = WATCHDOG.map(number);
        let is_meant = of.is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = every.filter(|every| *every > 0 && is_meant).map(Duration::from_micros);
        Ok(Some(Self { socket, address: address(&name)?, watchdog }))
    }

    /// Tells it something: `NAME=value`, a line each.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn tell(&self, lines: &str) -> io::Result<()> {
        self.socket.send_to_addr(lines.as_bytes(), &self.address).map(drop)
    }

    /// It takes this process for dead that says nothing for so long.
    pub(crate) const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }
}

/// The address of a socket: a path, or behind an `@` a name of no file (unix(7)).
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', rest @ ..] => abstract_address(rest),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the address begins neither with / nor with @")),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// True if standard error goes to the journal.
pub(crate) fn is_stderr_journal() -> bool {
    env::var(JOURNAL).is_ok_and(|stream| is_stderr(&stream))
}

fn is_stderr(stream: &str) -> bool {
    fstat(io::stderr()).is_ok_and(|facts| stream == format!("{}:{}", facts.st_dev, facts.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(socket: OsString, more: &[(&str, String)]) -> io::Result<Option<ServiceManager>> {
        ServiceManager::of(|name| {
            if name == SOCKET {
                return Some(socket.clone());
            }
            more.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into())
        })
    }

    fn heard(listener: &UnixDatagram) -> String {
        listener.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut bytes = [0; 100];
        let length = listener.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn it_hears_what_it_is_told_at_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let manager = manager(path.into(), &[]).unwrap().unwrap();
        manager.tell("READY=1\nSTATUS=here").unwrap();
        assert_eq!(heard(&listener), "READY=1\nSTATUS=here");
        drop(listener);
        assert!(manager.tell("WATCHDOG=1").is_err(), "nobody listens");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_hears_what_it_is_told_at_a_name_of_no_file() {
        let name = format!("potluck-test-{}", std::process::id());
        let address = abstract_address(name.as_bytes()).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        let manager = manager(format!("@{name}").into(), &[]).unwrap().unwrap();
        manager.tell("READY=1").unwrap();
        assert_eq!(heard(&listener), "READY=1");
    }

    #[test]
    fn it_is_there_only_where_it_is_named() {
        assert!(ServiceManager::of(|_| None).unwrap().is_none());
        assert!(manager("".into(), &[]).unwrap().is_none());
        assert!(manager("relative".into(), &[]).is_err());
    }

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
        let watchdog = |more: &[(&str, String)]| manager("/x".into(), more).unwrap().unwrap().watchdog();
        let every = ("WATCHDOG_USEC", "30000000".to_owned());
        let of = |pid: u32| ("WATCHDOG_PID", pid.to_string());
        let own = std::process::id();
        assert_eq!(watchdog(&[]), None);
        assert_eq!(watchdog(core::slice::from_ref(&every)), Some(Duration::from_secs(30)));
        assert_eq!(watchdog(&[every.clone(), of(own)]), Some(Duration::from_secs(30)));
        assert_eq!(watchdog(&[every, of(own + 1)]), None);
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "0".to_owned())]), None);
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "soon".to_owned())]), None);
    }

    #[test]
    fn the_journal_is_known_by_its_number() {
        let facts = fstat(io::stderr()).unwrap();
        assert!(is_stderr(&format!("{}:{}", facts.st_dev, facts.st_ino)));
        assert!(!is_stderr(&format!("{}:{}", facts.st_dev, facts.st_ino + 1)) && !is_stderr(""));
    }
}
