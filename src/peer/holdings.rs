//! What is known of those who have a content: for whoever chooses from whom it is to come. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::away::whole_or_some;
use super::interface_names::InterfaceNames;
use super::look_alikes::LookAlikes;
use super::owners::Owners;
use super::roster::{Member, Roster};
use super::speeds::SpeedsSeen;
use crate::content::{Claim, Entry, EntryKind};
use crate::control::HolderRow;
use crate::identity::PeerId;

/// What one peer has of a content.
#[derive(Clone, Copy, Debug)]
struct Holding {
    /// When it first listed it, milliseconds since 1970; 0: that is not known.
    since: u64,
    /// For a peer that is away.
    is_kept: bool,
    /// Only some of it.
    is_some: bool,
}

/// The rows for these contents: contents in the order of their ids, of each its holders by name.
pub(super) fn rows(
    contents: &BTreeSet<Claim>,
    roster: &Roster,
    speeds: &SpeedsSeen,
    interfaces: &InterfaceNames,
) -> Vec<HolderRow> {
    let look_alikes = LookAlikes::of(roster);
    let row = |((id, size), peer, holding): (Claim, PeerId, Holding), member: &Member| HolderRow {
        id: id.to_string(),
        size,
        name: member.info.name.to_string(),
        peer: peer.full(),
        address: interfaces.shown(member.host()),
        port: member.info.contact.ports.sender,
        speed: speeds.get(peer),
        since: Some(holding.since / 1_000).filter(|since| *since > 0),
        kept: holding.is_kept,
        some: holding.is_some,
        look_alike: look_alikes.has(peer),
    };
    let holdings = holdings(contents, roster).into_iter();
    let members: BTreeMap<PeerId, &Member> = roster.iter().map(|(peer, member)| (*peer, member)).collect();
    let mut rows: Vec<HolderRow> = holdings
        .filter_map(|((claim, peer), holding)| Some(row((claim, peer, holding), members.get(&peer)?)))
        .collect();
    rows.sort_by(|a, b| (&a.id, a.size, &a.name, &a.peer).cmp(&(&b.id, b.size, &b.name, &b.peer)));
    rows
}

/// Who shares these contents, under whatever name, and who keeps some of them for a peer that is away.
fn holdings(contents: &BTreeSet<Claim>, roster: &Roster) -> BTreeMap<(Claim, PeerId), Holding> {
    let mut all: BTreeMap<(Claim, PeerId), Holding> = BTreeMap::new();
    let claim = |entry: &Entry| match entry.kind {
        EntryKind::File { id, size, since, .. } => Some(((id, size), since)),
        EntryKind::Folder => None,
    };
    for (peer, entry) in roster.entries(&Owners::Anyone) {
        let Some((claim, since)) = claim(entry).filter(|(claim, _)| contents.contains(claim)) else {
            continue;
        };
        // What is away is not asked for it.
        if roster.contact(peer).is_some() {
            let holding =
                all.entry((claim, peer)).or_insert(Holding { since, is_kept: false, is_some: false });
            holding.since = holding.since.min(since);
        }
    }
    for (claim, parts) in roster.away.parts(contents) {
        let (whole, some) = whole_or_some(claim.1, parts);
        let kept =
            whole.into_iter().map(|peer| (peer, false)).chain(some.into_iter().map(|peer| (peer, true)));
        for (peer, is_some) in kept {
            all.entry((claim, peer)).or_insert(Holding { since: 0, is_kept: true, is_some });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{file, key, roster};
    use super::*;
    use crate::content::Span;
    use crate::peer::away::KeptPart;
    use crate::swarm::SourceRate;

    #[test]
    fn each_content_has_its_holders_by_name_with_what_is_known_of_them() {
        let since = |path: &str, n, at| {
            let mut entry = file(path, n);
            if let EntryKind::File { since, .. } = &mut entry.kind {
                *since = at;
            }
            entry
        };
        let r = roster(&[
            ("bert", &[since("x", 1, 9_000)]),
            ("anna", &[since("y", 1, 7_000), since("z", 1, 5_000), file("other", 3)]),
            ("carl", &[since("x", 2, 0)]),
        ]);
        let claim = |n| {
            r.entries(&Owners::Anyone).find_map(|(_, e)| match e.kind {
                EntryKind::File { id, size, .. }
                    if e.path.as_str() == "x" && id == file("x", n).content()? =>
                {
                    Some((id, size))
                }
                _ => None,
            })
        };
        let contents = [claim(1).unwrap(), claim(2).unwrap()].into();
        let mut speeds = SpeedsSeen::default();
        speeds.note(&[SourceRate { peer: key(1).peer_id(), rate: 77 }], &r);
        let rows = rows(&contents, &r, &speeds, &InterfaceNames::default());
        let seen: Vec<_> = rows.iter().map(|row| (&row.name[..], row.since, row.speed, row.some)).collect();
        let expected =
            [("anna", Some(5), None, false), ("bert", Some(9), Some(77), false), ("carl", None, None, false)];
        assert_eq!(seen, expected);
        assert!(rows[0].id == rows[1].id && rows[1].id != rows[2].id);
        assert_eq!((rows[0].peer.clone(), &rows[0].address[..]), (key(2).peer_id().full(), "10.0.0.2"));
    }

    #[test]
    fn whoever_keeps_it_for_a_peer_that_is_away_is_told_apart() {
        let mut r = roster(&[("anna", &[]), ("bert", &[])]);
        let (file, size) = (file("x", 1).content().unwrap(), 2 << 20);
        for (n, to) in [(1, 2), (2, 1)] {
            let part = KeptPart { file, size, span: Span { from: 0, to } };
            r.away.kept(key(n).peer_id(), [(key(9).peer_id(), None, vec![part])]);
        }
        let whole = Span::whole(size).unwrap();
        let rows = rows(&[(file, size)].into(), &r, &SpeedsSeen::default(), &InterfaceNames::default());
        let seen: Vec<_> = rows.iter().map(|row| (&row.name[..], row.kept, row.some)).collect();
        assert_eq!(seen, [("anna", true, whole.to != 2), ("bert", true, whole.to != 1)]);
    }
}
