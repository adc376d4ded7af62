//! Names that can be taken for somebody else's. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::roster::Roster;
use crate::identity::{PeerId, skeleton};

/// Characters of an id by which people know it again.
const KNOWN_BY: usize = 8;

/// What a peer looks like to whoever reads of it. Made once for each name, because that takes longer than to
/// compare it.
#[derive(Clone, Debug)]
pub(super) struct Looks {
    /// The skeleton of its name.
    name: String,
    /// The skeleton of the beginning of its id.
    id: String,
}

impl Looks {
    /// Those of a peer of this name.
    pub(super) fn of(id: PeerId, name: &str) -> Self {
        Self { name: skeleton(name), id: skeleton(&id.prefix(KNOWN_BY)) }
    }
}

/// Peers by what something of them looks like.
type PeersBy<'a> = BTreeMap<&'a str, Vec<PeerId>>;

/// The peers, here or away, that are not to be shown by their names alone: another one has a name that looks
/// the same, or the name has the id of another one in it.
#[derive(Debug, Default)]
pub(super) struct LookAlikes(BTreeSet<PeerId>);

impl LookAlikes {
    /// Those among all peers that are known now.
    pub(super) fn of(roster: &Roster) -> Self {
        let away = roster.away.names(|id| roster.contact(id).is_some());
        let away: Vec<(PeerId, Looks)> = away.map(|(id, name)| (id, Looks::of(id, name))).collect();
        let here = roster.iter().map(|(id, member)| (*id, &member.looks));
        let all: Vec<(PeerId, &Looks)> = here.chain(away.iter().map(|(id, looks)| (*id, looks))).collect();
        let (mut of_name, mut of_id) = (PeersBy::new(), PeersBy::new());
        for (id, looks) in &all {
            of_id.entry(&looks.id).or_default().push(*id);
            // Of some who are away nobody knows the name.
            if !looks.name.is_empty() {
                of_name.entry(&looks.name).or_default().push(*id);
            }
        }
        let same = of_name.into_values().filter(|peers| peers.len() > 1).flatten();
        let quoting = all.iter().filter(|(id, looks)| quotes(&looks.name, *id, &of_id)).map(|(id, _)| *id);
        Self(same.chain(quoting).collect())
    }

    /// True if the name of this peer can be taken for somebody else's.
    pub(super) fn has(&self, peer: PeerId) -> bool {
        self.0.contains(&peer)
    }

    /// The name of a peer, with its id if that must stand there.
    pub(super) fn shown(&self, peer: PeerId, roster: &Roster) -> String {
        if self.has(peer) { roster.name_with_id(peer) } else { roster.name(peer) }
    }
}

impl Roster {
    /// The names of these peers as they are shown.
    pub(super) fn shown_names(&self, peers: &[PeerId]) -> Vec<String> {
        if peers.is_empty() {
            return Vec::new();
        }
        let look_alikes = LookAlikes::of(self);
        peers.iter().map(|peer| look_alikes.shown(*peer, self)).collect()
    }
}

/// True if a word of `name`, which is that of `owner`, begins like the id of somebody else. Both are skeletons.
fn quotes(name: &str, owner: PeerId, of_id: &PeersBy<'_>) -> bool {
    // A character of an id becomes two in its skeleton at most.
    let lengths = KNOWN_BY..=2 * KNOWN_BY;
    let mut begins = name
        .split(|c: char| !c.is_alphanumeric())
        .flat_map(|word| lengths.clone().filter_map(move |length| word.get(..length)));
    begins.any(|begin| of_id.get(begin).is_some_and(|peers| peers.iter().any(|peer| *peer != owner)))
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{info, key, roster};
    use super::*;
    use crate::content::{FileId, Span};
    use crate::peer::away::KeptPart;
    use crate::time::Time;

    fn id(n: u8) -> PeerId {
        key(n).peer_id()
    }

    /// Which of the peers 1 to 9 are among them.
    fn found(roster: &Roster) -> Vec<u8> {
        let all = LookAlikes::of(roster);
        (1..10).filter(|n| all.has(id(*n))).collect()
    }

    #[test]
    fn names_that_look_the_same_are_found() {
        let names = ["Anna", "\u{410}nna", "anna", "bert", "berta", "carl"];
        let peers = names.map(|name| (name, &[][..]));
        let mut r = roster(&peers);
        assert_eq!(found(&r), [1, 2, 3]);
        let all = LookAlikes::of(&r);
        assert_eq!(all.shown(id(2), &r), format!("\u{410}nna ({})", id(2).prefix(8)));
        assert_eq!(all.shown(id(4), &r), "bert");
        assert_eq!(r.shown_names(&[id(4), id(3)]), ["bert".to_owned(), r.name_with_id(id(3))]);
        // A name can change.
        r.here(Time::ZERO, info(5, "Bert", 1));
        assert_eq!(found(&r), [1, 2, 3, 4, 5]);
        r.here(Time::ZERO, info(5, "berta", 1));
        // One that is away, and whose files others keep, can be meant as well.
        r.away.owner_gone(id(7), "c\u{430}rl".to_owned());
        assert_eq!(found(&r), [1, 2, 3]);
        let part = KeptPart { file: FileId([7; 32]), size: 1, span: Span { from: 0, to: 1 } };
        r.away.kept(id(4), [(id(7), None, vec![part]), (id(8), None, vec![part])]);
        assert_eq!(found(&r), [1, 2, 3, 6, 7]);
    }

    #[test]
    fn a_name_with_the_id_of_somebody_else_is_found() {
        let short = id(1).prefix(8);
        let label = format!("anna ({short})");
        let shouted = format!("anna-{}", id(1).prefix(12).to_uppercase());
        let own = format!("dora ({})", id(4).prefix(8));
        let default = format!("peer-{}", id(5).prefix(4));
        let names = ["anna", &label, &shouted, &own, &default, "a long-enough name"];
        assert_eq!(found(&roster(&names.map(|name| (name, &[][..])))), [2, 3]);
    }
}
