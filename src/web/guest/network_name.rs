//! A name of the page on this network, by multicast DNS (RFC 6762, RFC 6763): `NAME.local`, and an entry where programs look
//! for pages (`_http._tcp`). Peers do not find each other by it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

use crate::sys::sandbox::{self, Network, Rules};

/// Where pages are looked for.
const PAGES: &str = "_http._tcp.local.";

/// The name while the page is served. Dropping it takes it back.
pub(super) struct NetworkName {
    daemon: ServiceDaemon,
    service: String,
    host: String,
}

impl core::fmt::Debug for NetworkName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkName").field("host", &self.host).finish_non_exhaustive()
    }
}

impl NetworkName {
    /// Says that the page of the peer of this name is at this port of these addresses; by these interfaces alone, if there are
    /// any.
    ///
    /// # Errors
    /// There is no multicast, or no thread.
    pub(super) fn start(
        peer: &str,
        port: u16,
        addresses: &[IpAddr],
        interfaces: &[String],
    ) -> io::Result<Self> {
        let label = label(peer);
        let host = format!("{label}.local");
        // It takes datagrams, and opens no file.
        let rules = Rules { network: Network::Datagrams, ..Rules::default() };
        let daemon = sandbox::within(&rules, ServiceDaemon::new)?.1.map_err(io::Error::other)?;
        let answers = || -> Result<String, mdns_sd::Error> {
            if interfaces.is_empty() {
                daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
            } else {
                daemon.disable_interface(IfKind::All)?;
                daemon.enable_interface(interfaces.iter().cloned().map(IfKind::Name).collect::<Vec<_>>())?;
            }
            let facts: HashMap<String, String> = HashMap::new();
            let info = ServiceInfo::new(PAGES, &label, &format!("{host}."), addresses, port, facts)?;
            let service = info.get_fullname().to_owned();
            daemon.register(info)?;
            Ok(service)
        };
        match answers() {
            Ok(service) => Ok(Self { daemon, service, host }),
            Err(e) => {
                drop(daemon.shutdown());
                Err(io::Error::other(e))
            }
        }
    }

    /// The name, without a dot at its end.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for NetworkName {
    fn drop(&mut self) {
        // It is said once; whoever missed it forgets the name in two minutes.
        if let Ok(said) = self.daemon.unregister(&self.service) {
            drop(said.recv_timeout(core::time::Duration::from_millis(200)));
        }
        drop(self.daemon.shutdown());
    }
}

/// A label of a name (RFC 1123): letters, digits and hyphens, 63 at most.
fn label(peer: &str) -> String {
    let mut label = String::new();
    for c in peer.chars() {
        let c = if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        if c != '-' || !label.ends_with('-') && !label.is_empty() {
            label.push(c);
        }
    }
    label.truncate(54);
    let label = label.trim_end_matches('-');
    if label.is_empty() { "potluck".to_owned() } else { format!("{label}-potluck") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_what_a_name_has() {
        for (peer, expected) in [
            ("Anna", "anna-potluck"),
            ("Ben's PC #2!", "ben-s-pc-2-potluck"),
            ("世界", "potluck"),
            ("--", "potluck"),
        ] {
            assert_eq!(label(peer), expected, "{peer}");
        }
        assert!(label(&"x".repeat(200)).len() <= 63);
    }
}
