//! Who was silent for too long: the machine of `mod.rs` suspects it, probes, and takes it for gone.
//! Pure; its shell is `lan/shell.rs`.

use core::time::Duration;

use super::announcing::ONCE_A_SECOND;
use super::probe::{ProbeStep, Suspicion};
use super::{Machine, PresenceOutput, Via};
use crate::address::Host;
use crate::identity::PeerId;
use crate::lan::{Event, Gone};
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// A peer that suspects another one begins to probe within this time, in a small network. With 500 ms only
/// 40 ms would be left of the 7.5 s within which a death is to be seen (docs/TESTING.md, "What is promised").
const SPREAD_SMALL: Duration = Duration::from_millis(300);

/// A peer that suspects another one begins to probe within this time, in a large network: its 20-second
/// intervals leave more of it.
const SPREAD_LARGE: Duration = Duration::from_millis(500);

impl Machine {
    /// A connection to this peer broke: find out.
    pub fn handle_doubt(&mut self, now: Time, id: PeerId) {
        self.observe(now);
        if let Some(entry) = self.table.get_mut(id)
            && entry.suspicion.is_none()
        {
            entry.suspicion = Some(Suspicion::begin(now, Duration::ZERO, &mut self.rng));
            self.table.arm(id, now);
        }
        self.rearm(now);
    }

    pub(super) fn woke(&mut self, now: Time) {
        // Nobody can be blamed for what was said while we slept; but who went meanwhile is to be found
        // out soon. Two seconds, then the probe.
        let ids: Vec<_> = self.table.iter().map(|(id, _)| id).collect();
        for id in ids {
            if let Some(entry) = self.table.get_mut(id) {
                entry.suspicion = None;
                let spared = (now + Duration::from_secs(2)) - entry.timeout();
                entry.heard = entry.heard.max(spared);
                let at = entry.heard + entry.timeout();
                self.table.arm(id, at);
            }
        }
        self.begin_hellos(now);
        self.outputs.push_back(PresenceOutput::Event(Event::NetworkChanged));
    }

    pub(super) fn entries_step(&mut self, now: Time) {
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
                    let suspicion = Suspicion::begin(now, spread, &mut self.rng);
                    entry.suspicion = Some(suspicion);
                    self.table.arm(id, suspicion.next());
                }
                continue;
            };
            match suspicion.step(now) {
                ProbeStep::Wait(at) => self.table.arm(id, at),
                ProbeStep::Probe => {
                    let (next, to) = (suspicion.next(), entry.at);
                    self.table.arm(id, next);
                    let nonce = self.rng.nonce();
                    self.broadcast(DatagramMessage::Probe { peer: id, nonce });
                    if !self.on_link(Host::from(to)) {
                        self.unicast(
                            to,
                            Via::Own,
                            DatagramMessage::Proof { ask: Some(nonce), echoes: Vec::new() },
                        );
                    }
                }
                ProbeStep::Dead => {
                    self.table.remove(id);
                    self.outputs.push_back(PresenceOutput::Event(Event::Gone(id, Gone::Silent)));
                }
            }
        }
    }
}
