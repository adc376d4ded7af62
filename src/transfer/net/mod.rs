//! The connections of one engine: who may come in, and who stands in the ready queue. Shell; the loop that turns to
//! them is transfer/engine.rs.

mod dialling;
mod punch;

use std::io;

pub(crate) use self::punch::punch;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::accounts::{Account, Grant, Payer};
use crate::address::Host;
use crate::identity::PeerId;
use crate::identity::tls::Tls;
use crate::sys::net;
use crate::time::Time;
use crate::transfer::connection::{Closed, Connection, ConnectionPhase, ConnectionTls, DialFault};
use crate::transfer::dial_pauses::DialPauses;
use crate::transfer::limits;
use crate::transfer::listeners::Listeners;
use crate::transfer::ready::ReadyQueue;
use crate::transfer::unproved::makes_way;
use crate::wire::Message;
use crate::wire::frame::Frame;
use crate::wire::message::{self, Reason, Refused};
use crate::wire::registry;

/// Names one connection of an engine. A number is given again, a name never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnId {
    index: u32,
    generation: u32,
}

impl ConnId {
    pub(crate) const fn at(self) -> usize {
        self.index as usize
    }

    /// One of no engine.
    #[cfg(test)]
    pub(crate) const fn numbered(index: u32) -> Self {
        Self { index, generation: 0 }
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    connection: Option<Connection>,
}

/// Token of the waker.
pub(crate) const WAKER: Token = Token(usize::MAX);

/// All connections of one engine.
#[derive(Debug)]
pub(crate) struct Net {
    registry: Registry,
    tls: Tls,
    pub(crate) listeners: Listeners,
    slots: Vec<Slot>,
    free: Vec<u32>,
    ready: ReadyQueue<ConnId>,
    /// Connections whose role could take no more.
    paused: Vec<ConnId>,
    /// Who holds the connections that are proved.
    account: Account<PeerId, ConnId>,
    /// Something began, came or ended: deadlines are to be looked at again.
    touched: bool,
    /// Where dialling failed, and is to be left alone.
    pauses: DialPauses,
}

impl Net {
    pub(crate) fn new(registry: Registry, tls: Tls, sockets: Vec<TcpListener>) -> io::Result<Self> {
        let listeners = Listeners::new(&registry, sockets)?;
        Ok(Self {
            registry,
            tls,
            listeners,
            slots: Vec::new(),
            free: Vec::new(),
            ready: ReadyQueue::default(),
            paused: Vec::new(),
            account: Account::new(limits::CONNECTIONS as u64, limits::CONNECTIONS_HOST),
            touched: false,
            pauses: DialPauses::default(),
        })
    }

    // ---- what roles use ----------------------------------------------------------------------

    /// Queues a small frame; it overtakes blocks. Nothing happens if the connection is gone.
    pub(crate) fn send(&mut self, id: ConnId, message: &Message) {
        if let Message::Refused(refused) = message {
            log::debug!("a request is refused: {:?}", refused.reason);
        }
        self.send_frame(id, &message.encode());
    }

    /// Queues a small frame that is encoded already; it overtakes blocks. Nothing happens if the connection
    /// is gone.
    pub(crate) fn send_frame(&mut self, id: ConnId, frame: &[u8]) {
        if let Some(c) = self.get_mut(id)
            && !matches!(c.phase, ConnectionPhase::Closing | ConnectionPhase::Draining)
        {
            c.small.extend(frame);
            self.enqueue(id);
        }
    }

    /// Answers a frame of a kind that is not known here with `not offered`, if it is a request.
    pub(crate) fn refuse(&mut self, id: ConnId, frame: &Frame) {
        if frame.kind < registry::ANSWERS {
            let request = message::request_of(frame);
            self.send(id, &Message::Refused(Refused { request, item: None, reason: Reason::NotOffered }));
        }
    }

    /// Writes a frame with its payload into the connection. Only when the engine asked for more.
    pub(crate) fn push(&mut self, id: ConnId, head: &[u8], payload: &[u8]) {
        if let Some(c) = self.get_mut(id) {
            c.push_frame(head, payload);
        }
    }

    /// Sends what is queued, then closes. The role hears no more of it.
    pub(crate) fn close(&mut self, now: Time, id: ConnId) {
        let Some(c) = self.get_mut(id) else { return };
        if let ConnectionPhase::Proved(_) = c.phase {
            c.push_small();
            c.tls.send_close_notify();
            c.phase = ConnectionPhase::Closing;
            c.since = now;
            self.account.free(id);
            self.enqueue(id);
        } else {
            self.remove(id);
        }
    }

    /// Sends what is queued and says that nothing more comes; it is there until the other end has read all
    /// of it and closed, too. The role hears no more of it.
    pub(crate) fn half_close(&mut self, now: Time, id: ConnId) {
        self.close(now, id);
        if let Some(c) = self.get_mut(id) {
            c.phase = ConnectionPhase::Draining;
        }
    }

