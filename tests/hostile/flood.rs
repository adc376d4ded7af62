//! Floods beside an honest download: idle and slow connections, announcements of random peers.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};

use potluck::control::{Diagnosis, DoctorFinding, DoctorRequest, Reply};
use potluck::identity::{Identity, PeerId};
use potluck::limits;
use potluck::sys::clock;
use potluck::wire::datagram::{DatagramMessage, Envelope};

use crate::caller::Caller;
use crate::fiend::{Voice, address};
use crate::going::Going;
use crate::lab::{LATER, Lab, Peer, SOON, pause, wait};
use crate::watch::{assert_well, descriptors, memory};

/// Files that are fetched in each half of a test, and the bytes of each.
const FILES: usize = 4;
const SIZE: usize = 64 << 20;

/// An owner with twice as many files, a taker that lists them all.
fn pair(lab: &Lab) -> (Peer, Peer) {
    let folder = lab.folder("owner/shared");
    let mut bytes = vec![0; SIZE];
    for n in 0..2 * FILES {
        blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut bytes);
        std::fs::write(folder.join(format!("f{n}")), &bytes).unwrap();
    }
    let (owner, taker) = (lab.peer(3, "owner", &[]), lab.peer(1, "taker", &[]));
    for n in 0..2 * FILES {
        wait("the files", LATER, || taker.offered(&format!("f{n}")));
    }
    (owner, taker)
}

/// Seconds that the quickest of these downloads takes.
fn fetch(taker: &Peer, files: core::ops::Range<usize>) -> f64 {
    let one = |n: usize| {
        let start = clock::now();
        taker.fetch(&format!("f{n}"));
        clock::now().since(start).as_secs_f64()
    };
    files.map(one).fold(f64::MAX, f64::min)
}

/// Fetches with and without the flood that `begin` starts; tells and checks what it cost.
fn compare<T>(lab: &Lab, begin: impl FnOnce(&Peer, &Peer) -> T) -> (Peer, Peer, T) {
    let (owner, taker) = pair(lab);
    let alone = fetch(&taker, 0..FILES);
    let before = [&owner, &taker].map(memory);
    let flood = begin(&owner, &taker);
    let beside = fetch(&taker, FILES..2 * FILES);
    let after = [&owner, &taker].map(memory);
    let open = [&owner, &taker].map(descriptors);
    println!(
        "64 MiB alone {alone:.2} s, beside the flood {beside:.2} s: {:.0} % of the speed",
        100.0 * alone / beside
    );
    println!("owner and taker: KiB {before:?} before, {after:?} beside the flood; descriptors {open:?}");
    // The aim is half; a loaded machine is given more.
    assert!(alone / beside > 1.0 / 3.0, "{alone} s alone, {beside} s beside the flood");
    for (before, after) in before.into_iter().zip(after) {
        assert!(after < before + (64 << 10), "{before} KiB, then {after} KiB");
    }
    open.into_iter().for_each(|open| assert!(open < 600, "{open} descriptors"));
    assert_well(&owner);
    assert_well(&taker);
    (owner, taker, flood)
}

#[test]
fn two_thousand_idle_and_slow_connections_keep_nobody_out() {
    let Some(lab) = Lab::of("up 4") else { return };
    let (owner, taker, (idle, going)) = compare(&lab, |owner, taker| {
        let ports =
            |peer: &Peer, node| peer.status().ports.map(|port| SocketAddr::from((address(node), port)));
        let targets = [ports(owner, 3), ports(taker, 1)].concat();
        let dial =
            move || (0..2_000).map(|n| TcpStream::connect(targets[n % targets.len()])).collect::<Vec<_>>();
        let mut idle: Vec<TcpStream> = lab.within(2, dial).into_iter().filter_map(Result::ok).collect();
        assert!(idle.len() > 1_900, "{} connected", idle.len());
        // Every second one sends a byte of a handshake now and then.
        let mut slow = idle.split_off(idle.len() / 2);
        let going = Going::start(move || {
            let sent = slow.iter_mut().filter_map(|s| s.write_all(&[22]).ok()).count() as u64;
            pause(Duration::from_millis(500));
            sent
        });
        (idle, going)
    });
    println!("{} idle ones, {} slow bytes", idle.len(), going.count());
    // Who was not connected before is let in, too.
    let newcomer = lab.peer(4, "newcomer", &[]);
    wait("the files", SOON, || newcomer.offered("f0"));
    newcomer.fetch("f0");
    assert_well(&owner);
    drop((idle, going));
    // What did not finish its handshake in time is gone.
    wait("few descriptors", SOON, || (descriptors(&taker) < 100).then_some(()));
}

