//! Asking keepers what they keep for others: page by page, with bounds for all of it. Pure; its shell is
//! receiver/mod.rs.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::identity::PeerId;
use crate::receiver::limits;
use crate::sender::KeptOf;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{GetKept, KeptIs, Reason, Refused};

/// Low bits of the number of each request, which tell whose the answer is.
pub(super) const TAG: u64 = 3;

/// Attempts to hear it from one peer, until the controller asks again.
const ATTEMPTS: u8 = 3;

/// Rest between two attempts.
const REST: Duration = Duration::from_millis(500);

/// What the shell is to do.
#[derive(Debug)]
pub(super) enum Output {
    /// Connect to this peer's sender port; answered by `handle_up` or `handle_down`.
    Dial(PeerId),
    /// Close the connection to it, with the cause for the log.
    Drop(PeerId, String),
    /// Send it this.
    Ask(PeerId, Message),
    /// This is what it keeps.
    Done(PeerId, Vec<KeptOf>),
    /// It did not say, or lied.
    GaveUp(PeerId),
    /// In words for the user.
    Warning(String),
}

#[derive(Debug)]
enum KeptStep {
    /// Until a connection stands and it is its turn.
    Waiting,
    /// Not before this time.
    Resting(Time),
    /// Asked under this number.
    Asked(u64),
}

#[derive(Debug)]
struct KeptPull {
    step: KeptStep,
    /// Failed attempts.
    failed: u8,
    /// When an answer came, or it was asked last.
    heard: Time,
    /// What it said so far, and where each owner stands there.
    kept: Vec<KeptOf>,
    owners: BTreeMap<PeerId, usize>,
    rows: usize,
}

impl KeptPull {
    const fn new(now: Time) -> Self {
        let kept = Vec::new();
        Self { step: KeptStep::Waiting, failed: 0, heard: now, kept, owners: BTreeMap::new(), rows: 0 }
    }

    /// Nothing of what came so far counts.
    fn forget(&mut self) {
        (self.kept, self.rows) = (Vec::new(), 0);
        self.owners.clear();
    }

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
            None => self.kept.push(KeptOf {
                origin: page.origin,
                announcement: page.announcement.into(),
                rows: page.rows.into_iter().collect(),
            }),
        }
        Ok(())
    }
}

/// All questions that are open.
#[derive(Debug, Default)]
pub(super) struct Keepers {
    pulls: BTreeMap<PeerId, KeptPull>,
    outputs: VecDeque<Output>,
    next_request: u64,
}

impl Keepers {
    /// The next thing to do; to be called until `None` after every input.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// True if this peer owes something.
    pub(super) fn is_owed_by(&self, peer: PeerId) -> bool {
        self.pulls.get(&peer).is_some_and(|p| matches!(p.step, KeptStep::Asked(_)))
    }

    /// Ask this peer. One question answers all who ask meanwhile.
    pub(super) fn handle_wanted(&mut self, now: Time, peer: PeerId) {
        match self.pulls.get_mut(&peer) {
            Some(pull) => pull.failed = 0,
            None => {
                self.pulls.insert(peer, KeptPull::new(now));
                self.outputs.push_back(Output::Dial(peer));
            }
        }
    }

    /// A connection to this peer stands.
    pub(super) fn handle_up(&mut self, now: Time, peer: PeerId) {
        let asked = self.pulls.values().filter(|p| matches!(p.step, KeptStep::Asked(_))).count();
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        if matches!(pull.step, KeptStep::Asked(_)) {
            return;
        }
        if asked >= limits::KEPT_PULLS {
            // It is dialled again, or found connected, when it is its turn.
            pull.step = KeptStep::Waiting;
            return;
        }
        self.next_request += 4;
        let request = self.next_request | TAG;
        pull.step = KeptStep::Asked(request);
        pull.heard = now;
        self.outputs.push_back(Output::Ask(peer, Message::GetKept(GetKept { request })));
    }

