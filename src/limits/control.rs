//! Caps of the control socket. Pure.

/// Bytes of one line of the control socket, at most.
pub const CONTROL_LINE: usize = 1 << 20;
