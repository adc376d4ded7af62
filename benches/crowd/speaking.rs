//! What the crowd says and hears in datagrams: announcements, and echoes of nonces, as docs/PROTOCOL.md has them.

use core::cmp::Reverse;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use mio::net::UdpSocket;
use potluck::identity::PeerId;
use potluck::limits;
use potluck::sim::Rng;
use potluck::sys::clock;
use potluck::time::Time;
use potluck::wire::datagram::{Body, DatagramMessage, Envelope};

use crate::peer::{CrowdPeer, discovery_socket};

/// Between the announcements of two peers, one after the other.
const ANNOUNCED: Duration = Duration::from_millis(22);

/// After this time it is tried again to say that something changed.
const AGAIN: Duration = Duration::from_millis(5);

/// For each peer of the network: in so long the answers to a hello go out.
const HELLO: Duration = Duration::from_millis(3);

/// Something that one peer says later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Answer {
    at: Time,
    peer: usize,
    to: SocketAddr,
    nonce: u64,
    /// It asks back.
    asks: bool,
}

/// The datagrams of the crowd.
pub(crate) struct Discovery {
    /// Hears what goes to everyone.
    pub(crate) everyone: UdpSocket,
    broadcast: SocketAddr,
    rng: Rng,
    answers: BinaryHeap<Reverse<Answer>>,
    /// The last nonce of a hello of each stranger.
    hellos: BTreeMap<PeerId, u64>,
    own: BTreeSet<IpAddr>,
    by_id: BTreeMap<PeerId, usize>,
    by_nonce: BTreeMap<u64, usize>,
    announced: Time,
    turn: usize,
    /// Those who share something else, and could not say so: the system had no place for it.
    unsaid: BTreeSet<usize>,
}

/// Sends a datagram; a full queue costs it, as on any network. True if it was sent.
fn send(peer: &CrowdPeer, datagram: &[u8], to: SocketAddr) -> bool {
    peer.udp.send_to(datagram, to).is_ok()
}

/// The next datagram of a socket, with its source.
fn receive(socket: &UdpSocket, own: &BTreeSet<IpAddr>) -> Option<Option<(Body, PeerId, SocketAddr)>> {
    let mut buffer = [0; 2_048];
    let (length, source) = socket.recv_from(&mut buffer).ok()?;
    if own.contains(&source.ip()) {
        return Some(None);
    }
    let Ok(envelope) = Envelope::parse(&buffer[..length]) else { return Some(None) };
    Some(envelope.open().ok().map(|body| (body, envelope.key().peer_id(), source)))
}

impl Discovery {
    pub(crate) fn new(broadcast: Ipv4Addr, peers: &[CrowdPeer]) -> Self {
        Self {
            everyone: discovery_socket(Ipv4Addr::UNSPECIFIED),
            broadcast: (broadcast, limits::DISCOVERY_PORT).into(),
            rng: Rng::new(1),
            answers: BinaryHeap::new(),
            hellos: BTreeMap::new(),
            own: peers.iter().map(|peer| peer.udp.local_addr().unwrap().ip()).collect(),
            by_id: peers.iter().enumerate().map(|(n, peer)| (peer.identity.id(), n)).collect(),
            by_nonce: peers.iter().enumerate().map(|(n, peer)| (peer.nonce, n)).collect(),
            announced: clock::now(),
            turn: 0,
            unsaid: BTreeSet::new(),
        }
    }

    /// When something is to be said.
    pub(crate) fn next(&self) -> Option<Time> {
        let answer = self.answers.peek().map(|Reverse(answer)| answer.at);
        let again = (!self.unsaid.is_empty()).then(|| clock::now() + AGAIN);
        answer.into_iter().chain([self.announced + ANNOUNCED]).chain(again).min()
    }

    /// Says what this peer shares now.
    fn announce(&self, peer: &mut CrowdPeer) -> bool {
        let datagram = peer.say(DatagramMessage::Here);
        send(peer, &datagram, self.broadcast)
    }

    /// Peer number `number` shares something else: that is said at once.
    pub(crate) fn changed(&mut self, number: usize, peers: &mut [CrowdPeer]) {
        if self.announce(&mut peers[number]) {
            self.unsaid.remove(&number);
        } else {
            self.unsaid.insert(number);
        }
    }

    /// Says what is due.
    pub(crate) fn say_due(&mut self, peers: &mut [CrowdPeer]) {
        let now = clock::now();
        for number in self.unsaid.clone() {
            self.changed(number, peers);
        }
        if self.announced + ANNOUNCED <= now {
            self.announced = now;
            self.announce(&mut peers[self.turn % peers.len()]);
            self.turn += 1;
        }
        while let Some(Reverse(answer)) =
            self.answers.peek().copied().filter(|Reverse(answer)| answer.at <= now)
        {
            self.answers.pop();
            let peer = &mut peers[answer.peer];
            let ask = answer.asks.then_some(peer.nonce);
            let datagram = peer.say(DatagramMessage::Proof { ask, echoes: vec![answer.nonce] });
            send(peer, &datagram, answer.to);
        }
    }

    fn later(&mut self, within: Duration, peer: usize, to: SocketAddr, nonce: u64, asks: bool) {
        let at = clock::now() + self.rng.time(within);
        self.answers.push(Reverse(Answer { at, peer, to, nonce, asks }));
    }

    /// Hears what goes to everyone.
    pub(crate) fn hear_everyone(&mut self, count: usize) {
        while let Some(heard) = receive(&self.everyone, &self.own) {
            let Some((body, id, source)) = heard else { continue };
            match body.message {
                DatagramMessage::Hello { nonce } if self.hellos.insert(id, nonce) != Some(nonce) => {
                    let within = HELLO * u32::try_from(count).unwrap();
                    for peer in 0..count {
                        self.later(within, peer, source, nonce, true);
                    }
                }
                DatagramMessage::Proof { ask: Some(nonce), echoes } => {
                    for peer in
                        echoes.iter().filter_map(|echo| self.by_nonce.get(echo).copied()).collect::<Vec<_>>()
                    {
                        self.later(Duration::from_millis(100), peer, source, nonce, false);
                    }
                }
                DatagramMessage::Probe { peer, nonce } => {
                    if let Some(peer) = self.by_id.get(&peer).copied() {
                        self.later(Duration::from_millis(1), peer, self.broadcast, nonce, false);
                    }
                }
                _ => {}
            }
        }
    }

    /// Hears what goes to one peer alone.
    pub(crate) fn hear(&self, peer: &mut CrowdPeer) {
        while let Some(heard) = receive(&peer.udp, &BTreeSet::new()) {
            if let Some((Body { message: DatagramMessage::Proof { ask: Some(nonce), .. }, .. }, _, source)) =
                heard
            {
                let datagram = peer.say(DatagramMessage::Proof { ask: None, echoes: vec![nonce] });
                send(peer, &datagram, source);
            }
        }
    }
}
