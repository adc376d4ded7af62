//! What the machine of `mod.rs` does with the datagrams of others: who is new, who proved itself,
//! who left, what is answered. Pure; its shell is `lan/shell.rs`.

use std::sync::Arc;

use core::net::SocketAddr;
use core::time::Duration;

use super::asking::APART;
use super::table::{Candidate, PeerEntry, SequenceState, Voice};
use super::{Dropped, Machine, PresenceOutput, Via};
use crate::address::Host;
use crate::identity::{Contact, PeerId};
use crate::lan::limits;
use crate::lan::{Event, Gone, PeerInfo};
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage};

/// Peers that answer a hello within 100 ms; the others take [`spread`].
const ANSWERS: u64 = 8;

/// Up to this many peers, a newcomer is answered at once.
pub(super) const SMALL: u32 = 64;

/// Questions of others are answered after this time if there may be many: together.
const GATHER: Duration = Duration::from_millis(20);

/// A probe within this time of the last one belongs to it.
const PROBED_AGAIN: Duration = Duration::from_secs(1);

/// The time over which `n` peers spread what each of them has to say to a newcomer: at once in a small
/// network; 333 a second in a large one, fewer than the answers that a newcomer verifies.
pub(super) fn spread(n: u64) -> Duration {
    if n <= u64::from(SMALL) { Duration::from_millis(60) } else { Duration::from_millis(3 * n) }
}

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
}

impl Machine {
    /// A verified datagram of `id` that came from `source`. `signed` is the datagram itself, to be
    /// passed on to newcomers.
    ///
    /// # Errors
    /// Why it was not taken.
    pub fn handle_packet(
        &mut self,
        now: Time,
        source: SocketAddr,
        via: Via,
        id: PeerId,
        body: &Body,
        signed: &Arc<[u8]>,
    ) -> Result<(), Dropped> {
        self.observe(now);
        let result = self.hear(now, source, via, id, body, signed);
        self.rearm(now);
        result
    }

    fn hear(
        &mut self,
        now: Time,
        source: SocketAddr,
        via: Via,
        id: PeerId,
        body: &Body,
        signed: &Arc<[u8]>,
    ) -> Result<(), Dropped> {
        if id == self.id {
            return self.hear_own_id(now, source, via, body);
        }
        self.heard_any = true;
        if self.table.is_buried(now, id, body.instance) {
            return Err(Dropped::Buried);
        }
        if self.table.has(id) {
            self.hear_known(now, source, via, id, body, signed)?;
        } else {
            self.hear_unknown(now, source, via, id, body, signed)?;
        }
        self.hear_message(now, source, via, id, body);
        Ok(())
    }

    /// A datagram of a peer that is here.
    fn hear_known(
        &mut self,
        now: Time,
        source: SocketAddr,
        via: Via,
        id: PeerId,
        body: &Body,
        signed: &Arc<[u8]>,
    ) -> Result<(), Dropped> {
        let host = Host::from(source);
        let Some(entry) = self.table.get_mut(id) else { return Err(Dropped::Unknown) };
        if body.instance < entry.voice.instance {
            return Err(Dropped::Stale);
        }
        if body.message == DatagramMessage::Leave {
            self.table.bury(now, id, body.instance);
            self.table.remove(id);
            self.table.withdraw(id);
            self.outputs.push_back(PresenceOutput::Event(Event::Gone(id, Gone::Left)));
            return Ok(());
        }
        let proved = entry.hosts.contains(&host);
        let known = if body.instance > entry.voice.instance {
            if proved { Known::Restarted } else { Known::RestartedElsewhere }
        } else {
            match entry.voice.window.take(body.sequence) {
                SequenceState::New if proved => Known::Fresh,
                SequenceState::New => Known::Elsewhere,
                SequenceState::Copy => {
                    // Another way to the same peer, perhaps: worth a question, not a belief.
                    if !proved && entry.hosts.len() < limits::HOSTS {
                        let voice = entry.voice.clone();
                        self.consider(now, source, via, id, voice, false);
                    }
                    return Err(Dropped::Copy);
                }
                SequenceState::Old => return Err(Dropped::Old),
            }
        };
        match known {
            Known::Fresh | Known::Elsewhere => {
                entry.heard = now;
                entry.suspicion = None;
                let changed = entry.voice.update(body, signed);
                if matches!(known, Known::Elsewhere) {
                    let voice = entry.voice.clone();
                    self.consider(now, source, via, id, voice, true);
                } else if entry.hosts.first() == Some(&host) {
                    entry.first_heard = now;
                    entry.at = if via_own_socket(&body.message) { source } else { entry.at };
                }
                if changed {
                    self.tell(id);
                }
            }
            Known::Restarted => {
                // Only the holder of the key can have made a later instance: the earlier one is over.
                entry.heard = now;
                entry.suspicion = None;
                entry.voice = Voice::new(body, signed);
                entry.prove(now, source);
                entry.confirmed = None;
                self.table.withdraw(id);
                self.tell(id);
            }
            Known::RestartedElsewhere => {
                self.hear_unknown(now, source, via, id, body, signed)?;
            }
        }
        Ok(())
    }

