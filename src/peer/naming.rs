//! Whom a user means by a word: a peer by its id, or by its name. Pure.

use std::collections::BTreeSet;

use super::look_alikes::LookAlikes;
use super::roster::Roster;
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::text;

/// Characters of an id that must be given at least.
const ID_CHARACTERS: usize = 4;

/// Characters of an id that are shown, at least.
const ID_SHOWN: usize = 8;

/// Names that a failure names at most, of those who are here and of those who are away.
const NAMED: usize = 10;

impl Roster {
    /// The peer that a user means by an id, by the beginning of one, or by a name: one that is here, or one
    /// that is away while others keep its files.
    ///
    /// # Errors
    /// [`Code::NotFound`] with what there is, [`Code::Ambiguous`] with the choices.
    pub(super) fn find(&self, word: &str) -> Result<PeerId, Failure> {
        let meant = meant(self, word);
        let mut all = meant.iter();
        match (all.next(), all.next()) {
            (None, _) => Err(nobody(self, word)),
            (Some(one), None) => Ok(*one),
            _ => Err(ambiguous(word, meant.iter().map(|id| self.name_with_id(*id)))),
        }
    }

    /// The name of a peer, and in brackets the beginning of its id.
    pub(super) fn name_with_id(&self, id: PeerId) -> String {
        format!("{} ({})", self.name(id), self.shown_id(id))
    }

    /// So much of a peer's id that no other one begins so.
    pub(super) fn shown_id(&self, id: PeerId) -> String {
        let full = id.full();
        let others = self.iter().map(|(id, _)| *id).chain(self.away.names(|_| false).map(|(id, _)| id));
        let alike = others.filter(|other| *other != id).map(|other| alike(&full, &other.full()));
        let shown = alike.max().map_or(ID_SHOWN, |n| ID_SHOWN.max(n + 1));
        id.prefix(shown)
    }
}

/// Those whom a word can mean. Anyone can take any name, so no name stands in the way of an id: a whole
/// id is that alone, and what begins one means that peer as well as whoever is called so.
fn meant(roster: &Roster, word: &str) -> BTreeSet<PeerId> {
    let here: Vec<_> = roster.iter().map(|(id, m)| (*id, m.info.name.as_str())).collect();
    let away: Vec<_> = roster.away.names(|id| roster.contact(id).is_some()).collect();
    let mut meant = with_id(&here, word);
    meant.extend(with_id(&away, word));
    if PeerId::is_whole(word) || word.is_empty() {
        return meant;
    }
    let those_here = called(&here, word);
    meant.extend(if those_here.is_empty() { called(&away, word) } else { those_here });
    if meant.is_empty() {
        meant = called_like(&here, word);
    }
    if meant.is_empty() {
        meant = called_like(&away, word);
    }
    meant
}

/// Nobody is meant: who there is.
fn nobody(roster: &Roster, word: &str) -> Failure {
    let look_alikes = LookAlikes::of(roster);
    let here = roster.iter().map(|(id, _)| look_alikes.shown(*id, roster));
    let here: Vec<_> = here.take(NAMED).collect();
    let mut there = match here.as_slice() {
        [] => "nobody is here".to_owned(),
        names => format!("here: {}", names.join(", ")),
    };
    let away = roster.away.names(|id| roster.contact(id).is_some()).filter(|(_, name)| !name.is_empty());
    let away: Vec<_> = away.map(|(id, _)| look_alikes.shown(id, roster)).take(NAMED).collect();
    if !away.is_empty() {
        there += &format!("; away: {}", away.join(", "));
    }
    Failure::new(Code::NotFound, format!("no peer `{}`; {there}", text::shown(word)))
}

/// The one of these peers that a user means by a word; `None`: none of them.
///
/// # Errors
/// [`Code::Ambiguous`] with the choices.
pub(super) fn named_among<'a>(
    peers: impl IntoIterator<Item = (PeerId, &'a str)>,
    word: &str,
) -> Option<Result<PeerId, Failure>> {
    let peers: Vec<_> = peers.into_iter().collect();
    let mut meant = with_id(&peers, word);
    if !PeerId::is_whole(word) && !word.is_empty() {
        meant.extend(called(&peers, word));
        if meant.is_empty() {
            meant = called_like(&peers, word);
        }
    }
    let first = *meant.first()?;
    if meant.len() == 1 {
        return Some(Ok(first));
    }
    let among = peers.iter().filter(|(id, _)| meant.contains(id));
    Some(Err(ambiguous(word, among.map(|(id, name)| format!("{name} ({id})")))))
}

/// Several are meant.
fn ambiguous(word: &str, names: impl Iterator<Item = String>) -> Failure {
    let names: Vec<_> = names.collect();
    let message = format!("`{}` can be {}; say its id", text::shown(word), names.join(" or "));
    Failure::new(Code::Ambiguous, message)
}

