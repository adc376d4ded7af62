//! A crowd of peers in one process, for `scripts/measure index`: each has a key, an address, a socket of discovery and
//! a port at which it serves a catalogue, and does what a peer of a large network does to be found and asked. What
//! they say among themselves is left out: all of them know each other.
//!
//!     crowd COUNT FILES BROADCAST ADDRESS...     one IPv4 address for each, on a device of this namespace
//!
//! It says "ready" and how many files there are, and obeys lines: "change N WORD" has peer N list as many other files, each with this word in its
//! name, and "stats" is answered by what crossed the connections. It ends with its input. Without arguments it looks
//! whether a catalogue can be served, and ends.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that is run by another one")]

#[path = "../index/names.rs"]
mod names;
mod peer;
mod serving;
mod speaking;

use core::net::Ipv4Addr;
use core::time::Duration;
use std::io::BufRead as _;
use std::os::fd::AsRawFd as _;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use potluck::sys::clock;

use crate::peer::CrowdPeer;
use crate::serving::Lines;
use crate::speaking::Discovery;

/// Orders come by this one; sockets of discovery and listeners follow in turn, then connections.
const ORDERS: Token = Token(0);

/// The socket that hears what goes to everyone.
const EVERYONE: Token = Token(1);

/// The first token of a peer's, of which each has four: a socket of discovery and three listeners.
const PEERS: usize = 2;
const EACH: usize = 4;

/// Does what a line says.
fn obey(line: &str, peers: &mut [CrowdPeer], discovery: &mut Discovery, lines: &Lines) {
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        ["change", number, word] => {
            let number: usize = number.parse().unwrap();
            let (count, seed) = (peers[number].files(), peers.len() + number);
            peers[number].list(seed, count, word);
            discovery.changed(number, peers);
            println!("changed");
        }
        ["stats"] => println!("crossed {}", lines.told()),
        _ => panic!("not an order: {line}"),
    }
}

fn run(count: usize, files: usize, broadcast: Ipv4Addr, addresses: &[Ipv4Addr]) {
    let mut poll = Poll::new().unwrap();
    let mut peers: Vec<_> =
        addresses.iter().enumerate().map(|(n, at)| CrowdPeer::new(n, *at, files)).collect();
    assert_eq!(peers.len(), count, "as many addresses as peers");
    let mut discovery = Discovery::new(broadcast, &peers);
    let mut lines = Lines::new(PEERS + EACH * count);
    let registry = poll.registry();
    registry.register(&mut discovery.everyone, EVERYONE, Interest::READABLE).unwrap();
    for (n, peer) in peers.iter_mut().enumerate() {
        registry.register(&mut peer.udp, Token(PEERS + EACH * n), Interest::READABLE).unwrap();
        for (port, tcp) in peer.tcp.iter_mut().enumerate() {
            registry.register(tcp, Token(PEERS + EACH * n + 1 + port), Interest::READABLE).unwrap();
        }
    }
    let mut orders = std::io::stdin().lock();
    registry.register(&mut SourceFd(&orders.as_raw_fd()), ORDERS, Interest::READABLE).unwrap();
    println!("ready {}", peers.iter().map(CrowdPeer::files).sum::<usize>());
    let mut events = Events::with_capacity(1_024);
    loop {
        let now = clock::now();
        let wait = discovery.next().map(|at| at.since(now));
        poll.poll(&mut events, Some(wait.unwrap_or(Duration::from_secs(1)))).unwrap();
        for event in &events {
            match event.token() {
                ORDERS => {
                    let mut line = String::new();
                    if orders.read_line(&mut line).unwrap() == 0 {
                        return;
                    }
                    obey(&line, &mut peers, &mut discovery, &lines);
                }
                EVERYONE => discovery.hear_everyone(count),
                Token(token) if token < PEERS + EACH * count => {
                    let number = (token - PEERS) / EACH;
                    match (token - PEERS) % EACH {
                        0 => discovery.hear(&mut peers[number]),
                        port => lines.accept(number, port - 1, &peers[number], poll.registry()),
                    }
                }
                token => lines.serve(token, &peers),
            }
        }
        discovery.say_due(&mut peers);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.is_empty() || args[0].starts_with('-') {
        let peer = CrowdPeer::new(0, Ipv4Addr::LOCALHOST, 100);
        assert!(peer.files() > 90);
        return;
    }
    let [count, files] = [&args[0], &args[1]].map(|arg| arg.parse().unwrap());
    let addresses: Vec<_> = args[3..].iter().map(|at| at.parse().unwrap()).collect();
    run(count, files, args[2].parse().unwrap(), &addresses);
}
