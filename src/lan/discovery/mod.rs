//! The machine that finds the peers of a network and knows who is here (docs/PROTOCOL.md, "Discovery"). Pure;
//! `lan/machines.rs` hosts it.
//!
//! It is put together of parts with a state of their own: who is listed (`listing.rs`, with `silence.rs`,
//! `reaching.rs` and `peer_exchange.rs`), proofs that are asked for and given (`asking.rs`, and `outward.rs`
//! where no broadcast is heard), and what it says unasked (`hellos.rs`, `announcing.rs`, `leaving.rs`). What
//! it makes of messages of others is in `hearing.rs`.
//!
//! Contract: that of [`crate::lan::Machines`], but for sleep, which is told by [`Discovery::handle_wake`].

mod announcing;
mod asking;
mod by_id;
mod candidate;
mod candidates;
mod far;
mod hearing;
mod hellos;
mod host_counts;
mod leaving;
mod links;
mod listing;
mod outputs;
mod outward;
mod own_key;
mod pacing;
mod peer_exchange;
mod pending_proofs;
mod probe;
mod reaching;
mod settling;
mod silence;
mod table;
#[cfg(test)]
mod tests;
mod ticket;
mod tombstones;
mod voice;

pub(super) use self::outputs::DiscoveryOutput;
pub(super) use self::outward::BroadcastHearing;

use core::time::Duration;
use std::collections::BTreeSet;

use self::announcing::{Announcements, Speaker};
use self::asking::{Proofs, Surroundings};
use self::far::Greeting;
use self::hellos::Hellos;
use self::leaving::Leaves;
pub(super) use self::listing::Listing;
use self::outputs::Outputs;
use self::outward::Outward;
use self::own_key::FolderCopies;
use self::pacing::Pacing;
use self::peer_exchange::TableRequests;
use self::probe::ProbeAnswers;
use self::settling::Settling;
use self::ticket::OwnTicket;
use super::limiter::{Stranger, Strangers};
use super::limits;
use super::network_prefix::NetworkPrefix;
use super::network_size::NetworkSize;
use super::rng::Rng;
use super::traffic::{Endpoint, Packet, Via};
use super::{Event, OwnPresence};
use crate::address::Host;
use crate::identity::{Instance, PeerId};
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage};
use crate::wire::room::RoomLine;

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
pub(super) struct Discovery {
    id: PeerId,
    rng: Rng,
    pub(super) listing: Listing,
    strangers: Strangers,
    speaker: Speaker,
    announcements: Announcements,
    hellos: Hellos,
    leaves: Leaves,
    proofs: Proofs,
    outward: Outward,
    probed: ProbeAnswers,
    tables: TableRequests,
    settling: Settling,
    ticket: OwnTicket,
    copies: FolderCopies,
    greeting: Greeting,
    out: Outputs,
}

impl Discovery {
    /// A machine that says hello at its first timeout. `seed` must be fit for keys: nonces come from it.
    pub(super) fn new(now: Time, id: PeerId, instance: Instance, own: OwnPresence, seed: [u8; 32]) -> Self {
        let mut rng = Rng::new(seed);
        let hellos = Hellos::new(now, &mut rng);
        let secret = rng.nonce();
        Self {
            id,
            rng,
            listing: Listing::new(secret),
            strangers: Strangers::default(),
            speaker: Speaker::new(instance, own),
            announcements: Announcements::new(now),
            hellos,
            leaves: Leaves::default(),
            proofs: Proofs::default(),
            outward: Outward::new(now),
            probed: ProbeAnswers::default(),
            tables: TableRequests::new(now),
            settling: Settling::new(now),
            ticket: OwnTicket::new(now),
            copies: FolderCopies::default(),
            greeting: Greeting::default(),
            out: Outputs::default(),
        }
    }

    /// The next thing to do, until there is none.
    pub(super) fn poll_output(&mut self) -> Option<DiscoveryOutput> {
        self.out.pop()
    }

    /// True once [`Self::handle_leave`] was called.
    pub(super) const fn is_leaving(&self) -> bool {
        self.leaves.have_begun()
    }

    /// Peers of the network as far as we can tell, this one included.
    pub(super) fn network(&self) -> NetworkSize {
        self.listing.table.network()
    }

    /// True if a datagram comes from the socket of who signed it, as far as that is known, or has our own key.
    pub(super) fn is_first_hand(&self, packet: &Packet<'_>) -> bool {
        packet.peer == self.id || self.listing.address(packet.peer) == Some(packet.source.at)
    }

    /// True if nothing is known of `id` yet.
    pub(super) fn lacks(&self, id: PeerId) -> bool {
        id != self.id && self.listing.lacks(id)
    }

    /// The next datagram, with this line of the room.
    pub(super) fn line_body(&mut self, line: RoomLine) -> Body {
        self.speaker.say_line(line.number);
        self.body(DatagramMessage::Room(line))
    }

