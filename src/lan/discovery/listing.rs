//! Who is listed: what a datagram of a peer means for its place among those that are here. Pure.
//!
//! What comes of silence is in `silence.rs`, what others tell of third peers in `peer_exchange.rs`, and where a
//! peer can be dialled in `reaching.rs`.

use std::sync::Arc;

use core::net::SocketAddr;

use super::Dropped;
use super::candidate::Candidate;
use super::links::Links;
use super::outputs::Outputs;
use super::table::{AddressProof, PeerEntry, PeerTable};
use super::voice::{SequenceState, Voice};
use crate::accounts::AccountHost;
use crate::address::Host;
use crate::identity::{Contact, PeerId};
use crate::lan::limits;
use crate::lan::order::OrderClaim;
use crate::lan::rng::Rng;
use crate::lan::traffic::Packet;
use crate::lan::{Event, Gone, PeerInfo, ToldPeer};
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// What a datagram of a known peer is to its entry.
enum Known {
    /// New, from an address that is proved.
    Fresh,
    /// New, from another address.
    Elsewhere,
    /// A later instance, from a proved address.
    Restarted,
    /// A later instance, from another address.
    RestartedElsewhere,
    /// Heard before, from another address than those that are proved.
    CopyElsewhere,
}

/// The peers that are here or may be, and the links over which they are reached.
#[derive(Debug)]
pub(in crate::lan) struct Listing {
    pub(super) table: PeerTable,
    pub(super) links: Links,
}

impl Listing {
    /// An empty one. `secret` keeps others from choosing ids that meet in one place.
    pub(super) fn new(secret: u64) -> Self {
        Self { table: PeerTable::new(secret), links: Links::default() }
    }

    /// Where the own socket of a peer that is here answered last.
    pub(in crate::lan) fn address(&self, id: PeerId) -> Option<SocketAddr> {
        self.table.get(id).map(|entry| entry.at)
    }

    /// The host at which a peer is that is here, as far as it is proved.
    pub(in crate::lan) fn account_host(&self, id: PeerId) -> AccountHost {
        self.table.host(id)
    }

