//! Completion at the prompt: commands, flags, files and peers of the network, folders of this machine.

use clap::{Arg, Command, CommandFactory, ValueHint};
use crossbeam_channel::{Sender, unbounded};

use super::{NotesOnly, Show};
use crate::cli::config;
use crate::cli::flags::{Typed, manual};
use crate::cli::limits;
use crate::cli::local::LocalCommand;
use crate::cli::words::{self, Typing};
use crate::control::typed::{CommandOrigin, Proposals, TypedFrom};
use crate::control::{Ask, CompleteRequest, CompletionNames, Reply, Request};
use crate::text;

/// Nothing is shown: names are asked for and taken here.
pub(super) fn show(_: &CompleteRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}

/// What the word being typed can be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Completion {
    /// Words that are known here; none, if nothing is.
    Words(Vec<String>),
    /// Names that the peer knows.
    Names(CompletionNames),
    /// Folders of this machine.
    Folders,
    /// Folders and files of this machine.
    Paths,
}

/// A proposal: what is shown of it, and what takes the place of the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Proposal {
    pub(in crate::cli) display: String,
    pub(in crate::cli) replacement: String,
}

/// Where the word at the end of `line` begins, and what it could become.
pub(in crate::cli) fn complete(line: &str, asks: &Sender<Ask>) -> (usize, Vec<Proposal>) {
    let typing = words::typing(line);
    let what = what(&typing);
    // What `chat` says is taken as it is typed, so that these have their quotes already.
    let is_quoted = what == Completion::Names(CompletionNames::Addressed);
    let names = names(what, &typing.word, CommandOrigin::Prompt, |prefix, names| ask(asks, prefix, names));
    // A name that cannot be typed cannot be proposed; such a file is named by its id.
    let proposals = names.into_iter().filter(|name| !name.chars().any(text::is_unprintable));
    let proposal = |name: String| match is_quoted {
        true => Proposal { replacement: format!("{name} "), display: name },
        false => proposal(name),
    };
    (typing.start, proposals.map(proposal).collect())
}

/// What a word could become that is typed in a shell, behind a command; `ask` asks the peer.
pub(in crate::cli) fn for_shell(
    typing: &Typing,
    ask: impl FnOnce(&str, CompletionNames) -> Vec<String>,
) -> Vec<String> {
    names(what(typing), &typing.word, CommandOrigin::OneShot, ask)
}

fn names(
    what: Completion,
    word: &str,
    origin: CommandOrigin,
    ask: impl FnOnce(&str, CompletionNames) -> Vec<String>,
) -> Vec<String> {
    match what {
        Completion::Words(words) => words.into_iter().filter(|known| known.starts_with(word)).collect(),
        Completion::Folders => local_names(word, true, origin),
        Completion::Paths => local_names(word, false, origin),
        Completion::Names(names) => ask(word, names),
    }
}

fn proposal(name: String) -> Proposal {
    let quoted = words::quote(&name);
    // In a folder, typing goes on: the quote stays open.
    let replacement = match (name.ends_with('/'), quoted.strip_suffix('"')) {
        (true, Some(open)) => open.to_owned(),
        (true, None) => quoted,
        (false, _) => quoted + " ",
    };
    Proposal { display: name, replacement }
}

/// What the word is, by what stands before it and by what clap knows of the command.
fn what(typing: &Typing) -> Completion {
    let Some((first, mut before)) = typing.before.split_first() else {
        return Completion::Words(manual::names());
    };
    let mut typed = Typed::command();
    typed.build();
    let Some(mut command) = typed.find_subcommand(first) else { return Completion::Words(Vec::new()) };
    while let Some((name, behind)) = before.split_first()
        && let Some(below) = command.find_subcommand(name)
    {
        (command, before) = (below, behind);
    }
    if let Some(argument) = before.last().and_then(|word| flag(command, word)) {
        return value(command, argument);
    }
    if typing.word.starts_with('-') {
        let flags = command.get_arguments().filter(|a| !a.is_hide_set()).filter_map(Arg::get_long);
        return Completion::Words(flags.map(|long| format!("--{long}")).collect());
    }
    match positional(command, before) {
        Some(argument) => value(command, argument),
        None if before.is_empty() => {
            let below = command.get_subcommands().map(|c| c.get_name().to_owned());
            Completion::Words(below.filter(|name| name != "help").collect())
        }
        None => Completion::Words(Vec::new()),
    }
}

