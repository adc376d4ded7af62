//! How one peer runs. Each field is one setting: its flag and environment, what can be typed, its default, and
//! what `help` says of it. What has no flag is filled in by whoever starts the peer.

mod accept;
mod index;
pub(crate) mod keys;
pub(crate) mod layers;
mod network;
mod screen;
mod service;
mod shares;
mod speed;
pub(crate) mod toml;
pub(crate) mod units;
mod web;

use core::time::Duration;
use std::path::PathBuf;

use clap::builder::TypedValueParser as _;
use clap::{ArgAction, Args, value_parser};

pub use self::accept::AcceptPolicy;
pub use self::index::IndexSettings;
pub use self::network::NetworkSettings;
pub use self::screen::ScreenSettings;
pub use self::service::{LogFormat, ServiceSettings};
pub use self::shares::{ShareArgument, ShareSettings};
pub use self::speed::SpeedSettings;
pub use self::web::WebSettings;
use crate::address::DEFAULT_PORT;
use crate::limits;

/// The name of the folder where chunks of others' files are kept, and the beginning of that name in a group.
pub(crate) const STORE: &str = "store";

/// Headings in `help`.
const RUN: &str = "To run a peer";
const KEEP: &str = "To keep files of peers that are away";

/// Settings of one peer.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Settings {
    /// The peer directory, absolute.
    #[arg(skip)]
    pub directory: PathBuf,
    /// Somebody can be asked: a prompt is shown.
    #[arg(skip)]
    pub asks: bool,
    /// The id of the group's network, in hexadecimal digits; `None`: the open network.
    #[arg(skip)]
    pub network: Option<String>,

    /// First of the four ports for transfers
    // Receiver there, then sender, distributor and distributee.
    #[arg(short = 't', long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    #[arg(value_parser = value_parser!(u16).range(1..=65_532), help_heading = RUN)]
    pub port: u16,
    /// How it runs without a person.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// Name that others see [default: the folder's, and four characters of the id]
    #[arg(long, value_name = "NAME", help_heading = RUN)]
    pub name: Option<String>,
    /// What it shares.
    #[command(flatten)]
    pub share: ShareSettings,
    /// How fast content may pass.
    #[command(flatten)]
    pub speed: SpeedSettings,
    /// Confine the threads that the network speaks to, where the system can.
    #[arg(long = "no-sandbox", action = ArgAction::SetFalse, help_heading = RUN)]
    #[arg(help = "Do not confine the peer to its folders (see `status`)")]
    pub sandbox: bool,
    /// Give others what arrived of a file while the rest is fetched, and a while after, and take such pieces
    /// from others.
    #[arg(long = "no-swarm", action = ArgAction::SetFalse, help_heading = RUN)]
    #[arg(help = "Give others nothing of what is being downloaded, and take nothing of that from them")]
    pub swarm: bool,
    /// Which files that others send are accepted without asking: none of them (`ask`), those of peers that sent or got
    /// something before (`known`), or `all`; `none`: each is rejected
    #[arg(long, value_name = "WHOSE", default_value = "ask", help_heading = RUN)]
    pub accept: AcceptPolicy,
    /// What is shown, and how.
    #[command(flatten)]
    pub screen: ScreenSettings,
    /// Which networks it is on.
    #[command(flatten)]
    pub on: NetworkSettings,
    /// What it does for the index.
    #[command(flatten)]
    pub index: IndexSettings,

    /// Copies of each shared file that there are to be, the one here included; 1: none on others
    // 2: one peer may fail.
    #[arg(long, value_name = "N", default_value = "2", help_heading = KEEP)]
    #[arg(value_parser = value_parser!(u8).range(1..=i64::from(limits::COPIES_MAX)))]
    pub copies: u8,
    /// Have files of up to 1 GiB copied by themselves, and up to so much in all: 500M, 10GiB; others by
    /// `copies N FILE`
    #[arg(long, value_name = "SIZE", default_value = "10GiB", value_parser = units::space)]
    #[arg(help_heading = KEEP)]
    pub auto_copy: u64,
    /// Keep files of others in up to so much space; 0: none [default: 10GiB, or 10 % of the free space if
    /// that is less]
    #[arg(long, value_name = "SIZE", value_parser = units::space, help_heading = KEEP)]
    pub lend: Option<u64>,
    /// Drop what is kept for a peer that nobody heard of for so many days
    #[arg(long = "keep-days", value_name = "DAYS", default_value = "30", help_heading = KEEP)]
    #[arg(value_parser = value_parser!(u16).range(1..).map(units::days))]
    pub keep: Duration,
    /// Keep for so long what its owner deleted: hours, or 90s, 5m, 2h, 3d
    #[arg(long, value_name = "HOURS", default_value = "24", value_parser = units::hours)]
    #[arg(help_heading = KEEP)]
    pub keep_deleted: Duration,
    /// Make a copy again once its keeper has been away for so long without having said so: hours, or 90s, 5m,
    /// 2h, 3d
    #[arg(long, value_name = "HOURS", default_value = "15m", value_parser = units::hours)]
    #[arg(help_heading = KEEP)]
    pub repair_after: Duration,
}

impl Settings {
    /// The defaults, for a peer in `directory`.
    ///
    /// # Panics
    /// If a default is not what its own parser takes.
    #[cfg(any(test, feature = "sim"))]
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        use clap::FromArgMatches as _;

        let settings = keys::parse(Vec::new()).and_then(|matches| Self::from_arg_matches(&matches));
        Self { directory, ..settings.expect("each default is what its own parser takes") }
    }

    /// Where the state of this peer lies.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.directory.join(".potluck")
    }

    /// Where chunks of others' files are kept: each network has a folder of its own, so that what is kept for
    /// one is never seen in another one.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        let name = self.network.as_ref().map_or_else(|| STORE.to_owned(), |id| format!("{STORE}-{id}"));
        self.state().join(name)
    }

    /// How much it lends, if that was said: a peer that is here for the index alone lends nothing.
    #[must_use]
    pub const fn lent(&self) -> Option<u64> {
        if self.index.is_only { Some(0) } else { self.lend }
    }

    /// The key file.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.state().join("key")
    }

    /// What this peer shares.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.directory.join("shared")
    }

    /// Where downloads go.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.directory.join("downloads")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_that_the_documents_name() {
        let settings = Settings::new(PathBuf::from("/peer"));
        assert_eq!((settings.copies, settings.auto_copy, settings.lend), (2, 10 << 30, None));
        assert_eq!(settings.speed, SpeedSettings { up_limit: None, down_limit: None });
        assert_eq!(settings.index, IndexSettings { is_only: false, takes_office: true, memory: 256 << 20 });
        assert!(
            settings.sandbox
                && settings.swarm
                && !settings.asks
                && !settings.service.is_daemon
                && !settings.on.map_port
        );
        assert_eq!(settings.screen, ScreenSettings { mute: false, bell: false, progress: true });
        assert!(!settings.share.hidden && settings.share.shares.is_empty());
        assert!(!settings.on.wan && settings.on.dht_bootstrap.is_empty());
        assert_eq!(settings.keep, limits::KEEP_DAYS);
        assert_eq!(settings.keep_deleted, limits::KEEP_DELETED);
        assert_eq!(settings.repair_after, limits::REPAIR_DELAY);
        assert_eq!(settings.shared(), PathBuf::from("/peer/shared"));
    }
}
