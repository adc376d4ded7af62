//! Asks peers for what comes page by page: dials, asks, waits, rests and tries again, and ends whoever lies.
//! Pure; its shell is receiver/pulls/mod.rs.
//!
//! What is asked, and what the pages make, is told by a [`Question`]: a catalogue (catalogue/mod.rs), what a
//! keeper keeps (kept.rs), a table of peers (table.rs).

#[cfg(test)]
pub(super) mod driven;
mod question;
mod turns;

pub(crate) use self::question::{Outcome, PullKey, Question, Reasons, Refusal, Taken, Yielded};
pub(in crate::receiver) use self::turns::DialTurns;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ReceiverEvent;
use crate::accounts::AccountHost;
use crate::identity::PeerId;
use crate::receiver::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{Cancel, Reason, Refused};

/// Attempts at one answer, until it is wanted again, where a question does not say another number.
const ATTEMPTS: u8 = 3;

/// Rest between two attempts.
const REST: Duration = Duration::from_millis(500);

/// What the shell is to do.
#[derive(Debug)]
pub(crate) enum PullOutput {
    /// Connect to this peer's sender port; answered by `handle_up` or `handle_down`.
    Dial(PeerId),
    /// Close the connection to it, with the cause for the log.
    Drop(PeerId, String),
    /// Send it this.
    Ask(PeerId, Message),
    /// Tell the controller.
    Tell(ReceiverEvent),
}

/// Numbers for the requests of all pulls, so that no two of them have the same one: whoever is refused knows
/// its own.
#[derive(Debug)]
pub(crate) struct RequestNumbers(u64);

impl Default for RequestNumbers {
    /// The first number is 2^63: the swarm counts its own requests from 1 upwards, and never comes so far.
    fn default() -> Self {
        Self(1 << 63)
    }
}

impl RequestNumbers {
    const fn next(&mut self) -> u64 {
        let number = self.0;
        self.0 += 1;
        number
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PullStep {
    /// Until a connection stands.
    Waiting,
    /// A connection stands, and others have their turn.
    Deferred,
    /// Not before this time.
    Resting(Time),
    /// It is asked next.
    Asking,
    /// It was asked under this number.
    Asked(u64),
}

impl PullStep {
    /// True if the peer owes an answer, or is about to.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Asking | Self::Asked(_))
    }
}

#[derive(Debug)]
pub(super) struct PendingPull<Q: Question> {
    pub(super) step: PullStep,
    /// What came so far.
    part: Q::Part,
    reasons: Q::Reasons,
    /// Failed attempts.
    failed: u8,
    /// It was wanted again since it was asked.
    again: bool,
    /// When an answer came, or it was asked last.
    heard: Time,
    /// Since when it brought no more than `brought`.
    idle: Time,
    /// Bytes of pages since then.
    brought: usize,
}

impl<Q: Question> PendingPull<Q> {
    /// When it counts as stalled: nothing came for a while, or so little that it could go on for ever.
    fn due(&self) -> Time {
        (self.heard + limits::STALL).min(self.idle + limits::PULL_IDLE)
    }
}

/// What is to be done, as it waits for the shell.
#[derive(Debug)]
enum Queued<S> {
    Output(Box<PullOutput>),
    /// The next request of a pull. It is made as it leaves, and not if it was given up meanwhile.
    Ask(PullKey<S>),
}

/// All pulls of one kind of question.
#[derive(Debug)]
pub(crate) struct Pull<Q: Question> {
    pub(super) question: Q,
    pub(super) pulls: BTreeMap<PullKey<Q::Subject>, PendingPull<Q>>,
    queue: VecDeque<Queued<Q::Subject>>,
}

impl<Q: Question + Default> Default for Pull<Q> {
    fn default() -> Self {
        Self::new(Q::default())
    }
}

/// What all pulls have in common, whatever they ask.
///
/// After each input [`Self::poll_output`] is to be called until it returns `None`.
pub(crate) trait PullMachine {
    /// The next thing to do.
    fn poll_output(&mut self, numbers: &mut RequestNumbers) -> Option<PullOutput>;

    /// True if this peer owes something.
    fn is_owed_by(&self, peer: PeerId) -> bool;

    /// True if something is wanted of this peer, and is not left alone for a while.
    fn is_wanted_of(&self, peer: PeerId) -> bool;

