//! The settings by the keys that they have in a file and in the environment, made of the one definition in mod.rs.

use core::any::TypeId;
use core::error::Error as _;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, Id};

use super::{Settings, SpeedSettings};

/// Before the key of a setting in the environment.
const VARIABLE: &str = "POTLUCK_";

/// What may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `true` or `false`; the flag stands for `true`.
    On,
    /// `true` or `false`; the flag stands for `false`.
    Off,
    /// One value.
    One,
    /// A list of values.
    Many,
}

/// A setting as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingKey {
    /// Its flag without dashes; of a flag that turns something off, what that is: `sandbox` of `--no-sandbox`.
    pub(crate) name: String,
    /// What its values are counted in.
    pub(crate) unit: Option<&'static str>,
    /// Values where nothing is said; none: as `help` says.
    pub(crate) defaults: Vec<String>,
    /// What `help` says of it.
    pub(crate) help: String,
    /// For tests alone.
    pub(crate) is_hidden: bool,
    id: Id,
    flag: String,
    kind: Kind,
    is_path: bool,
}

impl SettingKey {
    /// All, in the order in which `help` names them.
    pub(crate) fn all() -> Vec<Self> {
        Settings::augment_args(Command::new("")).get_arguments().filter_map(Self::of).collect()
    }

    fn of(arg: &Arg) -> Option<Self> {
        let flag = arg.get_long()?.to_owned();
        let kind = match arg.get_action() {
            ArgAction::SetTrue => Kind::On,
            ArgAction::SetFalse => Kind::Off,
            ArgAction::Append => Kind::Many,
            _ => Kind::One,
        };
        let name = flag.strip_prefix("no-").filter(|_| kind == Kind::Off).unwrap_or(&flag).to_owned();
        let is_switch = matches!(kind, Kind::On | Kind::Off);
        let unit = arg.get_value_names().filter(|_| !is_switch).and_then(|names| unit(names.first()?));
        let given = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
        let defaults = if is_switch { vec![(kind == Kind::Off).to_string()] } else { given.collect() };
        let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
        Some(Self {
            name,
            unit,
            defaults,
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            is_hidden: arg.is_hide_set(),
            id: arg.get_id().clone(),
            flag,
            kind,
            is_path,
        })
    }

    /// How clap calls it.
    pub(crate) const fn id(&self) -> &Id {
        &self.id
    }

    /// The variable of the environment that holds it.
    pub(crate) fn variable(&self) -> String {
        format!("{VARIABLE}{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// True if it can change while a peer runs.
    pub(crate) fn is_live(&self) -> bool {
        SpeedSettings::has(&self.id)
    }

    /// True if its values are paths.
    pub(crate) const fn is_path(&self) -> bool {
        self.is_path
    }

    /// True if there may be several values.
    pub(crate) fn is_list(&self) -> bool {
        self.kind == Kind::Many
    }

    /// True if it is `true` or `false`.
    pub(crate) const fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::On | Kind::Off)
    }

    /// What is wrong with these values, and what can be given instead.
    pub(crate) fn check(&self, values: &[String]) -> Result<(), String> {
        if !self.is_list() && values.len() != 1 {
            return Err("give one value, not a list".to_owned());
        }
        if self.is_switch() {
            let is_one = values.iter().all(|value| value == "true" || value == "false");
            return if is_one { Ok(()) } else { Err("give true or false".to_owned()) };
        }
        parse(self.words(values)).map(drop).map_err(|e| reason(&e))
    }

    /// These values as the command line has them.
    pub(crate) fn words(&self, values: &[String]) -> Vec<String> {
        let is = |wanted: &str| values.iter().any(|value| value == wanted);
        match self.kind {
            Kind::On => is("true").then(|| format!("--{}", self.flag)).into_iter().collect(),
            Kind::Off => is("false").then(|| format!("--{}", self.flag)).into_iter().collect(),
            Kind::One | Kind::Many => values.iter().map(|value| format!("--{}={value}", self.flag)).collect(),
        }
    }
}

/// What a value that `help` names so is counted in.
fn unit(value_name: &str) -> Option<&'static str> {
    Some(match value_name {
        "RATE" => "bytes a second",
        "SIZE" => "bytes",
        "DAYS" => "days",
        "HOURS" => "hours, or s, m, d",
        "N" => "copies",
        _ => return None,
    })
}

/// What these words of a command line set, and nothing else.
pub(crate) fn parse(words: Vec<String>) -> Result<ArgMatches, clap::Error> {
    let command = Command::new("").no_binary_name(true).disable_help_flag(true);
    Settings::augment_args(command).try_get_matches_from(words)
}

/// Why clap refuses a value, without the value.
fn reason(error: &clap::Error) -> String {
    match (error.get(ContextKind::ValidValue), error.source()) {
        (Some(ContextValue::Strings(valid)), _) => format!("it is one of {}", valid.join(", ")),
        (_, Some(source)) => source.to_string(),
        (_, None) => first_line(error),
    }
}

/// The first line of what clap says.
pub(crate) fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> SettingKey {
        SettingKey::all().into_iter().find(|key| key.name == name).unwrap_or_else(|| panic!("{name}"))
    }

    fn check(name: &str, values: &[&str]) -> Result<(), String> {
        key(name).check(&values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_setting_has_one_key_and_a_default_that_it_takes() {
        let all = SettingKey::all();
        assert!(all.len() > 25, "{}", all.len());
        for key in &all {
            assert_eq!(all.iter().filter(|other| other.name == key.name).count(), 1, "{}", key.name);
            if !key.defaults.is_empty() {
                assert_eq!(key.check(&key.defaults), Ok(()), "{}", key.name);
            }
        }
        assert_eq!(key("interface").variable(), "POTLUCK_INTERFACE");
        assert_eq!(key("discovery-port").variable(), "POTLUCK_DISCOVERY_PORT");
        assert_eq!((key("up-limit").unit, key("port").unit), (Some("bytes a second"), None));
        assert_eq!(key("sandbox").defaults, ["true"]);
        assert_eq!(key("wan").defaults, ["false"]);
        assert!(key("up-limit").is_live() && key("down-limit").is_live() && !key("name").is_live());
        assert!(key("group-file").is_path() && !key("name").is_path());
    }

    #[test]
    fn a_switch_is_true_or_false_whichever_way_its_flag_turns_it() {
        for (name, on, off) in [("wan", &["--wan"][..], &[][..]), ("sandbox", &[], &["--no-sandbox"])] {
            assert_eq!(key(name).words(&["true".to_owned()]), on);
            assert_eq!(key(name).words(&["false".to_owned()]), off);
        }
        assert_eq!(check("wan", &["yes"]), Err("give true or false".to_owned()));
        assert_eq!(check("swarm", &["false"]), Ok(()));
    }

    #[test]
    fn a_wrong_value_is_told_with_what_can_be_given() {
        for (name, values, said) in [
            ("port", &["70000"][..], "1..=65532"),
            ("port", &["x"], "invalid digit"),
            ("lend", &["ten"], "500M, 10G or 2GiB"),
            ("up-limit", &["2Mbit"], "bits are not understood"),
            ("keep-deleted", &["soon"], "90s, 5m, 2h, 3d"),
            ("copies", &["2", "3"], "one value"),
            ("copies", &[], "one value"),
        ] {
            let why = check(name, values).unwrap_err();
            assert!(why.contains(said) && !why.contains('\n'), "{name} {values:?}: {why}");
        }
        assert_eq!(check("connect", &["a", "b:1000"]), Ok(()));
        assert_eq!(check("interface", &[]), Ok(()));
    }
}