    /// The connection could not be had, or is over.
    pub(super) fn handle_down(&mut self, now: Time, peer: PeerId) {
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        if matches!(pull.step, KeptStep::Resting(_)) {
            return;
        }
        pull.forget();
        pull.failed += 1;
        if pull.failed >= ATTEMPTS {
            self.pulls.remove(&peer);
            self.outputs.push_back(Output::GaveUp(peer));
        } else {
            pull.step = KeptStep::Resting(now + REST);
        }
        self.next();
    }

    /// This peer is gone.
    pub(super) fn handle_gone(&mut self, peer: PeerId) {
        if self.pulls.remove(&peer).is_some() {
            self.outputs.push_back(Output::GaveUp(peer));
            self.next();
        }
    }

    /// This peer answered something that was asked before.
    pub(super) fn handle_heard(&mut self, now: Time, peer: PeerId) {
        if let Some(pull) = self.pulls.get_mut(&peer) {
            pull.heard = now;
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = |p: &KeptPull| match p.step {
            KeptStep::Waiting => None,
            KeptStep::Resting(t) => Some(t),
            KeptStep::Asked(_) => Some(p.heard + limits::STALL),
        };
        self.pulls.values().filter_map(due).min()
    }

    /// Tries again, and drops who owes an answer.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        let mut stalled = Vec::new();
        for (&peer, pull) in &mut self.pulls {
            match pull.step {
                KeptStep::Resting(t) if t <= now => {
                    pull.step = KeptStep::Waiting;
                    self.outputs.push_back(Output::Dial(peer));
                }
                KeptStep::Asked(_) if now.since(pull.heard) >= limits::STALL => stalled.push(peer),
                _ => {}
            }
        }
        for peer in stalled {
            self.outputs.push_back(Output::Drop(peer, "it does not say what it keeps".to_owned()));
            self.handle_down(now, peer);
        }
    }

    /// A page came.
    pub(super) fn handle_page(&mut self, now: Time, peer: PeerId, page: KeptIs) {
        let Some(pull) = self.pulls.get_mut(&peer) else { return };
        if !matches!(pull.step, KeptStep::Asked(request) if request == page.request) {
            return;
        }
        pull.heard = now;
        let last = page.last;
        match pull.take(page) {
            Err(what) => {
                self.pulls.remove(&peer);
                self.outputs.push_back(Output::Warning(format!("{peer}: {what}")));
                self.outputs.push_back(Output::Drop(peer, what.to_owned()));
                self.outputs.push_back(Output::GaveUp(peer));
                self.next();
            }
            Ok(()) if last => {
                let kept = std::mem::take(&mut pull.kept);
                self.pulls.remove(&peer);
                self.outputs.push_back(Output::Done(peer, kept));
                self.next();
            }
            Ok(()) => {}
        }
    }

    /// It does not answer.
    pub(super) fn handle_refused(&mut self, peer: PeerId, refused: &Refused) {
        let Some(pull) = self.pulls.get(&peer) else { return };
        if !matches!(pull.step, KeptStep::Asked(request) if request == refused.request) {
            return;
        }
        self.pulls.remove(&peer);
        self.outputs.push_back(match refused.reason {
            // Of before there were keepers.
            Reason::NotOffered => Output::Done(peer, Vec::new()),
            _ => Output::GaveUp(peer),
        });
        self.next();
    }

