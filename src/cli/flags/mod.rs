//! Flags and commands: one definition for the command line and the prompt.

mod custody;

use core::num::NonZeroU64;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::custody::{CopiesArg, CustodyFlags, copies_arg};
use super::human;
use crate::cli::limits;
use crate::error::{Code, Failure};
use crate::settings::{DEFAULT_PORT, Settings};
use crate::text;

/// Sentences below `potluck --help`.
const AFTER: &str = "\
Without a command, a peer is started in this folder: what lies in its `shared/` is seen by every \
other peer of the network. With a command, the peer that runs in this folder is asked.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no peer runs here, 4 no such file or peer, 5 the name \
is ambiguous, 6 no holder reachable, 7 disk full, 8 a peer already runs here, 9 left, but some files \
are kept by nobody else. With commands from a pipe: that of the last one that failed.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "potluck", version, about, after_help = AFTER, disable_help_subcommand = true)]
#[command(max_term_width = 100, infer_subcommands = false)]
pub(crate) struct CommandLine {
    /// What the peer that runs here is asked.
    #[command(subcommand)]
    pub(crate) command: Option<OneShotCommand>,
    /// Peer directory [default: this folder]
    #[arg(short, long, global = true, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Answer in JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Tell more on standard error; twice: still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How a peer is run.
    #[command(flatten)]
    pub(crate) peer: PeerFlags,
    /// How it keeps files of others, and has its own kept.
    #[command(flatten)]
    custody: CustodyFlags,
    /// The first flag given that has no meaning beside a command.
    #[arg(skip)]
    useless: Option<String>,
}

/// Flags of a peer that is to be started.
#[derive(Debug, Args)]
#[command(next_help_heading = "To run a peer")]
pub(crate) struct PeerFlags {
    /// First of the four ports for transfers [default: 27280]
    #[arg(short = 't', long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65_532))]
    port: Option<u16>,
    /// Refuse to start when the four ports are not free
    #[arg(long)]
    strict_port: bool,
    /// Run without a prompt, until `potluck exit` or a signal
    #[arg(long)]
    pub(crate) daemon: bool,
    /// Name that others see [default: the folder's, and four characters of the id]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Send at most so many bytes a second to all others together: 500K, 2M, 1MiB
    #[arg(long, value_name = "RATE", value_parser = human::rate)]
    up_limit: Option<u64>,
    /// Fetch at most so many bytes a second from all others together
    #[arg(long, value_name = "RATE", value_parser = human::rate)]
    down_limit: Option<u64>,
    /// Do not confine the peer to its folders (see `status`)
    #[arg(long)]
    pub(crate) no_sandbox: bool,
    /// Give others nothing of what is being downloaded, and take nothing of that from them
    #[arg(long)]
    no_swarm: bool,
    /// Use only this network interface; several: again, or with commas
    #[arg(
        long,
        value_name = "NAME",
        env = "POTLUCK_INTERFACE",
        value_delimiter = ',',
        hide_env_values = true
    )]
    interface: Vec<String>,
    /// UDP port of discovery, for tests: another port is another network.
    #[arg(long, hide = true, env = "POTLUCK_DISCOVERY_PORT", default_value_t = limits::DISCOVERY_PORT)]
    discovery_port: u16,
}

impl CommandLine {
    /// The settings of the peer that is to be started in `directory`.
    pub(crate) fn config(&self, directory: PathBuf) -> Settings {
        let config = Settings {
            port: self.peer.port.unwrap_or(DEFAULT_PORT),
            strict_port: self.peer.strict_port,
            discovery_port: self.peer.discovery_port,
            interfaces: self.peer.interface.iter().filter(|n| !n.is_empty()).cloned().collect(),
            name: self.peer.name.clone(),
            sandbox: !self.peer.no_sandbox,
            swarm: !self.peer.no_swarm,
            up_limit: self.peer.up_limit.and_then(NonZeroU64::new),
            down_limit: self.peer.down_limit.and_then(NonZeroU64::new),
            ..Settings::new(directory)
        };
        self.custody.set(config)
    }

