//! Datagrams that claim to be another peer's: repeated, forged, relayed; and somebody in the middle.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::{TcpListener, UdpSocket};

use potluck::identity::{Identity, Instance, PublicKey};
use potluck::limits;
use potluck::sys::clock;
use potluck::wire::Message as Asked;
use potluck::wire::datagram::{Body, DatagramMessage, Envelope};

use crate::fiend::{Event, Fiend, Lie, Offer, Order, SENDER, Voice, address};
use crate::lab::{Lab, Peer, SOON, pause, wait};
use crate::watch::{assert_holds, assert_well};

/// What the fiend hears from this peer until `look` takes one.
fn hear(fiend: &Fiend, from: &Peer, mut look: impl FnMut(&Body) -> bool) -> (Body, Vec<u8>) {
    fiend.until("a datagram", |event| match event {
        Event::Heard(body, bytes) if body.presence.name.as_str() == from.name && look(&body) => {
            Some((*body, bytes))
        }
        _ => None,
    })
}

fn key_of(datagram: &[u8]) -> PublicKey {
    Envelope::parse(datagram).unwrap().key()
}

/// The fiend makes its victim handle everything it sent before: a later catalogue of its own is asked for.
fn settle(fiend: &Fiend) {
    fiend.offer_until_pulled(&[Offer::file(format!("{}", clock::now().0), b"x")]);
}

#[test]
fn no_datagram_of_another_moves_or_removes_a_peer() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    let mut honest = lab.peer_with(3, "honest", &[("a", b"right")]);
    wait("the file", SOON, || victim.offered("a"));
    // The last words of its first start, and the second one.
    let (_, early) = hear(&fiend, &honest, |_| true);
    assert_eq!(honest.cli(["exit", "--now"]).status.code(), Some(0));
    let (_, leave) = hear(&fiend, &honest, |body| body.message == DatagramMessage::Leave);
    honest.ended(SOON);
    let honest = lab.peer(3, "honest", &[]);
    wait("the file", SOON, || victim.offered("a"));
    let row = || victim.peers().into_iter().find(|row| row.name == "honest");
    let before = row().unwrap();
    let (body, here) = hear(&fiend, &honest, |body| body.message == DatagramMessage::Here);
    let key = key_of(&here);
    let voice = Voice::new(&fiend.identity, "honest");
    let later = Instance { count: u64::MAX, random: u64::MAX };
    let mut all = vec![early, leave.clone(), here.clone(), leave];
    for (instance, sequence) in [(body.instance, body.sequence + 1), (body.instance, u64::MAX), (later, 1)] {
        for message in [DatagramMessage::Here, DatagramMessage::Leave] {
            all.push(voice.forge(key, instance, sequence, &message));
        }
    }
    // What it says, one byte changed: the state, a port, the end of the signature.
    for at in [40, here.len() / 2, here.len() - 1] {
        let mut changed = here.clone();
        changed[at] ^= 1;
        all.push(changed);
    }
    let to: SocketAddr = (address(1), limits::DISCOVERY_PORT).into();
    let honest_at = lab.netlab("exec 3 ip -o addr show v0");
    for round in 0..3 {
        all.iter().for_each(|bytes| fiend.order(Order::Send(bytes.clone(), to)));
        settle(&fiend);
        let now = row().unwrap_or_else(|| panic!("gone in round {round}"));
        let same = |r: &potluck::control::PeerRow| (r.id.clone(), r.port, r.name.clone());
        assert_eq!(same(&now), same(&before));
        // It has two, and whichever proved itself last comes first.
        let address = now.address.split('%').next().unwrap_or_default();
        assert!(honest_at.contains(&format!(" {address}/")), "{} is none of {honest_at}", now.address);
    }
    // Longer than a silent peer is missed: whoever was believed gone or elsewhere would be gone by now.
    let start = clock::now();
    while clock::now().since(start) < Duration::from_secs(3) {
        assert!(victim.sees(&honest));
        let event = fiend.events.recv_timeout(Duration::from_millis(50));
        assert!(!matches!(event, Ok(Event::Broken)), "dialled as somebody else: {event:?}");
    }
    assert_holds(&victim.fetch("a"), b"right");
    assert_well(&victim);
}