/// Somebody who writes frames of a kind that nobody knows, each byte in a TLS record of its own.
pub(crate) struct Dripper {
    caller: Caller,
    written: u64,
}

impl Dripper {
    /// Of this connection.
    pub(crate) fn new(caller: Caller) -> Self {
        caller.stream.sock.set_nonblocking(true).unwrap();
        Self { caller, written: 0 }
    }

    /// Writes as far as the socket takes it; the number of records, or nothing when the other end closed.
    pub(crate) fn write(&mut self) -> Option<u64> {
        // A header of nothing and a payload, as a later version may have.
        let prefix = [0, 0, 0, 0, u8::MAX, 2, 0, 0];
        let frame = prefix.len() as u64 + (128 << 10);
        let stream = &mut self.caller.stream;
        let mut records = 0;
        if !stream.conn.wants_write() {
            for _ in 0..512 {
                let byte = prefix.get(usize::try_from(self.written % frame).unwrap()).copied().unwrap_or(7);
                stream.conn.writer().write_all(&[byte]).unwrap();
                self.written += 1;
            }
            records = 512;
        }
        while stream.conn.wants_write() {
            match stream.conn.write_tls(&mut stream.sock) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        Some(records)
    }
}

#[test]
fn records_of_one_byte_keep_nobody_out() {
    let Some(lab) = Lab::of("up 3") else { return };
    let (_owner, taker, going) = compare(&lab, |owner, taker| {
        let peer = taker.peers()[0].id.parse().unwrap();
        let port = owner.status().ports[1];
        let call = || Dripper::new(Caller::dial(&Caller::tls(), peer, address(3), port).unwrap());
        let mut drippers: Vec<_> = lab.within(2, || (0..8).map(|_| call()).collect());
        Going::start(move || drippers.iter_mut().filter_map(Dripper::write).sum())
    });
    println!("{} records", going.count());
    assert!(going.count() > 100_000, "they are taken");
    assert_well(&taker);
}

/// Datagrams of 2,000 peers that do not exist, one after the other; each second one is not even signed
/// by the key that it names.
pub(crate) fn announcements() -> Vec<Vec<u8>> {
    let real = (0..2_000_u64).map(|n| {
        let mut voice = Voice::new(&Identity::generate().unwrap(), &format!("nobody-{n}"));
        voice.say(&DatagramMessage::Hello { nonce: n })
    });
    let all: Vec<Vec<u8>> = real.collect();
    let forged = all.iter().map(|bytes| {
        let mut bytes = bytes.clone();
        let key = blake3::hash(&bytes);
        bytes[5..37].copy_from_slice(key.as_bytes());
        bytes
    });
    let forged: Vec<Vec<u8>> = forged.collect();
    all.into_iter().zip(forged).flat_map(|(a, b)| [a, b]).collect()
}

/// Sends so many of these a second from a node, again and again.
pub(crate) fn announce(lab: &Lab, node: u32, all: Vec<Vec<u8>>, to: SocketAddr, a_second: u64) -> Going {
    let socket = lab.within(node, || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).unwrap();
    let (begin, mut sent) = (clock::now(), 0_u64);
    Going::start(move || {
        // As many as are due by now.
        let due = u64::try_from(clock::now().since(begin).as_micros()).unwrap() * a_second / 1_000_000;
        let now = due.saturating_sub(sent).min(500);
        for n in sent..sent + now {
            let bytes = &all[usize::try_from(n).unwrap() % all.len()];
            drop(socket.send_to(bytes, to));
        }
        sent += now;
        if now == 0 {
            pause(Duration::from_micros(200));
        }
        now
    })
}

/// 50,000 announcements a second for as long as the downloads take, and at least for `time`.
fn flooded(time: Duration) {
    let Some(lab) = Lab::of("up 3") else { return };
    let all = announcements();
    let to = SocketAddr::from((address(1), limits::DISCOVERY_PORT));
    let (_owner, taker, going) = compare(&lab, |_, _| announce(&lab, 2, all, to, 50_000));
    let counted = going.count();
    let begin = clock::now();
    while clock::now().since(begin) < time {
        assert_eq!(taker.names(), ["owner"]);
        pause(Duration::from_millis(100));
    }
    let rate = (going.count() - counted) as f64 / clock::now().since(begin).as_secs_f64();
    println!("{rate:.0} announcements a second; memory {} KiB", memory(&taker));
    drop(going);
    assert_eq!(taker.names(), ["owner"]);
    // It still takes newcomers.
    let newcomer = lab.peer(2, "newcomer", &[]);
    wait("the newcomer", SOON, || taker.sees(&newcomer).then_some(()));
    assert_well(&taker);
}

#[test]
fn fifty_thousand_announcements_a_second_keep_nobody_out() {
    flooded(Duration::from_secs(10));
}

#[test]
#[ignore = "a minute"]
fn fifty_thousand_announcements_a_second_for_a_minute_keep_nobody_out() {
    flooded(Duration::from_secs(60));
}

/// A peer that exists only as a key: it says that it is here, and echoes whatever it is asked.
pub(crate) struct Key {
    voice: Voice,
    socket: UdpSocket,
}

impl Key {
    pub(crate) fn new(lab: &Lab, node: u32, n: usize) -> Self {
        let socket = lab.within(node, || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { voice: Voice::new(&Identity::generate().unwrap(), &format!("key-{n}")), socket }
    }

    fn say(&mut self, message: &DatagramMessage, to: SocketAddr) {
        drop(self.socket.send_to(&self.voice.say(message), to));
    }

    /// Answers what came.
    fn answer(&mut self) -> u64 {
        let (mut buffer, mut answered) = ([0; 2_048], 0);
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            let Ok(body) = Envelope::parse(&buffer[..len]).and_then(|envelope| envelope.open()) else {
                continue;
            };
            if let DatagramMessage::Proof { ask: Some(nonce), .. } = body.message {
                self.say(&DatagramMessage::Proof { ask: None, echoes: vec![nonce] }, from);
                answered += 1;
            }
        }
        answered
    }
}

/// Each of these announces itself once a second or so, when they are two hundred; counts the questions that they
/// answer.
pub(crate) fn be_many(mut keys: Vec<Key>, to: Vec<SocketAddr>) -> Going {
    let mut turn = 0;
    Going::start(move || {
        let key = turn % keys.len();
        to.iter().for_each(|to| keys[key].say(&DatagramMessage::Here, *to));
        turn += 1;
        pause(Duration::from_millis(5));
        keys.iter_mut().map(Key::answer).sum()
    })
}

/// One machine is a hundred peers that are heard and answer nothing, as a firewall has it. The user is told of few of
/// them, and still of the honest one behind a real firewall.
#[test]
fn keys_that_answer_nothing_hide_no_honest_peer_behind_a_firewall_and_fill_no_log() {
    const KEYS: usize = 100;
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    wait("it runs", SOON, || (victim.status().on.peers == 0).then_some(()));
    let to = SocketAddr::from((address(1), limits::DISCOVERY_PORT));
    let mut keys: Vec<Key> = (0..KEYS).map(|n| Key::new(&lab, 2, n)).collect();
    let mut honest = Key::new(&lab, 3, KEYS);
    let mut turn = 0;
    let going = Going::start(move || {
        keys[turn % KEYS].say(&DatagramMessage::Here, to);
        if turn % KEYS == 0 {
            honest.say(&DatagramMessage::Here, to);
        }
        turn += 1;
        pause(Duration::from_millis(10));
        1
    });
    let said = || {
        let warnings = victim.status().warnings;
        warnings.into_iter().filter(|w| w.contains("is heard, but answers nothing")).collect::<Vec<_>>()
    };
    let of_honest = format!("key-{KEYS} (");
    wait("a word of the honest one", SOON * 3, || {
        said().iter().any(|w| w.starts_with(&of_honest)).then_some(())
    });
    let (begin, listening) = (clock::now(), Duration::from_secs(5));
    while clock::now().since(begin) < listening {
        let said = said();
        assert!(said.len() <= 8 && said.iter().any(|w| w.starts_with(&of_honest)), "{said:?}");
        pause(Duration::from_millis(100));
    }
    let silent: Vec<String> = victim
        .try_ask(&DoctorRequest::default().into())
        .unwrap()
        .into_iter()
        .filter_map(|reply| match reply {
            Reply::Finding(DoctorFinding { what: Diagnosis::Unanswered(silent), .. }) => Some(silent.name),
            _ => None,
        })
        .collect();
    assert!(silent.len() <= 8 && silent.contains(&format!("key-{KEYS}")), "{silent:?}");
    let log = std::fs::read_to_string(victim.directory.join("log")).unwrap();
    let warned =
        log.lines().filter(|line| line.contains(" warning ") && line.contains("is heard, but")).count();
    assert!((1..=3).contains(&warned), "{warned} of {log}");
    assert_eq!(victim.status().on.peers, 0);
    drop(going);
    assert_well(&victim);
}

/// One machine is two hundred peers that ask to be connected to, and so says `doctor` of as many as have a place. The
/// honest one that asks, too, is named, and the answer stays short.
#[test]
fn two_hundred_keys_that_ask_to_be_dialled_hide_no_other_one_from_doctor() {
    const KEYS: usize = 200;
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let id: PeerId = victim.status().id.parse().unwrap();
    let to = SocketAddr::from((address(1), limits::DISCOVERY_PORT));
    let mut keys: Vec<Key> = (0..KEYS).map(|n| Key::new(&lab, 2, n)).collect();
    keys.push(Key::new(&lab, 3, KEYS));
    let mut turn = 0;
    let going = Going::start(move || {
        let key = turn % keys.len();
        keys[key].say(&DatagramMessage::Here, to);
        keys[key].say(&DatagramMessage::DialBack { peer: id }, to);
        turn += 1;
        pause(Duration::from_millis(5));
        keys.iter_mut().map(Key::answer).sum()
    });
    wait("most keys are listed", LATER, || (victim.names().len() > 150).then_some(()));
    let asked = || {
        let replies = victim.try_ask(&DoctorRequest::default().into())?;
        let length = serde_json::to_string(&replies).unwrap().len();
        assert!(length < 16 << 10, "{length} bytes");
        replies.into_iter().find_map(|reply| match reply {
            Reply::Finding(DoctorFinding { what: Diagnosis::NotReachable(peers), .. }) => Some(peers),
            _ => None,
        })
    };
    let honest = format!("key-{KEYS}");
    let (peers, _) = wait("the honest one is named", SOON, || {
        asked().filter(|peers| peers.count > 8 && peers.names.contains(&honest))
    });
    assert!(peers.names.len() <= 8 && peers.count <= 64, "{peers:?}");
    println!("{} answers, and {} are told of", going.count(), peers.count);
    drop(going);
    assert_well(&victim);
}

/// One machine is two hundred peers. To the others the network stays a small one, in which everyone announces
/// itself each second, and a newcomer is listed at once.
#[test]
fn two_hundred_keys_of_one_machine_slow_nobody_down() {
    const KEYS: usize = 200;
    let Some(lab) = Lab::of("up 4") else { return };
    let (one, other) = (lab.peer(1, "one", &[]), lab.peer(3, "other", &[]));
    let to = [1, 3].map(|node| SocketAddr::from((address(node), limits::DISCOVERY_PORT)));
    let keys: Vec<Key> = (0..KEYS).map(|n| Key::new(&lab, 2, n)).collect();
    let ear = lab.within(2, || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, limits::DISCOVERY_PORT))).unwrap();
    let going = be_many(keys, to.to_vec());
    wait("most keys are listed", LATER, || (one.names().len() > 150).then_some(()));
    println!("{} questions answered", going.count());
    let newcomer = lab.peer(4, "newcomer", &[]);
    let (_, took) =
        wait("the newcomer is listed", SOON, || (one.sees(&newcomer) && other.sees(&newcomer)).then_some(()));
    println!("the newcomer is listed after {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    // Only what is said from now on.
    ear.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2_048];
    while ear.recv(&mut buffer).is_ok() {}
    ear.set_nonblocking(false).unwrap();
    ear.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let (begin, listening, mut heard) = (clock::now(), Duration::from_secs(10), 0);
    while clock::now().since(begin) < listening {
        let Ok(len) = ear.recv(&mut buffer) else { continue };
        let body = Envelope::parse(&buffer[..len]).and_then(|envelope| envelope.open());
        heard +=
            u32::from(body.is_ok_and(|body| {
                body.presence.name.as_str() == "one" && body.message == DatagramMessage::Here
            }));
    }
    println!("{heard} announcements in {listening:?}");
    assert!(heard >= 7, "{heard} announcements in {listening:?}");
    drop(going);
    assert_well(&one);
    assert_well(&other);
}
