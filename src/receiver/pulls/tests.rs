//! Many peers, of whom all are pulled at the same time.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use super::*;
use crate::receiver::ReceiverEvent;
use crate::wire::message::{KeptIs, Reason};

/// Peers that are wanted.
const MANY: u16 = 999;

/// How long it takes until a connection stands.
const HANDSHAKE: Duration = Duration::from_millis(20);

fn peer(n: u16) -> PeerId {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&n.to_be_bytes());
    PeerId(id)
}

/// A host of its own for each of these.
fn host(n: u16) -> Host {
    let [high, low] = n.to_be_bytes();
    Host { ip: [10, 0, high, low].into(), scope: 0 }
}

/// A LAN in virtual time: dials stand a moment later, and whoever is asked answers at once.
struct Lan {
    now: Time,
    pulls: Pulls,
    dialling: VecDeque<(Time, PeerId)>,
    up: BTreeSet<PeerId>,
    /// Peers that take a connection, and never answer.
    silent: BTreeSet<PeerId>,
    /// The most that were dialled, or owed something, at the same time.
    most: usize,
    over: BTreeSet<PeerId>,
}

impl Lan {
    /// Each peer at a host of its own.
    fn new() -> Self {
        let mut pulls = Pulls::default();
        (0..=MANY).for_each(|n| pulls.handle_here(peer(n), &[host(n)]));
        Self {
            now: Time(7),
            pulls,
            dialling: VecDeque::new(),
            up: BTreeSet::new(),
            silent: BTreeSet::new(),
            most: 0,
            over: BTreeSet::new(),
        }
    }

    fn pump(&mut self) {
        while let Some(output) = self.pulls.poll_output(self.now) {
            match output {
                PullOutput::Dial(peer) if self.up.contains(&peer) => self.pulls.handle_up(self.now, peer),
                PullOutput::Dial(peer) => self.dialling.push_back((self.now + HANDSHAKE, peer)),
                PullOutput::Ask(peer, _) if self.silent.contains(&peer) => {}
                PullOutput::Ask(peer, Message::GetKept(m)) => {
                    let kept = Message::Kept(KeptIs::nothing(m.request));
                    self.pulls.handle_answer(self.now, peer, kept).unwrap();
                }
                PullOutput::Ask(peer, message) => {
                    let refused =
                        Refused { request: message.request(), item: None, reason: Reason::NotOffered };
                    self.pulls.handle_refused(self.now, peer, &refused);
                }
                PullOutput::Drop(peer, _) => {
                    self.up.remove(&peer);
                    self.pulls.handle_down(self.now, peer);
                }
                PullOutput::Tell(ReceiverEvent::Kept(peer, _)) => drop(self.over.insert(peer)),
                PullOutput::Tell(_) => {}
            }
            let owing = self.up.iter().filter(|peer| self.pulls.is_owed_by(**peer)).count();
            self.most = self.most.max(self.dialling.len() + owing);
        }
    }

    /// What happens next, if it does until then; false: nothing.
    fn step(&mut self, until: Option<Time>) -> bool {
        let dialled = self.dialling.front().map(|(at, _)| *at);
        let next = dialled.into_iter().chain(self.pulls.poll_timeout()).min();
        let Some(next) = next.filter(|next| until.is_none_or(|until| *next <= until)) else { return false };
        assert!(next >= self.now);
        self.now = next;
        while let Some((_, peer)) = self.dialling.pop_front_if(|(at, _)| *at <= next) {
            self.up.insert(peer);
            self.pulls.handle_up(next, peer);
            self.pump();
        }
        self.pulls.handle_timeout(next);
        self.pump();
        true
    }

    /// Until nothing happens any more.
    fn run(&mut self) {
        self.pump();
        while self.step(None) {}
    }
}

#[test]
fn of_many_that_are_wanted_no_more_than_may_be_are_dialled_and_all_come() {
    let mut lan = Lan::new();
    for n in 0..MANY {
        lan.pulls.want_catalogue(lan.now, peer(n));
        lan.pulls.want_kept(lan.now, peer(n));
        lan.pump();
    }
    assert_eq!(lan.dialling.len(), limits::PULLS_DIALLED);
    let begun = lan.now;
    lan.run();
    assert_eq!((lan.over.len(), lan.most), (usize::from(MANY), limits::PULLS_DIALLED));
    // Each place is given on as soon as its peer has said all.
    let rounds = u32::from(MANY).div_ceil(u32::try_from(limits::PULLS_DIALLED).unwrap());
    assert_eq!(lan.now.since(begun), HANDSHAKE * rounds);
    assert!(lan.dialling.is_empty() && lan.pulls.poll_timeout().is_none());
}

#[test]
fn those_that_say_nothing_hold_up_the_others_for_one_turn() {
    let mut lan = Lan::new();
    let silent = u16::try_from(limits::PULLS_DIALLED).unwrap();
    lan.silent = (0..silent).map(peer).collect();
    (0..MANY).for_each(|n| lan.pulls.want_kept(lan.now, peer(n)));
    // Each of them brings just enough not to be taken for stalled.
    let begun = lan.now;
    lan.pump();
    while lan.over.len() < usize::from(MANY - silent) {
        let beat = lan.now + Duration::from_secs(1);
        while lan.step(Some(beat)) {}
        lan.now = beat;
        assert!(beat.since(begun) <= limits::PULL_TURN + Duration::from_secs(2), "{}", lan.over.len());
        (0..silent).for_each(|n| lan.pulls.handle_heard(beat, peer(n)));
    }
}

#[test]
fn whoever_is_asked_what_a_user_waits_for_is_dialled_beside_them() {
    let mut lan = Lan::new();
    (0..MANY).for_each(|n| lan.pulls.want_catalogue(lan.now, peer(n)));
    lan.pump();
    lan.pulls.want_table(lan.now, peer(MANY));
    lan.pump();
    assert_eq!(lan.dialling.len(), limits::PULLS_DIALLED + 1);
    assert_eq!(lan.dialling.back().unwrap().1, peer(MANY));
    // Where a connection stands, nothing is to be dialled, so nobody waits.
    lan.pulls.handle_up(lan.now, peer(MANY - 1));
    lan.up.insert(peer(MANY - 1));
    lan.pump();
    assert_eq!(lan.dialling.len(), limits::PULLS_DIALLED + 1);
    // What waits is forgotten with its peer.
    lan.pulls.handle_gone(lan.now, peer(MANY - 2));
    lan.run();
    assert!(!lan.up.contains(&peer(MANY - 2)));
}

#[test]
fn a_host_with_any_number_of_peers_leaves_places_to_the_others() {
    let mut lan = Lan::new();
    let wanted = |lan: &mut Lan, peers: core::ops::Range<u16>| {
        let before = lan.dialling.len();
        peers.for_each(|n| lan.pulls.want_catalogue(lan.now, peer(n)));
        lan.pump();
        lan.dialling.len() - before
    };
    (0..900).for_each(|n| lan.pulls.handle_here(peer(n), &[host(7)]));
    assert_eq!(wanted(&mut lan, 0..500), limits::PULLS_DIALLED / 2);
    // A second one like it, and each that comes after them, finds a place at once.
    (500..900).for_each(|n| lan.pulls.handle_here(peer(n), &[host(8)]));
    assert_eq!(wanted(&mut lan, 500..900), limits::PULLS_DIALLED / 4);
    for n in 900..910 {
        assert_eq!(wanted(&mut lan, n..n + 1), 1, "{n}");
    }
}
