//! Who has to prove itself when, and which answers go out together. Pure.

use core::net::SocketAddr;
use core::time::Duration;

use super::candidate::{Candidate, RETRIES};
use super::hellos::Hellos;
use super::outputs::Outputs;
use super::pacing::Pacing;
use super::pending_proofs::{PendingProof, PendingProofs};
use super::table::PeerTable;
use crate::identity::PeerId;
use crate::lan::limits;
use crate::lan::rng::Rng;
use crate::lan::traffic::{Endpoint, Via};
use crate::rate::TokenBucket;
use crate::time::Time;
use crate::wire::datagram::DatagramMessage;

/// A candidate that only another peer told of is asked this often: its address may be anyone's.
const EXCHANGED_TRIES: u8 = 5;

/// In a large network: between two answers by broadcast, for each peer of it. So all together send two
/// thousand a second at most, and each has many to answer with one.
const BATCH_GAP: Duration = Duration::from_micros(500);

/// In a large network: between two questions by broadcast, for each peer of it.
const CALL_GAP: Duration = Duration::from_millis(20);

/// More answers than this go out in one datagram, to everyone.
pub(super) const APART: usize = 2;

/// With more candidates than this an answer to everyone asks everyone, too.
const ASK_ALL: usize = 16;

/// The fourth question goes to everyone, for a firewall may let in nothing but the discovery port. Not
/// earlier: the others answer the hello again, and so make up for two that were lost.
const CALLED: u8 = 3;

/// Who answered none of more than so many questions hears nothing that goes to it alone. Where two datagrams of five are
/// lost, one of 23 others seems so.
const MUTE: u8 = 6;

/// For so long those behind gateways are asked for the same nonce.
const GROUP_QUESTION: Duration = Duration::from_secs(15);

/// What of the machine is looked at and changed while proofs are asked for and given.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub table: &'a mut PeerTable,
    pub hellos: &'a Hellos,
    pub out: &'a mut Outputs,
    pub rng: &'a mut Rng,
}

impl Surroundings<'_> {
    fn pacing(&self, now: Time) -> Pacing {
        Pacing::of(now, self.table, self.hellos)
    }
}

/// A nonce for all that are behind gateways and have not proved themselves: as that of a hello it goes to everyone,
/// and proves no more.
#[derive(Debug, Default)]
struct GroupQuestion {
    nonce: u64,
    /// Not asked after this time any more, and not answered after twice as long.
    until: Time,
}

impl GroupQuestion {
    /// The nonce, another one each time after a while.
    fn renewed(&mut self, now: Time, rng: &mut Rng) -> u64 {
        if now >= self.until {
            *self = Self { nonce: rng.nonce(), until: now + GROUP_QUESTION };
        }
        self.nonce
    }

    fn is_answered_by(&self, now: Time, holds: impl Fn(u64) -> bool) -> bool {
        now < self.until + GROUP_QUESTION && holds(self.nonce)
    }
}

/// The answers that wait, and how fast answers and questions go out.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    pending: PendingProofs,
    /// Of answers and questions.
    pace: TokenBucket,
    /// Of answers to many.
    batches: TokenBucket,
    /// Of questions to everyone.
    calls: TokenBucket,
    /// Of questions to those that are here.
    reach: TokenBucket,
    /// Of the first one to each host of those.
    reach_first: TokenBucket,
    /// Of answers to those that were reached, and ask whether we are there.
    alive: TokenBucket,
    /// What those behind gateways are asked, in the answers to them.
    question: GroupQuestion,
    /// True if the last datagram was an answer: then it is the turn of a question. Who asks much must not keep
    /// us from asking others.
    has_answered: bool,
}

impl Proofs {
    /// Forgets all that waits.
    pub(super) fn clear(&mut self) {
        self.pending.clear();
    }

    /// Lets a nonce be echoed, if whoever asked may ask so often.
    pub(super) fn answer(&mut self, now: Time, proof: PendingProof, table: &mut PeerTable, pacing: &Pacing) {
        if let Some(voice) = table.voice_mut(proof.peer) {
            if !voice.questions.take(now, limits::QUESTION_RATE) {
                return;
            }
            voice.answered = Some((proof.nonce, proof.due));
        }
        // The answer carries our own question; a question of its own would be one datagram more.
        if table.candidate(proof.peer).is_some_and(|c| c.tries == 0 && c.from.at == proof.to.at) {
            table.ask_at(proof.peer, Some(proof.due + RETRIES[0] * pacing.wait_factor()));
        }
        self.pending.push(proof);
    }

