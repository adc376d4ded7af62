//! The machines of one peer together, as the shell hosts them: what of a datagram gets to which machine, and
//! what comes of their words. In virtual time.

use std::sync::Arc;

use core::net::SocketAddr;
use core::time::Duration;

use super::*;
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage, Presence};

const ME: PeerId = PeerId([1; 32]);
const OTHER: PeerId = PeerId([2; 32]);
const FILE: FileId = FileId([7; 32]);

/// Where the other peer is.
const THERE: ([u8; 4], u16) = ([10, 0, 0, 2], 5);

/// Another address on the link.
const ELSEWHERE: ([u8; 4], u16) = ([10, 0, 0, 3], 5);

/// One peer's machines, and the time that they live in.
struct TestPeer {
    machines: Machines,
    now: Time,
    /// Of the datagrams of the other peer.
    sequence: u64,
}

impl TestPeer {
    /// One that has just said hello, and to which nothing answered yet.
    fn start() -> Self {
        let now = Time::ZERO + Duration::from_secs(1_000);
        let own = OwnPresence::new(name(), PORTS);
        let machines = Machines::new(now, ME, Instance { count: 1, random: 0 }, own, [3; 32]);
        let mut peer = Self { machines, now, sequence: 0 };
        peer.machines.handle_links(now, vec![NetworkPrefix { ip: [10, 0, 0, 1].into(), prefix: 8 }]);
        peer
    }

    /// One that lists the other peer, which answered its hello.
    fn with_other() -> Self {
        let mut peer = Self::start();
        peer.machines.handle_timeout(peer.now);
        let hello = peer.outputs().into_iter().find_map(|output| match output {
            LanOutput::Broadcast(Body { message: DatagramMessage::Hello { nonce }, .. }) => Some(nonce),
            _ => None,
        });
        peer.hear(THERE, DatagramMessage::Proof { ask: None, echoes: vec![hello.unwrap()] });
        let events = peer.events();
        assert!(matches!(&events[..], [Event::Here(info)] if info.contact.id == OTHER), "{events:?}");
        peer
    }

    /// The other peer says something.
    fn hear(&mut self, at: impl Into<SocketAddr>, message: DatagramMessage) {
        self.sequence += 1;
        let presence = Presence::new(PresenceState::Here, name(), PORTS, 1_000, 0);
        let instance = Instance { count: 1, random: 0 };
        let body = Body { instance, sequence: self.sequence, presence, message };
        let source = Endpoint { at: at.into(), via: Via::Own };
        let packet = Packet { source, peer: OTHER, body: &body, signed: &Arc::from([]) };
        self.machines.handle_packet(self.now, &packet).unwrap();
    }

    fn outputs(&mut self) -> Vec<LanOutput> {
        core::iter::from_fn(|| self.machines.poll_output()).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        let event = |output| match output {
            LanOutput::Event(event) => Some(event),
            _ => None,
        };
        self.outputs().into_iter().filter_map(event).collect()
    }

    /// Lets `time` pass, in which the other peer says each second that it is here; what was broadcast.
    fn run(&mut self, time: Duration) -> Vec<(Time, DatagramMessage)> {
        let (until, mut all, mut next) = (self.now + time, Vec::new(), self.now);
        loop {
            let timeout = self.machines.poll_timeout().filter(|at| *at < next);
            self.now = timeout.unwrap_or(next);
            if self.now > until {
                self.now = until;
                return all;
            }
            if timeout.is_some() {
                self.machines.handle_timeout(self.now);
            } else {
                self.hear(THERE, DatagramMessage::Here);
                next = next + Duration::from_secs(1);
            }
            let now = self.now;
            all.extend(self.outputs().into_iter().filter_map(|output| match output {
                LanOutput::Broadcast(body) => Some((now, body.message)),
                _ => None,
            }));
        }
    }
}

const PORTS: Ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };

fn name() -> PeerName {
    PeerName::of_folder("peer", PeerId([0; 32]))
}

fn seek() -> DatagramMessage {
    DatagramMessage::Seek { files: vec![FILE] }
}

