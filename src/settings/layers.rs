//! Where settings come from, in the order of growing weight: defaults, the user's file, that of the peer directory,
//! the environment, flags. cli/settings_files.rs reads the files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::keys::{self, SettingKey};
use super::toml::{self, WrongText};
use crate::error::{Code, Failure};
use crate::text::{self, shown};

/// Keys that somebody may try who looks for the group, which is no setting: files are read by many.
const SECRETS: [&str; 5] = ["group", "passphrase", "password", "secret", "key"];

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SettingOrigin {
    /// Nobody said anything.
    Default,
    /// A file.
    File {
        /// Which.
        path: PathBuf,
        /// In which line, from 1.
        line: usize,
    },
    /// This variable.
    Environment(String),
    /// The command line.
    Flag,
}

/// A setting, its values and their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingRow {
    /// Which.
    pub(crate) key: SettingKey,
    /// As they are typed.
    pub(crate) values: Vec<String>,
    /// Where they come from.
    pub(crate) origin: SettingOrigin,
}

/// A file of settings that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingsText {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// What is in it.
    pub(crate) text: String,
}

/// What stands below the flags, by the name of its setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SettingLayers(BTreeMap<String, (Vec<String>, SettingOrigin)>);

impl SettingLayers {
    /// Of these files, the last one weighs most, and of the variables that `environment` gives.
    ///
    /// # Errors
    /// What is no setting, or has a value that it cannot have: where, and what can be said there.
    pub(crate) fn of(
        files: &[SettingsText],
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        let mut layers = Self::default();
        let keys = SettingKey::all();
        for file in files {
            layers.add_file(&keys, file)?;
        }
        for key in &keys {
            let variable = key.variable();
            // An empty one says nothing.
            let Some(value) = environment(&variable).filter(|value| !value.is_empty()) else { continue };
            let value = value.into_string().map_err(|_| usage(format!("{variable} is not UTF-8")))?;
            let values = if key.is_list() { listed(&value) } else { vec![value] };
            key.check(&values).map_err(|why| usage(format!("{variable}: {}", shown(&why))))?;
            layers.0.insert(key.name.clone(), (values, SettingOrigin::Environment(variable)));
        }
        Ok(layers)
    }

    fn add_file(&mut self, keys: &[SettingKey], file: &SettingsText) -> Result<(), Failure> {
        let path = file.path.display().to_string();
        let at = |line: usize, why: &str| usage(format!("{}:{line}: {}", shown(&path), shown(why)));
        let set = toml::read(&file.text).map_err(|WrongText { line, why }| at(line, &why))?;
        for set in set {
            let Some(key) = keys.iter().find(|key| key.name == set.key) else {
                return Err(at(set.line, &unknown(&set.key, keys)));
            };
            let wrong = |why: &str| at(set.line, &format!("`{}`: {why}", key.name));
            let mut values = set.values.map_err(&wrong)?;
            if key.is_list() {
                values = values.iter().flat_map(|value| listed(value)).collect();
            }
            key.check(&values).map_err(|why| wrong(&why))?;
            if key.is_path() {
                let folder = file.path.parent().unwrap_or_else(|| Path::new("."));
                values = values.iter().map(|value| folder.join(value).display().to_string()).collect();
            }
            let origin = SettingOrigin::File { path: file.path.clone(), line: set.line };
            self.0.insert(key.name.clone(), (values, origin));
        }
        Ok(())
    }

    /// Where that of this name comes from, if not from a flag; `None`: nobody said anything.
    pub(crate) fn origin(&self, name: &str) -> Option<&SettingOrigin> {
        self.0.get(name).map(|(_, origin)| origin)
    }

    /// A command line that has the settings, with these for its defaults.
    pub(crate) fn below(&self, command: Command) -> Command {
        let keys = SettingKey::all();
        command.mut_args(|arg| {
            let given =
                keys.iter().find(|key| key.id() == arg.get_id()).and_then(|key| self.0.get(&key.name));
            match given {
                Some((values, _)) => arg.default_values(values.clone()),
                None => arg,
            }
        })
    }

