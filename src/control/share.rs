//! The command `share`: one more folder is shared, where it lies. Pure.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedFrom, TypedRequest};
use crate::error::Failure;

/// Share a folder where it lies, from now on and after a restart
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct ShareRequest {
    /// The folder
    #[arg(value_name = "DIR")]
    #[serde(with = "super::local_path")]
    pub folder: PathBuf,
    /// The top folder that others see [default: the name of DIR]
    #[arg(long = "as", value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

impl TypedRequest for ShareRequest {
    fn proposals(argument: &str) -> Proposals {
        if argument == "folder" { Proposals::Folders } else { Proposals::None }
    }

    fn anchor(&mut self, from: &TypedFrom<'_>) -> Result<(), Failure> {
        self.folder = from.absolute(std::mem::take(&mut self.folder))?;
        Ok(())
    }
}

/// A share beside `shared/`, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedShare {
    /// The top folder that it is for others.
    pub name: String,
    /// Where it lies; `None`: it is shared no more.
    #[serde(with = "super::local_path::optional", skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<PathBuf>,
}

/// What lies in one share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRow {
    /// The top folder that it is for others; empty: `shared/`, of which others see what lies in it.
    pub name: String,
    /// Where it lies.
    #[serde(with = "super::local_path")]
    pub folder: PathBuf,
    /// `here`, `gone` (nothing of it can be seen) or `looking` (it was not looked at yet).
    pub state: String,
    /// Files that are shared of it.
    pub files: u64,
    /// Their bytes.
    #[serde(rename = "size")]
    pub bytes: u64,
}
