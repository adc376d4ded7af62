//! The command `search`: what is shared, by words that occur in paths, and by facts about the files.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};
use super::{CompletionNames, newer};
use crate::settings::units;

/// Find files by words, here (mine) and at the others
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "f", alias = "find")]
pub struct SearchRequest {
    /// All of them occur in the path, in any order; letter case and accents do not matter
    #[arg(value_name = "WORD", required_unless_present_any = ["types", "min", "max", "newer", "from"])]
    #[serde(default)]
    pub words: Vec<String>,
    /// Only files of this type, by the ending of the name; several: again, or with commas
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<FileType>,
    /// Only files of at least so many bytes: 500K, 10M, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// Only files of at most so many bytes
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// Only files that were modified since then: a day such as 2026-11-01, or an age such as 7d or 12h
    // Once it is asked, seconds since 1970.
    #[arg(long, value_name = "WHEN", value_parser = newer::parse, allow_hyphen_values = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer: Option<i64>,
    /// Only what this peer shares: its name, or the beginning of its id; several: again
    #[arg(long, value_name = "PEER")]
    #[serde(default, with = "super::one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
}

impl SearchRequest {
    /// True if it says nothing of what is looked for.
    pub(crate) const fn is_empty(&self) -> bool {
        let Self { words, types, min, max, newer, from } = self;
        words.is_empty()
            && types.is_empty()
            && min.is_none()
            && max.is_none()
            && newer.is_none()
            && from.is_empty()
    }
}

impl TypedRequest for SearchRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "from" => Proposals::Names(CompletionNames::Peers),
            "min" | "max" => Proposals::Words(&["1M", "100M", "1G"]),
            "newer" => Proposals::Words(&["1d", "7d", "30d"]),
            _ => Proposals::None,
        }
    }
}

/// What kind of file something is, by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum FileType {
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Pictures that stand still.
    Picture,
    /// Texts, tables and slides.
    Document,
    /// Files that hold others.
    Archive,
    /// What can be run or installed.
    Program,
}

/// How far a search is whose first answers are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchProgress {
    /// Files found so far, those not told included.
    pub found: u64,
    /// Peers whose files are still to be searched.
    pub awaited: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_json_says_only_what_is_wanted() {
        let all = SearchRequest {
            words: vec!["a".to_owned()],
            types: vec![FileType::Audio],
            min: Some(0),
            max: Some(5),
            newer: Some(-1),
            from: vec!["anna".to_owned()],
        };
        for (request, json) in [
            (SearchRequest::default(), r#"{"words":[]}"#),
            (all, r#"{"words":["a"],"types":["audio"],"min":0,"max":5,"newer":-1,"from":"anna"}"#),
        ] {
            assert_eq!(serde_json::to_string(&request).unwrap(), json);
            assert_eq!(serde_json::from_str::<SearchRequest>(json).unwrap(), request);
        }
        let short: SearchRequest = serde_json::from_str("{}").unwrap();
        assert!(short.is_empty() && serde_json::from_str::<SearchRequest>(r#"{"types":["film"]}"#).is_err());
    }
}
