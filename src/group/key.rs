//! From a name and a passphrase to one key, and from that to the keys that are used. Pure.

use core::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::{DatagramSeal, GroupName, NetworkId, Passphrase, limits};
use crate::identity::ChannelBinding;

/// What keys are derived for; no two are the same, and none is used for anything else.
const SALT: &str = "potluck 1 group salt";
const DATAGRAMS: &str = "potluck 1 group datagrams";
const CONNECTIONS: &str = "potluck 1 group connections";
const PROTOCOL: &str = "potluck 1 group protocol tag";
const NETWORK: &str = "potluck 1 group network id";
const TABLE: &str = "potluck 1 group table between sites";

/// Why no key was derived.
const IMPOSSIBLE: &str = "Argon2id takes these parameters, and this much output";

/// The key of a group, from which all others follow. It is wiped from memory when dropped.
#[derive(Clone)]
pub struct GroupKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupKey(…)")
    }
}

impl GroupKey {
    /// The key of a name and a passphrase, by Argon2id (RFC 9106) with the second recommended parameters.
    /// Takes about a tenth of a second and 64 MiB of memory: so does each guess of whoever does not know the
    /// passphrase, for nothing that leaves a member is made from the passphrase but by way of this key.
    ///
    /// # Panics
    /// Never: the parameters are constants that Argon2id takes.
    #[must_use]
    pub fn derive(name: &GroupName, passphrase: &Passphrase) -> Self {
        let salt = blake3::derive_key(SALT, name.as_str().as_bytes());
        let mut key = Zeroizing::new([0; 32]);
        let params =
            Params::new(limits::ARGON2_KIB, limits::ARGON2_PASSES, limits::ARGON2_LANES, Some(key.len()));
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.expect(IMPOSSIBLE));
        // RFC 9106 recommends a salt of 16 bytes.
        argon2.hash_password_into(passphrase.as_bytes(), &salt[..16], &mut *key).expect(IMPOSSIBLE);
        Self(key)
    }

    /// One that was derived before.
    #[must_use]
    pub fn kept(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// To be kept where no other user reads.
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn sub_key(&self, context: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, &*self.0))
    }

    /// What seals datagrams.
    #[must_use]
    pub fn datagram_seal(&self) -> DatagramSeal {
        DatagramSeal::new(&self.sub_key(DATAGRAMS))
    }

    /// What binds connections.
    #[must_use]
    pub fn channel_binding(&self) -> ChannelBinding {
        let mut tag = [0; 8];
        tag.copy_from_slice(&self.sub_key(PROTOCOL)[..8]);
        ChannelBinding::new(self.sub_key(CONNECTIONS), tag)
    }

    /// By this the group speaks in the table between sites.
    pub(crate) fn table_key(&self) -> Zeroizing<[u8; 32]> {
        self.sub_key(TABLE)
    }

    /// The id of the network.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.sub_key(NETWORK)[..16]);
        NetworkId(id)
    }
}

/// The group that a peer is in.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// Its key.
    pub key: GroupKey,
}

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.key.network() == other.key.network()
    }
}

impl Eq for Group {}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, passphrase: &str) -> GroupKey {
        GroupKey::derive(&GroupName::parse(name).unwrap(), &Passphrase::parse(passphrase).unwrap())
    }

    #[test]
    fn name_and_passphrase_lead_to_these_keys() {
        let key = group("office", "correct horse battery staple");
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        // The same as the reference implementations of Argon2 and BLAKE3 make.
        assert_eq!(hex(key.as_bytes()), "2c674d72539ebb891853834875253d2cb3d6bd1e63d026ad9e9f9e112378558d");
        assert_eq!(key.network().to_string(), "14d759a113c7e8fceaf5e342da5e3364");
        assert_eq!(key.channel_binding().protocol(), b"potluck/1+7b05da8e6ff4bb44");
        assert_eq!(format!("{key:?}"), "GroupKey(…)");
        // Another name, or another passphrase, is another group.
        assert_ne!(key.network(), group("home", "correct horse battery staple").network());
        assert_ne!(key.network(), group("office", "correct horse battery stable").network());
    }
}
