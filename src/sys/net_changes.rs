//! Hearing that interfaces, or their addresses, are others than before (rtnetlink(7)).

use std::io;

use mio::{Registry, Token};

/// Hears of it. On other systems than Linux there is no such thing.
#[derive(Debug)]
pub(crate) struct NetChanges {
    #[cfg(target_os = "linux")]
    socket: rustix::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::AsRawFd as _;

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::io::Errno;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

    use super::NetChanges;

    /// Interfaces, and their addresses of IPv4 and IPv6 (`RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV6_IFADDR`).
    const GROUPS: u32 = 0x1 | 0x10 | 0x100;

    impl NetChanges {
        /// Begins to listen.
        ///
        /// # Errors
        /// What the operating system says.
        pub(crate) fn listen() -> io::Result<Self> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
            Ok(Self { socket })
        }

        /// Wakes this poll when something changed.
        ///
        /// # Errors
        /// What the operating system says.
        pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
            registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, Interest::READABLE)
        }

        /// True if something changed since the last call. What it was is not read: whoever is told looks.
        pub(crate) fn take(&self) -> bool {
            let mut heard = false;
            loop {
                // What does not fit is cut off.
                match recv(&self.socket, &mut [0; 16][..], RecvFlags::empty()) {
                    // More was told than the system keeps.
                    Ok(_) | Err(Errno::NOBUFS) => heard = true,
                    Err(Errno::INTR) => {}
                    Err(_) => return heard,
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl NetChanges {
    /// Nobody tells.
    pub(crate) fn listen() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn register(&self, _: &Registry, _: Token) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn take(&self) -> bool {
        false
    }
}

impl NetChanges {
    /// Listens, and wakes this poll when something changed. `None`: whoever wants to know has to look.
    pub(crate) fn start(registry: &Registry, token: Token) -> Option<Self> {
        let start = || -> io::Result<Self> {
            let changes = Self::listen()?;
            changes.register(registry, token)?;
            Ok(changes)
        };
        start().inspect_err(|e| log::debug!("changes of the network are not heard of: {e}")).ok()
    }
}