    /// Each setting as `matches` of such a command line has it.
    pub(crate) fn rows(&self, matches: &ArgMatches) -> Vec<SettingRow> {
        let row = |key: SettingKey| {
            let id = key.id().as_str();
            let raw = matches.get_raw(id).into_iter().flatten();
            let typed = || raw.map(|value| value.to_string_lossy().into_owned()).collect();
            let (values, origin) = match (matches.value_source(id), self.0.get(&key.name)) {
                (Some(ValueSource::CommandLine), _) => (typed(), SettingOrigin::Flag),
                (_, Some((values, origin))) => (values.clone(), origin.clone()),
                (_, None) => (key.defaults.clone(), SettingOrigin::Default),
            };
            SettingRow { key, values, origin }
        };
        SettingKey::all().into_iter().map(row).collect()
    }
}

/// What is wrong with settings that do not go together, wherever each of them comes from.
///
/// # Errors
/// Which do not.
pub(crate) fn check_together(rows: &[SettingRow]) -> Result<(), Failure> {
    let given = rows.iter().filter(|row| row.origin != SettingOrigin::Default);
    let words = given.flat_map(|row| row.key.words(&row.values)).collect();
    match keys::parse(words) {
        Ok(_) => Ok(()),
        Err(e) => Err(usage(format!(
            "{}: `potluck config` shows where each comes from",
            shown(&keys::first_line(&e))
        ))),
    }
}

/// The setting that is called so.
///
/// # Errors
/// There is none; which may be meant.
pub(crate) fn named(name: &str) -> Result<SettingKey, Failure> {
    let keys = SettingKey::all();
    let found = keys.iter().find(|key| key.name == name).cloned();
    found.ok_or_else(|| usage(shown(&unknown(name, &keys)).into_owned()))
}

/// Values of a list that stand in one text.
pub(crate) fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

fn unknown(name: &str, keys: &[SettingKey]) -> String {
    if SECRETS.contains(&name) {
        return format!(
            "no setting `{name}`: a passphrase does not belong here; `potluck group join` asks for it, or `group-file` \
             names a file that only you can read"
        );
    }
    // A flag that turns something off has the key of what that is.
    let plain = name.trim_start_matches('-').replace('_', "-");
    let bare = plain.strip_prefix("no-").unwrap_or(&plain);
    let names = || keys.iter().filter(|key| !key.is_hidden).map(|key| key.name.as_str());
    match names().find(|known| *known == bare).or_else(|| text::nearest(&plain, names())) {
        Some(near) => format!("no setting `{name}`; did you mean `{near}`?"),
        None => format!("no setting `{name}`; `potluck config` lists them"),
    }
}

