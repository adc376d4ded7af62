//! How many files and connections this process may have open.

use std::fs::File;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::refusal::{Refusal, refusal};

/// Raises the soft limit to `wanted`, or as far as the hard one lets us; never lowers it. Many systems give
/// a process 256 or 1,024 and allow it far more.
///
/// # Errors
/// What the operating system says.
pub(crate) fn allow(wanted: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current else { return Ok(()) };
    let raised = limit.maximum.map_or(wanted, |most| wanted.min(most));
    if raised > current {
        setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum })?;
    }
    Ok(())
}

/// How many this process may have open.
#[must_use]
pub(crate) fn allowed() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many it has open; `None` where the system does not tell.
#[must_use]
pub(crate) fn used() -> Option<u64> {
    let open = std::fs::read_dir("/dev/fd").ok()?.filter_map(Result::ok).count() as u64;
    // One of them is that of the look itself.
    Some(open.saturating_sub(1))
}

/// True if so many more can be opened now. Others may open some of them first.
#[must_use]
pub(crate) fn are_left(more: usize) -> bool {
    let one = || rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 0);
    let mut opened = Vec::with_capacity(more);
    for _ in 0..more {
        match one() {
            Ok(fd) => opened.push(fd),
            // Without standard error nothing can be told.
            Err(e) => return refusal(&io::Error::from(e)) != Refusal::TooManyOpen,
        }
    }
    true
}

/// What [`spare`] opens.
pub(crate) const SPARE: &str = "/dev/null";

/// A descriptor to be let go of in need (null(4)); `None` if there is none left already.
#[must_use]
pub(crate) fn spare() -> Option<File> {
    File::open(SPARE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted() {
        assert!(used().is_none_or(|used| (3..allowed()).contains(&used)));
    }

    #[test]
    fn the_limit_is_never_lowered() {
        let before = allowed();
        allow(1).unwrap();
        assert_eq!(allowed(), before);
        allow(before).unwrap();
        assert_eq!(allowed(), before);
    }
}
