//! `accept` as people read it: as the download that it is.

use super::{Show, download};
use crate::control::{AcceptRequest, DownloadRequest};

/// What shows it.
pub(super) fn show(_: &AcceptRequest) -> Box<dyn Show> {
    download::show(&DownloadRequest::default())
}