    /// A datagram of a peer that is not here, or of a later instance of one that is.
    fn hear_unknown(
        &mut self,
        now: Time,
        source: SocketAddr,
        via: Via,
        id: PeerId,
        body: &Body,
        signed: &Arc<[u8]>,
    ) -> Result<(), Dropped> {
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
        self.consider(now, source, via, id, voice, true);
        Ok(())
    }

    /// Makes `id` at `source` a candidate, or leaves the one there is as it is.
    fn consider(&mut self, now: Time, source: SocketAddr, via: Via, id: PeerId, voice: Voice, fresh: bool) {
        let reachable = self.on_link(Host::from(source));
        let window = spread(self.network());
        if let Some(c) = self.table.candidate_mut(id) {
            let same = c.voice.instance == voice.instance;
            if same && Host::from(c.at) == Host::from(source) {
                c.exchanged = false;
                if self.is_rested(now, id) {
                    self.table.restart(now, id);
                    let due = reachable.then(|| now + self.rng.delay(window));
                    self.table.ask_at(id, due);
                }
                return;
            }
            // A copy may have been replayed from anywhere: it turns nobody away.
            if !fresh {
                return;
            }
        }
        let nonce = self.rng.nonce();
        let due = reachable.then(|| now + self.rng.delay(window));
        self.table.propose(id, Candidate::new(now, voice, source, via, nonce), due);
    }

    /// What a datagram that was taken asks or answers.
    fn hear_message(&mut self, now: Time, source: SocketAddr, via: Via, id: PeerId, body: &Body) {
        match &body.message {
            // What a later version wants is not known: it is here, as if it had said no more than that.
            DatagramMessage::Here | DatagramMessage::Leave | DatagramMessage::Other => {}
            DatagramMessage::DialBack { peer } => {
                // Only whom we list, where it proved to be; the datagram names no address.
                let host = Host::from(source);
                let known = self.table.get_mut(id).is_some_and(|e| e.hosts.contains(&host));
                if *peer == self.id && known {
                    self.outputs.push_back(PresenceOutput::Event(Event::DialBack(id)));
                }
            }
            DatagramMessage::Hello { nonce } => {
                self.joining = self.joining.saturating_add(1);
                if self.table.get_mut(id).is_some_and(|e| e.confirmed == Some(*nonce)) {
                    return;
                }
                let n = self.network();
                let soon = self.rng.below(n) < ANSWERS;
                let within = Duration::from_millis(n.min(100));
                let soon = soon || n <= u64::from(SMALL);
                let delay = self.rng.delay(if soon { within } else { spread(n) });
                // From our own socket: a hello comes by broadcast, for which no firewall expects an
                // answer, and the question in ours must find its way back to us, not to another peer
                // of this host.
                self.answer(now, source, Via::Own, id, *nonce, delay);
            }
            DatagramMessage::Proof { ask, echoes } => {
                let stranger = !self.table.has(id);
                let ours = self.hear_echoes(now, source, id, echoes);
                // A question to everyone is for those whom it may not know.
                let many = echoes.len() > APART;
                let mine = ours || echoes.is_empty() || many && stranger;
                if let Some(nonce) = ask
                    && mine
                    && !(many && self.answered_lately(now, id, *nonce))
                {
                    let new = if self.is_new(now) { GATHER / 2 } else { Duration::ZERO };
                    let delay = if self.network() > ANSWERS { GATHER } else { new };
                    self.answer(now, source, via, id, *nonce, delay);
                }
            }
            DatagramMessage::Probe { peer, nonce } if *peer == self.id => {
                if self.on_link(Host::from(source)) && self.probed.take(now, limits::PROBED_RATE) {
                    // Asked again: the first answer was lost to somebody. Two are not so easily.
                    let again = self.probed_at.is_some_and(|at| now.since(at) < PROBED_AGAIN);
                    self.probed_at = Some(now);
                    for _ in 0..=u8::from(again) {
                        self.broadcast(DatagramMessage::Proof { ask: None, echoes: vec![*nonce] });
                    }
                }
            }
            DatagramMessage::Seek { files } => self.hear_seek(now, source, via, id, files),
            DatagramMessage::Has { files } => self.hear_has(now, id, files),
            DatagramMessage::Probe { peer, .. } => {
                let peers = self.table.len();
                if let Some(entry) = self.table.get_mut(*peer)
                    && let Some(suspicion) = &mut entry.suspicion
                {
                    suspicion.heard(now, peers, &mut self.rng);
                    let next = suspicion.next();
                    self.table.arm(*peer, next);
                }
            }
        }
    }

