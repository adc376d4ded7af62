//! A gateway that lies end to end, and a stranger that makes links without end and never reads.

use core::net::SocketAddr;
use core::time::Duration;

use potluck::address::Ports;
use potluck::control::{ChatRequest, Reply};
use potluck::identity::{Identity, PeerId};
use potluck::limits;
use potluck::sys::clock;
use potluck::wire::datagram::{DatagramMessage, ECHOES};
use potluck::wire::envelope::wrap;
use potluck::wire::message::Relay;
use potluck::wire::room::RoomLine;
use potluck::wire::{Message, Rows};

use crate::bystander::Bystander;
use crate::caller::Caller;
use crate::fiend::{Event, Fiend, Lie, Order, Voice, address};
use crate::lab::{Lab, Peer, SOON, pause, wait};
use crate::watch::{assert_well, descriptors, memory};

/// Where the first peer of a lab hears.
fn victim_at() -> SocketAddr {
    (address(1), limits::DISCOVERY_PORT).into()
}

/// Peers that a gateway invents, each with a key, and with an address of the third machine.
const INVENTED: u8 = 40;

/// The nonce that this asks everyone, or one, to say again.
fn nonce_of(message: &DatagramMessage) -> Option<u64> {
    match message {
        DatagramMessage::Hello { nonce } | DatagramMessage::Proof { ask: Some(nonce), .. } => Some(*nonce),
        _ => None,
    }
}

#[test]
fn a_gateway_that_invents_peers_has_a_third_machine_dialled_seldom() {
    const WATCHED: Duration = Duration::from_secs(60);
    let Some(lab) = Lab::of("up 4") else { return };
    let bystander = Bystander::new(&lab, 3, INVENTED);
    let victim = lab.peer(1, "victim", &[]);
    let honest = lab.peer(4, "honest", &[]);
    let liar = Fiend::start(&lab, 2, "liar", Lie::None);
    wait("all are here", SOON, || (victim.peers().len() == 2 && honest.sees(&victim)).then_some(()));
    let mut voices: Vec<_> =
        (0..INVENTED).map(|n| Voice::new(&Identity::generate().unwrap(), &format!("nobody-{n}"))).collect();
    let (begin, mut is_listed) = (clock::now(), 0);
    while clock::now().since(begin) < WATCHED {
        // They say that they are here, and answer what everyone is asked, through the gateway.
        let nonce = liar.events.try_iter().filter_map(|event| match event {
            Event::Heard(body, _) => nonce_of(&body.message),
            _ => None,
        });
        let mut says: Vec<_> =
            nonce.map(|nonce| DatagramMessage::Proof { ask: None, echoes: vec![nonce] }).collect();
        says.push(DatagramMessage::Here);
        for message in says {
            for (voice, n) in voices.iter_mut().zip(0..) {
                let at = SocketAddr::from((Bystander::address(n), limits::DISCOVERY_PORT));
                let envelope = wrap(&liar.identity, 1, at, &voice.say(&message));
                liar.order(Order::Send(envelope, victim_at()));
            }
        }
        is_listed = is_listed.max(victim.names().iter().filter(|name| name.starts_with("nobody-")).count());
        assert!(victim.sees(&honest));
        pause(Duration::from_secs(1));
    }
    let (dials, datagrams) = (bystander.dials(), bystander.datagrams());
    println!("{is_listed} invented peers listed, {dials} dials and {datagrams} datagrams to a third machine");
    assert!(is_listed > 0 && dials > 0, "nobody believed a word of it, so that nothing is shown");
    // Five failures a minute are what one gateway may cause, and here a minute ends.
    assert!(dials <= 2 * 5, "{dials} dials in {WATCHED:?}");
    assert_eq!(datagrams, 0);
    assert_well(&victim);
}

/// What the keys of the machine that floods a gateway are called.
const LOUD: &str = "loud";

/// Answers of all voices to what everyone is asked, so that they are listed by the gateway, and announcements.
fn prove(liar: &Fiend, voices: &mut [Voice], to: SocketAddr) {
    let nonces = liar.events.try_iter().filter_map(|event| match event {
        Event::Heard(body, _) => nonce_of(&body.message),
        _ => None,
    });
    let echoes: Vec<u64> = nonces.take(ECHOES).collect();
    let answer = DatagramMessage::Proof { ask: None, echoes };
    for voice in voices {
        liar.order(Order::Send(voice.say(&DatagramMessage::Here), to));
        liar.order(Order::Send(voice.say(&answer), to));
    }
}

