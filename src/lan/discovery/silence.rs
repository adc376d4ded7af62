//! Who was silent for too long: it is suspected, probed, and taken for gone. Pure.
//!
//! An access point may let few broadcasts through, and a firewall none. So whoever was reached is asked
//! alone, too, and in a small network by everyone who suspects it: nobody is taken for gone who answers. In a
//! large network only the one that probes asks it alone, for a thousand questions at once would be a flood.

use core::time::Duration;

use super::listing::Listing;
use super::outputs::Outputs;
use super::probe::{ProbeStep, Suspicion};
use super::table::PeerEntry;
use crate::identity::PeerId;
use crate::lan::network_size::ONCE_A_SECOND;
use crate::lan::rng::Rng;
use crate::lan::{Event, Gone};
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// A peer that suspects another one begins to probe within this time, in a small network. With 500 ms only
/// 40 ms would be left of the 7.5 s within which a death is to be seen (docs/TESTING.md, "What is promised").
const SPREAD_SMALL: Duration = Duration::from_millis(300);

/// A peer that suspects another one begins to probe within this time, in a large network: its 20-second
/// intervals leave more of it.
const SPREAD_LARGE: Duration = Duration::from_millis(500);

/// In a small network a suspect is asked alone this long before anyone probes: most answer that, and nobody
/// else is bothered.
const HEAD_START: Duration = Duration::from_millis(60);

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
    pub(super) fn hear_probe(&mut self, now: Time, id: PeerId, rng: &mut Rng, out: &mut Outputs) {
        let (peers, size) = (self.table.len(), self.table.network());
        if let Some(entry) = self.table.get_mut(id)
            && let Some(suspicion) = &mut entry.suspicion
        {
            let counts = suspicion.heard(now, peers, rng);
            let (next, asked) = (suspicion.next(), suspicion.asked());
            if counts && size.is_small() {
                entry.ask_alone(asked, rng.nonce(), out);
            }
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

    /// Looks at those whose time has come. `is_deaf`: nothing that goes to everyone is heard here, so that
    /// each has to be asked before it is missed.
    pub(super) fn look_at_silent(&mut self, now: Time, is_deaf: bool, rng: &mut Rng, out: &mut Outputs) {
        while let Some((at, id)) = self.table.next_entry()
            && at <= now
        {
            let (size, large) = (self.table.network(), self.table.len() as u64 >= ONCE_A_SECOND);
            let Some(entry) = self.table.get_mut(id) else { return };
            let due = entry.heard + entry.timeout();
            let Some(suspicion) = &mut entry.suspicion else {
                let next = if due > now {
                    entry.keep_up(now, is_deaf, rng, out)
                } else if size.is_small() {
                    entry.ask_alone(0, rng.nonce(), out);
                    entry.suspect(now + HEAD_START, SPREAD_SMALL - HEAD_START, rng)
                } else {
                    entry.suspect(now, if large { SPREAD_LARGE } else { SPREAD_SMALL }, rng)
                };
                self.table.arm(id, next);
                continue;
            };
            match suspicion.step(now) {
                ProbeStep::Wait(at) => self.table.arm(id, at),
                ProbeStep::Probe => {
                    let (next, asked) = (suspicion.next(), suspicion.asked());
                    let nonce = rng.nonce();
                    out.broadcast(DatagramMessage::Probe { peer: id, nonce });
                    entry.ask_alone(asked, nonce, out);
                    self.table.arm(id, next);
                }
                ProbeStep::Dead => {
                    self.table.remove(id);
                    out.event(Event::Gone(id, Gone::Silent));
                }
            }
        }
    }
}

impl PeerEntry {
    /// It is probed from a moment within `spread` of `from` on; when that is.
    fn suspect(&mut self, from: Time, spread: Duration, rng: &mut Rng) -> Time {
        self.suspicion.insert(Suspicion::begin(from, spread, rng)).next()
    }

    /// It was heard lately enough: when to look at it again. Where nothing that goes to everyone is heard, it
    /// is asked for a sign of life halfway. That also keeps open the path through a firewall here.
    fn keep_up(&mut self, now: Time, is_deaf: bool, rng: &mut Rng, out: &mut Outputs) -> Time {
        let due = self.heard + self.timeout();
        let halfway = self.heard + self.timeout() / 2;
        if !is_deaf || self.kept_up >= self.heard {
            return due;
        }
        if now < halfway {
            return halfway;
        }
        self.kept_up = now;
        self.ask_alone(0, rng.nonce(), out);
        due
    }

    /// Asks it alone, the `n`th time, whether it is there. Any word of it is an answer.
    fn ask_alone(&self, n: u8, nonce: u64, out: &mut Outputs) {
        if let Some(to) = self.asked_at(n) {
            out.unicast(to, DatagramMessage::Proof { ask: Some(nonce), echoes: Vec::new() });
        }
    }
}
