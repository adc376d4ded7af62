//! The parts of the machine that work on the table of peers, in virtual time: who is listed, what comes of
//! silence, and which proofs are asked for and given.

use std::sync::Arc;

use core::net::SocketAddr;
use core::time::Duration;

use super::pending_proofs::PendingProof;
use super::table::AddressProof;
use super::*;
use crate::address::{Host, Ports};
use crate::identity::PeerName;
use crate::lan::Gone;
use crate::lan::traffic::Recipient;
use crate::wire::datagram::{Presence, PresenceState};

const PEER: PeerId = PeerId([2; 32]);
const THERE: &str = "10.0.0.2:5";
const ELSEWHERE: &str = "10.0.0.3:5";
const OFF_LINK: &str = "192.168.0.9:5";

/// What the machine is put together of, as far as these tests need it.
struct Parts {
    now: Time,
    listing: Listing,
    rng: Rng,
    hellos: Hellos,
    proofs: Proofs,
    out: Outputs,
}

impl Parts {
    fn new() -> Self {
        let now = Time::ZERO + Duration::from_secs(1_000);
        let mut rng = Rng::new([3; 32]);
        let mut listing = Listing::new(1);
        listing.links.replace(vec![NetworkPrefix { ip: [10, 0, 0, 1].into(), prefix: 8 }]);
        let hellos = Hellos::new(now, &mut rng);
        Self { now, listing, rng, hellos, proofs: Proofs::default(), out: Outputs::default() }
    }

    /// With [`PEER`] listed at `at`.
    fn listing(at: &str) -> Self {
        let mut parts = Self::new();
        parts.hear(at, start(1), 1, DatagramMessage::Here).unwrap();
        assert!(parts.promote(at));
        assert!(matches!(parts.events()[..], [Event::Here(_)]));
        parts
    }

    /// [`PEER`] says something.
    fn hear(&mut self, at: &str, by: Instance, n: u64, message: DatagramMessage) -> Result<(), Dropped> {
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let name = PeerName::of_folder("peer", PeerId([0; 32]));
        let presence = Presence::new(PresenceState::Here, name, ports, 1_000, 0);
        let body = Body { instance: by, sequence: n, presence, message };
        let packet = Packet { source: endpoint(at), peer: PEER, body: &body, signed: &Arc::from([]) };
        self.listing.hear(self.now, &packet, &mut self.rng, &mut self.out)
    }

    fn promote(&mut self, at: &str) -> bool {
        self.prove(at, AddressProof::Reached)
    }

    fn prove(&mut self, at: &str, proof: AddressProof) -> bool {
        self.listing.promote(self.now, PEER, endpoint(at).at, proof, &mut self.rng, &mut self.out)
    }

    /// Where [`PEER`] may be dialled, as it was told last.
    fn dialled_at(&mut self) -> Option<Vec<Host>> {
        self.events().into_iter().rev().find_map(|event| match event {
            Event::Here(info) => Some(info.contact.hosts),
            _ => None,
        })
    }

    /// Where [`PEER`] proved to be.
    fn hosts(&self) -> Vec<Host> {
        self.listing.table.get(PEER).map_or_else(Vec::new, |entry| entry.hosts.clone())
    }

    /// Where [`PEER`] has to prove itself.
    fn candidate(&self) -> Option<Endpoint> {
        self.listing.table.candidate(PEER).map(|c| c.from)
    }

    fn outputs(&mut self) -> Vec<DiscoveryOutput> {
        core::iter::from_fn(|| self.out.pop()).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        let event = |output| match output {
            DiscoveryOutput::Event(event) => Some(event),
            _ => None,
        };
        self.outputs().into_iter().filter_map(event).collect()
    }

    /// Lets time pass until nothing is to be proved any more; what was said, and to whom.
    fn prove_all(&mut self) -> Vec<(Recipient, DatagramMessage)> {
        self.prove_until(None)
    }