/// Whoever is behind an honest gateway says more than a link carries, by many keys; others there are heard across.
#[test]
fn one_machine_with_many_keys_leaves_others_their_share_of_the_link_of_a_gateway() {
    const LINES: usize = 15;
    let Some(lab) = Lab::of("up2 3 2") else { return };
    let [gateway, quiet] = [(1, "gateway"), (3, "quiet")].map(|(node, name)| lab.peer(node, name, &[]));
    let [far, beside] = [(4, "far"), (5, "beside")].map(|(node, name)| lab.peer(node, name, &[]));
    let liar = Fiend::start(&lab, 2, LOUD, Lie::None);
    wait("each network by itself", SOON, || (gateway.sees(&quiet) && far.sees(&beside)).then_some(()));
    let out = gateway.cli(["connect", "10.78.0.14"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    wait("all are here", SOON, || {
        (gateway.sees(&beside) && beside.sees(&quiet) && far.sees(&quiet)).then_some(())
    });
    let mut voices: Vec<_> =
        (0..INVENTED).map(|n| Voice::new(&Identity::generate().unwrap(), &format!("{LOUD}-{n}"))).collect();
    let are_loud = |peer: &Peer| peer.names().iter().filter(|name| name.starts_with(LOUD)).count();
    wait("its keys are believed", SOON, || {
        prove(&liar, &mut voices, victim_at());
        (are_loud(&gateway) > usize::from(INVENTED) / 2).then_some(())
    });
    // A thousand datagrams a second, for a link that carries a hundred.
    let begin = clock::now();
    let (mut said, mut sent) = (0, 0);
    for round in 1.. {
        for voice in &mut voices {
            let line = RoomLine { number: round, said: 0, text: format!("{LOUD} {round}") };
            liar.order(Order::Send(voice.say(&DatagramMessage::Room(line)), victim_at()));
            sent += 1;
        }
        prove(&liar, &mut voices, victim_at());
        if clock::now().since(begin) > Duration::from_secs(1) * u32::try_from(said).unwrap() {
            let request = ChatRequest { text: vec![format!("line {said}")] }.into();
            let is_said = quiet.try_ask(&request).is_some_and(|mut all| all.pop() == Some(Reply::Done));
            said += usize::from(is_said);
            assert!(beside.sees(&quiet) && far.sees(&quiet), "missed after {said} lines");
        }
        if said == LINES {
            break;
        }
        pause(Duration::from_millis(100));
    }
    let all: Vec<_> = (0..LINES).map(|n| format!("line {n}")).collect();
    let heard = |peer: &Peer| {
        let replies = peer.try_ask(&ChatRequest::default().into()).unwrap_or_default();
        let rows =
            replies.into_iter().filter_map(|r| if let Reply::Line(row) = r { Some(row) } else { None });
        rows.filter(|row| row.name == quiet.name).map(|row| row.text).collect::<Vec<_>>()
    };
    for peer in [&far, &beside] {
        wait("its lines come through", SOON, || (heard(peer) == all).then_some(()));
    }
    println!(
        "{sent} loud lines in {:?}; {} loud keys listed across",
        clock::now().since(begin),
        are_loud(&beside)
    );
    assert!(beside.sees(&quiet) && far.sees(&quiet));
    [&gateway, &far].into_iter().for_each(assert_well);
}

/// Who said it, and its bytes.
type Announcement = (String, Vec<u8>);

#[test]
fn what_a_peer_said_before_it_went_brings_it_back_through_no_envelope() {
    let Some(lab) = Lab::of("up 4") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let gateway = Fiend::start(&lab, 2, "gateway", Lie::None);
    let mut peers = [(3, "leaver"), (4, "killed")].map(|(node, name)| lab.peer(node, name, &[]));
    wait("all are here", SOON, || (victim.peers().len() == 3).then_some(()));
    let mut said: Vec<Announcement> = Vec::new();
    let mut collect = |what: &str, enough: &dyn Fn(&[Announcement]) -> bool| {
        wait(what, SOON, || {
            said.extend(gateway.events.try_iter().filter_map(|event| match event {
                Event::Heard(body, bytes) if body.presence.name.as_str() != "victim" => {
                    Some((body.presence.name.as_str().to_owned(), bytes))
                }
                _ => None,
            }));
            enough(&said).then_some(())
        });
        said.len()
    };
    let by_killed = |said: &[Announcement]| said.iter().filter(|(name, _)| name == "killed").count();
    let replayed = collect("some announcements", &|said| said.len() >= 10 && by_killed(said) >= 3);
    // What they say last the victim may not have heard: then it is news whenever it comes.
    collect("and some after them", &|said| {
        by_killed(&said[replayed..]) >= 3 && said.len() - replayed - by_killed(&said[replayed..]) >= 3
    });
    let [leaver, killed] = &mut peers;
    assert!(leaver.cli(["exit", "--now"]).status.success());
    leaver.ended(SOON);
    killed.kill();
    // A connection that ends may be noticed before what its peer said last is read: then it is back for a moment.
    loop {
        collect("both are gone", &|_| victim.peers().len() == 1);
        pause(Duration::from_secs(2));
        if victim.peers().len() == 1 {
            break;
        }
    }
    said.truncate(replayed);
    assert!(said.len() >= 10);
    let is_back = |peer: &Peer| victim.sees(peer);
    for round in 0..10_u8 {
        for (n, (_, bytes)) in said.iter().rev().take(100).enumerate() {
            let at = SocketAddr::from((Bystander::address(u8::try_from(n).unwrap()), limits::DISCOVERY_PORT));
            gateway.order(Order::Send(wrap(&gateway.identity, 1 + round % 4, at, bytes), victim_at()));
        }
        pause(Duration::from_secs(1));
        let back: Vec<_> = peers.iter().filter(|peer| is_back(peer)).map(|peer| &peer.name).collect();
        assert!(back.is_empty(), "{back:?} is back in round {round}");
    }
    assert_well(&victim);
}

/// What each of these keys does at `to`: it makes links, asks more than it may, and reads nothing.
fn open_links(lab: &Lab, node: u32, count: usize, to: (PeerId, Ports)) -> Vec<Caller> {
    let question = |request| Message::Relay(Relay { request, datagrams: Rows::from(Vec::new()) }).encode();
    let questions: Vec<u8> = (1..=100).flat_map(question).collect();
    lab.within(node, || {
        let open = |_| {
            let mut caller = Caller::dial(&Caller::tls(), to.0, address(1), to.1.sender).ok()?;
            caller.say(&questions).ok()?;
            Some(caller)
        };
        (0..count).filter_map(open).collect()
    })
}

#[test]
fn links_without_end_that_are_never_read_keep_no_other_gateway_out() {
    const LINKS: usize = 200;
    let Some(lab) = Lab::of("up2 2 2") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let far = lab.peer_with(3, "far", &[("far.txt", b"far")]);
    let status = victim.status();
    let [receiver, sender, distributor, distributee] = status.ports;
    let ports = Ports { receiver, sender, distributor, distributee };
    let before = memory(&victim);
    let open = open_links(&lab, 2, LINKS, (status.id.parse().unwrap(), ports));
    assert!(open.len() > 32, "{} links", open.len());
    let out = far.cli(["connect", "10.77.0.11"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    wait("both listed", SOON, || (victim.sees(&far) && far.sees(&victim)).then_some(()));
    wait("its file", SOON, || victim.offered("far.txt"));
    // It lasts, though more and more are made.
    for _ in 0..5 {
        drop(open_links(&lab, 2, LINKS / 5, (status.id.parse().unwrap(), ports)));
        pause(Duration::from_secs(1));
        assert!(victim.sees(&far) && far.sees(&victim));
        assert_eq!(far.status().outside.routes[0].state, "up");
    }
    let (after, files) = (memory(&victim), descriptors(&victim));
    println!("{} links open; memory {before} KiB before, {after} KiB after, {files} descriptors", open.len());
    assert!(after < before + (64 << 10), "{before} KiB, then {after} KiB");
    assert_well(&victim);
}
