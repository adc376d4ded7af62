//! The machines of `lan`, and what goes from one to another. Pure; the shell is `shell.rs`, and `sim`
//! hosts them, too, so that both make the same calls.
//!
//! Discovery knows who is here and where, and puts around each message what this peer says of itself. The
//! machines beside it hear from it who comes and goes and what peers that are here say to them, and say
//! whom they want to be told what. They know no socket and no key.
//!
//! Contract: ask [`Machines::admit`] before a signature is verified, give what was verified to
//! [`Machines::handle_packet`], everything else to the other `handle_*`, and call
//! [`Machines::handle_timeout`] when [`Machines::poll_timeout`] says so. After each of these drain
//! [`Machines::poll_output`]. `now` never goes back. A call that comes long after its time is taken for
//! waking from sleep.

#[cfg(any(test, feature = "sim"))]
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use super::dial_back::{DialBack, DialBackOutput};
use super::discovery::{BroadcastHearing, Discovery, DiscoveryOutput, Dropped};
use super::gateway::{Gateway, GatewayOutput, Passing};
use super::network_prefix::NetworkPrefix;
use super::rng::Rng;
use super::room::{LineCopy, NotSaid, Room, RoomOutput};
use super::seeking::{Seeking, SeekingOutput};
use super::traffic::{Endpoint, Packet, Recipient, TellingForm, Via};
use super::{Event, Gone, HeardMark, LinkChange, OwnPresence};
use crate::accounts::AccountHost;
use crate::address::Host;
use crate::content::FileId;
use crate::identity::{Instance, PeerId};
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage};
use crate::wire::room::RoomLine;

/// A timeout that is handled this late was slept through.
const SLEPT: Duration = Duration::from_secs(3);

/// What the machines want done.
#[derive(Debug)]
pub enum LanOutput {
    /// Sign this and send it to everyone on every link, from our own socket.
    Broadcast(Body),
    /// Sign this and send it to one.
    Unicast {
        /// To there.
        to: Endpoint,
        /// This.
        body: Body,
    },
    /// Send this datagram of another peer once more, as it was signed.
    Forward {
        /// To there; `None`: to everyone on every link. From our own socket.
        to: Option<Endpoint>,
        /// Who signed it.
        peer: PeerId,
        /// All of it.
        signed: Arc<[u8]>,
    },
    /// Put this datagram of another network into an envelope, sign that, and send it to everyone on every link.
    Envelope {
        /// Links that it has crossed.
        hops: u8,
        /// Who signed it.
        peer: PeerId,
        /// Where the teller saw that peer.
        at: SocketAddr,
        /// All of it.
        signed: Arc<[u8]>,
    },
    /// Find out which hosts the system knows on the links, and tell that by [`Machines::handle_neighbours`].
    LookAround,
    /// Tell the controller.
    Event(Event),
    /// The last leave is out. Nothing comes after this.
    Left,
}

/// All of them.
#[derive(Debug)]
pub struct Machines {
    discovery: Discovery,
    seeking: Seeking,
    dial_back: DialBack,
    room: Room,
    gateway: Gateway,
    /// When the leave begins at the latest, once it was asked for: until then the last lines are repeated.
    leaves_at: Option<Time>,
    /// When the next timeout is due: counted after each call, for it is asked for more often.
    expected: Option<Time>,
    outputs: VecDeque<LanOutput>,
}

impl Machines {
    /// Those of a peer that says hello at the first timeout. `seed` must be fit for keys: nonces come from
    /// it.
    #[must_use]
    pub fn new(now: Time, id: PeerId, instance: Instance, own: OwnPresence, seed: [u8; 32]) -> Self {
        let for_seeking = Rng::new(blake3::derive_key("potluck seeking 1", &seed));
        let for_room = Rng::new(blake3::derive_key("potluck room 1", &seed));
        let discovery = Discovery::new(now, id, instance, own, seed);
        let expected = discovery.poll_timeout(now);
        Self {
            seeking: Seeking::new(for_seeking, discovery.network()),
            dial_back: DialBack::new(id),
            room: Room::new(id, instance, for_room, discovery.network()),
            gateway: Gateway::new(Rng::new(blake3::derive_key("potluck gateway 1", &seed))),
            leaves_at: None,
            discovery,
            expected,
            outputs: VecDeque::new(),
        }
    }

