//! The command `unshare`: a folder is shared no more. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CompletionNames;
use super::typed::{Proposals, TypedFrom, TypedRequest};
use crate::error::Failure;

/// Stop sharing a folder; its files stay where they are
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct UnshareRequest {
    /// Name of the share, or its folder
    #[arg(value_name = "NAME|DIR")]
    #[serde(with = "super::local_path")]
    pub share: PathBuf,
    /// What was typed, as a folder from where that was.
    #[arg(skip)]
    #[serde(with = "super::local_path::optional", skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<PathBuf>,
}

impl TypedRequest for UnshareRequest {
    fn proposals(argument: &str) -> Proposals {
        if argument == "share" { Proposals::Names(CompletionNames::Shares) } else { Proposals::None }
    }

    fn anchor(&mut self, from: &TypedFrom<'_>) -> Result<(), Failure> {
        // A name is no path, so it needs no current folder.
        self.folder = from.absolute(self.share.clone()).ok();
        Ok(())
    }
}
