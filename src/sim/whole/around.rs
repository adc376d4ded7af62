//! What the parts of a simulated process have around them.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use super::disk::SimDisk;
use super::happening::{ConnId, ConnRole, Happening};
use super::network::{Dialler, Network, Process};
use crate::disk;
use crate::identity::PeerId;
use crate::peer::event::PeerEvent;
use crate::settings::Settings;
use crate::store::LedgerRow;
use crate::time::Time;

/// A disk worker does what it is ordered in this time.
const DISK: Duration = Duration::from_millis(1);

/// The network, the disk and the ear of the controller, lent to a part for one turn.
pub(super) struct Around<'a> {
    pub(super) network: &'a mut Network,
    pub(super) disk: &'a mut SimDisk,
    /// The rows of the ledger that are on the disk.
    pub(super) ledger: &'a mut BTreeMap<Vec<u8>, Vec<u8>>,
    /// The rows of what people said that are on the disk.
    pub(super) said: &'a mut BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) settings: &'a Settings,
    pub(super) me: PeerId,
    pub(super) ip: Ipv4Addr,
    pub(super) process: Process,
    /// What the controller is to hear, in order.
    pub(super) events: &'a mut VecDeque<PeerEvent>,
}

impl Around<'_> {
    pub(super) const fn now(&self) -> Time {
        self.network.now
    }

    /// Dials a host.
    pub(super) fn dial(&mut self, ip: Ipv4Addr, role: ConnRole) -> ConnId {
        let dialler = Dialler { process: self.process, peer: self.me, from: self.ip };
        self.network.dial(&dialler, ip, role)
    }

    /// Writes rows into the ledger.
    pub(super) fn ledger_writes(&mut self, rows: Vec<LedgerRow>) {
        write(self.ledger, rows);
    }

    /// Keeps rows of what people said.
    pub(super) fn chat_writes(&mut self, rows: Vec<LedgerRow>) {
        write(self.said, rows);
    }

    /// Tells the controller.
    pub(super) fn tell(&mut self, event: PeerEvent) {
        self.events.push_back(event);
    }

    /// A disk worker says this, after it did what it was ordered.
    pub(super) fn disk_says(&mut self, event: disk::Event) {
        self.network.after(DISK, self.process, Happening::Disk(event));
    }

    /// Another part says this to the controller, after it did what it was asked.
    pub(super) fn part_says(&mut self, event: PeerEvent) {
        self.network.after(DISK, self.process, Happening::Reported(Box::new(event)));
    }
}

/// Writes rows into a table.
fn write(table: &mut BTreeMap<Vec<u8>, Vec<u8>>, rows: Vec<LedgerRow>) {
    for LedgerRow { key, value } in rows {
        match value {
            Some(value) => drop(table.insert(key, value)),
            None => drop(table.remove(&key)),
        }
    }
}