    /// A connection to this peer stands.
    fn handle_up(&mut self, now: Time, peer: PeerId);

    /// The connection could not be had, or is over: what came over it does not count.
    fn handle_down(&mut self, now: Time, peer: PeerId);

    /// This peer is here, at this host.
    fn handle_here(&mut self, peer: PeerId, host: AccountHost);

    /// This peer is gone.
    fn handle_gone(&mut self, now: Time, peer: PeerId);

    /// This peer answered something that was asked before, or behind, what it owes here.
    fn handle_heard(&mut self, now: Time, peer: PeerId);

    /// This peer sent so many bytes of something that was asked of it.
    fn handle_progress(&mut self, now: Time, peer: PeerId, bytes: usize);

    /// This peer refuses a request. That is none of ours if its number is not known.
    fn handle_refused(&mut self, now: Time, peer: PeerId, refused: &Refused);

    /// When [`Self::handle_timeout`] is due.
    fn poll_timeout(&self) -> Option<Time>;

    /// Tries again, and drops who owes an answer.
    fn handle_timeout(&mut self, now: Time);
}

impl<Q: Question> PullMachine for Pull<Q> {
    fn poll_output(&mut self, numbers: &mut RequestNumbers) -> Option<PullOutput> {
        loop {
            let key = match self.queue.pop_front() {
                Some(Queued::Output(output)) => return Some(*output),
                Some(Queued::Ask(key)) => key,
                None => {
                    self.question.check(self.pulls.iter().map(|(key, pull)| (*key, &pull.part)));
                    return None;
                }
            };
            let pull = self.pulls.get_mut(&key).filter(|p| p.step == PullStep::Asking);
            if let Some(pull) = pull {
                let request = numbers.next();
                pull.step = PullStep::Asked(request);
                return Some(PullOutput::Ask(key.from, self.question.ask(key, &pull.part, request)));
            }
        }
    }

    fn is_owed_by(&self, peer: PeerId) -> bool {
        self.from(peer).any(|(_, pull)| pull.step.is_open())
    }

    fn is_wanted_of(&self, peer: PeerId) -> bool {
        self.from(peer).any(|(_, pull)| !matches!(pull.step, PullStep::Resting(_)))
    }

    fn handle_up(&mut self, now: Time, peer: PeerId) {
        for key in self.keys(peer) {
            let may_ask = Q::may_ask(key, self.open());
            let Some(pull) = self.pulls.get_mut(&key).filter(|p| !p.step.is_open()) else { continue };
            // It may have dialled back while we rested from dialling it.
            if may_ask {
                self.ask(now, key);
            } else {
                pull.step = PullStep::Deferred;
            }
        }
        self.next();
    }

    fn handle_down(&mut self, now: Time, peer: PeerId) {
        for key in self.keys(peer) {
            let Some(pull) = self.pulls.get_mut(&key) else { continue };
            if matches!(pull.step, PullStep::Resting(_)) {
                continue;
            }
            pull.part = Q::Part::default();
            self.question.part_over(key);
            pull.failed += 1;
            if pull.failed >= Q::ATTEMPTS {
                self.end(key, Outcome::GaveUp);
            } else {
                pull.step = PullStep::Resting(now + REST);
            }
        }
        self.next();
    }

    fn handle_here(&mut self, peer: PeerId, host: AccountHost) {
        self.question.here(peer, host);
    }

    fn handle_gone(&mut self, now: Time, peer: PeerId) {
        for key in self.keys(peer) {
            self.end(key, Outcome::Gone);
        }
        self.question.gone(now, peer);
        self.cut_yielded();
        self.next();
    }

    fn handle_heard(&mut self, now: Time, peer: PeerId) {
        for key in self.keys(peer) {
            if let Some(pull) = self.pulls.get_mut(&key) {
                pull.heard = now;
            }
        }
    }

    fn handle_progress(&mut self, now: Time, peer: PeerId, bytes: usize) {
        for key in self.keys(peer) {
            let Some(pull) = self.pulls.get_mut(&key) else { continue };
            pull.brought += bytes;
            if pull.brought >= limits::PULL_PROGRESS {
                (pull.idle, pull.brought) = (now, 0);
            }
        }
    }

