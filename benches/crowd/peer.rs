//! One peer of the crowd, and what it shares.

use core::net::{Ipv4Addr, SocketAddr};

use mio::net::{TcpListener, UdpSocket};
use potluck::address::Ports;
use potluck::content::{Catalogue, EntryKind, FileId};
use potluck::identity::tls::Tls;
use potluck::identity::{Identity, Instance, PeerName};
use potluck::limits;
use potluck::wire::datagram::{self, Body, DatagramMessage, Presence, PresenceState};
use socket2::{Domain, Socket, Type};

use crate::names;

/// The first TCP port; the second one is that of its sender.
const TCP: u16 = 27_280;

/// Milliseconds between two announcements, for each peer of a large network.
const INTERVAL: u32 = 22;

/// A catalogue as it is sent: of each bucket its bytes.
pub(crate) struct Served {
    pub(crate) buckets: Vec<Vec<u8>>,
    pub(crate) digests: Vec<u8>,
    pub(crate) root: [u8; 32],
    pub(crate) head: Vec<u8>,
    files: usize,
}

/// A peer.
pub(crate) struct CrowdPeer {
    pub(crate) identity: Identity,
    pub(crate) tls: Tls,
    pub(crate) udp: UdpSocket,
    /// The ports of its sender, and of what it keeps for others.
    pub(crate) tcp: [TcpListener; 3],
    /// What it asks others to echo.
    pub(crate) nonce: u64,
    pub(crate) served: Served,
    presence: Presence,
    instance: Instance,
    sequence: u64,
}

/// A socket on the port of discovery.
pub(crate) fn discovery_socket(at: Ipv4Addr) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.bind(&SocketAddr::from((at, limits::DISCOVERY_PORT)).into()).unwrap();
    UdpSocket::from_std(socket.into())
}

impl CrowdPeer {
    /// Peer number `n`, which shares so many files.
    pub(crate) fn new(n: usize, at: Ipv4Addr, files: usize) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
        let identity = Identity::from_seed(seed).unwrap();
        let ports = Ports { receiver: TCP, sender: TCP + 1, distributor: TCP + 2, distributee: TCP + 3 };
        let name = PeerName::cleaned(&format!("peer{n}")).unwrap();
        let mut presence = Presence::new(PresenceState::Here, name, ports, INTERVAL * 1_000, 0);
        presence.ticket = 1;
        let nonce = u64::from_le_bytes(*blake3::hash(&seed).as_bytes().first_chunk().unwrap());
        let mut peer = Self {
            tls: Tls::new(&identity).unwrap(),
            udp: discovery_socket(at),
            tcp: [1, 2, 3].map(|port| TcpListener::bind((at, TCP + port).into()).unwrap()),
            nonce,
            served: Served {
                buckets: Vec::new(),
                digests: Vec::new(),
                root: [0; 32],
                head: Vec::new(),
                files: 0,
            },
            presence,
            instance: Instance { count: 1, random: 1 },
            sequence: 0,
            identity,
        };
        peer.list(n, files, "");
        peer
    }

    /// How many files it shares.
    pub(crate) const fn files(&self) -> usize {
        self.served.files
    }

    /// Shares these files from now on, and no others: those of a seed, each with a word before its name if there is one.
    pub(crate) fn list(&mut self, seed: usize, files: usize, word: &str) {
        let mut entries = names::entries(seed as u64, files);
        if !word.is_empty() {
            for (n, entry) in entries.iter_mut().enumerate() {
                entry.path =
                    format!("{}/{word} {n}.txt", entry.path.as_str().replace('.', "_")).parse().unwrap();
                let EntryKind::File { id, .. } = &mut entry.kind else { continue };
                *id = FileId::from(blake3::hash(format!("{word} {n}").as_bytes()));
            }
        }
        let catalogue = Catalogue::of(entries);
        self.presence.catalogue += 1;
        let head = catalogue.head(self.identity.public(), self.instance, self.presence.catalogue);
        self.served = Served {
            buckets: (0..=u8::MAX).map(|n| catalogue.bucket(n).bytes()).collect(),
            digests: catalogue.digests().iter().flat_map(|digest| digest.0).collect(),
            root: head.root,
            head: head.sign(&self.identity),
            files: catalogue.entries().count(),
        };
    }

    /// Its next datagram.
    pub(crate) fn say(&mut self, message: DatagramMessage) -> Vec<u8> {
        self.sequence += 1;
        let presence = self.presence.clone();
        let body = Body { instance: self.instance, sequence: self.sequence, presence, message };
        datagram::seal(&self.identity, &body)
    }
}
