//! A peer that runs as a service reads its settings again when it is told to (SIGHUP): what can change while it runs
//! does, and of the rest it is logged that it counts from the next start.

use core::ops::ControlFlow;
use std::io;
use std::path::PathBuf;

use crossbeam_channel::Sender;

use super::log_lines::SERVICE;
use super::supervised::Notifier;
use super::{flags, session, settings_files};
use crate::control::{Ask, ReloadRequest};
use crate::error::Failure;
use crate::settings::layers::SettingRow;
use crate::sys::clock;
use crate::sys::signals::Hangups;
use crate::text::shown;

/// What is needed for it.
#[derive(Debug)]
pub(super) struct Reloader {
    /// The peer directory.
    pub(super) directory: PathBuf,
    /// The way to the peer.
    pub(super) asks: Sender<Ask>,
    /// The settings as they were read last.
    pub(super) rows: Vec<SettingRow>,
    /// Who is told that it is under way.
    pub(super) notifier: Notifier,
}

impl Reloader {
    /// Does it at each SIGHUP, unless that is ignored.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn listen(mut self, hangups: Option<Hangups>) -> io::Result<()> {
        hangups.map_or(Ok(()), |hangups| hangups.listen(move || self.run()))
    }

    /// Does it, and logs what came of it.
    fn run(&mut self) {
        self.notifier.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", clock::monotonic_micros()));
        match self.reload() {
            Ok(lines) => lines.iter().for_each(|line| log::info!(target: SERVICE, "{line}")),
            Err(failure) => log::warn!(target: SERVICE, "settings stay as they are: {}", failure.message),
        }
        self.notifier.tell("READY=1");
    }

    fn reload(&mut self) -> Result<Vec<String>, Failure> {
        let layers = settings_files::layers(&self.directory)?;
        let (line, rows) = flags::parse_above(std::env::args_os(), &layers)?;
        let speed = line.settings(self.directory.clone()).speed;
        session::ask(&self.asks, ReloadRequest::from(speed), |_| ControlFlow::Continue(()))?;
        let lines = changes(&self.rows, &rows);
        self.rows = rows;
        Ok(lines)
    }
}

/// What is to be said of settings that changed.
fn changes(before: &[SettingRow], after: &[SettingRow]) -> Vec<String> {
    let pairs = before.iter().zip(after).filter(|(before, after)| before.values != after.values);
    let line = |(_, after): (&SettingRow, &SettingRow)| {
        let value = if after.values.is_empty() { "not set".to_owned() } else { after.values.join(", ") };
        let when = if after.key.is_live() { "from now on" } else { "from the next start on" };
        format!("{} is {} {when}", after.key.name, shown(&value))
    };
    let lines: Vec<_> = pairs.map(line).collect();
    if lines.is_empty() { vec!["settings were read again: nothing has changed".to_owned()] } else { lines }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::keys::SettingKey;
    use crate::settings::layers::SettingOrigin;

    #[test]
    fn what_changes_now_and_what_needs_a_start_is_said_apart() {
        let rows = |up: &str, names: &[&str]| -> Vec<SettingRow> {
            let row = |key: SettingKey| {
                let values = match key.name.as_str() {
                    "up-limit" => vec![up.to_owned()],
                    "name" => names.iter().map(|&name| name.to_owned()).collect(),
                    _ => Vec::new(),
                };
                SettingRow { key, values, origin: SettingOrigin::Default }
            };
            SettingKey::all().into_iter().map(row).collect()
        };
        let same = rows("1M", &[]);
        assert_eq!(changes(&same, &same), ["settings were read again: nothing has changed"]);
        let mut lines = changes(&same, &rows("2M", &["anna\u{1b}"]));
        lines.sort();
        assert_eq!(lines, ["name is anna\\u{1b} from the next start on", "up-limit is 2M from now on"]);
        assert_eq!(changes(&rows("1M", &["x"]), &same), ["name is not set from the next start on"]);
    }
}
