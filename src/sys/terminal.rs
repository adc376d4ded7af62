//! The terminal's mode: saved before the prompt changes it, put back on every way out.
//!
//! The line editor puts back what it changed when it returns. This is for the ways out on which it does
//! not return: a signal, the end of the peer while the prompt is open, a panic.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::{fstat, stat};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr};

/// The mode before the first prompt.
static SAVED: OnceLock<Termios> = OnceLock::new();

/// One of the three below. A process has one terminal, so this is a static.
static STATE: AtomicU8 = AtomicU8::new(CLOSED);
const CLOSED: u8 = 0;
const OPEN: u8 = 1;
const RESTORED: u8 = 2;

/// Ends bracketed paste, which the line editor switches on while it reads.
const PASTE_OFF: &[u8] = b"\x1b[?2004l\r\n";

/// True if both standard input and output are a terminal: only then is a prompt of use.
#[must_use]
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Columns of the terminal on standard output (`TIOCGWINSZ` of ioctl_tty(2)); `None` if it is none.
#[must_use]
pub(crate) fn columns() -> Option<u16> {
    tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col)
}

/// Rows of that terminal.
#[must_use]
pub(crate) fn rows() -> Option<u16> {
    tcgetwinsize(io::stdout()).ok().map(|size| size.ws_row)
}

/// Standard output as a file: what is written there goes to the system at once, and is not looked at before.
///
/// # Errors
/// What the operating system says.
pub(crate) fn stdout_as_it_is() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// True if standard input is the device that is always empty (null(4)): as good as no input.
#[must_use]
pub(crate) fn is_input_null() -> bool {
    match (stat("/dev/null"), fstat(io::stdin())) {
        (Ok(null), Ok(ours)) => null.st_mode == ours.st_mode && null.st_rdev == ours.st_rdev,
        _ => false,
    }
}

/// Remembers the mode of the terminal on standard input, if there is one.
pub(crate) fn save() {
    if let Ok(mode) = tcgetattr(io::stdin())
        && SAVED.set(mode).is_err()
    {
        log::debug!("the terminal's mode was saved before");
    }
}

/// To be called before a line is read. False: the process is about to end, read nothing more.
#[must_use]
pub(crate) fn open() -> bool {
    STATE.compare_exchange(CLOSED, OPEN, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// To be called after a line was read.
pub(crate) fn close() {
    if STATE.compare_exchange(OPEN, CLOSED, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        log::debug!("the terminal was given back meanwhile");
    }
}

/// Gives the terminal back as it was, with the cursor at the beginning of a line. Nothing is read or
/// changed after this. Does nothing when no prompt is open, and nothing the second time.
pub(crate) fn restore() {
    if STATE.swap(RESTORED, Ordering::SeqCst) != OPEN {
        return;
    }
    let Some(mode) = SAVED.get() else { return };
    let stdin = io::stdin();
    // A process in the background that touches the terminal is stopped (SIGTTOU), and would never end.
    if tcgetpgrp(&stdin).ok() != Some(rustix::process::getpgrp()) {
        return;
    }
    if tcsetattr(&stdin, OptionalActions::Now, mode).is_err() {
        return; // It is gone; so there is nothing to restore.
    }
    let mut stdout = io::stdout();
    if stdout.write_all(PASTE_OFF).and_then(|()| stdout.flush()).is_err() {
        log::debug!("the terminal takes no more text");
    }
}

/// Makes a panic of the main thread or of the prompt give the terminal back before it is reported.
pub(crate) fn restore_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if matches!(std::thread::current().name(), Some("main" | "prompt")) {
            restore();
        }
        report(info);
    }));
}