fn usage(message: String) -> Failure {
    Failure::new(Code::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SettingsText {
        SettingsText { path: path.into(), text: text.to_owned() }
    }

    fn layers(files: &[SettingsText], variables: &[(&str, &str)]) -> Result<SettingLayers, String> {
        let variable =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        SettingLayers::of(files, variable).map_err(|failure| {
            assert_eq!(failure.code, Code::Usage);
            failure.message
        })
    }

    /// The rows of a start with these flags.
    fn rows(layers: &SettingLayers, flags: &[&str]) -> Vec<SettingRow> {
        use clap::Args as _;
        let command = super::super::Settings::augment_args(Command::new("").no_binary_name(true));
        layers.rows(&layers.below(command).try_get_matches_from(flags).unwrap())
    }

    fn row(rows: &[SettingRow], name: &str) -> (String, SettingOrigin) {
        let row = rows.iter().find(|row| row.key.name == name).unwrap();
        (row.values.join(","), row.origin.clone())
    }

    #[test]
    fn the_nearer_one_weighs_more() {
        let user = file(
            "/home/a/.config/potluck/potluck.toml",
            "copies = 3\nlend = \"1G\"\nbell = true\nname = \"u\"\n",
        );
        let peer = file("/peer/potluck.toml", "\nlend = \"2G\"\nname = \"p\"\nsandbox = false\n");
        let layers =
            layers(&[user.clone(), peer.clone()], &[("POTLUCK_NAME", "e"), ("POTLUCK_LEND", "")]).unwrap();
        let rows = rows(&layers, &["--copies", "4"]);
        assert_eq!(row(&rows, "copies"), ("4".to_owned(), SettingOrigin::Flag));
        assert_eq!(
            row(&rows, "name"),
            ("e".to_owned(), SettingOrigin::Environment("POTLUCK_NAME".to_owned()))
        );
        let of = |file: &SettingsText, line| SettingOrigin::File { path: file.path.clone(), line };
        assert_eq!(row(&rows, "lend"), ("2G".to_owned(), of(&peer, 2)));
        assert_eq!(row(&rows, "sandbox"), ("false".to_owned(), of(&peer, 4)));
        assert_eq!(row(&rows, "bell"), ("true".to_owned(), of(&user, 3)));
        assert_eq!(row(&rows, "port"), ("27280".to_owned(), SettingOrigin::Default));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_what_can_be_said() {
        for (text, said) in [
            ("a = 1\n", "/p/potluck.toml:1: no setting `a`; `potluck config` lists them"),
            ("\nup-limt = \"1M\"\n", "/p/potluck.toml:2: no setting `up-limt`; did you mean `up-limit`?"),
            ("up_limit = \"1M\"\n", "did you mean `up-limit`?"),
            ("no-sandbox = true\n", "did you mean `sandbox`?"),
            ("copies = 17\n", "/p/potluck.toml:1: `copies`: 17 is not in 1..=16"),
            ("lend = 1.5\n", "`lend`: give a text in quotes"),
            ("[lend]\n", "`lend`: give a value, not a table"),
            ("wan = \"yes\"\n", "`wan`: give true or false"),
            ("copies = [1]\ncopies = 2\n", "/p/potluck.toml:2: "),
            ("passphrase = \"x\"\n", "`potluck group join` asks for it"),
        ] {
            let why = layers(&[file("/p/potluck.toml", text)], &[]).unwrap_err();
            assert!(why.contains(said) && !why.contains('\n'), "{text}: {why}");
        }
        let why = layers(&[], &[("POTLUCK_PORT", "x")]).unwrap_err();
        assert!(why.starts_with("POTLUCK_PORT: "), "{why}");
        // What a file has of secrets is not repeated.
        assert!(!layers(&[file("/p", "passphrase = \"horse\"\n")], &[]).unwrap_err().contains("horse"));
    }

    #[test]
    fn what_does_not_go_together_is_told_wherever_it_comes_from() {
        let layers = layers(&[file("/p", "index-only = true\n")], &[]).unwrap();
        assert_eq!(check_together(&rows(&layers, &[])), Ok(()));
        let why = check_together(&rows(&layers, &["--no-index"])).unwrap_err().message;
        assert!(why.contains("--index-only") && why.contains("potluck config"), "{why}");
    }

    #[test]
    fn lists_and_paths_are_read_as_flags_would_be() {
        let text = "connect = [\"a\", \"b:1000,c\"]\ngroup-file = \"group\"\n";
        let layers = layers(&[file("/p/potluck.toml", text)], &[("POTLUCK_INTERFACE", "lo,eth0")]).unwrap();
        let rows = rows(&layers, &[]);
        assert_eq!(row(&rows, "connect").0, "a,b:1000,c");
        assert_eq!(row(&rows, "group-file").0, "/p/group");
        assert_eq!(row(&rows, "interface").0, "lo,eth0");
    }
}
