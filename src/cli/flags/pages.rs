//! The manual pages: potluck(1), and one for each command, made of the definitions that `help` is made of.

use core::fmt::Write as _;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::manual::{ordered, with_rest};
use super::wrong::unknown;
use super::{CommandLine, PROGRAM_HELP, examples};
use crate::cli::local::LocalCommand;
use crate::error::{Code, Failure};
use crate::settings::keys::SettingKey;

/// What each variable of the environment says that is no setting.
const VARIABLES: [[&str; 2]; 7] = [
    ["POTLUCK_DIR", "The peer directory where -d does not name one."],
    ["POTLUCK_GROUP", "Name and passphrase of the group that a peer joins as it starts, a line each."],
    ["POTLUCK_LOG", "What is logged, as RUST_LOG elsewhere: warn, or potluck::lan=debug."],
    ["NO_COLOR", "Where it is set, nothing is coloured."],
    ["PAGER", "The program that shows a long answer on a terminal."],
    ["TERM", "Where it is dumb, no line is drawn again."],
    ["XDG_CONFIG_HOME", "Where the configuration of this user lies, if not in ~/.config."],
];

/// The files of a peer.
const FILES: [[&str; 2]; 7] = [
    ["shared/", "What the peer in this folder shares."],
    ["downloads/", "What it fetched. Unfinished files lie in downloads/.potluck-partial/."],
    [".potluck/", "Its key and its state. Only its user can read it."],
    [".potluck/control.sock", "Where commands ask it, while it runs."],
    ["potluck.toml", "Its settings."],
    ["~/.config/potluck/potluck.toml", "The settings of all peers of this user."],
    [".potluckignore", "In a shared folder: what is not shared of it, in the words of .gitignore."],
];

/// With which codes a command ends beside those with which each can.
const CODES: [(&str, &[Code]); 24] = [
    ("list", &[Code::NotFound, Code::Ambiguous]),
    ("search", &[Code::NotFound, Code::Ambiguous]),
    ("download", &[Code::NotFound, Code::Ambiguous, Code::NoHolder, Code::Full]),
    ("cat", &[Code::NotFound, Code::Ambiguous, Code::NoHolder]),
    ("holders", &[Code::NotFound, Code::Ambiguous]),
    ("send", &[Code::NotFound, Code::Ambiguous, Code::NoHolder, Code::Full]),
    ("accept", &[Code::NotFound, Code::Ambiguous, Code::NoHolder, Code::Full]),
    ("reject", &[Code::NotFound, Code::Ambiguous]),
    ("pause", &[Code::NotFound, Code::Ambiguous]),
    ("resume", &[Code::NotFound, Code::Ambiguous]),
    ("first", &[Code::NotFound, Code::Ambiguous]),
    ("cancel", &[Code::NotFound, Code::Ambiguous]),
    ("who", &[Code::NotFound, Code::Ambiguous]),
    ("log", &[Code::NotFound, Code::Ambiguous]),
    ("chat", &[Code::NotFound, Code::Ambiguous]),
    ("ignore", &[Code::NotFound, Code::Ambiguous]),
    ("unignore", &[Code::NotFound, Code::Ambiguous]),
    ("disconnect", &[Code::NotFound]),
    ("announce", &[Code::NotFound, Code::Ambiguous]),
    ("copies", &[Code::NotFound, Code::Ambiguous]),
    ("restore", &[Code::NotFound]),
    ("unshare", &[Code::NotFound]),
    ("exit", &[Code::NotKept]),
    ("identity", &[Code::AlreadyRuns]),
];

/// The manual page of the program, or of a command.
///
/// # Errors
/// There is no such command.
pub(crate) fn page(about: Option<&str>) -> Result<String, Failure> {
    let mut command = CommandLine::command();
    command.build();
    let Some(name) = about else { return Ok(program(&command)) };
    match with_rest(&command).find(|sub| sub.get_name() == name) {
        Some(found) => Ok(of_command(found)),
        None => Err(Failure::new(Code::Usage, unknown(&crate::text::shown(name), PROGRAM_HELP))),
    }
}

