//! Who is here, and whose catalogue is to be pulled when. Pure.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogues::Unlisted;
use super::happenings;
use super::keeper_pulls::{CatalogueAsk, KeeperAnswer, KeeperPulls};
use super::offices::{Offices, OwnArrival};
use super::output::Outputs;
use super::patience::Patience;
use super::roster::{LentCatalogue, Member, Roster, meeting};
use crate::content::Catalogue;
use crate::control::{GoneCause, Notice, WatchKind};
use crate::identity::PeerId;
use crate::lan::{self, Gone, PeerInfo};
use crate::receiver::ReceiverCommand;
use crate::receiver::catalogue::NoCatalogueCause;
use crate::sender::SenderCommand;
use crate::time::Time;
use crate::wire::datagram::features;
use crate::wire::message::PeerRecord;

/// What a peer pulls of what others share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PullMode {
    /// Everything at once, for so few are here.
    #[default]
    Small,
    /// Everything at once, for this peer keeps the index of a large network.
    Keeper,
    /// What is asked for, of those who keep the index, and of its owner what they have not.
    OnDemand,
}

/// True for a peer that runs for one command: nobody need be told.
pub(super) const fn is_visitor(info: &PeerInfo) -> bool {
    info.features & features::VISITOR != 0
}

/// What discovery tells, and what follows for catalogues.
#[derive(Debug, Default)]
pub(super) struct Presence {
    pub(super) roster: Roster,
    /// Who keeps the index.
    pub(super) offices: Offices,
    /// What this peer pulls without being asked.
    mode: PullMode,
    /// What is asked of those who keep the index.
    keeper_pulls: KeeperPulls,
    /// Bytes that the catalogues of others may take while this peer keeps the index of a large network.
    index_memory: u64,
    /// The network has answered.
    is_settled: bool,
    /// How long commands wait for catalogues.
    patience: Patience,
}

impl Presence {
    /// Of a peer that uses so much memory while it keeps the index.
    pub(super) fn with_index_memory(index_memory: u64) -> Self {
        Self { index_memory, ..Self::default() }
    }

    /// A peer is here, or can be reached otherwise, or says something new of itself.
    pub(super) fn here(&mut self, now: Time, info: PeerInfo, out: &mut Outputs) {
        let id = info.contact.id;
        let name = info.name.to_string();
        let record = PeerRecord { at: info.at, signed: Arc::clone(&info.signed) };
        out.sender(SenderCommand::Table(id, Some(record)));
        if !info.contact.hosts.is_empty() {
            out.receiver(ReceiverCommand::Peer(info.contact.clone()));
        }
        let is_visitor = is_visitor(&info);
        let is_awaited = self.roster.awaits_address(id) && !info.contact.hosts.is_empty();
        if self.roster.here(now, info) {
            out.event(|| happenings::peer(WatchKind::PeerCame, id, &name, None));
            if !is_visitor {
                out.notice(Notice::Joined { name, id: id.to_string() });
            }
        }
        if !self.roster.is_large() {
            self.pull(now, out);
        } else if is_awaited {
            self.found(now, id, out);
        } else if self.mode == PullMode::Keeper {
            self.pull_from(now, id, out);
        }
    }

    /// A peer can be asked of which it was not known where it is, while something is wanted of it.
    fn found(&mut self, now: Time, id: PeerId, out: &mut Outputs) {
        if self.keeper_pulls.has(id) {
            // Somebody else is asked for it already.
            self.roster.is_pulled_next(now, id);
        } else {
            self.pull_from(now, id, out);
        }
    }

