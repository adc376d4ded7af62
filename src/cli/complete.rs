//! Completion at the prompt: commands, flags, files and peers of the network, folders of this machine.

use crossbeam_channel::{Sender, unbounded};

use super::flags::{self, Typed};
use super::session::{CommandOrigin, absolute};
use super::words::{self, Typing};
use crate::cli::limits;
use crate::control::{Ask, CompletionNames, Reply, Request};
use crate::text;

/// What the word being typed can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CompletionKind {
    Command,
    Flag,
    Folder,
    Peer,
    Shared,
    Own,
    Lost,
    Number,
    Local,
    Nothing,
}

/// A proposal: what is shown of it, and what takes the place of the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) display: String,
    pub(super) replacement: String,
}

/// Where the word at the end of `line` begins, and what it could become.
pub(super) fn complete(line: &str, asks: &Sender<Ask>) -> (usize, Vec<Proposal>) {
    let typing = words::typing(line);
    let names = match what(&typing) {
        CompletionKind::Command => beginning(flags::names(), &typing.word),
        CompletionKind::Flag => beginning(flags_of(&typing), &typing.word),
        CompletionKind::Folder => local_names(&typing.word, true),
        CompletionKind::Local => local_names(&typing.word, false),
        CompletionKind::Peer => ask(asks, &typing.word, CompletionNames::Peers),
        CompletionKind::Shared => ask(asks, &typing.word, CompletionNames::Offered),
        CompletionKind::Own => ask(asks, &typing.word, CompletionNames::Own),
        CompletionKind::Lost => ask(asks, &typing.word, CompletionNames::Lost),
        CompletionKind::Number => beginning(vec!["auto".to_owned()], &typing.word),
        CompletionKind::Nothing => Vec::new(),
    };
    // A name that cannot be typed cannot be proposed; such a file is named by its id.
    let proposals = names.into_iter().filter(|name| !name.chars().any(text::is_unprintable));
    (typing.start, proposals.map(proposal).collect())
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

fn beginning(names: Vec<String>, prefix: &str) -> Vec<String> {
    names.into_iter().filter(|name| name.starts_with(prefix)).collect()
}

/// What the word is, by what stands before it.
fn what(typing: &Typing) -> CompletionKind {
    let before: Vec<&str> = typing.before.iter().map(String::as_str).collect();
    let flag = typing.word.starts_with('-');
    match (before.as_slice(), before.last()) {
        ([], _) => CompletionKind::Command,
        (_, Some(&"--to")) => CompletionKind::Folder,
        (_, Some(&"--from")) => CompletionKind::Peer,
        _ if flag => CompletionKind::Flag,
        (["help" | "?"], _) => CompletionKind::Command,
        (["download" | "d" | "get" | "list" | "l" | "ls", ..], _) => CompletionKind::Shared,
        (["copies"], _) => CompletionKind::Number,
        (["copies", ..], _) => CompletionKind::Own,
        (["restore", ..], _) => CompletionKind::Lost,
        (["identity"], _) => CompletionKind::Flag,
        (["identity", "export" | "import", ..], _) => CompletionKind::Local,
        _ => CompletionKind::Nothing,
    }
}

/// Flags and sub-commands of the command that the line begins with.
fn flags_of(typing: &Typing) -> Vec<String> {
    use clap::CommandFactory;
    let mut typed = Typed::command();
    typed.build();
    let command = typing.before.first().and_then(|name| typed.find_subcommand(name));
    let Some(command) = command else { return Vec::new() };
    let flags = command.get_arguments().filter(|a| !a.is_hide_set()).filter_map(|a| a.get_long());
    let flags = flags.map(|long| format!("--{long}"));
    let subs = command.get_subcommands().map(|c| c.get_name().to_owned()).filter(|n| n != "help");
    subs.chain(flags).filter(|name| name.starts_with('-') == typing.word.starts_with('-')).collect()
}

/// Names that the controller knows; none when it takes too long.
fn ask(asks: &Sender<Ask>, prefix: &str, names: CompletionNames) -> Vec<String> {
    let (replies, answers) = unbounded();
    let request = Request::Complete { prefix: prefix.to_owned(), names };
    if asks.send(Ask { request, replies }).is_err() {
        return Vec::new();
    }
    match answers.recv_timeout(limits::COMPLETION) {
        Ok(Reply::Names { names }) => names,
        _ => Vec::new(),
    }
}

/// Names in a folder of this machine that begin with `prefix`; folders end with `/`.
fn local_names(prefix: &str, folders_only: bool) -> Vec<String> {
    let (folder, begin) = prefix.rsplit_once('/').map_or(("", prefix), |(f, b)| (&prefix[..=f.len()], b));
    let here = std::env::current_dir().unwrap_or_default();
    let place = absolute(folder.into(), CommandOrigin::Prompt, &here);
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
        assert_eq!(names("do"), (0, vec!["download ".into()]));
        assert_eq!(names("help st"), (5, vec!["status ".into()]));
        assert_eq!(names("list --m"), (5, vec!["--mine ".into()]));
        assert_eq!(names("l --f"), (2, vec!["--from ".into()]));
        assert_eq!(names("identity ex"), (9, vec!["export ".into()]));
        assert_eq!(names("restore --f"), (8, vec!["--forget ".into()]));
        assert_eq!(names("copies a"), (7, vec!["auto ".into()]));
        assert_eq!(names("peers x").1, Vec::<String>::new());
    }

    #[test]
    fn files_and_peers_are_asked_for_and_quoted() {
        let (asks, rx) = unbounded::<Ask>();
        let answers = Thread::spawn("answers", move || {
            for ask in rx {
                let Request::Complete { prefix, names } = ask.request else { panic!() };
                let names = match (prefix.as_str(), names) {
                    ("o", CompletionNames::Own) => vec!["own file".into()],
                    ("l", CompletionNames::Lost) => vec!["lost file".into()],
                    ("my f", CompletionNames::Offered) => {
                        vec!["my file.txt".into(), "my folder/".into(), "my \u{1b}".into()]
                    }
                    ("pe", CompletionNames::Peers) => vec!["peer2-ab".into()],
                    other => panic!("{other:?}"),
                };
                ask.replies.send(Reply::Names { names }).unwrap();
            }
        })
        .unwrap();
        let (start, found) = complete("d \"my f", &asks);
        assert_eq!(start, 2);
        let said: Vec<&str> = found.iter().map(|p| p.replacement.as_str()).collect();
        assert_eq!(said, ["\"my file.txt\" ", "\"my folder/"]);
        assert_eq!(complete("list --from pe", &asks).1[0].replacement, "peer2-ab ");
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
