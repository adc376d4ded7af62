//! The node of the crate among others: what it finds, what is lost when nodes die, and what the nodes of a table learn.
//! All of them are on the loopback interface.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use core::future::Future;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::BTreeSet;

use crossbeam_channel::{Sender, unbounded};
use mainline::async_dht::AsyncDht;
use mainline::{Dht, RequestFilter, RequestSpecific, ServerSettings};
use zeroize::Zeroizing;

use super::keys::{TableId, TableKeys};
use super::machine::{OwnAddresses, Question, QuestionId, SignedValue, SiteQuestion, TableAnswer};
use super::record::RecordKeys;
use super::table::{NodeAddress, TableNode, bell};
use crate::content::FileId;
use crate::identity::PeerId;
use crate::sys::clock;

/// A day.
const DAY: u64 = 20_000;

/// All addresses of this machine, and any port.
const ANYWHERE: NodeAddress = NodeAddress { ip: Ipv4Addr::UNSPECIFIED, port: None };

/// How long an answer may take: a dead node costs two seconds, and several are asked one after the other.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for what a node says.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let (waker, bell) = bell();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(said) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return said;
        }
        bell.recv_timeout(DEADLINE).expect("the node says something");
    }
}

/// A request, as a node got it, in words, and from whom.
type Seen = (SocketAddrV4, String);

/// Writes down all that a node is asked.
#[derive(Clone, Debug)]
struct Observer(Sender<Seen>);

impl RequestFilter for Observer {
    fn allow_request(&self, request: &RequestSpecific, from: SocketAddrV4) -> bool {
        drop(self.0.send((from, format!("{request:?}"))));
        true
    }
}

/// Nodes of a table, each at an address of its own, that write down what they are asked.
fn nodes(count: u8, seen: &Sender<Seen>) -> (Vec<AsyncDht>, SocketAddrV4) {
    let mut nodes: Vec<AsyncDht> = Vec::new();
    let mut first = None;
    for n in 0..count {
        let settings =
            ServerSettings { filter: Box::new(Observer(seen.clone())), ..ServerSettings::default() };
        let mut builder = Dht::builder();
        builder.server_mode().server_settings(settings).bind_address(Ipv4Addr::new(127, 0, 1, n + 1)).port(0);
        match first {
            Some(first) => builder.bootstrap(&[first]),
            None => builder.no_bootstrap(),
        };
        let node = builder.build().unwrap().as_async();
        if first.is_none() {
            first = Some(block_on(node.info()).local_addr());
        }
        nodes.push(node);
    }
    for node in &nodes[1..] {
        assert!(block_on(node.bootstrapped()));
    }
    (nodes, first.unwrap())
}

/// All that came back for a question.
#[derive(Debug, Default)]
struct Said {
    peers: BTreeSet<SocketAddrV4>,
    values: BTreeSet<Vec<u8>>,
    here: Option<OwnAddresses>,
    is_taken: bool,
}

/// Asks, and waits until it is over.
fn said(table: &mut TableNode, number: u64, question: Question) -> Said {
    let deadline = clock::now() + DEADLINE;
    table.ask(QuestionId(number), question);
    let mut said = Said::default();
    loop {
        while let Some((id, answer)) = table.poll_answer() {
            assert_eq!(id, QuestionId(number));
            match answer {
                TableAnswer::Peers(addresses) => said.peers.extend(addresses),
                TableAnswer::Value(value) => drop(said.values.insert(value)),
                TableAnswer::Here(here) => said.here = Some(here),
                TableAnswer::Over(is_taken) => return Said { is_taken, ..said },
            }
        }
        table.bell().recv_timeout(deadline.since(clock::now())).expect("the table answers in time");
        table.poll();
    }
}

/// The same for sites: what was found, and whether nodes took it.
fn ask(table: &mut TableNode, number: u64, question: SiteQuestion) -> (BTreeSet<SocketAddrV4>, bool) {
    let said = said(table, number, Question::Site(question));
    (said.peers, said.is_taken)
}

/// The record of a peer, as it is put.
fn record(keys: &RecordKeys, port: u16) -> Question {
    let at = SocketAddrV4::new([11, 0, 0, 1].into(), port);
    let value = keys.seal([3; 24], &[at]);
    Question::Put(SignedValue { signing: keys.signing.clone(), value, sequence: u64::from(port) })
}

fn group(n: u8) -> TableKeys {
    TableKeys::new(Zeroizing::new([n; 32]))
}