    /// One more may be asked: the first of those that wait and are connected.
    fn next(&mut self) {
        let waiting = self.pulls.iter().filter(|(_, p)| matches!(p.step, KeptStep::Waiting));
        self.outputs.extend(waiting.map(|(peer, _)| Output::Dial(*peer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileId;
    use crate::wire::message::KeptFile;

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

    /// All outputs; each dial is answered.
    fn run(machine: &mut Keepers) -> Vec<Output> {
        let mut rest = Vec::new();
        while let Some(output) = machine.poll_output() {
            match output {
                Output::Dial(peer) => machine.handle_up(NOW, peer),
                other => rest.push(other),
            }
        }
        rest
    }

    /// Asks one peer; the number of the request.
    fn ask(machine: &mut Keepers, n: u8) -> u64 {
        machine.handle_wanted(NOW, peer(n));
        match &run(machine)[..] {
            [Output::Ask(p, Message::GetKept(m))] if *p == peer(n) => m.request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pages_are_put_together_owner_by_owner() {
        let mut machine = Keepers::default();
        let request = ask(&mut machine, 1);
        assert_eq!(request & 3, TAG);
        // Of a request that nobody made, and of another peer.
        machine.handle_page(NOW, peer(1), page(request + 4, 9, 1, true));
        machine.handle_page(NOW, peer(2), page(request, 9, 1, true));
        assert!(run(&mut machine).is_empty() && machine.is_owed_by(peer(1)));
        for (origin, rows, last) in [(5, 3, false), (6, 1, false), (5, 2, false), (7, 1, true)] {
            machine.handle_page(NOW, peer(1), page(request, origin, rows, last));
        }
        let rest = run(&mut machine);
        let [Output::Done(_, kept)] = &rest[..] else { panic!("{rest:?}") };
        let seen: Vec<_> = kept.iter().map(|of| (of.origin.0[0], of.rows.len())).collect();
        assert_eq!(seen, [(5, 5), (6, 1), (7, 1)]);
        assert_eq!(*kept[0].announcement, [5; 9]);
        assert!(machine.pulls.is_empty() && machine.poll_timeout().is_none());

        let request = ask(&mut machine, 1);
        machine.handle_page(NOW, peer(1), KeptIs::nothing(request));
        assert!(matches!(&run(&mut machine)[..], [Output::Done(_, kept)] if kept.is_empty()));
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
                machine.handle_page(NOW, peer(1), say(request, n));
            }
            let rest = run(&mut machine);
            let reported = matches!(&rest[..], [Output::Warning(_), Output::Drop(..), Output::GaveUp(_)]);
            assert!(reported && machine.pulls.is_empty(), "{case}: {rest:?}");
        }
    }

    #[test]
    fn who_does_not_offer_it_keeps_nothing_and_who_is_busy_says_nothing() {
        for (reason, none) in [(Reason::NotOffered, true), (Reason::Busy, false), (Reason::Other, false)] {
            let mut machine = Keepers::default();
            let request = ask(&mut machine, 1);
            machine.handle_refused(peer(1), &Refused { request, item: None, reason });
            match &run(&mut machine)[..] {
                [Output::Done(_, kept)] => assert!(none && kept.is_empty()),
                [Output::GaveUp(_)] => assert!(!none),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_silent_peer_is_tried_three_times_and_the_others_have_their_turn() {
        let mut machine = Keepers::default();
        let many = u8::try_from(limits::KEPT_PULLS).unwrap() + 3;
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
                        machine.handle_page(now, p, KeptIs::nothing(m.request));
                    }
                    Output::Drop(..) => {}
                    Output::Done(..) | Output::GaveUp(_) => over += 1,
                    other => panic!("{other:?}"),
                }
                let open = machine.pulls.values().filter(|p| matches!(p.step, KeptStep::Asked(_))).count();
                assert!(open <= limits::KEPT_PULLS);
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
        machine.handle_page(NOW, peer(1), page(request, 5, 3, false));
        machine.handle_down(NOW, peer(1));
        let due = machine.poll_timeout().unwrap();
        machine.handle_timeout(due);
        let rest = run(&mut machine);
        let [Output::Ask(_, Message::GetKept(m))] = &rest[..] else { panic!("{rest:?}") };
        assert_ne!(m.request, request);
        machine.handle_page(NOW, peer(1), page(m.request, 6, 1, true));
        let rest = run(&mut machine);
        assert!(matches!(&rest[..], [Output::Done(_, kept)] if kept.len() == 1), "{rest:?}");
        // One that is gone.
        ask(&mut machine, 1);
        machine.handle_gone(peer(1));
        assert!(matches!(&run(&mut machine)[..], [Output::GaveUp(_)]));
    }
}