    /// The same, but not beyond this time.
    fn prove_until(&mut self, end: Option<Time>) -> Vec<(Recipient, DatagramMessage)> {
        loop {
            let pacing = Pacing::of(self.now, &self.listing.table, &self.hellos);
            let next = self.proofs.poll_timeout(self.now, &self.listing.table, &pacing);
            let next = next.filter(|at| end.is_none_or(|end| *at <= end));
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            let (table, hellos, out) = (&mut self.listing.table, &self.hellos, &mut self.out);
            let rng = &mut self.rng;
            self.proofs.handle_timeout(self.now, &mut Surroundings { table, hellos, out, rng });
        }
        let said = |output| match output {
            DiscoveryOutput::Send { to, message } => Some((to, message)),
            _ => None,
        };
        self.outputs().into_iter().filter_map(said).collect()
    }

    /// A question of [`PEER`] is to be answered now.
    fn answer(&mut self, nonce: u64) {
        let pacing = Pacing::of(self.now, &self.listing.table, &self.hellos);
        let mut id = [9; 32];
        id[..8].copy_from_slice(&nonce.to_be_bytes());
        let proof = PendingProof { due: self.now, to: endpoint(THERE), peer: PeerId(id), nonce };
        self.proofs.answer(self.now, proof, &mut self.listing.table, &pacing);
    }
}

fn endpoint(at: &str) -> Endpoint {
    Endpoint { at: at.parse().unwrap(), via: Via::Shared }
}

fn start(count: u64) -> Instance {
    Instance { count, random: 0 }
}

#[test]
fn who_was_heard_is_listed_once_it_proved_itself() {
    let mut parts = Parts::new();
    parts.hear(THERE, start(1), 1, DatagramMessage::Here).unwrap();
    assert_eq!((parts.hosts(), parts.candidate()), (Vec::new(), Some(endpoint(THERE))));
    assert!(parts.events().is_empty());
    assert!(parts.promote(THERE));
    assert_eq!((parts.hosts(), parts.candidate()), (vec![endpoint(THERE).host()], None));
    assert!(matches!(parts.events()[..], [Event::Here(_)]));
    assert!(!parts.promote(THERE) && parts.events().is_empty(), "that is no news");
}

#[test]
fn a_leave_is_the_end_of_its_instance_for_whoever_knew_it() {
    let mut parts = Parts::listing(THERE);
    parts.hear(ELSEWHERE, start(1), 2, DatagramMessage::Leave).unwrap();
    assert!(matches!(parts.events()[..], [Event::Gone(PEER, Gone::Left)]));
    assert_eq!(parts.hear(THERE, start(1), 3, DatagramMessage::Here), Err(Dropped::Buried));
    parts.hear(THERE, start(2), 1, DatagramMessage::Here).unwrap();
    assert_eq!(parts.hear(THERE, start(2), 2, DatagramMessage::Leave), Err(Dropped::Unknown));
    assert_eq!(parts.hear(THERE, start(2), 3, DatagramMessage::Here), Err(Dropped::Buried));
    let mut parts = Parts::new();
    assert_eq!(parts.hear(THERE, start(1), 1, DatagramMessage::Leave), Err(Dropped::Unknown));
    parts.hear(THERE, start(1), 2, DatagramMessage::Here).unwrap();
}

#[test]
fn another_address_has_to_be_proved_and_a_copy_turns_nobody_away() {
    let mut parts = Parts::listing(THERE);
    parts.hear(ELSEWHERE, start(1), 2, DatagramMessage::Here).unwrap();
    assert_eq!(parts.hosts(), [endpoint(THERE).host()]);
    let replayed = parts.hear("10.0.0.4:5", start(1), 2, DatagramMessage::Here);
    assert_eq!((replayed, parts.candidate()), (Err(Dropped::Copy), Some(endpoint(ELSEWHERE))));
    assert!(!parts.promote(ELSEWHERE));
    assert_eq!(parts.hosts(), [ELSEWHERE, THERE].map(|at| endpoint(at).host()));
    assert!(matches!(parts.events()[..], [Event::Here(_)]));
}

