//! The room: what one peer says to everyone reaches everyone, once and in its order, over a network that loses
//! datagrams. Pure; `machines.rs` hosts it.
//!
//! Each start of a peer, an *origin*, numbers its lines, and tells the number of its newest one in every datagram.
//! Who sees a gap asks; whoever has the line sends its datagram once more: the origin at once, others after a while
//! unless they hear it meanwhile. A line is the signed datagram of its origin, whoever sends it, so that nobody
//! can say anything in another one's name. The last 32 lines of an origin may be repaired; what is older is missed,
//! and that is told.
//!
//! `own_lines.rs` has what this peer says, `origins.rs` (with `numbers.rs`) how far the others were heard,
//! `kept_lines.rs` their lines; `asks.rs` and `repairs.rs` when something is asked for and sent once more.

mod asks;
mod kept_lines;
mod line_id;
mod numbers;
mod origins;
mod own_lines;
mod repairs;
mod retelling;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
#[cfg(test)]
mod tests;
mod turns;

pub use self::own_lines::NotSaid;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::asks::{Asks, HowAsked, spread};
use self::kept_lines::{KeptLine, KeptLines};
use self::line_id::{LineId, Origin};
use self::origins::{MissedNumbers, OriginStep, Origins};
use self::own_lines::{OwnLines, Repetition};
use self::repairs::{DueRepair, HOLD, Repairs};
use self::retelling::Retelling;
use super::network_size::NetworkSize;
use super::rng::Rng;
use super::traffic::{Endpoint, Heard, Packet, Recipient, Via};
use super::{Event, HeardMark, MissedLines, SpokenLine};
use crate::accounts::{AccountHost, Payer};
use crate::identity::{Instance, PeerId};
use crate::lan::limits;
use crate::rate::{Rate, TokenBucket};
use crate::time::Time;
use crate::wire::datagram::{Body, DatagramMessage};
use crate::wire::room::{RoomGap, RoomLine};

/// Whoever is not the origin sends a line once more after this time at least: the origin goes first.
const OTHERS: Duration = Duration::from_millis(50);

/// And within so much more.
const OTHERS_SPREAD: Duration = Duration::from_millis(250);

/// Lines that one question names, at most: what a newcomer missed comes bit by bit, and the network stays quiet.
const ASKED_AT_ONCE: usize = 16;

/// When an origin goes, its newest line is sent once more if it is not older than this: whoever missed it hears of
/// it by nobody else.
const LAST_WORD: Duration = Duration::from_secs(60);

/// The datagram of a line, to be sent once more.
#[derive(Clone, Debug)]
pub(super) enum LineCopy {
    /// Our own: signed again, it has the same bytes.
    Own(Body),
    /// That of another one, as it was signed.
    Other {
        /// Who signed it.
        peer: PeerId,
        /// All of it.
        signed: Arc<[u8]>,
    },
}

/// What the machine wants done.
#[derive(Debug)]
pub(super) enum RoomOutput {
    /// Say this to everyone, and give the datagram to [`Room::keep`].
    Say(RoomLine),
    /// Announce this peer: that repeats the number of its newest line.
    Announce,
    /// Ask.
    Ask {
        /// Whom.
        to: Recipient,
        /// For these.
        gaps: Vec<RoomGap>,
    },
    /// Send this once more.
    Repair {
        /// `None`: to everyone.
        to: Option<Endpoint>,
        /// What.
        copy: LineCopy,
    },
    /// Tell the controller.
    Event(Event),
}

/// The machine.
#[derive(Debug)]
pub(super) struct Room {
    id: PeerId,
    instance: Instance,
    rng: Rng,
    network: NetworkSize,
    /// Who is here: where, and how much it may ask for.
    here: BTreeMap<PeerId, RoomListener>,
    own: OwnLines,
    origins: Origins,
    kept: KeptLines,
    asks: Asks,
    asked: TokenBucket,
    repairs: Repairs,
    retelling: Retelling,
    outputs: VecDeque<RoomOutput>,
}

/// A peer that is here.
#[derive(Debug)]
struct RoomListener {
    host: AccountHost,
    questions: TokenBucket,
}

impl Room {
    /// That of a peer that has said nothing yet.
    pub(super) fn new(id: PeerId, instance: Instance, rng: Rng, network: NetworkSize) -> Self {
        Self {
            id,
            instance,
            rng,
            network,
            here: BTreeMap::new(),
            own: OwnLines::default(),
            origins: Origins::default(),
            kept: KeptLines::default(),
            asks: Asks::default(),
            asked: TokenBucket::default(),
            repairs: Repairs::default(),
            retelling: Retelling::default(),
            outputs: VecDeque::new(),
        }
    }