#[test]
fn a_file_is_sought_in_the_place_of_announcements_and_costs_no_datagram() {
    let mut peer = TestPeer::with_other();
    peer.run(Duration::from_secs(5));
    let quiet = peer.run(Duration::from_secs(60)).len();
    peer.machines.handle_seek(peer.now, vec![FILE]);
    peer.run(Duration::from_secs(2));
    let said = peer.run(Duration::from_secs(60));
    let sought = said.iter().filter(|(_, message)| *message == seek()).count();
    assert!(said.iter().all(|(_, message)| *message == DatagramMessage::Here || *message == seek()));
    assert!((5..=6).contains(&sought) && said.len().abs_diff(quiet) <= 1, "{sought} {} {quiet}", said.len());
}

#[test]
fn the_first_seek_is_an_announcement_too() {
    let mut peer = TestPeer::with_other();
    peer.run(Duration::from_secs(5));
    peer.machines.handle_seek(peer.now, vec![FILE]);
    let said = peer.run(Duration::from_millis(1_150));
    let times = |what: &DatagramMessage| said.iter().filter(|(_, m)| m == what).count();
    assert_eq!((times(&seek()), times(&DatagramMessage::Here)), (3, 0), "{said:?}");
}

#[test]
fn who_seeks_is_answered_where_it_proved_to_be() {
    let mut peer = TestPeer::with_other();
    for at in [THERE, ELSEWHERE] {
        peer.hear(at, seek());
        assert!(matches!(&peer.events()[..], [Event::Sought(OTHER, files)] if files == &[FILE]));
        peer.machines.handle_has(peer.now, OTHER, vec![FILE]);
        let mut answers = Vec::new();
        let until = peer.now + Duration::from_millis(200);
        while let Some(at) = peer.machines.poll_timeout().filter(|at| *at <= until) {
            peer.now = at;
            peer.machines.handle_timeout(at);
            answers.extend(peer.outputs().into_iter().filter_map(|output| match output {
                LanOutput::Unicast { to, body } if !body.message.files().is_empty() => Some(to.at),
                _ => None,
            }));
        }
        assert_eq!(answers, [SocketAddr::from(THERE)]);
    }
}

#[test]
fn only_a_peer_that_is_here_can_ask_for_a_connection_from_where_it_proved_to_be() {
    let ask = || DatagramMessage::DialBack { peer: ME };
    let mut stranger = TestPeer::start();
    stranger.hear(THERE, ask());
    stranger.hear(THERE, seek());
    stranger.hear(THERE, DatagramMessage::Has { files: vec![FILE] });
    assert!(stranger.events().is_empty());
    let mut peer = TestPeer::with_other();
    peer.hear(ELSEWHERE, ask());
    assert!(peer.events().is_empty());
    peer.hear(THERE, DatagramMessage::DialBack { peer: OTHER });
    assert!(peer.events().is_empty());
    peer.hear(THERE, ask());
    assert!(matches!(&peer.events()[..], [Event::DialBack(OTHER)]));
}

