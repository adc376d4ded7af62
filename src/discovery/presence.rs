//! The machine that finds the peers of a network and knows who is here (docs/PROTOCOL.md, "Discovery"). Pure.
//!
//! Its shell is `shell.rs` (sockets, signatures, the clock); what it does with datagrams of others is in
//! `hearing.rs`. Contract: ask [`Machine::admit`] before a signature is verified, give what was verified
//! to [`Machine::handle_packet`], everything else to the other `handle_*`, and call
//! [`Machine::handle_timeout`] when [`Machine::poll_timeout`] says so. After each of these drain
//! [`Machine::poll_output`]. `now` never goes back. A call that comes long after its time is taken for
//! waking from sleep.

use std::collections::VecDeque;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::hearing::SMALL;
use super::limiter::{Stranger, Strangers};
use super::pending_proofs::PendingProofs;
use super::probe::{ProbeStep, Suspicion};
use super::rng::Rng;
use super::seeking::Seeking;
use super::table::PeerTable;
use super::{Event, Gone, OwnPresence};
use crate::address::Host;
use crate::discovery::limits;
use crate::identity::{Instance, PeerId};
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage, Presence};

/// When a burst of hellos sends, counted from its start: three so early that even with 5 % loss a peer is
/// listed within the 300 ms that docs/TESTING.md promises. A peer that knows that its answer arrived answers
/// none of the others.
const HELLOS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(70), Duration::from_millis(160), Duration::from_millis(600)];

/// Between two bursts of hellos, at least.
const BURST_GAP: Duration = Duration::from_secs(1);

/// Announcements of a change, at least this far apart.
const CHANGE_GAP: Duration = Duration::from_millis(250);

/// Peers whose announcements come once a second; beyond it all together send about 46 a second, which
/// leaves the rest of 50 to probes.
const ONCE_A_SECOND: u64 = 50;

/// Of a large network's peers one announces itself each 22 ms.
pub(super) const ANNOUNCE_GAP_MS: u64 = 22;

/// A peer that suspects another one begins to probe within this time, in a small network. With 500 ms only
/// 40 ms would be left of the 7.5 s within which a death is to be seen (docs/TESTING.md, "What is promised").
const SPREAD_SMALL: Duration = Duration::from_millis(300);

/// The same in a large network, where 20-second intervals leave more.
const SPREAD_LARGE: Duration = Duration::from_millis(500);

/// A timeout that is handled this late was slept through.
const SLEPT: Duration = Duration::from_secs(3);

/// A copy of our folder that was not heard for this long has stopped: it does so as soon as it hears us.
const COPY_GONE: Duration = Duration::from_secs(2);

/// Leaves at the end, and the time between them: lost all with 30 % loss once in 37 times, and then the
/// probe finds out.
const LEAVES: u8 = 3;
const LEAVE_GAP: Duration = Duration::from_millis(20);

/// The network has answered when no new peer came for this time.
const SETTLED: Duration = Duration::from_millis(300);

/// It is not waited for longer.
const SETTLED_LATEST: Duration = Duration::from_secs(1);

/// Silence after the start that means that nobody is heard: all hellos, and one interval of a small
/// network.
const NOBODY: Duration = Duration::from_secs(2);

/// The socket that a datagram comes in on or leaves from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// This peer's own.
    Own,
    /// The one on the discovery port, which the peers of a host share.
    Shared,
}

/// A network that this machine is on: address and length of the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkPrefix {
    /// Any address of it.
    pub ip: IpAddr,
    /// Bits that are equal on the link.
    pub prefix: u8,
}

impl NetworkPrefix {
    /// True if `ip` is on this link.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                a.to_bits() & mask == b.to_bits() & mask
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                a.to_bits() & mask == b.to_bits() & mask
            }
            _ => false,
        }
    }

    /// True if `ip` means everyone on this link.
    pub(super) fn is_all(&self, ip: IpAddr) -> bool {
        let (IpAddr::V4(v4), true, 0..=30) = (ip, self.contains(ip), self.prefix) else { return false };
        let hosts = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        let host = v4.to_bits() & hosts;
        host == 0 || host == hosts
    }
}

/// What the machine wants done.
#[derive(Debug)]
pub enum PresenceOutput {
    /// Sign this and send it to everyone on every link, from our own socket.
    Broadcast(Body),
    /// Sign this and send it to one.
    Unicast {
        /// To there.
        to: SocketAddr,
        /// From this socket.
        via: Via,
        /// This.
        body: Body,
    },
    /// Tell the controller.
    Event(Event),
    /// The last leave is out. Nothing comes after this.
    Left,
}

