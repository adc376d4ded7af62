//! One machine for all that is pulled, on a question of nothing but numbers: it asks for some pages of one
//! number each, then for as many again, and at most two are asked at a time.

use super::driven::Driven;
use super::*;
use crate::wire::message::{GetKept, Reason};

/// Pages of each of the two requests.
const PAGES: u64 = 3;

/// What a page says that is a lie, and one that is too much.
const LIE: u64 = 1_000;
const TOO_MUCH: u64 = 1_001;

#[derive(Debug, Default)]
struct Numbers<const MAY_CHANGE: bool>;

impl<const MAY_CHANGE: bool> Question for Numbers<MAY_CHANGE> {
    type Subject = u8;
    type Reasons = ();
    type Part = Vec<u64>;
    type Page = u64;
    type Answer = Vec<u64>;

    const FIRST: u8 = 0;
    const SILENT: &'static str = "it says nothing";
    const MAY_CHANGE: bool = MAY_CHANGE;

    fn may_ask(_: PullKey<u8>, open: impl Iterator<Item = PullKey<u8>>) -> bool {
        open.count() < 2
    }

    fn ask(&self, _: PullKey<u8>, _: &Vec<u64>, request: u64) -> Message {
        Message::GetKept(GetKept { request })
    }

    fn take(&mut self, _: Time, _: PullKey<u8>, part: &mut Vec<u64>, page: u64) -> Taken<Vec<u64>> {
        match page {
            LIE => return Taken::Lie("it lies".to_owned()),
            TOO_MUCH => return Taken::TooMuch,
            page => part.push(page),
        }
        match part.len() as u64 {
            PAGES => Taken::Next,
            n if n == 2 * PAGES => Taken::Whole(core::mem::take(part)),
            _ => Taken::More,
        }
    }

    fn refused(_: &Vec<u64>, reason: Reason) -> Refusal<Vec<u64>> {
        match reason {
            Reason::Changed => Refusal::AskAgain,
            Reason::NotOffered => Refusal::Whole(Vec::new()),
            _ => Refusal::GiveUp,
        }
    }

    /// Numbers are told as a warning.
    fn tell(key: PullKey<u8>, (): (), outcome: Outcome<Vec<u64>>) -> Vec<ReceiverEvent> {
        vec![ReceiverEvent::Warning(format!("{} {outcome:?}", key.subject))]
    }

    fn accuse(_: PullKey<u8>, what: &str) -> Option<String> {
        Some(what.to_owned())
    }
}

type Fixed = Driven<Numbers<false>>;

const NOW: Time = Time(7);

fn peer(n: u8) -> PeerId {
    PeerId([n; 32])
}

fn key(n: u8) -> PullKey<u8> {
    PullKey { from: peer(n), subject: n }
}

/// The only request among the outputs.
fn request(outputs: &[PullOutput]) -> u64 {
    match outputs {
        [PullOutput::Ask(_, Message::GetKept(m))] => m.request,
        other => panic!("{other:?}"),
    }
}

