//! Who was silent for too long: it is suspected, probed, and taken for gone. Pure.

use core::time::Duration;

use super::listing::Listing;
use super::outputs::Outputs;
use super::probe::{ProbeStep, Suspicion};
use crate::identity::PeerId;
use crate::lan::network_size::ONCE_A_SECOND;
use crate::lan::rng::Rng;
use crate::lan::traffic::{Endpoint, Via};
use crate::lan::{Event, Gone};
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// A peer that suspects another one begins to probe within this time, in a small network. With 500 ms only
/// 40 ms would be left of the 7.5 s within which a death is to be seen (docs/TESTING.md, "What is promised").
const SPREAD_SMALL: Duration = Duration::from_millis(300);

/// A peer that suspects another one begins to probe within this time, in a large network: its 20-second
/// intervals leave more of it.
const SPREAD_LARGE: Duration = Duration::from_millis(500);

/// After waking from sleep, nobody is suspected for this time.
const SPARED: Duration = Duration::from_secs(2);

impl Listing {
    /// A connection to this peer broke: find out.
    pub(super) fn doubt(&mut self, now: Time, id: PeerId, rng: &mut Rng) {
        if let Some(entry) = self.table.get_mut(id)
            && entry.suspicion.is_none()
        {
            entry.suspicion = Some(Suspicion::begin(now, Duration::ZERO, rng));
            self.table.arm(id, now);
        }
    }

    /// Another peer probes this one: that counts as a probe of ours, if it is suspected here too.
    pub(super) fn hear_probe(&mut self, now: Time, id: PeerId, rng: &mut Rng) {
        let peers = self.table.len();
        if let Some(entry) = self.table.get_mut(id)
            && let Some(suspicion) = &mut entry.suspicion
        {
            suspicion.heard(now, peers, rng);
            let next = suspicion.next();
            self.table.arm(id, next);
        }
    }

    /// Takes nobody for silent who may have spoken while this machine slept; but who went meanwhile is to be
    /// found out soon.
    pub(super) fn spare_all(&mut self, now: Time) {
        let ids: Vec<_> = self.table.iter().map(|(id, _)| id).collect();
        for id in ids {
            if let Some(entry) = self.table.get_mut(id) {
                entry.suspicion = None;
                let spared = (now + SPARED) - entry.timeout();
                entry.heard = entry.heard.max(spared);
                let at = entry.heard + entry.timeout();
                self.table.arm(id, at);
            }
        }
    }

    /// Looks at those whose time has come.
    pub(super) fn look_at_silent(&mut self, now: Time, rng: &mut Rng, out: &mut Outputs) {
        while let Some((at, id)) = self.table.next_entry()
            && at <= now
        {
            let large = self.table.len() as u64 >= ONCE_A_SECOND;
            let Some(entry) = self.table.get_mut(id) else { return };
            let due = entry.heard + entry.timeout();
            let Some(suspicion) = &mut entry.suspicion else {
                if due > now {
                    self.table.arm(id, due);
                } else {
                    let spread = if large { SPREAD_LARGE } else { SPREAD_SMALL };
                    let suspicion = Suspicion::begin(now, spread, rng);
                    entry.suspicion = Some(suspicion);
                    self.table.arm(id, suspicion.next());
                }
                continue;
            };
            match suspicion.step(now) {
                ProbeStep::Wait(at) => self.table.arm(id, at),
                ProbeStep::Probe => {
                    let (next, to) = (suspicion.next(), Endpoint { at: entry.at, via: Via::Own });
                    self.table.arm(id, next);
                    let nonce = rng.nonce();
                    out.broadcast(DatagramMessage::Probe { peer: id, nonce });
                    if !self.links.hold(to.host()) {
                        let ask = DatagramMessage::Proof { ask: Some(nonce), echoes: Vec::new() };
                        out.unicast(to, ask);
                    }
                }
                ProbeStep::Dead => {
                    self.table.remove(id);
                    out.event(Event::Gone(id, Gone::Silent));
                }
            }
        }
    }
}
