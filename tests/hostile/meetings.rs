//! A gateway that tells lies about where those are that want to meet.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use potluck::identity::{Identity, PeerId};
use potluck::limits;
use potluck::sys::clock;
use potluck::wire::datagram::DatagramMessage;
use potluck::wire::envelope::wrap;

use crate::bystander::Bystander;
use crate::fiend::{Event, Fiend, Lie, Order, SENDER, Voice, address};
use crate::lab::{Lab, Peer, SOON, pause, wait};
use crate::watch::assert_well;

/// Peers behind the gateway, which it invents: each shares something and wants to be met.
const INVENTED: u8 = 40;

/// So long they are heard.
const WATCHED: Duration = Duration::from_secs(60);

/// Dials that one port may be made to do in that time: five meetings at first, one every 12 s, five dials each.
const DIALS: u64 = (5 + WATCHED.as_secs() / 12 + 1) * 5;

/// Has `victim` hear of peers through `liar`, each of which asks it to come, until `is_enough`.
fn invent(liar: &Fiend, victim: &Peer, mut is_enough: impl FnMut() -> bool) {
    let id: PeerId = victim.status().id.parse().unwrap();
    let mut voices: Vec<_> =
        (0..INVENTED).map(|n| Voice::new(&Identity::generate().unwrap(), &format!("nobody-{n}"))).collect();
    for voice in &mut voices {
        voice.catalogue = 1;
    }
    while !is_enough() {
        let nonce = liar.events.try_iter().filter_map(|event| match event {
            Event::Heard(body, _) => match body.message {
                DatagramMessage::Hello { nonce } | DatagramMessage::Proof { ask: Some(nonce), .. } => {
                    Some(nonce)
                }
                _ => None,
            },
            _ => None,
        });
        let mut says: Vec<_> =
            nonce.map(|nonce| DatagramMessage::Proof { ask: None, echoes: vec![nonce] }).collect();
        says.extend([DatagramMessage::Here, DatagramMessage::DialBack { peer: id }]);
        for message in says {
            for voice in &mut voices {
                // Of no use to anybody, so that they can only be met.
                let at = SocketAddr::from((Ipv4Addr::LOCALHOST, limits::DISCOVERY_PORT));
                let envelope = wrap(&liar.identity, 1, at, &voice.say(&message));
                liar.order(Order::Send(envelope, (address(1), limits::DISCOVERY_PORT).into()));
            }
        }
        pause(Duration::from_secs(1));
    }
}

#[test]
fn a_gateway_that_names_a_third_machine_makes_it_dialled_a_few_times() {
    let Some(lab) = Lab::of("up 4") else { return };
    let bystander = Bystander::new(&lab, 3, 1);
    let victim = lab.peer(1, "victim", &[]);
    let honest = lab.peer(4, "honest", &[]);
    let there = SocketAddr::from((Bystander::address(0), 9));
    let liar = Fiend::start(&lab, 2, "liar", Lie::Introduces(there));
    wait("all are here", SOON, || (victim.peers().len() == 2 && honest.sees(&victim)).then_some(()));
    let begin = clock::now();
    invent(&liar, &victim, || {
        assert!(victim.sees(&honest));
        clock::now().since(begin) >= WATCHED
    });
    let dials = bystander.dials();
    println!("{dials} dials in {WATCHED:?}");
    assert!(dials > 0, "nobody believed a word of it, so that nothing is shown");
    assert!(dials <= 2 * DIALS, "{dials} dials in {WATCHED:?}, of at most {}", 2 * DIALS);
    assert_eq!(bystander.datagrams(), 0);
    assert_well(&victim);
}

#[test]
fn whoever_is_there_instead_of_the_one_that_is_met_gets_nothing() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer_with(1, "victim", &[("secret.txt", b"secret")]);
    // It is no peer that anybody knows, and takes every connection.
    let other = Fiend::start_against(Ipv4Addr::new(10, 77, 0, 99), &lab, 3, "other");
    let liar = Fiend::start(&lab, 2, "liar", Lie::Introduces((address(3), SENDER).into()));
    wait("it is here", SOON, || (!victim.peers().is_empty()).then_some(()));
    let (begin, mut broken) = (clock::now(), 0);
    invent(&liar, &victim, || {
        for event in other.events.try_iter() {
            match event {
                Event::Broken => broken += 1,
                Event::Asked(_, message) => panic!("it is asked {message:?}"),
                Event::Heard(..) => {}
            }
        }
        assert!(clock::now().since(begin) < WATCHED, "{broken} handshakes failed");
        broken >= 5
    });
    assert_well(&victim);
}
