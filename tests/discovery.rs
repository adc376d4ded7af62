//! Discovery over real sockets, on loopback alone: nothing leaves this machine.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use potluck::address::Ports;
use potluck::group::{DatagramSeal, GroupKey, NONCE};
use potluck::identity::{Identity, Instance, PeerId, PeerName};
use potluck::lan::{Command, Event, Gone, Handle, LanConfig, OwnPresence, PeerInfo, start};
use potluck::sys::clock;
use potluck::time::Time;
use potluck::wire::message::PeerRecord;

/// How long a test waits for what must come.
const DEADLINE: Duration = Duration::from_secs(20);

struct Peer {
    identity: Arc<Identity>,
    handle: Handle,
    here: BTreeMap<PeerId, PeerInfo>,
    settled: bool,
}

fn own(catalogue: u64) -> OwnPresence {
    let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
    OwnPresence { catalogue, ..OwnPresence::new(PeerName::cleaned("peer").unwrap(), ports) }
}

/// A UDP port that nobody uses now.
fn free_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn config(identity: &Arc<Identity>, port: u16, count: u64) -> LanConfig {
    LanConfig {
        identity: Arc::clone(identity),
        instance: Instance { count, random: 0 },
        own: own(0),
        port,
        interfaces: vec!["lo".to_owned()],
        heard: Vec::new(),
        seal: None,
    }
}

/// What seals the datagrams of a group.
fn group(secret: u8) -> DatagramSeal {
    GroupKey::kept([secret; 32]).datagram_seal()
}

impl Peer {
    fn start(port: u16) -> Self {
        Self::with(&Arc::new(Identity::generate().unwrap()), port, 1)
    }

    fn with(identity: &Arc<Identity>, port: u16, count: u64) -> Self {
        Self::of(identity, config(identity, port, count))
    }

    fn in_group(port: u16, secret: u8) -> Self {
        let identity = Arc::new(Identity::generate().unwrap());
        Self::of(&identity, LanConfig { seal: Some(group(secret)), ..config(&identity, port, 1) })
    }

    fn of(identity: &Arc<Identity>, config: LanConfig) -> Self {
        let handle = start(config).unwrap();
        Self { identity: Arc::clone(identity), handle, here: BTreeMap::new(), settled: false }
    }

    fn id(&self) -> PeerId {
        self.identity.id()
    }

    /// Takes events until `done` says so; how long that took.
    fn until(&mut self, what: &str, mut done: impl FnMut(&Self, &Event) -> bool) -> Duration {
        let begun = clock::now();
        loop {
            let left = DEADLINE.saturating_sub(clock::now().since(begun));
            let event = self.handle.events.recv_timeout(left);
            let event = event.unwrap_or_else(|e| panic!("{what}: {e}; {:?}", self.handle.tally.read()));
            match &event {
                Event::Here(info) => drop(self.here.insert(info.contact.id, info.clone())),
                Event::Gone(id, _) => drop(self.here.remove(id)),
                Event::Settled => self.settled = true,
                _ => {}
            }
            if done(self, &event) {
                return clock::now().since(begun);
            }
        }
    }

    fn until_here(&mut self, n: usize) -> Time {
        if self.here.len() < n {
            self.until("peers come", |p, _| p.here.len() >= n);
        }
        clock::now()
    }
}

#[test]
fn three_peers_on_one_machine_find_each_other_and_see_a_leave() {
    let port = free_port();
    let (mut a, mut b) = (Peer::start(port), Peer::start(port));
    a.until_here(1);
    b.until_here(1);
    let begun = clock::now();
    let mut c = Peer::start(port);
    let last = [a.until_here(2), b.until_here(2), c.until_here(2)].into_iter().max().unwrap();
    let took = last.since(begun);
    assert!(took < Duration::from_secs(2), "{took:?}");
    println!("the third is listed by all, and lists all, after {took:?}");
    assert_eq!(a.here[&c.id()].contact.ports.sender, 2);
    assert!(a.here[&c.id()].contact.hosts.iter().all(|h| h.ip.is_loopback()));
    c.until("it settles", |p, _| p.settled);

    let begun = clock::now();
    c.handle.send(Command::Leave);
    let id = c.id();
    for peer in [&mut a, &mut b] {
        peer.until("the leave", |_, e| matches!(e, Event::Gone(gone, Gone::Left) if *gone == id));
    }
    let seen = clock::now().since(begun);
    drop(c);
    let ended = clock::now().since(begun);
    println!("the leave is seen after {seen:?}, the thread ended after {ended:?}");
    assert!(ended < Duration::from_secs(2), "{ended:?}");
}

