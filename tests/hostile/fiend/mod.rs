//! A peer that means ill: it announces itself, proves its address and answers like any other, and says
//! what it likes. One thread (`work`) owns all of it; the test gives orders and hears what happened.

mod offer;
mod voice;
mod work;

use core::cell::Cell;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use potluck::identity::{Identity, Instance, PeerId};
use potluck::limits;
use potluck::sys::clock;
use potluck::sys::thread::Thread;
use potluck::wire::Message;
use potluck::wire::datagram::Body;
use potluck::wire::message::{CoveredRow, HitRow, KeptFile};

use crate::lab::Lab;

pub(crate) use offer::{EndlessBucket, Offer};
pub(crate) use voice::Voice;
use work::Work;

/// The TCP port at which it serves: the one where an honest peer has its sender.
pub(crate) const SENDER: u16 = 27_281;

/// The address of a node in the first network of a lab.
pub(crate) fn address(node: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 10 + node)
}

/// What it does wrong when asked for content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// Other bytes.
    Bytes,
    /// Another file's manifest.
    Manifest,
    /// A manifest of one value more.
    Count,
    /// It hangs up on whoever connects, as a printer might.
    HangUp,
    /// Half of what was asked for, then bytes of the beginning again.
    Order,
    /// Whoever is to be met is there, at once and whoever it is.
    Introduces(SocketAddr),
}

/// What it is to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Offer this catalogue from now on, as the next version.
    Offer(Vec<Offer>),
    /// Have this content.
    Have(Vec<u8>),
    /// Say this of an owner, with heads signed so, to whoever asks for the owner's catalogue.
    OwnerCatalogue(PeerId, Box<Identity>, Instance, Vec<Offer>),
    /// Say that it keeps a file for each of these owners.
    Keep(Vec<(PeerId, KeptFile)>),
    /// Offer a catalogue that never ends: a page of it comes every second.
    Endless(Arc<EndlessBucket>),
    /// Be too busy to say what it shares.
    Busy,
    /// Say that the network is too large for each to know what all share.
    SayLarge,
    /// Keep the index: claim to know what these share, and to have found this, whatever is searched for.
    KeepIndex(Vec<CoveredRow>, Vec<HitRow>),
    /// Send this from its discovery port.
    Send(Vec<u8>, SocketAddr),
    /// Carry the datagrams of these two to each other, so that each takes it for the other one.
    Relay(Ipv4Addr, Ipv4Addr),
}

/// What happened to it.
#[derive(Debug)]
pub(crate) enum Event {
    /// A datagram of another peer came.
    Heard(Box<Body>, Vec<u8>),
    /// Somebody connected, proved a key and asked for this; of this version of the catalogue.
    Asked(u64, Message),
    /// A handshake with whoever dialled failed.
    Broken,
}

/// The hostile peer.
pub(crate) struct Fiend {
    pub(crate) identity: Identity,
    pub(crate) events: Receiver<Event>,
    /// Of the catalogue that was offered last.
    version: Cell<u64>,
    orders: Sender<Order>,
    _thread: Thread,
}

impl Fiend {
    /// Begins to work inside a node of a lab, as `name` (which is not cleaned).
    pub(crate) fn start(lab: &Lab, node: u8, name: &str, lie: Lie) -> Self {
        Self::start_before(lab, node, name, lie, None)
    }

    /// The same, for one alone: it says nothing to anybody at another address.
    pub(crate) fn start_against(victim: Ipv4Addr, lab: &Lab, node: u8, name: &str) -> Self {
        Self::start_before(lab, node, name, Lie::None, Some(victim))
    }

    fn start_before(lab: &Lab, node: u8, name: &str, lie: Lie, victim: Option<Ipv4Addr>) -> Self {
        let identity = Identity::generate().unwrap();
        let (udp, tcp) = lab.within(u32::from(node), || {
            let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, limits::DISCOVERY_PORT)).unwrap();
            udp.set_broadcast(true).unwrap();
            (udp, TcpListener::bind((Ipv4Addr::UNSPECIFIED, SENDER)).unwrap())
        });
        udp.set_nonblocking(true).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let (orders, take) = crossbeam_channel::unbounded();
        let (tell, events) = crossbeam_channel::unbounded();
        let work = Work::new(&identity, name, lie, victim, (udp, tcp), (take, tell));
        let thread = Thread::spawn("fiend", move || work.run()).unwrap();
        Self { identity, events, version: Cell::new(0), orders, _thread: thread }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.identity.id()
    }

    pub(crate) fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// Offers these, and has the content of none.
    pub(crate) fn offer(&self, offers: Vec<Offer>) {
        self.version.set(self.version.get() + 1);
        self.order(Order::Offer(offers));
    }

    /// Waits for an event that `look` takes.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(Event) -> Option<T>) -> T {
        let start = clock::now();
        loop {
            let left = crate::lab::SOON.saturating_sub(clock::now().since(start));
            let event = self.events.recv_timeout(left).unwrap_or_else(|e| panic!("{what}: {e}"));
            if let Some(found) = look(event) {
                return found;
            }
        }
    }

    /// Offers this and waits until somebody was told what is in it.
    pub(crate) fn offer_until_pulled(&self, offers: &[Offer]) {
        self.offer(offers.to_vec());
        self.until_pulled(offers);
    }

    /// Waits until somebody was told what is in the catalogue that was offered last, which is `offers`.
    pub(crate) fn until_pulled(&self, offers: &[Offer]) {
        const PATIENCE: Duration = Duration::from_secs(3);
        for _ in 0..8 {
            let (wanted, start) = (self.version.get(), clock::now());
            while let Ok(event) = self.events.recv_timeout(PATIENCE.saturating_sub(clock::now().since(start)))
            {
                if matches!(event, Event::Asked(version, Message::GetBuckets(_)) if version == wanted) {
                    return;
                }
            }
            // Whoever is just being refused may not hear of a version: then it is said again.
            self.offer(offers.to_vec());
        }
        panic!("nobody asks for the catalogue");
    }
}