    /// True if it is there.
    pub(crate) fn is_there(&self, id: ConnId) -> bool {
        self.get(id).is_some()
    }

    /// The address of the other end.
    pub(crate) fn host(&self, id: ConnId) -> Option<Host> {
        Some(self.get(id)?.host)
    }

    /// Who is at the other end, and where; `None` before it is proved, and while it closes.
    pub(crate) fn payer(&self, id: ConnId) -> Option<Payer<PeerId>> {
        let c = self.get(id)?;
        Some(Payer { host: c.host.into(), peer: c.peer()? })
    }

    /// True if all that was given to it is in the kernel.
    pub(crate) fn is_flushed(&self, id: ConnId) -> bool {
        self.get(id).is_none_or(|c| c.small.is_empty() && !c.tls.wants_write())
    }

    /// True if it is there and takes what it is sent.
    pub(crate) fn has_room(&self, id: ConnId) -> bool {
        self.get(id).is_some_and(|c| c.small.len() <= limits::SMALL_QUEUE)
    }

    /// When a byte came last.
    pub(crate) fn heard(&self, id: ConnId) -> Option<Time> {
        Some(self.get(id)?.heard)
    }

    /// When a byte went last.
    pub(crate) fn sent(&self, id: ConnId) -> Option<Time> {
        Some(self.get(id)?.sent)
    }

    /// True if nothing is read from it because its role can take no more.
    pub(crate) fn is_paused(&self, id: ConnId) -> bool {
        self.get(id).is_some_and(|c| c.paused)
    }

    // ---- what the engine uses ----------------------------------------------------------------

    pub(crate) fn get(&self, id: ConnId) -> Option<&Connection> {
        let slot = self.slots.get(id.at())?;
        slot.connection.as_ref().filter(|_| slot.generation == id.generation)
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let slot = self.slots.get_mut(id.at())?;
        slot.connection.as_mut().filter(|_| slot.generation == id.generation)
    }

    /// True if no connection is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.iter().all(|s| s.connection.is_none())
    }

    pub(crate) fn ids(&self) -> Vec<ConnId> {
        let ids = (0..).zip(&self.slots).filter(|(_, s)| s.connection.is_some());
        ids.map(|(index, s)| ConnId { index, generation: s.generation }).collect()
    }

    /// An edge: what it is about is marked and stands in the ready queue.
    pub(crate) fn event(&mut self, event: &mio::event::Event) {
        let Token(n) = event.token();
        if self.listeners.event(n) {
            return;
        }
        let Some(slot) = self.slots.get_mut(n) else { return };
        let Some(c) = &mut slot.connection else { return };
        c.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        c.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        let id = ConnId { index: u32::try_from(n).unwrap_or(u32::MAX), generation: slot.generation };
        self.enqueue(id);
    }

    /// True if anything happened since it was asked last.
    pub(crate) const fn take_touched(&mut self) -> bool {
        std::mem::replace(&mut self.touched, false)
    }

    /// Puts a connection into the ready queue, once.
    pub(crate) fn enqueue(&mut self, id: ConnId) {
        self.touched = true;
        if let Some(c) = self.get_mut(id)
            && !c.queued
        {
            c.queued = true;
            let (host, peer) = (c.host.into(), c.peer());
            self.ready.push(host, peer, id);
        }
    }

    pub(crate) fn next_ready(&mut self) -> Option<ConnId> {
        let id = self.ready.pop()?;
        if let Some(c) = self.get_mut(id) {
            c.queued = false;
        }
        Some(id)
    }