#[test]
fn who_vanishes_is_noticed_and_a_new_catalogue_is_announced_at_once() {
    let port = free_port();
    let (mut a, mut b) = (Peer::start(port), Peer::start(port));
    a.until_here(1);
    b.until_here(1);
    b.handle.send(Command::Own(own(7)));
    let took = a.until("the catalogue", |p, _| p.here.values().any(|i| i.catalogue == 7));
    println!("a new catalogue is known after {took:?}");

    let (id, begun) = (b.id(), clock::now());
    drop(b);
    a.until("the silence", |_, e| matches!(e, Event::Gone(gone, Gone::Silent) if *gone == id));
    let took = clock::now().since(begun);
    println!("a death is seen after {took:?}");
    assert!(took > Duration::from_secs(5), "{took:?}");
    assert!(took < Duration::from_secs(9), "{took:?}");
}

#[test]
fn a_restart_leaves_one_entry_and_a_broken_connection_asks_at_once() {
    let port = free_port();
    let mut a = Peer::start(port);
    let identity = Arc::new(Identity::generate().unwrap());
    for count in 1..=5 {
        let mut b = Peer::with(&identity, port, count);
        a.until("the start", |p, _| p.here.get(&identity.id()).is_some_and(|i| i.instance.count == count));
        b.until_here(1);
        assert_eq!(a.here.len(), 1);
    }
    let begun = clock::now();
    a.handle.send(Command::Doubt(identity.id()));
    a.until("the death", |p, _| p.here.is_empty());
    let took = clock::now().since(begun);
    assert!(took < Duration::from_secs(4), "{took:?}");
}

/// Two networks on one machine that do not hear each other's broadcasts: a row of a table joins a peer of
/// the one to a peer of the other, because that answers; a row with a wrong address, or a false signature,
/// does nothing.
#[test]
fn who_is_in_a_table_is_asked_and_listed_once_it_answers() {
    let (here, there) = (free_port(), free_port());
    let (mut a, mut teller) = (Peer::start(here), Peer::start(here));
    let (mut b, mut c) = (Peer::start(there), Peer::start(there));
    for peer in [&mut a, &mut teller, &mut b, &mut c] {
        peer.until_here(1);
    }
    let told = |info: &PeerInfo| PeerRecord { at: info.at, signed: Arc::clone(&info.signed) };
    let (real, mut moved) = (told(&c.here[&b.id()]), told(&b.here[&c.id()]));
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    moved.at = nobody.local_addr().unwrap();
    let mut forged = real.clone();
    forged.signed = forged.signed.iter().map(|byte| byte ^ 1).collect();
    a.handle.send(Command::Table(teller.id(), vec![forged, moved, real]));
    a.until_here(2);
    assert!(a.here.contains_key(&b.id()) && !a.here.contains_key(&c.id()));
    b.until_here(2);
    assert!(b.here.contains_key(&a.id()));
    // The wrong address was asked, and that was all.
    nobody.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(nobody.recv(&mut [0; 2_000]).unwrap() < 600);
}

#[test]
fn of_two_copies_of_a_folder_the_later_start_stops() {
    let port = free_port();
    let identity = Arc::new(Identity::generate().unwrap());
    let first = Peer::with(&identity, port, 1);
    let mut second = Peer::with(&identity, port, 2);
    second.until("the copy", |_, e| matches!(e, Event::CopiedFolder(at) if at.ip().is_loopback()));
    drop(second);
    let reported = first.handle.events.try_iter().any(|e| matches!(e, Event::CopiedFolder(_)));
    assert!(!reported, "the earlier start was told to stop");
}

#[test]
fn alone_is_said_once() {
    let mut a = Peer::start(free_port());
    a.until("nobody is heard", |_, e| matches!(e, Event::NobodyHeard));
    assert!(a.settled && a.here.is_empty());
}

