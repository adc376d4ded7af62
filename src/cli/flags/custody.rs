//! Flags of how a peer has its files kept by others, and keeps theirs.

use core::time::Duration;

use clap::Args;

use super::human;
use crate::cli::limits;
use crate::settings::{DEFAULT_COPIES, Settings};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Flags of a peer that is to be started.
#[derive(Debug, Args)]
#[command(next_help_heading = "To keep files of peers that are away")]
pub(super) struct CustodyFlags {
    /// Copies of each shared file that there are to be, the one here included; 1: none on others [default:
    /// 2]
    #[arg(long, value_name = "N", value_parser = copies_range())]
    copies: Option<u8>,
    /// Have files of up to 1 GiB copied by themselves, and up to so much in all: 500M, 10GiB; others by
    /// `copies N FILE` [default: 10GiB]
    #[arg(long, value_name = "SIZE", value_parser = human::space)]
    auto_copy: Option<u64>,
    /// Keep files of others in up to so much space; 0: none [default: 10GiB, or 10 % of the free space if
    /// that is less]
    #[arg(long, value_name = "SIZE", value_parser = human::space)]
    lend: Option<u64>,
    /// Drop what is kept for a peer that nobody heard of for so many days [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    keep_days: Option<u16>,
    /// Keep for so long what its owner deleted: hours, or 90s, 5m, 2h, 3d [default: 24]
    #[arg(long, value_name = "HOURS", value_parser = human::hours)]
    keep_deleted: Option<Duration>,
    /// Make a copy again once its keeper has been away for so long without having said so: hours, or 90s, 5m,
    /// 2h, 3d [default: 15m]
    #[arg(long, value_name = "HOURS", value_parser = human::hours)]
    repair_after: Option<Duration>,
}

/// How many copies may be asked for.
fn copies_range() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(1..=i64::from(limits::COPIES_MAX))
}

impl CustodyFlags {
    /// `config` with what these flags say.
    pub(super) fn set(&self, config: Settings) -> Settings {
        let days = |days| Duration::from_secs(u64::from(days) * DAY);
        Settings {
            copies: self.copies.unwrap_or(DEFAULT_COPIES),
            auto_copy: self.auto_copy.unwrap_or(limits::AUTO_COPY_ALL),
            lend: self.lend,
            keep: self.keep_days.map_or(limits::KEEP_DAYS, days),
            keep_deleted: self.keep_deleted.unwrap_or(limits::KEEP_DELETED),
            repair_after: self.repair_after.unwrap_or(limits::REPAIR_DELAY),
            ..config
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Parsed, parse_arguments};
    use super::*;

    #[test]
    fn what_is_kept_and_lent_can_be_said() {
        let config = |words: &[&str]| match parse_arguments(words.iter().map(Into::into)) {
            Parsed::Command(line) => {
                Ok((line.config(PathBuf::from("/peer")), line.useless_flag().map(str::to_owned)))
            }
            Parsed::Wrong(failure) => Err(failure.message),
            Parsed::Text(text) => panic!("{text}"),
        };
        let (plain, useless) = config(&["potluck", "--interface", ""]).unwrap();
        assert_eq!(
            (&plain, useless.as_deref()),
            (&Settings::new(PathBuf::from("/peer")), Some("--interface"))
        );
        assert_eq!((plain.copies, plain.auto_copy, plain.lend), (2, 10 << 30, None));
        assert_eq!([plain.keep, plain.keep_deleted].map(|t| t.as_secs()), [30 * DAY, DAY]);
        let said = "potluck --copies 3 --auto-copy 0 --lend 1GiB --keep-days 7 --keep-deleted 90s";
        let (set, useless) = config(&said.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!((set.copies, set.auto_copy, set.lend), (3, 0, Some(1 << 30)));
        assert_eq!([set.keep, set.keep_deleted].map(|t| t.as_secs()), [7 * DAY, 90]);
        assert_eq!(useless.as_deref(), Some("--copies"));
        assert_eq!(config(&["potluck", "--lend", "0"]).unwrap().0.lend, Some(0));
        for [flag, value] in [
            ["--copies", "0"],
            ["--copies", "17"],
            ["--lend", "ten"],
            ["--auto-copy", "5"],
            ["--keep-days", "0"],
            ["--keep-deleted", "1.5"],
        ] {
            let said = config(&["potluck", flag, value]).unwrap_err();
            assert!(said.contains(flag) && said.contains("see `potluck help`"), "{said}");
            assert!(!said.contains('\n'), "{said}");
        }
    }
}