    /// A peer is gone. What it shared is remembered, should others keep it.
    pub(super) fn gone(&mut self, id: PeerId, why: Gone, out: &mut Outputs) {
        out.receiver(ReceiverCommand::Gone(id));
        self.roster.away.keeper_gone(id);
        self.keeper_pulls.gone(id);
        if let Some(member) = self.roster.gone(id) {
            out.sender(SenderCommand::Table(id, None));
            let name = member.info.name.to_string();
            self.roster.away.owner_gone(id, name.clone());
            let why = match why {
                Gone::Left => GoneCause::Left,
                Gone::Closed => GoneCause::Disconnected,
                Gone::Silent | Gone::Yielded => GoneCause::Silent,
            };
            let word = match why {
                GoneCause::Left => "left",
                GoneCause::Silent => "silent",
                GoneCause::Disconnected => "disconnected",
            };
            out.event(|| happenings::peer(WatchKind::PeerWent, id, &name, Some(word)));
            if !is_visitor(&member.info) {
                out.notice(Notice::Gone { name, why });
            }
        }
    }

    /// Looks who has the offices, after something changed that they go by. In a large network whoever has one pulls
    /// what all share, and has more memory for it; everyone else pulls what is asked for.
    pub(super) fn reckon_offices(&mut self, now: Time, own: OwnArrival, out: &mut Outputs) {
        self.offices.reckon(own, &self.roster, out);
        let before = self.mode;
        self.mode = self.mode_of(own.id);
        let keeps = self.mode == PullMode::Keeper;
        if keeps != (before == PullMode::Keeper) {
            out.receiver(ReceiverCommand::CatalogueMemory(keeps.then_some(self.index_memory)));
        }
        if self.mode != before && self.pulls_on_sight() {
            self.keeper_pulls.leave_keeper();
            self.pull(now, out);
        }
        self.ask_for_catalogues(now, out);
    }

    fn mode_of(&self, own: PeerId) -> PullMode {
        if !self.roster.is_large() {
            PullMode::Small
        } else if self.offices.of(own).is_some() {
            PullMode::Keeper
        } else {
            PullMode::OnDemand
        }
    }

    /// True if this peer keeps the index of a large network for the others.
    pub(super) fn keeps_index(&self) -> bool {
        self.mode == PullMode::Keeper
    }

    /// True if others keep an index of what all share, and this peer does not know all of that: not even a keeper
    /// does that has its office since a moment ago.
    pub(super) fn asks_keepers(&self) -> bool {
        match self.mode {
            PullMode::Small => false,
            PullMode::Keeper => self.roster.iter().any(|(id, _)| self.roster.is_behind(*id)),
            PullMode::OnDemand => true,
        }
    }

    /// True once the network has answered.
    pub(super) const fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// How long a search waits for what this peer shares, at most.
    pub(super) fn patience_with(&self, now: Time, id: PeerId) -> Duration {
        let hosts = self.roster.member(id).into_iter().flat_map(Member::account_hosts);
        self.patience.with_hosts(now, hosts)
    }

    /// A search waited in vain for what these share.
    pub(super) fn waited_for(&mut self, now: Time, owners: &[PeerId]) {
        let members = owners.iter().filter_map(|id| self.roster.member(*id));
        let hosts: BTreeSet<_> = members.flat_map(Member::account_hosts).collect();
        self.patience.hosts_in_vain(now, hosts.into_iter());
    }

    fn pulls_on_sight(&self) -> bool {
        self.mode != PullMode::OnDemand
    }

    /// A peer asks to be dialled: where it was authenticated, at the port that it announced.
    pub(super) fn dial_back(&self, id: PeerId, out: &mut Outputs) {
        match self.roster.contact(id) {
            Some(contact) if contact.hosts.is_empty() => self.reach(id, out),
            Some(contact) => out.sender(SenderCommand::DialBack(contact.clone())),
            None => {}
        }
    }

    /// This peer is to be dialled: if it is here and nobody knows where, that is found out.
    pub(super) fn reach(&self, id: PeerId, out: &mut Outputs) {
        if self.roster.contact(id).is_some_and(|contact| contact.hosts.is_empty()) {
            out.discovery(lan::Command::Reach(id));
        }
    }

    /// Neither this peer nor that one can dial the other, and that one wants to be met.
    pub(super) fn meet(&self, me: PeerId, id: PeerId, out: &mut Outputs) {
        if let Some(meeting) = meeting(&self.roster, me, id) {
            out.sender(SenderCommand::Meet(meeting));
        }
    }

