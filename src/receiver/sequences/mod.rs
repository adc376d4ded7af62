//! Whatever peers answer when they are asked page by page, the machine that asks holds together: for fuzzing
//! and property tests.
//!
//! The bytes of an input choose what happens. All pages are well-formed; what they say, and whether they come
//! at all, is up to the input. What is asked is told by [`Answers`]: the catalogues of owners
//! (`catalogues.rs`), or what keepers keep (`kept.rs`). How much may be held is less than the program allows,
//! so that little input fills it.

pub(crate) mod catalogues;
pub(crate) mod kept;

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::BTreeSet;

use super::ReceiverEvent;
use super::pull::{Pull, PullMachine as _, PullOutput, Question, RequestNumbers};
use crate::accounts::AccountHost;
use crate::identity::PeerId;
use crate::receiver::limits;
use crate::time::Time;
use crate::wire::Message;
use crate::wire::message::{Reason, Refused};

/// Peers that may be asked.
const PEERS: u8 = 6;

/// Hosts that they may be at.
const HOSTS: u8 = 4;

/// Requests that may still be answered, at most.
const ASKED: usize = 64;

/// Outputs in a row after which there must be none.
const OUTPUTS: usize = 10_000;

/// Attempts after which everything that is asked of peers that do not answer is over.
const ROUNDS: usize = 8;

/// What a step may choose from.
#[derive(Clone, Copy)]
struct AnswerStep {
    what: u8,
    n: u8,
    a: u8,
    b: u8,
}

/// A request.
struct AskedPages {
    peer: PeerId,
    message: Message,
    /// How much of it was answered, as whoever answers counts it.
    answered: usize,
}

/// What peers may answer, and what the controller makes of it.
trait Answers {
    type Question: Question;

    /// The peer with this number.
    fn peer(&self, n: u8) -> PeerId;

    /// The controller wants something of a peer.
    fn want(&mut self, now: Time, pull: &mut Pull<Self::Question>, step: AnswerStep);

    /// The next pages of an answer.
    fn pages(&self, asked: &mut AskedPages, step: AnswerStep) -> Vec<<Self::Question as Question>::Page>;

    /// The controller hears how it went.
    fn hear(&mut self, event: ReceiverEvent);

    /// The controller knows that this peer is gone.
    fn gone(&mut self, peer: PeerId);

    /// What the controller holds of it all has its bound.
    fn check(&self);

    /// Nothing is asked any more: there is nothing that the controller waits for.
    fn check_end(&self);
}

struct PullWorld<A: Answers> {
    now: Time,
    answers: A,
    pull: Pull<A::Question>,
    numbers: RequestNumbers,
    dialling: BTreeSet<PeerId>,
    up: BTreeSet<PeerId>,
    asked: Vec<AskedPages>,
}

/// Lets happen what the bytes say.
fn run_with<A: Answers>(bytes: &[u8], answers: A, pull: Pull<A::Question>) {
    let mut world = PullWorld {
        now: Time(1_000_000_000),
        answers,
        pull,
        numbers: RequestNumbers::default(),
        dialling: BTreeSet::new(),
        up: BTreeSet::new(),
        asked: Vec::new(),
    };
    let (steps, _) = bytes.as_chunks::<4>();
    for &[what, n, a, b] in steps {
        world.step(AnswerStep { what, n, a, b });
        world.drain();
        world.answers.check();
    }
    world.end();
}

impl<A: Answers> PullWorld<A> {
    fn step(&mut self, step: AnswerStep) {
        let AnswerStep { what, n, a, .. } = step;
        let (now, p) = (self.now, self.answers.peer(n));
        match what % 16 {
            0 | 1 => self.answers.want(now, &mut self.pull, step),
            2 | 3 if self.dialling.remove(&p) => {
                self.up.insert(p);
                self.pull.handle_up(now, p);
            }
            4 if self.dialling.remove(&p) || self.up.contains(&p) => self.down(p),
            5 => self.pull.handle_here(p, AccountHost::V4(Ipv4Addr::new(10, 0, 0, a % HOSTS))),
            6 if a < 64 => self.gone(p),
            7 => {
                self.now = now + Duration::from_millis(u64::from(n) * 40);
                self.catch_up();
            }
            8 => self.refuse(step),
            9 => self.pull.handle_heard(now, p),
            10..=15 => self.answer(step),
            _ => {}
        }
    }

