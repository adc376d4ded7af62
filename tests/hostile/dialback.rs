//! Questions to dial back, and who comes to the port on which such peers are expected.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::TcpListener;

use potluck::identity::{Identity, Instance, PeerId};
use potluck::limits;
use potluck::sys::clock;
use potluck::wire::Message as Asked;
use potluck::wire::datagram::DatagramMessage;
use potluck::wire::message::Reason;

use crate::caller::Caller;
use crate::fiend::{Fiend, Lie, Offer, Order, SENDER, Voice, address};
use crate::lab::{Lab, SOON, pause, wait};
use crate::watch::assert_well;

fn listener(lab: &Lab, node: u32) -> TcpListener {
    let socket = lab.within(node, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, SENDER - 1))).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

#[test]
fn a_question_to_dial_back_leads_nowhere_but_to_its_asker() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    let (own, third) = (listener(&lab, 2), listener(&lab, 3));
    fiend.offer_until_pulled(&[Offer::file("a", b"x")]);
    wait("the fiend is listed", SOON, || victim.names().contains(&"fiend".to_owned()).then_some(()));
    let peer: PeerId = victim.status().id.parse().unwrap();
    let to = SocketAddr::from((address(1), limits::DISCOVERY_PORT));
    // Far ahead of what it says itself meanwhile, so that none counts as heard before.
    let mut number = 1_000_000;
    let mut question = || {
        number += 1;
        let voice = Voice::new(&fiend.identity, "fiend");
        let instance = Instance { count: 9, random: 9 };
        voice.forge(fiend.identity.public(), instance, number, &DatagramMessage::DialBack { peer })
    };
    // Of a peer that is not listed, and of the fiend from an address that it did not prove.
    let stranger = Identity::generate().unwrap();
    let mut voice = Voice::new(&stranger, "stranger");
    for _ in 0..20 {
        fiend.order(Order::Send(voice.say(&DatagramMessage::DialBack { peer }), to));
    }
    let far = (0..20).map(|_| data_encoding::HEXLOWER.encode(&question())).collect::<Vec<_>>().join(" ");
    lab.python(
        3,
        &format!(
            "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             for h in '{far}'.split(): s.sendto(bytes.fromhex(h), ('{}', {}))\n",
            to.ip(),
            to.port()
        ),
    );
    // From where it is, it asks twenty times a second.
    let (begun, mut dialled) = (clock::now(), 0);
    let asking = Duration::from_secs(4);
    while clock::now().since(begun) < asking || dialled == 0 {
        assert!(clock::now().since(begun) < SOON, "it was never dialled back");
        fiend.order(Order::Send(question(), to));
        pause(Duration::from_millis(50));
        while own.accept().is_ok() {
            dialled += 1;
        }
    }
    let seconds = clock::now().since(begun).as_secs();
    println!("dialled {dialled} times in {seconds} s");
    assert!(dialled <= seconds + 2, "{dialled} dials in {seconds} s");
    assert!(third.accept().is_err(), "somebody was dialled who proved nothing");
    assert_well(&victim);
}

#[test]
fn nobody_has_a_place_on_the_receivers_port_who_was_not_asked() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer_with(1, "victim", &[("a", b"shared")]);
    let status = victim.status();
    let (peer, port) = (status.id.parse().unwrap(), status.ports[0]);
    for _ in 0..20 {
        let mut caller = lab.within(2, || Caller::dial(&Caller::tls(), peer, address(1), port)).unwrap();
        match caller.hear() {
            Some((Asked::Refused(refused), payload)) if payload.is_empty() => {
                assert_eq!((refused.request, refused.reason), (0, Reason::NotOffered));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(caller.hear(), None, "and it is closed");
    }
    assert_well(&victim);
}
