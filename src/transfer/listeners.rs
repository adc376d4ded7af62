//! The sockets that one engine accepts connections at. Shell; who of those that come may stay is decided in
//! net/mod.rs.

use std::fs::File;
use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::sys::descriptors;
use crate::sys::refusal::{Refusal, refusal};

/// Tokens from here on are listeners.
const TOKENS: usize = usize::MAX / 2;

/// Connections accepted of one listener in one turn, at most.
const AT_ONCE: usize = 32;

#[derive(Debug)]
struct PortListener {
    socket: TcpListener,
    ready: bool,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Listeners {
    sockets: Vec<PortListener>,
    /// Let go of when no file descriptor is left, so that a waiting connection can be turned away.
    spare: Option<File>,
    /// False after [`Self::stop`].
    accepting: bool,
}

impl Listeners {
    pub(super) fn new(registry: &Registry, sockets: Vec<TcpListener>) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for (n, mut socket) in sockets.into_iter().enumerate() {
            registry.register(&mut socket, Token(TOKENS + n), Interest::READABLE)?;
            listeners.push(PortListener { socket, ready: true });
        }
        Ok(Self { sockets: listeners, spare: descriptors::spare(), accepting: true })
    }

    /// Takes no new connection from now on.
    pub(crate) const fn stop(&mut self) {
        self.accepting = false;
    }

    /// Marks the listener that an edge is about; false: it is about none.
    pub(super) fn event(&mut self, token: usize) -> bool {
        let Some(n) = token.checked_sub(TOKENS) else { return false };
        if let Some(listener) = self.sockets.get_mut(n) {
            listener.ready = true;
        }
        true
    }

    /// True if somebody may wait at one of them.
    pub(super) fn has_ready(&self) -> bool {
        self.accepting && self.sockets.iter().any(|l| l.ready)
    }

    /// True if no descriptor is left for the next connection.
    pub(super) const fn wants_descriptors(&self) -> bool {
        self.spare.is_none()
    }

    /// Accepts what waits, up to a bound.
    pub(super) fn accept(&mut self) -> Vec<(TcpStream, SocketAddr)> {
        let mut accepted = Vec::new();
        for n in 0..self.sockets.len() {
            for _ in 0..AT_ONCE {
                if !self.accepting || !self.sockets[n].ready {
                    break;
                }
                match self.sockets[n].socket.accept() {
                    Ok(came) => accepted.push(came),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.sockets[n].ready = false,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => self.failed(n, &e),
                }
            }
        }
        accepted
    }

    fn failed(&mut self, n: usize, e: &io::Error) {
        let none_left = refusal(e) == Refusal::TooManyOpen;
        if none_left && self.spare.take().is_some() {
            // With the spare descriptor the connection is taken and closed, else it would wait and the
            // listener would never say again that it is there.
            if let Ok((stream, _)) = self.sockets[n].socket.accept() {
                drop(stream);
            }
            self.spare = descriptors::spare();
            log::warn!("no file descriptor is left: a connection was turned away");
        } else if none_left {
            // Tried again by the next sweep.
            self.sockets[n].ready = false;
        }
        // Others (ECONNABORTED) are about one connection: the next one is tried.
    }

    /// Lets listeners try again that gave up for want of descriptors.
    pub(super) fn retry(&mut self) {
        if self.spare.is_none() {
            self.spare = descriptors::spare();
            self.sockets.iter_mut().for_each(|l| l.ready = true);
        }
    }
}
