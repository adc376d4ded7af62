//! The calls that no thread in a sandbox needs, refused by the kernel (seccomp(2)): whoever makes one is told
//! `EPERM`, instead of getting a socket, another program, or another process.
//!
//! The list names what is refused and not what is allowed. What the C library, SQLite and the standard
//! library call changes with their versions, and a call that was missing from a list of allowed ones would
//! stop transfers on somebody's machine. Only the calls of the program's own kind are looked at (not those of
//! the x32 ABI, for instance): it makes no others, and for foreign machine code a thread is no prison anyway.
//! A kernel since 5.11 remembers which calls no rule is about: they cost 30 ns more than without a list
//! (Linux 6.18). Before 5.16 a thread with a list also gets what guards against Spectre's fourth variant,
//! which costs more.

use std::collections::BTreeMap;
use std::process;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::Network;

/// What no part of a peer needs, once it was started.
const NEVER: &[c_long] = &[
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes: their memory, descriptors and signals. `tgkill` has a rule of its own. `pidfd_getfd` is not
    // refused: without `pidfd_open` it reaches no process but this one, whose descriptors all threads have in common.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    // Other ways to have the kernel do what is refused here, and large parts of it that nothing here uses.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    // Another view of the files; and what only root may do.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
];

/// What makes and uses sockets. To read from one that is open is not refused: it is `read`, too.
const SOCKETS: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
];

/// `EPERM` of errno(3), as an answer of the kernel.
const REFUSED: u32 = libc::EPERM.unsigned_abs();

/// Refuses these calls to the calling thread and all that it starts; sockets only if it needs none. False,
/// and nothing is refused, where the kernel or the processor has no such lists.
pub(super) fn refuse(network: Network) -> bool {
    let program = match list(network) {
        Ok(program) => program,
        Err(e) => {
            log::debug!("no list of refused calls for this processor: {e}");
            return false;
        }
    };
    apply_filter(&program).inspect_err(|e| log::debug!("no calls are refused: {e}")).is_ok()
}

fn list(network: Network) -> Result<BpfProgram, BackendError> {
    let sockets = if network == Network::None { SOCKETS } else { &[] };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        NEVER.iter().chain(sockets).map(|call| (*call, Vec::new())).collect();
    // A thread that aborts signals itself, and that is all right.
    let (own, first) = (u64::from(process::id()), 0);
    let other = SeccompCondition::new(first, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, own)?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![other])?]);
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(REFUSED), arch)?.try_into()
}