/// The link-layer address of a node.
fn mac(lab: &Lab, node: u32) -> String {
    let out = lab.inside(node, "cat").arg("/sys/class/net/v0/address").output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn who_stands_in_the_middle_with_another_key_gets_and_gives_nothing() {
    let Some(lab) = Lab::of("up 3") else { return };
    let [one, three] = [1, 3].map(|node| mac(&lab, node));
    // The two hear of each other only what the one between them carries.
    lab.netlab_with(["block", "1", &format!("ether saddr {three}")]);
    lab.netlab_with(["block", "3", &format!("ether saddr {one}")]);
    let middle = Fiend::start(&lab, 2, "middle", Lie::Bytes);
    middle.order(Order::Have(b"secret".to_vec()));
    middle.offer(vec![Offer::file("secret", b"secret")]);
    middle.order(Order::Relay(address(1), address(3)));
    let honest = lab.peer_with(3, "honest", &[("secret", b"secret")]);
    let victim = lab.peer(1, "victim", &[]);
    let seen = || victim.peers().into_iter().find(|row| row.name == "honest");
    let (row, _) = wait("the honest peer at the address of the one in the middle", SOON, seen);
    assert!(row.address.contains(&address(2).to_string()), "{row:?}");
    // Two dial, and both find another key than that of whom they want.
    for _ in 0..3 {
        middle.until("a handshake that fails", |event| match event {
            Event::Broken => Some(()),
            Event::Asked(_, message) => panic!("it was asked: {message:?}"),
            Event::Heard(..) => None,
        });
        assert_eq!(victim.list(), []);
    }
    let out = victim.cli(["download", "secret"]);
    assert_eq!(out.status.code(), Some(4), "nobody is known to offer it");
    while let Ok(event) = middle.events.try_recv() {
        assert!(!matches!(event, Event::Asked(_, Asked::GetBlocks(_) | Asked::GetManifest(_))), "{event:?}");
    }
    // Once they hear each other, it is in nobody's way.
    lab.netlab("block 1 none");
    lab.netlab("block 3 none");
    wait("the file", Duration::from_secs(60), || victim.offered("secret"));
    assert_holds(&victim.fetch("secret"), b"secret");
    assert_well(&victim);
    assert_well(&honest);
}

/// A node sends these to node 1 as if they came from port 5,000 of another one, with a pause after each.
pub(crate) fn forge(lab: &Lab, node: u32, third: u8, datagrams: &[Vec<u8>], pause: Duration) {
    let hex = datagrams.iter().map(|bytes| data_encoding::HEXLOWER.encode(bytes));
    lab.python(
        node,
        &format!(
            "import socket, struct, time\n\
             s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)\n\
             src, dst = socket.inet_aton('{third}'), socket.inet_aton('{target}')\n\
             for h in '{hex}'.split():\n\
             \tp = bytes.fromhex(h)\n\
             \tu = struct.pack('!HHHH', 5000, {port}, 8 + len(p), 0) + p\n\
             \ti = struct.pack('!BBHHHBBH4s4s', 69, 0, 20 + len(u), 1, 0, 64, 17, 0, src, dst)\n\
             \ts.sendto(i + u, ('{target}', 0))\n\
             \ttime.sleep({pause})\n",
            third = address(third),
            target = address(1),
            hex = hex.collect::<Vec<_>>().join(" "),
            port = limits::DISCOVERY_PORT,
            pause = pause.as_secs_f64(),
        ),
    );
}

#[test]
fn a_forged_answer_to_what_went_to_everyone_leads_no_connection_to_a_third() {
    let Some(lab) = Lab::of("up 3") else { return };
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    let tcp = lab.within(3, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, SENDER))).unwrap();
    tcp.set_nonblocking(true).unwrap();
    let victim = lab.peer(1, "victim", &[]);
    let is_hello = |body: &Body| matches!(body.message, DatagramMessage::Hello { .. });
    let (hello, _) = hear(&fiend, &victim, is_hello);
    let DatagramMessage::Hello { nonce } = hello.message else { unreachable!() };
    // A peer at the third's address, as it seems, with a catalogue that changes ten times a second.
    let mut voice = Voice::new(&Identity::generate().unwrap(), "third");
    let datagrams: Vec<Vec<u8>> = (1..=80)
        .map(|version| {
            voice.catalogue = version;
            voice.say(&DatagramMessage::Proof { ask: None, echoes: vec![nonce] })
        })
        .collect();
    forge(&lab, 2, 3, &datagrams, Duration::from_millis(100));
    // Somebody who is where it says is dialled.
    fiend.offer_until_pulled(&[Offer::file("a", b"x")]);
    let dialled = core::iter::from_fn(|| tcp.accept().ok()).count();
    assert_eq!(dialled, 0, "connections to a third that said nothing");
    assert_well(&victim);
}

#[test]
fn a_place_where_nobody_answers_rightly_is_dialled_seldom() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::HangUp);
    let (begun, mut dialled) = (clock::now(), 0);
    let asking = Duration::from_secs(15);
    while clock::now().since(begun) < asking {
        // Each time there is something new to be asked for.
        fiend.offer(vec![Offer::file("a", b"x")]);
        pause(Duration::from_millis(250));
        while let Ok(event) = fiend.events.try_recv() {
            dialled += u32::from(matches!(event, Event::Broken));
        }
    }
    println!("dialled {dialled} times in {asking:?}");
    assert!((2..=10).contains(&dialled), "{dialled} dials in {asking:?}");
    assert_well(&victim);
}

#[test]
fn a_forged_source_is_asked_little_and_never_connected_to() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    fiend.offer_until_pulled(&[Offer::file("a", b"x")]);
    // Where a third would hear what it never asked for.
    let any = Ipv4Addr::UNSPECIFIED;
    let (udp, tcp) = lab.within(3, || (UdpSocket::bind((any, 5_000)), TcpListener::bind((any, SENDER))));
    let (udp, tcp) = (udp.unwrap(), tcp.unwrap());
    udp.set_read_timeout(Some(SOON)).unwrap();
    tcp.set_nonblocking(true).unwrap();
    let identity = Identity::generate().unwrap();
    let mut voice = Voice::new(&identity, "third");
    const SENT: usize = 20;
    let datagrams = [(); SENT].map(|()| voice.say(&DatagramMessage::Hello { nonce: 7 }));
    forge(&lab, 2, 3, &datagrams, Duration::ZERO);
    let mut buffer = [0; 2_048];
    let (mut answers, mut bytes) = (1, udp.recv(&mut buffer).unwrap());
    // All its questions but the last few, which come seconds apart.
    udp.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    while let Ok(n) = udp.recv(&mut buffer) {
        assert!(n <= datagrams[0].len(), "{n} bytes for {}", datagrams[0].len());
        (answers, bytes) = (answers + 1, bytes + n);
    }
    let asked: usize = datagrams.iter().map(Vec::len).sum();
    println!("{answers} datagrams with {bytes} bytes came of {SENT} with {asked} that somebody else sent");
    assert!(answers <= SENT && bytes <= asked);
    assert_eq!(victim.names(), ["fiend"], "an address that nobody proved is listed");
    assert!(tcp.accept().is_err(), "somebody connected to a forged address");
    assert_well(&victim);
}
