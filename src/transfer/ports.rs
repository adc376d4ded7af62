//! Binds the four listeners of a peer: base port and the three after it, or others if those cannot be
//! had (docs/PROTOCOL.md, "Ports").

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::address::Ports;
use crate::error::{Code, Failure};
use crate::sys::net;
use crate::sys::refusal::{Refusal, refusal};

/// Roles, and so ports.
const ROLES: u16 = 4;

/// How far the second choice lies above the first.
const SECOND: u16 = 10_000;

/// Ports below this need a right on most systems.
const PRIVILEGED: u16 = 1_024;

/// Attempts to find a port that is free in IPv4 and in IPv6.
const ATTEMPTS: usize = 32;

/// Connections that may wait to be accepted. The system cuts it to its own maximum.
const BACKLOG: i32 = 1_024;

/// The listeners of each role: one for IPv4, one for IPv6 where there is any.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// Of port `t`.
    pub receiver: Vec<TcpListener>,
    /// Of port `t+1`.
    pub sender: Vec<TcpListener>,
    /// Of port `t+2`.
    pub distributor: Vec<TcpListener>,
    /// Of port `t+3`.
    pub distributee: Vec<TcpListener>,
    /// The ports that were bound, to be announced.
    pub ports: Ports,
    /// Why they are not those that were asked for, if so; in words.
    pub moved: Option<String>,
    /// One line for the user that says so.
    pub note: Option<String>,
}

/// Binds `base` and the three ports after it (`base` 0: any four). If that cannot be, `base + 10000`
/// and the three after it, then any four; `strict` refuses instead. `interfaces` limits discovery; if
/// it is `lo` alone, only this machine can connect.
///
/// # Errors
/// [`Code::Usage`] for a base above 65,532; [`Code::Failed`] with the remedy if `strict` and the ports
/// cannot be had, or if no port can be had at all.
pub(crate) fn bind(base: u16, strict: bool, interfaces: &[String]) -> Result<Listeners, Failure> {
    if base > u16::MAX - (ROLES - 1) {
        let text = format!("port {base} leaves no room for the three after it: take one up to 65532");
        return Err(Failure::new(Code::Usage, text));
    }
    let local = matches!(interfaces, [one] if one == "lo");
    if base == 0 {
        return any(local).map(listeners).map_err(|e| none_at_all(&e));
    }
    let refused = match four(base, local) {
        Ok(sockets) => return Ok(listeners(sockets)),
        Err(refused) => refused,
    };
    if strict {
        return Err(Failure::other(refused.with_remedy()));
    }
    let second = base.checked_add(SECOND).filter(|b| *b <= u16::MAX - (ROLES - 1));
    let sockets = match second.map(|b| four(b, local)) {
        Some(Ok(sockets)) => sockets,
        _ => any(local).map_err(|e| none_at_all(&e))?,
    };
    let (all, moved) = (listeners(sockets), refused.in_words());
    let Ports { receiver, sender, distributor, distributee } = all.ports;
    let note = format!("{moved}: using {receiver}, {sender}, {distributor} and {distributee} instead");
    Ok(Listeners { moved: Some(moved), note: Some(note), ..all })
}

/// Why a port could not be bound.
#[derive(Debug)]
struct BindError {
    port: u16,
    cause: io::Error,
}

impl BindError {
    fn is_privilege(&self) -> bool {
        self.port < PRIVILEGED && refusal(&self.cause) == Refusal::Denied
    }

    fn in_words(&self) -> String {
        let port = self.port;
        match refusal(&self.cause) {
            Refusal::InUse => format!("port {port} is in use by another program"),
            _ if self.is_privilege() => format!("port {port} needs a right, for it is below {PRIVILEGED}"),
            _ => format!("port {port} cannot be used ({})", self.cause),
        }
    }

    fn with_remedy(&self) -> String {
        let remedy = if self.is_privilege() {
            format!(
                "allow it with `sudo sysctl net.ipv4.ip_unprivileged_port_start={}`, take another with \
                 `-t PORT`, or leave out --strict-port",
                self.port
            )
        } else {
            "end that program, take another with `-t PORT`, or leave out --strict-port".to_owned()
        };
        format!("{}: {remedy}", self.in_words())
    }
}

fn none_at_all(e: &io::Error) -> Failure {
    Failure::other(format!("no port can be bound at all: {e}"))
}

type RoleListeners = Vec<(u16, Vec<TcpListener>)>;

fn listeners(sockets: RoleListeners) -> Listeners {
    let mut ports = [0; ROLES as usize];
    let mut roles = sockets.into_iter().enumerate().map(|(n, (port, sockets))| {
        ports[n] = port;
        sockets
    });
    let [receiver, sender, distributor, distributee] =
        core::array::from_fn(|_| roles.next().unwrap_or_default());
    drop(roles);
    let ports = Ports { receiver: ports[0], sender: ports[1], distributor: ports[2], distributee: ports[3] };
    Listeners { receiver, sender, distributor, distributee, ports, moved: None, note: None }
}

/// `base` and the three after it: all or none.
fn four(base: u16, local: bool) -> Result<RoleListeners, BindError> {
    let port = |n| base + n;
    let bound = (0..ROLES).map(|n| match both(port(n), local) {
        Ok(sockets) => Ok((port(n), sockets)),
        Err(cause) => Err(BindError { port: port(n), cause }),
    });
    bound.collect()
}

