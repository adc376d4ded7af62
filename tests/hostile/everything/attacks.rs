//! What is done to the peer in node 1, by those that the tests beside this one know one by one.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;
use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use potluck::identity::tls::Tls;
use potluck::identity::{Identity, Instance};
use potluck::limits;
use potluck::sys::clock;
use potluck::wire::Message;
use potluck::wire::custody::CustodyMessage;
use potluck::wire::datagram::DatagramMessage;
use potluck::wire::message::{GetTable, Item};

use super::attackers::Target;
use super::false_keeper::FalseKeeper;
use super::{ABSENT, CALLERS, ENDLESS, FALSE_KEEPER, GREEDY, HOOK, KEEPER, WORDS};
use crate::caller::Caller;
use crate::fiend::{EndlessBucket, Event, Fiend, Lie, Offer, Order, Voice, address};
use crate::flood::{self, Dripper, Key};
use crate::forgeries::forge;
use crate::going::Going;
use crate::lab::{Lab, pause};
use crate::{catalogues, custody, keepers, shares};

/// Keys that one machine has.
const KEYS: usize = 200;

/// Datagrams of peers that do not exist, a second: a tenth of what a link carries.
const ANNOUNCEMENTS: u64 = 3_000;

/// Connections that are idle or slow.
const IDLE: usize = 1_000;

/// What another content than that of the honest peer is.
const FALSE: &[u8] = b"what nobody asked for";

/// What takes long to make, and is made before they are held to half a core.
pub(super) struct Tools {
    keys: Vec<Key>,
    announcements: Vec<Vec<u8>>,
    endless: Arc<EndlessBucket>,
    long: Vec<Offer>,
    /// These were asked for their catalogues already.
    absent: Fiend,
    greedy: Fiend,
}

impl Tools {
    pub(super) fn make(lab: &Lab) -> Self {
        let [absent, greedy] = [(ABSENT, "keeper of the absent"), (GREEDY, "greedy")]
            .map(|(node, name)| Fiend::start_against(address(1), lab, node, name));
        catalogues::keep_for_absent(&absent, &catalogues::long_offers("absent", 8 << 20));
        let long = catalogues::long_offers("greedy", (64 << 20) - 60_000);
        greedy.offer(long.clone());
        let tools = Self {
            keys: (0..KEYS).map(|n| Key::new(lab, CALLERS, n)).collect(),
            announcements: flood::announcements(),
            endless: Arc::new(EndlessBucket::new(45)),
            long,
            absent,
            greedy,
        };
        for fiend in [&tools.absent, &tools.greedy] {
            fiend.until("a question", |event| matches!(event, Event::Asked(..)).then_some(()));
        }
        tools
    }
}

/// Begins all attacks at once; what each of them is, and counts.
pub(super) fn begin(lab: &Arc<Lab>, target: &Target, tools: Tools) -> Vec<(&'static str, Going)> {
    let Tools { keys, announcements, endless, long, absent, greedy } = tools;
    let discovery = SocketAddr::from((address(1), limits::DISCOVERY_PORT));
    vec![
        ("answers asked for and not read", unread_answers(lab, target)),
        ("tables asked for and not read", unread_tables(lab, target)),
        ("records of one byte", records(lab, target)),
        ("idle and slow connections", idle(lab, target)),
        ("names that are ids, questions to dial back", words(lab, target)),
        ("catalogues of absent owners", Going::start(move || asked(&absent))),
        ("a catalogue for all the space there is", offer_again(greedy, long)),
        ("catalogues without an end", never_end(lab, &endless)),
        ("promises of space", promises(lab, target)),
        ("proofs that prove nothing", proofs(lab, target)),
        ("proofs of all that a bucket holds", long_proofs(lab, target)),
        ("a keeper that keeps nothing", false_keeper(lab, target)),
        ("keys of one machine", flood::be_many(keys, vec![discovery])),
        ("announcements of nobody", flood::announce(lab, CALLERS, announcements, discovery, ANNOUNCEMENTS)),
        ("datagrams in the name of a third", forgeries(lab)),
    ]
}

/// Calls from a node, as many as are let, whose answers nobody reads. A call that was ended is made again.
fn unread(
    lab: &Arc<Lab>,
    node: u32,
    most: usize,
    call: impl Fn(usize) -> Option<Caller> + Send + Sync + 'static,
) -> Going {
    let lab = Arc::clone(lab);
    let (mut held, mut number) = (Vec::<Caller>::new(), 0);
    Going::start(move || {
        held.retain_mut(|caller| match shares::look_alive(caller) {
            Err(e) => e.kind() == ErrorKind::WouldBlock,
            Ok(()) => true,
        });
        pause(Duration::from_millis(20));
        if held.len() >= most {
            return 0;
        }
        number += 1;
        let Some(caller) = lab.within(node, || call(number)) else { return 0 };
        caller.stream.sock.set_nonblocking(true).unwrap();
        held.push(caller);
        1
    })
}

