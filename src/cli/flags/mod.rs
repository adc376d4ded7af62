//! Flags and commands: one definition for the command line and the prompt.

mod examples;
pub(crate) mod manual;
pub(crate) mod pages;
mod wrong;

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::wrong::{unknown, wrong};
use super::local::LocalCommand;
use super::show::ShowOptions;
use crate::control::Request;
use crate::control::typed::CommandOrigin;
use crate::error::{Code, Failure};
use crate::settings::layers::{SettingLayers, SettingRow, check_together};
use crate::settings::{Settings, ShareArgument};
use crate::text;

/// Sentences below `potluck --help`.
const AFTER: &str = "\
Without a command, a peer is started in this folder: what lies in its `shared/`, and in each DIR, is \
seen by every other peer of the network. With a command, the peer that runs in this folder is asked.

Each option of a peer can also stand in the environment (POTLUCK_UP_LIMIT=2M), in potluck.toml in the peer \
directory, or in that of your configuration folder (~/.config/potluck/potluck.toml). `potluck config` shows them all.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no peer runs here, 4 no such file or peer, 5 the name \
is ambiguous, 6 no holder reachable, 7 disk full, 8 a peer already runs here, 9 left, but some files \
are kept by nobody else. With commands from a pipe: that of the last one that failed.";

/// What shows what can be typed on the command line.
const PROGRAM_HELP: &str = "potluck help";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "potluck", version, about, after_help = AFTER, disable_help_subcommand = true)]
#[command(max_term_width = 100, infer_subcommands = false)]
pub(crate) struct CommandLine {
    /// What the peer that runs here is asked.
    #[command(subcommand)]
    pub(crate) command: Option<TypedCommand>,
    /// Folders to share where they lie, as the top folders of their names, as with `--share`
    // A word that is the name of a command is that command: `./list` is a folder.
    #[arg(value_name = "DIR", help_heading = "To run a peer")]
    folders: Vec<PathBuf>,
    /// Peer directory [default: that in POTLUCK_DIR; to ask a peer that runs: this folder, or the nearest one above it
    /// that is one, or else as with --once; to start one: this folder]
    #[arg(short, long, global = true, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Go to DIR first: all else is taken from there
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
    /// Ask a peer that runs for this command alone, shares nothing, and saves into this folder, as where no peer directory
    /// is in reach: `list`, `search`, `holders`, `download`, `cat`, `send`
    #[arg(long, global = true, conflicts_with = "directory")]
    pub(crate) once: bool,
    /// Answer in JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but the answer, and what failed
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Tell more on standard error; twice: still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How a peer is run.
    #[command(flatten)]
    settings: Settings,
    /// The flags given that are for a peer that is started.
    #[arg(skip)]
    of_peer: Vec<String>,
}

impl CommandLine {
    /// The settings of the peer that is to be started in `directory`.
    pub(crate) fn settings(&self, directory: PathBuf) -> Settings {
        let mut settings = Settings { directory, ..self.settings.clone() };
        // An empty `--interface` names none.
        settings.on.interfaces.retain(|name| !name.is_empty());
        let folders = self.folders.iter().map(|folder| ShareArgument { name: None, folder: folder.clone() });
        settings.share.shares.extend(folders);
        for share in &mut settings.share.shares {
            // Where the current folder was deleted, the peer says that there is none.
            share.folder = std::path::absolute(&share.folder).unwrap_or_else(|_| share.folder.clone());
        }
        settings
    }

    /// How the answers to what is typed there are to be shown.
    pub(crate) const fn show_options(&self, origin: CommandOrigin) -> ShowOptions {
        ShowOptions { json: self.json, quiet: self.quiet, origin, screen: self.settings.screen }
    }

    /// The first flag given that has no meaning beside a command: a flag that is not
    /// [global](clap::Arg::global) is for a peer that is started. What the environment says is for no command
    /// in particular.
    pub(crate) fn useless_flag(&self) -> Option<&str> {
        self.of_peer.first().map(String::as_str)
    }

    /// The first flag given that is for a peer that is started, and not one of `meant`.
    pub(crate) fn useless_flag_but(&self, meant: &[&str]) -> Option<&str> {
        self.of_peer.iter().map(String::as_str).find(|flag| !meant.contains(flag))
    }

