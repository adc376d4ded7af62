//! The machine that finds the peers of a network and knows who is here (docs/PROTOCOL.md, "Discovery"). Pure.
//!
//! Its shell is `lan/shell.rs` (sockets, signatures, the clock). What it does with datagrams of others is in
//! `hearing.rs`, what it says unasked in `announcing.rs`, and what it makes of silence in `silence.rs`.
//!
//! Contract: ask [`Machine::admit`] before a signature is verified, give what was verified to
//! [`Machine::handle_packet`], everything else to the other `handle_*`, and call
//! [`Machine::handle_timeout`] when [`Machine::poll_timeout`] says so. After each of these drain
//! [`Machine::poll_output`]. `now` never goes back. A call that comes long after its time is taken for
//! waking from sleep.

mod announcing;
mod asking;
mod hearing;
mod peer_exchange;
mod pending_proofs;
mod probe;
mod seeking;
mod silence;
mod table;

use std::collections::VecDeque;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use self::announcing::HELLOS;
use self::pending_proofs::PendingProofs;
use self::seeking::Seeking;
use self::table::PeerTable;
use crate::address::Host;
use crate::identity::{Instance, PeerId};
use crate::lan::limiter::{Stranger, Strangers};
use crate::lan::limits;
use crate::lan::network_prefix::NetworkPrefix;
use crate::lan::rng::Rng;
use crate::lan::{Event, OwnPresence};
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage, Presence};

/// A timeout that is handled this late was slept through.
const SLEPT: Duration = Duration::from_secs(3);

/// A copy of our folder that was not heard for this long has stopped: it does so as soon as it hears us.
const COPY_GONE: Duration = Duration::from_secs(2);

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
    id: PeerId,
    instance: Instance,
    own: OwnPresence,
    sequence: u64,
    rng: Rng,
    links: Vec<NetworkPrefix>,
    linked: bool,
    table: PeerTable,
    strangers: Strangers,
    pending: PendingProofs,
    pace: TokenBucket,
    probed: TokenBucket,
    probed_at: Option<Time>,
    batches: TokenBucket,
    calls: TokenBucket,
    copies_asked: TokenBucket,
    /// The nonces of the last two bursts of hellos, the newest first.
    hello_nonces: [u64; 2],
    hello: Option<(Time, usize)>,
    burst: Option<Time>,
    /// Hellos of others since then.
    joining: u32,
    interval: Duration,
    announce_at: Time,
    announced: Time,
    changed: bool,
    started: Time,
    newest: Option<Time>,
    settled: bool,
    heard_any: bool,
    nobody_said: bool,
    leaving: Option<(Time, u8)>,
    left: bool,
    copied: bool,
    /// A later start with our key was heard, the latest of them, and when last.
    overtaken: Option<(Instance, Time)>,
    /// Times since then that a table was thought of.
    tables: usize,
    seeking: Seeking,
    /// The time of the last call.
    observed: Time,
    /// When the next timeout is due: counted after each call, for it is asked for more often.
    expected: Option<Time>,
    outputs: VecDeque<PresenceOutput>,
}

impl Machine {
    /// A machine that says hello at its first timeout. `seed` must be fit for keys: nonces come from it.
    #[must_use]
    pub fn new(now: Time, id: PeerId, instance: Instance, own: OwnPresence, seed: [u8; 32]) -> Self {
        let mut rng = Rng::new(seed);
        let hello_nonces = [rng.nonce(), rng.nonce()];
        let secret = rng.nonce();
        Self {
            id,
            instance,
            own,
            sequence: 0,
            rng,
            links: Vec::new(),
            linked: false,
            table: PeerTable::new(secret),
            strangers: Strangers::default(),
            pending: PendingProofs::default(),
            pace: TokenBucket::default(),
            probed: TokenBucket::default(),
            probed_at: None,
            batches: TokenBucket::default(),
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
    fn peers(&self) -> usize {
        self.table.len()
    }

    /// Peers that were heard but have not proved themselves.
    #[cfg(test)]
    fn candidates(&self) -> usize {
        self.table.candidates()
    }

    /// True if peer `id` is here.
    #[cfg(test)]
    fn is_here(&self, id: PeerId) -> bool {
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
        // What answers us was waited for: many strangers must not keep it out.
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

    /// True once [`Self::handle_leave`] was called.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        self.leaving.is_some()
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
    fn observe(&mut self, now: Time) {
        if self.expected.is_some_and(|at| now.since(at) > SLEPT) {
            self.woke(now);
        }
        self.observed = now;
    }

    /// Remembers when the next call is expected.
    fn rearm(&mut self, now: Time) {
        self.expected = self.next_timeout().map(|at| at.max(now));
    }

    /// True if `host` is this machine, or on one of its links.
    fn on_link(&self, host: Host) -> bool {
        let link_local = matches!(host.ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        host.ip.is_loopback() || link_local || self.links.iter().any(|l| l.contains(host.ip))
    }

    fn broadcast(&mut self, message: DatagramMessage) {
        let body = self.body(message);
        self.outputs.push_back(PresenceOutput::Broadcast(body));
    }

    fn unicast(&mut self, to: SocketAddr, via: Via, message: DatagramMessage) {
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
