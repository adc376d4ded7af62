//! A list in JSON, of which one alone may stand there bare: what could be said once before can be said again
//! now. For serde's `with`. Pure.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What can stand there.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

pub(super) fn serialize<S: Serializer>(words: &[String], to: S) -> Result<S::Ok, S::Error> {
    match words {
        [one] => one.serialize(to),
        more => more.serialize(to),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match Option::deserialize(from)? {
        None => Vec::new(),
        Some(OneOrMore::One(word)) => vec![word],
        Some(OneOrMore::More(words)) => words,
    })
}
