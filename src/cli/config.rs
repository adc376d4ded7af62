//! The command `config`: which settings a peer that starts in this folder has and where each comes from, and
//! changes of the file there.

use std::path::Path;

use clap::Subcommand;

use super::local_answer::{self, LocalAnswer, LocalReply};
use super::output::Style;
use super::settings_files::{self, named};
use super::show::parts::{Fit, table};
use super::{flags, output};
use crate::control::typed::CommandOrigin;
use crate::error::{Code, Failure};
use crate::settings::keys::SettingKey;
use crate::settings::layers::{self, SettingLayers, SettingOrigin, SettingRow};
use crate::settings::toml::{self, WrongText};
use crate::text::shown;

/// What to do with the settings.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum ConfigAct {
    /// Write a setting into potluck.toml of this peer; its comments stay
    Set {
        /// Which, as `config` shows it
        key: String,
        /// Its value; of a list, several
        #[arg(required = true, allow_hyphen_values = true)]
        value: Vec<String>,
    },
    /// Take a setting out of potluck.toml of this peer
    Unset {
        /// Which
        key: String,
    },
}

/// Does it for the peer in `directory`; returns what is to be said.
pub(super) fn run(
    act: Option<ConfigAct>,
    directory: &Path,
    origin: CommandOrigin,
) -> Result<LocalAnswer, Failure> {
    match act {
        None => {
            // At the prompt of a peer its own flags count, elsewhere those of this command line: they are the same.
            let (_, rows) = flags::parse_above(std::env::args_os(), &settings_files::layers(directory)?)?;
            Ok(LocalAnswer { text: text(&rows, directory, origin), objects: objects(&rows) })
        }
        Some(ConfigAct::Set { key, value }) => set(&key, &value, directory).map(LocalAnswer::note),
        Some(ConfigAct::Unset { key }) => unset(&key, directory).map(LocalAnswer::note),
    }
}

/// The keys of all settings but those for tests alone.
pub(super) fn keys() -> Vec<String> {
    SettingKey::all().into_iter().filter(|key| !key.is_hidden).map(|key| key.name).collect()
}

fn set(name: &str, values: &[String], directory: &Path) -> Result<String, Failure> {
    let key = layers::named(name)?;
    let values: Vec<String> = match key.is_list() {
        true => values.iter().flat_map(|value| layers::listed(value)).collect(),
        false => values.to_vec(),
    };
    let wrong = |why: String| Failure::new(Code::Usage, format!("`{}`: {}", key.name, shown(&why)));
    key.check(&values).map_err(wrong)?;
    let path = settings_files::of_peer(directory);
    let before = settings_files::read(&path)?.unwrap_or_default();
    let after = toml::set(&before, &key, &values).map_err(|e| no_toml(&path, &e))?;
    settings_files::write(&path, &after)?;
    Ok(format!(
        "{} = {} in {}\n{}",
        key.name,
        shown(&values.join(", ")),
        named(&path),
        weighed(&key.name, directory)
    ))
}

fn unset(name: &str, directory: &Path) -> Result<String, Failure> {
    let path = settings_files::of_peer(directory);
    let before = settings_files::read(&path)?.unwrap_or_default();
    // What is no setting must go, too.
    let Some(after) = toml::unset(&before, name).map_err(|e| no_toml(&path, &e))? else {
        layers::named(name)?;
        return Ok(format!("{name} is not set in {}\n", named(&path)));
    };
    settings_files::write(&path, &after)?;
    Ok(format!("{} is no longer set in {}\n{}", shown(name), named(&path), weighed(name, directory)))
}

fn no_toml(path: &Path, WrongText { line, why }: &WrongText) -> Failure {
    Failure::new(Code::Usage, format!("{}:{line}: {}", named(path), shown(why)))
}

/// What weighs more than the file of the peer, or is wrong elsewhere; nothing if it is as the file says.
fn weighed(name: &str, directory: &Path) -> String {
    let origin = settings_files::layers(directory).map(|layers| layers.origin(name).cloned());
    match origin {
        Ok(Some(SettingOrigin::Environment(variable))) => format!("{variable} is set, and weighs more\n"),
        Ok(_) => String::new(),
        Err(failure) => format!("but a peer does not start: {}\n", failure.message),
    }
}

fn objects(rows: &[SettingRow]) -> Vec<LocalReply> {
    let object = |row: &SettingRow| {
        let SettingRow { key, values, origin } = row;
        let (origin, file, line, variable) = match origin {
            SettingOrigin::Default => ("default", None, None, None),
            SettingOrigin::File { path, line } => {
                ("file", Some(path.display().to_string()), Some(*line), None)
            }
            SettingOrigin::Environment(variable) => ("environment", None, None, Some(variable.clone())),
            SettingOrigin::Flag => ("flag", None, None, None),
        };
        LocalReply::Setting(local_answer::SettingRow {
            key: key.name.clone(),
            values: values.clone(),
            unit: key.unit,
            help: key.help.clone(),
            is_switch: key.is_switch(),
            is_list: key.is_list(),
            is_live: key.is_live(),
            origin,
            file,
            line,
            variable,
        })
    };
    rows.iter().filter(|row| is_shown(row)).map(object).collect()
}

fn text(rows: &[SettingRow], directory: &Path, origin: CommandOrigin) -> String {
    let style = Style::of_stdout();
    let cells = |row: &SettingRow| {
        let value =
            if row.values.is_empty() { "-".to_owned() } else { shown(&row.values.join(", ")).into_owned() };
        let from = match &row.origin {
            SettingOrigin::Default => "default".to_owned(),
            SettingOrigin::File { path, line } => {
                format!("{}:{line}", named(path.strip_prefix(directory).unwrap_or(path)))
            }
            SettingOrigin::Environment(variable) => variable.clone(),
            SettingOrigin::Flag => "flag".to_owned(),
        };
        [row.key.name.clone(), value, row.key.unit.unwrap_or_default().to_owned(), from]
    };
    let cells: Vec<_> = rows.iter().filter(|row| is_shown(row)).map(cells).collect();
    let header = ["SETTING", "VALUE", "UNIT", "FROM"];
    let mut text = table(header, [false; 4], [Fit::Whole, Fit::Cut, Fit::Whole, Fit::Cut], &cells, style);
    let user = settings_files::of_user()
        .map_or_else(String::new, |path| format!("; for all your peers: {}", named(&path)));
    let peer = named(&settings_files::of_peer(directory));
    text.push_str(&style.dim(&format!("`config set` writes {peer}{user}")));
    text.push('\n');
    if origin == CommandOrigin::OneShot {
        text.push_str(&style.dim("a peer that runs here may have been started with flags of its own"));
        text.push('\n');
    }
    text
}

/// What is for tests alone is shown where it is set.
fn is_shown(row: &SettingRow) -> bool {
    !row.key.is_hidden || row.origin != SettingOrigin::Default
}

/// What stands below the flags of a command to a peer that runs: it is asked even where a file is wrong.
pub(super) fn layers_or_warning(directory: &Path) -> SettingLayers {
    settings_files::layers(directory).unwrap_or_else(|failure| {
        output::err(&format!("potluck: warning: {}\n", failure.message));
        SettingLayers::default()
    })
}
