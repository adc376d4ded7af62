//! What this peer asks others to fetch for it: what only those share that it cannot connect to, and that cannot
//! connect to it. Pure.
//!
//! Nobody says whom it reaches. Whoever gave the catalogue of an owner is asked for its files first; whoever
//! refuses is not asked for a while, and the next one is. Each question is repeated, so that whoever fetches
//! knows that it is still wanted.

use std::collections::{BTreeMap, BTreeSet};

use super::ThroughPeers;
use crate::content::Claim;
use crate::identity::PeerId;
use crate::lan::Command;
use crate::peer::downloads::Downloads;
use crate::peer::limits;
use crate::peer::output::Outputs;
use crate::peer::roster::{Roster, awaited_addresses, meeting};
use crate::rate::TokenBucket;
use crate::receiver::ReceiverCommand;
use crate::receiver::through::{ThroughAnswer, ThroughFile};
use crate::time::Time;

/// Who is not asked before then.
type Resting = BTreeMap<PeerId, Time>;

/// A peer that is here, and that cannot be reached.
#[derive(Debug, Default)]
struct BlockedOwner {
    /// No address of it is known: it answers nothing that goes to it alone.
    is_nowhere: bool,
    /// Who gave its catalogue, or fetched something of it.
    carrier: Option<PeerId>,
    /// Who does not give its catalogue.
    resting: Resting,
    /// How often in a row it was not given.
    refusals: u32,
    /// It is not met before then.
    meet_at: Time,
    /// Who is asked for its catalogue now.
    asked: Option<PeerId>,
}

/// A peer that cannot be reached, and who gives what it shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::peer) struct CarriedOwner {
    pub(in crate::peer) owner: PeerId,
    pub(in crate::peer) carrier: PeerId,
}

/// A file that others are asked for.
#[derive(Debug)]
struct WantedFile {
    file: ThroughFile,
    /// Who is asked.
    carrier: Option<PeerId>,
    /// The answer is on its way.
    is_open: bool,
    /// When it is asked next.
    next: Time,
    /// What the carrier has of it, and since when it has no more.
    have: u64,
    moved: Time,
    resting: Resting,
    /// Since when nobody has anything of it; it makes place for others once that is long.
    lacking: Time,
}

/// All that cannot be reached.
#[derive(Debug, Default)]
pub(in crate::peer) struct ThroughOthers {
    blocked: BTreeMap<PeerId, BlockedOwner>,
    wanted: BTreeMap<Claim, WantedFile>,
    /// Of catalogues.
    questions: TokenBucket,
    due: Option<Time>,
}

impl ThroughOthers {
    /// Neither can this peer be dialled, nor does it dial back.
    pub(in crate::peer) fn blocked(&mut self, now: Time, owner: PeerId) {
        self.blocked.entry(owner).or_default().is_nowhere = false;
        self.due = Some(now);
    }

    /// The connection with a peer that was met is over, and there is no address of it.
    pub(in crate::peer) fn nowhere(&mut self, now: Time, owner: PeerId) {
        let nowhere = BlockedOwner { is_nowhere: true, ..BlockedOwner::default() };
        self.blocked.entry(owner).or_insert(nowhere);
        self.due = Some(now);
    }

    /// A connection with this peer stands, or it is gone.
    pub(in crate::peer) fn unblocked(&mut self, peer: PeerId) {
        self.blocked.remove(&peer);
        if self.blocked.is_empty() {
            self.wanted.clear();
        }
    }

    /// True if this peer cannot be reached.
    pub(in crate::peer) fn is_blocked(&self, peer: PeerId) -> bool {
        self.blocked.contains_key(&peer)
    }

    /// Who gave the catalogue of an owner that cannot be reached.
    pub(in crate::peer) fn carrier_of(&self, owner: PeerId) -> Option<PeerId> {
        self.blocked.get(&owner)?.carrier
    }

    /// The owners that cannot be reached, each with who gives what it shares.
    pub(in crate::peer) fn carried(&self) -> impl Iterator<Item = CarriedOwner> {
        let carried = |(owner, blocked): (&PeerId, &BlockedOwner)| {
            Some(CarriedOwner { owner: *owner, carrier: blocked.carrier? })
        };
        self.blocked.iter().filter_map(carried)
    }

    /// `from` gave the catalogue of an owner. True if that owner cannot be reached.
    pub(in crate::peer) fn catalogue_came(&mut self, from: PeerId, owner: PeerId) -> bool {
        let Some(blocked) = self.blocked.get_mut(&owner) else { return false };
        (blocked.asked, blocked.carrier, blocked.refusals) = (None, Some(from), 0);
        true
    }

