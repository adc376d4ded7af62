//! Whatever keepers, owners and those who act for them say, one after the other, the machines of custody hold
//! together: for fuzzing and property tests.
//!
//! The bytes of an input choose what happens. Everything is well-formed, and nothing that others say is
//! honest; what this peer does itself, such as fetching, ends as it should or not at all. There are two kinds
//! of a run: in one this peer keeps files for others, in the other one it has its own kept.

mod messages;

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::messages::{PEERS, answer, catalogue_of, file, get_space, offer, orders, other, peer, report};
use super::custodian::{Custodian, CustodianConfig, CustodianOutput};
use super::keeper::KeeperConfig;
use super::ledger::{Ledger, LedgerKey, Present};
use super::limits;
use super::look::SharedLook;
use super::quota::Lend;
use crate::content::{FileId, Span};
use crate::identity::{Instance, PeerId};
use crate::time::Time;
use crate::wire::custody::CustodyMessage;
use crate::wire::datagram::PresenceState;

/// Bytes that are lent: some files fit, and others do not.
const LENT: u64 = 100 << 20;

/// Bytes that are free at the start.
const FREE: u64 = 1 << 30;

/// Calls at one moment after which there must be nothing more to do at it.
const CALLS: usize = 100;

/// What was asked, or has to be fetched, and may still be answered, at most.
const ASKED: usize = 64;

/// So many seconds after the last word of others a departure is over.
const DEPARTURE: usize = 120;

/// What a step may choose from.
#[derive(Clone, Copy)]
struct CustodyStep {
    what: u8,
    n: u8,
    a: u8,
    b: u8,
}

/// What can happen.
#[derive(Clone, Copy)]
enum CustodyAct {
    Here,
    Gone,
    Offer,
    Orders,
    Report,
    GetSpace,
    Answer,
    Fetched,
    Challenged,
    Learned,
    Time,
    Change,
}

use CustodyAct as A;

/// What happens to who keeps files for others.
const TO_KEEPER: [CustodyAct; 16] = [
    A::Here,
    A::Gone,
    A::Offer,
    A::Offer,
    A::Offer,
    A::Orders,
    A::Answer,
    A::Answer,
    A::Fetched,
    A::Fetched,
    A::Learned,
    A::Challenged,
    A::Report,
    A::GetSpace,
    A::Time,
    A::Change,
];

/// What happens to who has its own files kept.
const TO_OWNER: [CustodyAct; 16] = [
    A::Here,
    A::Here,
    A::Gone,
    A::Answer,
    A::Answer,
    A::Answer,
    A::Answer,
    A::Report,
    A::Report,
    A::Challenged,
    A::Challenged,
    A::Learned,
    A::Time,
    A::Time,
    A::Change,
    A::Offer,
];

struct CustodyWorld {
    now: Time,
    custodian: Custodian,
    /// What was recorded.
    ledger: Ledger,
    /// What lies in the store.
    store: Present,
    asked: Vec<(PeerId, CustodyMessage)>,
    fetches: Vec<(FileId, Span)>,
    challenges: Vec<(PeerId, LedgerKey)>,
    pulls: Vec<(PeerId, PeerId)>,
    left: bool,
}

/// Lets happen to a keeper what the bytes say.
///
/// # Panics
/// When the machines do not hold together.
pub fn keeper(bytes: &[u8]) {
    run(CustodyWorld::new(), bytes, &TO_KEEPER);
}

/// Lets happen to an owner what the bytes say.
///
/// # Panics
/// When the machines do not hold together.
pub fn distributor(bytes: &[u8]) {
    let mut world = CustodyWorld::new();
    world.publish(5);
    run(world, bytes, &TO_OWNER);
}

fn run(mut world: CustodyWorld, bytes: &[u8], happenings: &[CustodyAct; 16]) {
    let (steps, _) = bytes.as_chunks::<4>();
    for &[what, n, a, b] in steps {
        world.step(happenings[usize::from(what % 16)], CustodyStep { what, n, a, b });
        world.drain();
        world.check();
    }
    world.restart();
    world.leave();
}

const fn config() -> CustodianConfig {
    let keeper = KeeperConfig {
        lend: Lend { bytes: LENT, reserve: 0 },
        free: FREE,
        keep: limits::KEEP_DAYS,
        keep_deleted: limits::KEEP_DELETED,
    };
    CustodianConfig { copies: 3, auto_copy: 1 << 30, repair: limits::REPAIR_DELAY, keeper, secret: [7; 32] }
}

