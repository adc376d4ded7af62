//! Asking keepers what they keep for others, with bounds for all of it. Pure; when and of whom it is asked is
//! decided in pull/mod.rs.

use std::collections::{BTreeMap, VecDeque};

use super::ReceiverEvent;
use super::peer_memory::PeerMemory;
use super::pull::{Outcome, PullKey, Question, Refusal, Taken, Yielded};
use crate::accounts::{AccountHost, Grant};
use crate::identity::PeerId;
use crate::receiver::limits;
use crate::sender::KeptOf;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{GetKept, KeptFile, KeptIs, Reason};

/// Memory of an owner that a keeper names, beside the rows of its files: what is kept of it here and in the
/// controller, and the question for its catalogue.
const OWNER: usize = 1_024;

/// What a keeper said so far, and where each owner stands there.
#[derive(Debug, Default)]
pub(crate) struct KeptPart {
    kept: Vec<KeptOf>,
    owners: BTreeMap<PeerId, usize>,
    rows: usize,
    /// Bytes of the owners' announcements.
    announcements: usize,
}

impl KeptPart {
    /// Takes a page.
    fn take(&mut self, page: KeptIs) -> Result<(), &'static str> {
        if page.rows.count() == 0 {
            // Whoever keeps nothing says so on its only page.
            let alone = page.last && self.kept.is_empty() && page.origin == PeerId([0; 32]);
            return if alone { Ok(()) } else { Err("it sent an empty page of what it keeps") };
        }
        self.rows += page.rows.count();
        let at = *self.owners.entry(page.origin).or_insert(self.kept.len());
        if self.rows > limits::KEPT_ROWS || self.owners.len() > limits::PEERS {
            return Err("it says that it keeps more than a peer can keep");
        }
        match self.kept.get_mut(at) {
            Some(of) => of.rows.extend(page.rows),
            None => {
                self.announcements += page.announcement.len();
                self.kept.push(KeptOf {
                    origin: page.origin,
                    announcement: page.announcement.into(),
                    rows: page.rows.into_iter().collect(),
                });
            }
        }
        Ok(())
    }

    /// Bytes of memory.
    const fn memory(&self) -> u64 {
        (self.rows * size_of::<KeptFile>() + self.kept.len() * OWNER + self.announcements) as u64
    }
}

/// Something that takes memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeptItem {
    /// What this keeper said, as the controller has it.
    List(PeerId),
    /// What it said so far.
    Coming(PeerId),
}

/// What is kept for others, and who pays for the memory of all that keepers say.
#[derive(Debug)]
pub(crate) struct KeptFiles {
    memory: PeerMemory<KeptItem>,
    /// What had to make place, and was not told yet.
    given_up: VecDeque<KeptItem>,
    /// Bytes of each list that was told.
    told: BTreeMap<PeerId, u64>,
}

impl Default for KeptFiles {
    fn default() -> Self {
        Self::new(limits::KEPT_LISTS, limits::KEPT_LISTS_SHARE)
    }
}

impl KeptFiles {
    /// What takes up to `limit` bytes, of which every host may have `share` at least.
    pub(super) const fn new(limit: u64, share: u64) -> Self {
        let memory = PeerMemory::new(limit, share);
        Self { memory, given_up: VecDeque::new(), told: BTreeMap::new() }
    }

    /// Charges so much. False if there is no place for it.
    fn charge(&mut self, now: Time, keeper: PeerId, item: KeptItem, bytes: u64) -> bool {
        let Grant::Given(yielding) = self.memory.charge(now, keeper, item, bytes) else { return false };
        for item in yielding {
            if let KeptItem::List(keeper) = item {
                self.told.remove(&keeper);
            }
            self.given_up.push_back(item);
        }
        true
    }

    /// All came; it takes the place of what that keeper said before.
    fn whole(&mut self, now: Time, keeper: PeerId, part: &mut KeptPart) -> Taken<Vec<KeptOf>> {
        self.memory.free(KeptItem::Coming(keeper));
        let bytes = part.memory();
        if bytes == 0 {
            self.memory.free(KeptItem::List(keeper));
            self.told.remove(&keeper);
        } else if self.charge(now, keeper, KeptItem::List(keeper), bytes) {
            self.told.insert(keeper, bytes);
        } else {
            return Taken::TooMuch;
        }
        Taken::Whole(std::mem::take(&mut part.kept))
    }
}

