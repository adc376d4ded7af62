//! The log: into the screen while a peer runs, so that it stands above what is being typed.

use std::io::{self, Write};

use crossbeam_channel::Sender;
use env_logger::{Builder, Env, Target};
use log::{Level, LevelFilter};

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

/// Starts the log: warnings, with `verbose` more; `POTLUCK_LOG` (as `RUST_LOG`) overrides. Without
/// `screen` it goes to standard error.
pub(super) fn start(verbose: u8, screen: Option<Sender<String>>) {
    let level = match verbose {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let target = screen.map_or(Target::Stderr, |screen| Target::Pipe(Box::new(Lines(screen))));
    let started = Builder::new()
        .filter_level(level)
        // It logs each key while it reads, and what it logs would be printed while it reads.
        .filter_module("rustyline", LevelFilter::Off)
        // It warns when a folder that it watched went away, for it hears of that twice.
        .filter_module("notify", LevelFilter::Error)
        .parse_env(Env::new().filter("POTLUCK_LOG"))
        .format(|to, record| match record.level() {
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
