//! Peers on other networks, as gateways pass on what they say. Pure.
//!
//! The signature of such a peer speaks for itself, whoever passes it on. That it lives now, the echo of a nonce
//! shows that went to everyone, and so to its network, too. Where it is, the gateway says, and only TLS proves: so
//! nothing is sent there by UDP, and what answers it goes to everyone.
//!
//! In a large network the word of a gateway that is here is enough for a peer to be listed: a nonce of each peer
//! for each peer of the other side would be more than a link is to carry.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::Dropped;
use super::listing::{Listing, tell_yielded};
use super::outputs::Outputs;
use super::table::{AddressProof, PeerEntry};
use super::voice::{SequenceState, Voice};
use crate::address::Host;
use crate::identity::{Contact, PeerId};
use crate::lan::Event;
use crate::lan::limits;
use crate::lan::rng::Rng;
use crate::lan::traffic::{Endpoint, Packet};
use crate::time::Time;

/// Strangers behind a gateway are greeted within this time and as much again, if they do not prove themselves
/// meanwhile: those that heard us answer with a question of their own.
const SOON: Duration = Duration::from_millis(400);

/// Without an answer they are greeted again after this time, doubled each time up to 2^5 times as long.
const AGAIN: Duration = Duration::from_secs(1);

/// When those behind gateways are to be greeted that have not proved themselves.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    due: Option<Time>,
    /// In a row, without an answer.
    tries: u32,
}

impl Greeting {
    /// When it is due.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    /// A stranger was heard through a gateway.
    pub(super) fn plan(&mut self, now: Time, rng: &mut Rng) {
        let wait = if self.tries == 0 { SOON } else { AGAIN * 2_u32.pow(self.tries.min(5)) };
        self.due.get_or_insert_with(|| now + wait + rng.delay(SOON));
    }

    /// A stranger behind a gateway proved itself.
    pub(super) const fn answered(&mut self) {
        self.tries = 0;
    }

    /// True if it is due, counted as done.
    pub(super) fn take_due(&mut self, now: Time) -> bool {
        let is_due = self.due.take_if(|at| *at <= now).is_some();
        self.tries += u32::from(is_due);
        is_due
    }
}

impl Listing {
    /// A datagram, which is no leave, of the same or a later instance of a peer that is here, through a gateway.
    pub(super) fn hear_told(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        gateway: PeerId,
        rng: &mut Rng,
        out: &mut Outputs,
    ) -> Result<(), Dropped> {
        let Packet { source, peer: id, body, signed } = *packet;
        let Some(entry) = self.table.get_mut(id) else { return Err(Dropped::Unknown) };
        let is_restarted = body.instance > entry.voice.instance;
        if is_restarted && entry.gateway.is_none() {
            return self.hear_unknown(now, packet, rng);
        }
        let mut changed = is_restarted;
        if is_restarted {
            // Only the holder of the key can have made a later instance: the earlier one is over.
            entry.voice = Voice::new(body, signed);
            entry.confirmed = None;
        } else {
            match entry.voice.window.take(body.sequence) {
                SequenceState::New => {}
                SequenceState::Copy => return Err(Dropped::Copy),
                SequenceState::Old => return Err(Dropped::Old),
            }
            changed |= entry.voice.update(body, signed);
        }
        entry.hear(now);
        let is_far = !entry.hosts.iter().any(|host| self.links.hold(*host));
        let is_silent = now.since(entry.first_heard) >= entry.timeout();
        let is_moved = entry.gateway.is_none() && (is_far || is_silent);
        if is_moved && let Some(yielded) = self.table.set_behind(now, id, gateway) {
            tell_yielded(yielded, out);
        }
        let Some(entry) = self.table.get_mut(id) else { return Ok(()) };
        if entry.gateway.is_some() && entry.note_told(source.host()) {
            changed = true;
        }
        if changed {
            self.tell(id, out);
            self.have_dialled_if_small(id, out);
        }
        Ok(())
    }

    /// May an envelope be verified that claims to be of this gateway? Only a peer that is here, and proved to be
    /// where the envelope comes from, passes anything on.
    pub(in crate::lan) fn admit_envelope(&mut self, now: Time, source: Endpoint, gateway: PeerId) -> bool {
        let Some(entry) = self.table.get_mut(gateway) else { return false };
        self.links.hold(source.host())
            && entry.hosts.contains(&source.host())
            && entry.envelopes.take(now, limits::ENVELOPE_RATE)
    }