    /// So far others were heard before this start.
    pub(super) fn restore(&mut self, heard: impl IntoIterator<Item = (PeerId, HeardMark)>) {
        self.origins.restore(heard);
    }

    /// The next thing to do, until there is none.
    pub(super) fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    /// The network has so many peers.
    pub(super) const fn handle_network(&mut self, size: NetworkSize) {
        self.network = size;
    }

    /// This peer counts as that start from now on, and its next line is the first of it.
    pub(super) fn handle_instance(&mut self, instance: Instance) {
        (self.instance, self.own) = (instance, OwnLines::default());
    }

    /// This peer is here, and was reached there. To one that is new, what those said last that left is sent once more,
    /// so that it learns of them.
    pub(super) fn handle_here(&mut self, now: Time, peer: PeerId, host: AccountHost) {
        let payer = Payer { host, peer };
        let yielding =
            if host == AccountHost::Unproved { Vec::new() } else { self.origins.settle(now, payer) };
        self.forget(yielding);
        let is_new = !self.here.contains_key(&peer);
        let questions = self.here.get(&peer).map(|listener| listener.questions).unwrap_or_default();
        self.here.insert(peer, RoomListener { host, questions });
        self.retelling.remove(peer);
        if is_new {
            let absent = self.origins.peers().filter(|origin| !self.here.contains_key(origin));
            let absent: Vec<_> = absent.collect();
            absent.into_iter().for_each(|origin| self.retell(now, origin));
        }
    }

    /// This peer is gone. Its last word is sent once more, for it repeats it no longer.
    pub(super) fn handle_gone(&mut self, now: Time, peer: PeerId) {
        self.here.remove(&peer);
        let newest = self.origins.newest(peer).and_then(|line| self.kept.get(line));
        if newest.is_some_and(|kept| now.since(kept.heard) < LAST_WORD) {
            self.retell(now, peer);
        }
    }

    /// Says this to everyone.
    ///
    /// # Errors
    /// Why it is not said.
    pub(super) fn handle_say(&mut self, now: Time, said: u64, text: &str) -> Result<(), NotSaid> {
        let number = self.own.number(now, text)?;
        self.outputs.push_back(RoomOutput::Say(RoomLine { number, said, text: text.to_owned() }));
        Ok(())
    }

    /// The datagram of a line that was just said.
    pub(super) fn keep(&mut self, body: Body) {
        self.own.keep(body);
    }

    /// Says nothing new any more. Nothing is left to repeat at [`Self::quiet_at`].
    pub(super) fn handle_leave(&mut self, now: Time) {
        self.own.leave(now);
    }

    /// When nothing is left to repeat that a leave waits for; `None`: nothing is left.
    pub(super) fn quiet_at(&self, now: Time) -> Option<Time> {
        self.own.quiet_at(now)
    }

    /// True if a datagram of this peer may be one that is asked for. `holds` tells whether it holds a number,
    /// wherever.
    pub(super) fn awaits(&self, peer: PeerId, holds: impl Fn(u64) -> bool) -> bool {
        self.asks.has(peer) && self.origins.are_missing(peer, holds)
    }

    /// A peer that is here says in a datagram of this start that `number` is its newest line.
    pub(super) fn handle_newest(&mut self, now: Time, peer: PeerId, instance: Instance, number: u64) {
        if number > 0 && peer != self.id && self.hear(now, Origin { peer, instance }, number) {
            self.show(now, peer);
        }
    }

    /// The datagram of a line, from whomever it came.
    pub(super) fn handle_line(&mut self, now: Time, packet: &Packet<'_>, line: &RoomLine) {
        let Packet { peer, body, signed, .. } = *packet;
        let origin = Origin { peer, instance: body.instance };
        let id = LineId { origin, number: line.number };
        if peer == self.id {
            return;
        }
        self.repairs.note_heard(id);
        if self.origins.newest(peer) == Some(id) {
            let after = self.others_delay();
            self.retelling.note_told(now, peer, after);
        }
        if self.kept.get(id).is_some() {
            self.kept.note_repeated(now, id);
        }
        if !self.hear(now, origin, line.number.max(body.presence.room)) {
            return;
        }
        self.show(now, peer);
        if !self.origins.lacks(id) {
            return;
        }
        let kept = KeptLine {
            name: body.presence.name.clone(),
            said: line.said,
            text: Arc::from(line.text.as_str()),
            signed: Arc::clone(signed),
            heard: now,
            repeated: None,
        };
        let payer = self.origins.payer(peer).unwrap_or_else(|| self.payer(peer));
        let Some(yielding) = self.kept.put(now, payer, id, kept) else { return };
        yielding.into_iter().for_each(|line| self.origins.lose(line));
        self.origins.arrive(id);
        self.asks.note_arrived(peer);
        self.show(now, peer);
    }

