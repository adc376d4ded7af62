//! The user's browser.

use std::io;
use std::process::{Command, Stdio};

/// The program that opens an address in it (xdg-open(1); open(1) of macOS).
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// What a desktop tells the programs that run on it.
const DESKTOP: [&str; 2] = ["WAYLAND_DISPLAY", "DISPLAY"];

/// Opens an address in the browser, and does not wait for that.
///
/// # Errors
/// `NotFound` where there is no desktop or no such program; what else the operating system says.
pub(crate) fn open(address: &str) -> io::Result<()> {
    let has_desktop =
        DESKTOP.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !has_desktop && !cfg!(target_os = "macos") {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut opener = Command::new(OPENER);
    opener.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It ends by itself, and nobody waits for that.
    opener.spawn().map(drop)
}
