//! Groups: peers that share a name and a passphrase, and are a network of their own on a wire that others use
//! too (docs/PROTOCOL.md, "Groups").
//!
//! A passphrase becomes one key, slowly (`key.rs`); from that key follow one for datagrams (`sealed.rs`), one
//! for connections (`identity/binding.rs`), and the id of the network (`network.rs`). What is kept of it on
//! the disk is the subject of `file.rs`; all else is pure.

mod file;
mod key;
pub(crate) mod limits;
mod name;
mod network;
mod passphrase;
mod sealed;

pub(crate) use file::{GroupFile, GroupFileError, GroupWords};
pub use key::{Group, GroupKey};
pub use name::{GroupName, GroupNameError};
pub use network::NetworkId;
pub use passphrase::{Passphrase, PassphraseError};
pub use sealed::{DatagramSeal, NONCE, NotOpened, OVERHEAD, is_sealed};