    /// The next datagram, with this message.
    pub(super) fn body(&mut self, message: DatagramMessage) -> Body {
        self.speaker.body(message, self.ticket.number(), &self.announcements)
    }

    /// May a datagram that claims to be of `id` be verified? (Length, magic and version were right.)
    /// `holds` tells whether it holds a nonce, wherever; `is_awaited`: another machine waits for it.
    pub(super) fn admit(
        &mut self,
        now: Time,
        source: Endpoint,
        id: PeerId,
        is_awaited: bool,
        holds: impl Fn(u64) -> bool,
    ) -> bool {
        let host = source.host();
        let is_told = source.gateway().is_some();
        if let Some(entry) = self.listing.table.get_mut(id)
            && (is_told || entry.hosts.contains(&host))
        {
            return entry.bucket.take(now, limits::SOURCE_RATE);
        }
        if is_told {
            // Counted for the gateway.
            return true;
        }
        let candidate = self.listing.table.candidate(id);
        let is_asked = candidate.is_some_and(|c| c.is_answered_by(&holds));
        // What answers us was waited for: many strangers must not keep it out.
        let is_answer = is_awaited
            || is_asked
            || self.hellos.are_answered_by(&holds)
            || self.outward.is_answered(host, &holds);
        // A candidate has nothing new to say; who was never heard goes first.
        let is_heard = candidate.is_some_and(|c| c.from.host() == host);
        let stranger = if source.via == Via::Shared { Stranger::Shared } else { Stranger::Own };
        let limits: &[_] = if is_answer { &[Stranger::Answers, stranger] } else { &[stranger] };
        self.strangers.admit(now, source.at, limits, is_heard)
    }

    /// What we say of ourselves changed.
    pub(super) fn handle_own(&mut self, own: OwnPresence) {
        if self.speaker.replace(own) {
            self.announcements.change();
        }
    }

    /// The links that this machine is on, at the start and when they changed.
    pub(super) fn handle_links(&mut self, now: Time, links: Vec<NetworkPrefix>) {
        if self.listing.links.replace(links) {
            self.begin_hellos(now);
            self.out.event(Event::NetworkChanged);
        }
    }

    /// A link carries datagrams that did not before, with the same addresses; or a link with this peer stands.
    pub(super) fn handle_link_up(&mut self, now: Time, with: Option<PeerId>) {
        if let Some(peer) = with {
            self.listing.set_linked(peer, &mut self.out);
        }
        if !self.is_leaving() {
            self.begin_hellos(now);
        }
    }

    /// This machine slept for so long until now.
    pub(super) fn handle_wake(&mut self, now: Time, slept: Duration) {
        self.listing.spare_all(now);
        if self.ticket.wake(now, slept) {
            self.ticket.tell(&mut self.announcements, &mut self.out);
        }
        self.begin_hellos(now);
        self.out.event(Event::NetworkChanged);
    }

    /// From now on this start counts as `instance`, unless that is an earlier one. See
    /// [`Event::Overtaken`]. True if it does.
    pub(super) fn handle_instance(&mut self, now: Time, instance: Instance) -> bool {
        let is_later = !self.is_leaving() && self.speaker.advance(instance);
        if is_later {
            self.begin_hellos(now);
        }
        is_later
    }

    /// A connection to this peer broke: find out.
    pub(super) fn handle_doubt(&mut self, now: Time, id: PeerId) {
        self.listing.doubt(now, id, &mut self.rng);
    }

    /// Somebody wants to dial this peer, which is here: find out where it can be reached, if that is not known.
    pub(super) fn handle_wanted(&mut self, now: Time, id: PeerId) {
        self.listing.want(now, id, &mut self.rng, &mut self.out);
    }

    /// A datagram that `teller` passed on, with the address at which its sender answers there.
    pub(super) fn handle_table(&mut self, now: Time, teller: PeerId, packet: &Packet<'_>) {
        if packet.peer != self.id {
            let (is_first, burst) = (self.lacks(packet.peer), self.hellos.burst());
            self.listing.hear_of(now, teller, packet, burst, &mut self.rng);
            let (ticket, interval) = (packet.body.presence.ticket, self.announcements.interval());
            if is_first && !self.lacks(packet.peer) && self.ticket.hear_first(now, ticket, interval) {
                self.ticket.tell(&mut self.announcements, &mut self.out);
            }
        }
    }

