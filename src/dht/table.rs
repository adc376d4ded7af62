//! A node of the table, by the crate `mainline`. It has a thread of its own, which is started here and so stands in the
//! sandbox of the thread that starts it. What is asked of it are futures, which are polled here when it rings: there is
//! no other runtime.

use core::future::Future;
use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::BTreeMap;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::task::Wake;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use futures_lite::StreamExt as _;
use mainline::async_dht::AsyncDht;
use mainline::{Dht, Id, MutableItem, ServerSettings, SigningKey};
use zeroize::Zeroizing;

use super::keys::TableId;
use super::limits;
use super::machine::{OwnAddresses, Question, QuestionId, SignedValue, SiteQuestion, TableAnswer};
use crate::sys::own_sockets::OwnDescriptors;

/// What a node brings.
type Answered = (QuestionId, TableAnswer);

/// A question under way.
type Asking = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The node, and what is asked of it.
pub(super) struct TableNode {
    node: AsyncDht,
    /// Another node.
    towards: Option<SocketAddrV4>,
    /// The address of this machine that it uses, if it is bound to one.
    inside: Option<Ipv4Addr>,
    open: BTreeMap<QuestionId, Asking>,
    waker: Waker,
    /// Something may be got on with.
    bell: Receiver<()>,
    answered: Sender<Answered>,
    answers: Receiver<Answered>,
    /// How often its thread looks for what is asked of it.
    pace: Option<NodePace>,
}

/// A second descriptor of the socket at which the node's thread waits. The crate has it wait for 50 ms and look then
/// whether something is asked of it, which is 20 wake-ups a second. So it is set here how long it waits: as the crate has
/// it while something is under way, and long otherwise.
struct NodePace {
    socket: UdpSocket,
    /// A datagram that goes there ends the wait.
    alarm: UdpSocket,
    at: SocketAddrV4,
    is_idle: bool,
}

impl NodePace {
    fn new(descriptors: &OwnDescriptors, at: SocketAddrV4) -> Option<Self> {
        let socket = descriptors.udp_socket(at)?;
        let reached = if at.ip().is_unspecified() { Ipv4Addr::LOCALHOST } else { *at.ip() };
        let alarm = UdpSocket::bind((reached, 0)).ok()?;
        Some(Self { socket, alarm, at: SocketAddrV4::new(reached, at.port()), is_idle: false })
    }

    /// From now on nothing is under way, or something is.
    fn set(&mut self, is_idle: bool) {
        if self.is_idle == is_idle {
            return;
        }
        let wait = if is_idle { limits::IDLE_WAIT } else { limits::BUSY_WAIT };
        if let Err(e) = self.socket.set_read_timeout(Some(wait)) {
            return log::debug!("how long the node waits cannot be set: {e}");
        }
        self.is_idle = is_idle;
        if !is_idle {
            self.wake();
        }
    }

    /// Has the thread look now. What it gets for that is no message, and is dropped.
    fn wake(&self) {
        if let Err(e) = self.alarm.send_to(&[], self.at) {
            log::debug!("the node cannot be woken: {e}");
        }
    }
}

impl Drop for TableNode {
    fn drop(&mut self) {
        // Its thread ends once it sees that nobody holds it.
        self.open.clear();
        let pace = self.pace.take();
        if let Some(mut pace) = pace {
            pace.set(false);
        }
    }
}

/// Where a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeAddress {
    /// The address of the interface that is used; `0.0.0.0`: all of them.
    pub(super) ip: Ipv4Addr,
    /// Its UDP port; `None`: any.
    pub(super) port: Option<u16>,
}

/// Rings when the node has something.
struct TableBell(Sender<()>);

impl Wake for TableBell {
    fn wake(self: Arc<Self>) {
        // One that is not heard yet rings for all.
        self.0.try_send(()).unwrap_or_default();
    }
}

/// What wakes, and where it rings.
pub(super) fn bell() -> (Waker, Receiver<()>) {
    let (ring, bell) = bounded(1);
    (Waker::from(Arc::new(TableBell(ring))), bell)
}

impl TableNode {
    /// A node at this address, which joins the table by these nodes. `is_own`: the table is that of
    /// the group, and this node answers others from the start; in a table of all the world it does so once it knows
    /// that it can be reached.
    ///
    /// # Errors
    /// What the operating system says: the port is taken.
    pub(super) fn start(at: NodeAddress, nodes: &[SocketAddrV4], is_own: bool) -> io::Result<Self> {
        let mut builder = Dht::builder();
        builder.server_settings(ServerSettings {
            max_info_hashes: limits::KEPT_TOPICS,
            max_peers_per_info_hash: limits::KEPT_ADDRESSES,
            max_mutable_values: limits::KEPT_VALUES,
            // Nobody here asks for values that are named by their hash.
            max_immutable_values: 1,
            ..ServerSettings::default()
        });
        if is_own {
            builder.server_mode();
        }
        // A list with this very node in it counts as one of others, and then this node would know nobody that it did
        // not ask: the first node of a table is told by whoever asks it.
        let others: Vec<_> =
            nodes.iter().copied().filter(|node| !is_here(*node, at.port)).take(limits::NODES).collect();
        builder.bootstrap(&others);
        builder.bind_address(at.ip).port(at.port.unwrap_or(0));
        let node = builder.build()?.as_async();
        let (waker, bell) = bell();
        let (answered, answers) = unbounded();
        Ok(Self {
            node,
            towards: others.first().copied().filter(|_| at.ip.is_unspecified()),
            inside: Some(at.ip).filter(|ip| !ip.is_unspecified()),
            open: BTreeMap::new(),
            waker,
            bell,
            answered,
            answers,
            pace: None,
        })
    }

