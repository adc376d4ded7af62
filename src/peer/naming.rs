//! Whom a user means by a word: a peer by its name, or by the beginning of its id. Pure.

use super::roster::Roster;
use crate::error::{Code, Failure};
use crate::identity::PeerId;
use crate::text;

impl Roster {
    /// The peer that a user means by a name or by the beginning (4 characters or more) of an id: one that is
    /// here, else one that is away while others keep its files.
    ///
    /// # Errors
    /// [`Code::NotFound`] with what there is, [`Code::Ambiguous`] with the choices.
    pub(super) fn find(&self, word: &str) -> Result<PeerId, Failure> {
        let here: Vec<_> = self.iter().map(|(id, m)| (*id, m.info.name.as_str())).collect();
        let away: Vec<_> = self.away.names(|id| self.contact(id).is_some()).collect();
        let mut found = named(&here, word);
        if found.is_empty() {
            found = named(&away, word);
        }
        match found.as_slice() {
            [one] => Ok(*one),
            [] => {
                let names: Vec<_> = self.iter().map(|(_, m)| m.info.name.as_str()).take(10).collect();
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
