//! What the machine of `mod.rs` asks of others and answers them: who has to prove itself when, and
//! which answers go out together. Pure; its shell is `lan/shell.rs`.

use core::net::SocketAddr;
use core::time::Duration;

use super::hearing::SMALL;
use super::pending_proofs::PendingProof;
use super::{Machine, Via};
use crate::address::Host;
use crate::identity::PeerId;
use crate::lan::limits;
use crate::rate::Rate;
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// After each question to a candidate, when it is asked again. Then not before [`IDLE`] has passed.
const RETRIES: [Duration; 16] = [
    Duration::from_millis(60),
    Duration::from_millis(60),
    Duration::from_millis(60),
    Duration::from_millis(60),
    Duration::from_millis(80),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(30),
];

/// A candidate that answered no question is left alone for this time.
const IDLE: Duration = Duration::from_secs(60);

/// A candidate that only another peer told of is asked this often: its address may be anyone's.
const EXCHANGED_TRIES: u8 = 5;

/// In a large network: between two answers by broadcast, for each peer of it. So all together send two
/// thousand a second at most, and each has many to answer with one.
const BATCH_GAP: Duration = Duration::from_micros(500);

/// In a small network: between two answers by broadcast, so that a newcomer's answers last for all that were
/// lost.
const SMALL_GAP: Duration = Duration::from_millis(25);

/// Of a newcomer, unless it came with many others: between two answers by broadcast. It alone has to answer
/// all.
const NEWCOMER_GAP: Duration = Duration::from_millis(100);

/// In a large network: between two questions by broadcast, for each peer of it.
const CALL_GAP: Duration = Duration::from_millis(20);

/// For so long a peer is a newcomer, and an answer to its hello is news.
const NEWCOMER: Duration = Duration::from_secs(30);

/// Hellos of others since its own that make it one of many.
const MANY_JOIN: u32 = 64;

/// Hellos of others since its own up to which a peer came alone, and may say more at once.
const FEW_JOIN: u32 = 4;

/// More answers than this go out in one datagram, to everyone.
pub(super) const APART: usize = 2;

/// With more candidates than this an answer to everyone asks everyone, too.
const ASK_ALL: usize = 16;

/// A question to everyone that was answered is answered again after this time.
const ANSWERED: Duration = Duration::from_secs(3);

/// The fourth question goes to everyone, for a firewall may let in nothing but the discovery port. Not
/// earlier: the others answer the hello again, and so make up for two that were lost.
const CALLED: u8 = 3;

impl Machine {
    /// Asks `id` to connect to us, because we cannot connect to it. From both sockets, for a firewall there
    /// may let in only what answers, and what it sent went to either; `all`: by broadcast too, for another
    /// one lets in nothing but the discovery port.
    pub fn handle_ask_back(&mut self, now: Time, id: PeerId, all: bool) {
        self.observe(now);
        if let Some(to) = self.table.get_mut(id).map(|entry| entry.at)
            && !self.is_leaving()
        {
            for via in [Via::Own, Via::Shared] {
                self.unicast(to, via, DatagramMessage::DialBack { peer: id });
            }
            if all {
                self.broadcast(DatagramMessage::DialBack { peer: id });
            }
        }
        self.rearm(now);
    }

    /// Lets a nonce be echoed, if whoever asked may ask.
    pub(super) fn answer(
        &mut self,
        now: Time,
        source: SocketAddr,
        via: Via,
        id: PeerId,
        nonce: u64,
        delay: Duration,
    ) {
        if !self.on_link(Host::from(source)) {
            return;
        }
        let due = now + delay;
        let voice = match self.table.get_mut(id) {
            Some(entry) => Some(&mut entry.voice),
            None => self.table.candidate_mut(id).map(|c| &mut c.voice),
        };
        if let Some(voice) = voice {
            if !voice.questions.take(now, limits::QUESTION_RATE) {
                return;
            }
            voice.answered = Some((nonce, due));
        }
        // The answer carries our own question; a question of its own would be one datagram more.
        let factor = self.wait_factor();
        if self.table.candidate_mut(id).is_some_and(|c| c.tries == 0 && c.at == source) {
            self.table.ask_at(id, Some(due + RETRIES[0] * factor));
        }
        self.pending.push(PendingProof { due, to: source, via, peer: id, nonce });
    }

    /// True if this question of `id` was answered a moment ago, or will be.
    pub(super) fn answered_lately(&mut self, now: Time, id: PeerId, nonce: u64) -> bool {
        let answered = match self.table.get_mut(id) {
            Some(entry) => entry.voice.answered,
            None => self.table.candidate_mut(id).and_then(|c| c.voice.answered),
        };
        answered.is_some_and(|(known, at)| known == nonce && now < at + ANSWERED)
    }

    /// A candidate that was asked often enough, and not for a while, may be asked again.
    pub(super) fn is_rested(&mut self, now: Time, id: PeerId) -> bool {
        let asked = |tries: u8| usize::from(tries) >= RETRIES.len();
        self.table.candidate_mut(id).is_some_and(|c| asked(c.tries) && now.since(c.since) >= IDLE)
    }

    /// How many answers and questions go out.
    fn rate(&self) -> Rate {
        let alone = self.joining <= FEW_JOIN && self.network() <= u64::from(SMALL);
        if alone { limits::PROOF_RATE_ALONE } else { limits::PROOF_RATE }
    }

    /// When the next answer or question may go out.
    pub(super) fn proofs_at(&self) -> Option<Time> {
        let answer =
            self.pending.next().map(|at| if self.is_batched() { at.max(self.batch_at()) } else { at });
        let question = self.table.next_candidate().map(|(at, _)| at);
        let first = answer.into_iter().chain(question).min()?;
        Some(first.max(self.pace.next(self.rate())))
    }