/// All connections that a sender has, with 64 keys from all addresses of the node.
fn unread_answers(lab: &Arc<Lab>, target: &Target) -> Going {
    let keys: Vec<Tls> = (0..64).map(|_| Caller::tls()).collect();
    let file = Item { file: target.file(), offset: 0, len: target.size.min(limits::CHUNK_MAX) };
    let to = shares::Target { peer: target.peer(), port: target.ports[1], file };
    let from = target.addresses.clone();
    unread(lab, CALLERS, limits::CONNECTIONS, move |n| to.call(&keys[n % keys.len()], from[n % from.len()]))
}

/// Ten that ask for the table of peers as often as they may.
fn unread_tables(lab: &Arc<Lab>, target: &Target) -> Going {
    let (key, peer, port) = (Caller::tls(), target.peer(), target.ports[1]);
    let requests = 1..=u64::try_from(limits::REQUESTS_OPEN).unwrap();
    let ask: Vec<u8> =
        requests.flat_map(|request| Message::GetTable(GetTable { request }).encode()).collect();
    unread(lab, WORDS, 10, move |_| {
        let mut caller = Caller::dial(&key, peer, address(1), port).ok()?;
        caller.say(&ask).ok()?;
        Some(caller)
    })
}

/// Eight that write records of one byte to the sender.
fn records(lab: &Arc<Lab>, target: &Target) -> Going {
    let lab = Arc::clone(lab);
    let (key, peer, port) = (Caller::tls(), target.peer(), target.ports[1]);
    let mut drippers = Vec::<Dripper>::new();
    Going::start(move || {
        if drippers.len() < 8 {
            let caller = lab.within(CALLERS, || Caller::dial(&key, peer, address(1), port).ok());
            drippers.extend(caller.map(Dripper::new));
        }
        let mut records = 0;
        drippers.retain_mut(|dripper| match dripper.write() {
            Some(written) => {
                records += written;
                true
            }
            None => false,
        });
        pause(Duration::from_millis(20));
        records
    })
}

/// Connections to all ports that never shake hands, or as slowly as can be; the oldest make way for new ones.
fn idle(lab: &Arc<Lab>, target: &Target) -> Going {
    let (lab, ports) = (Arc::clone(lab), target.ports);
    let mut open = VecDeque::<TcpStream>::new();
    Going::start(move || {
        let dial = || ports.iter().filter_map(|port| TcpStream::connect((address(1), *port)).ok()).collect();
        let more: Vec<TcpStream> = lab.within(CALLERS, dial);
        let count = more.len() as u64;
        open.extend(more);
        while open.len() > IDLE {
            open.pop_front();
        }
        open.iter_mut().step_by(16).for_each(|stream| drop(stream.write_all(&[22])));
        pause(Duration::from_millis(50));
        count
    })
}

/// Counts what a hostile peer was asked.
fn asked(fiend: &Fiend) -> u64 {
    pause(Duration::from_millis(50));
    fiend.events.try_iter().filter(|event| matches!(event, Event::Asked(..))).count() as u64
}

/// Somebody whose name is the victim's id, whose file has the id of the victim's as its path, who has one more
/// file in the victim's folder, and asks to be dialled back all the time.
fn words(lab: &Arc<Lab>, target: &Target) -> Going {
    let fiend = Fiend::start(lab, u8::try_from(WORDS).unwrap(), &target.peer, Lie::None);
    fiend.order(Order::Have(FALSE.to_vec()));
    let paths = [format!("b3:{}", target.file), HOOK.to_owned()];
    fiend.offer(paths.iter().map(|path| Offer::file(path.as_str(), FALSE)).collect());
    let voice = Voice::new(&fiend.identity, "words");
    let (peer, discovery) = (target.peer(), SocketAddr::from((address(1), limits::DISCOVERY_PORT)));
    let mut number = 1_000_000;
    Going::start(move || {
        number += 1;
        let (instance, message) = (Instance { count: 9, random: 9 }, DatagramMessage::DialBack { peer });
        let question = voice.forge(fiend.identity.public(), instance, number, &message);
        fiend.order(Order::Send(question, discovery));
        asked(&fiend)
    })
}

/// Offers a catalogue of the same size every twenty seconds.
fn offer_again(fiend: Fiend, mut offers: Vec<Offer>) -> Going {
    let (mut round, mut next) = (0, clock::now() + Duration::from_secs(20));
    Going::start(move || {
        if clock::now() >= next {
            next = clock::now() + Duration::from_secs(20);
            round += 1;
            offers[0] = Offer::folder(format!("round {round}"));
            fiend.offer(offers.clone());
        }
        asked(&fiend)
    })
}

