//! Who asks. Pure.

use core::net::{IpAddr, SocketAddr};

use crate::accounts::AccountHost;
use crate::address::Host;

/// A browser or program, as far as it can be told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WebClient {
    /// Who pays.
    pub(super) host: AccountHost,
    pub(super) ip: IpAddr,
}

impl WebClient {
    /// Whoever asks from there.
    pub(super) fn at(from: SocketAddr) -> Self {
        Self { host: AccountHost::from(Host::from(from)), ip: from.ip().to_canonical() }
    }
}
