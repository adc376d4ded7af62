//! The command `send`: files and folders, or a line of text, for one peer. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{CommandOrigin, Proposals, TypedFrom, TypedRequest};
use crate::error::{Code, Failure};
use crate::settings::units;

/// Below what `help send` says.
const EXAMPLES: &str = "\
Examples:
  send report.pdf anna           one file
  send Photos/ notes.txt anna    a folder and a file
  send --text \"at 5?\" anna       a line of text
The files stay where they are and need not be shared; only this peer can fetch them. It is asked whether it wants them \
(`accept`), and has a day to decide.";

/// Send files, folders or a line of text to one peer
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(after_help = EXAMPLES)]
pub struct SendRequest {
    // Only typed: what is asked names paths and peer apart.
    /// Files and folders of this machine, and then the peer: its name, or the beginning of its id
    #[arg(value_name = "PATH... PEER", required = true)]
    #[serde(skip)]
    pub words: Vec<PathBuf>,
    /// Files and folders, absolute.
    #[arg(skip)]
    #[serde(default)]
    pub paths: Vec<SendPath>,
    /// Whom it is for.
    #[arg(skip)]
    pub to: String,
    /// Send this text in place of files, as `chat @PEER` does; `-`: what standard input says
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Give up if it is not accepted within this time: hours, or 90s, 5m, 2h [default: 24]
    #[arg(long = "timeout", value_name = "HOURS", value_parser = seconds)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Answer when the other peer has everything (the default but at the prompt)
    // With `Reply::OfferProgress` meanwhile.
    #[arg(long, conflicts_with = "no_wait")]
    #[serde(default)]
    pub wait: bool,
    /// Answer once it is noted (the default at the prompt)
    #[arg(long)]
    #[serde(skip)]
    pub no_wait: bool,
}

/// A path of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendPath(#[serde(with = "super::local_path")] pub PathBuf);

impl TypedRequest for SendRequest {
    fn proposals(argument: &str) -> Proposals {
        if argument == "words" { Proposals::Names(CompletionNames::Peers) } else { Proposals::None }
    }

    fn anchor(&mut self, from: &TypedFrom<'_>) -> Result<(), Failure> {
        let mut words = std::mem::take(&mut self.words);
        let Some(to) = words.pop() else { return Ok(()) };
        if self.text.is_some() && !words.is_empty() {
            let message =
                "`send --text` takes a peer and no files; put quotes around a text of several words";
            return Err(Failure::new(Code::Usage, message));
        }
        if self.text.is_none() && words.is_empty() {
            return Err(Failure::new(Code::Usage, "send needs a file or folder, and then a peer"));
        }
        self.to = to.to_string_lossy().into_owned();
        let paths = words.into_iter().map(|path| from.absolute(path).map(SendPath));
        self.paths = paths.collect::<Result<_, _>>()?;
        self.wait |= from.origin != CommandOrigin::Prompt && !self.no_wait;
        self.no_wait = false;
        Ok(())
    }
}

/// A time in seconds.
fn seconds(word: &str) -> Result<u64, String> {
    units::hours(word).map(|time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn typed(words: &[&str], text: Option<&str>, origin: CommandOrigin) -> Result<SendRequest, Failure> {
        let words = words.iter().map(PathBuf::from).collect();
        let mut request = SendRequest { words, text: text.map(str::to_owned), ..SendRequest::default() };
        request.anchor(&TypedFrom { origin, folder: Some(Path::new("/here")) })?;
        Ok(request)
    }

    #[test]
    fn the_last_word_is_the_peer() {
        let request = typed(&["a", "/b", "anna"], None, CommandOrigin::OneShot).unwrap();
        let paths: Vec<_> = request.paths.iter().map(|path| path.0.clone()).collect();
        assert_eq!(
            (paths, &request.to[..], request.wait),
            (vec!["/here/a".into(), "/b".into()], "anna", true)
        );
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(json, r#"{"paths":["/here/a","/b"],"to":"anna","wait":true}"#);
        assert_eq!(serde_json::from_str::<SendRequest>(&json).unwrap(), request);
        assert!(!typed(&["a", "anna"], None, CommandOrigin::Prompt).unwrap().wait);
    }

    #[test]
    fn files_or_a_text_are_sent() {
        let failed = |words: &[&str], text| typed(words, text, CommandOrigin::OneShot).unwrap_err().code;
        assert_eq!(failed(&["anna"], None), Code::Usage);
        assert_eq!(failed(&["a", "anna"], Some("x")), Code::Usage);
        assert_eq!(typed(&["anna"], Some("x"), CommandOrigin::OneShot).unwrap().to, "anna");
    }

    #[test]
    fn the_time_is_in_hours_or_says_its_unit() {
        assert_eq!((seconds("2"), seconds("90s")), (Ok(7_200), Ok(90)));
        assert!(seconds("soon").is_err());
    }
}
