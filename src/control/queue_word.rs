//! The words by which users name downloads of the queue. Pure.

use core::convert::Infallible;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands for all of them.
const ALL: &str = "all";

/// Which downloads a user means: a number, a name, or `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueWord(String);

impl QueueWord {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Self(ALL.to_owned())
    }

    /// The one of this number.
    #[must_use]
    pub fn number(number: u64) -> Self {
        Self(number.to_string())
    }

    /// True if all of them are meant.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0 == ALL
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<u64> {
        self.0.strip_prefix('#').unwrap_or(&self.0).parse().ok()
    }

    /// The word itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for QueueWord {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Self(word.to_owned()))
    }
}

/// In JSON a number is one.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum NumberOrWord {
    Number(u64),
    Word(String),
}

impl Serialize for QueueWord {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let word = || NumberOrWord::Word(self.0.clone());
        self.0.parse().map_or_else(|_| word(), NumberOrWord::Number).serialize(to)
    }
}

impl<'de> Deserialize<'de> for QueueWord {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match NumberOrWord::deserialize(from)? {
            NumberOrWord::Number(number) => number.to_string(),
            NumberOrWord::Word(word) => word,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_in_json_too() {
        for (word, json, number) in [
            ("3", "3", Some(3)),
            ("all", r#""all""#, None),
            ("#3", r##""#3""##, Some(3)),
            ("x", r#""x""#, None),
        ] {
            let which: QueueWord = word.parse().unwrap();
            assert_eq!(serde_json::to_string(&which).unwrap(), json);
            assert_eq!(serde_json::from_str::<QueueWord>(json).unwrap(), which);
            assert_eq!((which.as_number(), which.is_all()), (number, word == "all"));
        }
    }
}