/// How many characters of two ids are the same, from the first one on.
fn alike(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

/// Those whose id begins with this.
fn with_id(peers: &[(PeerId, &str)], word: &str) -> BTreeSet<PeerId> {
    let low = word.to_ascii_lowercase();
    let is_meant = |id: &PeerId| low.len() >= ID_CHARACTERS && id.full().starts_with(&low);
    peers.iter().map(|(id, _)| *id).filter(is_meant).collect()
}

/// Those who are called so, else those who are in another case.
fn called(peers: &[(PeerId, &str)], word: &str) -> BTreeSet<PeerId> {
    let low = word.to_lowercase();
    let found = named(peers, |name| name == word);
    if found.is_empty() { named(peers, |name| name.to_lowercase() == low) } else { found }
}

/// Those whose name begins so, in whatever case.
fn called_like(peers: &[(PeerId, &str)], word: &str) -> BTreeSet<PeerId> {
    let low = word.to_lowercase();
    named(peers, |name| name.to_lowercase().starts_with(&low))
}

fn named(peers: &[(PeerId, &str)], is_meant: impl Fn(&str) -> bool) -> BTreeSet<PeerId> {
    peers.iter().filter(|(_, name)| is_meant(name)).map(|(id, _)| *id).collect()
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{key, roster};
    use super::*;
    use crate::content::{FileId, Span};
    use crate::peer::away::KeptPart;

    #[test]
    fn a_peer_is_found_by_name_or_id() {
        let r = roster(&[("Anna", &[]), ("bert", &[]), ("berta", &[])]);
        let id = |n| key(n).peer_id();
        assert_eq!(r.find("Anna"), Ok(id(1)));
        assert_eq!(r.find("anna"), Ok(id(1)));
        assert_eq!(r.find("an"), Ok(id(1)));
        assert_eq!(r.find("bert"), Ok(id(2)));
        assert_eq!(r.find(&id(3).prefix(8)), Ok(id(3)));
        let several = [2, 3].map(|n| r.name_with_id(id(n)));
        let either = r.find("ber").unwrap_err();
        assert_eq!(either.code, Code::Ambiguous);
        let said = [several.join(" or "), [several[1].clone(), several[0].clone()].join(" or ")]
            .map(|names| format!("`ber` can be {names}; say its id"));
        assert!(said.contains(&either.message), "{either}");
        let missing = r.find("carl\u{1b}").unwrap_err();
        assert_eq!(missing.code, Code::NotFound);
        assert!(missing.message.contains("Anna, bert") && !missing.message.contains('\u{1b}'));
        assert_eq!(r.find("").unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn no_name_stands_in_the_way_of_an_id() {
        let id = |n| key(n).peer_id();
        let (whole, short) = (id(1).full(), id(1).prefix(8));
        // `PeerName` takes no such name; what finds a peer does not rely on that.
        let peers = [(id(1), "anna"), (id(2), whole.as_str()), (id(3), short.as_str())];
        assert_eq!(with_id(&peers, &whole), BTreeSet::from([id(1)]));
        let r = roster(&[("anna", &[]), ("bert", &[]), (&short, &[]), (&id(1).full()[..51], &[])]);
        for word in [&whole, &whole.to_uppercase()] {
            assert_eq!(r.find(word), Ok(id(1)), "{word}");
        }
        assert_eq!(r.find(&id(9).full()).unwrap_err().code, Code::NotFound);
        let both = r.find(&short).unwrap_err();
        assert_eq!(both.code, Code::Ambiguous);
        let [mine, other] = [id(1), id(3)].map(|id| format!("({})", id.prefix(8)));
        assert!(both.message.contains(&format!("anna {mine}")) && both.message.contains(&other), "{both}");
        assert_eq!(r.find(&short.to_uppercase()).unwrap_err().code, Code::Ambiguous);
        // Longer or shorter, it begins the id and is nobody's name.
        assert_eq!((r.find(&id(1).prefix(9)), r.find(&id(1).prefix(7))), (Ok(id(1)), Ok(id(1))));
        assert_eq!(r.find(&id(1).prefix(51)).unwrap_err().code, Code::Ambiguous);
        // Who is away has an id, too.
        let mut r = roster(&[(&id(5).prefix(8), &[])]);
        let part = KeptPart { file: FileId([5; 32]), size: 1, span: Span { from: 0, to: 1 } };
        r.away.kept(id(1), [(id(5), None, vec![part])]);
        assert_eq!(r.find(&id(5).full()), Ok(id(5)));
        assert_eq!(r.find(&id(5).prefix(8)).unwrap_err().code, Code::Ambiguous);
    }

    #[test]
    fn so_much_of_an_id_is_shown_that_it_is_no_other_peers() {
        let r = roster(&[("anna", &[]), ("bert", &[])]);
        assert_eq!(r.name_with_id(key(1).peer_id()), format!("anna ({})", key(1).peer_id().prefix(8)));
        assert_eq!((alike("abcd", "abxd"), alike("abcd", "abcd"), alike("abcd", "x")), (2, 4, 0));
        let mut near = key(1).peer_id();
        near.0[31] ^= 1;
        let mut r = r;
        let mut twin = crate::peer::roster::tests::info(3, "anna", 1);
        twin.contact.id = near;
        r.here(crate::time::Time::ZERO, twin);
        assert_eq!(r.name_with_id(near), format!("anna ({})", near.prefix(52)));
        let message = r.find("anna").unwrap_err().message;
        assert!(message.contains(&key(1).peer_id().full()) && message.contains(&near.full()), "{message}");
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
        let part = |n| KeptPart { file: FileId([n; 32]), size: 1, span: Span { from: 0, to: 1 } };
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
}
