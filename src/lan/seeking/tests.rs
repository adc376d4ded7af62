//! The machine of `mod.rs` in virtual time.

use core::net::SocketAddr;

use super::requests::ASKED;
use super::*;
use crate::lan::traffic::Via;

const FILE: FileId = FileId([7; 32]);

fn at(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(1_000_000 + ms)
}

fn id(n: u16) -> PeerId {
    let mut id = [9; 32];
    id[..2].copy_from_slice(&n.to_be_bytes());
    PeerId(id)
}

fn endpoint(n: u16) -> Endpoint {
    Endpoint { at: SocketAddr::from(([10, 0, 0, 1], n)), via: Via::Own }
}

/// One in a network of so many others that are here.
fn machine(others: u16) -> Seeking {
    let mut machine = Seeking::new(Rng::new([1; 32]), NetworkSize::of(others.into(), 0));
    (0..others).for_each(|n| machine.handle_here(id(n)));
    machine
}

fn seek(machine: &mut Seeking, now: Time, n: u16) {
    let message = DatagramMessage::Seek { files: vec![FILE] };
    let heard = Heard { peer: id(n), is_proved: true, is_reached: true, answer: Some(endpoint(n)), message };
    machine.handle_heard(now, &heard);
}

fn outputs(machine: &mut Seeking) -> Vec<SeekingOutput> {
    core::iter::from_fn(|| machine.poll_output()).collect()
}

/// Lets time pass until `until`; when something went out, and what.
fn run(machine: &mut Seeking, until: Time) -> Vec<(Time, SeekingOutput)> {
    let mut all = Vec::new();
    while let Some(now) = machine.poll_timeout().filter(|at| *at <= until) {
        machine.handle_timeout(now);
        all.extend(outputs(machine).into_iter().map(|output| (now, output)));
    }
    all
}

fn said(to: Recipient, message: fn(Vec<FileId>) -> DatagramMessage) -> SeekingOutput {
    SeekingOutput::Send { to, message: message(vec![FILE]) }
}

fn sought() -> SeekingOutput {
    said(Recipient::Everyone, |files| DatagramMessage::Seek { files })
}

#[test]
fn a_file_is_sought_three_times_and_then_with_announcements() {
    let mut machine = machine(3);
    machine.handle_wanted(at(0), vec![FILE]);
    let all = run(&mut machine, at(60_000));
    assert_eq!(all, [0, 200, 1_000].map(|ms| (at(ms), sought())));
    assert_eq!(machine.take_repetition(at(10_999)), None);
    let repetition = Some(DatagramMessage::Seek { files: vec![FILE] });
    assert_eq!(machine.take_repetition(at(11_000)), repetition);
    assert_eq!(machine.take_repetition(at(11_001)), None);
    machine.handle_wanted(at(30_000), Vec::new());
    assert_eq!(machine.take_repetition(at(60_000)), None);
}

#[test]
fn with_enough_others_known_the_second_and_third_seek_wait() {
    let mut machine = machine(40);
    machine.handle_wanted(at(0), vec![FILE]);
    assert_eq!(run(&mut machine, at(100)).len(), 1);
    for n in 0..40 {
        seek(&mut machine, at(100), n);
    }
    assert_eq!(outputs(&mut machine).len(), 40);
    assert_eq!(run(&mut machine, at(60_000)), []);
    assert!(machine.take_repetition(at(60_000)).is_some());
}

#[test]
fn a_seek_is_answered_once_and_in_time_or_not_at_all() {
    let mut machine = machine(3);
    seek(&mut machine, at(0), 1);
    assert_eq!(outputs(&mut machine), [SeekingOutput::Sought(id(1), vec![FILE])]);
    machine.handle_has(at(10), id(2), vec![FILE]);
    assert_eq!(run(&mut machine, at(1_000)), [], "that one did not ask");
    machine.handle_has(at(10), id(1), vec![FILE]);
    machine.handle_has(at(10), id(1), vec![FILE]);
    let answers = run(&mut machine, at(1_000));
    let answer = said(Recipient::At(endpoint(1)), |files| DatagramMessage::Has { files });
    assert_eq!(answers.iter().map(|(_, answer)| answer).collect::<Vec<_>>(), [&answer]);
    assert!(answers[0].0 < at(10) + SPREAD);
    seek(&mut machine, at(1_000), 1);
    outputs(&mut machine);
    machine.handle_has(at(1_000) + ASKED, id(1), vec![FILE]);
    assert_eq!(run(&mut machine, at(60_000)), [], "the controller took too long");
}

#[test]
fn no_answer_goes_off_the_link_or_after_a_leave() {
    let mut machine = machine(3);
    seek(&mut machine, at(0), 1);
    let message = DatagramMessage::Seek { files: vec![FILE] };
    machine.handle_heard(
        at(0),
        &Heard { peer: id(1), is_proved: true, is_reached: true, answer: None, message },
    );
    machine.handle_has(at(0), id(1), vec![FILE]);
    seek(&mut machine, at(0), 2);
    machine.handle_leave();
    machine.handle_has(at(0), id(2), vec![FILE]);
    outputs(&mut machine);
    assert_eq!(machine.poll_timeout(), None);
}

#[test]
fn of_many_that_could_answer_in_a_large_network_few_do() {
    let mut machine = machine(200);
    let mut answers = 0;
    for n in 0..200 {
        let now = at(u64::from(n) * 1_000);
        seek(&mut machine, now, n);
        machine.handle_has(now, id(n), vec![FILE]);
        outputs(&mut machine);
        answers += run(&mut machine, now + Duration::from_millis(500)).len();
    }
    // One of those that are known answers, on average: the sum of 1/n up to 200 is 5.9.
    assert!((1..=20).contains(&answers), "{answers}");
}

#[test]
fn who_is_not_here_or_says_too_much_is_not_heard() {
    let mut machine = machine(1);
    seek(&mut machine, at(0), 1);
    assert_eq!(outputs(&mut machine), [], "it is not here");
    (0..100).for_each(|_| seek(&mut machine, at(0), 0));
    assert_eq!(outputs(&mut machine).len(), 8);
    machine.handle_gone(id(0));
    seek(&mut machine, at(60_000), 0);
    assert_eq!(outputs(&mut machine), []);
}

#[test]
fn only_what_is_sought_here_is_reported_of_an_answer() {
    let mut machine = machine(1);
    machine.handle_wanted(at(0), vec![FILE]);
    let message = DatagramMessage::Has { files: vec![FileId([8; 32]), FILE] };
    let heard = Heard { peer: id(0), is_proved: true, is_reached: true, answer: None, message };
    machine.handle_heard(at(0), &heard);
    assert_eq!(outputs(&mut machine), [SeekingOutput::Has(id(0), vec![FILE])]);
    machine.handle_wanted(at(0), Vec::new());
    machine.handle_heard(at(0), &heard);
    assert_eq!(outputs(&mut machine), []);
}