#[test]
fn a_later_start_from_a_proved_address_takes_the_place_of_the_earlier_one() {
    let mut parts = Parts::listing(THERE);
    parts.hear(ELSEWHERE, start(2), 1, DatagramMessage::Here).unwrap();
    assert!(parts.events().is_empty(), "from another address it has to prove itself");
    parts.hear(THERE, start(2), 2, DatagramMessage::Here).unwrap();
    assert!(matches!(&parts.events()[..], [Event::Here(info)] if info.instance == start(2)));
    assert_eq!(parts.hear(THERE, start(1), 9, DatagramMessage::Here), Err(Dropped::Stale));
    assert_eq!(parts.hear(THERE, start(2), 2, DatagramMessage::Here), Err(Dropped::Copy));
}

#[test]
fn who_is_silent_is_probed_eight_times_and_then_gone() {
    for at in [THERE, OFF_LINK] {
        let mut parts = Parts::listing(at);
        let begun = parts.now;
        while let Some((next, _)) = parts.listing.table.next_entry() {
            parts.now = next;
            parts.listing.look_at_silent(next, false, &mut parts.rng, &mut parts.out);
        }
        let took = parts.now.since(begun);
        assert!((Duration::from_secs(6)..Duration::from_millis(7_500)).contains(&took), "{took:?}");
        let said = parts.outputs();
        let to = |all| {
            let sent = said.iter().filter(|output| match output {
                DiscoveryOutput::Send { to, .. } => (*to == Recipient::Everyone) == all,
                _ => false,
            });
            sent.count()
        };
        assert_eq!((to(true), to(false)), (8, 9), "it is asked alone before and with each probe");
        assert!(matches!(said.last(), Some(DiscoveryOutput::Event(Event::Gone(PEER, Gone::Silent)))));
    }
}

/// Where a peer, silent from now on, is asked alone, until it is taken for gone.
fn asked_alone(parts: &mut Parts) -> Vec<Endpoint> {
    while let Some((next, _)) = parts.listing.table.next_entry() {
        parts.now = next;
        parts.listing.look_at_silent(next, false, &mut parts.rng, &mut parts.out);
    }
    let alone = |output| match output {
        DiscoveryOutput::Send { to: Recipient::At(to), .. } => Some(to),
        _ => None,
    };
    parts.outputs().into_iter().filter_map(alone).collect()
}

#[test]
fn a_suspect_is_asked_alone_by_every_path_that_a_firewall_may_let_in() {
    let shared = SocketAddr::new(endpoint(THERE).at.ip(), limits::DISCOVERY_PORT);
    let asked = asked_alone(&mut Parts::listing(THERE));
    let paths = [(endpoint(THERE).at, Via::Own), (endpoint(THERE).at, Via::Shared), (shared, Via::Own)];
    for (at, via) in paths {
        assert_eq!(asked.iter().filter(|to| **to == Endpoint { at, via }).count(), 3, "{at} {via:?}");
    }
    // Who echoed what went to everyone may have named the address of a third machine.
    let mut parts = Parts::new();
    parts.hear(THERE, start(1), 1, DatagramMessage::Here).unwrap();
    assert!(parts.prove(THERE, AddressProof::Heard));
    assert_eq!(asked_alone(&mut parts), []);
}

