//! The peers that are here, with what each of them shares. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::away::{AbsentFiles, Away};
use super::catalogues::{Catalogues, Unlisted};
use super::limits;
use super::look_alikes::Looks;
use super::owners::Owners;
use crate::accounts::AccountHost;
use crate::address::Host;
use crate::content::{Catalogue, Claim, Entry, EntryKind, Head, HeadNumber};
use crate::control::UnlistedCause;
use crate::identity::{Contact, PeerId};
use crate::lan::PeerInfo;
use crate::time::Time;
use crate::transfer::meetings::Meeting;

/// One peer that is here.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// What discovery says of it.
    pub(super) info: PeerInfo,
    /// When it came.
    pub(super) since: Time,
    /// What it looks like to whoever reads it.
    pub(super) looks: Looks,
    /// A connection with it stands, though nobody can dial it.
    is_met: bool,
    /// The head that is being pulled now.
    asked: Option<HeadNumber>,
    /// Since when a newer catalogue is wanted than the one that came last.
    waited: Option<Time>,
    /// Why the last pull brought nothing.
    unlisted: Option<Unlisted>,
    /// What is known to be shared by it came from somebody else, who may have less than it announced.
    is_lent: bool,
}

/// What a catalogue changed that another one than its owner gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LentCatalogue {
    /// The owner is here, and so much of what it shares was not known.
    pub(super) is_news: bool,
    /// It is what the owner announced, or newer.
    pub(super) is_newest: bool,
}

impl Member {
    /// The newest head that it says it has; of version 0 when it has none.
    pub(super) const fn announced(&self) -> HeadNumber {
        HeadNumber { instance: self.info.instance, version: self.info.catalogue }
    }

    /// True if its catalogue is on its way.
    pub(super) const fn is_pulled(&self) -> bool {
        self.asked.is_some()
    }

    /// Why its files are missing, if they are.
    pub(super) fn missing_cause(&self) -> UnlistedCause {
        self.unlisted.map_or(UnlistedCause::Coming, |unlisted| unlisted.cause)
    }

    /// Where it was reached, or else where it says that it is.
    pub(super) fn host(&self) -> Host {
        self.info.contact.hosts.first().copied().unwrap_or_else(|| Host::from(self.info.at))
    }

    /// The hosts whose share what it asks for comes from.
    pub(super) fn account_hosts(&self) -> impl Iterator<Item = AccountHost> {
        let hosts = &self.info.contact.hosts;
        let nowhere = hosts.is_empty().then_some(AccountHost::Unproved);
        hosts.iter().map(|host| AccountHost::from(*host)).chain(nowhere)
    }

    /// True if there is neither an address at which it can be dialled nor a connection with it.
    const fn is_nowhere(&self) -> bool {
        self.info.contact.hosts.is_empty() && !self.is_met
    }

    /// True if a newer catalogue was announced than this one.
    fn is_newer_than(&self, known: Option<&(Head, Arc<Catalogue>)>) -> bool {
        let announced = self.announced();
        announced.version > 0 && known.is_none_or(|(head, _)| head.number() < announced)
    }
}

/// All peers that are here, by id.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: BTreeMap<PeerId, Member>,
    /// What they share, as far as it was pulled, and what those share that are not here.
    catalogues: Catalogues,
    /// Those that are not here, but whose files others keep.
    pub(super) away: Away,
    /// Of these what is known to be shared, or that they are here, may have changed since that was asked last.
    changed: BTreeSet<PeerId>,
    /// How often that was so.
    changes: u64,
}

/// What is known to be shared by whom: as long as this stays what it is, nothing of that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RosterVersion {
    here: u64,
    away: u64,
}

impl Roster {
    /// Which state of what is known this is.
    pub(super) const fn version(&self) -> RosterVersion {
        RosterVersion { here: self.changes, away: self.away.changes() }
    }

    fn note_changed(&mut self, id: PeerId) {
        self.changed.insert(id);
        self.changes += 1;
    }