    /// A peer that is here asks for lines.
    pub(super) fn handle_heard(&mut self, now: Time, heard: &Heard) {
        let DatagramMessage::RoomMissing { gaps, alone } = &heard.message else { return };
        let Some(listener) = self.here.get_mut(&heard.peer) else { return };
        let payer = Payer { host: listener.host, peer: heard.peer };
        // Whoever asks in another one's name, or from where it did not prove to be, gets nothing.
        if !heard.is_proved || !listener.questions.take(now, limits::QUESTIONS_HEARD_RATE) {
            return;
        }
        let to = heard.answer.filter(|_| *alone && heard.is_reached);
        if *alone && to.is_none() {
            return;
        }
        for gap in gaps {
            if !*alone && self.is_missing_too(gap) {
                self.asks.put_off(now, gap.origin, self.network, &mut self.rng);
            }
            let origin = Origin { peer: gap.origin, instance: gap.instance };
            for number in gap.numbers() {
                self.repair_later(now, payer, LineId { origin, number }, to);
            }
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let ask = self.asks.poll_timeout().map(|at| at.max(self.asked.next(self.ask_rate())));
        let others = [self.repairs.poll_timeout(), self.retelling.poll_timeout()];
        others.into_iter().chain([self.own.poll_timeout(), ask]).flatten().min()
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        match self.own.take_repeat(now) {
            Some(Repetition::Number) => self.outputs.push_back(RoomOutput::Announce),
            Some(Repetition::Line(body)) => {
                self.outputs.push_back(RoomOutput::Repair { to: None, copy: LineCopy::Own(body) });
            }
            None => {}
        }
        while let Some(peer) = self.retelling.next_due(now) {
            self.tell_last_word(now, peer);
        }
        while let Some(DueRepair { line, to }) = self.repairs.take_due(now, &mut self.rng) {
            self.repair(now, line, to);
        }
        let rate = self.ask_rate();
        while self.asks.poll_timeout().is_some_and(|at| at <= now) && self.asked.take(now, rate) {
            self.ask(now);
        }
    }

    /// It takes the same peers for here as discovery does, and what it holds has its bounds.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn check(&self, here: &std::collections::BTreeSet<PeerId>) {
        assert!(self.here.keys().eq(here), "another is here than is heard in the room");
        self.origins.check_bounds();
        self.kept.check_bounds();
        self.asks.check_bounds();
        self.retelling.check_bounds();
        self.repairs.check_bounds();
    }

    /// To whom a peer's lines are charged that was never heard before.
    fn payer(&self, peer: PeerId) -> Payer<PeerId> {
        Payer { host: self.here.get(&peer).map_or(AccountHost::Unproved, |listener| listener.host), peer }
    }

    /// An origin says that this is its newest line. False if it does not count.
    fn hear(&mut self, now: Time, origin: Origin, number: u64) -> bool {
        let yielding = self.origins.hear(now, self.payer(origin.peer), origin, number);
        yielding.is_some_and(|yielding| {
            self.forget(yielding);
            true
        })
    }

    fn forget(&mut self, peers: Vec<PeerId>) {
        for peer in peers {
            self.kept.forget(peer);
            self.asks.remove(peer);
            self.retelling.remove(peer);
        }
    }

    /// Shows what is next of a peer, and has asked for what is missing.
    fn show(&mut self, now: Time, peer: PeerId) {
        while let Some(step) = self.origins.step(peer) {
            match step {
                OriginStep::Line(id) => self.show_line(id),
                OriginStep::Missed(missed) => self.tell_missed(peer, missed),
            }
        }
        if self.origins.gaps(peer, 1).is_empty() {
            self.asks.remove(peer);
        } else if let Some(payer) = self.origins.payer(peer) {
            self.asks.plan(now, payer, self.network, &mut self.rng);
        }
    }

    fn show_line(&mut self, id: LineId) {
        let Some(kept) = self.kept.get(id) else { return };
        let LineId { origin: Origin { peer, instance }, number } = id;
        let line = SpokenLine {
            peer,
            mark: HeardMark { instance, number },
            host: self.host(peer),
            name: kept.name.clone(),
            said: kept.said,
            text: Arc::clone(&kept.text),
        };
        self.outputs.push_back(RoomOutput::Event(Event::Line(line)));
    }

    fn tell_missed(&mut self, peer: PeerId, missed: MissedNumbers) {
        let MissedNumbers { count, mark } = missed;
        let missed = MissedLines { peer, count, mark, host: self.host(peer) };
        self.outputs.push_back(RoomOutput::Event(Event::LinesMissed(missed)));
    }