    /// Answers one question now, to whoever asked and to nobody else. False: it is to wait with others.
    ///
    /// Answered so is in a small network who was reached where it asks from, for all may suspect us at once;
    /// and who asks the discovery port alone, for nothing else may find its way in there. Each answer is one
    /// datagram for one, and no longer than it. Those to strangers are among the ones that
    /// [`Self::handle_timeout`] may send.
    pub(super) fn answer_at_once(
        &mut self,
        now: Time,
        proof: PendingProof,
        around: &mut Surroundings<'_>,
    ) -> bool {
        let PendingProof { to, peer, nonce, .. } = proof;
        let is_reached = around.table.get(peer).is_some_and(|entry| entry.reached.contains(&to.host()));
        let pacing = around.pacing(now);
        let (pace, rate) = if is_reached && pacing.size.is_small() {
            (&mut self.alive, limits::ALIVE_RATE)
        } else if to.via == Via::Shared {
            (&mut self.pace, pacing.proofs())
        } else {
            return false;
        };
        if !pace.has(now, rate) {
            return false;
        }
        if let Some(voice) = around.table.voice_mut(peer) {
            // Asked too often it is not answered later, either.
            if !voice.questions.take(now, limits::QUESTION_RATE) {
                return true;
            }
            voice.answered = Some((nonce, now));
        }
        pace.take(now, rate);
        let ask = ask(now, peer, to.at, around.table, &pacing);
        around.out.unicast(to, DatagramMessage::Proof { ask, echoes: vec![nonce] });
        true
    }

    /// True if that holds an answer to what those behind gateways were asked a moment ago.
    pub(super) fn are_answered_by(&self, now: Time, holds: impl Fn(u64) -> bool) -> bool {
        self.question.is_answered_by(now, holds)
    }

    /// When the next answer or question may go out.
    pub(super) fn poll_timeout(&self, now: Time, table: &PeerTable, pacing: &Pacing) -> Option<Time> {
        let answer = self
            .pending
            .next()
            .map(|at| if self.is_batched(now, pacing) { at.max(self.batch_at(pacing)) } else { at });
        let question = table.next_question();
        let first = answer.into_iter().chain(question).min();
        let first = first.map(|at| at.max(self.pace.next(pacing.proofs())));
        first.into_iter().chain(self.next_reach(now, table, pacing)).min()
    }

    /// When the next one that is here may be asked whether it can be reached.
    fn next_reach(&self, now: Time, table: &PeerTable, pacing: &Pacing) -> Option<Time> {
        let due = table.to_reach().next_due()?;
        let usual = due.max(self.reach.next(limits::REACH_RATE));
        let may_be_first = usual > now && !pacing.size.is_small();
        let first = may_be_first.then(|| table.to_reach().next_first_of_host(now)).flatten();
        let first = first.map(|at| at.max(self.reach_first.next(limits::REACH_FIRST_RATE)));
        Some(first.map_or(usual, |first| first.min(usual)).max(pacing.reach_from))
    }

