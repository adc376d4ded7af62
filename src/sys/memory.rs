//! The memory of this process, which holds its key: closed to other processes of the same user.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Lets no other process of this user read this one's memory, in `/proc/PID/mem` or with a debugger, nor be
/// given it when it crashes (`PR_SET_DUMPABLE` of prctl(2), `RLIMIT_CORE` of getrlimit(2)). Root still can.
/// Other systems than Linux have the second part alone.
pub(crate) fn close() {
    if let Err(e) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        log::debug!("core files cannot be turned off: {e}");
    }
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        log::debug!("the memory cannot be closed to others: {e}");
    }
}

/// True if other processes of this user cannot read this one's memory.
#[must_use]
pub(crate) fn is_closed() -> bool {
    #[cfg(target_os = "linux")]
    return rustix::process::dumpable_behavior()
        .is_ok_and(|found| found == rustix::process::DumpableBehavior::NotDumpable);
    #[cfg(not(target_os = "linux"))]
    false
}
