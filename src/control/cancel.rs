//! The command `cancel`: a download is stopped. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// Stop a download; what arrived stays for a later one
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct CancelRequest {
    /// Its number, as `status` shows it
    #[arg(value_name = "NUMBER")]
    pub job: u64,
}

impl TypedRequest for CancelRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}