#[test]
fn who_hears_that_a_suspect_is_probed_asks_it_alone_itself_but_in_a_large_network() {
    for (others, asked) in [(0, true), (100_u8, false)] {
        let mut parts = Parts::listing(THERE);
        let voice = parts.listing.table.get(PEER).unwrap().voice.clone();
        for n in 0..others {
            let at = SocketAddr::from(([10, 0, 1, n], 5));
            let id = PeerId([n + 100; 32]);
            parts.listing.table.insert(parts.now, id, voice.clone(), at, AddressProof::Heard);
        }
        parts.listing.hear_probe(parts.now, PEER, &mut parts.rng, &mut parts.out);
        assert!(parts.outputs().is_empty(), "it is not suspected here");
        parts.listing.doubt(parts.now, PEER, &mut parts.rng);
        parts.listing.hear_probe(parts.now, PEER, &mut parts.rng, &mut parts.out);
        let to = Endpoint { at: endpoint(THERE).at, via: Via::Shared };
        let said = parts.outputs();
        let is_asked = matches!(said[..], [DiscoveryOutput::Send { to: Recipient::At(at), .. }] if at == to);
        assert_eq!((is_asked, said.is_empty()), (asked, !asked), "{said:?}");
    }
}

#[test]
fn whoever_hears_no_broadcast_asks_each_peer_before_it_is_missed() {
    for is_deaf in [true, false] {
        let mut parts = Parts::listing(THERE);
        let begun = parts.now;
        let at = |ms| begun + Duration::from_millis(ms);
        let mut asked = Vec::new();
        // It answers half a second after it was asked, or says something to everyone meanwhile.
        for heard in [6_500, 10_000] {
            parts.listing.table.get_mut(PEER).unwrap().hear(at(heard));
            let until = at(heard + 3_500);
            while let Some((next, _)) = parts.listing.table.next_entry().filter(|(next, _)| *next < until) {
                parts.now = next;
                parts.listing.look_at_silent(next, is_deaf, &mut parts.rng, &mut parts.out);
                asked.extend(parts.outputs().iter().map(|_| next));
            }
        }
        assert_eq!(asked, if is_deaf { vec![at(9_500), at(13_000)] } else { Vec::new() });
    }
}

#[test]
fn a_question_put_to_one_is_answered_to_one_however_many_wait() {
    let mut parts = Parts::listing(THERE);
    (10..20).for_each(|nonce| parts.answer(nonce));
    let question = |at: &str, via, nonce| {
        let to = Endpoint { at: at.parse().unwrap(), via };
        PendingProof { due: parts.now, to, peer: PEER, nonce }
    };
    let questions = [
        (question(THERE, Via::Own, 1), true),
        (question(ELSEWHERE, Via::Own, 2), false),
        (question(ELSEWHERE, Via::Shared, 3), true),
    ];
    for (proof, is_answered) in questions {
        let (table, hellos, out) = (&mut parts.listing.table, &parts.hellos, &mut parts.out);
        let around = &mut Surroundings { table, hellos, out, rng: &mut parts.rng };
        assert_eq!(parts.proofs.answer_at_once(parts.now, proof, around), is_answered, "{proof:?}");
        let echo = DatagramMessage::Proof { ask: None, echoes: vec![proof.nonce] };
        let said = parts.outputs();
        let is_said = matches!(&said[..], [DiscoveryOutput::Send { to: Recipient::At(to), message }]
            if *to == proof.to && *message == echo);
        assert_eq!(is_said, is_answered, "{said:?}");
    }
}

#[test]
fn a_doubt_is_looked_into_at_once_and_after_a_sleep_nobody_is_blamed() {
    let mut parts = Parts::listing(THERE);
    parts.listing.doubt(parts.now, PEER, &mut parts.rng);
    parts.listing.look_at_silent(parts.now, false, &mut parts.rng, &mut parts.out);
    assert!(matches!(
        parts.outputs()[..],
        [
            DiscoveryOutput::Send { to: Recipient::Everyone, .. },
            DiscoveryOutput::Send { to: Recipient::At(_), .. }
        ]
    ));
    parts.now = parts.now + Duration::from_secs(3_600);
    parts.listing.spare_all(parts.now);
    parts.listing.look_at_silent(parts.now, false, &mut parts.rng, &mut parts.out);
    assert!(parts.outputs().is_empty());
    assert_eq!(parts.listing.table.next_entry(), Some((parts.now + Duration::from_secs(2), PEER)));
}