    /// `from` did not give the catalogue of an owner.
    pub(in crate::peer) fn no_catalogue(&mut self, now: Time, from: PeerId, owner: PeerId) {
        let Some(blocked) = self.blocked.get_mut(&owner) else { return };
        // Whoever has none may be about to get it: it asks to be dialled back after its own dials went unanswered,
        // which is later than this peer asks.
        let pause = limits::THROUGH_BUSY * 2_u32.pow(blocked.refusals.min(5));
        blocked.resting.insert(from, now + pause.min(limits::THROUGH_REFUSED));
        blocked.refusals = blocked.refusals.saturating_add(1);
        blocked.asked = blocked.asked.filter(|asked| *asked != from);
        blocked.carrier = blocked.carrier.filter(|carrier| *carrier != from);
        self.due = Some(now);
    }

    /// `from` says how far it is with a file.
    pub(in crate::peer) fn answered(
        &mut self,
        now: Time,
        from: PeerId,
        file: &ThroughFile,
        answer: ThroughAnswer,
        downloads: &mut Downloads,
        out: &mut Outputs,
    ) {
        let Some(wanted) = self.wanted.get_mut(&file.claim()).filter(|w| w.carrier == Some(from)) else {
            return;
        };
        wanted.is_open = false;
        match answer {
            ThroughAnswer::Has(have) => {
                wanted.has(now, have);
                // What it has may be found by a seek before it is asked again.
                let peers = ThroughPeers { owner: file.owner, carrier: from };
                downloads.note_through(file.claim(), peers);
                if have == file.size {
                    out.receiver(ReceiverCommand::Holders(file.claim(), vec![from]));
                } else if have > 0 {
                    out.receiver(ReceiverCommand::Swarm(file.claim(), vec![from]));
                }
                if let Some(blocked) = self.blocked.get_mut(&file.owner).filter(|_| have > 0) {
                    blocked.carrier.get_or_insert(from);
                }
            }
            ThroughAnswer::Busy => wanted.leave(from, now, now + limits::THROUGH_BUSY),
            ThroughAnswer::Refused => wanted.leave(from, now, now + limits::THROUGH_REFUSED),
        }
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(in crate::peer) const fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    /// Asks for what is lacking, and again for what is on its way.
    pub(in crate::peer) fn handle_timeout(
        &mut self,
        now: Time,
        me: PeerId,
        roster: &Roster,
        downloads: &Downloads,
        out: &mut Outputs,
    ) {
        let awaits = awaited_addresses(roster).next().is_some();
        if self.due.is_some_and(|due| due > now) || (self.due.is_none() && !awaits) {
            return;
        }
        self.look_for_unaddressed(now, roster);
        self.due = (awaits || !self.blocked.is_empty()).then_some(now + limits::THROUGH_AGAIN);
        self.ask_for_catalogues(now, roster, out);
        self.want_files(now, downloads);
        self.meet(now, me, roster, out);
        for wanted in self.wanted.values_mut() {
            let gone = wanted.carrier.filter(|carrier| roster.contact(*carrier).is_none());
            let stalled = wanted.carrier.filter(|_| wanted.is_stalled(now));
            if let Some(carrier) = gone.or(stalled) {
                wanted.leave(carrier, now, now + limits::THROUGH_REFUSED);
            }
            if wanted.is_open || wanted.next > now {
                continue;
            }
            if wanted.carrier.is_none() {
                let first = self.blocked.get(&wanted.file.owner).and_then(|owner| owner.carrier);
                wanted.resting.retain(|_, until| *until > now);
                wanted.carrier =
                    next_carrier(&self.blocked, &wanted.resting, wanted.file.owner, first, roster);
                wanted.moved = now;
            }
            let Some(from) = wanted.carrier else { continue };
            wanted.is_open = true;
            out.receiver(ReceiverCommand::FetchThrough { from, file: wanted.file });
        }
    }

    /// Of whom no address was found in a while cannot be reached; of whom one was, may be.
    fn look_for_unaddressed(&mut self, now: Time, roster: &Roster) {
        for (owner, since) in awaited_addresses(roster) {
            if now.since(since) >= limits::THROUGH_UNADDRESSED {
                self.blocked
                    .entry(owner)
                    .or_insert_with(|| BlockedOwner { is_nowhere: true, ..BlockedOwner::default() });
            }
        }
        self.blocked.retain(|owner, blocked| !blocked.is_nowhere || roster.is_nowhere(*owner));
    }

    /// Those that are heard through a gateway, and of which something is wanted, are tried to be met: the other end
    /// learns of it by a question to dial back, which reaches it through that gateway.
    fn meet(&mut self, now: Time, me: PeerId, roster: &Roster, out: &mut Outputs) {
        let owners: BTreeSet<PeerId> = self.wanted.values().map(|wanted| wanted.file.owner).collect();
        let is_wanted = |owner| owners.contains(&owner) || roster.is_behind(owner);
        let due = self.blocked.iter_mut().filter(|(_, blocked)| blocked.meet_at <= now);
        for (owner, blocked) in due.filter(|(owner, _)| is_wanted(**owner)) {
            if let Some(meeting) = meeting(roster, me, *owner) {
                blocked.meet_at = now + limits::MEET_AGAIN;
                out.receiver(ReceiverCommand::Meet(meeting));
                out.discovery(Command::AskBack(*owner, true));
            }
        }
    }

    /// Asks for the catalogues of owners that have a newer one than is known.
    fn ask_for_catalogues(&mut self, now: Time, roster: &Roster, out: &mut Outputs) {
        // Whoever was refused least goes first: keys without number that nobody reaches keep no other one waiting.
        let mut owners: Vec<_> = self.blocked.iter().collect();
        owners.sort_by_key(|(_, blocked)| blocked.refusals);
        let mut asked = Vec::new();
        for (owner, blocked) in owners {
            if blocked.asked.is_none_or(|peer| roster.contact(peer).is_none()) && roster.is_behind(*owner) {
                let is_resting = |(peer, until): (&PeerId, &Time)| (*until > now).then_some((*peer, *until));
                let resting: Resting = blocked.resting.iter().filter_map(is_resting).collect();
                let from = next_carrier(&self.blocked, &resting, *owner, blocked.carrier, roster);
                let from = from.filter(|_| self.questions.take(now, limits::THROUGH_CATALOGUES));
                asked.extend(from.map(|from| (*owner, from)));
            }
        }
        for (owner, from) in asked {
            if let Some(blocked) = self.blocked.get_mut(&owner) {
                blocked.resting.retain(|_, until| *until > now);
                // One that has an older catalogue is not asked again at once.
                blocked.resting.insert(from, now + limits::THROUGH_BUSY);
                blocked.asked = Some(from);
                out.receiver(ReceiverCommand::OwnerCatalogue { from, origin: owner });
            }
        }
    }

    /// Of what downloads still lack, as many files are wanted of others as may be, the first ones first.
    fn want_files(&mut self, now: Time, downloads: &Downloads) {
        let hopeless = self.wanted.values().filter(|wanted| wanted.is_hopeless(now)).count();
        let most = limits::THROUGH_FILES + hopeless;
        let lacking = downloads.lacking_of(|peer| self.is_blocked(peer), most);
        let claims: BTreeSet<Claim> = lacking.iter().map(ThroughFile::claim).collect();
        self.wanted.retain(|claim, _| claims.contains(claim));
        for file in lacking {
            self.wanted.entry(file.claim()).or_insert_with(|| WantedFile {
                file,
                carrier: None,
                is_open: false,
                next: now,
                have: 0,
                moved: now,
                resting: Resting::new(),
                lacking: now,
            });
        }
    }
}

impl WantedFile {
    /// The carrier has so much of it.
    fn has(&mut self, now: Time, have: u64) {
        if have > self.have {
            (self.have, self.moved, self.lacking) = (have, now, now);
        }
        self.next = now
            + match have {
                0 => limits::THROUGH_AGAIN,
                have if have == self.file.size => limits::THROUGH_AGAIN_WHOLE,
                _ => limits::THROUGH_AGAIN_SOME,
            };
    }