    /// This peer was met: what is wanted of it is asked for over the connection that came of it.
    pub(super) fn met(&mut self, now: Time, id: PeerId, out: &mut Outputs) {
        let is_awaited = self.roster.awaits_address(id);
        self.roster.met(id);
        if is_awaited {
            self.found(now, id, out);
        }
    }

    /// The network has answered.
    pub(super) const fn settled(&mut self) {
        self.is_settled = true;
    }

    /// True once it is known who is here, and what they share, as far as that is waited for.
    pub(super) fn is_known(&self, now: Time) -> bool {
        self.is_settled && self.awaited(now).all(|(until, _)| until <= now)
    }

    /// Until when a command waits for what is on its way now. `is_scanned`: it does not wait for this peer's own
    /// files.
    pub(super) fn waits_until(&self, now: Time, is_scanned: bool) -> Time {
        let last = self.awaited(now).map(|(until, _)| until).max();
        if self.is_settled && is_scanned {
            last.unwrap_or(now)
        } else {
            now + self.patience.with(now, std::iter::empty())
        }
    }

    /// A command waited as long as one does. If something has not come all the same, it waited in vain.
    pub(super) fn waited(&mut self, now: Time) {
        let missing = self.awaited(now).filter(|(until, _)| *until <= now).map(|(_, member)| member);
        let mut hosts =
            missing.flat_map(Member::account_hosts).collect::<BTreeSet<_>>().into_iter().peekable();
        if self.is_settled && hosts.peek().is_some() {
            self.patience.in_vain(now, hosts);
        }
    }

    /// Whose catalogues are on their way, and until when each is waited for.
    fn awaited(&self, now: Time) -> impl Iterator<Item = (Time, &Member)> {
        let awaited = self.roster.awaited();
        awaited.map(move |(since, member)| (since + self.patience.with(now, member.account_hosts()), member))
    }

    /// Asks for every catalogue that is newer than what we have, and for those of absent owners that may find
    /// a place now.
    pub(super) fn pull(&mut self, now: Time, out: &mut Outputs) {
        for id in self.roster.next_pulls(now) {
            self.keeper_pulls.want(id);
        }
        self.ask_for_catalogues(now, out);
        self.pull_of_owners(now, out);
    }

    /// Asks whoever is next for what is wanted: those who keep the index, unless this peer pulls everything itself.
    fn ask_for_catalogues(&mut self, now: Time, out: &mut Outputs) {
        let holders = self.offices.holders().into_iter().flatten();
        let can_be_asked = |id: &PeerId| self.roster.contact(*id).is_some() && !self.roster.is_nowhere(*id);
        let holders = holders.filter(can_be_asked);
        let keepers: Vec<PeerId> = holders.filter(|_| self.mode == PullMode::OnDemand).collect();
        while let Some(ask) = self.keeper_pulls.poll_ask(now, &keepers) {
            match ask {
                CatalogueAsk::OfKeeper { keeper, owner } => {
                    out.receiver(ReceiverCommand::OwnerCatalogue { from: keeper, origin: owner });
                }
                CatalogueAsk::OfOwner(owner) => self.ask_for_catalogue(owner, out),
            }
        }
    }

    /// Asks for the catalogues of these, as far as they announced newer ones than are known.
    pub(super) fn pull_of(&mut self, now: Time, owners: &BTreeSet<PeerId>, out: &mut Outputs) {
        for id in owners {
            if self.roster.is_pulled_next(now, *id) {
                self.keeper_pulls.want(*id);
            }
        }
        self.ask_for_catalogues(now, out);
    }

    /// Until when a command waits for what these share, if something of it is on its way.
    pub(super) fn waits_for(&self, now: Time, owners: &BTreeSet<PeerId>) -> Option<Time> {
        let theirs = self.awaited(now).filter(|(_, member)| owners.contains(&member.info.contact.id));
        theirs.map(|(until, _)| until).filter(|until| *until > now).max()
    }