    /// A datagram of another peer.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(super) fn hear(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        rng: &mut Rng,
        out: &mut Outputs,
    ) -> Result<(), Dropped> {
        if self.table.is_buried(now, packet.peer, packet.body.instance) {
            return Err(Dropped::Buried);
        }
        if self.table.has(packet.peer) {
            self.hear_known(now, packet, rng, out)
        } else {
            self.hear_unknown(now, packet, rng)
        }
    }

    /// A datagram of a peer that is here.
    fn hear_known(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        rng: &mut Rng,
        out: &mut Outputs,
    ) -> Result<(), Dropped> {
        let Packet { source, peer: id, body, signed } = *packet;
        let Some(entry) = self.table.get(id) else { return Err(Dropped::Unknown) };
        if body.instance < entry.voice.instance {
            return Err(Dropped::Stale);
        }
        if body.message == DatagramMessage::Leave {
            self.table.bury(now, id, body.instance);
            self.table.remove(id);
            self.table.withdraw(id);
            out.event(Event::Gone(id, Gone::Left));
            return Ok(());
        }
        if let Some(gateway) = source.gateway() {
            return self.hear_told(now, packet, gateway, rng, out);
        }
        let is_to_be_reached = self.is_to_be_reached(id, source.host());
        if is_to_be_reached && let Some(voice) = self.table.voice_mut(id).cloned() {
            self.consider(now, packet, voice, false, rng);
        }
        let Some(entry) = self.table.get_mut(id) else { return Err(Dropped::Unknown) };
        match known(entry, packet)? {
            Known::Fresh => {
                if entry.gateway.is_some() && self.links.hold(source.host()) {
                    self.table.set_near(id);
                }
                let Some(entry) = self.table.get_mut(id) else { return Err(Dropped::Unknown) };
                entry.hear(now);
                let changed = entry.voice.update(body, signed);
                if entry.hosts.first() == Some(&source.host()) {
                    entry.first_heard = now;
                    entry.at = if is_for_all(&body.message) { source.at } else { entry.at };
                }
                if changed {
                    self.tell(id, out);
                }
            }
            Known::Elsewhere => {
                entry.hear(now);
                let changed = entry.voice.update(body, signed);
                let voice = entry.voice.clone();
                self.consider(now, packet, voice, true, rng);
                if changed {
                    self.tell(id, out);
                }
            }
            Known::Restarted => {
                // Only the holder of the key can have made a later instance: the earlier one is over.
                entry.hear(now);
                entry.voice = Voice::new(body, signed);
                entry.prove(now, source.at, AddressProof::Heard);
                entry.confirmed = None;
                self.table.withdraw(id);
                self.tell(id, out);
            }
            Known::RestartedElsewhere => self.hear_unknown(now, packet, rng)?,
            Known::CopyElsewhere => {
                // Another way to the same peer, perhaps: worth a question, not a belief.
                if entry.hosts.len() < limits::HOSTS {
                    let voice = entry.voice.clone();
                    self.consider(now, packet, voice, false, rng);
                }
                return Err(Dropped::Copy);
            }
        }
        Ok(())
    }

    /// A datagram of a peer that is not here, or of a later instance of one that is.
    pub(super) fn hear_unknown(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        rng: &mut Rng,
    ) -> Result<(), Dropped> {
        let Packet { peer: id, body, signed, .. } = *packet;
        if body.message == DatagramMessage::Leave {
            if self.table.withdraw(id).is_some() {
                self.table.bury(now, id, body.instance);
            }
            return Err(Dropped::Unknown);
        }
        let voice = match self.table.candidate_mut(id) {
            Some(c) if body.instance < c.voice.instance => return Err(Dropped::Stale),
            Some(c) if body.instance == c.voice.instance => {
                match c.voice.window.take(body.sequence) {
                    SequenceState::New => {}
                    SequenceState::Copy => return Err(Dropped::Copy),
                    SequenceState::Old => return Err(Dropped::Old),
                }
                c.voice.update(body, signed);
                c.voice.clone()
            }
            _ => Voice::new(body, signed),
        };
        self.consider(now, packet, voice, true, rng);
        Ok(())
    }

    /// Makes the sender at its source a candidate, or leaves the one there is as it is.
    pub(super) fn consider(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        voice: Voice,
        fresh: bool,
        rng: &mut Rng,
    ) {
        let Packet { source, peer: id, .. } = *packet;
        // Whoever is heard through a gateway is not asked alone: it answers what is said to everyone.
        let is_reachable = source.gateway().is_none() && self.links.hold(source.host());
        let window = self.table.network().spread();
        if let Some(c) = self.table.candidate_mut(id) {
            let same = c.voice.instance == voice.instance;
            if same && source.gateway().is_some() && c.from.gateway().is_none() {
                return;
            }
            let is_there = c.from.host() == source.host() && c.from.gateway() == source.gateway();
            if same && is_there {
                if c.is_rested(now) {
                    c.restart(now);
                    let due = is_reachable.then(|| now + rng.delay(window));
                    self.table.ask_at(id, due);
                }
                self.table.claim(now, id);
                return;
            }
            // A copy may have been replayed from anywhere: it turns nobody away.
            if !fresh {
                return;
            }
        }
        let due = is_reachable.then(|| now + rng.delay(window));
        let mut candidate = Candidate::new(now, id, voice, source, rng).asked_at(due);
        if let Some(gateway) = source.gateway() {
            // Else a gateway could take the places of as many hosts as it makes up.
            candidate.payer.host = self.table.host(gateway);
        }
        self.table.propose(now, id, candidate);
    }

    /// `id` answered from `at`. True if it was not here before.
    pub(super) fn promote(
        &mut self,
        now: Time,
        id: PeerId,
        at: SocketAddr,
        proof: AddressProof,
        rng: &mut Rng,
        out: &mut Outputs,
    ) -> bool {
        let candidate = self.table.withdraw(id);
        let is_new = self.admit(now, id, at, proof, candidate.clone(), out);
        if self.is_to_be_reached(id, Host::from(at)) {
            self.go_on_asking(now, id, at, candidate, rng);
        }
        is_new
    }

    /// Lists a peer, or notes where it answered. True if it was not here before.
    fn admit(
        &mut self,
        now: Time,
        id: PeerId,
        at: SocketAddr,
        proof: AddressProof,
        candidate: Option<Candidate>,
        out: &mut Outputs,
    ) -> bool {
        let asked = proof == AddressProof::Reached;
        let confirmed = candidate.as_ref().and_then(|c| c.carried).filter(|_| asked);
        if let Some(entry) = self.table.get_mut(id) {
            let restarted = candidate.filter(|c| c.voice.instance > entry.voice.instance);
            let mut changed = restarted.is_some();
            if let Some(candidate) = restarted {
                entry.voice = candidate.voice;
            }
            changed |= entry.prove(now, at, proof);
            entry.confirmed = confirmed.or(entry.confirmed);
            entry.hear(now);
            if changed {
                let yielded = self.table.settle(now, id);
                self.tell(id, out);
                tell_yielded(yielded, out);
            }
        } else if let Some(candidate) = candidate
            && let Some(yielded) = self.table.insert(now, id, candidate.voice, at, proof)
        {
            tell_yielded(yielded, out);
            // TLS proves where a peer is, and not that it is on a network of ours.
            if let Some(gateway) = candidate.from.gateway()
                && !self.links.hold(Host::from(at))
                && asked
            {
                tell_yielded(self.table.set_behind(now, id, gateway).unwrap_or_default(), out);
            }
            if let Some(entry) = self.table.get_mut(id) {
                entry.confirmed = confirmed;
            }
            self.tell(id, out);
            return true;
        }
        false
    }

    /// Reports a peer that is here.
    pub(super) fn tell(&self, id: PeerId, out: &mut Outputs) {
        if let Some(entry) = self.table.get(id) {
            out.event(Event::Here(info(id, entry)));
        }
    }
}

