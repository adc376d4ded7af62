//! The peers that are here, with what each of them shares. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::away::Away;
use super::look_alikes::Looks;
use super::owners::Owners;
use crate::content::{Catalogue, Claim, Entry, EntryKind, Head, HeadNumber};
use crate::identity::{Contact, PeerId};
use crate::lan::PeerInfo;
use crate::time::Time;

/// One peer that is here.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// What discovery says of it.
    pub(super) info: PeerInfo,
    /// When it came.
    pub(super) since: Time,
    /// What it shares, as far as it was pulled.
    pub(super) shares: Option<(Head, Arc<Catalogue>)>,
    /// What it looks like to whoever reads it.
    pub(super) looks: Looks,
    /// The head that is being pulled now.
    asked: Option<HeadNumber>,
}

impl Member {
    /// The newest head that it says it has; of version 0 when it has none.
    const fn announced(&self) -> HeadNumber {
        HeadNumber { instance: self.info.instance, version: self.info.catalogue }
    }

    /// True if a newer catalogue was announced than the one that we have.
    fn is_stale(&self) -> bool {
        let announced = self.announced();
        announced.version > 0 && self.shares.as_ref().is_none_or(|(head, _)| head.number() < announced)
    }
}

/// All peers that are here, by id.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: BTreeMap<PeerId, Member>,
    /// Those that are not here, but whose files others keep.
    pub(super) away: Away,
}

impl Roster {
    /// Adds or updates a peer. True if it was not here before.
    pub(super) fn here(&mut self, now: Time, info: PeerInfo) -> bool {
        match self.members.entry(info.contact.id) {
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let member = entry.get_mut();
                if member.info.name != info.name {
                    member.looks = Looks::of(info.contact.id, info.name.as_str());
                }
                member.info = info;
                false
            }
            std::collections::btree_map::Entry::Vacant(entry) => {
                let looks = Looks::of(info.contact.id, info.name.as_str());
                entry.insert(Member { info, since: now, shares: None, looks, asked: None });
                true
            }
        }
    }

    /// Removes a peer that is gone.
    pub(super) fn gone(&mut self, id: PeerId) -> Option<Member> {
        self.members.remove(&id)
    }

    /// Takes over a pulled catalogue, unless a newer one is known. False if it was not taken.
    pub(super) fn shares(&mut self, id: PeerId, head: Head, catalogue: Arc<Catalogue>) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        member.asked = None;
        if member.shares.as_ref().is_some_and(|(known, _)| known.number() > head.number()) {
            return false;
        }
        member.shares = Some((head, catalogue));
        true
    }

    /// Peers whose catalogue is to be pulled now; each newer version is named once.
    pub(super) fn next_pulls(&mut self) -> Vec<PeerId> {
        let mut pull = Vec::new();
        for (id, member) in &mut self.members {
            let announced = member.announced();
            if member.is_stale() && member.asked != Some(announced) {
                member.asked = Some(announced);
                pull.push(*id);
            }
        }
        pull
    }

    /// A pull did not succeed: the next [`Self::next_pulls`] names the peer again.
    pub(super) fn pull_failed(&mut self, id: PeerId) {
        if let Some(member) = self.members.get_mut(&id) {
            member.asked = None;
        }
    }

    /// True while a catalogue that was asked for has not come.
    #[must_use]
    pub(super) fn is_pulling(&self) -> bool {
        self.members.values().any(|m| m.asked.is_some() && m.is_stale())
    }

    /// All of them in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Member)> {
        self.members.iter()
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
        let away = self.away.entries(|id| self.members.contains_key(&id));
        self.shared(of).chain(away.filter(|(id, _)| of.has(*id)))
    }

    /// What those share that are here.
    fn shared<'a>(&'a self, of: &'a Owners) -> impl Iterator<Item = (PeerId, &'a Entry)> {
        self.members
            .iter()
            .filter(|(id, _)| of.has(**id))
            .filter_map(|(id, m)| m.shares.as_ref().map(|(_, c)| (*id, c)))
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::address::{Host, Ports};
    use crate::content::{Catalogue, FileId};
    use crate::identity::{Contact, Instance, PeerName, PublicKey};
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
        let mut r = Roster::default();
        let id = key(1).peer_id();
        assert!(r.here(Time::ZERO, info(1, "one", 0)));
        assert!(r.next_pulls().is_empty());
        assert!(!r.here(Time::ZERO, info(1, "one", 2)));
        assert_eq!(r.next_pulls(), [id]);
        assert!(r.next_pulls().is_empty() && r.is_pulling());
        r.pull_failed(id);
        assert_eq!(r.next_pulls(), [id]);
        let cat = Arc::new(Catalogue::default());
        let head = |version| cat.head(key(1), Instance { count: 1, random: 1 }, version);
        assert!(r.shares(id, head(3), Arc::clone(&cat)));
        assert!(!r.is_pulling() && r.next_pulls().is_empty());
        assert!(!r.shares(id, head(2), Arc::clone(&cat)));
        r.here(Time::ZERO, info(1, "one", 4));
        assert_eq!(r.next_pulls(), [id]);
        assert!(r.gone(id).is_some() && !r.is_pulling());
        assert!(!r.shares(id, head(4), cat));
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