    /// The first flag given that has no meaning beside a command: a flag that is not
    /// [global](clap::Arg::global) is for a peer that is started. What the environment says is for no command
    /// in particular.
    pub(crate) fn useless_flag(&self) -> Option<&str> {
        self.useless.as_deref()
    }

    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let command = Self::command();
        let mut matches = command.clone().try_get_matches_from(arguments)?;
        let given =
            |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        let useless = command.get_arguments().filter(|arg| !arg.is_global_set()).find(given);
        let useless = useless.and_then(Arg::get_long).map(|long| format!("--{long}"));
        let line = Self::from_arg_matches_mut(&mut matches).map_err(|e| e.format(&mut Self::command()))?;
        Ok(Self { useless, ..line })
    }
}

/// A line typed at the prompt, or from a pipe.
#[derive(Debug, Parser)]
#[command(name = "", no_binary_name = true, disable_help_subcommand = true, disable_version_flag = true)]
#[command(max_term_width = 100)]
pub(crate) struct Typed {
    /// What is asked.
    #[command(subcommand)]
    pub(crate) command: OneShotCommand,
    /// Answer in JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands, at the prompt and on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum OneShotCommand {
    /// List what is shared, here (mine) and by the others
    #[command(visible_alias = "l", alias = "ls")]
    List {
        /// Only paths that contain this, or match it if it has `*` or `?`
        pattern: Option<String>,
        /// Only what this peer shares
        #[arg(long, conflicts_with = "from")]
        mine: bool,
        /// Only what this peer shares: its name, or the beginning of its id
        #[arg(long, value_name = "PEER")]
        from: Option<String>,
    },
    /// Fetch files and folders
    #[command(visible_alias = "d", alias = "get")]
    Download {
        /// Paths as `list` shows them, folders, or `b3:` and the first digits of an id
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
        /// Only from this peer: its name, or the beginning of its id
        #[arg(long, value_name = "PEER")]
        from: Option<String>,
        /// Into this folder [default: downloads/]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// Answer when it is finished (the default but at the prompt)
        #[arg(long, conflicts_with = "no_wait")]
        wait: bool,
        /// Answer once it is begun (the default at the prompt)
        #[arg(long)]
        no_wait: bool,
    },
    /// Stop a download; what arrived stays for a later one
    Cancel {
        /// Its number, as `status` shows it
        #[arg(value_name = "NUMBER")]
        job: u64,
    },
    /// List the peers of this network
    #[command(visible_alias = "p")]
    Peers,
    /// Tell who this peer is, what is being transferred, and who keeps what
    #[command(visible_alias = "s")]
    Status,
    /// Have shared files copied to others so often
    Copies {
        /// How many copies, the one here included (1 to 16), or `auto`: as often as all others
        #[arg(value_name = "N", value_parser = copies_arg)]
        copies: CopiesArg,
        /// Shared files or folders of this peer, as `list --mine` shows them, or `b3:` and the first digits
        /// of an id
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Bring back what this peer shared and others keep: what is missing, or deleted lately
    Restore {
        /// Bring back nothing: what is missing was deleted on purpose, and others may drop it
        #[arg(long, conflicts_with = "files")]
        forget: bool,
        /// Only these files or folders, by the paths that they had, or `b3:` and the first digits of an id
        #[arg(value_name = "FILE")]
        files: Vec<String>,
    },
    /// Read again what is shared and kept here, and tell what is not as it was
    Verify,
    /// Show, export, import or renew the key of this peer
    Identity {
        /// What to do; nothing: show it
        #[command(subcommand)]
        act: Option<IdentityAct>,
    },
    /// End the peer, once what it sends is finished and others keep its files
    #[command(visible_alias = "q", alias = "quit")]
    Exit {
        /// Without finishing what is being sent, and without handing files over
        #[arg(long)]
        now: bool,
    },
    /// Tell what can be typed, or more about one command
    #[command(alias = "?")]
    Help {
        /// The command
        #[arg(value_name = "COMMAND")]
        about: Option<String>,
    },
    /// Write a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page
    Man,
}

/// What to do with the key.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum IdentityAct {
    /// Write the key to a file: whoever has it can be this peer
    Export {
        /// The file; it must not exist
        file: PathBuf,
    },
    /// Take the key from such a file
    Import {
        /// The file
        file: PathBuf,
        /// Keep another key that is here aside, as `key.old-N`
        #[arg(long)]
        replace: bool,
    },
    /// Make a new key: this becomes another peer; the old key is kept as `key.old-N`
    New,
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

/// Parses the program's own arguments.
pub(crate) fn parse_arguments<I: IntoIterator<Item = OsString>>(arguments: I) -> Parsed<CommandLine> {
    parsed(CommandLine::parse(arguments), "potluck help")
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

/// One line that tells what is wrong.
fn wrong(error: &clap::Error, help: &str) -> String {
    let context = |kind| error.get(kind).map(shown).unwrap_or_default();
    let line = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = context(ContextKind::InvalidSubcommand);
            let what = format!("no command `{typed}`");
            return match nearest(&typed) {
                Some(near) => format!("{what}; did you mean `{near}`?"),
                None => format!("{what}: there are {}", names().join(", ")),
            };
        }
        ErrorKind::MissingRequiredArgument => {
            format!("{} is missing", context(ContextKind::InvalidArg).replace("...", ""))
        }
        ErrorKind::UnknownArgument => match context(ContextKind::SuggestedArg) {
            near if near.is_empty() => format!("`{}` is not understood", context(ContextKind::InvalidArg)),
            near => return format!("no `{}`; did you mean `{near}`?", context(ContextKind::InvalidArg)),
        },
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

/// The command that `typed` begins, or was meant to be: at most one slip in three letters.
fn nearest(typed: &str) -> Option<String> {
    let typed = typed.to_lowercase();
    let slips = |name: &String| {
        let begins = typed.len() > 1 && name.starts_with(&typed);
        let slips = if begins { 0 } else { strsim::damerau_levenshtein(&typed, name) };
        (slips <= typed.len().max(name.len()) / 3).then_some(slips)
    };
    let all = names().into_iter().filter_map(|name| Some((slips(&name)?, name)));
    all.min().map(|(_, name)| name)
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

/// The commands by their names.
pub(crate) fn names() -> Vec<String> {
    let command = Typed::command();
    // What is written once, when potluck is installed, is in `help` but in nobody's way.
    let names = command.get_subcommands().map(|c| c.get_name().to_owned());
    names.filter(|name| !matches!(name.as_str(), "completions" | "man")).collect()
}

/// What `help` says on the command line, of one command or of all.
pub(crate) fn help(about: Option<&str>) -> Result<String, Failure> {
    let mut command = CommandLine::command();
    command.build();
    let Some(name) = about else { return Ok(command.render_help().to_string()) };
    match command.find_subcommand_mut(name) {
        Some(found) => Ok(found.render_help().to_string()),
        None => Err(Failure::new(
            Code::Usage,
            format!("no command `{}`: there are {}", text::shown(name), names().join(", ")),
        )),
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
    for sub in command.get_subcommands().filter(|c| !matches!(c.get_name(), "completions" | "man")) {
        let sub = sub.clone();
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
    for command in typed.get_subcommands().filter(|c| !matches!(c.get_name(), "completions" | "man")) {
        let short = command.get_visible_aliases().next().unwrap_or("");
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        lines.push_str(&format!("  {:<10} {short:<2} {about}\n", command.get_name()));
    }
    lines + "\n`help download` tells more about one; TAB completes; Ctrl-C or Ctrl-D leaves at once\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn typed(line: &str) -> OneShotCommand {
        let words = crate::cli::words::split(line).unwrap();
        match parse_typed(&words) {
            Parsed::Command(typed) => typed.command,
            other => panic!("{line}: {other:?}"),
        }
    }

    pub(super) fn wrong_line(line: &str) -> String {
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
            OneShotCommand::Download {
                files: vec!["my file.txt".into(), "b3:00ff".into()],
                from: Some("peer2".into()),
                to: Some("/tmp".into()),
                wait: false,
                no_wait: false,
            }
        );
    }

    #[test]
    fn wrong_usage_is_one_line_that_helps() {
        assert_eq!(wrong_line("lst"), "no command `lst`; did you mean `list`?");
        for (typed, meant) in [
            ("dowlnoad", "download"),
            ("stat", "status"),
            ("LIST", "list"),
            ("exot", "exit"),
            ("peer", "peers"),
            ("restor", "restore"),
            ("cpies", "copies"),
        ] {
            assert_eq!(wrong_line(typed), format!("no command `{typed}`; did you mean `{meant}`?"));
        }
        for far in ["x", "send", "chat", "doctor", ""] {
            let said = wrong_line(&format!("'{far}'"));
            assert!(said.starts_with(&format!("no command `{far}`: there are list,")), "{said}");
        }
        assert_eq!(
            wrong_line("frobnicate"),
            "no command `frobnicate`: there are list, download, cancel, peers, status, copies, restore, \
             verify, identity, exit, help"
        );
        assert_eq!(wrong_line("download"), "<FILE> is missing: see `help`");
        assert_eq!(wrong_line("list --mien"), "no `--mien`; did you mean `--mine`?");
        assert_eq!(wrong_line("list \u{1b}[2J b"), "`b` is not understood: see `help`");
        for line in ["peers x", "cancel x", "list --from a --mine", "exit --now=1", "download a --to"] {
            let said = wrong_line(line);
            assert!(!said.contains('\n') && said.len() > 20, "{line}: {said}");
        }
    }

    #[test]
    fn interfaces_come_with_commas_too() {
        let line = ["potluck", "--interface", "lo,eth0", "--interface", "wlan0", "-t", "1001"];
        let Parsed::Command(line) = parse_arguments(line.map(Into::into)) else { panic!() };
        let config = line.config(PathBuf::from("/peer"));
        assert_eq!(config.interfaces, ["lo", "eth0", "wlan0"]);
        assert_eq!(config.port, 1001);
        assert_eq!(line.useless_flag(), Some("--port"));
        assert!(config.sandbox);
        let Parsed::Command(line) = parse_arguments(["potluck", "--no-sandbox"].map(Into::into)) else {
            panic!()
        };
        assert!(!line.config(PathBuf::from("/peer")).sandbox);
        assert_eq!(line.useless_flag(), Some("--no-sandbox"));
        let Parsed::Command(line) = parse_arguments(["potluck", "--no-swarm"].map(Into::into)) else {
            panic!()
        };
        assert!(config.swarm && !line.config(PathBuf::from("/peer")).swarm);
        assert_eq!(line.useless_flag(), Some("--no-swarm"));
    }

    #[test]
    fn a_flag_of_a_peer_that_is_started_means_nothing_beside_a_command() {
        let parse = |words: &[&str]| match parse_arguments(words.iter().map(Into::into)) {
            Parsed::Command(line) => line,
            other => panic!("{words:?}: {other:?}"),
        };
        // What each flag of the command line is given, and whether it means something beside a command.
        let flags = [
            ("directory", Some("here"), true),
            ("json", None, true),
            ("verbose", None, true),
            ("port", Some("1001"), false),
            ("strict-port", None, false),
            ("daemon", None, false),
            ("name", Some("a name"), false),
            ("up-limit", Some("1M"), false),
            ("down-limit", Some("1M"), false),
            ("no-sandbox", None, false),
            ("no-swarm", None, false),
            ("interface", Some("lo"), false),
            ("discovery-port", Some("27272"), false),
            ("copies", Some("2"), false),
            ("auto-copy", Some("0"), false),
            ("lend", Some("0"), false),
            ("keep-days", Some("30"), false),
            ("keep-deleted", Some("24"), false),
            ("repair-after", Some("15m"), false),
        ];
        let command = CommandLine::command();
        let all: Vec<_> = command.get_arguments().filter_map(Arg::get_long).collect();
        assert!(
            all.iter().all(|long| flags.iter().any(|(f, ..)| f == long)),
            "a flag is missing here: {all:?}"
        );
        assert_eq!(all.len(), flags.len());
        for (flag, value, means_something) in flags {
            let long = format!("--{flag}");
            let words: Vec<&str> = ["potluck", &long].into_iter().chain(value).chain(["list"]).collect();
            // Also when the value is the default.
            let useless = (!means_something).then_some(long.as_str());
            assert_eq!(parse(&words).useless_flag(), useless, "{words:?}");
        }
        assert_eq!(parse(&["potluck", "list"]).useless_flag(), None);
        assert_eq!(parse(&["potluck", "-t", "1001", "list"]).useless_flag(), Some("--port"));
    }

    #[test]
    fn limits_are_rates_and_nonsense_is_told_in_one_line() {
        let limits = |words: &[&str]| match parse_arguments(words.iter().map(Into::into)) {
            Parsed::Command(line) => {
                let config = line.config(PathBuf::from("/peer"));
                Ok([config.up_limit, config.down_limit].map(|l| l.map_or(0, NonZeroU64::get)))
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