/// Any four ports.
fn any(local: bool) -> io::Result<RoleListeners> {
    let one = || {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            // The system chooses a port for IPv4; IPv6 must have the same one.
            let v4 = listen(SocketAddr::from((address(local).0, 0)))?;
            let port = v4.local_addr()?.port();
            drop(v4);
            match both(port, local) {
                Ok(sockets) => return Ok((port, sockets)),
                Err(e) => last = e,
            }
        }
        Err(last)
    };
    (0..ROLES).map(|_| one()).collect()
}

const fn address(local: bool) -> (Ipv4Addr, Ipv6Addr) {
    if local {
        (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)
    } else {
        (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED)
    }
}

/// One port, in IPv4 and, on a machine that has it, in IPv6.
fn both(port: u16, local: bool) -> io::Result<Vec<TcpListener>> {
    both_with(port, local, listen)
}

/// [`both`], with the call that may find that the machine lacks one.
fn both_with<S>(port: u16, local: bool, listen: impl Fn(SocketAddr) -> io::Result<S>) -> io::Result<Vec<S>> {
    let (v4, v6) = address(local);
    let mut sockets = vec![listen((v4, port).into())?];
    match listen((v6, port).into()) {
        Ok(socket) => sockets.push(socket),
        Err(e) if is_without_v6(&e) => {}
        Err(e) => return Err(e),
    }
    Ok(sockets)
}

fn is_without_v6(e: &io::Error) -> bool {
    refusal(e) == Refusal::NoAddress
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the connections of the run before to be forgotten.
    net::bind_again(&socket)?;
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::rerun::rerun;

    fn lo() -> Vec<String> {
        vec!["lo".to_owned()]
    }

    #[test]
    fn without_ipv6_the_port_is_bound_in_ipv4_only() {
        let refusing = |kind: io::ErrorKind| {
            both_with(9, true, move |at| if at.is_ipv6() { Err(kind.into()) } else { Ok(at) })
        };
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        assert_eq!(refusing(io::ErrorKind::AddrNotAvailable).unwrap(), [v4]);
        assert!(refusing(io::ErrorKind::AddrInUse).is_err(), "taken by another program is no such case");
    }

    /// A base whose four ports are free now.
    fn free() -> u16 {
        for base in (20_000..50_000).step_by(40) {
            if four(base, true).is_ok() {
                return base;
            }
        }
        panic!("no four ports are free");
    }

    #[test]
    fn four_in_a_row_on_loopback_only() {
        let base = free();
        let all = bind(base, true, &lo()).unwrap();
        let expected =
            Ports { receiver: base, sender: base + 1, distributor: base + 2, distributee: base + 3 };
        assert_eq!((all.ports, all.note), (expected, None));
        for sockets in [&all.receiver, &all.sender, &all.distributor, &all.distributee] {
            assert!(sockets.iter().all(|s| s.local_addr().unwrap().ip().is_loopback()));
            assert!(sockets[0].local_addr().unwrap().is_ipv4());
        }
    }

    #[test]
    fn a_port_in_use_is_reported_and_others_are_taken_or_refused() {
        let base = free();
        let taken = listen((Ipv4Addr::LOCALHOST, base + 2).into()).unwrap();
        let all = bind(base, false, &lo()).unwrap();
        let note = all.note.unwrap();
        assert!(
            note.starts_with(&format!("port {} is in use by another program: using ", base + 2)),
            "{note}"
        );
        assert!(all.ports.receiver >= 1_024 && all.ports.receiver != base);
        let refused = bind(base, true, &lo()).unwrap_err();
        assert_eq!(refused.code, Code::Failed);
        assert!(refused.message.contains("--strict-port"), "{refused}");
        drop(taken);
        assert_eq!(bind(base, true, &lo()).unwrap().ports.receiver, base);
    }

    #[test]
    fn any_four_and_an_impossible_base() {
        let all = bind(0, true, &lo()).unwrap();
        let Ports { receiver, sender, distributor, distributee } = all.ports;
        let mut ports = vec![receiver, sender, distributor, distributee];
        ports.sort_unstable();
        ports.dedup();
        assert_eq!((ports.len(), all.note), (4, None));
        let refused = bind(65_533, false, &lo()).unwrap_err();
        let said = "port 65533 leaves no room for the three after it: take one up to 65532";
        assert_eq!(refused, Failure::new(Code::Usage, said));
    }

    #[test]
    fn what_needs_a_right_is_reported_with_its_remedy() {
        let refused = BindError { port: 1_001, cause: io::ErrorKind::PermissionDenied.into() };
        assert_eq!(refused.in_words(), "port 1001 needs a right, for it is below 1024");
        assert!(refused.with_remedy().contains("ip_unprivileged_port_start=1001"));
    }

    #[test]
    #[ignore = "run by the next test, in a process whose descriptors are its own"]
    fn without_descriptors() {
        if std::env::var_os("POTLUCK_TEST_DIR").is_none() {
            return;
        }
        let base = free();
        let any = std::fs::File::open("/").unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| any.try_clone().ok()).collect();
        for base in [0, base] {
            let failure = bind(base, false, &lo()).unwrap_err();
            let said = "no port can be bound at all: ";
            assert!(failure.code == Code::Failed && failure.message.starts_with(said), "{failure}");
        }
        drop(taken);
        assert!(bind(base, true, &lo()).is_ok());
    }

    #[test]
    fn where_nothing_can_be_opened_no_port_is_bound() {
        let dir = tempfile::tempdir().unwrap();
        rerun(&["prlimit", "--nofile=64:64"], "transfer::ports::tests::without_descriptors", dir.path());
    }
}