    /// What is wrong with the folders that are to be shared, if anything is: a word may be a slip in a command.
    fn wrong_folder(&self) -> Option<String> {
        let word = |folder: &PathBuf| text::shown(&folder.to_string_lossy()).into_owned();
        if self.command.is_some() {
            let folder = word(self.folders.first()?);
            return Some(format!(
                "`{folder}` and a command: a peer that runs is asked to `share` a folder, and one that is started \
                 takes no command"
            ));
        }
        let from = self.chdir.as_deref().unwrap_or_else(|| Path::new(""));
        let at = self.folders.iter().position(|folder| !is_path(folder, from))?;
        let wrong = word(&self.folders[at]);
        if manual::names().contains(&wrong) {
            return Some(format!(
                "`{wrong}` is a command, and goes before all else; a folder of that name is `./{wrong}`"
            ));
        }
        match at {
            0 => Some(unknown(&wrong, PROGRAM_HELP)),
            _ => Some(format!("no folder {wrong}: nothing can be shared there")),
        }
    }

    fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        layers: &SettingLayers,
    ) -> Result<(Self, Vec<SettingRow>), clap::Error> {
        let command = layers.below(Self::command());
        let mut matches = command.clone().try_get_matches_from(arguments)?;
        let given =
            |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        let of_peer = command.get_arguments().filter(|arg| !arg.is_global_set()).filter(given);
        let of_peer = of_peer.filter_map(Arg::get_long).map(|long| format!("--{long}")).collect();
        let rows = layers.rows(&matches);
        let line = Self::from_arg_matches_mut(&mut matches).map_err(|e| e.format(&mut Self::command()))?;
        Ok((Self { of_peer, ..line }, rows))
    }
}

/// A line typed at the prompt, or from a pipe.
#[derive(Debug, Parser)]
#[command(name = "", no_binary_name = true, disable_help_subcommand = true, disable_version_flag = true)]
#[command(max_term_width = 100)]
pub(crate) struct Typed {
    /// What is asked.
    #[command(subcommand)]
    pub(crate) command: TypedCommand,
    /// Answer in JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands, at the prompt and on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum TypedCommand {
    /// What a running peer is asked.
    #[command(flatten)]
    Ask(Request),
    /// What needs no peer.
    #[command(flatten)]
    Local(LocalCommand),
}

impl TypedCommand {
    /// Its name.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Ask(request) => request.name(),
            Self::Local(command) => command.name(),
        }
    }
}

/// The command that is meant by words of which not all are understood, by its name.
pub(crate) fn command_in<'a>(words: impl IntoIterator<Item = &'a OsString>) -> Option<String> {
    let typed = Typed::command();
    let named = |word: &OsString| typed.find_subcommand(word).map(|command| command.get_name().to_owned());
    words.into_iter().find_map(named)
}

/// What a line asks for, or why not.
#[derive(Debug)]
pub(crate) enum Parsed<T> {
    /// A command.
    Command(T),
    /// Help or version: text for standard output.
    Text(String),
    /// Wrong usage.
    Wrong(Failure),
}

/// Parses the program's own arguments, below which nothing stands.
pub(crate) fn parse_arguments<I: IntoIterator<Item = OsString>>(arguments: I) -> Parsed<CommandLine> {
    let line = CommandLine::parse(arguments, &SettingLayers::default()).map(|(line, _)| line);
    match parsed(line, PROGRAM_HELP) {
        Parsed::Command(line) => match line.wrong_folder() {
            Some(said) => Parsed::Wrong(Failure::new(Code::Usage, said)),
            None => Parsed::Command(line),
        },
        other => other,
    }
}

/// Parses the program's own arguments once more, with what stands below them.
///
/// # Errors
/// They do not go together.
pub(crate) fn parse_above<I: IntoIterator<Item = OsString>>(
    arguments: I,
    layers: &SettingLayers,
) -> Result<(CommandLine, Vec<SettingRow>), Failure> {
    let (line, rows) = CommandLine::parse(arguments, layers)
        .map_err(|e| Failure::new(Code::Usage, wrong(&e, PROGRAM_HELP)))?;
    check_together(&rows)?;
    Ok((line, rows))
}

/// True if a word that is taken from a folder can only be meant as a folder.
fn is_path(word: &Path, from: &Path) -> bool {
    word.components().count() > 1
        || word.to_string_lossy().ends_with(std::path::MAIN_SEPARATOR)
        || !matches!(word.components().next(), Some(Component::Normal(_)))
        || from.join(word).is_dir()
}

/// Parses the words of a line typed at the prompt.
pub(crate) fn parse_typed(words: &[String]) -> Parsed<Typed> {
    parsed(Typed::try_parse_from(words), "help")
}