impl Question for KeptFiles {
    type Subject = ();
    type Reasons = ();
    type Part = KeptPart;
    type Page = KeptIs;
    type Answer = Vec<KeptOf>;

    const FIRST: () = ();
    const SILENT: &'static str = "it does not say what it keeps";
    const MAY_CHANGE: bool = false;

    fn may_ask(_: PullKey<()>, _: impl Iterator<Item = PullKey<()>>) -> bool {
        // Their memory is paid for; a number of turns could all be held by those who take their time.
        true
    }

    fn ask(&self, _: PullKey<()>, _: &KeptPart, request: u64) -> Message {
        Message::GetKept(GetKept { request })
    }

    fn take(&mut self, now: Time, key: PullKey<()>, part: &mut KeptPart, page: KeptIs) -> Taken<Vec<KeptOf>> {
        let is_last = page.last;
        match part.take(page) {
            Err(what) => Taken::Lie(what.to_owned()),
            Ok(()) if is_last => self.whole(now, key.from, part),
            Ok(()) if self.charge(now, key.from, KeptItem::Coming(key.from), part.memory()) => Taken::More,
            Ok(()) => Taken::TooMuch,
        }
    }

    fn part_over(&mut self, key: PullKey<()>) {
        self.memory.free(KeptItem::Coming(key.from));
    }

    fn poll_yielded(&mut self) -> Option<Yielded<()>> {
        Some(match self.given_up.pop_front()? {
            KeptItem::List(keeper) => Yielded::Tell(ReceiverEvent::KeptGivenUp(keeper)),
            KeptItem::Coming(from) => Yielded::Pull(PullKey { from, subject: () }),
        })
    }

    fn here(&mut self, peer: PeerId, host: AccountHost) {
        self.memory.here(peer, host);
    }

    fn gone(&mut self, _: Time, peer: PeerId) {
        self.memory.free(KeptItem::List(peer));
        self.told.remove(&peer);
        self.memory.gone(peer);
    }

