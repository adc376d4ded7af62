//! Flags and commands: one definition for the command line and the prompt.

mod custody;
pub(crate) mod manual;
mod wrong;

use core::num::NonZeroU64;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::custody::CustodyFlags;
use self::wrong::wrong;
use super::human;
use super::local::LocalCommand;
use crate::cli::limits;
use crate::control::Request;
use crate::error::{Code, Failure};
use crate::settings::{DEFAULT_PORT, Settings};

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
    pub(crate) command: Option<TypedCommand>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{CopiesRequest, DownloadRequest, RestoreRequest, VerifyRequest};

    pub(super) fn typed(line: &str) -> Request {
        let words = crate::cli::words::split(line).unwrap();
        match parse_typed(&words) {
            Parsed::Command(Typed { command: TypedCommand::Ask(request), .. }) => request,
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
            DownloadRequest {
                files: vec!["my file.txt".into(), "b3:00ff".into()],
                from: Some("peer2".into()),
                to: Some("/tmp".into()),
                wait: false,
                no_wait: false,
            }
            .into()
        );
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
        assert!(wrong_line("restore --forget a").contains("cannot be used with"));
        assert_eq!(typed("verify"), VerifyRequest::default().into());
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