fn parsed<T>(result: Result<T, clap::Error>, help: &str) -> Parsed<T> {
    match result {
        Ok(command) => Parsed::Command(command),
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Parsed::Text(e.render().to_string())
        }
        Err(e) => Parsed::Wrong(Failure::new(Code::Usage, wrong(&e, help))),
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU64;

    use super::*;
    use crate::control::{
        CopiesRequest, DownloadRequest, FileType, RestoreRequest, SearchRequest, VerifyRequest,
    };

    /// Seconds of a day.
    const DAY: u64 = 86_400;

    fn typed(line: &str) -> Request {
        let words = crate::cli::words::split(line).unwrap();
        match parse_typed(&words) {
            Parsed::Command(Typed { command: TypedCommand::Ask(request), .. }) => request,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn wrong_line(line: &str) -> String {
        let words = crate::cli::words::split(line).unwrap();
        match parse_typed(&words) {
            Parsed::Wrong(failure) => {
                assert_eq!(failure.code, Code::Usage);
                failure.message
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_definitions_are_sound() {
        CommandLine::command().debug_assert();
        Typed::command().debug_assert();
    }

    #[test]
    fn short_words_are_the_same_commands() {
        for (short, long) in
            [("l", "list"), ("d x", "download x"), ("q", "exit"), ("p", "peers"), ("s", "status")]
        {
            assert_eq!(typed(short), typed(long));
        }
        assert_eq!(
            typed(r#"download "my file.txt" b3:00ff --to /tmp --from peer2"#),
            DownloadRequest {
                files: vec!["my file.txt".into(), "b3:00ff".into()],
                from: vec!["peer2".into()],
                to: Some("/tmp".into()),
                wait: false,
                no_wait: false,
                ..DownloadRequest::default()
            }
            .into()
        );
    }

    #[test]
    fn words_or_facts_are_searched_for() {
        let asked =
            typed("find 'blue moon' mp3 --type audio,video --type picture --min 1M --max 2GiB --from anna");
        let expected = SearchRequest {
            words: vec!["blue moon".into(), "mp3".into()],
            types: vec![FileType::Audio, FileType::Video, FileType::Picture],
            min: Some(1_000_000),
            max: Some(2 << 30),
            newer: None,
            from: vec!["anna".into()],
        };
        assert_eq!(asked, expected.into());
        let Request::Search(search) = typed("f --newer 2026-11-01") else { panic!() };
        assert!(search.words.is_empty() && search.newer.is_some());
        for (slip, said) in [
            ("search", "is missing"),
            ("search a --type film", "film"),
            ("search a --min 5", "less than 1K"),
            ("search a --max 5Mbit", "bits are not"),
            ("search a --newer soon", "2026-11-01"),
        ] {
            let text = wrong_line(slip);
            assert!(text.contains(said) && !text.contains('\n'), "{slip}: {text}");
        }
    }

    #[test]
    fn copies_are_a_number_or_auto_and_then_files() {
        let files = vec!["my file".to_owned(), "b3:00ff".to_owned()];
        for (n, copies) in [("1", Some(1)), ("16", Some(16)), ("auto", None)] {
            let asked = typed(&format!("copies {n} 'my file' b3:00ff"));
            assert_eq!(asked, CopiesRequest { copies, files: files.clone() }.into());
        }
        for slip in ["copies 0 a", "copies 17 a", "copies a 2", "copies 1.5 a", "copies AUTO a"] {
            let said = wrong_line(slip);
            assert!(said.contains("1 to 16, or `auto`") && !said.contains('\n'), "{slip}: {said}");
        }
        assert_eq!(wrong_line("copies 2"), "<FILE> is missing: see `help`");
        let restore = |forget, files: &[String]| RestoreRequest { forget, files: files.to_vec() }.into();
        assert_eq!(typed("restore"), restore(false, &[]));
        assert_eq!(typed("restore --forget"), restore(true, &[]));
        assert_eq!(typed("restore 'my file' b3:00ff"), restore(false, &files));
        assert_eq!(typed("restore --forget 'my file' b3:00ff"), restore(true, &files));
        assert_eq!(typed("verify"), VerifyRequest::default().into());
    }

    #[test]
    fn wrong_usage_is_one_line_that_helps() {
        assert_eq!(wrong_line("lst"), "unknown command `lst`; did you mean `list`?");
        for (typed, meant) in [
            ("dowlnoad", "download"),
            ("stat", "status"),
            ("LIST", "list"),
            ("exot", "exit"),
            ("peer", "peers"),
            ("restor", "restore"),
            ("cpies", "copies"),
        ] {
            assert_eq!(wrong_line(typed), format!("unknown command `{typed}`; did you mean `{meant}`?"));
        }
        for far in ["x", "frobnicate", "teleport", ""] {
            let said = wrong_line(&format!("'{far}'"));
            assert_eq!(said, format!("unknown command `{far}`; `help` lists the commands"));
        }
        assert_eq!(wrong_line("download"), "<FILE> is missing: see `help`");
        assert_eq!(
            wrong_line("search x --type foo"),
            "`foo` does not fit --type <TYPE>: it is one of audio, video, picture, document, archive, program"
        );
        assert_eq!(wrong_line("list --mien"), "no `--mien`; did you mean `--mine`?");
        assert_eq!(wrong_line("list \u{1b}[2J b"), "`b` is not understood: see `help`");
        for line in ["peers x", "cancel", "list --from a --mine", "exit --now=1", "download a --to"] {
            let said = wrong_line(line);
            assert!(!said.contains('\n') && said.len() > 20, "{line}: {said}");
        }
    }

    #[test]
    fn words_of_other_programs_do_or_say_the_right_thing() {
        for (word, command) in [
            ("get x", "download x"),
            ("ls x", "list x"),
            ("dir", "list"),
            ("find x", "search x"),
            ("quit", "exit"),
            ("bye", "exit"),
            (":q", "exit"),
        ] {
            assert_eq!(typed(word), typed(command), "{word}");
        }
        let words = ["open x", "push x", "put x", "rm x", "cd x", "whoami", "WHOAMI", "stop"];
        for word in words {
            let said = wrong_line(word);
            assert!(said.starts_with("no command `") && !said.contains('\n'), "{word}: {said}");
            // What it names there is.
            for quoted in said.split('`').skip(3).step_by(2) {
                let name = quoted.split(' ').next().unwrap();
                assert!(manual::names().iter().any(|known| known == name), "{word}: {quoted}");
            }
        }
        assert!(matches!(parse_typed(&["version".to_owned()]), Parsed::Command(_)));
    }

    #[test]
    fn interfaces_come_with_commas_too() {
        let line = ["potluck", "--interface", "lo,eth0", "--interface", "wlan0", "-t", "1001"];
        let Parsed::Command(line) = parse_arguments(line.map(Into::into)) else { panic!() };
        let config = line.settings(PathBuf::from("/peer"));
        assert_eq!(config.on.interfaces, ["lo", "eth0", "wlan0"]);
        assert_eq!(config.port, 1001);
        assert_eq!(line.useless_flag(), Some("--port"));
        assert!(config.sandbox);
        let Parsed::Command(line) = parse_arguments(["potluck", "--no-sandbox"].map(Into::into)) else {
            panic!()
        };
        assert!(!line.settings(PathBuf::from("/peer")).sandbox);
        assert_eq!(line.useless_flag(), Some("--no-sandbox"));
        let Parsed::Command(line) = parse_arguments(["potluck", "--no-swarm"].map(Into::into)) else {
            panic!()
        };
        assert!(config.swarm && !line.settings(PathBuf::from("/peer")).swarm);
        assert_eq!(line.useless_flag(), Some("--no-swarm"));
    }

    #[test]
    fn folders_are_shared_and_a_slip_in_a_command_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().to_str().unwrap();
        let parse = |words: &[&str]| parse_arguments(["potluck"].iter().chain(words).map(Into::into));
        let Parsed::Command(line) = parse(&[there, "--share", "Games=/mnt/g", "./x"]) else { panic!() };
        let shares = line.settings(PathBuf::from("/peer")).share.shares;
        let names: Vec<_> = shares.iter().map(|share| (share.name.as_deref(), &*share.folder)).collect();
        let here = std::env::current_dir().unwrap();
        assert_eq!(
            names,
            [(Some("Games"), Path::new("/mnt/g")), (None, Path::new(there)), (None, &*here.join("x"))]
        );
        for (words, said) in [
            (&["lst"][..], "unknown command `lst`; did you mean `list`?"),
            (&["frobnicate"], "unknown command `frobnicate`; `potluck help` lists the commands"),
            (&["open"], "no command `open`"),
            (&["/tmp", "list"], "a folder of that name is `./list`"),
            (&["/tmp", "nothing-there"], "no folder nothing-there"),
        ] {
            let Parsed::Wrong(failure) = parse(words) else { panic!("{words:?}") };
            assert!(failure.message.contains(said), "{words:?}: {}", failure.message);
        }
        assert!(matches!(parse(&["list"]), Parsed::Command(CommandLine { command: Some(_), .. })));
    }

    #[test]
    fn a_flag_of_a_peer_that_is_started_means_nothing_beside_a_command() {
        let parse = |words: &[&str]| match parse_arguments(words.iter().map(Into::into)) {
            Parsed::Command(line) => line,
            other => panic!("{words:?}: {other:?}"),
        };
        const BESIDE_COMMANDS: [&str; 8] =
            ["directory", "chdir", "once", "json", "quiet", "verbose", "bell", "no-progress"];
        let command = CommandLine::command();
        let mut checked = 0;
        for argument in command.get_arguments().filter(|argument| !argument.is_positional()) {
            let flag = argument.get_long().unwrap();
            let long = format!("--{flag}");
            // Also when the value is the default. What has none takes anything, or a number of bytes.
            let default = argument.get_default_values().first().map_or("1G", |value| value.to_str().unwrap());
            let value = argument.get_action().takes_values().then_some(default);
            let words: Vec<&str> = ["potluck", &long].into_iter().chain(value).chain(["list"]).collect();
            let useless = (!BESIDE_COMMANDS.contains(&flag)).then_some(long.as_str());
            assert_eq!(parse(&words).useless_flag(), useless, "{words:?}");
            checked += 1;
        }
        assert!(checked >= 19, "only {checked} flags were looked at");
        assert_eq!(parse(&["potluck", "list"]).useless_flag(), None);
        assert_eq!(parse(&["potluck", "-t", "1001", "list"]).useless_flag(), Some("--port"));
    }

    #[test]
    fn what_is_kept_and_lent_can_be_said() {
        let config = |words: &[&str]| match parse_arguments(words.iter().map(Into::into)) {
            Parsed::Command(line) => {
                Ok((line.settings(PathBuf::from("/peer")), line.useless_flag().map(str::to_owned)))
            }
            Parsed::Wrong(failure) => Err(failure.message),
            Parsed::Text(text) => panic!("{text}"),
        };
        let (plain, useless) = config(&["potluck", "--interface", ""]).unwrap();
        assert_eq!(
            (&plain, useless.as_deref()),
            (&Settings::new(PathBuf::from("/peer")), Some("--interface"))
        );
        assert_eq!((plain.copies, plain.auto_copy, plain.lend), (2, 10 << 30, None));
        assert_eq!([plain.keep, plain.keep_deleted].map(|t| t.as_secs()), [30 * DAY, DAY]);
        let said = "potluck --copies 3 --auto-copy 0 --lend 1GiB --keep-days 7 --keep-deleted 90s";
        let (set, useless) = config(&said.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!((set.copies, set.auto_copy, set.lend), (3, 0, Some(1 << 30)));
        assert_eq!([set.keep, set.keep_deleted].map(|t| t.as_secs()), [7 * DAY, 90]);
        assert_eq!(useless.as_deref(), Some("--copies"));
        assert_eq!(config(&["potluck", "--lend", "0"]).unwrap().0.lend, Some(0));
        for [flag, value] in [
            ["--copies", "0"],
            ["--copies", "17"],
            ["--lend", "ten"],
            ["--auto-copy", "5"],
            ["--keep-days", "0"],
            ["--keep-deleted", "1.5"],
        ] {
            let said = config(&["potluck", flag, value]).unwrap_err();
            assert!(said.contains(flag) && said.contains("see `potluck help`"), "{said}");
            assert!(!said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn limits_are_rates_and_nonsense_is_told_in_one_line() {
        let limits = |words: &[&str]| match parse_arguments(words.iter().map(Into::into)) {
            Parsed::Command(line) => {
                let config = line.settings(PathBuf::from("/peer"));
                Ok([config.speed.up_limit, config.speed.down_limit].map(|l| l.map_or(0, NonZeroU64::get)))
            }
            Parsed::Wrong(failure) => Err(failure.message),
            Parsed::Text(text) => panic!("{text}"),
        };
        assert_eq!(limits(&["potluck"]), Ok([0, 0]));
        assert_eq!(limits(&["potluck", "--up-limit", "500K", "--down-limit=1MiB"]), Ok([500_000, 1 << 20]));
        assert_eq!(limits(&["potluck", "--up-limit", "0"]), Ok([0, 0]));
        let said = limits(&["potluck", "--up-limit", "16Mbit"]).unwrap_err();
        assert!(
            said.contains("--up-limit") && said.contains("bits are not") && said.contains("2M"),
            "{said}"
        );
        assert!(!said.contains('\n'));
    }
}