/// Peers whose catalogues never end, and begin anew every ten seconds.
fn never_end(lab: &Arc<Lab>, bucket: &Arc<EndlessBucket>) -> Going {
    let start = |node| Fiend::start_against(address(1), lab, node, &format!("endless {node}"));
    let (fiends, bucket, mut next) = (ENDLESS.map(start), Arc::clone(bucket), clock::now());
    Going::start(move || {
        if clock::now() >= next {
            next = clock::now() + Duration::from_secs(10);
            fiends.iter().for_each(|fiend| fiend.order(Order::Endless(Arc::clone(&bucket))));
        }
        fiends.iter().map(asked).sum()
    })
}

/// The answer to a message at a port of custody, of whoever has this key; nothing if there is none.
fn ask(to: (&Target, usize), key: &Tls, from: Ipv4Addr, said: &CustodyMessage) -> Option<CustodyMessage> {
    let (target, port) = to;
    let mut caller = Caller::dial_from(key, target.peer(), address(1), target.ports[port], from).ok()?;
    caller.say(&custody::bytes(said)).ok()?;
    caller.hear_custody()
}

/// Offers of files that nobody will ever give, each by another stranger, from all addresses of the node.
fn promises(lab: &Arc<Lab>, target: &Target) -> Going {
    let (lab, target, mut number) = (Arc::clone(lab), target.clone(), 0);
    Going::start(move || {
        number += 1;
        let stranger = Identity::generate().unwrap();
        let from = target.addresses[number % target.addresses.len()];
        let offer = CustodyMessage::Offer(Box::new(keepers::offer(&stranger, 1 << 16)));
        let key = Tls::new(&stranger).unwrap();
        let answer = lab.within(CALLERS, || ask((&target, 3), &key, from, &offer));
        pause(Duration::from_millis(20));
        u64::from(answer.is_some())
    })
}

/// Megabytes that prove nothing, and questions and reports whose answers nobody reads.
fn proofs(lab: &Arc<Lab>, target: &Target) -> Going {
    let (lab, target, key) = (Arc::clone(lab), target.clone(), Caller::tls());
    let offer = custody::bytes(&custody::offer(1, 3_500));
    let questions: Vec<u8> = (0..100).flat_map(|n| custody::bytes(&custody::get_space(n))).collect();
    let reports: Vec<u8> = (0..20).flat_map(|n| custody::bytes(&custody::report(n))).collect();
    Going::start(move || {
        let say = |port: usize, bytes: &[u8]| {
            let mut caller = Caller::dial(&key, target.peer(), address(1), target.ports[port]).ok()?;
            caller.stream.sock.set_write_timeout(Some(Duration::from_secs(2))).ok()?;
            caller.say(bytes).ok()
        };
        let said = lab.within(CALLERS, || [say(3, &questions), say(2, &reports), say(3, &offer)]);
        pause(Duration::from_millis(500));
        said.iter().flatten().count() as u64
    })
}

/// Offers of one byte, whose proofs are as long as can be.
fn long_proofs(lab: &Arc<Lab>, target: &Target) -> Going {
    let (lab, target, bucket) = (Arc::clone(lab), target.clone(), keepers::full_bucket());
    Going::start(move || {
        let stranger = Identity::generate().unwrap();
        let offer = CustodyMessage::Offer(Box::new(keepers::offer_with_a_long_proof(&stranger, &bucket)));
        let (key, from) = (Tls::new(&stranger).unwrap(), target.addresses[0]);
        let answer = lab.within(CALLERS, || ask((&target, 3), &key, from, &offer));
        pause(Duration::from_millis(500));
        u64::from(answer.is_some())
    })
}

/// A keeper that has all the space there is, accepts everything, and says at once that it has it.
fn false_keeper(lab: &Arc<Lab>, target: &Target) -> Going {
    let mut keeper = FalseKeeper::start(lab, FALSE_KEEPER, target);
    Going::start(move || keeper.step())
}

/// Peers that seem to be at the address of an honest one, with catalogues that change all the time.
fn forgeries(lab: &Arc<Lab>) -> Going {
    let lab = Arc::clone(lab);
    let mut voice = Voice::new(&Identity::generate().unwrap(), "third");
    Going::start(move || {
        let mut all = vec![voice.say(&DatagramMessage::Hello { nonce: 7 })];
        for _ in 0..10 {
            voice.catalogue += 1;
            all.push(voice.say(&DatagramMessage::Here));
        }
        forge(&lab, CALLERS, KEEPER, &all, Duration::from_millis(100));
        all.len() as u64
    })
}