    /// Where a peer is that speaks.
    fn host(&self, peer: PeerId) -> AccountHost {
        self.origins.payer(peer).map_or(AccountHost::Unproved, |payer| payer.host)
    }

    fn is_missing_too(&self, gap: &RoomGap) -> bool {
        let origin = Origin { peer: gap.origin, instance: gap.instance };
        gap.numbers().any(|number| self.origins.lacks(LineId { origin, number }))
    }

    /// Asks for what is due: of everyone together, of one peer by itself.
    fn ask(&mut self, now: Time) {
        let (mut gaps, mut left) = (Vec::new(), ASKED_AT_ONCE);
        // An origin has two gaps at most: one of the start before.
        while gaps.len() + 2 <= limits::ROOM_GAPS && left > 0 {
            let Some((peer, how)) = self.asks.take_due(now, self.network, &mut self.rng) else { break };
            match how {
                HowAsked::GivenUp => {
                    if let Some(missed) = self.origins.give_up(peer) {
                        self.tell_missed(peer, missed);
                    }
                    self.show(now, peer);
                }
                HowAsked::Alone => self.ask_one(peer),
                HowAsked::Everyone => {
                    let more = self.origins.gaps(peer, left);
                    left -= more.iter().map(|gap| gap.missing.count_ones() as usize).sum::<usize>();
                    gaps.extend(more);
                }
            }
        }
        if !gaps.is_empty() {
            self.outputs.push_back(RoomOutput::Ask { to: Recipient::Everyone, gaps });
        }
    }

    /// Asks the origin alone, or anyone if that is not here.
    fn ask_one(&mut self, origin: PeerId) {
        let chance = usize::try_from(self.rng.below(self.here.len() as u64)).unwrap_or(0);
        let anyone = self.here.keys().nth(chance).copied();
        let Some(id) = Some(origin).filter(|id| self.here.contains_key(id)).or(anyone) else { return };
        let gaps = self.origins.gaps(origin, ASKED_AT_ONCE);
        self.outputs.push_back(RoomOutput::Ask { to: Recipient::Peer { id, via: Via::Own }, gaps });
    }

    /// Sends a line once more after a while, if it is here: `alone` to one, at once.
    fn repair_later(&mut self, now: Time, payer: Payer<PeerId>, line: LineId, alone: Option<Endpoint>) {
        let due = if line.origin == (Origin { peer: self.id, instance: self.instance }) {
            if !self.own.repairable(now, line.number) {
                return;
            }
            now
        } else {
            let is_fresh = |at: Time| alone.is_none() && now.since(at) < HOLD;
            let Some(kept) = self.kept.get(line) else { return };
            if kept.repeated.is_some_and(is_fresh) {
                return;
            }
            if alone.is_some() { now } else { now + self.others_delay() }
        };
        self.repairs.put(now, payer, line, alone, due);
    }

    fn repair(&mut self, now: Time, line: LineId, to: Option<Endpoint>) {
        let copy = if line.origin.peer == self.id {
            self.own.take_repair(now, line.number, to.is_none()).map(LineCopy::Own)
        } else {
            let kept = self.kept.get(line);
            kept.map(|kept| LineCopy::Other { peer: line.origin.peer, signed: Arc::clone(&kept.signed) })
        };
        if to.is_none() {
            self.kept.note_repeated(now, line);
        }
        if let Some(copy) = copy {
            self.outputs.push_back(RoomOutput::Repair { to, copy });
        }
    }

    /// What an origin said last that is not here is told by whoever has it.
    fn retell(&mut self, now: Time, origin: PeerId) {
        if let (Some(line), Some(payer)) = (self.origins.newest(origin), self.origins.payer(origin))
            && self.kept.get(line).is_some()
        {
            let after = self.others_delay();
            self.retelling.plan(now, payer, after);
        }
    }

    fn tell_last_word(&mut self, now: Time, origin: PeerId) {
        let after = self.others_delay();
        self.retelling.note_told(now, origin, after);
        if let (Some(line), Some(payer)) = (self.origins.newest(origin), self.origins.payer(origin)) {
            self.repairs.put(now, payer, line, None, now);
        }
    }

    /// After how long whoever is not the origin sends a line once more.
    fn others_delay(&mut self) -> Duration {
        spread(OTHERS, self.network) + self.rng.delay(spread(OTHERS_SPREAD, self.network))
    }

    fn ask_rate(&self) -> Rate {
        let Rate { period, burst } = limits::ASK_RATE;
        Rate { period: spread(period, self.network), burst }
    }
}