/// What the controller hears.
fn told(outputs: &[PullOutput]) -> Vec<&str> {
    let texts = outputs.iter().filter_map(|output| match output {
        PullOutput::Tell(ReceiverEvent::Warning(text)) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

impl<const MAY_CHANGE: bool> Driven<Numbers<MAY_CHANGE>> {
    /// Asks a peer; the number of the request.
    fn begin(&mut self, now: Time, n: u8) -> u64 {
        self.want(now, key(n), ());
        request(&self.run(now))
    }

    /// Answers all that a peer is asked for from `request` on; the outputs.
    fn answer(&mut self, now: Time, n: u8, mut request: u64) -> Vec<PullOutput> {
        for page in 0..PAGES {
            assert!(self.handle_page(now, peer(n), request, page));
        }
        request = self::request(&self.run(now));
        for page in PAGES..2 * PAGES {
            assert!(self.handle_page(now, peer(n), request, page));
        }
        self.run(now)
    }
}

#[test]
fn pages_come_one_after_the_other_and_only_from_whom_they_were_asked() {
    let mut machine = Fixed::default();
    let request = machine.begin(NOW, 1);
    assert!(machine.is_owed_by(peer(1)) && !machine.is_owed_by(peer(2)));
    // Of another request, and of another peer.
    assert!(!machine.handle_page(NOW, peer(1), request + 1, 9));
    assert!(!machine.handle_page(NOW, peer(2), request, 9));
    let rest = machine.answer(NOW, 1, request);
    assert_eq!(told(&rest), ["1 Came([0, 1, 2, 3, 4, 5])"]);
    assert!(rest.len() == 1 && machine.pulls.is_empty() && machine.poll_timeout().is_none());
    // Nothing that comes later counts.
    assert!(!machine.handle_page(NOW, peer(1), request, 9));
}

#[test]
fn a_peer_that_cannot_be_reached_is_dialled_three_times_with_a_rest_between() {
    let mut machine = Fixed::default();
    machine.want(NOW, key(1), ());
    let (mut now, mut dialled) = (NOW, Vec::new());
    loop {
        while let Some(output) = machine.poll_output() {
            match output {
                PullOutput::Dial(_) => {
                    dialled.push(now.since(NOW));
                    machine.handle_down(now, peer(1));
                    // Of one that rests it is known already.
                    machine.handle_down(now, peer(1));
                }
                PullOutput::Tell(ReceiverEvent::Warning(text)) => assert_eq!(text, "1 GaveUp"),
                other => panic!("{other:?}"),
            }
        }
        let Some(due) = machine.poll_timeout() else { break };
        assert!(due > now);
        now = due;
        machine.handle_timeout(now);
    }
    assert_eq!(dialled, [Duration::ZERO, REST, 2 * REST]);
    assert!(machine.pulls.is_empty());
}

#[test]
fn a_silent_peer_is_dropped_and_what_came_before_does_not_count() {
    let mut machine = Fixed::default();
    let first = machine.begin(NOW, 1);
    machine.handle_page(NOW, peer(1), first, 9);
    let due = machine.poll_timeout().unwrap();
    assert_eq!(due, NOW + limits::STALL);
    // An answer to something else came meanwhile.
    machine.handle_heard(due, peer(1));
    machine.handle_timeout(due);
    assert!(machine.run(due).is_empty() && machine.is_owed_by(peer(1)));
    let due = machine.poll_timeout().unwrap();
    machine.handle_timeout(due);
    let rest = machine.run(due);
    assert!(matches!(&rest[..], [PullOutput::Drop(of, why)] if *of == peer(1) && why == "it says nothing"));
    assert!(!machine.is_owed_by(peer(1)));
    let due = machine.poll_timeout().unwrap();
    machine.handle_timeout(due);
    let again = request(&machine.run(due));
    assert_ne!(again, first);
    assert!(!machine.handle_page(due, peer(1), first, 9));
    assert_eq!(told(&machine.answer(due, 1, again)), ["1 Came([0, 1, 2, 3, 4, 5])"]);
}

#[test]
fn what_a_refusal_means_is_for_the_question_to_say() {
    let refused = |request, reason| Refused { request, item: None, reason };
    let mut machine = Fixed::default();
    let request = machine.begin(NOW, 1);
    machine.handle_refused(NOW, peer(2), &refused(request, Reason::Busy));
    machine.handle_refused(NOW, peer(1), &refused(request + 1, Reason::Busy));
    assert!(machine.run(NOW).is_empty() && machine.is_owed_by(peer(1)));
    machine.handle_refused(NOW, peer(1), &refused(request, Reason::Busy));
    assert_eq!(told(&machine.run(NOW)), ["1 Busy"]);

    let request = machine.begin(NOW, 1);
    machine.handle_refused(NOW, peer(1), &refused(request, Reason::NotOffered));
    assert_eq!(told(&machine.run(NOW)), ["1 Came([])"]);

    // At once, but not for ever.
    let mut request = machine.begin(NOW, 1);
    for _ in 1..ATTEMPTS {
        machine.handle_refused(NOW, peer(1), &refused(request, Reason::Changed));
        request = self::request(&machine.run(NOW));
    }
    machine.handle_refused(NOW, peer(1), &refused(request, Reason::Changed));
    assert_eq!(told(&machine.run(NOW)), ["1 GaveUp"]);
    assert!(machine.pulls.is_empty());
}

#[test]
fn a_liar_is_dropped_and_asked_no_more() {
    let mut machine = Fixed::default();
    let request = machine.begin(NOW, 1);
    // Something else that is asked of it is lost with the connection, and asked again.
    let other = PullKey { subject: 9, ..key(1) };
    machine.want(NOW, other, ());
    drop(machine.run(NOW));
    machine.handle_page(NOW, peer(1), request, LIE);
    let rest = machine.run(NOW);
    assert_eq!(told(&rest), ["1 Refused", "it lies"]);
    assert!(matches!(rest.last(), Some(PullOutput::Drop(of, _)) if *of == peer(1)));
    let steps: Vec<_> = machine.pulls.iter().map(|(key, pull)| (*key, pull.step)).collect();
    assert_eq!(steps, [(other, PullStep::Resting(NOW + REST))]);

    // Too much is no lie. What is still to come of it need not be sent.
    let request = machine.begin(NOW, 2);
    machine.handle_page(NOW, peer(2), request, TOO_MUCH);
    let rest = machine.run(NOW);
    assert_eq!((told(&rest), rest.len()), (vec!["2 TooMuch"], 2));
    assert!(matches!(&rest[0], PullOutput::Ask(_, Message::Cancel(m)) if m.request == request), "{rest:?}");
}

#[test]
fn no_more_are_asked_at_a_time_than_may_be_and_each_has_its_turn() {
    let mut machine = Fixed::default();
    (1..=6).for_each(|n| machine.want(NOW, key(n), ()));
    let mut answered = Vec::new();
    while let Some(output) = machine.poll_output() {
        match output {
            PullOutput::Dial(of) => machine.handle_up(NOW, of),
            PullOutput::Ask(of, Message::GetKept(m)) => {
                answered.push(of.0[0]);
                let none = Refused { request: m.request, item: None, reason: Reason::NotOffered };
                machine.handle_refused(NOW, of, &none);
            }
            PullOutput::Tell(_) => {}
            other => panic!("{other:?}"),
        }
        assert!(machine.asked().len() <= 2);
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 2, 3, 4, 5, 6]);

    // The place of one that is lost or gone is free.
    let requests = (1..=2).map(|n| machine.begin(NOW, n)).collect::<Vec<_>>();
    (3..=4).for_each(|n| machine.want(NOW, key(n), ()));
    assert!(machine.run(NOW).is_empty() && machine.asked() == [peer(1), peer(2)]);
    machine.handle_down(NOW, peer(1));
    machine.run(NOW);
    assert_eq!(machine.asked(), [peer(2), peer(3)]);
    machine.handle_gone(NOW, peer(2));
    assert_eq!(told(&machine.run(NOW)), ["2 Gone"]);
    assert_eq!(machine.asked(), [peer(3), peer(4)]);
    assert!(!machine.handle_page(NOW, peer(2), requests[1], 1));
}

#[test]
fn what_is_wanted_again_while_it_comes_is_pulled_again_if_it_may_change() {
    let mut fixed = Fixed::default();
    let request = fixed.begin(NOW, 1);
    fixed.want(NOW, key(1), ());
    assert_eq!(fixed.answer(NOW, 1, request).len(), 1);
    assert!(fixed.pulls.is_empty());

    let mut machine = Driven::<Numbers<true>>::default();
    let request = machine.begin(NOW, 1);
    machine.want(NOW, key(1), ());
    let rest = machine.answer(NOW, 1, request);
    assert!(matches!(&rest[..], [PullOutput::Tell(_), PullOutput::Ask(..)]), "{rest:?}");
    // Once: nobody wanted it since.
    let request = self::request(&rest[1..]);
    assert_eq!(machine.answer(NOW, 1, request).len(), 1);
    assert!(machine.pulls.is_empty());
}

#[test]
fn what_was_given_up_before_it_was_asked_is_not_asked() {
    let mut machine = Fixed::default();
    machine.want(NOW, key(1), ());
    machine.handle_up(NOW, peer(1));
    machine.handle_gone(NOW, peer(1));
    let rest = machine.run(NOW);
    assert_eq!((told(&rest), rest.len()), (vec!["1 Gone"], 1));
}
