//! What the definitions of flags and commands say to people: help, completion scripts, the manual page.

use clap::{Command, CommandFactory};

use super::wrong::unknown;
use super::{CommandLine, Typed};
use crate::error::{Code, Failure};
use crate::text;

/// The commands in the order in which they are named. What is written once, when potluck is installed, is in
/// `help` but in nobody's way.
fn ordered(command: &Command) -> impl Iterator<Item = &Command> {
    let mut all: Vec<&Command> = command.get_subcommands().collect();
    all.sort_by_key(|c| c.get_display_order());
    all.into_iter().filter(|c| !matches!(c.get_name(), "completions" | "man" | "version"))
}

/// The commands by their names.
pub(crate) fn names() -> Vec<String> {
    ordered(&Typed::command()).map(|c| c.get_name().to_owned()).collect()
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

/// A script that completes the command line in `shell`.
pub(crate) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "potluck", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page, in troff; commands included.
pub(crate) fn man() -> Result<String, Failure> {
    let mut page = Vec::new();
    let failed = |e: std::io::Error| Failure::other(format!("the manual page: {e}"));
    let mut command = CommandLine::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(failed)?;
    for sub in ordered(&command) {
        let man = clap_mangen::Man::new(sub.clone());
        page.extend_from_slice(format!(".SH \"POTLUCK {}\"\n", sub.get_name().to_uppercase()).as_bytes());
        man.render_synopsis_section(&mut page).map_err(failed)?;
        man.render_description_section(&mut page).map_err(failed)?;
        if sub.get_arguments().next().is_some() {
            man.render_options_section(&mut page).map_err(failed)?;
        }
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
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
