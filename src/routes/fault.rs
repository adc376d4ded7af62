//! Why a route is not up. Pure.

use core::fmt;

use crate::error::Code;
use crate::transfer::connection::DialFaultKind;

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteFault {
    /// The name is nobody's.
    NoSuchHost,
    /// Nobody listens there.
    Refused,
    /// Nothing came back.
    NoAnswer,
    /// What listens there is no peer.
    NotAPeer,
    /// A peer listens there of another group or of none, or of another version of the protocol.
    OtherNetwork,
    /// A peer listens there that knows no links: it is of an earlier version.
    NoLinks,
    /// It has as many links as it may have.
    Busy,
    /// It leads back to this peer.
    Yourself,
    /// There is a link to that peer already.
    AlreadyConnected,
    /// There are as many routes as there may be.
    TooMany,
    /// The user ended the link with that peer.
    Unwanted,
    /// The link stood, and was lost.
    Lost,
}

impl RouteFault {
    /// The exit code of a command that it ends.
    pub(crate) const fn code(self) -> Code {
        match self {
            Self::NoSuchHost => Code::NotFound,
            Self::Yourself => Code::Usage,
            Self::AlreadyConnected => Code::AlreadyRuns,
            _ => Code::Failed,
        }
    }
}

impl From<DialFaultKind> for RouteFault {
    fn from(kind: DialFaultKind) -> Self {
        match kind {
            DialFaultKind::NoAnswer => Self::NoAnswer,
            DialFaultKind::Refused => Self::Refused,
            DialFaultKind::NotAPeer => Self::NotAPeer,
            DialFaultKind::OtherNetwork => Self::OtherNetwork,
            DialFaultKind::Other => Self::Lost,
        }
    }
}

impl fmt::Display for RouteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchHost => "no such host",
            Self::Refused => "refused: nothing listens there, or a firewall says no",
            Self::NoAnswer => "no answer",
            Self::NotAPeer => "what listens there is not potluck",
            Self::OtherNetwork => {
                "what listens there is potluck of another group or of none, or of another version"
            }
            Self::NoLinks => "what listens there is potluck of an earlier version, which has no links",
            Self::Busy => "it has as many links as it may have",
            Self::Yourself => "that is this very peer",
            Self::AlreadyConnected => "already connected",
            Self::TooMany => "there are too many routes: `disconnect` one first",
            Self::Unwanted => "`disconnect` ended the link with that peer",
            Self::Lost => "the link was lost",
        })
    }
}
