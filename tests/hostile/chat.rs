//! Whoever floods the room, or one peer alone, costs its share: honest lines come through, once and in order.

use core::net::SocketAddr;
use core::time::Duration;

use potluck::control::{ChatRequest, ChatRow, Reply};
use potluck::identity::tls::Tls;
use potluck::identity::{Identity, Instance};
use potluck::limits;
use potluck::text;
use potluck::wire::Message;
use potluck::wire::datagram::DatagramMessage;
use potluck::wire::message::{Reason, Tell};
use potluck::wire::room::RoomLine;

use crate::caller::Caller;
use crate::fiend::{Fiend, Lie, Voice, address};
use crate::flood::announce;
use crate::lab::{Lab, Peer, SOON, pause, wait};
use crate::watch::{assert_well, memory};

/// The longest line, of what terminals obey.
const EVIL: &str = "\u{1b}]0;\u{7}\u{202e}\r\n";

/// Lines that an honest peer says beside a flood.
const LINES: usize = 20;

/// Keys without number, each of which says lines: the longest ones, of control characters.
fn evil_lines() -> Vec<Vec<u8>> {
    let text = EVIL.repeat(limits::LINE / EVIL.len());
    let says = |n: usize| {
        let mut voice = Voice::new(&Identity::generate().unwrap(), "");
        let line = |number| DatagramMessage::Room(RoomLine { number, said: u64::MAX, text: text.clone() });
        // In order, behind a gap, far ahead, a nonsense number, and once more; and one that it did not sign.
        let mut all: Vec<_> = [1, 2, 40, 9_000, u64::MAX, 2].map(|number| voice.say(&line(number))).into();
        let another = Identity::generate().unwrap().public();
        all.push(voice.forge(another, Instance { count: 1, random: n as u64 }, 1, &line(1)));
        all
    };
    (0..500).flat_map(says).collect()
}

fn lines(peer: &Peer) -> Vec<ChatRow> {
    let replies = peer.try_ask(&ChatRequest::default().into()).unwrap_or_default();
    replies.into_iter().filter_map(|r| if let Reply::Line(row) = r { Some(row) } else { None }).collect()
}

/// The lines of that name, in the order in which they are shown.
fn lines_of(peer: &Peer, name: &str) -> Vec<String> {
    lines(peer).into_iter().filter(|row| row.name == name).map(|row| row.text).collect()
}

#[test]
fn thousands_that_flood_the_room_push_out_no_honest_line() {
    let Some(lab) = Lab::of("up 3") else { return };
    let victim = lab.peer(1, "victim", &["-v"]);
    let honest = lab.peer(3, "honest", &[]);
    wait("they see each other", SOON, || (victim.sees(&honest) && honest.sees(&victim)).then_some(()));
    let before = memory(&victim);
    let to = SocketAddr::from((address(1), limits::DISCOVERY_PORT));
    let flood = announce(&lab, 2, evil_lines(), to, 2_000);
    let mut said = 0;
    wait("honest lines", SOON, || {
        let request = ChatRequest { text: vec![format!("line {said}")] }.into();
        said += usize::from(honest.try_ask(&request)?.pop()? == Reply::Done);
        (said == LINES).then_some(())
    });
    let all: Vec<_> = (0..LINES).map(|n| format!("line {n}")).collect();
    wait("they come through", SOON, || (lines_of(&victim, "honest") == all).then_some(()));
    // It goes on for a while, and they stay.
    pause(Duration::from_secs(5));
    assert_eq!(lines_of(&victim, "honest"), all);
    let (kept, after) = (lines(&victim).len(), memory(&victim));
    println!("{} datagrams; {kept} lines kept; memory {before} KiB before, {after} KiB after", flood.count());
    assert!(kept > LINES && kept <= 1_000, "{kept} lines");
    assert!(after < before + (32 << 10), "{before} KiB, then {after} KiB");
    let shown = String::from_utf8(victim.cli(["chat"]).stdout).unwrap();
    assert!(shown.contains("honest: line 19"), "{shown}");
    let is_evil = |c: &char| *c != '\n' && text::is_unprintable(*c);
    assert_eq!(shown.chars().find(is_evil), None);
    let log = String::from_utf8(crate::watch::log(&victim)).unwrap();
    assert_eq!(log.chars().find(is_evil), None);
    drop(flood);
    assert_well(&victim);
}

#[test]
fn who_tells_one_peer_too_much_is_refused_and_who_is_not_here_tells_nothing() {
    let Some(lab) = Lab::of("up 2") else { return };
    let victim = lab.peer(1, "victim", &[]);
    let fiend = Fiend::start(&lab, 2, "fiend", Lie::None);
    wait("it is here", SOON, || victim.names().contains(&"fiend".to_owned()).then_some(()));
    let me = victim.status().id.parse().unwrap();
    let port = victim.status().ports[1];
    let dial = |tls: &Tls| lab.within(2, || Caller::dial(tls, me, address(1), port)).unwrap();
    let tell = |request, number, text: &str| {
        let instance = Instance { count: 9, random: 9 };
        Message::Tell(Tell { request, instance, number, said: 0, text: text.to_owned() }).encode()
    };
    // Over two connections, each line with a number of its own; and all of them once more.
    let tls = Tls::new(&fiend.identity).unwrap();
    let mut callers = [dial(&tls), dial(&tls)];
    let (mut told, mut busy) = (0, 0);
    for number in (1..=50).chain(1..=50) {
        for caller in &mut callers {
            caller.say(&tell(number, number, EVIL)).unwrap();
            match caller.hear() {
                Some((Message::Told(_), _)) => told += 1,
                Some((Message::Refused(refused), _)) if refused.reason == Reason::Busy => busy += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    println!("{told} lines taken, {busy} refused");
    assert!(told >= 5 && busy > 100, "{told} taken, {busy} refused");
    let rows = lines(&victim);
    assert!(!rows.is_empty() && rows.len() <= told && rows.iter().all(|row| row.text == EVIL));
    // Too long, empty, without a number.
    for (number, text) in [(60, "x".repeat(limits::LINE + 1)), (61, String::new()), (0, "x".to_owned())] {
        callers[0].say(&tell(number, number, &text)).unwrap();
        match callers[0].hear() {
            Some((Message::Refused(refused), _)) => assert_eq!(refused.reason, Reason::Malformed),
            other => panic!("{other:?}"),
        }
    }
    // A key that no announcement named.
    let mut stranger = dial(&Caller::tls());
    stranger.say(&tell(1, 1, "hello")).unwrap();
    match stranger.hear() {
        Some((Message::Refused(refused), _)) => assert_eq!(refused.reason, Reason::Unknown),
        other => panic!("{other:?}"),
    }
    assert!(lines(&victim).iter().all(|row| row.name == "fiend"));
    assert_well(&victim);
}
