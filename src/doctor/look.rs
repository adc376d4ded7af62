//! Asks this machine. What it cannot tell is left out: a look never fails.

use std::path::PathBuf;

use super::facts::{LinkFacts, MachineFacts, SpaceFacts};
use crate::control::FirewallState;
use crate::lan::InterfaceAddress;
use crate::sys::facts::Facts;
use crate::sys::firewall::{Firewall, firewalls};
use crate::sys::folder::Folder;
use crate::sys::net::interfaces;
use crate::sys::space::space;
use crate::sys::{clock, descriptors, links, udp, watch};

/// What is to be looked at.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// The folders that files are written to or shared from.
    pub(crate) folders: Vec<PathBuf>,
    /// The port of discovery.
    pub(crate) port: u16,
    /// True if a peer runs in this process: then what the process has open says something.
    pub(crate) is_peer: bool,
    /// The two clocks at the start: seconds since 1970, less seconds since boot.
    pub(crate) offset: i64,
}

impl Look {
    /// Seconds since 1970, less seconds since boot: another number once the clock was set.
    pub(crate) fn offset() -> i64 {
        let unix = i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX);
        unix.saturating_sub(i64::try_from(clock::now().0 / 1_000_000_000).unwrap_or(0))
    }
}

/// Looks.
pub(crate) fn look(look: &Look) -> MachineFacts {
    let programs = firewalls();
    let watches = watch::usage();
    let sockets = udp::sockets(look.port);
    MachineFacts {
        links: link_facts(),
        ufw: Some(state(programs.ufw)),
        firewalld: Some(state(programs.firewalld)),
        spaces: spaces(&look.folders),
        descriptors: descriptors::used().filter(|_| look.is_peer),
        descriptors_allowed: descriptors::allowed(),
        watches: watches.map(|usage| usage.used).filter(|_| look.is_peer),
        watches_allowed: watches.map(|usage| usage.allowed),
        dropped: sockets.map(|found| found.dropped).filter(|_| look.is_peer),
        sharers: sockets.map(|found| found.others),
        unix: clock::unix_seconds(),
        // Both are rounded down.
        clock_jumped: Look::offset().saturating_sub(look.offset),
    }
}

const fn state(firewall: Firewall) -> FirewallState {
    match firewall {
        Firewall::Absent => FirewallState::Absent,
        Firewall::Off => FirewallState::Off,
        Firewall::On => FirewallState::On,
        Firewall::Unknown => FirewallState::Unknown,
    }
}

fn link_facts() -> Vec<LinkFacts> {
    let (links, addresses) = (links::links().unwrap_or_default(), interfaces().unwrap_or_default());
    let facts = |link: links::Link| LinkFacts {
        addresses: addresses
            .iter()
            .filter(|one| one.index == Some(link.index))
            .map(|one| InterfaceAddress { ip: one.ip, prefix: one.prefix })
            .collect(),
        name: link.name,
        index: link.index,
        is_up: link.is_up,
        is_connected: link.is_connected,
        is_loopback: link.is_loopback,
    };
    links.into_iter().map(facts).collect()
}

/// The space of each file system once, by the first folder that lies on it.
fn spaces(folders: &[PathBuf]) -> Vec<SpaceFacts> {
    let mut volumes = Vec::new();
    let mut spaces = Vec::new();
    for folder in folders {
        let Ok(facts) = Facts::at(folder) else { continue };
        if !volumes.contains(&facts.volume) {
            volumes.push(facts.volume);
            let available = Folder::open(folder).and_then(|folder| space(&folder)).ok();
            spaces.push(SpaceFacts {
                folder: folder.clone(),
                available: available.map(|space| space.available),
            });
        }
    }
    spaces
}
