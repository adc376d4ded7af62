//! The log: into the screen while a peer runs, so that it stands above what is being typed.

use std::io::{self, Write};

use crossbeam_channel::Sender;
use env_logger::{Builder, Env, Target};
use log::{Level, LevelFilter};

use super::log_lines::{SERVICE, with_level};

/// Sends whole lines to the screen; when it is behind, they are lost rather than waited for.
struct Lines(Sender<String>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(bytes).lines() {
            drop(self.0.try_send(line.to_owned()));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the log goes.
#[derive(Debug)]
pub(super) enum LogTarget {
    /// To standard error.
    Stderr,
    /// Above what is being typed.
    Screen(Sender<String>),
    /// To the screen, which writes the log of a service.
    Service(Sender<String>),
}

/// The variable that says what is logged, as `RUST_LOG` does elsewhere.
const VARIABLE: &str = "POTLUCK_LOG";

/// Starts the log: warnings, with `verbose` more; of a service also what it does. `POTLUCK_LOG` overrides.
pub(super) fn start(verbose: u8, to: LogTarget) {
    let level = match verbose {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let is_service = matches!(to, LogTarget::Service(_));
    let target = match to {
        LogTarget::Stderr => Target::Stderr,
        LogTarget::Screen(lines) | LogTarget::Service(lines) => Target::Pipe(Box::new(Lines(lines))),
    };
    let mut builder = Builder::new();
    if is_service && std::env::var_os(VARIABLE).is_none_or(|levels| levels.is_empty()) {
        builder.filter_module(SERVICE, level.max(LevelFilter::Info));
    }
    let started = builder
        .filter_level(level)
        // It logs each key while it reads, and what it logs would be printed while it reads.
        .filter_module("rustyline", LevelFilter::Off)
        // It warns when a folder that it watched went away, for it hears of that twice.
        .filter_module("notify", LevelFilter::Error)
        .parse_env(Env::new().filter(VARIABLE))
        .format(move |to, record| match record.level() {
            level if is_service => {
                let is_told = level <= Level::Warn || record.target() == SERVICE;
                let target = if is_told { String::new() } else { format!("{}: ", record.target()) };
                // In one line: the level stands in front of it.
                let text = record.args().to_string().replace(['\n', '\r'], " ");
                writeln!(to, "{}", with_level(level, &format!("{target}{text}")))
            }
            Level::Error => writeln!(to, "error: {}", record.args()),
            Level::Warn => writeln!(to, "warning: {}", record.args()),
            level => writeln!(to, "{} {}: {}", level.as_str().to_lowercase(), record.target(), record.args()),
        })
        .target(target)
        .try_init();
    if started.is_err() {
        log::debug!("the log was started before");
    }
}