#[test]
fn who_answered_what_went_to_everyone_is_listed_and_dialled_only_where_it_was_reached() {
    let mut parts = Parts::new();
    parts.hear(THERE, start(1), 1, DatagramMessage::Here).unwrap();
    assert!(parts.prove(THERE, AddressProof::Heard));
    assert_eq!(parts.dialled_at(), Some(Vec::new()));
    assert_eq!(parts.candidate(), Some(endpoint(THERE)), "it is asked further");
    assert!(!parts.prove(ELSEWHERE, AddressProof::Heard));
    assert_eq!(parts.dialled_at(), Some(Vec::new()));
    assert!(!parts.promote(THERE));
    assert_eq!(parts.dialled_at(), Some(vec![endpoint(THERE).host()]));
    assert_eq!(parts.candidate(), None);
    // The other one is asked about once it is heard from there again.
    parts.hear(ELSEWHERE, start(1), 2, DatagramMessage::Here).unwrap();
    assert_eq!(parts.candidate(), Some(endpoint(ELSEWHERE)));
    parts.promote(ELSEWHERE);
    assert_eq!(parts.dialled_at(), Some([ELSEWHERE, THERE].map(|at| endpoint(at).host()).to_vec()));
}

#[test]
fn in_a_large_network_only_those_are_to_be_reached_that_are_wanted() {
    let mut parts = Parts::listing(THERE);
    let voice = parts.listing.table.get(PEER).unwrap().voice.clone();
    for n in 0..100_u8 {
        let at = SocketAddr::from(([10, 0, 1, n], 5));
        parts.listing.table.insert(parts.now, PeerId([n + 100; 32]), voice.clone(), at, AddressProof::Heard);
    }
    parts.prove(ELSEWHERE, AddressProof::Heard);
    parts.hear(ELSEWHERE, start(1), 2, DatagramMessage::Here).unwrap();
    assert_eq!(parts.candidate(), None);
    let heard = PeerId([150; 32]);
    parts.listing.want(parts.now, heard, &mut parts.rng, &mut parts.out);
    let candidate = parts.listing.table.candidate(heard).map(|c| (c.from.at, c.due));
    assert_eq!(candidate, Some((SocketAddr::from(([10, 0, 1, 50], 5)), Some(parts.now))));
    parts.listing.want(parts.now, PEER, &mut parts.rng, &mut parts.out);
    assert_eq!(parts.candidate(), None, "it was reached elsewhere");
}

#[test]
fn whoever_wants_to_dial_a_thousand_asks_all_within_seconds_and_no_host_often() {
    let mut parts = Parts::listing(THERE);
    let voice = parts.listing.table.get(PEER).unwrap().voice.clone();
    let ids: Vec<_> = (0..900_u16)
        .map(|n| {
            let [high, low] = n.to_be_bytes();
            let mut id = [9; 32];
            id[..2].copy_from_slice(&[high, low]);
            // The last three hundred are of one host.
            let host = if n < 600 { [10, 1, high, low] } else { [10, 2, 0, 1] };
            let at = SocketAddr::from((host, 5));
            parts.listing.table.insert(parts.now, PeerId(id), voice.clone(), at, AddressProof::Heard);
            PeerId(id)
        })
        .collect();
    parts.now = parts.now + Duration::from_secs(60);
    for id in &ids {
        parts.listing.want(parts.now, *id, &mut parts.rng, &mut parts.out);
    }
    let said = parts.prove_until(Some(parts.now + Duration::from_secs(4)));
    let host = |to| if let Recipient::At(to) = to { Some(to.host()) } else { None };
    let asked: Vec<_> = said.into_iter().filter_map(|(to, _)| host(to)).collect();
    let crowded = Host::from(SocketAddr::from(([10, 2, 0, 1], 5)));
    let of_it = asked.iter().filter(|host| **host == crowded).count();
    assert!(of_it <= 64 + 4 * 13 + 1, "{of_it}");
    let hosts: BTreeSet<_> = asked.into_iter().collect();
    assert_eq!(hosts.len(), 601);
}