    /// The request that an input chooses, if its peer is connected.
    fn choose(&self, n: u8) -> Option<usize> {
        let at = usize::from(n) % self.asked.len().max(1);
        self.asked.get(at).filter(|asked| self.up.contains(&asked.peer)).map(|_| at)
    }

    fn answer(&mut self, step: AnswerStep) {
        let Some(at) = self.choose(step.n) else { return };
        let asked = &mut self.asked[at];
        // Now and then it is the number of no request, or of another one.
        let request = asked.message.request() + u64::from(step.n >= 250);
        let peer = asked.peer;
        let pages = self.answers.pages(asked, step);
        for page in pages {
            if self.pull.handle_page(self.now, peer, request, page) {
                self.pull.handle_progress(self.now, peer, usize::from(step.a) * 64);
            }
            self.drain();
        }
    }

    fn refuse(&mut self, step: AnswerStep) {
        let Some(at) = self.choose(step.n) else { return };
        let reasons = [Reason::NotOffered, Reason::Busy, Reason::Unknown, Reason::Changed, Reason::Other];
        let reason = reasons[usize::from(step.a) % reasons.len()];
        let asked = self.asked.remove(at);
        let refused = Refused { request: asked.message.request(), item: None, reason };
        self.pull.handle_refused(self.now, asked.peer, &refused);
    }

    /// Its connection is over, and nothing more comes of what was asked over it.
    fn down(&mut self, p: PeerId) {
        self.up.remove(&p);
        self.dialling.remove(&p);
        self.asked.retain(|asked| asked.peer != p);
        self.pull.handle_down(self.now, p);
    }

    fn gone(&mut self, p: PeerId) {
        self.up.remove(&p);
        self.dialling.remove(&p);
        self.asked.retain(|asked| asked.peer != p);
        self.pull.handle_gone(self.now, p);
        self.drain();
        self.answers.gone(p);
    }

    /// Does what is due.
    fn catch_up(&mut self) {
        while self.pull.poll_timeout().is_some_and(|due| due <= self.now) {
            let due = self.pull.poll_timeout();
            self.pull.handle_timeout(self.now);
            self.drain();
            assert!(self.pull.poll_timeout() != due, "what was due is due again at once");
        }
    }

    /// What the machine wants done is done, as the receiver does it.
    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.pull.poll_output(&mut self.numbers) {
            outputs += 1;
            assert!(outputs < OUTPUTS, "there is always something more to do");
            match output {
                PullOutput::Dial(p) if self.up.contains(&p) => self.pull.handle_up(self.now, p),
                PullOutput::Dial(p) => drop(self.dialling.insert(p)),
                PullOutput::Drop(p, _) => self.down(p),
                PullOutput::Ask(p, message) => {
                    assert!(self.up.contains(&p), "who is not connected is asked");
                    self.ask(p, message);
                }
                PullOutput::Tell(event) => self.answers.hear(event),
            }
        }
    }

    fn ask(&mut self, peer: PeerId, message: Message) {
        if let Message::Cancel(cancel) = &message {
            self.asked.retain(|asked| asked.peer != peer || asked.message.request() != cancel.request);
            return;
        }
        self.asked.push(AskedPages { peer, message, answered: 0 });
        if self.asked.len() > ASKED {
            self.asked.remove(0);
        }
    }

    /// Nobody answers any more: everything that was wanted comes to an end. Then all of them go.
    fn end(&mut self) {
        for _ in 0..ROUNDS {
            let peers: BTreeSet<PeerId> = self.up.union(&self.dialling).copied().collect();
            peers.into_iter().for_each(|p| self.down(p));
            self.drain();
            // Longer than any of them rests, for each may have begun to at another time.
            self.now = self.now + limits::PULL_IDLE;
            self.catch_up();
        }
        assert!(self.pull.pulls.is_empty(), "something is waited for without an end: {:?}", self.pull.pulls);
        self.answers.check_end();
        for n in 0..PEERS {
            self.gone(self.answers.peer(n));
            self.drain();
            self.answers.check();
        }
    }
}
