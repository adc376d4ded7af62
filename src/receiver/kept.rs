//! Asking keepers what they keep for others, with bounds for all of it. Pure; when and of whom it is asked is
//! decided in pull/mod.rs.

use std::collections::BTreeMap;

use super::ReceiverEvent;
use super::pull::{Outcome, PullKey, Question, Refusal, Taken};
use crate::identity::PeerId;
use crate::receiver::limits;
use crate::sender::KeptOf;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{GetKept, KeptIs, Reason};

/// What a keeper said so far, and where each owner stands there.
#[derive(Debug, Default)]
pub(crate) struct KeptPart {
    kept: Vec<KeptOf>,
    owners: BTreeMap<PeerId, usize>,
    rows: usize,
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
            None => self.kept.push(KeptOf {
                origin: page.origin,
                announcement: page.announcement.into(),
                rows: page.rows.into_iter().collect(),
            }),
        }
        Ok(())
    }
}

/// What is kept for others.
#[derive(Debug, Default)]
pub(crate) struct KeptFiles;

impl Question for KeptFiles {
    type Subject = ();
    type Reasons = ();
    type Part = KeptPart;
    type Page = KeptIs;
    type Answer = Vec<KeptOf>;

    const FIRST: () = ();
    const SILENT: &'static str = "it does not say what it keeps";
    const MAY_CHANGE: bool = false;

    fn may_ask(_: PullKey<()>, open: impl Iterator<Item = PullKey<()>>) -> bool {
        open.count() < limits::KEPT_PULLS
    }

    fn ask(&self, _: PullKey<()>, _: &KeptPart, request: u64) -> Message {
        Message::GetKept(GetKept { request })
    }

    fn take(
        &mut self,
        _: Time,
        _: PullKey<()>,
        part: &mut KeptPart,
        page: KeptIs,
    ) -> Taken<Vec<KeptOf>> {
        let is_last = page.last;
        match part.take(page) {
            Err(what) => Taken::Lie(what.to_owned()),
            Ok(()) if is_last => Taken::Whole(std::mem::take(&mut part.kept)),
            Ok(()) => Taken::More,
        }
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
    use crate::wire::message::{KeptFile, Refused};

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
                        machine.handle_kept(now, p, KeptIs::nothing(m.request));
                    }
                    Output::Drop(..) => {}
                    Output::Tell(Event::Kept(..)) | Output::Tell(Event::NoKept(_)) => over += 1,
                    other => panic!("{other:?}"),
                }
                assert!(machine.asked().len() <= limits::KEPT_PULLS);
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
}