    pub(crate) const fn ready_len(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn has_ready(&self) -> bool {
        self.ready.len() > 0 || self.listeners.has_ready()
    }

    /// Nothing is read from it until [`Self::resume_paused`].
    pub(crate) fn pause(&mut self, id: ConnId) {
        if let Some(c) = self.get_mut(id)
            && !c.paused
        {
            c.paused = true;
            self.paused.push(id);
        }
    }

    pub(crate) fn has_paused(&self) -> bool {
        !self.paused.is_empty()
    }

    /// Lets paused connections try again, each time another one first: who comes first may take all that the
    /// role can take.
    pub(crate) fn resume_paused(&mut self) {
        let mut paused = std::mem::take(&mut self.paused);
        if !paused.is_empty() {
            paused.rotate_left(1);
        }
        for id in paused {
            if let Some(c) = self.get_mut(id) {
                c.paused = false;
                self.enqueue(id);
            }
        }
    }

    /// Charges a connection that was just proved to its host and peer. Returns those that have to go for it;
    /// `None`: it has to go itself. `is_idle` tells those that nothing is under way on: they go first.
    pub(crate) fn charge(
        &mut self,
        now: Time,
        id: ConnId,
        peer: PeerId,
        is_idle: impl Fn(ConnId) -> bool,
    ) -> Option<Vec<ConnId>> {
        let payer = Payer { host: self.get(id)?.host.into(), peer };
        let mut going = Vec::new();
        if self.account.held() >= limits::CONNECTIONS as u64 {
            let proved = self.proved().filter(|other| *other != id);
            let proved: Vec<_> = proved.filter_map(|id| Some((id, self.get(id)?))).collect();
            // Whoever holds more takes nothing from those that hold less.
            let own = self.account.held_by(payer.host);
            let holds = |host: Host| self.account.held_by(host.into());
            let idle = proved.iter().filter(|(id, c)| holds(c.host) >= own && is_idle(*id));
            let idle = idle.min_by_key(|(_, c)| c.heard.max(c.sent)).map(|(id, _)| *id);
            let moved: Vec<_> = proved.iter().map(|(id, c)| (*id, c.sent.max(c.since))).collect();
            if let Some(idle) = idle {
                self.account.free(idle);
                going.push(idle);
            }
            // Of those that hold most the connection yields that took nothing longest.
            for (id, moved) in moved {
                self.account.touch(moved, id);
            }
        }
        match self.account.charge(now, payer, id, 1) {
            Grant::Given(yielding) => going.extend(yielding),
            Grant::Refused => return None,
        }
        Some(going)
    }

    /// The connections that are proved, and not closing.
    fn proved(&self) -> impl Iterator<Item = ConnId> {
        self.ids().into_iter().filter(|id| self.get(*id).is_some_and(|c| c.peer().is_some()))
    }

    /// In a debug build: each proved connection is charged, and nothing else is.
    pub(crate) fn check_account(&self) {
        self.account.check("connections", self.proved().map(|id| (id, 1)));
    }

    /// Forgets a connection; its socket closes.
    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Connection> {
        self.get(id)?;
        let slot = self.slots.get_mut(id.at())?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        let mut c = slot.connection.take()?;
        self.account.free(id);
        // Deregistering fails only for a socket that is not registered: dropping it does the rest.
        drop(self.registry.deregister(&mut c.stream));
        Some(c)
    }

    fn insert(&mut self, mut c: Connection) -> Result<ConnId, Closed> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(e) = self.registry.register(&mut c.stream, Token(index as usize), both) {
            self.free.push(index);
            let text = e.to_string();
            return Err(Closed::Unreachable(DialFault::of_io(&e, text)));
        }
        self.touched = true;
        let slot = &mut self.slots[index as usize];
        let connecting = c.phase == ConnectionPhase::Connecting;
        slot.connection = Some(c);
        let id = ConnId { index, generation: slot.generation };
        if !connecting {
            self.enqueue(id);
        }
        Ok(id)
    }

    // ---- accepting ---------------------------------------------------------------------------

    /// Accepts what waits at the listeners, up to a bound.
    pub(crate) fn accept(&mut self, now: Time) {
        for (stream, from) in self.listeners.accept() {
            self.admit(now, stream, from.into());
        }
    }

    fn admit(&mut self, now: Time, stream: TcpStream, host: Host) {
        self.make_room(host);
        let Ok(tls) = self.tls.accept() else { return };
        drop(stream.set_nodelay(true));
        choose_congestion_control(&stream, host);
        if let Err(e) =
            self.insert(Connection::new(stream, ConnectionTls::new(&self.tls, tls.into()), host, None, now))
        {
            log::debug!("a connection could not be taken: {e:?}");
        }
    }

    /// Drops connections that have not finished TLS, until one more from `host` may come.
    fn make_room(&mut self, host: Host) {
        let local = host.ip.is_loopback();
        let most = if local { limits::UNPROVED_LOOPBACK } else { limits::UNPROVED };
        loop {
            let unproved = self.ids().into_iter().filter_map(|id| {
                let c = self.get(id)?;
                let counts = c.phase == ConnectionPhase::Handshaking
                    && c.dial.is_none()
                    && c.host.ip.is_loopback() == local;
                counts.then_some((c.since, id, c.host.into()))
            });
            let unproved: Vec<_> = unproved.collect();
            let Some(id) = makes_way(&unproved, host.into(), most) else { return };
            self.remove(id);
        }
    }
}

/// Bytes go to another machine by BBR where this user may have it: loss does not slow it down
/// (docs/ARCHITECTURE.md, "Choices that were measured").
/// On one machine nothing is lost, and BBR's pacing costs half of the speed.
///
/// That it cannot be had is no error: what the system chose does, over more connections (swarm/lanes.rs).
fn choose_congestion_control(stream: &TcpStream, host: Host) {
    let wanted = if host.ip.is_loopback() { "cubic" } else { "bbr" };
    if let Err(e) = net::set_congestion_control(stream, wanted) {
        log::debug!("congestion control stays as it is: {e}");
    }
}
