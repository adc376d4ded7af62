//! The command `queue`: the downloads that are not done, in their order; and the words by which users name them. Pure.

use core::convert::Infallible;
use core::str::FromStr;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::typed::{Proposals, TypedRequest};

/// What stands for all of them.
const ALL: &str = "all";

/// List downloads that are not done, in their order
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct QueueRequest {}

impl TypedRequest for QueueRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}

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

/// How a download of the queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueState {
    /// It is being fetched.
    Downloading,
    /// It waits for others before it to be done.
    Queued,
    /// It waits for somebody who has the rest of it.
    Waiting,
    /// The user paused it.
    Paused,
    /// It does not go on by itself; `resume` tries it again.
    Failed,
    /// It was removed while it was being fetched, and is being stopped.
    Stopping,
    /// It was removed.
    Removed,
}

/// One download of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Its number; it keeps it when the peer is started again.
    pub job: u64,
    /// What was asked for, in short.
    pub what: String,
    /// How it stands.
    pub state: QueueState,
    /// Bytes verified; of one that was not begun since the start of the peer those of whole files.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
    /// Files published.
    pub files_done: u64,
    /// Files in all.
    pub files: u64,
    /// Bytes a second, over the last seconds.
    pub speed: u64,
    /// Seconds left at that speed.
    pub left: Option<u64>,
    /// Names of the peers it comes from, or waits for.
    pub from: Vec<String>,
    /// Why it does not move, if so.
    pub why: Option<String>,
    /// True if it comes before all others, as `first` wants it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub is_first: bool,
    /// The folder that everything goes into; a list of bytes if that is not UTF-8.
    #[serde(with = "super::local_path")]
    pub to: PathBuf,
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