/// The flag that `word` is, if it takes a value.
fn flag<'c>(command: &'c Command, word: &str) -> Option<&'c Arg> {
    let long = word.strip_prefix("--")?;
    command.get_arguments().find(|a| a.get_long() == Some(long) && a.get_action().takes_values())
}

/// The argument that a word without a flag is, behind those that stand before it.
fn positional<'c>(command: &'c Command, before: &[String]) -> Option<&'c Arg> {
    let (mut place, mut words) = (0, before.iter());
    while let Some(word) = words.next() {
        if flag(command, word).is_some() {
            words.next();
        } else if !word.starts_with('-') {
            place += 1;
        }
    }
    let takes_many = |a: &&Arg| a.get_num_args().is_some_and(|number| number.max_values() > 1);
    let last = command.get_positionals().last().filter(takes_many);
    command.get_positionals().nth(place).or(last)
}

/// What the value of an argument can be.
fn value(command: &Command, argument: &Arg) -> Completion {
    let (name, id) = (command.get_name(), argument.get_id().as_str());
    match Request::proposals(name, id) {
        Proposals::Names(names) => Completion::Names(names),
        Proposals::Words(words) => Completion::Words(words.iter().map(|&word| word.to_owned()).collect()),
        Proposals::Folders => Completion::Folders,
        Proposals::None if LocalCommand::names_a_command(name, id) => Completion::Words(manual::names()),
        Proposals::None if LocalCommand::names_a_setting(name, id) => Completion::Words(config::keys()),
        Proposals::None if argument.get_value_hint() == ValueHint::AnyPath => Completion::Paths,
        Proposals::None => {
            let choices = argument.get_possible_values();
            Completion::Words(choices.iter().map(|choice| choice.get_name().to_owned()).collect())
        }
    }
}

/// Names that the controller knows; none when it takes too long.
fn ask(asks: &Sender<Ask>, prefix: &str, names: CompletionNames) -> Vec<String> {
    let (replies, answers) = unbounded();
    let request = CompleteRequest { prefix: prefix.to_owned(), names }.into();
    if asks.send(Ask { request, replies: replies.into() }).is_err() {
        return Vec::new();
    }
    match answers.recv_timeout(limits::COMPLETION) {
        Ok(Reply::Names { names }) => names,
        _ => Vec::new(),
    }
}

