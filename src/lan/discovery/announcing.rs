//! When the machine of `mod.rs` says that it is here: hellos at the start and after changes, then
//! announcements, and leaves at the end. Pure; its shell is `lan/shell.rs`.

use core::time::Duration;

use super::hearing::SMALL;
use super::seeking::Seeking;
use super::{Machine, PresenceOutput, Via};
use crate::address::Host;
use crate::lan::limits;
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// When a burst of hellos sends, counted from its start: three so early that even with 5 % loss a peer is
/// listed within the 300 ms that docs/TESTING.md promises. A peer that knows that its answer arrived answers
/// none of the others.
pub(super) const HELLOS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(70), Duration::from_millis(160), Duration::from_millis(600)];

/// Between two bursts of hellos, at least.
const BURST_GAP: Duration = Duration::from_secs(1);

/// Announcements of a change, at least this far apart.
const CHANGE_GAP: Duration = Duration::from_millis(250);

/// Peers whose announcements come once a second; beyond it all together send about 46 a second, which
/// leaves the rest of 50 to probes.
pub(super) const ONCE_A_SECOND: u64 = 50;

/// Of a large network's peers one announces itself each 22 ms.
pub(super) const ANNOUNCE_GAP_MS: u64 = 22;

/// Leaves at the end, and the time between them: lost all with 30 % loss once in 37 times, and then the
/// probe finds out.
const LEAVES: u8 = 3;
const LEAVE_GAP: Duration = Duration::from_millis(20);

/// The network has answered when no new peer came for this time.
const SETTLED: Duration = Duration::from_millis(300);

/// It is not waited for longer.
const SETTLED_LATEST: Duration = Duration::from_secs(1);

impl Machine {
    /// Begin to leave: three leaves go out within 40 ms, then [`PresenceOutput::Left`].
    pub fn handle_leave(&mut self, now: Time) {
        if self.leaving.is_none() {
            self.leaving = Some((now, 0));
            self.hello = None;
            self.pending.clear();
            self.seeking = Seeking::default();
        }
        self.rearm(now);
    }

    /// A link carries datagrams that did not before, with the same addresses.
    pub fn handle_link_up(&mut self, now: Time) {
        if self.leaving.is_none() {
            self.begin_hellos(now);
        }
        self.rearm(now);
    }

    pub(super) fn begin_hellos(&mut self, now: Time) {
        let start = self.burst.map_or(now, |last| now.max(last + BURST_GAP));
        self.burst = Some(start);
        self.joining = 0;
        self.tables = 0;
        self.hello_nonces = [self.rng.nonce(), self.hello_nonces[0]];
        self.hello = Some((start, 0));
    }

    pub(super) fn hello_step(&mut self, now: Time) {
        let Some((start, n)) = self.hello else { return };
        if start + HELLOS[n] > now {
            return;
        }
        // In a large network two are enough: who missed both hears an announcement soon.
        let all = if self.network() <= u64::from(SMALL) { HELLOS.len() } else { 2 };
        self.hello = (n + 1 < all).then_some((start, n + 1));
        if n >= all {
            return;
        }
        self.plan_announcement(now);
        self.broadcast(DatagramMessage::Hello { nonce: self.hello_nonces[0] });
    }

    /// The next announcement, 0.96 to 1 interval from now: so many intervals of silence are so many
    /// missed announcements, and peers that started together drift apart.
    pub(super) fn plan_announcement(&mut self, now: Time) {
        self.interval = self.interval_now();
        self.announced = now;
        self.changed = false;
        // The first after a hello is anywhere in the interval, else all of a power cut fall together.
        let jitter = if self.hello.is_none() && self.burst.is_some_and(|b| now.since(b) < BURST_GAP) {
            self.interval * 3 / 5
        } else {
            self.interval / 25
        };
        self.announce_at = now + self.interval - self.rng.delay(jitter);
    }

    pub(super) fn announce_step(&mut self, now: Time) {
        if self.announce_at <= now || self.changed && self.change_at() <= now {
            self.plan_announcement(now);
            let message = self.seek_again(now).unwrap_or(DatagramMessage::Here);
            self.broadcast(message);
        }
    }

    pub(super) fn change_at(&self) -> Time {
        // In a large network a change is heard by many: the wait grows with it.
        self.announced
            + CHANGE_GAP.max(if self.interval > limits::INTERVAL_MIN {
                self.interval / 8
            } else {
                Duration::ZERO
            })
    }

    /// Peers of the network as far as we can tell, this one included. Candidates count, for after a
    /// power cut nobody is proved yet; but invented peers may at most double the number.
    pub(super) fn network(&self) -> u64 {
        let here = self.table.len() as u64;
        1 + here + (self.table.candidates() as u64).min(here + 64)
    }

    pub(super) fn interval_now(&self) -> Duration {
        let n = self.network();
        if n <= ONCE_A_SECOND {
            return limits::INTERVAL_MIN;
        }
        Duration::from_millis(n * ANNOUNCE_GAP_MS).clamp(limits::INTERVAL_MIN, limits::INTERVAL_MAX)
    }

    pub(super) fn settles_at(&self) -> Time {
        let latest = self.started + SETTLED_LATEST;
        self.newest.map_or(latest, |at| latest.min(at + SETTLED))
    }

    pub(super) fn leave_step(&mut self, now: Time) {
        let Some((at, sent)) = self.leaving else { return };
        if at > now || self.left {
            return;
        }
        self.leaving = Some((now + LEAVE_GAP, sent + 1));
        self.broadcast(DatagramMessage::Leave);
        let far: Vec<_> =
            self.table.iter().map(|(_, e)| e.at).filter(|at| !self.on_link(Host::from(*at))).collect();
        for to in far {
            self.unicast(to, Via::Own, DatagramMessage::Leave);
        }
        if sent + 1 == LEAVES {
            self.left = true;
            self.outputs.push_back(PresenceOutput::Left);
        }
    }
}
