//! Who a peer is: key, peer id, name, instance; and TLS with raw public keys (RFC 7250).

mod binding;
mod contact;
mod instance;
mod key;
mod looks;
mod name;
mod peer_id;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod sequences;
pub mod tls;

pub use binding::{CHANNEL_PROOF, ChannelBinding, End};
pub use contact::Contact;
pub use instance::Instance;
pub use key::{Identity, IdentityError, SIGNATURE, verify};
pub(crate) use key::{fill_random, provider, random_bytes};
pub(crate) use looks::skeleton;
pub use name::{NameError, PeerName};
pub use peer_id::{ParsePeerIdError, PeerId, PublicKey};
