//! `restore` as people read it, and the question that leads to it.

use super::{NotesOnly, Show};
use crate::cli::human::{count, size};
use crate::control::RestoreRequest;

/// What shows it.
pub(super) fn show(_: &RestoreRequest) -> Box<dyn Show> {
    Box::new(NotesOnly)
}

/// Own files are missing; `bytes` says how large they are, in brackets, or nothing.
pub(super) fn missing(files: u64, bytes: &str) -> String {
    let (are, were, them, they) =
        if files == 1 { ("is", "was", "it", "it was") } else { ("are", "were", "them", "they were") };
    format!(
        "{}{bytes} that you shared {are} missing, and {were} not deleted while potluck ran: `restore` brings \
         {them} back, `restore --forget` says that {they} deleted",
        count(files, "file")
    )
}

/// Own files lie on what is not mounted.
pub(super) fn absent(files: u64) -> String {
    let (lie, them) = if files == 1 { ("lies", "it") } else { ("lie", "them") };
    format!(
        "{} that you share {lie} on a drive that is not there: others keep the copies, and this peer shares {them} \
         again once the drive is back",
        count(files, "file")
    )
}

/// Own files are missing: what the user can do.
pub(in crate::cli) fn lost(files: u64, bytes: u64) -> String {
    missing(files, &format!(" ({})", size(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_what_can_be_done() {
        assert_eq!(
            lost(12, 3_565_158),
            "12 files (3.4 MiB) that you shared are missing, and were not deleted while potluck ran: \
             `restore` brings them back, `restore --forget` says that they were deleted"
        );
        assert!(lost(1, 3).starts_with("1 file (3 B) that you shared is missing, and was not"));
    }
}