/// Reports those that had to make room.
pub(super) fn tell_yielded(yielded: Vec<PeerId>, out: &mut Outputs) {
    for id in yielded {
        out.event(Event::Gone(id, Gone::Yielded));
    }
}

/// What a datagram, which is no leave, of the same or a later instance is to the entry of its sender.
fn known(entry: &mut PeerEntry, packet: &Packet<'_>) -> Result<Known, Dropped> {
    let is_proved = entry.hosts.contains(&packet.source.host());
    if packet.body.instance > entry.voice.instance {
        return Ok(if is_proved { Known::Restarted } else { Known::RestartedElsewhere });
    }
    match entry.voice.window.take(packet.body.sequence) {
        SequenceState::New if is_proved => Ok(Known::Fresh),
        SequenceState::New => Ok(Known::Elsewhere),
        SequenceState::Copy if is_proved => Err(Dropped::Copy),
        SequenceState::Copy => Ok(Known::CopyElsewhere),
        SequenceState::Old => Err(Dropped::Old),
    }
}

/// True of what goes to everyone. It leaves from a peer's own socket; an answer may come from the shared one.
pub(super) const fn is_for_all(message: &DatagramMessage) -> bool {
    matches!(
        message,
        DatagramMessage::Here
            | DatagramMessage::Hello { .. }
            | DatagramMessage::Probe { .. }
            | DatagramMessage::Seek { .. }
    )
}

fn info(id: PeerId, entry: &PeerEntry) -> PeerInfo {
    // The other end of a link says itself what the link brings of it.
    let gateway = entry.gateway.filter(|gateway| *gateway != id);
    PeerInfo {
        contact: Contact { id, hosts: entry.dialled_at(), ports: entry.voice.presence.ports },
        told: gateway.map(|through| ToldPeer { through, hosts: entry.told_at().collect() }),
        at: entry.at,
        name: entry.voice.presence.name.clone(),
        instance: entry.voice.instance,
        catalogue: entry.voice.presence.catalogue,
        state: entry.voice.presence.state,
        arrival: OrderClaim::of(&entry.voice.presence),
        says_large: u128::from(entry.voice.presence.interval) > limits::INTERVAL_MIN.as_millis(),
        features: entry.voice.presence.features,
        signed: Arc::clone(&entry.voice.signed),
    }
}