#[test]
fn who_is_here_and_not_reached_is_asked_alone_and_at_the_port_that_firewalls_let_in() {
    let mut parts = Parts::new();
    parts.hear(THERE, start(1), 1, DatagramMessage::Here).unwrap();
    parts.prove(THERE, AddressProof::Heard);
    let said = parts.prove_all();
    let at = |to: &Recipient| match to {
        Recipient::At(to) => to.at,
        other => panic!("{other:?}"),
    };
    let shared = SocketAddr::new(endpoint(THERE).at.ip(), limits::DISCOVERY_PORT);
    let ports =
        [endpoint(THERE).at, shared].map(|at_port| said.iter().filter(|(to, _)| at(to) == at_port).count());
    assert_eq!((ports, said.len()), ([9, 7], 16));
}

#[test]
fn a_candidate_is_asked_16_times_once_by_broadcast_and_then_left_alone() {
    let mut parts = Parts::new();
    parts.hear(THERE, start(1), 1, DatagramMessage::Here).unwrap();
    let begun = parts.now;
    let said = parts.prove_all();
    assert_eq!(said.len(), 16);
    let calls = said.iter().filter(|(to, _)| *to == Recipient::Everyone);
    assert_eq!(calls.count(), 1);
    assert_eq!(said[3].0, Recipient::Everyone, "a firewall may let in nothing else");
    assert_eq!(said[0].0, Recipient::At(Endpoint { via: Via::Own, ..endpoint(THERE) }));
    assert_eq!(said[1].0, Recipient::At(endpoint(THERE)), "it may expect what answers");
    let took = parts.now.since(begun);
    assert!((Duration::from_secs(35)..Duration::from_secs(40)).contains(&took), "{took:?}");
}

#[test]
fn who_was_only_told_of_is_asked_five_times_alone_and_forgotten() {
    let mut parts = Parts::new();
    parts.hear(THERE, start(1), 1, DatagramMessage::Here).unwrap();
    parts.listing.table.candidate_mut(PEER).unwrap().exchanged = true;
    let said = parts.prove_all();
    assert_eq!(said.len(), 5);
    assert!(said.iter().all(|(to, _)| *to != Recipient::Everyone));
    assert_eq!(parts.candidate(), None);
}

#[test]
fn few_answers_go_out_one_by_one_and_many_together_to_everyone() {
    let mut parts = Parts::new();
    (0..2).for_each(|nonce| parts.answer(nonce));
    let said = parts.prove_all();
    let echoes = |(to, message): &(Recipient, DatagramMessage)| match message {
        DatagramMessage::Proof { ask: None, echoes } => (*to, echoes.len()),
        other => panic!("{other:?}"),
    };
    let one = (Recipient::At(endpoint(THERE)), 1);
    assert_eq!(said.iter().map(echoes).collect::<Vec<_>>(), [one, one]);
    parts.now = parts.now + Duration::from_secs(9);
    (10..20).for_each(|nonce| parts.answer(nonce));
    let said = parts.prove_all();
    assert_eq!(said.iter().map(echoes).collect::<Vec<_>>(), [(Recipient::Everyone, 10)]);
}

#[test]
fn one_question_is_answered_once_and_too_many_of_one_peer_are_not() {
    let mut parts = Parts::listing(THERE);
    let pacing = Pacing::of(parts.now, &parts.listing.table, &parts.hellos);
    for nonce in [7, 7, 1, 2, 3, 4, 5] {
        let proof = PendingProof { due: parts.now, to: endpoint(THERE), peer: PEER, nonce };
        parts.proofs.answer(parts.now, proof, &mut parts.listing.table, &pacing);
    }
    let said = parts.prove_all();
    let all = DatagramMessage::Proof { ask: None, echoes: vec![7, 1, 2] };
    assert_eq!(said, [(Recipient::Everyone, all)], "of six within a moment four count");
}
