//! The peers that are here, with what each of them shares. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::away::Away;
use crate::content::{Catalogue, Claim, Entry, EntryKind, Head, HeadNumber};
use crate::error::{Code, Failure};
use crate::identity::{Contact, PeerId};
use crate::lan::PeerInfo;
use crate::text;
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
                entry.get_mut().info = info;
                false
            }
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(Member { info, since: now, shares: None, asked: None });
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

    /// The peer that a user means by a name or by the beginning (4 characters or more) of an id: one that is
    /// here, else one that is away while others keep its files.
    ///
    /// # Errors
    /// [`Code::NotFound`] with what there is, [`Code::Ambiguous`] with the choices.
    pub(super) fn find(&self, word: &str) -> Result<PeerId, Failure> {
        let here: Vec<_> = self.members.iter().map(|(id, m)| (*id, m.info.name.as_str())).collect();
        let away: Vec<_> = self.away.names(|id| self.members.contains_key(&id)).collect();
        let mut found = named(&here, word);
        if found.is_empty() {
            found = named(&away, word);
        }
        match found.as_slice() {
            [one] => Ok(*one),
            [] => {
                let names: Vec<_> = self.members.values().map(|m| m.info.name.as_str()).take(10).collect();
                let mut here = if names.is_empty() {
                    "nobody is here".into()
                } else {
                    format!("here: {}", names.join(", "))
                };
                let away: Vec<_> = away.iter().map(|(_, n)| *n).filter(|n| !n.is_empty()).take(10).collect();
                if !away.is_empty() {
                    here += &format!("; away: {}", away.join(", "));
                }
                Err(Failure::new(Code::NotFound, format!("no peer `{}`; {here}", text::shown(word))))
            }
            many => {
                let names: Vec<_> = many.iter().map(|id| format!("{} ({id})", self.name(*id))).collect();
                let message = format!("`{}` can be {}; say its id", text::shown(word), names.join(" or "));
                Err(Failure::new(Code::Ambiguous, message))
            }
        }
    }

    /// What all peers (or one of them) share, those with it that are away while others keep their files.
    pub(super) fn entries(&self, only: Option<PeerId>) -> impl Iterator<Item = (PeerId, &Entry)> {
        let away = self.away.entries(|id| self.members.contains_key(&id));
        self.shared(only).chain(away.filter(move |(id, _)| only.is_none_or(|only| only == *id)))
    }

    /// What those share that are here.
    fn shared(&self, only: Option<PeerId>) -> impl Iterator<Item = (PeerId, &Entry)> {
        self.members
            .iter()
            .filter(move |(id, _)| only.is_none_or(|only| only == **id))
            .filter_map(|(id, m)| m.shares.as_ref().map(|(_, c)| (*id, c)))
            .flat_map(|(id, c)| c.entries().map(move |e| (id, e)))
    }

    /// Who holds each of `claims`, under whatever name. Whoever says another size is no holder: asked for
    /// what it never offered, it would be taken for a liar.
    #[must_use]
    pub(super) fn holders(
        &self,
        claims: &BTreeSet<Claim>,
        only: Option<PeerId>,
    ) -> BTreeMap<Claim, Vec<PeerId>> {
        let mut holders: BTreeMap<Claim, Vec<PeerId>> = BTreeMap::new();
        for (peer, entry) in self.shared(only) {
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

/// Those whom a word names: by the whole name, else in whatever case, else by the beginning of the id, else
/// by that of the name.
fn named(peers: &[(PeerId, &str)], word: &str) -> Vec<PeerId> {
    if word.is_empty() {
        return Vec::new();
    }
    let low = word.to_lowercase();
    let all = |is: &dyn Fn(PeerId, &str) -> bool| -> Vec<PeerId> {
        peers.iter().filter(|(id, name)| is(*id, name)).map(|(id, _)| *id).collect()
    };
    let mut found = all(&|_, name| name == word);
    if found.is_empty() {
        found = all(&|_, name| name.to_lowercase() == low);
    }
    if found.is_empty() && low.len() >= 4 {
        found = all(&|id, _| id.full().starts_with(&low));
    }
    if found.is_empty() {
        found = all(&|_, name| name.to_lowercase().starts_with(&low));
    }
    found
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::address::{Host, Ports};
    use crate::content::{Catalogue, FileId, Span};
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
    fn a_peer_is_found_by_name_or_id() {
        let r = roster(&[("Anna", &[]), ("bert", &[]), ("berta", &[])]);
        let id = |n| key(n).peer_id();
        assert_eq!(r.find("Anna"), Ok(id(1)));
        assert_eq!(r.find("anna"), Ok(id(1)));
        assert_eq!(r.find("an"), Ok(id(1)));
        assert_eq!(r.find("bert"), Ok(id(2)));
        assert_eq!(r.find(&id(3).prefix(8)), Ok(id(3)));
        assert_eq!(r.find("ber").unwrap_err().code, Code::Ambiguous);
        let missing = r.find("carl\u{1b}").unwrap_err();
        assert_eq!(missing.code, Code::NotFound);
        assert!(missing.message.contains("Anna, bert") && !missing.message.contains('\u{1b}'));
        assert_eq!(r.find("").unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn who_is_away_is_found_while_others_keep_its_files() {
        let mut r = roster(&[("anna", &[]), ("bert", &[])]);
        let id = |n| key(n).peer_id();
        for (n, name) in [(3, "Carl"), (4, "anna")] {
            r.away.owner_gone(id(n), name.to_owned());
        }
        r.away.owner_gone(id(2), "bert".to_owned());
        assert_eq!(r.find("carl").unwrap_err().code, Code::NotFound, "nobody keeps any of it");
        let part =
            |n| crate::peer::away::KeptPart { file: FileId([n; 32]), size: 1, span: Span { from: 0, to: 1 } };
        r.away.kept(
            id(2),
            [(id(3), None, vec![part(1)]), (id(4), None, vec![part(2)]), (id(5), None, vec![part(3)])],
        );
        assert_eq!(r.find("carl"), Ok(id(3)));
        assert_eq!(r.find(&id(5).prefix(8)), Ok(id(5)), "nobody knows its name");
        assert_eq!(r.find("anna"), Ok(id(1)), "who is here comes first");
        assert_eq!(r.find("bert"), Ok(id(2)));
        let missing = r.find("dora").unwrap_err().message;
        assert!(missing.contains("away: ") && missing.contains("Carl"), "{missing}");
        assert_eq!(r.find("").unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn holders_are_those_of_the_content_under_any_name() {
        let r = roster(&[("a", &[file("x", 1), file("copy of x", 1)]), ("b", &[file("y", 1), file("z", 2)])]);
        let (a, b) = (key(1).peer_id(), key(2).peer_id());
        let one = (FileId([1; 32]), 1);
        let claims = BTreeSet::from([one, (FileId([9; 32]), 9), (FileId([2; 32]), 1)]);
        let mut both = vec![a, b];
        both.sort();
        assert_eq!(r.holders(&claims, None), BTreeMap::from([(one, both)]));
        assert_eq!(r.holders(&claims, Some(b)), BTreeMap::from([(one, vec![b])]));
    }
}