    /// No more wait than may.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.pending.len() <= limits::PENDING_PROOFS);
    }

    /// True if more wait for answers than go out one by one: those are gathered.
    fn is_batched(&self, now: Time, pacing: &Pacing) -> bool {
        self.pending.len() > APART || pacing.size.is_small() && self.pending.recent(now) > APART
    }

    /// When the next answer to many may go out.
    fn batch_at(&self, pacing: &Pacing) -> Time {
        self.batches.next(pacing.broadcasts(BATCH_GAP))
    }

    /// Sends the answers and questions that are due, as many as the rate allows.
    pub(super) fn handle_timeout(&mut self, now: Time, around: &mut Surroundings<'_>) {
        self.reach_some(now, around);
        loop {
            let pacing = around.pacing(now);
            if self.pace.next(pacing.proofs()) > now {
                return;
            }
            let batched = self.is_batched(now, &pacing);
            let may_answer =
                self.pending.next().is_some_and(|at| at <= now) && !(batched && self.batch_at(&pacing) > now);
            let question = around.table.stranger_to_ask(now);
            if !may_answer && question.is_none() || !self.pace.take(now, pacing.proofs()) {
                return;
            }
            match question.filter(|_| self.has_answered || !may_answer) {
                Some(id) => {
                    self.has_answered = false;
                    self.ask_candidate(now, id, &pacing, around);
                }
                None => {
                    self.has_answered = true;
                    if batched {
                        self.batches.take(now, pacing.broadcasts(BATCH_GAP));
                    }
                    self.answer_some(now, &pacing, around);
                }
            }
        }
    }

    /// Asks those that are here whether they can be reached.
    fn reach_some(&mut self, now: Time, around: &mut Surroundings<'_>) {
        let pacing = around.pacing(now);
        while pacing.reach_from <= now
            && let Some(id) = around.table.to_reach().next_to_ask(now)
        {
            // The network may have turned out to be too large for asking everyone.
            if !pacing.size.is_small() && around.table.is_idly_asked(id) {
                around.table.withdraw(id);
                continue;
            }
            let is_first = !pacing.size.is_small() && around.table.to_reach().is_first_of_host(now, id);
            let is_taken = is_first && self.reach_first.take(now, limits::REACH_FIRST_RATE);
            if !is_taken && !self.reach.take(now, limits::REACH_RATE) {
                return;
            }
            self.ask_candidate(now, id, &pacing, around);
        }
    }

    /// Sends one datagram of answers.
    fn answer_some(&mut self, now: Time, pacing: &Pacing, around: &mut Surroundings<'_>) {
        let mut due = self.pending.take(now);
        // Whoever is behind a gateway hears only what goes to everyone.
        if due.iter().any(|proof| proof.to.gateway().is_some()) {
            let is_known = |proof: &PendingProof| around.table.has(proof.peer);
            let ask = (!due.iter().all(is_known)).then(|| self.question.renewed(now, around.rng));
            let echoes = self.pending.for_all(now, &due);
            around.out.broadcast(DatagramMessage::Proof { ask, echoes });
            return;
        }
        // A latecomer of many in a small network goes to all, with what was said to those before it.
        if due.len() > APART || pacing.size.is_small() && self.pending.recent(now) > APART {
            let echoes = self.pending.for_all(now, &due);
            let many = pacing.candidates > ASK_ALL && !pacing.size.is_small();
            let ask = (pacing.is_new && many).then_some(around.hellos.nonce());
            around.out.broadcast(DatagramMessage::Proof { ask, echoes });
            return;
        }
        // The first now, the others as the rate allows.
        let first = (!due.is_empty()).then(|| due.remove(0));
        for other in due {
            self.pending.push(other);
        }
        if let Some(proof) = first {
            let ask = ask(now, proof.peer, proof.to.at, around.table, pacing);
            if let Some(c) = around.table.candidate_mut(proof.peer)
                && ask.is_some()
                && c.tries == 1
            {
                c.carried = Some(proof.nonce);
            }
            around.out.unicast(proof.to, DatagramMessage::Proof { ask, echoes: vec![proof.nonce] });
            // Nothing that goes to it alone may reach it, but what a gateway hears may.
            let c = around.table.candidate(proof.peer);
            let is_mute = pacing.size.is_small() && c.is_some_and(|c| c.tries > MUTE);
            if is_mute && self.calls.take(now, limits::MUTE_RATE) {
                let ask = (!around.table.has(proof.peer)).then(|| self.question.renewed(now, around.rng));
                around.out.broadcast(DatagramMessage::Proof { ask, echoes: vec![proof.nonce] });
            }
        }
    }

    fn ask_candidate(&mut self, now: Time, id: PeerId, pacing: &Pacing, around: &mut Surroundings<'_>) {
        let is_here = around.table.has(id);
        let Some(c) = around.table.candidate_mut(id) else { return };
        let Candidate { mut from, tries, exchanged, .. } = *c;
        if exchanged && tries >= EXCHANGED_TRIES {
            around.table.withdraw(id);
            return;
        }
        // Its hello is answered again, as long as it may still know it. Of a peer that is here it may be the
        // nonce of a question that it has forgotten, and it would answer nothing that comes with it.
        let carries = if is_here { 1 } else { CALLED };
        let echoes: Vec<_> = c.carried.filter(|_| tries <= carries).into_iter().collect();
        let may_call = tries >= CALLED && c.called.is_none() && !exchanged && !is_here;
        let many = pacing.is_new && pacing.is_of_many;
        let calls = pacing.broadcasts(CALL_GAP);
        let may_call = may_call && (pacing.size.is_small() || !many && self.calls.take(now, calls));
        let call = may_call.then(|| around.rng.nonce());
        c.called = call.or(c.called);
        if call.is_some() {
            // Whoever hears this one alone has no answer with it.
            c.carried = None;
        }
        let ask = ask(now, id, from.at, around.table, pacing);
        if let Some(nonce) = call {
            around.out.broadcast(DatagramMessage::Probe { peer: id, nonce });
        } else {
            // First from our own socket, where the answer reaches us alone; then from the one that
            // it spoke to, for a firewall there may expect that.
            let via = if tries == 0 { Via::Own } else { from.via };
            // What is to be proved is where it is, for which no broadcast will do: where a firewall lets in
            // nothing but the discovery port, that is asked.
            if is_here && tries >= CALLED && tries % 2 == 1 {
                from.at.set_port(limits::DISCOVERY_PORT);
            }
            around.out.unicast(Endpoint { via, ..from }, DatagramMessage::Proof { ask, echoes });
        }
    }
}

/// The question for candidate `id` if it is at `to`, counted as sent.
fn ask(now: Time, id: PeerId, to: SocketAddr, table: &mut PeerTable, pacing: &Pacing) -> Option<u64> {
    let c = table.candidate_mut(id).filter(|c| c.from.at == to)?;
    let retry = RETRIES.get(usize::from(c.tries)).map(|after| now + *after * pacing.wait_factor());
    c.tries = c.tries.saturating_add(1);
    c.since = now;
    let nonce = c.nonce;
    let more = usize::from(c.tries) < RETRIES.len();
    table.ask_at(id, retry.filter(|_| more));
    table.note_asked(now, id);
    Some(nonce)
}
