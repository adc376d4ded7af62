//! How it is told that a command failed: to people on standard error, to programs on standard output as well.

use core::ops::ControlFlow;
use std::ffi::OsString;

use serde::Serialize;

use super::output::{self, Style};
use crate::control::Reply;
use crate::control::typed::CommandOrigin;
use crate::error::Failure;

/// The flag that asks for JSON.
const JSON: &str = "--json";

/// The last object of an answer, with what failed beside why.
#[derive(Debug, Serialize)]
struct FailedCommand<'a> {
    #[serde(flatten)]
    reply: Reply,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
}

/// A failure, and whether it was told as JSON.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) is_in_json: bool,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { failure, is_in_json: false }
    }
}

/// Tells what failed, on standard error.
pub(super) fn tell(failure: &Failure, origin: CommandOrigin) {
    let style = Style::of_stderr();
    let message = crate::text::shown(&failure.message);
    match origin {
        CommandOrigin::Prompt => output::err(&format!("{}\n", style.red(&message))),
        CommandOrigin::Pipe | CommandOrigin::OneShot => {
            output::err(&format!("{} {message}\n", style.red("potluck:")))
        }
    }
}

/// Tells programs what failed; `command`: which one, if that is known.
pub(super) fn tell_json(failure: &Failure, command: Option<&str>) {
    let reply = Reply::Failed(failure.clone());
    let _reader_gone: ControlFlow<()> = output::out(&output::json_line(&FailedCommand { reply, command }));
}

/// True if words that could not be understood ask for JSON all the same.
pub(super) fn asks_for_json<'a>(words: impl IntoIterator<Item = &'a OsString>) -> bool {
    words.into_iter().take_while(|word| *word != "--").any(|word| word == JSON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_failure_names_its_command_and_has_a_stable_word() {
        let reply = Reply::Failed(Failure::new(Code::NotFound, "no file `x`"));
        let line = output::json_line(&FailedCommand { reply: reply.clone(), command: Some("download") });
        let json = r#"{"version":1,"reply":"failed","kind":"not_found","code":4,"message":"no file `x`","command":"download"}"#;
        assert_eq!(line.trim_end(), json);
        assert_eq!(serde_json::from_str::<Reply>(&line).unwrap(), reply);
        assert!(!output::json_line(&FailedCommand { reply, command: None }).contains("command"));
    }

    #[test]
    fn words_ask_for_json_also_where_they_are_wrong() {
        let asks = |line: &str| asks_for_json(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(asks("potluck --json lst") && asks("list --mien --json"));
        assert!(!asks("list") && !asks("chat -- --json"));
    }
}
