//! What the machine of discovery does with the messages of others: what it answers, and what it takes for an
//! answer to its own questions. Pure.

use core::net::SocketAddr;
use core::time::Duration;

use super::asking::{APART, Surroundings};
use super::far::proof_of;
use super::listing::is_for_all;
use super::pacing::Pacing;
use super::pending_proofs::PendingProof;
use super::table::AddressProof;
use super::{Discovery, DiscoveryOutput, Dropped};
use crate::address::Host;
use crate::identity::PeerId;
use crate::lan::traffic::{Endpoint, Heard, Packet, Via};
use crate::lan::{Event, UnansweredPeer};
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// Peers that answer a hello within 100 ms; the others take longer, as the network's size says.
const ANSWERS: u64 = 8;

/// Questions of others are answered after this time if there may be many: together.
const GATHER: Duration = Duration::from_millis(20);

/// A question to everyone that was answered is answered again after this time.
const ANSWERED: Duration = Duration::from_secs(3);

impl Discovery {
    /// A verified datagram.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(in crate::lan) fn handle_packet(&mut self, now: Time, packet: &Packet<'_>) -> Result<(), Dropped> {
        if packet.peer == self.id {
            return self.hear_own_key(now, packet);
        }
        self.settling.hear();
        let Packet { source, body, .. } = *packet;
        if source.via == Via::Shared && is_for_all(&body.message) && !self.listing.links.is_own(source.host())
        {
            self.outward.hear(now);
        }
        let is_first = self.lacks(packet.peer);
        self.listing.hear(now, packet, &mut self.rng, &mut self.out)?;
        // What comes late of an instance that left is not taken, and is no first word.
        let (ticket, interval) = (body.presence.ticket, self.announcements.interval());
        if is_first && self.ticket.hear_first(now, ticket, interval) {
            self.ticket.tell(&mut self.announcements, &mut self.out);
        }
        self.listing.table.check();
        self.greet_later(now, packet);
        self.tell_unanswered(now, packet.peer);
        match &packet.body.message {
            // What a later version wants is not known: it is here, as if it had said no more than that.
            DatagramMessage::Here
            | DatagramMessage::Leave
            | DatagramMessage::Room(_)
            | DatagramMessage::Other => {}
            DatagramMessage::Hello { nonce } => self.hear_hello(now, packet, *nonce),
            DatagramMessage::Proof { ask, echoes } => self.hear_proof(now, packet, *ask, echoes),
            DatagramMessage::Probe { peer, nonce } if *peer == self.id => {
                self.hear_probe(now, packet.source, *nonce);
            }
            DatagramMessage::Probe { peer, .. } => {
                self.listing.hear_probe(now, *peer, &mut self.rng, &mut self.out);
            }
            DatagramMessage::DialBack { .. }
            | DatagramMessage::Seek { .. }
            | DatagramMessage::Has { .. }
            | DatagramMessage::RoomMissing { .. } => self.hand_on(packet),
        }
        Ok(())
    }

    /// TLS proved `id` at `host`.
    pub(in crate::lan) fn handle_proved(&mut self, now: Time, id: PeerId, host: Host) {
        let candidate = self.listing.table.candidate(id).map(|c| c.from.at);
        if let Some(at) = candidate.or_else(|| self.listing.address(id)) {
            self.promote(now, id, host.socket(at.port()), AddressProof::Reached);
        }
    }

    /// Tells of a peer that is heard, and answers nothing that it is asked.
    fn tell_unanswered(&mut self, now: Time, id: PeerId) {
        if self.listing.table.has(id) {
            return;
        }
        let Some(candidate) = self.listing.table.candidate_mut(id) else { return };
        if candidate.take_unanswered(now) {
            let presence = &candidate.voice.presence;
            let (name, ports, host) = (presence.name.clone(), presence.ports, candidate.from.host());
            self.out.event(Event::Unanswered(UnansweredPeer { id, name, host, ports }));
        }
    }

    /// Hands on what another machine is to hear, if it comes from a peer that is here.
    fn hand_on(&mut self, packet: &Packet<'_>) {
        let Some(entry) = self.listing.table.get(packet.peer) else { return };
        // The first copy may have come from an address that is not proved yet: no answer goes there.
        let is_proved = entry.hosts.contains(&packet.source.host());
        let is_reached = entry.reached.contains(&packet.source.host());
        let answer = if is_proved { packet.source } else { Endpoint { at: entry.at, via: Via::Own } };
        let answer = Some(answer).filter(|answer| self.listing.may_answer(*answer));
        let message = packet.body.message.clone();
        self.out.push(DiscoveryOutput::Heard(Heard {
            peer: packet.peer,
            is_proved,
            is_reached,
            answer,
            message,
        }));
    }

    fn hear_hello(&mut self, now: Time, packet: &Packet<'_>, nonce: u64) {
        self.hellos.hear_other();
        if self.listing.table.get(packet.peer).is_some_and(|entry| entry.confirmed == Some(nonce)) {
            return;
        }
        let size = self.network();
        let soon = self.rng.below(size.peers()) < ANSWERS || size.is_small();
        let within = if soon { Duration::from_millis(size.peers().min(100)) } else { size.spread() };
        let due = now + self.rng.delay(within);
        // From our own socket: a hello comes by broadcast, for which no firewall expects an answer, and the
        // question in ours must find its way back to us, not to another peer of this host.
        let via = packet.source.gateway().map_or(Via::Own, Via::Gateway);
        let to = Endpoint { via, ..packet.source };
        self.answer(now, PendingProof { due, to, peer: packet.peer, nonce });
    }

    fn hear_proof(&mut self, now: Time, packet: &Packet<'_>, ask: Option<u64>, echoes: &[u64]) {
        let Packet { source, peer, .. } = *packet;
        let is_stranger = !self.listing.table.has(peer);
        let ours = self.hear_echoes(now, source, peer, echoes);
        // A question to everyone is for those whom it may not know.
        let many = echoes.len() > APART;
        let mine = ours || echoes.is_empty() || many && is_stranger;
        if let Some(nonce) = ask
            && mine
            && !(many && self.was_answered_lately(now, peer, nonce))
        {
            let proof = PendingProof { due: now, to: source, peer, nonce };
            if echoes.is_empty() && self.answer_at_once(now, proof) {
                return;
            }
            let new = if self.hellos.are_recent(now) { GATHER / 2 } else { Duration::ZERO };
            let due = now + if self.network().peers() > ANSWERS { GATHER } else { new };
            self.answer(now, PendingProof { due, to: source, peer, nonce });
        }
    }

    /// Looks for nonces of ours. True if there was one.
    fn hear_echoes(&mut self, now: Time, source: Endpoint, id: PeerId, echoes: &[u64]) -> bool {
        // An old hello was heard by many, and an old answer to it may be replayed.
        let is_of_hello = |nonce| echoes.contains(&nonce);
        let hello = self.hellos.are_recent(now) && self.hellos.are_answered_by(is_of_hello);
        let candidate = self.listing.table.candidate(id);
        let is_there = candidate.is_some_and(|c| c.from.host() == source.host());
        let asked = candidate.is_some_and(|c| is_there && c.tries > 0 && echoes.contains(&c.nonce));
        let called = candidate.is_some_and(|c| c.called.is_some_and(|nonce| echoes.contains(&nonce)));
        let asked = asked || self.outward.is_answered(source.host(), |nonce| echoes.contains(&nonce));
        let is_far = source.gateway().is_some();
        let together = self.proofs.are_answered_by(now, |nonce| echoes.contains(&nonce));
        if !(hello || asked || called || together) {
            return false;
        }
        if self.listing.may_answer(source) {
            let proof = if asked && !is_far { AddressProof::Reached } else { proof_of(source.gateway()) };
            self.promote(now, id, source.at, proof);
            if !is_far {
                self.listing.table.set_near(id);
            }
        }
        true
    }

    /// `id` proved itself.
    fn promote(&mut self, now: Time, id: PeerId, at: SocketAddr, proof: AddressProof) {
        let is_new = self.listing.promote(now, id, at, proof, &mut self.rng, &mut self.out);
        if is_new {
            self.settling.come(now);
        }
        if let AddressProof::Told(_) = proof {
            self.greeting.answered();
            if is_new {
                self.listing.have_dialled_if_small(id, &mut self.out);
            }
        }
    }

    /// A stranger that is heard through a gateway is to prove itself; in a large network the gateway's word will do.
    fn greet_later(&mut self, now: Time, packet: &Packet<'_>) {
        let Some(gateway) = packet.source.gateway() else { return };
        if self.listing.table.has(packet.peer) || self.listing.table.candidate(packet.peer).is_none() {
            return;
        }
        if self.network().is_small() {
            self.greeting.plan(now, &mut self.rng);
        } else {
            self.promote(now, packet.peer, packet.source.at, AddressProof::Told(gateway));
        }
    }

    /// True if this question of `id` was answered a moment ago, or will be.
    fn was_answered_lately(&mut self, now: Time, id: PeerId, nonce: u64) -> bool {
        let answered = self.listing.table.voice_mut(id).and_then(|voice| voice.answered);
        answered.is_some_and(|(known, at)| known == nonce && now < at + ANSWERED)
    }

    /// Somebody asks whether we still live.
    fn hear_probe(&mut self, now: Time, source: Endpoint, nonce: u64) {
        if self.listing.may_answer(source) {
            for _ in 0..self.probed.take(now) {
                self.out.broadcast(DatagramMessage::Proof { ask: None, echoes: vec![nonce] });
            }
        }
    }

    /// Lets a nonce be echoed, if whoever asked is on a link, and may ask.
    fn answer(&mut self, now: Time, proof: PendingProof) {
        if self.listing.may_answer(proof.to) {
            let pacing = Pacing::of(now, &self.listing.table, &self.hellos);
            self.proofs.answer(now, proof, &mut self.listing.table, &pacing);
        }
    }

    /// Answers a question that was put to us alone, if the rates let it go now. Where many wait, answers are
    /// gathered and go to everyone, which whoever asks alone may be unable to hear.
    fn answer_at_once(&mut self, now: Time, proof: PendingProof) -> bool {
        let host = proof.to.host();
        if !self.listing.links.hold(host) {
            return false;
        }
        let (table, hellos) = (&mut self.listing.table, &self.hellos);
        let around = &mut Surroundings { table, hellos, out: &mut self.out, rng: &mut self.rng };
        self.proofs.answer_at_once(now, proof, around)
    }

    /// A datagram with our own key: our own echo, or a copy of our folder.
    fn hear_own_key(&mut self, now: Time, packet: &Packet<'_>) -> Result<(), Dropped> {
        let Packet { source, peer, body, .. } = *packet;
        let ours = self.speaker.instance();
        if body.instance == ours {
            return Err(Dropped::Own);
        }
        if body.instance > ours {
            self.copies.hear_later(now, body.instance);
            let ask = match &body.message {
                DatagramMessage::Hello { nonce } => Some(*nonce),
                DatagramMessage::Proof { ask, .. } => *ask,
                _ => None,
            };
            if let Some(nonce) = ask {
                self.answer(now, PendingProof { due: now, to: source, peer, nonce });
            }
            return Ok(());
        }
        // It may be a replay of what we said ourselves before a restart: only an answer counts.
        if let DatagramMessage::Proof { echoes, .. } = &body.message
            && self.hellos.are_answered_by(|nonce| echoes.contains(&nonce))
        {
            if self.copies.find() {
                self.out.event(Event::CopiedFolder(source.at));
            }
        } else if self.listing.links.hold(source.host()) && self.copies.may_ask(now) {
            let ask = DatagramMessage::Proof { ask: Some(self.hellos.nonce()), echoes: Vec::new() };
            self.out.unicast(Endpoint { via: Via::Own, ..source }, ask);
        }
        Ok(())
    }
}
