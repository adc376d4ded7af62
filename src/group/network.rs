//! Which network something is of. Pure.

use core::fmt;

/// The id of a group's network, derived from its key: it names the network on the disk of its members, and
/// tells nothing of the key. The open network has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(pub [u8; 16]);

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&data_encoding::HEXLOWER.encode(&self.0))
    }
}
