//! The thread that looks names up. The system's own resolver blocks, and reads files of the system, so it has a
//! thread of its own outside the sandboxes. It gets names that the user of this machine typed, and
//! those of the nodes by which the table between sites is joined.

use std::io;
use std::net::ToSocketAddrs as _;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::{RouteFault, RouteId, limits};
use crate::address::{Host, RouteTarget};
use crate::sys::thread::Thread;

/// What a name is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResolveFor {
    /// This route leads there.
    Route(RouteId),
    /// It is a node of the table between sites, the one at this place among them.
    Node(usize),
}

/// A name to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToResolve {
    pub(crate) purpose: ResolveFor,
    pub(crate) target: RouteTarget,
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) purpose: ResolveFor,
    pub(crate) found: Result<Vec<Host>, RouteFault>,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Resolver {
    work: Sender<ToResolve>,
    /// What was found, in the order in which it was asked for.
    pub(crate) events: Receiver<Resolved>,
}

impl Resolver {
    /// Starts it.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub(crate) fn start() -> io::Result<Self> {
        let (work, names) = unbounded::<ToResolve>();
        let (found, events) = bounded(limits::ROUTES);
        let thread = Thread::spawn("resolver", move || {
            for ToResolve { purpose, target } in names {
                if found.send(Resolved { purpose, found: resolve(&target) }).is_err() {
                    return;
                }
            }
        })?;
        // A name that nobody answers holds it up for as long as the system wants: it is not waited for.
        thread.detach();
        Ok(Self { work, events })
    }

    /// Never blocks.
    pub(crate) fn send(&self, work: ToResolve) {
        // It ends with its handle only.
        drop(self.work.send(work));
    }
}

/// The addresses of a name, each once.
fn resolve(target: &RouteTarget) -> Result<Vec<Host>, RouteFault> {
    let found = (target.host.as_str(), target.port).to_socket_addrs().map_err(|e| {
        log::debug!("{target} cannot be looked up: {e}");
        RouteFault::NoSuchHost
    })?;
    let mut hosts = Vec::new();
    for host in found.map(Host::from) {
        if !hosts.contains(&host) && hosts.len() < limits::ADDRESSES {
            hosts.push(host);
        }
    }
    if hosts.is_empty() { Err(RouteFault::NoSuchHost) } else { Ok(hosts) }
}
