//! What clap says of wrong usage, as one line that helps.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::manual;
use crate::text;

/// One line that tells what is wrong.
pub(super) fn wrong(error: &clap::Error, help: &str) -> String {
    let context = |kind| error.get(kind).map(shown).unwrap_or_default();
    let line = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            return unknown(&context(ContextKind::InvalidSubcommand), help);
        }
        ErrorKind::MissingRequiredArgument => {
            format!("{} is missing", context(ContextKind::InvalidArg).replace(">...", ">"))
        }
        ErrorKind::UnknownArgument => match context(ContextKind::SuggestedArg) {
            near if near.is_empty() => format!("`{}` is not understood", context(ContextKind::InvalidArg)),
            near => return format!("no `{}`; did you mean `{near}`?", context(ContextKind::InvalidArg)),
        },
        ErrorKind::InvalidValue if error.get(ContextKind::ValidValue).is_some() => {
            let (typed, of) = (context(ContextKind::InvalidValue), context(ContextKind::InvalidArg));
            let valid = context(ContextKind::ValidValue);
            return format!("`{typed}` does not fit {of}: it is one of {valid}");
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "a command is missing".to_owned()
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    };
    format!("{}: see `{help}`", text::shown(&line))
}

/// What is done otherwise here than where people know these words from.
const ELSEWHERE: [(&[&str], &str); 9] = [
    (
        &["less", "more", "head", "tail"],
        "`cat FILE` writes a file to standard output, for any program to read",
    ),
    (&["open", "xdg-open", "start"], "`download FILE` fetches a file; then any program can open it"),
    (
        &["push"],
        "`send FILE PEER` sends it to one peer; put the file into shared/, and all others can download it",
    ),
    (
        &["put", "add", "upload", "cp", "mv"],
        "what lies in shared/ is shared: put files there with any program; `share DIR` shares a folder where it lies",
    ),
    (
        &["rm", "del", "delete", "remove"],
        "what lies in shared/ is shared: remove files there with any program; `unshare NAME` ends what `share` began",
    ),
    (
        &["cd", "pwd"],
        "there is no current folder; `list FOLDER/` shows what lies in one, `status` where this peer lies",
    ),
    (&["w", "whoami"], "`peers` lists who is here, `who FILE` who has a file, `status` who you are"),
    (&["stop", "kill", "abort"], "`cancel NUMBER` stops a download, `exit` the peer"),
    (&["say", "msg", "talk"], "`chat TEXT` says something to everyone, `chat @PEER TEXT` to one peer"),
];

/// What is said to a command that there is not.
pub(super) fn unknown(typed: &str, help: &str) -> String {
    let word = typed.to_lowercase();
    if let Some((_, how)) = ELSEWHERE.iter().find(|(words, _)| words.contains(&word.as_str())) {
        return format!("no command `{typed}`: {how}");
    }
    match text::nearest(&word, manual::names().iter().map(String::as_str)) {
        Some(near) => format!("unknown command `{typed}`; did you mean `{near}`?"),
        None => format!("unknown command `{typed}`; `{help}` lists the commands"),
    }
}

/// A value of clap's, in one line.
fn shown(value: &ContextValue) -> String {
    let text = match value {
        ContextValue::String(one) => one.clone(),
        ContextValue::Strings(many) => many.join(", "),
        other => other.to_string(),
    };
    text::shown(&text).into_owned()
}