    /// Looks for nonces of ours. True if there was one.
    fn hear_echoes(&mut self, now: Time, source: SocketAddr, id: PeerId, echoes: &[u64]) -> bool {
        // An old hello was heard by many, and an old answer to it may be replayed.
        let hello = self.is_new(now) && echoes.iter().any(|e| self.hello_nonces.contains(e));
        let asked = self.table.candidate_mut(id).is_some_and(|c| {
            let there = Host::from(c.at) == Host::from(source);
            (c.tries > 0 && there || c.called) && echoes.contains(&c.nonce)
        });
        if (hello || asked) && self.on_link(Host::from(source)) {
            self.promote(now, id, source, asked);
        }
        hello || asked
    }

    /// TLS proved `id` at `host`.
    pub fn handle_proved(&mut self, now: Time, id: PeerId, host: Host) {
        self.observe(now);
        let port = self.table.candidate_mut(id).map(|c| c.at.port());
        let port = port.or_else(|| self.table.get_mut(id).map(|e| e.at.port()));
        if let Some(port) = port {
            self.promote(now, id, host.socket(port), false);
        }
        self.rearm(now);
    }

    /// `id` proved itself at `at`; `asked`: by answering our question, so that it has what came with it.
    fn promote(&mut self, now: Time, id: PeerId, at: SocketAddr, asked: bool) {
        let candidate = self.table.withdraw(id);
        let confirmed = candidate.as_ref().and_then(|c| c.carried).filter(|_| asked);
        if let Some(entry) = self.table.get_mut(id) {
            let restarted = candidate.filter(|c| c.voice.instance > entry.voice.instance);
            let mut changed = restarted.is_some();
            if let Some(candidate) = restarted {
                entry.voice = candidate.voice;
            }
            changed |= entry.prove(now, at);
            entry.confirmed = confirmed.or(entry.confirmed);
            entry.heard = now;
            entry.suspicion = None;
            if changed {
                self.tell(id);
            }
        } else if let Some(candidate) = candidate
            && self.table.insert(now, id, candidate.voice, at)
        {
            if let Some(entry) = self.table.get_mut(id) {
                entry.confirmed = confirmed;
            }
            self.newest = Some(now);
            self.tell(id);
        }
    }

    /// A datagram with our own key: our own echo, or a copy of our folder.
    fn hear_own_id(&mut self, now: Time, source: SocketAddr, via: Via, body: &Body) -> Result<(), Dropped> {
        if body.instance == self.instance {
            return Err(Dropped::Own);
        }
        let ask = match &body.message {
            DatagramMessage::Hello { nonce } => Some(*nonce),
            DatagramMessage::Proof { ask, .. } => *ask,
            _ => None,
        };
        if body.instance > self.instance {
            // It came later, and has to stop: it learns from us that we live. To the others it is the
            // later start of one peer, so that once it has gone we must be a later one still.
            let latest = self.overtaken.map_or(body.instance, |(known, _)| known.max(body.instance));
            self.overtaken = Some((latest, now));
            if let Some(nonce) = ask {
                self.answer(now, source, via, self.id, nonce, Duration::ZERO);
            }
            return Ok(());
        }
        // It may be a replay of what we said ourselves before a restart: only an answer counts.
        if let DatagramMessage::Proof { echoes, .. } = &body.message
            && echoes.iter().any(|e| self.hello_nonces.contains(e))
        {
            if !self.copied {
                self.copied = true;
                self.outputs.push_back(PresenceOutput::Event(Event::CopiedFolder(source)));
            }
        } else if self.on_link(Host::from(source)) && self.copies_asked.take(now, limits::PROBED_RATE) {
            let ask = Some(self.hello_nonces[0]);
            self.unicast(source, Via::Own, DatagramMessage::Proof { ask, echoes: Vec::new() });
        }
        Ok(())
    }

    /// Reports a peer that is here.
    fn tell(&mut self, id: PeerId) {
        if let Some(entry) = self.table.get_mut(id) {
            let info = info(id, entry);
            self.outputs.push_back(PresenceOutput::Event(Event::Here(info)));
        }
    }
}

/// Broadcasts leave from a peer's own socket; an answer may come from the shared one.
const fn via_own_socket(message: &DatagramMessage) -> bool {
    matches!(
        message,
        DatagramMessage::Here
            | DatagramMessage::Hello { .. }
            | DatagramMessage::Probe { .. }
            | DatagramMessage::Seek { .. }
    )
}

fn info(id: PeerId, entry: &PeerEntry) -> PeerInfo {
    PeerInfo {
        contact: Contact { id, hosts: entry.hosts.clone(), ports: entry.voice.presence.ports },
        at: entry.at,
        name: entry.voice.presence.name.clone(),
        instance: entry.voice.instance,
        catalogue: entry.voice.presence.catalogue,
        state: entry.voice.presence.state,
        signed: Arc::clone(&entry.voice.signed),
    }
}