const fn instance(count: u64) -> Instance {
    Instance { count, random: 7 }
}

impl CustodyWorld {
    fn new() -> Self {
        let (now, ledger, store) = (Time(1_000_000_000), Ledger::default(), Present::new());
        let custodian = Custodian::new(now, peer(0), instance(3), config(), ledger.clone(), &store);
        let mut world = Self {
            now,
            custodian,
            ledger,
            store,
            asked: Vec::new(),
            fetches: Vec::new(),
            challenges: Vec::new(),
            pulls: Vec::new(),
            left: false,
        };
        world.drain();
        world
    }

    /// This peer shares another catalogue.
    fn publish(&mut self, n: u8) {
        let known = catalogue_of(peer(0), n);
        let found = Arc::clone(&known.catalogue);
        self.custodian.scanned(self.now, &SharedLook { found, ..SharedLook::default() });
        self.custodian.published(self.now, &known.signed, &known.catalogue);
        self.drain();
    }

    fn step(&mut self, happening: CustodyAct, step: CustodyStep) {
        let CustodyStep { what, n, a, b } = step;
        let (now, from) = (self.now, other(n));
        match happening {
            A::Here => {
                let state = if a < 32 { PresenceState::Leaving } else { PresenceState::Here };
                self.custodian.here(now, from, instance(u64::from(b % 2)), state);
            }
            A::Gone if a < 128 => self.custodian.gone(now, from, b < 128),
            A::Gone => self.custodian.unreachable(now, from),
            A::Offer => {
                // Mostly it comes from the owner itself.
                let from = if what < 192 { from } else { other(a) };
                self.hear(from, b, offer(step));
            }
            A::Orders => self.hear(if what < 128 { from } else { other(a) }, b, orders(step)),
            A::Report => self.hear(if what < 192 { other(a) } else { from }, b, report(step)),
            A::GetSpace => self.hear(from, b, get_space(step)),
            A::Answer => self.answer(step),
            A::Fetched => self.fetched(step),
            A::Challenged => {
                if let Some((peer, key)) = take(&mut self.challenges, n) {
                    self.custodian.challenge_answered(now, peer, key, a < 192);
                }
            }
            A::Learned => {
                if let Some((origin, _)) = take(&mut self.pulls, n) {
                    let known = catalogue_of(origin, a);
                    self.custodian.learned(now, origin, &known.signed, &known.catalogue);
                }
            }
            A::Time if what < 192 => self.pass(Duration::from_millis(u64::from(n) * 100)),
            A::Time => self.pass(Duration::from_secs(u64::from(n) * u64::from(a) / 2)),
            A::Change => self.change(step),
        }
    }

    fn hear(&mut self, from: PeerId, n: u8, message: CustodyMessage) {
        let source = IpAddr::V4(Ipv4Addr::new(10, 0, 0, n % 3));
        self.custodian.message(self.now, from, source, message);
    }

    /// Somebody answers what it was asked, or what another one was.
    fn answer(&mut self, step: CustodyStep) {
        let Some((asked, message)) = take(&mut self.asked, step.n) else { return };
        let from = if step.n < 240 { asked } else { other(step.b) };
        if let Some(answer) = answer(&message, step) {
            self.hear(from, step.b, answer.clone());
            if step.a.is_multiple_of(32) {
                self.drain();
                self.hear(from, step.b, answer);
            }
        }
    }

    /// Some of what was to be fetched is here, or nothing.
    fn fetched(&mut self, step: CustodyStep) {
        let Some((file, span)) = take(&mut self.fetches, step.n) else { return };
        if step.a < 48 {
            self.custodian.failed(self.now, file);
            return;
        }
        let is_whole = step.a < 192;
        let have = if is_whole { span.len() } else { u32::from(step.b).min(span.len().saturating_sub(1)) };
        if is_whole {
            self.store.entry(file).or_default().push(span);
        }
        self.custodian.fetched(self.now, file, span, have, is_whole);
    }

    /// Something changes at this peer.
    fn change(&mut self, step: CustodyStep) {
        let CustodyStep { n, a, b, .. } = step;
        match n % 8 {
            0 => self.custodian.set_free(1 << (a % 40)),
            1 => {
                self.store.remove(&file(b));
                self.custodian.lost(self.now, file(b));
            }
            2 => self.custodian.set_copies(self.now, file(b), (a < 128).then_some(a % 20)),
            3 if a < 64 => self.publish(b),
            4 if a < 16 => self.custodian.leave(self.now),
            _ => {}
        }
    }

