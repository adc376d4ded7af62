//! Whatever peers say in the room and ask for, one thing after the other, it holds together: for fuzzing and property
//! tests.
//!
//! The bytes of an input choose what happens. Each datagram is signed by whom it names, for anyone can make keys. What
//! it says, and who is here and where, is up to the input.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Room, RoomOutput};
use crate::accounts::AccountHost;
use crate::address::Ports;
use crate::identity::{Instance, PeerId, PeerName};
use crate::lan::Event;
use crate::lan::limits;
use crate::lan::network_size::NetworkSize;
use crate::lan::rng::Rng;
use crate::lan::traffic::{Endpoint, Heard, Packet, Via};
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage, Presence, PresenceState};
use crate::wire::room::{RoomGap, RoomLine};

/// Our own key.
const OURS: PeerId = PeerId([0; 32]);

/// Peers that speak.
const PEERS: u8 = 8;

/// Steps of an input, at most.
const STEPS: usize = 512;

/// Calls at one moment after which there must be nothing more to do at it.
const CALLS: usize = 100;

/// Lines that are sent once more within a second, at most: the burst of the rate and a second of it, and the own line
/// that is repeated while a leave waits.
const REPAIRS: usize = 4 + 20 + 6;

struct RoomWorld {
    now: Time,
    room: Room,
    here: BTreeSet<PeerId>,
    /// The start and number of the last line that was shown of each peer.
    shown: BTreeMap<PeerId, (u64, u64)>,
    /// When lines were sent once more.
    repairs: VecDeque<Time>,
}

/// What a step may choose from.
#[derive(Clone, Copy)]
struct RoomStep {
    what: u8,
    n: u8,
    a: u8,
    b: u8,
}

/// Lets happen what the bytes say.
///
/// # Panics
/// When the room does not hold together.
pub fn run(bytes: &[u8]) {
    let now = Time::ZERO + Duration::from_secs(1_000);
    let room = Room::new(OURS, start(1), Rng::new([7; 32]), NetworkSize::of(8, 0));
    let (here, shown) = (BTreeSet::new(), BTreeMap::new());
    let mut world = RoomWorld { now, room, here, shown, repairs: VecDeque::new() };
    let (steps, _) = bytes.as_chunks::<4>();
    for &[what, n, a, b] in steps.iter().take(STEPS) {
        world.step(RoomStep { what, n, a, b });
        world.drain();
        world.room.check(&world.here);
    }
    world.pass(Duration::from_secs(60));
    world.room.check(&world.here);
}

fn start(count: u8) -> Instance {
    Instance { count: count.into(), random: 0 }
}

fn key(n: u8) -> PeerId {
    PeerId([1 + n % PEERS; 32])
}

/// Numbers that are near each other, and one that is far away.
fn number(b: u8) -> u64 {
    if b == u8::MAX { u64::MAX } else { u64::from(b) }
}

impl RoomWorld {
    fn step(&mut self, step: RoomStep) {
        let RoomStep { what, n, a, b } = step;
        let (now, peer) = (self.now, key(n));
        match what % 12 {
            0..=3 => self.hear_line(peer, start(a % 4), number(b.max(1))),
            4 => self.room.handle_newest(now, peer, start(a % 4), number(b)),
            5..=6 => self.hear_question(step),
            7 => {
                self.here.insert(peer);
                let host =
                    if a == 0 { AccountHost::Unproved } else { AccountHost::V4([10, 0, 0, a % 4].into()) };
                self.room.handle_here(now, peer, host);
            }
            8 if self.here.remove(&peer) => self.room.handle_gone(now, peer),
            9 => {
                self.room.handle_say(now, b.into(), &"x".repeat(usize::from(a) * 4)).ok();
            }
            10 if n == u8::MAX => self.room.handle_leave(now),
            10 => self.room.handle_network(NetworkSize::of(usize::from(n) * 8, 0)),
            _ => self.pass(Duration::from_millis(u64::from(n) * 20)),
        }
    }

    fn hear_line(&mut self, peer: PeerId, instance: Instance, number: u64) {
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        let name = PeerName::of_folder("peer", peer);
        let presence = Presence { room: number, ..Presence::new(PresenceState::Here, name, ports, 1_000, 0) };
        let line = RoomLine { number, said: instance.count, text: number.to_string() };
        let message = DatagramMessage::Room(line.clone());
        let body = Body { instance, sequence: 1, presence, message };
        let source = Endpoint { at: SocketAddr::from(([10, 0, 0, 1], 5)), via: Via::Shared };
        let signed = Arc::from([0; 480]);
        self.room.handle_line(self.now, &Packet { source, peer, body: &body, signed: &signed }, &line);
    }

    fn hear_question(&mut self, step: RoomStep) {
        let RoomStep { what, n, a, b } = step;
        let gap = |origin| {
            let instance = start(if origin == OURS { 1 } else { a % 4 });
            RoomGap {
                origin,
                instance,
                first: u64::from(b % 32) + 1,
                missing: u32::from(a) << 8 | u32::from(b),
            }
        };
        let gaps = vec![gap(key(a)), gap(OURS), gap(key(b))];
        let via = if what >= 128 { Via::Own } else { Via::Shared };
        let answer = Some(Endpoint { at: SocketAddr::from(([10, 0, 0, n % 4], 5)), via });
        let message = DatagramMessage::RoomMissing { gaps, alone: b.is_multiple_of(2) };
        let (is_proved, is_reached) = (!a.is_multiple_of(5), !a.is_multiple_of(3));
        self.room.handle_heard(self.now, &Heard { peer: key(n), is_proved, is_reached, answer, message });
    }

    /// Time passes, and what is due meanwhile is done when it is.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut calls = 0;
        while let Some(due) = self.room.poll_timeout().filter(|due| *due <= until) {
            calls = if due > self.now { 0 } else { calls + 1 };
            assert!(calls < CALLS, "there is always something more to do at one moment");
            self.now = self.now.max(due);
            self.room.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                RoomOutput::Say(line) => {
                    assert!(line.text.len() <= limits::LINE);
                    let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
                    let name = PeerName::of_folder("own", OURS);
                    let presence = Presence::new(PresenceState::Here, name, ports, 1_000, 0);
                    let message = DatagramMessage::Room(line);
                    self.room.keep(Body { instance: start(1), sequence: 1, presence, message });
                }
                RoomOutput::Ask { gaps, .. } => {
                    assert!((1..=limits::ROOM_GAPS).contains(&gaps.len()), "{} gaps", gaps.len());
                }
                RoomOutput::Repair { .. } => self.count_repair(),
                RoomOutput::Event(Event::Line(line)) => {
                    let now = (line.said, line.text.parse().unwrap_or(0));
                    let before = self.shown.insert(line.peer, now);
                    assert!(before < Some(now), "a line of {} is shown twice or too late", line.peer);
                }
                RoomOutput::Event(Event::LinesMissed(missed)) => assert!(missed.count > 0),
                RoomOutput::Event(_) | RoomOutput::Announce => {}
            }
        }
    }

    fn count_repair(&mut self) {
        let now = self.now;
        self.repairs.retain(|at| now.since(*at) < Duration::from_secs(1));
        self.repairs.push_back(now);
        assert!(self.repairs.len() <= REPAIRS, "others make us send {} lines a second", self.repairs.len());
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::with_bytes;

    #[test]
    fn whatever_is_said_and_asked_the_room_holds_together() {
        with_bytes(200, 4 * super::STEPS as u64, super::run);
    }
}