    /// So far others were heard in the room before this start. What was heard then is not asked for again.
    pub fn restore_room(&mut self, heard: impl IntoIterator<Item = (PeerId, HeardMark)>) {
        self.room.restore(heard);
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<LanOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Time> {
        self.expected
    }

    /// How well what goes to everyone is heard.
    pub(super) fn hearing(&self, now: Time) -> BroadcastHearing {
        self.discovery.hearing(now)
    }

    /// True once [`Self::handle_leave`] was called.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        self.leaves_at.is_some() || self.discovery.is_leaving()
    }

    /// True if nothing is known of `id` yet.
    #[must_use]
    pub fn lacks(&self, id: PeerId) -> bool {
        self.discovery.lacks(id)
    }

    /// May a datagram from `source` that claims to be of `id` be verified? (Length, magic and version were
    /// right.) `holds` tells whether it holds a nonce, wherever.
    pub fn admit(&mut self, now: Time, source: Endpoint, id: PeerId, holds: impl Fn(u64) -> bool) -> bool {
        let is_awaited = self.room.awaits(id, &holds);
        self.discovery.admit(now, source, id, is_awaited, holds)
    }

    /// A verified datagram.
    ///
    /// # Errors
    /// Why it was not taken.
    pub fn handle_packet(&mut self, now: Time, packet: &Packet<'_>) -> Result<(), Dropped> {
        self.observe(now);
        let result = self.hear(now, packet);
        if is_news(result, packet) && packet.source.via == Via::Shared {
            self.gateway.handle_heard(now, packet, 0, &self.discovery.listing);
        }
        self.finish(now);
        result
    }

    /// May an envelope be verified that claims to be of `gateway`?
    pub fn admit_envelope(&mut self, now: Time, source: Endpoint, gateway: PeerId) -> bool {
        self.discovery.listing.admit_envelope(now, source, gateway)
    }

    /// We said this to everyone: those behind our links are to hear it, too.
    pub fn handle_said(&mut self, now: Time, peer: PeerId, message: &DatagramMessage, signed: &Arc<[u8]>) {
        let charged = AccountHost::V4(Ipv4Addr::LOCALHOST);
        let passing = Passing { peer, charged, at: None, hops: 0, message, signed };
        self.gateway.handle_near(now, passing, |id| self.discovery.listing.is_near(id));
        self.finish(now);
    }

    /// The link with this peer is up or down.
    pub fn handle_link(&mut self, now: Time, peer: PeerId, change: LinkChange) {
        self.observe(now);
        match change {
            LinkChange::Up(host) if self.gateway.handle_linked(peer, host) => {
                self.discovery.handle_link_up(now, Some(peer));
            }
            LinkChange::Up(_) => {}
            LinkChange::Lost => self.gateway.handle_unlinked(peer),
            LinkChange::Closed => {
                self.gateway.handle_unlinked(peer);
                for id in self.discovery.listing.forget_behind(peer) {
                    self.route_discovery(now, DiscoveryOutput::Event(Event::Gone(id, Gone::Closed)));
                }
            }
        }
        self.finish(now);
    }

    /// Where a datagram of `peer` comes from that the link with `from` brought, if that may be verified.
    pub fn admit_relayed(
        &mut self,
        now: Time,
        from: PeerId,
        at: Option<SocketAddr>,
        peer: PeerId,
    ) -> Option<Endpoint> {
        let at = self.gateway.admit(now, from, at)?;
        let source = Endpoint { at, via: Via::Gateway(from) };
        self.discovery.admit(now, source, peer, false, |_| false).then_some(source)
    }

    /// A verified datagram of another network, with where it was seen and through whom it came as its source; it has
    /// crossed so many links.
    ///
    /// # Errors
    /// Why it was not taken.
    pub fn handle_told(
        &mut self,
        now: Time,
        form: TellingForm,
        hops: u8,
        packet: &Packet<'_>,
    ) -> Result<(), Dropped> {
        self.observe(now);
        let result = self.hear(now, packet);
        match form {
            // Heard before it still tells that another gateway broadcasts it.
            TellingForm::Envelope if is_news(result, packet) || result == Err(Dropped::Copy) => {
                self.gateway.handle_heard(now, packet, hops, &self.discovery.listing);
            }
            TellingForm::Link if is_news(result, packet) => {
                let Packet { source, peer, body, signed } = *packet;
                if let Some(from) = source.gateway() {
                    let (charged, at) = (self.gateway.link_host(from), Some(source.at));
                    let passing = Passing { peer, charged, at, hops, message: &body.message, signed };
                    self.gateway.handle_relayed(now, from, passing);
                }
            }
            TellingForm::Envelope | TellingForm::Link => {}
        }
        self.finish(now);
        result
    }

