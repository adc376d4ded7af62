//! What the definitions of flags and commands say to people: help, at the prompt and elsewhere. pages.rs makes the
//! manual pages of them.

use clap::{Command, CommandFactory};

use super::wrong::unknown;
use super::{CommandLine, Typed};
use crate::error::{Code, Failure};
use crate::text;

/// The commands in the order in which they are named. What is written once, when potluck is installed, is in
/// `help` but in nobody's way.
pub(super) fn ordered(command: &Command) -> impl Iterator<Item = &Command> {
    with_rest(command).filter(|c| !matches!(c.get_name(), "completions" | "man"))
}

/// The commands in that order, with these.
pub(super) fn with_rest(command: &Command) -> impl Iterator<Item = &Command> {
    let mut all: Vec<&Command> = command.get_subcommands().filter(|c| !c.is_hide_set()).collect();
    all.sort_by_key(|c| c.get_display_order());
    all.into_iter()
}

/// The commands by their names.
pub(crate) fn names() -> Vec<String> {
    ordered(&Typed::command()).map(|c| c.get_name().to_owned()).collect()
}

/// All commands by their names.
#[cfg(test)]
pub(super) fn all_names() -> Vec<String> {
    with_rest(&Typed::command()).map(|c| c.get_name().to_owned()).collect()
}

/// What `help` says on the command line, of one command or of all.
pub(crate) fn help(about: Option<&str>) -> Result<String, Failure> {
    let mut command = CommandLine::command();
    command.build();
    let Some(name) = about else { return Ok(command.render_help().to_string()) };
    match command.find_subcommand_mut(name) {
        Some(found) => Ok(found.render_help().to_string()),
        None => Err(Failure::new(Code::Usage, unknown(&text::shown(name), "help"))),
    }
}

/// What `help` says at the prompt.
pub(crate) fn overview() -> String {
    let typed = Typed::command();
    let mut lines = String::new();
    for command in ordered(&typed) {
        let short = command.get_visible_aliases().next().unwrap_or("");
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        lines.push_str(&format!("  {:<10} {short:<2} {about}\n", command.get_name()));
    }
    lines
        + "\n`help COMMAND` shows more about one. Tab completes.\n\
           Ctrl-C clears the line; on an empty line, Ctrl-C and Ctrl-D leave at once.\n\
           `exit` leaves after handing files over.\n"
}
