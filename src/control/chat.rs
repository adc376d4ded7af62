//! The command `chat`: what is said to everyone, or to one peer. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::complete::CompletionNames;
use super::one_or_more;
use super::typed::{Proposals, TypedRequest};

/// Below what `help chat` says.
const EXAMPLES: &str = "\
Examples:
  chat                       the last lines
  chat who has the plans?    to everyone
  chat @anna here they are   to anna alone
`ignore PEER` has nothing more shown of what a peer says.";

/// Say something to everyone, or to `@peer`; without text: show what was said
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(visible_alias = "T", alias = "t", after_help = EXAMPLES)]
pub struct ChatRequest {
    /// What is said, 700 bytes at most: at the prompt all that stands behind the command, as it is typed. With
    /// `@` and a name, or the beginning of an id, in front it goes to that peer alone
    #[serde(default, with = "one_or_more")]
    pub text: Vec<String>,
}

impl TypedRequest for ChatRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::Names(CompletionNames::Addressed)
    }
}

/// Who hears a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everyone.
    Everyone,
    /// This peer alone: somebody else said it.
    Us,
    /// That peer alone: this one said it.
    One {
        /// Its name; raw, to be escaped for a terminal.
        name: String,
        /// Its whole id.
        #[serde(rename = "peer")]
        id: String,
    },
}

/// A line that somebody said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatRow {
    /// The name of who said it, as it was then; raw, to be escaped for a terminal.
    pub name: String,
    /// The whole id of who said it.
    #[serde(rename = "peer")]
    pub id: String,
    /// The name alone does not tell who said it: another peer has one that looks the same, or nobody of that id
    /// and name is here.
    #[serde(default)]
    pub look_alike: bool,
    /// True if this peer said it.
    pub mine: bool,
    /// Who hears it.
    #[serde(rename = "audience")]
    pub to: Audience,
    /// When it was said by the clock of who said it, in milliseconds since 1970.
    pub said: u64,
    /// What was said; raw, to be escaped for a terminal.
    pub text: String,
}