#[test]
fn of_fifty_nodes_half_may_die_and_no_record_is_lost() {
    let (seen, _unread) = unbounded();
    let (mut nodes, first) = nodes(50, &seen);
    let mut site = TableNode::start(ANYWHERE, &[first], true).unwrap();
    let topics: Vec<TableId> = (0..8).map(|n| group(n).sites(DAY)).collect();
    for (number, topic) in (0..).zip(&topics) {
        let (_, is_taken) = ask(&mut site, number, SiteQuestion::Announce(*topic, 27_281));
        assert!(is_taken, "announcement {number}");
    }
    let records: Vec<RecordKeys> = (0..8).map(|n| group(7).record(PeerId([n; 32]), 1)).collect();
    for (number, keys) in (50..).zip(&records) {
        assert!(said(&mut site, number, record(keys, 9)).is_taken, "record {}", number - 50);
    }
    // That of the site goes, too, and every second node; the first one stays, by which the next site joins.
    drop(site);
    let mut place = 0;
    nodes.retain(|_| {
        place += 1;
        place % 2 == 1
    });
    assert_eq!(nodes.len(), 25);
    let mut other = TableNode::start(ANYWHERE, &[first], true).unwrap();
    let expected = BTreeSet::from([SocketAddrV4::new(Ipv4Addr::LOCALHOST, 27_281)]);
    for (number, topic) in (100..).zip(&topics) {
        let (found, _) = ask(&mut other, number, SiteQuestion::Peers(*topic));
        assert_eq!(found, expected, "announcement {}", number - 100);
    }
    for (number, keys) in (200..).zip(&records) {
        let values = said(&mut other, number, Question::Read(keys.signing.clone())).values;
        let opened: Vec<_> = values.iter().map(|value| keys.open(value)).collect();
        assert_eq!(opened, [Some(vec!["11.0.0.1:9".parse().unwrap()])], "record {}", number - 200);
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[test]
fn nodes_learn_addresses_and_numbers_and_nothing_else() {
    let (tell, seen) = unbounded();
    let (_nodes, first) = nodes(5, &tell);
    while seen.try_recv().is_ok() {}
    let mut site = TableNode::start(ANYWHERE, &[first], true).unwrap();
    let topic = group(7).sites(DAY);
    let (found, _) = ask(&mut site, 1, SiteQuestion::Peers(topic));
    assert!(found.is_empty());
    assert!(ask(&mut site, 2, SiteQuestion::Announce(topic, 27_281)).1);
    let here = said(&mut site, 3, Question::Here).here.unwrap();
    assert_eq!((here.outside, here.inside), (Some(Ipv4Addr::LOCALHOST), Some(Ipv4Addr::LOCALHOST)));
    let peer = PeerId([9; 32]);
    let keys = group(7).record(peer, 1);
    assert!(said(&mut site, 4, record(&keys, 9)).is_taken);
    let mut other = TableNode::start(ANYWHERE, &[first], true).unwrap();
    let (found, _) = ask(&mut other, 3, SiteQuestion::Peers(topic));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [SocketAddrV4::new(Ipv4Addr::LOCALHOST, 27_281)]);
    // Who has a file is found by whoever knows its id and the key of the group.
    let file = FileId([0xf1; 32]);
    let of_file = group(7).file(file, 666);
    assert!(ask(&mut site, 5, SiteQuestion::Announce(of_file, 27_281)).1);
    let (found, _) = ask(&mut other, 6, SiteQuestion::Peers(of_file));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [SocketAddrV4::new(Ipv4Addr::LOCALHOST, 27_281)]);
    // What all of them were told by these two, which alone are at this address.
    let seen: Vec<String> =
        seen.try_iter().filter(|(from, _)| *from.ip() == Ipv4Addr::LOCALHOST).map(|(_, text)| text).collect();
    let kind = |text: &str| {
        let kinds = ["Ping", "FindNode", "GetPeers", "GetValue", "AnnouncePeer", "PutMutable"];
        kinds
            .into_iter()
            .find(|kind| text.contains(&format!("{kind}(")) || text.ends_with(&format!("{kind} }}")))
    };
    // They know where a site is, and who asks for the same number.
    for kind in ["GetPeers(", "AnnouncePeer("] {
        assert!(seen.iter().any(|text| text.contains(kind)), "{kind}: {seen:?}");
    }
    assert!(seen.iter().any(|text| text.contains("port: 27281")));
    // There is no other kind of thing in what they are told. Of values there are records alone, in which neither the
    // peer nor its address stands.
    let has = |text: &str, bytes: &[u8]| text.contains(format!("{bytes:?}").trim_matches(['[', ']']));
    for text in &seen {
        assert!(kind(text).is_some() && !text.contains("PutImmutable"), "{text}");
        assert!(!has(text, &peer.0) && !has(text, &[11, 0, 0, 1, 0, 9]), "{text}");
    }
    assert!(seen.iter().any(|text| text.contains("PutMutable(")));
    // Neither the id of a file nor what is derived from it without the key, and no form of a key.
    let secrets = [[7; 32], file.0, *blake3::hash(&file.0).as_bytes(), *keys.signing];
    for text in &seen {
        for secret in secrets {
            assert!(
                !has(text, &secret) && !has(text, &secret[..20]) && !text.contains(&hex(&secret[..20])),
                "{text}"
            );
        }
    }
    // That the same number is asked for and announced, and from where, they know: those addresses belong together.
    assert!(seen.iter().any(|text| text.contains("AnnouncePeer(") && text.contains(&hex(&of_file.0))));
    assert!(seen.iter().any(|text| text.contains("GetPeers(") && text.contains(&hex(&of_file.0))));
    // The number is another one each day, and for each group; none of them leads to the key, or to another one.
    let other_numbers = [group(7).sites(DAY + 1), group(8).sites(DAY)];
    assert!(other_numbers.into_iter().all(|other| other != topic));
    let other_numbers =
        [group(7).file(file, 667), group(8).file(file, 666), group(7).file(FileId([1; 32]), 666)];
    assert!(other_numbers.into_iter().all(|other| other != of_file));
}

#[test]
fn a_table_without_anybody_says_so() {
    let mut alone = TableNode::start(ANYWHERE, &[], true).unwrap();
    assert!(!ask(&mut alone, 1, SiteQuestion::Announce(group(1).sites(DAY), 9)).1);
    assert_eq!(ask(&mut alone, 2, SiteQuestion::Peers(group(1).sites(DAY))), (BTreeSet::new(), true));
    // A node that answers nothing is one that is dead.
    let dead = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
    let mut lost = TableNode::start(ANYWHERE, &[dead], true).unwrap();
    assert!(!ask(&mut lost, 1, SiteQuestion::Announce(group(1).sites(DAY), 9)).1);
}