    /// Has the node's thread wake seldom while nothing is asked of it, where the system lets that.
    pub(super) fn slow_down(&mut self, descriptors: &OwnDescriptors) {
        let Some(at) = self.local_address() else { return };
        self.pace = NodePace::new(descriptors, at);
        if self.pace.is_none() {
            log::debug!("the node of the table wakes 20 times a second: its socket cannot be had");
        }
    }

    /// Where it is, as it says itself.
    fn local_address(&self) -> Option<SocketAddrV4> {
        let node = self.node.clone();
        let mut info = Box::pin(async move { node.info().await });
        let mut context = Context::from_waker(&self.waker);
        loop {
            if let Poll::Ready(info) = info.as_mut().poll(&mut context) {
                return Some(info.local_addr());
            }
            self.bell.recv_timeout(limits::START_AGAIN).ok()?;
        }
    }

    /// Rings when [`Self::poll`] is to be called.
    pub(super) const fn bell(&self) -> &Receiver<()> {
        &self.bell
    }

    /// Asks something.
    pub(super) fn ask(&mut self, id: QuestionId, question: Question) {
        let (node, answered) = (self.node.clone(), self.answered.clone());
        let asking: Asking = match question {
            Question::Site(SiteQuestion::Peers(topic)) => Box::pin(peers(node, answered, id, topic)),
            Question::Site(SiteQuestion::Announce(topic, port)) => {
                Box::pin(announce(node, answered, id, topic, port))
            }
            Question::Here => Box::pin(here(node, answered, id, self.towards, self.inside)),
            Question::Put(value) => Box::pin(put(node, answered, id, value)),
            Question::Read(signing) => Box::pin(read(node, answered, id, signing)),
        };
        self.open.insert(id, asking);
        self.poll();
        // It takes one thing at a time: each has it look once.
        self.pace.iter().for_each(NodePace::wake);
    }

    /// Gets on with what is under way.
    pub(super) fn poll(&mut self) {
        let mut context = Context::from_waker(&self.waker);
        self.open.retain(|_, asking| asking.as_mut().poll(&mut context).is_pending());
        let is_idle = self.open.is_empty();
        self.pace.iter_mut().for_each(|pace| pace.set(is_idle));
    }

    /// The next answer, until there is none.
    pub(super) fn poll_answer(&self) -> Option<Answered> {
        self.answers.try_recv().ok()
    }
}

/// Asks who was announced, and tells what each node says.
async fn peers(node: AsyncDht, answered: Sender<Answered>, id: QuestionId, topic: TableId) {
    let mut found = node.get_peers(Id::from(topic.0));
    let mut taken = 0;
    while taken < limits::ANSWERS
        && let Some(addresses) = found.next().await
    {
        taken += 1;
        drop(answered.send((id, TableAnswer::Peers(addresses))));
    }
    drop(answered.send((id, TableAnswer::Over(true))));
}

/// Has nodes know where this network is.
async fn announce(node: AsyncDht, answered: Sender<Answered>, id: QuestionId, topic: TableId, port: u16) {
    let taken = node.announce_peer(Id::from(topic.0), Some(port)).await;
    if let Err(e) = &taken {
        log::debug!("no node took the announcement: {e}");
    }
    drop(answered.send((id, TableAnswer::Over(taken.is_ok()))));
}

/// Tells at which addresses this machine is. `towards`: a node, on the way to which it has one of its addresses.
/// `inside`: that address, if it is known.
async fn here(
    node: AsyncDht,
    answered: Sender<Answered>,
    id: QuestionId,
    towards: Option<SocketAddrV4>,
    inside: Option<Ipv4Addr>,
) {
    let outside = node.info().await.public_address().map(|address| *address.ip());
    let inside = inside.or_else(|| own_address(towards?).ok());
    drop(answered.send((id, TableAnswer::Here(OwnAddresses { outside, inside }))));
    drop(answered.send((id, TableAnswer::Over(true))));
}

/// Has nodes keep a value.
async fn put(node: AsyncDht, answered: Sender<Answered>, id: QuestionId, value: SignedValue) {
    let SignedValue { signing, value, sequence } = value;
    let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
    let item = MutableItem::new(SigningKey::from_bytes(&signing), &value, sequence, None);
    let taken = node.put_mutable(item, None).await;
    if let Err(e) = &taken {
        log::debug!("no node keeps the record: {e}");
    }
    drop(answered.send((id, TableAnswer::Over(taken.is_ok()))));
}

/// Asks for a value, and tells what each node has.
async fn read(node: AsyncDht, answered: Sender<Answered>, id: QuestionId, signing: Zeroizing<[u8; 32]>) {
    let key = SigningKey::from_bytes(&signing).verifying_key();
    let mut found = node.get_mutable(key.as_bytes(), None, None);
    let mut taken = 0;
    while taken < limits::ANSWERS
        && let Some(item) = found.next().await
    {
        taken += 1;
        drop(answered.send((id, TableAnswer::Value(item.value().to_vec()))));
    }
    drop(answered.send((id, TableAnswer::Over(true))));
}

/// The address that this machine has on the way to another one. Nothing is sent for that.
fn own_address(towards: SocketAddrV4) -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(towards)?;
    match socket.local_addr()? {
        SocketAddr::V4(own) => Ok(*own.ip()),
        SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// True if a node is this very one: its address is one of this machine, which alone can be bound.
fn is_here(node: SocketAddrV4, port: Option<u16>) -> bool {
    let has_address = |ip: Ipv4Addr| UdpSocket::bind(SocketAddrV4::new(ip, 0)).is_ok();
    port == Some(node.port()) && has_address(*node.ip())
}