/// Names in a folder of this machine that begin with `prefix`; folders end with `/`.
fn local_names(prefix: &str, folders_only: bool, origin: CommandOrigin) -> Vec<String> {
    let (folder, begin) = prefix.rsplit_once('/').map_or(("", prefix), |(f, b)| (&prefix[..=f.len()], b));
    let here = std::env::current_dir().ok();
    let typed = TypedFrom { origin, folder: here.as_deref() };
    let Ok(place) = typed.absolute(folder.into()) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_folder = entry.path().is_dir();
            let hidden = name.starts_with('.') && !begin.starts_with('.');
            let fits = name.starts_with(begin) && !hidden && (is_folder || !folders_only);
            fits.then(|| format!("{folder}{name}{}", if is_folder { "/" } else { "" }))
        })
        .take(limits::SCREEN_LINES)
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::thread::Thread;

    fn names(line: &str) -> (usize, Vec<String>) {
        let (asks, _kept) = unbounded();
        let (start, found) = complete(line, &asks);
        (start, found.into_iter().map(|p| p.replacement).collect())
    }

    #[test]
    fn commands_and_flags_complete() {
        assert_eq!(names("dow"), (0, vec!["download ".into()]));
        assert_eq!(names("help st"), (5, vec!["status ".into()]));
        assert_eq!(names("list --m"), (5, vec!["--mine ".into()]));
        assert_eq!(names("l --f"), (2, vec!["--flat ".into(), "--from ".into()]));
        assert_eq!(names("identity ex"), (9, vec!["export ".into()]));
        assert_eq!(names("group l"), (6, vec!["leave ".into()]));
        assert_eq!(names("group ").1, ["new ", "join ", "leave ", "show "]);
        assert_eq!(names("restore --f"), (8, vec!["--forget ".into()]));
        assert_eq!(names("copies a"), (7, vec!["auto ".into()]));
        assert_eq!(names("search a --type p").1, ["picture ", "program "]);
        assert_eq!(names("f --newer 7"), (10, vec!["7d ".into()]));
        assert_eq!(names("peers x").1, Vec::<String>::new());
    }

    #[test]
    fn each_value_that_is_typed_can_be_completed() {
        const FREE: [[&str; 2]; 15] = [
            ["complete", "line"],
            ["search", "words"],
            ["cat", "offset"],
            ["cat", "length"],
            ["download", "output"],
            ["download", "exclude"],
            ["connect", "target"],
            ["log", "last"],
            ["share", "name"],
            ["new", "name"],
            ["set", "value"],
            ["send", "text"],
            ["send", "timeout"],
            ["guest", "time"],
            ["guest", "port"],
        ];
        let mut typed = Typed::command();
        typed.build();
        let mut checked = 0;
        for command in typed.get_subcommands().flat_map(|c| [c].into_iter().chain(c.get_subcommands())) {
            for argument in command.get_arguments().filter(|a| a.get_action().takes_values()) {
                let name = [command.get_name(), argument.get_id().as_str()];
                let is_free = value(command, argument) == Completion::Words(Vec::new());
                assert_eq!(is_free, FREE.contains(&name), "{name:?}");
                checked += 1;
            }
        }
        assert!(checked >= 10, "{checked} arguments were looked at");
    }

    #[test]
    fn files_and_peers_are_asked_for_and_quoted() {
        let (asks, rx) = unbounded::<Ask>();
        let answers = Thread::spawn("answers", move || {
            for ask in rx {
                let Request::Complete(CompleteRequest { prefix, names }) = ask.request else { panic!() };
                let names = match (prefix.as_str(), names) {
                    ("o", CompletionNames::Own) => vec!["own file".into()],
                    ("l", CompletionNames::Lost) => vec!["lost file".into()],
                    ("my f", CompletionNames::Offered) => {
                        vec!["my file.txt".into(), "my folder/".into(), "my \u{1b}".into()]
                    }
                    ("pe", CompletionNames::Peers) => vec!["peer2-ab".into()],
                    ("@ou", CompletionNames::Addressed) => vec!["@\"our nas\"".into()],
                    ("na", CompletionNames::Routes) => vec!["nas:27280".into()],
                    other => panic!("{other:?}"),
                };
                assert!(ask.replies.send(Reply::Names { names }));
            }
        })
        .unwrap();
        let (start, found) = complete("d \"my f", &asks);
        assert_eq!(start, 2);
        let said: Vec<&str> = found.iter().map(|p| p.replacement.as_str()).collect();
        assert_eq!(said, ["\"my file.txt\" ", "\"my folder/"]);
        assert_eq!(complete("list --from pe", &asks).1[0].replacement, "peer2-ab ");
        for line in ["chat @ou", "T @\"ou"] {
            let (_, found) = complete(line, &asks);
            assert_eq!(found[0].replacement, "@\"our nas\" ", "as it is said: {line}");
        }
        assert_eq!(complete("disconnect na", &asks).1[0].replacement, "nas:27280 ");
        assert_eq!(complete("copies auto o", &asks).1[0].replacement, "\"own file\" ");
        assert_eq!(complete("copies 2 x o", &asks).1.len(), 1);
        assert_eq!(complete("restore l", &asks).1[0].replacement, "\"lost file\" ");
        assert_eq!(complete("restore x l", &asks).1.len(), 1);
        drop(asks);
        drop(answers);
    }

    #[test]
    fn folders_of_this_machine_complete_for_to() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in here")).unwrap();
        std::fs::write(dir.path().join("in file"), "").unwrap();
        let path = dir.path().to_str().unwrap();
        let (_, found) = names(&format!("download x --to {path}/in"));
        assert_eq!(found, [format!("\"{path}/in here/")]);
        let (_, found) = names(&format!("identity import {path}/in"));
        assert_eq!(found.len(), 2);
    }
}