    fn hear(&mut self, now: Time, packet: &Packet<'_>) -> Result<(), Dropped> {
        let result = if let DatagramMessage::Room(line) = &packet.body.message {
            self.hear_line(now, packet, line)
        } else {
            self.discovery.handle_packet(now, packet)
        };
        let Body { instance, presence, .. } = packet.body;
        if result.is_ok() && presence.room > 0 && self.discovery.listing.address(packet.peer).is_some() {
            self.room.handle_newest(now, packet.peer, *instance, presence.room);
        }
        result
    }

    /// What we say of ourselves changed.
    pub fn handle_own(&mut self, now: Time, own: OwnPresence) {
        self.observe(now);
        self.discovery.handle_own(own);
        self.finish(now);
    }

    /// The links that this machine is on, at the start and when they changed.
    pub fn handle_links(&mut self, now: Time, links: Vec<NetworkPrefix>) {
        self.observe(now);
        self.discovery.handle_links(now, links);
        self.finish(now);
    }

    /// The hosts that the system knows on the links, as [`LanOutput::LookAround`] asks.
    pub fn handle_neighbours(&mut self, now: Time, neighbours: Vec<Host>) {
        self.observe(now);
        self.discovery.handle_neighbours(now, neighbours);
        self.finish(now);
    }

    /// A link carries datagrams that did not before, with the same addresses.
    pub fn handle_link_up(&mut self, now: Time) {
        self.discovery.handle_link_up(now, None);
        self.finish(now);
    }

    /// From now on this start counts as `instance`, unless that is an earlier one. See
    /// [`Event::Overtaken`].
    pub fn handle_instance(&mut self, now: Time, instance: Instance) {
        self.observe(now);
        if self.discovery.handle_instance(now, instance) {
            self.room.handle_instance(instance);
        }
        self.finish(now);
    }

    /// TLS proved `id` at `host`.
    pub fn handle_proved(&mut self, now: Time, id: PeerId, host: Host) {
        self.observe(now);
        self.discovery.handle_proved(now, id, host);
        self.finish(now);
    }

    /// A connection to this peer broke: find out whether it lives.
    pub fn handle_doubt(&mut self, now: Time, id: PeerId) {
        self.observe(now);
        self.discovery.handle_doubt(now, id);
        self.finish(now);
    }

    /// Somebody wants to dial this peer. If it is here, and not known where it can be reached, that is found
    /// out; [`Event::Here`] tells it.
    pub fn handle_reach(&mut self, now: Time, id: PeerId) {
        self.observe(now);
        if !self.is_leaving() {
            self.discovery.handle_wanted(now, id);
        }
        self.finish(now);
    }

    /// A datagram that `teller` passed on, verified; its source is where its sender answers there. Both may
    /// be old, or a lie: nothing is believed yet.
    pub fn handle_table(&mut self, now: Time, teller: PeerId, packet: &Packet<'_>) {
        self.observe(now);
        self.discovery.handle_table(now, teller, packet);
        self.finish(now);
    }

    /// Asks `id` to connect to us, because we cannot connect to it; `all`: by broadcast too.
    pub fn handle_ask_back(&mut self, now: Time, id: PeerId, all: bool) {
        self.observe(now);
        if !self.is_leaving() {
            self.dial_back.handle_ask(id, all);
        }
        self.finish(now);
    }

    /// These files are being fetched now, and no others.
    pub fn handle_seek(&mut self, now: Time, files: Vec<FileId>) {
        self.observe(now);
        if !self.is_leaving() {
            self.seeking.handle_wanted(now, files);
        }
        self.finish(now);
    }

    /// Of these files, which `peer` seeks, we fetch each or have some of it.
    pub fn handle_has(&mut self, now: Time, peer: PeerId, files: Vec<FileId>) {
        self.observe(now);
        self.seeking.handle_has(now, peer, files);
        self.finish(now);
    }

    /// Says this to everyone in the room. `said`: the time of this machine's clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// Why it is not said.
    pub fn handle_say(&mut self, now: Time, said: u64, text: &str) -> Result<(), NotSaid> {
        self.observe(now);
        let result = self.room.handle_say(now, said, text);
        self.finish(now);
        result
    }

