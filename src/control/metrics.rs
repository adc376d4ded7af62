//! The command `metrics`: what `status` tells in numbers, for programs that watch many machines. Pure.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::typed::{Proposals, TypedRequest};

/// Print counters and sizes in the text format of Prometheus
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct MetricsRequest {}

impl TypedRequest for MetricsRequest {
    fn proposals(_: &str) -> Proposals {
        Proposals::None
    }
}
