//! Caps that this room alone uses, each with its unit and reason. Pure.

/// Bytes of a group's name, at most: as many as the name of a peer may have.
pub(crate) const GROUP_NAME: usize = crate::limits::NAME;

/// Characters of a passphrase, at least; white space and hyphens do not count. Whoever hears one datagram can
/// try passphrases on machines of their own, for as long as they like: one guess costs [`ARGON2_KIB`] of
/// memory and a tenth of a second, so what people think up must be long.
pub(crate) const PASSPHRASE_MIN: usize = 16;

/// Different characters of a passphrase, at least: the shortest one must not be one word said twice, or one
/// key held.
pub(crate) const PASSPHRASE_DIFFERENT: usize = 7;

/// Bytes of a passphrase, at most: more are a file that was given by mistake.
pub(crate) const PASSPHRASE_MAX: usize = 1_024;

/// Bytes of a file with a group, at most: name, passphrase, key, and line ends.
pub(crate) const GROUP_FILE: usize = 4_096;

/// Memory of Argon2id in KiB: the second recommended option of RFC 9106, §4, which a small machine has too.
pub(crate) const ARGON2_KIB: u32 = 64 << 10;

/// Passes of Argon2id over that memory, by the same option.
pub(crate) const ARGON2_PASSES: u32 = 3;

/// Lanes of Argon2id, by the same option.
pub(crate) const ARGON2_LANES: u32 = 4;
