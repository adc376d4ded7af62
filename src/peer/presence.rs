//! Who is here, and whose catalogue is to be pulled when. Pure.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogues::Unlisted;
use super::offices::{Offices, OwnArrival};
use super::output::Outputs;
use super::patience::Patience;
use super::roster::{Member, Roster};
use crate::control::{GoneCause, Notice};
use crate::identity::PeerId;
use crate::lan::{self, Gone, PeerInfo};
use crate::receiver::ReceiverCommand;
use crate::receiver::catalogue::NoCatalogueCause;
use crate::sender::SenderCommand;
use crate::time::Time;
use crate::wire::message::PeerRecord;

/// What a peer pulls of what others share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PullMode {
    /// Everything at once, for so few are here.
    #[default]
    Small,
    /// Everything at once, for this peer keeps the index of a large network.
    Keeper,
    /// What is asked for.
    OnDemand,
}

/// What discovery tells, and what follows for catalogues.
#[derive(Debug, Default)]
pub(super) struct Presence {
    pub(super) roster: Roster,
    /// Who keeps the index.
    pub(super) offices: Offices,
    /// What this peer pulls without being asked.
    mode: PullMode,
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
        let is_awaited = self.roster.awaits_address(id) && !info.contact.hosts.is_empty();
        if self.roster.here(now, info) {
            out.notice(Notice::Joined { name, id: id.to_string() });
        }
        if !self.roster.is_large() {
            self.pull(now, out);
        } else if is_awaited || self.mode == PullMode::Keeper {
            self.pull_from(now, id, out);
        }
    }

    /// A peer is gone. What it shared is remembered, should others keep it.
    pub(super) fn gone(&mut self, id: PeerId, why: Gone, out: &mut Outputs) {
        out.receiver(ReceiverCommand::Gone(id));
        self.roster.away.keeper_gone(id);
        if let Some(member) = self.roster.gone(id) {
            out.sender(SenderCommand::Table(id, None));
            let name = member.info.name.to_string();
            self.roster.away.owner_gone(id, name.clone());
            let why = match why {
                Gone::Left => GoneCause::Left,
                Gone::Closed => GoneCause::Disconnected,
                Gone::Silent | Gone::Yielded => GoneCause::Silent,
            };
            out.notice(Notice::Gone { name, why });
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
            self.pull(now, out);
        }
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
        if let Some(meeting) = self.roster.meeting(me, id) {
            out.sender(SenderCommand::Meet(meeting));
        }
    }

    /// This peer was met: what is wanted of it is asked for over the connection that came of it.
    pub(super) fn met(&mut self, now: Time, id: PeerId, out: &mut Outputs) {
        let is_awaited = self.roster.awaits_address(id);
        self.roster.met(id);
        if is_awaited {
            self.pull_from(now, id, out);
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
            self.ask_for_catalogue(id, out);
        }
        self.pull_of_owners(now, out);
    }

    fn pull_of_owners(&mut self, now: Time, out: &mut Outputs) {
        for key in self.roster.next_owner_pulls(now) {
            out.receiver(ReceiverCommand::OwnerCatalogue { from: key.from, origin: key.subject });
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
        self.roster.pull_failed(id, Unlisted::new(now, cause));
    }

    /// The catalogue of an absent owner did not come.
    pub(super) fn owner_pull_failed(&mut self, now: Time, owner: PeerId, cause: NoCatalogueCause) {
        // What a keeper does not give is asked for again with the next change of that keeper.
        if cause == NoCatalogueCause::TooMuch {
            self.roster.away.set_unlisted(owner, Some(Unlisted::new(now, cause)));
        }
    }

    /// The receiver gave up the catalogue of this peer: there is no place for it.
    pub(super) fn given_up(&mut self, now: Time, owner: PeerId) {
        self.roster.given_up(owner, Unlisted::new(now, NoCatalogueCause::TooMuch));
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.roster.poll_timeout(self.pulls_on_sight())
    }

    /// Asks again for what is due.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        if self.pulls_on_sight() {
            self.pull(now, out);
        } else {
            self.pull_of_owners(now, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{info, key};
    use super::*;
    use crate::content::Catalogue;
    use crate::control::UnlistedCause;
    use crate::identity::Instance;
    use crate::lan::{IndexDuty, OrderClaim};
    use crate::peer::limits;
    use crate::peer::output::PeerOutput;
    use crate::peer::owners::Owners;
    use crate::wire::datagram::PresenceState;

    /// Whose catalogues are asked for by what was put out; notices as text.
    fn seen(out: &mut Outputs) -> Vec<String> {
        let all = std::iter::from_fn(|| out.pop());
        all.filter_map(|output| match output {
            PeerOutput::Receiver(ReceiverCommand::Catalogue(id)) => Some(format!("pull {id}")),
            PeerOutput::Notice(Notice::Joined { name, .. }) => Some(format!("{name} joined")),
            PeerOutput::Notice(Notice::Gone { name, why }) => Some(format!("{name}: {why:?}")),
            PeerOutput::Sender(SenderCommand::Table(id, None)) => Some(format!("no row of {id}")),
            _ => None,
        })
        .collect()
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_catalogue_that_did_not_come_is_asked_for_after_five_seconds() {
        let (mut presence, mut out) = (Presence::default(), Outputs::default());
        let id = key(1).peer_id();
        presence.here(at(0), info(1, "anna", 1), &mut out);
        assert_eq!(seen(&mut out), ["anna joined".to_owned(), format!("pull {id}")]);
        presence.settled();
        assert!(!presence.is_known(at(1)), "its catalogue is still to come");
        presence.pull_failed(at(1), id, NoCatalogueCause::Busy);
        presence.pull_failed(at(2), id, NoCatalogueCause::Busy);
        assert_eq!(presence.poll_timeout(), Some(at(6)));
        presence.handle_timeout(at(5), &mut out);
        assert!(seen(&mut out).is_empty());
        presence.handle_timeout(at(6), &mut out);
        assert_eq!((seen(&mut out), presence.poll_timeout()), (vec![format!("pull {id}")], None));
        let catalogue = Catalogue::default();
        let head = catalogue.head(key(1), Instance { count: 1, random: 1 }, 1);
        assert!(presence.roster.shares(id, head, catalogue.into()) && presence.is_known(at(7)));
    }

    #[test]
    fn nobody_waits_long_for_who_never_sends_what_it_announces() {
        let (mut presence, mut out) = (Presence::default(), Outputs::default());
        let (id, ms) = (key(1).peer_id(), Duration::from_millis);
        presence.settled();
        presence.here(at(10), info(1, "anna", 1), &mut out);
        assert_eq!(presence.waits_until(at(11), true), at(13), "three seconds since it was asked");
        assert!(!presence.is_known(at(12)) && presence.is_known(at(13)));
        presence.waited(at(13));
        // It says that it has another one, fails, and is asked again: that begins nothing anew.
        presence.here(at(14), info(1, "anna", 2), &mut out);
        presence.pull_failed(at(14), id, NoCatalogueCause::NoAnswer);
        presence.pull(at(20), &mut out);
        assert!(presence.is_known(at(20)) && presence.waits_until(at(20), true) <= at(20));
        // Nor does it help to come as somebody else.
        presence.here(at(20), info(2, "bert", 1), &mut out);
        assert_eq!(presence.waits_until(at(20), true), at(20) + ms(100));
        assert!(!presence.is_known(at(20)) && presence.is_known(at(20) + ms(100)));
        // A while later newcomers get their time, but not those of the host that was waited for in vain.
        let mut neighbour = info(4, "dora", 1);
        neighbour.contact.hosts = info(1, "anna", 1).contact.hosts;
        presence.here(at(80), neighbour, &mut out);
        assert_eq!(presence.waits_until(at(80), true), at(80) + ms(100));
        presence.here(at(80), info(3, "carl", 1), &mut out);
        assert_eq!(presence.waits_until(at(80), true), at(83));
    }

    #[test]
    fn in_a_large_network_catalogues_are_asked_for_when_they_are_wanted() {
        let (mut presence, mut out) = (Presence::default(), Outputs::default());
        let all = u8::try_from(limits::CATALOGUES_ON_SIGHT).unwrap();
        for n in 1..=all {
            presence.here(at(0), info(n, "x", 1), &mut out);
        }
        assert_eq!(seen(&mut out).iter().filter(|s| s.starts_with("pull")).count(), usize::from(all));
        presence.here(at(0), info(all + 1, "one more", 1), &mut out);
        assert_eq!(seen(&mut out), ["one more joined"]);
        presence.pull(at(0), &mut out);
        assert_eq!(seen(&mut out), [format!("pull {}", key(all + 1).peer_id())]);
    }

    fn own(ticket: u64) -> OwnArrival {
        let arrival = OrderClaim { ticket, duty: IndexDuty::InTurn };
        OwnArrival { id: key(255).peer_id(), arrival, state: PresenceState::Here }
    }

    /// A peer that knows so many others with tickets from 10 on, and has this ticket itself.
    fn among(count: u8, ticket: u64, out: &mut Outputs) -> Presence {
        let mut presence = Presence::with_index_memory(7_000);
        for n in 1..=count {
            let arrival = OrderClaim { ticket: 9 + u64::from(n), duty: IndexDuty::InTurn };
            presence.here(at(0), PeerInfo { arrival, ..info(n, "x", 1) }, out);
            presence.reckon_offices(at(0), own(ticket), out);
        }
        presence
    }

    fn pulls(out: &mut Outputs) -> usize {
        seen(out).iter().filter(|s| s.starts_with("pull")).count()
    }

    /// The memory for catalogues that was told last.
    fn told_memory(out: &mut Outputs) -> Option<Option<u64>> {
        let all = std::iter::from_fn(|| out.pop());
        let told = all.filter_map(|output| match output {
            PeerOutput::Receiver(ReceiverCommand::CatalogueMemory(bytes)) => Some(bytes),
            _ => None,
        });
        told.last()
    }

    #[test]
    fn whoever_has_an_office_in_a_large_network_pulls_what_all_share_and_nobody_else_does() {
        let mut out = Outputs::default();
        let small = limits::CATALOGUES_ON_SIGHT;
        for (ticket, all) in [(1, 200), (10, 200), (12, small), (300, small), (0, small)] {
            among(200, ticket, &mut out);
            assert_eq!(pulls(&mut out), all, "with ticket {ticket}");
        }
        among(200, 1, &mut out);
        assert_eq!(told_memory(&mut out), Some(Some(7_000)));
        among(20, 1, &mut out);
        assert_eq!(told_memory(&mut out), None, "in a small network all are alike");
    }

    #[test]
    fn of_a_thousand_peers_each_is_asked_by_two_for_what_it_shares() {
        let mut out = Outputs::default();
        let asked = |ticket: u64, out: &mut Outputs| {
            let mut presence = Presence::default();
            for n in 1..=1_000_u64 {
                let mut other = PeerInfo {
                    arrival: OrderClaim { ticket: n, duty: IndexDuty::InTurn },
                    says_large: true,
                    ..info(1, "x", 1)
                };
                other.contact.id.0[..8].copy_from_slice(&n.to_be_bytes());
                if n != ticket {
                    presence.here(at(0), other, out);
                }
                // It has no ticket before it heard the others.
                if n % 100 == 0 {
                    presence.reckon_offices(at(0), own(0), out);
                }
            }
            presence.reckon_offices(at(1), own(ticket), out);
            pulls(out)
        };
        let by_each = [1, 2, 3, 500, 1_000].map(|ticket| asked(ticket, &mut out));
        assert_eq!(by_each, [999, 999, 0, 0, 0]);
    }

    #[test]
    fn the_new_deputy_begins_to_pull_and_who_loses_an_office_ends() {
        let mut out = Outputs::default();
        let mut presence = among(200, 12, &mut out);
        assert_eq!(pulls(&mut out), limits::CATALOGUES_ON_SIGHT);
        presence.gone(key(1).peer_id(), Gone::Silent, &mut out);
        presence.reckon_offices(at(1), own(12), &mut out);
        presence.gone(key(2).peer_id(), Gone::Silent, &mut out);
        presence.reckon_offices(at(1), own(12), &mut out);
        assert_eq!(pulls(&mut out), 200 - limits::CATALOGUES_ON_SIGHT, "what it has not asked for yet");
        let changed = |n: u8, ticket| {
            let arrival = OrderClaim { ticket, duty: IndexDuty::InTurn };
            PeerInfo { arrival, ..info(n, "x", 2) }
        };
        presence.here(at(2), changed(100, 109), &mut out);
        assert_eq!(pulls(&mut out), 1);
        // Two that are there for the index alone come.
        for n in [1, 2] {
            let duty = IndexDuty::First;
            presence.here(
                at(3),
                PeerInfo { arrival: OrderClaim { ticket: 400, duty }, ..info(n, "x", 1) },
                &mut out,
            );
            presence.reckon_offices(at(3), own(12), &mut out);
        }
        assert_eq!(told_memory(&mut out), Some(None));
        presence.here(at(4), changed(101, 110), &mut out);
        assert_eq!(pulls(&mut out), 0);
    }

    #[test]
    fn in_a_large_network_what_is_asked_for_is_pulled_and_nothing_behind_it() {
        let mut out = Outputs::default();
        let mut presence = among(200, 300, &mut out);
        assert_eq!(pulls(&mut out), limits::CATALOGUES_ON_SIGHT);
        // A catalogue came, another one did not: neither has others pulled, and nothing is tried again unasked.
        presence.pull_again(at(1), key(1).peer_id(), &mut out);
        presence.pull_failed(at(1), key(2).peer_id(), NoCatalogueCause::NoAnswer);
        assert_eq!((pulls(&mut out), presence.poll_timeout()), (0, None));
        // Somebody lists: what is missing is said to be coming until then.
        presence.pull(at(7), &mut out);
        assert_eq!(pulls(&mut out), 200 - limits::CATALOGUES_ON_SIGHT + 1);
        let unlisted = presence.roster.unlisted(&Owners::Anyone);
        assert_eq!(unlisted.get(&UnlistedCause::Coming).map(Vec::len), Some(199));
    }

    #[test]
    fn whoever_goes_is_told_and_its_name_is_remembered_while_others_keep_its_files() {
        let (mut presence, mut out) = (Presence::default(), Outputs::default());
        let id = key(1).peer_id();
        presence.here(at(0), info(1, "anna", 0), &mut out);
        presence.gone(id, Gone::Left, &mut out);
        assert_eq!(
            seen(&mut out),
            ["anna joined".to_owned(), format!("no row of {id}"), "anna: Left".to_owned()]
        );
        assert_eq!((presence.roster.len(), presence.roster.name(id)), (0, "anna".to_owned()));
        presence.gone(id, Gone::Silent, &mut out);
        assert!(seen(&mut out).is_empty(), "it was not here");
        presence.here(at(0), info(1, "anna", 0), &mut out);
        presence.gone(id, Gone::Closed, &mut out);
        assert_eq!(seen(&mut out).last().map(String::as_str), Some("anna: Disconnected"));
    }
}