/// All manual pages, by the names of their files.
pub(crate) fn all() -> Vec<(String, String)> {
    let mut command = CommandLine::command();
    command.build();
    let mut pages = vec![("potluck.1".to_owned(), program(&command))];
    for sub in with_rest(&command) {
        pages.push((format!("potluck-{}.1", sub.get_name()), of_command(sub)));
    }
    pages
}

fn program(command: &Command) -> String {
    let mut page = head(command, "potluck");
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    page.push_str(".SH DESCRIPTION\n");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    paragraphs(&mut page, &about);
    for part in after.split("\n\n").filter(|part| !part.starts_with("Exit codes")) {
        paragraphs(&mut page, part);
    }
    rendered(&mut page, |to| Man::new(command.clone()).render_options_section(to));
    page.push_str(".SH COMMANDS\n");
    for sub in ordered(command).chain(command.find_subcommand("man")) {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        tagged(&mut page, &format!("potluck-{}(1)", sub.get_name()), &about);
    }
    page.push_str(".SH \"EXIT STATUS\"\n");
    Code::ALL.iter().for_each(|code| status(&mut page, *code));
    paragraphs(&mut page, "With commands from a pipe it is that of the last one that failed.");
    page.push_str(".SH ENVIRONMENT\n");
    VARIABLES.iter().for_each(|[name, what]| tagged(&mut page, name, what));
    let settings = SettingKey::all().into_iter().filter(|key| !key.is_hidden);
    let variables: Vec<String> = settings.map(|key| key.variable()).collect();
    tagged(
        &mut page,
        &variables.join(", "),
        "Settings, as their options. A file weighs less, an option more.",
    );
    files(&mut page);
    page.push_str(".SH EXAMPLES\n");
    for [line, what] in [
        ["potluck", "Starts a peer in this folder."],
        ["potluck ~/Videos --name anna", "Starts one that shares that folder, too."],
        ["potluck -d peer1 list --json", "Asks the peer in that folder."],
        ["printf 'peers\\nlist\\n' | potluck", "Starts a peer, asks it twice, and leaves."],
    ] {
        tagged(&mut page, line, what);
    }
    let others = ordered(command).map(|sub| format!("potluck-{}(1)", sub.get_name())).collect::<Vec<_>>();
    page.push_str(".SH \"SEE ALSO\"\n");
    paragraphs(&mut page, &others.join(", "));
    page
}

fn of_command(command: &Command) -> String {
    let name = command.get_name();
    let mut page = head(command, &format!("potluck-{name}"));
    rendered(&mut page, |to| Man::new(command.clone()).render_description_section(to));
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (shown, notes) = help_examples(&after);
    paragraphs(&mut page, &notes);
    rendered(&mut page, |to| Man::new(command.clone()).render_options_section(to));
    if command.has_subcommands() {
        page.push_str(".SH ACTIONS\n");
        for act in command.get_subcommands().filter(|act| act.get_name() != "help") {
            let about = act.get_about().map(ToString::to_string).unwrap_or_default();
            let words =
                act.get_positionals().map(|word| format!(" {}", word.get_id().as_str().to_uppercase()));
            tagged(&mut page, &format!("{}{}", act.get_name(), words.collect::<String>()), &about);
        }
    }
    page.push_str(".SH \"EXIT STATUS\"\n");
    let own = CODES.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, codes)| *codes);
    let asks = (!LocalCommand::has(name)).then_some(Code::NoPeer);
    let each = [Code::Done, Code::Failed, Code::Usage];
    each.iter().chain(&asks).chain(own).for_each(|code| status(&mut page, *code));
    page.push_str(".SH ENVIRONMENT\n");
    VARIABLES
        .iter()
        .filter(|[name, _]| ["POTLUCK_DIR", "NO_COLOR", "PAGER"].contains(name))
        .for_each(|[name, what]| tagged(&mut page, name, what));
    files(&mut page);
    page.push_str(".SH EXAMPLES\n");
    for (line, what) in &shown {
        tagged(&mut page, &format!("potluck {line}"), what);
    }
    for [line, what] in examples::of(name) {
        tagged(&mut page, &format!("potluck {line}"), what);
    }
    page.push_str(".SH \"SEE ALSO\"\n");
    paragraphs(&mut page, "potluck(1)");
    page
}

