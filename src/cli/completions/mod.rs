//! Completion in shells: the scripts, and what they ask the program, which asks the peer that runs for names.

use core::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Arg, CommandFactory};
use clap_complete::Shell;
use crossbeam_channel::bounded;

use super::flags::{CommandLine, manual};
use super::place;
use super::show::complete;
use super::words::{self, Typing};
use crate::cli::limits;
use crate::control::{CompleteRequest, CompletionNames, Reply, client};
use crate::sys::thread::Thread;
use crate::text;

/// A script that completes the command line in `shell`.
pub(super) fn script(shell: Shell) -> String {
    match shell {
        Shell::Bash => include_str!("potluck.bash").to_owned(),
        Shell::Zsh => include_str!("potluck.zsh").to_owned(),
        Shell::Fish => include_str!("potluck.fish").to_owned(),
        // What can be typed, but no names: these have no way to ask for them that was tried.
        other => {
            let mut script = Vec::new();
            clap_complete::generate(other, &mut CommandLine::command(), "potluck", &mut script);
            String::from_utf8_lossy(&script).into_owned()
        }
    }
}

/// What the word at the end of a line of a shell can become, one a line. Where there is nothing, the shell proposes
/// files.
pub(super) fn proposals(line: &str) -> String {
    let typing = words::typing(line);
    let found = match shell_words(&typing) {
        ShellWords::Flag => flags(),
        ShellWords::Value => Vec::new(),
        ShellWords::First => manual::names(),
        ShellWords::Command(directory, typing) => {
            complete::for_shell(&typing, |prefix, names| ask(directory, prefix, names))
        }
    };
    let fits = |name: &String| name.starts_with(&typing.word) && !name.chars().any(text::is_unprintable);
    found.into_iter().filter(fits).map(|name| name + "\n").collect()
}

/// What is being typed at the end of a line of a shell.
#[derive(Debug, PartialEq, Eq)]
enum ShellWords {
    /// A flag of the program.
    Flag,
    /// The value of one.
    Value,
    /// A command, or a folder to be shared.
    First,
    /// Something of a command, to the peer in a folder if that could be found.
    Command(Option<PathBuf>, Typing),
}

fn shell_words(typing: &Typing) -> ShellWords {
    let program = CommandLine::command();
    let takes_value = |word: &str| {
        let long = |arg: &Arg| arg.get_long().is_some_and(|long| word.strip_prefix("--") == Some(long));
        let short = |arg: &Arg| {
            arg.get_short().is_some_and(|c| word.strip_prefix('-') == Some(c.to_string().as_str()))
        };
        program
            .get_arguments()
            .find(|arg| long(arg) || short(arg))
            .filter(|arg| arg.get_action().takes_values())
    };
    let (mut directory, mut from) = (None, None);
    let mut words = typing.before.iter().enumerate().skip(1);
    while let Some((at, word)) = words.next() {
        let named = takes_value(word).map(Arg::get_id);
        match (named, word.strip_prefix('-')) {
            (Some(id), _) => {
                let Some((_, value)) = words.next() else { return ShellWords::Value };
                match id.as_str() {
                    "directory" => directory = Some(PathBuf::from(value)),
                    "chdir" => from = Some(PathBuf::from(value)),
                    _ => {}
                }
            }
            (None, Some(_)) => {}
            (None, None) => {
                let before = typing.before[at..].to_vec();
                let typing = Typing { before, start: typing.start, word: typing.word.clone() };
                return ShellWords::Command(peer_directory(from.as_deref(), directory.as_deref()), typing);
            }
        }
    }
    if typing.word.starts_with('-') { ShellWords::Flag } else { ShellWords::First }
}

/// Where the peer runs that is meant. What is wrong is said once the line is complete.
fn peer_directory(from: Option<&Path>, named: Option<&Path>) -> Option<PathBuf> {
    from.map_or(Ok(()), place::enter).and_then(|()| place::of(named, true)).ok().map(|place| place.directory)
}

/// The flags of the program.
fn flags() -> Vec<String> {
    let program = CommandLine::command();
    let shown = program.get_arguments().filter(|arg| !arg.is_hide_set());
    shown.filter_map(Arg::get_long).map(|long| format!("--{long}")).collect()
}

/// Names that the peer knows; none where none runs, or it takes too long: a key must not seem dead.
fn ask(directory: Option<PathBuf>, prefix: &str, names: CompletionNames) -> Vec<String> {
    let Some(directory) = directory else { return Vec::new() };
    let request = CompleteRequest { prefix: prefix.to_owned(), names }.into();
    let (found_to, found) = bounded(1);
    let asking = Thread::spawn("completion", move || {
        let mut known = Vec::new();
        let asked = client::ask(&directory, &request, |reply| {
            if let Reply::Names { names } = reply {
                known = names;
            }
            ControlFlow::Continue(())
        });
        // Who waited no longer has ended.
        drop(asked.map(|()| found_to.send(known)));
    });
    match asking {
        Ok(thread) => {
            thread.detach();
            found.recv_timeout(limits::COMPLETION).unwrap_or_default()
        }
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(line: &str) -> Vec<String> {
        proposals(line).lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_shell_is_proposed_what_the_prompt_is_and_flags_of_the_program() {
        assert_eq!(proposed("potluck dow"), ["download"]);
        assert_eq!(proposed("potluck --json -d /nowhere dow"), ["download"]);
        assert_eq!(proposed("/usr/bin/potluck list --m"), ["--mine"]);
        assert_eq!(proposed("potluck --strict"), ["--strict-port"]);
        assert_eq!(proposed("potluck list --sort c"), ["copies"]);
        // Files are the shell's own affair.
        for files in ["potluck -d ", "potluck --chdir x", "potluck --up-limit ", "potluck ~/Vid"] {
            assert_eq!(proposed(files), [""; 0], "{files}");
        }
        // No peer runs there: no names, and no word about it.
        assert_eq!(proposed("potluck -d /nowhere download my"), [""; 0]);
    }

    #[test]
    fn each_shell_has_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            assert!(script(shell).contains("potluck"), "{shell}");
        }
    }
}