    /// Begins to leave: what was said in the last second is repeated until that is over, then three leaves go out
    /// within 40 ms, then [`LanOutput::Left`].
    pub fn handle_leave(&mut self, now: Time) {
        self.seeking.handle_leave();
        self.room.handle_leave(now);
        if !self.is_leaving() {
            self.leaves_at = Some(self.room.quiet_at(now).unwrap_or(now));
        }
        self.leave_when_quiet(now);
        self.finish(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.observe(now);
        self.leave_when_quiet(now);
        self.discovery.handle_timeout(now);
        // An announcement that is due says what there is to seek: then that is not said once more.
        self.route(now);
        if !self.is_leaving() {
            self.seeking.handle_timeout(now);
        }
        if !self.discovery.is_leaving() {
            self.room.handle_timeout(now);
        }
        self.gateway.handle_timeout(now);
        self.finish(now);
    }

    /// They agree on who is here, and what they hold has its bounds. Returns who is here.
    ///
    /// # Panics
    /// When that is not so.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check(&self) -> BTreeSet<PeerId> {
        let here = self.discovery.check();
        self.seeking.check(&here);
        self.dial_back.check(&here);
        self.room.check(&here);
        self.gateway.check();
        here
    }

    /// Notices that this call comes long after the one that was asked for.
    fn observe(&mut self, now: Time) {
        let slept = self.expected.map(|at| now.since(at)).filter(|slept| *slept > SLEPT);
        if let Some(slept) = slept.filter(|_| !self.is_leaving()) {
            self.discovery.handle_wake(now, slept);
        }
    }

    /// Lets the machines hear of each other, and remembers when the next call is expected.
    fn finish(&mut self, now: Time) {
        self.route(now);
        let seeking = self.seeking.poll_timeout().filter(|_| !self.is_leaving());
        let room = self.room.poll_timeout().filter(|_| !self.discovery.is_leaving());
        let gateway = self.gateway.poll_timeout();
        let times = [self.discovery.poll_timeout(now), seeking, room, gateway, self.leaves_at];
        let next = times.into_iter().flatten().min();
        self.expected = next.map(|at| at.max(now));
    }

    /// Begins the leave once nothing is left to repeat that was said before it.
    fn leave_when_quiet(&mut self, now: Time) {
        if self.leaves_at.take_if(|at| *at <= now).is_some() {
            self.discovery.handle_leave(now);
        }
    }

    /// The datagram of a line. Only from its origin itself it tells anything else: whoever repairs it sends it, too.
    fn hear_line(&mut self, now: Time, packet: &Packet<'_>, line: &RoomLine) -> Result<(), Dropped> {
        let is_first_hand = self.discovery.is_first_hand(packet);
        let result = if is_first_hand { self.discovery.handle_packet(now, packet) } else { Ok(()) };
        self.room.handle_line(now, packet, line);
        result
    }

    fn route(&mut self, now: Time) {
        self.seeking.handle_network(self.discovery.network());
        self.room.handle_network(self.discovery.network());
        while let Some(output) = self.discovery.poll_output() {
            self.route_discovery(now, output);
        }
        while let Some(output) = self.seeking.poll_output() {
            match output {
                SeekingOutput::Send { to, message } => {
                    if to == Recipient::Everyone {
                        self.discovery.handle_announced(now);
                    }
                    self.send(to, message);
                }
                SeekingOutput::Sought(peer, files) => self.report(Event::Sought(peer, files)),
                SeekingOutput::Has(peer, files) => self.report(Event::Has(peer, files)),
            }
        }
        while let Some(output) = self.room.poll_output() {
            self.route_room(now, output);
        }
        while let Some(output) = self.gateway.poll_output() {
            match output {
                GatewayOutput::Relay(relay) => self.report(Event::Relay(relay)),
                GatewayOutput::Envelope { hops, peer, at, signed } => {
                    self.outputs.push_back(LanOutput::Envelope { hops, peer, at, signed });
                }
            }
        }
        while let Some(output) = self.dial_back.poll_output() {
            match output {
                DialBackOutput::Send { to, message } => self.send(to, message),
                DialBackOutput::Asked(peer) => self.report(Event::DialBack(peer)),
                DialBackOutput::AskedToMeet(peer) => self.report(Event::AskedToMeet(peer)),
            }
        }
    }

