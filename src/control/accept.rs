//! The command `accept`: what somebody offers is fetched. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::QueueWord;
use super::typed::{CommandOrigin, Proposals, TypedFrom, TypedRequest};
use crate::error::Failure;

/// Accept what somebody offers: it is downloaded from there
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct AcceptRequest {
    /// The number of the offer, as `offers` shows it, the peer that makes it, or `all` [default: the only one that waits]
    #[arg(value_name = "OFFER")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub which: Option<QueueWord>,
    /// Into this folder [default: downloads/]
    // Absolute once it is asked.
    #[arg(long, short = 'o', value_name = "DIR")]
    #[serde(default, with = "super::local_path::optional")]
    pub to: Option<PathBuf>,
    /// Answer when it is finished (the default but at the prompt); several are not waited for
    #[arg(long, conflicts_with = "no_wait")]
    #[serde(default)]
    pub wait: bool,
    /// Answer once it is begun (the default at the prompt)
    #[arg(long)]
    #[serde(skip)]
    pub no_wait: bool,
}

impl TypedRequest for AcceptRequest {
    fn proposals(argument: &str) -> Proposals {
        match argument {
            "which" => Proposals::Names(super::CompletionNames::Offerers),
            "to" => Proposals::Folders,
            _ => Proposals::None,
        }
    }

    fn anchor(&mut self, from: &TypedFrom<'_>) -> Result<(), Failure> {
        self.to = self.to.take().map(|to| from.absolute(to)).transpose()?;
        self.wait |= from.origin != CommandOrigin::Prompt && !self.no_wait;
        self.no_wait = false;
        Ok(())
    }
}