    /// Adds or updates a peer. True if it was not here before.
    pub(super) fn here(&mut self, now: Time, info: PeerInfo) -> bool {
        if !self.members.contains_key(&info.contact.id) {
            self.note_changed(info.contact.id);
        }
        match self.members.entry(info.contact.id) {
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let member = entry.get_mut();
                if member.info.contact.hosts.is_empty() && !info.contact.hosts.is_empty() {
                    // What was asked for while nobody knew where it can be reached is asked for now.
                    member.asked = None;
                }
                if member.info.name != info.name {
                    member.looks = Looks::of(info.contact.id, info.name.as_str());
                }
                member.info = info;
                false
            }
            std::collections::btree_map::Entry::Vacant(entry) => {
                let looks = Looks::of(info.contact.id, info.name.as_str());
                entry.insert(Member {
                    info,
                    since: now,
                    looks,
                    is_met: false,
                    asked: None,
                    waited: None,
                    unlisted: None,
                    is_lent: false,
                });
                true
            }
        }
    }

    /// Removes a peer that is gone.
    pub(super) fn gone(&mut self, id: PeerId) -> Option<Member> {
        self.note_changed(id);
        self.members.remove(&id)
    }

    /// Takes over a catalogue that came from its owner. False if the owner is gone meanwhile: then it is still
    /// remembered, for others may keep its files.
    pub(super) fn shares(&mut self, id: PeerId, head: Head, catalogue: Arc<Catalogue>) -> bool {
        self.catalogues.set(id, head, catalogue);
        self.note_changed(id);
        let Some(member) = self.members.get_mut(&id) else { return false };
        (member.asked, member.waited, member.unlisted) = (None, None, None);
        member.is_lent = false;
        true
    }

    /// Takes over the catalogue of an owner that came from whoever keeps its files, or knows what it shares.
    pub(super) fn lent_shares(
        &mut self,
        owner: PeerId,
        signed: &[u8],
        catalogue: &Arc<Catalogue>,
    ) -> LentCatalogue {
        let mut lent = LentCatalogue { is_news: false, is_newest: false };
        // Invariant: the receiver checked its signature.
        let Ok(head) = Head::open(signed) else { return lent };
        let number = head.number();
        let is_newer = self.catalogues.get(owner).is_none_or(|(known, _)| known.number() < number);
        if is_newer {
            self.catalogues.set(owner, head, Arc::clone(catalogue));
            self.changes += 1;
        }
        self.away.set_unlisted(owner, None);
        let Some(member) = self.members.get_mut(&owner) else { return lent };
        if is_newer {
            self.changed.insert(owner);
            (lent.is_news, member.is_lent) = (true, true);
        }
        if member.announced() <= number {
            (member.asked, member.waited, member.unlisted) = (None, None, None);
            lent.is_newest = true;
        }
        lent
    }

    /// Of whom what is shared by those that are here may have changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> BTreeSet<PeerId> {
        std::mem::take(&mut self.changed)
    }

    /// What is listed of those that are not here.
    pub(super) fn absent_files(&self) -> impl Iterator<Item = AbsentFiles<'_>> {
        self.away.files(&self.catalogues, |id| self.members.contains_key(&id))
    }

    /// What is listed of this peer: what it shares, or, if it is away, the newest that is known to have been shared.
    pub(super) fn listed_catalogue(&self, id: PeerId) -> Option<&Arc<Catalogue>> {
        let given = self.catalogues.get(id);
        let is_here = self.members.contains_key(&id);
        if is_here { given.map(|(_, catalogue)| catalogue) } else { self.away.shared(id, given) }
    }

    /// What this peer shares, or shared when it was here.
    #[must_use]
    pub(super) fn catalogue(&self, owner: PeerId) -> Option<&(Head, Arc<Catalogue>)> {
        self.catalogues.get(owner)
    }

    /// The receiver gave up what this peer shares.
    pub(super) fn given_up(&mut self, owner: PeerId, unlisted: Unlisted) {
        self.catalogues.remove(owner);
        self.note_changed(owner);
        if let Some(member) = self.members.get_mut(&owner) {
            (member.asked, member.unlisted) = (None, Some(unlisted));
        }
        self.away.set_unlisted(owner, Some(unlisted));
    }

    /// A peer that is here.
    pub(super) fn member(&self, id: PeerId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// Peers whose catalogue is to be pulled now; each newer version is named once.
    pub(super) fn next_pulls(&mut self, now: Time) -> Vec<PeerId> {
        let all: Vec<PeerId> = self.members.keys().copied().collect();
        all.into_iter().filter(|id| self.is_pulled_next(now, *id)).collect()
    }

    /// True if the catalogue of this peer is to be pulled now; of each newer version that is said once.
    pub(super) fn is_pulled_next(&mut self, now: Time, id: PeerId) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        let announced = member.announced();
        let may_ask = member.unlisted.is_none_or(|u| u.cause != UnlistedCause::TooMany || u.until <= now);
        let is_wanted = may_ask && member.asked != Some(announced);
        let is_next = is_wanted && member.is_newer_than(self.catalogues.get(id));
        if is_next {
            member.asked = Some(announced);
            member.waited.get_or_insert(now);
        }
        is_next
    }

    /// True if a catalogue is wanted of a peer of which nobody knows yet where it can be reached.
    pub(super) fn awaits_address(&self, id: PeerId) -> bool {
        self.members.get(&id).is_some_and(|m| m.asked.is_some() && m.is_nowhere())
    }

    /// True if this peer is here, and there is neither an address at which it can be dialled nor a connection with it.
    pub(super) fn is_nowhere(&self, id: PeerId) -> bool {
        self.members.get(&id).is_some_and(Member::is_nowhere)
    }

    /// A connection with this peer stands, though nobody can dial it: what was asked for while it was nowhere is asked
    /// for now.
    pub(super) fn met(&mut self, id: PeerId) {
        if let Some(member) = self.members.get_mut(&id) {
            (member.is_met, member.asked) = (true, None);
        }
    }

    /// That connection is over. True if the peer is here, and nowhere now.
    pub(super) fn met_over(&mut self, id: PeerId) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        member.is_met = false;
        member.is_nowhere()
    }

    /// A pull did not succeed: the next [`Self::next_pulls`] names the peer again, once it may be asked.
    pub(super) fn pull_failed(&mut self, id: PeerId, unlisted: Unlisted) {
        if let Some(member) = self.members.get_mut(&id).filter(|member| member.asked.is_some()) {
            (member.asked, member.unlisted) = (None, Some(unlisted));
        }
    }

    /// When something is to be asked for again that did not come; `of_all`: also of what those share that are here.
    #[must_use]
    pub(super) fn poll_timeout(&self, of_all: bool) -> Option<Time> {
        // Asked after each event: of nearly all members nothing failed, and nothing else is looked at.
        let members = self.members.iter().filter(|_| of_all);
        let failed = members.filter_map(|(id, m)| Some((*id, m, m.unlisted?)));
        let here = failed
            .filter(|(id, m, _)| m.asked.is_none() && m.is_newer_than(self.catalogues.get(*id)))
            .map(|(.., u)| u);
        here.chain(self.away.unlisted().map(|(_, unlisted)| unlisted)).map(|u| u.until).min()
    }

    /// The peers whose catalogues are on their way, and since when each is waited for.
    pub(super) fn awaited(&self) -> impl Iterator<Item = (Time, &Member)> {
        let pulled = self.members.iter().filter(|(_, m)| m.asked.is_some());
        let stale = pulled.filter(|(id, m)| m.is_newer_than(self.catalogues.get(**id)));
        stale.filter_map(|(_, member)| Some((member.waited?, member)))
    }

    /// Those of these owners of whose files nothing can be listed, or only what others knew of them before, and why.
    pub(super) fn unlisted(&self, of: &Owners) -> BTreeMap<UnlistedCause, Vec<PeerId>> {
        let lacks = |id: &PeerId| self.catalogues.get(*id).is_none();
        let is_behind = |id: &PeerId, m: &Member| m.is_lent && m.is_newer_than(self.catalogues.get(*id));
        let here = self.members.iter().filter(|(id, m)| lacks(id) || is_behind(id, m));
        let here = here.filter(|(_, m)| m.announced().version > 0);
        let here = here.map(|(id, m)| (*id, m.missing_cause()));
        // That an owner is away at all is the word of a keeper alone, unless a head of it came.
        let away = self.away.unlisted().filter(|(id, _)| lacks(id) && !self.members.contains_key(id));
        let away = away.map(|(id, u)| (id, u.cause)).filter(|(_, cause)| *cause == UnlistedCause::TooMany);
        let mut all: BTreeMap<UnlistedCause, Vec<PeerId>> = BTreeMap::new();
        for (id, cause) in here.chain(away).filter(|(id, _)| of.has(*id)) {
            all.entry(cause).or_default().push(id);
        }
        all
    }

    /// True if this peer, which is here, announced a newer catalogue than is known.
    pub(super) fn is_behind(&self, id: PeerId) -> bool {
        self.members.get(&id).is_some_and(|member| member.is_newer_than(self.catalogues.get(id)))
    }

    /// The host that pays for what this peer, which is here, makes others do.
    pub(super) fn account_host(&self, id: PeerId) -> Option<AccountHost> {
        Some(AccountHost::of_peer(&self.members.get(&id)?.info.contact.hosts))
    }

    /// All of them in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Member)> {
        self.members.iter()
    }

    /// True if too many are here for each to know what all share, or most of those that are here say so: a newcomer
    /// hears them one after the other.
    pub(super) fn is_large(&self) -> bool {
        let say_so = self.members.values().filter(|member| member.info.says_large);
        self.len() > limits::CATALOGUES_ON_SIGHT || 2 * say_so.count() > self.len()
    }

    /// How many there are.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// True if nobody is here.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How to reach a peer that is here.
    #[must_use]
    pub(super) fn contact(&self, id: PeerId) -> Option<&Contact> {
        self.members.get(&id).map(|m| &m.info.contact)
    }

    /// The newest announcement of a peer that is here, as it signed it.
    #[must_use]
    pub(super) fn announcement(&self, id: PeerId) -> Option<Arc<[u8]>> {
        self.members.get(&id).map(|m| Arc::clone(&m.info.signed))
    }

    /// The name to show for a peer.
    #[must_use]
    pub(super) fn name(&self, id: PeerId) -> String {
        let member = self.members.get(&id).map(|m| m.info.name.as_str());
        member.or_else(|| self.away.name(id)).map_or_else(|| id.to_string(), str::to_owned)
    }

    /// What these share, those with it that are away while others keep their files.
    pub(super) fn entries<'a>(&'a self, of: &'a Owners) -> impl Iterator<Item = (PeerId, &'a Entry)> {
        let away = self.away.entries(&self.catalogues, |id| self.members.contains_key(&id));
        let remembered = self.catalogues.iter().filter(|(id, _)| of.has_absent(*id));
        let remembered =
            remembered.flat_map(|(id, catalogue)| catalogue.entries().map(move |entry| (id, entry)));
        self.shared(of).chain(away.filter(|(id, _)| of.has(*id))).chain(remembered)
    }

    /// Those who are away, and of whom it is remembered what they shared.
    pub(super) fn absent(&self) -> impl Iterator<Item = PeerId> {
        self.catalogues.iter().map(|(id, _)| id).filter(|id| !self.members.contains_key(id))
    }

    /// What those share that are here.
    fn shared<'a>(&'a self, of: &'a Owners) -> impl Iterator<Item = (PeerId, &'a Entry)> {
        self.members
            .keys()
            .filter(|id| of.has(**id))
            .filter_map(|id| self.catalogues.get(*id).map(|(_, c)| (*id, c)))
            .flat_map(|(id, c)| c.entries().map(move |e| (id, e)))
    }

    /// Who of `among` holds each of `claims`, under whatever name. Whoever says another size is no holder: asked for
    /// what it never offered, it would be taken for a liar.
    #[must_use]
    pub(super) fn holders(&self, claims: &BTreeSet<Claim>, among: &Owners) -> BTreeMap<Claim, Vec<PeerId>> {
        let mut holders: BTreeMap<Claim, Vec<PeerId>> = BTreeMap::new();
        for (peer, entry) in self.shared(among) {
            let EntryKind::File { id, size, .. } = entry.kind else { continue };
            if claims.contains(&(id, size)) {
                let peers = holders.entry((id, size)).or_default();
                if peers.last() != Some(&peer) {
                    peers.push(peer);
                }
            }
        }
        holders
    }
}