    fn route_room(&mut self, now: Time, output: RoomOutput) {
        match output {
            RoomOutput::Say(line) => {
                self.discovery.handle_announced(now);
                let body = self.discovery.line_body(line);
                self.room.keep(body.clone());
                self.outputs.push_back(LanOutput::Broadcast(body));
            }
            RoomOutput::Announce => {
                self.discovery.handle_announced(now);
                self.send(Recipient::Everyone, DatagramMessage::Here);
            }
            RoomOutput::Ask { to, gaps } => {
                let alone = to != Recipient::Everyone;
                self.send(to, DatagramMessage::RoomMissing { gaps, alone });
            }
            RoomOutput::Repair { to, copy: LineCopy::Own(body) } => self.outputs.push_back(said(to, body)),
            RoomOutput::Repair { to, copy: LineCopy::Other { peer, signed } } => {
                let to = to.filter(|to| to.gateway().is_none());
                if to.is_none() {
                    self.gateway.handle_repair(now, peer, &signed, &self.discovery.listing);
                }
                self.outputs.push_back(LanOutput::Forward { to, peer, signed });
            }
            RoomOutput::Event(event) => self.report(event),
        }
    }

    fn route_discovery(&mut self, now: Time, output: DiscoveryOutput) {
        match output {
            DiscoveryOutput::Send { to, message } => self.send(to, message),
            DiscoveryOutput::Announce => {
                let message = self.seeking.take_repetition(now).unwrap_or(DatagramMessage::Here);
                self.send(Recipient::Everyone, message);
            }
            DiscoveryOutput::LookAround => self.outputs.push_back(LanOutput::LookAround),
            DiscoveryOutput::Heard(heard) => {
                self.seeking.handle_heard(now, &heard);
                self.dial_back.handle_heard(&heard, self.discovery.listing.is_far(heard.peer));
                self.room.handle_heard(now, &heard);
            }
            DiscoveryOutput::Event(event) => {
                match &event {
                    Event::Here(info) => {
                        self.seeking.handle_here(info.contact.id);
                        self.dial_back.handle_here(info.contact.id);
                        self.room.handle_here(
                            now,
                            info.contact.id,
                            AccountHost::of_peer(&info.contact.hosts),
                        );
                    }
                    Event::Gone(id, _) => {
                        self.seeking.handle_gone(*id);
                        self.dial_back.handle_gone(*id);
                        self.room.handle_gone(now, *id);
                    }
                    _ => {}
                }
                self.report(event);
            }
            DiscoveryOutput::Left => self.outputs.push_back(LanOutput::Left),
        }
    }

    fn report(&mut self, event: Event) {
        self.outputs.push_back(LanOutput::Event(event));
    }

    fn send(&mut self, to: Recipient, message: DatagramMessage) {
        let mut message = message;
        let to = match to {
            // What is said to everyone need not be said from the other socket, too.
            Recipient::Peer { id, via: Via::Shared } if self.discovery.listing.is_far(id) => return,
            Recipient::Peer { id, .. } if self.discovery.listing.is_far(id) => Recipient::Everyone,
            to => to,
        };
        if let (Recipient::Everyone, DatagramMessage::RoomMissing { alone, .. }) = (to, &mut message) {
            // Whoever hears it answers everyone: there is no other way to where it is asked.
            *alone = false;
        }
        let to = match to {
            Recipient::Everyone => None,
            Recipient::At(endpoint) => Some(endpoint),
            Recipient::Peer { id, via } => match self.discovery.listing.address(id) {
                Some(at) => Some(Endpoint { at, via }),
                None => return,
            },
        };
        let body = self.discovery.body(message);
        self.outputs.push_back(said(to, body));
    }
}

/// True if others may not have heard it. Each leave is: the first one may have come to us alone, or be lost elsewhere.
fn is_news(result: Result<(), Dropped>, packet: &Packet<'_>) -> bool {
    result.is_ok() || result == Err(Dropped::Buried) && packet.body.message == DatagramMessage::Leave
}

/// Says this there; to whoever is behind a gateway, by saying it to everyone.
fn said(to: Option<Endpoint>, body: Body) -> LanOutput {
    match to.filter(|to| to.gateway().is_none()) {
        None => LanOutput::Broadcast(body),
        Some(to) => LanOutput::Unicast { to, body },
    }
}