    fn handle_refused(&mut self, now: Time, peer: PeerId, refused: &Refused) {
        let Some(key) = self.asked(peer, refused.request) else { return };
        let Some(pull) = self.pulls.get_mut(&key) else { return };
        match Q::refused(&pull.part, refused.reason) {
            Refusal::AskAgain => {
                // What is asked for may well change faster than it comes: then later.
                pull.failed += 1;
                if pull.failed < Q::ATTEMPTS {
                    return self.ask(now, key);
                }
                self.end(key, Outcome::GaveUp);
            }
            Refusal::Whole(answer) => {
                let again = self.end(key, Outcome::Came(answer));
                self.begin_again(now, key, again);
            }
            Refusal::GiveUp if Q::MAY_CHANGE && pull.again => {
                // It is busy, or has none yet though it announced one: its parts do not hear of it at once.
                let reasons = pull.reasons;
                self.pulls.remove(&key);
                self.question.part_over(key);
                self.want(now, key, reasons);
            }
            Refusal::GiveUp if refused.reason == Reason::Busy => drop(self.end(key, Outcome::Busy)),
            Refusal::GiveUp => drop(self.end(key, Outcome::GaveUp)),
        }
        self.next();
    }

    fn poll_timeout(&self) -> Option<Time> {
        let due = |pull: &PendingPull<Q>| match pull.step {
            PullStep::Waiting | PullStep::Deferred => None,
            PullStep::Resting(until) => Some(until),
            PullStep::Asking | PullStep::Asked(_) => Some(pull.due()),
        };
        self.pulls.values().filter_map(due).min()
    }

    fn handle_timeout(&mut self, now: Time) {
        let (mut stalled, mut rested) = (BTreeSet::new(), BTreeSet::new());
        for (key, pull) in &mut self.pulls {
            match pull.step {
                PullStep::Resting(until) if until <= now => {
                    pull.step = PullStep::Waiting;
                    rested.insert(key.from);
                }
                step if step.is_open() && pull.due() <= now => {
                    stalled.insert(key.from);
                }
                _ => {}
            }
        }
        for peer in rested {
            self.output(PullOutput::Dial(peer));
        }
        for peer in stalled {
            self.output(PullOutput::Drop(peer, Q::SILENT.to_owned()));
            self.handle_down(now, peer);
        }
    }
}

impl<Q: Question> Pull<Q> {
    /// Without any.
    pub(super) const fn new(question: Q) -> Self {
        Self { question, pulls: BTreeMap::new(), queue: VecDeque::new() }
    }

    /// Begins a pull. One that runs is for this reason, too.
    pub(crate) fn want(&mut self, now: Time, key: PullKey<Q::Subject>, reasons: Q::Reasons) {
        if let Some(pull) = self.pulls.get_mut(&key) {
            pull.reasons = pull.reasons.and(reasons);
            match pull.step {
                PullStep::Resting(_) => pull.failed = 0,
                _ => pull.again = true,
            }
            return;
        }
        let (step, part) = (PullStep::Waiting, Q::Part::default());
        let pull =
            PendingPull { step, part, reasons, failed: 0, again: false, heard: now, idle: now, brought: 0 };
        self.pulls.insert(key, pull);
        self.output(PullOutput::Dial(key.from));
    }

    /// A page came, in answer to this request. False: that was not asked of this peer.
    pub(crate) fn handle_page(&mut self, now: Time, peer: PeerId, request: u64, page: Q::Page) -> bool {
        let Some(key) = self.asked(peer, request) else { return false };
        let Some(pull) = self.pulls.get_mut(&key) else { return false };
        pull.heard = now;
        let taken = self.question.take(now, key, &mut pull.part, page);
        self.cut_yielded();
        let Some(pull) = self.pulls.get_mut(&key) else { return true };
        match taken {
            Taken::More => {}
            Taken::Part(answer) => {
                let events = Q::tell(key, pull.reasons, Outcome::Came(answer));
                self.tell(events);
            }
            Taken::Next => {
                pull.step = PullStep::Asking;
                self.queue.push_back(Queued::Ask(key));
            }
            Taken::Whole(answer) => {
                let again = self.end(key, Outcome::Came(answer));
                self.begin_again(now, key, again);
                self.next();
            }
            Taken::TooMuch => {
                self.cut(key);
                self.next();
            }
            Taken::Lie(what) => self.liar(now, key, what),
        }
        true
    }