#[test]
fn who_is_here_is_asked_back_where_its_own_socket_answered_last() {
    let mut peer = TestPeer::with_other();
    peer.outputs();
    let moved = SocketAddr::from((THERE.0, 9));
    peer.hear(moved, DatagramMessage::Here);
    peer.machines.handle_ask_back(peer.now, OTHER, false);
    peer.machines.handle_ask_back(peer.now, PeerId([5; 32]), true);
    let to: Vec<_> = peer
        .outputs()
        .into_iter()
        .map(|output| match output {
            LanOutput::Unicast { to, body } => {
                assert_eq!(body.message, DatagramMessage::DialBack { peer: OTHER });
                to
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(to, [Via::Own, Via::Shared].map(|via| Endpoint { at: moved, via }));
}

/// The questions that go to the other peer alone within `time`.
fn questions(peer: &mut TestPeer, time: Duration) -> Vec<(SocketAddr, u64)> {
    let (until, mut all) = (peer.now + time, Vec::new());
    while let Some(at) = peer.machines.poll_timeout().filter(|at| *at <= until) {
        peer.now = at;
        peer.machines.handle_timeout(at);
        all.extend(peer.outputs().into_iter().filter_map(|output| match output {
            LanOutput::Unicast { to, body } => match body.message {
                DatagramMessage::Proof { ask: Some(nonce), .. } => Some((to.at, nonce)),
                _ => None,
            },
            _ => None,
        }));
    }
    all
}

#[test]
fn an_address_is_dialled_once_what_was_sent_to_it_alone_came_back_from_it() {
    let echo = |nonce| DatagramMessage::Proof { ask: None, echoes: vec![nonce] };
    let told = |peer: &mut TestPeer| {
        let hosts = peer.events().into_iter().filter_map(|event| match event {
            Event::Here(info) => Some(info.contact.hosts),
            _ => None,
        });
        hosts.last()
    };
    let mut peer = TestPeer::with_other();
    let asked = questions(&mut peer, Duration::from_millis(100));
    let (at, nonce) = asked[0];
    assert_eq!(at, SocketAddr::from(THERE));
    peer.hear(THERE, echo(nonce));
    assert_eq!(told(&mut peer), Some(vec![Endpoint { at, via: Via::Own }.host()]));
    assert_eq!(questions(&mut peer, Duration::from_secs(3)), [], "it is reached");
    // Under another address what was sent to the first one proves nothing, whatever is there.
    let mut peer = TestPeer::with_other();
    let asked = questions(&mut peer, Duration::from_millis(100));
    peer.hear(ELSEWHERE, echo(asked[0].1));
    assert_eq!(told(&mut peer), None);
    let asked = questions(&mut peer, Duration::from_millis(100));
    assert!(asked.iter().any(|(at, _)| *at == SocketAddr::from(ELSEWHERE)), "{asked:?}");
}

#[test]
fn what_a_probe_asks_of_everyone_proves_no_address() {
    let mut peer = TestPeer::start();
    peer.hear(THERE, DatagramMessage::Here);
    let (until, mut alone, mut called) = (peer.now + Duration::from_secs(1), Vec::new(), Vec::new());
    while let Some(at) = peer.machines.poll_timeout().filter(|at| *at <= until) {
        peer.now = at;
        peer.machines.handle_timeout(at);
        for output in peer.outputs() {
            match output {
                LanOutput::Broadcast(Body { message: DatagramMessage::Probe { nonce, .. }, .. }) => {
                    called.push(nonce);
                }
                LanOutput::Unicast { body, .. } => {
                    if let DatagramMessage::Proof { ask: Some(nonce), .. } = body.message {
                        alone.push(nonce);
                    }
                }
                _ => {}
            }
        }
    }
    assert!(called.len() == 1 && !alone.is_empty() && !alone.contains(&called[0]), "{called:?} {alone:?}");
    peer.hear(THERE, DatagramMessage::Proof { ask: None, echoes: called });
    let events = peer.events();
    assert!(matches!(&events[..], [Event::Here(info)] if info.contact.hosts.is_empty()), "{events:?}");
}

#[test]
fn a_timeout_that_comes_late_was_slept_through_and_nobody_is_taken_for_dead() {
    let mut peer = TestPeer::with_other();
    peer.run(Duration::from_secs(5));
    peer.now = peer.now + Duration::from_secs(3_600);
    peer.machines.handle_timeout(peer.now);
    let events = peer.events();
    // Whoever slept so long is a newcomer, who has no place in the order yet.
    assert!(matches!(&events[..], [Event::Ticket(0), Event::NetworkChanged]), "{events:?}");
    let said = peer.run(Duration::from_secs(1));
    assert!(said.iter().any(|(_, message)| matches!(message, DatagramMessage::Hello { .. })), "{said:?}");
}

#[test]
fn who_leaves_says_so_three_times_and_nothing_else() {
    let mut peer = TestPeer::with_other();
    peer.machines.handle_seek(peer.now, vec![FILE]);
    peer.hear(THERE, seek());
    peer.outputs();
    peer.machines.handle_leave(peer.now);
    peer.machines.handle_seek(peer.now, vec![FileId([8; 32])]);
    peer.machines.handle_has(peer.now, OTHER, vec![FILE]);
    peer.machines.handle_ask_back(peer.now, OTHER, true);
    let mut all = Vec::new();
    while let Some(at) = peer.machines.poll_timeout() {
        peer.machines.handle_timeout(at);
        all.extend(peer.outputs());
    }
    let leaves = all.iter().filter(|output| {
        matches!(output, LanOutput::Broadcast(Body { message: DatagramMessage::Leave, .. }))
    });
    assert_eq!((leaves.count(), all.len()), (3, 4), "{all:?}");
    assert!(matches!(all.last(), Some(LanOutput::Left)));
}