    /// Where a peer that is here can be dialled from other networks, as far as we know. `None`: on this machine.
    pub(in crate::lan) fn routable_address(&self, id: PeerId) -> Option<SocketAddr> {
        let entry = self.table.get(id)?;
        let is_routable = |host: &&Host| {
            let is_of_link = matches!(host.ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
            !host.ip.is_loopback() && !is_of_link
        };
        let reached = entry.reached.iter().find(is_routable);
        let host = reached.or_else(|| entry.hosts.iter().find(is_routable));
        match host {
            Some(host) if Host::from(entry.at) == *host => Some(entry.at),
            // Its own socket has another port there, which is not known.
            Some(host) => Some(host.socket(limits::DISCOVERY_PORT)),
            None => Some(entry.at).filter(|at| !at.ip().is_loopback()),
        }
    }

    /// True if this peer is here, and on a link of ours.
    pub(in crate::lan) fn is_near(&self, id: PeerId) -> bool {
        self.table.get(id).is_some_and(|entry| entry.gateway.is_none())
    }

    /// True if this peer is here, and heard through a gateway only.
    pub(in crate::lan) fn is_far(&self, id: PeerId) -> bool {
        self.table.get(id).is_some_and(|entry| entry.gateway.is_some())
    }

    /// True if whoever is there may be answered: on a link of ours, or to everyone.
    pub(super) fn may_answer(&self, to: Endpoint) -> bool {
        to.gateway().is_some() || self.links.hold(to.host())
    }

    /// In a small network whoever is behind a gateway is dialled at once, so that it is known whether it can be had.
    pub(super) fn have_dialled_if_small(&self, id: PeerId, out: &mut Outputs) {
        if self.table.network().is_small() || self.table.get(id).is_some_and(|entry| entry.is_wanted) {
            self.have_dialled(id, out);
        }
    }

    /// Has a peer dialled where a gateway says that it is, unless it was reached.
    pub(super) fn have_dialled(&self, id: PeerId, out: &mut Outputs) {
        let Some(entry) = self.table.get(id).filter(|entry| entry.gateway.is_some()) else { return };
        let hosts: Vec<_> = entry.told_at().filter(|host| self.may_be_dialled(entry, *host)).collect();
        if let Some(gateway) = entry.gateway.filter(|_| !hosts.is_empty()) {
            let contact = Contact { id, hosts, ports: entry.voice.presence.ports };
            out.event(Event::Told(gateway, contact));
        }
    }

    /// True if a peer may be at an address that nobody but a gateway tells: of none of this machine, and of no
    /// group of hosts; on loopback only what a peer of this machine tells of it.
    fn may_be_dialled(&self, entry: &PeerEntry, host: Host) -> bool {
        if host.ip.is_loopback() {
            let gateway = entry.gateway.and_then(|gateway| self.table.get(gateway));
            let is_here = |host: &Host| self.links.is_own(*host);
            return gateway.is_some_and(|gateway| gateway.hosts.iter().any(is_here));
        }
        let is_group = match host.ip {
            IpAddr::V4(ip) => {
                ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() || ip.is_link_local()
            }
            IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
        };
        !is_group && !self.links.is_own(host) && !self.links.is_all(host.ip)
    }

    /// A link with this peer stands: what it says it says itself from now on, whoever passed that on before.
    pub(super) fn set_linked(&mut self, id: PeerId, out: &mut Outputs) {
        let Some(entry) = self.table.get_mut(id) else { return };
        if entry.gateway.is_some_and(|gateway| gateway != id) {
            // Its place stays charged as it was.
            entry.gateway = Some(id);
            self.tell(id, out);
        }
    }

    /// The link is gone, and the user wants it so: those that were known only through it are gone, too. Who they are.
    pub(in crate::lan) fn forget_behind(&mut self, gateway: PeerId) -> Vec<PeerId> {
        let behind = self.table.iter().filter(|(_, entry)| entry.gateway == Some(gateway));
        let behind: Vec<_> = behind.map(|(id, _)| id).collect();
        for id in &behind {
            self.table.remove(*id);
            self.table.withdraw(*id);
        }
        behind
    }
}

impl PeerEntry {
    /// A gateway says that it is at `host`. True if that is news.
    pub(super) fn note_told(&mut self, host: Host) -> bool {
        let is_new = self.hosts.len() < limits::HOSTS && !self.hosts.contains(&host);
        if is_new {
            self.hosts.push(host);
        }
        is_new
    }

    /// The addresses at which it may be, if only a gateway says so.
    pub(super) fn told_at(&self) -> impl Iterator<Item = Host> {
        let told = self.hosts.iter().filter(|host| self.gateway.is_some() && !self.reached.contains(host));
        told.copied()
    }
}

/// What an echo of what went to everyone proves, of a peer that is heard so.
pub(super) fn proof_of(packet_gateway: Option<PeerId>) -> AddressProof {
    packet_gateway.map_or(AddressProof::Heard, AddressProof::Told)
}