    /// True if more wait for answers than go out one by one: those are gathered.
    fn is_batched(&self) -> bool {
        let small = self.network() <= u64::from(SMALL);
        let many = self.pending.len() > APART;
        many || small && self.pending.recent(self.observed) > APART
    }

    /// When the next answer to many may go out.
    fn batch_at(&self) -> Time {
        self.batches.next(self.gap(BATCH_GAP))
    }

    /// Sends the answers and questions that are due, as many as the rate allows.
    pub(super) fn proofs_step(&mut self, now: Time) {
        while self.pending.next().is_some_and(|at| at <= now) {
            let batched = self.is_batched();
            if batched && self.batch_at() > now {
                break;
            }
            let rate = self.rate();
            if !self.pace.take(now, rate) {
                return;
            }
            if batched {
                let gap = self.gap(BATCH_GAP);
                self.batches.take(now, gap);
            }
            self.answer_some(now);
        }
        while let Some((at, id)) = self.table.next_candidate()
            && at <= now
        {
            let rate = self.rate();
            if !self.pace.take(now, rate) {
                return;
            }
            self.ask_candidate(now, id);
        }
    }

    /// Sends one datagram of answers.
    fn answer_some(&mut self, now: Time) {
        let mut due = self.pending.take(now);
        // A latecomer of many in a small network goes to all, with what was said to those before it.
        let small = self.network() <= u64::from(SMALL);
        if due.len() > APART || small && self.pending.recent(now) > APART {
            let echoes = self.pending.for_all(now, &due);
            let new = self.is_new(now);
            let many = self.table.candidates() > ASK_ALL && self.network() > u64::from(SMALL);
            let ask = (new && many).then_some(self.hello_nonces[0]);
            self.broadcast(DatagramMessage::Proof { ask, echoes });
            return;
        }
        // The first now, the others as the rate allows.
        let first = (!due.is_empty()).then(|| due.remove(0));
        for other in due {
            self.pending.put_back(other);
        }
        if let Some(proof) = first {
            let ask = self.ask(now, proof.peer, proof.to);
            if let Some(c) = self.table.candidate_mut(proof.peer)
                && ask.is_some()
                && c.tries == 1
            {
                c.carried = Some(proof.nonce);
            }
            self.unicast(proof.to, proof.via, DatagramMessage::Proof { ask, echoes: vec![proof.nonce] });
        }
    }

    /// True if it said hello a moment ago.
    pub(super) fn is_new(&self, now: Time) -> bool {
        self.burst.is_some_and(|at| now.since(at) < NEWCOMER)
    }

    /// True if it said hello together with many others.
    pub(super) const fn is_one_of_many(&self) -> bool {
        self.joining > MANY_JOIN
    }

    /// How often something goes to everyone in a large network: once in `each` for each peer of it, but
    /// a newcomer, whom all have to get to know, more often.
    fn gap(&self, each: Duration) -> Rate {
        let new = self.is_new(self.observed);
        let peers = u32::try_from(self.network()).unwrap_or(u32::MAX);
        let small = peers <= SMALL;
        let period = if small {
            SMALL_GAP
        } else if new && !self.is_one_of_many() {
            NEWCOMER_GAP
        } else {
            each * peers
        };
        Rate { period, burst: 1 }
    }

    fn ask_candidate(&mut self, now: Time, id: PeerId) {
        let small = self.network() <= u64::from(SMALL);
        let (calls, many) = (self.gap(CALL_GAP), self.is_new(now) && self.is_one_of_many());
        let Some(c) = self.table.candidate_mut(id) else { return };
        let (to, tries, via, nonce, exchanged) = (c.at, c.tries, c.via, c.nonce, c.exchanged);
        if c.exchanged && tries >= EXCHANGED_TRIES {
            self.table.withdraw(id);
            return;
        }
        // Its hello is answered again, as long as it may still know it.
        let echoes: Vec<_> = c.carried.filter(|_| tries <= CALLED).into_iter().collect();
        let may_call = tries >= CALLED && !c.called && !exchanged;
        let called = may_call && (small || !many && self.calls.take(now, calls));
        c.called |= called;
        if called {
            // Whoever hears this one alone has no answer with it.
            c.carried = None;
        }
        let ask = self.ask(now, id, to);
        if called {
            self.broadcast(DatagramMessage::Probe { peer: id, nonce });
        } else {
            // First from our own socket, where the answer reaches us alone; then from the one that
            // it spoke to, for a firewall there may expect that.
            let via = if tries == 0 { Via::Own } else { via };
            self.unicast(to, via, DatagramMessage::Proof { ask, echoes });
        }
    }

    /// How many times longer than in a small network an answer may take: everyone has many to give.
    fn wait_factor(&self) -> u32 {
        let waiting = u32::try_from(self.table.candidates()).unwrap_or(u32::MAX);
        match waiting {
            0..=SMALL if self.network() <= u64::from(SMALL) => 1,
            // It is a newcomer, whom all the others ask as well.
            0..=SMALL => 8,
            _ => waiting / 16,
        }
    }

    /// The question for candidate `id` if it is at `to`, counted as sent.
    fn ask(&mut self, now: Time, id: PeerId, to: SocketAddr) -> Option<u64> {
        let factor = self.wait_factor();
        let c = self.table.candidate_mut(id)?;
        if c.at != to {
            return None;
        }
        let retry = RETRIES.get(usize::from(c.tries)).map(|after| now + *after * factor);
        c.tries = c.tries.saturating_add(1);
        c.since = now;
        let nonce = c.nonce;
        let more = usize::from(c.tries) < RETRIES.len();
        self.table.ask_at(id, retry.filter(|_| more));
        Some(nonce)
    }
}
