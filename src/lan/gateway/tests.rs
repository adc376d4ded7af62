//! The gateway by itself.

use super::*;

fn at(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(100_000 + ms)
}

fn id(n: u8) -> PeerId {
    PeerId([n; 32])
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 7))
}

/// One with links to peers 1 and 2.
fn gateway() -> Gateway {
    let mut gateway = Gateway::new(Rng::new([5; 32]));
    for n in [1, 2] {
        assert!(gateway.handle_linked(id(n), Host::from(address(n))));
    }
    gateway
}

fn signed(n: u64) -> Arc<[u8]> {
    Arc::from(n.to_be_bytes())
}

/// What a datagram that peer `n` signed becomes.
fn passing<'a>(n: u8, hops: u8, message: &'a DatagramMessage, signed: &'a Arc<[u8]>) -> Passing<'a> {
    let at = address(n);
    Passing { peer: id(n), charged: Host::from(at).into(), at: Some(at), hops, message, signed }
}

/// Over which links it was passed with how many hops, and how many envelopes went out.
fn outputs(gateway: &mut Gateway, now: Time) -> (Vec<(u8, u8)>, usize) {
    gateway.handle_timeout(now + WITHIN);
    let (mut links, mut envelopes) = (Vec::new(), 0);
    while let Some(output) = gateway.poll_output() {
        match output {
            GatewayOutput::Relay(relay) => links.push((relay.to.0[0], relay.datagram.hops)),
            GatewayOutput::Envelope { .. } => envelopes += 1,
        }
    }
    gateway.check();
    (links, envelopes)
}

#[test]
fn what_is_said_here_crosses_each_link_once_and_not_to_who_said_it() {
    let mut gateway = gateway();
    let here = DatagramMessage::Here;
    gateway.handle_near(at(0), passing(7, 0, &here, &signed(1)), |_| true);
    assert_eq!(outputs(&mut gateway, at(0)), (vec![(1, 1), (2, 1)], 0));
    gateway.handle_near(at(9), passing(7, 0, &here, &signed(1)), |_| true);
    assert_eq!(outputs(&mut gateway, at(9)), (vec![], 0));
    gateway.handle_near(at(9), passing(1, 0, &here, &signed(2)), |_| true);
    assert_eq!(outputs(&mut gateway, at(9)), (vec![(2, 1)], 0));
    // Another gateway's envelope goes on, but no further than four links.
    for (hops, crosses) in [(1, true), (3, true), (4, false), (9, false)] {
        let signed = signed(10 + u64::from(hops));
        gateway.handle_near(at(10), passing(7, hops, &here, &signed), |_| true);
        assert_eq!(outputs(&mut gateway, at(10)).0.len(), if crosses { 2 } else { 0 }, "{hops}");
    }
}

#[test]
fn what_a_link_brings_is_broadcast_and_goes_over_the_other_links() {
    let mut gateway = gateway();
    let here = DatagramMessage::Here;
    gateway.handle_relayed(at(0), id(1), passing(7, 1, &here, &signed(1)));
    gateway.handle_relayed(at(1), id(2), passing(7, 2, &here, &signed(1)));
    assert_eq!(outputs(&mut gateway, at(1)), (vec![(2, 2)], 1));
    // Unless another gateway was first.
    gateway.handle_relayed(at(2), id(1), passing(7, 1, &here, &signed(2)));
    gateway.handle_near(at(2), passing(7, 1, &here, &signed(2)), |_| true);
    assert_eq!(outputs(&mut gateway, at(2)), (vec![(2, 2)], 0));
    gateway.handle_unlinked(id(2));
    gateway.handle_relayed(at(3), id(1), passing(7, 1, &here, &signed(3)));
    assert_eq!(outputs(&mut gateway, at(3)), (vec![], 1));
}

#[test]
fn an_answer_crosses_where_its_question_came_from_and_a_question_where_its_peer_is() {
    let mut gateway = gateway();
    let crosses = |gateway: &mut Gateway, n: u64, message: &DatagramMessage| {
        gateway.handle_near(at(50), passing(7, 0, message, &signed(n)), |peer| peer == id(7));
        !outputs(gateway, at(50)).0.is_empty()
    };
    let proof = |echoes: &[u64]| DatagramMessage::Proof { ask: None, echoes: echoes.to_vec() };
    assert!(!crosses(&mut gateway, 1, &proof(&[8])), "nobody elsewhere asked");
    let hello = DatagramMessage::Hello { nonce: 8 };
    gateway.handle_relayed(at(40), id(1), passing(9, 1, &hello, &signed(2)));
    outputs(&mut gateway, at(40));
    assert!(crosses(&mut gateway, 3, &proof(&[1, 8])) && !crosses(&mut gateway, 4, &proof(&[1])));
    let probe = |peer| DatagramMessage::Probe { peer, nonce: 3 };
    assert!(!crosses(&mut gateway, 5, &probe(id(7))) && crosses(&mut gateway, 6, &probe(id(9))));
    let back = |peer| DatagramMessage::DialBack { peer };
    assert!(!crosses(&mut gateway, 7, &back(id(7))) && crosses(&mut gateway, 8, &back(id(9))));
}

#[test]
fn a_link_that_brings_too_much_is_held_to_its_rate() {
    let mut gateway = gateway();
    let taken = (0..10_000).filter(|_| gateway.admit(at(0), id(1), None).is_some()).count();
    assert_eq!(taken, limits::LINK_TRAFFIC.burst as usize);
    assert_eq!(
        gateway.admit(at(0), id(2), None),
        Some(Host::from(address(2)).socket(limits::DISCOVERY_PORT))
    );
    assert_eq!(gateway.admit(at(0), id(3), Some(address(9))), None, "there is no such link");
}

#[test]
fn without_a_link_nothing_is_done_or_remembered() {
    let mut gateway = Gateway::new(Rng::new([5; 32]));
    gateway.handle_near(at(0), passing(7, 0, &DatagramMessage::Here, &signed(1)), |_| true);
    assert_eq!((outputs(&mut gateway, at(0)), gateway.poll_timeout()), ((vec![], 0), None));
    for n in 0..=u8::MAX {
        gateway.handle_linked(id(n), Host::from(address(n)));
    }
    gateway.check();
}