    /// The hosts that the system knows on the links, after [`DiscoveryOutput::LookAround`]: those are asked
    /// at which no peer is known.
    pub(super) fn handle_neighbours(&mut self, now: Time, neighbours: Vec<Host>) {
        if self.is_leaving() {
            return;
        }
        let known: BTreeSet<_> =
            self.listing.table.iter().flat_map(|(_, entry)| entry.hosts.clone()).collect();
        let links = &self.listing.links;
        let is_asked = |host: &Host| links.hold(*host) && !links.is_own(*host) && !known.contains(host);
        let neighbours = neighbours.into_iter().filter(is_asked).collect();
        for (to, nonce) in self.outward.ask(now, &neighbours, &mut self.rng) {
            self.out.unicast(to, DatagramMessage::Proof { ask: Some(nonce), echoes: Vec::new() });
        }
    }

    /// Another machine said something to everyone, which tells all that an announcement does.
    pub(super) fn handle_announced(&mut self, now: Time) {
        let after_hello = self.hellos.have_just_ended(now);
        self.announcements.plan(now, self.network(), after_hello, &mut self.rng);
    }

    /// Begins to leave: three leaves go out within 40 ms, then [`DiscoveryOutput::Left`].
    pub(super) fn handle_leave(&mut self, now: Time) {
        if self.leaves.begin(now) {
            self.hellos.stop();
            self.proofs.clear();
        }
    }

    /// When [`Self::handle_timeout`] is due, counted at the end of a call at `now`.
    pub(super) fn poll_timeout(&self, now: Time) -> Option<Time> {
        if self.is_leaving() {
            return self.leaves.poll_timeout();
        }
        let table = &self.listing.table;
        let times = [
            self.hellos.poll_timeout(),
            Some(self.announcements.due()),
            table.next_entry().map(|(at, _)| at),
            self.proofs.poll_timeout(now, table, &Pacing::of(now, table, &self.hellos)),
            self.tables.poll_timeout(),
            self.settling.poll_timeout(),
            self.ticket.poll_timeout(),
            self.copies.poll_timeout(),
            self.greeting.poll_timeout(),
        ];
        times.into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.is_leaving() {
            self.say_leave(now);
            return;
        }
        if self.greeting.take_due(now) && self.listing.table.has_strangers_behind_gateways() {
            self.hellos.begin(now, &mut self.rng);
        }
        if let Some(nonce) = self.hellos.take_due(now, self.network()) {
            self.handle_announced(now);
            self.out.broadcast(DatagramMessage::Hello { nonce });
        }
        if self.announcements.due() <= now {
            self.handle_announced(now);
            self.out.push(DiscoveryOutput::Announce);
            if self.outward.take_look(now, self.announcements.interval()) {
                self.out.push(DiscoveryOutput::LookAround);
            }
        }
        let is_deaf = self.hearing(now).is_deaf;
        self.listing.look_at_silent(now, is_deaf, &mut self.rng, &mut self.out);
        self.listing.table.check();
        let (table, hellos, out) = (&mut self.listing.table, &self.hellos, &mut self.out);
        let rng = &mut self.rng;
        self.proofs.handle_timeout(now, &mut Surroundings { table, hellos, out, rng });
        let teller = self.tables.take_due(now, &mut self.listing.table, &self.hellos, &mut self.rng);
        if let Some(teller) = teller {
            self.listing.want(now, teller, &mut self.rng, &mut self.out);
            self.out.event(Event::Lacking(teller));
        }
        for event in self.settling.take_due(now) {
            if matches!(event, Event::Settled) {
                self.ticket.settle(now);
            }
            self.out.event(event);
        }
        if self.ticket.take_due(now) {
            self.ticket.take_behind(now, self.listing.table.tickets());
            self.ticket.tell(&mut self.announcements, &mut self.out);
        }
        if let Some(instance) = self.copies.take_gone(now) {
            self.out.event(Event::Overtaken(instance));
        }
    }

    /// How well what goes to everyone is heard.
    pub(super) fn hearing(&self, now: Time) -> BroadcastHearing {
        self.outward.hearing(now, self.announcements.interval())
    }

    /// What it holds has its bounds. Returns who is here.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check(&self) -> BTreeSet<PeerId> {
        self.listing.table.check_bounds();
        self.proofs.check_bounds();
        self.outward.check_bounds();
        self.strangers.check_bounds();
        self.listing.table.iter().map(|(id, _)| id).collect()
    }

    fn begin_hellos(&mut self, now: Time) {
        self.hellos.begin(now, &mut self.rng);
        self.tables.restart(self.hellos.burst());
    }

    /// A leave goes to everyone, and to each that no broadcast reaches.
    fn say_leave(&mut self, now: Time) {
        if !self.leaves.take_due(now) {
            return;
        }
        self.out.broadcast(DatagramMessage::Leave);
        for (_, entry) in self.listing.table.iter() {
            let to = Endpoint { at: entry.at, via: Via::Own };
            if !self.listing.links.hold(to.host()) {
                self.out.unicast(to, DatagramMessage::Leave);
            }
        }
        if self.leaves.are_said() {
            self.out.push(DiscoveryOutput::Left);
        }
    }
}