    /// Another one than its owner gave this catalogue.
    pub(super) fn lent(
        &mut self,
        now: Time,
        [from, owner]: [PeerId; 2],
        signed: &[u8],
        catalogue: &Arc<Catalogue>,
        out: &mut Outputs,
    ) -> LentCatalogue {
        let lent = self.roster.lent_shares(owner, signed, catalogue);
        let answer = if lent.is_newest { KeeperAnswer::Newest } else { KeeperAnswer::Older };
        self.keeper_pulls.answered(now, from, owner, answer);
        self.ask_for_catalogues(now, out);
        lent
    }

    /// The connection with this peer is lost.
    pub(super) fn lost(&mut self, now: Time, id: PeerId, out: &mut Outputs) {
        self.pull_failed(now, id, NoCatalogueCause::NoAnswer);
        self.keeper_pulls.lost(now, id);
        self.ask_for_catalogues(now, out);
    }

    /// Asks those who keep files of absent owners again for catalogues of these that found no place.
    fn pull_of_owners(&mut self, now: Time, out: &mut Outputs) {
        let due = self.roster.away.unlisted().filter(|(_, unlisted)| unlisted.until <= now);
        let due: Vec<PeerId> = due.map(|(owner, _)| owner).collect();
        for origin in due {
            self.roster.away.set_unlisted(origin, None);
            let is_here = |id: &PeerId| self.roster.contact(*id).is_some();
            let keepers = self.roster.away.keepers(origin).filter(is_here);
            for from in keepers.filter(|_| !is_here(&origin)) {
                out.receiver(ReceiverCommand::OwnerCatalogue { from, origin });
            }
        }
    }

    /// The catalogue of this peer came. It may have announced another one meanwhile.
    pub(super) fn pull_again(&mut self, now: Time, id: PeerId, out: &mut Outputs) {
        if self.mode == PullMode::Small {
            self.pull(now, out);
        } else {
            self.pull_from(now, id, out);
        }
    }

    /// Asks for the catalogue of this peer, if it is newer than what we have.
    pub(super) fn pull_from(&mut self, now: Time, id: PeerId, out: &mut Outputs) {
        if self.roster.is_pulled_next(now, id) {
            self.ask_for_catalogue(id, out);
        }
    }

    fn ask_for_catalogue(&self, id: PeerId, out: &mut Outputs) {
        if self.roster.awaits_address(id) {
            self.reach(id, out);
        } else {
            out.receiver(ReceiverCommand::Catalogue(id));
        }
    }

    /// A catalogue did not come.
    pub(super) fn pull_failed(&mut self, now: Time, id: PeerId, cause: NoCatalogueCause) {
        // It may yet come from those who keep the index.
        if !self.keeper_pulls.has(id) {
            self.roster.pull_failed(id, Unlisted::new(now, cause));
        }
    }

    /// The catalogue of this owner did not come from another one.
    pub(super) fn owner_pull_failed(
        &mut self,
        now: Time,
        [from, owner]: [PeerId; 2],
        cause: NoCatalogueCause,
        out: &mut Outputs,
    ) {
        self.keeper_pulls.answered(now, from, owner, KeeperAnswer::None(cause));
        // What a keeper does not give of an absent owner is asked for again with the next change of that keeper.
        if cause == NoCatalogueCause::TooMuch {
            self.roster.away.set_unlisted(owner, Some(Unlisted::new(now, cause)));
            self.pull_failed(now, owner, cause);
        }
        self.ask_for_catalogues(now, out);
    }

    /// The receiver gave up the catalogue of this peer: there is no place for it.
    pub(super) fn given_up(&mut self, now: Time, owner: PeerId) {
        self.roster.given_up(owner, Unlisted::new(now, NoCatalogueCause::TooMuch));
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let again = self.roster.poll_timeout(self.pulls_on_sight());
        again.into_iter().chain(self.keeper_pulls.poll_timeout()).min()
    }

    /// Asks again for what is due.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        self.keeper_pulls.handle_timeout(now);
        self.ask_for_catalogues(now, out);
        if self.pulls_on_sight() {
            self.pull(now, out);
        } else {
            self.pull_of_owners(now, out);
        }
    }
}

#[cfg(test)]
mod tests;
