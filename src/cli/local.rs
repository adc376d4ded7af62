//! The commands that ask no peer: about the key of this folder, and about potluck itself.

use core::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::config::{self, ConfigAct};
use super::flags::{manual, pages};
use super::local_answer::{LocalAnswer, LocalReply, ProgramRow};
use super::show::ShowOptions;
use super::{completions, group, identity, output, web};
use crate::control::typed::CommandOrigin;
use crate::error::Failure;
use crate::text;

/// The place of `help` among the commands: behind `exit`, which comes last of those that a peer is asked.
const HELP: usize = 1_001;

/// Below what `help group` says.
const GROUP_EXAMPLES: &str = "\
Examples:
  group new office           makes a group, and its passphrase for the others
  group join                 what each of the others types; asks for name and passphrase
  group show                 the passphrase once more
The peers of a group are a network of their own: nobody else sees them, or what they share.";

/// Below what `help config` says.
const CONFIG_EXAMPLES: &str = "\
Examples:
  config                     each setting, its value and where that comes from
  config set up-limit 2M     writes potluck.toml in the peer directory; a peer has it once it is started
  config unset up-limit      takes it out again
What weighs more comes later: ~/.config/potluck/potluck.toml, potluck.toml in the peer directory, the environment
(POTLUCK_UP_LIMIT), flags. A switch that a file turns on is turned off for once by its variable: POTLUCK_WAN=false.";

/// Below what `help web` says.
const WEB_NOTES: &str = "\
The page shows and does what the prompt can, and is served to this machine alone. Its address is good once and for 30
seconds: each `web` makes a new one. `--no-web` starts a peer without it, `--web-port` says at which port it is.

Examples:
  web                        opens it, and prints its address
  web --no-open --json       for a program that asks what the page asks (docs/API.md)";

/// A command that asks no peer.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum LocalCommand {
    /// Show, export, import or renew the key of this peer
    Identity {
        /// What to do; nothing: show it
        #[command(subcommand)]
        act: Option<IdentityAct>,
    },
    /// Make, join, leave or show the group of this peer
    #[command(after_help = GROUP_EXAMPLES)]
    Group {
        /// What to do; nothing: show it
        #[command(subcommand)]
        act: Option<GroupAct>,
    },
    /// Show the settings of this peer and where each comes from, or change one
    #[command(after_help = CONFIG_EXAMPLES)]
    Config {
        /// What to do; nothing: show them all
        #[command(subcommand)]
        act: Option<ConfigAct>,
    },
    /// Open the page of this peer in a browser on this machine
    #[command(after_help = WEB_NOTES)]
    Web {
        /// Only print its address
        #[arg(long)]
        no_open: bool,
    },
    /// Tell what can be typed, or more about one command
    #[command(alias = "?", display_order = HELP)]
    Help {
        /// The command
        #[arg(value_name = "COMMAND")]
        about: Option<String>,
    },
    /// Print the version of potluck
    #[command(hide = true)]
    Version,
    /// Write a completion script for a shell
    #[command(display_order = HELP + 1)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write a manual page: of potluck, or of a command
    #[command(display_order = HELP + 2)]
    Man {
        /// The command
        #[arg(value_name = "COMMAND")]
        about: Option<String>,
        /// Write all pages into DIR, a file each; it is created if it is missing
        #[arg(long, value_name = "DIR", conflicts_with = "about")]
        to: Option<PathBuf>,
    },
    /// Propose what the word at the end of a line can become; the scripts of `completions` ask that
    #[command(hide = true)]
    Complete {
        /// The line as it stands in the shell, up to the cursor
        line: String,
    },
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

/// What to do with the group.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum GroupAct {
    /// Make a group with a passphrase that nobody can guess, and join it
    New {
        /// Its name
        name: String,
    },
    /// Join a group: asks for its name and passphrase, or reads them from standard input, a line each
    Join,
    /// Leave the group, and be in the open network again
    Leave,
    /// Show the name and the passphrase of the group
    Show,
}

impl LocalCommand {
    /// Its name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Identity { .. } => "identity",
            Self::Group { .. } => "group",
            Self::Config { .. } => "config",
            Self::Web { .. } => "web",
            Self::Help { .. } => "help",
            Self::Version => "version",
            Self::Completions { .. } => "completions",
            Self::Man { .. } => "man",
            Self::Complete { .. } => "complete",
        }
    }

    /// True if a command of this name asks no peer.
    pub(super) fn has(name: &str) -> bool {
        Self::augment_subcommands(clap::Command::new("")).find_subcommand(name).is_some()
    }

    /// True if what a peer would be started with means something to it.
    pub(super) const fn takes_settings(&self) -> bool {
        matches!(self, Self::Config { act: None })
    }

    /// True if an argument of a command, both by their names, is the name of a command.
    pub(super) fn names_a_command(command: &str, argument: &str) -> bool {
        matches!(command, "help" | "man") && argument == "about"
    }

    /// True if an argument of a command, both by their names, is the key of a setting.
    pub(super) fn names_a_setting(command: &str, argument: &str) -> bool {
        matches!((command, argument), ("set" | "unset", "key"))
    }

    /// Does it. At the prompt of the peer in `directory`, or outside of one.
    pub(super) fn run(self, directory: &Path, options: ShowOptions) -> Result<(), Failure> {
        let origin = options.origin;
        let answer = match self {
            Self::Help { about: None } if origin != CommandOrigin::OneShot => {
                LocalAnswer::text(manual::overview())
            }
            // What people type who want to be helped with anything.
            Self::Help { about: Some(me) } if me == "me" => {
                return Self::Help { about: None }.run(directory, options);
            }
            Self::Version => {
                let program = env!("CARGO_PKG_VERSION");
                let objects = vec![LocalReply::Program(ProgramRow { program })];
                LocalAnswer { text: format!("potluck {program}\n"), objects }
            }
            Self::Help { about } => LocalAnswer::text(manual::help(about.as_deref())?),
            Self::Identity { act } => identity::run(act, directory)?,
            Self::Group { act } => group::run(act, directory, origin)?,
            Self::Config { act } => config::run(act, directory, origin)?,
            Self::Web { no_open } => web::open(directory, !no_open)?,
            Self::Completions { shell } => LocalAnswer::text(completions::script(shell)),
            Self::Complete { line } => LocalAnswer::text(completions::proposals(&line)),
            Self::Man { about, to: None } => LocalAnswer::text(pages::page(about.as_deref())?),
            Self::Man { to: Some(folder), .. } => write_pages(&folder)?,
        };
        let _reader_gone: ControlFlow<()> = output::out(&answer.printed(options.json));
        Ok(())
    }
}

/// Writes all manual pages into a folder.
fn write_pages(folder: &Path) -> Result<LocalAnswer, Failure> {
    let failed = |path: &Path, e: &std::io::Error| {
        let path = path.display().to_string();
        Failure::other(format!("the manual pages cannot be written: {}: {e}", text::shown(&path)))
    };
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for (name, page) in pages::all() {
        let path = folder.join(name);
        std::fs::write(&path, page).map_err(|e| failed(&path, &e))?;
    }
    Ok(LocalAnswer::default())
}