/// How to meet a peer that is heard through another one, which can be reached.
pub(super) fn meeting(roster: &Roster, me: PeerId, with: PeerId) -> Option<Meeting> {
    let through = roster.members.get(&with)?.info.told.as_ref()?.through;
    let introducer = roster.contact(through).filter(|contact| !contact.hosts.is_empty())?;
    Some(Meeting { with, introducer: introducer.clone(), is_server: me < with })
}

/// The peers whose catalogue is wanted and of which nobody knows yet where they can be reached, and since when it is
/// wanted.
pub(super) fn awaited_addresses(roster: &Roster) -> impl Iterator<Item = (PeerId, Time)> {
    let awaited = roster.members.iter().filter(|(_, m)| m.asked.is_some() && m.is_nowhere());
    awaited.filter_map(|(id, m)| Some((*id, m.waited?)))
}

#[cfg(test)]
pub(super) mod tests {
    use core::time::Duration;

    use super::*;
    use crate::address::{Host, Ports};
    use crate::content::{Catalogue, FileId};
    use crate::identity::{Contact, Instance, PeerName, PublicKey};
    use crate::lan::OrderClaim;
    use crate::receiver::catalogue::NoCatalogueCause;
    use crate::wire::datagram::PresenceState;

    pub(crate) fn key(n: u8) -> PublicKey {
        PublicKey([n; 32])
    }