#[test]
fn junk_stops_nothing_and_is_counted() {
    let port = free_port();
    let mut a = Peer::start(port);
    let attacker = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    attacker.set_broadcast(true).unwrap();
    for len in [0, 1, 4, 5, 479, 480, 1_200, 1_201, 9_000] {
        let mut junk = vec![7; len];
        let magic = b"PTLK\x01";
        let shared = len.min(magic.len());
        junk[..shared].copy_from_slice(&magic[..shared]);
        attacker.send_to(&junk, ("127.255.255.255", port)).unwrap();
    }
    let mut b = Peer::start(port);
    a.until_here(1);
    b.until_here(1);
    let counted = a.handle.tally.read();
    assert_eq!((counted.malformed, counted.forged), (7, 2), "{counted:?}");
}

#[test]
fn two_groups_and_an_open_network_share_a_port_and_nothing_else() {
    let port = free_port();
    let members = [1, 1, 2, 2].into_iter().map(|secret| Peer::in_group(port, secret));
    let mut all: Vec<Peer> = members.chain([Peer::start(port), Peer::start(port)]).collect();
    for peer in &mut all {
        peer.until_here(1);
        peer.until("it settles", |p, _| p.settled);
    }
    for (n, other) in [1, 0, 3, 2, 5, 4].into_iter().enumerate() {
        let here: Vec<PeerId> = all[n].here.keys().copied().collect();
        assert_eq!(here, [all[other].id()], "peer {n}");
    }
    let counted = all[0].handle.tally.read();
    assert!(counted.foreign > 0 && counted.outsiders == 1, "{counted:?}");
    assert_eq!(counted.malformed + counted.forged + counted.version, 0, "{counted:?}");
    let open = all[5].handle.tally.read();
    assert!(open.malformed == 0 && open.foreign > 0 && open.outsiders == 1, "{open:?}");
}

#[test]
fn whoever_has_another_passphrase_than_all_others_is_told() {
    let port = free_port();
    let (mut one, mut other) = (Peer::in_group(port, 1), Peer::in_group(port, 1));
    one.until_here(1);
    other.until_here(1);
    let mut wrong = Peer::in_group(port, 2);
    wrong.until("it is told", |_, e| matches!(e, Event::Outsiders(1)));
    assert!(wrong.here.is_empty());
    let told = |peer: &Peer| peer.handle.events.try_iter().any(|e| matches!(e, Event::Outsiders(_)));
    assert!(!told(&one) && !told(&other), "whoever is among others of its group was told");
}

/// Somebody who has no key can say nothing, and nothing twice.
#[test]
fn what_is_replayed_cut_or_forged_in_a_group_is_dropped_and_counted() {
    let port = free_port();
    let mut a = Peer::in_group(port, 1);
    let identity = Arc::new(Identity::generate().unwrap());
    let mut b = Peer::of(&identity, LanConfig { seal: Some(group(1)), ..config(&identity, port, 1) });
    a.until_here(1);
    b.until_here(1);
    // As one that was recorded; a member makes it here, so that the test knows it.
    let signed = Arc::clone(&a.here[&b.id()].signed);
    let recorded = group(1).seal([3; NONCE], &signed);
    let attacker = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    attacker.set_broadcast(true).unwrap();
    let say = |bytes: &[u8]| attacker.send_to(bytes, ("127.255.255.255", port)).unwrap();
    let before = a.handle.tally.read();
    for _ in 0..5 {
        say(&recorded);
    }
    for len in [0, 5, 28, 45, recorded.len() - 1] {
        say(&recorded[..len]);
    }
    let mut changed = recorded;
    changed[100] ^= 1;
    say(&changed);
    say(&group(2).seal([3; NONCE], &signed));
    say(&signed);
    // What is sent last is there last: then all else was taken or dropped.
    drop(b);
    let mut c = Peer::of(&identity, LanConfig { seal: Some(group(1)), ..config(&identity, port, 2) });
    a.until("the next start", |p, _| p.here.get(&identity.id()).is_some_and(|i| i.instance.count == 2));
    c.until_here(1);
    let after = a.handle.tally.read();
    assert_eq!(after.foreign - before.foreign, 8, "{after:?}");
    assert!(after.replayed - before.replayed >= 5, "{after:?}");
    assert_eq!(after.forged + after.malformed, 0, "{after:?}");
}