/// Why a verified datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is one of our own.
    Own,
    /// It was heard before (another interface, or a replay).
    Copy,
    /// Its sequence number is too old to tell.
    Old,
    /// A later instance of that peer is known.
    Stale,
    /// That instance said that it left.
    Buried,
    /// A leave of a peer that was not here.
    Unknown,
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    pub(super) id: PeerId,
    pub(super) instance: Instance,
    own: OwnPresence,
    sequence: u64,
    pub(super) dice: Rng,
    pub(super) links: Vec<NetworkPrefix>,
    linked: bool,
    pub(super) table: PeerTable,
    strangers: Strangers,
    pub(super) echoes: PendingProofs,
    pub(super) pace: TokenBucket,
    pub(super) probed: TokenBucket,
    pub(super) probed_at: Option<Time>,
    pub(super) crowds: TokenBucket,
    pub(super) calls: TokenBucket,
    pub(super) copies_asked: TokenBucket,
    /// The nonces of the last two bursts of hellos, the newest first.
    pub(super) hello_nonces: [u64; 2],
    hello: Option<(Time, usize)>,
    pub(super) burst: Option<Time>,
    /// Hellos of others since then.
    pub(super) joining: u32,
    interval: Duration,
    announce_at: Time,
    announced: Time,
    changed: bool,
    started: Time,
    pub(super) newest: Option<Time>,
    settled: bool,
    pub(super) heard_any: bool,
    nobody_said: bool,
    leaving: Option<(Time, u8)>,
    left: bool,
    pub(super) copied: bool,
    /// A later start with our key was heard, the latest of them, and when last.
    pub(super) overtaken: Option<(Instance, Time)>,
    /// Times since then that a table was thought of.
    pub(super) tables: usize,
    pub(super) seeking: Seeking,
    /// The time of the last call.
    pub(super) observed: Time,
    /// When the next timeout is due: counted after each call, for it is asked for more often.
    expected: Option<Time>,
    pub(super) outputs: VecDeque<PresenceOutput>,
}

impl Machine {
    /// A machine that says hello at its first timeout. `seed` must be fit for keys: nonces come from it.
    #[must_use]
    pub fn new(now: Time, id: PeerId, instance: Instance, own: OwnPresence, seed: [u8; 32]) -> Self {
        let mut dice = Rng::new(seed);
        let hello_nonces = [dice.nonce(), dice.nonce()];
        let secret = dice.nonce();
        Self {
            id,
            instance,
            own,
            sequence: 0,
            dice,
            links: Vec::new(),
            linked: false,
            table: PeerTable::new(secret),
            strangers: Strangers::default(),
            echoes: PendingProofs::default(),
            pace: TokenBucket::default(),
            probed: TokenBucket::default(),
            probed_at: None,
            crowds: TokenBucket::default(),
            calls: TokenBucket::default(),
            copies_asked: TokenBucket::default(),
            hello_nonces,
            hello: Some((now, 0)),
            burst: Some(now),
            joining: 0,
            interval: limits::INTERVAL_MIN,
            announce_at: now,
            announced: now,
            changed: false,
            started: now,
            newest: None,
            settled: false,
            heard_any: false,
            nobody_said: false,
            leaving: None,
            left: false,
            copied: false,
            overtaken: None,
            tables: 0,
            seeking: Seeking::default(),
            observed: now,
            expected: None,
            outputs: VecDeque::new(),
        }
    }

    /// Peers that are here.
    #[cfg(test)]
    pub(super) fn peers(&self) -> usize {
        self.table.len()
    }

    /// Peers that were heard but have not proved themselves.
    #[cfg(test)]
    pub(super) fn candidates(&self) -> usize {
        self.table.candidates()
    }

