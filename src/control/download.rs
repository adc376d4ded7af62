//! The command `download`: files and folders are fetched. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::holders::HolderRow;
use super::typed::{CommandOrigin, Proposals, TypedFrom, TypedRequest};
use crate::error::Failure;

/// Fetch files and folders
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "d", alias = "get")]
pub struct DownloadRequest {
    /// Paths as `list` shows them, folders, or `b3:` and the first digits of an id; `*`, `?`, `[a-z]` and `**` are
    /// wildcards
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// Only from this peer: its name, or the beginning of its id; several: again; `all`: from everyone, and
    /// folders that differ are put together
    #[arg(long, value_name = "PEER")]
    #[serde(default, with = "super::one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Into this folder [default: downloads/]
    // Absolute once it is asked.
    #[arg(long, value_name = "DIR")]
    #[serde(default, with = "super::local_path::optional")]
    pub to: Option<PathBuf>,
    /// Save it under this name: one file, or one folder
    #[arg(short, long, value_name = "NAME")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Leave out files and folders of this name, which may have wildcards; several: again
    #[arg(long, value_name = "PATTERN")]
    #[serde(default, with = "super::one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Fetch nothing: show what would come, how much that is, and how much space is free
    #[arg(short = 'n', long, conflicts_with_all = ["wait", "no_wait"])]
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub dry_run: bool,
    /// Answer when it is finished (the default but at the prompt)
    // With `Reply::Progress` meanwhile.
    #[arg(long, conflicts_with = "no_wait")]
    #[serde(default)]
    pub wait: bool,
    /// Answer once it is begun (the default at the prompt)
    // Only typed: what is asked says `wait` or not.
    #[arg(long)]
    #[serde(skip)]
    pub no_wait: bool,
}

impl TypedRequest for DownloadRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "files" => Proposals::Names(CompletionNames::Offered),
            "from" => Proposals::Names(CompletionNames::Peers),
            "to" => Proposals::Folders,
            _ => Proposals::None,
        }
    }

    fn anchor(&mut self, from: &TypedFrom<'_>) -> Result<(), Failure> {
        self.to = self.to.take().map(|to| from.absolute(to)).transpose()?;
        self.wait |= from.origin != CommandOrigin::Prompt && !self.no_wait;
        self.no_wait = false;
        Ok(())
    }
}

/// A file that a download would bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// File id.
    pub id: String,
    /// Where it would go, below the destination.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Bytes of it that are there already.
    pub have: u64,
}

/// What a download would be, all in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSum {
    /// Files that it would bring.
    pub files: u64,
    /// Empty folders that it would make.
    pub folders: u64,
    /// Bytes of the files.
    pub size: u64,
    /// Bytes of them that are there already.
    pub have: u64,
    /// Bytes that are free where it would go, if that is known.
    pub free: Option<u64>,
    /// The folder that everything would go into; a list of bytes if that is not UTF-8.
    #[serde(with = "super::local_path")]
    pub to: PathBuf,
}

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadRow {
    /// Its number.
    pub job: u64,
    /// What was asked for, in short.
    pub what: String,
    /// Bytes verified.
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
    /// Bytes that came over the network since this peer started.
    pub fetched: u64,
    /// Names of the peers it comes from, with the id of each that can be taken for another one.
    pub from: Vec<String>,
    /// Why nothing moves, if so.
    #[serde(rename = "why")]
    pub waiting: Option<String>,
    /// Of one file that several peers have, once it is begun: the first 8 of those peers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<HolderRow>,
}

/// One file that a download brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Its number.
    pub job: u64,
    /// File id.
    pub id: String,
    /// Where it lies; a list of bytes if that is not UTF-8.
    #[serde(with = "super::local_path")]
    pub path: PathBuf,
    /// `saved`, `saved_as` (its own name was taken), `renamed` (the file system cannot hold its own name) or
    /// `already_there`.
    pub how: String,
    /// Where it was to go, below the destination, if it was `renamed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "wanted_path")]
    pub wanted: Option<String>,
    /// Who shares it, and who fetched it for this peer, which cannot reach the former: `anna through bert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// Files that its download is to bring in all.
    #[serde(default)]
    pub files: u64,
}

/// How a download ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownloadOutcome {
    /// All of it is here.
    Done,
    /// Some of it is not here; why is in `failures`.
    Incomplete,
    /// The user stopped it. What arrived is kept, and the same command resumes it.
    Stopped,
    /// It was stopped, and nothing resumes it: what somebody offered is to be sent again.
    Dropped,
    /// The peer left before it was over. What arrived is kept, and the same command resumes it.
    Left,
    /// The peer left before it was over, and resumes it when it is started again.
    Continues,
    /// Nobody is here who has the rest of it. It waits in the queue.
    Waiting,
}

/// What a download was, all in all. With `--json` it is the last line of `download`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadSum {
    /// Its number.
    pub job: u64,
    /// What was asked for, in short; `restore` for own files that came back.
    pub what: String,
    /// How it ended.
    pub outcome: DownloadOutcome,
    /// Files that it was to bring.
    pub files: u64,
    /// Empty folders that it was to make.
    pub folders: u64,
    /// Files that arrived.
    pub saved: u64,
    /// Bytes of the files that arrived.
    pub saved_bytes: u64,
    /// Files whose content was there already, under the name that they were to get.
    pub already_there: u64,
    /// Files and empty folders that could not be fetched or written.
    pub failed: u64,
    /// Bytes that were to come, those of files that were there already included.
    pub size: u64,
    /// Bytes of these that are here, those of unfinished files included.
    pub done: u64,
    /// Bytes that came over the network.
    pub fetched: u64,
    /// Bytes that were here from an earlier download, which this one resumed.
    pub resumed: u64,
    /// Milliseconds from its beginning to its end.
    pub millis: u64,
    /// Bytes a second that came over the network, a mean over that time.
    pub speed: u64,
    /// Names of the first 16 peers that it came from, who gave most first, as in `begun`.
    pub from: Vec<String>,
    /// How many peers it came from.
    pub from_count: u64,
    /// The folder that everything went into; a list of bytes if that is not UTF-8.
    #[serde(with = "super::local_path")]
    pub to: PathBuf,
    /// What failed and why, one for each reason; what begins with the ninth is counted with one of these.
    pub failures: Vec<DownloadFailures>,
    /// Names of those for whom it waits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
}

/// Files of a download that failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadFailures {
    /// Why.
    pub failure: Failure,
    /// How many.
    pub count: u64,
    /// The path of the first one.
    #[serde(rename = "path")]
    pub first: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_or_several_can_be_named() {
        let from = |json: &str| {
            let request: DownloadRequest = serde_json::from_str(json).unwrap();
            let again = serde_json::to_string(&request).unwrap();
            (request.from, again)
        };
        let rest = r#""to":null,"wait":false}"#;
        for (json, words, again) in [
            (r#"{"files":["x"]}"#, &[][..], ""),
            (r#"{"files":["x"],"from":null}"#, &[], ""),
            (r#"{"files":["x"],"from":"a"}"#, &["a"], r#""from":"a","#),
            (r#"{"files":["x"],"from":["a"]}"#, &["a"], r#""from":"a","#),
            (r#"{"files":["x"],"from":["a","b"]}"#, &["a", "b"], r#""from":["a","b"],"#),
        ] {
            let words = words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
            assert_eq!(from(json), (words, format!(r#"{{"files":["x"],{again}{rest}"#)));
        }
        assert!(serde_json::from_str::<DownloadRequest>(r#"{"files":["x"],"from":1}"#).is_err());
    }
}
