//! The command `guest`: a page for people without potluck, with whatever browser they have. Pure.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedRequest};

/// Below what `help guest` says.
const NOTES: &str = "\
Whoever has the link sees and saves what all peers share (or what lies in PATH), and nothing else; nobody else does. The \
address of the QR code is not encrypted, so that a phone opens it without a warning; the page offers an encrypted one, \
whose fingerprint stands below the code.

Examples:
  guest on                                what everybody shares
  guest on films --for 2h                 one folder, for two hours
  guest on --upload --pin                 guests may send files to downloads/from-guests/, and type a PIN first
  guest say \"the key is 4711\"             guests see it on their page
  guest off";

/// Let people with a browser in, by a link and its QR code
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[command(after_help = NOTES)]
pub struct GuestRequest {
    /// What is to be done [default: show the link]
    #[arg(value_enum)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<GuestAction>,
    /// For `on`: the file or folder that guests see; for `say`: what they are told
    #[arg(value_name = "PATH|TEXT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// End by itself after this time: `90m`, `2h`, `1d`
    #[arg(long = "for", value_name = "TIME")]
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Guests may send files, which come to downloads/from-guests/
    #[arg(long)]
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub upload: bool,
    /// Guests type a PIN first, which is shown with the link
    #[arg(long)]
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub pin: bool,
    /// Encrypted only: browsers warn of the certificate, and the fingerprint says whether it is the right one
    #[arg(long)]
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub private: bool,
    /// Port of the page [default: any that is free]
    #[arg(long, value_name = "PORT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// What `guest` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum GuestAction {
    /// Begin to let guests in; the link of before is good no more
    On,
    /// Let nobody in any more
    Off,
    /// Tell guests something
    Say,
}

impl TypedRequest for GuestRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "what" => Proposals::Names(CompletionNames::Offered),
            _ => Proposals::None,
        }
    }
}

/// How guests come in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestRow {
    /// True if guests are let in. Else nothing else is said.
    #[serde(rename = "is_on")]
    pub on: bool,
    /// Where they find the page: what the QR code says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The QR code of that: a line for each row of dots, `#` is a dark one.
    #[serde(default, rename = "qr_code", skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<String>,
    /// Its other addresses, on other networks of this machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Where they find it encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_address: Option<String>,
    /// SHA-256 of the certificate of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What guests have to type first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// Path of what they see, raw; empty: everything.
    #[serde(default)]
    pub path: String,
    /// True if they may send files.
    #[serde(default, rename = "takes_files")]
    pub uploads: bool,
    /// When it ends, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Devices that opened the link.
    #[serde(default)]
    pub guests: u64,
    /// Files that they sent.
    #[serde(default)]
    pub files: u64,
    /// Bytes of these.
    #[serde(default)]
    pub size: u64,
}

/// What is to be done about guests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestOrder {
    /// They are let in, by a new link.
    On {
        /// Name of the peer.
        name: String,
        /// Path of what they see; empty: everything.
        root: String,
        /// It ends after that.
        seconds: Option<u64>,
        /// They may send files.
        uploads: bool,
        /// They have to type a PIN.
        has_pin: bool,
        /// Encrypted only.
        is_private: bool,
        /// 0: any that is free.
        port: u16,
    },
    /// Nobody is let in any more.
    Off,
    /// They are told this.
    Say(String),
    /// Nothing: it is told how things are.
    Show,
}