    /// True if peer `id` is here.
    #[cfg(test)]
    pub(super) fn is_here(&self, id: PeerId) -> bool {
        self.table.has(id)
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<PresenceOutput> {
        self.outputs.pop_front()
    }

    /// May a datagram that claims to be of `id` be verified? (Length, magic and version were right.)
    /// `holds` tells whether it holds a nonce, wherever.
    pub fn admit(
        &mut self,
        now: Time,
        source: SocketAddr,
        via: Via,
        id: PeerId,
        holds: impl Fn(u64) -> bool,
    ) -> bool {
        let host = Host::from(source);
        if let Some(entry) = self.table.get_mut(id)
            && entry.hosts.contains(&host)
        {
            return entry.bucket.take(now, limits::SOURCE_RATE);
        }
        let candidate = self.table.candidate_mut(id).map(|c| (c.nonce, c.tries > 0, Host::from(c.at)));
        let asked = candidate.is_some_and(|(nonce, asked, _)| asked && holds(nonce));
        // What answers us was waited for: a crowd of strangers must not keep it out.
        if (asked || self.hello_nonces.iter().any(|nonce| holds(*nonce)))
            && self.strangers.admit(now, source, Stranger::Answers)
        {
            return true;
        }
        // A candidate has nothing new to say; who was never heard goes first.
        let heard = candidate.is_some_and(|(_, _, at)| at == host);
        let stranger = if via == Via::Shared { Stranger::Shared } else { Stranger::Own };
        (!heard || self.strangers.has_room(now, stranger)) && self.strangers.admit(now, source, stranger)
    }

    /// What we say of ourselves changed.
    pub fn handle_own(&mut self, now: Time, own: OwnPresence) {
        self.observe(now);
        if own != self.own {
            self.own = own;
            self.changed = true;
        }
        self.rearm(now);
    }

    /// The links that this machine is on, at the start and when they changed.
    pub fn handle_links(&mut self, now: Time, links: Vec<NetworkPrefix>) {
        self.observe(now);
        let first = !core::mem::replace(&mut self.linked, true);
        let changed = self.links != links;
        self.links = links;
        if changed && !first {
            self.begin_hellos(now);
            self.outputs.push_back(PresenceOutput::Event(Event::NetworkChanged));
        }
        self.rearm(now);
    }

    /// A connection to this peer broke: find out.
    pub fn handle_doubt(&mut self, now: Time, id: PeerId) {
        self.observe(now);
        if let Some(entry) = self.table.get_mut(id)
            && entry.suspicion.is_none()
        {
            entry.suspicion = Some(Suspicion::begin(now, Duration::ZERO, &mut self.dice));
            self.table.arm(id, now);
        }
        self.rearm(now);
    }

    /// From now on this start counts as `instance`, unless that is an earlier one. See
    /// [`Event::Overtaken`].
    pub fn handle_instance(&mut self, now: Time, instance: Instance) {
        self.observe(now);
        if instance > self.instance && self.leaving.is_none() {
            self.instance = instance;
            self.begin_hellos(now);
        }
        self.rearm(now);
    }

    /// Begin to leave: three leaves go out within 40 ms, then [`PresenceOutput::Left`].
    pub fn handle_leave(&mut self, now: Time) {
        if self.leaving.is_none() {
            self.leaving = Some((now, 0));
            self.hello = None;
            self.echoes.clear();
            self.seeking = Seeking::default();
        }
        self.rearm(now);
    }

    /// True once [`Self::handle_leave`] was called.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// A link carries datagrams that did not before, with the same addresses.
    pub fn handle_link_up(&mut self, now: Time) {
        if self.leaving.is_none() {
            self.begin_hellos(now);
        }
        self.rearm(now);
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.expected.or_else(|| self.next_timeout())
    }

    fn next_timeout(&self) -> Option<Time> {
        if self.left {
            return None;
        }
        if let Some((at, _)) = self.leaving {
            return Some(at);
        }
        let hello = self.hello.map(|(start, n)| start + HELLOS[n]);
        let announce = if self.changed { self.announce_at.min(self.change_at()) } else { self.announce_at };
        let entry = self.table.next_entry().map(|(at, _)| at);
        let work = self.proofs_at();
        let nobody = (!self.nobody_said && !self.heard_any).then(|| self.started + NOBODY);
        let settled = (!self.settled).then(|| self.settles_at());
        let overtaken = self.overtaken.map(|(_, at)| at + COPY_GONE);
        let (table, seek) = (self.table_at(), self.seek_at());
        [hello, Some(announce), entry, work, nobody, settled, overtaken, table, seek]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.leaving.is_some() {
            self.leave_step(now);
            self.rearm(now);
            return;
        }
        self.observe(now);
        self.hello_step(now);
        self.announce_step(now);
        self.entries_step(now);
        self.proofs_step(now);
        self.table_step(now);
        self.seek_step(now);
        if !self.settled && self.settles_at() <= now {
            self.settled = true;
            self.outputs.push_back(PresenceOutput::Event(Event::Settled));
        }
        if !self.nobody_said && !self.heard_any && self.started + NOBODY <= now {
            self.nobody_said = true;
            self.outputs.push_back(PresenceOutput::Event(Event::NobodyHeard));
        }
        if let Some((instance, at)) = self.overtaken
            && at + COPY_GONE <= now
        {
            self.overtaken = None;
            self.outputs.push_back(PresenceOutput::Event(Event::Overtaken(instance)));
        }
        self.rearm(now);
    }

    /// Notices that this call comes long after the one that was asked for.
    pub(super) fn observe(&mut self, now: Time) {
        if self.expected.is_some_and(|at| now.since(at) > SLEPT) {
            self.woke(now);
        }
        self.observed = now;
    }

    /// Remembers when the next call is expected.
    pub(super) fn rearm(&mut self, now: Time) {
        self.expected = self.next_timeout().map(|at| at.max(now));
    }

    fn woke(&mut self, now: Time) {
        // Nobody can be blamed for what was said while we slept; but who went meanwhile is to be found
        // out soon. Two seconds, then the probe.
        let ids: Vec<_> = self.table.iter().map(|(id, _)| id).collect();
        for id in ids {
            if let Some(entry) = self.table.get_mut(id) {
                entry.suspicion = None;
                let spared = (now + Duration::from_secs(2)) - entry.patience();
                entry.heard = entry.heard.max(spared);
                let at = entry.heard + entry.patience();
                self.table.arm(id, at);
            }
        }
        self.begin_hellos(now);
        self.outputs.push_back(PresenceOutput::Event(Event::NetworkChanged));
    }

    fn begin_hellos(&mut self, now: Time) {
        let start = self.burst.map_or(now, |last| now.max(last + BURST_GAP));
        self.burst = Some(start);
        self.joining = 0;
        self.tables = 0;
        self.hello_nonces = [self.dice.nonce(), self.hello_nonces[0]];
        self.hello = Some((start, 0));
    }

    fn hello_step(&mut self, now: Time) {
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
        self.announce_at = now + self.interval - self.dice.delay(jitter);
    }

    fn announce_step(&mut self, now: Time) {
        if self.announce_at <= now || self.changed && self.change_at() <= now {
            self.plan_announcement(now);
            let message = self.seek_again(now).unwrap_or(DatagramMessage::Here);
            self.broadcast(message);
        }
    }

    fn change_at(&self) -> Time {
        // In a large network a change is heard by many: the wait grows with it.
        self.announced
            + CHANGE_GAP.max(if self.interval > limits::INTERVAL_MIN {
                self.interval / 8
            } else {
                Duration::ZERO
            })
    }

    /// Peers of the network as far as we can tell, this one included. Candidates count, for after a
    /// power cut nobody is proved yet; but an invented crowd may at most double the number.
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

    fn settles_at(&self) -> Time {
        let latest = self.started + SETTLED_LATEST;
        self.newest.map_or(latest, |at| latest.min(at + SETTLED))
    }

    fn entries_step(&mut self, now: Time) {
        while let Some((at, id)) = self.table.next_entry()
            && at <= now
        {
            let large = self.table.len() as u64 >= ONCE_A_SECOND;
            let Some(entry) = self.table.get_mut(id) else { return };
            let due = entry.heard + entry.patience();
            let Some(suspicion) = &mut entry.suspicion else {
                if due > now {
                    self.table.arm(id, due);
                } else {
                    let spread = if large { SPREAD_LARGE } else { SPREAD_SMALL };
                    let suspicion = Suspicion::begin(now, spread, &mut self.dice);
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
                    let nonce = self.dice.nonce();
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

    fn leave_step(&mut self, now: Time) {
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

    /// True if `host` is this machine, or on one of its links.
    pub(super) fn on_link(&self, host: Host) -> bool {
        let link_local = matches!(host.ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        host.ip.is_loopback() || link_local || self.links.iter().any(|l| l.contains(host.ip))
    }

    pub(super) fn broadcast(&mut self, message: DatagramMessage) {
        let body = self.body(message);
        self.outputs.push_back(PresenceOutput::Broadcast(body));
    }

    pub(super) fn unicast(&mut self, to: SocketAddr, via: Via, message: DatagramMessage) {
        let body = self.body(message);
        self.outputs.push_back(PresenceOutput::Unicast { to, via, body });
    }

    fn body(&mut self, message: DatagramMessage) -> Body {
        self.sequence += 1;
        let interval = u32::try_from(self.interval.as_millis()).unwrap_or(u32::MAX);
        let OwnPresence { state, name, ports, catalogue, .. } = &self.own;
        let presence = Presence::new(*state, name.clone(), *ports, interval, *catalogue);
        Body { instance: self.instance, sequence: self.sequence, presence, message }
    }
}