    fn check<'a>(&self, parts: impl Iterator<Item = (PullKey<()>, &'a KeptPart)>) {
        let coming = parts.filter(|(_, part)| !part.kept.is_empty());
        let coming = coming.map(|(key, part)| (KeptItem::Coming(key.from), part.memory()));
        let told = self.told.iter().map(|(keeper, bytes)| (KeptItem::List(*keeper), *bytes));
        self.memory.account().check("what keepers say", told.chain(coming));
    }

    fn refused(_: &KeptPart, reason: Reason) -> Refusal<Vec<KeptOf>> {
        match reason {
            // A peer of before there were keepers keeps nothing.
            Reason::NotOffered => Refusal::Whole(Vec::new()),
            _ => Refusal::GiveUp,
        }
    }

    fn tell(key: PullKey<()>, (): (), outcome: Outcome<Vec<KeptOf>>) -> Vec<ReceiverEvent> {
        vec![match outcome {
            Outcome::Came(kept) => ReceiverEvent::Kept(key.from, kept),
            _ => ReceiverEvent::NoKept(key.from),
        }]
    }

    fn accuse(key: PullKey<()>, what: &str) -> Option<String> {
        Some(format!("{}: {what}", key.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;
    use crate::receiver::ReceiverEvent as Event;
    use crate::receiver::pull::driven::Driven;
    use crate::receiver::pull::{PullMachine as _, PullOutput as Output};
    use crate::wire::message::Refused;

    const NOW: Time = Time(7);

    fn peer(n: u8) -> PeerId {
        PeerId([n; 32])
    }

    fn page(request: u64, origin: u8, rows: usize, last: bool) -> KeptIs {
        let row = KeptFile { file: FileId([1; 32]), size: 1, from: 0, to: 1 };
        KeptIs {
            request,
            origin: peer(origin),
            announcement: vec![origin; 9],
            rows: vec![row; rows].into(),
            last,
        }
    }

    type Keepers = Driven<KeptFiles>;

    impl Driven<KeptFiles> {
        fn handle_wanted(&mut self, now: Time, peer: PeerId) {
            self.want(now, PullKey { from: peer, subject: () }, ());
        }

        fn handle_kept(&mut self, now: Time, peer: PeerId, page: KeptIs) {
            self.handle_page(now, peer, page.request, page);
        }
    }

    /// Asks one peer; the number of the request.
    fn ask(machine: &mut Keepers, n: u8) -> u64 {
        machine.handle_wanted(NOW, peer(n));
        match &machine.run(NOW)[..] {
            [Output::Ask(p, Message::GetKept(m))] if *p == peer(n) => m.request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pages_are_put_together_owner_by_owner() {
        let mut machine = Keepers::default();
        let request = ask(&mut machine, 1);
        // Of a request that nobody made, and of another peer.
        machine.handle_kept(NOW, peer(1), page(request + 4, 9, 1, true));
        machine.handle_kept(NOW, peer(2), page(request, 9, 1, true));
        assert!(machine.run(NOW).is_empty() && machine.is_owed_by(peer(1)));
        for (origin, rows, last) in [(5, 3, false), (6, 1, false), (5, 2, false), (7, 1, true)] {
            machine.handle_kept(NOW, peer(1), page(request, origin, rows, last));
        }
        let rest = machine.run(NOW);
        let [Output::Tell(Event::Kept(_, kept))] = &rest[..] else { panic!("{rest:?}") };
        let seen: Vec<_> = kept.iter().map(|of| (of.origin.0[0], of.rows.len())).collect();
        assert_eq!(seen, [(5, 5), (6, 1), (7, 1)]);
        assert_eq!(*kept[0].announcement, [5; 9]);
        assert!(machine.pulls.is_empty() && machine.poll_timeout().is_none());

        let request = ask(&mut machine, 1);
        machine.handle_kept(NOW, peer(1), KeptIs::nothing(request));
        assert!(matches!(&machine.run(NOW)[..], [Output::Tell(Event::Kept(_, kept))] if kept.is_empty()));
    }

    #[test]
    fn whoever_says_that_it_keeps_what_cannot_be_is_dropped() {
        let full = limits::KEPT_ROWS / limits::KEPT_PAGE;
        type Say = fn(u64, usize) -> KeptIs;
        let lies: [(usize, Say); 4] = [
            // More rows than there may be, though each page is allowed.
            (full + 1, |request, _| page(request, 5, limits::KEPT_PAGE, false)),
            (limits::PEERS + 1, |request, n| {
                let mut page = page(request, 5, 1, false);
                page.origin.0[..8].copy_from_slice(&n.to_be_bytes());
                page
            }),
            (1, |request, _| page(request, 5, 0, true)),
            (2, |request, n| if n == 0 { page(request, 5, 1, false) } else { KeptIs::nothing(request) }),
        ];
        for (case, (pages, say)) in lies.into_iter().enumerate() {
            let mut machine = Keepers::default();
            let request = ask(&mut machine, 1);
            for n in 0..pages {
                assert!(machine.poll_output().is_none(), "{case}: {n}");
                machine.handle_kept(NOW, peer(1), say(request, n));
            }
            let rest = machine.run(NOW);
            let reported = matches!(
                &rest[..],
                [Output::Tell(Event::NoKept(_)), Output::Tell(Event::Warning(_)), Output::Drop(..)]
            );
            assert!(reported && machine.pulls.is_empty(), "{case}: {rest:?}");
        }
    }

    #[test]
    fn who_does_not_offer_it_keeps_nothing_and_who_is_busy_says_nothing() {
        for (reason, none) in [(Reason::NotOffered, true), (Reason::Busy, false), (Reason::Other, false)] {
            let mut machine = Keepers::default();
            let request = ask(&mut machine, 1);
            machine.handle_refused(NOW, peer(1), &Refused { request, item: None, reason });
            match &machine.run(NOW)[..] {
                [Output::Tell(Event::Kept(_, kept))] => assert!(none && kept.is_empty()),
                [Output::Tell(Event::NoKept(_))] => assert!(!none),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_silent_peer_is_tried_three_times_and_the_others_have_their_turn() {
        let mut machine = Keepers::default();
        let many = 7;
        let mut now = NOW;
        (0..many).for_each(|n| machine.handle_wanted(now, peer(n)));
        let (mut asked, mut over) = (BTreeMap::new(), 0);
        loop {
            while let Some(output) = machine.poll_output() {
                match output {
                    Output::Dial(peer) => machine.handle_up(now, peer),
                    // Two say nothing, the others answer.
                    Output::Ask(p, Message::GetKept(_)) if p.0[0] < 2 => *asked.entry(p).or_insert(0) += 1,
                    Output::Ask(p, Message::GetKept(m)) => {
                        machine.handle_kept(now, p, KeptIs::nothing(m.request));
                    }
                    Output::Drop(..) => {}
                    Output::Tell(Event::Kept(..)) | Output::Tell(Event::NoKept(_)) => over += 1,
                    other => panic!("{other:?}"),
                }
            }
            let Some(due) = machine.poll_timeout() else { break };
            assert!(due > now);
            now = due;
            machine.handle_timeout(now);
        }
        assert_eq!(asked, BTreeMap::from([(peer(0), 3), (peer(1), 3)]));
        assert_eq!(over, many);
        assert!(machine.pulls.is_empty());
    }

    #[test]
    fn what_came_before_the_connection_broke_does_not_count() {
        let mut machine = Keepers::default();
        let request = ask(&mut machine, 1);
        machine.handle_kept(NOW, peer(1), page(request, 5, 3, false));
        machine.handle_down(NOW, peer(1));
        let due = machine.poll_timeout().unwrap();
        machine.handle_timeout(due);
        let rest = machine.run(NOW);
        let [Output::Ask(_, Message::GetKept(m))] = &rest[..] else { panic!("{rest:?}") };
        assert_ne!(m.request, request);
        machine.handle_kept(NOW, peer(1), page(m.request, 6, 1, true));
        let rest = machine.run(NOW);
        assert!(matches!(&rest[..], [Output::Tell(Event::Kept(_, kept))] if kept.len() == 1), "{rest:?}");
        // One that is gone.
        ask(&mut machine, 1);
        machine.handle_gone(NOW, peer(1));
        assert!(matches!(&machine.run(NOW)[..], [Output::Tell(Event::NoKept(_))]));
    }

    /// Keepers that say that they keep more than there is place for, at one host and at many.
    #[test]
    fn what_keepers_say_is_bounded_and_every_host_has_its_share() {
        let list = |rows: usize| (rows * size_of::<KeptFile>() + OWNER + 9) as u64;
        let (large, small) = (1_000, 100);
        for (keys, hosts) in [(1, 1), (8, 1), (64, 1), (64, 64)] {
            let limit = 5 * list(large);
            let mut machine = Keepers::default();
            machine.question = KeptFiles::new(limit, list(small));
            let host = |n: u8| AccountHost::V4([10, 0, 0, n].into());
            let mut say = |n: u8, at: u8, rows: usize| {
                machine.handle_here(peer(n), host(at));
                let request = ask(&mut machine, n);
                for last in [false, true] {
                    machine.handle_kept(NOW, peer(n), page(request, n, rows / 2, last));
                }
                let told = machine.run(NOW);
                assert!(machine.question.memory.account().held() <= limit);
                told
            };
            for n in 1..=keys {
                say(n, n % hosts, large);
            }
            let told = say(200, 200, small);
            assert!(told.iter().any(|o| matches!(o, Output::Tell(Event::Kept(..)))), "{keys}: {told:?}");
            let is_given_up = |o: &Output| matches!(o, Output::Tell(Event::KeptGivenUp(_)));
            assert_eq!(told.iter().any(is_given_up), keys > 4, "{keys}");
            (1..=keys).for_each(|n| machine.handle_gone(NOW, peer(n)));
            machine.run(NOW);
            assert_eq!(machine.question.memory.account().held(), list(small));
        }
    }
}
