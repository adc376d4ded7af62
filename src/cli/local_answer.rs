//! What commands answer that ask no peer: text for people, objects for programs.

use serde::Serialize;

use super::output;

/// An answer.
#[derive(Debug, Default)]
pub(super) struct LocalAnswer {
    /// As people read it.
    pub(super) text: String,
    /// As JSON.
    pub(super) objects: Vec<LocalReply>,
}

impl LocalAnswer {
    /// Text that is the same for people and programs: it is made to be put into a file.
    pub(super) const fn text(text: String) -> Self {
        Self { text, objects: Vec::new() }
    }

    /// What was done, in words.
    pub(super) fn note(text: String) -> Self {
        let objects = text.lines().map(|line| LocalReply::Note { text: line.to_owned() }).collect();
        Self { text, objects }
    }

    /// How it is printed.
    pub(super) fn printed(self, json: bool) -> String {
        match json && !self.objects.is_empty() {
            true => self.objects.iter().map(output::json_line).collect(),
            false => self.text,
        }
    }
}

/// One answer of a command that asks no peer.
#[derive(Debug, Serialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(super) enum LocalReply {
    /// A setting, in the order in which `help` names them. Answer to `config`.
    Setting(SettingRow),
    /// The key of this peer. Answer to `identity`, also where that changed it.
    Identity(IdentityRow),
    /// The group of this peer. Answer to `group`, also where that changed it.
    Group(GroupRow),
    /// The page for browsers on this machine. Answer to `web`.
    Page(PageRow),
    /// The program. Answer to `version`.
    Program(ProgramRow),
    /// What was done, in words.
    Note {
        /// These.
        text: String,
    },
}

/// A setting that a peer in this folder starts with.
#[derive(Debug, Serialize)]
pub(super) struct SettingRow {
    /// Its name in files.
    pub(super) key: String,
    /// Its values as they are typed; none: as `help` says.
    pub(super) values: Vec<String>,
    /// What they are counted in.
    pub(super) unit: Option<&'static str>,
    /// What `help` says of it.
    pub(super) help: String,
    /// True if it is `true` or `false`.
    pub(super) is_switch: bool,
    /// True if there may be several values.
    pub(super) is_list: bool,
    /// True if a peer that runs takes it over (`reload`); others count from its next start on.
    pub(super) is_live: bool,
    /// Where they come from: `default`, `file`, `environment` or `flag`.
    pub(super) origin: &'static str,
    /// Which file.
    pub(super) file: Option<String>,
    /// In which line of it.
    pub(super) line: Option<usize>,
    /// Which variable of the environment.
    pub(super) variable: Option<String>,
}

/// The key of this peer.
#[derive(Debug, Serialize)]
pub(super) struct IdentityRow {
    /// The peer id, 52 characters; null: there is no key yet.
    pub(super) id: Option<String>,
    /// The name that others see unless it is started with another one.
    pub(super) name: Option<String>,
    /// The file of the key.
    pub(super) file: String,
    /// True once the key was exported.
    pub(super) is_exported: bool,
    /// The file of the key that was there before, if this command put one aside.
    pub(super) old_file: Option<String>,
}

/// The group of this peer.
#[derive(Debug, Serialize)]
pub(super) struct GroupRow {
    /// Its name; null: none, this peer is in the open network.
    pub(super) name: Option<String>,
    /// Its passphrase; null where it is not asked for.
    pub(super) passphrase: Option<String>,
}

/// The page for browsers on this machine.
#[derive(Debug, Serialize)]
pub(super) struct PageRow {
    /// Its address, good once within 30 seconds.
    pub(super) address: String,
    /// True if a browser was told to open it.
    pub(super) is_opened: bool,
}

/// This program.
#[derive(Debug, Serialize)]
pub(super) struct ProgramRow {
    /// Its version, as `major.minor.patch`.
    pub(super) program: &'static str,
}