    /// Nobody gives it.
    fn is_hopeless(&self, now: Time) -> bool {
        self.have == 0 && now.since(self.lacking) >= limits::THROUGH_HOPELESS
    }

    /// The carrier has not got more of it for long.
    fn is_stalled(&self, now: Time) -> bool {
        self.have < self.file.size && now.since(self.moved) >= limits::THROUGH_STALLED
    }

    /// It is asked of another one than `carrier`, which is not asked before `until`.
    fn leave(&mut self, carrier: PeerId, now: Time, until: Time) {
        (self.carrier, self.is_open, self.have, self.next) = (None, false, 0, now);
        self.resting.insert(carrier, until);
    }
}

/// Who is asked next to give something of `owner`: `first`, if it may be asked, else anyone that is here and
/// can be reached.
fn next_carrier(
    blocked: &BTreeMap<PeerId, BlockedOwner>,
    resting: &Resting,
    owner: PeerId,
    first: Option<PeerId>,
    roster: &Roster,
) -> Option<PeerId> {
    let may = |peer: &PeerId| {
        let is_there = roster.contact(*peer).is_some_and(|contact| !contact.hosts.is_empty());
        is_there && *peer != owner && !blocked.contains_key(peer) && !resting.contains_key(peer)
    };
    first.filter(may).or_else(|| roster.iter().map(|(peer, _)| *peer).find(may))
}