    pub(crate) fn info(n: u8, name: &str, catalogue: u64) -> PeerInfo {
        let host = Host { ip: [10, 0, 0, n].into(), scope: 0 };
        let ports = Ports { receiver: 1, sender: 2, distributor: 3, distributee: 4 };
        PeerInfo {
            contact: Contact { id: key(n).peer_id(), hosts: vec![host], ports },
            name: PeerName::cleaned(name).unwrap(),
            instance: Instance { count: 1, random: 1 },
            catalogue,
            state: PresenceState::Here,
            arrival: OrderClaim::default(),
            says_large: false,
            features: 0,
            told: None,
            at: host.socket(9),
            signed: Arc::from([]),
        }
    }

    pub(crate) fn file(path: &str, n: u8) -> Entry {
        let kind = EntryKind::File {
            id: FileId([n; 32]),
            size: u64::from(n),
            modified: 5_000,
            executable: false,
            since: 0,
        };
        Entry { path: path.parse().unwrap(), kind }
    }

    /// A roster of peers `1..`, each with a name and the entries that it shares.
    pub(crate) fn roster(peers: &[(&str, &[Entry])]) -> Roster {
        let mut roster = Roster::default();
        for (n, (name, entries)) in (1..).zip(peers) {
            let info = info(n, name, 1);
            let (id, instance) = (info.contact.id, info.instance);
            assert!(roster.here(Time::ZERO, info));
            let catalogue = Catalogue::of(entries.to_vec());
            assert!(roster.shares(id, catalogue.head(key(n), instance, 1), Arc::new(catalogue)));
        }
        roster
    }