    /// What had to make place is over.
    pub(super) fn cut_yielded(&mut self) {
        while let Some(yielded) = self.question.poll_yielded() {
            match yielded {
                Yielded::Pull(key) => self.cut(key),
                Yielded::Tell(event) => self.tell([event]),
            }
        }
    }

    /// There is no place for it: what is still to come of it need not be sent. It is not begun again at once
    /// if it was wanted again meanwhile, for there will hardly be more place by then.
    fn cut(&mut self, key: PullKey<Q::Subject>) {
        if let Some(PullStep::Asked(request)) = self.pulls.get(&key).map(|pull| pull.step) {
            self.output(PullOutput::Ask(key.from, Message::Cancel(Cancel { request })));
        }
        self.end(key, Outcome::TooMuch);
    }

    /// It sent what cannot be: its connection ends, and it is asked again only when it is wanted again.
    fn liar(&mut self, now: Time, key: PullKey<Q::Subject>, what: String) {
        let again = self.end(key, Outcome::Refused);
        self.tell(Q::accuse(key, &what).map(ReceiverEvent::Warning));
        self.output(PullOutput::Drop(key.from, what));
        // What else was asked of it is lost with the connection.
        self.handle_down(now, key.from);
        self.begin_again(now, key, again);
    }

    /// Asks from the beginning.
    fn ask(&mut self, now: Time, key: PullKey<Q::Subject>) {
        let Some(pull) = self.pulls.get_mut(&key) else { return };
        (pull.step, pull.part) = (PullStep::Asking, Q::Part::default());
        (pull.again, pull.heard, pull.idle, pull.brought) = (false, now, now, 0);
        self.question.part_over(key);
        self.queue.push_back(Queued::Ask(key));
    }

    /// A pull is over, and whoever wanted it hears how. `Some`: it was wanted again meanwhile, for these
    /// reasons, and what is asked for may be newer now than what came.
    fn end(&mut self, key: PullKey<Q::Subject>, outcome: Outcome<Q::Answer>) -> Option<Q::Reasons> {
        let pull = self.pulls.remove(&key)?;
        self.question.part_over(key);
        self.tell(Q::tell(key, pull.reasons, outcome));
        (Q::MAY_CHANGE && pull.again).then_some(pull.reasons)
    }

    fn begin_again(&mut self, now: Time, key: PullKey<Q::Subject>, again: Option<Q::Reasons>) {
        if let Some(reasons) = again {
            self.want(now, key, reasons);
        }
    }

    /// It is the turn of the next one of those that wait for it.
    fn next(&mut self) {
        let deferred = self.pulls.iter().filter(|(_, pull)| pull.step == PullStep::Deferred);
        let next = deferred.map(|(key, _)| *key).find(|key| Q::may_ask(*key, self.open()));
        if let Some(key) = next {
            self.output(PullOutput::Dial(key.from));
        }
    }

    /// What is asked now.
    fn open(&self) -> impl Iterator<Item = PullKey<Q::Subject>> {
        self.pulls.iter().filter(|(_, pull)| pull.step.is_open()).map(|(key, _)| *key)
    }

    /// What was asked of this peer under this number.
    fn asked(&self, peer: PeerId, request: u64) -> Option<PullKey<Q::Subject>> {
        self.from(peer).find(|(_, pull)| pull.step == PullStep::Asked(request)).map(|(key, _)| key)
    }

    /// The pulls from one peer.
    fn from(&self, peer: PeerId) -> impl Iterator<Item = (PullKey<Q::Subject>, &PendingPull<Q>)> {
        let first = PullKey { from: peer, subject: Q::FIRST };
        let pulls = self.pulls.range(first..).take_while(move |(key, _)| key.from == peer);
        pulls.map(|(key, pull)| (*key, pull))
    }

    fn keys(&self, peer: PeerId) -> Vec<PullKey<Q::Subject>> {
        self.from(peer).map(|(key, _)| key).collect()
    }

    fn output(&mut self, output: PullOutput) {
        self.queue.push_back(Queued::Output(Box::new(output)));
    }

    fn tell(&mut self, events: impl IntoIterator<Item = ReceiverEvent>) {
        self.queue.extend(events.into_iter().map(PullOutput::Tell).map(Box::new).map(Queued::Output));
    }
}

#[cfg(test)]
mod tests;
