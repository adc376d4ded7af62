//! Whole peers in virtual time: each hosts the real machines of presence, controller, swarm, pulls and
//! custody, and they talk in real messages over one simulated network, with one clock and one queue.
//!
//! `peer` is what outlives a process and `running` the process; `receiver`, `sender` with `serving`,
//! `custody`, `library` and `disk` stand for the threads of a peer. `network` carries, and knows what happens
//! next.

mod around;
mod chat;
mod custody;
mod disk;
mod happening;
mod keeping_index;
mod large_search;
mod library;
mod lying;
mod names;
mod network;
mod peer;
mod receiver;
mod registering;
mod running;
mod search;
mod seed;
mod sender;
mod serving;
mod several;
mod tests;
mod through;

use core::time::Duration;
use std::rc::Rc;

use self::network::Network;
use self::peer::SimPeer;
use super::Link;
use crate::control::{Reply, Request};
use crate::peer::event::AskId;
use crate::settings::Settings;
use crate::time::Time;

/// A network of whole peers.
#[derive(Debug)]
struct WholeWorld {
    network: Network,
    peers: Vec<SimPeer>,
    /// All that happened.
    trace: blake3::Hasher,
    /// How much that was.
    happened: u64,
}

impl WholeWorld {
    /// `count` peers that do not run yet.
    fn new(seed: u64, count: usize, link: Link) -> Self {
        let mut network = Network::new(seed, link);
        let peers = (0..count).map(|place| SimPeer::new(place, network.rng.seed())).collect();
        Self { network, peers, trace: blake3::Hasher::new(), happened: 0 }
    }

    /// What has happened so far, as one number: two worlds of one seed have the same one.
    fn digest(&self) -> blake3::Hash {
        self.trace.finalize()
    }

    /// How a peer is to run when it starts.
    fn settings(&mut self, place: usize) -> &mut Settings {
        self.peers[place].settings_mut()
    }

    fn start(&mut self, place: usize) {
        self.peers[place].start(&mut self.network);
    }

    fn crash(&mut self, place: usize) {
        self.peers[place].crash(&mut self.network);
    }

    /// From now on nothing that goes to one of these peers alone reaches the other one, or all of it does.
    fn keep_apart(&mut self, one: usize, other: usize, is_apart: bool) {
        let hosts = [self.peers[one].ip, self.peers[other].ip];
        self.network.keep_apart(hosts, is_apart);
    }

    /// From now on nothing at all passes between these peers and the others, or all does.
    fn cut_off(&mut self, places: &[usize], is_cut: bool) {
        let hosts = places.iter().map(|place| self.peers[*place].ip).collect();
        self.network.cut_off(hosts, is_cut);
    }

    /// From now on a peer lies to those who search its index, or does not.
    fn lie(&mut self, place: usize, lie: Option<lying::IndexLie>) {
        self.peers[place].lie(lie);
    }

    fn ask(&mut self, place: usize, request: impl Into<Request>) -> AskId {
        self.peers[place].ask(&mut self.network, request.into())
    }

    fn put(&mut self, place: usize, path: &str, bytes: impl Into<Rc<[u8]>>) {
        self.peers[place].put(&mut self.network, path, bytes.into());
    }

    fn delete(&mut self, place: usize, path: &str) {
        self.peers[place].delete(&mut self.network, path);
    }

    /// Asks something that is answered at once, or when what others share came, for which it waits three seconds at most;
    /// all answers.
    fn answers(&mut self, place: usize, request: impl Into<Request>) -> Vec<Reply> {
        let ask = self.ask(place, request);
        let is_answered = |world: &Self| world.is_answered(place, ask);
        self.run_while(Duration::from_secs(4), is_answered).expect("it is answered");
        self.peers[place].replies(ask).to_vec()
    }

    fn is_answered(&self, place: usize, ask: AskId) -> bool {
        self.peers[place].replies(ask).last().is_some_and(Reply::is_last)
    }

    /// Lets time pass.
    fn run(&mut self, time: Duration) {
        self.run_until(self.network.now + time);
    }

    fn run_until(&mut self, until: Time) {
        while let Some((process, what)) = self.network.next(until) {
            let (kind, much) = what.mark();
            for number in [self.network.now.0, process.place as u64, process.start, kind.into(), much] {
                self.trace.update(&number.to_le_bytes());
            }
            self.happened += 1;
            self.peers[process.place].happen(&mut self.network, process, what);
        }
        self.network.now = until;
    }

    /// Lets time pass until `done`, at most `limit`; how long it took.
    fn run_while(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Option<Duration> {
        let begun = self.network.now;
        loop {
            if done(self) {
                return Some(self.network.now.since(begun));
            }
            let next = self.network.first().filter(|at| *at <= begun + limit)?;
            self.run_until(next + Duration::from_millis(1));
        }
    }
}
