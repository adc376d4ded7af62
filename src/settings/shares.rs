//! The folders that are shared from where they lie. Pure.

use std::path::PathBuf;

use clap::Args;

use super::RUN;

/// What is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ShareSettings {
    /// Share DIR as well, where it lies, as the top folder NAME [default: the name of DIR]; it is remembered until
    /// `unshare NAME`. Repeat for more
    #[arg(long = "share", value_name = "[NAME=]DIR", help_heading = RUN)]
    #[arg(value_parser = ShareArgument::of)]
    pub shares: Vec<ShareArgument>,
    /// Share hidden files, too: those whose names begin with a dot
    // Junk stays out.
    #[arg(long, help_heading = RUN)]
    pub hidden: bool,
}

/// A folder that is to be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareArgument {
    /// Under which name; `None`: its own.
    pub name: Option<String>,
    /// Where it lies.
    pub folder: PathBuf,
}

impl ShareArgument {
    /// `NAME=DIR`, or `DIR`. A folder with `=` in its name is given as `./a=b`: no name of a share has a slash. One whose
    /// name is not UTF-8 is given without a flag.
    fn of(typed: &str) -> Result<Self, String> {
        match typed.split_once('=') {
            _ if typed.is_empty() => Err("give a folder, or NAME=DIR".to_owned()),
            Some((name, folder)) if !name.is_empty() && !folder.is_empty() && !name.contains('/') => {
                Ok(Self { name: Some(name.to_owned()), folder: folder.into() })
            }
            _ => Ok(Self { name: None, folder: typed.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_before_the_first_sign_that_is_no_part_of_a_path() {
        for (typed, name, folder) in [
            ("/mnt/v", None, "/mnt/v"),
            ("Films=/mnt/v", Some("Films"), "/mnt/v"),
            ("Films=a=b", Some("Films"), "a=b"),
            ("./a=b", None, "./a=b"),
            ("=b", None, "=b"),
            ("a=", None, "a="),
        ] {
            let parsed = ShareArgument::of(typed).unwrap();
            assert_eq!((parsed.name.as_deref(), parsed.folder), (name, folder.into()), "{typed}");
        }
        assert!(ShareArgument::of("").is_err());
    }
}