/// Title, name and synopsis.
fn head(command: &Command, title: &str) -> String {
    let mut page = String::new();
    let man =
        || Man::new(command.clone()).title(title).source(concat!("potluck ", env!("CARGO_PKG_VERSION")));
    rendered(&mut page, |to| man().render_title(to));
    rendered(&mut page, |to| man().render_name_section(to));
    rendered(&mut page, |to| man().render_synopsis_section(to));
    page
}

/// Adds what `render` writes.
fn rendered(page: &mut String, render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) {
    let mut section = Vec::new();
    render(&mut section).expect("a vector takes whatever is written");
    page.push_str(&String::from_utf8_lossy(&section));
}

fn files(page: &mut String) {
    page.push_str(".SH FILES\n");
    FILES.iter().for_each(|[name, what]| tagged(page, name, what));
}

fn status(page: &mut String, code: Code) {
    tagged(page, &(code as u8).to_string(), code.meaning());
}

/// A word, and what there is to be said of it.
fn tagged(page: &mut String, tag: &str, what: &str) {
    writeln!(page, ".TP\n\\fB{}\\fR\n{}", escaped(tag), escaped(what)).unwrap_or(());
}

fn paragraphs(page: &mut String, text: &str) {
    for part in text.split("\n\n").filter(|part| !part.trim().is_empty()) {
        writeln!(page, ".PP\n{}", escaped(part.trim())).unwrap_or(());
    }
}

/// Text that troff shows as it is.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('`', "\\(ga").replace('\'', "\\(aq");
        if line.starts_with('.') { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The examples in what stands below the help of a command, and the rest of it.
fn help_examples(after: &str) -> (Vec<(String, String)>, String) {
    let (mut examples, mut notes) = (Vec::new(), Vec::new());
    for line in after.lines().filter(|line| *line != "Examples:") {
        match line.strip_prefix("  ") {
            Some(example) => {
                let (typed, what) = example.split_once("  ").unwrap_or((example, ""));
                examples.push((typed.trim().to_owned(), what.trim().to_owned()));
            }
            None => notes.push(line),
        }
    }
    (examples, notes.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sections of a page.
    fn sections(page: &str) -> Vec<String> {
        page.lines()
            .filter_map(|line| line.strip_prefix(".SH "))
            .map(|name| name.trim_matches('"').to_owned())
            .collect()
    }

    #[test]
    fn each_command_has_a_page_with_all_that_a_manual_says() {
        let pages = all();
        assert!(pages.len() > 30, "{}", pages.len());
        for (file, page) in &pages {
            let found = sections(page);
            for wanted in [
                "NAME",
                "SYNOPSIS",
                "DESCRIPTION",
                "EXIT STATUS",
                "ENVIRONMENT",
                "FILES",
                "EXAMPLES",
                "SEE ALSO",
            ] {
                assert!(found.iter().any(|name| name == wanted), "{file} has no {wanted}: {found:?}");
            }
            let examples = page.split(".SH EXAMPLES\n").nth(1).unwrap().split(".SH").next().unwrap();
            assert!(examples.contains("potluck"), "{file} has no example");
        }
        assert_eq!(
            page(Some("list")).unwrap(),
            pages.iter().find(|(file, _)| file == "potluck-list.1").unwrap().1
        );
        assert_eq!(page(Some("lst")).unwrap_err().code, Code::Usage);
    }

    #[test]
    fn what_troff_obeys_is_text() {
        assert_eq!(escaped(".SH 'a' \\n `-x`"), "\\&.SH \\(aqa\\(aq \\en \\(ga\\-x\\(ga");
        let (examples, notes) = help_examples("Examples:\n  log -n 5    the last five\n  log\nA note.");
        assert_eq!(
            examples,
            [("log -n 5".to_owned(), "the last five".to_owned()), ("log".to_owned(), String::new())]
        );
        assert_eq!(notes, "A note.");
    }
}
