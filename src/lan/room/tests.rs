//! What the room makes of lines and questions, also of those that are meant to do harm.

use core::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::address::Ports;
use crate::codec::{DecodeError, encode};
use crate::identity::{Identity, PeerName};
use crate::wire::datagram::{Envelope, Presence, PresenceState, seal};

const OURS: PeerId = PeerId([1; 32]);

fn at(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(1_000_000 + ms)
}

fn id(n: u32) -> PeerId {
    let mut id = [9; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    PeerId(id)
}

fn start(count: u64) -> Instance {
    Instance { count, random: 7 }
}

fn host(n: u8) -> AccountHost {
    AccountHost::V4([10, 0, 0, n].into())
}

fn endpoint(n: u8, via: Via) -> Endpoint {
    Endpoint { at: SocketAddr::from((Ipv4Addr::new(10, 0, 0, n), 5)), via }
}

fn room() -> Room {
    Room::new(OURS, start(1), Rng::new([3; 32]), NetworkSize::of(4, 0))
}

pub(super) fn body(instance: Instance, number: u64) -> Body {
    let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
    let name = PeerName::of_folder("peer", OURS);
    let presence = Presence { room: number, ..Presence::new(PresenceState::Here, name, ports, 1_000, 0) };
    let message = DatagramMessage::Room(RoomLine { number, said: 0, text: format!("line {number}") });
    Body { instance, sequence: number, presence, message }
}

/// Lets the room hear a line, from anywhere.
fn hear(room: &mut Room, now: Time, peer: PeerId, instance: Instance, number: u64) {
    hear_body(room, now, peer, &body(instance, number));
}

fn hear_body(room: &mut Room, now: Time, peer: PeerId, body: &Body) {
    let signed = Arc::from(encode(body));
    let packet = Packet { source: endpoint(200, Via::Shared), peer, body, signed: &signed };
    let DatagramMessage::Room(line) = &body.message else { return };
    room.handle_line(now, &packet, line);
}

/// Lets the room hear a question for all lines of an origin from `first` on.
fn ask(room: &mut Room, now: Time, by: PeerId, answer: Option<Endpoint>, origin: PeerId, first: u64) {
    let gap = RoomGap { origin, instance: start(1), first, missing: u32::MAX };
    let alone = answer.is_some_and(|answer| answer.via == Via::Own);
    let message = DatagramMessage::RoomMissing { gaps: vec![gap], alone };
    room.handle_heard(now, &Heard { peer: by, is_proved: true, is_reached: true, answer, message });
}

/// What the room wants done, and the lines that it shows, by their text.
#[derive(Debug, Default)]
struct Done {
    shown: Vec<String>,
    missed: u64,
    repairs: Vec<Option<Endpoint>>,
    asks: usize,
}

fn drain(room: &mut Room) -> Done {
    let mut done = Done::default();
    while let Some(output) = room.poll_output() {
        match output {
            RoomOutput::Event(Event::Line(line)) => done.shown.push(line.text.to_string()),
            RoomOutput::Event(Event::LinesMissed(missed)) => done.missed += missed.count,
            RoomOutput::Repair { to, .. } => done.repairs.push(to),
            RoomOutput::Ask { .. } => done.asks += 1,
            RoomOutput::Say(line) => {
                let said = body(start(1), line.number);
                room.keep(said);
            }
            RoomOutput::Announce | RoomOutput::Event(_) => {}
        }
    }
    done
}

/// Lets time pass, and does what is due.
fn pass(room: &mut Room, from: u64, to: u64) -> Done {
    let mut all = Done::default();
    for ms in from..to {
        if room.poll_timeout().is_some_and(|due| due <= at(ms)) {
            room.handle_timeout(at(ms));
        }
        let done = drain(room);
        all.shown.extend(done.shown);
        all.missed += done.missed;
        all.repairs.extend(done.repairs);
        all.asks += done.asks;
    }
    all
}

fn check(room: &Room) {
    room.check(&room.here.keys().copied().collect());
}

#[test]
fn lines_are_shown_in_their_order_and_a_replay_of_any_of_them_is_not() {
    let mut room = room();
    for number in [3, 2, 4, 1, 1, 3] {
        hear(&mut room, at(0), id(1), start(5), number);
    }
    assert_eq!(drain(&mut room).shown, ["line 1", "line 2", "line 3", "line 4"]);
    // A later start begins anew; what was said before it is replayed in vain.
    hear(&mut room, at(10), id(1), start(6), 1);
    assert_eq!(drain(&mut room).shown, ["line 1"]);
    for (instance, number) in [(start(5), 4), (start(5), 5), (start(4), 1), (start(6), 1)] {
        hear(&mut room, at(20), id(1), instance, number);
    }
    let done = pass(&mut room, 20, 2_000);
    assert!(done.shown.is_empty() && done.missed == 0 && done.asks == 0, "{done:?}");
}

#[test]
fn what_was_said_before_a_restart_is_shown_first() {
    let mut room = room();
    hear(&mut room, at(0), id(1), start(5), 2);
    hear(&mut room, at(10), id(1), start(6), 1);
    assert!(drain(&mut room).shown.is_empty());
    hear(&mut room, at(20), id(1), start(5), 1);
    assert_eq!(drain(&mut room).shown, ["line 1", "line 2", "line 1"]);
    // Where nobody has it any more it is given up.
    hear(&mut room, at(30), id(1), start(7), 2);
    hear(&mut room, at(40), id(1), start(8), 1);
    let done = pass(&mut room, 40, 40_000);
    assert_eq!((done.shown, done.missed), (vec!["line 2".to_owned(), "line 1".to_owned()], 1));
}

#[test]
fn nobody_says_a_line_in_the_name_of_another_one() {
    let [ours, other] = [[1; 32], [2; 32]].map(|seed| Identity::from_seed(seed).unwrap());
    let sealed = seal(&ours, &body(start(1), 1));
    assert!(Envelope::parse(&sealed).unwrap().open().is_ok());
    let mut stolen = sealed;
    stolen[5..37].copy_from_slice(&other.public().0);
    assert!(matches!(Envelope::parse(&stolen).unwrap().open(), Err(DecodeError::Signature)));
    // Our own lines come back to us from those who repair them: we do not hear ourselves.
    let mut room = room();
    hear(&mut room, at(0), OURS, start(9), 1);
    assert!(drain(&mut room).shown.is_empty());
}

#[test]
fn a_question_is_answered_where_its_sender_proved_to_be_and_nowhere_else() {
    let mut room = room();
    room.handle_here(at(0), id(1), host(1));
    room.handle_say(at(0), 0, "hello").unwrap();
    drain(&mut room);
    let own = Some(endpoint(1, Via::Own));
    // Not here; from an address that is not proved; to one where it was not reached; to none.
    ask(&mut room, at(0), id(2), own, OURS, 1);
    let asked = |is_proved, is_reached, answer| {
        let gap = RoomGap { origin: OURS, instance: start(1), first: 1, missing: 1 };
        let alone = answer == own;
        let message = DatagramMessage::RoomMissing { gaps: vec![gap], alone };
        Heard { peer: id(1), is_proved, is_reached, answer, message }
    };
    room.handle_heard(at(0), &asked(false, false, own));
    room.handle_heard(at(0), &asked(true, false, own));
    assert_eq!(pass(&mut room, 0, 1_000).repairs, []);
    room.handle_heard(at(1_000), &asked(true, true, own));
    room.handle_heard(at(1_000), &asked(true, true, Some(endpoint(1, Via::Shared))));
    let mut repairs = pass(&mut room, 1_000, 2_000).repairs;
    repairs.sort_by_key(Option::is_some);
    assert_eq!(repairs, [None, own], "to everyone, and to the one that asked alone");
}

#[test]
fn the_origin_repairs_at_once_and_others_unless_they_hear_it() {
    let mut room = room();
    (1..=2).for_each(|n| room.handle_here(at(0), id(n), host(1)));
    hear(&mut room, at(0), id(1), start(1), 1);
    room.handle_say(at(0), 0, "hello").unwrap();
    drain(&mut room);
    let all = Some(endpoint(2, Via::Shared));
    ask(&mut room, at(1_000), id(2), all, OURS, 1);
    assert_eq!(pass(&mut room, 1_000, 1_001).repairs, [None]);
    ask(&mut room, at(1_050), id(2), all, OURS, 1);
    assert!(pass(&mut room, 1_050, 1_500).repairs.is_empty(), "it was just sent");
    ask(&mut room, at(2_000), id(2), all, id(1), 1);
    assert!(pass(&mut room, 2_000, 2_050).repairs.is_empty(), "the origin goes first");
    assert_eq!(pass(&mut room, 2_050, 2_400).repairs, [None]);
    ask(&mut room, at(3_000), id(2), all, id(1), 1);
    hear(&mut room, at(3_040), id(1), start(1), 1);
    assert!(pass(&mut room, 3_040, 4_000).repairs.is_empty(), "another one was first");
}

#[test]
fn whoever_asks_for_much_has_20_a_second_sent_and_another_host_gets_its_turn() {
    let mut room = room();
    (1..=3).for_each(|n| room.handle_here(at(0), id(n), host(u8::try_from(n).unwrap())));
    for number in 1..=32 {
        hear(&mut room, at(0), id(1), start(1), number);
    }
    drain(&mut room);
    let mut repairs = Vec::new();
    let mut waited = None;
    for ms in 0..10_000 {
        if ms % 20 == 0 {
            ask(&mut room, at(ms), id(2), Some(endpoint(2, Via::Own)), id(1), 1);
        }
        if ms == 5_000 {
            ask(&mut room, at(ms), id(3), Some(endpoint(3, Via::Own)), id(1), 32);
        }
        for to in pass(&mut room, ms, ms + 1).repairs {
            if to == Some(endpoint(3, Via::Own)) {
                waited = Some(ms - 5_000);
            }
            repairs.push(to);
        }
        check(&room);
    }
    assert!(repairs.len() <= 204, "{}", repairs.len());
    assert!(waited.is_some_and(|waited| waited <= 1_000), "{waited:?}");
}

#[test]
fn who_asks_first_each_time_does_not_keep_us_from_asking() {
    let mut room = room();
    (1..=2).for_each(|n| room.handle_here(at(0), id(n), host(1)));
    hear(&mut room, at(0), id(1), start(1), 2);
    let mut asks = 0;
    for ms in 0..2_000 {
        if ms % 100 == 0 {
            ask(&mut room, at(ms), id(2), Some(endpoint(2, Via::Shared)), id(1), 1);
        }
        asks += pass(&mut room, ms, ms + 1).asks;
    }
    assert!(asks >= 2, "{asks}");
}

#[test]
fn ten_thousand_origins_hold_what_they_may_and_one_that_proved_itself_is_heard() {
    let mut room = room();
    room.handle_here(at(0), id(1), host(1));
    for n in 0..10_000 {
        hear(&mut room, at(0), id(100 + n), start(1), 2);
        // Each says that there is more, so that it is asked for.
        room.handle_newest(at(0), id(100 + n), start(1), 32);
    }
    check(&room);
    drain(&mut room);
    assert_eq!((room.origins.peers().count(), room.here.len()), (limits::ROOM_ORIGINS, 1));
    hear(&mut room, at(10), id(1), start(1), 2);
    let origin = Origin { peer: id(1), instance: start(1) };
    assert!(room.asks.has(id(1)) && room.kept.get(LineId { origin, number: 2 }).is_some());
    // Beside ten thousand others it has every second question, or nearly.
    let mut asked = 0;
    for ms in 10..5_010 {
        if room.poll_timeout().is_some_and(|due| due <= at(ms)) {
            room.handle_timeout(at(ms));
        }
        while let Some(output) = room.poll_output() {
            if let RoomOutput::Ask { gaps, .. } = output {
                asked += gaps.iter().filter(|gap| gap.origin == id(1)).count();
            }
        }
    }
    assert!(asked >= 4, "{asked}");
    check(&room);
}

#[test]
fn lines_of_many_take_four_mebibytes_at_most_and_every_host_has_its_share() {
    let mut room = room();
    let long = |number| {
        let text = "x".repeat(limits::LINE);
        Body { message: DatagramMessage::Room(RoomLine { number, said: 0, text }), ..body(start(1), number) }
    };
    for n in 0..100 {
        room.handle_here(at(0), id(n), host(100 + u8::try_from(n % 40).unwrap()));
        for number in 1..=32 {
            hear_body(&mut room, at(0), id(n), &long(number));
        }
    }
    assert_eq!(drain(&mut room).shown.len(), 100 * 32, "whatever is full, what comes is shown");
    check(&room);
    room.handle_here(at(0), id(9_999), host(1));
    for number in 1..=32 {
        hear_body(&mut room, at(1), id(9_999), &long(number));
    }
    assert_eq!((room.kept.count(id(9_999)), drain(&mut room).shown.len()), (32, 32));
    check(&room);
}

#[test]
fn one_that_floods_is_heard_at_the_rate_of_the_room() {
    let mut room = room();
    let mut shown = 0;
    for n in 1..=2_000 {
        hear(&mut room, at(n * 10), id(1), start(1), n);
        shown += drain(&mut room).shown.len();
    }
    assert!((64..=64 + 5 * 20 + 1).contains(&shown), "{shown} of 2,000 lines in 20 seconds");
    // Another start gives it no more.
    for n in 1..=100 {
        hear(&mut room, at(20_000), id(1), start(1 + n), 1);
    }
    assert!(drain(&mut room).shown.len() <= 64);
}

#[test]
fn a_leave_waits_for_the_repetitions_of_the_last_second() {
    let mut room = room();
    assert_eq!(room.quiet_at(at(0)), None);
    room.handle_say(at(0), 0, "bye").unwrap();
    drain(&mut room);
    room.handle_leave(at(0));
    assert_eq!(room.handle_say(at(0), 0, "more"), Err(NotSaid::Leaving));
    assert_eq!(room.quiet_at(at(0)), Some(at(1_000)));
    let repeated = pass(&mut room, 0, 1_001).repairs;
    assert_eq!((repeated, room.quiet_at(at(1_000))), (vec![None; 5], None));
}