    /// Time passes, and what is due meanwhile is done when it is.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.custodian.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.catch_up();
        }
        self.now = until;
    }

    /// Does what is due now.
    fn catch_up(&mut self) {
        let mut calls = 0;
        while self.custodian.poll_timeout().is_some_and(|due| due <= self.now) {
            self.custodian.handle_timeout(self.now);
            self.drain();
            calls += 1;
            assert!(calls < CALLS, "there is always something more to do at one moment");
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.custodian.poll_output() {
            match output {
                CustodianOutput::Send(to, message) => {
                    assert!(to != peer(0), "it speaks to itself");
                    keep(&mut self.asked, (to, message));
                }
                CustodianOutput::Fetch { file, span, sources, .. } => {
                    assert!(!sources.contains(&peer(0)), "it fetches from itself");
                    keep(&mut self.fetches, (file, span));
                }
                CustodianOutput::Drop { file, keep } => {
                    if let Some(spans) = self.store.get_mut(&file) {
                        spans.retain(|span| keep.iter().any(|kept| kept.covers(span)));
                    }
                    self.store.retain(|_, spans| !spans.is_empty());
                }
                CustodianOutput::Challenge { peer: of, key, size, chunk } => {
                    let is_there = Span::whole(size).is_some_and(|whole| chunk < whole.to);
                    assert!(is_there, "a chunk is challenged that the file does not have");
                    keep(&mut self.challenges, (of, key));
                }
                CustodianOutput::Pull { origin, from } => keep(&mut self.pulls, (origin, from)),
                CustodianOutput::Record(record) => self.ledger.apply(record),
                CustodianOutput::Left(_) => self.left = true,
                _ => {}
            }
        }
    }

    /// What is kept was recorded, is possible, and is no more than is lent.
    fn check(&self) {
        let keeper = self.custodian.keeper();
        let (mut bytes, mut kept) = (0, BTreeMap::new());
        for (key, row, have) in keeper.all() {
            assert!(row.span.fits(row.size) && row.others.len() <= limits::PLACES);
            assert!(have <= row.span.len() && key.0 != peer(0));
            bytes += row.span.bytes(row.size);
            kept.insert(key, row.span);
        }
        assert!(bytes <= LENT && keeper.quota().taken() <= LENT, "{bytes} bytes are kept");
        let recorded: BTreeMap<_, _> = self.ledger.kept.iter().map(|(key, row)| (*key, row.span)).collect();
        assert_eq!(kept, recorded, "what is kept is not what was recorded");
        for (key, _) in self.custodian.distributor().wanted() {
            let Some(standing) = self.custodian.distributor().standing(key) else { continue };
            assert!(standing.kept <= PEERS.into() && standing.kept <= standing.coming, "{standing:?}");
        }
    }

    /// Started again, it keeps what was recorded: what it accepted it accepted for good.
    fn restart(&self) {
        let ledger = self.ledger.clone();
        let kept: BTreeSet<LedgerKey> = ledger.kept.keys().copied().collect();
        let again = Custodian::new(self.now, peer(0), instance(9), config(), ledger, &self.store);
        let after: BTreeSet<LedgerKey> = again.keeper().all().map(|(key, ..)| key).collect();
        assert_eq!(after, kept, "a start forgets what was accepted");
    }

    /// Leaves, and nobody says anything any more: that comes to an end. This machine is busy, and looks only once
    /// a second what is due.
    fn leave(&mut self) {
        self.left = false;
        self.custodian.leave(self.now);
        self.drain();
        for _ in 0..DEPARTURE {
            if self.left {
                return;
            }
            self.now = self.now + Duration::from_secs(1);
            self.catch_up();
        }
        assert!(self.left, "a departure takes too long");
    }
}

/// Remembers one more, and forgets the first if there are too many.
fn keep<T>(all: &mut Vec<T>, one: T) {
    all.push(one);
    if all.len() > ASKED {
        all.remove(0);
    }
}

/// Takes out the one that a byte chooses, if there is any.
fn take<T>(all: &mut Vec<T>, n: u8) -> Option<T> {
    let at = usize::from(n) % all.len().max(1);
    (at < all.len()).then(|| all.remove(at))
}

#[cfg(test)]
mod tests {
    use crate::sim::with_bytes;

    #[test]
    fn whatever_is_said_to_a_keeper_it_holds_together() {
        with_bytes(100, 1_000, super::keeper);
    }

    #[test]
    fn whatever_keepers_say_to_an_owner_it_holds_together() {
        with_bytes(100, 1_000, super::distributor);
    }
}