    #[test]
    fn each_newer_catalogue_is_pulled_once() {
        let (mut r, now) = (Roster::default(), Time::ZERO);
        let id = key(1).peer_id();
        assert!(r.here(now, info(1, "one", 0)));
        assert!(r.next_pulls(now).is_empty());
        assert!(!r.here(now, info(1, "one", 2)));
        assert_eq!(r.next_pulls(now), [id]);
        assert!(r.next_pulls(now).is_empty() && r.awaited().map(|(since, _)| since).eq([now]));
        r.pull_failed(id, Unlisted::new(now, NoCatalogueCause::Busy));
        assert_eq!(r.unlisted(&Owners::Anyone), BTreeMap::from([(UnlistedCause::Busy, vec![id])]));
        assert_eq!(r.next_pulls(now), [id]);
        let cat = Arc::new(Catalogue::default());
        let head = |version| cat.head(key(1), Instance { count: 1, random: 1 }, version);
        assert!(r.shares(id, head(3), Arc::clone(&cat)));
        assert!(
            r.awaited().next().is_none()
                && r.next_pulls(now).is_empty()
                && r.unlisted(&Owners::Anyone).is_empty()
        );
        r.here(now, info(1, "one", 4));
        assert_eq!(r.next_pulls(now), [id]);
        assert!(r.gone(id).is_some() && r.awaited().next().is_none());
        assert!(!r.shares(id, head(4), cat));
    }

    #[test]
    fn what_found_no_place_is_asked_for_again_after_a_while_whatever_it_announces() {
        let (mut r, at) = (Roster::default(), |s| Time::ZERO + Duration::from_secs(s));
        let id = key(1).peer_id();
        r.here(at(0), info(1, "one", 1));
        assert_eq!(r.next_pulls(at(0)), [id]);
        r.given_up(id, Unlisted::new(at(1), NoCatalogueCause::TooMuch));
        r.here(at(2), info(1, "one", 2));
        assert!(r.next_pulls(at(30)).is_empty() && r.poll_timeout(true) == Some(at(31)));
        assert_eq!(r.unlisted(&Owners::one(id)), BTreeMap::from([(UnlistedCause::TooMany, vec![id])]));
        assert!(r.unlisted(&Owners::one(key(2).peer_id())).is_empty());
        assert_eq!(r.next_pulls(at(31)), [id]);
        assert_eq!((r.poll_timeout(true), r.awaited().next().unwrap().0), (None, at(0)));
    }

    #[test]
    fn holders_are_those_of_the_content_under_any_name() {
        let r = roster(&[("a", &[file("x", 1), file("copy of x", 1)]), ("b", &[file("y", 1), file("z", 2)])]);
        let (a, b) = (key(1).peer_id(), key(2).peer_id());
        let one = (FileId([1; 32]), 1);
        let claims = BTreeSet::from([one, (FileId([9; 32]), 9), (FileId([2; 32]), 1)]);
        let mut both = vec![a, b];
        both.sort();
        assert_eq!(r.holders(&claims, &Owners::Anyone), BTreeMap::from([(one, both)]));
        assert_eq!(r.holders(&claims, &Owners::one(b)), BTreeMap::from([(one, vec![b])]));
    }
}
